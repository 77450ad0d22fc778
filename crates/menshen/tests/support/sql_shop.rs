//! A MariaDB and a menshen with a sql door before it, for tests of the door with real sessions.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;

use menshen_sys::{SlotDoor, SlotState};
use rustix::process::{Pid, Signal, kill_process};

use super::live::{Live, wait_for};
use super::mariadb::{Mariadb, text};
use super::sql_client::{Client, Failure};

/// A server, and a door before it on a loopback port and a socket.
pub(crate) struct Shop {
    pub(crate) live: Live,
    pub(crate) server: Mariadb,
    /// Where the door listens.
    pub(crate) address: SocketAddr,
    /// The door's socket.
    pub(crate) socket: PathBuf,
    sockets: tempfile::TempDir,
}

impl Shop {
    /// A server with these options, a door with these lines more in `[sql]`. `None` after saying
    /// that MariaDB is not installed.
    ///
    /// There are the database `shop`, the account `app` with the password `secret`, which may do
    /// anything in it, and the account `any` without a password, which may do anything at all.
    pub(crate) fn open(options: &[&str], more: &str) -> Option<Self> {
        let server = Mariadb::start(&[options, ALWAYS].concat())?;
        server.sql("CREATE DATABASE shop CHARACTER SET utf8mb4");
        server.make_shop("app", "secret");
        server.sql(
            "CREATE USER any@'%'; GRANT ALL ON *.* TO any@'%' WITH GRANT OPTION; GRANT SELECT ON \
             mysql.proc TO app@'%'",
        );
        server.make_control("menshen", "control");
        let sockets = tempfile::tempdir().unwrap();
        let password = sockets.path().join("password");
        std::fs::write(&password, "control\n").unwrap();
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&password, own).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(sockets.path(), open).unwrap();
        let live = Live::start(&Self::head(&sockets, &server, more));
        let print = live.printed();
        let row = print.lines().find_map(|line| line.strip_prefix("  sql ")).unwrap();
        let first = row.trim_start().split([',', ' ']).next().unwrap();
        let (address, socket) = (first.parse().unwrap(), sockets.path().join("sql.sock"));
        Some(Self { live, server, address, socket, sockets })
    }

    /// Waits until the cache answers, or the test has failed.
    pub(crate) fn until_it_serves(&self) {
        let mut client = self.client("any");
        wait_for("a first hit", || {
            let before = self.hits();
            client.rows("SELECT COUNT(*) FROM shop.goods").unwrap();
            self.hits() > before
        });
    }

    /// Reloads with other lines in `[sql]`.
    pub(crate) fn reload(&self, more: &str) {
        let output = self.live.reload(&Self::head(&self.sockets, &self.server, more));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }

    /// A session through the door, in `shop`, of an account without a password.
    pub(crate) fn client(&self, user: &str) -> Client {
        Client::tcp(self.address, user, "shop").unwrap()
    }

    /// A session straight to the server.
    pub(crate) fn direct(&self) -> Client {
        Client::unix(&self.server.socket(), "root", "shop").unwrap()
    }

    /// Hits of all sessions so far.
    pub(crate) fn hits(&self) -> u64 {
        self.figure("Qcache_hits").unwrap()
    }

    /// One of the figures of `SHOW STATUS`, asked through the door.
    pub(crate) fn figure(&self, name: &str) -> Result<u64, Failure> {
        let mut client = Client::tcp(self.address, "any", "shop")?;
        let rows = client.rows(&format!("SHOW GLOBAL STATUS LIKE '{name}'"))?;
        Ok(rows[0][1].as_deref().unwrap().parse().unwrap())
    }

    /// What `menshen status` prints.
    pub(crate) fn status(&self) -> String {
        let output: Output = self.live.run(&["status"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output)
    }

    /// Ends the door's worker at once, as the kernel may.
    pub(crate) fn kill_worker(&self) {
        let workers = self.live.workers(SlotState::Ready);
        let worker = workers.into_iter().find(|slot| slot.door() == SlotDoor::Sql).unwrap();
        let pid = i32::try_from(worker.pid()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
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
}

const ALWAYS: &[&str] = &["--local-infile=1", "--max-allowed-packet=64M", "--query-cache-type=OFF"];
