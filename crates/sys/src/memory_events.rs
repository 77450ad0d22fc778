//! Being told by a control group: `memory.events` of cgroup v2 (`cgroup-v2.rst`), eventfds over
//! `cgroup.event_control` of v1 (`cgroup-v1/memory.rst`, sections 2.4, 9 and 10).
//!
//! Thin wrappers: which groups are listened to, and what follows, is the caller's. A group may be
//! removed at any time; that wakes the poller too, and the next read says `ENODEV` or `ENOENT`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::io::Errno;

/// The counters of `memory.events`; they hold for the group and all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Reclaimed although below `memory.low`.
    pub low: u64,
    /// Throttled at `memory.high`.
    pub high: u64,
    /// `memory.max` was about to be passed.
    pub max: u64,
    /// An allocation was about to fail.
    pub oom: u64,
    /// Processes killed.
    pub oom_kill: u64,
    /// Groups killed whole (5.12).
    pub oom_group_kill: u64,
}

/// `memory.events` of one v2 group, open.
#[derive(Debug)]
pub struct GroupEvents {
    file: File,
}

impl GroupEvents {
    /// Opens the file of the group folder `group` and reads it for the first time.
    ///
    /// # Errors
    /// `NotFound`: the group is gone, has no memory controller, or is the root, which has no such
    /// file.
    pub fn open(group: &Path) -> io::Result<(Self, Counts)> {
        let events = Self { file: File::open(group.join("memory.events"))? };
        let counts = events.read()?;
        Ok((events, counts))
    }

    /// Reads the counters; the poller sleeps again until one of them moves.
    ///
    /// # Errors
    /// `ENODEV`: the group is gone.
    pub fn read(&self) -> io::Result<Counts> {
        let mut text = [0; TEXT_BYTES_MAX];
        let length = self.file.read_at(&mut text, 0)?;
        Ok(counts(text.get(..length).unwrap_or_default()))
    }

    /// What to wait for; `POLLERR` comes with it always and means nothing (`kernfs_generic_poll`).
    #[must_use]
    pub const fn interest() -> PollFlags {
        PollFlags::PRI
    }
}

impl AsFd for GroupEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What of a v1 group is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V1Source {
    /// It is out of memory, or a task waits for a decision (`oom_kill_disable`).
    Oom,
    /// Its use crossed so many bytes, up or down; the kernel looks at it now and then.
    Usage(u64),
    /// Reclaim is at work: `low`, `medium` or `critical`.
    Pressure(V1Level),
}

/// Levels of `memory.pressure_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V1Level {
    /// Memory is reclaimed.
    Low,
    /// Some of it is needed again at once, or is swapped.
    Medium,
    /// It is about to run out.
    Critical,
}

/// A registered eventfd of a v1 group; closing it ends the registration.
#[derive(Debug)]
pub struct V1Event {
    event: OwnedFd,
}

impl V1Event {
    /// Registers for `source` of the group folder `group`.
    ///
    /// # Errors
    /// `NotFound`: the group is gone or no v1 group; `EINVAL`: the kernel has no such source (all
    /// of them are missing on `PREEMPT_RT`).
    pub fn register(group: &Path, source: V1Source) -> io::Result<Self> {
        let (name, argument) = match source {
            V1Source::Oom => ("memory.oom_control", String::new()),
            V1Source::Usage(bytes) => ("memory.usage_in_bytes", bytes.to_string()),
            V1Source::Pressure(V1Level::Low) => ("memory.pressure_level", "low".to_owned()),
            V1Source::Pressure(V1Level::Medium) => ("memory.pressure_level", "medium".to_owned()),
            V1Source::Pressure(V1Level::Critical) => {
                ("memory.pressure_level", "critical".to_owned())
            }
        };
        let control = File::open(group.join(name))?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let text = format!("{} {} {argument}", event.as_raw_fd(), control.as_raw_fd());
        let path = group.join("cgroup.event_control");
        File::options().write(true).open(path)?.write_all_at(text.as_bytes(), 0)?;
        Ok(Self { event })
    }

    /// How often it fired since the last call. The removal of the group counts as once.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn take(&self) -> io::Result<u64> {
        let mut count = [0; 8];
        match rustix::io::read(&self.event, &mut count) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// What to wait for.
    #[must_use]
    pub const fn interest() -> PollFlags {
        PollFlags::IN
    }
}

impl AsFd for V1Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// `KEY COUNT` lines; what is not known or no number is passed over.
fn counts(text: &[u8]) -> Counts {
    let mut counts = Counts::default();
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
        let place = match key {
            b"low" => &mut counts.low,
            b"high" => &mut counts.high,
            b"max" => &mut counts.max,
            b"oom" => &mut counts.oom,
            b"oom_kill" => &mut counts.oom_kill,
            b"oom_group_kill" => &mut counts.oom_group_kill,
            _ => continue,
        };
        *place = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    }
    counts
}

const TEXT_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
