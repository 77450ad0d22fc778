//! What was done and what was wrong, from all clients together.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    /// Uploads that were acknowledged as whole.
    Uploads,
    /// Requests of any kind.
    Requests,
    /// Requests with bytes that were acknowledged.
    Pieces,
    /// Offsets that were told, and compared with those told before.
    Offsets,
    /// Of them in interim answers.
    Interims,
    /// Uploads that went on at another door than before.
    Takeovers,
    /// Answers 503.
    Unavailable,
    /// Answers 409.
    Conflicts,
    /// Connections nobody took.
    Refused,
    /// Requests whose connection ended before the answer.
    Lost,
    /// Requests that were given up since nothing moved.
    Silent,
    /// Creations of which nobody knows whether they came about.
    UnclearCreations,
    /// Answers asked for once more, at another door, and given again.
    Replays,
    /// Files read whole from a door, and alike.
    DoorReads,
    /// Files read whole from the bucket, and alike.
    BucketReads,
    /// Files that were removed once they were compared, to save space.
    Removed,
}

const NAMES: [&str; 16] = [
    "uploads",
    "requests",
    "pieces",
    "offsets",
    "interims",
    "takeovers",
    "answers_503",
    "answers_409",
    "connections_refused",
    "requests_cut",
    "requests_silent",
    "creations_unclear",
    "replays",
    "door_reads",
    "bucket_reads",
    "removed",
];

/// Counts, and what was wrong.
#[derive(Debug, Default)]
pub struct Counts {
    counts: [AtomicU64; NAMES.len()],
    /// Longest time without an acknowledged byte of one upload, milliseconds.
    pause_ms: AtomicU64,
    violations: AtomicU64,
    shown: Mutex<Vec<String>>,
}

impl Counts {
    /// One more.
    pub fn add(&self, count: Count) {
        self.counts[count as usize].fetch_add(1, Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Relaxed)
    }

    /// An upload got on after so long.
    pub fn paused(&self, pause: Duration) {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.pause_ms.fetch_max(pause, Relaxed);
    }

    /// Something that must never be.
    pub fn violation(&self, what: String) {
        self.violations.fetch_add(1, Relaxed);
        let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if shown.len() < SHOWN_MAX {
            shown.push(what);
        }
    }

    /// How many of those.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations.load(Relaxed)
    }

    /// Everything as JSON.
    #[must_use]
    pub fn told(&self) -> Value {
        let mut told = json!({});
        for (name, count) in NAMES.iter().zip(&self.counts) {
            told[*name] = count.load(Relaxed).into();
        }
        told["longest_pause_ms"] = self.pause_ms.load(Relaxed).into();
        told["violations"] = self.violations().into();
        let shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        told["shown"] = shown.clone().into();
        told
    }
}

/// Violations that are told in words.
const SHOWN_MAX: usize = 40;
