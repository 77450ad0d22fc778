//! Which certificate a connection was shown, as hashes of its DER octets.
//!
//! Protocols that bind themselves to TLS need them ([MS-SSTP] section 3.2.5.2: the crypto binding).
//! A client that resumes is shown none: it goes by the one of the connection its ticket is from. So
//! the hashes lie in the ticket, sealed with it, and a renewal in between changes nothing.
//!
//! How it fails: tickets of TLS 1.2 give nothing back, so there a resumed connection counts as
//! shown what its client would be shown now; after a renewal that is another one, for as long as
//! its ticket is good.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{self, digest};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

/// Hashes of a certificate's DER octets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShownHashes {
    /// SHA-1, which some clients have nothing better than.
    pub sha1: [u8; 20],
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Remembers what one connection is shown.
#[derive(Debug)]
pub struct Shown {
    chooses: Arc<dyn ResolvesServerCert>,
    chosen: Mutex<Option<Arc<CertifiedKey>>>,
}

impl Shown {
    /// A configuration like `config` for one connection, and what remembers for it.
    #[must_use]
    pub fn over(config: &ServerConfig) -> (Arc<ServerConfig>, Arc<Self>) {
        let chooses = Arc::clone(&config.cert_resolver);
        let shown = Arc::new(Self { chooses, chosen: Mutex::new(None) });
        let mut config = config.clone();
        config.cert_resolver = Arc::clone(&shown) as Arc<dyn ResolvesServerCert>;
        (Arc::new(config), shown)
    }

    /// To be asked after each step of the handshake: what `tls` was shown, once it is decided.
    /// Tickets sent from then on carry it.
    pub fn look(&self, tls: &mut ServerConnection) -> Option<ShownHashes> {
        let resumed = tls.handshake_kind()? == HandshakeKind::Resumed;
        let carried = tls.received_resumption_data().and_then(ShownHashes::of_octets);
        let hashes = match carried.filter(|_| resumed) {
            Some(carried) => carried,
            None => {
                let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
                ShownHashes::of(chosen.as_ref()?.cert.first()?)
            }
        };
        tls.set_resumption_data(&[&hashes.sha1[..], &hashes.sha256].concat());
        Some(hashes)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.chooses.resolve(hello);
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&chosen);
        chosen
    }
}

impl ShownHashes {
    /// Of a certificate's DER octets.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        let (mut sha1, mut sha256) = ([0; 20], [0; 32]);
        sha1.copy_from_slice(digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref());
        sha256.copy_from_slice(digest(&digest::SHA256, der).as_ref());
        Self { sha1, sha256 }
    }

    fn of_octets(octets: &[u8]) -> Option<Self> {
        let (sha1, rest) = octets.split_first_chunk()?;
        Some(Self { sha1: *sha1, sha256: rest.try_into().ok()? })
    }
}

impl fmt::Debug for ShownHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShownHashes").field(&self.sha256).finish()
    }
}

#[cfg(test)]
mod tests;
