//! The bytes of the cache: one sum that never passes the size, and making room.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

use menshen_sql_core::store::{Line, Shard};
use menshen_sql_core::versions::Held;

use super::{Cache, Leave, SHARDS};

/// Sums over all shards.
#[derive(Debug)]
pub(super) struct Room {
    /// What is charged now.
    used: AtomicU64,
    /// What nobody may go beyond; lower than `size` while the cache is made smaller.
    limit: AtomicU64,
    size: AtomicU64,
    pub(super) entries: AtomicU64,
    /// The order of all queues.
    queued: AtomicU64,
    small_tails: Box<[AtomicU64]>,
    main_tails: Box<[AtomicU64]>,
    small_bytes: Box<[AtomicU64]>,
    /// Where the search for stale entries goes on.
    hand: AtomicUsize,
    /// What the server's allocator would have: gaps left by entries, and replies in two pieces.
    gaps: AtomicU64,
    /// The gap made last.
    gap_bytes: AtomicU64,
    splits: AtomicU64,
}

impl Room {
    pub(super) fn new(size: u64, shards: usize) -> Self {
        let words = |value| (0..shards).map(|_| AtomicU64::new(value)).collect();
        Self {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(size),
            size: AtomicU64::new(size),
            entries: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            small_tails: words(u64::MAX),
            main_tails: words(u64::MAX),
            small_bytes: words(0),
            hand: AtomicUsize::new(0),
            gaps: AtomicU64::new(0),
            gap_bytes: AtomicU64::new(0),
            splits: AtomicU64::new(0),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(SeqCst)
    }

    pub(super) fn queue(&self) -> u64 {
        self.queued.fetch_add(1, Relaxed)
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, SeqCst);
    }

    pub(super) fn publish(&self, number: usize, shard: &Shard) {
        let tails = shard.tails();
        self.small_tails[number].store(tails.small, Relaxed);
        self.main_tails[number].store(tails.main, Relaxed);
        self.small_bytes[number].store(shard.small_bytes(), Relaxed);
    }

    /// A reply is stored: it fills a gap, or what the gap is too small for goes elsewhere.
    pub(super) fn entry_came(&self, charge: u64) -> bool {
        let had_gap = self.gaps.fetch_update(SeqCst, SeqCst, |gaps| gaps.checked_sub(1)).is_ok();
        let split = had_gap && charge > self.gap_bytes.load(SeqCst);
        if split {
            self.splits.fetch_add(1, SeqCst);
        }
        split
    }

    /// Entries are gone, of which so many lay in pieces; `charge` is that of the last.
    pub(super) fn entries_left(&self, count: u64, splits: u64, charge: u64) {
        self.gap_bytes.store(charge, SeqCst);
        if splits > 0 {
            let less = |all: u64| Some(all.saturating_sub(splits));
            let _ = self.splits.fetch_update(SeqCst, SeqCst, less);
        }
        let left = self.entries.fetch_sub(count, Relaxed) - count;
        // Gaps lie between entries: neighbours grow together.
        let _ = self.gaps.fetch_update(SeqCst, SeqCst, |gaps| Some((gaps + count).min(left)));
    }

    /// Gaps and split replies, as the server's allocator would have them.
    pub(super) fn fragments(&self) -> (u64, u64) {
        (self.gaps.load(SeqCst), self.splits.load(SeqCst))
    }

    pub(super) fn defragment(&self) {
        self.gaps.store(0, SeqCst);
        self.splits.store(0, SeqCst);
    }

    fn try_take(&self, bytes: u64) -> bool {
        let limit = self.limit.load(SeqCst);
        let take = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.used.fetch_update(SeqCst, SeqCst, take).is_ok()
    }

    /// The queue whose turn it is, and the shard with its oldest entry.
    fn next_out(&self) -> Option<(usize, Line)> {
        let small: u64 = self.small_bytes.iter().map(|bytes| bytes.load(Relaxed)).sum();
        let oldest = |tails: &[AtomicU64]| {
            let all = tails.iter().map(|tail| tail.load(Relaxed)).enumerate();
            all.min_by_key(|(_, tail)| *tail).filter(|(_, tail)| *tail != u64::MAX)
        };
        let in_small = || oldest(&self.small_tails).map(|(number, _)| (number, Line::Small));
        let in_main = || oldest(&self.main_tails).map(|(number, _)| (number, Line::Main));
        if small * SMALL_PART > self.used() {
            in_small().or_else(in_main)
        } else {
            in_main().or_else(in_small)
        }
    }
}

impl Cache {
    /// Takes bytes of the size, evicting what must go; `false`: there is no room.
    pub(super) fn take(&self, thread: usize, bytes: u64) -> bool {
        let mut evicted = 0;
        loop {
            if self.room.try_take(bytes) {
                return true;
            }
            if bytes > self.room.limit.load(SeqCst) {
                return false;
            }
            let stale = self.drop_some_stale(thread);
            if stale == 0 && self.evict_one(thread) == 0 {
                return false;
            }
            evicted += 1;
            // Only others who take all room at once could make this many rounds.
            if evicted > ROUNDS_MAX {
                return false;
            }
        }
    }

    /// Makes the cache larger or smaller; entries stay as far as they fit. Until enough is evicted
    /// the old size is shown, so the sum is never above it.
    pub fn resize(&self, thread: usize, bytes_max: u64) {
        self.room.limit.store(bytes_max, SeqCst);
        if bytes_max < self.room.size() {
            self.shrink_to(thread, bytes_max);
            if self.room.used() > bytes_max {
                self.abandon_fills();
            }
            // Fills that are just becoming entries have their bytes still; it takes microseconds.
            while self.room.used() > bytes_max && self.room.limit.load(SeqCst) == bytes_max {
                self.shrink_to(thread, bytes_max);
                std::thread::yield_now();
            }
        }
        self.room.size.store(self.room.limit.load(SeqCst), SeqCst);
    }

    /// `RESET QUERY CACHE`: everything out, fills in flight included; shard by shard.
    pub fn reset(&self, thread: usize) {
        for number in 0..SHARDS {
            let mut part = self.part_number(number);
            let filling = std::mem::take(&mut part.filling);
            let gone = part.entries.clear();
            self.room.publish(number, &part.entries);
            drop(part);
            for fill in filling {
                self.room.give_back(fill.abandon());
            }
            self.leave(thread, gone, Leave::Emptied);
        }
        self.room.defragment();
    }

    /// `FLUSH QUERY CACHE`: nothing lies in pieces any more. Frees unused places too.
    pub fn flush(&self) {
        for number in 0..SHARDS {
            self.part_number(number).entries.tighten();
        }
        self.room.defragment();
    }

    /// Drops every entry whose tables changed, shard by shard; how many.
    pub fn sweep(&self, thread: usize) -> u64 {
        (0..SHARDS).map(|number| self.sweep_shard(thread, number)).sum()
    }

    /// How many shards there are, for who wants to sweep a few at a time.
    #[must_use]
    pub fn shards(&self) -> usize {
        SHARDS
    }

    /// [`Self::sweep`] of one shard.
    pub fn sweep_shard(&self, thread: usize, number: usize) -> u64 {
        let number = number % SHARDS;
        let mut part = self.part_number(number);
        part.entries.sweep_from_start();
        let stale = part.entries.sweep(&self.versions, usize::MAX).stale;
        if stale.is_empty() {
            return 0;
        }
        self.room.publish(number, &part.entries);
        drop(part);
        let count = stale.len() as u64;
        self.leave(thread, stale, Leave::Stale);
        count
    }

    /// Memory is short: drops what is stale and the less useful half of the rest; bytes that are
    /// free then. The size stays.
    pub fn shrink(&self, thread: usize) -> u64 {
        let before = self.room.used();
        self.sweep(thread);
        self.shrink_to(thread, self.room.used() / 2);
        for number in 0..SHARDS {
            self.part_number(number).entries.tighten();
        }
        before.saturating_sub(self.room.used())
    }

    fn shrink_to(&self, thread: usize, bytes: u64) {
        while self.room.used() > bytes {
            if self.drop_some_stale(thread) == 0 && self.evict_one(thread) == 0 {
                return;
            }
        }
    }

    /// Evicts the least useful entry; bytes. Gives warm ones their next round, as many as it meets.
    fn evict_one(&self, thread: usize) -> u64 {
        for step in 0..STEPS_MAX {
            let Some((number, line)) = self.room.next_out() else { return 0 };
            let mut part = self.part_number(number);
            let gone = if step + 1 == STEPS_MAX {
                part.entries.force_out(line)
            } else {
                part.entries.evict(line, || self.room.queue())
            };
            self.room.publish(number, &part.entries);
            drop(part);
            if let Some(entry) = gone {
                let stale =
                    matches!(self.versions.held(entry.at(), entry.slots()), Held::Changed(_));
                let why = if stale { Leave::Stale } else { Leave::Pruned };
                return self.leave(thread, [entry], why);
            }
        }
        0
    }

    /// Looks at a few entries, going on where it stopped; bytes of the stale ones it dropped.
    fn drop_some_stale(&self, thread: usize) -> u64 {
        let (mut freed, mut seen) = (0, 0);
        let few = self.room.entries.load(Relaxed) <= STALE_LOOKS_OF_FEW as u64;
        let looks = if few { STALE_LOOKS_OF_FEW } else { STALE_LOOKS };
        for _ in 0..SHARDS {
            let number = self.room.hand.load(Relaxed) % SHARDS;
            let mut part = self.part_number(number);
            let swept = part.entries.sweep(&self.versions, looks - seen);
            self.room.publish(number, &part.entries);
            drop(part);
            seen += swept.seen;
            freed += self.leave(thread, swept.stale, Leave::Stale);
            if seen >= looks {
                break;
            }
            self.room.hand.store(number + 1, Relaxed);
            if freed > 0 {
                break;
            }
        }
        freed
    }

    fn abandon_fills(&self) {
        for number in 0..SHARDS {
            let filling = std::mem::take(&mut self.part_number(number).filling);
            for fill in filling {
                self.room.give_back(fill.abandon());
            }
        }
    }
}

/// The small queue has a tenth of the bytes.
const SMALL_PART: u64 = 10;
/// Warm entries met on the way to one that goes; then the next goes however warm.
const STEPS_MAX: u32 = 256;
/// Entries looked at for stale ones before a good one is evicted: some microseconds of a fill.
const STALE_LOOKS: usize = 64;
/// With no more entries than this all are looked at.
const STALE_LOOKS_OF_FEW: usize = 512;
/// Evictions for one request of room.
const ROUNDS_MAX: u32 = 1 << 20;
