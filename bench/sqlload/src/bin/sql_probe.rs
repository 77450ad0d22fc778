//! One write to a table with many cached reads, while other clients go on reading another table.
//!
//!     sql_probe ADDRESS ENTRIES WRITES
//!
//! Prints one line of JSON: how long the writes took that found entries to drop and those that
//! found none, and the slowest read of the other clients in the milliseconds around each, in
//! microseconds. `payload` is the bytes of all statements and answers of one filling. The database
//! `sbtest` has the tables `big` and `other` (id, c), see `bench sql`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command: output is its result")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use sqlload::client::{Failure, Session};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, entries, writes] = arguments.as_slice() else {
        eprintln!("usage: sql_probe ADDRESS ENTRIES WRITES");
        return ExitCode::from(2);
    };
    let (Ok(entries), Ok(writes)) = (entries.parse(), writes.parse()) else {
        eprintln!("sql_probe: ENTRIES and WRITES are numbers");
        return ExitCode::from(2);
    };
    match probe(address, entries, writes) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("sql_probe: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn probe(address: &str, entries: u32, writes: u32) -> Result<String, Failure> {
    let stop = AtomicBool::new(false);
    // The slowest read since the last look, microseconds.
    let slowest = AtomicU64::new(0);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_others(address, &stop, &slowest));
        let outcome = write_and_watch(address, entries, writes, &slowest);
        stop.store(true, SeqCst);
        let read = reader.join().unwrap_or(Ok(()));
        outcome.and_then(|line| read.map(|()| line))
    })
}

fn write_and_watch(
    address: &str,
    entries: u32,
    writes: u32,
    slowest: &AtomicU64,
) -> Result<String, Failure> {
    let mut session = Session::connect(address, "sbtest", "sbtest")?;
    let (mut full, mut empty, mut stalls, mut calm) = (vec![], vec![], vec![], vec![]);
    let (mut filled, mut payload) = (0, 0);
    session.query("RESET QUERY CACHE")?;
    for write in 0..writes {
        for _ in 0..FILLINGS {
            payload = fill(&mut session, entries)?;
            filled = entry_count(&mut session)?;
            if filled >= u64::from(entries) {
                break;
            }
        }
        thread::sleep(SETTLE);
        calm.push(quiet(slowest));
        let begun = Instant::now();
        session.query(&format!("UPDATE big SET c='{write}' WHERE id=1"))?;
        full.push(micros(begun));
        thread::sleep(SETTLE);
        stalls.push(slowest.swap(0, SeqCst));
        let begun = Instant::now();
        session.query(&format!("UPDATE big SET c='{write}+' WHERE id=1"))?;
        empty.push(micros(begun));
    }
    Ok(format!(
        "{{\"entries\":{filled},\"payload\":{payload},\"write_us\":{full:?},\
         \"write_empty_us\":{empty:?},\
         \"slowest_read_us\":{stalls:?},\"slowest_read_calm_us\":{calm:?}}}"
    ))
}

/// Reads every row once; the bytes of all statements and answers.
fn fill(session: &mut Session, entries: u32) -> Result<u64, Failure> {
    let before = session.received;
    let mut asked = 0;
    for id in 1..=entries {
        let statement = format!("SELECT c FROM big WHERE id={id}");
        asked += statement.len();
        session.query(&statement)?;
    }
    Ok(session.received - before + u64::try_from(asked).unwrap_or(0))
}

/// The slowest read of a time in which nothing is written.
fn quiet(slowest: &AtomicU64) -> u64 {
    slowest.store(0, SeqCst);
    thread::sleep(SETTLE);
    slowest.swap(0, SeqCst)
}

fn read_others(address: &str, stop: &AtomicBool, slowest: &AtomicU64) -> Result<(), Failure> {
    let mut session = Session::connect(address, "sbtest", "sbtest")?;
    while !stop.load(SeqCst) {
        let begun = Instant::now();
        session.query("SELECT c FROM other WHERE id=1")?;
        slowest.fetch_max(micros(begun), SeqCst);
    }
    Ok(())
}

fn entry_count(session: &mut Session) -> Result<u64, Failure> {
    let rows = session.query("SHOW GLOBAL STATUS LIKE 'Qcache_queries_in_cache'")?;
    let value = rows.rows.first().and_then(|row| row.get(1).cloned().flatten());
    Ok(value.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// How often it is read until all is kept: answers are not kept while a write beside the cache, the
/// tables' own making for one, has not settled.
const FILLINGS: u32 = 5;
/// How long the other clients are watched after a write.
const SETTLE: Duration = Duration::from_millis(100);
