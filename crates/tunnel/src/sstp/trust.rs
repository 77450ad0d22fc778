//! What the certificate of an SSTP server is checked against.
//!
//! Inside the connection a password is proven by MS-CHAPv2, which is only as strong as this check:
//! there is no way to switch it off. A server with a certificate of its own making is trusted by
//! its fingerprint. It fails when there is no root to check against.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use menshen_tunnel_core::sstp::Certificate;

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

impl Trust {
    /// A client's configuration: TLS 1.2 or 1.3, no ALPN (with h2 there would be no SSTP), and no
    /// resumption, because the crypto binding is about what this connection was shown.
    ///
    /// # Errors
    /// Roots that are missing or cannot be used.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TrustProblem> {
        let provider = Arc::new(default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            Self::Fingerprint(sha256) => {
                Arc::new(Pinned { sha256: *sha256, provider: Arc::clone(&provider) })
            }
            Self::System => webpki(rustls_native_certs::load_native_certs().certs, &provider)?,
            Self::Roots(pem) => {
                webpki(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok), &provider)?
            }
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
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

/// Takes one certificate, whose key signs.
#[derive(Debug)]
struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Certificate::of_der(shown).sha256 == self.sha256 {
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
