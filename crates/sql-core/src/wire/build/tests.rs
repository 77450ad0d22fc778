//! Tests of `wire::build`: read back with the readers, compared with a server's bytes.

use super::*;
use crate::wire::captured::{bytes, named};
use crate::wire::column::Column;

#[test]
fn a_result_is_what_a_server_sends() {
    for (name, value) in [("eof rows", b"one"), ("dep rows", b"uno")] {
        let captured = named(name);
        let packets: Vec<_> = packet::packets(&captured.reply).collect();
        let column = |at: usize| Column::parse(packets[at].payload, captured.capabilities).unwrap();
        let mut out = Vec::new();
        let mut builder = Builder::new(&mut out, captured.capabilities, 1);
        let status = Status::AUTOCOMMIT | Status::NO_INDEX_USED;
        builder.columns(&[column(1), column(2)], status);
        builder.row([Some(&b"1"[..]), Some(value)]);
        builder.row([Some(&b"2"[..]), None]);
        builder.row([Some(&b"3"[..]), Some(b"")]);
        builder.end(status | Status::STATE_CHANGED, 0);
        assert_eq!(out, captured.reply, "{name}");
    }
}

#[test]
fn ok_and_err_are_what_a_server_sends() {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Capabilities::PROTOCOL_41, 1);
    builder.ok(0, Status::AUTOCOMMIT, 0);
    assert_eq!(builder.sequence(), 2);
    assert_eq!(out, named("eof ping").reply);
    out.clear();
    let mut builder = Builder::new(&mut out, Capabilities::PROTOCOL_41, 1);
    builder.err(1047, b"08S01", b"Unknown command");
    assert_eq!(out, named("eof unknown command").reply);
    out.clear();
    command(3, b"do 1", &mut out);
    assert_eq!(out, bytes("05000000 03 646f2031"));
}

#[test]
fn packets_handed_on_get_the_next_sequence() {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Capabilities::DEPRECATE_EOF, 255);
    builder.packet(b"a");
    builder.row([None]);
    builder.end(Status::AUTOCOMMIT, 3);
    assert_eq!(out, bytes("010000ff 61 01000000 fb 07000001 fe0000 0200 0300"));
}
