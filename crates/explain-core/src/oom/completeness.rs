//! Whether the picture is whole: what the log itself, or the kernel's counter, says against it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_guard_core::oom::{KillForm, LostCause};
use serde::Serialize;

use super::amount::count;
use super::night::{Kind, Moment, Night};

/// What is known of what is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Nothing says that anything is missing.
    pub complete: bool,
    /// Processes that were killed.
    pub processes: u64,
    /// Kills as the kernel counts them: lines, each once.
    pub kills: u64,
    /// Lines that were read.
    pub lines: u64,
    /// Reports that the kernel kept back.
    pub suppressed: u64,
    /// Gaps in the log.
    pub gaps: u64,
    /// Records missing in them, as far as that is known.
    pub lost_records: u64,
    /// Reports without beginning or end.
    pub cut: u64,
    /// Kills that are announced, but whose own line is missing.
    pub announced: u64,
    /// Kills without the report that says why.
    pub bare: u64,
    /// The kernel's own count since it started.
    pub kernel_counter: Option<u64>,
    /// Why the picture is not whole, or may not be.
    pub doubts: Vec<String>,
}

impl Completeness {
    pub(super) fn of(night: &Night) -> Self {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut own = Self {
            processes: number(night.kills.len()).saturating_add(night.kills_left_out),
            lines: night.counts.lines,
            kernel_counter: night.kernel_counter,
            ..Self::default()
        };
        let killed = night.kills.iter().filter(|kill| kill.form == KillForm::Killed);
        let lines: u64 = killed.map(|kill| u64::from(kill.killed_times)).sum();
        own.kills = lines.saturating_add(night.kills_left_out);
        let announced = night.kills.iter().filter(|kill| kill.form == KillForm::Announced);
        own.announced = number(announced.count());
        for shortage in &night.shortages {
            if shortage.is_bare() {
                own.bare += number(shortage.kills.len());
            } else if shortage.cut_start || shortage.cut_end {
                own.cut += 1;
            }
        }
        for entry in &night.entries {
            match &entry.kind {
                Kind::Suppressed { count, .. } => {
                    own.suppressed = own.suppressed.saturating_add(*count);
                }
                Kind::Lost { records, .. } => {
                    own.gaps += 1;
                    own.lost_records = own.lost_records.saturating_add(records.unwrap_or(0));
                }
                _ => {}
            }
        }
        own.doubts = own.doubts(night);
        own.complete = own.doubts.is_empty();
        own
    }

    fn doubts(&self, night: &Night) -> Vec<String> {
        let mut doubts = Vec::new();
        if let Some(counter) = self.kernel_counter
            && counter != self.kills
        {
            doubts.push(format!(
                "the kernel counted {}, and {} are here",
                count(counter, "kill", "kills"),
                self.kills
            ));
        }
        if self.suppressed > 0 {
            doubts.push(format!(
                "the kernel kept back {} (kill lines are not kept back)",
                count(self.suppressed, "report", "reports")
            ));
        }
        for broken in &night.broken {
            doubts.push(format!("{}: {}", broken.name, broken.reason));
        }
        let unseen = unseen_units(night);
        if let Some(first) = unseen.first() {
            doubts.push(format!(
                "systemd tells of {} in {first} without a line of the kernel",
                count(u64::try_from(unseen.len()).unwrap_or(u64::MAX), "kill", "kills")
            ));
        }
        self.gaps(night, &mut doubts);
        if self.bare > 0 {
            doubts.push(format!(
                "{} without the report that says why",
                count(self.bare, "kill stands", "kills stand")
            ));
        }
        if self.announced > 0 {
            doubts.push(format!(
                "{} announced, but the line that it happened is missing",
                count(self.announced, "kill is", "kills are")
            ));
        }
        if self.cut > 0 {
            doubts.push(format!("{} cut off", count(self.cut, "report is", "reports are")));
        }
        let over = night.counts.over_limits + night.kills_left_out + night.entries_left_out;
        if over > 0 {
            doubts.push(format!(
                "{} more than is kept at once were counted only",
                count(over, "thing", "things")
            ));
        }
        doubts
    }

    fn gaps(&self, night: &Night, doubts: &mut Vec<String>) {
        let ring = night
            .entries
            .iter()
            .any(|entry| matches!(entry.kind, Kind::Lost { cause: LostCause::Ring, .. }));
        let why = if ring { "the ring was overwritten" } else { "the log daemon dropped them" };
        match (self.gaps, self.lost_records) {
            (0, _) => {}
            (gaps, 0) => doubts
                .push(format!("records are missing in {}: {why}", count(gaps, "place", "places"))),
            (_, records) => doubts
                .push(format!("{} missing: {why}", count(records, "record is", "records are"))),
        }
    }
}

/// Units of which systemd says that a process was killed, and no kill is near.
fn unseen_units(night: &Night) -> Vec<&str> {
    let hits = night.entries.iter().filter_map(|entry| match &entry.kind {
        Kind::UnitHit { unit } => Some((&entry.at, unit.as_str())),
        _ => None,
    });
    // Two clocks, each in its order: either can show that a kill is near.
    let mut walls: Vec<i64> = night.kills.iter().filter_map(|kill| kill.at.wall_micros).collect();
    walls.sort_unstable();
    let boot = |at: &Moment| Some((at.life, i64::try_from(at.boot_micros?).ok()?));
    let mut boots: Vec<(u32, i64)> = night.kills.iter().filter_map(|kill| boot(&kill.at)).collect();
    boots.sort_unstable();
    let unseen = hits.filter(|(at, _)| {
        let by_wall = at.wall_micros.filter(|_| !walls.is_empty()).map(|own| {
            let next = walls.partition_point(|kill| *kill < own.saturating_sub(NEAR));
            walls.get(next).is_some_and(|kill| *kill <= own.saturating_add(NEAR))
        });
        let by_boot = boot(at).filter(|_| !boots.is_empty()).map(|(life, own)| {
            let from = (life, own.saturating_sub(NEAR));
            let next = boots.partition_point(|kill| *kill < from);
            boots.get(next).is_some_and(|kill| *kill <= (life, own.saturating_add(NEAR)))
        });
        match (by_wall, by_boot) {
            // No clock is shared: then any kill may be the one.
            (None, None) => night.kills.is_empty(),
            (wall, boot) => wall != Some(true) && boot != Some(true),
        }
    });
    unseen.map(|(_, unit)| unit).collect()
}

/// Microseconds: systemd looks at the counter of a group at once; clocks of logs have seconds.
const NEAR: i64 = 60_000_000;
