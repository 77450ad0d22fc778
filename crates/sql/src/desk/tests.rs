//! Tests of `desk`: a real cache, a catalog of one table, a scoreboard of its own.

use std::cell::Cell;
use std::rc::Rc;

use menshen_config::{Sql, SqlSpec};
use menshen_sql_core::judge::{Effect, Known, Relation, Routine, RoutineKind, Table};
use menshen_sys::Scoreboard;
use menshen_sys::posture::Posture;

use super::*;
use crate::cache::CacheLimits;
use crate::counters::Counters;
use crate::follow::OffReason;

/// The table `shop.goods`.
struct Goods(Known);

impl Names for Goods {
    fn relation(&self, database: &[u8], name: &[u8]) -> Relation<'_> {
        match (database, name) {
            (b"shop", b"goods") => Relation::Known(&self.0),
            _ => Relation::Missing,
        }
    }

    fn routine(&self, _: RoutineKind, _: &[u8], _: &[u8]) -> Routine<'_> {
        Routine::Missing
    }

    fn relations_of(&self, _: &[u8]) -> Option<Vec<&Table>> {
        None
    }

    fn canonical(&self, database: &[u8], name: &[u8]) -> Table {
        Table { database: database.into(), name: name.into() }
    }
}

fn goods() -> Table {
    Table { database: b"shop".as_slice().into(), name: b"goods".as_slice().into() }
}

struct Set {
    desk: Desk,
    cache: Arc<Cache>,
    versions: Versions,
    state: Rc<Cell<bool>>,
}

fn set() -> Set {
    let spec = SqlSpec {
        index: 0,
        generation: 3,
        slot: 0,
        config: Sql::default(),
        threads: 1,
        listeners: Vec::new(),
        words_fd: -1,
        control_fd: -1,
        scoreboard_fd: -1,
        posture_fd: None,
        ready_fd: -1,
        become_user: None,
        oom_score_adj: None,
        stop_seconds_max: 1,
        certificate: None,
        upstream_ca_pem: None,
        control_password: None,
    };
    let versions = Versions::private();
    let limits = CacheLimits { bytes_max: 1 << 20, result_bytes_max: 1 << 16, statements_max: 10 };
    let cache = Cache::new(limits, versions, Arc::new(Counters::new(1)));
    let follows = Rc::new(Cell::new(true));
    let state = Rc::clone(&follows);
    let known = Known {
        table: goods(),
        bar: None,
        reads: vec![goods()],
        writes: Effect::default(),
        read_writes: Effect::default(),
        transactional: true,
        timeless: false,
        demands: false,
    };
    let insight = Insight {
        cache: Arc::clone(&cache),
        versions,
        follower: Box::new(move || match follows.get() {
            true => (FollowState::Following, Some(1500)),
            false => {
                let claim = "log_bin is OFF".to_owned();
                let reason = OffReason { code: "log-bin-off", claim, hint: "set log_bin" };
                (FollowState::Off(reason), None)
            }
        }),
        foreign_changes: Box::new(|| 4),
        cache_type: Box::new(|| judge::CacheType::On),
        key_numbers: Box::new(|| 8),
        now_ms: Box::new(|| 5000),
        mode: Box::new(|| PLAIN),
        names: Box::new(move |look| look(&Goods(known.clone()))),
    };
    let door = Arc::new(Door::new(&spec, 1000, None, 0).unwrap());
    let desk = Desk::new(&spec, door, Some(insight));
    Set { desk, cache, versions, state }
}

const QUERY: &[u8] = b"SELECT name FROM goods WHERE id = 7";

/// Stores a reply to [`QUERY`] and asks for it once.
fn fill(set: &Set) {
    let key = Key::text(2, QUERY);
    let ask = Ask {
        key,
        account: 0,
        snapshot: None,
        unopened: false,
        now_ms: 1000,
        ttl_ms: None,
        thread: 0,
    };
    let stamp = set.versions.stamp(&[Slot::of(b"shop", b"goods")]).unwrap();
    let digest = statement::digest(QUERY, PLAIN, DIGEST_BYTES_MAX);
    let mut fill = set.cache.begin_fill(&ask, stamp, set.cache.figures(&digest)).unwrap();
    fill.push(b"reply");
    let _ = fill.finish([0, 0], 1290);
    let _ = set.cache.lookup(&ask);
}

#[test]
fn figures_reach_the_scoreboard() {
    let mut set = set();
    let board = Scoreboard::private().unwrap();
    let slot = board.slot(0);
    fill(&set);
    set.desk.post(&slot, Instant::now());
    for (counter, value) in [
        (Counter::SqlHits, 1),
        (Counter::SqlInserts, 1),
        (Counter::SqlEntries, 1),
        (Counter::SqlCacheSize, 1 << 20),
        (Counter::SqlServing, 1),
        (Counter::SqlFollower, 2),
        (Counter::SqlFollowLag, 1500),
        (Counter::SqlForeign, 4),
        (Counter::SqlSavedMicros, 1290),
    ] {
        assert_eq!(slot.get(counter), value, "{}", counter.name());
    }
    assert!(slot.get(Counter::SqlCacheBytes) > 0);
    set.state.set(false);
    set.desk.post(&slot, Instant::now());
    assert_eq!((slot.get(Counter::SqlServing), slot.get(Counter::SqlFollower)), (0, 0));
}

#[test]
fn the_call_for_memory_empties_half_and_an_old_one_nothing() {
    let mut set = set();
    let board = Scoreboard::private().unwrap();
    let slot = board.slot(0);
    let (posture, _file) = Posture::private().unwrap();
    posture.set(Word::ShrinkEpoch, 5);
    fill(&set);
    let before = set.cache.used();
    set.desk.look(Some(posture.view()), &slot);
    assert_eq!((slot.get(Counter::CacheShrinks), set.cache.used()), (0, before));
    posture.add(Word::ShrinkEpoch, 1);
    set.desk.look(Some(posture.view()), &slot);
    set.desk.look(Some(posture.view()), &slot);
    assert_eq!(slot.get(Counter::CacheShrinks), 1);
    assert!(set.cache.used() < before);
    assert_eq!(slot.get(Counter::CacheShrunk), before - set.cache.used());
}

#[test]
fn a_statement_is_explained_before_and_after_a_write() {
    let set = set();
    let explain = |text: &[u8]| set.desk.explain(text, "shop");
    assert_eq!(explain(QUERY).verdict, Verdict::Cacheable);
    fill(&set);
    let report = explain(b" SELECT name FROM goods WHERE id = 7 ;");
    assert_eq!(report.verdict, Verdict::Cached, "{report:?}");
    assert_eq!((report.entries.len(), report.entries[0].age_ms), (1, 4000));
    assert_eq!(report.tables[0].name, "shop.goods");
    assert_eq!(report.figures.map(|figures| figures.hits), Some(1));
    assert!(!report.digest.contains('7'), "{}", report.digest);

    let slot = Slot::of(b"shop", b"goods");
    let change = Invalidation {
        table: "shop.goods".into(),
        by: "UPDATE goods SET name = ?".into(),
        who: "app@localhost".into(),
        unix_ms: unix_s() * 1000,
    };
    set.versions.begin(&[slot]);
    assert!(explain(QUERY).tables[0].being_written);
    set.versions.end(&[slot], menshen_sql_core::versions::Change::Happened);
    set.cache.note_change(slot, Arc::new(change));
    let report = explain(QUERY);
    assert_eq!(report.verdict, Verdict::Cacheable);
    assert_eq!(report.entries[0].absence.as_deref(), Some("there was a write to shop.goods"));
    let changed = report.tables[0].changed.clone().unwrap();
    assert_eq!((&*changed.by, &*changed.who), ("UPDATE goods SET name = ?", "app@localhost"));

    let why = |text: &[u8]| explain(text).why.map(|why| why.code).unwrap_or_default();
    assert_eq!(why(b"SELECT now() FROM goods"), "impure-function");
    assert_eq!(why(b"SELECT * FROM nowhere"), "unknown-table");
    set.state.set(false);
    assert_eq!((explain(QUERY).verdict, why(QUERY)), (Verdict::NotCached, "log-bin-off".into()));
}

#[test]
fn status_says_why_the_cache_is_off() {
    let set = set();
    fill(&set);
    let report = set.desk.status();
    assert_eq!((report.off, report.qcache.hits, report.generation), (None, 1, 3));
    assert_eq!(report.top_hits[0].hits, 1);
    assert_eq!(report.follower.lag_micros, Some(1500));
    set.cache.counters().refused(0, Reason::NoTable as usize);
    assert_eq!(set.desk.status().refusals[0].why.code, "no-table");
    set.state.set(false);
    let report = set.desk.status();
    assert!(report.off.unwrap().says.contains("log_bin is OFF"));
    assert_eq!(report.follower.without_binlog, "refuse");
    set.versions.retire();
    assert_eq!(set.desk.status().off.unwrap().code, "retired");
}
