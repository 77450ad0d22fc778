//! What a worker of the tunnel door is given on its standard input.
//!
//! Descriptors are numbers of already inherited files. By path the worker opens `/dev/net/tun`
//! alone, once for each session; of all rights it keeps `CAP_NET_ADMIN` (interfaces, addresses,
//! routes) and `CAP_NET_RAW` (GRE). It opens no file of users: that belongs to root, and what is in
//! it comes as a file in memory, which the guard writes anew when the file changes.
//!
//! The guard asks with signals, once the worker is ready: `SIGUSR1` retires it (a newer generation
//! serves: accept nothing more, serve open sessions, give up on them after
//! `tunnel.drain_seconds_max`), `SIGTERM` ends it, retired or not: sessions are closed in good
//! order within [`TunnelSpec::stop_seconds_max`]. Its exit code is 0 unless it fails.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::model::Tunnel;

/// Everything one worker of the tunnel door needs; one JSON text.
#[derive(Debug, Serialize, Deserialize)]
pub struct TunnelSpec {
    /// Place of this worker among those of its generation; always 0.
    pub index: u32,
    /// Counts reloads, from 1.
    pub generation: u64,
    /// Scoreboard slot this worker alone writes.
    pub slot: u32,
    /// The section `[tunnel]`, checked. Its paths are of no use to the worker.
    pub config: Tunnel,
    /// Control connections of PPTP: listening already and non-blocking, shared by all generations.
    pub pptp: Vec<TunnelListener>,
    /// Where the web door hands over SSTP: a listening, non-blocking socket of the unix family,
    /// shared by all generations. `None`: `tunnel.sstp` is off.
    pub sstp_fd: Option<i32>,
    /// Where `menshen status` asks: like `sstp_fd`, and root's alone.
    pub control_fd: i32,
    /// What is in the file of users: a file in memory, for reading only. The guard writes it anew
    /// and sets its time of change last, to another value each time: whoever sees the same time
    /// before and after reading has read all of it.
    pub users_fd: i32,
    /// Which addresses and numbers of calls are taken: an empty file in memory, read-write, shared
    /// by all generations, for `menshen_sys::lease`.
    pub leases_fd: i32,
    /// Where starts and ends of sessions go, for appending; lines of JSON.
    pub accounting_fd: Option<i32>,
    /// The scoreboard file, read-write.
    pub scoreboard_fd: i32,
    /// Where one byte is written just before the worker accepts its first connection.
    pub ready_fd: i32,
    /// User and group to become.
    pub become_user: Option<(u32, u32)>,
    /// `oom_score_adj` to write to itself before dropping rights.
    pub oom_score_adj: Option<i32>,
    /// After `SIGTERM`: how long peers are waited for, seconds.
    pub stop_seconds_max: u32,
}

/// One inherited socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelListener {
    /// Descriptor number.
    pub fd: i32,
    /// The address as bound.
    pub address: SocketAddr,
}
