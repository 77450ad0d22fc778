//! The sql door on a live menshen with a real MariaDB behind it: what the guard does with its
//! worker, its sockets and the versions of tables, and what status tells.

use crate::support::{live, mariadb};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use live::{Live, wait_for};
use mariadb::{BINLOG, Mariadb, Session, text};
use menshen_base::Counter;
use menshen_sys::scoreboard::HeaderWord;
use menshen_sys::{Slot, SlotDoor, SlotState};
use rustix::process::{Pid, Signal, kill_process};

/// A server, and a door before it on a loopback port and a socket.
struct Shop {
    live: Live,
    server: Mariadb,
    address: SocketAddr,
    socket: PathBuf,
    sockets: tempfile::TempDir,
}

impl Shop {
    /// With these lines more in `[sql]`; `None` after saying that MariaDB is not installed.
    fn open(more: &str) -> Option<Self> {
        Self::before(Mariadb::start(BINLOG)?, more)
    }

    fn before(server: Mariadb, more: &str) -> Option<Self> {
        server.make_shop("app", "secret");
        server.make_control("menshen", "control");
        let sockets = tempfile::tempdir().unwrap();
        std::fs::write(sockets.path().join("password"), "control\n").unwrap();
        let head = Self::head(&sockets, &server, more);
        let live = Live::start(&head);
        let print = live.printed();
        let row = print.lines().find_map(|line| line.strip_prefix("  sql ")).unwrap().to_owned();
        let first = row.trim_start().split([',', ' ']).next().unwrap();
        let (address, socket) = (first.parse().unwrap(), sockets.path().join("sql.sock"));
        Some(Self { live, server, address, socket, sockets })
    }

    fn head(sockets: &tempfile::TempDir, server: &Mariadb, more: &str) -> String {
        let here = sockets.path().display();
        format!(
            "workers = 1\n[sql]\nlisten = [\"127.0.0.1:0\", \"unix:{here}/sql.sock\"]\n\
             upstream = \"{}\"\nworkers = 2\ncontrol_user = \"menshen\"\n\
             control_password_file = \"{here}/password\"\n{more}",
            server.upstream()
        )
    }

    fn reload(&self, more: &str) {
        let output = self.live.reload(&Self::head(&self.sockets, &self.server, more));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }

    fn client(&self) -> Command {
        self.server.client_to(self.address, "app", "secret")
    }

    fn session(&self) -> Session {
        Session::begin(self.client())
    }

    /// What one connection of its own answers.
    fn once(&self, statement: &str) -> String {
        let output = self.client().args(["-e", statement]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        text(&output)
    }

    /// The worker of the sql door in this state.
    fn worker(&self, state: SlotState) -> Option<Slot> {
        self.live.workers(state).into_iter().find(|slot| slot.door() == SlotDoor::Sql)
    }

    fn pid(&self) -> u64 {
        self.worker(SlotState::Ready).map_or(0, |slot| slot.pid())
    }

    fn kill(&self) {
        let pid = i32::try_from(self.pid()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    fn status(&self) -> String {
        let output = self.live.run(&["status"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output)
    }

    fn status_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.live.run(&["status", "--json"]).stdout).unwrap()
    }
}

const GOODS: &str = "SELECT name FROM shop.goods WHERE id = 2";

#[test]
fn clients_get_in_by_address_and_by_socket_and_status_tells() {
    let Some(mut shop) = Shop::open("") else { return };
    assert_eq!(shop.once(GOODS), "pear\n");
    let mut command = shop.server.client_at(&shop.socket, "app");
    let output = command.env("MYSQL_PWD", "secret").args(["-e", GOODS]).output().unwrap();
    assert_eq!(text(&output), "pear\n", "{output:?}");
    let wrong = shop.server.client_to(shop.address, "app", "guessed").args(["-e", GOODS]).output();
    assert_eq!(wrong.unwrap().status.code(), Some(1), "the server refuses it");

    let mut session = shop.session();
    assert_eq!(session.ask(GOODS).as_deref(), Some("pear"));
    let slot = shop.worker(SlotState::Ready).unwrap();
    wait_for("figures", || slot.get(Counter::SqlSessions) == 1);
    let status = shop.status();
    let address = shop.address.to_string();
    for part in ["sql/0 ", &address, &shop.server.upstream(), "1 sessions", "\ncache "] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let json = shop.status_json();
    assert_eq!(json["sql"]["sessions"], 1, "{json}");
    assert_eq!(json["sql"]["door"]["upstream"], shop.server.upstream(), "{json}");
    assert_eq!(json["workers"].as_array().unwrap().len(), 2);

    drop(session);
    shop.live.signal(Signal::TERM);
    assert!(shop.live.ended(Duration::from_secs(10)).success());
    assert!(!shop.socket.exists(), "the socket's file goes with the door");
    assert!(!shop.live.path(".menshen/sql-control").exists());
}

#[test]
fn a_reload_keeps_sessions_and_the_worker_unless_something_of_it_changed() {
    let Some(shop) = Shop::open("") else { return };
    let mut session = shop.session();
    session.ask("SET @mine = 7; SELECT @mine").unwrap();
    let first = shop.pid();
    // Nothing of the sql door changed: the cache stays where it is.
    shop.reload("");
    assert_eq!((shop.pid(), shop.live.header(HeaderWord::Generation)), (first, 2));

    shop.reload("idle_seconds_max = 1000");
    assert_ne!(shop.pid(), first);
    assert_eq!(shop.worker(SlotState::Draining).unwrap().pid(), first);
    assert_eq!(session.ask("SELECT @mine").as_deref(), Some("7"), "the old one goes on");
    assert_eq!(shop.once(GOODS), "pear\n", "the new one serves new sessions");
    let json = shop.status_json();
    assert_eq!(json["sql"]["door"]["generation"], 3, "the new one is asked: {json}");
    wait_for("the old one's figures", || shop.status_json()["sql"]["sessions"] == 1);
    drop(session);
    wait_for("the old one's end", || shop.worker(SlotState::Draining).is_none());
    assert_eq!(shop.live.header(HeaderWord::Crashes), 0);
}

#[test]
fn an_upgrade_keeps_sessions_and_what_all_workers_know_of_writes() {
    let Some(shop) = Shop::open("") else { return };
    let (mut reader, mut writer) = (shop.session(), shop.session());
    reader.ask("SET @mine = 7; SELECT @mine").unwrap();
    assert_eq!(reader.ask(GOODS).as_deref(), Some("pear"));
    writer.ask("BEGIN; UPDATE shop.goods SET name = 'plum' WHERE id = 2; SELECT 1").unwrap();
    let (first, words) = (shop.pid(), words_of(shop.pid()));
    let output = shop.live.run(&["upgrade"]);
    assert_eq!(output.status.code(), Some(0), "{output:?} {}", shop.live.log());
    assert_ne!(shop.pid(), first);
    assert_eq!(shop.worker(SlotState::Draining).unwrap().pid(), first);
    assert_eq!(words_of(shop.pid()), words, "old and new have the same versions of tables");
    assert_eq!(reader.ask("SELECT @mine").as_deref(), Some("7"), "the old one goes on");
    // The new one may have stored the old row; the old one's write is seen all the same.
    assert_eq!(shop.once(GOODS), "pear\n");
    assert_eq!(shop.once(GOODS), "pear\n");
    writer.ask("COMMIT; SELECT 1").unwrap();
    assert_eq!(shop.once(GOODS), "plum\n");
    assert_eq!(shop.status_json()["sql"]["door"]["generation"], 2, "the new one is asked");
    assert!(std::os::unix::net::UnixStream::connect(&shop.socket).is_ok(), "by its name too");
    drop((reader, writer));
    wait_for("the old one's end", || shop.worker(SlotState::Draining).is_none());
    assert_eq!(shop.live.header(HeaderWord::Crashes), 0);
}

#[test]
fn sessions_that_outlast_the_drain_are_closed() {
    let Some(shop) = Shop::open("drain_seconds_max = 1") else { return };
    let mut session = shop.session();
    assert_eq!(session.ask(GOODS).as_deref(), Some("pear"));
    shop.reload("drain_seconds_max = 1\nidle_seconds_max = 1000");
    wait_for("the end of the old one", || shop.worker(SlotState::Draining).is_none());
    assert_eq!(session.ask(GOODS), None);
    assert_eq!(shop.once(GOODS), "pear\n");
}

#[test]
fn reloads_under_load_lose_no_session_and_no_statement() {
    let Some(shop) = Shop::open("") else { return };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let running = || !stop.load(std::sync::atomic::Ordering::Relaxed);
    let (kept, once) = std::thread::scope(|scope| {
        let kept: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut session = shop.session();
                    let mut count = 0_u32;
                    while running() {
                        assert_eq!(session.ask(GOODS).as_deref(), Some("pear"), "after {count}");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let once = scope.spawn(|| {
            let mut count = 0_u32;
            while running() {
                assert_eq!(shop.once(GOODS), "pear\n");
                count += 1;
            }
            count
        });
        for round in 0..5 {
            shop.reload(&format!("idle_seconds_max = {}", 1000 + round));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let kept: Vec<u32> = kept.into_iter().map(|thread| thread.join().unwrap()).collect();
        (kept, once.join().unwrap())
    });
    eprintln!("5 reloads, statements of kept sessions: {kept:?}, sessions of one: {once}");
    assert!(kept.iter().all(|count| *count > 20) && once > 5, "too little load: {kept:?} {once}");
    assert_eq!(shop.live.header(HeaderWord::ReloadsDone), 5);
    assert_eq!(shop.live.header(HeaderWord::Crashes), 0);
}

#[test]
fn a_killed_worker_is_started_again_with_fresh_versions() {
    let Some(shop) = Shop::open("") else { return };
    // An older generation is still there with a session.
    let mut older = shop.session();
    assert_eq!(older.ask(GOODS).as_deref(), Some("pear"));
    shop.reload("idle_seconds_max = 1000");
    let mut session = shop.session();
    assert_eq!(session.ask(GOODS).as_deref(), Some("pear"));
    let (pid, words) = (shop.pid(), words_of(shop.pid()));
    shop.kill();
    wait_for("the next worker", || shop.worker(SlotState::Ready).is_some_and(|w| w.pid() != pid));
    assert_eq!(session.ask(GOODS), None, "its sessions are gone");
    assert_eq!(shop.once(GOODS), "pear\n");
    assert_ne!(words_of(shop.pid()), words, "versions that nobody has left pending");
    // Whose versions were retired goes too.
    wait_for("the older one's end", || shop.worker(SlotState::Draining).is_none());
    assert_eq!(older.ask(GOODS), None);
    assert_eq!(shop.live.header(HeaderWord::Crashes), 1);
    let status = shop.status();
    assert!(status.contains("1 crashes"), "{status}");
    assert!(shop.live.log().contains("worker sql/0 "), "{}", shop.live.log());
}

/// Which versions a worker has mapped: the number of the file in memory.
fn words_of(pid: u64) -> String {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let line = maps.lines().find(|line| line.contains("memfd:sql-words")).unwrap();
    line.split_whitespace().nth(4).unwrap().to_owned()
}

#[test]
fn an_older_worker_that_dies_takes_nothing_on_trust_with_it() {
    let Some(shop) = Shop::open("") else { return };
    let mut older = shop.session();
    assert_eq!(older.ask(GOODS).as_deref(), Some("pear"));
    let first = shop.pid();
    shop.reload("idle_seconds_max = 1000");
    let second = shop.pid();
    let words = words_of(second);
    let pid = i32::try_from(first).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    wait_for("a third worker", || ![0, first, second].contains(&shop.pid()));
    assert_ne!(words_of(shop.pid()), words);
    assert_eq!(shop.once(GOODS), "pear\n");
    assert!(shop.live.log().contains("left writes in flight"), "{}", shop.live.log());
}

#[test]
fn a_door_whose_server_is_away_starts_and_waits_for_it() {
    let Some(mut shop) = Shop::open("") else { return };
    shop.server.end(Signal::KILL);
    let output = shop.client().args(["-e", GOODS]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let check = shop.live.run(&["check"]);
    assert!(text(&check).contains("sql-unreachable") || text(&check).contains("nobody listens"));
    shop.server.begin_again();
    assert_eq!(shop.once(GOODS), "pear\n");
}

#[test]
fn hits_are_told_by_status_and_explained() {
    let Some(shop) = Shop::open("") else { return };
    let slot = shop.worker(SlotState::Ready).unwrap();
    wait_for("the follower", || slot.get(Counter::SqlServing) == 1);
    let mut session = shop.session();
    for _ in 0..5 {
        assert_eq!(session.ask(GOODS).as_deref(), Some("pear"));
    }
    wait_for("hits on the scoreboard", || slot.get(Counter::SqlHits) >= 4);
    assert_eq!(slot.get(Counter::SqlInserts), 1);
    let json = shop.status_json();
    assert_eq!(json["sql"]["door"]["qcache"]["queries_in_cache"], 1, "{json}");
    assert_eq!(json["sql"]["door"]["follower"]["state"], "following", "{json}");
    let status = shop.status();
    for part in ["cache      on", "binlog     followed", "most hits  4 hits, 1 stored"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert!(!status.contains("id = 2"), "literals are nobody's business: {status}");

    let explain = |statement: &str| {
        let output = shop.live.run(&["explain", "query", statement, "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["asked"], "door", "{json}");
        (output.status.code(), json)
    };
    let (code, json) = explain(GOODS);
    assert_eq!((code, &json["verdict"]), (Some(0), &"cached".into()), "{json}");
    assert_eq!(json["tables"][0]["name"], "shop.goods", "{json}");
    let (code, json) = explain("SELECT 1");
    assert_eq!((code, &json["why"]["code"]), (Some(1), &"no-table".into()), "{json}");

    // Somebody else's write, straight at the server.
    shop.server.sql("UPDATE shop.goods SET name = 'quince' WHERE id = 2");
    wait_for("the write to be seen", || session.ask(GOODS).as_deref() == Some("quince"));
    wait_for("its count", || slot.get(Counter::SqlForeign) > 0);
}

#[test]
fn without_a_binlog_the_door_says_so_and_serves_nothing() {
    let Some(server) = Mariadb::start(&["--skip-log-bin"]) else { return };
    let Some(shop) = Shop::before(server, "") else { return };
    let off = |json: &serde_json::Value| json["sql"]["door"]["follower"]["state"] == "off";
    wait_for("the follower's word", || off(&shop.status_json()));
    let mut session = shop.session();
    for _ in 0..3 {
        assert_eq!(session.ask(GOODS).as_deref(), Some("pear"));
    }
    let status = shop.status();
    for part in ["cache      off: ", "nothing is served from the cache", "\n           hint: "] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert_eq!(shop.worker(SlotState::Ready).unwrap().get(Counter::SqlHits), 0);
}
