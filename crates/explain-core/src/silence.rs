//! Why a program prints nothing: facts of one process in, findings out, the most telling first.
//!
//! What can be read is said as certain: text in a C library's buffer, a write that blocks, a stop.
//! The rest is what remains likely. Foreign bytes are escaped where they enter a text.

use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use serde::Serialize;

use crate::stopped;

pub use self::excerpt::excerpt;
pub use menshen_base::Runtime;

mod excerpt;
mod rules;
mod runtime;

/// What was seen of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The process.
    pub pid: u32,
    /// Its name. Foreign.
    pub name: String,
    /// Its command line. Foreign.
    pub command: String,
    /// What it was written in.
    pub runtime: Runtime,
    /// It was started with the switch that turns its runtime's buffer off.
    pub unbuffered: bool,
    /// Streams of its C library.
    pub streams: Streams,
    /// What its standard input is.
    pub input: Target,
    /// What its standard output is.
    pub output: Target,
    /// What each of its threads does, as far as it could be told.
    pub threads: Vec<Doing>,
    /// The letter of its state in `/proc/PID/stat`.
    pub state: char,
    /// How long it was watched, milliseconds.
    pub watched_ms: u64,
    /// Processor time it used meanwhile, milliseconds.
    pub busy_ms: Option<u64>,
    /// Bytes it wrote meanwhile, to whatever.
    pub written: Option<u64>,
    /// What is known of a stop.
    pub stop: stopped::Facts,
}

/// Streams of a C library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// Read; those that hold text.
    Read(Vec<Stuck>),
    /// The program has none.
    None,
    /// They could not be read, and why.
    Unreadable(String),
}

/// Text that was printed and not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// `stdout`, `stderr` or `other`.
    pub stream: &'static str,
    /// Where it will be written.
    pub descriptor: i32,
    /// How much there is.
    pub bytes: u64,
    /// The beginning of it. Foreign.
    pub text: String,
    /// It is written at the end of each line.
    pub by_line: bool,
    /// Size of the buffer.
    pub buffer_bytes: u64,
}

/// What a descriptor leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A pipe.
    Pipe {
        /// Bytes in it, and how many fit.
        filled: Option<(u64, u64)>,
        /// Processes at its other end: id, name and state. Names are foreign.
        others: Vec<(u32, String, char)>,
        /// Whether all processes could be looked at.
        complete: bool,
    },
    /// A terminal; its path.
    Terminal(String),
    /// `/dev/null`.
    Null,
    /// A file; its path. Foreign.
    File(String),
    /// A file that has been deleted; its former path. Foreign.
    Deleted(String),
    /// A socket.
    Socket,
    /// Closed.
    Closed,
    /// Something else, as the kernel names it. Foreign.
    Other(String),
    /// It could not be seen.
    Unknown,
}

/// What a thread does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Runs.
    Runs,
    /// Reads from this descriptor.
    Reads(i32),
    /// Writes to this descriptor.
    Writes(i32),
    /// Waits until one of these can be read; empty: not known which.
    Polls(Vec<i32>),
    /// Waits for a lock, for as long as it takes.
    Locks,
    /// Sleeps because it asked to, or waits for a time.
    Sleeps,
    /// Waits for a child.
    WaitsForChild,
    /// Waits for a signal.
    WaitsForSignal,
    /// Something else.
    Else,
}

/// How a process that was followed ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// The process.
    pub pid: u32,
    /// Its name. Foreign.
    pub name: String,
    /// Its exit code, if it has one.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What its C library had not written.
    pub streams: Streams,
    /// Who made the last call: function and file. Foreign.
    pub caller: Option<String>,
    /// Where that function was called. Foreign.
    pub from: Option<String>,
    /// We ended it, because the time was over.
    pub by_us: bool,
}

/// What follows, the most telling first.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = rules::RULES.iter().filter_map(|rule| rule(facts)).collect();
    if findings.iter().all(|finding| finding.severity == Severity::Note) {
        findings.extend(rules::nothing_to_say(facts));
    }
    // Equal ones stay in the order of the rules.
    findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    findings
}

/// What follows from an end.
#[must_use]
pub fn end_findings(ended: &Ended) -> Vec<Finding> {
    rules::end(ended)
}

#[cfg(test)]
mod tests;
