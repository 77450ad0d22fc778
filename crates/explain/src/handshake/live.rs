//! One real handshake with a host, recorded.
//!
//! The client is rustls with what a modern client offers, the hybrid post-quantum group too. It
//! takes any certificate, because the picture of a wrong one is wanted as well; what is wrong with
//! it is told by checks of its own. It never sends payload. It fails only when nobody can be
//! reached; everything else is part of the recording.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use menshen_explain_core::handshake::{Origin, Piece, Recording, Secrets, Side, Story, tell};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme,
};

use super::keys::Keys;
use super::tap::Tap;
use super::{Ask, HandshakeError, Versions};
use crate::connect::{Connected, connect};
use crate::starttls::{self, Preface};

/// What was recorded of one connection.
#[derive(Debug)]
pub(super) struct Taped {
    pub(super) subject: String,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) connect_us: u64,
    pub(super) began_unix_ns: u64,
    pub(super) pieces: Vec<Piece<'static>>,
    pub(super) closed: Option<(Side, u64)>,
}

/// What came of one handshake.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) taped: Taped,
    pub(super) preface: Option<Preface>,
    /// What the TLS library or the system said, when the handshake failed.
    pub(super) error: Option<String>,
}

/// A client that remembers sessions and keys from one connection to the next.
#[derive(Debug)]
pub(super) struct Client {
    config: Arc<ClientConfig>,
    pub(super) keys: Arc<Keys>,
    name: ServerName<'static>,
}

impl Taped {
    /// The story of it.
    pub(super) fn tell(&self, secrets: &Secrets) -> Story {
        let recording = Recording {
            subject: self.subject.clone(),
            origin: Origin::Live,
            connect_us: Some(self.connect_us),
            pieces: &self.pieces,
            closed: self.closed,
        };
        tell(&recording, secrets)
    }
}

impl Client {
    pub(super) fn new(ask: &Ask) -> Result<Self, HandshakeError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[_] = match ask.versions {
            Versions::All => rustls::ALL_VERSIONS,
            Versions::Tls12 => &[&rustls::version::TLS12],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| HandshakeError::Client(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TakesAny(provider)));
        let mut config = match &ask.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = identity.chain.iter().cloned().map(CertificateDer::from).collect();
                let key = PrivateKeyDer::try_from(identity.key_der.clone())
                    .map_err(|error| HandshakeError::Identity(error.to_owned()))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| HandshakeError::Identity(error.to_string()))?
            }
        };
        let keys = Arc::new(Keys::default());
        config.key_log = Arc::clone(&keys) as Arc<_>;
        if ask.starttls().is_none() {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let name =
            ServerName::try_from(ask.name()).map_err(|_| HandshakeError::Name(ask.name()))?;
        Ok(Self { config: Arc::new(config), keys, name })
    }

    /// One connection with its handshake, and what the server says right after it.
    pub(super) fn attempt(&self, ask: &Ask) -> Result<Attempt, HandshakeError> {
        // Its key shares are made here, before the clock starts.
        let made = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let mut connection = made.map_err(|error| HandshakeError::Client(error.to_string()))?;
        let Opened { mut tap, preface, mut taped } = open(ask)?;
        let error = match shake(&mut connection, &mut tap) {
            Err(error) => Some(error),
            Ok(()) => hear_out(&mut connection, &mut tap, taped.connect_us),
        };
        if error.is_none() {
            connection.send_close_notify();
            // A server that is gone by now needs no goodbye.
            while connection.wants_write() && connection.write_tls(&mut tap).is_ok() {}
        }
        (taped.pieces, taped.closed) = tap.into_parts();
        Ok(Attempt { taped, preface, error })
    }
}

/// A connection on which TLS may begin.
pub(super) struct Opened {
    pub(super) tap: Tap,
    pub(super) preface: Option<Preface>,
    /// Everything but the pieces.
    pub(super) taped: Taped,
}

/// Connects, and says what has to be said before TLS.
pub(super) fn open(ask: &Ask) -> Result<Opened, HandshakeError> {
    let Connected { mut line, address, connect_micros, .. } = connect(&ask.dial)?;
    let now = Instant::now();
    let connecting = Duration::from_micros(connect_micros);
    let start = now.checked_sub(connecting).unwrap_or(now);
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let began = began.saturating_sub(connecting).as_nanos();
    let client = line.socket().local_addr().unwrap_or(address);
    let preface = match ask.starttls() {
        None => None,
        Some(protocol) => Some(starttls::start(protocol, &mut line)?),
    };
    let taped = Taped {
        subject: ask.subject(),
        client,
        server: address,
        connect_us: connect_micros,
        began_unix_ns: u64::try_from(began).unwrap_or(0),
        pieces: Vec::new(),
        closed: None,
    };
    Ok(Opened { tap: Tap::new(line, start), preface, taped })
}

fn shake(connection: &mut ClientConnection, tap: &mut Tap) -> Result<(), String> {
    while connection.is_handshaking() {
        match connection.complete_io(tap) {
            Ok((0, 0)) => return Err("the connection came to a stand".into()),
            Ok(_) => {}
            Err(error) => return Err(said(&error)),
        }
    }
    Ok(())
}

/// What a TLS 1.3 server says after the handshake: tickets, or that it refuses our certificate.
/// Some never say anything, so the wait is short.
fn hear_out(connection: &mut ClientConnection, tap: &mut Tap, rtt_us: u64) -> Option<String> {
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    let pause = Duration::from_micros(rtt_us.saturating_mul(2)).min(TICKETS_WAIT) + TICKETS_PAUSE;
    let end = Instant::now() + TICKETS_WAIT + Duration::from_micros(rtt_us.min(RTT_US_MAX));
    let mut wait = end.saturating_duration_since(Instant::now());
    loop {
        tap.line_mut().extend(wait);
        match connection.read_tls(tap) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => {
                let late = matches!(
                    error.kind(),
                    io::ErrorKind::TimedOut
                        | io::ErrorKind::WouldBlock
                        | io::ErrorKind::Interrupted
                );
                tap.line_mut().extend(GOODBYE_WAIT);
                return (!late).then(|| said(&error));
            }
        }
        if let Err(error) = connection.process_new_packets() {
            return Some(error.to_string());
        }
        // A server that speaks first, as SMTP does, is not listened to.
        let mut payload = [0; 4096];
        while matches!(connection.reader().read(&mut payload), Ok(count) if count > 0) {}
        wait = pause.min(end.saturating_duration_since(Instant::now()));
        if wait.is_zero() {
            tap.line_mut().extend(GOODBYE_WAIT);
            return None;
        }
    }
}

/// What went wrong, without the wrapping.
fn said(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => error.to_string(),
        None => crate::connect::reason(error),
    }
}

/// Takes every certificate: this connection carries nothing, and the checks are made elsewhere, on
/// the recording.
#[derive(Debug)]
struct TakesAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Longest wait for the first word after the handshake; tickets follow it at once.
const TICKETS_WAIT: Duration = Duration::from_millis(200);
/// Quiet after which nothing more is awaited.
const TICKETS_PAUSE: Duration = Duration::from_millis(15);
/// For a slow line the wait grows by its round trip, up to this, in microseconds.
const RTT_US_MAX: u64 = 1_000_000;
/// To send our own goodbye.
const GOODBYE_WAIT: Duration = Duration::from_millis(200);
