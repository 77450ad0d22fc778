//! ClientHellos written by hand, for servers that today's clients cannot speak with.
//!
//! Up to TLS 1.2 a server shows its version, suite, certificate and key exchange in clear text and
//! then waits. So a hello that offers what is no longer offered (RSA and finite-field key exchange,
//! CBC, 3DES, RC4, TLS 1.0) makes it show what it would do, and nothing has to be computed. No
//! secret is ever made here, and nothing is sent after the hello. (RFC 2246, 5246, 6101)

use std::io::{Read, Write};
use std::time::Duration;

use menshen_explain_core::handshake::{
    KeyExchangeKind, MessageKind, Outcome, Secrets, Side, Story,
};
use rustls::crypto::aws_lc_rs;
use serde::Serialize;

use super::live::{Taped, open};
use super::{Ask, HandshakeError};

/// A hello for old servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    /// TLS 1.2 at most, with extensions.
    Tls12,
    /// TLS 1.0 at most: for servers that stumble over a newer number.
    Tls10,
    /// SSL 3.0, without extensions.
    Ssl3,
}

/// A message that did not pass, but would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Who would send it.
    pub from: Side,
    /// Its name.
    pub name: &'static str,
    /// What it would be for, one sentence.
    pub sentence: &'static str,
}

impl Hello {
    /// In the order in which they are tried.
    pub(super) const ALL: [Self; 3] = [Self::Tls12, Self::Tls10, Self::Ssl3];

    /// What it offers, in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Tls12 => "a hand-made hello for TLS 1.2 and older, with suites of the past",
            Self::Tls10 => "a hand-made hello for TLS 1.0",
            Self::Ssl3 => "a hand-made hello for SSL 3.0",
        }
    }

    const fn version(self) -> u16 {
        match self {
            Self::Tls12 => 0x0303,
            Self::Tls10 => 0x0301,
            Self::Ssl3 => 0x0300,
        }
    }

    /// The record with the hello in it.
    fn record(self, name: Option<&str>, random: [u8; 32]) -> Vec<u8> {
        let version = self.version().to_be_bytes();
        let mut body = version.to_vec();
        body.extend(random);
        // No session to resume.
        body.push(0);
        let suites = SUITES.iter().filter(|suite| self == Self::Tls12 || is_old(**suite));
        body.extend(with_length(&suites.flat_map(|suite| suite.to_be_bytes()).collect::<Vec<_>>()));
        // One compression method: none.
        body.extend([1, 0]);
        if self != Self::Ssl3 {
            body.extend(with_length(&self.extensions(name)));
        }
        let mut message = vec![1, 0];
        message.extend(with_length(&body));
        // The record of a hello has an old number, for servers that judge it (RFC 5246 E.1).
        let mut record = vec![22, 3, u8::from(self != Self::Ssl3)];
        record.extend(with_length(&message));
        record
    }

    fn extensions(self, name: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut extension = |kind: u16, content: &[u8]| {
            out.extend(kind.to_be_bytes());
            out.extend(with_length(content));
        };
        if let Some(name) = name {
            let entry = [&[0][..], &with_length(name.as_bytes())].concat();
            extension(0, &with_length(&entry));
        }
        // x25519, P-256, P-384, P-521; points uncompressed.
        extension(10, &with_length(&[0, 29, 0, 23, 0, 24, 0, 25]));
        extension(11, &[1, 0]);
        if self == Self::Tls12 {
            let schemes: Vec<u8> = SCHEMES.iter().flat_map(|scheme| scheme.to_be_bytes()).collect();
            extension(13, &with_length(&schemes));
        }
        out
    }
}

/// Whether today's client was refused in a way that an older one might not be.
pub(super) fn is_worth_trying(story: &Story) -> bool {
    let client_messages = story.messages.iter().filter(|message| {
        message.from == Side::Client
            && matches!(message.kind, MessageKind::ClientKeyExchange | MessageKind::Finished)
    });
    if client_messages.count() > 0 {
        return false;
    }
    match &story.outcome {
        // handshake_failure, illegal_parameter, decode_error, protocol_version,
        // insufficient_security, internal_error, inappropriate_fallback
        Outcome::Alert { code, .. } => matches!(code, Some(40 | 47 | 50 | 70 | 71 | 80 | 86)),
        Outcome::Closed { .. } | Outcome::Unfinished => true,
        Outcome::Done | Outcome::NotTls { .. } => false,
    }
}

/// Sends a hello and records what the server shows of itself.
pub(super) fn probe(ask: &Ask, hello: Hello) -> Result<(Taped, Story), HandshakeError> {
    // Before the clock starts.
    let mut random = [0; 32];
    let filled = aws_lc_rs::default_provider().secure_random.fill(&mut random);
    filled.map_err(|_| HandshakeError::Client("the system gives no random bytes".into()))?;
    let mut opened = open(ask)?;
    opened.tap.line_mut().extend(ask.dial.timeouts.talk.min(ANSWER_WAIT));
    // What goes wrong here is in the recording: a reset, or nothing at all.
    if opened.tap.write_all(&hello.record(ask.sni().as_deref(), random)).is_ok() {
        let mut buffer = vec![0; 32 * 1024];
        let mut heard = 0;
        while let Ok(count @ 1..) = opened.tap.read(&mut buffer) {
            heard += count;
            opened.taped.pieces = opened.tap.pieces().to_vec();
            if heard > ANSWER_BYTES_MAX || has_all(&opened.taped.tell(&Secrets::none())) {
                break;
            }
        }
    }
    (opened.taped.pieces, opened.taped.closed) = opened.tap.into_parts();
    let story = opened.taped.tell(&Secrets::none());
    Ok((opened.taped, story))
}

/// Whether a server showed how it would shake hands.
pub(super) fn is_telling(story: &Story) -> bool {
    let shown = |kind| story.messages.iter().any(|message| message.kind == kind);
    shown(MessageKind::ServerHello)
        && (shown(MessageKind::ServerHelloDone) || shown(MessageKind::Certificate))
}

/// What a client that still spoke this would send now, and the server after it.
pub(super) fn expected(story: &Story) -> Vec<Expected> {
    let key_exchange = match story.key_exchange.as_ref().map(|exchange| exchange.kind) {
        Some(KeyExchangeKind::Rsa) => {
            "48 random bytes, encrypted with the public key of the certificate: the step that \
             textbooks tell of. Whoever gets that key later can open every recording."
        }
        Some(KeyExchangeKind::Dhe | KeyExchangeKind::Ecdhe | KeyExchangeKind::Anonymous) => {
            "The client's fresh Diffie-Hellman number: with the server's it makes the secret."
        }
        _ => "The client's part of the common secret.",
    };
    let step = |from, name, sentence| Expected { from, name, sentence };
    const SWITCH: &str = "From here on this side encrypts.";
    const PROOF: &str = "A sum over all messages so far, encrypted: nobody changed any of them.";
    vec![
        step(Side::Client, "ClientKeyExchange", key_exchange),
        step(Side::Client, "ChangeCipherSpec", SWITCH),
        step(Side::Client, "Finished", PROOF),
        step(Side::Server, "ChangeCipherSpec", SWITCH),
        step(Side::Server, "Finished", PROOF),
    ]
}

fn has_all(story: &Story) -> bool {
    story
        .messages
        .iter()
        .any(|message| matches!(message.kind, MessageKind::ServerHelloDone | MessageKind::Alert))
}

/// Known before TLS 1.2: no AEAD, no SHA-2.
const fn is_old(suite: u16) -> bool {
    !matches!(suite, 0x009c..=0x00a3 | 0x003c..=0x006b | 0xc023..=0xc030 | 0xcca8..=0xccaa)
}

/// Bytes with their length in 16 bits before them.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    // All of them are made here, but for the name, and that has 255 bytes at most.
    let length = u16::try_from(bytes.len()).unwrap_or(0);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// The client's order: forward secrecy first, so that a server that has both shows its better side.
const SUITES: &[u16] = &[
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, // ECDHE, AES-GCM and ChaCha20
    0xc023, 0xc027, 0xc024, 0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, // ECDHE, AES-CBC
    0x009e, 0x009f, 0xccaa, 0x0067, 0x006b, 0x0033, 0x0039, // DHE with RSA
    0x00a2, 0x00a3, 0x0040, 0x006a, 0x0032, 0x0038, // DHE with DSS
    0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, // RSA
    0x0041, 0x0084, 0x0096, // RSA with Camellia and SEED
    0xc008, 0xc012, 0x0016, 0x0013, 0x000a, // 3DES
    0xc007, 0xc011, 0x0005, 0x0004, // RC4
    0x00ff, // no renegotiation (RFC 5746 §3.3)
];

/// Signature schemes up to TLS 1.2, SHA-1 and DSA too.
const SCHEMES: &[u16] = &[
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0402, 0x0203, 0x0201,
    0x0202,
];

/// Longest wait for all the server has to say.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// What a server says before it waits has a tenth of this.
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    //! The bytes of the hellos.
    use super::*;

    #[test]
    fn lengths_agree_with_the_content() {
        for hello in Hello::ALL {
            let record = hello.record(Some("example.com"), [7; 32]);
            let record_length = usize::from(u16::from_be_bytes([record[3], record[4]]));
            assert_eq!(record_length, record.len() - 5, "{hello:?}");
            let message_length = usize::from(u16::from_be_bytes([record[7], record[8]]));
            assert_eq!(message_length, record.len() - 9, "{hello:?}");
            assert_eq!(record[9..11], hello.version().to_be_bytes(), "{hello:?}");
            let named = record.windows(11).any(|window| window == b"example.com");
            assert_eq!(named, hello != Hello::Ssl3);
        }
    }

    #[test]
    fn an_old_hello_offers_nothing_of_tls_1_2() {
        assert!(is_old(0x002f) && is_old(0xc013) && is_old(0x0039) && is_old(0x00ff));
        assert!(!is_old(0xc02f) && !is_old(0x009c) && !is_old(0x003c) && !is_old(0xcca8));
    }
}
