//! A real mariadbd in a folder of its own, on a free loopback port and a socket; ended when
//! dropped. Root gets in without a password, over the socket only.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::peers;

/// A running server.
pub(crate) struct Mariadb {
    /// Holds `data/`, `sock`, `log`; open to everyone, so that a door without rights gets in.
    pub(crate) folder: TempDir,
    /// Where it listens beside its socket.
    pub(crate) address: SocketAddr,
    program: PathBuf,
    client: PathBuf,
    options: Vec<String>,
    child: Child,
}

/// Options with which a follower has something to follow.
pub(crate) const BINLOG: &[&str] =
    &["--log-bin=binlog", "--server-id=7", "--binlog-format=ROW", "--sync-binlog=0"];

impl Mariadb {
    /// Starts one with these options more. `None` after saying so where MariaDB is not installed.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let (program, client) = (peers::find("mariadbd")?, peers::find("mariadb")?);
        let install = peers::find("mariadb-install-db")?;
        let folder = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let mut command = Command::new(install);
        command.arg("--no-defaults").args(as_root());
        command.arg(format!("--datadir={}", folder.path().join("data").display()));
        command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        // A server that starts removes the temporary tables of all others in its folder for those.
        command.arg(format!("--tmpdir={}", folder.path().display()));
        command.arg("--innodb-log-file-size=8M").stdin(Stdio::null());
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let address = peers::free_address();
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let child = launch(&program, folder.path(), address, &options);
        let mut server = Self { folder, address, program, client, options, child };
        server.wait_until_it_answers();
        Some(server)
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// As a door's `upstream` names its socket.
    pub(crate) fn upstream(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Runs statements as root, straight at the server; gives what came, columns by tabs.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let mut command = self.client_at(&self.socket(), "root");
        let output = command.args(["-e", statements]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        text(&output)
    }

    /// The command-line client as `user` at a socket: the server's or a door's.
    pub(crate) fn client_at(&self, socket: &Path, user: &str) -> Command {
        let mut command = self.client();
        command.arg(format!("--socket={}", socket.display())).arg(format!("--user={user}"));
        command
    }

    /// The command-line client as `user` with a password at an address: the server's or a door's.
    pub(crate) fn client_to(&self, address: SocketAddr, user: &str, password: &str) -> Command {
        let mut command = self.client();
        command.args([format!("--host={}", address.ip()), format!("--port={}", address.port())]);
        command.args([format!("--user={user}"), "--protocol=tcp".to_owned()]);
        command.env("MYSQL_PWD", password);
        command
    }

    /// Makes an account that may do anything in the database `shop`, which is made too, with a
    /// table `shop.goods` of three rows.
    pub(crate) fn make_shop(&self, user: &str, password: &str) {
        self.sql(&format!(
            "CREATE DATABASE IF NOT EXISTS shop; CREATE OR REPLACE TABLE shop.goods (id INT \
             PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB; INSERT INTO shop.goods VALUES (1, \
             'apple'), (2, 'pear'), (3, 'plum'); CREATE USER '{user}'@'%' IDENTIFIED BY \
             '{password}'; GRANT ALL ON shop.* TO '{user}'@'%'"
        ));
    }

    /// Makes the account of a door's follower and catalog.
    pub(crate) fn make_control(&self, user: &str, password: &str) {
        self.sql(&format!(
            "CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'; GRANT REPLICATION SLAVE, BINLOG \
             MONITOR, PROCESS, SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.* TO '{user}'@'%'"
        ));
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Ends it with this signal and waits for that.
    pub(crate) fn end(&mut self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
        self.child.wait().unwrap();
    }

    /// Starts it again after [`Self::end`], on the same folder and port.
    pub(crate) fn begin_again(&mut self) {
        self.child = launch(&self.program, self.folder.path(), self.address, &self.options);
        self.wait_until_it_answers();
    }

    fn client(&self) -> Command {
        let mut command = Command::new(&self.client);
        command.args(["--no-defaults", "--batch", "--skip-column-names"]).stdin(Stdio::null());
        command
    }

    fn wait_until_it_answers(&mut self) {
        let until = Instant::now() + WAIT_MAX;
        loop {
            let mut command = self.client_at(&self.socket(), "root");
            if command.args(["-e", "SELECT 1"]).output().unwrap().status.success() {
                return;
            }
            let log = || std::fs::read_to_string(self.folder.path().join("log"));
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "no MariaDB: {:?}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        // Nothing in its folder is worth a clean end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One session of the command-line client that is kept, for statements with one line of answer.
pub(crate) struct Session {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Session {
    /// Logs in; a lost connection is not made again.
    pub(crate) fn begin(mut command: Command) -> Self {
        command.args(["--unbuffered", "--skip-reconnect"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// The one line that `statement` answers; `None`: the session is over.
    pub(crate) fn ask(&mut self, statement: &str) -> Option<String> {
        let input = self.child.stdin.as_mut()?;
        writeln!(input, "{statement};").ok()?;
        input.flush().ok()?;
        let mut line = String::new();
        self.answers.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command printed.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn launch(program: &Path, folder: &Path, address: SocketAddr, options: &[String]) -> Child {
    let log = std::fs::File::options().append(true).create(true).open(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.arg("--no-defaults").args(as_root());
    for (option, file) in [("datadir", "data"), ("socket", "sock"), ("pid-file", "pid")] {
        command.arg(format!("--{option}={}", folder.join(file).display()));
    }
    command
        .args([format!("--bind-address={}", address.ip()), format!("--port={}", address.port())]);
    command.args(["--skip-name-resolve", "--innodb-log-file-size=8M"]);
    command.arg(format!("--tmpdir={}", folder.display()));
    command.args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2"]);
    command.args(options).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// It refuses to run as root unless told so.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

const WAIT_MAX: Duration = Duration::from_secs(60);
