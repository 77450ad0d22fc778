//! `oom-log-incomplete`: why what is told may not be all.

use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::night::Kind;
use super::{Case, EVIDENCE_MAX};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let doubts = &case.completeness.doubts;
    if doubts.is_empty() {
        return;
    }
    let mut finding =
        Finding::new("oom-log-incomplete", Severity::Warning, "the log", doubts.join("; ")).hint(
            "A larger ring (log_buf_len=4M on the kernel's command line) keeps more; the flight \
         recorder of menshen's guard reads the ring while it happens and keeps all.",
        );
    let gaps = case.night.entries.iter().filter_map(|entry| match &entry.kind {
        Kind::Suppressed { function, count } => {
            Some((entry, alloc::format!("{function}: {count} kept back")))
        }
        Kind::Lost { records, .. } => Some((
            entry,
            records.map_or_else(
                || "records are missing".into(),
                |records| alloc::format!("{records} records are missing"),
            ),
        )),
        _ => None,
    });
    for (entry, value) in gaps.take(EVIDENCE_MAX) {
        finding = finding.evidence("gap", case.place(entry.place), value);
    }
    if let Some(counter) = case.completeness.kernel_counter {
        let value = alloc::format!("{counter}");
        finding = finding.evidence("oom_kill", "/proc/vmstat", value);
    }
    out.push(finding);
}
