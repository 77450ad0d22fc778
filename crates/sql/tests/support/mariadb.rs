//! A real mariadbd in a folder of its own, on a socket only; ended when dropped.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use menshen_config::SqlAddress;
use menshen_sql::control::{Account, Client};
use menshen_sql::upstream::{Origin, Upstream};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A running server.
pub(crate) struct Mariadb {
    folder: TempDir,
    child: Child,
    /// One at a time: tests in parallel would measure each other.
    _turn: MutexGuard<'static, ()>,
}

/// The kernel has few requests of its asynchronous IO for all servers of a machine.
const NO_AIO: &str = "--innodb-use-native-aio=0";

/// Options with which a follower has something to follow.
pub(crate) const BINLOG: &[&str] =
    &["--log-bin=binlog", "--server-id=7", "--binlog-format=ROW", "--sync-binlog=0"];

impl Mariadb {
    /// Starts one with these options more. `None` after saying so where MariaDB is not installed.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let program = find("mariadbd")?;
        let install = find("mariadb-install-db")?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--datadir={}", folder.path().join("data").display());
        // Servers that share a folder for temporary files delete each other's when they start.
        let own = folder.path().to_owned();
        let mut command = Command::new(install);
        command.env("TMPDIR", &own);
        command.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        command.args(["--skip-test-db", "--innodb-log-file-size=8M", "--user=root", NO_AIO, &data]);
        let made = command.stdin(Stdio::null()).output().unwrap();
        assert!(
            made.status.success(),
            "{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr),
        );
        let socket = format!("--socket={}", folder.path().join("sock").display());
        let mut command = Command::new(program);
        command.env("TMPDIR", &own);
        command.args(["--no-defaults", "--user=root", "--skip-networking", &data, &socket]);
        command.args(["--innodb-buffer-pool-size=32M", NO_AIO]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: command.spawn().unwrap(), folder, _turn: turn };
        let until = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(server.socket()).is_err() {
            assert!(Instant::now() < until, "mariadbd does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// Stops it or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// As a door sees it.
    pub(crate) fn upstream(&self) -> Upstream {
        Upstream { address: SqlAddress::Unix(self.socket()), tls: None, origin: Origin::Hidden }
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of its own runtime, for threads.
pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    pub(crate) fn open(server: &Mariadb, user: &str, password: &str) -> Self {
        Self::at(&server.upstream(), user, password)
    }

    /// Of a server or door that listens there.
    pub(crate) fn at(upstream: &Upstream, user: &str, password: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let account = Account { user: user.to_owned(), password: password.to_owned() };
        let client = runtime.block_on(Client::connect(upstream, &account)).unwrap();
        Self { runtime, client }
    }

    pub(crate) fn run(&mut self, text: &str) {
        for statement in text.split(";;") {
            if let Err(error) = self.runtime.block_on(self.client.query(statement, 1000)) {
                panic!("{statement}: {error:?}");
            }
        }
    }

    /// What the server says no to: its error, as text.
    #[allow(dead_code, reason = "not every test that uses this module asks")]
    pub(crate) fn refusal(&mut self, text: &str) -> String {
        match self.runtime.block_on(self.client.query(text, 1000)) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:?}"),
        }
    }

    /// All values of all rows, as text.
    #[allow(dead_code, reason = "not every test that uses this module asks")]
    pub(crate) fn table(&mut self, text: &str) -> String {
        let rows = self.runtime.block_on(self.client.query(text, 1000)).unwrap();
        let values = rows.into_iter().flatten().map(Option::unwrap_or_default);
        let texts: Vec<_> = values.map(|value| String::from_utf8(value).unwrap()).collect();
        texts.join(" | ")
    }

    /// The first value, as text.
    pub(crate) fn value(&mut self, text: &str) -> String {
        let rows = self.runtime.block_on(self.client.query(text, 1000)).unwrap();
        let value = rows.into_iter().next().and_then(|row| row.into_iter().next()?);
        String::from_utf8(value.unwrap_or_default()).unwrap()
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{name} is not installed");
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}
