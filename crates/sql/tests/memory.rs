//! What entries really take in memory. A process of its own: other tests would be measured too.

use std::sync::Arc;

use menshen_sql::cache::{Ask, Cache, CacheLimits, Stored};
use menshen_sql::counters::Counters;
use menshen_sql_core::store::Key;
use menshen_sql_core::versions::{Slot, Versions};
use menshen_sys::memory::{own_resident_bytes, trim};

/// sysbench's point select and its reply of one row.
const KEY_BYTES: u64 = 49;
const REPLY: [u8; 220] = [b'r'; 220];
const ENTRIES: u64 = 200_000;

#[test]
fn an_entry_takes_what_it_is_charged_and_less_than_600_bytes_beyond_itself() {
    let limits = CacheLimits { bytes_max: 1 << 30, result_bytes_max: 1 << 20, statements_max: 100 };
    let cache = Cache::new(limits, Versions::private(), Arc::new(Counters::new(2)));
    let slot = Slot::of(b"sbtest", b"sbtest1");
    let fill = |number: u64| {
        let text = format!("SELECT c FROM sbtest1 WHERE id = {number:016}");
        assert_eq!(text.len() as u64, KEY_BYTES);
        let key = Key::text(1, text.as_bytes());
        let ask = Ask {
            key,
            account: 1,
            snapshot: None,
            unopened: false,
            now_ms: 0,
            ttl_ms: None,
            thread: 0,
        };
        let stamp = cache.versions().stamp(&[slot]).unwrap();
        let mut fill = cache
            .begin_fill(&ask, stamp, cache.figures(b"SELECT c FROM sbtest1 WHERE id = ?"))
            .unwrap();
        fill.push(&REPLY);
        assert_eq!(fill.finish([0; 2], 100), Stored::Kept);
    };
    // Places that are made once are not what an entry takes.
    fill(u64::MAX >> 12);
    trim();
    let before = own_resident_bytes().unwrap();
    (0..ENTRIES).for_each(fill);
    let taken = own_resident_bytes().unwrap() - before;
    let charged = cache.used();
    let overhead = taken / ENTRIES - KEY_BYTES - REPLY.len() as u64;
    assert!(overhead <= 600, "overhead {overhead} bytes for each entry");
    assert!(taken <= charged + (4 << 20), "taken {taken}, charged {charged}");
    assert!(taken * 10 >= charged * 7, "taken {taken}, charged {charged}: charged too much");
    if std::env::var_os("SHOW").is_some() {
        let each = charged / ENTRIES;
        std::fs::write("/dev/stderr", format!("overhead {overhead}, charged {each} each\n"))
            .unwrap();
    }
    cache.reset(0);
    assert_eq!(cache.used(), 0);
    trim();
    let after = own_resident_bytes().unwrap();
    assert!(after < before + (8 << 20), "{before} {after}: it came back");
}
