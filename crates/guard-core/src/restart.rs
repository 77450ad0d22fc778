//! When a worker that ended by itself is started again: at once the first time, later and later
//! when it keeps ending, and as if new after a healthy minute.
//!
//! This module never starts anything; it only names the moment.

use core::time::Duration;

/// The record of one worker's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestartRecord {
    failures: usize,
}

impl RestartRecord {
    /// A place without failures.
    #[must_use]
    pub const fn new() -> Self {
        Self { failures: 0 }
    }

    /// Notes that the worker ended by itself after it had `lived`, and tells how long to wait
    /// before it is started again.
    pub fn ended(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY_AFTER {
            self.failures = 0;
        }
        let wait = WAITS[self.failures.min(WAITS.len() - 1)];
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Ends in a row, without a healthy minute in between.
    #[must_use]
    pub const fn failures(&self) -> usize {
        self.failures
    }

    /// Whether a door that never opened is to be given up after so many failures.
    #[must_use]
    pub const fn hopeless_at_start(&self) -> bool {
        self.failures >= START_TRIES_MAX
    }
}

/// A worker that lived this long has forgotten its earlier ends.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// Starts of one worker before a door that never opened is given up.
pub const START_TRIES_MAX: usize = 3;

/// The wait after the first, second, … end in a row; the last one for all further ones.
pub const WAITS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

#[cfg(test)]
mod tests;
