//! What a worker of the sql door is given on its standard input.
//!
//! Descriptors are numbers of already inherited files: the worker opens nothing by path but the
//! server's socket. Keys and passwords come as text, since the files belong to root; `Debug` shows
//! none of them.
//!
//! The guard asks with signals, once the worker is ready: `SIGUSR1` retires it (a newer
//! generation serves: accept nothing more, serve open sessions, give up on them after
//! `sql.drain_seconds_max`), `SIGTERM` ends it, retired or not (close sessions between two
//! statements at once, give the others [`SqlSpec::stop_seconds_max`]). Its exit code is 0 only when
//! no write of its sessions is left in flight: any other end makes the guard retire the versions of
//! tables that all workers share.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::keeper::Secret;
use crate::model::{Sql, SqlAddress};

/// Everything one worker of the sql door needs; one JSON text.
#[derive(Debug, Serialize, Deserialize)]
pub struct SqlSpec {
    /// Place of this worker among those of its generation, from 0.
    pub index: u32,
    /// Counts reloads, from 1.
    pub generation: u64,
    /// Scoreboard slot this worker alone writes.
    pub slot: u32,
    /// The section `[sql]`, checked, all paths absolute.
    pub config: Sql,
    /// Threads that serve; `config.workers` with 0 replaced by the number of processors.
    pub threads: u32,
    /// Its sockets, listening already and non-blocking.
    pub listeners: Vec<SqlListener>,
    /// Versions of tables: the file of `menshen_sys::words`, read-write, shared by all generations
    /// until a worker crashes.
    pub words_fd: i32,
    /// Where `menshen status` and `menshen explain query` ask: a listening, non-blocking socket of
    /// the unix family, shared by all generations.
    pub control_fd: i32,
    /// The scoreboard file, read-write.
    pub scoreboard_fd: i32,
    /// Which steps against memory shortage hold: a page of `menshen_sys::posture`, for reading
    /// only; none where no watch runs.
    pub posture_fd: Option<i32>,
    /// Where one byte is written just before the worker accepts its first connection.
    pub ready_fd: i32,
    /// User and group to become.
    pub become_user: Option<(u32, u32)>,
    /// `oom_score_adj` to write to itself before dropping rights.
    pub oom_score_adj: Option<i32>,
    /// After `SIGTERM`: how long sessions in the middle of a statement or transaction are waited
    /// for, seconds.
    pub stop_seconds_max: u32,
    /// What clients are offered; none: no TLS towards clients.
    pub certificate: Option<SqlPair>,
    /// PEM roots the server's certificate is checked against, with `upstream_tls = "verify"`; none:
    /// those of the system.
    pub upstream_ca_pem: Option<String>,
    /// Password of `control_user`, without the line end of the file; none: an account without.
    pub control_password: Option<Secret>,
}

/// One inherited socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlListener {
    /// Descriptor number.
    pub fd: i32,
    /// The thread that alone accepts on it, from 0 and below [`SqlSpec::threads`]; none: all of
    /// them, as with the unix family.
    pub thread: Option<u32>,
    /// The address as bound.
    pub address: SqlAddress,
}

/// A certificate with its key; `Debug` shows no key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlPair {
    /// PEM chain, leaf first.
    pub certificate_pem: String,
    /// PEM private key.
    pub key_pem: String,
}

impl fmt::Debug for SqlPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlPair(…)")
    }
}
