//! What happened in an out-of-memory night: the pure half of `menshen explain oom`.
//!
//! Events that a log told (`menshen_guard_core::oom`) go into a [`Collector`], a [`Night`] comes
//! out: the timeline, every killed process once, what was large, what is missing from the log; and
//! from a night a [`Report`]: one sentence, causes and remedies as findings, and how complete the
//! picture is.
//!
//! Never: a clock, a file, the network. What the log does not say stays unknown and is not guessed;
//! what is concluded is marked by its confidence. Nothing here fails: any events give a night.
//! Memory is bounded by [`KILLS_MAX`] and [`ENTRIES_MAX`]; what exceeds them is counted.

mod amount;
mod collect;
mod completeness;
mod condense;
mod headline;
mod json;
mod merge;
mod moment;
mod night;
mod programs;
mod recorded;
mod report;
mod rules;

pub use amount::{duration, part_of, percent, short_path, size};
pub use collect::{Collector, ENTRIES_MAX, KILLS_MAX};
pub use completeness::Completeness;
pub use json::json;
pub use moment::Changed;
pub use night::{
    Asker, Broken, Cgroup, Consumer, Counts, Entry, Killed, Kind, Memory, Moment, Night, Place,
    ScoreFrom, Shortage, Source,
};
pub use recorded::{Edge, Life, Recorded, Seen, StepTaken, Victim, recorded};
pub use report::{Report, report};

#[cfg(test)]
mod bench;
