//! A control group of the program's own, both versions: a limit of memory and of processes, and the
//! end of all that is in it.
//!
//! It is made below our own group, or with v2 below the nearest one above it that gives its groups
//! the controllers, since a group with processes cannot (cgroup-v2.rst, no internal processes).
//! Removed when dropped; after a `kill -9` of the supervisor it is left until
//! the next run with limits, which ends what is in it.
//! Fails where groups are not ours to make.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use menshen_sys::cgroup::{Group, Tree, Version};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// The groups of one run: one with v2, one per controller with v1.
#[derive(Debug)]
pub(crate) struct Limits {
    memory: Option<Group>,
    processes: Option<Group>,
    /// `cgroup.procs` of each, open for writing.
    doors: Vec<File>,
}

/// Which limit could not be set, and why.
#[derive(Debug, thiserror::Error)]
#[error("no limit of {what} can be set here")]
pub struct LimitError {
    what: &'static str,
    #[source]
    source: io::Error,
}

impl Limits {
    /// Makes them; `name` is unique.
    pub(crate) fn make(
        name: &str,
        memory_max: Option<u64>,
        processes_max: Option<u64>,
    ) -> Result<Self, LimitError> {
        let mut limits = Self { memory: None, processes: None, doors: Vec::new() };
        if let Some(bytes) = memory_max {
            let failed = |source| LimitError { what: "memory", source };
            let group = child(Tree::memory(), name, "memory").map_err(failed)?;
            limits.memory = Some(group.clone());
            group.set_memory_limit(Some(bytes)).map_err(failed)?;
            // Swapping instead of ending is not what a limit is for; not all kernels count it.
            let _ = group.set_swap_limit(Some(0));
            limits.doors.push(door(&group).map_err(failed)?);
        }
        if let Some(count) = processes_max {
            let failed = |source| LimitError { what: "processes", source };
            let group = child(Tree::processes(), name, "pids").map_err(failed)?;
            let same = limits.memory.as_ref().is_some_and(|m| m.folder() == group.folder());
            limits.processes = Some(group.clone());
            group.write("pids.max", &count.to_string()).map_err(failed)?;
            if !same {
                limits.doors.push(door(&group).map_err(failed)?);
            }
        }
        Ok(limits)
    }

    /// What a process writes `0` to to be in them.
    pub(crate) fn doors(&self) -> Vec<BorrowedFd<'_>> {
        self.doors.iter().map(File::as_fd).collect()
    }

    /// Processes the kernel killed at the limit of memory so far.
    pub(crate) fn memory_kills(&self) -> u64 {
        let events = self.memory.as_ref().and_then(|group| group.memory_events().ok());
        events.map_or(0, |events| events.oom_kill)
    }

    /// Times a process could not be made at the limit of processes so far.
    pub(crate) fn refused_processes(&self) -> u64 {
        let events = self.processes.as_ref().and_then(|group| group.keyed("pids.events").ok());
        events.and_then(|events| events.get("max")).unwrap_or(0)
    }

    /// Sends `SIGKILL` to all that is in them. Gives whether they were empty.
    pub(crate) fn kill_all(&self) -> bool {
        let mut empty = true;
        for group in [&self.memory, &self.processes].into_iter().flatten() {
            let Ok(pids) = group.processes() else { continue };
            if pids.is_empty() {
                continue;
            }
            empty = false;
            if group.version() == Version::V2 && group.write("cgroup.kill", "1").is_ok() {
                continue;
            }
            // Seen in the group once more behind a descriptor: a number may be another's by now.
            let opened = pids.into_iter().filter_map(|pid| {
                let number = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
                match pidfd_open(number, PidfdFlags::empty()) {
                    Ok(process) => Some((pid, process)),
                    // Before Linux 5.3 there is only the number.
                    Err(Errno::NOSYS) => {
                        let _ = kill_process(number, Signal::KILL);
                        None
                    }
                    Err(_) => None,
                }
            });
            let opened: Vec<(u32, OwnedFd)> = opened.take(AT_ONCE_MAX).collect();
            let still: HashSet<u32> = group.processes().unwrap_or_default().into_iter().collect();
            for (_, process) in opened.iter().filter(|(pid, _)| still.contains(pid)) {
                // Gone meanwhile: that is what was wanted.
                let _ = pidfd_send_signal(process, Signal::KILL);
            }
        }
        empty
    }

    /// Lets no more processes be made, so that killing comes to an end; [`Self::open`] undoes it.
    pub(crate) fn close(&self) {
        if let Some(group) = &self.processes {
            let _ = group.write("pids.max", "0");
        }
    }

    /// Lets processes be made again.
    pub(crate) fn open(&self, processes_max: Option<u64>) {
        if let (Some(group), Some(count)) = (&self.processes, processes_max) {
            let _ = group.write("pids.max", &count.to_string());
        }
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        // A process that ended a moment ago still counts for another.
        for _ in 0..REMOVE_TRIES {
            let groups = [&self.memory, &self.processes].into_iter().flatten();
            if groups.filter(|group| group.remove().is_err()).count() == 0 {
                return;
            }
            self.kill_all();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// Makes the group `name` where its controller can be had.
fn child(tree: io::Result<Option<Tree>>, name: &str, controller: &str) -> io::Result<Group> {
    let tree = tree?.ok_or_else(|| {
        let text = format!("no tree of control groups has the controller {controller}");
        io::Error::new(io::ErrorKind::Unsupported, text)
    })?;
    let mut above = tree.group_of(std::process::id())?.unwrap_or_else(|| tree.root());
    if tree.version() == Version::V2 {
        while !gives(&above, controller) {
            let path = above.path().to_vec();
            let Some(slash) = path.iter().rposition(|byte| *byte == b'/').filter(|_| path != b"/")
            else {
                let text =
                    format!("no group above us gives its groups the controller {controller}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            };
            above = tree.group(if slash == 0 { b"/" } else { &path[..slash] })?;
        }
    }
    sweep(&above);
    let group = above.child(name.as_bytes())?;
    group.create()?;
    Ok(group)
}

/// Ends and removes groups of runs whose supervisor is gone without a word.
fn sweep(above: &Group) {
    for group in above.children().unwrap_or_default() {
        let name = group.folder().file_name().unwrap_or_default().to_string_lossy();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('-'));
        let Some(pid) = pid.and_then(|(_, pid)| pid.parse::<u32>().ok()) else { continue };
        // A number that was given away again leaves the group for another time.
        if menshen_sys::proc::Stat::read(pid).is_err() {
            drop(Limits { memory: Some(group), processes: None, doors: Vec::new() });
        }
    }
}

fn gives(group: &Group, controller: &str) -> bool {
    let given = group.read("cgroup.subtree_control", 4096).unwrap_or_default();
    given.split(u8::is_ascii_whitespace).any(|name| name == controller.as_bytes())
}

fn door(group: &Group) -> io::Result<File> {
    File::options().write(true).open(group.folder().join("cgroup.procs"))
}

/// What names of groups begin with; the supervisor's process id is their end.
pub(crate) const PREFIX: &str = "menshen-run-";

/// Processes ended in one go; callers come again until the group is empty.
const AT_ONCE_MAX: usize = 256;
const REMOVE_TRIES: usize = 100;
