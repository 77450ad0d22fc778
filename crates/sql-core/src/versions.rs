//! Versions of tables: one word of shared memory a slot, bumped by writes, compared by hits.
//!
//! A *slot* is a 16-bit hash of (database, table) as the server names them; two tables in one slot
//! only invalidate each other's entries. A word is `version << 16 | pending`: pending is the number
//! of writes in flight, version the number of the last finished one, drawn from one sequence of all
//! slots. So "nothing was written since moment S" is `pending == 0 && version <= S` for each slot,
//! and a [`Stamp`] needs no version for each slot, only the moment.
//!
//! The order that makes this right: a write is pending from before its bytes go to the server until
//! before its client reads the answer; a fill is stamped before its SELECT goes to the server. All
//! accesses are sequentially consistent. This must never let a stamp hold when a write that ended
//! with [`Change::Happened`] overlapped it.
//!
//! How it fails: a slot with 65,535 writes in flight at once stays pending for ever; it is never
//! cached again, but never stale.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// The place of a table's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u16);

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It may have changed rows.
    Happened,
    /// Nobody else ever saw an effect of it, and nobody will: rolled back.
    Nothing,
}

/// Whether what was read at a moment is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing was written since, nothing is being written.
    Yes,
    /// A write to this slot is in flight.
    Pending(Slot),
    /// A write to this slot ended since.
    Changed(Slot),
}

/// The slots a read depends on, and the moment at which no write to them was in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    at: u64,
    slots: Arc<[Slot]>,
}

/// Slots that a read depends on: without [`Slot::EVERYTHING`], sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotSet(Arc<[Slot]>);

/// The words, wherever they are mapped.
#[derive(Debug, Clone, Copy)]
pub struct Versions {
    words: &'static [AtomicU64],
}

impl Slot {
    /// Part of every stamp: a write to nobody knows what bumps it.
    pub const EVERYTHING: Self = Self(0);

    /// The slot of a table, names as the catalog writes them (canonical case). The same in all
    /// processes and versions of this program that share words.
    #[must_use]
    pub fn of(database: &[u8], table: &[u8]) -> Self {
        let mut hash = fnv(FNV_BASIS, database);
        // 0xff is in no UTF-8 name, so ("a", "bc") and ("ab", "c") differ.
        hash = fnv(hash, &[0xff]);
        hash = fnv(hash, table);
        // FNV's high bits are its weak ones: fold with a multiplication (murmur3's finisher).
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let bytes = (hash ^ (hash >> 29)).to_be_bytes();
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        // The words next to EVERYTHING's stay unused: every hit reads that cache line.
        if number < FIRST { Self(number + FIRST) } else { Self(number) }
    }

    /// Its number, below 65,536.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The slot of a number, as [`Self::number`] gave it.
    #[must_use]
    pub fn from_number(number: u16) -> Self {
        Self(number)
    }
}

impl SlotSet {
    /// The set of these.
    #[must_use]
    pub fn new(slots: &[Slot]) -> Self {
        let mut slots: Vec<Slot> =
            slots.iter().copied().filter(|slot| *slot != Slot::EVERYTHING).collect();
        slots.sort_unstable();
        slots.dedup();
        Self(slots.into())
    }

    /// They, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter()
    }
}

impl Stamp {
    /// The moment, as [`Versions::now`] counts.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The slots without [`Slot::EVERYTHING`], sorted, each once.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

impl Versions {
    /// Uses mapped words: [`HEADER_WORDS`] and then 65,536. `None` when there are fewer.
    #[must_use]
    pub fn over(words: &'static [AtomicU64]) -> Option<Self> {
        Some(Self { words: words.get(..HEADER_WORDS + SLOTS)? })
    }

    /// Words of this process alone that are never freed, 516 KiB: for tests, and where no guard
    /// handed over any.
    #[must_use]
    pub fn private() -> Self {
        let words: Vec<AtomicU64> = (0..HEADER_WORDS + SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { words: words.leak() }
    }

    /// Writes to these slots are about to be sent. Each `begin` needs one [`Self::end`] with the
    /// same slots.
    pub fn begin(&self, slots: &[Slot]) {
        for slot in slots {
            self.change(*slot, |word| match word & PENDING {
                PENDING => word,
                _ => word + 1,
            });
        }
    }

    /// The writes are over, one way or the other.
    pub fn end(&self, slots: &[Slot], change: Change) {
        if slots.is_empty() {
            return;
        }
        let version = match change {
            Change::Happened => self.words[SEQUENCE].fetch_add(1, SeqCst) + 1,
            Change::Nothing => 0,
        };
        for slot in slots {
            self.change(*slot, |word| {
                let pending = match word & PENDING {
                    // An end without a begin: nothing to take back.
                    0 => 0,
                    PENDING => PENDING,
                    count => count - 1,
                };
                // Of two writes that end at once the later number may come first.
                (word >> 16).max(version) << 16 | pending
            });
        }
    }

    /// [`Self::begin`] and [`Self::end`] in one: something changed that nobody announced.
    pub fn bump(&self, slots: &[Slot]) {
        self.begin(slots);
        self.end(slots, Change::Happened);
    }

    /// Before a SELECT of these tables is sent. `None` while a write to any of them is in flight,
    /// or when the words are retired.
    #[must_use]
    pub fn stamp(&self, slots: &[Slot]) -> Option<Stamp> {
        self.stamp_set(&SlotSet::new(slots))
    }

    /// [`Self::stamp`] of a set that was made before.
    #[must_use]
    pub fn stamp_set(&self, set: &SlotSet) -> Option<Stamp> {
        for _ in 0..STAMP_TRIES {
            let at = self.now();
            match self.held(at, set.0.iter().copied()) {
                Held::Yes => return Some(Stamp { at, slots: Arc::clone(&set.0) }),
                Held::Pending(_) => return None,
                // A write ended between the two looks.
                Held::Changed(_) => {}
            }
        }
        None
    }

    /// Whether nothing was written to the stamp's slots since, and nothing is being written.
    #[must_use]
    pub fn holds(&self, stamp: &Stamp) -> bool {
        self.holds_at(stamp, u64::MAX)
    }

    /// [`Self::holds`], and what the stamp saw is what a snapshot of moment `snapshot` sees too.
    #[must_use]
    pub fn holds_at(&self, stamp: &Stamp, snapshot: u64) -> bool {
        self.held(stamp.at.min(snapshot), stamp.slots.iter().copied()) == Held::Yes
    }

    /// What became of `slots` and [`Slot::EVERYTHING`] since moment `at`: a finished change of any
    /// wins over a write in flight of another.
    #[must_use]
    pub fn held(&self, at: u64, slots: impl IntoIterator<Item = Slot>) -> Held {
        let mut held = self.look(at, Slot::EVERYTHING);
        if self.retired() {
            held = Held::Pending(Slot::EVERYTHING);
        }
        for slot in slots {
            if matches!(held, Held::Changed(_)) {
                break;
            }
            match self.look(at, slot) {
                Held::Yes => {}
                worse => held = worse,
            }
        }
        held
    }

    /// The number of the last write that ended, or of the last [`Self::moment`]. As a snapshot:
    /// take it before the transaction's first read is sent.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.words[SEQUENCE].load(SeqCst)
    }

    /// A moment of its own: later than every number [`Self::now`] gave before, and not later than
    /// any it gives from then on.
    #[must_use]
    pub fn moment(&self) -> u64 {
        self.words[SEQUENCE].fetch_add(1, SeqCst) + 1
    }

    /// The number of the last finished write to a slot; 0: none yet.
    #[must_use]
    pub fn version(&self, slot: Slot) -> u64 {
        self.word(slot).load(SeqCst) >> 16
    }

    /// Writes to a slot that are in flight.
    #[must_use]
    pub fn pending(&self, slot: Slot) -> u64 {
        self.word(slot).load(SeqCst) & PENDING
    }

    /// How often privileges changed. Take it before the server is asked for a right.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.words[EPOCH].load(SeqCst)
    }

    /// Privileges changed: no account is verified for any entry any more.
    pub fn bump_epoch(&self) {
        self.words[EPOCH].fetch_add(1, SeqCst);
    }

    /// Whether these words are over: nothing holds, no stamp is given.
    #[must_use]
    pub fn retired(&self) -> bool {
        self.words[RETIRED].load(SeqCst) != 0
    }

    /// A worker crashed with writes in flight: these words are never right again.
    pub fn retire(&self) {
        self.words[RETIRED].store(1, SeqCst);
    }

    fn look(&self, at: u64, slot: Slot) -> Held {
        let word = self.word(slot).load(SeqCst);
        if word >> 16 > at {
            Held::Changed(slot)
        } else if word & PENDING != 0 {
            Held::Pending(slot)
        } else {
            Held::Yes
        }
    }

    fn change(&self, slot: Slot, to: impl Fn(u64) -> u64) {
        let word = self.word(slot);
        let mut old = word.load(SeqCst);
        while let Err(newer) = word.compare_exchange_weak(old, to(old), SeqCst, SeqCst) {
            old = newer;
        }
    }

    fn word(&self, slot: Slot) -> &AtomicU64 {
        &self.words[HEADER_WORDS + usize::from(slot.0)]
    }
}

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

/// Words before the first slot.
pub const HEADER_WORDS: usize = 512;

/// Slots there are.
pub const SLOTS: usize = 65_536;

/// Each in a cache line of its own; words 0 and 1 are the mapping's.
const SEQUENCE: usize = 8;
const EPOCH: usize = 16;
const RETIRED: usize = 17;
const PENDING: u64 = 0xffff;
/// Slots of tables begin here: a cache line after [`Slot::EVERYTHING`].
const FIRST: u16 = 8;
const STAMP_TRIES: u32 = 4;
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

#[cfg(test)]
mod tests;
