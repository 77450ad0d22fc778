//! The servers of `bench sql`: two `MariaDB`s, haproxy, a canned responder, menshen.
//!
//! Proxies reach the server through its unix socket, which is the faster link for both. It must
//! never give menshen a setting that haproxy or the server's own cache does not get.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use crate::bench::lab::Lab;
use crate::mariadb::MariaDb;
use crate::server::{Server, free_ports};
use crate::shell;

/// Who is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// This project's door; its server has no cache.
    Menshen,
    /// The server alone, without its cache.
    Direct,
    /// The server alone, with its cache.
    OwnCache,
    /// haproxy in TCP mode before the server without its cache.
    Haproxy,
    /// One answer for everything.
    Canned,
}

impl Target {
    pub(super) const ALL: &'static [Self] =
        &[Self::Menshen, Self::Direct, Self::OwnCache, Self::Haproxy, Self::Canned];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Menshen => "menshen",
            Self::Direct => "MariaDB without a cache",
            Self::OwnCache => "MariaDB's own cache",
            Self::Haproxy => "haproxy",
            Self::Canned => "canned responder",
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Menshen => 0,
            Self::Direct => 1,
            Self::OwnCache => 2,
            Self::Haproxy => 3,
            Self::Canned => 4,
        }
    }
}

/// How the client reaches who is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// TCP over loopback.
    Tcp,
    /// A Unix socket.
    Unix,
}

impl Link {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
        }
    }
}

/// All of them, running.
#[derive(Debug)]
pub(super) struct Rivals {
    ports: Vec<u16>,
    /// In the order of [`Target::ALL`].
    sockets: Vec<PathBuf>,
    /// In the order of [`Target::ALL`]; proxies end before their server.
    servers: Vec<Option<Server>>,
    nonce: Cell<u32>,
}

impl Rivals {
    pub(super) fn start(options: &Options, lab: &Lab) -> Result<Self, String> {
        let ports = free_ports(Target::ALL.len() + 1)?;
        let rivals = |target: Target| options.wants(target.only());
        let direct = mariadb(lab, "direct", ports[1], &["--query-cache-type=0"])?;
        let own = rivals(Target::OwnCache)
            .then(|| mariadb(lab, "own-cache", ports[2], OWN_CACHE))
            .transpose()?;
        let haproxy = rivals(Target::Haproxy).then(|| haproxy(lab, ports[3])).transpose()?;
        let canned = rivals(Target::Canned).then(|| canned(lab, ports[4])).transpose()?;
        let words = ["menshen", "direct", "own-cache", "haproxy", "canned"];
        let sockets = words.iter().map(|word| socket(lab, word)).collect();
        let menshen =
            rivals(Target::Menshen).then(|| menshen(lab, ports[0], ports[5])).transpose()?;
        let servers = vec![menshen, Some(direct), own, haproxy, canned];
        Ok(Self { ports, sockets, servers, nonce: Cell::new(std::process::id() % 10_000 * 1000) })
    }

    pub(super) fn port(&self, target: Target) -> u16 {
        self.ports[target.place()]
    }

    pub(super) fn socket(&self, target: Target) -> &Path {
        &self.sockets[target.place()]
    }

    /// Run time of the target's own processes so far.
    pub(super) fn cpu_ns(&self, target: Target) -> u64 {
        self.server(target).map_or(0, Server::cpu_ns)
    }

    /// The target's processes, where it takes part.
    pub(super) fn server(&self, target: Target) -> Option<&Server> {
        self.servers[target.place()].as_ref()
    }

    /// A number no run had before.
    pub(super) fn nonce(&self) -> u32 {
        self.nonce.set(self.nonce.get() + 1);
        self.nonce.get()
    }
}

/// The configurations, by file name.
pub(crate) fn configurations(options: &Options, lab: &Lab) -> Vec<(String, String)> {
    let mut files = Vec::new();
    if options.wants(Target::Haproxy.only()) {
        files.push(("haproxy-sql.cfg".to_owned(), haproxy_configuration(lab, 3306)));
        files.push(("mariadb-sql.txt".to_owned(), [COMMON, OWN_CACHE].concat().join("\n")));
    }
    if options.wants(Target::Menshen.only()) {
        files.push(("menshen-sql.toml".to_owned(), menshen_configuration(lab, 3307, 8443)));
    }
    files
}

fn mariadb(lab: &Lab, word: &str, port: u16, settings: &[&str]) -> Result<Server, String> {
    let settings = [COMMON, settings].concat();
    let mariadb = MariaDb::install(&folder(lab, word), &socket(lab, word), port, &settings)?;
    let server = mariadb.start()?;
    mariadb.execute(SETUP)?;
    Ok(server)
}

fn haproxy(lab: &Lab, port: u16) -> Result<Server, String> {
    let program = shell::find("haproxy").ok_or("no haproxy in PATH; install the package")?;
    let file = lab.conf().join("haproxy-sql.cfg");
    fs::write(&file, haproxy_configuration(lab, port)).map_err(|e| e.to_string())?;
    let log = lab.conf().join("haproxy-sql.log");
    let mut server = Server::start("haproxy", Command::new(program).arg("-f").arg(file), &log)?;
    server.wait_for(port, &log)?;
    Ok(server)
}

fn canned(lab: &Lab, port: u16) -> Result<Server, String> {
    let log = lab.conf().join("canned.log");
    let mut command = Command::new(lab.program("canned_sql"));
    command.args([port.to_string(), "2".to_owned()]).arg(socket(lab, "canned"));
    let mut server = Server::start("canned_sql", &mut command, &log)?;
    server.wait_for(port, &log)?;
    Ok(server)
}

fn menshen(lab: &Lab, port: u16, web: u16) -> Result<Server, String> {
    let folder = folder(lab, "menshen");
    fs::create_dir_all(&folder)
        .and_then(|()| {
            fs::write(folder.join("menshen.toml"), menshen_configuration(lab, port, web))
        })
        .map_err(|e| e.to_string())?;
    let log = lab.conf().join("menshen-sql.log");
    let mut command = Command::new(&lab.menshen);
    command.current_dir(&folder).args(["serve", "--config", "menshen.toml"]);
    let mut server = Server::start("menshen", &mut command, &log)?;
    server.wait_for(port, &log)?;
    Ok(server)
}

fn haproxy_configuration(lab: &Lab, port: u16) -> String {
    format!(
        "global\n  nbthread 2\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  \
         timeout client 1h\n  timeout server 1h\nlisten sql\n  bind 127.0.0.1:{port}\n  bind \
         unix@{}\n  server mariadb unix@{}\n",
        socket(lab, "haproxy").display(),
        socket(lab, "direct").display()
    )
}

fn menshen_configuration(lab: &Lab, port: u16, web: u16) -> String {
    let certificate = lab.certificate();
    format!(
        "[web]
listen = [\"127.0.0.1:{web}\"]
root = \"{root}\"
access_log = \"off\"

[tls]
certificate = \"{certificate}\"
key = \"{key}\"

[admin]
listen = \"off\"

[sql]
listen = [\"127.0.0.1:{port}\", \"unix:{own}\"]
upstream = \"unix:{socket}\"
workers = 2
control_user = \"root\"
without_binlog = \"sole-door\"
cache_bytes_max = \"256MiB\"
",
        root = lab.files().display(),
        certificate = certificate.display(),
        key = certificate.with_extension("key").display(),
        own = socket(lab, "menshen").display(),
        socket = socket(lab, "direct").display(),
    )
}

fn folder(lab: &Lab, word: &str) -> PathBuf {
    lab.disk.join("sql").join(word)
}

/// Short: a socket's path has 107 bytes at most.
fn socket(lab: &Lab, word: &str) -> PathBuf {
    Path::new(&lab.ram).join(format!("{word}.sock"))
}

const COMMON: &[&str] =
    &["--max-connections=2000", "--innodb-buffer-pool-size=256M", "--performance-schema=OFF"];
const OWN_CACHE: &[&str] =
    &["--query-cache-type=1", "--query-cache-size=256M", "--query-cache-limit=1M"];
/// The table is sysbench's, made here so that all servers have the same rows.
const SETUP: &str =
    "CREATE DATABASE sbtest; CREATE USER sbtest@'%'; GRANT ALL ON *.* TO sbtest@'%';
CREATE USER sbtest@localhost; GRANT ALL ON *.* TO sbtest@localhost; USE sbtest;
CREATE TABLE sbtest1 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,
  c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_1 (k)) ENGINE=InnoDB;
INSERT INTO sbtest1 (id, k, c, pad) SELECT seq, seq * 7919 % 10000 + 1,
  CONCAT_WS('-', LPAD(seq * 104729 % 99999999989, 11, '0'), REPEAT('3141592653-', 9), seq),
  REPEAT('27182818284-', 4) FROM seq_1_to_10000;
CREATE TABLE other LIKE sbtest1; INSERT INTO other SELECT * FROM sbtest1 WHERE id <= 10;
CREATE TABLE big LIKE sbtest1;
INSERT INTO big (id, k, c, pad) SELECT seq, 1, REPEAT('x', 119), '' FROM seq_1_to_100000;";
