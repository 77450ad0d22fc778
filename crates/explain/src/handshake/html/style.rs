//! The style sheet of the page, beside that of the picture. Light and dark, phone and desk.

/// The rules.
pub(super) const CSS: &str = "\
:root{--ground:#fff;--text:#1c2127;--mute:#58616b;--box:#f1f4f7;--line:#d6dce2;\
--good:#1a7f37;--bad:#c4232d;--odd:#9a6700}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--text:#e4e9ee;--mute:#a3adb8;\
--box:#1f252c;--line:#39424c;--good:#4ac26b;--bad:#ff7b72;--odd:#e3b341}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);\
font:16px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
main{max-width:1180px;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.2rem 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:1.4rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.3rem 0}
svg.defs{position:absolute;width:0;height:0}
svg.lanes{display:block;width:100%;height:auto;max-width:580px;margin:0 auto}
figure{margin:0;min-width:0}
.side{min-width:0}
.beside{display:grid;gap:1.5rem}
@media (min-width:900px){.beside{grid-template-columns:minmax(0,58fr) minmax(0,42fr)}}
.ending{font-size:1.1rem;font-weight:600}
.sign{display:inline-block;width:1.1em;height:1.1em;vertical-align:-.18em;margin-right:.45em}
.sign.good{color:var(--good)}.sign.bad{color:var(--bad)}.sign.odd{color:var(--odd)}
dl{display:grid;grid-template-columns:minmax(6.5rem,max-content) minmax(0,1fr);gap:.3rem 1rem;\
margin:1rem 0;overflow-wrap:anywhere}
dt{color:var(--mute);font-weight:600}dd{margin:0}
.note,.why{color:var(--mute);font-size:.93rem}
ol,ul{list-style:none;margin:.5rem 0;padding:0;overflow-wrap:anywhere}
li{padding-left:1.55em;text-indent:-1.55em;margin:.55rem 0}li>*{text-indent:0}
li .why{display:block}
.finding{background:var(--box);border-left:4px solid var(--mute);border-radius:4px;\
padding:.6rem .8rem;margin:0 0 .8rem;overflow-wrap:anywhere}
.finding.bad{border-color:var(--bad)}.finding.odd{border-color:var(--odd)}
.finding .code{color:var(--mute);font-size:.85rem}
details{border-top:1px solid var(--line);padding:.5rem 0}
summary{cursor:pointer;overflow-wrap:anywhere}
summary .what{color:var(--mute)}
.finding details{border:0;padding:.2rem 0 0;font-size:.93rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem;margin:.4rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;\
border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.fields td:first-child{width:24%}
@media (max-width:600px){.fields,.fields tbody,.fields tr,.fields td{display:block}\
.fields td{border:0;padding:.05rem 0;width:auto!important}.fields td:first-child{font-weight:600}\
.fields tr{border-bottom:1px solid var(--line);padding:.3rem 0}\
dl{grid-template-columns:minmax(0,1fr)}dt{margin-bottom:-.3rem}}
@media print{details>*{display:block}}
";
