//! One register: what was sent, what was acknowledged and when, what was seen.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Which way writes go; it decides what a reader through the door may still see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Through the door: never older than acknowledged, never older than anybody has seen.
    Door,
    /// Straight to the server: never older than what was acknowledged this long ago.
    Direct(Duration),
}

/// The state of one register.
#[derive(Debug)]
pub struct Register {
    side: Side,
    sent: AtomicI64,
    acknowledged: AtomicI64,
    /// Largest value that a finished read gave.
    seen: AtomicI64,
    /// Acknowledgements of the last seconds, oldest first.
    recent: Mutex<VecDeque<(i64, Instant)>>,
}

/// What a read may give at least, taken before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    least: i64,
    /// Newest value acknowledged when the read began.
    newest: i64,
    begun: Instant,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// Older than allowed: read, and what it had to be at least.
    Stale(i64, i64),
    /// A value nobody wrote, or none at all.
    Invented(Option<i64>),
}

impl Register {
    /// A register with value 0.
    #[must_use]
    pub fn new(side: Side) -> Self {
        let zero = || AtomicI64::new(0);
        let recent = Mutex::new(VecDeque::new());
        Self { side, sent: zero(), acknowledged: zero(), seen: zero(), recent }
    }

    /// Before `value` is written.
    pub fn sending(&self, value: i64) {
        self.sent.store(value, SeqCst);
    }

    /// After its writer was told that it is written.
    pub fn acknowledged(&self, value: i64) {
        if let Side::Direct(bound) = self.side {
            let mut recent = lock(&self.recent);
            recent.push_back((value, Instant::now()));
            // One older than the bound stays: it is what must be seen.
            while recent.get(1).is_some_and(|(_, at)| at.elapsed() > bound + KEEP) {
                recent.pop_front();
            }
        }
        self.acknowledged.store(value, SeqCst);
    }

    /// Before a read is sent.
    #[must_use]
    pub fn floor(&self) -> Floor {
        let begun = Instant::now();
        let newest = self.acknowledged.load(SeqCst);
        let least = match self.side {
            Side::Door => newest.max(self.seen.load(SeqCst)),
            Side::Direct(bound) => {
                let recent = lock(&self.recent);
                let old = recent.iter().rev().find(|(_, at)| begun.duration_since(*at) >= bound);
                old.map_or(0, |(value, _)| *value)
            }
        };
        Floor { least, newest, begun }
    }

    /// Judges what the read gave; `age` is how long the value had been out of date when the read
    /// began, zero if it was the newest.
    pub fn judge(&self, floor: Floor, value: Option<i64>) -> Result<Duration, Violation> {
        let Some(read) = value else { return Err(Violation::Invented(None)) };
        if read < floor.least {
            return Err(Violation::Stale(read, floor.least));
        }
        if read > self.sent.load(SeqCst) {
            return Err(Violation::Invented(value));
        }
        self.seen.fetch_max(read, SeqCst);
        if read >= floor.newest {
            return Ok(Duration::ZERO);
        }
        let recent = lock(&self.recent);
        let next = recent.iter().find(|(value, _)| *value > read);
        Ok(next.map_or(Duration::ZERO, |(_, at)| floor.begun.saturating_duration_since(*at)))
    }
}

/// A lock that a panicking thread held is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How much longer than the bound acknowledgements are remembered, to tell ages.
const KEEP: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
