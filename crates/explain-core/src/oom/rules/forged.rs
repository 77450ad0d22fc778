//! `oom-forged-name`, `oom-foreign-line`: text that pretends to be the kernel's.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::count;
use super::{Case, EVIDENCE_MAX};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let forged: Vec<_> = case.night.kills.iter().filter(|kill| kill.name.forged).collect();
    if let Some(first) = forged.first() {
        let number = u64::try_from(forged.len()).unwrap_or(u64::MAX);
        let claim = format!(
            "{} a name that imitates the kernel's own words",
            count(number, "killed process has", "killed processes have")
        );
        let subject = first.name.text.clone();
        let mut finding = Finding::new("oom-forged-name", Severity::Warning, subject, claim).hint(
            "A program chooses its own name. What is told here was read in a way that such a name \
             cannot change; other tools may be fooled.",
        );
        for kill in forged.into_iter().take(EVIDENCE_MAX) {
            finding = case.with_kill(finding, kill);
        }
        out.push(finding);
    }
    let counts = &case.night.counts;
    let number = counts.forged.saturating_add(counts.foreign);
    if number > 0 {
        let claim = format!(
            "{} of a kill not written by the kernel, and not counted",
            count(number, "line speaks", "lines speak")
        );
        let finding = Finding::new("oom-foreign-line", Severity::Note, "the log", claim);
        out.push(finding.evidence("lines", "the log", format!("{number}")));
    }
}
