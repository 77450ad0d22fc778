//! The TLS configuration of a worker: TLS 1.2 and 1.3 with aws-lc-rs, stateless tickets.
//!
//! It never logs secrets, never asks clients for certificates, and keeps no session in memory: a
//! client that comes back may reach any worker. Every worker must be given the same ticket key.
//! With challenges it also answers tls-alpn-01 (RFC 8737): their certificates are for clients that
//! offer `acme-tls/1` and nothing else, and those never get any other.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::TlsError;
use crate::load::challenge_pair;
use crate::store::Store;
use crate::ticket::Ticketer;

/// Certificates of challenges that run now. It is asked only for clients that offer
/// [`ACME_TLS_ALPN`] alone.
pub trait ChallengeCertificates: Debug + Send + Sync {
    /// The one for `name`, lower case.
    fn certificate_for(&self, name: &str) -> Option<Arc<CertifiedKey>>;
}

/// The configuration that serves `store`. `alpn` are the offered protocols, best first;
/// [`ACME_TLS_ALPN`] is added where there are `challenges`. Tickets of one `ticketer` outlive the
/// configuration.
///
/// # Errors
/// The TLS library cannot be set up.
pub fn server_config(
    store: Arc<Store>,
    challenges: Option<Arc<dyn ChallengeCertificates>>,
    ticketer: Arc<Ticketer>,
    alpn: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let extra = challenges.as_ref().map(|_| ACME_TLS_ALPN);
    // Never the process-wide default provider: a library could set another one.
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver { store, challenges }));
    config.alpn_protocols = alpn.iter().copied().chain(extra).map(<[u8]>::to_vec).collect();
    config.ticketer = ticketer;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // One is enough for a browser to come back with; each costs a record and a key derivation.
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// A challenge's certificate and key, ready to be served. Neither times nor names are checked.
///
/// # Errors
/// PEM that cannot be read, or a key that does not match.
pub fn challenge_certificate(
    certificate_pem: &[u8],
    key_pem: &[u8],
) -> Result<Arc<CertifiedKey>, TlsError> {
    Ok(Arc::new(challenge_pair(certificate_pem, key_pem)?))
}

/// The protocol of tls-alpn-01 (RFC 8737 §6.2).
pub const ACME_TLS_ALPN: &[u8] = b"acme-tls/1";

#[derive(Debug)]
struct Resolver {
    store: Arc<Store>,
    challenges: Option<Arc<dyn ChallengeCertificates>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(challenges) = &self.challenges
            && hello.alpn().is_some_and(|offered| offered.eq([ACME_TLS_ALPN]))
        {
            return challenges.certificate_for(hello.server_name()?);
        }
        self.store.choose(hello.server_name(), hello.signature_schemes()).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests;
