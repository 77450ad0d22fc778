//! What the door says of itself: the figures for the scoreboard, the answers on the control socket,
//! and memory given back when the watch asks for it.
//!
//! One thread of the worker, which has no client, does all of it. Nothing is counted here, nothing
//! is dropped but what `Cache::shrink` drops, and no statement is shown with its literals.
//!
//! It cannot fail; what is not known is left out.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use menshen_base::Counter;
use menshen_config::{SqlSpec, WithoutBinlog};
use menshen_net::clock::unix_s;
use menshen_sql_core::judge::{self, Facts, Names, Reason, judge};
use menshen_sql_core::lexer::{Charset, Dialect, Mode, Server};
use menshen_sql_core::statement;
use menshen_sql_core::store::Key;
use menshen_sql_core::versions::{Slot, Versions};
use menshen_sys::posture::{PostureView, Word};

use crate::cache::{Absence, Ask, Cache, EntryView, Invalidation, StatementView};
use crate::counters::Event;
use crate::door::Door;
use crate::follow::FollowState;
use crate::report::{
    ChangeReport, EntryReport, ExplainReport, FollowerReport, FollowerState, RefusalReport,
    Reporter, StatementReport, StatusReport, TableReport, Verdict, Why,
};
use crate::serve::Shared;

/// What is asked of, and what posts.
#[derive(Debug)]
pub struct Desk {
    door: Arc<Door>,
    generation: u64,
    listen: Vec<String>,
    insight: Option<Insight>,
    /// The last call of the watch that was heard.
    shrunk: Option<u64>,
    figures_at: Option<Instant>,
    /// Of the cache, the part that is swept next.
    next_shard: usize,
}

/// The cache with what decides on it.
pub struct Insight {
    /// Replies.
    pub cache: Arc<Cache>,
    /// Versions of tables.
    pub versions: Versions,
    /// How the binlog is followed, and within which time 99 of 100 changes are seen in it,
    /// microseconds.
    pub follower: Box<dyn Fn() -> (FollowState, Option<u64>)>,
    /// Changes seen in the binlog that did not come through the door.
    pub foreign_changes: Box<dyn Fn() -> u64>,
    /// `query_cache_type` now.
    pub cache_type: Box<dyn Fn() -> judge::CacheType>,
    /// How many numbers of keys there may be; they count from 0.
    pub key_numbers: Box<dyn Fn() -> u32>,
    /// The clock of the cache's [`Ask::now_ms`].
    pub now_ms: Box<dyn Fn() -> u64>,
    /// What sessions of default settings are read by.
    pub mode: Box<dyn Fn() -> Mode>,
    /// Calls with what the catalog knows.
    pub names: WithNames,
}

/// Calls what it is given with the catalog of the moment.
pub type WithNames = Box<dyn Fn(&mut dyn FnMut(&dyn Names))>;

impl Insight {
    /// Into what sessions share.
    #[must_use]
    pub fn of(shared: &Arc<Shared>) -> Self {
        let with = || Arc::clone(shared);
        let (follower, others, kind) = (with(), with(), with());
        let (prints, clock, names) = (with(), with(), with());
        Self {
            cache: Arc::clone(shared.cache()),
            versions: *shared.cache().versions(),
            follower: Box::new(move || {
                let follower = &follower.foreign().follower;
                let figures = follower.figures();
                let lag = (figures.lag_count > 0).then_some(figures.lag_p99.as_micros());
                (follower.state(), lag.and_then(|micros| u64::try_from(micros).ok()))
            }),
            foreign_changes: Box::new(move || others.foreign().follower.figures().counts.foreign),
            cache_type: Box::new(move || kind.globals().cache_type),
            key_numbers: Box::new(move || prints.key_numbers()),
            now_ms: Box::new(move || clock.ms_at(Instant::now())),
            mode: Box::new(|| PLAIN),
            names: Box::new(move |look| look(&*names.foreign().catalog.load())),
        }
    }
}

impl Desk {
    /// The desk of a worker; without `insight` the door only relays.
    #[must_use]
    pub fn new(spec: &SqlSpec, door: Arc<Door>, insight: Option<Insight>) -> Self {
        let mut listen: Vec<String> = Vec::new();
        for address in spec.listeners.iter().map(|listener| listener.address.to_string()) {
            if !listen.contains(&address) {
                listen.push(address);
            }
        }
        let generation = spec.generation;
        Self { door, generation, listen, insight, shrunk: None, figures_at: None, next_shard: 0 }
    }

    /// Writes the cache's counters to the worker's slot; twice a second.
    pub fn post(&mut self, slot: &menshen_sys::Slot, now: Instant) {
        let Some(insight) = &self.insight else { return };
        let (cache, counters) = (&insight.cache, insight.cache.counters());
        for (counter, event) in EVENTS {
            slot.set(*counter, counters.sum(*event));
        }
        let dropped = counters.sum(Event::StaleDrop) + counters.sum(Event::ExpiredDrop);
        slot.set(Counter::SqlInvalidated, dropped);
        // A share of the cache at a time: nobody waits for a look at every entry.
        for _ in 0..cache.shards().div_ceil(POSTS_PER_SWEEP) {
            cache.sweep_shard(THREAD, self.next_shard);
            self.next_shard = (self.next_shard + 1) % cache.shards();
        }
        let qcache = cache.qcache_unswept();
        for (counter, value) in [
            (Counter::SqlEntries, qcache.queries_in_cache),
            (Counter::SqlFreeBytes, qcache.free_memory),
            (Counter::SqlFreeBlocks, qcache.free_blocks),
            (Counter::SqlTotalBlocks, qcache.total_blocks),
            (Counter::SqlCacheBytes, cache.used()),
            (Counter::SqlCacheSize, cache.size()),
        ] {
            slot.set(counter, value);
        }
        let (state, lag_micros) = (insight.follower)();
        slot.set(
            Counter::SqlFollower,
            match state {
                FollowState::Off(_) => 0,
                FollowState::Behind => 1,
                FollowState::Following => 2,
            },
        );
        slot.set(Counter::SqlForeign, (insight.foreign_changes)());
        slot.set(Counter::SqlFollowLag, lag_micros.unwrap_or(0));
        slot.set(Counter::SqlServing, u64::from(self.off(insight, &state).is_none()));
        // These look at every entry.
        let due = self.figures_at.is_none_or(|at| now.duration_since(at) >= FIGURES_EVERY);
        if due {
            self.figures_at = Some(now);
            let all = cache.top_by_hits(usize::MAX);
            let sum = |of: fn(&StatementView) -> u64| {
                all.iter().fold(0, |sum: u64, one| sum.saturating_add(of(one)))
            };
            slot.set(Counter::SqlSavedMicros, sum(|one| one.saved_micros));
            let all = cache.top_by_waste(usize::MAX);
            let wasted = all.iter().fold(0, |sum: u64, one| sum.saturating_add(one.wasted));
            slot.set(Counter::SqlWasted, wasted);
        }
    }

    /// Looks whether the watch asks for memory again, and gives back what the cache can do
    /// without. The call that stands when a worker begins is an old one: it holds nothing yet.
    pub fn look(&mut self, posture: Option<PostureView>, slot: &menshen_sys::Slot) {
        let Some(epoch) = posture.map(|posture| posture.get(Word::ShrinkEpoch)) else { return };
        if self.shrunk.replace(epoch).is_none_or(|last| last == epoch) {
            return;
        }
        let freed = self.insight.as_ref().map_or(0, |insight| insight.cache.shrink(THREAD));
        menshen_sys::memory::trim();
        slot.add(Counter::CacheShrinks, 1);
        slot.add(Counter::CacheShrunk, freed);
    }

    /// Lets go of all replies: a newer generation serves, or nothing here can be relied on.
    /// Sessions that go on may fill the cache again with what they ask for, as long as its words
    /// hold.
    pub fn forget(&self) {
        let Some(cache) = self.insight.as_ref().map(|insight| &insight.cache) else { return };
        if cache.used() > 0 {
            cache.reset(THREAD);
            menshen_sys::memory::trim();
        }
    }

    /// Why nothing is answered from the cache; `None`: reads are.
    fn off(&self, insight: &Insight, state: &FollowState) -> Option<Why> {
        let size = insight.cache.size();
        if size == 0 || (insight.cache_type)() == judge::CacheType::Off {
            return Some(row(Reason::CacheOff));
        }
        if insight.versions.retired() {
            return Some(row(Reason::Retired));
        }
        let refuses = self.door.config.without_binlog == WithoutBinlog::Refuse;
        match state {
            FollowState::Off(why) if refuses => {
                let hint = why.hint.to_owned();
                let says = format!("{}: {}", Reason::NoFollower.says(), why.claim);
                Some(Why { code: why.code.to_owned(), says, hint })
            }
            FollowState::Behind if refuses => Some(row(Reason::FollowerBehind)),
            _ => None,
        }
    }

    /// The age that entries may have while the binlog is not followed.
    fn ttl_ms(&self) -> Option<u64> {
        let insight = self.insight.as_ref()?;
        let follows = (insight.follower)().0 == FollowState::Following;
        let ttl = self.door.config.without_binlog == WithoutBinlog::Ttl && !follows;
        ttl.then_some(u64::from(self.door.config.ttl_ms))
    }

    fn follower(&self, state: &FollowState, lag_micros: Option<u64>) -> FollowerReport {
        let config = &self.door.config;
        let (state, why) = match state {
            FollowState::Following => (FollowerState::Following, None),
            FollowState::Behind => (FollowerState::Behind, None),
            FollowState::Off(why) => {
                let [code, says, hint] = [why.code, &why.claim, why.hint].map(str::to_owned);
                (FollowerState::Off, Some(Why { code, says, hint }))
            }
        };
        let without_binlog = match config.without_binlog {
            WithoutBinlog::Refuse => "refuse",
            WithoutBinlog::SoleDoor => "sole-door",
            WithoutBinlog::Ttl => "ttl",
        };
        let ttl = config.without_binlog == WithoutBinlog::Ttl;
        FollowerReport {
            state,
            lag_micros,
            why,
            without_binlog: without_binlog.to_owned(),
            ttl_ms: ttl.then_some(u64::from(config.ttl_ms)),
        }
    }
}

impl Reporter for RefCell<Desk> {
    fn status(&self) -> StatusReport {
        self.borrow().status()
    }

    fn explain(&self, statement: &[u8], database: &str) -> ExplainReport {
        self.borrow().explain(statement, database)
    }
}

impl Reporter for Desk {
    fn status(&self) -> StatusReport {
        let tally = &self.door.tally;
        let mut report = StatusReport {
            generation: self.generation,
            listen: self.listen.clone(),
            upstream: self.door.config.upstream.to_string(),
            sessions: tally.sum(Counter::SqlSessions),
            sessions_uncached: tally.sum(Counter::SqlUncached),
            ..StatusReport::default()
        };
        let Some(insight) = &self.insight else {
            report.off = Some(row(Reason::CacheOff));
            return report;
        };
        let cache = &insight.cache;
        report.qcache = cache.qcache(THREAD);
        (report.used_bytes, report.size_bytes) = (cache.used(), cache.size());
        report.result_bytes_max = cache.result_bytes_max();
        let cache_type = match (insight.cache_type)() {
            judge::CacheType::Off => "OFF",
            judge::CacheType::On => "ON",
            judge::CacheType::Demand => "DEMAND",
        };
        report.cache_type = cache_type.to_owned();
        let (state, lag_micros) = (insight.follower)();
        report.off = self.off(insight, &state);
        report.follower = self.follower(&state, lag_micros);
        report.top_hits = cache.top_by_hits(TOP).iter().map(statement_report).collect();
        report.top_waste = cache.top_by_waste(TOP).iter().map(statement_report).collect();
        let counters = cache.counters();
        let refusals = Reason::ALL.iter().map(|reason| RefusalReport {
            why: row(*reason),
            count: counters.refusals(*reason as usize),
        });
        report.refusals = refusals.filter(|refusal| refusal.count > 0).collect();
        report.refusals.sort_by_key(|refusal| std::cmp::Reverse(refusal.count));
        report
    }

    fn explain(&self, text: &[u8], database: &str) -> ExplainReport {
        let Some(insight) = &self.insight else {
            let why = Some(row(Reason::CacheOff));
            return ExplainReport { why, ..ExplainReport::default() };
        };
        let mode = (insight.mode)();
        let digest = statement::digest(text, mode, DIGEST_BYTES_MAX);
        let figures = insight.cache.statement(&digest).as_ref().map(statement_report);
        let digest = String::from_utf8_lossy(&digest).into_owned();
        let mut report = ExplainReport { digest, figures, ..ExplainReport::default() };
        let off = self.off(insight, &(insight.follower)().0);
        let text = statement::trim(text);
        let read = statement::read(text, mode);
        let facts = Facts {
            database: (!database.is_empty()).then_some(database.as_bytes()),
            cache_type: (insight.cache_type)(),
            auto_is_null: false,
            temporary: &[],
        };
        let mut named = Vec::new();
        (insight.names)(&mut |names| match judge(&read, &facts, names) {
            judge::Verdict::Not(reason) => report.why = Some(row(reason)),
            judge::Verdict::Cacheable(known) => {
                report.verdict = Verdict::Cacheable;
                let tables = known.iter().flat_map(|known| &known.reads);
                report.tables = tables.clone().map(|table| table_report(insight, table)).collect();
                named = tables.map(|table| (slot_of(table), name_of(table))).collect();
                report.tables.sort_by(|one, other| one.name.cmp(&other.name));
                report.tables.dedup_by(|one, other| one.name == other.name);
            }
        });
        report.entries = entries(insight, text, self.ttl_ms(), &named);
        let served = report.entries.iter().any(|entry| entry.absence.is_none());
        if served && report.verdict == Verdict::Cacheable {
            report.verdict = Verdict::Cached;
        }
        if let Some(off) = off {
            (report.verdict, report.why) = (Verdict::NotCached, Some(off));
        }
        report
    }
}

/// The stored results of this text, one for each set of session settings.
fn entries(
    insight: &Insight,
    text: &[u8],
    ttl_ms: Option<u64>,
    named: &[(Slot, String)],
) -> Vec<EntryReport> {
    let now_ms = (insight.now_ms)();
    let found = (0..(insight.key_numbers)()).filter_map(|number| {
        let key = Key::text(number, text);
        // Whether an account may read it is the server's to say, session by session.
        let ask = Ask {
            key,
            account: 0,
            snapshot: None,
            unopened: false,
            now_ms,
            ttl_ms,
            thread: THREAD,
        };
        insight.cache.explain(&ask)
    });
    let report = |entry: EntryView| EntryReport {
        reply_bytes: entry.reply_bytes,
        charged_bytes: entry.charged_bytes,
        age_ms: entry.age_ms,
        saved_micros: entry.micros.into(),
        absence: entry.absence.map(|absence| absent(insight, absence, named)),
    };
    found.map(report).take(ENTRIES_MAX).collect()
}

/// Why an entry would not be served, in words.
fn absent(insight: &Insight, absence: Absence, tables: &[(Slot, String)]) -> String {
    let noted = |slot| insight.cache.last_change(slot).map(|change| change.table.clone());
    let named = |what: &str, slot| {
        let own = tables.iter().find(|(of, _)| *of == slot).map(|(_, name)| name.clone());
        match own.or_else(|| noted(slot)).filter(|name| !name.is_empty()) {
            _ if slot == Slot::EVERYTHING => format!("{what} every table"),
            Some(table) => format!("{what} {table}"),
            None => format!("{what} one of its tables"),
        }
    };
    match absence {
        Absence::Unknown => "evicted".to_owned(),
        Absence::Stale(slot) => named("there was a write to", slot),
        Absence::Pending(slot) => named("there is a write under way to", slot),
        Absence::Snapshot(slot) => named("it is newer than the snapshot of", slot),
        Absence::Unconfirmed(_) => "the binary log is not seen up to the snapshot".to_owned(),
        Absence::Unopened => "the transaction has no snapshot yet".to_owned(),
        Absence::Expired => "older than ttl_ms".to_owned(),
        Absence::Off => "the cache is off".to_owned(),
    }
}

fn table_report(insight: &Insight, table: &judge::Table) -> TableReport {
    let (slot, name) = (slot_of(table), name_of(table));
    let changes = [insight.cache.last_change(slot), insight.cache.last_change(Slot::EVERYTHING)];
    let changed = changes.into_iter().flatten().max_by_key(|change| change.unix_ms);
    TableReport {
        name,
        changed: changed.map(|change| change_report(&change)),
        being_written: insight.versions.pending(slot) > 0,
    }
}

fn slot_of(table: &judge::Table) -> Slot {
    Slot::of(&table.database, &table.name)
}

/// `database.table`.
pub(crate) fn name_of(table: &judge::Table) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}.{}", text(&table.database), text(&table.name))
}

fn change_report(change: &Invalidation) -> ChangeReport {
    ChangeReport {
        by: change.by.clone(),
        who: change.who.clone(),
        seconds_ago: unix_s().saturating_sub(change.unix_ms / 1000),
    }
}

pub(crate) fn statement_report(view: &StatementView) -> StatementReport {
    StatementReport {
        digest: String::from_utf8_lossy(&view.digest).into_owned(),
        hits: view.hits,
        fills: view.fills,
        wasted: view.wasted,
        bytes: view.bytes,
        saved_micros: view.saved_micros,
    }
}

fn row(reason: Reason) -> Why {
    let [code, says, hint] = [reason.code(), reason.says(), reason.hint()].map(str::to_owned);
    Why { code, says, hint }
}

impl fmt::Debug for Insight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insight").field("cache", &self.cache).finish_non_exhaustive()
    }
}

const EVENTS: &[(Counter, Event)] = &[
    (Counter::SqlHits, Event::Hit),
    (Counter::SqlInserts, Event::Insert),
    (Counter::SqlNotCached, Event::NotCached),
    (Counter::SqlPrunes, Event::Prune),
    (Counter::SqlHitBytes, Event::HitBytes),
    (Counter::SqlInvalidations, Event::Invalidation),
    (Counter::SqlRightsChecked, Event::Verify),
];

/// A session of default settings; the server's version, which executable comments ask for, is not
/// known here.
const PLAIN: Mode = Mode {
    ansi_quotes: false,
    no_backslash_escapes: false,
    foreign_grammar: false,
    charset: Charset::Utf8,
    server: Server { dialect: Dialect::Mariadb, version: 0 },
};

/// Counted as if the first thread that serves had done it.
const THREAD: usize = 0;
/// The whole cache is swept in four seconds.
const POSTS_PER_SWEEP: usize = 8;
const TOP: usize = 20;
const ENTRIES_MAX: usize = 100;
const DIGEST_BYTES_MAX: usize = crate::cache::DIGEST_BYTES_MAX;
const FIGURES_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

#[cfg(test)]
mod tests;
