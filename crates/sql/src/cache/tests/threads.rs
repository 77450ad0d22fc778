//! Real threads: no read is older than the last write that had ended when the read began, nor older
//! than what the same reader saw before. The same judge finds a fault that is planted.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use menshen_sql_core::versions::Change;

use super::*;

const TABLES: usize = 4;
const WRITERS: usize = 2;
const READERS: usize = 3;

/// A server whose tables hold one number each.
#[derive(Default)]
struct Server {
    rows: [AtomicU64; TABLES],
    /// The row lock of each table.
    locks: [Mutex<()>; TABLES],
    /// What writers have been told is written.
    finished: [AtomicU64; TABLES],
    writers: AtomicUsize,
    violations: AtomicU64,
    hits: AtomicU64,
}

/// What a writer does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The version moves before the server has the write, and nothing is pending.
    EarlyBump,
    /// The client has its answer before the version moves.
    LateBump,
}

fn write(cache: &Cache, server: &Server, table: usize, fault: Fault) {
    let slot = [slot(u16::try_from(table).unwrap())];
    match fault {
        Fault::None | Fault::LateBump => cache.versions().begin(&slot),
        Fault::EarlyBump => cache.versions().bump(&slot),
    }
    if fault == Fault::LateBump {
        cache.versions().end(&slot, Change::Nothing);
    }
    thread::yield_now();
    let row = {
        let _lock = server.locks[table].lock().unwrap();
        server.rows[table].fetch_add(1, SeqCst) + 1
    };
    if fault == Fault::None {
        cache.versions().end(&slot, Change::Happened);
    }
    server.finished[table].fetch_max(row, SeqCst);
    if fault == Fault::LateBump {
        thread::yield_now();
        cache.versions().bump(&slot);
    }
}

/// One read of one or two tables, through the cache.
fn read(cache: &Arc<Cache>, server: &Server, tables: &[usize]) -> Vec<u64> {
    let text = format!("select {tables:?}");
    if let Lookup::Hit(reply) = cache.lookup(&ask(&text)) {
        server.hits.fetch_add(1, SeqCst);
        return reply.chunks(8).map(|row| u64::from_le_bytes(row.try_into().unwrap())).collect();
    }
    let slots: Vec<Slot> = tables.iter().map(|&t| slot(u16::try_from(t).unwrap())).collect();
    let fill = begin(cache, &ask(&text), &slots);
    let rows: Vec<u64> = tables.iter().map(|table| server.rows[*table].load(SeqCst)).collect();
    thread::yield_now();
    if let Some(mut fill) = fill {
        rows.iter().for_each(|row| {
            fill.push(&row.to_le_bytes());
        });
        let _ = fill.finish([0, 0], 1);
    }
    rows
}

fn reader(cache: &Arc<Cache>, server: &Server, number: usize) {
    let mut seen = [0; TABLES];
    let mut round = number;
    while server.writers.load(SeqCst) > 0 {
        round += 1;
        let (a, b) = (round % TABLES, (round / TABLES) % TABLES);
        let tables = if a == b { vec![a] } else { vec![a, b] };
        let floor: Vec<u64> =
            tables.iter().map(|table| server.finished[*table].load(SeqCst)).collect();
        let rows = read(cache, server, &tables);
        for ((table, row), floor) in tables.iter().zip(rows).zip(floor) {
            if row < floor || row < seen[*table] {
                server.violations.fetch_add(1, SeqCst);
            }
            seen[*table] = row;
        }
    }
}

fn run(fault: Fault, writes: usize) -> Server {
    let cache = cache(20_000);
    let server = Server { writers: AtomicUsize::new(WRITERS), ..Server::default() };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let (cache, server, over) = (&cache, &server, &over);
            scope.spawn(move || {
                for round in 0..writes {
                    write(cache, server, (round * 7 + number) % TABLES, fault);
                    // A few quiet moments, or there would be no hits.
                    (0..20).for_each(|_| thread::yield_now());
                    // A planted fault was found: no need to go on.
                    if fault != Fault::None && server.violations.load(SeqCst) > 0 {
                        break;
                    }
                }
                if server.writers.fetch_sub(1, SeqCst) == 1 {
                    over.store(true, SeqCst);
                }
            });
        }
        for number in 0..READERS {
            let (cache, server) = (&cache, &server);
            scope.spawn(move || reader(cache, server, number));
        }
        let (cache, over) = (&cache, &over);
        scope.spawn(move || {
            let mut round = 0;
            while !over.load(SeqCst) {
                round += 1;
                match round % 5 {
                    0 => cache.resize(0, 2000 + 500 * (round % 40)),
                    1 => cache.reset(0),
                    2 => {
                        cache.shrink(0);
                    }
                    _ => {
                        let _ = cache.qcache(0);
                    }
                }
                assert!(cache.used() <= cache.size());
                (0..200).for_each(|_| thread::yield_now());
            }
        });
    });
    cache.reset(0);
    assert_eq!((cache.used(), cache.totals().entries, cache.totals().tables), (0, 0, 0));
    server
}

#[test]
fn no_read_is_older_than_the_last_finished_write() {
    let server = run(Fault::None, 3000);
    assert_eq!(server.violations.into_inner(), 0);
    assert!(server.hits.into_inner() > 100, "a cache that never hits proves nothing");
}

#[test]
fn the_judge_finds_a_version_that_moves_too_early() {
    assert!(run(Fault::EarlyBump, 1_000_000).violations.into_inner() > 0);
}

#[test]
fn the_judge_finds_a_version_that_moves_too_late() {
    assert!(run(Fault::LateBump, 1_000_000).violations.into_inner() > 0);
}
