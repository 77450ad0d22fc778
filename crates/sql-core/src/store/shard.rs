//! Entries by key, and which goes next: S3-FIFO over the queues of all shards.
//!
//! A new entry waits in the small queue; when it comes to its end without having been asked for
//! again it goes, else it moves to the main queue, where each round takes one from its warmth.
//! Hashes of those that went are remembered a while: who comes back is put into the main queue at
//! once ("FIFO queues are all you need for cache eviction", SOSP 2023). The caller picks the shard
//! with the oldest tail, so that few large entries go in their order too.

use alloc::vec::Vec;

use hashbrown::HashTable;

use super::slab::{Line, Slab};
use super::{Entry, Key};
use crate::versions::{Held, Versions};

/// A part of the cache, for one lock.
#[derive(Debug)]
pub struct Shard {
    table: HashTable<Place>,
    slab: Slab,
    /// Hashes of evicted entries, each at the place its value says.
    gone: Vec<u32>,
    bytes: u64,
    small_bytes: u64,
    /// Where the search for stale entries goes on.
    cursor: u32,
    /// The moment at which the running search began, and whether it met a write in flight.
    pass_at: u64,
    pass_clean: bool,
    /// Nothing was stale at this moment.
    clean_at: Option<u64>,
}

/// The places of the oldest entries in the order of all shards; `u64::MAX`: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tails {
    /// Of the small queue.
    pub small: u64,
    /// Of the main queue.
    pub main: u64,
}

/// What a search for stale entries came to.
#[derive(Debug, Default)]
pub struct Swept {
    /// Those it took out.
    pub stale: Vec<Entry>,
    /// How many it looked at.
    pub seen: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u32,
    number: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            table: HashTable::new(),
            slab: Slab::new(),
            gone: Vec::new(),
            bytes: 0,
            small_bytes: 0,
            cursor: 0,
            pass_at: 0,
            pass_clean: true,
            clean_at: None,
        }
    }

    /// Entries in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sum of [`Entry::charge`].
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of those, in the small queue.
    #[must_use]
    pub fn small_bytes(&self) -> u64 {
        self.small_bytes
    }

    /// The number of a key's entry.
    #[must_use]
    pub fn find(&self, hash: u64, key: &Key<'_>) -> Option<u32> {
        let hash = fold(hash);
        let same = |place: &Place| {
            place.hash == hash && self.slab.get(place.number).is_some_and(|entry| entry.is(key))
        };
        self.table.find(spread(hash), same).map(|place| place.number)
    }

    /// An entry by its number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Entry> {
        self.slab.get(number)
    }

    /// An entry by its number.
    #[must_use]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Entry> {
        self.slab.get_mut(number)
    }

    /// All entries, for figures.
    pub fn each(&mut self, mut look: impl FnMut(&mut Entry)) {
        for number in 0..self.slab.end() {
            if let Some(entry) = self.slab.get_mut(number) {
                look(entry);
            }
        }
    }

    /// Stores an entry; the key must not be in it. `queued` grows from entry to entry over all
    /// shards.
    pub fn insert(&mut self, hash: u64, mut entry: Entry, queued: u64) -> u32 {
        let hash = fold(hash);
        let back = self.gone_place(hash).is_some_and(|place| self.gone[place] == hash);
        let line = if back { Line::Main } else { Line::Small };
        (entry.hash, entry.queued) = (hash, queued);
        let charge = entry.charge();
        self.bytes += charge;
        if line == Line::Small {
            self.small_bytes += charge;
        }
        let number = self.slab.insert(entry, line);
        self.table.insert_unique(spread(hash), Place { hash, number }, |place| spread(place.hash));
        number
    }

    /// Takes an entry out. Numbers of others may be others then.
    pub fn remove(&mut self, number: u32) -> Option<Entry> {
        let entry = self.take(number);
        self.close_up();
        entry
    }

    fn take(&mut self, number: u32) -> Option<Entry> {
        let entry = self.slab.remove(number)?;
        if let Ok(place) = self.table.find_entry(spread(entry.hash), |place| place.number == number)
        {
            place.remove();
        }
        let charge = entry.charge();
        self.bytes -= charge;
        if entry.line == Line::Small {
            self.small_bytes -= charge;
        }
        Some(entry)
    }

    /// Everything out, and all memory with it.
    pub fn clear(&mut self) -> Vec<Entry> {
        let mut old = core::mem::take(self);
        (0..old.slab.end()).filter_map(|number| old.slab.remove(number)).collect()
    }

    /// Gives back memory of places nobody uses. Takes as long as there are entries.
    pub fn tighten(&mut self) {
        self.table.shrink_to_fit(|place| spread(place.hash));
        self.gone = Vec::new();
    }

    /// Where its queues end.
    #[must_use]
    pub fn tails(&self) -> Tails {
        let queued = |line| {
            let oldest = self.slab.oldest(line).and_then(|number| self.slab.get(number));
            oldest.map_or(u64::MAX, |entry| entry.queued)
        };
        Tails { small: queued(Line::Small), main: queued(Line::Main) }
    }

    /// The oldest entry of a queue goes, or stays because it was asked for: then it gets the next
    /// number of `queue` and nothing is given back.
    pub fn evict(&mut self, line: Line, queue: impl FnOnce() -> u64) -> Option<Entry> {
        let number = self.slab.oldest(line)?;
        let entry = self.slab.get_mut(number)?;
        if entry.warmth == 0 {
            return self.force_out(line);
        }
        // Leaving the small queue costs all warmth: it must prove itself again.
        entry.warmth = if line == Line::Small { 0 } else { entry.warmth - 1 };
        entry.queued = queue();
        let charge = entry.charge();
        if line == Line::Small {
            self.small_bytes -= charge;
        }
        self.slab.requeue(number, Line::Main);
        None
    }

    /// The oldest entry of a queue, however warm.
    pub fn force_out(&mut self, line: Line) -> Option<Entry> {
        let entry = self.remove(self.slab.oldest(line)?)?;
        self.remember(entry.hash);
        Some(entry)
    }

    /// Looks at up to `seen_max` entries and takes out those whose tables changed. Goes on where
    /// the last call stopped; nothing is looked at while no write ended since a whole round.
    pub fn sweep(&mut self, versions: &Versions, seen_max: usize) -> Swept {
        let mut swept = Swept::default();
        if self.is_swept(versions) {
            return swept;
        }
        self.look_for_stale(versions, seen_max, &mut swept);
        self.close_up();
        swept
    }

    fn look_for_stale(&mut self, versions: &Versions, seen_max: usize, swept: &mut Swept) {
        while swept.seen < seen_max {
            if self.cursor == 0 {
                (self.pass_at, self.pass_clean) = (versions.now(), true);
            }
            if self.cursor >= self.slab.end() {
                self.cursor = 0;
                self.clean_at = self.pass_clean.then_some(self.pass_at);
                return;
            }
            let number = self.cursor;
            self.cursor += 1;
            let Some(entry) = self.slab.get(number) else { continue };
            swept.seen += 1;
            match versions.held(entry.at(), entry.slots()) {
                Held::Yes => {}
                // A write that is about to end may already have its number.
                Held::Pending(_) => self.pass_clean = false,
                Held::Changed(_) => swept.stale.extend(self.take(number)),
            }
        }
    }

    /// Begins the search for stale entries anew, so that the next whole [`Self::sweep`] is exact.
    pub fn sweep_from_start(&mut self) {
        self.cursor = 0;
    }

    /// Whether no entry can be stale.
    #[must_use]
    pub fn is_swept(&self, versions: &Versions) -> bool {
        self.is_empty() || self.clean_at == Some(versions.now())
    }

    /// Keeps unused places below a third of the used ones, so that their memory is never more than
    /// entries are charged for.
    fn close_up(&mut self) {
        let places = self.slab.end() as usize;
        if places <= PLACES_MIN || self.slab.len() * 4 >= places * 3 {
            return;
        }
        let mut old = core::mem::replace(&mut self.slab, Slab::new());
        self.table.clear();
        for line in [Line::Small, Line::Main] {
            while let Some(entry) = old.oldest(line).and_then(|number| old.remove(number)) {
                let hash = entry.hash;
                let number = self.slab.insert(entry, line);
                let place = Place { hash, number };
                self.table.insert_unique(spread(hash), place, |place| spread(place.hash));
            }
        }
        self.table.shrink_to_fit(|place| spread(place.hash));
        self.cursor = 0;
    }

    fn remember(&mut self, hash: u32) {
        let wanted = self.slab.len().next_power_of_two().clamp(8, GONE_MAX);
        if self.gone.len() < wanted {
            self.gone.clear();
            self.gone.resize(wanted, 0);
        }
        if let Some(place) = self.gone_place(hash) {
            self.gone[place] = hash;
        }
    }

    fn gone_place(&self, hash: u32) -> Option<usize> {
        (hash as usize).checked_rem(self.gone.len())
    }
}

/// The bits of a hash an entry keeps; the caller's choice of shard uses the others.
fn fold(hash: u64) -> u32 {
    let [_, _, _, _, a, b, c, d] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// A table's hash, which needs its high and its low bits, from those kept.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Places a shard keeps however few are used.
const PLACES_MIN: usize = 64;
const GONE_MAX: usize = 1 << 16;
