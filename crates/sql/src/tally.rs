//! What the threads of a worker count of sessions and commands: a block of words for each thread,
//! summed when the scoreboard is written.
//!
//! A slot of the scoreboard has one writer, so threads count here and one of them posts the sums.
//! Nothing here waits or locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use menshen_base::Counter;
use menshen_sys::Slot;

/// Counters of all threads.
#[derive(Debug)]
pub struct Tally {
    threads: Box<[Block]>,
}

/// One thread's words, in cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
struct Block([AtomicU64; COUNTERS]);

impl Tally {
    /// For so many threads; at least one.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let block = |_| Block([const { AtomicU64::new(0) }; COUNTERS]);
        Self { threads: (0..threads.max(1)).map(block).collect() }
    }

    /// Adds to a counter of the sql door. Others are not counted.
    pub fn add(&self, thread: usize, counter: Counter, amount: u64) {
        if let Some(word) = self.word(thread, counter) {
            word.store(word.load(Relaxed).wrapping_add(amount), Relaxed);
        }
    }

    /// Takes from a gauge, of the thread that added.
    pub fn sub(&self, thread: usize, gauge: Counter, amount: u64) {
        self.add(thread, gauge, amount.wrapping_neg());
    }

    /// The sum over all threads.
    #[must_use]
    pub fn sum(&self, counter: Counter) -> u64 {
        let words = (0..self.threads.len()).filter_map(|thread| self.word(thread, counter));
        words.fold(0, |sum, word| sum.wrapping_add(word.load(Relaxed)))
    }

    /// Writes the sums of the counters kept here to the worker's slot.
    pub fn post(&self, slot: &Slot) {
        for &counter in KEPT {
            slot.set(counter, self.sum(counter));
        }
    }

    fn word(&self, thread: usize, counter: Counter) -> Option<&AtomicU64> {
        let place = (counter as usize).checked_sub(Counter::SqlSessions as usize)?;
        self.threads.get(thread % self.threads.len())?.0.get(place)
    }
}

/// What is kept here; the other counters of the door are the cache's.
const KEPT: &[Counter] = &[
    Counter::SqlSessions,
    Counter::SqlUncached,
    Counter::SqlAccepted,
    Counter::SqlLoginsFailed,
    Counter::SqlUpstreamFailed,
    Counter::SqlCommands,
    Counter::SqlBytesIn,
    Counter::SqlBytesOut,
    Counter::LimitSqlConnections,
    Counter::LimitSqlHandshake,
    Counter::LimitSqlIdle,
    Counter::LimitSqlDrain,
    Counter::LimitSqlResult,
    Counter::LimitSqlInspect,
    Counter::LimitSqlFingerprints,
];

const COUNTERS: usize = Counter::ALL.len() - Counter::SqlSessions as usize;

#[cfg(test)]
mod tests;
