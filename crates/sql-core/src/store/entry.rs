//! One entry: key and reply in one allocation, what it depends on, who may read it, what it saved.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::Key;
use super::slab::Line;
use crate::versions::{Slot, Stamp};

/// What a finished fill brings.
#[derive(Debug)]
pub struct Contents {
    /// When its tables were last seen quiet.
    pub stamp: Stamp,
    /// Packets as the client gets them.
    pub reply: Vec<u8>,
    /// The caller's own; come back with each reply.
    pub marks: [u32; 2],
    /// The account that read it.
    pub account: u32,
    /// The privilege epoch it read at.
    pub epoch: u64,
    /// When it asked, milliseconds of the caller's clock.
    pub asked_ms: u64,
    /// How long the server took, microseconds.
    pub micros: u32,
    /// Its statement's figures.
    pub figures: Arc<Figures>,
}

/// A reply and all there is to know about it.
#[derive(Debug)]
pub struct Entry {
    /// `fingerprint`, `statement length`, `parameters length`, statement, parameters, and the reply
    /// when it is short.
    head: Arc<[u8]>,
    /// The reply when it is long: it is not copied again.
    tail: Option<Arc<Vec<u8>>>,
    figures: Arc<Figures>,
    more_slots: Option<Box<[Slot]>>,
    at: u64,
    asked_ms: u64,
    epoch: u64,
    /// Place in the order of its queue; set by the shard.
    pub(super) queued: u64,
    slots: [Slot; SLOTS_INLINE],
    accounts: [u32; ACCOUNTS_MAX],
    marks: [u32; 2],
    /// Set by the shard.
    pub(super) hash: u32,
    /// Neighbours in the queue; set by the slab.
    pub(super) next: u32,
    pub(super) previous: u32,
    micros: u32,
    hits: u32,
    accounts_next: u8,
    accounts_len: u8,
    slots_len: u8,
    /// Hits since the eviction hand last came by, at most 3.
    pub(super) warmth: u8,
    pub(super) line: Line,
    was_hit: bool,
    /// The caller's own mark.
    pub split: bool,
    /// The caller's own mark: no snapshot shows its tables otherwise than they are.
    pub timeless: bool,
}

/// A stored reply. Dereferences to its bytes; cloning counts, it does not copy.
#[derive(Debug, Clone)]
pub struct Reply {
    bytes: Bytes,
    marks: [u32; 2],
}

#[derive(Debug, Clone)]
enum Bytes {
    Short(Arc<[u8]>, usize),
    Long(Arc<Vec<u8>>),
}

/// What one digest's entries did, over all threads.
#[derive(Debug, Default)]
pub struct Figures {
    /// The statement without literals.
    pub digest: Box<[u8]>,
    /// Replies served.
    pub hits: AtomicU64,
    /// Replies stored.
    pub fills: AtomicU64,
    /// Of those, dropped without ever being served.
    pub wasted: AtomicU64,
    /// What its entries hold now, bytes.
    pub bytes: AtomicU64,
    /// What the server would have taken for the hits, microseconds.
    pub saved_micros: AtomicU64,
    /// Another digest has taken their place: nobody sees them any more.
    pub lost: AtomicBool,
}

impl Entry {
    /// Puts an entry together. Copies replies up to [`SHORT`] bytes.
    #[must_use]
    pub fn new(key: &Key<'_>, contents: Contents) -> Self {
        let Contents { stamp, mut reply, marks, account, epoch, asked_ms, micros, figures } =
            contents;
        let short = reply.len() <= SHORT;
        let key_len = KEY_AT + key.statement.len() + key.parameters.len();
        let mut head = Vec::with_capacity(key_len + if short { reply.len() } else { 0 });
        head.extend_from_slice(&key.fingerprint.to_ne_bytes());
        head.extend_from_slice(&length(key.statement).to_ne_bytes());
        head.extend_from_slice(&length(key.parameters).to_ne_bytes());
        head.extend_from_slice(key.statement);
        head.extend_from_slice(key.parameters);
        let tail = if short {
            head.extend_from_slice(&reply);
            None
        } else {
            reply.shrink_to_fit();
            Some(Arc::new(reply))
        };
        let mut slots = [Slot::EVERYTHING; SLOTS_INLINE];
        let given = stamp.slots();
        let inline = given.len().min(SLOTS_INLINE);
        slots[..inline].copy_from_slice(&given[..inline]);
        let more = &given[inline..];
        let mut accounts = [0; ACCOUNTS_MAX];
        accounts[0] = account;
        Self {
            head: head.into(),
            tail,
            figures,
            more_slots: (!more.is_empty()).then(|| more.into()),
            at: stamp.at(),
            asked_ms,
            epoch,
            queued: 0,
            slots,
            accounts,
            marks,
            hash: 0,
            next: 0,
            previous: 0,
            micros,
            hits: 0,
            accounts_next: 1,
            accounts_len: 1,
            slots_len: u8::try_from(inline).unwrap_or(0),
            warmth: 0,
            line: Line::Small,
            was_hit: false,
            split: false,
            timeless: false,
        }
    }

    /// What an entry of this key and a reply of this length will cost at most, bytes.
    #[must_use]
    pub fn charge_of(key: &Key<'_>, reply: usize, slots: usize) -> u64 {
        let key_len = KEY_AT + key.statement.len() + key.parameters.len();
        let bytes = if reply <= SHORT {
            allocated_bytes(ARC + key_len + reply)
        } else {
            allocated_bytes(ARC + key_len) + allocated_bytes(ARC + 24) + allocated_bytes(reply)
        };
        bytes + Self::OVERHEAD + slots_bytes(slots)
    }

    /// What it costs, bytes: all its allocations as the allocator rounds them, and its places in
    /// the shard.
    #[must_use]
    pub fn charge(&self) -> u64 {
        let tail = self
            .tail
            .as_ref()
            .map_or(0, |tail| allocated_bytes(ARC + 24) + allocated_bytes(tail.capacity()));
        allocated_bytes(ARC + self.head.len())
            + tail
            + Self::OVERHEAD
            + slots_bytes(self.slots().count())
    }

    /// Whether it is this key's.
    #[must_use]
    pub fn is(&self, key: &Key<'_>) -> bool {
        let Some((words, rest)) = self.head.split_at_checked(KEY_AT) else { return false };
        let statement = key.statement.len();
        let both = statement + key.parameters.len();
        words[..4] == key.fingerprint.to_ne_bytes()
            && words[4..8] == length(key.statement).to_ne_bytes()
            && words[8..12] == length(key.parameters).to_ne_bytes()
            && rest.get(..statement) == Some(key.statement)
            && rest.get(statement..both) == Some(key.parameters)
    }

    /// The reply, counted as served.
    pub fn hit(&mut self) -> Reply {
        self.hits = self.hits.saturating_add(1);
        self.was_hit = true;
        self.warmth = (self.warmth + 1).min(WARMTH_MAX);
        self.reply()
    }

    /// The reply.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let bytes = match &self.tail {
            Some(tail) => Bytes::Long(Arc::clone(tail)),
            None => Bytes::Short(Arc::clone(&self.head), self.key_end()),
        };
        Reply { bytes, marks: self.marks }
    }

    /// The moment its tables were seen quiet.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// They were seen quiet again.
    pub fn seen_quiet(&mut self, at: u64) {
        self.at = self.at.max(at);
    }

    /// The tables' slots.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let inline = &self.slots[..usize::from(self.slots_len).min(SLOTS_INLINE)];
        let more = self.more_slots.as_deref().unwrap_or_default();
        inline.iter().chain(more).copied()
    }

    /// When it was asked for, milliseconds of the caller's clock.
    #[must_use]
    pub fn asked_ms(&self) -> u64 {
        self.asked_ms
    }

    /// How long the server took, microseconds.
    #[must_use]
    pub fn micros(&self) -> u32 {
        self.micros
    }

    /// Its statement's figures.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Whether the account was seen to have the rights in this privilege epoch.
    #[must_use]
    pub fn may_read(&self, account: u32, epoch: u64) -> bool {
        self.epoch == epoch
            && self.accounts[..usize::from(self.accounts_len).min(ACCOUNTS_MAX)].contains(&account)
    }

    /// Notes that it has them. Remembers the last [`ACCOUNTS_MAX`].
    pub fn let_read(&mut self, account: u32, epoch: u64) {
        if self.epoch != epoch {
            (self.epoch, self.accounts_len, self.accounts_next) = (epoch, 0, 0);
        }
        if self.may_read(account, epoch) {
            return;
        }
        self.accounts[usize::from(self.accounts_next) % ACCOUNTS_MAX] = account;
        self.accounts_next = (self.accounts_next + 1) % ACCOUNTS_MAX_U8;
        self.accounts_len = (self.accounts_len + 1).min(ACCOUNTS_MAX_U8);
    }

    /// Moves the hits counted here to the statement's figures; how many.
    pub fn fold(&mut self) -> u64 {
        let hits = u64::from(core::mem::take(&mut self.hits));
        if hits > 0 {
            self.figures.hits.fetch_add(hits, Relaxed);
            self.figures.saved_micros.fetch_add(hits * u64::from(self.micros), Relaxed);
        }
        hits
    }

    /// Whether it was ever served.
    #[must_use]
    pub fn was_hit(&self) -> bool {
        self.was_hit
    }

    fn key_end(&self) -> usize {
        let word = |at: usize| {
            let bytes = self.head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            usize::try_from(u32::from_ne_bytes(bytes.unwrap_or_default())).unwrap_or(0)
        };
        KEY_AT + word(4) + word(8)
    }

    /// Its place in the slab and its part of unused ones (a third), and, at the worst load, its
    /// places in the table and in the memory of evicted keys.
    const OVERHEAD: u64 = size_of::<Self>() as u64 * 4 / 3 + 28;
}

impl Reply {
    /// What the fill was finished with.
    #[must_use]
    pub fn marks(&self) -> [u32; 2] {
        self.marks
    }
}

impl core::ops::Deref for Reply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Short(head, from) => head.get(*from..).unwrap_or_default(),
            Bytes::Long(bytes) => bytes,
        }
    }
}

/// What an allocation of so many bytes takes: glibc's header word and its rounding to 16; large
/// ones are pages of their own.
#[must_use]
pub fn allocated_bytes(bytes: usize) -> u64 {
    let bytes = bytes as u64;
    if bytes == 0 {
        0
    } else if bytes >= 128 << 10 {
        (bytes + 16).next_multiple_of(4096)
    } else {
        (bytes + 8).next_multiple_of(16).max(32)
    }
}

fn slots_bytes(slots: usize) -> u64 {
    match slots.saturating_sub(SLOTS_INLINE) {
        0 => 0,
        more => allocated_bytes(more * 2),
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Replies up to this length share their key's allocation, bytes.
pub const SHORT: usize = 4096;

/// Accounts an entry remembers.
const ACCOUNTS_MAX: usize = 4;
const ACCOUNTS_MAX_U8: u8 = 4;
const SLOTS_INLINE: usize = 4;
const WARMTH_MAX: u8 = 3;
const KEY_AT: usize = 12;
/// The two counts of an `Arc`.
const ARC: usize = 16;
