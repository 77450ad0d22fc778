//! Whether the cache may be used at this moment: one word.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whether the cache may be used at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// No hits, no fills.
    Closed,
    /// Hits and fills.
    Open,
    /// Hits of entries that are younger than this, and fills.
    Young(Duration),
}

/// A gate that all threads see. Closed at first.
#[derive(Debug, Default)]
pub(super) struct GateCell(AtomicU64);

impl GateCell {
    pub(super) fn get(&self) -> Gate {
        match self.0.load(Ordering::SeqCst) {
            0 => Gate::Closed,
            u64::MAX => Gate::Open,
            millis => Gate::Young(Duration::from_millis(millis)),
        }
    }

    pub(super) fn set(&self, gate: Gate) {
        let word = match gate {
            Gate::Closed => 0,
            Gate::Open => u64::MAX,
            Gate::Young(age) => u64::try_from(age.as_millis()).unwrap_or(u64::MAX - 1),
        };
        self.0.store(word, Ordering::SeqCst);
    }
}
