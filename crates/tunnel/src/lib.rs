//! The tunnel door's IO: what bears PPP frames ([`carrier`]), where their packets go ([`device`],
//! [`tun`]), and the loop that joins both to one PPP session ([`driver`]).
//!
//! A session is one task of a current-thread runtime; nothing here is `Send`, nothing locks, no
//! packet costs an allocation. What the octets mean is decided in `menshen-tunnel-core`; this crate
//! must never read a protocol itself, nor hand a packet of one session to another.

pub mod carrier;
pub mod client;
pub mod clock;
mod datagrams;
pub mod device;
pub mod driver;
#[cfg(test)]
mod fixture;
pub mod outer;
pub mod pptp;
mod readiness;
pub mod report;
pub mod server;
pub mod sstp;
pub mod tun;
mod worker;

use std::process::ExitCode;

/// Runs a worker of this door: takes over what the guard left open, drops all rights but two,
/// serves until it is told to end. Exit status 0 after that, 111 when it could not begin or go on.
#[must_use]
pub fn run(spec: menshen_config::TunnelSpec) -> ExitCode {
    worker::run(spec)
}
