//! What is served, stored, counted and evicted; a naive model; real threads.

mod model;
mod threads;

use menshen_sql_core::versions::Change;

use super::*;

fn cache(bytes_max: u64) -> Arc<Cache> {
    let limits = CacheLimits { bytes_max, result_bytes_max: 1 << 20, statements_max: 8 };
    Cache::new(limits, Versions::private(), Arc::new(Counters::new(1)))
}

fn slot(number: u16) -> Slot {
    Slot::from_number(100 + number)
}

fn ask(text: &str) -> Ask<'_> {
    let key = Key::text(1, text.as_bytes());
    Ask { key, account: 1, snapshot: None, unopened: false, now_ms: 0, ttl_ms: None, thread: 0 }
}

/// A snapshot of this moment, everything told.
fn at(moment: u64) -> Sight {
    Sight { since: moment, until: moment, told: u64::MAX }
}

fn begin(cache: &Arc<Cache>, ask: &Ask<'_>, slots: &[Slot]) -> Option<Fill> {
    let stamp = cache.versions().stamp(slots)?;
    cache.begin_fill(ask, stamp, cache.figures(ask.key.statement()))
}

fn fill(cache: &Arc<Cache>, text: &str, slots: &[Slot], reply: &[u8]) -> Stored {
    let mut fill = begin(cache, &ask(text), slots).unwrap();
    fill.push(reply);
    fill.finish([0, 0], 100)
}

fn hit(cache: &Cache, ask: &Ask<'_>) -> Option<Vec<u8>> {
    match cache.lookup(ask) {
        Lookup::Hit(reply) => Some(reply.to_vec()),
        _ => None,
    }
}

#[test]
fn what_was_stored_is_served_until_its_table_changes() {
    let cache = cache(1 << 20);
    assert_eq!(hit(&cache, &ask("q")), None);
    assert_eq!(fill(&cache, "q", &[slot(0)], b"rows"), Stored::Kept);
    assert_eq!(hit(&cache, &ask("q")).as_deref(), Some(&b"rows"[..]));
    cache.versions().begin(&[slot(0)]);
    assert!(matches!(cache.lookup(&ask("q")), Lookup::Miss(Absence::Pending(s)) if s == slot(0)));
    cache.versions().end(&[slot(0)], Change::Nothing);
    assert!(hit(&cache, &ask("q")).is_some());
    cache.versions().bump(&[slot(0)]);
    assert!(matches!(cache.explain(&ask("q")).unwrap().absence, Some(Absence::Stale(_))));
    assert!(matches!(cache.lookup(&ask("q")), Lookup::Miss(Absence::Stale(s)) if s == slot(0)));
    assert!(matches!(cache.lookup(&ask("q")), Lookup::Miss(Absence::Unknown)));
    assert_eq!((cache.used(), cache.entries_on(slot(0))), (0, 0));
}

#[test]
fn a_reply_being_written_outlives_its_entry() {
    let cache = cache(1 << 20);
    for length in [10, 100_000] {
        fill(&cache, "q", &[slot(0)], &vec![7; length]);
        let Lookup::Hit(reply) = cache.lookup(&ask("q")) else { panic!("no hit") };
        cache.reset(0);
        assert_eq!(*reply, *vec![7; length]);
    }
}

#[test]
fn a_write_during_the_fill_keeps_it_out() {
    let cache = cache(1 << 20);
    for change in [Change::Happened, Change::Nothing] {
        let mut fill = begin(&cache, &ask("q"), &[slot(0)]).unwrap();
        cache.versions().begin(&[slot(0)]);
        fill.push(b"old");
        cache.versions().end(&[slot(0)], change);
        let stored = fill.finish([0, 0], 1);
        assert_eq!(stored == Stored::Kept, change == Change::Nothing, "{stored:?}");
    }
    let fill = begin(&cache, &ask("r"), &[slot(0)]).unwrap();
    cache.versions().begin(&[slot(0)]);
    assert_eq!(fill.finish([0, 0], 1), Stored::Overtaken(slot(0)), "in flight still");
    assert!(begin(&cache, &ask("r"), &[slot(0)]).is_none(), "no stamp");
}

#[test]
fn one_session_fills_a_key_and_others_are_counted_as_not_cached() {
    let cache = cache(1 << 20);
    let first = begin(&cache, &ask("q"), &[slot(0)]).unwrap();
    assert!(cache.is_filling(&ask("q").key));
    assert!(begin(&cache, &ask("q"), &[slot(0)]).is_none());
    assert!(begin(&cache, &ask("r"), &[slot(0)]).is_some());
    assert_eq!(cache.qcache(0).not_cached, 1);
    drop(first);
    assert!(begin(&cache, &ask("q"), &[slot(0)]).is_some());
    assert_eq!(cache.used(), 0, "all given back");
}

#[test]
fn another_account_is_verified_once_for_each_epoch_and_reply() {
    let cache = cache(1 << 20);
    fill(&cache, "q", &[slot(0)], b"rows");
    let other = Ask { account: 2, ..ask("q") };
    let verify = |ask: &Ask<'_>| match cache.lookup(ask) {
        Lookup::Verify { epoch } => epoch,
        found => panic!("{found:?}"),
    };
    let early = verify(&other);
    cache.verified(&other.key, 2, early);
    assert!(hit(&cache, &other).is_some() && hit(&cache, &ask("q")).is_some());
    cache.versions().bump_epoch();
    let _ = verify(&ask("q"));
    let epoch = verify(&other);
    cache.verified(&other.key, 2, early);
    let _ = verify(&other);
    cache.versions().bump_epoch();
    cache.verified(&other.key, 2, epoch);
    let epoch = verify(&other);
    // The view is another one now; the question was about the old one.
    cache.versions().bump(&[slot(0)]);
    fill(&cache, "q", &[slot(0)], b"other rows");
    cache.verified(&other.key, 2, epoch);
    let _ = verify(&other);
}

#[test]
fn a_snapshot_is_served_only_what_it_would_see() {
    let cache = cache(1 << 20);
    fill(&cache, "old", &[slot(0)], b"rows");
    let snapshot = Some(at(cache.versions().now()));
    let inside = |text| Ask { snapshot, ..ask(text) };
    assert!(hit(&cache, &inside("old")).is_some());
    cache.versions().bump(&[slot(1)]);
    fill(&cache, "quiet", &[slot(0)], b"rows");
    assert!(hit(&cache, &inside("quiet")).is_some(), "its table did not change since");
    fill(&cache, "new", &[slot(1)], b"rows");
    let found = cache.lookup(&inside("new"));
    assert!(matches!(found, Lookup::Miss(Absence::Snapshot(s)) if s == slot(1)), "{found:?}");
    assert!(hit(&cache, &ask("new")).is_some(), "others are served");
    assert!(begin(&cache, &inside("newer"), &[slot(1)]).is_none(), "nor does it fill");
}

#[test]
fn in_a_snapshot_both_it_and_the_entry_must_be_told() {
    let cache = cache(1 << 20);
    let versions = *cache.versions();
    fill(&cache, "q", &[slot(0)], b"rows");
    let since = versions.now();
    let mut sight = Sight { since, until: versions.now(), told: 0 };
    let look = |sight| match cache.lookup(&Ask { snapshot: Some(sight), ..ask("q") }) {
        Lookup::Miss(Absence::Unconfirmed(moment)) => Some(moment),
        Lookup::Hit(_) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(look(sight), Some(sight.until));
    sight.told = versions.moment();
    assert_eq!(look(sight), None);
    // Stored anew it may show what the snapshot does not.
    fill(&cache, "q", &[slot(0)], b"rows");
    assert_eq!(look(sight), Some(sight.told));
    assert!(hit(&cache, &ask("q")).is_some(), "outside of transactions nothing is asked");
    sight.told = versions.moment();
    assert_eq!(look(sight), None);
    // A snapshot that may be still to come sees what is told then.
    assert_eq!(look(Sight { until: u64::MAX, ..sight }), Some(u64::MAX));
    versions.bump(&[slot(0)]);
    let snapshot = Some(Sight { told: u64::MAX, ..sight });
    assert!(hit(&cache, &Ask { snapshot, ..ask("q") }).is_none(), "a change is one all the same");
}

#[test]
fn what_no_snapshot_concerns_is_served_before_and_after_it() {
    let cache = cache(1 << 20);
    fill(&cache, "versioned", &[slot(0)], b"rows");
    let fill = begin(&cache, &ask("plain"), &[slot(1)]).unwrap();
    let mut fill = fill.timeless();
    fill.push(b"rows");
    assert_eq!(fill.finish([0, 0], 100), Stored::Kept);
    let unopened = |text| Ask { unopened: true, ..ask(text) };
    let found = cache.lookup(&unopened("versioned"));
    assert!(matches!(found, Lookup::Miss(Absence::Unopened)), "{found:?}");
    assert!(hit(&cache, &ask("versioned")).is_some(), "it stays for others");
    assert!(hit(&cache, &unopened("plain")).is_some());
    let long_ago = Ask { snapshot: Some(Sight { told: 0, ..at(0) }), ..ask("plain") };
    cache.versions().bump(&[slot(1)]);
    assert!(hit(&cache, &unopened("plain")).is_none(), "a change is one all the same");
    let fill = begin(&cache, &ask("plain"), &[slot(1)]).unwrap();
    let mut fill = fill.timeless();
    fill.push(b"rows");
    assert_eq!(fill.finish([0, 0], 100), Stored::Kept);
    assert!(hit(&cache, &long_ago).is_some());
}

#[test]
fn entries_expire_where_a_time_bound_is_asked_for() {
    let cache = cache(1 << 20);
    let mut fill = begin(&cache, &Ask { now_ms: 1000, ..ask("q") }, &[slot(0)]).unwrap();
    fill.push(b"rows");
    assert_eq!(fill.finish([0, 0], 1), Stored::Kept);
    let at = |now_ms| Ask { now_ms, ttl_ms: Some(50), ..ask("q") };
    assert!(hit(&cache, &at(1049)).is_some());
    assert!(hit(&cache, &Ask { ttl_ms: None, ..at(9999) }).is_some());
    assert!(matches!(cache.lookup(&at(1050)), Lookup::Miss(Absence::Expired)));
    assert_eq!(cache.counters().sum(Event::ExpiredDrop), 1);
    assert_eq!(cache.used(), 0);
}

#[test]
fn too_long_replies_are_inserts_and_not_cached_as_in_the_server() {
    let cache = cache(4 << 20);
    let mut fill = begin(&cache, &ask("q"), &[slot(0)]).unwrap();
    let piece = vec![0; 600_000];
    assert_eq!(fill.push(&piece), Pushed::Kept);
    assert_eq!(fill.push(&piece), Pushed::TooLong);
    assert_ne!(fill.push(b"x"), Pushed::Kept);
    assert_eq!(cache.used(), 0, "nothing is held for it");
    assert_eq!(fill.finish([0, 0], 1), Stored::NoRoom);
    let qcache = cache.qcache(0);
    assert_eq!((qcache.inserts, qcache.not_cached, qcache.queries_in_cache), (1, 1, 0));
}

#[test]
fn the_oldest_of_few_large_entries_goes_as_main_query_cache_expects() {
    // The server's own test: three results of some 460 KB in 1 MB, then the first again.
    let cache = cache(1 << 20);
    for (text, prunes) in [("a", 0), ("b", 0), ("c", 1), ("a", 2)] {
        assert_eq!(hit(&cache, &ask(text)), None);
        let mut fill = begin(&cache, &ask(text), &[slot(0)]).unwrap();
        for _ in 0..29 {
            assert_eq!(fill.push(&[0; 16_000]), Pushed::Kept);
        }
        assert_eq!(fill.finish([0, 0], 1), Stored::Kept);
        let qcache = cache.qcache(0);
        assert_eq!((qcache.lowmem_prunes, qcache.inserts > prunes), (prunes, true), "{text}");
    }
    assert_eq!(cache.qcache(0).queries_in_cache, 2);
}

#[test]
fn stale_entries_go_before_good_ones() {
    let cache = cache(100_000);
    for number in 0..40 {
        fill(&cache, &format!("q{number}"), &[slot(number % 2)], &[0; 1000]);
    }
    cache.versions().bump(&[slot(0)]);
    for number in 40..60 {
        fill(&cache, &format!("q{number}"), &[slot(1)], &[0; 2000]);
    }
    let qcache = cache.qcache(0);
    assert_eq!((qcache.lowmem_prunes, qcache.queries_in_cache), (0, 40));
    assert_eq!(cache.counters().sum(Event::StaleDrop), 20);
}

#[test]
fn blocks_are_those_of_query_cache_notembedded() {
    let cache = cache(1_355_776);
    let blocks = |cache: &Cache| {
        let qcache = cache.qcache(0);
        (qcache.total_blocks, qcache.free_blocks)
    };
    fill(&cache, "select * from t11", &[slot(0)], &[0; 5000]);
    fill(&cache, "select * from t21", &[slot(1)], &[0; 5000]);
    assert_eq!(blocks(&cache), (7, 1));
    cache.versions().bump(&[slot(0)]);
    assert_eq!(blocks(&cache), (5, 2));
    fill(&cache, "select * from t3", &[slot(2)], &[0; 600_000]);
    assert_eq!(blocks(&cache), (8, 1));
    cache.flush();
    assert_eq!(blocks(&cache), (7, 1));
    cache.reset(0);
    assert_eq!(blocks(&cache), (1, 1));
    cache.resize(0, 0);
    assert_eq!(blocks(&cache), (0, 0));
}

#[test]
fn resizing_keeps_what_fits_and_takes_the_buffers_of_fills() {
    let cache = cache(1 << 20);
    for number in 0..100 {
        fill(&cache, &format!("q{number}"), &[slot(0)], &[0; 5000]);
    }
    let mut open = begin(&cache, &ask("open"), &[slot(0)]).unwrap();
    open.push(&[0; 100_000]);
    let before = cache.used();
    cache.resize(0, 300_000);
    let entries = cache.qcache(0).queries_in_cache;
    assert!(cache.used() <= 300_000 && (20..60).contains(&entries), "{before} {entries}");
    cache.resize(0, 1000);
    assert_eq!((cache.size(), cache.used(), cache.totals().fills), (1000, 0, 0));
    assert_eq!(open.push(b"more"), Pushed::NoRoom);
    assert_eq!(open.finish([0, 0], 1), Stored::NoRoom);
    cache.resize(0, 0);
    assert!(matches!(cache.lookup(&ask("q1")), Lookup::Miss(Absence::Off)));
    assert!(begin(&cache, &ask("q1"), &[slot(0)]).is_none());
    cache.resize(0, 1 << 20);
    assert_eq!(fill(&cache, "q1", &[slot(0)], b"rows"), Stored::Kept);
}

#[test]
fn reset_empties_and_stops_fills() {
    let cache = cache(1 << 20);
    fill(&cache, "q", &[slot(0)], b"rows");
    let mut open = begin(&cache, &ask("open"), &[slot(0)]).unwrap();
    open.push(b"rows");
    cache.reset(0);
    assert_eq!(cache.totals(), Totals { size: 1 << 20, ..Totals::default() });
    assert_eq!(open.finish([0, 0], 1), Stored::NoRoom);
    assert_eq!(hit(&cache, &ask("open")), None);
}

#[test]
fn shrinking_frees_the_less_useful_half() {
    let cache = cache(1 << 20);
    for number in 0..200 {
        fill(&cache, &format!("q{number}"), &[slot(0)], &[0; 1000]);
    }
    for number in 0..20 {
        assert!(hit(&cache, &ask(&format!("q{number}"))).is_some());
    }
    let before = cache.used();
    let freed = cache.shrink(0);
    assert!(freed >= before / 2 && cache.used() == before - freed);
    assert!((0..20).all(|number| hit(&cache, &ask(&format!("q{number}"))).is_some()));
}

#[test]
fn statements_are_ranked_by_hits_and_by_waste_and_bounded() {
    let cache = cache(1 << 20);
    let digest = |cache: &Arc<Cache>, text: &str, digest: &str| {
        let stamp = cache.versions().stamp(&[slot(0)]).unwrap();
        let mut fill =
            cache.begin_fill(&ask(text), stamp, cache.figures(digest.as_bytes())).unwrap();
        fill.push(b"rows");
        assert_eq!(fill.finish([0, 0], 100), Stored::Kept);
    };
    digest(&cache, "a1", "a ?");
    digest(&cache, "a2", "a ?");
    digest(&cache, "b1", "b ?");
    let _ = (hit(&cache, &ask("a1")), hit(&cache, &ask("a1")), hit(&cache, &ask("b1")));
    let top = cache.top_by_hits(5);
    assert_eq!(top.len(), 2);
    assert_eq!((&*top[0].digest, top[0].hits, top[0].fills), (&b"a ?"[..], 2, 2));
    assert_eq!((top[0].wasted, top[0].saved_micros), (0, 200));
    assert!(top[0].bytes > top[1].bytes);
    assert_eq!(cache.top_by_hits(1).len(), 1);
    assert_eq!(cache.statement(b"a ?").map(|one| one.hits), Some(2));
    assert_eq!(cache.statement(b"never seen"), None);
    cache.versions().bump(&[slot(0)]);
    cache.sweep(0);
    let waste = cache.top_by_waste(5);
    assert_eq!((waste.len(), waste[0].wasted, waste[0].bytes), (1, 1, 0));
    for number in 0..100 {
        digest(&cache, &format!("c{number}"), &format!("c{number} ?"));
    }
    assert_eq!(cache.top_by_hits(100)[0].hits, 2, "the useful one keeps its place");
}

#[test]
fn the_last_change_of_a_table_is_remembered() {
    let cache = cache(1 << 20);
    let change = |by: &str| {
        Arc::new(Invalidation {
            table: "shop.orders".into(),
            by: by.into(),
            who: "app@localhost #7".into(),
            unix_ms: 1,
        })
    };
    assert_eq!(cache.last_change(slot(0)), None);
    cache.note_change(slot(0), change("insert into orders values (?)"));
    cache.note_change(slot(0), change("0-1-42"));
    assert_eq!(cache.last_change(slot(0)).unwrap().by, "0-1-42");
    assert_eq!(cache.last_change(slot(1)), None);
    cache.note_change(slot(4096), change("other"));
    assert_eq!(cache.last_change(slot(0)), None, "its place was taken");
}
