//! Colours and signs. A colour never says something alone: marks have shapes, what is not known to
//! have arrived is dashed.

/// The style sheet, light and dark.
pub(super) const CSS: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
.ground{fill:#fff}
.t{fill:#1c2127}.m{fill:#58616b}
.lane{stroke:#9aa4af;stroke-width:3;fill:none}
.quiet{stroke:#c4ccd4;stroke-width:2;stroke-dasharray:2 6;fill:none}
.shaft{stroke-width:2.5;fill:none}
.arrives{fill:#0f766e;stroke:#0f766e}
.doubt{fill:#9a6700;stroke:#9a6700}
.stops{fill:#c4232d;stroke:#c4232d}
.missing{fill:#c4232d;stroke:#c4232d}
path.shaft{fill:none}
use.good{color:#1a7f37}use.bad{color:#c4232d}use.odd{color:#9a6700}
.box-ill{fill:#fdecec;stroke:#c4232d;stroke-width:2}
.box-odd{fill:#fdf3d7;stroke:#9a6700;stroke-width:2}
.box-well{fill:#e6f4ea;stroke:#1a7f37;stroke-width:2}
.wall{fill:#c4232d}.dot{fill:#58616b}
@media (prefers-color-scheme:dark){
:root{color-scheme:dark}
.ground{fill:#14181d}
.t{fill:#e4e9ee}.m{fill:#a3adb8}
.lane{stroke:#68737f}.quiet{stroke:#414a54}
.arrives{fill:#4fd1c0;stroke:#4fd1c0}
.doubt{fill:#e3b341;stroke:#e3b341}
.stops{fill:#ff7b72;stroke:#ff7b72}
.missing{fill:#ff7b72;stroke:#ff7b72}
path.shaft{fill:none}
use.good{color:#4ac26b}use.bad{color:#ff7b72}use.odd{color:#e3b341}
.box-ill{fill:#35191b;stroke:#ff7b72}
.box-odd{fill:#3a2f10;stroke:#e3b341}
.box-well{fill:#14301d;stroke:#4ac26b}
.wall{fill:#ff7b72}.dot{fill:#a3adb8}
}
@media screen and (prefers-color-scheme:dark){svg.root{background:#14181d}}
";

/// Signs; once in a document.
pub(super) const DEFS: &str = "<defs>
<symbol id=\"i-good\" viewBox=\"0 0 16 16\"><path d=\"M2 8.5L6.3 13L14 3\" fill=\"none\" \
stroke=\"currentColor\" stroke-width=\"2.6\"/></symbol>
<symbol id=\"i-bad\" viewBox=\"0 0 16 16\"><path d=\"M3 3L13 13M13 3L3 13\" fill=\"none\" \
stroke=\"currentColor\" stroke-width=\"3.2\"/></symbol>
<symbol id=\"i-unknown\" viewBox=\"0 0 16 16\"><path d=\"M4.5 5.5A3.5 3.5 0 1 1 8.6 8.9Q8 9.2 8 \
10.8\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.2\"/><circle cx=\"8\" cy=\"14\" \
r=\"1.5\" fill=\"currentColor\" stroke=\"none\"/></symbol>
</defs>
";
