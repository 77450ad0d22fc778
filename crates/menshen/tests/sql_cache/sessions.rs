//! What a session has set, prepared, made and asked before: each is in the answer, hit or not.

use std::time::{Duration, Instant};

use super::{Case, Shop, never, warm};
use crate::support::sql_client::{Client, packet, text_row};

/// All of them.
pub(crate) const CASES: &[Case] = &[
    ("variables", variables),
    ("databases", databases),
    ("temporary tables", temporary),
    ("binary results", binary),
    ("cursors and long data", cursors),
    ("what is not cached", uncached),
    ("on demand", demand),
    ("diagnostics after a hit", diagnostics),
    ("a session made anew", reset),
    ("an init_connect that fails", failing_init_connect),
    ("killed queries and sessions", killed),
    ("pipelined commands", pipelined),
    ("old and new ends of results", ends),
    ("a session of hits only", idle),
    ("user variables", user_variables),
];

fn variables(shop: &Shop) {
    let mut fresh = shop.fresh("variables");
    fresh.writer.run(&[
        "CREATE TABLE times (t TIMESTAMP NULL, d DATE, x VARCHAR(20)) ENGINE=InnoDB",
        "INSERT INTO times VALUES ('2024-01-31 12:00:00', '2024-01-31', 'é')",
    ]);
    for (statement, set) in [
        ("SELECT t FROM times", "SET time_zone='+05:30'"),
        (
            "SELECT UNIX_TIMESTAMP(t) FROM times WHERE t='2024-01-31 12:00'",
            "SET time_zone='+02:00'",
        ),
        ("SELECT x FROM times", "SET NAMES latin1"),
        ("SELECT x FROM times", "SET character_set_results=latin1"),
        ("SELECT x='É' FROM times", "SET NAMES utf8mb4 COLLATE utf8mb4_bin"),
        ("SELECT '1' || v FROM t", "SET sql_mode='PIPES_AS_CONCAT'"),
        ("SELECT \"s\" FROM t", "SET sql_mode='ANSI_QUOTES'"),
        ("SELECT HEX('\\\\'), v FROM t", "SET sql_mode='NO_BACKSLASH_ESCAPES'"),
        ("SELECT DAYNAME(d), MONTHNAME(d) FROM times", "SET lc_time_names='de_DE'"),
        ("SELECT WEEK(d) FROM times", "SET default_week_format=3"),
        ("SELECT GROUP_CONCAT(s) FROM t", "SET group_concat_max_len=5"),
        ("SELECT v/7 FROM t", "SET div_precision_increment=9"),
        ("SELECT * FROM t", "SET sql_select_limit=2"),
        ("SELECT v FROM t WHERE id=1", "SET sql_mode='PAD_CHAR_TO_FULL_LENGTH'"),
        ("SELECT (SELECT MAX(v) FROM t)+0.5", "SET sql_mode='TIME_ROUND_FRACTIONAL'"),
        // Without a scope, servers do not report them.
        ("SELECT '1' || id FROM t", "SET @@sql_mode='PIPES_AS_CONCAT'"),
        ("SELECT t, 1 FROM times", "SET @@time_zone='+05:30'"),
        ("SELECT v/9 FROM t", "SET @x=1, @@div_precision_increment=9"),
        ("SELECT s REGEXP 'a ' FROM t", "SET @@default_regex_flags='EXTENDED'"),
    ] {
        let before = warm(shop, &mut fresh.reader, statement);
        let at = |shop: &Shop| Client::tcp(shop.address, "any", "variables").unwrap();
        let mut other = at(shop);
        let mut truth = shop.direct();
        truth.run(&["USE variables", set]);
        other.run(&[set]);
        let (is, should) = (other.answers(statement), truth.answers(statement));
        let values = |answers: &[crate::support::sql_client::Answer]| answers[0].rows.clone();
        match (is, should) {
            (Ok(is), Ok(should)) => {
                assert_eq!(values(&is), values(&should), "{set}: {statement}");
                // Again, now that it is stored for those who have set it.
                let again = other.answers(statement).unwrap();
                assert_eq!(values(&again), values(&should), "{set}: {statement}");
            }
            (is, should) => assert_eq!(is.is_err(), should.is_err(), "{set}: {statement}"),
        }
        // One set and set back is as one that never was.
        assert_eq!(fresh.reader.rows(statement).unwrap(), before, "{set}: {statement}");
    }
    // Set for all who come later, which the door is not told of by any session.
    fresh.writer.run(&["SET GLOBAL time_zone='+09:00'"]);
    let mut late = Client::tcp(shop.address, "any", "variables").unwrap();
    let later = late.one("SELECT t FROM times").unwrap();
    fresh.writer.run(&["SET GLOBAL time_zone='SYSTEM'"]);
    assert_ne!(fresh.reader.one("SELECT t FROM times").unwrap(), later);
}

fn databases(shop: &Shop) {
    let mut fresh = shop.fresh("bases");
    fresh.writer.run(&[
        "CREATE OR REPLACE DATABASE bases2",
        "CREATE TABLE bases2.t (id INT, v INT, s TEXT) ENGINE=InnoDB",
        "INSERT INTO bases2.t VALUES (1, 999, 'other')",
    ]);
    let statement = "SELECT v FROM t WHERE id=1";
    assert_eq!(fresh.warm(statement)[0][0].as_deref(), Some("10"));
    fresh.reader.run(&["USE bases2"]);
    assert_eq!(fresh.reader.one(statement).unwrap(), "999");
    fresh.warm(statement);
    fresh.reader.plain(0x02, b"bases").unwrap();
    assert_eq!(fresh.reader.one(statement).unwrap(), "10");
    fresh.writer.run(&["UPDATE bases2.t SET v=5", "USE bases2"]);
    assert_eq!(fresh.reader.one("SELECT v FROM bases2.t").unwrap(), "5");
    assert_eq!(fresh.writer.one(statement).unwrap(), "5");
    fresh.writer.run(&["DROP DATABASE bases2"]);
    assert_eq!(fresh.writer.answers(statement).unwrap_err().code, 1046);
}

fn temporary(shop: &Shop) {
    let mut fresh = shop.fresh("shadows");
    let statement = "SELECT SUM(v) FROM t";
    let before = fresh.warm(statement);
    fresh.reader.run(&["CREATE TEMPORARY TABLE t (v INT)", "INSERT INTO t VALUES (77)"]);
    assert_eq!(fresh.reader.one(statement).unwrap(), "77");
    assert_eq!(fresh.writer.rows(statement).unwrap(), before);
    fresh.reader.run(&["UPDATE t SET v=78"]);
    assert_eq!(fresh.reader.one(statement).unwrap(), "78");
    fresh.reader.run(&["DROP TABLE t"]);
    assert_eq!(fresh.reader.rows(statement).unwrap(), before);
    fresh.agrees(statement);
    // Made where it is not seen: in a procedure.
    fresh.writer.run(&["CREATE PROCEDURE hide() CREATE TEMPORARY TABLE t AS SELECT 79 AS v"]);
    fresh.warm(statement);
    fresh.reader.run(&["CALL hide()"]);
    assert_eq!(fresh.reader.one(statement).unwrap(), "79");
    fresh.reader.run(&["EXECUTE IMMEDIATE CONCAT('DROP TEMPORARY', ' TABLE t')"]);
    assert_eq!(fresh.reader.rows(statement).unwrap(), before);
    fresh.reader.run(&["EXECUTE IMMEDIATE CONCAT('CREATE TEMPORARY', ' TABLE t (v INT)')"]);
    assert_eq!(fresh.reader.one(statement).unwrap(), "NULL");
    assert_eq!(fresh.writer.rows(statement).unwrap(), before);
}

fn binary(shop: &Shop) {
    let mut fresh = shop.fresh("binaries");
    fresh.writer.run(&[
        "CREATE TABLE b (id INT PRIMARY KEY, f FLOAT, d DOUBLE, n DECIMAL(20,5), t TIME(6), at \
         DATETIME(6), y YEAR, bits BIT(9), x BLOB, u BIGINT UNSIGNED, j JSON, e ENUM('a','b')) \
         ENGINE=InnoDB",
        "INSERT INTO b VALUES (1, 1.5, 1/3, -12.34567, '-838:59:59', '2024-02-29 23:59:59.999999', \
         2024, b'101010101', x'00ff27', 18446744073709551615, '{}', 'b'), (2, NULL, NULL, NULL, \
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    ]);
    fresh.truth.run(&["DO 0"]);
    let text = "SELECT * FROM b WHERE id >= ? ORDER BY id";
    let (one, two) = (1_i32.to_le_bytes(), 2_i64.to_le_bytes());
    let (ours, theirs) = (fresh.reader.prepare(text).unwrap(), fresh.truth.prepare(text).unwrap());
    assert_eq!((ours.parameters, theirs.parameters), (1, 1));
    for value in [
        Some((3, &one[..])),
        Some((8, &two[..])),
        Some((253, b"\x011")),
        Some((253, b"\x012")),
        Some((5, &2_f64.to_le_bytes()[..])),
        Some((3, &7_i32.to_le_bytes()[..])),
        None,
    ] {
        let truth = fresh.truth.execute(theirs, 0, &[value]).unwrap();
        let mut hit = false;
        for _ in 0..100 {
            let before = shop.hits();
            let answer = fresh.reader.execute(ours, 0, &[value]).unwrap();
            assert_eq!(answer[0].columns, truth[0].columns, "{value:?}");
            assert_eq!(answer[0].rows, truth[0].rows, "{value:?}");
            hit |= shop.hits() > before;
            if hit {
                break;
            }
        }
        assert!(hit, "{value:?} is never answered from the cache");
    }
    // Text and binary answers are not each other's.
    let plain = "SELECT id, d FROM b WHERE id=1";
    let ours = fresh.reader.prepare(plain).unwrap();
    let binary = fresh.reader.execute(ours, 0, &[]).unwrap();
    let as_text = fresh.warm(plain);
    assert_eq!(fresh.agrees(plain), as_text);
    assert_eq!(fresh.reader.execute(ours, 0, &[]).unwrap()[0].rows, binary[0].rows);
    fresh.writer.run(&["UPDATE b SET d=8 WHERE id=1"]);
    assert_ne!(fresh.reader.execute(ours, 0, &[]).unwrap()[0].rows, binary[0].rows);
    // A statement that is closed is gone, stored or not.
    fresh.reader.command(0x19, &ours.id.to_le_bytes()).unwrap();
    assert_eq!(fresh.reader.execute(ours, 0, &[]).unwrap_err().code, 1243);
}

fn cursors(shop: &Shop) {
    let mut fresh = shop.fresh("cursors");
    let mut old = Client::old(shop.address, "any", "cursors").unwrap();
    let text = "SELECT id FROM t ORDER BY id";
    let statement = old.prepare(text).unwrap();
    for _ in 0..3 {
        let hits = shop.hits();
        let opened = old.execute(statement, 1, &[]).unwrap();
        assert_eq!((opened[0].rows.len(), opened[0].status & 64), (0, 64), "a cursor is open");
        old.command(0x1c, &[statement.id.to_le_bytes(), 2_u32.to_le_bytes()].concat()).unwrap();
        let rows = [old.packet().unwrap(), old.packet().unwrap(), old.packet().unwrap()];
        assert_eq!((rows[0][2], rows[1][2], rows[2][0]), (1, 2, 0xfe));
        assert_eq!(shop.hits(), hits, "a cursor is the server's");
        old.command(0x1a, &statement.id.to_le_bytes()).unwrap();
        assert_eq!(old.packet().unwrap()[0], 0);
        assert_eq!(old.execute(statement, 0, &[]).unwrap()[0].rows.len(), 5);
    }
    // A value sent in pieces is a part of the statement that no key shows.
    let by_name = fresh.reader.prepare("SELECT id FROM t WHERE s=?").unwrap();
    for (piece, expected) in [("a", 1), ("b", 2), ("a", 1)] {
        let body = [&by_name.id.to_le_bytes()[..], &[0, 0], piece.as_bytes()].concat();
        fresh.reader.command(0x18, &body).unwrap();
        let rows = fresh.reader.execute(by_name, 0, &[Some((252, b""))]).unwrap();
        assert_eq!(rows[0].rows[0][2], expected, "{piece}");
    }
}

fn uncached(shop: &Shop) {
    let mut fresh = shop.fresh("never_ever");
    fresh.writer.run(&[
        "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1",
        "CREATE TABLE p (a INT)",
        "CREATE SEQUENCE s",
    ]);
    let canary = "SELECT MAX(id) FROM t";
    for statement in [
        "SELECT SQL_NO_CACHE id FROM t",
        "SELECT id, NOW() FROM t",
        "SELECT id, /*! RAND() */ FROM t",
        "SELECT id, f() FROM t",
        "SELECT id FROM t WHERE v > @least",
        "SELECT id INTO @x FROM t LIMIT 1",
        "SELECT @@session.sql_mode, id FROM t",
        "SELECT NEXTVAL(s), id FROM t",
        "SELECT table_name FROM information_schema.tables",
        "SELECT user FROM mysql.user",
        "SELECT 1",
        "SELECT v/0 FROM t",
        "SELECT CURRENT_USER(), id FROM t",
        "SELECT id, CONNECTION_ID() FROM t",
        "SELECT id FROM t WHERE id=LAST_INSERT_ID()",
        "SELECT * FROM t PROCEDURE ANALYSE()",
    ] {
        let statement = statement.replace("/*! RAND() */", "/*! RAND() + */ 1");
        never(shop, &mut fresh.reader, &statement, canary);
    }
}

fn demand(shop: &Shop) {
    let mut fresh = shop.fresh("demanded");
    fresh.reader.run(&["SET query_cache_type=DEMAND"]);
    let wanted = "SELECT SQL_CACHE SUM(v) FROM t";
    never(shop, &mut fresh.reader, "SELECT SUM(id) FROM t", wanted);
    fresh.reader.run(&["SET query_cache_type=OFF"]);
    let hits = shop.hits();
    fresh.agrees(wanted);
    assert_eq!(shop.hits(), hits);
    fresh.reader.run(&["SET query_cache_type=ON"]);
    fresh.warm("SELECT SUM(id) FROM t");
}

fn diagnostics(shop: &Shop) {
    let mut fresh = shop.fresh("diagnosed");
    let limited = "SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 2";
    fresh.warm(limited);
    assert_eq!(fresh.reader.one("SELECT FOUND_ROWS()").unwrap(), "5");
    fresh.warm("SELECT id FROM t WHERE id<4");
    assert_eq!(fresh.reader.one("SELECT FOUND_ROWS()").unwrap(), "3");
    assert_eq!(fresh.reader.one("SELECT FOUND_ROWS()").unwrap(), "1");
    // A warning belongs to the statement before, and a hit has none.
    fresh.reader.answers("SELECT 1/0 FROM t WHERE id=1").unwrap();
    assert_eq!(fresh.reader.rows("SHOW WARNINGS").unwrap().len(), 1);
    fresh.reader.answers("SELECT 1/0 FROM t WHERE id=1").unwrap();
    fresh.warm("SELECT id FROM t WHERE id<4");
    assert_eq!(fresh.reader.one("SELECT @@warning_count").unwrap(), "0");
    assert_eq!(fresh.reader.rows("SHOW WARNINGS").unwrap().len(), 0);
    fresh.reader.run(&["INSERT INTO t (v) VALUES (60), (70)"]);
    fresh.warm("SELECT id FROM t WHERE id<3");
    assert_eq!(fresh.reader.one("SELECT ROW_COUNT()").unwrap(), "-1");
    assert_eq!(fresh.reader.one("SELECT LAST_INSERT_ID()").unwrap(), "6");
    fresh.warm("SELECT id FROM t WHERE id<3");
    assert_eq!(fresh.reader.one("SELECT LAST_INSERT_ID()").unwrap(), "6");
    assert!(fresh.reader.answers("SELECT nothing FROM t").is_err());
    fresh.warm("SELECT id FROM t WHERE id<3");
    assert_eq!(fresh.reader.rows("SHOW ERRORS").unwrap().len(), 0);
}

fn reset(shop: &Shop) {
    let mut fresh = shop.fresh("anew");
    let statement = "SELECT v/7 FROM t";
    let before = fresh.warm(statement);
    for round in 0..2 {
        fresh.reader.run(&["SET div_precision_increment=9", "CREATE TEMPORARY TABLE m (a INT)"]);
        assert_ne!(fresh.reader.rows(statement).unwrap(), before);
        assert_eq!(fresh.reader.one("SELECT COUNT(*) FROM m").unwrap(), "0");
        fresh.reader.run(&["BEGIN", "UPDATE t SET v=v+1"]);
        match round {
            0 => fresh.reader.change_user("any", "anew").unwrap(),
            _ => fresh.reader.plain(0x1f, b"").unwrap(),
        }
        assert_eq!(fresh.reader.rows(statement).unwrap(), before, "rolled back and reset");
        assert_eq!(fresh.warm(statement), before);
        assert_eq!(fresh.reader.one("SELECT COUNT(*) FROM m").unwrap(), "5");
    }
    // Another account, another database, another set of rights.
    fresh.reader.change_user("any", "mysql").unwrap();
    assert_eq!(fresh.reader.answers(statement).unwrap_err().code, 1146);
    // A refused one leaves the former account and its database, and nothing else.
    fresh.reader.run(&["SET @x=5", "SET div_precision_increment=9"]);
    assert_eq!(fresh.reader.change_user("nobody_of_this_name", "anew").unwrap_err().code, 1045);
    for _ in 0..2 {
        assert_eq!(fresh.reader.one("SELECT DATABASE()").unwrap(), "mysql");
        assert_eq!(fresh.reader.one("SELECT @x IS NULL").unwrap(), "1");
        assert_eq!(fresh.reader.rows("SELECT v/7 FROM anew.t").unwrap(), before);
    }
    fresh.reader.run(&["UPDATE anew.t SET v=v+1"]);
    let after = fresh.truth.rows(statement).unwrap();
    assert_ne!(after, before);
    assert_eq!(fresh.reader.rows("SELECT v/7 FROM anew.t").unwrap(), after);
    assert_eq!(fresh.writer.rows(statement).unwrap(), after);
}

fn failing_init_connect(shop: &Shop) {
    // It is not for accounts that may do everything.
    let mut root = shop.direct();
    root.run(&["CREATE USER lowly", "SET GLOBAL init_connect='no such statement'"]);
    let mut client = Client::tcp(shop.address, "lowly", "").unwrap();
    let told = client.answers("DO 1").map(|_| 0).unwrap_or_else(|failure| failure.code);
    root.run(&["SET GLOBAL init_connect=''", "DROP USER lowly"]);
    assert_eq!(told, 1184, "the server's own answer to the first command");
    assert!(client.answers("DO 1").is_err());
}

fn killed(shop: &Shop) {
    let mut fresh = shop.fresh("killings");
    let statement = "SELECT SUM(v) FROM t";
    let before = fresh.warm(statement);
    let thread = fresh.reader.thread;
    assert_eq!(fresh.reader.one("SELECT CONNECTION_ID()").unwrap(), thread.to_string());
    fresh.reader.command(3, b"SELECT SLEEP(9), id FROM t").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    fresh.writer.run(&[&format!("KILL QUERY {thread}")]);
    // SLEEP answers 1 when it is killed, or the query fails; the session goes on.
    let _ = fresh.reader.read_answers();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(fresh.reader.rows(statement).unwrap(), before);
    fresh.warm(statement);
    // By the other's command, in mid-transaction.
    fresh.reader.run(&["BEGIN", "UPDATE t SET v=v+1"]);
    fresh.writer.run(&[&format!("KILL {thread}")]);
    crate::support::live::wait_for("the end of the killed one", || {
        fresh.reader.answers("SELECT SUM(v) FROM t").is_err()
    });
    assert_eq!(fresh.writer.rows(statement).unwrap(), before);
    assert_eq!(warm(shop, &mut fresh.writer, statement), before);
    // One that is only answered from the cache ends too.
    let mut third = Client::tcp(shop.address, "any", "killings").unwrap();
    warm(shop, &mut third, statement);
    fresh.writer.run(&[&format!("KILL {}", third.thread)]);
    crate::support::live::wait_for("its end", || third.answers(statement).is_err());
}

fn pipelined(shop: &Shop) {
    let mut fresh = shop.fresh("pipes");
    let statement = "SELECT SUM(v) FROM t";
    fresh.warm(statement);
    let sent: Vec<u8> = ["SELECT SLEEP(0.2)", statement, "UPDATE t SET v=v+1", statement, "DO 1"]
        .iter()
        .flat_map(|text| packet(3, text.as_bytes()))
        .collect();
    fresh.reader.raw(&sent).unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let answers = fresh.reader.read_answers().unwrap();
        seen.push(answers[0].rows.first().map(|row| text_row(row)[0].clone().unwrap()));
    }
    let said: Vec<Option<&str>> = seen.iter().map(Option::as_deref).collect();
    assert_eq!(said, [Some("0"), Some("150"), None, Some("155"), None]);
}

fn ends(shop: &Shop) {
    let mut fresh = shop.fresh("endings");
    let statement = "SELECT id, s FROM t ORDER BY id";
    let rows = fresh.warm(statement);
    let mut old = Client::old(shop.address, "any", "endings").unwrap();
    assert_eq!(old.rows(statement).unwrap(), rows);
    assert_eq!(warm(shop, &mut old, statement), rows);
    let plain = old.answers(statement).unwrap();
    assert_eq!(plain[0].status & 3, 2, "autocommit, in no transaction");
    old.run(&["BEGIN"]);
    assert_eq!(old.answers(statement).unwrap()[0].status & 3, 3, "in a transaction");
    assert_eq!(old.answers(statement).unwrap()[0].status & 3, 3, "and a hit says so");
}

fn idle(shop: &Shop) {
    let mut fresh = shop.fresh("idlers");
    let statement = "SELECT SUM(v) FROM t";
    fresh.reader.run(&["SET wait_timeout=2"]);
    fresh.warm(statement);
    let (began, hits) = (Instant::now(), shop.hits());
    while began.elapsed() < Duration::from_millis(4500) {
        fresh.reader.rows(statement).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(shop.hits() - hits > 20);
    assert_eq!(
        fresh.reader.one("SELECT CONNECTION_ID()").unwrap(),
        fresh.reader.thread.to_string()
    );
}

fn user_variables(shop: &Shop) {
    let mut fresh = shop.fresh("users");
    fresh.reader.run(&["SET @a=1", "PREPARE p FROM 'SELECT v FROM t WHERE id=?'"]);
    // One prepared after a change that is not reported is still for the cache.
    fresh.reader.run(&["SET @@collation_server=binary", "PREPARE q FROM 'SELECT v+1 FROM t'"]);
    fresh.warm("EXECUTE q");
    for id in ["1", "2", "1", "3"] {
        fresh.reader.run(&[&format!("SET @a={id}")]);
        let expected = format!("{id}0");
        assert_eq!(fresh.reader.one("EXECUTE p USING @a").unwrap(), expected);
        let immediate = "EXECUTE IMMEDIATE 'SELECT v FROM t WHERE id=?' USING";
        assert_eq!(fresh.reader.one(&format!("{immediate} {id}")).unwrap(), expected);
        assert_eq!(fresh.reader.one(&format!("{immediate} @a")).unwrap(), expected);
        assert_eq!(fresh.reader.one("SELECT v FROM t WHERE id=@a").unwrap(), expected);
        fresh.reader.run(&["DO @a:=2"]);
        assert_eq!(fresh.reader.one("EXECUTE p USING @a").unwrap(), "20");
    }
    fresh.reader.run(&["SELECT 3 INTO @a"]);
    assert_eq!(fresh.reader.one("EXECUTE p USING @a").unwrap(), "30");
    fresh.writer.run(&["UPDATE t SET v=31 WHERE id=3"]);
    assert_eq!(fresh.reader.one("EXECUTE p USING @a").unwrap(), "31");
}
