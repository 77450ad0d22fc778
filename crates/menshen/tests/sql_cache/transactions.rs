//! Transactions: what one sees of itself and of others.

use super::{Case, Fresh, Shop, never, warm};
use crate::support::sql_client::Client;

/// All of them.
pub(crate) const CASES: &[Case] = &[
    ("repeatable read", repeatable_read),
    ("read committed", read_committed),
    ("a rollback", rollback),
    ("without autocommit", without_autocommit),
    ("isolations without a cache", other_isolations),
    ("the level of the next transaction", level_of_the_next),
    ("implicit commits", implicit_commits),
    ("two-phase commits", two_phase),
    ("table locks", table_locks),
];

const SUM: &str = "SELECT SUM(v) FROM t";

fn sum(client: &mut Client) -> i64 {
    client.one(SUM).unwrap().parse().unwrap()
}

fn repeatable_read(shop: &Shop) {
    let mut fresh = shop.fresh("repeatable");
    let first = fresh.warm(SUM);
    for start in ["BEGIN", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "SET autocommit=0"] {
        fresh.reader.run(&[start]);
        let before = sum(&mut fresh.reader);
        fresh.writer.run(&["UPDATE t SET v=v+1"]);
        let after = sum(&mut fresh.writer);
        assert_eq!(after, before + 5);
        warm(shop, &mut fresh.writer, SUM);
        for _ in 0..3 {
            assert_eq!(sum(&mut fresh.reader), before, "{start}");
        }
        // What the snapshot's reader was told is nobody else's to be told.
        assert_eq!(sum(&mut fresh.writer), after, "{start}");
        // Its own writes it sees on top of what is there now.
        fresh.reader.run(&["UPDATE t SET v=v+100 WHERE id=1"]);
        assert_eq!(sum(&mut fresh.reader) % 5, (before + 101) % 5, "{start}");
        assert_eq!(sum(&mut fresh.writer), after, "{start}: not committed");
        fresh.reader.run(&["COMMIT", "SET autocommit=1"]);
        assert_eq!(sum(&mut fresh.writer), after + 100, "{start}: committed");
        fresh.agrees(SUM);
    }
    assert_ne!(fresh.agrees(SUM), first);
    // A snapshot begins with the first read, and one read from the cache is one.
    fresh.writer.run(&["CREATE TABLE u LIKE t"]);
    let other = "SELECT COUNT(*) FROM u";
    fresh.warm(other);
    fresh.warm(SUM);
    fresh.reader.run(&["BEGIN"]);
    let before = fresh.reader.one(other).unwrap();
    fresh.writer.run(&["INSERT INTO u SELECT * FROM t", "UPDATE t SET v=0"]);
    assert_ne!(sum(&mut fresh.reader), 0, "of the moment of the first read");
    assert_eq!(fresh.reader.one(other).unwrap(), before);
    fresh.reader.run(&["ROLLBACK"]);
    assert_eq!(sum(&mut fresh.reader), 0);
}

fn read_committed(shop: &Shop) {
    let mut fresh = shop.fresh("committed");
    fresh.reader.run(&["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN"]);
    let before = sum(&mut fresh.reader);
    fresh.warm(SUM);
    fresh.writer.run(&["BEGIN", "UPDATE t SET v=v+1"]);
    assert_eq!(sum(&mut fresh.reader), before);
    assert_eq!(sum(&mut fresh.writer), before + 5);
    fresh.writer.run(&["COMMIT"]);
    assert_eq!(sum(&mut fresh.reader), before + 5);
    fresh.reader.run(&["UPDATE t SET v=v+1"]);
    assert_eq!(sum(&mut fresh.reader), before + 10);
    assert_eq!(sum(&mut fresh.writer), before + 5);
    fresh.reader.run(&["COMMIT"]);
    assert_eq!(sum(&mut fresh.writer), before + 10);
}

fn rollback(shop: &Shop) {
    let mut fresh = shop.fresh("rolled");
    let before = fresh.warm(SUM);
    let written = |fresh: &mut Fresh<'_>| {
        fresh.writer.run(&["BEGIN", "UPDATE t SET v=v+1"]);
        let inside = fresh.writer.rows(SUM).unwrap();
        assert_ne!(inside, before);
        assert_eq!(fresh.writer.rows(SUM).unwrap(), inside);
        assert_eq!(fresh.reader.rows(SUM).unwrap(), before);
    };
    written(&mut fresh);
    fresh.writer.run(&["ROLLBACK"]);
    assert_eq!(fresh.writer.rows(SUM).unwrap(), before);
    written(&mut fresh);
    fresh.writer.run(&["SAVEPOINT s", "UPDATE t SET v=0", "ROLLBACK TO s"]);
    assert_ne!(fresh.writer.rows(SUM).unwrap(), before);
    assert_ne!(fresh.writer.one(SUM).unwrap(), "0");
    // A session that is gone has rolled back.
    let at = Client::tcp(shop.address, "any", "rolled").unwrap();
    drop(std::mem::replace(&mut fresh.writer, at));
    assert_eq!(fresh.warm(SUM), before);
    // What is written to MyISAM stays.
    let count = "SELECT COUNT(*) FROM m";
    let there = fresh.warm(count);
    fresh.writer.run(&["BEGIN", "UPDATE t SET v=v+1", "INSERT INTO m (v) VALUES (1)"]);
    fresh.writer.answers("ROLLBACK").unwrap();
    assert_ne!(fresh.agrees(count), there);
    // A deadlock's victim has rolled back too.
    fresh.writer.run(&["BEGIN", "UPDATE t SET v=v+1 WHERE id=1"]);
    fresh.reader.run(&["BEGIN", "UPDATE t SET v=v+1 WHERE id=2"]);
    fresh.writer.command(3, b"UPDATE t SET v=v+1 WHERE id=2").unwrap();
    let one = fresh.reader.answers("UPDATE t SET v=v+1 WHERE id=1");
    let other = fresh.writer.read_answers();
    assert_eq!([&one, &other].iter().filter(|answer| answer.is_err()).count(), 1);
    fresh.reader.run(&["COMMIT"]);
    fresh.writer.run(&["COMMIT"]);
    assert_ne!(fresh.agrees(SUM), before);
    fresh.warm(SUM);
    fresh.agrees(SUM);
}

fn without_autocommit(shop: &Shop) {
    let mut fresh = shop.fresh("manual");
    fresh.writer.run(&["SET autocommit=0"]);
    let before = fresh.warm(SUM);
    fresh.writer.run(&["UPDATE t SET v=v+1"]);
    assert_eq!(fresh.reader.rows(SUM).unwrap(), before);
    fresh.writer.run(&["COMMIT"]);
    assert_ne!(fresh.agrees(SUM), before);
    let before = fresh.warm(SUM);
    fresh.writer.run(&["UPDATE t SET v=v+1", "SET autocommit=1"]);
    assert_ne!(fresh.agrees(SUM), before, "autocommit commits");
}

fn other_isolations(shop: &Shop) {
    let mut fresh = shop.fresh("isolated");
    for level in ["READ UNCOMMITTED", "SERIALIZABLE"] {
        fresh.reader.run(&["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"]);
        let before = fresh.warm(SUM);
        fresh.reader.run(&[&format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}"), "BEGIN"]);
        let hits = shop.hits();
        assert_eq!(fresh.reader.rows(SUM).unwrap(), before);
        assert_eq!(shop.hits(), hits, "{level}");
        fresh.reader.run(&["COMMIT"]);
    }
    fresh.reader.run(&["SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"]);
    let before = sum(&mut fresh.reader);
    warm(shop, &mut fresh.writer, SUM);
    fresh.truth.run(&["BEGIN", "UPDATE t SET v=v+1"]);
    assert_eq!(sum(&mut fresh.reader), before + 5, "what is not committed");
    assert_eq!(sum(&mut fresh.writer), before);
    fresh.truth.run(&["ROLLBACK"]);
    assert_eq!(sum(&mut fresh.writer), before);
}

fn level_of_the_next(shop: &Shop) {
    // What such a transaction reads is of its old snapshot, and must not be stored as committed.
    let mut fresh = shop.fresh("next_level");
    fresh.reader.run(&["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN"]);
    let before = sum(&mut fresh.reader);
    fresh.reader.run(&["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"]);
    fresh.writer.run(&["UPDATE t SET v=v+1"]);
    assert_eq!(sum(&mut fresh.reader), before, "its snapshot");
    assert_eq!(sum(&mut fresh.reader), before);
    fresh.reader.run(&["COMMIT", "BEGIN"]);
    assert_eq!(sum(&mut fresh.reader), before + 5);
    fresh.reader.run(&["COMMIT", "SET @@tx_isolation='READ-UNCOMMITTED'"]);
    fresh.truth.run(&["BEGIN", "UPDATE t SET v=v+1"]);
    fresh.reader.run(&["BEGIN"]);
    assert_eq!(sum(&mut fresh.reader), before + 10, "what is not committed");
    fresh.reader.run(&["COMMIT"]);
    assert_eq!(sum(&mut fresh.writer), before + 5);
    assert_eq!(sum(&mut fresh.reader), before + 5);
    fresh.truth.run(&["ROLLBACK"]);
}

fn implicit_commits(shop: &Shop) {
    let mut fresh = shop.fresh("implied");
    for commit in ["CREATE TABLE made (a INT)", "BEGIN", "SET autocommit=1", "LOCK TABLES t READ"] {
        let before = fresh.warm(SUM);
        fresh.writer.run(&["SET autocommit=0", "BEGIN", "UPDATE t SET v=v+1"]);
        assert_eq!(fresh.reader.rows(SUM).unwrap(), before, "{commit}");
        fresh.writer.run(&[commit]);
        assert_ne!(fresh.agrees(SUM), before, "{commit}");
        fresh.writer.run(&["ROLLBACK", "UNLOCK TABLES", "SET autocommit=1"]);
    }
    let before = fresh.warm(SUM);
    fresh.writer.run(&["BEGIN", "UPDATE t SET v=v+1", "COMMIT AND CHAIN", "UPDATE t SET v=v+1"]);
    let chained = fresh.agrees(SUM);
    assert_ne!(chained, before);
    fresh.writer.run(&["ROLLBACK"]);
    assert_eq!(fresh.agrees(SUM), chained);
}

fn two_phase(shop: &Shop) {
    let mut fresh = shop.fresh("phases");
    let before = fresh.warm(SUM);
    for (name, end) in [("'x1'", "ROLLBACK"), ("'x2'", "COMMIT")] {
        let xa = |verb: &str| format!("XA {verb} {name}");
        fresh.writer.run(&[&xa("START"), "UPDATE t SET v=v+1", &xa("END"), &xa("PREPARE")]);
        assert_eq!(fresh.reader.rows(SUM).unwrap(), before);
        // Another session ends it.
        let at = Client::tcp(shop.address, "any", "phases").unwrap();
        drop(std::mem::replace(&mut fresh.writer, at));
        crate::support::live::wait_for("the prepared one to be free", || {
            fresh.writer.answers(&xa(end)).is_ok()
        });
        let seen = fresh.agrees(SUM);
        assert_eq!(seen != before, end == "COMMIT");
    }
    let before = fresh.warm(SUM);
    fresh.reader.run(&["XA START 'x3'", "UPDATE t SET v=v+1", "XA END 'x3'"]);
    assert_eq!(fresh.writer.rows(SUM).unwrap(), before);
    fresh.reader.run(&["XA COMMIT 'x3' ONE PHASE"]);
    assert_ne!(fresh.agrees(SUM), before);
}

fn table_locks(shop: &Shop) {
    let mut fresh = shop.fresh("locked");
    let before = fresh.warm(SUM);
    fresh.writer.run(&["LOCK TABLES t WRITE", "UPDATE t SET v=v+1"]);
    assert_ne!(fresh.writer.rows(SUM).unwrap(), before);
    let hits = shop.hits();
    fresh.writer.answers(SUM).unwrap();
    assert_eq!(shop.hits(), hits, "who holds locks is not answered from the cache");
    let refused = fresh.writer.answers("SELECT COUNT(*) FROM m").unwrap_err();
    assert_eq!(refused.code, 1100, "{refused:?}");
    fresh.writer.run(&["UNLOCK TABLES"]);
    assert_ne!(fresh.agrees(SUM), before);
    never(shop, &mut fresh.reader, "SELECT * FROM t WHERE id=1 FOR UPDATE", SUM);
    never(shop, &mut fresh.reader, "SELECT * FROM t WHERE id=1 LOCK IN SHARE MODE", SUM);
}
