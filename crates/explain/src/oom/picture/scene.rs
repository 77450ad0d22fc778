//! What a picture of a night shows, before it is laid out: lanes of kills by program, bars of
//! memory by report. Every foreign text is cleaned here and nowhere else.

use std::collections::BTreeMap;

use menshen_explain_core::oom::{
    Consumer, Killed, Kind, Moment, Night, Report, Shortage, percent, size,
};

use super::axis::Axis;
use crate::picture::{clean, short};

/// The night as it is drawn.
#[derive(Debug)]
pub(super) struct Scene {
    /// What happened, in one sentence.
    pub(super) title: String,
    /// When it began, and how long it was.
    pub(super) when: String,
    pub(super) axis: Axis,
    pub(super) lanes: Vec<Lane>,
    pub(super) bars: Vec<Bar>,
    /// Hues of the bars with their meaning, in their order.
    pub(super) legend: Vec<(Hue, String)>,
    /// What is not drawn.
    pub(super) notes: Vec<String>,
}

/// The kills of a program.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) label: String,
    pub(super) hue: Hue,
    /// Numbers of points of the axis, rising.
    pub(super) kills: Vec<usize>,
    /// When it was started again.
    pub(super) restarts: Vec<usize>,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hue {
    /// A program of its own colour, below [`HUES`].
    Program(usize),
    /// Programs without one.
    Other,
    /// tmpfs and shared memory.
    Shared,
    /// Kernel objects.
    Kernel,
    /// Files that could be read again.
    Files,
    /// Free.
    Free,
}

/// The memory at one report.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) title: String,
    pub(super) more: String,
    pub(super) parts: Vec<Part>,
    /// What the whole width stands for, KiB.
    pub(super) whole_kib: u64,
    /// A limit to be drawn, KiB, and its words.
    pub(super) limit: Option<(u64, String)>,
}

/// A piece of a bar.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) hue: Hue,
    pub(super) kib: u64,
    pub(super) label: String,
    /// It was killed.
    pub(super) killed: bool,
}

impl Scene {
    pub(super) fn of(night: &Night, report: &Report) -> Self {
        let hues = Hues::of(night);
        let (axis, lanes) = lanes(night, &hues);
        let mut notes = Vec::new();
        let drawn: Vec<&Shortage> =
            night.shortages.iter().filter(|one| !one.consumers.is_empty()).collect();
        let bare = night.shortages.iter().filter(|one| one.is_bare()).count();
        if bare > 0 {
            notes.push(format!(
                "{bare} of {} reports have no table of processes in the log: they have no bar.",
                night.shortages.len()
            ));
        }
        if drawn.len() > BARS_MAX {
            let more = drawn.len() - BARS_MAX;
            notes.push(format!("The first {BARS_MAX} reports are drawn; {more} more are not."));
        }
        let bars: Vec<Bar> = drawn
            .iter()
            .take(BARS_MAX)
            .enumerate()
            .map(|(number, one)| bar(night, one, number + 1, &hues))
            .collect();
        let over = |bar: &Bar| bar.limit.as_ref().is_some_and(|(kib, _)| *kib < bar.whole_kib);
        if bars.iter().any(over) {
            notes.push(
                "Pages of files and of shared memory are counted with each process that uses \
                 them, so a bar can be longer than the limit."
                    .into(),
            );
        }
        let legend = legend(&bars, &hues);
        let when = when(night, &axis);
        Self { title: clean(&report.headline), when, axis, lanes, bars, legend, notes }
    }

    /// For those who do not see the picture.
    pub(super) fn description(&self) -> String {
        let lanes = self.lanes.iter().map(|lane| {
            let restarts = match lane.restarts.len() {
                0 => String::new(),
                number => format!(", started again {number} times"),
            };
            format!("{}: {} kills{restarts}.", lane.label, lane.kills.len())
        });
        let text = format!("{} {}", self.when, lanes.collect::<Vec<_>>().join(" "));
        short(&text, DESCRIPTION_CHARS)
    }
}

/// Which program has which colour.
struct Hues(Vec<String>);

impl Hues {
    /// Programs killed most often first, then the largest.
    fn of(night: &Night) -> Self {
        let mut weights: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for kill in &night.kills {
            weights.entry(&kill.name.text).or_default().0 += 1;
        }
        let mut most = 0;
        for consumer in night.shortages.iter().take(BARS_MAX).flat_map(|one| &one.consumers) {
            let weight = weights.entry(&consumer.name.text).or_default();
            weight.1 = weight.1.max(consumer.held_kib);
            most = weight.1.max(most);
        }
        let mut names: Vec<(&str, (usize, u64))> = weights.into_iter().collect();
        // What was killed has a colour first, but not all of them: what was large has some too.
        names.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        let killed = names.iter().filter(|(_, weight)| weight.0 > 0).take(KILLED_HUES);
        let mut chosen: Vec<&str> = killed.map(|(name, _)| *name).collect();
        names.sort_by_key(|(_, weight)| std::cmp::Reverse(weight.1));
        for (name, weight) in &names {
            let large = weight.1 > most / HUE_SHARE;
            if large && chosen.len() < HUES && !chosen.contains(name) {
                chosen.push(name);
            }
        }
        Self(chosen.into_iter().map(str::to_owned).collect())
    }

    fn hue(&self, name: &str) -> Hue {
        self.0.iter().position(|known| known == name).map_or(Hue::Other, Hue::Program)
    }
}

/// One lane for each program that was killed, the first killed first; the last lane is for those
/// beyond [`LANES_MAX`].
fn lanes(night: &Night, hues: &Hues) -> (Axis, Vec<Lane>) {
    let restarts: Vec<(&str, Option<i64>)> = night
        .entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Restart { what, .. } => Some((&**what, entry.at.since_first_micros)),
            _ => None,
        })
        .take(MARKS_MAX)
        .collect();
    let kills: Vec<&Killed> = night.kills.iter().take(MARKS_MAX).collect();
    let times = kills.iter().map(|kill| kill.at.since_first_micros);
    let (axis, places) = Axis::of(times, restarts.iter().map(|(_, at)| *at));
    let mut order: Vec<&str> = Vec::new();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for kill in &kills {
        let number = numbers.entry(&kill.name.text).or_default();
        *number += 1;
        if *number == 1 {
            order.push(&kill.name.text);
        }
    }
    // The most often killed have lanes of their own.
    let mut often = order.clone();
    often.sort_by_key(|name| std::cmp::Reverse(numbers.get(name).copied().unwrap_or(0)));
    let own = if often.len() > LANES_MAX { LANES_MAX - 1 } else { often.len() };
    often.truncate(own);
    let mut lanes: Vec<Lane> = Vec::new();
    for name in order.iter().filter(|name| often.contains(name)) {
        lanes.push(Lane {
            label: short(&clean(name), LABEL_CHARS),
            hue: hues.hue(name),
            kills: places.first_of(kills.iter().map(|kill| kill.name.text == **name)),
            restarts: places.second_of(restarts.iter().map(|(what, _)| is_same(what, name))),
        });
    }
    if order.len() > own {
        let rest: Vec<bool> = kills.iter().map(|kill| !often.contains(&&*kill.name.text)).collect();
        lanes.push(Lane {
            label: format!("{} other programs", order.len() - own),
            hue: Hue::Other,
            kills: places.first_of(rest.into_iter()),
            restarts: Vec::new(),
        });
    }
    (axis, lanes)
}

/// Whether a restarted program or unit is the one of this name: `mysqld`, `mysqld.service`.
fn is_same(what: &str, name: &str) -> bool {
    let what = what.rsplit('/').next().unwrap_or(what);
    let what = what.strip_suffix(".service").unwrap_or(what);
    !what.is_empty() && (what == name || what.starts_with(&format!("{name}@")))
}

/// A date; without one, how long the kernel ran.
fn moment(at: &Moment) -> String {
    match (at.wall, at.boot_micros) {
        (None, Some(_)) => format!("{} s after the kernel's start", clean(&at.text)),
        _ => clean(&at.text),
    }
}

fn when(night: &Night, axis: &Axis) -> String {
    let first = night.kills.first().map(|kill| moment(&kill.at)).unwrap_or_default();
    let length = axis.length_text();
    match (first.is_empty(), length.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("All within {length}."),
        (false, true) => format!("At {first}."),
        (false, false) => format!("From {first} on, within {length}."),
    }
}

fn bar(night: &Night, shortage: &Shortage, number: usize, hues: &Hues) -> Bar {
    let kills: Vec<&Killed> = night.kills_of(shortage).collect();
    let mut parts = Vec::new();
    for consumer in &shortage.consumers {
        parts.extend(program(consumer, &kills, hues));
    }
    if shortage.others.held_kib > 0 {
        let label = format!("{} other processes", shortage.others.count);
        parts.push(Part { hue: Hue::Other, kib: shortage.others.held_kib, label, killed: false });
    }
    // The large first, what was killed before all.
    parts.sort_by_key(|part| (!part.killed, std::cmp::Reverse(part.kib)));
    rest(shortage, &mut parts);
    parts.retain(|part| part.kib > 0);
    let sum = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.kib));
    let limit = shortage.cgroup.as_ref().and_then(|cgroup| cgroup.limit_kib);
    let limit = limit.filter(|kib| *kib > 0 && *kib < sum.saturating_mul(4).max(1024));
    let total = shortage.total_kib.filter(|_| shortage.cgroup.is_none()).unwrap_or(0);
    let whole_kib = sum.max(total).max(limit.unwrap_or(0)).max(1);
    Bar {
        title: format!("{number}. {}", bar_title(shortage, &kills)),
        more: bar_more(shortage),
        parts,
        whole_kib,
        limit: limit.map(|kib| (kib, format!("limit {}", size(kib)))),
    }
}

/// The processes of one name: those that were killed apart from the others.
fn program(consumer: &Consumer, kills: &[&Killed], hues: &Hues) -> Vec<Part> {
    let name = short(&clean(&consumer.name.text), LABEL_CHARS);
    let hue = hues.hue(&consumer.name.text);
    let killed = kills.iter().filter(|kill| kill.name == consumer.name);
    let killed = killed.fold(0_u64, |sum, kill| {
        let parts = [kill.rss_kib, kill.swap_kib, kill.page_tables_kib];
        parts.into_iter().flatten().fold(sum, u64::saturating_add)
    });
    let killed = killed.min(consumer.held_kib);
    let others = consumer.held_kib - killed;
    let count = consumer.count.saturating_sub(consumer.killed);
    let label = if count > 1 { format!("{count} × {name}") } else { name.clone() };
    vec![
        Part { hue, kib: killed, label: name, killed: true },
        Part { hue, kib: others, label, killed: false },
    ]
}

/// What no process holds.
fn rest(shortage: &Shortage, parts: &mut Vec<Part>) {
    let mut push = |hue, kib: Option<u64>, label: &str| {
        parts.push(Part { hue, kib: kib.unwrap_or(0), label: label.into(), killed: false });
    };
    // What processes have mapped is in their bars already, where the kernel says how much.
    let mapped =
        shortage.consumers.iter().fold(0_u64, |sum, one| sum.saturating_add(one.shmem_kib));
    let unmapped = |kib: Option<u64>| kib.map(|kib| kib.saturating_sub(mapped));
    if let Some(cgroup) = &shortage.cgroup {
        push(Hue::Shared, unmapped(cgroup.shmem_kib), "tmpfs and shared");
        return;
    }
    let Some(memory) = &shortage.memory else { return };
    push(Hue::Shared, unmapped(memory.shmem_kib), "tmpfs and shared");
    let slab = [memory.slab_reclaimable_kib, memory.slab_unreclaimable_kib];
    let slab = slab.into_iter().flatten().reduce(u64::saturating_add);
    push(Hue::Kernel, slab, "kernel objects");
    push(Hue::Files, memory.file_kib, "files in memory");
    let swap = memory.swap_free_kib.unwrap_or(0);
    push(Hue::Free, memory.free_kib.map(|free| free.saturating_add(swap)), "free");
}

fn bar_title(shortage: &Shortage, kills: &[&Killed]) -> String {
    let name = |kill: &Killed| short(&clean(&kill.name.text), LABEL_CHARS);
    match kills {
        [] => match &shortage.deadlock {
            Some(_) => "nobody could be killed".into(),
            None => "nobody is said to have been killed".into(),
        },
        [kill] => {
            let held = kill.rss_kib.map(|kib| format!(", {}", size(kib))).unwrap_or_default();
            let share = kill
                .share_permille
                .filter(|share| *share <= 1000)
                .map(|share| format!(" ({})", percent(share)));
            format!("{} (pid {}) killed{held}{}", name(kill), kill.pid, share.unwrap_or_default())
        }
        [first, ..] => format!("{} and {} more killed", name(first), kills.len() - 1),
    }
}

fn bar_more(shortage: &Shortage) -> String {
    let place = match &shortage.cgroup {
        Some(cgroup) => format!("control group {}", clean(&cgroup.path)),
        None if !shortage.is_shortage() => "by hand (sysrq)".into(),
        None => "the machine".into(),
    };
    let total = shortage.total_kib.map(|kib| format!(", {} in all", size(kib)));
    let when = moment(&shortage.at);
    let when = if when.is_empty() { when } else { format!("{when}, ") };
    short(&format!("{when}{place}{}", total.unwrap_or_default()), MORE_CHARS)
}

fn legend(bars: &[Bar], hues: &Hues) -> Vec<(Hue, String)> {
    let used = |hue: Hue| bars.iter().any(|bar| bar.parts.iter().any(|part| part.hue == hue));
    let programs = hues
        .0
        .iter()
        .enumerate()
        .map(|(number, name)| (Hue::Program(number), short(&clean(name), LABEL_CHARS)));
    let others = [
        (Hue::Other, "other programs"),
        (Hue::Shared, "tmpfs, shared"),
        (Hue::Kernel, "kernel objects"),
        (Hue::Files, "files"),
        (Hue::Free, "free"),
    ];
    let others = others.into_iter().map(|(hue, text)| (hue, text.to_owned()));
    programs.chain(others).filter(|(hue, _)| used(*hue)).collect()
}

/// Programs with a colour of their own.
pub(super) const HUES: usize = 6;
/// Of them at most so many because they were killed.
const KILLED_HUES: usize = 4;
/// Programs below this share of the largest one have no colour.
const HUE_SHARE: u64 = 40;
const LANES_MAX: usize = 12;
const BARS_MAX: usize = 60;
/// Kills and restarts on the axis.
const MARKS_MAX: usize = 2000;
const LABEL_CHARS: usize = 32;
const MORE_CHARS: usize = 160;
const DESCRIPTION_CHARS: usize = 1500;
