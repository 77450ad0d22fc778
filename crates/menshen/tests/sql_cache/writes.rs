//! Writes: of every kind through the door, and beside it.

use std::time::{Duration, Instant};

use super::{Case, Shop, next_number, warm};

/// Writes through the door.
pub(crate) const CASES: &[Case] = &[
    ("plain writes", plain),
    ("writes that come with others", carried),
    ("definitions", definitions),
    ("writes by prepared statements", prepared),
    ("delayed rows", delayed),
    ("several statements", several),
];

/// Writes that do not come through the door.
pub(crate) const BESIDE: &[Case] = &[("writes beside the door", beside)];

const ALL: &str = "SELECT COUNT(*), SUM(v), GROUP_CONCAT(s ORDER BY id) FROM t";

fn plain(shop: &Shop) {
    let mut fresh = shop.fresh("plain");
    fresh.writer.run(&["CREATE TABLE other LIKE t", "INSERT INTO other SELECT * FROM t"]);
    for change in [
        "INSERT INTO t (v) VALUES ({n})",
        "INSERT INTO t SELECT NULL, {n}, 'x' FROM other LIMIT 1",
        "INSERT INTO t VALUES (1, 1, 'z') ON DUPLICATE KEY UPDATE v={n}",
        "UPDATE t SET v={n} WHERE id=1",
        "UPDATE other, t SET t.v={n}, other.v=1 WHERE t.id=other.id AND t.id=2",
        "UPDATE t AS other SET other.v={n} WHERE other.id=3",
        "UPDATE plain.`t` SET v={n} WHERE id=3",
        "UPDATE /*!50000 t SET */ v={n} WHERE id=4",
        "REPLACE INTO t VALUES (2, {n}, 'r')",
        "DELETE FROM t ORDER BY id DESC LIMIT 1",
        "DELETE t FROM t JOIN (SELECT MAX(id) AS id FROM t) AS last USING (id)",
        "INSERT INTO t (v) VALUES ({n}) RETURNING id",
        "UPDATE t SET v={n} WHERE id=(SELECT MIN(id) FROM other)",
        "CREATE OR REPLACE TABLE t SELECT {n} AS id, {n} AS v, 'made' AS s",
    ] {
        fresh.changes(ALL, &[change]);
    }
    fresh.writer.run(&["INSERT INTO t VALUES (8,8,'8'), (9,9,'9')"]);
    fresh.warm(ALL);
    fresh.writer.run(&["TRUNCATE t"]);
    assert_eq!(fresh.agrees(ALL)[0][0].as_deref(), Some("0"));
    let from_m = &ALL.replace("FROM t", "FROM m");
    fresh.changes(from_m, &["UPDATE m SET v={n} WHERE id=2"]);
    // A write of several rows that fails has written some.
    let before = fresh.warm(from_m);
    fresh.writer.answers("INSERT INTO m VALUES (99, 99, 'kept'), (1, 1, 'twice')").unwrap_err();
    assert_ne!(fresh.agrees(from_m), before);
}

fn carried(shop: &Shop) {
    let mut fresh = shop.fresh("carried");
    fresh.writer.run(&[
        "CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB",
        "CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON \
         DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB",
        "INSERT INTO parent VALUES (1), (2), (3), (4)",
        "INSERT INTO child VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
        "CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE=InnoDB",
        "CREATE TRIGGER after_t AFTER UPDATE ON t FOR EACH ROW INSERT INTO log (n) VALUES (NEW.v)",
        "CREATE VIEW seen AS SELECT id, v FROM t WHERE v > 0",
        "CREATE VIEW sums AS SELECT SUM(v) FROM seen",
        "CREATE PROCEDURE add_one(n INT) INSERT INTO t (v) VALUES (n)",
        "CREATE PROCEDURE by_text(n INT) EXECUTE IMMEDIATE 'INSERT INTO t (v) VALUES (?)' USING n",
        "CREATE PROCEDURE outer_one(n INT) CALL add_one(n)",
        "CREATE FUNCTION put(n INT) RETURNS INT DETERMINISTIC BEGIN INSERT INTO log (n) VALUES \
         (n); RETURN n; END",
        "CREATE TABLE part1 (a INT) ENGINE=MyISAM",
        "CREATE TABLE part2 (a INT) ENGINE=MyISAM",
        "CREATE TABLE merged (a INT) ENGINE=MERGE UNION=(part1, part2) INSERT_METHOD=LAST",
        "INSERT INTO part1 VALUES (1)",
    ]);
    let children = "SELECT COUNT(*), SUM(p) FROM child";
    fresh.changes(children, &["DELETE FROM parent ORDER BY id LIMIT 1"]);
    fresh.changes(children, &["UPDATE parent SET id={n} ORDER BY id DESC LIMIT 1"]);
    let log = "SELECT COUNT(*), MAX(n) FROM log";
    fresh.changes(log, &["UPDATE t SET v={n} WHERE id=1"]);
    fresh.changes(log, &["UPDATE seen SET v={n} WHERE id=1"]);
    fresh.changes(log, &["DO put({n})"]);
    fresh.changes(log, &["SELECT put({n})"]);
    fresh.changes(log, &["SET @x = put({n})"]);
    for view in ["SELECT * FROM sums", "SELECT SUM(v) FROM seen", ALL] {
        fresh.changes(view, &["UPDATE t SET v={n} WHERE id=2"]);
        fresh.changes(view, &["UPDATE seen SET v={n} WHERE id=3"]);
        fresh.changes(view, &["CALL add_one({n})"]);
        fresh.changes(view, &["CALL outer_one({n})"]);
        fresh.changes(view, &["CALL by_text({n})"]);
    }
    fresh.changes("SELECT COUNT(*) FROM merged", &["INSERT INTO part1 VALUES ({n})"]);
    fresh.changes("SELECT COUNT(*) FROM part2", &["INSERT INTO merged VALUES ({n})"]);
}

fn definitions(shop: &Shop) {
    let mut fresh = shop.fresh("definitions");
    fresh.writer.run(&["CREATE TABLE t2 LIKE t", "INSERT INTO t2 VALUES (7, 7, 'seven')"]);
    let star = "SELECT * FROM t ORDER BY 1 LIMIT 3";
    fresh.changes(star, &["ALTER TABLE t ADD COLUMN n{n} INT DEFAULT 3"]);
    fresh.changes(star, &["RENAME TABLE t TO t3, t2 TO t, t3 TO t2"]);
    fresh.writer.run(&["CREATE VIEW seen AS SELECT id FROM t"]);
    fresh.changes("SELECT * FROM seen", &["CREATE OR REPLACE VIEW seen AS SELECT {n} FROM t"]);
    fresh.changes("SELECT * FROM seen", &["ALTER VIEW seen AS SELECT id, {n} FROM t"]);
    // The name of a view becomes that of a table.
    fresh.warm("SELECT * FROM seen");
    fresh.writer.run(&["DROP VIEW seen", "CREATE TABLE seen SELECT 'table' AS what"]);
    assert_eq!(fresh.agrees("SELECT * FROM seen")[0][0].as_deref(), Some("table"));
    fresh.warm("SELECT * FROM seen");
    fresh.writer.run(&["DROP TABLE seen"]);
    assert_eq!(fresh.reader.rows("SELECT * FROM seen").unwrap_err().code, 1146);
    // A partition goes, and rows come with another.
    fresh.writer.run(&[
        "CREATE TABLE p (a INT) PARTITION BY RANGE (a) (PARTITION low VALUES LESS THAN (10), \
         PARTITION high VALUES LESS THAN MAXVALUE)",
        "INSERT INTO p VALUES (1), (20)",
        "CREATE TABLE q (a INT)",
        "INSERT INTO q VALUES (2), (3)",
    ]);
    let rows = "SELECT GROUP_CONCAT(a ORDER BY a) FROM p";
    fresh.changes(rows, &["ALTER TABLE p EXCHANGE PARTITION low WITH TABLE q"]);
    fresh.warm(rows);
    fresh.writer.run(&["ALTER TABLE p TRUNCATE PARTITION high"]);
    assert_ne!(fresh.agrees(rows)[0][0].as_deref(), Some("1,20"));
    fresh.warm(rows);
    fresh.writer.run(&["DROP DATABASE definitions", "CREATE DATABASE definitions"]);
    assert!(fresh.reader.rows("SELECT GROUP_CONCAT(a ORDER BY a) FROM definitions.p").is_err());
}

fn prepared(shop: &Shop) {
    let mut fresh = shop.fresh("prepared");
    for own in [false, true] {
        let before = fresh.warm(ALL);
        let session = if own { &mut fresh.reader } else { &mut fresh.writer };
        let update = session.prepare("UPDATE t SET v=? WHERE id=?").unwrap();
        let number: i32 = next_number().parse().unwrap();
        let (value, id) = (number.to_le_bytes(), 1_i32.to_le_bytes());
        session.execute(update, 0, &[Some((3, &value)), Some((3, &id))]).unwrap();
        assert_ne!(fresh.agrees(ALL), before);
    }
    fresh.changes(ALL, &["EXECUTE IMMEDIATE 'UPDATE t SET v={n} WHERE id=2'"]);
    fresh.changes(ALL, &["PREPARE p FROM 'UPDATE t SET v={n} WHERE id=2'", "EXECUTE p"]);
    fresh.changes(
        ALL,
        &[
            "SET @text = CONCAT('UPDATE t SET v={n}', ' WHERE id=3')",
            "PREPARE p FROM @text",
            "EXECUTE p",
        ],
    );
    fresh.changes(ALL, &["BEGIN NOT ATOMIC UPDATE t SET v={n} WHERE id=4; END"]);
}

fn delayed(shop: &Shop) {
    let mut fresh = shop.fresh("delayed_rows");
    let count = "SELECT COUNT(*) FROM m";
    let before: u32 = fresh.warm(count)[0][0].as_deref().unwrap().parse().unwrap();
    fresh.writer.run(&["INSERT DELAYED INTO m (v) VALUES (1), (2)"]);
    // The server says OK before the rows are there; never is an older count seen after a newer.
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let now: u32 = fresh.reader.one(count).unwrap().parse().unwrap();
        if now == before + 2 {
            break;
        }
        assert!(now >= before && Instant::now() < until, "{now} rows after {before}");
        std::thread::sleep(Duration::from_millis(5));
    }
    fresh.warm(count);
    fresh.agrees(count);
}

fn several(shop: &Shop) {
    let mut fresh = shop.fresh("several");
    fresh.changes(ALL, &["SELECT 1; UPDATE t SET v={n} WHERE id=1; SELECT 2"]);
    fresh.changes(ALL, &["DO 1; BEGIN; UPDATE t SET v={n} WHERE id=1; COMMIT"]);
    // The first statements are done though the last one fails.
    let before = fresh.warm(ALL);
    fresh.writer.answers("UPDATE t SET v=v+1; SELECT * FROM nothing").unwrap_err();
    assert_ne!(fresh.agrees(ALL), before);
    let answers = fresh.reader.answers(&format!("{ALL}; {ALL}")).unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].rows, answers[1].rows);
}

/// Others' writes are seen within the bound, and once seen stay seen.
fn beside(shop: &Shop) {
    let mut fresh = shop.fresh("beside");
    fresh.truth.run(&[
        "CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB",
        "CREATE TABLE child (p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE) \
         ENGINE=InnoDB",
        "INSERT INTO parent VALUES (1), (2), (3), (4), (5), (6)",
        "INSERT INTO child VALUES (1), (2), (3), (4), (5), (6)",
        "CREATE VIEW seen AS SELECT v FROM t",
    ]);
    let mut slowest = Duration::ZERO;
    for (statement, change) in [
        (ALL, "UPDATE t SET v=v+1"),
        (ALL, "BEGIN; UPDATE t SET v=v+1; UPDATE t SET v=v*2; COMMIT"),
        (ALL, "INSERT INTO t (v) VALUES (1)"),
        (ALL, "SET binlog_format=STATEMENT; UPDATE t SET v=v+7; SET binlog_format=ROW"),
        (ALL, "ALTER TABLE t MODIFY v BIGINT, ADD COLUMN x{n} INT; UPDATE t SET v=v+1"),
        ("SELECT SUM(v) FROM seen", "UPDATE t SET v=v+1"),
        ("SELECT SUM(v) FROM m", "UPDATE m SET v=v+1"),
        ("SELECT COUNT(*) FROM child", "DELETE FROM parent LIMIT 1"),
        ("SELECT SUM(v) FROM seen", "CREATE OR REPLACE VIEW seen AS SELECT v+{n} AS v FROM t"),
        (ALL, "XA START 'x'; UPDATE t SET v=v+9; XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'"),
        ("SELECT COUNT(*) FROM t", "TRUNCATE t"),
    ] {
        for _ in 0..2 {
            let before = warm(shop, &mut fresh.reader, statement);
            let change = change.replace("{n}", &next_number());
            fresh.truth.answers(&change).unwrap();
            let truth = fresh.truth.rows(statement).unwrap();
            if truth == before {
                continue; // The second time nothing is left to truncate.
            }
            let written = Instant::now();
            while fresh.reader.rows(statement).unwrap() == before {
                assert!(written.elapsed() < BOUND, "{change} is not seen by {statement}");
            }
            slowest = slowest.max(written.elapsed());
            for _ in 0..20 {
                assert_eq!(fresh.reader.rows(statement).unwrap(), truth, "{change}");
            }
            assert_eq!(warm(shop, &mut fresh.reader, statement), truth, "{change}");
        }
    }
    assert!(slowest < BOUND, "{slowest:?}");
}

/// Far above what is measured, for machines that do something else meanwhile.
const BOUND: Duration = Duration::from_secs(2);
