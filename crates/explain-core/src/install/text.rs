//! The report for people. What programs and distributions said is foreign: it is made fit for a
//! terminal here.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use super::{Report, Way};
use crate::stopped::shown;

/// The report as text, with a line end.
#[must_use]
pub fn text(report: &Report) -> String {
    let facts = &report.facts;
    let mut out = String::new();
    let sum = match &facts.here {
        None => "not here".to_string(),
        Some(here) => format!("{} at {}", shown(&here.version), shown(&here.program)),
    };
    let _ = writeln!(out, "{} ({}): {sum}", facts.name, shown(&facts.about));
    let manager = facts.manager.unwrap_or("no package manager that is known");
    let _ = writeln!(out, "\nhost      {}, {manager}", shown(&facts.distribution));
    if let Some(prefix) = facts.here.as_ref().and_then(|here| here.built_into.as_ref()) {
        let _ = writeln!(out, "built     by menshen install, into {}", shown(prefix));
    }
    for (feature, number) in facts.features.iter().zip(0..) {
        let head = if number == 0 { "features" } else { "" };
        let state = match feature.works {
            Some(true) => "works",
            Some(false) => "missing",
            None => "-",
        };
        let _ = writeln!(out, "{head:9} {:10} {state:8} {}", feature.name, shown(&feature.about));
    }
    let offered = match (&facts.package.offered, facts.package.names.is_empty()) {
        (_, true) => "none is known".to_string(),
        (None, _) => format!("{} (version not known)", facts.package.names.join(", ")),
        (Some(version), _) => format!("{} {}", facts.package.names.join(", "), shown(version)),
    };
    let _ = writeln!(out, "package   {offered}");
    let source = facts.source.as_ref().map_or_else(
        || "the recipe has none".to_string(),
        |source| format!("{} would be built", shown(&source.version)),
    );
    let _ = writeln!(out, "source    {source}");
    let way = match report.way {
        Way::Here => "none needed",
        Way::Package => "package",
        Way::Source => "source",
        Way::None => "none",
    };
    let _ = writeln!(out, "way       {way}: {}", shown(&report.reason));
    for finding in &report.findings {
        let (word, claim) = (finding.severity.word(), shown(&finding.claim));
        let _ = writeln!(out, "\n{word}: {claim} [{}]", finding.code);
        let _ = writeln!(out, "  about: {}", shown(&finding.subject));
        for evidence in &finding.evidence {
            let (what, value) = (shown(&evidence.what), shown(&evidence.value));
            let _ = writeln!(out, "  evidence: {what} = {value} ({})", shown(&evidence.place));
        }
        if !finding.hint.is_empty() {
            let _ = writeln!(out, "  hint: {}", shown(&finding.hint));
        }
    }
    out
}
