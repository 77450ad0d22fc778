//! TLS on both sides: what clients are offered, and how the server is asked.
//!
//! Towards the server there are three ways: none, any certificate (encrypted, but whoever stands in
//! between is not noticed), or one that is checked against roots and a name. No key is kept but
//! within rustls. It fails when a PEM text cannot be used or a root cannot be found.

use std::sync::Arc;

use menshen_config::{Sql, SqlAddress, SqlPair, UpstreamTls};
use menshen_tls::{TlsError, load_pair};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};

/// How the server is asked for TLS.
#[derive(Debug, Clone)]
pub struct UpstreamSecurity {
    /// The configuration.
    pub config: Arc<ClientConfig>,
    /// The name asked for, and checked where certificates are.
    pub name: ServerName<'static>,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The door's own certificate or key.
    #[error("the certificate for clients cannot be used")]
    Own(#[source] TlsError),
    /// The library refused.
    #[error("TLS cannot be set up")]
    Library(#[from] Error),
    /// `upstream_ca` holds no root, or the system has none.
    #[error("there is no root certificate to check the server's against")]
    NoRoots,
    /// The roots cannot be used.
    #[error("the root certificates cannot be used")]
    Roots(#[source] rustls::server::VerifierBuilderError),
    /// `upstream_name` is no name.
    #[error("the server's name cannot stand in a certificate")]
    Name,
}

/// What clients are offered. `now_unix`: seconds since 1970.
///
/// # Errors
/// PEM that cannot be read, or a key that does not match.
pub fn for_clients(pair: &SqlPair, now_unix: i64) -> Result<Arc<ServerConfig>, TlsProblem> {
    let loaded = load_pair(pair.certificate_pem.as_bytes(), pair.key_pem.as_bytes(), now_unix)
        .map_err(TlsProblem::Own)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(loaded.chain, loaded.key)?;
    // Clients of this protocol hardly ever come back with a ticket; each costs a record.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// How the server is asked; `None` where the way to it is not encrypted.
///
/// # Errors
/// Roots that cannot be used, or a name that is none.
pub fn for_upstream(
    config: &Sql,
    ca_pem: Option<&str>,
) -> Result<Option<UpstreamSecurity>, TlsProblem> {
    let verifier: Arc<dyn ServerCertVerifier> = match config.upstream_tls {
        UpstreamTls::Off => return Ok(None),
        UpstreamTls::On => Arc::new(Any(provider())),
        UpstreamTls::Verify => {
            let roots = Arc::new(roots(ca_pem)?);
            WebPkiServerVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(TlsProblem::Roots)?
        }
    };
    let name = match (&config.upstream_name, &config.upstream) {
        (Some(name), _) => ServerName::try_from(name.clone()).map_err(|_| TlsProblem::Name)?,
        (None, SqlAddress::Tcp(address)) => ServerName::IpAddress(address.ip().into()),
        (None, SqlAddress::Unix(_)) => {
            ServerName::try_from("localhost").map_err(|_| TlsProblem::Name)?
        }
    };
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(UpstreamSecurity { config: Arc::new(config), name }))
}

fn roots(ca_pem: Option<&str>) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            let parsed = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok);
            roots.add_parsable_certificates(parsed);
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() { Err(TlsProblem::NoRoots) } else { Ok(roots) }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// Takes any certificate whose key signs.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
