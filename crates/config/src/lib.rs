//! `menshen.toml`: what can be set, its defaults, and what is wrong with a given text.
//!
//! One table (`table.rs`) makes the checks, the commented sample and the reference page, so they
//! cannot disagree. This crate reads no file and no environment: text comes in as an argument.

pub mod dial;
pub mod failure;
pub mod keeper;
pub mod model;
mod nearest;
mod parse;
pub mod paths;
mod problem;
mod render;
mod sample;
pub mod sql;
mod table;
pub mod tunnel;
pub mod watch;
pub mod worker;

#[cfg(test)]
mod tests;

pub use failure::Failure;
pub use keeper::Secret;
pub use model::{
    Access, AccessLog, Acme, AcmeChallenge, AcmeDirectory, Admin, Bounds, CacheType, Children,
    Config, Delivery, EXTERNAL_WORKERS, ExternalPool, FieldPiece, FieldTemplate, FieldVariable,
    Fields, Guard, Hook, HookEvent, Limits, Links, Mount, Mppe, NameValue, Network, Php,
    PhpAddress, PhpBackend, PlainMode, Pptp, Protect, ProtectBy, PublicPath, QueryPiece, Redirect,
    Rule, S3, SignedLinks, Site, Sql, SqlAddress, SqlTransactions, Threshold, Tls, Try, Tunnel,
    Uploads, UpstreamTls, Web, WithoutBinlog,
};
pub use parse::{Parsed, TEXT_BYTES_MAX, parse};
pub use problem::Problem;
pub use render::{Colour, render, summary};
pub use sample::{reference, sample};
pub use sql::{SqlListener, SqlPair, SqlSpec};
pub use tunnel::{TunnelListener, TunnelSpec};
pub use watch::WatchSpec;
pub use worker::{
    HookSpec, LinkKeySpec, LinkSpec, ListenerRole, ListenerSpec, POOLS_MAX, PairOrigin, PoolSpec,
    S3Spec, Secrets, Shelf, ShelfPair, SiteSpec, WorkerSpec,
};

/// A configuration file, read and rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The configuration; `None` when a problem is an error.
    pub config: Option<Config>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
    /// All problems as text for people, a blank line between two; empty when all is well.
    pub report: String,
}

/// Reads the bytes of a configuration file and renders everything that is wrong with it.
///
/// Bytes that are no UTF-8 are an error at the first of them; the rest is checked all the same.
/// `file_name` is only shown.
#[must_use]
pub fn check(bytes: &[u8], file_name: &str, colour: Colour) -> Checked {
    let (text, broken) = problem::decoded(bytes);
    let Parsed { mut config, mut problems } = parse(&text);
    if let Some(broken) = broken {
        config = None;
        let place = problems.partition_point(|other| other.span.start < broken.span.start);
        problems.insert(place, broken);
    }
    let rendered: Vec<String> =
        problems.iter().map(|problem| render(problem, file_name, &text, colour)).collect();
    Checked { config, problems, report: rendered.join("\n") }
}
