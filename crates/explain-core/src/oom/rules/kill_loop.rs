//! `oom-kill-loop`: a control group that kills again and again at its limit.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::{duration, times};
use super::super::moment::between;
use super::{Case, Site};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let kills = site.shortages.iter().filter(|one| one.is_shortage() && !one.kills.is_empty());
    let kills: Vec<_> = kills.collect();
    let (Some(first), Some(last)) = (kills.first(), kills.last()) else { return };
    if site.group.is_none() || kills.len() < LOOP_MIN {
        return;
    }
    let number = u64::try_from(kills.len()).unwrap_or(u64::MAX);
    let span = between(&first.at, &last.at);
    let within = span.map(|micros| format!(" within {}", duration(micros))).unwrap_or_default();
    let claim = format!("the group reached its limit and killed {}{within}", times(number));
    let mut finding = site
        .finding("oom-kill-loop", Severity::Warning, claim)
        .evidence("first", case.lines(first), first.at.text.clone())
        .evidence("last", case.lines(last), last.at.text.clone())
        .hint(
            "Whatever is killed there comes back or something else grows: raise the limit, lower \
             what runs in the group, or let memory.high slow it down before it is killed.",
        );
    let count = last.cgroup.as_ref().and_then(|cgroup| cgroup.fail_count);
    if let Some(count) = count {
        finding = finding.evidence("failcnt", case.lines(last), format!("{count}"));
    }
    out.push(finding);
}

const LOOP_MIN: usize = 3;
