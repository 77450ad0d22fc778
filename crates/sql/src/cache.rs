//! The cache of replies, shared by all threads of the worker.
//!
//! A lookup takes the lock of one shard and no other, compares the whole key and the versions of
//! all tables the entry depends on, and gives a counted reference: bytes are written outside of the
//! lock. Invalidation does not come here at all: versions move (`sql_core::versions`), entries that
//! lag are dropped when met, swept or evicted. This must never give a reply whose tables may have
//! changed since, and never hold more bytes than its size, fills in flight included.
//!
//! How it fails: no room or a fill of the same key in flight means "not stored"; nothing waits.

use std::sync::Arc;

use menshen_sql_core::store::Key;
use menshen_sql_core::versions::{Slot, Stamp, Versions};

use crate::counters::Counters;

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
    limits: CacheLimits,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What for.
    pub key: Key<'a>,
    /// The interned account (and roles) of the session.
    pub account: u32,
    /// The session's snapshot in a REPEATABLE READ transaction, as [`Versions::now`] counted when
    /// it began; `None` outside.
    pub snapshot: Option<u64>,
    /// Milliseconds of a clock that never goes back; coarse is good enough.
    pub now_ms: u64,
    /// Hits must be younger than this, milliseconds, on top of all else; `None`: no such bound.
    pub ttl_ms: Option<u64>,
    /// The thread, for its counters.
    pub thread: usize,
}

/// What a lookup gives.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Counted as a hit.
    Hit(Reply),
    /// The reply is there, but this account was not seen to have the rights since the given
    /// privilege epoch: ask the server, then [`Cache::verified`], then look up again.
    Verify {
        /// To be handed to [`Cache::verified`]; read before the server is asked.
        epoch: u64,
    },
    /// Nothing that may be served.
    Miss(Absence),
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
    /// Older than the time bound; the entry is gone now.
    Expired,
    /// The cache has no size, or its words are retired.
    Off,
}

/// A stored reply. Dereferences to its bytes.
#[derive(Debug, Clone)]
pub struct Reply {
    bytes: Arc<[u8]>,
    from: usize,
    marks: [u32; 2],
}

/// A reply on its way into the cache; dropped unfinished, nothing is stored.
#[derive(Debug)]
pub struct Fill {
    cache: Arc<Cache>,
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

impl Cache {
    /// An empty one.
    #[must_use]
    pub fn new(limits: CacheLimits, versions: Versions, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self { versions, counters, limits })
    }

    /// The reply to a statement, when there is one that holds.
    #[must_use]
    pub fn lookup(&self, ask: &Ask<'_>) -> Lookup {
        let _ = (ask, &self.versions, &self.counters, &self.limits);
        unimplemented!()
    }

    /// The server let `account` read what the entry reads, asked after `epoch` was given out.
    pub fn verified(&self, key: &Key<'_>, account: u32, epoch: u64) {
        let _ = (key, account, epoch);
        unimplemented!()
    }

    /// Before the SELECT is sent: the reply is going to be stored under this key. `stamp` was taken
    /// before, `digest` is the statement without literals, for statistics. `None`, counted as not
    /// cached: another session fills it, or there is no room.
    #[must_use]
    pub fn begin_fill(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        stamp: Stamp,
        digest: &[u8],
    ) -> Option<Fill> {
        let _ = (ask, stamp, digest);
        unimplemented!()
    }
}

impl Reply {
    /// What [`Fill::finish`] was given, such as where the status words are.
    #[must_use]
    pub fn marks(&self) -> [u32; 2] {
        self.marks
    }
}

impl std::ops::Deref for Reply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }
}

impl Fill {
    /// More bytes of the reply.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        let _ = (bytes, &self.cache);
        unimplemented!()
    }

    /// The reply is whole and fit to be stored. `marks` come back with each [`Reply`]; `micros` is
    /// how long the server took, what each hit saves.
    #[must_use]
    pub fn finish(self, marks: [u32; 2], micros: u32) -> Stored {
        let _ = (marks, micros);
        unimplemented!()
    }
}
