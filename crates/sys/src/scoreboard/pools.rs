//! What the scoreboard says of PHP pools: how many requests are with a pool, how many wait, and how
//! much of the pool others hold. Admission over all worker processes stands on these words.
//!
//! **Crash-safe by construction.** Each worker writes only the words of its own slot, by plain
//! stores; sums count only slots whose worker lives ([`SlotState::Starting`], `Ready`,
//! `Draining`). The guard marks the slot of a worker it has collected as `Ended`, and a new worker
//! begins with zeros, so what a dead worker held is free without anybody giving it back. There is
//! no shared counter that a crash could leave wrong, and no lock.
//!
//! **Order.** A worker enters by storing its own word and then reading all the others; another does
//! the same at the same time. Both must not miss each other's store, which is the store-then-load
//! pattern that acquire and release do not cover: these words are stored and loaded with `SeqCst`.
//! The same holds for "free a place, then look whether somebody waits" against "say that one waits,
//! then look for a place". Everything one decision needs of a slot is in one word, so it is never
//! seen half updated.
//!
//! The words lie pool by pool, apart from the slots: a sum reads 16 cache lines in a row instead of
//! one page per slot.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::{
    PAGE_WORDS, SLOTS_MAX, ScoreView, Scoreboard, Slot, SlotState, load_bytes, store_bytes,
};

/// Most PHP pools at once.
pub const POOLS_MAX: usize = 8;

/// Longest name of a pool shown, bytes.
pub const NAME_BYTES: usize = (POOL_WORDS - NAME - 1) * 8;

/// What one worker, or all together, have with a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// Requests that hold a place, deliveries included.
    pub in_flight: u16,
    /// Deliveries among them.
    pub deliveries: u16,
    /// Requests that wait for a place and are no deliveries.
    pub waiting_pages: u16,
    /// Deliveries that wait.
    pub waiting_deliveries: u16,
}

/// A pool as read from the scoreboard.
#[derive(Debug, Clone)]
pub struct PoolView {
    /// Its place, below [`POOLS_MAX`].
    pub place: usize,
    /// Its address, cut to [`NAME_BYTES`]; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Its worker processes.
    pub limit: u32,
    /// Those of them that are busy with what no living worker has in flight.
    pub strangers: u32,
    /// All living workers together.
    pub load: PoolLoad,
    /// Requests admitted by living workers since each began.
    pub admitted: u64,
}

impl PoolLoad {
    /// Requests that wait.
    #[must_use]
    pub const fn waiting(self) -> u32 {
        self.waiting_pages as u32 + self.waiting_deliveries as u32
    }

    /// Field by field, at most what fits.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            in_flight: self.in_flight.saturating_add(other.in_flight),
            deliveries: self.deliveries.saturating_add(other.deliveries),
            waiting_pages: self.waiting_pages.saturating_add(other.waiting_pages),
            waiting_deliveries: self.waiting_deliveries.saturating_add(other.waiting_deliveries),
        }
    }

    /// Field by field, at least zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            in_flight: self.in_flight.saturating_sub(other.in_flight),
            deliveries: self.deliveries.saturating_sub(other.deliveries),
            waiting_pages: self.waiting_pages.saturating_sub(other.waiting_pages),
            waiting_deliveries: self.waiting_deliveries.saturating_sub(other.waiting_deliveries),
        }
    }

    fn word(self) -> u64 {
        [self.waiting_deliveries, self.waiting_pages, self.deliveries, self.in_flight]
            .iter()
            .fold(0, |word, &field| word << 16 | u64::from(field))
    }

    fn of(word: u64) -> Self {
        // Each shift leaves at most the 16 bits taken.
        let field = |place: u32| u16::try_from(word >> (16 * place) & 0xffff).unwrap_or(0);
        Self {
            in_flight: field(0),
            deliveries: field(1),
            waiting_pages: field(2),
            waiting_deliveries: field(3),
        }
    }
}

impl Scoreboard {
    /// Shows a pool at `place`: its address and its worker processes. An empty name removes it.
    /// A pool of another name begins without strangers.
    pub fn set_pool(&self, place: usize, name: &str, limit: u32) {
        let words = self.view.pool_words(place);
        let mut end = name.len().min(NAME_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let name = &name.as_bytes()[..end];
        if load_bytes(&words[NAME..]) != name {
            words[STRANGERS].store(0, SeqCst);
        }
        store_bytes(&words[NAME..], name);
        words[LIMIT].store(u64::from(limit), SeqCst);
    }

    /// Says how many of the pool's processes are busy with what no worker of ours has in flight.
    pub fn set_pool_strangers(&self, place: usize, strangers: u32) {
        self.view.pool_words(place)[STRANGERS].store(u64::from(strangers), SeqCst);
    }
}

impl ScoreView {
    /// Worker processes of a pool; 0 where none is shown.
    #[must_use]
    pub fn pool_limit(&self, place: usize) -> u32 {
        u32::try_from(self.pool_words(place)[LIMIT].load(SeqCst)).unwrap_or(u32::MAX)
    }

    /// Processes of a pool that others hold, see [`Scoreboard::set_pool_strangers`].
    #[must_use]
    pub fn pool_strangers(&self, place: usize) -> u32 {
        u32::try_from(self.pool_words(place)[STRANGERS].load(SeqCst)).unwrap_or(u32::MAX)
    }

    /// What all living workers have with a pool.
    #[must_use]
    pub fn pool_load(&self, place: usize) -> PoolLoad {
        self.living_words(place, LOADS)
            .fold(PoolLoad::default(), |sum, word| sum.plus(PoolLoad::of(word)))
    }

    /// Requests that living workers admitted to a pool since each began.
    #[must_use]
    pub fn pool_admitted(&self, place: usize) -> u64 {
        self.living_words(place, ADMITTED).fold(0, u64::wrapping_add)
    }

    /// All pools that have a name.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolView> {
        let named = (0..POOLS_MAX).filter_map(|place| {
            let name = load_bytes(&self.pool_words(place)[NAME..]);
            (!name.is_empty()).then(|| PoolView {
                place,
                name: String::from_utf8_lossy(&name).into_owned(),
                limit: self.pool_limit(place),
                strangers: self.pool_strangers(place),
                load: self.pool_load(place),
                admitted: self.pool_admitted(place),
            })
        });
        named.collect()
    }

    fn pool_words(&self, place: usize) -> &'static [std::sync::atomic::AtomicU64] {
        let at = HEADER_AT + place % POOLS_MAX * POOL_WORDS;
        &self.words[at..at + POOL_WORDS]
    }

    /// The words that are not zero, of slots whose worker lives.
    fn living_words(&self, place: usize, table: usize) -> impl Iterator<Item = u64> {
        let at = super::POOLS + table + place % POOLS_MAX * SLOTS_MAX;
        let words = self.words[at..at + SLOTS_MAX].iter().enumerate();
        words.filter_map(|(number, word)| {
            let word = word.load(SeqCst);
            (word != 0 && self.slot(number).lives()).then_some(word)
        })
    }
}

impl Slot {
    /// What this worker has with the pool at `place`.
    #[must_use]
    pub fn pool_load(&self, place: usize) -> PoolLoad {
        PoolLoad::of(self.pool_word(LOADS, place).load(Relaxed))
    }

    /// Says what this worker has with the pool at `place`. Only the slot's own worker may.
    pub fn set_pool_load(&self, place: usize, load: PoolLoad) {
        self.pool_word(LOADS, place).store(load.word(), SeqCst);
    }

    /// Counts one request admitted to the pool at `place`.
    pub fn count_admitted(&self, place: usize) {
        let word = self.pool_word(ADMITTED, place);
        word.store(word.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Whether a worker holds the slot that has not ended.
    #[must_use]
    pub fn lives(&self) -> bool {
        matches!(self.state(), SlotState::Starting | SlotState::Ready | SlotState::Draining)
    }

    pub(super) fn reset_pools(&self) {
        for place in 0..POOLS_MAX {
            self.pool_word(LOADS, place).store(0, SeqCst);
            self.pool_word(ADMITTED, place).store(0, SeqCst);
        }
    }

    fn pool_word(&self, table: usize, place: usize) -> &'static std::sync::atomic::AtomicU64 {
        &self.pools[table + place % POOLS_MAX * SLOTS_MAX + self.number]
    }
}

/// Where the header begins to tell of pools, words.
pub(super) const HEADER_AT: usize = 256;
pub(super) const HEADER_WORDS: usize = POOLS_MAX * POOL_WORDS;
/// Words of the pools' own pages: two tables, each pool by pool.
pub(super) const WORDS: usize = 2 * POOLS_MAX * SLOTS_MAX;

const LOADS: usize = 0;
const ADMITTED: usize = POOLS_MAX * SLOTS_MAX;
const POOL_WORDS: usize = 32;
const LIMIT: usize = 0;
const STRANGERS: usize = 1;
const NAME: usize = 4;

const _: () = assert!(SLOTS_MAX.is_multiple_of(8) && PAGE_WORDS.is_multiple_of(8));

#[cfg(test)]
mod tests;
