//! What a record tells, one type per kind. Unknown kinds and bytes behind what is known are passed
//! over: a newer menshen may have written them.

use alloc::vec::Vec;

use super::TEXT_BYTES_MAX;
use super::bytes::{Put, Take};
use super::process::{Process, Processes};

/// What a record tells.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// A watch began to record.
    Start(Start<'a>),
    /// It ended in order.
    Stop(Stop<'a>),
    /// A record of the kernel's log, as `/dev/kmsg` gave it.
    Kernel(&'a [u8]),
    /// A table of processes begins; its rows follow.
    Snapshot(Snapshot<'a>),
    /// Rows of a table.
    Processes(Processes<'a>),
    /// The row of a process that was killed, as it was when last seen alive.
    VictimRow(VictimRow<'a>),
    /// Memory and pressure.
    Pressure(Pressure),
    /// A step of the ladder.
    Step(Step<'a>),
    /// A sentence.
    Note(&'a [u8]),
    /// Something is missing.
    Loss(Loss),
    /// Who would be killed next.
    Forecast(Forecast<'a>),
    /// Whether that was right.
    Outcome(Outcome<'a>),
    /// The kernel's own count beside what was seen.
    Count(Count),
    /// A kind this menshen does not know.
    Unknown(u16),
}

/// A watch began to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start<'a> {
    /// The watch.
    pub pid: u32,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// RAM, KiB.
    pub ram_kib: u64,
    /// Swap, KiB.
    pub swap_kib: u64,
    /// `oom_kill` of `/proc/vmstat` at this moment; it counts from the kernel's start.
    pub oom_kills: Option<u64>,
    /// The first record of the kernel's log that this watch read.
    pub kernel_sequence: Option<u64>,
    /// Host name.
    pub host: &'a [u8],
    /// Release of the kernel.
    pub kernel: &'a [u8],
    /// Version of menshen.
    pub version: &'a [u8],
}

/// It ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stop<'a> {
    /// Why.
    pub reason: &'a [u8],
}

/// Why a table was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// The watch began.
    #[default]
    Start,
    /// Little memory is left.
    Low,
    /// Tasks wait for memory.
    Stall,
    /// A control group is near or at its limit.
    Group,
    /// The kernel killed.
    Kill,
    /// A step of the ladder asked for it.
    Step,
}

/// A table begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot<'a> {
    /// Its number, never twice in a file.
    pub number: u64,
    /// Why it was taken.
    pub trigger: Trigger,
    /// How bad it was, 0..=3.
    pub level: u8,
    /// Rows that follow.
    pub processes: u32,
    /// The control group it is about.
    pub group: &'a [u8],
}

/// The row of a killed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VictimRow<'a> {
    /// When it was seen, microseconds of the clock in the record's head.
    pub seen_mono_micros: u64,
    /// What was seen.
    pub process: Process<'a>,
}

/// Memory and pressure; KiB and hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// RAM.
    pub total_kib: u64,
    /// What can be had without swapping, as the kernel estimates it.
    pub available_kib: u64,
    /// Free memory.
    pub free_kib: u64,
    /// Swap.
    pub swap_total_kib: u64,
    /// Free swap.
    pub swap_free_kib: u64,
    /// tmpfs and shared memory.
    pub shmem_kib: u64,
    /// Kernel objects that cannot be freed.
    pub slab_unreclaimable_kib: u64,
    /// Page tables.
    pub page_table_kib: u64,
    /// Share of the last 10 s in which some task waited for memory.
    pub some_avg10_centi: Option<u64>,
    /// In which all waited.
    pub full_avg10_centi: Option<u64>,
    /// Microseconds some task waited, since the kernel started.
    pub some_total_micros: Option<u64>,
    /// `oom_kill` of `/proc/vmstat`.
    pub oom_kills: Option<u64>,
    /// How bad it is, 0..=3.
    pub level: u8,
}

/// What is told of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepEdge {
    /// It is taken, or done once more.
    Entered,
    /// What came of it so far.
    Effect,
    /// It is taken back.
    Left,
}

/// A step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is told.
    pub edge: StepEdge,
    /// Bytes it freed, where that can be told.
    pub freed_bytes: Option<u64>,
    /// Its name.
    pub name: &'a [u8],
    /// What was done.
    pub detail: &'a [u8],
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCause {
    /// The kernel's ring wrote over records before they were read.
    Overrun,
    /// The disk was too slow: records of ours were dropped.
    QueueFull,
    /// A record was longer than any should be.
    TooLong,
}

/// Something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub cause: LossCause,
    /// How many, where that can be told.
    pub count: Option<u64>,
}

/// Who would be killed next, at a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forecast<'a> {
    /// The table it was made from.
    pub snapshot: u64,
    /// Whose shortage: a control group's path, or empty for the machine.
    pub group: &'a [u8],
    /// The first victims, in order.
    pub victims: Vec<Victim<'a>>,
}

/// One that would be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Victim<'a> {
    /// The process.
    pub pid: u32,
    /// When it started.
    pub start_ticks: u64,
    /// The kernel's points: pages.
    pub points: i64,
    /// Its name.
    pub name: &'a [u8],
}

/// A forecast beside what the kernel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome<'a> {
    /// The table of the forecast.
    pub snapshot: u64,
    /// Who was killed.
    pub pid: u32,
    /// The place it had in the forecast, from 1; 0: none. 1 is right.
    pub place: u32,
    /// Its name.
    pub name: &'a [u8],
}

/// The kernel's own count beside what was seen, since the watch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// `oom_kill` of `/proc/vmstat`, now.
    pub oom_kills: Option<u64>,
    /// The same when the watch began.
    pub oom_kills_at_start: Option<u64>,
    /// `Killed process` lines recorded since.
    pub kill_lines: u64,
}

impl Body<'_> {
    /// Replaces `bytes` by the body; gives its kind.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) -> u16 {
        bytes.clear();
        match self {
            Self::Start(start) => encode_start(start, bytes),
            Self::Stop(stop) => bytes.put_text(stop.reason, TEXT_BYTES_MAX),
            Self::Kernel(text) => bytes.extend_from_slice(text),
            Self::Snapshot(snapshot) => encode_snapshot(snapshot, bytes),
            Self::Processes(rows) => {
                super::process::encode_processes_into(bytes, rows.snapshot, *rows);
            }
            Self::VictimRow(row) => {
                bytes.put_u64(row.seen_mono_micros);
                row.process.encode(bytes);
            }
            Self::Pressure(pressure) => encode_pressure(pressure, bytes),
            Self::Step(step) => {
                bytes.put_u8(match step.edge {
                    StepEdge::Entered => 0,
                    StepEdge::Left => 1,
                    StepEdge::Effect => 2,
                });
                bytes.put_known(step.freed_bytes);
                bytes.put_text(step.name, TEXT_BYTES_MAX);
                bytes.put_text(step.detail, TEXT_BYTES_MAX);
            }
            Self::Note(text) => bytes.put_text(text, TEXT_BYTES_MAX),
            Self::Loss(loss) => {
                bytes.put_u8(cause_number(loss.cause));
                bytes.put_known(loss.count);
            }
            Self::Forecast(forecast) => encode_forecast(forecast, bytes),
            Self::Outcome(outcome) => {
                bytes.put_u64(outcome.snapshot);
                bytes.put_u32(outcome.pid);
                bytes.put_u32(outcome.place);
                bytes.put_text(outcome.name, TEXT_BYTES_MAX);
            }
            Self::Count(count) => {
                bytes.put_known(count.oom_kills);
                bytes.put_known(count.oom_kills_at_start);
                bytes.put_u64(count.kill_lines);
            }
            Self::Unknown(_) => {}
        }
        self.kind()
    }

    /// The number of its kind.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Start(_) => 1,
            Self::Stop(_) => 2,
            Self::Kernel(_) => 3,
            Self::Snapshot(_) => 4,
            Self::Processes(_) => 5,
            Self::VictimRow(_) => 6,
            Self::Pressure(_) => 7,
            Self::Step(_) => 8,
            Self::Note(_) => 9,
            Self::Loss(_) => 10,
            Self::Forecast(_) => 11,
            Self::Outcome(_) => 12,
            Self::Count(_) => 13,
            Self::Unknown(kind) => *kind,
        }
    }
}

impl<'a> Body<'a> {
    /// Reads a body; one that is shorter than its kind needs is of an unknown kind.
    #[must_use]
    pub fn decode(kind: u16, bytes: &'a [u8]) -> Self {
        Self::known(kind, Take(bytes)).unwrap_or(Self::Unknown(kind))
    }

    fn known(kind: u16, mut from: Take<'a>) -> Option<Self> {
        Some(match kind {
            1 => Self::Start(decode_start(&mut from)?),
            2 => Self::Stop(Stop { reason: from.text()? }),
            3 => Self::Kernel(from.0),
            4 => Self::Snapshot(decode_snapshot(&mut from)?),
            5 => Self::Processes(Processes::decode(from)?),
            6 => Self::VictimRow(VictimRow {
                seen_mono_micros: from.u64()?,
                process: Process::decode(&mut from)?,
            }),
            7 => Self::Pressure(decode_pressure(&mut from)?),
            8 => Self::Step(Step {
                edge: match from.u8()? {
                    0 => StepEdge::Entered,
                    1 => StepEdge::Left,
                    2 => StepEdge::Effect,
                    _ => return None,
                },
                freed_bytes: from.known()?,
                name: from.text()?,
                detail: from.text()?,
            }),
            9 => Self::Note(from.text()?),
            10 => Self::Loss(Loss { cause: cause(from.u8()?)?, count: from.known()? }),
            11 => Self::Forecast(decode_forecast(&mut from)?),
            12 => Self::Outcome(Outcome {
                snapshot: from.u64()?,
                pid: from.u32()?,
                place: from.u32()?,
                name: from.text()?,
            }),
            13 => Self::Count(Count {
                oom_kills: from.known()?,
                oom_kills_at_start: from.known()?,
                kill_lines: from.u64()?,
            }),
            _ => return None,
        })
    }
}

fn encode_start(start: &Start<'_>, bytes: &mut Vec<u8>) {
    bytes.put_u32(start.pid);
    bytes.put_u32(start.page_bytes);
    bytes.put_u64(start.ram_kib);
    bytes.put_u64(start.swap_kib);
    bytes.put_known(start.oom_kills);
    bytes.put_known(start.kernel_sequence);
    for text in [start.host, start.kernel, start.version] {
        bytes.put_text(text, TEXT_BYTES_MAX);
    }
}

fn decode_start<'a>(from: &mut Take<'a>) -> Option<Start<'a>> {
    Some(Start {
        pid: from.u32()?,
        page_bytes: from.u32()?,
        ram_kib: from.u64()?,
        swap_kib: from.u64()?,
        oom_kills: from.known()?,
        kernel_sequence: from.known()?,
        host: from.text()?,
        kernel: from.text()?,
        version: from.text()?,
    })
}

fn encode_snapshot(snapshot: &Snapshot<'_>, bytes: &mut Vec<u8>) {
    bytes.put_u64(snapshot.number);
    let trigger = TRIGGERS.iter().position(|trigger| *trigger == snapshot.trigger);
    bytes.put_u8(trigger.and_then(|place| u8::try_from(place).ok()).unwrap_or(0));
    bytes.put_u8(snapshot.level);
    bytes.put_u32(snapshot.processes);
    bytes.put_text(snapshot.group, super::CGROUP_BYTES_MAX);
}

fn decode_snapshot<'a>(from: &mut Take<'a>) -> Option<Snapshot<'a>> {
    Some(Snapshot {
        number: from.u64()?,
        trigger: *TRIGGERS.get(usize::from(from.u8()?))?,
        level: from.u8()?,
        processes: from.u32()?,
        group: from.text()?,
    })
}

fn encode_pressure(pressure: &Pressure, bytes: &mut Vec<u8>) {
    let kib = [
        pressure.total_kib,
        pressure.available_kib,
        pressure.free_kib,
        pressure.swap_total_kib,
        pressure.swap_free_kib,
        pressure.shmem_kib,
        pressure.slab_unreclaimable_kib,
        pressure.page_table_kib,
    ];
    kib.into_iter().for_each(|word| bytes.put_u64(word));
    bytes.put_known(pressure.some_avg10_centi);
    bytes.put_known(pressure.full_avg10_centi);
    bytes.put_known(pressure.some_total_micros);
    bytes.put_known(pressure.oom_kills);
    bytes.put_u8(pressure.level);
}

fn decode_pressure(from: &mut Take<'_>) -> Option<Pressure> {
    Some(Pressure {
        total_kib: from.u64()?,
        available_kib: from.u64()?,
        free_kib: from.u64()?,
        swap_total_kib: from.u64()?,
        swap_free_kib: from.u64()?,
        shmem_kib: from.u64()?,
        slab_unreclaimable_kib: from.u64()?,
        page_table_kib: from.u64()?,
        some_avg10_centi: from.known()?,
        full_avg10_centi: from.known()?,
        some_total_micros: from.known()?,
        oom_kills: from.known()?,
        level: from.u8()?,
    })
}

fn encode_forecast(forecast: &Forecast<'_>, bytes: &mut Vec<u8>) {
    bytes.put_u64(forecast.snapshot);
    bytes.put_text(forecast.group, super::CGROUP_BYTES_MAX);
    for victim in forecast.victims.iter().take(VICTIMS_MAX) {
        bytes.put_u32(victim.pid);
        bytes.put_u64(victim.start_ticks);
        bytes.extend_from_slice(&victim.points.to_le_bytes());
        bytes.put_text(victim.name, TEXT_BYTES_MAX);
    }
}

fn decode_forecast<'a>(from: &mut Take<'a>) -> Option<Forecast<'a>> {
    let (snapshot, group) = (from.u64()?, from.text()?);
    let mut victims = Vec::new();
    while !from.0.is_empty() && victims.len() < VICTIMS_MAX {
        victims.push(Victim {
            pid: from.u32()?,
            start_ticks: from.u64()?,
            points: i64::from_le_bytes(from.array()?),
            name: from.text()?,
        });
    }
    Some(Forecast { snapshot, group, victims })
}

const fn cause_number(cause: LossCause) -> u8 {
    match cause {
        LossCause::Overrun => 0,
        LossCause::QueueFull => 1,
        LossCause::TooLong => 2,
    }
}

const fn cause(number: u8) -> Option<LossCause> {
    match number {
        0 => Some(LossCause::Overrun),
        1 => Some(LossCause::QueueFull),
        2 => Some(LossCause::TooLong),
        _ => None,
    }
}

/// By their numbers.
const TRIGGERS: [Trigger; 6] =
    [Trigger::Start, Trigger::Low, Trigger::Stall, Trigger::Group, Trigger::Kill, Trigger::Step];

/// Most victims of one forecast.
const VICTIMS_MAX: usize = 8;
