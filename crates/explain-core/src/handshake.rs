//! From what passed over one connection to the story of its TLS handshake.
//!
//! [`tell`] takes pieces (direction, microseconds, bytes) and, where there are some, secrets of the
//! connection, and returns a [`Story`] that a picture can be drawn from. [`causes`] says why a
//! handshake failed. TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446), key logs by RFC 9850.
//!
//! Nothing here fails: any bytes give a story, if only one of "this is not TLS". Memory and time
//! are bounded by the limits below, and a story that was cut says so. No secret is ever part of
//! one. Every text of a peer is cleaned: it holds printable characters only; a renderer must still
//! escape for its own format.

mod causes;
mod certificate;
mod cipher;
mod cursor;
mod extension;
mod facts;
mod hello;
mod ja4;
mod message;
mod proof;
mod reading;
mod record;
mod registry;
mod schedule;
mod secrets;
mod story;
mod text;
mod textbook;

pub use message::{
    Field, KeyName, Message, MessageKind, Piece, Protection, RecordRef, Recording, Side,
};
pub use secrets::{SECRETS_MAX, Secrets};
pub use story::{
    AlertLevel, CertificateGlance, Check, CheckResult, ClientCertificate, EarlyData, Flight,
    HelloRetry, HybridPart, KeyExchange, KeyExchangeKind, KeyMoment, Named, Offer, Origin, Outcome,
    Resumption, Story, Suite, SuitePart, TextbookStep, Verdict,
};

use menshen_base::Finding;

/// The story of one connection.
///
/// Pieces must be in the order in which they passed. Without secrets, what is encrypted becomes
/// sized boxes with the most probable name.
#[must_use]
pub fn tell(recording: &Recording<'_>, secrets: &Secrets) -> Story {
    reading::Reading::of(recording, secrets)
}

/// Why the handshake did not come to its end: findings with a cause and a hint, the likeliest
/// first. Empty when it succeeded.
#[must_use]
pub fn causes(story: &Story) -> alloc::vec::Vec<Finding> {
    causes::causes(story)
}

/// Adds to a story what a sealed alert said, told by the end that could read it, such as our own
/// door. A story that has the alert in clear text already stays as it is.
pub fn name_alert(story: &mut Story, by: Side, code: u8) {
    if !matches!(story.outcome, Outcome::Alert { code: Some(_), .. }) {
        let text = registry::alert(code);
        let (level, name, meaning) = (AlertLevel::Fatal, text.name, text.meaning.into());
        story.outcome = Outcome::Alert { by, level, code: Some(code), name, meaning };
    }
}

/// What a version's number on the wire is called.
#[must_use]
pub fn version(code: u16) -> Named {
    registry::version(code)
}

/// What a cipher suite's number is called by IANA.
#[must_use]
pub fn suite(code: u16) -> Named {
    registry::suite(code)
}

/// Bytes of one direction that are looked at, in bytes. What comes later is counted only.
pub const STREAM_BYTES_MAX: usize = 4 << 20;
/// Messages of one story; consecutive application data of one side counts as one.
pub const MESSAGES_MAX: usize = 400;
/// Bytes of one handshake message, in bytes, without its header. Longer ones end the reading of
/// their direction. RFC 8446 allows 2^24; the longest seen in practice are certificates of 30 kB.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Records named in one message; further ones are counted in its size only.
pub const RECORDS_NAMED_MAX: usize = 64;
