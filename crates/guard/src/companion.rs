//! A process beside the workers, of which there is one at most: the keeper, the watch. How it gets
//! its specification, and how it is ended.
//!
//! It reads nothing of it. How it fails: the kernel has no memory or no process left.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use menshen_sys::spawn::{Plan, spawn};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::notify;

/// One that runs.
#[derive(Debug)]
pub(crate) struct Companion {
    pid: Pid,
    since: Instant,
    /// Its end was asked for; it is killed at the moment.
    ending: Option<Instant>,
}

impl Companion {
    /// Starts `menshen ROLE` with `spec` on its standard input and `keep` left open.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn start(
        role: &str,
        spec: &impl Serialize,
        keep: &[BorrowedFd<'_>],
        now: Instant,
    ) -> io::Result<Self> {
        let pid = spawn(Plan {
            program: Path::new("/proc/self/exe"),
            argv0: &format!("menshen: {role}"),
            arguments: &[role],
            stdin: handed_over(role, spec)?,
            keep,
            hide: notify::HIDDEN,
            set: &[],
            foreign: None,
        })?;
        Ok(Self::of(pid, now))
    }

    /// A child of ours that was started at `since`.
    pub(crate) const fn of(pid: Pid, since: Instant) -> Self {
        Self { pid, since, ending: None }
    }

    /// Its number.
    pub(crate) const fn pid(&self) -> Pid {
        self.pid
    }

    /// How long it has run.
    pub(crate) fn lived(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Whether its end was asked for.
    pub(crate) const fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// When it is killed if it has not ended by then.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.ending
    }

    /// Asks it to end, once; after `patience` it is killed.
    pub(crate) fn end(&mut self, now: Instant, patience: Duration) {
        if self.ending.is_none() {
            self.signal(Signal::TERM);
            self.ending = Some(now + patience);
        }
    }

    /// One whose end was asked for is killed at the next look.
    pub(crate) const fn hurry(&mut self, now: Instant) {
        self.ending = Some(now);
    }

    /// Kills it if it takes too long.
    pub(crate) fn keep_times(&mut self, now: Instant) {
        if self.ending.is_some_and(|until| until <= now) {
            self.kill();
            // Should the kernel take its time, the next look is not before this moment.
            self.ending = Some(now + Duration::from_secs(1));
        }
    }

    /// Kills it, and does not take that for an end that was asked for.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It may be gone and not waited for yet; the number cannot be another's before that.
        let _ = kill_process(self.pid, signal);
    }
}

/// The specification as a file in memory, to be read to its end: unlike a pipe it takes any length
/// without waiting for the reader.
///
/// # Errors
/// What the kernel says.
pub(crate) fn handed_over(role: &str, spec: &impl Serialize) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(format!("{role}-spec"), MemfdFlags::CLOEXEC)?);
    file.write_all(&serde_json::to_vec(spec)?)?;
    file.rewind()?;
    Ok(file.into())
}
