//! A MariaDB of our own: data in the working folder, a unix socket and a loopback port.
//!
//! It reads no configuration of the system and must never be reachable from another machine.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::lab::Lab;
use crate::server::{Server, free_ports};
use crate::shell;

/// A running server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Database {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    /// The password of the account that applications use.
    pub(crate) password: String,
    socket: PathBuf,
    client: PathBuf,
    _server: Server,
}

impl Database {
    /// Makes an empty one and starts it.
    pub(crate) fn start(lab: &Lab) -> Result<Self, String> {
        let program = |name: &str| {
            let found = shell::find(name);
            found.ok_or_else(|| format!("no {name} in PATH; install the package mariadb-server"))
        };
        let folder = lab.folder.join("database");
        let data = folder.join("data");
        std::fs::create_dir_all(&data)
            .map_err(|e| format!("could not create {}: {e}", data.display()))?;
        lab.account.give(&folder)?;
        let mut install = lab.account.command(&program("mariadb-install-db")?);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        install.arg("--skip-test-db").arg(format!("--datadir={}", data.display()));
        shell::spoken(&mut install)?;

        let port = free_ports(1)?[0];
        let socket = folder.join("mariadb.sock");
        let log = folder.join("mariadb.log");
        let mut command = lab.account.command(&program("mariadbd")?);
        command.arg("--no-defaults").args(SETTINGS).arg(format!("--port={port}"));
        command.arg(format!("--datadir={}", data.display()));
        command.arg(format!("--socket={}", socket.display()));
        command.arg(format!("--pid-file={}", folder.join("mariadb.pid").display()));
        let mut server = Server::start("mariadbd", &mut command, &log)?;
        server.wait_for(port, &log)?;
        let password = random_word()?;
        let client = program("mariadb")?;
        let database = Self { port, password, socket, client, _server: server };
        database.execute(&format!(
            "CREATE USER '{USER}'@'%' IDENTIFIED BY '{}'; GRANT ALL ON *.* TO '{USER}'@'%';",
            database.password
        ))?;
        Ok(database)
    }

    /// Runs SQL as the database's root.
    pub(crate) fn execute(&self, sql: &str) -> Result<String, String> {
        let mut command = Command::new(&self.client);
        command.arg("--no-defaults").arg(format!("--socket={}", self.socket.display()));
        shell::output(command.args(["--user=root", "--batch", "--execute"]).arg(sql))
    }

    /// What the driver has to know.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "client": self.client,
            "socket": self.socket,
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "password": self.password,
        })
    }
}

fn random_word() -> Result<String, String> {
    let mut bytes = [0; 12];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| format!("could not read /dev/urandom: {e}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The account that applications use.
pub(crate) const USER: &str = "application";

const SETTINGS: [&str; 9] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--skip-slave-start",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=256M",
    // The data lives no longer than this run.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--max-allowed-packet=64M",
];
