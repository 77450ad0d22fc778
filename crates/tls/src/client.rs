//! What servers are checked against, where menshen is the client.
//!
//! Whoever is shown to hold no key is refused in each of the ways. It must never fall back to a
//! weaker way than the one asked for: roots that are missing are an error.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// What a server's certificate is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// The roots of the system; the name must match.
    System,
    /// The roots in this PEM text; the name must match.
    Roots(&'a [u8]),
    /// This very certificate, by the SHA-256 of its DER octets. Name and dates do not matter.
    Fingerprint([u8; 32]),
    /// Nothing: encrypted, but whoever stands in between is not noticed.
    Nothing,
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum TrustProblem {
    /// The system has no roots, or the PEM text holds none.
    #[error("there is no root certificate to check the server's against")]
    NoRoots,
    /// The roots cannot be used.
    #[error("the root certificates cannot be used")]
    Roots(#[from] VerifierBuilderError),
    /// The library refused.
    #[error("TLS cannot be set up")]
    Library(#[from] Error),
}

/// A client's configuration: TLS 1.2 and 1.3, no ALPN, no certificate of its own.
///
/// # Errors
/// Roots that are missing or cannot be used.
pub fn client_config(trust: Trust<'_>) -> Result<ClientConfig, TrustProblem> {
    let provider = Arc::new(default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => webpki(rustls_native_certs::load_native_certs().certs, &provider)?,
        Trust::Roots(pem) => {
            webpki(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok), &provider)?
        }
        Trust::Fingerprint(sha256) => {
            Arc::new(KeyHolder { sha256: Some(sha256), provider: Arc::clone(&provider) })
        }
        Trust::Nothing => Arc::new(KeyHolder { sha256: None, provider: Arc::clone(&provider) }),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn webpki(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TrustProblem> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(TrustProblem::NoRoots);
    }
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(builder.build()?)
}

/// Takes a certificate whose key signs: any, or the one with this SHA-256.
#[derive(Debug)]
struct KeyHolder {
    sha256: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for KeyHolder {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_it = |sha256: [u8; 32]| digest::digest(&SHA256, shown).as_ref() == sha256;
        if self.sha256.is_none_or(is_it) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
