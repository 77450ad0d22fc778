//! `oom-manual`: somebody asked for a kill (`Documentation/admin-guide/sysrq.rst`, command f).

use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::{Case, EVIDENCE_MAX, Site};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let asked = site.shortages.iter().filter(|shortage| !shortage.is_shortage());
    let asked: Vec<_> = asked.collect();
    let Some(first) = asked.first() else { return };
    let order = first.invoker.as_ref().and_then(|invoker| invoker.order);
    let order = order.map_or_else(|| "unknown".into(), |order| alloc::format!("{order}"));
    let claim = "somebody asked for the kill by hand (sysrq-f): memory was not short";
    let mut finding = site
        .finding("oom-manual", Severity::Note, claim)
        .evidence("order", case.lines(first), order)
        .hint(
            "If nobody did: look who may write to /proc/sysrq-trigger, and at serial consoles \
             that send a break. kernel.sysrq=0 forbids it.",
        );
    for kill in asked.iter().flat_map(|one| case.night.kills_of(one)).take(EVIDENCE_MAX) {
        finding = case.with_kill(finding, kill);
    }
    out.push(finding);
}
