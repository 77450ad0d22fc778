//! The follower, the catalog and the control client against a real MariaDB.
//!
//! `SKIPPED` is said aloud where there is none; `MENSHEN_REQUIRE_PEERS` makes that a failure.

#[path = "support/mariadb.rs"]
mod mariadb;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mariadb::{BINLOG, Mariadb, Session};
use menshen_config::WithoutBinlog;
use menshen_sql::control::{self, Account, ControlSettings, Foreign};
use menshen_sql::follow::{FollowState, Gate, Rule};
use menshen_sql::orphans::Until;
use menshen_sql_core::judge::{Names, Relation};
use menshen_sql_core::versions::{Slot, Versions};

const PASSWORD: &str = "geheim";

struct Bench {
    server: Mariadb,
    versions: Versions,
    foreign: Foreign,
    root: Session,
}

impl Bench {
    fn start(options: &[&str], rule: Rule, without: WithoutBinlog, setup: &str) -> Option<Self> {
        let server = Mariadb::start(options)?;
        let mut root = Session::open(&server, "root", "");
        root.run(
            "CREATE DATABASE t;; CREATE USER door@localhost IDENTIFIED BY 'geheim';; \
             GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS, REPLICATION SLAVE, \
             REPLICATION CLIENT ON *.* TO door@localhost",
        );
        root.run(setup);
        let versions = Versions::private();
        let settings = settings(&server, rule, without);
        let foreign = control::start(settings, versions).unwrap();
        Some(Self { server, versions, foreign, root })
    }

    fn until_open(&self) {
        wait("the gate to open", || self.foreign.follower.gate() == Gate::Open);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.foreign.stop();
    }
}

fn settings(server: &Mariadb, rule: Rule, without_binlog: WithoutBinlog) -> ControlSettings {
    ControlSettings {
        upstream: server.upstream(),
        account: Some(Account { user: "door".to_owned(), password: PASSWORD.to_owned() }),
        without_binlog,
        ttl: Duration::from_millis(700),
        silence: Duration::from_secs(5),
        server_id: None,
        tables_max: 1000,
        rule,
    }
}

fn wait(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "waited for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn slot(name: &str) -> Slot {
    Slot::of(b"t", name.as_bytes())
}

/// Rounds of one write to each of four tables, straight to the server, while a reader of each table
/// fills as a session would: stamp, SELECT, keep it if the stamp still holds. What still holds once
/// the follower has seen the round must be the new row. Returns fills that are not.
fn early_fills(bench: &Bench, rounds: usize, mut before: impl FnMut(&mut Session)) -> usize {
    let (start, end) = (Barrier::new(9), Barrier::new(9));
    let (over, early) = (AtomicBool::new(false), AtomicUsize::new(0));
    let known = bench.foreign.follower.figures().counts.foreign;
    std::thread::scope(|scope| {
        for table in 0..4 {
            let (start, end, over, early) = (&start, &end, &over, &early);
            scope.spawn(move || {
                let mut writer = Session::open(&bench.server, "root", "");
                for _ in 0..rounds {
                    start.wait();
                    writer.run(&format!("UPDATE t.w{table} SET v=v+1"));
                    end.wait();
                }
            });
            scope.spawn(move || {
                let mut reader = Session::open(&bench.server, "door", PASSWORD);
                for round in 1..=rounds {
                    start.wait();
                    let filled = fills(bench, &mut reader, table, over);
                    if filled.is_some_and(|value| value != round.to_string()) {
                        early.fetch_add(1, Ordering::SeqCst);
                    }
                    end.wait();
                }
            });
        }
        let mut own = Session::open(&bench.server, "root", "");
        for round in 1..=rounds {
            before(&mut own);
            over.store(false, Ordering::SeqCst);
            start.wait();
            let all = known + u64::try_from(round * 4).unwrap();
            wait("the follower to see all", || {
                bench.foreign.follower.figures().counts.foreign >= all
            });
            wait("all to be settled", || {
                (0..4).all(|one| bench.versions.pending(slot(&format!("w{one}"))) == 0)
            });
            over.store(true, Ordering::SeqCst);
            end.wait();
        }
    });
    early.load(Ordering::SeqCst)
}

/// Fills again and again, at once after every change; returns the value that holds at the end.
fn fills(bench: &Bench, reader: &mut Session, table: usize, over: &AtomicBool) -> Option<String> {
    let slots = [slot(&format!("w{table}"))];
    let text = format!("SELECT v FROM t.w{table}");
    let mut entry: Option<(String, _)> = None;
    while !over.load(Ordering::SeqCst) {
        if entry.as_ref().is_some_and(|(_, stamp)| bench.versions.holds(stamp)) {
            std::thread::yield_now();
            continue;
        }
        entry = None;
        let Some(stamp) = bench.versions.stamp(&slots) else { continue };
        let value = reader.value(&text);
        entry = bench.versions.holds(&stamp).then_some((value, stamp));
    }
    entry.filter(|(_, stamp)| bench.versions.holds(stamp)).map(|(value, _)| value)
}

const FOUR: &str = "CREATE TABLE t.w0 (v INT);; CREATE TABLE t.w1 (v INT);; \
     CREATE TABLE t.w2 (v INT);; CREATE TABLE t.w3 (v INT);; INSERT INTO t.w0 VALUES (0);; \
     INSERT INTO t.w1 VALUES (0);; INSERT INTO t.w2 VALUES (0);; INSERT INTO t.w3 VALUES (0)";

/// Semi-synchronous replication that waits for a replica that does not exist keeps every commit for
/// 60 ms between the log and the engine: the event is early every time.
fn widened(own: &mut Session) {
    own.run("SET GLOBAL rpl_semi_sync_master_enabled=OFF");
    own.run("SET GLOBAL rpl_semi_sync_master_enabled=ON");
}

const WIDE: &[&str] = &[
    "--rpl-semi-sync-master-timeout=60",
    "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    "--rpl-semi-sync-master-wait-no-slave=ON",
];

#[test]
fn early_events_are_settled_and_without_the_rule_they_are_not() {
    let options = [BINLOG, WIDE].concat();
    for (rule, expected) in [(Rule::Settle, 0..1), (Rule::Never, 1..usize::MAX)] {
        let Some(bench) = Bench::start(&options, rule, WithoutBinlog::Refuse, FOUR) else { return };
        bench.until_open();
        let early = early_fills(&bench, 12, widened);
        assert!(expected.contains(&early), "{early} early fills with {rule:?}");
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the measured lag is what the test is also for")]
fn four_writers_in_a_loop_leave_nothing_old_behind() {
    let Some(bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, FOUR) else {
        return;
    };
    bench.until_open();
    let rounds = std::env::var("MENSHEN_FOLLOW_ROUNDS").ok().and_then(|it| it.parse().ok());
    let rounds = rounds.unwrap_or(500);
    assert_eq!(early_fills(&bench, rounds, |_| ()), 0);

    // From the writer's OK until the table's slot is pending or bumped.
    let mut writer = Session::open(&bench.server, "root", "");
    let slot = slot("w0");
    let mut lags: Vec<Duration> = (0..rounds * 2)
        .map(|_| {
            let before = bench.versions.version(slot);
            writer.run("UPDATE t.w0 SET v=v+1");
            let ok = Instant::now();
            let seen = || bench.versions.pending(slot) > 0 || bench.versions.version(slot) > before;
            let first = seen();
            while !seen() {
                std::hint::spin_loop();
            }
            let lag = if first { Duration::ZERO } else { ok.elapsed() };
            wait("the write to settle", || bench.versions.pending(slot) == 0);
            lag
        })
        .collect();
    lags.sort_unstable();
    let at = |permille: usize| lags[(lags.len() - 1) * permille / 1000];
    let figures = bench.foreign.follower.figures();
    eprintln!(
        "lag after the writer's OK: p50 {:?} p99 {:?} max {:?} of {}; settle p99 {:?} max {:?}",
        at(500),
        at(990),
        at(1000),
        lags.len(),
        figures.settle_p99,
        figures.settle_max,
    );
}
