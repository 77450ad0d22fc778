//! The processes a program has left behind: as we are a child subreaper, all that descends from it
//! descends from us.
//!
//! Found by their parents in `/proc`, so a pid is never taken for another's: none of ours can be
//! given away before we have waited for it, and deeper ones are looked up anew each time.

use std::collections::HashMap;

use menshen_sys::proc::{self, Stat};
use rustix::process::{Pid, Signal, kill_process};

/// A process below us.
#[derive(Debug, Clone)]
pub(crate) struct Orphan {
    pub(crate) pid: u32,
    /// Foreign bytes.
    pub(crate) name: Vec<u8>,
}

/// All processes below us that have not ended.
pub(crate) fn below_us() -> Vec<Orphan> {
    let own = std::process::id();
    let mut children: HashMap<u32, Vec<Stat>> = HashMap::new();
    for stat in proc::pids().unwrap_or_default().into_iter().filter_map(|p| Stat::read(p).ok()) {
        children.entry(stat.parent).or_default().push(stat);
    }
    let (mut found, mut above) = (Vec::new(), vec![own]);
    while let Some(pid) = above.pop() {
        for stat in children.remove(&pid).unwrap_or_default() {
            above.push(stat.pid);
            if stat.state != b'Z' {
                found.push(Orphan { pid: stat.pid, name: stat.name });
            }
        }
    }
    found
}

/// Pids of the program and of what it has started, nearest first, [`NEAR_MAX`] at most; cheap
/// where the kernel has `/proc/PID/task/TID/children`.
pub(crate) fn near(program: u32) -> Vec<u32> {
    let mut found = vec![program];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        let file = format!("task/{pid}/children");
        let text = proc::read(pid, &file, 4096).unwrap_or_default();
        for word in text.split(u8::is_ascii_whitespace) {
            let child = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u32>().ok());
            if found.len() < NEAR_MAX {
                found.extend(child);
            }
        }
    }
    found
}

/// Sends a signal to each.
pub(crate) fn signal(orphans: &[Orphan], signal: Signal) {
    for orphan in orphans {
        if let Some(pid) = i32::try_from(orphan.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

const NEAR_MAX: usize = 16;
