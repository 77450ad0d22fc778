//! Whether a process stands still, and by which signal or whose hand.
//!
//! The signal is exact: the kernel tells it to who seizes a stopped process (ptrace(2),
//! "Group-stop"), who then lets it go at once, and it stays stopped. A process that goes on is
//! never seized.
//!
//! It can fail: without the right to ptrace, and when another traces it already; the stop is seen
//! all the same then, the signal is not. When somebody continues it at that very moment it goes on,
//! as it would have. Who sent a signal is not kept by any kernel.

use std::io;
use std::time::{Duration, Instant};

use menshen_sys::proc::{self, Stat, Status};
use menshen_sys::ptrace::{self, Events, Patience, Stop, Told};
use serde::Serialize;

use crate::call::{self, Doing};
use crate::freezer::{self, Frozen};
use crate::terminal::{self, Terminal};

/// What was seen of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// The process.
    pub pid: u32,
    /// Its name. Foreign.
    pub name: Vec<u8>,
    /// Its command line, arguments parted by blanks. Foreign.
    pub command: Vec<u8>,
    /// The letter of its state in `/proc/PID/stat`.
    pub state: char,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Why it stands still, if it does.
    pub cause: Cause,
    /// What it was in when it was looked at.
    pub doing: Option<Doing>,
    /// Its controlling terminal.
    pub terminal: Option<Terminal>,
}

/// Why a process stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// This signal stopped it: 19 `SIGSTOP`, 20 `SIGTSTP`, 21 `SIGTTIN`, 22 `SIGTTOU`.
    Signal(i32),
    /// A signal stopped it; which one could not be asked.
    UnknownSignal(Refusal),
    /// Another process holds it.
    Traced {
        /// That process.
        tracer: u32,
        /// Its name. Foreign.
        name: Vec<u8>,
    },
    /// Its control group is frozen.
    Frozen(Frozen),
    /// It waits for a child it made by vfork(2).
    Vfork,
    /// It has ended, and its parent does not look.
    Ended,
    /// It does not stand still.
    NotStopped,
}

/// Why the kernel did not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It is of another user, with this number.
    OtherUser(u32),
    /// The Yama security module allows it to parents or to root only; its `ptrace_scope`.
    Yama(u32),
    /// Another process traces it.
    Traced(u32),
    /// What the kernel said.
    Other(String),
}

/// Looks at a process.
///
/// # Errors
/// `NotFound`: there is none of this number; or `/proc` cannot be read.
pub fn look(pid: u32) -> io::Result<Look> {
    let stat = Stat::read(pid)?;
    let status = Status::read(pid).unwrap_or_default();
    let doing = call::doing(pid, pid);
    let cause = cause(&stat, &status, doing.as_ref());
    let mut command = proc::command_line(pid, COMMAND_BYTES_MAX).unwrap_or_default();
    while command.last() == Some(&0) {
        command.pop();
    }
    command.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Ok(Look {
        pid,
        command,
        state: char::from(stat.state),
        parent: stat.parent,
        group: stat.group,
        session: stat.session,
        cause,
        doing,
        terminal: terminal::terminal(&stat),
        name: stat.name,
    })
}

fn cause(stat: &Stat, status: &Status, doing: Option<&Doing>) -> Cause {
    // Frozen processes show D in version 1, S in version 2, and T if they were stopped before.
    let frozen = || freezer::frozen(stat.pid).map(Cause::Frozen);
    match stat.state {
        b't' => {
            // A thread is named; its process is what people know.
            let tgid = Status::read(status.tracer).map_or(0, |tracer| tracer.tgid);
            let tracer = if tgid == 0 { status.tracer } else { tgid };
            let name = Stat::read(tracer).map(|tracer| tracer.name).unwrap_or_default();
            Cause::Traced { tracer, name }
        }
        // One that is frozen as well could not answer, and has to be thawed first anyway.
        b'T' => frozen().unwrap_or_else(|| match ask(stat.pid) {
            Ok(Some(signal)) => Cause::Signal(signal),
            Ok(None) => Cause::NotStopped,
            Err(error) => Cause::UnknownSignal(refusal(stat.pid, status, &error)),
        }),
        b'Z' | b'X' => Cause::Ended,
        state => frozen().unwrap_or(match doing {
            Some(Doing::Forks) if state == b'D' => Cause::Vfork,
            _ => Cause::NotStopped,
        }),
    }
}

/// Which signal has stopped `pid`; `None`: it is stopped no more.
///
/// # Errors
/// What the kernel says when it may not be asked; `TimedOut`: it did not answer, which a frozen
/// process does not.
pub fn ask(pid: u32) -> io::Result<Option<i32>> {
    // Whatever happens, the kernel lets go what this thread has seized when it ends.
    let asked = std::thread::spawn(move || ask_from_here(pid));
    asked.join().unwrap_or_else(|_| Err(io::Error::other("the asking thread failed")))
}

fn ask_from_here(pid: u32) -> io::Result<Option<i32>> {
    // The first thread may have ended; any other tells the same.
    let threads = proc::threads(pid)?;
    let stopped = |thread: &u32| {
        let stat = proc::read(pid, &format!("task/{thread}/stat"), STAT_BYTES_MAX);
        stat.is_ok_and(|text| state_of(&text) == Some(b'T'))
    };
    let Some(thread) = threads.into_iter().find(stopped) else { return Ok(None) };
    ptrace::seize(thread, Events::default())?;
    let deadline = Instant::now() + ANSWER_MAX;
    loop {
        match ptrace::wait(Some(thread), Patience::Now)? {
            Some((_, Told::Stopped(stop))) => {
                let signal = if let Stop::Signal(signal) = stop { signal } else { 0 };
                ptrace::detach(thread, signal)?;
                let Stop::Group(signal) = stop else { return Ok(None) };
                settle(pid, thread, deadline);
                return Ok(Some(signal));
            }
            Some(_) => return Ok(None),
            None if Instant::now() > deadline => return Err(io::ErrorKind::TimedOut.into()),
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// Waits until a process that was let go is stopped again: it wakes for a moment to stop itself.
fn settle(pid: u32, thread: u32, deadline: Instant) {
    let stat = format!("task/{thread}/stat");
    while Instant::now() < deadline
        && proc::read(pid, &stat, STAT_BYTES_MAX).is_ok_and(|text| state_of(&text) != Some(b'T'))
    {
        std::thread::sleep(PAUSE);
    }
}

fn state_of(stat: &[u8]) -> Option<u8> {
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(close + 2).copied()
}

fn refusal(pid: u32, status: &Status, error: &io::Error) -> Refusal {
    let tracer = Status::read(pid).map_or(0, |status| status.tracer);
    let own = rustix::process::geteuid();
    if tracer != 0 {
        return Refusal::Traced(tracer);
    }
    if error.kind() == io::ErrorKind::PermissionDenied && !own.is_root() {
        if status.uid != own.as_raw() {
            return Refusal::OtherUser(status.uid);
        }
        let scope = std::fs::read_to_string(YAMA).ok();
        if let Some(scope) = scope.and_then(|text| text.trim().parse().ok()).filter(|n| *n > 0) {
            return Refusal::Yama(scope);
        }
    }
    Refusal::Other(error.to_string())
}

/// Processes whose name, or whose command's first word or its last part, is `name`; not this one.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn named(name: &str) -> io::Result<Vec<u32>> {
    let name = name.as_bytes();
    let fits = |pid: &u32| {
        if *pid == std::process::id() {
            return false;
        }
        let Ok(stat) = Stat::read(*pid) else { return false };
        if stat.name == name {
            return true;
        }
        let line = proc::command_line(*pid, COMMAND_BYTES_MAX).unwrap_or_default();
        let word = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let last = word.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        !name.is_empty() && (word == name || last == name)
    };
    Ok(proc::pids()?.into_iter().filter(fits).collect())
}

const COMMAND_BYTES_MAX: usize = 4096;
const STAT_BYTES_MAX: usize = 4096;
const ANSWER_MAX: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);
const YAMA: &str = "/proc/sys/kernel/yama/ptrace_scope";

#[cfg(test)]
mod tests;
