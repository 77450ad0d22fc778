//! The follower, the catalog and the control client against a real MariaDB.
//!
//! `SKIPPED` is said aloud where there is none; `MENSHEN_REQUIRE_PEERS` makes that a failure.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test, and it tells what it measured"
)]

#[path = "support/mariadb.rs"]
mod mariadb;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use mariadb::{BINLOG, Mariadb, Session};
use menshen_config::WithoutBinlog;
use rustix::process::Signal;

use menshen_sql::cache::{Cache, CacheLimits};
use menshen_sql::control::{self, Account, ControlSettings, Foreign};
use menshen_sql::counters::{Counters, Event};
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

fn names(bench: &Bench, name: &str) -> String {
    let catalog = bench.foreign.catalog.load();
    match catalog.relation(b"t", name.as_bytes()) {
        Relation::Known(known) => {
            let name = |table: &menshen_sql_core::judge::Table| {
                String::from_utf8(table.name.to_vec()).unwrap()
            };
            known.reads.iter().map(name).collect::<Vec<_>>().join(" ")
        }
        Relation::Missing => "missing".to_owned(),
        Relation::Unknown => "unknown".to_owned(),
    }
}

/// Whether a statement straight to the server bumps these tables and no others of `t`.
fn bumps(bench: &mut Bench, statement: &str, tables: &[&str]) {
    let all = ["p", "c", "m", "v", "x"];
    let before = bench.versions.now();
    bench.root.run(statement);
    let bumped = |name: &str| bench.versions.version(slot(name)) > before;
    wait(statement, || tables.iter().all(|name| bumped(name)));
    wait("all to settle", || all.iter().all(|name| bench.versions.pending(slot(name)) == 0));
    let others: Vec<_> = all.iter().filter(|name| !tables.contains(name) && bumped(name)).collect();
    assert_eq!(others, Vec::<&&str>::new(), "{statement}");
}

const SCHEMA: &str = "CREATE TABLE t.p (a INT PRIMARY KEY) ENGINE=InnoDB;; \
     CREATE TABLE t.c (a INT, FOREIGN KEY (a) REFERENCES t.p (a) ON DELETE CASCADE);; \
     CREATE TABLE t.m (a INT) ENGINE=MyISAM;; CREATE VIEW t.v AS SELECT * FROM t.m;; \
     INSERT INTO t.p VALUES (1), (2), (3), (4);; INSERT INTO t.c VALUES (1), (2);; \
     CREATE PROCEDURE t.w() INSERT INTO t.m VALUES (1)";

#[test]
fn foreign_writes_of_every_kind_are_seen() {
    let Some(mut bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, SCHEMA) else {
        return;
    };
    bench.until_open();
    let bench = &mut bench;
    for format in ["ROW", "STATEMENT", "MIXED"] {
        bench.root.run(&format!("SET SESSION binlog_format={format}"));
        let (delete, xa) = match format {
            "ROW" => (1, "r"),
            "STATEMENT" => (2, "s"),
            _ => (3, "m"),
        };
        bumps(bench, "INSERT INTO t.m VALUES (1)", &["m"]);
        // Statements do not say what they touch: the catalog does.
        let cascade = format!("DELETE FROM t.p WHERE a={delete}");
        bumps(bench, &cascade, &["p", "c"]);
        bumps(bench, "CALL t.w()", &["m"]);
        let id = 10 + delete;
        let first = format!(
            "XA START '{xa}';; INSERT INTO t.p VALUES ({id});; XA END '{xa}';; \
             XA PREPARE '{xa}'"
        );
        bench.root.run(&first);
        wait("the prepare to settle", || bench.versions.pending(slot("p")) == 0);
        let before = bench.versions.now();
        bench.root.run(&format!("XA COMMIT '{xa}'"));
        wait("the XA COMMIT", || bench.versions.version(slot("p")) > before);
        wait("the XA COMMIT to settle", || bench.versions.pending(slot("p")) == 0);
    }
    let epoch = bench.versions.epoch();
    bench.root.run("GRANT INSERT ON t.* TO door@localhost");
    wait("the GRANT", || bench.versions.epoch() > epoch);
}

#[test]
fn foreign_ddl_is_in_the_catalog_before_its_slots_are_let_go() {
    let Some(mut bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, SCHEMA) else {
        return;
    };
    bench.until_open();
    assert_eq!((names(&bench, "v"), names(&bench, "x")), ("m v".into(), "missing".into()));
    let steps = [
        ("CREATE OR REPLACE VIEW t.v AS SELECT * FROM t.p", "v", "v", "p v"),
        ("CREATE TABLE t.x (a INT)", "x", "x", "x"),
        ("RENAME TABLE t.x TO t.y", "y", "x", "missing"),
        ("RENAME TABLE t.y TO t.x", "x", "y", "missing"),
        ("DROP TABLE t.x", "x", "x", "missing"),
    ];
    for (statement, bumped, asked, wanted) in steps {
        let before = bench.versions.now();
        bench.root.run(statement);
        wait(statement, || {
            bench.versions.version(slot(bumped)) > before
                && bench.versions.pending(slot(bumped)) == 0
        });
        assert_eq!(names(&bench, asked), wanted, "{statement}");
    }
    // A server that does not answer is not waited for: the names are unknown until it does.
    bench.server.signal(Signal::STOP);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scope = menshen_sql_core::catalog::Scope::Database((*b"t").into());
    let start = Instant::now();
    runtime.block_on(bench.foreign.keeper.refresh(vec![scope]));
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_eq!(names(&bench, "m"), "unknown");
    bench.server.signal(Signal::CONT);
    wait("the names to be known again", || names(&bench, "v") == "p v");
}

#[test]
fn a_broken_stream_closes_the_gate_and_bumps_everything() {
    let Some(mut bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, SCHEMA) else {
        return;
    };
    bench.until_open();
    assert_eq!(bench.foreign.follower.state(), FollowState::Following);
    let before = bench.versions.now();
    let find = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND='Binlog Dump'";
    let id = bench.root.value(find);
    bench.root.run(&format!("KILL {id}"));
    wait("everything to be bumped", || bench.versions.version(Slot::EVERYTHING) > before);
    bench.until_open();
    wait("it to follow", || bench.foreign.follower.state() == FollowState::Following);
    bumps(&mut bench, "INSERT INTO t.m VALUES (2)", &["m"]);
}

#[test]
fn a_log_that_is_begun_anew_ends_the_stream() {
    let Some(mut bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, SCHEMA) else {
        return;
    };
    bench.until_open();
    for _ in 0..50 {
        bumps(&mut bench, "INSERT INTO t.m VALUES (1)", &["m"]);
    }
    let before = bench.versions.now();
    bench.root.run("RESET MASTER");
    // Nobody asks for the end of the log here: the look after what is visible finds it.
    wait("everything to be bumped", || bench.versions.version(Slot::EVERYTHING) > before);
    bench.until_open();
    bumps(&mut bench, "INSERT INTO t.m VALUES (2)", &["m"]);
}

#[test]
fn orphans_are_let_go_when_their_thread_is_gone() {
    let Some(bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, SCHEMA) else {
        return;
    };
    let mut other = Session::open(&bench.server, "root", "");
    let id = other.value("SELECT CONNECTION_ID()").parse().unwrap();
    let slots = vec![slot("m")];
    bench.versions.begin(&slots);
    let before = bench.versions.version(slot("m"));
    bench.foreign.orphans.adopt(slots.clone(), Until::ThreadGone(id));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(bench.versions.pending(slot("m")), 1);
    drop(other);
    wait("the orphan to be let go", || bench.versions.pending(slot("m")) == 0);
    assert!(bench.versions.version(slot("m")) > before);
    bench.versions.begin(&slots);
    bench.foreign.orphans.adopt(slots, Until::DelayedFlushed);
    wait("no rows to be delayed", || bench.versions.pending(slot("m")) == 0);
}

fn off_code(bench: &Bench) -> &'static str {
    match bench.foreign.follower.state() {
        FollowState::Off(reason) => reason.code,
        FollowState::Following => "following",
        FollowState::Behind => "behind",
    }
}

#[test]
fn without_a_binary_log_the_configuration_decides() {
    let cases = [
        (WithoutBinlog::Refuse, Gate::Closed),
        (WithoutBinlog::SoleDoor, Gate::Open),
        (WithoutBinlog::Ttl, Gate::Young(Duration::from_millis(700))),
    ];
    for (without, gate) in cases {
        let Some(mut bench) = Bench::start(&[], Rule::Settle, without, SCHEMA) else { return };
        wait("the state", || off_code(&bench) == "binlog-off");
        wait("the gate", || bench.foreign.follower.gate() == gate);
        if without == WithoutBinlog::SoleDoor {
            bench.root.run("CREATE EVENT t.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t.m");
            bench.root.run("SET GLOBAL event_scheduler=ON");
            wait("the scheduler to be seen", || off_code(&bench) == "scheduler-on");
            assert_eq!(bench.foreign.follower.gate(), Gate::Closed);
        }
    }
}

#[test]
fn what_the_account_lacks_is_said() {
    let setup = "REVOKE TRIGGER, EVENT ON *.* FROM door@localhost";
    let Some(bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Ttl, setup) else {
        return;
    };
    wait("the state", || off_code(&bench) == "control-rights-missing");
    let FollowState::Off(reason) = bench.foreign.follower.state() else { unreachable!() };
    assert_eq!(reason.claim, "the control account lacks TRIGGER, EVENT");
    assert_eq!(bench.foreign.follower.gate(), Gate::Closed);
    let mut wrong = settings(&bench.server, Rule::Settle, WithoutBinlog::SoleDoor);
    wrong.account = Some(Account { user: "door".to_owned(), password: "falsch".to_owned() });
    let foreign = control::start(wrong, bench.versions).unwrap();
    let off = || {
        matches!(foreign.follower.state(),
        FollowState::Off(reason) if reason.code == "control-login-refused")
    };
    wait("the login to be refused", off);
    assert_eq!(foreign.follower.gate(), Gate::Closed);
    foreign.stop();
}

#[test]
fn a_change_beside_the_door_is_noted_with_its_number_and_counted() {
    let Some(mut bench) = Bench::start(BINLOG, Rule::Settle, WithoutBinlog::Refuse, FOUR) else {
        return;
    };
    let counters = Arc::new(Counters::new(1));
    let limits = CacheLimits { bytes_max: 1 << 20, result_bytes_max: 1 << 16, statements_max: 10 };
    let cache = Cache::new(limits, bench.versions, Arc::clone(&counters));
    bench.foreign.follower.note_in(Arc::clone(&cache));
    bench.until_open();
    let before = counters.sum(Event::Invalidation);
    bench.root.run("INSERT INTO t.w1 VALUES (1)");
    wait("the change to be noted", || cache.last_change(slot("w1")).is_some());
    let noted = cache.last_change(slot("w1")).unwrap();
    assert_eq!((&*noted.table, &*noted.who), ("t.w1", "beside the door"));
    assert!(noted.by.starts_with("GTID 0-7-"), "{}", noted.by);
    wait("the change to be counted", || counters.sum(Event::Invalidation) == before + 1);
}
