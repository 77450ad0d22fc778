//! Events captured from MariaDB 10.11, made-up ones of MySQL, and any bytes.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Decoder, Event, EventKind, Gtid, Payload, Xid};
use crate::lexer::{Charset, Dialect, Server};

pub(crate) const ROW: &[u8] = include_bytes!("captured/mariadb-10.11-row.bin");
pub(crate) const STATEMENT: &[u8] = include_bytes!("captured/mariadb-10.11-statement.bin");
/// Mixed format with `log_bin_compress`.
pub(crate) const MIXED: &[u8] = include_bytes!("captured/mariadb-10.11-mixed.bin");

pub(crate) const MARIADB: Server = Server { dialect: Dialect::Mariadb, version: 101_119 };

/// The events of a file, cut by the length in their headers as packets cut them.
pub(crate) fn events(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = &file[4..];
    let mut events = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[9..13].try_into().unwrap());
        let (event, more) = rest.split_at(length.try_into().unwrap());
        events.push(event);
        rest = more;
    }
    events
}

pub(crate) fn inflate(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    extern crate std;
    use std::io::Read as _;
    let mut text = Vec::new();
    flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut text).ok()?;
    (text.len() == length).then_some(text)
}

fn told(file: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let told = |event: &&[u8]| {
        let event = decoder.event(event).unwrap();
        match event.kind {
            EventKind::Group { gtid: Some(Gtid::MariaDb { sequence, .. }), standalone } => {
                alloc::format!("{}{sequence}", if standalone { "alone " } else { "group " })
            }
            EventKind::TableMap { id, db, table } => {
                alloc::format!("table {id} {}.{}", text(db), text(table))
            }
            EventKind::Rows { id, changed } => alloc::format!("rows {id} {changed}"),
            EventKind::Query(query) if query.packed => {
                let (bytes, length) = query.deflated().unwrap();
                let plain = text(&inflate(bytes, length).unwrap());
                alloc::format!("packed {}: {plain}", text(query.db))
            }
            EventKind::Query(query) => {
                alloc::format!("query {}: {}", text(query.db), text(query.text))
            }
            EventKind::XaPrepare { xid } => alloc::format!("prepare {}", xid.format),
            other => alloc::format!("{other:?}"),
        }
    };
    events(file).iter().map(told).collect()
}

#[test]
fn rows_of_mariadb_are_read() {
    let told = told(ROW);
    let wanted =
        ["Format", "Nothing", "Nothing", "alone 1", "query t: create database t", "alone 2"];
    assert_eq!(told[..6], wanted);
    let delete = told.iter().position(|one| one == "rows 18 true").unwrap();
    assert_eq!(
        told[delete - 3..=delete + 1],
        ["group 9", "table 18 t.p", "table 22 t.c", "rows 18 true", "Commit",]
    );
    let prepare = told.iter().position(|one| one == "prepare 7").unwrap();
    assert_eq!(told[prepare - 1], "query t: XA END X'6162',X'63',7");
    assert_eq!(told[prepare + 2], "query t: XA COMMIT X'6162',X'63',7");
    assert!(!told.contains(&"Unknown".into()), "{told:?}");
}

#[test]
fn statements_are_read_with_their_session() {
    let told = told(STATEMENT);
    assert!(told.contains(&"query t: insert into p values(1),(2)".into()), "{told:?}");
    assert!(!told.contains(&"Unknown".into()), "{told:?}");
    let mut decoder = Decoder::default();
    let files = events(STATEMENT);
    let mut queries = files.iter().filter_map(|event| match decoder.event(event)?.kind {
        EventKind::Query(query) => Some(query),
        _ => None,
    });
    let mode = queries.next().unwrap().mode(MARIADB);
    assert_eq!((mode.ansi_quotes, mode.charset), (false, Charset::Utf8));
}

#[test]
fn compressed_statements_are_read() {
    let told = told(MIXED);
    assert!(told.contains(&"packed t: delete from p where a=1".into()), "{told:?}");
    assert!(!told.contains(&"Unknown".into()), "{told:?}");
}

#[test]
fn places_go_on_from_event_to_event() {
    let mut decoder = Decoder::default();
    let mut at = 4;
    for bytes in events(ROW) {
        let event = decoder.event(bytes).unwrap();
        at += event.length;
        assert_eq!(event.end, at);
    }
}

/// An event of MySQL: header and body, no checksum.
pub(crate) fn event(code: u8, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(19 + body.len()).unwrap();
    let mut bytes = alloc::vec![0, 0, 0, 0, code, 1, 0, 0, 0];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&1000_u32.to_le_bytes());
    bytes.extend_from_slice(&flags.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn kind(bytes: &[u8]) -> EventKind<'_> {
    Decoder::default().event(bytes).unwrap().kind
}

#[test]
fn events_of_mysql_are_read() {
    let mut body = alloc::vec![1];
    body.extend_from_slice(&[7; 16]);
    body.extend_from_slice(&42_u64.to_le_bytes());
    body.extend_from_slice(&[0; 17]);
    let gtid = Some(Gtid::MySql { source: [7; 16], number: 42 });
    assert_eq!(kind(&event(33, 0, &body)), EventKind::Group { gtid, standalone: false });
    let none = EventKind::Group { gtid: None, standalone: false };
    assert_eq!(kind(&event(34, 0, &body)), none);
    assert_eq!(kind(&event(41, 0, &[1, 1, b'b'])), EventKind::Heartbeat);
    assert_eq!(kind(&event(26, 0, &[])), EventKind::Unknown);
    assert_eq!(kind(&event(99, 0, &[])), EventKind::Unknown);
    assert_eq!(kind(&event(99, 0x80, &[])), EventKind::Nothing);
    let xid = Xid { format: 1, global: b"ab", branch: b"" };
    let body = [0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'];
    assert_eq!(kind(&event(38, 0, &body)), EventKind::XaPrepare { xid });
    let uuid = b"01020304-0506-0708-090a-0b0c0d0e0f10:9";
    let source = core::array::from_fn(|at| u8::try_from(at + 1).unwrap());
    assert_eq!(Gtid::parse(uuid), Some(Gtid::MySql { source, number: 9 }));
    assert_eq!(Gtid::parse(b"1-2-3-4"), None);
}

#[test]
fn payloads_are_opened_unless_compressed() {
    let table = event(19, 0, b"\x05\0\0\0\0\0\x01\0\x01t\0\x01p\0");
    let inner = [table.clone(), event(16, 0, &[0; 8])].concat();
    let plain = [&[2, 3, 0xfc, 255, 0, 1, 1, 99, 0][..], &inner].concat();
    let outer = event(40, 0, &plain);
    let EventKind::Payload(bytes) = kind(&outer) else { panic!("{:?}", kind(&outer)) };
    let kinds: Vec<_> = Payload::new(bytes, Decoder::default()).map(|one| one.kind).collect();
    assert_eq!(kinds, [EventKind::TableMap { id: 5, db: b"t", table: b"p" }, EventKind::Commit]);
    let packed = [&[2, 1, 0, 1, 1, 99, 0][..], &inner].concat();
    assert_eq!(kind(&event(40, 0, &packed)), EventKind::Sealed);
    let broken: Vec<_> = Payload::new(&table[..20], Decoder::default()).collect();
    assert!(matches!(broken[..], [Event { kind: EventKind::Unknown, .. }]));
}

#[test]
fn heads_are_enough_for_rows_only() {
    let long = event(30, 0, &[9; 100]);
    let id = 0x0909_0909_0909;
    assert_eq!(kind(&long[..40]), EventKind::Rows { id, changed: false });
    let long = event(2, 0, &[9; 100]);
    assert_eq!(kind(&long[..40]), EventKind::Unknown);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_unknown(bytes: Vec<u8>, code: u8, body: Vec<u8>) {
        let mut decoder = Decoder::default();
        decoder.event(&bytes);
        decoder.event(&event(code, 0, &body));
        decoder.event(&event(15, 0, &body));
        let made = event(code, 0, &body);
        if let Some(Event { kind: EventKind::Query(query), .. }) = decoder.event(&made) {
            let _ = (query.deflated(), query.mode(MARIADB));
        }
        prop_assert!(Payload::new(&bytes, decoder).count() <= bytes.len() / 19 + 1);
        let _ = Gtid::parse(&bytes);
    }
}
