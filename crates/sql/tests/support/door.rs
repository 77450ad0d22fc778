//! A door with its cache in front of a real server, in this process, and a session past it.

use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_config::keeper::Secret;
use menshen_config::{Sql, SqlAddress, SqlSpec};
use menshen_sql::accept::{Listening, Stage, Thread};
use menshen_sql::counters::Event;
use menshen_sql::door::Door;
use menshen_sql::serve::Shared;
use menshen_sql::upstream::{Origin, Upstream};
use menshen_sql_core::versions::Versions;
use rustix::process::Signal;

use crate::hold::Hold;
use crate::mariadb::{BINLOG, Mariadb, Session};

/// A door with its cache in front of a server, and a session past it.
pub(crate) struct Bench {
    pub(crate) server: Mariadb,
    pub(crate) shared: Arc<Shared>,
    pub(crate) at: Upstream,
    pub(crate) root: Session,
    /// Between the door's follower and the server.
    #[allow(dead_code, reason = "not every test that uses this module holds the log back")]
    pub(crate) hold: Hold,
    _folder: tempfile::TempDir,
    stage: tokio::sync::watch::Sender<Stage>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Bench {
    pub(crate) fn start(change: impl FnOnce(&mut Sql)) -> Option<Self> {
        Self::start_with(BINLOG, change)
    }

    pub(crate) fn start_with(options: &[&str], change: impl FnOnce(&mut Sql)) -> Option<Self> {
        let server = Mariadb::start(options)?;
        let mut root = Session::open(&server, "root", "");
        root.run(
            "CREATE DATABASE t;; CREATE USER door@localhost IDENTIFIED BY 'geheim';; \
             GRANT ALL ON *.* TO door@localhost;; CREATE USER anna@localhost IDENTIFIED BY 'a';; \
             GRANT ALL ON *.* TO anna@localhost WITH GRANT OPTION;; CREATE TABLE t.x (id INT \
             PRIMARY KEY, v INT) ENGINE=InnoDB;; INSERT INTO t.x VALUES (1, 1), (2, 2)",
        );
        let mut config = Sql {
            upstream: SqlAddress::Unix(server.socket()),
            control_user: Some("door".to_owned()),
            ..Sql::default()
        };
        change(&mut config);
        let spec = spec(config);
        let folder = tempfile::tempdir().unwrap();
        let hold = Hold::between(&folder.path().join("held"), &server.socket());
        let door = Door::new(&spec, 1 << 12, None, 0).unwrap();
        let address = SqlAddress::Unix(folder.path().join("held"));
        let upstream = Upstream { address, ..door.entrance.upstream.clone() };
        let shared = Shared::begin(&spec, Versions::private(), upstream).unwrap();
        let door = Arc::new(door.with_cache(Arc::clone(&shared)));
        let path = folder.path().join("door");
        let listener = UnixListener::bind(&path).unwrap();
        let (stage, stages) = tokio::sync::watch::channel(Stage::Serving);
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            let thread = Rc::new(Thread::new(door, 0));
            let served = thread.serve(vec![Listening::Unix(listener)], stages, || {});
            tokio::task::LocalSet::new().block_on(&runtime, served).unwrap();
        });
        let at = Upstream { address: SqlAddress::Unix(path), tls: None, origin: Origin::Hidden };
        let thread = Some(thread);
        let bench = Self { server, shared, at, root, hold, _folder: folder, stage, thread };
        let mut first = bench.session();
        wait("the cache to be on", || bench.is_hit(&mut first, READ));
        Some(bench)
    }

    pub(crate) fn session(&self) -> Session {
        let mut session = Session::at(&self.at, "anna", "a");
        session.run("USE t");
        session
    }

    pub(crate) fn hits(&self) -> u64 {
        self.shared.counters().sum(Event::Hit)
    }

    /// Whether the second of two equal reads is answered from the cache.
    pub(crate) fn is_hit(&self, session: &mut Session, read: &str) -> bool {
        let first = session.value(read);
        let before = self.hits();
        assert_eq!(session.value(read), first);
        self.hits() > before
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A server that is stopped answers nobody who wants to end.
        self.server.signal(Signal::CONT);
        self.hold.release();
        self.stage.send_replace(Stage::Stopping(Instant::now()));
        let _ = self.thread.take().unwrap().join();
        self.shared.foreign().stop();
    }
}

fn spec(config: Sql) -> SqlSpec {
    SqlSpec {
        index: 0,
        generation: 1,
        slot: 0,
        config,
        threads: 1,
        listeners: Vec::new(),
        words_fd: -1,
        control_fd: -1,
        scoreboard_fd: -1,
        posture_fd: None,
        ready_fd: -1,
        become_user: None,
        oom_score_adj: None,
        stop_seconds_max: 1,
        certificate: None,
        upstream_ca_pem: None,
        control_password: Some(Secret("geheim".to_owned())),
    }
}

pub(crate) fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) const READ: &str = "SELECT v FROM t.x WHERE id = 1";
