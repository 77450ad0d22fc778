//! Counters of the sql door: one padded block of words a thread, summed when read.
//!
//! What `SHOW STATUS LIKE 'Qcache%'` shows is here true to the server's meaning
//! (`sql/sql_cache.cc`): hits, inserts, not_cached and lowmem_prunes fall to zero at `FLUSH
//! STATUS`. Nothing here ever waits or locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is counted by events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Event {
    /// Replies served from the cache, `Qcache_hits`.
    Hit,
    /// Replies stored, and those given up in the middle as too long, `Qcache_inserts`.
    Insert,
    /// SELECTs that were not stored though the cache was asked, `Qcache_not_cached`.
    NotCached,
    /// Entries that held and were evicted for room, `Qcache_lowmem_prunes`.
    Prune,
    /// Lookups that gave nothing.
    Miss,
    /// Lookups that ended at a write in flight.
    Pending,
    /// Entries dropped because a table had changed.
    StaleDrop,
    /// Entries dropped because they were older than the time bound.
    ExpiredDrop,
    /// Fills given up: too long, no room, overtaken by a write, or the client's end.
    FillLost,
    /// Accounts whose rights were asked of the server.
    Verify,
    /// Slots bumped by writes, this door's own and foreign ones.
    Invalidation,
    /// Hits that a snapshot was compared for, inside of transactions.
    SnapshotHit,
    /// Bytes of replies served from the cache.
    HitBytes,
}

/// Counters of all threads.
#[derive(Debug)]
pub struct Counters {
    threads: Box<[Block]>,
    /// What the sums were at the last `FLUSH STATUS`.
    flushed: [AtomicU64; EVENTS],
}

/// One thread's words, in cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Block {
    events: [AtomicU64; EVENTS],
    refusals: [AtomicU64; REFUSALS_MAX],
}

impl Counters {
    /// For so many threads; at least one.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            threads: (0..threads.max(1)).map(|_| Block::new()).collect(),
            flushed: [const { AtomicU64::new(0) }; EVENTS],
        }
    }

    /// Counts one. Numbers past the last thread wrap around.
    pub fn count(&self, thread: usize, event: Event) {
        self.add(thread, event, 1);
    }

    /// Counts more.
    pub fn add(&self, thread: usize, event: Event, amount: u64) {
        let block = &self.threads[thread % self.threads.len()];
        block.events[event as usize].fetch_add(amount, Relaxed);
    }

    /// A statement was not cacheable for the reason in this row of the judge's table.
    pub fn refused(&self, thread: usize, row: usize) {
        let block = &self.threads[thread % self.threads.len()];
        block.refusals[row.min(REFUSALS_MAX - 1)].fetch_add(1, Relaxed);
    }

    /// The sum over all threads.
    #[must_use]
    pub fn sum(&self, event: Event) -> u64 {
        self.threads.iter().map(|block| block.events[event as usize].load(Relaxed)).sum()
    }

    /// The sum since the last [`Self::flush_status`].
    #[must_use]
    pub fn since_flush(&self, event: Event) -> u64 {
        self.sum(event).saturating_sub(self.flushed[event as usize].load(Relaxed))
    }

    /// `FLUSH STATUS`: what the server would zero counts from here. Sums go on, for `/metrics`.
    pub fn flush_status(&self) {
        for event in [Event::Hit, Event::Insert, Event::NotCached, Event::Prune] {
            self.flushed[event as usize].store(self.sum(event), Relaxed);
        }
    }

    /// How often the reason in this row of the judge's table was given.
    #[must_use]
    pub fn refusals(&self, row: usize) -> u64 {
        let row = row.min(REFUSALS_MAX - 1);
        self.threads.iter().map(|block| block.refusals[row].load(Relaxed)).sum()
    }
}

impl Block {
    fn new() -> Self {
        Self {
            events: [const { AtomicU64::new(0) }; EVENTS],
            refusals: [const { AtomicU64::new(0) }; REFUSALS_MAX],
        }
    }
}

/// Reasons there is room for; later ones share the last word.
pub const REFUSALS_MAX: usize = 96;

const EVENTS: usize = Event::HitBytes as usize + 1;

#[cfg(test)]
mod tests;
