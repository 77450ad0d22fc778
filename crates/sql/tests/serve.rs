//! Sessions through the door, in front of a real MariaDB: what they see, and what is answered from
//! the cache.
//!
//! `SKIPPED` is said aloud where there is none; `MENSHEN_REQUIRE_PEERS` makes that a failure.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

#[path = "support/door.rs"]
mod door;
#[path = "support/hold.rs"]
mod hold;
#[path = "support/mariadb.rs"]
mod mariadb;

use std::sync::atomic::{AtomicBool, Ordering};

use door::{Bench, READ, wait};
use mariadb::Session;
use menshen_config::Sql;
use menshen_sql::counters::Event;

#[test]
fn writes_are_seen_at_once_and_transactions_when_they_commit() {
    let Some(bench) = Bench::start(|_| {}) else { return };
    let (mut a, mut b) = (bench.session(), bench.session());
    a.run("UPDATE x SET v = 2 WHERE id = 1");
    assert_eq!((a.value(READ), b.value(READ)), ("2".into(), "2".into()));
    a.run("BEGIN;; UPDATE x SET v = 3 WHERE id = 1");
    let before = bench.hits();
    assert_eq!((a.value(READ), b.value(READ)), ("3".into(), "2".into()));
    // A table that is being written is served to nobody.
    assert_eq!((b.value(READ), bench.hits()), ("2".into(), before));
    a.run("COMMIT");
    assert_eq!((b.value(READ), a.value(READ)), ("3".into(), "3".into()));
    wait("hits", || bench.is_hit(&mut b, READ));
    // What was rolled back nobody has seen: the entry is as good as before.
    a.run("BEGIN;; UPDATE x SET v = 4 WHERE id = 1;; ROLLBACK");
    let before = bench.hits();
    assert_eq!((b.value(READ), bench.hits()), ("3".into(), before + 1));
}

#[test]
fn a_snapshot_shows_what_it_showed() {
    let Some(bench) = Bench::start(|_| {}) else { return };
    let (mut a, mut b) = (bench.session(), bench.session());
    // An entry of another transaction, which the first read must leave alone.
    a.run("BEGIN");
    wait("a hit", || bench.is_hit(&mut a, READ));
    a.run("COMMIT;; BEGIN");
    b.run("BEGIN");
    let before = bench.hits();
    assert_eq!(b.value(READ), "1");
    // The first read opens the server's snapshot.
    assert_eq!(bench.hits(), before);
    wait("a hit", || bench.is_hit(&mut b, READ));
    a.run("UPDATE x SET v = 2 WHERE id = 1;; COMMIT");
    assert_eq!((a.value(READ), a.value(READ)), ("2".into(), "2".into()));
    assert_eq!(b.value(READ), "1");
    b.run("COMMIT");
    assert_eq!(b.value(READ), "2");
    b.run("SET autocommit = 0");
    assert_eq!(b.value(READ), "2");
    a.run("UPDATE x SET v = 3 WHERE id = 1");
    assert_eq!(b.value(READ), "2");
    b.run("COMMIT");
    assert_eq!(b.value(READ), "3");
}

#[test]
fn what_a_write_does_by_the_way_is_seen() {
    let Some(bench) = Bench::start(|_| {}) else { return };
    let (mut a, mut b) = (bench.session(), bench.session());
    a.run(
        "CREATE TABLE l (n INT);; CREATE TRIGGER g AFTER UPDATE ON x FOR EACH ROW INSERT INTO l \
         VALUES (1);; CREATE TABLE p (id INT PRIMARY KEY) ENGINE=InnoDB;; CREATE TABLE c (p INT, \
         FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE) ENGINE=InnoDB;; INSERT INTO p \
         VALUES (1);; INSERT INTO c VALUES (1);; CREATE VIEW w AS SELECT v FROM x;; CREATE \
         PROCEDURE r() UPDATE x SET v = 9",
    );
    for (read, write, then) in [
        ("SELECT COUNT(*) FROM l", "UPDATE x SET v = 5 WHERE id = 1", "1"),
        ("SELECT COUNT(*) FROM c", "DELETE FROM p", "0"),
        ("SELECT SUM(v) FROM w", "UPDATE x SET v = 7", "14"),
        (READ, "CALL r()", "9"),
        ("SELECT SUM(v) FROM w", "ALTER VIEW w AS SELECT 1 AS v FROM x", "2"),
        (
            "SELECT MAX(id) FROM x",
            "XA START 'q';; INSERT INTO x VALUES (8, 8);; XA END 'q';; \
          XA PREPARE 'q';; XA COMMIT 'q'",
            "8",
        ),
        (READ, "PREPARE s FROM 'UPDATE x SET v = 10';; EXECUTE s", "10"),
        (READ, "EXECUTE IMMEDIATE 'UPDATE x SET v = 11'", "11"),
        (READ, "TRUNCATE x;; INSERT INTO x VALUES (1, 12)", "12"),
    ] {
        wait(read, || bench.is_hit(&mut a, read));
        b.run(write);
        assert_eq!(a.value(read), then, "{write}");
    }
}

#[test]
fn what_only_one_session_sees_stays_its_own() {
    let Some(bench) = Bench::start(|_| {}) else { return };
    let (mut a, mut b) = (bench.session(), bench.session());
    wait("a hit", || bench.is_hit(&mut a, "SELECT v FROM x WHERE id = 1"));
    b.run("CREATE TEMPORARY TABLE x (id INT, v INT);; INSERT INTO x VALUES (1, 99)");
    assert_eq!(b.value("SELECT v FROM x WHERE id = 1"), "99");
    assert_eq!(a.value("SELECT v FROM x WHERE id = 1"), "1");
    b.run("DROP TABLE x");
    assert_eq!(b.value("SELECT v FROM x WHERE id = 1"), "1");
    a.run("BEGIN;; UPDATE x SET v = 50 WHERE id = 1");
    b.run("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
    assert_eq!(b.value(READ), "50");
    a.run("ROLLBACK");
    assert_eq!((b.value(READ), a.value(READ)), ("1".into(), "1".into()));
    b.run("SET sql_select_limit = 1");
    assert_eq!(b.value("SELECT COUNT(*) FROM (SELECT * FROM x) AS d"), "2");
    wait("a hit", || bench.is_hit(&mut a, "SELECT id FROM x ORDER BY id DESC"));
    b.run("SET time_zone = '+05:00'");
    let before = bench.hits();
    b.value("SELECT id FROM x ORDER BY id DESC");
    assert_eq!(bench.hits(), before);
}

#[test]
fn what_is_asked_about_a_hit_is_right() {
    let Some(bench) = Bench::start(|_| {}) else { return };
    let mut a = bench.session();
    let read = "SELECT SQL_CALC_FOUND_ROWS id FROM x LIMIT 1";
    wait("a hit", || bench.is_hit(&mut a, read));
    a.run("SELECT 1");
    let before = bench.hits();
    a.value(read);
    assert_eq!(bench.hits(), before + 1);
    assert_eq!(a.value("SELECT FOUND_ROWS()"), "2");
}

#[test]
fn rights_are_asked_of_the_server() {
    let Some(mut bench) = Bench::start(|_| {}) else { return };
    bench.root.run(
        "CREATE USER bob@localhost IDENTIFIED BY 'b';; CREATE USER eve@localhost IDENTIFIED BY \
         'e';; GRANT SELECT ON t.x TO bob@localhost",
    );
    let mut a = bench.session();
    let mut bob = Session::at(&bench.at, "bob", "b");
    let mut eve = Session::at(&bench.at, "eve", "e");
    wait("a hit", || bench.is_hit(&mut a, READ));
    assert!(eve.refusal(READ).contains("1142"));
    wait("bob's first hit", || bench.is_hit(&mut bob, READ));
    a.run("REVOKE SELECT ON t.x FROM bob@localhost");
    assert!(bob.refusal(READ).contains("1142"));
    assert_eq!(a.value(READ), "1");
}

#[test]
fn a_client_that_leaves_within_a_transaction_leaves_nothing_behind() {
    let Some(bench) = Bench::start(|_| {}) else { return };
    let (mut a, mut b) = (bench.session(), bench.session());
    b.run("BEGIN;; UPDATE x SET v = 77 WHERE id = 1");
    drop(b);
    wait("the table to be served again", || bench.is_hit(&mut a, READ));
    assert_eq!(a.value(READ), "1");
}

#[test]
fn transactions_can_be_left_alone() {
    let never = |config: &mut Sql| config.transactions = menshen_config::SqlTransactions::Never;
    let Some(bench) = Bench::start(never) else { return };
    let mut a = bench.session();
    a.run("BEGIN");
    assert!(!bench.is_hit(&mut a, READ));
    assert!(!bench.is_hit(&mut a, READ));
    a.run("COMMIT");
    assert!(bench.is_hit(&mut a, READ));
}

/// A row that only grows, written through the door and past it: no reader sees it shrink, and each
/// writer sees its own write.
#[test]
fn nobody_sees_time_run_backwards() {
    let Some(mut bench) = Bench::start(|_| {}) else { return };
    let over = AtomicBool::new(false);
    let read = "SELECT v FROM t.x WHERE id = 2";
    let mut readers = [bench.session(), bench.session(), bench.session()];
    let mut writer = bench.session();
    let before = bench.hits();
    std::thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::SeqCst) {
                    let now: u32 = reader.value(read).parse().unwrap();
                    assert!(now >= last, "{last}, then {now}");
                    last = now;
                }
            });
        }
        for number in 3..300_u32 {
            let update = format!("UPDATE t.x SET v = {number} WHERE id = 2");
            match number % 3 {
                0 => writer.run(&update),
                1 => writer.run(&format!("BEGIN;; {update};; COMMIT")),
                _ => {
                    bench.root.run(&update);
                    continue;
                }
            }
            assert_eq!(writer.value(read), number.to_string());
        }
        over.store(true, Ordering::SeqCst);
    });
    assert!(bench.shared.counters().sum(Event::Hit) > before, "nothing was served");
}

#[test]
fn statements_of_one_shape_depend_on_what_their_tables_are_now() {
    let Some(bench) = Bench::start(|_| ()) else { return };
    let mut session = bench.session();
    session.run(
        "CREATE TABLE t.y (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;; INSERT INTO t.y VALUES \
         (1, 10), (2, 20), (3, 30), (4, 40);; CREATE VIEW t.w AS SELECT * FROM t.x",
    );
    let read = |id: u32| format!("SELECT v FROM t.w WHERE id = {id}");
    wait("the view to be cached", || bench.is_hit(&mut session, &read(1)));
    // Another value: another answer, stored without the statement being read again.
    assert_eq!(session.value(&read(2)), "2");
    assert!(bench.is_hit(&mut session, &read(2)));
    session.run("UPDATE t.x SET v = 22 WHERE id = 2");
    assert_eq!(session.value(&read(2)), "22");
    session.run("ALTER VIEW t.w AS SELECT * FROM t.y");
    wait("the new view to be cached", || bench.is_hit(&mut session, &read(3)));
    assert!(bench.is_hit(&mut session, &read(4)));
    session.run("UPDATE t.y SET v = v + 1");
    assert_eq!(session.value(&read(3)), "31");
    assert_eq!(session.value(&read(4)), "41");
    // A temporary table of the name is another table, in this session only.
    session.run("CREATE TEMPORARY TABLE t.w (id INT, v INT);; INSERT INTO t.w VALUES (1, 7)");
    assert_eq!(session.value(&read(1)), "7");
    assert_eq!(bench.session().value(&read(1)), "11");
    // Of another database the same words mean another table.
    session.run("DROP TEMPORARY TABLE t.w;; CREATE DATABASE u;; CREATE TABLE u.x (id INT, v INT)");
    session.run("INSERT INTO u.x VALUES (1, 111), (2, 222)");
    let bare = |id: u32| format!("SELECT v FROM x WHERE id = {id}");
    wait("the bare name to be cached", || bench.is_hit(&mut session, &bare(1)));
    session.run("USE u");
    assert_eq!(session.value(&bare(2)), "222");
    wait("the other one to be cached", || bench.is_hit(&mut session, &bare(1)));
    session.run("UPDATE u.x SET v = 333 WHERE id = 2");
    assert_eq!(session.value(&bare(2)), "333");
}
