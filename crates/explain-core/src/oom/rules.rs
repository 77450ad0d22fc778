//! Findings about a night: one file per cause. Each has its code, what it rests on, and a remedy.
//!
//! Rules look at the machine's memory and at each control group by itself ([`Site`]); of a night
//! with very many groups the ones with most kills are looked at.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use menshen_guard_core::oom::Scope;

use super::amount::{short_path, size};
use super::completeness::Completeness;
use super::moment::between;
use super::night::{Killed, Night, Place, Shortage};

pub(super) mod cause;
mod deadlock;
mod forged;
mod fragmentation;
mod immune;
mod incomplete;
mod kernel_memory;
mod kill_loop;
mod limits;
mod logger;
mod manual;
pub(super) mod restart_loop;
mod score;
mod swap;
pub(super) mod tmpfs;
mod victim;

/// Everything a rule may look at.
pub(super) struct Case<'a> {
    pub(super) night: &'a Night,
    pub(super) completeness: &'a Completeness,
    /// The places where memory was short, those with most kills first.
    pub(super) sites: Vec<Site<'a>>,
    /// Sites beyond [`SITES_MAX`].
    pub(super) sites_left_out: usize,
}

/// The machine's memory or one control group, with its reports in the order of time.
pub(super) struct Site<'a> {
    pub(super) scope: Scope,
    pub(super) group: Option<&'a str>,
    pub(super) shortages: Vec<&'a Shortage>,
    /// Processes killed there, each once.
    pub(super) kills: Vec<&'a Killed>,
}

/// All findings, the gravest first, in a fixed order within.
pub(super) fn all(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for site in &case.sites {
        tmpfs::find(case, site, &mut found);
        cause::find(case, site, &mut found);
        kernel_memory::find(case, site, &mut found);
        swap::find(case, site, &mut found);
        fragmentation::find(case, site, &mut found);
        limits::find(case, site, &mut found);
        kill_loop::find(case, site, &mut found);
        immune::find(case, site, &mut found);
        manual::find(case, site, &mut found);
    }
    deadlock::find(case, &mut found);
    restart_loop::find(case, &mut found);
    logger::find(case, &mut found);
    victim::find(case, &mut found);
    score::find(case, &mut found);
    forged::find(case, &mut found);
    incomplete::find(case, &mut found);
    more_sites(case, &mut found);
    found.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    found
}

impl<'a> Case<'a> {
    pub(super) fn new(night: &'a Night, completeness: &'a Completeness) -> Self {
        let mut sites: Vec<Site<'a>> = Vec::new();
        let mut known: BTreeMap<(u8, Option<&str>, Option<&str>), usize> = BTreeMap::new();
        for shortage in &night.shortages {
            let group = shortage.cgroup.as_ref().map(|cgroup| cgroup.path.as_str());
            let key = (rank(shortage.scope), group, shortage.host.as_deref());
            let number = *known.entry(key).or_insert_with(|| {
                let scope = shortage.scope;
                sites.push(Site { scope, group, shortages: Vec::new(), kills: Vec::new() });
                sites.len() - 1
            });
            if let Some(site) = sites.get_mut(number) {
                site.shortages.push(shortage);
            }
        }
        adopt(night, &mut sites);
        for site in &mut sites {
            let mut numbers: Vec<usize> =
                site.shortages.iter().flat_map(|one| one.kills.iter().copied()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            site.kills = numbers.into_iter().filter_map(|one| night.kills.get(one)).collect();
        }
        sites.sort_by_key(|site| core::cmp::Reverse(site.kills.len()));
        let sites_left_out = sites.len().saturating_sub(SITES_MAX);
        sites.truncate(SITES_MAX);
        Self { night, completeness, sites, sites_left_out }
    }

    /// Where a report stands.
    pub(super) fn lines(&self, shortage: &Shortage) -> String {
        let place = self.night.place(shortage.place);
        if shortage.last_line <= shortage.place.line {
            return place;
        }
        match place.strip_prefix("line ") {
            Some(line) => format!("lines {line} to {}", shortage.last_line),
            None => format!("{place}-{}", shortage.last_line),
        }
    }

    pub(super) fn place(&self, place: Place) -> String {
        self.night.place(place)
    }

    /// A kill as evidence.
    pub(super) fn with_kill(&self, finding: Finding, kill: &Killed) -> Finding {
        let what = format!("{} ({})", kill.name.text, kill.pid);
        let held = kill.rss_kib.map_or_else(|| "size unknown".into(), size);
        let when =
            if kill.at.text.is_empty() { String::new() } else { format!(", {}", kill.at.text) };
        finding.evidence("killed", self.place(kill.place), format!("{what}, {held}{when}"))
    }
}

impl<'a> Site<'a> {
    /// `the machine`, or the group.
    pub(super) fn title(&self) -> String {
        match (self.scope, self.group) {
            (_, Some(path)) => format!("control group {}", short_path(path)),
            (Scope::Cpuset, None) => "the nodes of a cpuset".into(),
            (Scope::MemoryPolicy, None) => "the nodes of a memory policy".into(),
            (Scope::Cgroup, None) => "a control group".into(),
            _ => "the machine".into(),
        }
    }

    /// `memory`, or `the limit of /group (64 MiB)`.
    pub(super) fn of_what(&self) -> String {
        let limit = self.limit_kib().map(|kib| format!(" ({})", size(kib))).unwrap_or_default();
        match self.group {
            Some(path) => format!("the limit of {}{limit}", short_path(path)),
            None if self.scope == Scope::Cgroup => "a control group's limit".into(),
            None => "memory".into(),
        }
    }

    pub(super) fn limit_kib(&self) -> Option<u64> {
        let cgroups = self.shortages.iter().filter_map(|shortage| shortage.cgroup.as_ref());
        cgroups.filter_map(|cgroup| cgroup.limit_kib).next()
    }

    /// The first report with a table: memory as it had come to be, before anything was killed.
    pub(super) fn told(&self) -> Option<&'a Shortage> {
        self.shortages.iter().copied().find(|shortage| !shortage.consumers.is_empty())
    }

    pub(super) fn is_machine(&self) -> bool {
        matches!(self.scope, Scope::Global)
    }

    pub(super) fn finding(
        &self,
        code: &'static str,
        severity: Severity,
        claim: impl Into<String>,
    ) -> Finding {
        Finding::new(code, severity, self.title(), claim)
    }
}

/// `oom-more-groups`: there are more than are looked at.
fn more_sites(case: &Case<'_>, out: &mut Vec<Finding>) {
    if case.sites_left_out > 0 {
        let claim =
            format!("{} more groups had kills; those with most are explained", case.sites_left_out);
        out.push(Finding::new("oom-more-groups", Severity::Note, "control groups", claim));
    }
}

/// From the first to the last of some kills, microseconds.
pub(super) fn span(kills: &[&Killed]) -> Option<i64> {
    between(&kills.first()?.at, &kills.last()?.at)
}

/// `a, b and c`; of many the first ones and how many more.
pub(super) fn list(words: &[String], most: usize) -> String {
    // One more is as short as saying so.
    let most = if words.len() == most + 1 { most + 1 } else { most };
    let more = words.len().saturating_sub(most);
    let shown = words.get(..words.len() - more).unwrap_or_default();
    match shown {
        shown if more > 0 => format!("{} and {more} more", shown.join(", ")),
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        shown => shown.first().map(ToString::to_string).unwrap_or_default(),
    }
}

/// In a storm the kernel prints only the kill lines of most kills, without their group: where one
/// group kills programs of the same names, they are taken to be its own.
fn adopt<'a>(night: &'a Night, sites: &mut Vec<Site<'a>>) {
    let orphan = |site: &Site<'_>| {
        site.scope == Scope::Cgroup
            && site.group.is_none()
            && site.shortages.iter().all(|one| one.is_bare())
    };
    let groups: Vec<usize> = (0..sites.len())
        .filter(|number| sites.get(*number).is_some_and(|site| site.group.is_some()))
        .collect();
    let (Some(from), [to]) = (sites.iter().position(orphan), groups.as_slice()) else { return };
    let names = |site: &Site<'a>| -> Vec<&'a str> {
        let kills = site.shortages.iter().flat_map(|one| night.kills_of(one));
        kills.map(|kill| kill.name.text.as_str()).collect()
    };
    let (Some(orphans), Some(group)) = (sites.get(from), sites.get(*to)) else { return };
    let known = names(group);
    let same_host = |one: &Site<'_>, other: &Site<'_>| {
        let host = |site: &Site<'_>| site.shortages.first().and_then(|one| one.host.clone());
        host(one) == host(other)
    };
    if !names(orphans).iter().all(|name| known.contains(name)) || !same_host(orphans, group) {
        return;
    }
    let shortages = sites.remove(from).shortages;
    let to = if from < *to { to - 1 } else { *to };
    if let Some(site) = sites.get_mut(to) {
        site.shortages.extend(shortages);
        site.shortages.sort_by_key(|one| one.kills.first().copied());
    }
}

/// Scopes in a fixed order, for keys.
const fn rank(scope: Scope) -> u8 {
    match scope {
        Scope::Unknown => 0,
        Scope::Global => 1,
        Scope::Cgroup => 2,
        Scope::Cpuset => 3,
        Scope::MemoryPolicy => 4,
        Scope::Manual => 5,
    }
}

/// Places that are looked at.
const SITES_MAX: usize = 12;
/// Pieces of evidence of one kind in one finding.
pub(super) const EVIDENCE_MAX: usize = 4;

#[cfg(test)]
mod tests;
