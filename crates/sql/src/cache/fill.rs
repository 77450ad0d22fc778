//! A reply on its way into the cache.
//!
//! Bytes are taken from the cache's room before they are kept. The buffer can be taken away at any
//! moment by whoever empties the cache or makes it smaller; the session notices at its next push.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menshen_sql_core::store::{Contents, Entry, Figures, Key, SHORT, allocated_bytes};
use menshen_sql_core::versions::{Held, Slot, Stamp};

use super::{Ask, Cache, Leave};
use crate::counters::Event;

/// A reply on its way into the cache; dropped unfinished, nothing is stored.
#[derive(Debug)]
pub struct Fill {
    cache: Arc<Cache>,
    filling: Arc<Filling>,
    stamp: Option<Stamp>,
    /// The moment its content may be of, at the earliest.
    since: u64,
    figures: Arc<Figures>,
    account: u32,
    epoch: u64,
    asked_ms: u64,
    thread: usize,
    refused: bool,
    timeless: bool,
}

/// What came of [`Fill::push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Kept so far.
    Kept,
    /// Longer than `query_cache_limit`; nothing more is kept. Counted as not cached.
    TooLong,
    /// No room, or the cache was emptied or made smaller meanwhile; nothing more is kept. Counted
    /// as not cached.
    NoRoom,
}

/// What came of [`Fill::finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is served from now on.
    Kept,
    /// A table changed or is being written since the stamp.
    Overtaken(Slot),
    /// [`Fill::push`] had given up, or there is no room.
    NoRoom,
}

/// The part of a fill that the cache can see.
#[derive(Debug)]
pub(super) struct Filling {
    hash: u64,
    fingerprint: u32,
    statement: Box<[u8]>,
    parameters: Box<[u8]>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reply: Vec<u8>,
    charged: u64,
    over: bool,
}

impl Fill {
    pub(super) fn begin(
        cache: &Arc<Cache>,
        ask: &Ask<'_>,
        stamp: Stamp,
        figures: Arc<Figures>,
    ) -> Option<Self> {
        let since = ask.snapshot.map_or(u64::MAX, |sight| sight.since);
        if !cache.versions.holds_at(&stamp, since) {
            return None;
        }
        let epoch = cache.versions.epoch();
        let key = &ask.key;
        let charge = allocated_bytes(size_of::<Filling>() + 16)
            + allocated_bytes(key.statement().len())
            + allocated_bytes(key.parameters().len());
        if !cache.take(ask.thread, charge) {
            return None;
        }
        let hash = cache.seed.hash(key);
        let state = State { reply: Vec::new(), charged: charge, over: false };
        let filling = Arc::new(Filling {
            hash,
            fingerprint: key.fingerprint(),
            statement: key.statement().into(),
            parameters: key.parameters().into(),
            state: Mutex::new(state),
        });
        let mut part = cache.part(hash);
        if part.filling.iter().any(|other| other.hash == hash) {
            drop(part);
            cache.room.give_back(charge);
            return None;
        }
        part.filling.push(Arc::clone(&filling));
        drop(part);
        Some(Self {
            cache: Arc::clone(cache),
            filling,
            stamp: Some(stamp),
            since,
            figures,
            account: ask.account,
            epoch,
            asked_ms: ask.now_ms,
            thread: ask.thread,
            refused: false,
            timeless: false,
        })
    }

    /// More bytes of the reply.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        let (length, capacity) = {
            let state = self.filling.state();
            if state.over {
                drop(state);
                return self.give_up(Pushed::NoRoom);
            }
            (state.reply.len() + bytes.len(), state.reply.capacity())
        };
        if length as u64 > self.cache.result_bytes_max.load(Relaxed) {
            return self.give_up(Pushed::TooLong);
        }
        let mut more = 0;
        let wanted = grown(length, capacity);
        if wanted > capacity {
            more = allocated_bytes(wanted) - allocated_bytes(capacity);
            if !self.cache.take(self.thread, more) {
                return self.give_up(Pushed::NoRoom);
            }
        }
        let mut state = self.filling.state();
        if state.over {
            drop(state);
            self.cache.room.give_back(more);
            return self.give_up(Pushed::NoRoom);
        }
        state.charged += more;
        let room = wanted.saturating_sub(state.reply.len());
        state.reply.reserve_exact(room);
        state.reply.extend_from_slice(bytes);
        Pushed::Kept
    }

    /// All tables it depends on are of engines without transactions: who reads them sees them as
    /// they are, whatever snapshot the transaction has or will have.
    #[must_use]
    pub fn timeless(mut self) -> Self {
        self.timeless = true;
        self
    }

    /// The reply is whole and fit to be stored. `marks` come back with each [`super::Reply`];
    /// `micros` is how long the server took, what each hit saves.
    #[must_use]
    pub fn finish(mut self, marks: [u32; 2], micros: u32) -> Stored {
        let Some(stamp) = self.stamp.take() else { return Stored::NoRoom };
        let (reply, charged) = {
            let mut state = self.filling.state();
            if state.over {
                return Stored::NoRoom;
            }
            (std::mem::take(&mut state.reply), std::mem::take(&mut state.charged))
        };
        let filling = Arc::clone(&self.filling);
        let key = filling.key();
        // Long replies become the entry's as they are; all else is a copy for a moment.
        let kept = if reply.len() > SHORT { allocated_bytes(reply.capacity()) } else { 0 };
        let wanted = Entry::charge_of(&key, reply.len(), stamp.slots().len());
        let more = wanted.saturating_sub(kept);
        if !self.cache.take(self.thread, more) {
            self.cache.room.give_back(charged);
            return self.lost(Stored::NoRoom);
        }
        let contents = Contents {
            stamp: stamp.clone(),
            reply,
            marks,
            account: self.account,
            epoch: self.epoch,
            asked_ms: self.asked_ms,
            micros,
            figures: Arc::clone(&self.figures),
        };
        let mut entry = Entry::new(&key, contents);
        entry.timeless = self.timeless;
        let charge = entry.charge();
        let stored = self.store(entry, &stamp);
        let left = if stored == Stored::Kept { charge } else { 0 };
        self.cache.room.give_back((charged + more).saturating_sub(left));
        if stored == Stored::Kept {
            self.cache.counters.count(self.thread, Event::Insert);
            return stored;
        }
        self.lost(stored)
    }

    /// Puts it into its shard, if it holds still; all under the shard's lock, so that who empties
    /// the cache either finds the entry or stops it.
    fn store(&self, mut entry: Entry, stamp: &Stamp) -> Stored {
        let cache = &self.cache;
        let hash = self.filling.hash;
        let mut part = cache.part(hash);
        let Some(at) = part.filling.iter().position(|other| Arc::ptr_eq(other, &self.filling))
        else {
            return Stored::NoRoom;
        };
        part.filling.swap_remove(at);
        let (at, now) = (stamp.at().min(self.since), cache.versions.now());
        if let Held::Pending(slot) | Held::Changed(slot) = cache.versions.held(at, entry.slots()) {
            return Stored::Overtaken(slot);
        }
        // Its content is not newer than this moment, see `Absence::Unconfirmed`.
        entry.seen_quiet(now);
        let old = part.entries.find(hash, &self.filling.key());
        let old = old.and_then(|number| part.entries.remove(number));
        let charge = entry.charge();
        entry.split = cache.room.entry_came(charge);
        cache.enter(&entry);
        part.entries.insert(hash, entry, cache.room.queue());
        cache.publish(hash, &part);
        drop(part);
        cache.leave(self.thread, old, Leave::Replaced);
        Stored::Kept
    }

    fn give_up(&mut self, pushed: Pushed) -> Pushed {
        if !self.refused {
            self.refused = true;
            // The server counts it as stored when it begins and as refused when it cannot go on.
            self.cache.counters.count(self.thread, Event::Insert);
            self.cache.counters.count(self.thread, Event::NotCached);
        }
        self.cache.room.give_back(self.filling.abandon());
        pushed
    }

    fn lost(&self, stored: Stored) -> Stored {
        if stored == Stored::NoRoom && !self.refused {
            self.cache.counters.count(self.thread, Event::NotCached);
        }
        self.cache.counters.count(self.thread, Event::FillLost);
        stored
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        let mut part = self.cache.part(self.filling.hash);
        if let Some(at) = part.filling.iter().position(|other| Arc::ptr_eq(other, &self.filling)) {
            part.filling.swap_remove(at);
        }
        drop(part);
        self.cache.room.give_back(self.filling.abandon());
        if self.stamp.is_some() {
            self.cache.counters.count(self.thread, Event::FillLost);
        }
    }
}

impl Filling {
    pub(super) fn is(&self, hash: u64) -> bool {
        self.hash == hash
    }

    #[cfg(test)]
    pub(super) fn charged(&self) -> u64 {
        self.state().charged
    }

    /// Takes the buffer away; what it was charged.
    pub(super) fn abandon(&self) -> u64 {
        let mut state = self.state();
        state.over = true;
        state.reply = Vec::new();
        std::mem::take(&mut state.charged)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self) -> Key<'_> {
        Key::execute(self.fingerprint, &self.statement, &self.parameters)
    }
}

/// The capacity for a length: exact at first, since most replies come in one piece, then in steps
/// of a sixteenth, since what is not used is room taken from others.
fn grown(length: usize, capacity: usize) -> usize {
    if length <= capacity {
        capacity
    } else if capacity == 0 {
        length
    } else {
        length.max(capacity + (capacity / 16).max(4096))
    }
}
