//! What servers show of themselves that today's clients cannot speak with.
//!
//! Up to TLS 1.2 a server shows its version, suite, certificate and key exchange in clear text and
//! then waits. So a hello of the past ([`crate::hello`]) makes it show what it would do. No secret
//! is ever made here, and nothing is sent after the hello.

use std::io::{Read, Write};
use std::time::Duration;

use menshen_explain_core::handshake::{
    KeyExchangeKind, MessageKind, Outcome, Secrets, Side, Story,
};
use serde::Serialize;

use super::live::{Taped, open};
use super::{Ask, HandshakeError};
use crate::hello::{self, Hello};

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
    let random = hello::random();
    let random =
        random.ok_or_else(|| HandshakeError::Client("the system gives no random bytes".into()))?;
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

/// Longest wait for all the server has to say.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// What a server says before it waits has a tenth of this.
const ANSWER_BYTES_MAX: usize = 1 << 20;
