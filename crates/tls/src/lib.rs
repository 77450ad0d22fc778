//! Certificates and keys: the development CA, orders of certificates, loading and checking of
//! operators' certificates, the TLS configuration of a worker and of a client, shared session
//! tickets, the owner token and its session cookies.
//!
//! This crate never opens a socket, never starts a thread, never logs, and never puts key material
//! into an error, a finding or a `Debug` output. Time comes in as an argument; only the ticket
//! clock handed to rustls reads it by itself, because rustls offers no other way.

mod base64url;
pub mod client;
pub mod collect;
pub mod dev_ca;
pub mod error;
pub mod fingerprint;
pub mod link_keys;
pub mod load;
mod names;
pub mod order;
pub mod server;
pub mod session;
pub mod shown;
mod state_folder;
pub mod store;
pub mod ticket;
pub mod token;

#[cfg(test)]
mod memory_handshake;

pub use client::{Trust, TrustProblem, client_config};
pub use collect::{Collected, FoundPair, collect};
pub use dev_ca::{DevCertificate, Outcome, Reason};
pub use error::{FileRole, TlsError};
pub use fingerprint::fingerprint;
pub use link_keys::{LinkKey, LinkKeys};
pub use load::{Loaded, load_pair};
pub use server::{ACME_TLS_ALPN, ChallengeCertificates, challenge_certificate, server_config};
pub use session::Verdict;
pub use shown::{Shown, ShownHashes};
pub use store::{Pair, Standing, Store};
pub use ticket::Ticketer;
pub use token::{Token, ensure_token, token_matches};
