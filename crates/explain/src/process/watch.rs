//! A command started to be watched: its output on pipes, as a log would get it, or on a terminal;
//! what arrives when, what is stuck when the time is over, and what is lost at each end.
//!
//! The command is ended when its time is over: asked by `SIGTERM`, then killed. It is in a session
//! of its own; a process that leaves it is followed all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use menshen_explain_core::silence::Ended;
use menshen_process::end::End;
use menshen_process::follow::{Event, Followed};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::OpenptFlags;

use super::silence::{ARRIVED_BYTES_MAX, Arrived, Sample, Seen, facts, milliseconds, streams};
use super::stopped::text;

/// What the command's output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Two pipes, as a log gets it.
    Pipe,
    /// A terminal, as a person gets it.
    Terminal,
}

/// Starts the command and watches it for `time`, or until it has ended.
///
/// # Errors
/// When it cannot be started.
pub fn watch(mut command: Command, output: Output, time: Duration) -> io::Result<Seen> {
    let (ends, word) = match output {
        Output::Pipe => (pipes(&mut command)?, "pipe"),
        Output::Terminal => (terminal(&mut command)?, "terminal"),
    };
    let start = Instant::now();
    let followed = Followed::start(command)?;
    let mut watch = Watch {
        start,
        ends,
        alive: BTreeSet::new(),
        first: followed.pid,
        over: false,
        seen: Seen {
            output: word,
            arrived: Vec::new(),
            arrived_bytes: 0,
            ended_by_itself: false,
            processes: Vec::new(),
            ended: Vec::new(),
            findings: Vec::new(),
        },
    };
    // Counters are compared over the second half, when a start is no work any more.
    let half = start + time / 2;
    watch.until(&followed, half);
    let samples: BTreeMap<u32, Sample> =
        watch.alive.iter().take(PROCESSES_MAX).map(|pid| (*pid, Sample::take(*pid))).collect();
    watch.until(&followed, start + time);
    watch.seen.ended_by_itself = watch.alive.is_empty();
    for pid in watch.alive.iter().take(PROCESSES_MAX) {
        let sample = samples.get(pid).copied().unwrap_or_else(|| Sample::take(*pid));
        watch.seen.processes.extend(facts(*pid, &sample));
    }
    watch.end(&followed);
    followed.join();
    let mut seen = watch.seen;
    seen.conclude();
    Ok(seen)
}

fn pipes(command: &mut Command) -> io::Result<Vec<(&'static str, File)>> {
    let mut ends = Vec::new();
    for name in ["stdout", "stderr"] {
        let (reading, writing) = io::pipe()?;
        if name == "stdout" {
            command.stdout(writing)
        } else {
            command.stderr(writing)
        };
        ends.push((name, File::from(OwnedFd::from(reading))));
    }
    Ok(ends)
}

/// A terminal that is nobody's controlling one: it stops nobody.
fn terminal(command: &mut Command) -> io::Result<Vec<(&'static str, File)>> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = rustix::pty::openpt(flags)?;
    rustix::pty::grantpt(&ours)?;
    rustix::pty::unlockpt(&ours)?;
    let theirs = rustix::pty::ioctl_tiocgptpeer(&ours, flags)?;
    command.stdout(Stdio::from(theirs.try_clone()?)).stderr(Stdio::from(theirs));
    Ok(vec![("stdout", File::from(ours))])
}

struct Watch {
    start: Instant,
    ends: Vec<(&'static str, File)>,
    /// Processes that have not ended.
    alive: BTreeSet<u32>,
    first: u32,
    /// Its time is over: what ends now, we ended.
    over: bool,
    seen: Seen,
}

impl Watch {
    /// Reads output and events until `deadline`, or until all have ended and nothing is left.
    fn until(&mut self, followed: &Followed, deadline: Instant) {
        loop {
            let all_gone = self.events(followed);
            self.read(if all_gone { Duration::ZERO } else { STEP });
            let left = deadline.saturating_duration_since(Instant::now());
            if all_gone || left.is_zero() {
                // What was written before the end is there by now.
                while self.read(Duration::ZERO) {}
                return;
            }
        }
    }

    /// Takes what has happened; true: all have ended.
    fn events(&mut self, followed: &Followed) -> bool {
        loop {
            match followed.events.try_recv() {
                Ok(Event::Started(pid)) => drop(self.alive.insert(pid)),
                Ok(Event::Ends(pid, end)) => self.ends(pid, *end),
                Ok(Event::Gone(pid)) => drop(self.alive.remove(&pid)),
                Err(std::sync::mpsc::TryRecvError::Empty) => return false,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    self.alive.clear();
                    return true;
                }
            }
        }
    }

    fn ends(&mut self, pid: u32, end: End) {
        let function = |function: Option<String>| function.unwrap_or_else(|| "a function".into());
        let caller = end.caller;
        let from = caller.as_ref().and_then(|caller| caller.from.clone());
        let ended = Ended {
            pid,
            name: text(&end.name),
            code: end.code,
            signal: end.signal,
            streams: streams(end.lost),
            caller: caller
                .map(|caller| format!("{} in {}", function(caller.function), caller.file)),
            from,
            by_us: self.over,
        };
        let lost = !menshen_explain_core::silence::end_findings(&ended).is_empty();
        if (pid == self.first && !self.over || lost) && self.seen.ended.len() < PROCESSES_MAX {
            self.seen.ended.push(ended);
        }
    }

    /// Reads what is there, waiting at most `time` for it; true: something was.
    fn read(&mut self, time: Duration) -> bool {
        if self.ends.is_empty() {
            std::thread::sleep(time);
            return false;
        }
        let mut polled: Vec<PollFd<'_>> = self
            .ends
            .iter()
            .map(|(_, file)| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN))
            .collect();
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        if poll(&mut polled, Some(&time)).unwrap_or(0) == 0 {
            return false;
        }
        let ready: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        let after_ms = milliseconds(self.start.elapsed());
        let mut ready = ready.into_iter();
        let seen = &mut self.seen;
        self.ends.retain_mut(|(name, file)| {
            if !ready.next().unwrap_or(false) {
                return true;
            }
            let mut bytes = [0; 16 << 10];
            // A terminal whose other side is closed is an error (EIO); so is nothing else.
            let count = file.read(&mut bytes).unwrap_or(0);
            keep(seen, name, after_ms, bytes.get(..count).unwrap_or_default());
            count > 0
        });
        true
    }

    /// Ends whoever is still there, and sees them to their end.
    fn end(&mut self, followed: &Followed) {
        self.over = true;
        for (signal, patience) in [(Signal::TERM, GRACE), (Signal::KILL, GRACE * 5)] {
            if self.alive.is_empty() {
                break;
            }
            for pid in self.alive.iter().filter_map(|pid| i32::try_from(*pid).ok()) {
                // None of them can be waited for by others, so the number is still theirs.
                if let Some(pid) = Pid::from_raw(pid) {
                    let _ = kill_process(pid, signal);
                    let _ = kill_process(pid, Signal::CONT);
                }
            }
            self.until(followed, Instant::now() + patience);
        }
    }
}

fn keep(seen: &mut Seen, stream: &'static str, after_ms: u64, bytes: &[u8]) {
    let kept: usize = seen.arrived.iter().map(|arrived| arrived.text.len()).sum();
    seen.arrived_bytes += bytes.len() as u64;
    if !bytes.is_empty() && kept < ARRIVED_BYTES_MAX {
        seen.arrived.push(Arrived { after_ms, stream, text: text(bytes) });
    }
}

/// How long one wait for output is; also how late an end is noticed.
const STEP: Duration = Duration::from_millis(20);
/// Between asking a command to end and killing it.
const GRACE: Duration = Duration::from_secs(1);
/// Processes of one command that are looked at.
const PROCESSES_MAX: usize = 32;
