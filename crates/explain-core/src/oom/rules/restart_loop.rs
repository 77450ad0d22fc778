//! `oom-restart-loop`: a program is killed, started again by a wrapper, and killed again.
//!
//! A new process of the name that was killed makes it so; thirty guests that die one after the
//! other have no more than their name in common, so only programs of which few run at a time are
//! looked at.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::super::amount::{duration, times};
use super::super::moment::between;
use super::super::night::{Entry, Killed, Kind, Night};
use super::super::programs::{is_database, is_wrapper_of};
use super::{Case, EVIDENCE_MAX, span};

/// A program that came back and was killed again.
pub(in super::super) struct Loop<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) kills: Vec<&'a Killed>,
    /// Who started it again, where that is known.
    pub(in super::super) by: Option<String>,
    /// The lines that say so.
    pub(in super::super) restarts: Vec<&'a Entry>,
}

/// All of them, those with most kills first.
pub(in super::super) fn loops(night: &Night) -> Vec<Loop<'_>> {
    let mut programs: BTreeMap<(&str, Option<&str>), Vec<&Killed>> = BTreeMap::new();
    for kill in &night.kills {
        programs.entry((&kill.name.text, kill.host.as_deref())).or_default().push(kill);
    }
    let restarts: Vec<&Entry> =
        night.entries.iter().filter(|one| matches!(one.kind, Kind::Restart { .. })).collect();
    let mut programs: Vec<_> = programs.into_iter().filter(|(_, kills)| kills.len() > 1).collect();
    programs.sort_by_key(|(_, kills)| core::cmp::Reverse(kills.len()));
    programs.truncate(PROGRAMS_MAX);
    let found = programs.into_iter().filter_map(|((name, _), kills)| {
        let own: Vec<&Entry> =
            restarts.iter().copied().filter(|entry| is_of(&entry.kind, name)).collect();
        // Nothing says that jobs of one name in groups of their own are the same program.
        let comes_back = (!own.is_empty() || one_group(&kills))
            && kills.iter().all(|kill| kill.instances.is_none_or(|count| count <= FEW))
            && apart(&kills)
            && (!own.is_empty() || kills.iter().any(|kill| kill.instances.is_some()));
        if !comes_back {
            return None;
        }
        let by = wrapper(night, name, &own);
        Some(Loop { name, kills, by, restarts: own })
    });
    found.collect()
}

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    for one in loops(case.night).into_iter().take(EVIDENCE_MAX) {
        let number = u64::try_from(one.kills.len()).unwrap_or(u64::MAX);
        let within = span(&one.kills).map(|micros| format!(" within {}", duration(micros)));
        let who = one.by.clone().unwrap_or_else(|| "something".into());
        let claim = format!(
            "{who} started {} again each time, and it was killed {}{}",
            one.name,
            times(number),
            within.unwrap_or_default()
        );
        let mut finding =
            Finding::new("oom-restart-loop", Severity::Warning, one.name, claim).hint(advice(&one));
        if one.restarts.is_empty() {
            finding.confidence = Confidence::Likely;
        }
        for kill in one.kills.iter().take(EVIDENCE_MAX) {
            finding = case.with_kill(finding, kill);
        }
        for entry in one.restarts.iter().take(EVIDENCE_MAX) {
            if let Kind::Restart { by, what } = &entry.kind {
                let place = case.place(entry.place);
                finding = finding.evidence("restarted", place, format!("{what} by {by}"));
            }
        }
        let gaps: Vec<String> = one
            .kills
            .windows(2)
            .filter_map(|pair| Some(duration(between(&pair.first()?.at, &pair.last()?.at)?)))
            .take(8)
            .collect();
        if !gaps.is_empty() {
            let place = one.kills.first().map_or_else(String::new, |kill| case.place(kill.place));
            finding = finding.evidence("between kills", place, gaps.join(", "));
        }
        out.push(finding);
    }
}

fn advice(one: &Loop<'_>) -> &'static str {
    match one.by.as_deref() {
        Some("systemd") => {
            "Restarting does not make room. StartLimitBurst= and RestartSec= end such a loop; the \
             remedy is to free memory first."
        }
        _ if !is_database(one.name) => {
            "Restarting does not make room: free memory first. A supervisor that gives up (systemd \
             with RestartSec= and StartLimitBurst=, or `menshen run --restart`) ends such a loop."
        }
        _ => {
            "Restarting does not make room, and a database repairs itself each time. Let systemd \
             run the program itself, with RestartSec= and StartLimitBurst=, instead of a wrapper \
             that never gives up; the remedy is to free memory first."
        }
    }
}

/// All of one control group, or of groups beside each other below the same one, as containers that
/// are started again are; or the log names none.
fn one_group(kills: &[&Killed]) -> bool {
    fn parent(group: &str) -> &str {
        group.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent)
    }
    kills.windows(2).all(|pair| match pair {
        [a, b] => match (a.task_cgroup.as_deref(), b.task_cgroup.as_deref()) {
            (Some(a), Some(b)) => a == b || !parent(a).is_empty() && parent(a) == parent(b),
            _ => true,
        },
        _ => true,
    })
}

/// Different processes, one after the other: at one moment they would be siblings.
fn apart(kills: &[&Killed]) -> bool {
    kills.windows(2).all(|pair| match pair {
        [a, b] => a.pid != b.pid && between(&a.at, &b.at).is_none_or(|micros| micros >= APART),
        _ => true,
    })
}

/// Whether a restart is one of this program: `mysqld`, `mariadb.service` by its words.
fn is_of(kind: &Kind, name: &str) -> bool {
    let Kind::Restart { by, what } = kind else { return false };
    let stem = what.rsplit('/').next().unwrap_or(what);
    let stem = stem.split(['.', '@']).next().unwrap_or(stem);
    let family = |word: &str| word.trim_end_matches('d').to_ascii_lowercase();
    stem.starts_with(name)
        || name.starts_with(stem) && stem.len() >= 3
        || family(stem) == family(name)
        || matches!((stem, name), ("mysql" | "mariadb", "mysqld" | "mariadbd"))
        || is_wrapper_of(by, name)
}

/// Who the log says did it; else a wrapper of the program that was running.
fn wrapper(night: &Night, name: &str, restarts: &[&Entry]) -> Option<String> {
    let said = restarts.iter().find_map(|entry| match &entry.kind {
        Kind::Restart { by, .. } => Some(by.clone()),
        _ => None,
    });
    said.or_else(|| {
        let mut running = night.shortages.iter().flat_map(|one| &one.supervisors);
        running.find(|one| is_wrapper_of(&one.text, name)).map(|one| one.text.clone())
    })
}

/// Programs that are looked at: those with most kills.
const PROGRAMS_MAX: usize = 64;
/// Processes of a name that are few.
const FEW: u64 = 2;
/// Microseconds between two kills of a program that came back.
const APART: i64 = 500_000;
