//! The web door: files and sites over HTTPS.
//!
//! A worker is one process with one thread of connections. A request's way: [`worker`] accepts,
//! [`h1`] or [`h2`] reads its head, `plan` decides, for a host with a site by `site`, `sink` takes
//! a body, `files` and `job` answer.
//! Only `root` and `spool` touch the file system, always beneath one directory descriptor.

mod ask;
mod auth;
mod bucket;
mod certificates;
mod challenges;
mod door;
mod expire;
pub mod explain;
pub mod failures;
mod fault;
mod files;
#[cfg(test)]
mod fixture;
mod h1;
mod h2;
mod hooks;
mod job;
mod links;
mod listing;
mod log;
mod metrics;
mod notes;
mod page;
mod php;
mod plan;
mod quota;
mod relay;
mod reply;
mod root;
mod scratch;
mod shrink;
mod sink;
mod site;
mod spool;
mod tree;
mod tunnel;
mod uploads;
mod worker;
mod zip;

use std::process::ExitCode;

/// Runs a worker of this door: takes over what the guard left open, drops rights, serves until
/// told to drain. Exit status 0 after a drain, 111 when it could not begin.
#[must_use]
pub fn run(spec: menshen_config::WorkerSpec) -> ExitCode {
    worker::run(spec)
}
