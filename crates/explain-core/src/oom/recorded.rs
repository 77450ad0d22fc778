//! What a flight recorder adds to the kernel's words: every victim as it was before its kill, the
//! steps of the ladder, whether the kills were foreseen, and the kernel's own count beside the
//! recorded lines, for each life of the machine in the file.
//!
//! Command lines and names are foreign: control characters and bytes that are no text are `\xNN`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_guard_core::oom::KmsgRecord;
use menshen_guard_core::recorder::{Body, Process, Record, Recording, StepEdge, kill_line};
use serde::Serialize;

/// What a recorder holds beside the kernel's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Valid records.
    pub records: u64,
    /// Bytes that are no record: what a reset tore, or damage.
    pub damaged_bytes: u64,
    /// Lives of the machine, oldest first.
    pub lives: Vec<Life>,
    /// Every kill line with what was known of the process, in the order of time.
    pub victims: Vec<Victim>,
    /// Steps of the ladder.
    pub steps: Vec<StepTaken>,
    /// Kills whose victim stood first in the forecast.
    pub foreseen: u64,
    /// Kills with a forecast that knew the process.
    pub forecasts: u64,
    /// Kills of processes that began after the last table.
    pub newcomers: u64,
}

/// From one start of the kernel to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Life {
    /// The kernel's `boot_id`; empty: not known.
    pub boot_id: String,
    /// Host name.
    pub host: String,
    /// Release of the kernel.
    pub kernel: String,
    /// The first record, microseconds since 1970.
    pub from_micros: u64,
    /// The last one.
    pub to_micros: u64,
    /// How often a watch began.
    pub watches: u64,
    /// The last watch ended in order; if not, the machine was reset, or the watch killed.
    pub ended: bool,
    /// Tables of processes.
    pub tables: u64,
    /// `Killed process` lines recorded.
    pub kill_lines: u64,
    /// Those of them between the first and the last look at the kernel's counter.
    pub kill_lines_compared: u64,
    /// What the kernel counted between the two; `None`: it does not count (before 4.13).
    pub kills_counted: Option<u64>,
    /// Records that are missing, as far as that is known.
    pub lost_records: u64,
    /// Gaps.
    pub gaps: u64,
    /// Microseconds since 1970 at which the kernel's clock was 0.
    pub clock_micros: u64,
}

/// A killed process as it was when it was last seen alive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Victim {
    /// Number of the life.
    pub life: usize,
    /// The process.
    pub pid: u32,
    /// When the kernel said so, microseconds since it started.
    pub boot_micros: u64,
    /// The same, microseconds since 1970.
    pub wall_micros: u64,
    /// How it was; `None`: it was never seen, so it lived for a moment only.
    pub seen: Option<Seen>,
    /// Its place in the forecast, from 1; `None`: it was not in it.
    pub place: Option<u32>,
}

/// A process in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// How long before the kill, microseconds.
    pub before_micros: u64,
    /// Its name.
    pub name: String,
    /// Its arguments with single blanks between; empty: they were not read.
    pub command_line: String,
    /// Its control group.
    pub cgroup: String,
    /// Its user.
    pub uid: u32,
    /// Its parent.
    pub parent: u32,
    /// `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Resident anonymous memory, KiB.
    pub anon_kib: u64,
    /// Resident file pages, KiB.
    pub file_kib: u64,
    /// Resident shared memory, KiB.
    pub shmem_kib: u64,
    /// Swapped out, KiB.
    pub swap_kib: u64,
}

/// What is told of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// It begins.
    #[default]
    Begins,
    /// What came of it so far.
    Effect,
    /// It ends.
    Ends,
}

/// A step of the ladder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepTaken {
    /// Number of the life.
    pub life: usize,
    /// When, microseconds since 1970.
    pub wall_micros: u64,
    /// Its name.
    pub name: String,
    /// What is told of it.
    pub edge: Edge,
    /// What became available by it, bytes.
    pub freed_bytes: Option<u64>,
    /// What was done.
    pub detail: String,
}

/// Reads the recorder's own facts, and gives the kernel's words of each life, as records of
/// `/dev/kmsg`.
#[must_use]
pub fn recorded(recording: &Recording<'_>) -> (Recorded, Vec<Vec<u8>>) {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut reading = Reading {
        facts: Recorded {
            records: number(recording.records.len()),
            damaged_bytes: recording.damaged_bytes,
            ..Recorded::default()
        },
        ..Reading::default()
    };
    let mut boot = None;
    for record in &recording.records {
        if reading.facts.lives.is_empty() || (record.boot_id.is_some() && record.boot_id != boot) {
            boot = record.boot_id;
            reading.begin(boot, record);
        }
        reading.take(record);
    }
    (reading.facts, reading.words)
}

#[derive(Default)]
struct Reading<'a> {
    facts: Recorded,
    words: Vec<Vec<u8>>,
    /// The newest rows of this life, with the time they were seen.
    rows: BTreeMap<u32, (u64, Process<'a>)>,
    /// The kernel's counter when it was looked at first, and lines until then.
    counter: Option<u64>,
    lines_at_counter: u64,
    seen_at: u64,
}

impl<'a> Reading<'a> {
    fn begin(&mut self, boot: Option<[u8; 16]>, record: &Record<'_>) {
        let boot_id = boot
            .map_or_else(String::new, |id| id.iter().map(|byte| format!("{byte:02x}")).collect());
        let from_micros = record.stamp.wall_micros;
        self.facts.lives.push(Life { boot_id, from_micros, ..Life::default() });
        self.words.push(Vec::new());
        self.rows.clear();
        self.counter = None;
        self.lines_at_counter = 0;
    }

    fn take(&mut self, record: &Record<'a>) {
        let index = self.facts.lives.len().saturating_sub(1);
        let stamp = record.stamp;
        let Some(life) = self.facts.lives.last_mut() else { return };
        life.to_micros = stamp.wall_micros;
        life.clock_micros = stamp.wall_micros.saturating_sub(stamp.mono_micros);
        life.ended = matches!(record.body, Body::Stop(_));
        match &record.body {
            Body::Start(start) => {
                life.watches += 1;
                life.host = plain(start.host);
                life.kernel = plain(start.kernel);
                self.counted(start.oom_kills);
            }
            Body::Count(count) => self.counted(count.oom_kills),
            Body::Kernel(text) => self.kernel(text, index),
            Body::Snapshot(_) => {
                life.tables += 1;
                self.seen_at = stamp.mono_micros;
            }
            Body::Processes(rows) => {
                self.rows.extend((*rows).map(|row| (row.pid, (self.seen_at, row))));
            }
            Body::VictimRow(row) => self.victim(row.seen_mono_micros, &row.process),
            Body::Outcome(outcome) => self.outcome(outcome.pid, outcome.place),
            Body::Loss(loss) => {
                life.gaps += 1;
                life.lost_records = life.lost_records.saturating_add(loss.count.unwrap_or(0));
            }
            Body::Step(step) => self.facts.steps.push(StepTaken {
                life: index,
                wall_micros: stamp.wall_micros,
                name: plain(step.name),
                edge: match step.edge {
                    StepEdge::Entered => Edge::Begins,
                    StepEdge::Effect => Edge::Effect,
                    StepEdge::Left => Edge::Ends,
                },
                freed_bytes: step.freed_bytes,
                detail: plain(step.detail),
            }),
            Body::Stop(_)
            | Body::Pressure(_)
            | Body::Note(_)
            | Body::Forecast(_)
            | Body::Unknown(_) => {}
        }
    }

    /// The kernel's counter since it started.
    fn counted(&mut self, kills: Option<u64>) {
        let (Some(kills), Some(life)) = (kills, self.facts.lives.last_mut()) else { return };
        match self.counter {
            None => {
                self.counter = Some(kills);
                self.lines_at_counter = life.kill_lines;
                life.kills_counted = Some(0);
            }
            Some(first) => {
                life.kills_counted = Some(kills.saturating_sub(first));
                life.kill_lines_compared = life.kill_lines - self.lines_at_counter;
            }
        }
    }

    fn kernel(&mut self, text: &[u8], index: usize) {
        if let Some(words) = self.words.last_mut() {
            words.extend_from_slice(text);
            if !text.ends_with(b"\n") {
                words.push(b'\n');
            }
        }
        let Some(record) = KmsgRecord::read(text) else { return };
        let Some(kill) = kill_line(record.priority, record.text) else { return };
        let Some(life) = self.facts.lives.last_mut() else { return };
        life.kill_lines += 1;
        let wall_micros = life.clock_micros.saturating_add(record.micros);
        // With memory.oom.group the kernel names one process twice.
        let named = |victim: &Victim| {
            let since = record.micros.saturating_sub(victim.boot_micros);
            victim.life == index && victim.pid == kill.pid && since < SAME_MICROS
        };
        if self.facts.victims.iter().rev().take(SAME_VICTIMS).any(named) {
            return;
        }
        let row = self.rows.get(&kill.pid);
        self.facts.victims.push(Victim {
            life: index,
            pid: kill.pid,
            boot_micros: record.micros,
            wall_micros,
            seen: row.map(|(at, row)| seen(*at, record.micros, row)),
            place: None,
        });
    }

    /// The row that was kept in memory, which is newer than that of the last table.
    fn victim(&mut self, at: u64, row: &Process<'_>) {
        let last = self.facts.victims.iter_mut().rev().find(|victim| victim.pid == row.pid);
        if let Some(victim) = last {
            victim.seen = Some(seen(at, victim.boot_micros, row));
        }
    }

    fn outcome(&mut self, pid: u32, place: u32) {
        match place {
            0 => self.facts.newcomers += 1,
            place => {
                self.facts.forecasts += 1;
                self.facts.foreseen += u64::from(place == 1);
            }
        }
        let last = self.facts.victims.iter_mut().rev().find(|victim| victim.pid == pid);
        if let Some(victim) = last {
            victim.place = (place > 0).then_some(place);
        }
    }
}

fn seen(at: u64, killed_at: u64, row: &Process<'_>) -> Seen {
    Seen {
        before_micros: killed_at.saturating_sub(at),
        name: plain(row.name),
        command_line: arguments(row.command_line),
        cgroup: plain(row.cgroup),
        uid: row.uid,
        parent: row.parent,
        oom_score_adj: row.adj,
        anon_kib: row.anon_kib,
        file_kib: row.file_kib,
        shmem_kib: row.shmem_kib,
        swap_kib: row.swap_kib,
    }
}

/// Arguments with single blanks between.
fn arguments(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    let arguments: Vec<String> = line.split(|byte| *byte == 0).map(plain).collect();
    arguments.join(" ")
}

/// Foreign bytes as text that steers no terminal.
fn plain(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || is_directional(letter) {
                let mut bytes = [0; 4];
                let bytes = letter.encode_utf8(&mut bytes).bytes();
                bytes.for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
            } else {
                text.push(letter);
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// Marks that reorder text.
const fn is_directional(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number is not given again so soon, nor to one of so few.
const SAME_MICROS: u64 = 1_000_000;
const SAME_VICTIMS: usize = 256;

#[cfg(test)]
mod tests;
