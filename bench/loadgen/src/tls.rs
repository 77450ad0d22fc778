//! The client's TLS settings: TLS 1.3, AES-GCM, X25519 only, so that every server does the same
//! work.
//!
//! Certificates are not checked: it must never talk to anything but a server under test.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

/// How handshakes are made.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    config: Arc<ClientConfig>,
    resumption: Sessions,
}

/// Whether connections resume the session of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// Every handshake is a full one.
    New,
    /// Each connection waits for a ticket, and the next one comes with it.
    Resumed,
}

impl Settings {
    /// Settings that offer the AES-GCM suites whose name contains `cipher`; secrets can be
    /// extracted.
    pub(crate) fn new(cipher: &str, resumption: Sessions) -> Result<Self, rustls::Error> {
        let config = Arc::new(client_config(cipher)?);
        Ok(Self { config, resumption }.with_own_sessions())
    }

    /// The same settings with tickets of its own: those of others may be used up.
    pub(crate) fn with_own_sessions(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = match self.resumption {
            Sessions::New => Resumption::disabled(),
            Sessions::Resumed => Resumption::in_memory_sessions(SESSIONS_MAX),
        };
        Self { config: Arc::new(config), resumption: self.resumption }
    }

    /// Whether connections resume the session of the one before.
    pub(crate) fn resumes(&self) -> bool {
        self.resumption == Sessions::Resumed
    }
}

fn client_config(cipher: &str) -> Result<ClientConfig, rustls::Error> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        let name = format!("{:?}", suite.suite());
        name.starts_with("TLS13_AES") && name.contains(cipher)
    });
    // Not every rival can do the hybrid group; its larger key shares would change the row.
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    Ok(config)
}

/// A connection to `localhost` that has sent nothing yet.
pub(crate) fn start(settings: &Settings) -> io::Result<ClientConnection> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    ClientConnection::new(settings.config.clone(), name).map_err(io::Error::other)
}

const SESSIONS_MAX: usize = 8;

#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PKCS1_SHA256,
        ]
    }
}
