//! A `MariaDB` of our own in one folder, with a unix socket and a loopback port.
//!
//! It reads no configuration of the system. Whoever drops it ends it, see [`Server`].

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::Server;
use crate::shell;

/// Where it is and how it is set; may be started again and again on the same data.
#[derive(Debug)]
pub(crate) struct MariaDb {
    folder: PathBuf,
    socket: PathBuf,
    settings: Vec<String>,
}

impl MariaDb {
    /// Makes an empty one in `folder`, which is emptied before. A socket's path has 107 bytes at
    /// most.
    pub(crate) fn install(
        folder: &Path,
        socket: &Path,
        port: u16,
        settings: &[&str],
    ) -> Result<Self, String> {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|e| e.to_string())?;
        }
        fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let mut settings: Vec<String> = settings.iter().map(|text| (*text).to_owned()).collect();
        settings.push(format!("--datadir={}", folder.join("data").display()));
        let mut install = Command::new(program("mariadb-install-db")?);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        install.args(["--skip-test-db", "--user=root"]);
        shell::output(install.arg(settings.last().map_or("", String::as_str)))?;
        settings.push(format!("--port={port}"));
        settings.push(format!("--socket={}", socket.display()));
        settings.push(format!("--pid-file={}", folder.join("pid").display()));
        Ok(Self { folder: folder.to_owned(), socket: socket.to_owned(), settings })
    }

    /// Starts it and waits until it takes connections.
    pub(crate) fn start(&self) -> Result<Server, String> {
        let log = self.folder.join("log");
        let mut command = Command::new(program("mariadbd")?);
        command.args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"]);
        let mut server = Server::start("mariadbd", command.args(&self.settings), &log)?;
        server.wait_until(&log, || UnixStream::connect(&self.socket).is_ok())?;
        Ok(server)
    }

    /// Runs SQL as its root; the answer without headings.
    pub(crate) fn execute(&self, sql: &str) -> Result<String, String> {
        let mut command = Command::new(program("mariadb")?);
        command.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        command.arg(format!("--socket={}", self.socket.display()));
        shell::output(command.arg("--execute").arg(sql))
    }
}

fn program(name: &str) -> Result<PathBuf, String> {
    shell::find(name)
        .ok_or_else(|| format!("no {name} in PATH; install the package mariadb-server"))
}
