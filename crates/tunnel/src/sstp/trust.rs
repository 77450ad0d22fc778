//! What the certificate of an SSTP server is checked against.
//!
//! Inside the connection a password is proven by MS-CHAPv2, which is only as strong as this check:
//! there is no way to switch it off. A server with a certificate of its own making is trusted by
//! its fingerprint. It fails when there is no root to check against.

use std::sync::Arc;

pub use menshen_tls::TrustProblem;
use menshen_tls::client_config;
use rustls::ClientConfig;
use rustls::client::Resumption;

/// What a server's certificate is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The roots of the system; the name must match.
    System,
    /// The roots in this PEM text; the name must match.
    Roots(Vec<u8>),
    /// This very certificate, by the SHA-256 of its DER octets. Name and dates do not matter.
    Fingerprint([u8; 32]),
}

impl Trust {
    /// A client's configuration: TLS 1.2 or 1.3, no ALPN (with h2 there would be no SSTP), and no
    /// resumption, because the crypto binding is about what this connection was shown.
    ///
    /// # Errors
    /// Roots that are missing or cannot be used.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TrustProblem> {
        let mut config = client_config(match self {
            Self::System => menshen_tls::Trust::System,
            Self::Roots(pem) => menshen_tls::Trust::Roots(pem),
            Self::Fingerprint(sha256) => menshen_tls::Trust::Fingerprint(*sha256),
        })?;
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}
