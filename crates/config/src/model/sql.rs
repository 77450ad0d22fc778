//! The sql door: where it listens, the server behind it, its cache and how exact that is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The sql door; without an address to listen on there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// Where clients connect; empty: no sql door.
    pub listen: Vec<SqlAddress>,
    /// Permission bits of sockets of the unix family in `listen`.
    pub socket_mode: u32,
    /// The server.
    pub upstream: SqlAddress,
    /// Whether the way to the server is encrypted.
    pub upstream_tls: UpstreamTls,
    /// Name the server's certificate must be for; `None`: its address.
    pub upstream_name: Option<String>,
    /// PEM roots for the server's certificate; `None`: those of the system.
    pub upstream_ca: Option<PathBuf>,
    /// Whether the server is told the client's address (PROXY protocol version 2).
    pub upstream_proxy_protocol: bool,
    /// PEM chain clients are offered; `None`: no TLS towards clients.
    pub certificate: Option<PathBuf>,
    /// Its PEM private key.
    pub key: Option<PathBuf>,
    /// Threads; 0: one per processor.
    pub workers: u32,
    /// Sessions at once; 0: as many as the limit of open files leaves room for.
    pub connections_max: u32,
    /// Account of the follower and the catalog; `None`: the cache is off.
    pub control_user: Option<String>,
    /// File with its password; `None`: it has none.
    pub control_password_file: Option<PathBuf>,
    /// `query_cache_type`.
    pub cache_type: CacheType,
    /// `query_cache_size`, bytes; 0: the cache is off.
    pub cache_bytes_max: u64,
    /// `query_cache_limit`, bytes.
    pub result_bytes_max: u64,
    /// Longest statement that is read to its end, bytes.
    pub inspect_bytes_max: u32,
    /// What transactions get from the cache.
    pub transactions: SqlTransactions,
    /// What holds when the binlog cannot be followed.
    pub without_binlog: WithoutBinlog,
    /// Age up to which an entry is served under [`WithoutBinlog::Ttl`], milliseconds; 0: not set.
    pub ttl_ms: u32,
    /// Time without a word from the server after which the follower counts as behind,
    /// milliseconds.
    pub follow_silence_ms_max: u32,
    /// Time for greeting, TLS and login, seconds.
    pub handshake_seconds_max: u32,
    /// Time a session may be idle, seconds; 0: as long as the server allows.
    pub idle_seconds_max: u32,
    /// Time sessions of an earlier generation are served on after a reload, seconds.
    pub drain_seconds_max: u32,
    /// Statements whose statistics are kept.
    pub statements_max: u32,
    /// Sets of session settings told apart by the cache.
    pub fingerprints_max: u32,
}

/// An address of the sql door or its server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SqlAddress {
    /// `127.0.0.1:3306`.
    Tcp(SocketAddr),
    /// `unix:/run/mysqld/mysqld.sock`.
    Unix(PathBuf),
}

/// Whether the way to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamTls {
    /// Never.
    Off,
    /// Always, with any certificate.
    On,
    /// Always, with a certificate that is checked.
    Verify,
}

/// `query_cache_type` as the door starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheType {
    /// 1: all but `SQL_NO_CACHE`.
    On,
    /// 0: nothing.
    Off,
    /// 2: `SQL_CACHE` only.
    Demand,
}

/// What transactions get from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SqlTransactions {
    /// What their snapshot would show.
    Snapshot,
    /// Nothing.
    Never,
}

/// What holds while the binlog cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutBinlog {
    /// No hits and no fills.
    Refuse,
    /// Writes come through this door only; said by whoever configures it.
    SoleDoor,
    /// Entries are served while younger than `ttl_ms`.
    Ttl,
}

impl Sql {
    /// Whether there is a sql door.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        !self.listen.is_empty()
    }
}

impl fmt::Display for SqlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Default for Sql {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            socket_mode: 0o666,
            upstream: SqlAddress::Tcp(([127, 0, 0, 1], 3306).into()),
            upstream_tls: UpstreamTls::Off,
            upstream_name: None,
            upstream_ca: None,
            upstream_proxy_protocol: false,
            certificate: None,
            key: None,
            workers: 0,
            connections_max: 0,
            control_user: None,
            control_password_file: None,
            cache_type: CacheType::On,
            cache_bytes_max: 64 << 20,
            result_bytes_max: 1 << 20,
            inspect_bytes_max: 1 << 20,
            transactions: SqlTransactions::Snapshot,
            without_binlog: WithoutBinlog::Refuse,
            ttl_ms: 0,
            follow_silence_ms_max: 3000,
            handshake_seconds_max: 10,
            idle_seconds_max: 0,
            drain_seconds_max: 600,
            statements_max: 2000,
            fingerprints_max: 10_000,
        }
    }
}
