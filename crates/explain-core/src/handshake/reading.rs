//! Reads a recording piece by piece into a story: records, then messages, then what they mean.
//!
//! Each record is opened with the keys its side has at that moment (RFC 8446 §5 and §7, RFC 5246
//! §6). Application data is opened only to tell tickets and alerts from it, and never kept. Nothing
//! here fails; what cannot be read or opened becomes a box.

mod auth;
mod boxes;
mod close;
mod hellos;
mod keys;
mod later;

use alloc::string::String;
use alloc::vec::Vec;

use super::cipher::Opener;
use super::facts::Facts;
use super::message::{
    Field, KeyName, Message, MessageKind, Protection, RecordRef, Recording, Side,
};
use super::record::{End, Record, Stream};
use super::secrets::Secrets;
use super::story::Story;
use super::text::field;
use super::{MESSAGE_BYTES_MAX, MESSAGES_MAX, RECORDS_NAMED_MAX};

/// A story in the making.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    secrets: &'a Secrets,
    story: Story,
    facts: Facts,
    /// The handshake messages so far, as signatures and Finished cover them.
    transcript: Vec<u8>,
    lanes: [Lane; 2],
    /// Bytes on the wire of each message, records counted where they begin.
    wire: Vec<usize>,
    alerts: Vec<Alert>,
    closed: Option<(Side, u64)>,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    stream: Stream,
    /// Bytes of handshake messages that are not whole yet.
    handshake: Vec<u8>,
    /// The records those bytes came in.
    places: Vec<RecordRef>,
    /// TLS 1.2 and older: its ChangeCipherSpec has passed.
    protected: bool,
    /// Keys that may open the next record, the present ones first.
    keys: Vec<(KeyName, Opener)>,
    /// The secret of the present application keys, for KeyUpdate.
    traffic: Vec<u8>,
    /// Records before this offset are counted in a message already.
    counted: u64,
}

/// An alert that passed.
#[derive(Debug, Clone, Copy)]
struct Alert {
    by: Side,
    /// Level and number; None when sealed.
    content: Option<(u8, u8)>,
    after_done: bool,
}

/// What a message says: decided by its decoder, put into the story by [`Reading::tell`].
#[derive(Debug)]
struct Told {
    kind: MessageKind,
    name: &'static str,
    fields: Vec<Field>,
    sentence: String,
}

/// A message before it is told.
#[derive(Debug)]
struct Carrier {
    from: Side,
    at_us: u64,
    bytes: usize,
    records: Vec<RecordRef>,
    protection: Protection,
}

impl<'a> Reading<'a> {
    /// Reads all pieces of a recording.
    pub(super) fn of(recording: &Recording<'_>, secrets: &'a Secrets) -> Story {
        let mut reading = Self {
            secrets,
            story: Story::new(recording),
            facts: Facts::default(),
            transcript: Vec::new(),
            lanes: [Lane::default(), Lane::default()],
            wire: Vec::new(),
            alerts: Vec::new(),
            closed: recording.closed,
        };
        for piece in recording.pieces {
            reading.lane(piece.from).stream.push(&piece.bytes);
            while let Some(record) = reading.lane(piece.from).stream.next() {
                reading.record(piece.from, piece.at_us, record);
            }
        }
        reading.close()
    }

    fn lane(&mut self, side: Side) -> &mut Lane {
        let [client, server] = &mut self.lanes;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn record(&mut self, side: Side, at_us: u64, record: Record) {
        let legacy = self.facts.legacy();
        let sealed = legacy && self.lane(side).protected;
        match record.kind {
            20 => self.change_cipher_spec(side, at_us, &record),
            21 if sealed => self.open_old(side, at_us, &record),
            21 => {
                let carrier = carrier(side, at_us, &record, Protection::Clear);
                self.alert(carrier, &record.body);
            }
            22 if sealed => self.open_old(side, at_us, &record),
            22 if record.sslv2 => self.sslv2_hello(side, at_us, &record),
            22 => self.handshake(side, at_us, &record, &record.body, Protection::Clear),
            23 if legacy => self.old_application_data(side, at_us, &record),
            23 => self.open13(side, at_us, &record),
            _ => self.other_record(side, at_us, &record),
        }
    }

    /// A sealed record of TLS 1.2 or older that is no application data.
    fn open_old(&mut self, side: Side, at_us: u64, record: &Record) {
        let lane = self.lane(side);
        let opened = lane.keys.first_mut().and_then(|(_, opener)| {
            let opened = opener.open(record.header, &record.body);
            if opened.is_none() {
                opener.skip(&record.body);
            }
            opened
        });
        let protection = Protection::Encrypted { opened: opened.is_some(), key: KeyName::Session };
        let Some(opened) = opened else {
            self.sealed_old(side, at_us, record, protection);
            return;
        };
        if record.kind == 21 {
            let carrier = carrier(side, at_us, record, protection);
            self.alert(carrier, &opened.content);
        } else {
            self.handshake(side, at_us, record, &opened.content, protection);
        }
    }

    /// A record of TLS 1.3 that says it is application data: most of the handshake is.
    fn open13(&mut self, side: Side, at_us: u64, record: &Record) {
        if self.facts.version.is_none() && side == Side::Client {
            self.early_keys();
        }
        let lane = self.lane(side);
        let opened = lane.keys.iter_mut().enumerate().find_map(|(at, (key, opener))| {
            opener.open(record.header, &record.body).map(|opened| (at, *key, opened))
        });
        let Some((at, key, opened)) = opened else {
            self.sealed13(side, at_us, record);
            return;
        };
        // Keys before the one that fits are of the past.
        lane.keys.drain(..at);
        let protection = Protection::Encrypted { opened: true, key };
        match opened.kind {
            22 => self.handshake(side, at_us, record, &opened.content, protection),
            21 => {
                let carrier = carrier(side, at_us, record, protection);
                self.alert(carrier, &opened.content);
            }
            _ => self.application_data(side, at_us, record, protection),
        }
    }

    /// Bytes of handshake messages: cut as soon as one is whole.
    fn handshake(
        &mut self,
        side: Side,
        at_us: u64,
        record: &Record,
        content: &[u8],
        protection: Protection,
    ) {
        let lane = self.lane(side);
        lane.handshake.extend_from_slice(content);
        if lane.places.len() < RECORDS_NAMED_MAX {
            lane.places.push(record.place);
        }
        loop {
            let lane = self.lane(side);
            let Some(head) = lane.handshake.first_chunk::<4>() else { break };
            let [_, high, middle, low] = head.map(usize::from);
            let whole = 4 + (high << 16 | middle << 8 | low);
            if whole > MESSAGE_BYTES_MAX {
                lane.stream.stop(End::Limit);
                lane.handshake = Vec::new();
                self.cut("message-bytes");
                return;
            }
            if lane.handshake.len() < whole {
                break;
            }
            let raw: Vec<u8> = lane.handshake.drain(..whole).collect();
            let records = lane.places.clone();
            // The last record may hold the beginning of the next message.
            lane.places.drain(..lane.places.len().saturating_sub(1));
            let carrier = Carrier { from: side, at_us, bytes: whole, records, protection };
            self.message(carrier, &raw);
        }
        let lane = self.lane(side);
        if lane.handshake.is_empty() {
            lane.places.clear();
        }
    }

    /// One whole handshake message.
    fn message(&mut self, carrier: Carrier, raw: &[u8]) {
        let (Some(code), Some(body)) = (raw.first().copied(), raw.get(4..)) else { return };
        let again = self.facts.done() && self.facts.legacy();
        let told = if again && !matches!(code, 0 | 4) {
            Some(renegotiation(code))
        } else {
            self.decode(&carrier, code, raw, body)
        };
        let told = told.unwrap_or_else(|| malformed(code));
        let after = if told.kind == MessageKind::HelloRetryRequest {
            self.retry_transcript();
            true
        } else {
            self.in_transcript(told.kind)
        };
        if after {
            self.transcript.extend_from_slice(raw);
        }
        let (kind, side, at_us) = (told.kind, carrier.from, carrier.at_us);
        self.tell(carrier, told);
        self.after(kind, side, at_us);
    }

    fn decode(&mut self, carrier: &Carrier, code: u8, raw: &[u8], body: &[u8]) -> Option<Told> {
        let side = carrier.from;
        match code {
            0 => Some(later::hello_request()),
            1 => self.client_hello(body),
            2 => self.server_hello(raw, body),
            4 => self.new_session_ticket(body),
            5 => Some(later::end_of_early_data()),
            8 => self.encrypted_extensions(body),
            11 => self.certificate(side, body),
            12 => self.server_key_exchange(body),
            13 => self.certificate_request(body),
            14 => Some(self.server_hello_done()),
            15 => self.certificate_verify(side, body),
            16 => self.client_key_exchange(body),
            20 => self.finished(side, body),
            22 => later::certificate_status(body),
            24 => self.key_update(side, body),
            25 => self.compressed_certificate(side, body),
            _ => None,
        }
    }

    /// Whether a message belongs to what signatures and Finished cover.
    fn in_transcript(&self, kind: MessageKind) -> bool {
        match kind {
            MessageKind::HelloRequest | MessageKind::KeyUpdate => false,
            MessageKind::NewSessionTicket => self.facts.legacy(),
            _ => !self.facts.done(),
        }
    }

    /// Puts a message into the story, unless that is full.
    fn tell(&mut self, carrier: Carrier, told: Told) {
        if self.story.messages.len() >= MESSAGES_MAX {
            self.cut("messages");
            return;
        }
        let lane = self.lane(carrier.from);
        let new = |record: &&RecordRef| record.offset >= lane.counted;
        let wire = carrier.records.iter().filter(new).map(|record| record.bytes).sum();
        if let Some(last) = carrier.records.last() {
            lane.counted = lane.counted.max(last.offset + 1);
        }
        self.wire.push(wire);
        self.story.messages.push(Message {
            number: self.story.messages.len() + 1,
            from: carrier.from,
            at_us: carrier.at_us,
            flight: 0,
            kind: told.kind,
            name: told.name.into(),
            bytes: carrier.bytes,
            records: carrier.records,
            protection: carrier.protection,
            fields: told.fields,
            sentence: told.sentence,
        });
    }

    /// The number the next message will have.
    fn next_number(&self) -> usize {
        self.story.messages.len() + 1
    }

    fn cut(&mut self, limit: &'static str) {
        self.story.cut.get_or_insert(limit);
    }
}

/// A record that is a message by itself.
fn carrier(from: Side, at_us: u64, record: &Record, protection: Protection) -> Carrier {
    let (bytes, records) = (record.body.len(), alloc::vec![record.place]);
    Carrier { from, at_us, bytes, records, protection }
}

fn malformed(code: u8) -> Told {
    Told {
        kind: MessageKind::OtherHandshake,
        name: "unreadable handshake message",
        fields: alloc::vec![field("type", alloc::format!("{code}"), "")],
        sentence:
            "A handshake message that is of an unknown type, has no place here, or is damaged."
                .into(),
    }
}

fn renegotiation(code: u8) -> Told {
    Told {
        kind: MessageKind::OtherHandshake,
        name: "renegotiation",
        fields: alloc::vec![field("type", alloc::format!("{code}"), "")],
        sentence: "Another handshake begins inside the encrypted connection; it is not told here."
            .into(),
    }
}
