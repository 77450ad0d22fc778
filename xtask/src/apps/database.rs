//! A MariaDB of our own: data in the working folder, a unix socket and a loopback port; and the
//! port of the sql door that a menshen puts before it.
//!
//! It reads no configuration of the system and must never be reachable from another machine.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::lab::Lab;
use crate::server::{Server, free_ports};
use crate::shell;

/// How applications reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Through menshen's sql door.
    ThroughDoor,
    /// At its own port.
    Itself,
}

/// A running server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Database {
    /// Where applications find it on 127.0.0.1: the door where there is one, else the server
    /// itself.
    pub(crate) port: u16,
    /// The password of the account that applications use.
    pub(crate) password: String,
    /// The server's socket.
    pub(crate) socket: PathBuf,
    /// Holds the password, for the door's control account.
    pub(crate) password_file: PathBuf,
    client: PathBuf,
    _server: Server,
}

impl Database {
    /// Makes an empty one and starts it.
    pub(crate) fn start(lab: &Lab, reached: Reached) -> Result<Self, String> {
        let program = |name: &str| {
            let found = shell::find(name);
            found.ok_or_else(|| format!("no {name} in PATH; install the package mariadb-server"))
        };
        let folder = lab.folder.join("database");
        let data = folder.join("data");
        fs::create_dir_all(&data)
            .map_err(|e| format!("could not create {}: {e}", data.display()))?;
        lab.account.give(&folder)?;
        // Servers that share one delete each other's temporary tables when they start.
        let temporary = format!("--tmpdir={}", folder.display());
        let mut install = lab.account.command(&program("mariadb-install-db")?);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        install.arg("--skip-test-db").arg(format!("--datadir={}", data.display()));
        shell::spoken(install.arg(&temporary))?;

        let ports = free_ports(2)?;
        let server_port = ports[0];
        let socket = folder.join("mariadb.sock");
        let log = folder.join("mariadb.log");
        let mut command = lab.account.command(&program("mariadbd")?);
        command.arg("--no-defaults").args(SETTINGS).arg(temporary);
        command.arg(format!("--port={server_port}"));
        command.arg(format!("--datadir={}", data.display()));
        command.arg(format!("--socket={}", socket.display()));
        command.arg(format!("--pid-file={}", folder.join("mariadb.pid").display()));
        let mut server = Server::start("mariadbd", &mut command, &log)?;
        server.wait_for(server_port, &log)?;
        let password = random_word()?;
        let password_file = folder.join("password");
        fs::write(&password_file, &password)
            .and_then(|()| fs::set_permissions(&password_file, Permissions::from_mode(0o600)))
            .map_err(|e| format!("could not write {}: {e}", password_file.display()))?;
        let client = program("mariadb")?;
        let port = if reached == Reached::ThroughDoor { ports[1] } else { server_port };
        let database = Self { port, password, socket, password_file, client, _server: server };
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

    /// How often the door answered from its cache, and how many statements it sent on and could
    /// have kept; asked through the door, as an application would.
    pub(crate) fn cache_counts(&self) -> Result<(u64, u64), String> {
        let mut command = Command::new(&self.client);
        command.args(["--no-defaults", "--host=127.0.0.1", "--batch", "--skip-column-names"]);
        command.arg(format!("--port={}", self.port)).arg(format!("--user={USER}"));
        // Not in the arguments, which everybody can read.
        command.env("MYSQL_PWD", &self.password);
        let text = shell::output(command.args(["-e", "SHOW GLOBAL STATUS LIKE 'Qcache%'"]))?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
        };
        Ok((value("Qcache_hits"), value("Qcache_inserts")))
    }

    /// How many `SELECT`s the server has had, from whomever.
    pub(crate) fn reads(&self) -> Result<u64, String> {
        let text = self.execute("SHOW GLOBAL STATUS LIKE 'Com_select'")?;
        let word = text.split_whitespace().last().and_then(|word| word.parse().ok());
        word.ok_or_else(|| format!("no number of reads in {text:?}"))
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

const SETTINGS: [&str; 10] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--log-bin=binlog",
    "--server-id=1",
    "--skip-slave-start",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=256M",
    // The data lives no longer than this run.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--max-allowed-packet=64M",
];
