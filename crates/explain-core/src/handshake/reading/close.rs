//! The end of a reading: flights, how it ended, what was not checked, the textbook.

use alloc::string::{String, ToString};

use super::{Alert, Reading, Side};
use crate::handshake::message::MessageKind;
use crate::handshake::proof::not_possible;
use crate::handshake::record::End;
use crate::handshake::registry;
use crate::handshake::story::{AlertLevel, Check, Flight, Outcome, Story};
use crate::handshake::textbook;

impl Reading<'_> {
    /// What is left to say once all pieces were read.
    pub(super) fn close(mut self) -> Story {
        if self.lanes.iter().any(|lane| lane.stream.end() == Some(End::Limit)) {
            self.cut("stream-bytes");
        }
        let [client, server] = &self.lanes;
        self.story.client_bytes = client.stream.total();
        self.story.server_bytes = server.stream.total();
        self.flights();
        self.story.outcome = self.outcome();
        self.missing_checks();
        self.story.textbook = textbook::steps(&self.story);
        self.story
    }

    fn flights(&mut self) {
        let story = &mut self.story;
        for (message, wire) in story.messages.iter_mut().zip(&self.wire) {
            let number = story.flights.len();
            match story.flights.last_mut().filter(|flight| flight.from == message.from) {
                Some(flight) => {
                    flight.last = message.number;
                    flight.end_us = message.at_us;
                    flight.bytes += wire;
                    message.flight = number;
                }
                None => {
                    message.flight = number + 1;
                    story.flights.push(Flight {
                        number: number + 1,
                        from: message.from,
                        first: message.number,
                        last: message.number,
                        start_us: message.at_us,
                        end_us: message.at_us,
                        bytes: *wire,
                    });
                }
            }
        }
    }

    fn outcome(&self) -> Outcome {
        for (side, lane) in [Side::Client, Side::Server].into_iter().zip(&self.lanes) {
            let foreign = lane.stream.end() == Some(End::NotTls) || lane.stream.is_stub();
            if foreign && !self.facts.done() {
                let looks_like = if lane.stream.any() {
                    "bytes that are no TLS record, after some that were".to_string()
                } else {
                    looks_like(lane.stream.head())
                };
                return Outcome::NotTls { by: side, looks_like };
            }
        }
        let done = self.facts.done();
        let tls13 = self.facts.tls13();
        let fatal = |alert: &&Alert| match alert.content {
            // Sealed ones after the end are goodbyes, as far as one can know.
            None => !alert.after_done,
            // TLS 1.3: the level does not count (RFC 8446 §6).
            Some((level, code)) => code != 0 && code != 90 && (level == 2 || tls13),
        };
        let early =
            |alert: &&Alert| !alert.after_done && alert.content.is_some_and(|(_, code)| code != 0);
        let alert = self.alerts.iter().find(fatal);
        let alert = alert.or_else(|| self.alerts.iter().find(early).filter(|_| !done));
        if let Some(alert) = alert {
            return told_alert(*alert);
        }
        let goodbye = self.alerts.iter().find(|alert| alert.content.is_some_and(|(_, c)| c == 0));
        match (done, self.closed, goodbye) {
            (true, ..) => Outcome::Done,
            (false, Some((by, _)), _) => Outcome::Closed { by },
            (false, None, Some(alert)) => Outcome::Closed { by: alert.by },
            (false, None, None) => Outcome::Unfinished,
        }
    }

    /// What could not be checked because it was sealed is said, not left out.
    fn missing_checks(&mut self) {
        if self.story.version.is_none() {
            return;
        }
        let sealed = |story: &Story, side: Side| {
            story
                .messages
                .iter()
                .find(|message| {
                    message.from == side
                        && matches!(message.kind, MessageKind::Sealed | MessageKind::Finished)
                })
                .map(|message| message.number)
        };
        for (side, code, what) in [
            (Side::Server, "server-finished", "the server's Finished: both saw the same messages"),
            (Side::Client, "client-finished", "the client's Finished: both saw the same messages"),
        ] {
            let known = self.story.checks.iter().any(|check| check.code == code);
            if let (false, Some(number)) = (known, sealed(&self.story, side)) {
                let result = not_possible("it is encrypted, and its secret is not known");
                let (what, message) = (what.to_string(), Some(number));
                self.story.checks.push(Check { code, what, message, result });
            }
        }
    }
}

fn told_alert(alert: Alert) -> Outcome {
    let by = alert.by;
    let Some((level, code)) = alert.content else {
        return Outcome::Alert {
            by,
            level: AlertLevel::Unknown,
            code: None,
            name: "encrypted alert".to_string(),
            meaning: "the reason is encrypted, and its key is not known".to_string(),
        };
    };
    let words = registry::alert(code);
    let level = match level {
        1 => AlertLevel::Warning,
        2 => AlertLevel::Fatal,
        _ => AlertLevel::Unknown,
    };
    Outcome::Alert { by, level, code: Some(code), name: words.name, meaning: words.meaning.into() }
}

/// What bytes look like that are not TLS.
fn looks_like(head: &[u8]) -> String {
    let found = STARTS.iter().find(|(start, _)| {
        head.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    });
    let zeros = head.iter().take(3).all(|byte| *byte == 0);
    match found {
        Some((_, name)) => (*name).to_string(),
        // A MySQL server speaks first: length, number 0, protocol version 10.
        None if head.get(3..5) == Some(&[0, 10]) => "a MySQL or MariaDB greeting".to_string(),
        None if zeros && head.len() > 3 => "zeros".to_string(),
        None if head.iter().all(|byte| byte.is_ascii_graphic() || b" \t\r\n".contains(byte)) => {
            "plain text".to_string()
        }
        None => "bytes that are no TLS record".to_string(),
    }
}

/// Beginnings, in any case, and what they are of.
const STARTS: &[(&[u8], &str)] = &[
    (b"GET ", "plain HTTP"),
    (b"POST ", "plain HTTP"),
    (b"HEAD ", "plain HTTP"),
    (b"PUT ", "plain HTTP"),
    (b"OPTIONS ", "plain HTTP"),
    (b"DELETE ", "plain HTTP"),
    (b"PATCH ", "plain HTTP"),
    (b"CONNECT ", "plain HTTP, asking for a proxy"),
    (b"PRI * HTTP/2", "plain HTTP/2"),
    (b"HTTP/", "plain HTTP"),
    (b"SSH-", "an SSH banner"),
    (b"220 ", "an SMTP or FTP banner: TLS begins there after STARTTLS or AUTH TLS"),
    (b"220-", "an SMTP or FTP banner: TLS begins there after STARTTLS or AUTH TLS"),
    (b"EHLO ", "SMTP"),
    (b"HELO ", "SMTP"),
    (b"* OK", "an IMAP banner: TLS begins there after STARTTLS"),
    (b"+OK", "a POP3 banner: TLS begins there after STLS"),
    (b"PROXY ", "a PROXY protocol line"),
    (b"\r\n\r\n\0\r\nQUIT\n", "a PROXY protocol version 2 header"),
    (b"RFB ", "a VNC banner"),
    (b"\x03\0\0", "a remote desktop (RDP) connection"),
    (b"<?xml", "XML"),
    (b"<!doctype", "HTML"),
    (b"<html", "HTML"),
    (b"-ERR", "a Redis or POP3 error"),
];
