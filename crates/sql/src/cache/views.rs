//! What the cache says of itself: the server's eight counters, sums, one entry explained.

use std::sync::atomic::Ordering::Relaxed;

use menshen_sql_core::store::Key;
use menshen_sql_core::surface::Qcache;
use menshen_sql_core::versions::{Held, Slot};

use super::{Absence, Ask, Cache, SHARDS};
use crate::counters::Event;

/// What the cache holds; stale entries that nobody met yet are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// `query_cache_size`, bytes.
    pub size: u64,
    /// Charged bytes: entries with all their overhead, and fills.
    pub used: u64,
    /// Entries.
    pub entries: u64,
    /// Slots of tables with entries.
    pub tables: u64,
    /// Fills in flight.
    pub fills: u64,
}

/// One entry as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryView {
    /// Why it would not be served to this session; `None`: it would be.
    pub absence: Option<Absence>,
    /// Whether the session's account would have to be asked for at the server first.
    pub unverified: bool,
    /// Slots of its tables.
    pub slots: Vec<Slot>,
    /// Bytes of the reply.
    pub reply_bytes: u64,
    /// Charged bytes, overhead included.
    pub charged_bytes: u64,
    /// Its age, milliseconds.
    pub age_ms: u64,
    /// What a hit saves, microseconds.
    pub micros: u32,
    /// Whether it was ever served.
    pub was_hit: bool,
}

impl Cache {
    /// The server's counters as `sql/sql_cache.cc` means them, exact at this moment: stale entries
    /// are dropped first.
    ///
    /// Blocks are what that allocator would have: two for each entry (query and reply), one for
    /// each table, one free at the end, one more for each gap an entry left and each reply that
    /// filled such a gap and went on elsewhere; `FLUSH QUERY CACHE` closes gaps and joins replies.
    /// Gaps and joints are counted as they come and go here, so they are close, not equal, under
    /// load.
    #[must_use]
    pub fn qcache(&self, thread: usize) -> Qcache {
        self.sweep(thread);
        self.qcache_unswept()
    }

    /// The same without looking at every entry first: entries that are out of date and not yet
    /// found so count as if they were not.
    #[must_use]
    pub fn qcache_unswept(&self) -> Qcache {
        let totals = self.sums();
        let (gaps, splits) = self.room.fragments();
        let on = u64::from(totals.size > 0);
        let free_blocks = on * (1 + gaps.min(totals.entries));
        let since = |event| self.counters.since_flush(event);
        Qcache {
            free_blocks,
            free_memory: totals.size.saturating_sub(totals.used),
            hits: since(Event::Hit),
            inserts: since(Event::Insert),
            lowmem_prunes: since(Event::Prune),
            not_cached: since(Event::NotCached),
            queries_in_cache: totals.entries,
            total_blocks: totals.entries * 2 + splits + totals.tables + free_blocks,
        }
    }

    /// What it holds.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let fills: usize = (0..SHARDS).map(|number| self.part_number(number).filling.len()).sum();
        Totals { fills: fills as u64, ..self.sums() }
    }

    /// `query_cache_size`, bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.room.size()
    }

    /// Charged bytes; never above [`Self::size`].
    #[must_use]
    pub fn used(&self) -> u64 {
        self.room.used()
    }

    /// `query_cache_limit`, bytes.
    #[must_use]
    pub fn result_bytes_max(&self) -> u64 {
        self.result_bytes_max.load(Relaxed)
    }

    /// Sets `query_cache_limit`; fills in flight heed it at their next push.
    pub fn set_result_bytes_max(&self, bytes: u64) {
        self.result_bytes_max.store(bytes, Relaxed);
    }

    /// Entries that depend on a table's slot, stale ones that nobody met yet included.
    #[must_use]
    pub fn entries_on(&self, slot: Slot) -> u64 {
        u64::from(self.users[usize::from(slot.number())].load(Relaxed))
    }

    /// The entry a session would meet, without counting, dropping or serving anything. `None`:
    /// there is none.
    #[must_use]
    pub fn explain(&self, ask: &Ask<'_>) -> Option<EntryView> {
        let hash = self.seed.hash(&ask.key);
        let part = self.part(hash);
        let entry = part.entries.get(part.entries.find(hash, &ask.key)?)?;
        let absence = match self.versions.held(entry.at(), entry.slots()) {
            Held::Yes => self.out_of_time(ask, entry),
            Held::Pending(slot) => Some(Absence::Pending(slot)),
            Held::Changed(slot) => Some(Absence::Stale(slot)),
        };
        Some(EntryView {
            absence,
            unverified: !entry.may_read(ask.account, self.versions.epoch()),
            slots: entry.slots().collect(),
            reply_bytes: entry.reply().len() as u64,
            charged_bytes: entry.charge(),
            age_ms: ask.now_ms.saturating_sub(entry.asked_ms()),
            micros: entry.micros(),
            was_hit: entry.was_hit(),
        })
    }

    /// Whether a session fills this key now.
    #[must_use]
    pub fn is_filling(&self, key: &Key<'_>) -> bool {
        let hash = self.seed.hash(key);
        self.part(hash).filling.iter().any(|fill| fill.is(hash))
    }

    fn sums(&self) -> Totals {
        Totals {
            size: self.room.size(),
            used: self.room.used(),
            entries: self.room.entries.load(Relaxed),
            tables: u64::try_from(self.tables.load(Relaxed)).unwrap_or(0),
            fills: 0,
        }
    }
}
