//! What goes into a story and what it is made of: pieces, records, messages, fields.
//!
//! Plain data; nothing here can fail.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::story::Origin;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that connected.
    Client,
    /// The one that was connected to.
    Server,
}

impl Side {
    /// The word in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Bytes that passed at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Who sent them.
    pub from: Side,
    /// When they were read or written: microseconds since the start of the recording.
    pub at_us: u64,
    /// The bytes themselves, of the TCP stream.
    pub bytes: Cow<'a, [u8]>,
}

/// What passed over one connection.
#[derive(Debug, Clone)]
pub struct Recording<'a> {
    /// What it is about, such as `example.com:443`; for the head of the picture.
    pub subject: String,
    /// How it was recorded.
    pub origin: Origin,
    /// Microseconds the TCP connect took, when known.
    pub connect_us: Option<u64>,
    /// The pieces, in the order in which they passed.
    pub pieces: &'a [Piece<'a>],
    /// Who ended the connection (FIN, reset, end of file) and when, in microseconds, when seen.
    pub closed: Option<(Side, u64)>,
}

/// One message, or one box of things that are no handshake messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Counted from 1, in the order of the story.
    pub number: usize,
    /// Who sent it.
    pub from: Side,
    /// When its last byte passed, in microseconds since the start of the recording.
    pub at_us: u64,
    /// The flight it belongs to, counted from 1.
    pub flight: usize,
    /// What it is.
    pub kind: MessageKind,
    /// Its name in the spelling of the RFC, or a description in plain words of a box.
    pub name: String,
    /// Its size in bytes: of a handshake message with its 4-byte header; of an alert or
    /// ChangeCipherSpec its content; of sealed boxes and application data the record bodies.
    pub bytes: usize,
    /// The records it travelled in; neighbours may share one. At most
    /// [`super::RECORDS_NAMED_MAX`].
    pub records: Vec<RecordRef>,
    /// Whether it was encrypted, and whether we could look inside.
    pub protection: Protection,
    /// What is in it, in the order of the wire.
    pub fields: Vec<Field>,
    /// One plain sentence for somebody who has never seen a handshake.
    pub sentence: String,
}

/// Where a record stands in the stream of its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecordRef {
    /// Bytes of that direction before its header.
    pub offset: u64,
    /// Bytes on the wire with the 5-byte header.
    pub bytes: usize,
}

/// What a message is. Names of handshake messages as in RFC 8446 §4 and RFC 5246 §7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the RFC's names of the messages speak for themselves")]
pub enum MessageKind {
    HelloRequest,
    ClientHello,
    ServerHello,
    HelloRetryRequest,
    NewSessionTicket,
    EndOfEarlyData,
    EncryptedExtensions,
    Certificate,
    ServerKeyExchange,
    CertificateRequest,
    ServerHelloDone,
    CertificateVerify,
    ClientKeyExchange,
    Finished,
    CertificateStatus,
    KeyUpdate,
    CompressedCertificate,
    /// A handshake message of a type we do not know.
    OtherHandshake,
    /// One byte: in TLS 1.2 the switch to encryption, in 1.3 an empty gesture.
    ChangeCipherSpec,
    Alert,
    /// Payload of the connection; consecutive records of one side are one box.
    ApplicationData,
    /// Encrypted and not opened; consecutive records of one side are one box.
    Sealed,
    /// A record of a type we do not know, such as heartbeat.
    OtherRecord,
}

/// Whether a message was readable on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Protection {
    /// Anybody on the path could read it.
    Clear,
    /// Encrypted.
    Encrypted {
        /// We opened it with the secrets given.
        opened: bool,
        /// The keys it is under; probable only when it was not opened.
        key: KeyName,
    },
}

/// A set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyName {
    /// TLS 1.3: from a pre-shared key only, before the server said anything.
    EarlyData,
    /// TLS 1.3: for the rest of the handshake.
    Handshake,
    /// TLS 1.3: for the payload.
    Application,
    /// TLS 1.2 and older: for everything after ChangeCipherSpec.
    Session,
}

impl KeyName {
    /// The words in texts.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::EarlyData => "early data keys",
            Self::Handshake => "handshake keys",
            Self::Application => "application keys",
            Self::Session => "session keys",
        }
    }
}

/// One decoded part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name, in the spelling of the RFC where it has one.
    pub name: String,
    /// Its value, in one line.
    pub value: String,
    /// What it means, in plain words; may be empty.
    pub note: String,
}
