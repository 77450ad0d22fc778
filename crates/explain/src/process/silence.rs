//! Facts of a silent process: of one that runs already, or of a command that is started for it.

use std::io;
use std::time::{Duration, Instant};

use menshen_base::{Finding, Severity};
use menshen_explain_core::silence::{
    Doing, Ended, Facts, Runtime, Streams, Stuck, end_findings, findings,
};
use menshen_process::stdio::{Buffering, StdioError, Stream, StuckStream};
use menshen_process::{call, runtime, stdio};
use menshen_sys::proc;
use serde::Serialize;

use super::stopped::{self, text};
use super::target::{End, target};

pub use super::watch::{Output, watch};

/// What was seen, and what follows.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// What the output was: `pipe`, `terminal`, or `its own` of a process that ran already.
    pub output: &'static str,
    /// What arrived, of a command that was started here.
    pub arrived: Vec<Arrived>,
    /// How many bytes arrived; `arrived` holds the first [`ARRIVED_BYTES_MAX`].
    pub arrived_bytes: u64,
    /// Whether the command went on by itself to its end.
    pub ended_by_itself: bool,
    /// Processes that were there at the end of the time.
    pub processes: Vec<Facts>,
    /// Processes that ended, and lost something or are the command itself.
    pub ended: Vec<Ended>,
    /// What follows, the most telling first.
    pub findings: Vec<Finding>,
}

/// A piece of output.
#[derive(Debug, Serialize)]
pub struct Arrived {
    /// When, milliseconds after the start.
    pub after_ms: u64,
    /// `stdout` or `stderr`; on a terminal both are one.
    pub stream: &'static str,
    /// What. Foreign.
    pub text: String,
}

impl Seen {
    /// Makes the findings of what was seen.
    pub(super) fn conclude(&mut self) {
        // What was stuck in one that was ended here is told of it as it lived.
        let lived = |pid| self.processes.iter().any(|facts| facts.pid == pid);
        self.ended.retain(|ended| !ended.by_us || !lived(ended.pid));
        let alive = self.processes.iter().flat_map(findings);
        let ended = self.ended.iter().flat_map(end_findings);
        self.findings = ended.chain(alive).collect();
        // Equal ones stay in their order.
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    }

    /// Whether nothing but notes was found.
    #[must_use]
    pub fn good(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }
}

/// Looks at a process for `time`.
///
/// # Errors
/// `NotFound`: there is none.
pub fn look(pid: u32, time: Duration) -> io::Result<Seen> {
    let sample = Sample::take(pid);
    std::thread::sleep(time);
    let facts = facts(pid, &sample)?;
    let mut seen = Seen {
        output: "its own",
        arrived: Vec::new(),
        arrived_bytes: 0,
        ended_by_itself: false,
        processes: vec![facts],
        ended: Vec::new(),
        findings: Vec::new(),
    };
    seen.conclude();
    Ok(seen)
}

/// Counters of a process at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    at: Instant,
    busy: Option<Duration>,
    written: Option<u64>,
}

impl Sample {
    pub(super) fn take(pid: u32) -> Self {
        Self { at: Instant::now(), busy: busy(pid), written: written(pid) }
    }
}

/// Facts of a process since a sample of it was taken.
pub(super) fn facts(pid: u32, before: &Sample) -> io::Result<Facts> {
    let now = Sample::take(pid);
    let stop = stopped::look(pid)?;
    let threads = proc::threads(pid).unwrap_or_default();
    let threads = threads.into_iter().take(THREADS_MAX);
    let runtime = runtime::runtime(pid).unwrap_or(Runtime::Unknown);
    let busy = now.busy.zip(before.busy).map(|(now, before)| now.saturating_sub(before));
    Ok(Facts {
        pid,
        name: stop.name.clone(),
        command: stop.command.clone(),
        runtime,
        unbuffered: unbuffered(pid, runtime),
        streams: streams(stdio::stuck(pid)),
        input: target(pid, 0, End::Writing),
        output: target(pid, 1, End::Reading),
        threads: threads.filter_map(|thread| call::doing(pid, thread)).map(doing).collect(),
        state: stop.state,
        watched_ms: milliseconds(now.at - before.at),
        busy_ms: busy.map(milliseconds),
        written: now.written.zip(before.written).map(|(now, before)| now.saturating_sub(before)),
        stop,
    })
}

pub(super) fn streams(stuck: Result<Vec<StuckStream>, StdioError>) -> Streams {
    match stuck {
        Ok(stuck) => Streams::Read(stuck.into_iter().map(one).collect()),
        Err(StdioError::LocalNoStdio) => Streams::None,
        Err(error) => Streams::Unreadable(match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }),
    }
}

fn one(stuck: StuckStream) -> Stuck {
    Stuck {
        stream: match stuck.stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
            Stream::Other => "other",
        },
        descriptor: stuck.descriptor,
        bytes: stuck.bytes,
        text: text(&stuck.text),
        by_line: stuck.buffering == Buffering::Line,
        buffer_bytes: stuck.buffer_bytes,
    }
}

fn doing(doing: call::Doing) -> Doing {
    match doing {
        call::Doing::Runs => Doing::Runs,
        call::Doing::Reads(descriptor) => Doing::Reads(descriptor),
        call::Doing::Writes(descriptor) => Doing::Writes(descriptor),
        call::Doing::Polls(descriptors) => Doing::Polls(descriptors),
        call::Doing::Locks => Doing::Locks,
        call::Doing::LocksForAWhile | call::Doing::Sleeps => Doing::Sleeps,
        call::Doing::WaitsForChild | call::Doing::Forks => Doing::WaitsForChild,
        call::Doing::WaitsForSignal => Doing::WaitsForSignal,
        call::Doing::SetsTerminal(_) | call::Doing::Connects(_) | call::Doing::Other(_) => {
            Doing::Else
        }
    }
}

/// Whether it was started with the switch that turns its runtime's buffer off.
fn unbuffered(pid: u32, runtime: Runtime) -> bool {
    if runtime != Runtime::Python {
        return false;
    }
    let arguments = runtime::arguments(pid);
    // Options of the interpreter stand before the name of the program, which is no option.
    let options = arguments.iter().skip(1).take_while(|argument| argument.starts_with(b"-"));
    let switch = |argument: &Vec<u8>| !argument.starts_with(b"--") && argument.contains(&b'u');
    if options.take_while(|argument| *argument != b"-c" && *argument != b"-m").any(switch) {
        return true;
    }
    let environment = proc::read(pid, "environ", ENVIRONMENT_BYTES_MAX).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|v| v.strip_prefix(b"PYTHONUNBUFFERED=").is_some_and(|value| !value.is_empty()))
}

/// Processor time of all its threads: the first number of `schedstat`, nanoseconds
/// (Documentation/scheduler/sched-stats.rst).
fn busy(pid: u32) -> Option<Duration> {
    let threads = proc::threads(pid).ok()?;
    let of = |thread: u32| {
        let line = proc::read(pid, &format!("task/{thread}/schedstat"), LINE_BYTES_MAX).ok()?;
        text(&line).split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    let sum = threads.into_iter().take(THREADS_MAX).map(of).sum::<Option<u64>>()?;
    Some(Duration::from_nanos(sum))
}

/// Bytes it has written to whatever: `wchar` (proc_pid_io(5)).
fn written(pid: u32) -> Option<u64> {
    let lines = proc::read(pid, "io", LINE_BYTES_MAX).ok()?;
    text(&lines).lines().find_map(|line| line.strip_prefix("wchar:")?.trim().parse().ok())
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes of output that are kept.
pub const ARRIVED_BYTES_MAX: usize = 256 << 10;
const THREADS_MAX: usize = 1024;
const LINE_BYTES_MAX: usize = 4096;
const ENVIRONMENT_BYTES_MAX: usize = 256 << 10;
