//! Tests of `wire::column`.

use super::*;
use crate::wire::captured::named;
use crate::wire::packet;

#[test]
fn columns_and_rows_of_a_server() {
    for (name, value) in [("eof rows", b"one"), ("dep rows", b"uno")] {
        let captured = named(name);
        let packets: Vec<_> = packet::packets(&captured.reply).collect();
        for (packet, wanted) in packets[1..3].iter().zip([&b"id"[..], b"name"]) {
            let column = Column::parse(packet.payload, captured.capabilities).unwrap();
            assert_eq!((column.schema, column.org_table), (&b"t"[..], &b"t1"[..]));
            assert_eq!((column.name, column.org_name), (wanted, wanted));
            let mut again = Vec::new();
            column.encode(captured.capabilities, &mut again);
            assert_eq!(again, packet.payload, "{name}");
        }
        let rows = &packets[packets.len() - 4..packets.len() - 1];
        let rows: Vec<Vec<_>> = rows.iter().map(|packet| row(packet.payload).collect()).collect();
        assert_eq!(rows[0], [Some(&b"1"[..]), Some(value)]);
        assert_eq!((&rows[1][1], &rows[2][1]), (&None, &Some(&b""[..])));
    }
}

#[test]
fn columns_of_our_own_come_back() {
    for capabilities in [Capabilities::default(), Capabilities::EXTENDED_METADATA] {
        for column in [Column::text(b"Variable_name"), Column::number(b"hits")] {
            let mut out = Vec::new();
            column.encode(capabilities, &mut out);
            assert_eq!(Column::parse(&out, capabilities), Ok(column));
            for len in 0..out.len() - 2 {
                assert!(Column::parse(&out[..len], capabilities).is_err());
            }
        }
    }
}

#[test]
fn a_row_ends_at_a_fault() {
    assert_eq!(row(b"\x01a\xfb\x05b").collect::<Vec<_>>(), [Some(&b"a"[..]), None]);
}
