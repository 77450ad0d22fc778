//! The sql door: relays MySQL and MariaDB sessions, one server connection for each client, and
//! answers repeated reads from its cache.
//!
//! A worker is one process with some threads, each with its own listeners and connections:
//! `worker` begins and ends, [`accept`] lets clients in, [`login`] relays who they are, [`relay`]
//! what they ask, over [`link`]s.
//!
//! It holds no password but that of its own control account, parses nothing as root, and changes no
//! reply but where the query cache itself is asked about.

pub mod accept;
pub mod cache;
pub mod catalog;
pub mod control;
pub mod counters;
pub mod desk;
pub mod door;
#[cfg(test)]
mod fixture;
pub mod follow;
pub mod link;
pub mod login;
pub mod orphans;
mod proxy_protocol;
pub mod relay;
pub mod report;
pub mod seat;
pub mod serve;
pub mod surface;
pub mod tally;
pub mod tls;
pub mod upstream;
mod worker;

use std::process::ExitCode;

/// Runs a worker of this door: takes over what the guard left open, drops rights, serves until it
/// is told to end. Exit status 0 after that, 1 when writes of its sessions are left in flight, 111
/// when it could not begin.
#[must_use]
pub fn run(spec: menshen_config::SqlSpec) -> ExitCode {
    worker::run(spec)
}
