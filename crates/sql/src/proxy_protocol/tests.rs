//! Headers byte by byte.

use super::*;

fn header(peer: Option<&str>, local: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    let parse = |text: &str| text.parse().unwrap();
    push_header(&mut out, peer.map(parse), local.map(parse));
    out
}

#[test]
fn addresses_and_ports_are_told_in_the_order_of_the_specification() {
    let told = header(Some("192.0.2.7:51000"), Some("10.0.0.1:3307"));
    assert_eq!(&told[..12], b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a");
    assert_eq!(told[12..16], [0x21, 0x11, 0, 12]);
    assert_eq!(told[16..], [192, 0, 2, 7, 10, 0, 0, 1, 0xc7, 0x38, 0x0c, 0xeb]);
}

#[test]
fn a_mapped_address_is_told_as_what_it_is_and_mixed_families_as_the_larger() {
    let mapped = header(Some("[::ffff:192.0.2.7]:1"), Some("[::ffff:10.0.0.1]:2"));
    assert_eq!(mapped[12..16], [0x21, 0x11, 0, 12]);
    let mixed = header(Some("[2001:db8::1]:1"), Some("10.0.0.1:2"));
    assert_eq!(mixed[12..16], [0x21, 0x21, 0, 36]);
    assert_eq!(mixed.len(), 16 + 36);
    assert_eq!(mixed[32..48], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]);
}

#[test]
fn a_client_on_a_unix_socket_is_the_doors_own() {
    assert_eq!(header(None, None)[12..], [0x20, 0, 0, 0]);
}
