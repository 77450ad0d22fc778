//! The decision table against a real MariaDB: a statement that we would cache is one that the
//! server accepts as a read, it opens no table that we do not depend on, and it answers the same to
//! everybody; a write locks no table that we did not say.
//!
//! Statements come from a grammar, from mutations of it, from every function and keyword the server
//! says it has, and, where it is installed, from the server's own test suite.

#[path = "differential/grammar.rs"]
mod grammar;
#[path = "differential/mutate.rs"]
mod mutate;
#[path = "differential/oracle.rs"]
mod oracle;
#[path = "differential/pieces.rs"]
mod pieces;
#[path = "differential/random.rs"]
mod random;
#[path = "differential/session.rs"]
mod session;
#[path = "differential/suite.rs"]
mod suite;

use std::collections::BTreeSet;

use grammar::{Grammar, joined};
use oracle::{Oracle, Seen};
use random::Random;

#[test]
fn generated_statements() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut random = Random::new(SEED);
    for (database, sql_mode, charset) in SESSIONS {
        oracle.session(*database, sql_mode, charset);
        for _ in 0..scaled(1200) {
            read(&mut oracle, &mut random);
        }
    }
    report("reads", &oracle.seen);
}

#[test]
fn generated_writes() {
    let Some(mut oracle) = Oracle::start() else { return };
    let mut random = Random::new(SEED + 1);
    for (database, sql_mode, charset) in SESSIONS {
        oracle.session(*database, sql_mode, charset);
        for _ in 0..scaled(400) {
            let ansi = oracle.is_ansi();
            let tokens = Grammar::new(&mut random, ansi).write();
            oracle.check_write(&joined(&tokens, &mut random));
        }
    }
    report("writes", &oracle.seen);
}

/// Every word the server knows, as a function and wherever else a word may stand.
#[test]
fn functions_and_keywords() {
    let Some(mut oracle) = Oracle::start() else { return };
    let functions = oracle.list("SELECT FUNCTION FROM information_schema.SQL_FUNCTIONS");
    let keywords = oracle.list("SELECT WORD FROM information_schema.KEYWORDS");
    assert!(functions.len() > 200 && keywords.len() > 500, "the server's lists are short");
    oracle.session(Some("d1"), "", "utf8mb4");
    // Some functions are keywords only (SYSDATE).
    let words: BTreeSet<&String> = functions.iter().chain(&keywords).collect();
    for word in words {
        for arguments in ARGUMENTS {
            oracle.check_read(format!("SELECT {word}({arguments}) FROM docs, t1").as_bytes());
        }
        for shape in SHAPES {
            oracle.check_read(shape.replace('$', word).as_bytes());
        }
    }
    report("functions and keywords", &oracle.seen);
}

/// The server's own tests: their tables, their reads, their writes.
#[test]
fn statements_of_the_servers_own_tests() {
    let Some(files) = suite::files(scaled(40)) else { return };
    let Some(mut oracle) = Oracle::start() else { return };
    for (number, file) in files.iter().enumerate() {
        suite::live(&mut oracle, file, number);
    }
    report("the server's own tests", &oracle.seen);
}

/// One statement, then mutations of it.
fn read(oracle: &mut Oracle, random: &mut Random) {
    let ansi = oracle.is_ansi();
    let mut tokens = Grammar::new(random, ansi).read();
    let mut text = joined(&tokens, random);
    oracle.check_read(&text);
    let other = Grammar::new(random, ansi).read();
    mutate::tokens(&mut tokens, &other, random);
    oracle.check_read(&joined(&tokens, random));
    mutate::bytes(&mut text, random);
    oracle.check_read(&text);
}

/// Says what was found, and fails if there is a defect.
#[expect(clippy::print_stderr, reason = "the figures are the point of the test")]
fn report(what: &str, seen: &Seen) {
    let share = |part: usize, whole: usize| 100 * part / whole.max(1);
    eprintln!(
        "{what}: {} statements; {} reads accepted, {} of them cacheable ({} %), {} compared; {} \
         writes, {} of them to everything ({} %)",
        seen.statements,
        seen.accepted,
        seen.cacheable,
        share(seen.cacheable, seen.accepted),
        seen.compared,
        seen.writes.0,
        seen.writes.1,
        share(seen.writes.1, seen.writes.0)
    );
    let mut reasons: Vec<_> = seen.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(12) {
        eprintln!("  refused: {reason} {count}");
    }
    let mut errors: Vec<_> = seen.errors.iter().collect();
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    errors.truncate(8);
    eprintln!("  errors of the server: {errors:?}");
    for deadly in &seen.deadly {
        eprintln!("  the server ended: {deadly:?}");
    }
    for defect in seen.defects.iter().take(60) {
        eprintln!("DEFECT {defect}");
    }
    assert!(seen.defects.is_empty(), "{} defects", seen.defects.len());
}

/// The number of statements; `MENSHEN_DIFFERENTIAL` multiplies it for long runs.
fn scaled(count: usize) -> usize {
    let factor = std::env::var("MENSHEN_DIFFERENTIAL").ok().and_then(|text| text.parse().ok());
    count * factor.unwrap_or(1)
}

/// Default database, SQL mode and character set of the sessions.
const SESSIONS: &[(Option<&str>, &str, &str)] = &[
    (Some("d1"), "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO", "utf8mb4"),
    (Some("d1"), "ANSI_QUOTES", "utf8mb4"),
    (Some("d1"), "NO_BACKSLASH_ESCAPES", "utf8mb4"),
    (Some("d2"), "ANSI,NO_BACKSLASH_ESCAPES", "utf8mb3"),
    (None, "", "utf8mb4"),
    (Some("d1"), "IGNORE_SPACE,PIPES_AS_CONCAT", "latin1"),
    (Some("d1"), "", "gbk"),
    (Some("d1"), "ORACLE", "utf8mb4"),
];

/// What functions are called with: `docs` has documents, shapes and bytes, `t1` the rest.
const ARGUMENTS: &[&str] = &[
    "",
    "a",
    "b",
    "c",
    "d",
    "j",
    "geo",
    "bin",
    "*",
    "6",
    "a, a",
    "b, b",
    "c, a",
    "d, 2",
    "j, '$'",
    "geo, geo",
    "bin, 'a'",
    "'10:11:12'",
    "'10:11:12', '1:1:1'",
    "TIMESTAMP(c), '%a'",
    "c, INTERVAL a DAY",
    "c, '%Y-%m %W'",
    "a, a, a",
    "b, b, b",
    "j, '$[0]', 'x'",
    "j, 'one', 'x'",
    "'x', 'y', 2",
    "DAY, a, c",
    "DAY FROM c",
    "'x' FROM b",
    "b USING utf8mb4",
    "a AS CHAR",
    "a, b, c, d",
    "3600, 'x', 3, 'z'",
    "DISTINCT b",
    "'POINT(1 1)'",
    "'{\"type\": \"Point\", \"coordinates\": [1, 2]}'",
];

/// Where words stand.
const SHAPES: &[&str] = &[
    "SELECT $ FROM t1",
    "SELECT a, $ FROM t1",
    "SELECT $ a FROM t1",
    "SELECT a $ FROM t1",
    "SELECT a AS $ FROM t1",
    "SELECT a FROM t1 $",
    "SELECT a FROM t1 AS $",
    "SELECT $.a FROM t1 $",
    "SELECT 1 FROM t1 $ t2",
    "SELECT 1 FROM t1 $, t2",
    "SELECT 1 FROM t1 $ JOIN t2",
    "SELECT 1 FROM t1 JOIN t2 $",
    "SELECT 1 FROM t1 $ JOIN t2 ON 1",
    "SELECT 1 FROM t1 $ (t2)",
    "SELECT 1 FROM $ t1",
    "SELECT 1 FROM $ t1, t2",
    "SELECT 1 FROM $, t1",
    "SELECT 1 FROM $ (t1)",
    "SELECT 1 FROM d1.$ x",
    "SELECT 1 FROM t1 WHERE $ a",
    "SELECT 1 FROM t1 WHERE a $ a",
    "SELECT 1 FROM t1 WHERE a $",
    "SELECT 1 FROM t1 WHERE a $ (SELECT a FROM t2)",
    "SELECT 1 FROM t1 WHERE $ (SELECT a FROM t2 LIMIT 1)",
    "SELECT 1 FROM t1 WHERE $ (a) IN (SELECT a FROM t2)",
    "SELECT a FROM t1 UNION $ SELECT a FROM t2",
    "SELECT a FROM t1 $ SELECT a FROM t2",
    "SELECT a FROM t1 $ ALL SELECT a FROM t2",
    "SELECT a FROM t1 ORDER BY a $",
    "SELECT a FROM t1 ORDER BY $",
    "SELECT a FROM t1 GROUP BY a $",
    "SELECT a FROM t1 LIMIT 1 $",
    "SELECT a FROM t1 LIMIT 1 $ t2",
    "SELECT a FROM t1 $ t2 (a)",
    "SELECT a FROM t1 $ x, t2",
    "SELECT a FROM t1 $ INDEX (a), t2",
    "SELECT a FROM t1 USE INDEX $ (a), t2",
    "SELECT a FROM t1 FOR $",
    "SELECT a FROM t1 $ BY a, (SELECT 1 FROM t2)",
    "SELECT a $ @y FROM t1",
    "$ SELECT a FROM t1",
    "(SELECT a FROM t1) $ (SELECT a FROM t2)",
    "WITH $ AS (SELECT a FROM t2) SELECT a FROM t1",
    "WITH $ AS (SELECT a FROM t2) SELECT a FROM $",
    "WITH x AS (SELECT a FROM t2) SELECT a FROM t1, $",
    "SELECT $ '1' FROM t1",
    "SELECT {$ '10:10:10'} FROM t1",
    "SELECT CAST('10:10:10' AS $) FROM t1",
    "SELECT CAST(CAST('10:10:10' AS $) AS DATETIME) FROM t1",
    "SELECT CAST($ '10:10:10' AS DATETIME) FROM t1",
    "SELECT TIMESTAMP(CONVERT('10:10:10', $)) FROM t1",
    "SELECT a $ FROM b) FROM t1",
    "SELECT f_pure $ (a) FROM t1",
    "SELECT SUM(a) OVER ($ BY a) FROM t1",
    "SELECT SUM(a) OVER (ORDER BY a $ UNBOUNDED PRECEDING) FROM t1",
    "SELECT t1.$ FROM t1",
    "SELECT a + $ FROM t1",
    "SELECT a FROM t1 WINDOW $ AS (ORDER BY a)",
    "SELECT NEXT $ FOR s1 FROM t1",
    "SELECT $ VALUE FOR s1 FROM t1",
    "SELECT a FROM t1 PROCEDURE $()",
    "SELECT a FROM t1 INTO $ x",
];

const SEED: u64 = 6;
