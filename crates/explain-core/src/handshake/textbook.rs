//! The classic story of HTTPS, step by step, beside what happened on this connection.
//!
//! The classic story is that of RSA key exchange (RFC 5246 §7.4.7.1): true for old servers only,
//! and gone in TLS 1.3.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::message::{Message, MessageKind, Side};
use super::story::{
    CheckResult, KeyExchangeKind, Named, Outcome, Resumption, Story, TextbookStep, Verdict,
};

/// The steps with their verdicts.
pub(super) fn steps(story: &Story) -> Vec<TextbookStep> {
    alloc::vec![
        hello(story),
        certificate(story),
        client_checks(story),
        random_value(story),
        session_key(story),
        encrypted_talk(story),
    ]
}

fn hello(story: &Story) -> TextbookStep {
    let text = "The client says hello with a random number and what it can do.";
    let Some(message) = first(story, MessageKind::ClientHello, Side::Client) else {
        return not_seen(text, "No ClientHello passed.");
    };
    let sent = story.offer.as_ref().is_some_and(|offer| !offer.shares.is_empty());
    let why = if story.hello_retry.is_some() {
        "Just so, but twice: the server asked for another half of the key agreement than the \
         client had sent in advance."
    } else if sent {
        "Just so, and today it also sends its half of the key agreement in advance: that saves one \
         round trip."
    } else {
        "Just so."
    };
    step(text, Verdict::Happened, why, Some(message))
}

fn certificate(story: &Story) -> TextbookStep {
    let text = "The server sends its certificate with its public key.";
    if let Some(message) = first(story, MessageKind::Certificate, Side::Server)
        .or_else(|| first(story, MessageKind::CompressedCertificate, Side::Server))
    {
        let why = if is_tls13(story) {
            "Just so, but already encrypted: nobody on the way can read whose certificate it is."
        } else {
            "Just so, and in the clear: everybody on the way can read it."
        };
        return step(text, Verdict::Happened, why, Some(message));
    }
    if story.resumed.is_some() {
        let why = "No certificate was needed: an earlier connection, in which it had been shown, \
                   is taken up again.";
        return step(text, Verdict::Differently, why, None);
    }
    let sealed = first(story, MessageKind::Sealed, Side::Server);
    if let Some(message) = sealed {
        let why = "Most likely, but in TLS 1.3 it is encrypted, and no secret of this connection \
                   is known here.";
        return step(text, Verdict::NotSeen, why, Some(message));
    }
    not_seen(text, "The recording holds no certificate.")
}

fn client_checks(story: &Story) -> TextbookStep {
    let text = "The client checks the certificate and that the server owns it.";
    let check = story.checks.iter().find(|check| check.code == "server-signature");
    if let Outcome::Alert { by: Side::Client, code: Some(42..=46 | 48), name, .. } = &story.outcome
    {
        let why = format!("The client checked and did not accept the certificate: {name}.");
        return step(text, Verdict::Differently, why, None);
    }
    if let Some(check) = check {
        let at = check.message.and_then(|number| story.messages.get(number.checked_sub(1)?));
        return match &check.result {
            CheckResult::Ok => {
                let why = "The server signed this very handshake with its private key; the \
                           signature was computed again here and is right. Whether the certificate \
                           can be trusted, each client judges by its own list of authorities.";
                step(text, Verdict::Happened, why, at)
            }
            CheckResult::Failed { why } => {
                step(text, Verdict::Differently, format!("The signature is wrong: {why}."), at)
            }
            CheckResult::NotPossible { why } => step(
                text,
                Verdict::Happened,
                format!("The server signed; it could not be checked again here: {why}."),
                at,
            ),
        };
    }
    if story.resumed.is_some() {
        let why = "Nothing to check: that both know the earlier secret is the proof.";
        return step(text, Verdict::Differently, why, None);
    }
    if kind(story) == Some(KeyExchangeKind::Rsa) {
        let why = "There is no signature: that the server can decrypt the client's secret is the \
                   only proof that it owns the key, and it comes with the server's Finished.";
        let finished = first(story, MessageKind::Finished, Side::Server);
        return step(text, Verdict::Differently, why, finished);
    }
    not_seen(text, "This part is encrypted, or the recording ends before.")
}

fn random_value(story: &Story) -> TextbookStep {
    let text = "The client encrypts a random value with the public key and sends it.";
    let message = first(story, MessageKind::ClientKeyExchange, Side::Client);
    let group = story.key_exchange.as_ref().and_then(|exchange| exchange.group.as_ref());
    let with = |group: Option<&Named>| group.map_or(String::new(), |g| format!(" ({})", g.name));
    let Some(kind) = kind(story) else {
        return not_seen(text, "The server did not choose anything in this recording.");
    };
    match kind {
        KeyExchangeKind::Rsa if message.is_none() => {
            not_seen(text, "It would have come next: the server chose RSA key exchange.")
        }
        KeyExchangeKind::Rsa => {
            let why = "Just so: RSA key exchange. Who steals the private key later can open every \
                       old recording; therefore TLS 1.3 has thrown this way out.";
            step(text, Verdict::Happened, why, message)
        }
        KeyExchangeKind::PskOnly => {
            let why = "No value was sent: both used a secret from an earlier connection.";
            step(text, Verdict::NotToday, why, None)
        }
        KeyExchangeKind::Hybrid => {
            let why = format!(
                "It did not happen. Both sides sent fresh public halves{} and computed the same \
                 secret; the second half withstands quantum computers. The certificate's key only \
                 signs.",
                with(group)
            );
            step(text, Verdict::NotToday, why, first(story, MessageKind::ServerHello, Side::Server))
        }
        _ => {
            let why = format!(
                "It did not happen. Both sides sent fresh public halves{} and computed the same \
                 secret, which never went over the line. The certificate's key only signs.",
                with(group)
            );
            let shown = message.or_else(|| first(story, MessageKind::ServerHello, Side::Server));
            step(text, Verdict::NotToday, why, shown)
        }
    }
}

fn session_key(story: &Story) -> TextbookStep {
    let text = "Both sides derive the same session key from the random values.";
    if story.keys.is_empty() {
        return not_seen(text, "The recording ends before.");
    }
    let after =
        story.keys.first().and_then(|moment| story.messages.get(moment.after.checked_sub(1)?));
    if is_tls13(story) {
        let why = "Not one key but several: for the handshake and for the payload, each direction \
                   its own; they come from the common secret and all messages so far.";
        return step(text, Verdict::Differently, why, after);
    }
    let why = if story.resumed == Some(Resumption::SessionId)
        || story.resumed == Some(Resumption::Ticket)
    {
        "Just so, from the secret of the earlier session and two new random numbers."
    } else {
        "Just so, from the common secret and both random numbers; each direction has its own key."
    };
    step(text, Verdict::Happened, why, after)
}

fn encrypted_talk(story: &Story) -> TextbookStep {
    let text = "From then on the talk is encrypted with the session key.";
    let data = story.messages.iter().find(|message| message.kind == MessageKind::ApplicationData);
    if let Outcome::Done = story.outcome {
        let why = if is_tls13(story) {
            "Just so, and part of the handshake was encrypted already."
        } else {
            "Just so: everything before ChangeCipherSpec could be read by all, nothing after it."
        };
        return step(text, Verdict::Happened, why, data);
    }
    not_seen(text, "It did not come to that in this recording.")
}

fn is_tls13(story: &Story) -> bool {
    story.version.as_ref().is_some_and(|version| version.name.starts_with("TLS 1.3"))
}

fn kind(story: &Story) -> Option<KeyExchangeKind> {
    story.key_exchange.as_ref().map(|exchange| exchange.kind)
}

fn first(story: &Story, kind: MessageKind, from: Side) -> Option<&Message> {
    story.messages.iter().find(|message| message.kind == kind && message.from == from)
}

fn step(
    text: &'static str,
    verdict: Verdict,
    why: impl Into<String>,
    message: Option<&Message>,
) -> TextbookStep {
    let message = message.map(|message| message.number);
    TextbookStep { text, verdict, why: why.into(), message }
}

fn not_seen(text: &'static str, why: &str) -> TextbookStep {
    TextbookStep { text, verdict: Verdict::NotSeen, why: why.to_string(), message: None }
}
