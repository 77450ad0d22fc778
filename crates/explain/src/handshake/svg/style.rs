//! Colours and signs. A colour never says something alone: bars are hatched, marks have shapes.

/// The style sheet, light and dark.
pub(in crate::handshake) const CSS: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
.ground{fill:#fff}
.t{fill:#1c2127}.m{fill:#58616b}.s{text-decoration:line-through}
.lane,.axis{stroke:#9aa4af;stroke-width:2;fill:none}
.quiet{stroke:#c4ccd4;stroke-width:1.5;stroke-dasharray:2 5;fill:none}
.zig{stroke:#58616b;stroke-width:2;fill:none}
.box{fill:#f1f4f7}.keys{fill:#fdf3d7}
.clear{fill:#b45309;stroke:#b45309;color:#b45309}
.opened{fill:#0f766e;stroke:#0f766e;color:#0f766e}
.sealed{fill:#475569;stroke:#475569;color:#475569}
.expected{fill:#6b7280;stroke:#6b7280;color:#6b7280}
.pale-opened{fill:#c9ebe6}.pale-sealed{fill:#d5dbe3}
rect.bar-opened{fill:url(#p-opened);stroke-width:1}
rect.bar-sealed{fill:url(#p-sealed);stroke-width:1}
.shaft{stroke-width:2.5;fill:none}
use.good{color:#1a7f37}use.bad{color:#c4232d}use.odd{color:#9a6700}use.gold{color:#8a5a00}
.f-bad{fill:#c4232d}.f-odd{fill:#9a6700}.f-note{fill:#58616b}
.mark-client{fill:#2563a8}.mark-server{fill:#7c3aa0}.gem{fill:#8a5a00}
.hit{fill:none;pointer-events:all}
@media (prefers-color-scheme:dark){
:root{color-scheme:dark}
.ground{fill:#14181d}
.t{fill:#e4e9ee}.m{fill:#a3adb8}
.lane,.axis{stroke:#68737f}
.quiet{stroke:#414a54}
.zig{stroke:#a3adb8}
.box{fill:#1f252c}.keys{fill:#3a2f10}
.clear{fill:#f0a04b;stroke:#f0a04b;color:#f0a04b}
.opened{fill:#4fd1c0;stroke:#4fd1c0;color:#4fd1c0}
.sealed{fill:#a9b6c6;stroke:#a9b6c6;color:#a9b6c6}
.expected{fill:#949eaa;stroke:#949eaa;color:#949eaa}
.pale-opened{fill:#12413c}.pale-sealed{fill:#2f3944}
use.good{color:#4ac26b}use.bad{color:#ff7b72}use.odd{color:#e3b341}use.gold{color:#f0c75e}
.mark-client{fill:#6cb0f5}.mark-server{fill:#c99bf0}.gem{fill:#f0c75e}
.f-bad{fill:#ff7b72}.f-odd{fill:#e3b341}.f-note{fill:#a3adb8}
}
@media screen and (prefers-color-scheme:dark){svg.root{background:#14181d}}
";

/// Patterns and signs; once in a document.
pub(in crate::handshake) const fn defs() -> &'static str {
    r##"<defs>
<pattern id="p-opened" width="7" height="7" patternUnits="userSpaceOnUse"
patternTransform="rotate(45)"><rect class="pale-opened" width="7" height="7" stroke="none"/>
<rect class="opened" width="2.5" height="7" stroke="none"/></pattern>
<pattern id="p-sealed" width="6" height="6" patternUnits="userSpaceOnUse"><rect
class="pale-sealed" width="6" height="6" stroke="none"/><path class="sealed"
d="M0 0L6 6M6 0L0 6" stroke-width="1.2"/></pattern>
<symbol id="i-clear" viewBox="0 0 16 16"><path d="M1 8Q8 0 15 8Q8 16 1 8Z" fill="none"
stroke="currentColor" stroke-width="1.7"/><circle cx="8" cy="8" r="2.4" fill="currentColor"
stroke="none"/></symbol>
<symbol id="i-opened" viewBox="0 0 16 16"><rect x="2" y="7" width="12" height="8" rx="1.5"
fill="currentColor" stroke="none"/><path d="M4.5 7V4.5A3.2 3.2 0 0 1 10.6 3" fill="none"
stroke="currentColor" stroke-width="1.9"/></symbol>
<symbol id="i-sealed" viewBox="0 0 16 16"><rect x="2" y="7" width="12" height="8" rx="1.5"
fill="currentColor" stroke="none"/><path d="M4.5 7V4.6A3.5 3.5 0 0 1 11.5 4.6V7" fill="none"
stroke="currentColor" stroke-width="1.9"/></symbol>
<symbol id="i-expected" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.2" fill="none"
stroke="currentColor" stroke-width="1.7" stroke-dasharray="2.6 2.2"/></symbol>
<symbol id="i-good" viewBox="0 0 16 16"><path d="M2 8.5L6.3 13L14 3" fill="none"
stroke="currentColor" stroke-width="2.6"/></symbol>
<symbol id="i-bad" viewBox="0 0 16 16"><path d="M3 3L13 13M13 3L3 13" fill="none"
stroke="currentColor" stroke-width="2.6"/></symbol>
<symbol id="i-differs" viewBox="0 0 16 16"><path d="M2 5.5H14M2 10.5H14M11 2L5 14" fill="none"
stroke="currentColor" stroke-width="2"/></symbol>
<symbol id="i-unknown" viewBox="0 0 16 16"><path d="M4.5 5.5A3.5 3.5 0 1 1 8.6 8.9Q8 9.2 8 10.8"
fill="none" stroke="currentColor" stroke-width="2.2"/><circle cx="8" cy="14" r="1.5"
fill="currentColor" stroke="none"/></symbol>
<symbol id="i-key" viewBox="0 0 16 16"><circle cx="4.5" cy="8" r="3.2" fill="none"
stroke="currentColor" stroke-width="2"/><path d="M7.5 8H15V11.5M11.5 8V11" fill="none"
stroke="currentColor" stroke-width="2"/></symbol>
</defs>
"##
}
