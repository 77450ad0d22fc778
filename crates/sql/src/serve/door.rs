//! What all sessions share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use menshen_sql_core::judge::{CacheType, Reason};
use menshen_sql_core::session::Transactions;
use menshen_sql_core::surface::Globals;
use menshen_sql_core::versions::Versions;

use super::{Interned, Parked};
use crate::cache::Cache;
use crate::control::Foreign;
use crate::counters::{Counters, Event};
use crate::follow::Gate;

/// What all sessions share.
#[derive(Debug)]
pub struct Door {
    pub(super) cache: Arc<Cache>,
    pub(super) counters: Arc<Counters>,
    pub(super) versions: Versions,
    pub(super) foreign: Foreign,
    pub(super) transactions: Transactions,
    pub(super) inspect_bytes_max: usize,
    pub(super) fingerprints: Interned,
    pub(super) accounts: Interned,
    pub(super) parked: Parked,
    host: Vec<u8>,
    globals: RwLock<Globals>,
    off: AtomicBool,
    started: Instant,
}

/// What a door is made of.
#[derive(Debug)]
pub struct DoorParts {
    /// Replies.
    pub cache: Arc<Cache>,
    /// Counts.
    pub counters: Arc<Counters>,
    /// Versions of tables.
    pub versions: Versions,
    /// The control account's connections.
    pub foreign: Foreign,
    /// `query_cache_*` as configured.
    pub globals: Globals,
    /// Whether statements in transactions are served.
    pub transactions: Transactions,
    /// Longer commands are judged by so many bytes.
    pub inspect_bytes_max: usize,
    /// Session states that are told apart; sessions in others are not cached.
    pub fingerprints_max: usize,
}

impl Door {
    /// A door; its follower and cache run already.
    #[must_use]
    pub fn new(parts: DoorParts) -> Arc<Self> {
        Arc::new(Self {
            cache: parts.cache,
            counters: parts.counters,
            versions: parts.versions,
            foreign: parts.foreign,
            transactions: parts.transactions,
            inspect_bytes_max: parts.inspect_bytes_max,
            fingerprints: Interned::new(parts.fingerprints_max),
            accounts: Interned::new(ACCOUNTS_MAX),
            parked: Parked::default(),
            globals: RwLock::new(parts.globals),
            off: AtomicBool::new(parts.globals.cache_type == CacheType::Off),
            host: Vec::new(),
            started: Instant::now(),
        })
    }

    /// The settings of the query cache.
    pub fn globals(&self) -> Globals {
        *self.globals.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the settings (`SET GLOBAL query_cache_…`).
    pub fn set_globals(&self, globals: Globals) {
        *self.globals.write().unwrap_or_else(PoisonError::into_inner) = globals;
        self.off.store(globals.cache_type == CacheType::Off, Ordering::SeqCst);
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The control account's connections.
    #[must_use]
    pub fn foreign(&self) -> &Foreign {
        &self.foreign
    }

    /// Milliseconds between the making of this door and `now`.
    pub(super) fn ms_at(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.started);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether `query_cache_type` is OFF for everybody.
    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// How the server sees all clients, where it does not see their own addresses.
    pub(super) fn host(&self) -> &[u8] {
        &self.host
    }

    /// Counts a statement that is not stored; `looks_cacheable`: the query cache would have been
    /// asked about it.
    pub(super) fn refused(&self, thread: usize, reason: Reason, looks_cacheable: bool) {
        self.counters.refused(thread, reason as usize);
        let counted = matches!(reason, Reason::FillInFlight | Reason::LockedTables);
        if looks_cacheable && !counted && self.cache.size() > 0 {
            self.counters.count(thread, Event::NotCached);
        }
    }

    /// Whether others' writes are seen, so that the cache may be used; and how young an entry must
    /// be where they are not.
    pub(super) fn open(&self) -> Option<Option<Duration>> {
        match self.foreign.follower.gate() {
            Gate::Closed => None,
            Gate::Open => Some(None),
            Gate::Young(age) => Some(Some(age)),
        }
    }
}

/// Accounts told apart; those beyond are not served.
const ACCOUNTS_MAX: usize = 1 << 20;
