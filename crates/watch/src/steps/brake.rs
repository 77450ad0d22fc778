//! The brake: named groups may not use more than they do now (`memory.high` of cgroup v2). They are
//! slowed down and their memory is taken back; nobody is killed for it (cgroup-v2.rst).
//!
//! How it fails: without cgroup v2 or the right nothing is braked, which is said once. A braked
//! program waits, in state D, until the brake is let go: at the end of the step, of the watch, or
//! at the start of the next one. A program that somebody waits for makes those wait too, which is
//! why groups have to be named.

use std::collections::BTreeSet;

use menshen_sys::cgroup::{Group, Tree};

use super::journal::Journal;
use crate::log::Log;

/// The groups that may be braked.
#[derive(Debug)]
pub(crate) struct Brake {
    paths: Vec<String>,
    tree: Option<Tree>,
    /// Groups that were complained of.
    said: BTreeSet<String>,
    log: Log,
}

impl Brake {
    /// With the groups of the configuration.
    pub(crate) fn new(paths: &[String], log: Log) -> Self {
        let tree = if paths.is_empty() { None } else { Tree::unified().ok().flatten() };
        if tree.is_none() && !paths.is_empty() {
            log("brake: no control groups of version 2 are mounted here, nothing will be braked");
        }
        Self { paths: paths.to_vec(), tree, said: BTreeSet::new(), log }
    }

    /// Whether there is anything to brake.
    pub(crate) fn is_possible(&self) -> bool {
        self.tree.is_some()
    }

    /// Holds all groups at what they use now.
    pub(crate) fn pull(&mut self, journal: &mut Journal) {
        let Some(tree) = self.tree.clone() else { return };
        for path in self.paths.clone() {
            if journal.set().high.contains_key(&path) {
                continue;
            }
            let pulled = tree.group(path.as_bytes()).and_then(|group| pull(&group, &path, journal));
            match pulled {
                Ok(bytes) => {
                    let bytes = menshen_guard_core::ladder::Bytes(bytes);
                    (self.log)(&format!("brake: {path} may use {bytes} and no more"));
                }
                Err(error) => {
                    if self.said.insert(path.clone()) {
                        (self.log)(&format!("brake: {path} cannot be braked: {error}"));
                    }
                }
            }
        }
    }

    /// Gives all groups what they had.
    pub(crate) fn let_go(&self, journal: &mut Journal) {
        let Some(tree) = &self.tree else { return };
        for (path, high) in journal.set().high.clone() {
            let free = tree.group(path.as_bytes()).and_then(|group| {
                let gone = !group.folder().exists();
                if gone { Ok(()) } else { group.set_memory_high(high) }
            });
            match free {
                // Kept in the file when it could not be taken back: the next watch tries again.
                Ok(()) => {
                    let _ = journal.change(|set| {
                        set.high.remove(&path);
                    });
                    (self.log)(&format!("brake: {path} is free again"));
                }
                Err(error) => (self.log)(&format!("brake: {path} stays braked: {error}")),
            }
        }
    }
}

/// Below what it uses the kernel would take memory back at once; at that value growth stops. What
/// starts in an empty group gets enough to start with.
fn pull(group: &Group, path: &str, journal: &mut Journal) -> std::io::Result<u64> {
    let before = group.memory_high()?;
    let used = group.memory_usage()?;
    let high = used.max(BRAKE_BYTES_MIN).min(before.unwrap_or(u64::MAX));
    journal.change(|set| {
        set.high.insert(path.to_owned(), before);
    })?;
    if let Err(error) = group.set_memory_high(Some(high)) {
        let _ = journal.change(|set| {
            set.high.remove(path);
        });
        return Err(error);
    }
    Ok(high)
}

/// A braked group may use this much at least, bytes: a small program can start in it and end.
const BRAKE_BYTES_MIN: u64 = 4 << 20;
