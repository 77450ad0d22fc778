//! Messages beside the main line: tickets, status, key updates, requests.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Reading, Side, Told};
use crate::handshake::cursor::Cursor;
use crate::handshake::extension::{Place, explain};
use crate::handshake::hello::extensions;
use crate::handshake::message::MessageKind;
use crate::handshake::text::{bytes, field};

impl Reading<'_> {
    /// RFC 8446 §4.6.1; RFC 5077 §3.3.
    pub(super) fn new_session_ticket(&self, body: &[u8]) -> Option<Told> {
        let mut cursor = Cursor::new(body);
        let lifetime = cursor.u32()?;
        let mut fields = alloc::vec![field(
            "ticket_lifetime",
            format!("{lifetime} s"),
            "how long the ticket may be used",
        )];
        if self.facts.tls13() {
            cursor.u32()?;
            cursor.vec8()?;
        }
        let ticket = cursor.vec16()?.len();
        fields.push(field("ticket", bytes(ticket), "only the server can read it"));
        if self.facts.tls13() {
            fields.extend(extensions(&mut cursor)?.into_iter().map(|e| explain(e, Place::Later)));
        }
        Some(Told {
            kind: MessageKind::NewSessionTicket,
            name: "NewSessionTicket",
            fields,
            sentence: "The server hands out a ticket: with it the client can come back later and \
                       skip most of the handshake."
                .to_string(),
        })
    }

    /// RFC 8446 §4.6.3.
    pub(super) fn key_update(&self, side: Side, body: &[u8]) -> Option<Told> {
        let [wish] = *body else { return None };
        let wish = if wish == 1 { "update_requested" } else { "update_not_requested" };
        Some(Told {
            kind: MessageKind::KeyUpdate,
            name: "KeyUpdate",
            fields: alloc::vec![field("request_update", wish, "")],
            sentence: format!("The {} goes on with fresh keys from here.", side.word()),
        })
    }
}

/// RFC 5246 §7.4.1.1.
pub(super) fn hello_request() -> Told {
    Told {
        kind: MessageKind::HelloRequest,
        name: "HelloRequest",
        fields: Vec::new(),
        sentence: "The server asks the client to begin a handshake.".to_string(),
    }
}

/// RFC 8446 §4.5.
pub(super) fn end_of_early_data() -> Told {
    Told {
        kind: MessageKind::EndOfEarlyData,
        name: "EndOfEarlyData",
        fields: Vec::new(),
        sentence: "The client's early data ends here; it goes on with the handshake's keys."
            .to_string(),
    }
}

/// RFC 6066 §8.
pub(super) fn certificate_status(body: &[u8]) -> Option<Told> {
    let mut cursor = Cursor::new(body);
    let kind = cursor.u8()?;
    let answer = cursor.vec24()?.len();
    let kind = if kind == 1 { "OCSP".to_string() } else { kind.to_string() };
    Some(Told {
        kind: MessageKind::CertificateStatus,
        name: "CertificateStatus",
        fields: alloc::vec![field("status_type", kind, ""), field("response", bytes(answer), "")],
        sentence:
            "The server sends an answer of its authority along: that the certificate was not \
                   revoked."
                .to_string(),
    })
}
