//! Immunity by mistake: `oom_score_adj` is inherited by fork and kept by exec, so what a daemon set
//! for itself reaches whatever it starts, unless it puts the old value back.
//!
//! Only the present parents are seen: who was orphaned has PID 1 as its parent, and where its value
//! came from can no longer be told.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Candidate, Census, Standing};

/// A process whose protection looks inherited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inherited {
    /// The process: a place in [`Census::candidates`].
    pub candidate: usize,
    /// The nearest ancestor that protects itself, or the farthest with the same value.
    pub from: usize,
    /// Whether `from` is a program known to protect itself.
    pub known: bool,
}

/// Who has a protection of its parent's that was not meant for it: the same adj of -500 or less as
/// its parent, which is another program. Programs known to protect themselves are left out.
#[must_use]
pub fn inherited(census: &Census) -> Vec<Inherited> {
    let by_pid: BTreeMap<u32, usize> =
        census.candidates.iter().enumerate().map(|(at, c)| (c.pid, at)).collect();
    let mut found = Vec::new();
    for (place, candidate) in census.candidates.iter().enumerate() {
        let counted = matches!(candidate.standing, Standing::Ordinary | Standing::VforkChild);
        if !counted || candidate.adj > ADJ_PROTECTED || protects_itself(&candidate.name) {
            continue;
        }
        if let Some((from, known)) = source(census, &by_pid, candidate) {
            found.push(Inherited { candidate: place, from, known });
        }
    }
    found
}

/// Whether a program of this name lowers its own score on purpose and puts it back for others.
#[must_use]
pub fn protects_itself(name: &[u8]) -> bool {
    SELF_PROTECTORS.iter().any(|known| known.as_bytes() == name)
}

fn source(
    census: &Census,
    by_pid: &BTreeMap<u32, usize>,
    candidate: &Candidate,
) -> Option<(usize, bool)> {
    let mut farthest = None;
    let mut parent = candidate.parent;
    for _ in 0..DEPTH_MAX {
        let Some((place, above)) =
            by_pid.get(&parent).and_then(|place| Some((*place, census.candidates.get(*place)?)))
        else {
            break;
        };
        if above.adj != candidate.adj {
            break;
        }
        if protects_itself(&above.name) {
            return Some((place, true));
        }
        farthest = Some((place, above));
        parent = above.parent;
    }
    // A daemon's own children of the same name are the daemon.
    farthest.filter(|(_, above)| above.name != candidate.name).map(|(place, _)| (place, false))
}

/// Scores up to this are a protection; -250 and the like are a preference.
const ADJ_PROTECTED: i32 = -500;
/// Ancestors looked at.
const DEPTH_MAX: usize = 64;
/// Names (15 bytes) of programs that set a low score for themselves, or whose distribution does.
const SELF_PROTECTORS: &[&str] = &[
    "sshd",
    "systemd-udevd",
    "udevd",
    "(udev-worker)",
    "auditd",
    "multipathd",
    "dmeventd",
    "lvmetad",
    "iscsid",
    "iscsiuio",
    "mdmon",
    "corosync",
    "sbd",
    "containerd",
    "containerd-shim",
    "dockerd",
    "kubelet",
    "menshen",
];
