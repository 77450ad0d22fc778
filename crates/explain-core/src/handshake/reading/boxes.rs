//! What is no readable handshake message: ChangeCipherSpec, alerts, payload, and sealed boxes with
//! the name that is most probable by their place and size.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Alert, Carrier, Reading, Side, Told, carrier};
use crate::handshake::RECORDS_NAMED_MAX;
use crate::handshake::message::{KeyName, MessageKind, Protection};
use crate::handshake::record::Record;
use crate::handshake::registry;
use crate::handshake::schedule::hash_bytes;
use crate::handshake::text::field;

impl Reading<'_> {
    pub(super) fn change_cipher_spec(&mut self, side: Side, at_us: u64, record: &Record) {
        let kind = MessageKind::ChangeCipherSpec;
        let name = "ChangeCipherSpec";
        if !self.facts.legacy() {
            let sentence = "An empty gesture: old equipment on the way expects to see it, TLS 1.3 \
                            itself ignores it.";
            let told = Told { kind, name, fields: Vec::new(), sentence: sentence.to_string() };
            self.tell(carrier(side, at_us, record, Protection::Clear), told);
            return;
        }
        let again = self.lane(side).protected;
        let key = KeyName::Session;
        let protection =
            if again { Protection::Encrypted { opened: false, key } } else { Protection::Clear };
        let sentence = format!("From here on, everything the {} sends is encrypted.", side.word());
        let told = Told { kind, name, fields: Vec::new(), sentence: sentence.clone() };
        self.tell(carrier(side, at_us, record, protection), told);
        if again {
            // New keys of a second handshake are not followed.
            self.lane(side).keys.clear();
            return;
        }
        if side == Side::Server {
            self.resumed_without_certificate();
        }
        self.lane(side).protected = true;
        self.keys12(side);
        self.moment(key, side, at_us, sentence);
    }

    pub(super) fn alert(&mut self, carrier: Carrier, content: &[u8]) {
        let [level, code, ..] = *content else {
            self.sealed_alert(carrier);
            return;
        };
        let words = registry::alert(code);
        let level_name = match level {
            1 => "warning".to_string(),
            2 => "fatal".to_string(),
            other => other.to_string(),
        };
        let fields = alloc::vec![
            field("level", level_name, ""),
            field("description", format!("{} ({code})", words.name), words.meaning),
        ];
        let by = carrier.from;
        let sentence = if code == 0 {
            format!("The {} says goodbye: it will send nothing more.", by.word())
        } else {
            format!("The {} reports {}: {}.", by.word(), words.name, words.meaning)
        };
        let content = Some((level, code));
        self.alerts.push(Alert { by, content, after_done: self.facts.done() });
        let told = Told { kind: MessageKind::Alert, name: "Alert", fields, sentence };
        self.tell(Carrier { bytes: 2, ..carrier }, told);
    }

    pub(super) fn old_application_data(&mut self, side: Side, at_us: u64, record: &Record) {
        if let Some((_, opener)) = self.lane(side).keys.first_mut() {
            opener.skip(&record.body);
        }
        let key = KeyName::Session;
        self.application_data(side, at_us, record, Protection::Encrypted { opened: false, key });
    }

    pub(super) fn application_data(
        &mut self,
        side: Side,
        at_us: u64,
        record: &Record,
        protection: Protection,
    ) {
        let early = matches!(protection, Protection::Encrypted { key: KeyName::EarlyData, .. });
        let (name, sentence) = if early {
            (
                "early data",
                "The client sends payload before the handshake is over, under keys of an earlier \
                 connection; such data can be replayed by others.",
            )
        } else {
            ("application data", "Payload: what the connection is for. It is not shown.")
        };
        let kind = MessageKind::ApplicationData;
        self.grow(side, at_us, record, protection, (kind, name, sentence));
    }

    pub(super) fn other_record(&mut self, side: Side, at_us: u64, record: &Record) {
        let kind = MessageKind::OtherRecord;
        let sentence = "A record that is no part of a handshake, such as a heartbeat.";
        self.grow(side, at_us, record, Protection::Clear, (kind, "other record", sentence));
    }

    /// A record of TLS 1.2 or older that we have no keys for.
    pub(super) fn sealed_old(
        &mut self,
        side: Side,
        at_us: u64,
        record: &Record,
        protection: Protection,
    ) {
        let carrier = carrier(side, at_us, record, protection);
        if record.kind == 21 {
            self.sealed_alert(carrier);
        } else if self.has_finished(side) {
            let kind = MessageKind::Sealed;
            let sentence = "A handshake message inside the encrypted connection.";
            self.grow(side, at_us, record, protection, (kind, "handshake message", sentence));
        } else {
            let sentence = format!(
                "The {} confirms all that was said so far by a checksum; encrypted, and known by \
                 its place only.",
                side.word()
            );
            let (kind, name) = (MessageKind::Finished, "Finished");
            self.tell(carrier, Told { kind, name, fields: Vec::new(), sentence });
            self.set_finished(side, at_us);
        }
    }

    /// A record of TLS 1.3 that we have no keys for: named by its place and size.
    pub(super) fn sealed13(&mut self, side: Side, at_us: u64, record: &Record) {
        let size = record.body.len();
        let sealed = |key| Protection::Encrypted { opened: false, key };
        if self.facts.version.is_none() {
            let key = KeyName::EarlyData;
            self.application_data(side, at_us, record, sealed(key));
            return;
        }
        if self.facts.done() || self.has_finished(side) {
            self.sealed_after(side, at_us, record);
            return;
        }
        let protection = sealed(KeyName::Handshake);
        if size == ALERT_BYTES {
            self.sealed_alert(carrier(side, at_us, record, protection));
            return;
        }
        if side == Side::Server {
            if self.client_answered() {
                // The server goes on: so the client's box held its Finished.
                self.set_finished(Side::Server, at_us);
                self.set_finished(Side::Client, at_us);
                self.sealed_after(side, at_us, record);
                return;
            }
            let name = if self.facts.psk_selected {
                "EncryptedExtensions, Finished"
            } else {
                "EncryptedExtensions, Certificate, CertificateVerify, Finished"
            };
            let sentence = "The rest of the server's handshake: settings, its certificate unless \
                            an earlier connection is taken up, and its proof. Encrypted, so only \
                            the size is known.";
            self.grow(side, at_us, record, protection, (MessageKind::Sealed, name, sentence));
            return;
        }
        if size == 4 + SEAL_BYTES {
            self.tell(carrier(side, at_us, record, protection), super::later::end_of_early_data());
            return;
        }
        let finished = 4 + hash_bytes(self.facts.hash()) + SEAL_BYTES;
        let (name, sentence) = if size == finished {
            ("Finished", "By its size, the client's checksum over the whole handshake.")
        } else {
            (
                "Certificate, CertificateVerify, Finished",
                "The rest of the client's handshake: by its size with an own certificate. \
                 Encrypted, so only the size is known.",
            )
        };
        self.grow(side, at_us, record, protection, (MessageKind::Sealed, name, sentence));
        if size == finished {
            self.shorten_box_before();
            self.set_finished(Side::Server, at_us);
            self.set_finished(Side::Client, at_us);
        }
    }

    /// Finished came in a record of its own: the box before it holds only what is left.
    fn shorten_box_before(&mut self) {
        let count = self.story.messages.len();
        let before = count.checked_sub(2).and_then(|at| self.story.messages.get_mut(at));
        let Some(before) = before
            .filter(|before| before.from == Side::Client && before.kind == MessageKind::Sealed)
        else {
            return;
        };
        let (name, sentence) = if before.bytes == EMPTY_CERTIFICATE_BYTES {
            ("Certificate", "By its size, an empty answer: the client has no certificate to show.")
        } else {
            (
                "Certificate, CertificateVerify",
                "By its size and place, the client's own certificate with its proof.",
            )
        };
        before.name = name.to_string();
        before.sentence = sentence.to_string();
    }

    fn sealed_after(&mut self, side: Side, at_us: u64, record: &Record) {
        let protection = Protection::Encrypted { opened: false, key: KeyName::Application };
        if record.body.len() == ALERT_BYTES {
            self.sealed_alert(carrier(side, at_us, record, protection));
            return;
        }
        let spoke = |kind| {
            move |message: &crate::handshake::Message| {
                message.from == Side::Client && message.kind == kind
            }
        };
        let asked = self.story.messages.iter().any(spoke(MessageKind::ApplicationData));
        let kind = MessageKind::ApplicationData;
        let (name, sentence) = if side == Side::Server && !asked {
            (
                "NewSessionTicket or application data",
                "Encrypted: most likely tickets for taking up this connection later.",
            )
        } else {
            ("application data", "Payload: what the connection is for. It is encrypted.")
        };
        self.grow(side, at_us, record, protection, (kind, name, sentence));
    }

    fn sealed_alert(&mut self, carrier: Carrier) {
        let by = carrier.from;
        // A server that answers the client's Finished with nothing but an alert refuses it.
        let refuses = by == Side::Server && self.facts.tls13() && !self.server_went_on();
        let after_done = self.facts.done() && !refuses;
        self.alerts.push(Alert { by, content: None, after_done });
        let sentence = if after_done {
            format!("An encrypted alert: most likely the {} says goodbye.", by.word())
        } else {
            format!("An encrypted alert: the {} breaks off and says why, but not to us.", by.word())
        };
        let (kind, name) = (MessageKind::Alert, "encrypted alert");
        self.tell(carrier, Told { kind, name, fields: Vec::new(), sentence });
    }

    /// Whether the server sent anything under its application keys.
    fn server_went_on(&self) -> bool {
        self.story.messages.iter().any(|message| {
            let application = matches!(
                message.protection,
                Protection::Encrypted { key: KeyName::Application, .. }
            );
            message.from == Side::Server && application
        })
    }

    /// Whether the client sent its sealed part.
    fn client_answered(&self) -> bool {
        self.story.messages.iter().any(|message| {
            message.from == Side::Client
                && message.kind == MessageKind::Sealed
                && matches!(message.protection, Protection::Encrypted { .. })
        })
    }

    /// A new box, or more of the one before when that is alike.
    fn grow(
        &mut self,
        side: Side,
        at_us: u64,
        record: &Record,
        protection: Protection,
        what: (MessageKind, &'static str, &'static str),
    ) {
        let (kind, name, sentence) = what;
        let alike = self.story.messages.last_mut().filter(|last| {
            last.from == side
                && last.kind == kind
                && last.name == name
                && last.protection == protection
        });
        let Some(last) = alike else {
            let fields = alloc::vec![field("records", "1", "")];
            let told = Told { kind, name, fields, sentence: sentence.to_string() };
            self.tell(carrier(side, at_us, record, protection), told);
            return;
        };
        last.at_us = at_us;
        last.bytes += record.body.len();
        if last.records.len() < RECORDS_NAMED_MAX {
            last.records.push(record.place);
        }
        if let Some(count) = last.fields.first_mut() {
            let next = count.value.parse::<u64>().unwrap_or(0) + 1;
            count.value = next.to_string();
        }
        if let Some(wire) = self.wire.last_mut() {
            *wire += record.place.bytes;
        }
        self.lane(side).counted = record.place.offset + 1;
    }
}

/// What TLS 1.3 adds to a content: its type and the check value.
const SEAL_BYTES: usize = 17;
/// A sealed alert; no handshake message is as short.
const ALERT_BYTES: usize = 2 + SEAL_BYTES;
/// A sealed Certificate without any certificate in it.
const EMPTY_CERTIFICATE_BYTES: usize = 8 + SEAL_BYTES;
