//! One TLS handshake that accepts any certificate, to see which one is there.
//!
//! rustls does it; what it cannot speak (TLS 1.0 and 1.1, RSA and DHE key exchange) a hand-made
//! hello asks for, up to the clear-text certificate. Nothing is sent inside the connection, so
//! accepting anything endangers nothing. It fails when the peer does not speak TLS or sends no
//! certificate.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error};
use rustls::{ProtocolVersion, SignatureScheme};

use super::legacy;
use crate::connect::{ConnectError, Dial, Host, connect, micros, reason};
use crate::starttls::{self, Preface, Protocol, StarttlsError};

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The address that was connected to.
    pub address: std::net::SocketAddr,
    /// Addresses of the name that did not answer, with the reason.
    pub refused: Vec<(std::net::SocketAddr, String)>,
    /// What was said before TLS.
    pub preface: Option<Preface>,
    /// Name sent in the hello; none for an address.
    pub sni: Option<String>,
    /// Time of the TCP connection.
    pub connect_micros: u64,
    /// Time of the TLS handshake, or of its clear-text part.
    pub tls_micros: u64,
    /// How it was spoken to.
    pub dialect: Dialect,
    /// TLS version, such as `TLS 1.3`.
    pub version: Option<String>,
    /// Cipher suite by its IANA name, or its number.
    pub suite: Option<String>,
    /// Key-exchange group.
    pub group: Option<String>,
    /// The certificates in the order sent.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP answer.
    pub staple: Option<Vec<u8>>,
    /// Whether the server proved that it has the key: none when it was not asked to.
    pub key_proven: Option<bool>,
    /// Why the handshake did not end well although the certificate was seen.
    pub broke: Option<String>,
}

/// How a server was spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// TLS 1.2 or 1.3, complete.
    Modern,
    /// By the hello of an old client, up to the certificate.
    Legacy,
}

/// Why no certificate was seen.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// TLS could not begin.
    #[error(transparent)]
    Starttls(#[from] StarttlsError),
    /// What answers is not TLS.
    #[error("the server does not speak TLS")]
    NotTls {
        /// What it did instead.
        detail: String,
    },
    /// It speaks TLS and refused every hello.
    #[error("the server refused the handshake")]
    Refused {
        /// The alert, or how it broke off.
        detail: String,
    },
    /// It took the connection and says nothing.
    #[error("the server does not answer")]
    Silent {
        /// What was waited for.
        detail: String,
    },
    /// The connection broke.
    #[error("the handshake broke off")]
    Broken {
        /// How.
        detail: String,
    },
}

/// Connects and shakes hands; `sni` instead of the target's name where given.
///
/// # Errors
/// [`ObserveError`].
pub(super) fn observe(
    dial: &Dial,
    protocol: Option<Protocol>,
    sni: Option<&str>,
) -> Result<Observation, ObserveError> {
    let mut connected = connect(dial)?;
    let preface = protocol.map(|protocol| starttls::start(protocol, &mut connected.line));
    let preface = preface.transpose()?;
    let name = match (sni, &dial.target.host) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Host::Name(name)) => Some(name.clone()),
        (None, Host::Address(_)) => None,
    };
    let mut seen = Observation {
        address: connected.address,
        refused: connected.refused,
        preface,
        sni: name,
        connect_micros: connected.connect_micros,
        tls_micros: 0,
        dialect: Dialect::Modern,
        version: None,
        suite: None,
        group: None,
        chain: Vec::new(),
        staple: None,
        key_proven: None,
        broke: None,
    };
    let begin = Instant::now();
    let first = modern(&mut connected.line, &dial.target.host, &mut seen);
    seen.tls_micros = micros(begin);
    let Err(refusal) = first else { return Ok(seen) };
    if !seen.chain.is_empty() {
        seen.broke = Some(refusal.detail().to_owned());
        return Ok(seen);
    }
    // What a hello of today does not get, one of yesterday may.
    let refusal = match refusal {
        refusal @ (ObserveError::NotTls { .. } | ObserveError::Silent { .. }) => {
            return Err(refusal);
        }
        refusal => refusal,
    };
    let Ok(mut again) = connect(dial) else { return Err(refusal) };
    if let Some(protocol) = protocol
        && starttls::start(protocol, &mut again.line).is_err()
    {
        return Err(refusal);
    }
    let begin = Instant::now();
    let Ok(answer) = legacy::ask(&mut again.line, seen.sni.as_deref()) else {
        return Err(refusal);
    };
    seen.tls_micros = micros(begin);
    seen.connect_micros = again.connect_micros;
    seen.dialect = Dialect::Legacy;
    seen.version = Some(legacy::version_name(answer.version));
    seen.suite = Some(legacy::suite_name(answer.suite));
    seen.chain = answer.chain;
    seen.broke = Some(refusal.detail().to_owned());
    Ok(seen)
}

impl ObserveError {
    /// What happened, in the words of the other side or of the system.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::NotTls { detail }
            | Self::Refused { detail }
            | Self::Silent { detail }
            | Self::Broken { detail } => detail,
            Self::Connect(_) | Self::Starttls(_) => "",
        }
    }
}

fn modern(
    line: &mut (impl Read + Write),
    host: &Host,
    seen: &mut Observation,
) -> Result<(), ObserveError> {
    let witness = Arc::new(Witness::new());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&witness.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Witness>::clone(&witness))
        .with_no_client_auth();
    // No ALPN: a server of any protocol must answer.
    config.enable_sni = seen.sni.is_some();
    let name = match (&seen.sni, host) {
        (Some(name), _) => {
            ServerName::try_from(name.clone()).map_err(|error| broken(&error.to_string()))?
        }
        (None, Host::Address(address)) => ServerName::IpAddress(IpAddr::from(*address)),
        (None, Host::Name(_)) => return Err(broken("there is no name to ask for")),
    };
    let connection = ClientConnection::new(Arc::new(config), name);
    let mut connection = connection.map_err(|error| broken(&error.to_string()))?;
    let mut heard = Heard { line, first: Vec::new() };
    let mut outcome = Ok(());
    while connection.is_handshaking() && outcome.is_ok() {
        outcome = match connection.complete_io(&mut heard) {
            Ok((0, 0)) => Err(broken("the connection was closed")),
            Ok(_) => Ok(()),
            Err(error) => Err(judge(&error, &heard.first)),
        };
    }
    seen.version = connection.protocol_version().map(version_name);
    let suite = connection.negotiated_cipher_suite();
    seen.suite = suite.map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"));
    let group = connection.negotiated_key_exchange_group();
    seen.group = group.map(|group| format!("{:?}", group.name()));
    let sight = std::mem::take(&mut *witness.sight());
    seen.chain = sight.chain;
    seen.staple = Some(sight.staple).filter(|staple| !staple.is_empty());
    seen.key_proven = sight.key_proven;
    if outcome.is_ok() {
        connection.send_close_notify();
        // The peer has shown what it has; whether it hears the goodbye changes nothing.
        let _ = connection.write_tls(heard.line);
    }
    outcome
}

/// A line whose first bytes are kept: they tell what answers where it is not TLS.
struct Heard<'a, L> {
    line: &'a mut L,
    first: Vec<u8>,
}

impl<L: Read> Read for Heard<'_, L> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.line.read(into)?;
        let room = FIRST_BYTES_MAX.saturating_sub(self.first.len());
        self.first.extend(into.iter().take(count.min(room)));
        Ok(count)
    }
}

impl<L: Write> Write for Heard<'_, L> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.line.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

/// The first line of what is not TLS, and what speaks like that.
fn not_tls(first: &[u8]) -> String {
    let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let said = line.escape_ascii();
    let speakers: [(&[u8], &str); 6] = [
        (b"HTTP/", "HTTP without TLS"),
        (b"SSH-", "SSH"),
        (b"220", "SMTP or FTP, which begin in clear text"),
        (b"* OK", "IMAP, which begins in clear text"),
        (b"+OK", "POP3, which begins in clear text"),
        (b"RFB ", "VNC"),
    ];
    match speakers.iter().find(|(begin, _)| line.starts_with(begin)) {
        Some((_, speaker)) => format!("\"{said}\": that is {speaker}"),
        None => format!("\"{said}\""),
    }
}

fn judge(error: &io::Error, first: &[u8]) -> ObserveError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        // Records of TLS begin with 20 to 24 and a version 3.x (RFC 8446 §5.1).
        Some(Error::InvalidMessage(_)) if !matches!(first, [20..=24, 3, ..]) => {
            ObserveError::NotTls { detail: not_tls(first) }
        }
        Some(Error::AlertReceived(alert)) => ObserveError::Refused { detail: alert_text(*alert) },
        Some(Error::PeerIncompatible(problem)) => {
            ObserveError::Refused { detail: format!("nothing in common: {problem:?}") }
        }
        Some(problem) => broken(&problem.to_string()),
        None if error.kind() == io::ErrorKind::TimedOut => {
            ObserveError::Silent { detail: "no answer to the hello in time".into() }
        }
        None => broken(&reason(error)),
    }
}

fn broken(detail: &str) -> ObserveError {
    ObserveError::Broken { detail: detail.to_owned() }
}

/// An alert by its RFC 8446 §6 name and number.
fn alert_text(alert: AlertDescription) -> String {
    let name = match alert {
        AlertDescription::HandshakeFailure => "handshake_failure",
        AlertDescription::ProtocolVersion => "protocol_version",
        AlertDescription::UnrecognisedName => "unrecognized_name",
        AlertDescription::InternalError => "internal_error",
        AlertDescription::CertificateRequired => "certificate_required",
        AlertDescription::InsufficientSecurity => "insufficient_security",
        AlertDescription::NoApplicationProtocol => "no_application_protocol",
        _ => return format!("the server's alert {}", u8::from(alert)),
    };
    format!("the server's alert {name} ({})", u8::from(alert))
}

fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_3 => "TLS 1.3".into(),
        ProtocolVersion::TLSv1_2 => "TLS 1.2".into(),
        other => format!("{other:?}"),
    }
}

/// Sees the certificate and lets everything pass.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    algorithms: WebPkiSupportedAlgorithms,
    sight: Mutex<Sight>,
}

#[derive(Debug, Default)]
struct Sight {
    chain: Vec<Vec<u8>>,
    staple: Vec<u8>,
    key_proven: Option<bool>,
}

impl Witness {
    fn new() -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        Self { provider, algorithms, sight: Mutex::default() }
    }

    fn sight(&self) -> std::sync::MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proven(&self, outcome: Result<HandshakeSignatureValid, Error>) -> HandshakeSignatureValid {
        self.sight().key_proven = Some(outcome.is_ok());
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(end_entity).chain(intermediates);
        let mut sight = self.sight();
        sight.chain = all.map(|certificate| certificate.to_vec()).collect();
        sight.staple = ocsp_response.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.proven(verify_tls12_signature(message, cert, dss, &self.algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.proven(verify_tls13_signature(message, cert, dss, &self.algorithms)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Bytes kept of what is not TLS.
const FIRST_BYTES_MAX: usize = 80;
