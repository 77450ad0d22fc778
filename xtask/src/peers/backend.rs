//! A MariaDB server with the options its own tests expect, started by `mariadb-test-run.pl`.
//!
//! It ends when this value is dropped, by the process id in its pid file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::{Through, suite};
use crate::shell;

/// A running server.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Its unix socket.
    pub(crate) socket: PathBuf,
    pid: PathBuf,
}

impl Backend {
    /// Starts a server below `folder`, with the options that `test` asks for; behind the door its
    /// own cache is off for good.
    pub(crate) fn start(folder: &Path, through: Through, test: &str) -> Result<Self, String> {
        // The tests' own folder, where they look for what the server writes.
        let var = folder.join(suite::VAR);
        fs::create_dir_all(&var).map_err(|e| format!("{}: {e}", var.display()))?;
        let mut command = suite::runner()?;
        command.args(["--start-and-exit", "--user=root", "--mysqld=--secure-file-priv="]);
        command.args(PLUGINS);
        if through == Through::Menshen {
            command.args(["--mysqld=--query-cache-type=0", "--mysqld=--query-cache-size=0"]);
        }
        command.arg(format!("--vardir={}", var.display())).arg(test);
        shell::output(&mut command)?;
        let backend =
            Self { socket: var.join("tmp/mysqld.1.sock"), pid: var.join("run/mysqld.1.pid") };
        let start = Instant::now();
        while backend.sql("SELECT 1").is_err() {
            if start.elapsed() > START_TIMEOUT || backend.has_ended() {
                return Err("the server of the tests does not answer".to_owned());
            }
            thread::sleep(POLL);
        }
        // What the door's own connections need, and nothing else.
        backend.sql(&format!(
            "CREATE USER {CONTROL_USER}@localhost IDENTIFIED BY '{CONTROL_PASSWORD}'; \
             GRANT SELECT, PROCESS, SHOW VIEW, SHOW DATABASES, TRIGGER, EVENT, EXECUTE, \
             REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {CONTROL_USER}@localhost;"
        ))?;
        Ok(backend)
    }

    /// Whether the process in the pid file is no more; before there is one the answer is no.
    fn has_ended(&self) -> bool {
        let pid = fs::read_to_string(&self.pid).unwrap_or_default();
        !pid.trim().is_empty() && !Path::new("/proc").join(pid.trim()).exists()
    }

    /// Brings back what tests expect: an empty database `test`, and no files of earlier tests.
    pub(crate) fn make_ready(&self) -> Result<(), String> {
        let data = self.sql("SELECT @@datadir")?;
        for file in
            fs::read_dir(Path::new(data.trim()).join("test")).into_iter().flatten().flatten()
        {
            if file.file_name().to_string_lossy().ends_with(".file") {
                fs::remove_file(file.path()).ok();
            }
        }
        self.sql("DROP DATABASE IF EXISTS test; CREATE DATABASE test CHARACTER SET latin1;")?;
        Ok(())
    }

    /// Its port of the loopback address.
    pub(crate) fn port(&self) -> Result<u16, String> {
        let port = self.sql("SELECT @@port")?;
        port.trim().parse().map_err(|_| format!("a port of {}", port.trim()))
    }

    /// Runs statements straight in the server, as root; the rows without headings.
    pub(crate) fn sql(&self, statements: &str) -> Result<String, String> {
        sql(&self.socket, statements)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let Ok(pid) = fs::read_to_string(&self.pid) else { return };
        let pid = pid.trim().to_owned();
        // Its data are of no use any more, and it may hang in what a test has left behind.
        Command::new("kill").args(["-KILL", &pid]).status().ok();
        let start = Instant::now();
        while Path::new("/proc").join(&pid).exists() && start.elapsed() < STOP_TIMEOUT {
            thread::sleep(POLL);
        }
    }
}

/// Runs statements as root over a unix socket; the rows without headings.
pub(crate) fn sql(socket: &Path, statements: &str) -> Result<String, String> {
    let client = shell::find("mariadb").ok_or("no mariadb client in PATH")?;
    let mut command = Command::new(client);
    command.args(["--no-defaults", "--skip-ssl", "-uroot", "-N", "-B", "-S"]).arg(socket);
    shell::output(command.args(["-e", statements]))
}

/// The account of the door's own connections.
pub(crate) const CONTROL_USER: &str = "menshen_control";
/// Its password; it guards a server of a few minutes on a unix socket.
pub(crate) const CONTROL_PASSWORD: &str = "of-this-run-only";

/// What many tests need, and which the suite would switch on for each of them.
const PLUGINS: &[&str] = &[
    "--mysqld=--loose-sequence",
    "--mysqld=--plugin-load-add=metadata_lock_info",
    "--mysqld=--loose-metadata-lock-info",
];

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
