//! The head of the picture: what both agreed on, in rows of a label, a value and explanations.

use menshen_explain_core::handshake::{
    AlertLevel, CheckResult, ClientCertificate, EarlyData, KeyExchange, Origin, Outcome, Resumption,
};

use super::words::{bytes, clean, micros};
use super::{Line, Mark, capital, wide};
use crate::handshake::Report;

/// One thing both agreed on.
#[derive(Debug)]
pub(in crate::handshake) struct Fact {
    pub(in crate::handshake) label: &'static str,
    pub(in crate::handshake) value: String,
    /// What it means: a word that stands out, may be empty, and a sentence.
    pub(in crate::handshake) notes: Vec<(String, String)>,
}

/// How it ended, in one line.
pub(super) fn ending(report: &Report) -> Line {
    let story = &report.story;
    let line = |mark, text: String, more: String| Line { mark, text, more };
    match &story.outcome {
        Outcome::Done => {
            let after = story.done_us.map(|done| format!(" after {}", micros(done)));
            let text = format!("The handshake succeeded{}", after.unwrap_or_default());
            let wrong = story
                .checks
                .iter()
                .filter(|check| matches!(check.result, CheckResult::Failed { .. }))
                .count();
            match wrong {
                0 => line(Mark::Good, text, String::new()),
                1 => line(Mark::Differs, text, "But one check failed, see below.".into()),
                _ => line(Mark::Differs, text, format!("But {wrong} checks failed, see below.")),
            }
        }
        Outcome::Unfinished if !report.expected.is_empty() => line(
            Mark::Differs,
            "Only an old client would get in here".into(),
            "The server refuses a client of today. It was asked by hand-made hellos of the past, \
             which end after its answer; the rest is dashed."
                .into(),
        ),
        _ => match stop(report) {
            Some(stop) => stop,
            None => line(Mark::Bad, "The handshake did not come to its end".into(), String::new()),
        },
    }
}

/// What ended it before its time; None when it was done.
pub(super) fn stop(report: &Report) -> Option<Line> {
    let story = &report.story;
    let bad = |text: String, more: String| Some(Line { mark: Mark::Bad, text, more });
    match &story.outcome {
        Outcome::Done => None,
        Outcome::Alert { by, level, code, name, meaning } => {
            let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
            let level = match level {
                AlertLevel::Fatal => "fatal alert",
                AlertLevel::Warning => "alert",
                AlertLevel::Unknown => "sealed alert",
            };
            let text = format!("The {} ended it: {level} {}{code}", by.word(), clean(name));
            let meaning = clean(meaning);
            let meaning = meaning.trim_end_matches('.');
            bad(text, if meaning.is_empty() { String::new() } else { capital(meaning) + "." })
        }
        Outcome::Closed { by } => {
            bad(format!("The {} closed the connection without a word", by.word()), String::new())
        }
        Outcome::NotTls { by, looks_like } => bad(
            format!("The {} did not speak TLS: {}", by.word(), clean(looks_like)),
            String::new(),
        ),
        Outcome::Unfinished if !report.expected.is_empty() => Some(Line {
            mark: Mark::Differs,
            text: "Here our hand-made hello stops".into(),
            more: "A client that still spoke this would go on as dashed below.".into(),
        }),
        Outcome::Unfinished => {
            bad("The recording ends here, the handshake does not".into(), String::new())
        }
    }
}

/// The rows, those that matter most first.
pub(super) fn facts(report: &Report) -> Vec<Fact> {
    let story = &report.story;
    let mut facts = Vec::new();
    let mut fact = |label, value: String, notes| facts.push(Fact { label, value, notes });
    if let Some(version) = &story.version {
        fact("version", clean(&version.name), Vec::new());
    }
    if let Some(exchange) = &story.key_exchange {
        fact("key exchange", exchange_name(exchange), exchange_notes(exchange, report));
    }
    if let Some(suite) = &story.cipher_suite {
        let note = |part: &menshen_explain_core::handshake::SuitePart| {
            (format!("{} ({})", clean(&part.part), part.role), part.meaning.to_owned())
        };
        fact("cipher suite", clean(&suite.name), suite.parts.iter().map(note).collect());
    }
    if let Some(leaf) = &story.server_certificate {
        let sent = match leaf.sent {
            0 | 1 => String::new(),
            sent => format!(", {sent} certificates sent"),
        };
        let value = format!("{} ({})", clean(&leaf.subject), clean(&leaf.key));
        let issued = format!("issued by {}{sent}", clean(&leaf.issuer));
        fact("certificate", value, vec![(String::new(), issued)]);
    }
    if let Some(signature) = &story.server_signature {
        fact("signed with", clean(&signature.name), Vec::new());
    }
    if let Some(resumed) = story.resumed {
        let by = match resumed {
            Resumption::SessionId => "the server knew the session's id",
            Resumption::Ticket => "the client brought a ticket",
            Resumption::Psk => "by a pre-shared key: the client knew a secret of before",
        };
        fact("resumed", by.into(), Vec::new());
    }
    if let ClientCertificate::Sent { certificate } = &story.client_certificate {
        let value = format!("{} ({})", clean(&certificate.subject), clean(&certificate.key));
        fact("client shows", value, Vec::new());
    } else if story.client_certificate == ClientCertificate::None {
        fact("client shows", "no certificate, though it was asked for one".into(), Vec::new());
    }
    if let Some(retry) = &story.hello_retry {
        fact("second hello", clean(&retry.sentence), Vec::new());
    }
    match story.early_data {
        EarlyData::NotOffered => {}
        EarlyData::Offered => fact("early data", "sent along; the answer is sealed".into(), vec![]),
        EarlyData::Accepted => fact("early data", "taken".into(), vec![]),
        EarlyData::Refused => fact("early data", "not taken".into(), vec![]),
    }
    if let Some(alpn) = &story.alpn {
        fact("protocol", clean(alpn), Vec::new());
    }
    fact("seen", seen(report), Vec::new());
    facts.extend(around(report));
    facts
}

/// What was said and tried besides the handshake.
fn around(report: &Report) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(said) = &report.said {
        let whose = if report.story.origin == Origin::Door { "door said" } else { "client said" };
        facts.push(Fact { label: whose, value: clean(said), notes: Vec::new() });
    }
    if !report.preface.is_empty() {
        let lines = report.preface.iter().take(PREFACE_MAX);
        let notes = lines.map(|said| (said.by.to_owned(), clean(&said.line))).collect();
        facts.push(Fact { label: "before TLS", value: "in clear text".into(), notes });
    }
    if report.attempts.len() > 1 {
        let notes = report.attempts.iter().map(|attempt| {
            let told = if attempt.told { " (drawn here)" } else { "" };
            (attempt.hello.to_owned(), format!("{}{told}", clean(&attempt.outcome)))
        });
        let value = format!("{} connections", report.attempts.len());
        facts.push(Fact { label: "tried", value, notes: notes.collect() });
    }
    if let Some(cut) = report.story.cut {
        let value = format!("the story was cut: too many {cut}");
        facts.push(Fact { label: "cut", value, notes: Vec::new() });
    }
    facts
}

fn seen(report: &Report) -> String {
    let story = &report.story;
    let how = match story.origin {
        Origin::Live => "on our own connection",
        Origin::Capture => "in a capture",
        Origin::Door => "at our own door",
    };
    let address = report.address.as_deref().map(|to| format!(" to {}", clean(to)));
    let connect = story.connect_us.map(|us| format!("; TCP connect took {}", micros(us)));
    format!(
        "{how}{}: {} from the client, {} from the server{}",
        address.unwrap_or_default(),
        bytes(story.client_bytes),
        bytes(story.server_bytes),
        connect.unwrap_or_default(),
    )
}

fn exchange_name(exchange: &KeyExchange) -> String {
    use menshen_explain_core::handshake::KeyExchangeKind as Kind;
    let way = match exchange.kind {
        Kind::Rsa => "RSA: a random value encrypted with the public key",
        Kind::Dhe => "Diffie-Hellman",
        Kind::Ecdhe => "elliptic-curve Diffie-Hellman",
        Kind::Hybrid => "hybrid: elliptic curve and post-quantum",
        Kind::PostQuantum => "post-quantum",
        Kind::PskOnly => "an earlier secret only",
        Kind::Anonymous => "anonymous Diffie-Hellman",
        Kind::Other => "another way",
    };
    match &exchange.group {
        Some(group) => format!("{} ({way})", clean(&group.name)),
        None => capital(way),
    }
}

fn exchange_notes(exchange: &KeyExchange, report: &Report) -> Vec<(String, String)> {
    let mut notes = Vec::new();
    // Of a hello made by hand nothing followed: the sentence would claim what did not happen.
    if report.expected.is_empty() {
        notes.push((String::new(), clean(&exchange.sentence)));
    }
    notes.extend(exchange.hybrid.iter().map(|part| {
        let sizes = format!(
            "{} from the client, {} from the server",
            bytes(wide(part.client_bytes)),
            bytes(wide(part.server_bytes)),
        );
        (part.name.to_owned(), format!("{}; {sizes}", part.meaning.trim_end_matches('.')))
    }));
    notes
}

/// Lines shown of what was said before TLS.
const PREFACE_MAX: usize = 12;
