//! One timeline of all inputs: in the order of time, each report once, each killed process once.
//!
//! Two reports are the same where one process of one name is killed in both and nothing that is
//! known of both differs: the host, the numbers, the time. In one input that takes the kernel's
//! own clock, since a kernel does kill a process that does not die again and again.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use menshen_guard_core::oom::KillForm;

use super::collect::{Item, What};
use super::condense::Condensed;
use super::moment::between;
use super::night::{Entry, Killed, Kind, Moment, Night};

pub(super) fn merge(mut night: Night, items: Vec<Item>) -> Night {
    let items = without_twins(sorted(items));
    let first = items.first().map(|item| item.at.clone());
    let since = |moment: &mut Moment| {
        moment.since_first_micros = first.as_ref().and_then(|first| between(first, moment));
    };
    let near = Near::new(&items);
    let mut people = People::default();
    for mut item in items {
        since(&mut item.at);
        let kind = match item.what {
            What::Report(condensed) => {
                let Condensed { mut shortage, kills } = *condensed;
                since(&mut shortage.at);
                let number = night.shortages.len();
                let mut told = BTreeSet::new();
                let pids = kills.iter().map(|kill| kill.pid).collect();
                for mut killed in kills {
                    since(&mut killed.at);
                    killed.shortages.push(number);
                    let place = people.enter(&mut night.kills, killed);
                    if told.insert(place) {
                        shortage.kills.push(place);
                    }
                }
                night.shortages.push(shortage);
                Kind::Shortage { shortage: number, pids }
            }
            What::Other(Kind::Boot { .. } | Kind::Restart { .. }) if night.shortages.is_empty() => {
                continue;
            }
            What::Other(kind) if near.keeps(&kind, &item.at) => kind,
            What::Other(_) => continue,
        };
        night.entries.push(Entry { at: item.at, place: item.place, kind });
    }
    night
}

/// By the wall clock; what has none stays behind what stood before it.
fn sorted(items: Vec<Item>) -> Vec<Item> {
    let mut before: Option<(usize, i64)> = None;
    let mut keyed: Vec<(i64, Item)> = Vec::with_capacity(items.len());
    for item in items {
        let inherited = before.filter(|(source, _)| *source == item.place.source);
        let key = item.at.wall_micros.or_else(|| inherited.map(|(_, key)| key)).unwrap_or(i64::MIN);
        before = Some((item.place.source, key));
        keyed.push((key, item));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, item)| item).collect()
}

/// The same report of several inputs becomes one: the fullest.
fn without_twins(items: Vec<Item>) -> Vec<Item> {
    let mut kept: Vec<Item> = Vec::with_capacity(items.len());
    let mut by_pid: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for item in items {
        let What::Report(report) = &item.what else {
            if !kept.iter().rev().take(NEIGHBOURS).any(|other| same_entry(other, &item)) {
                kept.push(item);
            }
            continue;
        };
        let pids: Vec<u32> = identities(report);
        let candidates = pids.iter().filter_map(|pid| by_pid.get(pid)).flatten().rev();
        let twin = candidates.take(NEIGHBOURS).copied().find(|number| match kept.get(*number) {
            Some(Item { what: What::Report(other), .. }) => same_report(other, report),
            _ => false,
        });
        let number = twin.unwrap_or(kept.len());
        for pid in pids {
            let list = by_pid.entry(pid).or_default();
            if list.last() != Some(&number) {
                list.push(number);
            }
        }
        match twin.and_then(|number| kept.get_mut(number)) {
            Some(Item { at, place, what: What::Report(other) }) => {
                join(other, report);
                *at = other.shortage.at.clone();
                *place = other.shortage.place;
            }
            _ => kept.push(item),
        }
    }
    kept
}

/// What a report is found by: its kills, or who asked where nobody was killed.
fn identities(report: &Condensed) -> Vec<u32> {
    if report.kills.is_empty() {
        let invoker = report.shortage.invoker.as_ref();
        return invoker.and_then(|invoker| invoker.pid).into_iter().collect();
    }
    report.kills.iter().map(|kill| kill.pid).collect()
}

fn same_entry(one: &Item, other: &Item) -> bool {
    let (What::Other(a), What::Other(b)) = (&one.what, &other.what) else { return false };
    one.place.source != other.place.source
        && a == b
        && between(&one.at, &other.at).is_some_and(|micros| micros.abs() <= SECOND)
}

fn same_report(one: &Condensed, other: &Condensed) -> bool {
    let differ = |a: &Option<_>, b: &Option<_>| a.is_some() && b.is_some() && a != b;
    if differ(&one.shortage.host, &other.shortage.host) {
        return false;
    }
    if one.kills.is_empty() && other.kills.is_empty() {
        let name = |report: &Condensed| {
            report.shortage.invoker.as_ref().map(|invoker| invoker.name.clone())
        };
        return name(one) == name(other)
            && same_time(&one.shortage.at, &other.shortage.at, one, other, Numbers::Unknown);
    }
    let others: BTreeMap<u32, &Killed> = other.kills.iter().map(|kill| (kill.pid, kill)).collect();
    one.kills.iter().any(|a| {
        others.get(&a.pid).is_some_and(|b| {
            a.name == b.name
                && match numbers(a, b) {
                    Numbers::Differ => false,
                    numbers => same_time(&a.at, &b.at, one, other, numbers),
                }
        })
    })
}

/// How the sizes in two kill lines compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Equal,
    Differ,
    Unknown,
}

fn numbers(a: &Killed, b: &Killed) -> Numbers {
    let pairs = [
        (a.total_vm_kib, b.total_vm_kib),
        (a.anon_rss_kib, b.anon_rss_kib),
        (a.file_rss_kib, b.file_rss_kib),
    ];
    let known: Vec<bool> = pairs.into_iter().filter_map(|(a, b)| Some(a? == b?)).collect();
    match (known.contains(&false), known.len()) {
        (true, _) => Numbers::Differ,
        (false, 3) => Numbers::Equal,
        _ => Numbers::Unknown,
    }
}

fn same_time(a: &Moment, b: &Moment, one: &Condensed, other: &Condensed, same: Numbers) -> bool {
    let boot = a.boot_micros.zip(b.boot_micros).map(|(a, b)| a.abs_diff(b));
    if one.shortage.place.source == other.shortage.place.source {
        // Twice in one input: only the very same record.
        return boot == Some(0) && a.wall_micros == b.wall_micros;
    }
    let wall = a.wall_micros.zip(b.wall_micros).map(|(a, b)| a.abs_diff(b));
    let (boot, wall) = (
        boot.map(|micros| micros <= 1_000_000),
        wall.map(|micros| match same {
            // `dmesg -T` adds the time since the start to a start that moves; and zones are not
            // always written.
            Numbers::Equal => micros <= DRIFT.unsigned_abs() || near_quarter(micros),
            _ => micros <= 2_000_000,
        }),
    );
    match (boot, wall) {
        (Some(false), _) | (_, Some(false)) => false,
        (None, None) => same == Numbers::Equal,
        _ => true,
    }
}

/// Zones differ by quarters of an hour, up to 26 hours.
fn near_quarter(micros: u64) -> bool {
    let rest = micros % QUARTER;
    micros <= 104 * QUARTER && (rest <= 2_000_000 || rest >= QUARTER - 2_000_000)
}

/// Makes the fuller one of two the first; what only the other knows is added.
fn join(kept: &mut Condensed, other: &Condensed) {
    let worth = |report: &Condensed| {
        let shortage = &report.shortage;
        let whole = !shortage.cut_start && !shortage.cut_end;
        (shortage.processes, shortage.memory.is_some(), shortage.invoker.is_some(), whole)
    };
    let mut full = other.clone();
    if worth(other) > worth(kept) {
        core::mem::swap(kept, &mut full);
    }
    let rest = full;
    clocks(&mut kept.shortage.at, &rest.shortage.at);
    if kept.shortage.place.source != rest.shortage.place.source {
        kept.shortage.also_in.push(rest.shortage.place);
        kept.shortage.also_in.extend(rest.shortage.also_in);
    }
    let known: BTreeMap<u32, usize> =
        kept.kills.iter().enumerate().map(|(number, kill)| (kill.pid, number)).collect();
    for killed in rest.kills {
        match known.get(&killed.pid).and_then(|number| kept.kills.get_mut(*number)) {
            Some(own) => {
                clocks(&mut own.at, &killed.at);
                own.killed_times = own.killed_times.max(killed.killed_times);
                complete(own, &killed);
            }
            None => kept.kills.push(killed),
        }
    }
}

/// The wall clock of one and the kernel's of the other.
fn clocks(own: &mut Moment, other: &Moment) {
    if own.wall.is_none() && other.wall.is_some() {
        own.wall = other.wall;
        own.iso.clone_from(&other.iso);
        own.wall_micros = other.wall_micros;
        own.text.clone_from(&other.text);
    }
    if own.boot_micros.is_none() && other.boot_micros.is_some() {
        own.boot_micros = other.boot_micros;
        own.life = other.life;
    }
}

/// What another line knows of the same process.
fn complete(own: &mut Killed, other: &Killed) {
    macro_rules! fill {
        ($($field:ident)+) => {
            $(if own.$field.is_none() { own.$field.clone_from(&other.$field); })+
        };
    }
    fill!(uid score score_from oom_score_adj rss_kib anon_rss_kib file_rss_kib shmem_rss_kib
        swap_kib page_tables_kib total_vm_kib share_permille rank instances cgroup limit_kib
        task_cgroup invoker host reaped);
    if other.form == KillForm::Killed {
        own.form = KillForm::Killed;
    }
}

/// The processes that were killed so far.
#[derive(Default)]
struct People {
    last: BTreeMap<u32, Vec<(usize, Moment)>>,
}

impl People {
    /// Enters a kill: a new process, or one that the kernel killed before and that had not gone.
    fn enter(&mut self, kills: &mut Vec<Killed>, killed: Killed) -> usize {
        let known = self.last.entry(killed.pid).or_default();
        for (number, moment) in known.iter_mut().rev().take(NEIGHBOURS) {
            let Some(own) = kills.get_mut(*number) else { continue };
            if !same_process(own, moment, &killed) {
                continue;
            }
            own.killed_times = own.killed_times.saturating_add(killed.killed_times);
            own.shortages.extend(&killed.shortages);
            complete(own, &killed);
            *moment = killed.at;
            return *number;
        }
        let number = kills.len();
        known.push((number, killed.at.clone()));
        kills.push(killed);
        number
    }
}

/// Process ids come again, but not at once, and seldom under the same name.
fn same_process(own: &Killed, last: &Moment, killed: &Killed) -> bool {
    if own.host.is_some() && killed.host.is_some() && own.host != killed.host {
        return false;
    }
    match between(last, &killed.at) {
        Some(micros) if own.name == killed.name => micros.abs() <= DRIFT,
        Some(micros) => micros.abs() <= 2 * SECOND,
        None => own.name == killed.name && last.life == killed.at.life,
    }
}

/// What user space did is told only where it follows a kill: it restarts programs every day.
struct Near {
    kills: Vec<Moment>,
}

impl Near {
    fn new(items: &[Item]) -> Self {
        let kills = items.iter().filter(|item| matches!(item.what, What::Report(_)));
        Self { kills: kills.map(|item| item.at.clone()).collect() }
    }

    fn keeps(&self, kind: &Kind, at: &Moment) -> bool {
        let within = match kind {
            Kind::Restart { .. } => DRIFT,
            Kind::Boot { .. } => 6 * DRIFT,
            Kind::Shortage { .. }
            | Kind::Suppressed { .. }
            | Kind::Lost { .. }
            | Kind::UnitHit { .. } => return true,
        };
        if self.kills.is_empty() {
            return false;
        }
        // Sorted by the wall clock, where there is one: the last kill before is the nearest.
        let Some(own) = at.wall_micros else {
            return self.kills.iter().rev().take(NEAR_MAX).any(|kill| follows(kill, at, within));
        };
        let next = self.kills.partition_point(|kill| kill.wall_micros.is_none_or(|k| k <= own));
        let before = self.kills.get(..next).unwrap_or_default();
        before.iter().rev().take(NEAR_MAX).any(|kill| follows(kill, at, within))
    }
}

/// Whether something came after a kill and soon. Two kernels share no clock but the wall's.
fn follows(kill: &Moment, at: &Moment, within: i64) -> bool {
    match between(kill, at) {
        Some(micros) => (-SECOND..=within).contains(&micros),
        None => kill.wall_micros.is_none() || at.wall_micros.is_none(),
    }
}

const SECOND: i64 = 1_000_000;
/// Ten minutes.
const DRIFT: i64 = 600 * SECOND;
const QUARTER: u64 = 900_000_000;
/// Reports of one process id that are compared, the latest first.
const NEIGHBOURS: usize = 16;
const NEAR_MAX: usize = 8;

#[cfg(test)]
mod tests;
