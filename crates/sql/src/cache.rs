//! The cache of replies, shared by all threads of the worker.
//!
//! A lookup takes the lock of one shard and no other, compares the whole key and the versions of
//! all tables the entry depends on, and gives a counted reference: bytes are written outside of the
//! lock. Invalidation does not come here at all: versions move (`sql_core::versions`), entries that
//! lag are dropped when met, swept or evicted. This must never give a reply whose tables may have
//! changed since, and never hold more bytes than its size, fills in flight included.
//!
//! Locks: one shard at a time, and no other lock is taken under it but the counted ones of nobody
//! else's (atomics). So nothing here can wait for anything but a few microseconds of another
//! thread.
//!
//! How it fails: no room or a fill of the same key in flight means "not stored"; nothing waits.

mod changes;
mod fill;
mod room;
mod statements;
mod views;

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menshen_sql_core::store::{Entry, Figures, Key, Seed, Shard};
use menshen_sql_core::versions::{Held, SLOTS, Slot, Stamp, Versions};

pub use changes::Invalidation;
pub use fill::{Fill, Pushed, Stored};
pub use menshen_sql_core::store::Reply;
pub use statements::{DIGEST_BYTES_MAX, StatementView};
pub use views::{EntryView, Totals};

use crate::counters::{Counters, Event};
use changes::Changes;
use fill::Filling;
use room::Room;
use statements::Statements;

/// What a cache is made with.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// `query_cache_size`, bytes; 0: nothing is stored.
    pub bytes_max: u64,
    /// `query_cache_limit`, bytes of one reply.
    pub result_bytes_max: u64,
    /// Digests whose statistics are kept.
    pub statements_max: usize,
}

/// Replies by key.
#[derive(Debug)]
pub struct Cache {
    versions: Versions,
    counters: Arc<Counters>,
    seed: Seed,
    shards: Box<[Mutex<Part>]>,
    room: Room,
    result_bytes_max: AtomicU64,
    /// Entries that depend on each slot.
    users: Box<[AtomicU32]>,
    /// Slots with entries.
    tables: AtomicI64,
    statements: Statements,
    changes: Changes,
}

/// What one lock guards.
#[derive(Debug, Default)]
struct Part {
    entries: Shard,
    filling: Vec<Arc<Filling>>,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What for.
    pub key: Key<'a>,
    /// The interned account (and roles) of the session.
    pub account: u32,
    /// The session's snapshot in a REPEATABLE READ transaction; `None` outside.
    pub snapshot: Option<Sight>,
    /// In such a transaction before the server took its snapshot: only replies that no snapshot
    /// concerns ([`Fill::timeless`]) are served.
    pub unopened: bool,
    /// Milliseconds of a clock that never goes back; coarse is good enough.
    pub now_ms: u64,
    /// Hits must be younger than this, milliseconds, on top of all else; `None`: no such bound.
    pub ttl_ms: Option<u64>,
    /// The thread, for its counters.
    pub thread: usize,
}

/// What a snapshot shows, and how far writes of others are told. Moments are what
/// [`Versions::now`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Before the server can have taken it.
    pub since: u64,
    /// When it surely had. [`u64::MAX`]: it may not have yet, so nothing is served.
    pub until: u64,
    /// All that was visible before this moment is marked in the versions. To be read before the
    /// cache is asked.
    pub told: u64,
}

/// What a lookup gives.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Counted as a hit.
    Hit(Reply),
    /// The reply is there, but this account was not seen to have the rights since the given
    /// privilege epoch: ask the server, then [`Cache::verified`], then look up again.
    Verify {
        /// To be handed to [`Cache::verified`]; taken before the server is asked.
        epoch: Epoch,
    },
    /// Nothing that may be served.
    Miss(Absence),
}

/// Which privileges and which reply a question to the server was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    privileges: u64,
    /// A reply stored later under the same key may be of other tables, as after ALTER VIEW.
    stored: u64,
}

/// Why a lookup gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Never stored, or evicted since.
    Unknown,
    /// A table changed; the entry is gone now.
    Stale(Slot),
    /// A write to a table is in flight.
    Pending(Slot),
    /// Newer than the session's snapshot.
    Snapshot(Slot),
    /// Nobody knows yet whether the entry and the session's snapshot show the same: a write of
    /// others between them may not be told. It will be known when all is told up to this moment.
    Unconfirmed(u64),
    /// The session's snapshot is still to be taken, which the server must do.
    Unopened,
    /// Older than the time bound; the entry is gone now.
    Expired,
    /// The cache has no size, or its words are retired.
    Off,
}

/// Why an entry leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Stale,
    Expired,
    Pruned,
    Replaced,
    Emptied,
}

impl Cache {
    /// An empty one.
    #[must_use]
    pub fn new(limits: CacheLimits, versions: Versions, counters: Arc<Counters>) -> Arc<Self> {
        let mut random = [0; 8];
        // Without the kernel's randomness the hasher's own, of addresses, remains.
        let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::NONBLOCK);
        Arc::new(Self {
            versions,
            counters,
            seed: Seed::new(u64::from_ne_bytes(random)),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            room: Room::new(limits.bytes_max, SHARDS),
            result_bytes_max: AtomicU64::new(limits.result_bytes_max),
            users: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(),
            tables: AtomicI64::new(0),
            statements: Statements::new(limits.statements_max),
            changes: Changes::new(),
        })
    }

    /// The words it believes.
    #[must_use]
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Where it counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The reply to a statement, when there is one that holds.
    #[must_use]
    pub fn lookup(&self, ask: &Ask<'_>) -> Lookup {
        let found = self.find(ask);
        let event = match &found {
            Lookup::Hit(reply) => {
                self.counters.add(ask.thread, Event::HitBytes, reply.len() as u64);
                if ask.snapshot.is_some() {
                    self.counters.count(ask.thread, Event::SnapshotHit);
                }
                Event::Hit
            }
            Lookup::Verify { .. } => Event::Verify,
            Lookup::Miss(Absence::Pending(_)) => Event::Pending,
            Lookup::Miss(_) => Event::Miss,
        };
        self.counters.count(ask.thread, event);
        found
    }

    /// The server let `account` read what the entry reads, asked after `epoch` was given out.
    pub fn verified(&self, key: &Key<'_>, account: u32, epoch: Epoch) {
        if self.versions.epoch() != epoch.privileges {
            return;
        }
        let hash = self.seed.hash(key);
        let mut part = self.part(hash);
        if let Some(number) = part.entries.find(hash, key)
            && let Some(entry) = part.entries.get_mut(number)
            && entry.at() == epoch.stored
        {
            entry.let_read(account, epoch.privileges);
        }
    }

    /// Before the SELECT is sent: the reply is going to be stored under this key. `stamp` was taken
    /// before, `figures` are its statement's. `None`, counted as not cached (but not when the cache
    /// has no size): another session fills it, a write began since, or there is no room.
    #[must_use]
    pub fn begin_fill(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        stamp: Stamp,
        figures: Arc<Figures>,
    ) -> Option<Fill> {
        if self.room.size() == 0 {
            return None;
        }
        // Few entries are looked through at once, so that stale ones leave before the new one
        // comes, as they do in the server.
        if self.room.entries.load(Relaxed) <= SWEPT_AT_FILLS {
            self.sweep(ask.thread);
        }
        let fill = Fill::begin(self, ask, stamp, figures);
        if fill.is_none() {
            self.counters.count(ask.thread, Event::NotCached);
        }
        fill
    }

    /// Notes what changed a table, for people who ask later. The last one of each slot is kept.
    pub fn note_change(&self, slot: Slot, change: Arc<Invalidation>) {
        self.changes.note(slot, change);
    }

    /// What changed a table last, while it is remembered.
    #[must_use]
    pub fn last_change(&self, slot: Slot) -> Option<Arc<Invalidation>> {
        self.changes.last(slot)
    }

    fn find(&self, ask: &Ask<'_>) -> Lookup {
        if self.room.size() == 0 || self.versions.retired() {
            return Lookup::Miss(Absence::Off);
        }
        let hash = self.seed.hash(&ask.key);
        let mut part = self.part(hash);
        let Some(number) = part.entries.find(hash, &ask.key) else {
            return Lookup::Miss(Absence::Unknown);
        };
        let Some(entry) = part.entries.get_mut(number) else {
            return Lookup::Miss(Absence::Unknown);
        };
        let absence = match self.versions.held(entry.at(), entry.slots()) {
            Held::Yes => self.out_of_time(ask, entry),
            Held::Pending(slot) => Some(Absence::Pending(slot)),
            Held::Changed(slot) => Some(Absence::Stale(slot)),
        };
        match absence {
            None => {}
            Some(absence @ (Absence::Stale(_) | Absence::Expired)) => {
                let gone = part.entries.remove(number);
                self.publish(hash, &part);
                drop(part);
                let why = if absence == Absence::Expired { Leave::Expired } else { Leave::Stale };
                self.leave(ask.thread, gone, why);
                return Lookup::Miss(absence);
            }
            Some(absence) => return Lookup::Miss(absence),
        }
        let epoch = self.versions.epoch();
        if entry.may_read(ask.account, epoch) {
            Lookup::Hit(entry.hit())
        } else {
            Lookup::Verify { epoch: Epoch { privileges: epoch, stored: entry.at() } }
        }
    }

    /// What else keeps an entry from being served whose tables are quiet.
    fn out_of_time(&self, ask: &Ask<'_>, entry: &Entry) -> Option<Absence> {
        if ask.unopened && !entry.timeless {
            return Some(Absence::Unopened);
        }
        let snapshot = ask.snapshot.filter(|_| !entry.timeless);
        if let Some(sight) = snapshot.filter(|sight| sight.since < entry.at())
            && let Held::Changed(slot) = self.versions.held(sight.since, entry.slots())
        {
            return Some(Absence::Snapshot(slot));
        }
        let age = ask.now_ms.saturating_sub(entry.asked_ms());
        if ask.ttl_ms.is_some_and(|ttl| age >= ttl) {
            return Some(Absence::Expired);
        }
        // Whatever was visible to either of the two is told, so what differs has moved a version.
        let sight = snapshot?;
        let both = sight.until.max(entry.at());
        (sight.told <= both).then_some(Absence::Unconfirmed(both))
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Part> {
        self.part_number(shard_of(hash))
    }

    fn part_number(&self, number: usize) -> MutexGuard<'_, Part> {
        // A panic under the lock leaves at worst an entry that is not counted.
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where the shard's queues end now.
    fn publish(&self, hash: u64, part: &Part) {
        self.room.publish(shard_of(hash), &part.entries);
    }

    /// An entry came in.
    fn enter(&self, entry: &Entry) {
        for slot in entry.slots() {
            if self.users[usize::from(slot.number())].fetch_add(1, Relaxed) == 0 {
                self.tables.fetch_add(1, Relaxed);
            }
        }
        let figures = entry.figures();
        figures.fills.fetch_add(1, Relaxed);
        figures.bytes.fetch_add(entry.charge(), Relaxed);
        self.room.entries.fetch_add(1, Relaxed);
    }

    /// Entries are gone: frees their bytes, counts.
    fn leave(&self, thread: usize, gone: impl IntoIterator<Item = Entry>, why: Leave) -> u64 {
        let (mut freed, mut count, mut splits, mut last) = (0, 0, 0, 0);
        for mut entry in gone {
            for slot in entry.slots() {
                if self.users[usize::from(slot.number())].fetch_sub(1, Relaxed) == 1 {
                    self.tables.fetch_sub(1, Relaxed);
                }
            }
            entry.fold();
            last = entry.charge();
            freed += last;
            count += 1;
            splits += u64::from(entry.split);
            let figures = entry.figures();
            figures.bytes.fetch_sub(last, Relaxed);
            if !entry.was_hit() {
                figures.wasted.fetch_add(1, Relaxed);
            }
        }
        if count == 0 {
            return 0;
        }
        let event = match why {
            Leave::Stale => Some(Event::StaleDrop),
            Leave::Expired => Some(Event::ExpiredDrop),
            Leave::Pruned => Some(Event::Prune),
            Leave::Replaced | Leave::Emptied => None,
        };
        if let Some(event) = event {
            self.counters.add(thread, event, count);
        }
        self.room.entries_left(count, splits, last);
        // The memory went before the number that says it is free.
        self.room.give_back(freed);
        freed
    }
}

fn shard_of(hash: u64) -> usize {
    // The top bits: the shard's table uses the low half.
    usize::from(hash.to_be_bytes()[0]) % SHARDS
}

const SHARDS: usize = 64;

/// Up to so many entries a fill first drops the stale ones.
const SWEPT_AT_FILLS: u64 = 32;

#[cfg(test)]
mod tests;
