//! The TLS configuration of a worker: TLS 1.2 and 1.3 with aws-lc-rs, stateless tickets.
//!
//! It never logs secrets, never asks clients for certificates, and keeps no session in memory: a
//! client that comes back may reach any worker. Every worker must be given the same ticket key.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::NoServerSessionStorage;

use crate::error::TlsError;
use crate::load::pair_from_pem;
use crate::ticket::{Ticketer, unix_seconds};

/// The configuration for one certificate (PEM, leaf first) and its key. `alpn` are the offered
/// protocols, best first. Times are not checked here, see [`crate::load_pair`].
///
/// # Errors
/// PEM that cannot be read, or a key that does not match.
pub fn server_config(
    certificate_pem: &[u8],
    key_pem: &[u8],
    ticket_key: &[u8; 32],
    alpn: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let (chain, key) = pair_from_pem(certificate_pem, key_pem)?;
    // Never the process-wide default provider: a library could set another one.
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.ticketer = Arc::new(Ticketer::new(ticket_key, unix_seconds));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // One is enough for a browser to come back with; each costs a record and a key derivation.
    config.send_tls13_tickets = 1;
    Ok(config)
}

#[cfg(test)]
mod tests;
