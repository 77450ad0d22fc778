//! Colours. A colour never says something alone: what was killed is hatched, kills are dots on the
//! lane of their program, and the largest parts of a bar are named below it.

use super::scene::{HUES, Hue};

/// The class of a hue.
pub(super) fn class(hue: Hue) -> &'static str {
    const PROGRAMS: [&str; HUES] = ["h0", "h1", "h2", "h3", "h4", "h5"];
    match hue {
        Hue::Program(number) => PROGRAMS.get(number).copied().unwrap_or("ho"),
        Hue::Other => "ho",
        Hue::Shared => "hs",
        Hue::Kernel => "hk",
        Hue::Files => "hf",
        Hue::Free => "hn",
    }
}

/// The style sheet, light and dark.
pub(super) const CSS: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
.ground{fill:#fff}
.t{fill:#1c2127}.m{fill:#58616b}.on{fill:#fff}
.axis{stroke:#9aa4af;stroke-width:2;fill:none}
.quiet{stroke:#c4ccd4;stroke-width:1.5;stroke-dasharray:2 5;fill:none}
.zig{stroke:#58616b;stroke-width:2;fill:none}
.trough{fill:none;stroke:#c4ccd4;stroke-width:1.5}
.part,.mark{stroke:#fff;stroke-width:1}
.link{stroke-width:3;fill:none;opacity:.45}
.victim{fill:url(#p-killed);stroke:#b3131c;stroke-width:2.5}
.hatch{stroke:#fff;stroke-width:3}
.limit{stroke:#b3131c;stroke-width:3;fill:none}
.again{fill:#1a7f37}
.n{fill:#58616b}
.h0{fill:#2f6fb3}.h1{fill:#b9540b}.h2{fill:#0d7a70}.h3{fill:#7f45b0}.h4{fill:#68740f}
.h5{fill:#b8256c}.ho{fill:#c3cad2}
.link.h0{stroke:#2f6fb3}.link.h1{stroke:#b9540b}.link.h2{stroke:#0d7a70}.link.h3{stroke:#7f45b0}
.link.h4{stroke:#68740f}.link.h5{stroke:#b8256c}.link.ho{stroke:#7d8894}
.mark.ho{fill:#7d8894}
.hs{fill:#f2d492}.hk{fill:#848e99}.hf{fill:#d5ebd9}.hn{fill:#e9eef3}
@media (prefers-color-scheme:dark){
:root{color-scheme:dark}
.ground{fill:#14181d}
.t{fill:#e4e9ee}.m{fill:#a3adb8}.on{fill:#14181d}
.axis{stroke:#68737f}.quiet{stroke:#414a54}.zig{stroke:#a3adb8}
.trough{stroke:#414a54}
.part,.mark{stroke:#14181d}
.victim{stroke:#ff7b72}.hatch{stroke:#14181d}.limit{stroke:#ff7b72}
.again{fill:#4ac26b}
.n{fill:#a3adb8}
.h0{fill:#6cb0f5}.h1{fill:#f0a04b}.h2{fill:#4fd1c0}.h3{fill:#c99bf0}.h4{fill:#c0cc5a}
.h5{fill:#f585b8}.ho{fill:#4a545f}
.link.h0{stroke:#6cb0f5}.link.h1{stroke:#f0a04b}.link.h2{stroke:#4fd1c0}.link.h3{stroke:#c99bf0}
.link.h4{stroke:#c0cc5a}.link.h5{stroke:#f585b8}.link.ho{stroke:#8b95a1}
.mark.ho{fill:#8b95a1}
.hs{fill:#6b5320}.hk{fill:#79838e}.hf{fill:#1f4429}.hn{fill:#262d35}
}
@media screen and (prefers-color-scheme:dark){svg.root{background:#14181d}}
";

/// More for the page.
pub(super) const PAGE_CSS: &str = "\
:root{--ground:#fff;--text:#1c2127;--mute:#58616b;--box:#f1f4f7;--line:#d6dce2;\
--error:#c4232d;--warning:#9a6700}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--text:#e4e9ee;--mute:#a3adb8;\
--box:#1f252c;--line:#39424c;--error:#ff7b72;--warning:#e3b341}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);\
font:16px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
main{max-width:1160px;margin:0 auto;padding:1rem}
h1{font-size:1.4rem;margin:.2rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:1.4rem 0 .5rem}
p{margin:.3rem 0}
svg.defs{position:absolute;width:0;height:0}
svg.night{width:100%;height:auto;max-width:640px;margin:0 -.2rem}
svg.narrow{display:block}svg.wide{display:none}
@media (min-width:1000px){svg.narrow{display:none}svg.wide{display:block;max-width:none}}
.why,.code{color:var(--mute);font-size:.93rem}
.finding{background:var(--box);border-left:4px solid var(--mute);border-radius:4px;\
padding:.6rem .8rem;margin:0 0 .8rem;overflow-wrap:anywhere}
.finding.error{border-color:var(--error)}.finding.warning{border-color:var(--warning)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem;margin:.4rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;\
border-bottom:1px solid var(--line);overflow-wrap:anywhere}
@media (max-width:700px){thead{display:none}table,tbody,tr,td{display:block}\
tr{border-bottom:1px solid var(--line);padding:.3rem 0}td{border:0;padding:.05rem 0}}
";

/// Patterns; once in a document.
pub(super) const DEFS: &str = "<defs><pattern id=\"p-killed\" width=\"9\" height=\"9\" \
patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"hatch\" \
d=\"M0 0V9\"/></pattern></defs>\n";
