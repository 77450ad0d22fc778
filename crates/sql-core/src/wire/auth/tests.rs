//! Tests of `wire::auth`.

use alloc::format;

use super::*;
use crate::wire::captured::named;
use crate::wire::packet;

#[test]
fn a_switch_of_a_server() {
    let captured = named("eof change user");
    let payload = packet::first(&captured.reply).unwrap().payload;
    let AuthPacket::Switch { plugin, data } = AuthPacket::parse(payload) else {
        panic!("no switch");
    };
    assert_eq!((plugin, data.len(), data.last()), (NATIVE, 21, Some(&0)));
    let mut again = Vec::new();
    AuthPacket::encode_switch(plugin, data, &mut again);
    assert_eq!(again, payload);
    let shown = format!("{:?}", AuthPacket::parse(payload));
    assert_eq!(shown, "Switch");
}

#[test]
fn steps_of_caching_sha2() {
    let step = |payload| match AuthPacket::parse(payload) {
        AuthPacket::More(data) => Sha2::read(data),
        other => panic!("{other:?}"),
    };
    assert_eq!(step(&[1, 3]), Sha2::Fast);
    assert_eq!(step(&[1, 4]), Sha2::Full);
    assert_eq!(step(b"\x01-----BEGIN PUBLIC KEY-----"), Sha2::Key(b"-----BEGIN PUBLIC KEY-----"));
    let mut out = Vec::new();
    AuthPacket::encode_more(&[4], &mut out);
    assert_eq!(out, [1, 4]);
}

#[test]
fn other_packets() {
    for (payload, wanted) in [
        (&[0, 0, 0, 2, 0, 0, 0][..], AuthPacket::Ok),
        (&[0xff, 0x15, 4], AuthPacket::Err),
        (&[0xfe], AuthPacket::OldSwitch),
        (b"\x04Password: ", AuthPacket::Plugin(b"\x04Password: ")),
        (b"", AuthPacket::Plugin(b"")),
    ] {
        assert_eq!(AuthPacket::parse(payload), wanted);
    }
}

#[test]
fn a_password_is_obfuscated_with_its_nul() {
    let scramble = [1, 2, 3];
    let hidden = obfuscated(b"abcd", &scramble);
    assert_eq!(hidden, [b'a' ^ 1, b'b' ^ 2, b'c' ^ 3, b'd' ^ 1, 2]);
    assert_eq!(obfuscated(b"abcd", b""), b"abcd\0");
}
