//! Tests of `wire::ok`: packets of a server, changes of the session, rewriting.

use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::wire::captured::{bytes, named};
use crate::wire::packet;

const TRACKING: Capabilities = Capabilities::SESSION_TRACK;

fn last(name: &str) -> Vec<u8> {
    let captured = named(name);
    packet::packets(&captured.reply).last().unwrap().payload.to_vec()
}

#[test]
fn ok_packets_of_a_server() {
    let payload = last("dep update info");
    let ok = OkPacket::parse(&payload, TRACKING).unwrap();
    assert_eq!((ok.affected, ok.status, ok.warnings), (1, Status::AUTOCOMMIT, 0));
    assert_eq!(ok.info, b"Rows matched: 1  Changed: 1  Warnings: 0");
    // The info has a length for clients that track nothing, too.
    let payload = last("eof update info");
    assert_eq!(OkPacket::parse(&payload, Capabilities::default()).unwrap().info, ok.info);
    let payload = last("eof warning");
    let end = OkPacket::parse(&payload, Capabilities::default()).unwrap();
    assert_eq!((end.form, end.warnings, end.status), (Form::Eof, 1, Status::AUTOCOMMIT));
    let payload = last("dep warning");
    let end = OkPacket::parse(&payload, TRACKING).unwrap();
    assert_eq!((end.form, end.head, end.warnings), (Form::Ok, 0xfe, 1));
}

#[test]
fn changes_of_a_session() {
    let payload = last("dep set tracked");
    let changes = OkPacket::parse(&payload, TRACKING).unwrap();
    let changes: Vec<_> = changes.changes().collect();
    let variable = |name, value| Change::Variable { name, value };
    assert!(changes.contains(&variable(b"session_track_system_variables", b"*")));
    assert!(changes.contains(&variable(b"time_zone", b"SYSTEM")));
    assert!(changes.contains(&Change::State(b"1")));
    assert_eq!(changes.len(), 5);
    let payload = last("dep init db");
    let ok = OkPacket::parse(&payload, TRACKING).unwrap();
    let changes: Vec<_> = ok.changes().collect();
    assert_eq!(changes, [Change::Schema(b"t"), Change::State(b"1")]);
}

#[test]
fn kinds_of_changes() {
    let payload = bytes(
        "00 0000 0240 0000 00 23
         00 08 0161 0131 0162 0132
         03 04 00 02 6162
         04 03 02 5354
         05 09 08 545f5f5f5f5f5f5f
         06 01 78",
    );
    let ok = OkPacket::parse(&payload, TRACKING).unwrap();
    let changes: Vec<_> = ok.changes().collect();
    let wanted = [
        Change::Variable { name: b"a", value: b"1" },
        Change::Variable { name: b"b", value: b"2" },
        Change::Gtids(b"\0\x02ab"),
        Change::Characteristics(b"ST"),
        Change::Transaction(b"T_______"),
        Change::Other { kind: 6, data: b"x" },
    ];
    assert_eq!(changes, wanted);
    let cut = OkPacket { tracked: &ok.tracked[..ok.tracked.len() - 1], ..ok };
    let changes: Vec<_> = cut.changes().collect();
    assert_eq!(changes[..5], wanted[..5]);
    assert_eq!(changes[5..], [Change::Unreadable(b"\x06\x01")]);
}

#[test]
fn changes_are_taken_out_for_clients_that_do_not_track() {
    let payload = last("dep init db");
    let ok = OkPacket::parse(&payload, TRACKING).unwrap();
    let mut out = Vec::new();
    ok.rewrite(Capabilities::default(), |_| true, &mut out);
    assert_eq!(out, last("eof init db"));
    out.clear();
    ok.rewrite(TRACKING, |change| matches!(change, Change::Schema(_)), &mut out);
    assert_eq!(out, bytes("00 0000 0240 0000 00 04 01 02 0174"));
    out.clear();
    ok.rewrite(TRACKING, |_| true, &mut out);
    assert_eq!(out, payload);
    out.clear();
    ok.rewrite(TRACKING, |_| false, &mut out);
    assert_eq!(out, last("eof init db"));
    let with_info = bytes("00 0100 0240 0000 02 6869 03 020131");
    let ok = OkPacket::parse(&with_info, TRACKING).unwrap();
    out.clear();
    ok.rewrite(Capabilities::default(), |_| true, &mut out);
    assert_eq!(out, bytes("00 0100 0200 0000 02 6869"));
}

#[test]
fn the_status_word_is_found() {
    for (payload, wanted) in [
        ("00 00 00 0200 0000", Some(3)),
        ("00 fc0001 fd000001 0200 0000 026869", Some(8)),
        ("fe 00 00 0200 0000", Some(3)),
        ("fe 0100 0200", Some(3)),
        ("fe", None),
        ("00 00 00 02", None),
        ("", None),
    ] {
        assert_eq!(OkPacket::status_at(&bytes(payload)), wanted, "{payload}");
    }
}

#[test]
fn short_packets_are_refused() {
    for payload in
        ["", "00", "00 00 00 0200", "fe 00", "01 00 00 0200 0000", "00 00 00 0200 0000 05 61"]
    {
        assert!(OkPacket::parse(&bytes(payload), TRACKING).is_err(), "{payload}");
    }
}

#[test]
fn errors_of_a_server() {
    let payload = last("eof init db error");
    let error = ErrPacket::parse(&payload).unwrap();
    assert_eq!((error.code, error.state), (1049, &b"42000"[..]));
    assert_eq!(error.message, b"Unknown database 'nope'");
    let mut again = Vec::new();
    error.encode(&mut again);
    assert_eq!(again, payload);
    let captured = named("dep progress");
    let payload = packet::first(&captured.reply).unwrap().payload;
    assert_eq!(ErrPacket::parse(payload).unwrap().code, PROGRESS);
    assert!(ErrPacket::parse(&[0xff, 1]).is_err() && ErrPacket::parse(&[0, 1, 4]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_written(data: Vec<u8>) {
        crate::fuzz::status(&data);
    }

    #[test]
    fn packets_with_any_changes_are_rewritten(
        choice: u8, info in prop::collection::vec(any::<u8>(), 0..5),
        tracked in prop::collection::vec((0_u8..8, prop::collection::vec(0_u8..6, 0..9)), 0..5),
    ) {
        let mut blocks = Vec::new();
        for (kind, data) in &tracked {
            blocks.push(*kind);
            push_string(&mut blocks, data);
        }
        let mut data = vec![choice];
        let status = Status::STATE_CHANGED;
        OkPacket { status, info: &info, tracked: &blocks, ..OkPacket::EMPTY }.encode(&mut data);
        crate::fuzz::status(&data);
    }
}
