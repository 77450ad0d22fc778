//! Reads of one transaction beside writes that come while it runs: all must be of one moment.
//!
//! Each writer writes one number into two tables in one transaction, mostly past the door, and
//! pauses so long that answers get stored and served in between. Readers begin a transaction in one
//! of several ways, read the number in one of several ways, and then again from both tables: what
//! differs from the first read is of another moment. Which number it is does not matter here, so
//! nothing is remembered over links that break.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use super::random::Random;
use super::scenario::Scenario;
use crate::client::{Failure, Session};

/// What was done, and what was wrong.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Transactions read to their end.
    pub transactions: AtomicU64,
    /// Reads after the first one of each.
    pub reads: AtomicU64,
    /// Transactions that showed two moments.
    pub wrong: AtomicU64,
}

/// One of the ways through a transaction.
#[derive(Debug, Clone, Copy)]
struct Way {
    begin: &'static str,
    first: &'static str,
    end: &'static str,
}

impl Pairs {
    /// Statements that make the tables, value 0.
    pub fn setup() -> impl Iterator<Item = String> {
        (0..TABLES).flat_map(|k| SETUP.iter().map(move |text| Scenario::text(text, k, 0)))
    }

    /// Writes to the tables with this number until it is stopped or the link breaks; `value` is the
    /// last one that was written.
    ///
    /// # Errors
    /// Of the link; the server refuses none of it.
    pub fn write(
        &self,
        table: usize,
        sessions: &mut [Session; 2],
        value: &mut i64,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        while !stop.load(SeqCst) {
            *value += 1;
            // One in four comes through the door.
            let side = usize::from(*value % 4 == 0);
            for text in WRITE {
                sessions[side].query(&Scenario::text(text, table, *value))?;
            }
            let more = u64::try_from(*value * 13 % 50).unwrap_or(0);
            thread::sleep(PAUSE_MIN + Duration::from_millis(more));
        }
        Ok(())
    }

    /// One transaction of reads; what differed, if something did.
    ///
    /// # Errors
    /// Of the link or the server; the session is of no more use.
    pub fn read(
        &self,
        session: &mut Session,
        random: &mut Random,
    ) -> Result<Option<String>, Failure> {
        let (k, way) = (random.below(TABLES), WAYS[random.below(WAYS.len())]);
        let text = |text: &str| Scenario::text(text, k, 0);
        for statement in way.begin.split(';') {
            session.query(statement)?;
        }
        let first = session.value(&text(way.first))?;
        let mut wrong = None;
        for _ in 0..READS {
            let (again, prepared) = (AGAIN[random.below(AGAIN.len())], random.below(4) == 0);
            let value = match prepared {
                true => {
                    let statement = session.prepare(&text(again))?;
                    session.execute(statement)?
                }
                false => session.value(&text(again))?,
            };
            self.reads.fetch_add(1, SeqCst);
            if value != first {
                let (begin, read) = (way.begin, text(way.first));
                let again = text(again);
                wrong = Some(format!("{begin}: {read}: {first:?}, then {again}: {value:?}"));
            }
        }
        for statement in way.end.split(';') {
            session.query(statement)?;
        }
        self.transactions.fetch_add(1, SeqCst);
        self.wrong.fetch_add(u64::from(wrong.is_some()), SeqCst);
        Ok(wrong)
    }
}

const SETUP: [&str; 4] = [
    "create table pK (id int primary key, v bigint) engine=innodb",
    "insert into pK values (1, 0)",
    "create table qK (id int primary key, v bigint) engine=innodb",
    "insert into qK values (1, 0)",
];
const WRITE: [&str; 4] =
    ["begin", "update pK set v=N where id=1", "update qK set v=N where id=1", "commit"];
const AGAIN: [&str; 2] = ["select v from pK where id=1", "select v from qK where id=1"];
const WAYS: &[Way] = &[
    Way { begin: "begin", first: AGAIN[0], end: "commit" },
    Way { begin: "begin", first: "select v as a from qK where id=1 limit 1", end: "rollback" },
    Way { begin: "begin", first: "select max(v) from pK", end: "commit" },
    Way {
        begin: "begin;savepoint s",
        first: "select pK.v from pK join qK using (id)",
        end: "rollback to s;commit",
    },
    Way {
        begin: "start transaction with consistent snapshot",
        first: AGAIN[1],
        end: "commit and chain;commit",
    },
    Way { begin: "set autocommit=0", first: AGAIN[0], end: "commit;set autocommit=1" },
    Way { begin: "set autocommit=0", first: "select max(v) from qK", end: "set autocommit=1" },
];
/// How many pairs of tables there are, each with a writer of its own.
pub const TABLES: usize = 3;
/// Reads after the first one.
const READS: usize = 5;
const PAUSE_MIN: Duration = Duration::from_millis(30);

#[cfg(test)]
mod tests;
