//! The last failed handshakes at our own door, as its workers kept them.
//!
//! The records were written by processes that talk to strangers: nothing in them is trusted, and
//! who calls this has given up the rights of root before.

use menshen_config::failure::{Failure, FailureEnd, Sender, newest_first};
use menshen_explain_core::handshake::{
    Origin, Outcome, Piece, Recording, Secrets, Side, name_alert, tell,
};
use serde::Serialize;

use super::{Listed, Report};

/// Failed handshakes of a door.
#[derive(Debug, Serialize)]
pub struct Gallery {
    /// All that are kept, the newest first.
    pub list: Vec<Listed>,
    /// Those that were asked for, in the same order.
    pub handshakes: Vec<Report>,
}

/// Reads the file of failed handshakes; with a number, counted from 1, only that one is told.
#[must_use]
pub fn from_door(file: &[u8], number: Option<usize>) -> Gallery {
    let mut gallery = Gallery { list: Vec::new(), handshakes: Vec::new() };
    for (index, failure) in newest_first(file).into_iter().enumerate() {
        let place = index + 1;
        let report = report(&failure, place);
        let client = failure.client.to_string();
        let mut listed = Listed::of(place, failure.unix_ms, client, &report.story);
        if let (true, Some(finding)) = (report.story.messages.is_empty(), report.findings.first()) {
            listed.outcome.clone_from(&finding.claim);
        }
        listed.sni = listed.sni.or(failure.sni);
        gallery.list.push(listed);
        if number.is_none_or(|number| number == place) {
            gallery.handshakes.push(report);
        }
    }
    gallery
}

fn report(failure: &Failure, place: usize) -> Report {
    let side = |sender| match sender {
        Sender::Client => Side::Client,
        Sender::Server => Side::Server,
    };
    let pieces: Vec<Piece<'_>> = failure
        .pieces
        .iter()
        .map(|piece| Piece {
            from: side(piece.from),
            at_us: piece.at_us,
            bytes: piece.bytes.as_slice().into(),
        })
        .collect();
    let closed = match failure.ended {
        FailureEnd::Closed | FailureEnd::Reset => Some((Side::Client, failure.elapsed_us)),
        // Our own end of it is no cause: the client did not go on.
        FailureEnd::Limit | FailureEnd::Tls => None,
    };
    let recording = Recording {
        subject: format!("{} at {}", failure.client, failure.local),
        origin: Origin::Door,
        connect_us: None,
        pieces: &pieces,
        closed,
    };
    let mut story = tell(&recording, &Secrets::none());
    // The door could read what is sealed in the recording.
    if let Some(code) = failure.alert_received {
        name_alert(&mut story, Side::Client, code);
    }
    // So is what it said itself, once TLS 1.3 encrypts.
    let sealed = matches!(story.outcome, Outcome::Alert { by: Side::Server, code: None, .. });
    if let Some(code) = failure.alert_sent.filter(|_| sealed) {
        name_alert(&mut story, Side::Server, code);
    }
    let mut report = Report::of(story, Vec::new());
    report.number = Some(place);
    report.said = Some(failure.error.clone()).filter(|error| !error.is_empty());
    report
}
