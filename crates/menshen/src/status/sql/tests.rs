//! Tests of `sql`: a door in words.

use menshen_sql::report::{FollowerReport, Qcache, RefusalReport, Why};

use super::*;

fn why(code: &str, says: &str, hint: &str) -> Why {
    Why { code: code.into(), says: says.into(), hint: hint.into() }
}

fn door() -> StatusReport {
    let statement = StatementReport {
        digest: "select * from goods where id = ?\u{1b}[31m".into(),
        hits: 900,
        fills: 3,
        wasted: 2,
        saved_micros: 61_000_000,
        ..StatementReport::default()
    };
    StatusReport {
        listen: vec!["127.0.0.1:3307".into(), "unix:/run/a.sock".into()],
        upstream: "unix:/run/mysqld/mysqld.sock".into(),
        server_version: Some("10.11.19-MariaDB".into()),
        qcache: Qcache { hits: 900, inserts: 3, queries_in_cache: 1, ..Default::default() },
        used_bytes: 1024,
        size_bytes: 64 << 20,
        cache_type: "ON".into(),
        follower: FollowerReport {
            state: FollowerState::Following,
            lag_micros: Some(1290),
            without_binlog: "refuse".into(),
            ..Default::default()
        },
        top_hits: vec![statement],
        refusals: vec![RefusalReport { why: why("no-table", "reads no table", ""), count: 7 }],
        ..StatusReport::default()
    }
}

fn sql(door: Option<StatusReport>, unanswered: Option<&str>) -> Sql {
    Sql {
        sessions: 12,
        sessions_uncached: 1,
        commands: 1000,
        hits: 900,
        hit_ratio: ratio(900, 1000),
        saved_seconds: 61,
        prunes: 0,
        invalidations: 4,
        foreign_changes: 2,
        door,
        unanswered: unanswered.map(str::to_owned),
    }
}

fn shown(sql: &Sql) -> String {
    let mut out = String::new();
    text(&mut out, Some(sql));
    out
}

#[test]
fn a_door_that_serves() {
    assert_eq!(
        shown(&sql(Some(door()), None)),
        "\nsql        127.0.0.1:3307, unix:/run/a.sock → unix:/run/mysqld/mysqld.sock \
         (10.11.19-MariaDB)\n           12 sessions (1 of them without the cache), 1000 commands\n\
         cache      on, query_cache_type ON\n           90.0 % of reads answered, 1 min of the \
         server's time saved\n           1.0 KiB of 64 MiB in 1 results, 0 prunes, 4 changes of \
         tables\nQcache     hits 900, inserts 3, not_cached 0, lowmem_prunes 0\n           \
         queries_in_cache 1, free_memory 0, free_blocks 0, total_blocks 0\nbinlog     followed, \
         99 % of changes seen within 1.2 ms; 2 changes of others\nmost hits  900 hits, 3 stored, 1 \
         min saved: select * from goods where id = ?\\x1b[31m\nrefused    7 times: reads no table \
         (no-table)\n"
    );
}

#[test]
fn what_holds_without_the_binlog_is_said() {
    let mut off = door();
    off.off = Some(why("no-follower", "writes of others cannot be seen", "set without_binlog"));
    off.follower.state = FollowerState::Off;
    off.follower.why = Some(why("log-bin-off", "log_bin is OFF", "set log_bin in the server"));
    let text = shown(&sql(Some(off.clone()), None));
    for part in [
        "cache      off: writes of others cannot be seen (no-follower)\n           hint: set",
        "binlog     not followed: log_bin is OFF\n",
        "without_binlog = \"refuse\": nothing is served from the cache\n",
        "hint: set log_bin in the server\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    off.follower.without_binlog = "ttl".into();
    off.follower.ttl_ms = Some(500);
    let text = shown(&sql(Some(off.clone()), None));
    assert!(text.contains("results younger than 500 ms are served"), "{text}");
    off.follower.without_binlog = "sole-door".into();
    assert!(shown(&sql(Some(off), None)).contains("answered all the same"));
}

#[test]
fn a_door_that_says_nothing_still_has_figures() {
    let text = shown(&sql(None, Some("connection refused")));
    assert!(text.contains("12 sessions"), "{text}");
    assert!(text.contains("cache      the door does not answer: connection refused"), "{text}");
    let mut none = String::new();
    super::text(&mut none, None);
    assert_eq!(none, "");
}

#[test]
fn without_a_door_there_is_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _file) = menshen_sys::Scoreboard::create(&folder.path().join("board")).unwrap();
    assert!(read(board.view(), folder.path()).is_none());
    let slot = board.slot(0);
    slot.reset(0, 1, 0);
    slot.set_state(menshen_sys::SlotState::Ready);
    assert!(read(board.view(), folder.path()).is_none(), "the web door's");
    slot.set_door(SlotDoor::Sql);
    slot.set(Counter::SqlHits, 3);
    slot.set(Counter::SqlInserts, 1);
    let sql = read(board.view(), folder.path()).unwrap();
    assert_eq!((sql.hits, sql.hit_ratio), (3, Some(0.75)));
    assert!(sql.unanswered.is_some());
}
