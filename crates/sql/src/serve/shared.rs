//! What all sessions share.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use menshen_config::{SqlSpec, SqlTransactions};
use menshen_sql_core::judge::{CacheType, Reason};
use menshen_sql_core::session::Transactions;
use menshen_sql_core::surface::Globals;
use menshen_sql_core::versions::{Slot, Versions};

use super::shapes::Shapes;
use super::{Interned, Parked};
use crate::cache::{Cache, CacheLimits};
use crate::control::{self, ControlSettings, Foreign};
use crate::counters::{Counters, Event};
use crate::follow::Gate;
use crate::surface::HitsByAccount;
use crate::upstream::Upstream;

/// What all sessions share.
#[derive(Debug)]
pub struct Shared {
    pub(super) cache: Arc<Cache>,
    pub(super) counters: Arc<Counters>,
    pub(super) versions: Versions,
    pub(super) foreign: Foreign,
    pub(super) transactions: Transactions,
    pub(super) inspect_bytes_max: usize,
    pub(super) fingerprints: Interned,
    pub(super) accounts: Interned,
    pub(super) parked: Parked,
    pub(super) shapes: Shapes,
    pub(super) by_account: HitsByAccount,
    /// The account of the door's own connections, which lists of users leave out.
    pub(super) control_user: Vec<u8>,
    globals: RwLock<Globals>,
    off: AtomicBool,
    started: Instant,
}

impl Shared {
    /// The cache as `spec` says, and the control account's connections to `upstream`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn begin(spec: &SqlSpec, versions: Versions, upstream: Upstream) -> io::Result<Arc<Self>> {
        let config = &spec.config;
        let counters = Arc::new(Counters::new(usize::try_from(spec.threads).unwrap_or(1)));
        let limits = CacheLimits {
            bytes_max: config.cache_bytes_max,
            result_bytes_max: config.result_bytes_max,
            statements_max: usize::try_from(config.statements_max).unwrap_or(usize::MAX),
        };
        let cache_type = match config.cache_type {
            menshen_config::CacheType::Off => CacheType::Off,
            menshen_config::CacheType::On => CacheType::On,
            menshen_config::CacheType::Demand => CacheType::Demand,
        };
        let globals = Globals::new(cache_type, config.cache_bytes_max, config.result_bytes_max);
        let foreign = control::start(ControlSettings::of(spec, upstream), versions)?;
        let cache = Cache::new(limits, versions, Arc::clone(&counters));
        foreign.follower.note_in(Arc::clone(&cache));
        Ok(Arc::new(Self {
            cache,
            counters,
            versions,
            foreign,
            transactions: match config.transactions {
                SqlTransactions::Snapshot => Transactions::Snapshot,
                SqlTransactions::Never => Transactions::Never,
            },
            inspect_bytes_max: usize::try_from(config.inspect_bytes_max).unwrap_or(usize::MAX),
            fingerprints: Interned::new(
                usize::try_from(config.fingerprints_max).unwrap_or(usize::MAX),
            ),
            accounts: Interned::new(ACCOUNTS_MAX),
            parked: Parked::default(),
            shapes: Shapes::new(usize::try_from(spec.threads).unwrap_or(1)),
            by_account: HitsByAccount::default(),
            control_user: config.control_user.clone().unwrap_or_default().into_bytes(),
            globals: RwLock::new(globals),
            off: AtomicBool::new(cache_type == CacheType::Off),
            started: Instant::now(),
        }))
    }

    /// The settings of the query cache.
    pub fn globals(&self) -> Globals {
        *self.globals.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the settings (`SET GLOBAL query_cache_…`), one change at a time.
    pub(super) fn change_globals(&self, change: impl FnOnce(&mut Globals)) {
        let mut globals = self.globals.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut globals);
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

    /// Whether writes of sessions that are gone are still in flight, or prepared and not decided.
    pub(crate) fn writes_left(&self) -> bool {
        self.foreign.writes_left() || !self.parked.is_empty()
    }

    /// How many numbers `Session::key_number` may have given: eight for each fingerprint.
    pub(crate) fn key_numbers(&self) -> u32 {
        u32::try_from(self.fingerprints.len()).map_or(0, |known| known.saturating_mul(8))
    }

    /// Milliseconds between the making of this door and `now`.
    pub(crate) fn ms_at(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.started);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether `query_cache_type` is OFF for everybody.
    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
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

    /// Slots are about to be ended as changed.
    pub(super) fn count_changes(&self, thread: usize, slots: usize) {
        let slots = u64::try_from(slots).unwrap_or(u64::MAX);
        self.counters.add(thread, Event::Invalidation, slots);
    }

    /// Something changed that nobody announced.
    pub(super) fn bump(&self, thread: usize, slots: &[Slot]) {
        self.count_changes(thread, slots.len());
        self.versions.bump(slots);
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
