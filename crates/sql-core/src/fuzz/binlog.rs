//! Any bytes as events of the binary log.

use crate::binlog::{Decoder, EventKind, Gtid, Payload};
use crate::fuzz::statement::checked;
use crate::lexer::{Dialect, Server};

/// Events one after another, cut by the lengths they say; the first byte picks checksums.
pub fn binlog(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut decoder = if choice & 1 == 0 { Decoder::default() } else { Decoder::with_checksums() };
    while !rest.is_empty() {
        let said = rest.get(9..13).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        let length = said.map_or(rest.len(), |said| said as usize).clamp(1, rest.len());
        let (event, behind) = rest.split_at(length);
        event_holds(&mut decoder, event);
        rest = behind;
    }
    // GTIDs as text come from the server's session tracking.
    let _ = Gtid::parse(data);
}

fn event_holds(decoder: &mut Decoder, bytes: &[u8]) {
    let mut again = *decoder;
    let whole = decoder.event(bytes);
    assert_eq!(whole, again.event(bytes), "the same event read twice differs");
    assert_eq!(whole.is_none(), bytes.len() < HEADER, "a header was lost or invented");
    let Some(whole) = whole else { return };
    match whole.kind {
        EventKind::TableMap { db, table, .. } => {
            assert!(db.len() + table.len() + HEADER <= bytes.len(), "a name from nowhere");
        }
        EventKind::Query(query) => {
            assert!(query.db.len() + query.text.len() + HEADER <= bytes.len());
            if let Some((deflated, _)) = query.deflated() {
                assert!(deflated.len() < query.text.len());
            }
            let server = Server { dialect: Dialect::Mariadb, version: 101_119 };
            checked(query.text, query.mode(server));
        }
        EventKind::Payload(events) => {
            let count = Payload::new(events, *decoder).count();
            assert!(count <= events.len() / HEADER + 1, "more events than bytes");
        }
        _ => {}
    }
    // The head of an event may be all that was kept: it then says less, but nothing else.
    let head = bytes.get(..bytes.len() / 2).unwrap_or_default();
    let mut shorter = again;
    if let Some(head) = shorter.event(head) {
        let kept = matches!(
            head.kind,
            EventKind::Unknown | EventKind::Nothing | EventKind::Format | EventKind::Rows { .. }
        );
        assert!(kept || bytes.len() < 2 * HEADER || said(bytes) != bytes.len(), "read from a head");
    }
}

fn said(bytes: &[u8]) -> usize {
    let length = bytes.get(9..13).and_then(|bytes| bytes.try_into().ok());
    length.map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
}

const HEADER: usize = 19;
