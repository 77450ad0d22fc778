//! Reads of one REPEATABLE READ transaction are of one moment, also beside writes past the door
//! that the follower has not heard of: the binary log is held back, so that it never has.
//!
//! `SKIPPED` is said aloud where there is none; `MENSHEN_REQUIRE_PEERS` makes that a failure.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

#[path = "support/door.rs"]
mod door;
#[path = "support/hold.rs"]
mod hold;
#[path = "support/mariadb.rs"]
mod mariadb;

use std::time::Duration;

use door::{Bench, READ, wait};
use mariadb::Session;
use menshen_config::{Sql, WithoutBinlog};
use menshen_sql_core::judge::Reason;
use menshen_sql_core::versions::Slot;

/// A log that is held back shall not close the cache for everybody before a test is over.
fn patient(config: &mut Sql) {
    config.follow_silence_ms_max = 600_000;
}

/// Another text of the same read, which only the server answers.
const SAME: &str = "SELECT v AS same FROM t.x WHERE id = 1";
/// Opens a snapshot by another table.
const OTHER: &str = "SELECT id FROM t.y WHERE id = 1";

/// How a transaction begins, and what is read first in it; the last value is what [`READ`] shows.
const WAYS: &[(&str, &str)] = &[
    ("SET autocommit = 1;; BEGIN", SAME),
    ("SET autocommit = 1;; START TRANSACTION WITH CONSISTENT SNAPSHOT", SAME),
    ("SET autocommit = 1;; BEGIN;; SAVEPOINT s;; SELECT id FROM t.m;; ROLLBACK TO s", SAME),
    ("SET autocommit = 1;; BEGIN;; SELECT COUNT(*) FROM t.y", SAME),
    (
        "SET autocommit = 1;; PREPARE s FROM 'SELECT v + 0 AS same FROM t.x WHERE id = 1';; BEGIN",
        "EXECUTE s",
    ),
    ("SET autocommit = 0;; SELECT id FROM t.y", SAME),
    ("SET autocommit = 0;; COMMIT", SAME),
];

fn started() -> Option<Bench> {
    let mut bench = Bench::start(patient)?;
    bench.root.run(
        "CREATE TABLE t.y (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;; INSERT INTO t.y VALUES \
         (1, 1);; CREATE TABLE t.m (id INT) ENGINE=MyISAM;; INSERT INTO t.m VALUES (1)",
    );
    Some(bench)
}

/// Whether a second read in a transaction of its own is answered from the cache; it is stored then.
fn is_hit_inside(bench: &Bench, session: &mut Session) -> bool {
    session.run("BEGIN");
    session.value(OTHER);
    let is_hit = bench.is_hit(session, READ);
    session.run("COMMIT");
    is_hit
}

#[test]
fn a_hit_is_not_older_than_the_read_before_it() {
    let Some(mut bench) = started() else { return };
    for (begin, first) in WAYS {
        let mut filler = bench.session();
        filler.run(begin.split(";;").next().unwrap());
        wait("hits in transactions", || is_hit_inside(&bench, &mut filler));
        bench.hold.hold();
        bench.root.run("UPDATE t.x SET v = v + 1 WHERE id = 1");
        let now = bench.root.value(SAME);
        let mut reader = bench.session();
        reader.run(begin);
        assert_eq!(reader.value(first), now, "{begin}");
        let refused = || bench.shared.counters().refusals(Reason::Unconfirmed as usize);
        let before = refused();
        assert_eq!(reader.value(READ), now, "{begin}: older than what was read before");
        assert_eq!(reader.value(READ), now, "{begin}: again");
        assert_eq!(refused(), before + 2, "{begin}: for this reason");
        let explained = reader.table(&format!("EXPLAIN CACHE {READ}"));
        assert!(explained.contains("unconfirmed"), "{begin}: {explained}");
        reader.run("COMMIT");
        assert_eq!(refused(), before + 2, "{begin}: asking does not count");
        bench.hold.release();
        wait("hits in transactions again", || is_hit_inside(&bench, &mut filler));
    }
}

#[test]
fn a_hit_is_not_newer_than_the_snapshot() {
    let Some(mut bench) = started() else { return };
    for (begin, first) in WAYS {
        let mut filler = bench.session();
        filler.run(begin.split(";;").next().unwrap());
        let mut reader = bench.session();
        reader.run(begin);
        let before = reader.value(first);
        bench.hold.hold();
        bench.root.run("UPDATE t.x SET v = v + 1 WHERE id = 1");
        // Stored by somebody whose snapshot shows the write.
        is_hit_inside(&bench, &mut filler);
        assert_eq!(reader.value(READ), before, "{begin}: newer than the snapshot");
        assert_eq!(reader.value(READ), before, "{begin}: again");
        reader.run("COMMIT");
        bench.hold.release();
        wait("hits in transactions again", || is_hit_inside(&bench, &mut filler));
    }
}

#[test]
fn a_log_that_is_held_back_concerns_nobody_else() {
    let Some(bench) = started() else { return };
    let (mut outside, mut committed) = (bench.session(), bench.session());
    committed.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;; BEGIN");
    let mut plain = bench.session();
    plain.run("BEGIN");
    wait("a hit of a table without transactions", || bench.is_hit(&mut plain, "SELECT * FROM t.m"));
    plain.run("COMMIT");
    for session in [&mut outside, &mut committed] {
        wait("a hit", || bench.is_hit(session, READ));
    }
    bench.hold.hold();
    let before = bench.hits();
    for _ in 0..10 {
        outside.value(READ);
        committed.value(READ);
    }
    plain.run("BEGIN");
    plain.value("SELECT * FROM t.m");
    assert_eq!(bench.hits(), before + 21);
}

#[test]
fn what_an_unnoticed_snapshot_shows_is_not_stored_as_new() {
    let Some(bench) = started() else { return };
    let openers = [
        "SELECT COUNT(*) FROM t.x",
        "SELECT v + CONNECTION_ID() FROM t.x",
        "SELECT v FROM t.x WHERE id = 77",
        "SELECT v FROM t.x WHERE id = 1;; DO 1;; SET @a = (SELECT MAX(v) FROM t.y)",
    ];
    for (number, opener) in (100..).zip(openers) {
        let (mut old, mut writer, mut reader) = (bench.session(), bench.session(), bench.session());
        let before = writer.value(SAME);
        old.run("BEGIN");
        old.run(opener);
        writer.run(&format!("UPDATE t.x SET v = {number} WHERE id = 1"));
        assert_eq!(old.value(READ), before, "{opener}");
        reader.run("BEGIN");
        reader.value(OTHER);
        assert_eq!(reader.value(READ), number.to_string(), "{opener}: of an old snapshot");
        reader.run("COMMIT");
        old.run("COMMIT");
    }
}

#[test]
fn results_that_live_by_time_are_as_old_as_their_snapshot() {
    let ttl = Duration::from_millis(400);
    let change = |config: &mut Sql| {
        config.without_binlog = WithoutBinlog::Ttl;
        config.ttl_ms = 400;
    };
    let Some(mut bench) = Bench::start_with(&[], change) else { return };
    bench.root.run("CREATE TABLE t.y (id INT PRIMARY KEY);; INSERT INTO t.y VALUES (1)");
    let (mut old, mut reader) = (bench.session(), bench.session());
    reader.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    wait("hits that live by time", || {
        reader.run("BEGIN");
        let is_hit = bench.is_hit(&mut reader, READ);
        reader.run("COMMIT");
        is_hit
    });
    old.run("BEGIN");
    let before = old.value(SAME);
    bench.root.run("UPDATE t.x SET v = v + 1 WHERE id = 1");
    let now = bench.root.value(SAME);
    std::thread::sleep(ttl);
    assert_eq!(old.value(READ), before);
    reader.run("BEGIN");
    assert_eq!(reader.value(READ), now, "older than the time it may live");
    reader.run("COMMIT");
}

#[test]
fn a_sole_door_has_nobody_to_ask() {
    let change = |config: &mut Sql| config.without_binlog = WithoutBinlog::SoleDoor;
    let Some(mut bench) = Bench::start_with(&[], change) else { return };
    bench.root.run("CREATE TABLE t.y (id INT PRIMARY KEY);; INSERT INTO t.y VALUES (1)");
    let mut session = bench.session();
    wait("the new table to be known", || {
        is_hit_inside(&bench, &mut session);
        is_hit_inside(&bench, &mut session)
    });
}

#[test]
fn what_is_taken_for_a_proof_of_a_snapshot_is_one() {
    let Some(mut bench) = started() else { return };
    bench.root.run("INSERT INTO t.y VALUES (2, 2), (3, 3)");
    for first in [
        "SELECT v FROM t.y WHERE id = 1",
        "SELECT 1 FROM t.y",
        "SELECT id FROM t.y LIMIT 1",
        "SELECT id FROM t.y WHERE id = 1 LIMIT 1",
        "SELECT id FROM t.y ORDER BY v DESC LIMIT 1, 1",
        "SELECT SQL_CALC_FOUND_ROWS id FROM t.y LIMIT 1",
        "SELECT id FROM t.y WHERE id IN (1, 2) AND (v = 1 OR v = 2)",
        "SELECT DISTINCT v FROM t.y",
        "SELECT v FROM t.y GROUP BY v WITH ROLLUP",
        "SELECT 1 FROM t.y HAVING 1",
        "SELECT a.id FROM t.y AS a LEFT JOIN t.x AS b ON (a.id = b.id AND b.id = 77)",
        "SELECT b.id FROM t.x AS a RIGHT JOIN t.y AS b USING (id)",
        "SELECT a.id FROM t.y AS a, t.x AS b WHERE a.id = 1 AND b.id = 1",
    ] {
        let mut reader = bench.session();
        let before = reader.value(SAME);
        reader.run("BEGIN");
        assert_ne!(reader.value(first), "", "{first}");
        bench.root.run("UPDATE t.x SET v = v + 1 WHERE id = 1");
        assert_eq!(reader.value(SAME), before, "{first}");
        reader.run("COMMIT");
    }
    // Statements that are taken for none: hits in their transactions wait for one that is.
    let mut reader = bench.session();
    reader.run("BEGIN");
    reader.value("SELECT COUNT(*) FROM t.y WHERE 1 = 0");
    let before = bench.hits();
    for _ in 0..3 {
        reader.value("SELECT COUNT(*) FROM t.y WHERE 1 = 0");
    }
    assert_eq!(bench.hits(), before);
}

#[test]
fn a_question_is_answered_wherever_the_log_ends() {
    let Some(mut bench) = started() else { return };
    let versions = *bench.shared.cache().versions();
    let follower = bench.shared.foreign().follower.clone();
    for step in [
        "DO 1",
        "UPDATE t.x SET v = v + 1",
        "FLUSH BINARY LOGS",
        "CREATE TABLE t.z (a INT) ENGINE=MyISAM",
        "INSERT INTO t.z VALUES (1)",
        "FLUSH LOGS;; FLUSH LOGS;; DROP TABLE t.z",
        "BEGIN;; UPDATE t.x SET v = v + 1;; ROLLBACK",
        "CREATE USER carl@localhost;; FLUSH PRIVILEGES",
        "XA START 'x';; UPDATE t.x SET v = v + 1;; XA END 'x';; XA PREPARE 'x';; XA COMMIT 'x'",
    ] {
        bench.root.run(step);
        let moment = versions.now();
        wait(step, || {
            // One that was asked in the middle of a change of files says nothing.
            follower.want(versions.now());
            follower.told() > moment
        });
    }
    bench.hold.hold();
    bench.root.run("UPDATE t.x SET v = v + 1");
    let moment = versions.now();
    follower.want(moment);
    std::thread::sleep(Duration::from_millis(300));
    assert!(follower.told() <= moment, "the log has not come there");
    bench.hold.release();
    wait("the log to come", || follower.told() > moment);
    assert!(
        versions.version(Slot::of(b"t", b"x")) > moment
            || versions.pending(Slot::of(b"t", b"x")) > 0
    );
}

#[test]
fn the_end_of_a_log_that_was_begun_anew_proves_nothing() {
    let Some(mut bench) = started() else { return };
    let versions = *bench.shared.cache().versions();
    let follower = bench.shared.foreign().follower.clone();
    for _ in 0..50 {
        bench.root.run("UPDATE t.x SET v = v + 1");
    }
    let moment = versions.now();
    wait("the log to come", || {
        follower.want(versions.now());
        follower.told() > moment
    });
    bench.root.run("RESET MASTER");
    bench.root.run("UPDATE t.x SET v = v + 1");
    let after = versions.now();
    follower.want(after);
    wait("everything to be bumped", || versions.version(Slot::EVERYTHING) > moment);
    // Only a stream of the new log says more, and before it all that was known is let go.
    wait("the new log to come", || {
        follower.want(versions.now());
        follower.told() > after
    });
    let mut session = bench.session();
    wait("hits in transactions again", || is_hit_inside(&bench, &mut session));
    let now = bench.root.value(SAME);
    assert_eq!(session.value(READ), now);
}
