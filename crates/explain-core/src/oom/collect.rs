//! Events in, a night out.
//!
//! Several logs may tell of the same night: rotated files of one log follow each other, and a kill
//! stands in `kern.log` and in `syslog`. Everything is put in the order of time here and told once.

use alloc::string::String;
use alloc::vec::Vec;

use menshen_guard_core::oom::{Event, Stamp, Summary};

use super::condense::{Condensed, Detail, condense};
use super::merge;
use super::moment::{Calendar, Changed, move_years};
use super::night::{Broken, Counts, Kind, Moment, Night, Place, Source};

/// Takes events, log after log.
#[derive(Debug)]
pub struct Collector {
    sources: Vec<Read>,
    /// The first source of the log that is being read.
    log: usize,
    /// Its first item.
    log_items: usize,
    life: u32,
    calendar: Calendar,
    items: Vec<Item>,
    kills: usize,
    reports: usize,
    entries: usize,
    kills_left_out: u64,
    entries_left_out: u64,
    counts: Counts,
    broken: Vec<Broken>,
    kernel_counter: Option<u64>,
}

/// A source and where it begins in its log.
#[derive(Debug)]
struct Read {
    source: Source,
    changed: Option<Changed>,
    lines_before: u64,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) at: Moment,
    pub(super) place: Place,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Report(alloc::boxed::Box<Condensed>),
    Other(Kind),
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// One that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sources: Vec::new(),
            log: 0,
            log_items: 0,
            life: 0,
            calendar: Calendar::new(),
            items: Vec::new(),
            kills: 0,
            reports: 0,
            entries: 0,
            kills_left_out: 0,
            entries_left_out: 0,
            counts: Counts {
                lines: 0,
                bytes: 0,
                kill_lines: 0,
                forged: 0,
                foreign: 0,
                over_limits: 0,
            },
            broken: Vec::new(),
            kernel_counter: None,
        }
    }

    /// A log begins, with a reader of its own: name its first input next.
    pub fn log(&mut self) {
        self.log = self.sources.len();
        self.log_items = self.items.len();
        self.life = self.life.saturating_add(1);
        self.calendar = Calendar::new();
    }

    /// The log goes on in this input, after so many lines of it. `changed`: when the input was last
    /// written, which gives the year to dates without one.
    pub fn source(&mut self, name: String, lines_before: u64, changed: Option<Changed>) {
        let source = Source { name, lines: 0 };
        self.close(lines_before);
        self.sources.push(Read { source, changed, lines_before });
    }

    /// The log is at its end, with these counts.
    pub fn end(&mut self, summary: &Summary) {
        self.close(summary.lines);
        self.date();
        let counts = &mut self.counts;
        counts.lines += summary.lines;
        counts.bytes += summary.bytes;
        counts.kill_lines += summary.kills;
        counts.forged += summary.forged;
        counts.foreign += summary.foreign;
        counts.over_limits += summary.tasks_dropped
            + summary.kills_dropped
            + summary.stats_dropped
            + summary.reports_forced;
    }

    /// An input could not be read, or not to its end.
    pub fn broken(&mut self, name: String, reason: String) {
        self.broken.push(Broken { name, reason });
    }

    /// The kernel's own count of kills since it started.
    pub const fn kernel_counter(&mut self, kills: u64) {
        self.kernel_counter = Some(kills);
    }

    /// What the log tells next. Events that stand beyond the limits are counted only.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Report(report) => {
                let source = self.source_of(report.span.first_line);
                if self.kills + report.kills.len() > KILLS_MAX || self.reports >= KILLS_MAX {
                    let kills = u64::try_from(report.kills.len()).unwrap_or(u64::MAX);
                    self.kills_left_out = self.kills_left_out.saturating_add(kills);
                    return;
                }
                self.kills += report.kills.len();
                self.reports += 1;
                let full = self.reports <= DETAILED_MAX;
                let detail = if full { Detail::Full } else { Detail::KillsOnly };
                let moment = |stamp: &Stamp| self.calendar.moment(stamp, self.life);
                let mut condensed = condense(&report, source, detail, moment);
                self.renumber(&mut condensed, source);
                let (at, place) = (condensed.shortage.at.clone(), condensed.shortage.place);
                let what = What::Report(alloc::boxed::Box::new(condensed));
                self.items.push(Item { at, place, what });
            }
            Event::Suppressed(one) => {
                // Of other functions nothing that belongs to this story is missing.
                let about_memory = ["oom", "out_of_memory", "dump_header", "dump_tasks"];
                if about_memory.iter().any(|word| one.function.contains(word)) {
                    let kind = Kind::Suppressed { function: one.function, count: one.count };
                    self.other(one.line, &one.stamp, kind);
                }
            }
            Event::Lost(one) => {
                let kind = Kind::Lost { records: one.records, cause: one.cause };
                self.other(one.line, &one.stamp, kind);
            }
            Event::Boot(one) => {
                self.life = self.life.saturating_add(1);
                self.other(one.line, &one.stamp, Kind::Boot { kernel: one.kernel });
            }
            Event::Restart(one) => {
                self.other(one.line, &one.stamp, Kind::Restart { by: one.by, what: one.what });
            }
            Event::UnitHit(one) => {
                self.other(one.line, &one.stamp, Kind::UnitHit { unit: one.unit });
            }
        }
    }

    /// Everything in order.
    #[must_use]
    pub fn night(self) -> Night {
        let sources = self.sources.into_iter().map(|read| read.source).collect();
        let night = Night {
            sources,
            counts: self.counts,
            kills_left_out: self.kills_left_out,
            entries_left_out: self.entries_left_out,
            broken: self.broken,
            kernel_counter: self.kernel_counter,
            ..Night::default()
        };
        merge::merge(night, self.items)
    }

    fn other(&mut self, line: u64, stamp: &Stamp, kind: Kind) {
        if self.entries >= ENTRIES_MAX {
            self.entries_left_out = self.entries_left_out.saturating_add(1);
            return;
        }
        self.entries += 1;
        let source = self.source_of(line);
        let at = self.calendar.moment(stamp, self.life);
        let place = self.place(source, line);
        self.items.push(Item { at, place, what: What::Other(kind) });
    }

    /// The input that a line of the log is in.
    fn source_of(&self, line: u64) -> usize {
        let own = self.sources.get(self.log..).unwrap_or_default();
        let later = own.iter().skip(1).take_while(|read| read.lines_before < line).count();
        self.log + later
    }

    fn place(&self, source: usize, line: u64) -> Place {
        let before = self.sources.get(source).map_or(0, |read| read.lines_before);
        Place { source, line: line.saturating_sub(before) }
    }

    /// From lines of the log to lines of the input.
    fn renumber(&self, condensed: &mut Condensed, source: usize) {
        let shortage = &mut condensed.shortage;
        shortage.place = self.place(source, shortage.place.line);
        shortage.last_line = self.place(source, shortage.last_line).line;
        for kill in &mut condensed.kills {
            let source = self.source_of(kill.place.line);
            kill.place = self.place(source, kill.place.line);
        }
    }

    /// Dates without a year get theirs from the day on which the log was last written.
    fn date(&mut self) {
        let Some(changed) = self.sources.last().and_then(|read| read.changed) else { return };
        let years = self.calendar.shift(changed);
        for item in self.items.get_mut(self.log_items..).unwrap_or_default() {
            move_years(&mut item.at, years);
            if let What::Report(condensed) = &mut item.what {
                move_years(&mut condensed.shortage.at, years);
                for kill in &mut condensed.kills {
                    move_years(&mut kill.at, years);
                }
            }
        }
    }

    /// The input that was read up to now ends with this line of the log.
    fn close(&mut self, lines: u64) {
        if self.sources.len() > self.log
            && let Some(last) = self.sources.last_mut()
        {
            last.source.lines = lines.saturating_sub(last.lines_before);
        }
    }
}

/// Processes that are told of; more are counted. Some 200 bytes each, and their names.
pub const KILLS_MAX: usize = 250_000;
/// Restarts, gaps and starts of a kernel that are told of.
pub const ENTRIES_MAX: usize = 100_000;
/// Reports of which the table is summed up: some 3 KiB each.
const DETAILED_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
