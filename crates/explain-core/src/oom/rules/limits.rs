//! `oom-parent-limit`, `oom-cpuset`, `oom-group-kill`, `oom-tiny-limit`: whose limit it was, and
//! who paid.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use menshen_guard_core::oom::Scope;

use super::super::amount::{count, short_path, size};
use super::{Case, Site, list};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    parent(case, site, out);
    nodes(case, site, out);
    tiny(case, site, out);
    whole_group(case, site, out);
}

/// The limit is that of a group above the victims' own.
fn parent(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let Some(path) = site.group else { return };
    let below = |child: &str| child != path && child.starts_with(path.trim_end_matches('/'));
    let children: BTreeSet<&str> = site
        .shortages
        .iter()
        .filter_map(|shortage| shortage.task_cgroup.as_deref())
        .filter(|child| below(child))
        .collect();
    let Some(first) =
        site.shortages.iter().find(|shortage| shortage.task_cgroup.as_deref().is_some_and(below))
    else {
        return;
    };
    let words: Vec<String> = children.iter().map(ToString::to_string).collect();
    let limit = site.limit_kib().map(|kib| format!(" ({})", size(kib))).unwrap_or_default();
    let words: Vec<String> = words.iter().map(|word| short_path(word)).collect();
    let claim = format!(
        "the limit{limit} is that of {}; the killed were in {}",
        short_path(path),
        list(&words, 3)
    );
    let child = first.task_cgroup.clone().unwrap_or_default();
    out.push(
        site.finding("oom-parent-limit", Severity::Note, claim)
            .evidence("oom_memcg", case.lines(first), path)
            .evidence("task_memcg", case.lines(first), child)
            .hint(
                "All groups below share that limit: one of them can take what another needs. A \
                 limit for each group keeps them apart.",
            ),
    );
}

fn nodes(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let (what, hint) = match site.scope {
        Scope::Cpuset => ("cpuset", "Widen cpuset.mems, or move processes to another group."),
        Scope::MemoryPolicy => {
            ("memory policy", "Loosen the binding (numactl --preferred instead of --membind).")
        }
        _ => return,
    };
    let Some(first) = site.shortages.first() else { return };
    let set = first.invoker.as_ref().and_then(|invoker| invoker.cpuset.clone());
    let claim = format!("only the nodes that a {what} allows were full, not the machine");
    out.push(
        site.finding("oom-cpuset", Severity::Warning, claim)
            .evidence(what, case.lines(first), set.unwrap_or_else(|| "not named".into()))
            .hint(hint),
    );
}

fn tiny(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let found = site.shortages.iter().find_map(|shortage| {
        let cgroup = shortage.cgroup.as_ref()?;
        cgroup.limit_kib.filter(|limit| *limit < TINY_KIB).map(|limit| (shortage, limit))
    });
    let Some((shortage, limit)) = found else { return };
    let claim = format!("a limit of {} is less than any program needs to start", size(limit));
    out.push(
        site.finding("oom-tiny-limit", Severity::Error, claim)
            .evidence("limit", case.lines(shortage), size(limit))
            .hint("Look for a unit that was lost (bytes where MiB were meant)."),
    );
}

fn whole_group(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let groups = site.shortages.iter().filter(|shortage| shortage.group.is_some());
    let groups: Vec<_> = groups.collect();
    let Some(first) = groups.first() else { return };
    let killed: usize = groups.iter().map(|shortage| shortage.kills.len()).sum();
    let killed = u64::try_from(killed).unwrap_or(u64::MAX);
    let path = first.group.clone().unwrap_or_default();
    let claim = format!(
        "all of {path} was killed together ({}): memory.oom.group is set",
        count(killed, "process", "processes")
    );
    out.push(
        site.finding("oom-group-kill", Severity::Note, claim)
            .evidence("memory.oom.group", case.lines(first), path)
            .hint(
                "Right for programs that cannot go on without one of their processes; else set \
                 memory.oom.group to 0 (OOMPolicy=continue in a systemd unit, singleProcessOOMKill \
                 of the kubelet).",
            ),
    );
}

/// 1 MiB.
const TINY_KIB: u64 = 1024;
