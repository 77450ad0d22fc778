//! What the cache answers through the real door is what the server itself would answer: writes of
//! every kind and from everywhere, transactions, rights, what a session has set.
//!
//! The server is asked beside the door for the truth. Statements that could be answered from the
//! cache are first shown to be: a cache that answers nothing passes none of these.

use crate::support::{live, mariadb, sql_client, sql_shop};

#[path = "sql_cache/rights.rs"]
mod rights;
#[path = "sql_cache/sessions.rs"]
mod sessions;
#[path = "sql_cache/transactions.rs"]
mod transactions;
#[path = "sql_cache/trouble.rs"]
mod trouble;
#[path = "sql_cache/writes.rs"]
mod writes;

use std::panic::{AssertUnwindSafe, catch_unwind};

use live::wait_for;
use mariadb::BINLOG;
use sql_client::{Client, Row};
use sql_shop::Shop;

/// One case, on a server and a door that it shares with others, in a database of its own.
type Case = (&'static str, fn(&Shop));

#[test]
fn with_a_followed_binlog() {
    let Some(shop) = Shop::open(BINLOG, "") else { return };
    shop.until_it_serves();
    all(&shop, &[writes::CASES, writes::BESIDE, transactions::CASES, sessions::CASES]);
}

#[test]
fn with_a_sole_door() {
    let sole = "without_binlog = \"sole-door\"";
    let Some(shop) = Shop::open(&["--skip-log-bin"], sole) else { return };
    shop.until_it_serves();
    all(&shop, &[writes::CASES, transactions::CASES, rights::CASES]);
}

/// Runs all cases, whatever comes of each.
#[expect(clippy::print_stderr, reason = "the cases of one test are told apart")]
fn all(shop: &Shop, cases: &[&[Case]]) {
    let mut failed = Vec::new();
    for (name, case) in cases.iter().copied().flatten() {
        let began = std::time::Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| case(shop)));
        eprintln!("{name}: {:?}, {} ms", outcome.is_ok(), began.elapsed().as_millis());
        if outcome.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

impl Shop {
    /// A database with `t` (InnoDB) and `m` (MyISAM), five rows each, and sessions in it.
    fn fresh(&self, name: &str) -> Fresh<'_> {
        // Through the door: beside a sole door nothing may happen.
        let mut maker = self.client("any");
        maker.run(&[
            &format!("CREATE OR REPLACE DATABASE {name} CHARACTER SET utf8mb4"),
            &format!("USE {name}"),
            "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT, s VARCHAR(40)) \
             ENGINE=InnoDB",
            "INSERT INTO t VALUES (1,10,'a'),(2,20,'b'),(3,30,'c'),(4,40,'d'),(5,50,'e')",
            "CREATE TABLE m LIKE t",
            "ALTER TABLE m ENGINE=MyISAM",
            "INSERT INTO m SELECT * FROM t",
        ]);
        let at = |user| Client::tcp(self.address, user, name).unwrap();
        let mut truth = self.direct();
        truth.run(&[&format!("USE {name}")]);
        Fresh { shop: self, reader: at("any"), writer: at("any"), truth }
    }
}

/// Sessions in a case's own database.
struct Fresh<'a> {
    shop: &'a Shop,
    /// Two through the door.
    reader: Client,
    writer: Client,
    /// One straight to the server.
    truth: Client,
}

impl Fresh<'_> {
    /// Asks until the reader is answered from the cache; what it was then.
    fn warm(&mut self, statement: &str) -> Vec<Row> {
        warm(self.shop, &mut self.reader, statement)
    }

    /// The reader's answer, which must be the server's own.
    fn agrees(&mut self, statement: &str) -> Vec<Row> {
        let (door, truth) =
            (self.reader.rows(statement).unwrap(), self.truth.rows(statement).unwrap());
        assert_eq!(door, truth, "{statement}");
        truth
    }

    /// The cache answers `statement`; then `change` comes through the door, from another session
    /// if `other`; then both sessions are answered as the server is, and not as before.
    fn changes(&mut self, statement: &str, change: &[&str]) {
        for own in [false, true] {
            let before = self.warm(statement);
            let change: Vec<String> =
                change.iter().map(|change| change.replace("{n}", &next_number())).collect();
            let change: Vec<&str> = change.iter().map(String::as_str).collect();
            if own { &mut self.reader } else { &mut self.writer }.run(&change);
            let seen = self.agrees(statement);
            assert_ne!(seen, before, "{change:?} changes nothing of {statement}");
            assert_eq!(self.writer.rows(statement).unwrap(), seen, "{statement}");
        }
    }
}

/// Asks until the cache answers; what it answered.
fn warm(shop: &Shop, client: &mut Client, statement: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    wait_for(statement, || {
        let before = shop.hits();
        rows = client.rows(statement).unwrap();
        shop.hits() > before
    });
    rows
}

/// Asks three times; the cache may answer none of them. Another statement shows that it could.
fn never(shop: &Shop, client: &mut Client, statement: &str, canary: &str) {
    warm(shop, client, canary);
    let before = shop.hits();
    for _ in 0..3 {
        client.answers(statement).unwrap();
    }
    assert_eq!(shop.hits() - before, 0, "{statement} was answered from the cache");
}

/// A number not used before.
fn next_number() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1000);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}
