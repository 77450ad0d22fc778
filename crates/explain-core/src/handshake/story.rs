//! A story: what a picture of a handshake is drawn from.
//!
//! Plain data; nothing here can fail. No secret is part of it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::message::{KeyName, Message, Recording, Side};

/// How a connection was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Our own connection to somebody.
    Live,
    /// A capture file.
    Capture,
    /// Somebody's connection to our own door.
    Door,
}

/// The story of one handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    /// What it is about, as given.
    pub subject: String,
    /// How it was recorded.
    pub origin: Origin,
    /// Microseconds the TCP connect took, when known.
    pub connect_us: Option<u64>,
    /// The version both agreed on, once the server said it.
    pub version: Option<Named>,
    /// The cipher suite the server chose.
    pub cipher_suite: Option<Suite>,
    /// How both came to a common secret.
    pub key_exchange: Option<KeyExchange>,
    /// How the server signed, when it did.
    pub server_signature: Option<Named>,
    /// Whether an earlier connection was taken up again, and by what.
    pub resumed: Option<Resumption>,
    /// What became of early data (0-RTT).
    pub early_data: EarlyData,
    /// The protocol chosen by ALPN, such as `h2`; in TLS 1.3 only seen when opened.
    pub alpn: Option<String>,
    /// The name the client asked for.
    pub sni: Option<String>,
    /// The server's leaf certificate.
    pub server_certificate: Option<CertificateGlance>,
    /// The server's certificates as sent, DER, leaf first. For judging them elsewhere.
    #[serde(skip)]
    pub server_chain: Vec<Vec<u8>>,
    /// Whether the client had to show a certificate, and did.
    pub client_certificate: ClientCertificate,
    /// The client's certificates as sent, DER, leaf first.
    #[serde(skip)]
    pub client_chain: Vec<Vec<u8>>,
    /// Set when the server asked for a second ClientHello.
    pub hello_retry: Option<HelloRetry>,
    /// What the client offered in its (last) ClientHello.
    pub offer: Option<Offer>,
    /// The messages in their order.
    pub messages: Vec<Message>,
    /// Messages of one side that follow each other.
    pub flights: Vec<Flight>,
    /// What was verified by computing it again.
    pub checks: Vec<Check>,
    /// When which keys became usable.
    pub keys: Vec<KeyMoment>,
    /// How it ended.
    pub outcome: Outcome,
    /// When both Finished had passed, in microseconds; known only where both could be seen or told.
    pub done_us: Option<u64>,
    /// The textbook's steps beside what really happened.
    pub textbook: Vec<TextbookStep>,
    /// JA4 of the first ClientHello (FoxIO's public specification): groups alike clients.
    pub ja4: Option<String>,
    /// Bytes of the client's direction, all.
    pub client_bytes: u64,
    /// Bytes of the server's direction, all.
    pub server_bytes: u64,
    /// Which limit cut the story, such as `messages`; None when it is whole.
    pub cut: Option<&'static str>,
}

impl Story {
    /// The story of which nothing is known yet.
    pub(super) fn new(recording: &Recording<'_>) -> Self {
        Self {
            subject: recording.subject.clone(),
            origin: recording.origin,
            connect_us: recording.connect_us,
            version: None,
            cipher_suite: None,
            key_exchange: None,
            server_signature: None,
            resumed: None,
            early_data: EarlyData::NotOffered,
            alpn: None,
            sni: None,
            server_certificate: None,
            server_chain: Vec::new(),
            client_certificate: ClientCertificate::NotAsked,
            client_chain: Vec::new(),
            hello_retry: None,
            offer: None,
            messages: Vec::new(),
            flights: Vec::new(),
            checks: Vec::new(),
            keys: Vec::new(),
            outcome: Outcome::Unfinished,
            done_us: None,
            textbook: Vec::new(),
            ja4: None,
            client_bytes: 0,
            server_bytes: 0,
            cut: None,
        }
    }
}

/// A number of a registry with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The number on the wire.
    pub code: u16,
    /// Its name, such as `TLS 1.3`, `x25519`; `0x1a2b` when unknown.
    pub name: String,
}

/// A cipher suite, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suite {
    /// The number on the wire.
    pub code: u16,
    /// The IANA name.
    pub name: String,
    /// Its parts, in the order of the name.
    pub parts: Vec<SuitePart>,
}

/// One part of a cipher suite's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuitePart {
    /// The part as in the name, such as `ECDHE`.
    pub part: String,
    /// What it is for: `key exchange`, `signature`, `encryption`, `integrity`, `hash`.
    pub role: &'static str,
    /// What it means, one sentence.
    pub meaning: &'static str,
}

/// How both sides came to a common secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyExchange {
    /// Which way.
    pub kind: KeyExchangeKind,
    /// The group, when there is one.
    pub group: Option<Named>,
    /// The parts of a hybrid group; else empty.
    pub hybrid: Vec<HybridPart>,
    /// Whether a recording of today stays closed when the server's key is stolen later.
    pub forward_secret: bool,
    /// What happened, one sentence.
    pub sentence: String,
}

/// The ways to a common secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyExchangeKind {
    /// The client encrypts a random value with the certificate's public key. Not in TLS 1.3.
    Rsa,
    /// Diffie-Hellman with fresh keys in a finite field.
    Dhe,
    /// Diffie-Hellman with fresh keys on an elliptic curve.
    Ecdhe,
    /// An elliptic curve and a post-quantum mechanism together.
    Hybrid,
    /// A post-quantum mechanism alone, such as ML-KEM.
    PostQuantum,
    /// Nothing new: only a secret both had before (TLS 1.3 `psk_ke`, or a 1.2 session resumed).
    PskOnly,
    /// Diffie-Hellman without any signature: nobody knows with whom.
    Anonymous,
    /// Another one, such as static ECDH, SRP or Kerberos.
    Other,
}

/// One half of a hybrid key exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HybridPart {
    /// Its name, such as `X25519`, `ML-KEM-768`.
    pub name: &'static str,
    /// Bytes of the client's share.
    pub client_bytes: usize,
    /// Bytes of the server's share.
    pub server_bytes: usize,
    /// What it protects against, one sentence.
    pub meaning: &'static str,
}

/// By what an earlier connection was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resumption {
    /// The server found the session by its id (TLS 1.2 and older).
    SessionId,
    /// The client brought a ticket (RFC 5077).
    Ticket,
    /// A pre-shared key of TLS 1.3: from a ticket, or agreed upon outside.
    Psk,
}

/// What became of early data (0-RTT, RFC 8446 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyData {
    /// The client did not ask.
    NotOffered,
    /// Asked, and nothing more is known: the server's answer is sealed.
    Offered,
    /// The server takes it.
    Accepted,
    /// The server does not take it.
    Refused,
}

/// A certificate at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateGlance {
    /// Its subject, such as `CN=example.com`.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Its names (subjectAltName), at most 20.
    pub names: Vec<String>,
    /// Its key, such as `RSA 2048 bits`, `ECDSA P-256`.
    pub key: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// Certificates sent, this one included.
    pub sent: usize,
}

/// Whether the client had to show a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ClientCertificate {
    /// The server did not ask for one.
    NotAsked,
    /// The question could not be seen: that part is sealed.
    Unknown,
    /// Asked, not answered yet.
    Asked,
    /// Asked, and the client had none.
    None,
    /// Sent.
    Sent {
        /// The leaf.
        certificate: CertificateGlance,
    },
}

/// The server wanted another ClientHello (HelloRetryRequest, RFC 8446 §4.1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HelloRetry {
    /// The group it wants a share of.
    pub group: Option<Named>,
    /// It also gave a cookie.
    pub cookie: bool,
    /// Why, one sentence.
    pub sentence: String,
}

/// What a client offered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Versions, the client's favourite first, without GREASE.
    pub versions: Vec<Named>,
    /// Cipher suites in the client's order, without GREASE and signalling values.
    pub suites: Vec<Named>,
    /// Groups in the client's order, without GREASE.
    pub groups: Vec<Named>,
    /// Groups it sent a key share of.
    pub shares: Vec<Named>,
    /// Signature schemes in the client's order.
    pub signatures: Vec<Named>,
    /// Protocols by ALPN.
    pub alpn: Vec<String>,
    /// It offered Encrypted Client Hello (or pretends to, as browsers do).
    pub ech: bool,
}

/// Messages of one side that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flight {
    /// Counted from 1.
    pub number: usize,
    /// Whose.
    pub from: Side,
    /// Number of its first message.
    pub first: usize,
    /// Number of its last message.
    pub last: usize,
    /// When its first message was whole, microseconds.
    pub start_us: u64,
    /// When its last message was whole, microseconds.
    pub end_us: u64,
    /// Bytes on the wire of its records, headers included.
    pub bytes: usize,
}

/// Something that was computed again instead of believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable code: `server-signature`, `client-signature`, `server-finished`, `client-finished`,
    /// `psk-binder`; collectors add their own, such as `name`, `trust`.
    pub code: &'static str,
    /// What was checked, in plain words.
    pub what: String,
    /// Number of the message that carried it, when there is one.
    pub message: Option<usize>,
    /// How it came out.
    pub result: CheckResult,
}

/// How a check came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum CheckResult {
    /// It is right.
    Ok,
    /// It is wrong.
    Failed {
        /// What is wrong.
        why: String,
    },
    /// It could not be done.
    NotPossible {
        /// What was missing.
        why: String,
    },
}

/// When keys became usable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyMoment {
    /// Which keys.
    pub key: KeyName,
    /// Who could use them from here on for sending.
    pub side: Side,
    /// When, in microseconds: that of the message.
    pub at_us: u64,
    /// Number of the message after which it is so.
    pub after: usize,
    /// What it means, one sentence.
    pub sentence: String,
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    /// Both sides finished. Without secrets of a TLS 1.3 connection this is told from the payload
    /// that follows.
    Done,
    /// A fatal alert, or any alert but close_notify before the end of the handshake.
    Alert {
        /// Who sent it.
        by: Side,
        /// Its level.
        level: AlertLevel,
        /// Its number; None when the alert is sealed and only its size gives it away.
        code: Option<u8>,
        /// Its name in the RFC's spelling; `encrypted alert` when sealed.
        name: String,
        /// What it means, one sentence.
        meaning: String,
    },
    /// The connection ended before the handshake did, without a word.
    Closed {
        /// By whom.
        by: Side,
    },
    /// What passed is not TLS.
    NotTls {
        /// Who did not speak TLS.
        by: Side,
        /// What it looks like, such as `plain HTTP`, `an SSH banner`, or `not TLS`.
        looks_like: String,
    },
    /// The recording ends before the handshake does.
    Unfinished,
}

/// The level of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertLevel {
    /// The connection may go on.
    Warning,
    /// It ends here.
    Fatal,
    /// Sealed, or no number of the RFC.
    Unknown,
}

/// One step of the classic story, beside what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextbookStep {
    /// The step as textbooks tell it.
    pub text: &'static str,
    /// How it was here.
    pub verdict: Verdict,
    /// What really happened, one or two sentences.
    pub why: String,
    /// Number of the message that shows it, when there is one.
    pub message: Option<usize>,
}

/// How a step of the textbook stands to what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Just so.
    Happened,
    /// In another way.
    Differently,
    /// It did not happen, and does not any more in this version.
    NotToday,
    /// The recording ends before, or it is sealed.
    NotSeen,
}
