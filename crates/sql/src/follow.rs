//! The follower: the door as a replica, so that writes that came another way are seen.
//!
//! Decisions are `menshen_sql_core::follow`'s; here are the connections, the clock and the lock
//! that sessions and the stream share. Slots are begun and ended under that lock, so a session that
//! reports its own commit finds either its event's slots or their absence, never half of it.
//!
//! How it fails: the stream breaks or falls silent, or the server begins its log anew. Then all it
//! held is let go, everything counts as changed, and the gate is what `sql.without_binlog` says
//! until the stream runs again.

mod gate;
mod stream;
mod told;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use menshen_sql_core::binlog::Gtid;
use menshen_sql_core::catalog::Scope;
use menshen_sql_core::follow::{Changed, Counts, Do, Follow, Position};
use menshen_sql_core::versions::{Change, Slot, Versions};
use tokio::sync::{Notify, mpsc};

use crate::cache::{Cache, Invalidation};
use crate::counters::Event;
use crate::desk::name_of;

pub use gate::Gate;
use gate::GateCell;
pub use stream::Rule;
pub(crate) use stream::{FollowSettings, run};
use told::Told;

/// Why the binary log is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffReason {
    /// Kebab-case, stable.
    pub code: &'static str,
    /// What was found.
    pub claim: String,
    /// What to do.
    pub hint: &'static str,
}

/// How the follower is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowState {
    /// Up to date.
    Following,
    /// Connected or connecting, not yet up to date.
    Behind,
    /// Not following, and why.
    Off(OffReason),
}

/// Measured times and counts, for status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowFigures {
    /// Own writes, from their OK to their event: half of them were faster. 0: the event came first.
    pub lag_p50: Duration,
    /// 99 of 100 were faster.
    pub lag_p99: Duration,
    /// The slowest of all.
    pub lag_max: Duration,
    /// Own writes measured.
    pub lag_count: u64,
    /// Foreign events, from arrival until visible: 99 of 100 were faster.
    pub settle_p99: Duration,
    /// The slowest of all.
    pub settle_max: Duration,
    /// Groups of events and what they were.
    pub counts: Counts,
    /// Since the server last said something.
    pub silence: Duration,
}

/// The handle sessions have.
#[derive(Clone, Debug)]
pub struct Follower {
    shared: Arc<Shared>,
}

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// One atomic load: asked before every hit and every fill.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.shared.gate.get()
    }

    /// All that was visible to any session before this moment of [`Versions::now`] is marked in the
    /// versions: one atomic load. To be read before the versions it says something of.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.shared.told.get()
    }

    /// Has the server asked how far its log is, unless that is under way, so that [`Self::told`]
    /// comes past `moment`. Never waits; on one thread or many, the question is asked once.
    pub fn want(&self, moment: u64) {
        self.shared.told.want(moment);
    }

    /// From now on changes beside the door are noted and counted there; later calls do nothing.
    pub fn note_in(&self, cache: Arc<Cache>) {
        let _ = self.shared.cache.set(cache);
    }

    /// For status.
    #[must_use]
    pub fn state(&self) -> FollowState {
        locked(&self.shared.state).clone()
    }

    /// For status.
    #[must_use]
    pub fn figures(&self) -> FollowFigures {
        let machine = locked(&self.shared.machine);
        let Some(follow) = &machine.follow else { return FollowFigures::default() };
        let time = Duration::from_nanos;
        let (lag, settle) = (follow.lag(), follow.settle());
        FollowFigures {
            lag_p50: time(lag.quantile(500)),
            lag_p99: time(lag.quantile(990)),
            lag_max: time(lag.greatest()),
            lag_count: lag.count(),
            settle_p99: time(settle.quantile(990)),
            settle_max: time(settle.greatest()),
            counts: follow.counts(),
            silence: machine.heard.map(|at| at.elapsed()).unwrap_or_default(),
        }
    }

    /// A write through the door was acknowledged with this GTID (as the OK reported `last_gtid`)
    /// and is known to have changed these slots. To be called BEFORE `Versions::end` of them, on
    /// the session's thread; it takes one short lock.
    pub fn own_commit(&self, gtid: &[u8], slots: &[Slot]) {
        if let Some(gtid) = Gtid::parse(gtid) {
            self.shared.with(|follow, now, out| follow.own_commit(now, gtid, slots, out));
        }
    }
}

/// What the stream and the sessions share.
#[derive(Debug)]
pub(crate) struct Shared {
    versions: Versions,
    gate: GateCell,
    told: Told,
    state: Mutex<FollowState>,
    machine: Mutex<Machine>,
    /// Something waits to become visible.
    unsettled: Notify,
    /// The server's log may have been begun anew.
    reset: Notify,
    refreshes: mpsc::UnboundedSender<(u64, Vec<Scope>)>,
    /// Where changes are noted and counted.
    cache: OnceLock<Arc<Cache>>,
    start: Instant,
}

#[derive(Debug, Default)]
struct Machine {
    /// `None` while nothing is followed.
    follow: Option<Follow>,
    heard: Option<Instant>,
    /// A question to which the stream has not come yet.
    asked: Option<Asked>,
    /// The server's log ends before a place that the stream had reached: it was begun anew.
    is_reset: bool,
}

/// A question to the server how far its log is.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Of [`Versions::moment`], from before it was asked.
    moment: u64,
    /// Where the stream was before it was asked.
    from: Position,
    /// The answer.
    end: Position,
}

/// Names to read again, by the number to give back.
pub(crate) type Refreshes = mpsc::UnboundedReceiver<(u64, Vec<Scope>)>;

impl Shared {
    pub(crate) fn new(versions: Versions, state: FollowState) -> (Arc<Self>, Refreshes) {
        let (refreshes, asked) = mpsc::unbounded_channel();
        let shared = Self {
            versions,
            gate: GateCell::default(),
            told: Told::default(),
            state: Mutex::new(state),
            machine: Mutex::default(),
            unsettled: Notify::new(),
            reset: Notify::new(),
            refreshes,
            cache: OnceLock::new(),
            start: Instant::now(),
        };
        (Arc::new(shared), asked)
    }

    /// Lets the machine take a step and does what it asks for, under the lock.
    fn with(&self, step: impl FnOnce(&mut Follow, u64, &mut Vec<Do>)) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut out = Vec::new();
        let mut machine = locked(&self.machine);
        let Machine { follow, asked, .. } = &mut *machine;
        let Some(follow) = follow.as_mut() else { return };
        step(follow, now, &mut out);
        self.note(follow.take_changed());
        for one in out {
            match one {
                Do::Begin(slots) => self.versions.begin(&slots),
                Do::End(slots, change) => self.end(&slots, change),
                Do::Privileges => self.versions.bump_epoch(),
                // Nobody to do it: the thread has ended, and with it the gate is closed.
                Do::Refresh(number, scopes) => drop(self.refreshes.send((number, scopes))),
            }
        }
        if let Some(Asked { moment, end, .. }) = *asked
            && follow.position() >= end
        {
            *asked = None;
            // Files are behind each other only if they were not begun anew from number one.
            self.told.arrives(moment, end.file == follow.position().file);
        }
    }

    /// The server has answered a question. What it named is marked once the stream is there, which
    /// may be now.
    fn answered(&self, asked: Asked) {
        if self.ends_before(asked.from, asked.end) {
            return;
        }
        locked(&self.machine).asked = Some(asked);
        self.with(|_, _, _| ());
    }

    /// Whether the server's log, asked after the stream had come to `from`, ends before that. A log
    /// only grows: this one was begun anew (`RESET MASTER`), and places of the old one say nothing
    /// of it. The run of the stream then ends.
    fn ends_before(&self, from: Position, end: Position) -> bool {
        if end >= from {
            return false;
        }
        locked(&self.machine).is_reset = true;
        self.reset.notify_one();
        true
    }

    /// Until the server's log was begun anew.
    async fn was_reset(&self) {
        while !locked(&self.machine).is_reset {
            self.reset.notified().await;
        }
    }

    /// Whether the stream has not come yet to where the server was when it was asked.
    fn awaits(&self) -> bool {
        locked(&self.machine).asked.is_some()
    }

    /// Ends slots, and counts those that changed.
    pub(crate) fn end(&self, slots: &[Slot], change: Change) {
        if let (Some(cache), Change::Happened) = (self.cache.get(), change) {
            let count = u64::try_from(slots.len()).unwrap_or(0);
            cache.counters().add(THREAD, Event::Invalidation, count);
        }
        self.versions.end(slots, change);
    }

    /// For people who ask what changed a table.
    fn note(&self, changed: Vec<Changed>) {
        let Some(cache) = self.cache.get() else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for one in changed {
            let by = match (one.gtid, one.lost) {
                (Some(gtid), _) => format!("GTID {gtid}"),
                (None, true) => "the binary log was lost".to_owned(),
                (None, false) => "an event without GTID".to_owned(),
            };
            for slot in one.slots {
                let named =
                    one.tables.iter().find(|table| Slot::of(&table.database, &table.name) == slot);
                let table = named.map(name_of).unwrap_or_default();
                let unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
                let who = "beside the door".to_owned();
                let change = Invalidation { table, by: by.clone(), who, unix_ms };
                cache.note_change(slot, Arc::new(change));
            }
        }
    }

    /// As [`Self::with`], for questions that need an answer.
    fn ask<T>(&self, question: impl FnOnce(&mut Follow) -> T) -> Option<T> {
        locked(&self.machine).follow.as_mut().map(question)
    }

    /// Hits inside of transactions so far.
    fn snapshot_hits(&self) -> u64 {
        self.cache.get().map_or(0, |cache| cache.counters().sum(Event::SnapshotHit))
    }

    /// Everything counts as changed.
    fn end_of_gap(&self) {
        self.versions.bump(&[Slot::EVERYTHING]);
    }

    fn turn(&self, state: FollowState, gate: Gate) {
        // Where nobody else writes there is nothing to be told of.
        let alone = matches!(state, FollowState::Off(_)) && gate == Gate::Open;
        self.told.is_alone(alone);
        *locked(&self.state) = state;
        self.gate.set(gate);
    }

    /// Lets go of everything, for good or until the stream runs again.
    pub(crate) fn lost(&self, state: FollowState, gate: Gate) {
        self.gate.set(Gate::Closed);
        locked(&self.machine).asked = None;
        self.with(|follow, _, out| follow.lost(out));
        self.turn(state, gate);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counted as if the first thread that serves had done it.
const THREAD: usize = 0;
