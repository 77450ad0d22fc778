//! Messages as peers send them and as they must not be, and the stream cut anywhere.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::binding::{Binding, Hashes};
use super::super::status::{Attribute, Invalid, Status};
use super::*;
use crate::auth::vectors::octets;

fn written(message: &Message) -> Vec<u8> {
    let mut out = vec![];
    message.write(&mut out);
    out
}

fn invalid(status: Status, attribute: Attribute) -> Result<Message, Invalid> {
    Err(Invalid { status, attribute })
}

#[test]
fn messages_have_the_octets_and_lengths_that_peers_sent() {
    let request = Message::ConnectRequest { protocol: 1 };
    assert_eq!(written(&request), octets("1001000e 0001 0001 00010006 0001"));
    let ack = Message::ConnectAck { hashes: Hashes::ALL, nonce: [0xAB; 32] };
    let octets_of_ack = written(&ack);
    assert_eq!(octets_of_ack.len(), 48);
    assert_eq!(octets_of_ack[..16], octets("10010030 0002 0001 00040028 00000003"));
    let binding = Binding { hash: 2, nonce: [1; 32], certificate: [2; 32], mac: [3; 32] };
    assert_eq!(written(&Message::Connected(binding)).len(), 112);
    let why = Invalid { status: Status(4), attribute: Attribute(3) };
    let abort = written(&Message::Abort(Some(why)));
    assert_eq!(abort, octets("10010014 0005 0001 0002000c 00000003 00000004"));
    assert_eq!(written(&Message::EchoRequest), octets("10010008 0008 0000"));
    for message in [
        request,
        ack,
        Message::Connected(binding),
        Message::ConnectNak(why),
        Message::Abort(Some(why)),
        Message::Abort(None),
        Message::Disconnect(Some(why)),
        Message::DisconnectAck,
        Message::EchoRequest,
        Message::EchoResponse,
    ] {
        assert_eq!(Message::parse(&written(&message)), Ok(message));
    }
}

#[test]
fn messages_that_do_not_fit_say_why() {
    let protocol = Attribute::ENCAPSULATED_PROTOCOL;
    for (packet, status, attribute) in [
        ("10010008 0001 0000", Status::REQUIRED_ATTRIBUTE_MISSING, protocol),
        ("1001000f 0001 0001 00010007 000100", Status::INVALID_ATTRIBUTE_LENGTH, protocol),
        ("1001000e 0001 0001 00010003 0001", Status::INVALID_ATTRIBUTE_LENGTH, protocol),
        ("1001000e 0001 0001 00010fff 0001", Status::INVALID_ATTRIBUTE_LENGTH, protocol),
        ("1001000e 0001 0001 00090006 0001", Status::UNRECOGNISED_ATTRIBUTE, Attribute(9)),
        ("1001000e 0001 0001 00000006 0001", Status::UNRECOGNISED_ATTRIBUTE, Attribute(0)),
        ("10010014 0001 0002 00010006 0001 00010006 0001", Status::DUPLICATE_ATTRIBUTE, protocol),
        (
            "1001001a 0001 0002 00010006 0001 0002000c 00000000 00000001",
            Status::STATUS_NOT_SUPPORTED,
            Attribute::STATUS_INFO,
        ),
        (
            "1001000e 0002 0001 00010006 0001",
            Status::ATTRIBUTE_NOT_SUPPORTED,
            Attribute::ENCAPSULATED_PROTOCOL,
        ),
        ("1001000e 0001 0000 00010006 0001", Status::INVALID_FRAME, Attribute::NONE),
        ("1001000e 0001 ffff 00010006 0001", Status::INVALID_FRAME, Attribute::NONE),
        ("10010006 0001", Status::INVALID_FRAME, Attribute::NONE),
        ("10010004", Status::INVALID_FRAME, Attribute::NONE),
        ("10010008 000a 0000", Status::UNACCEPTED_FRAME, Attribute::NONE),
        ("10010008 0003 0000", Status::REQUIRED_ATTRIBUTE_MISSING, Attribute::STATUS_INFO),
        (
            "10010010 0005 0001 00020008 00000000",
            Status::INVALID_ATTRIBUTE_LENGTH,
            Attribute::STATUS_INFO,
        ),
    ] {
        assert_eq!(Message::parse(&octets(packet)), invalid(status, attribute), "{packet}");
    }
}

/// A refusal may name several attributes, each with the value that was not liked.
#[test]
fn the_first_of_several_status_infos_is_read() {
    let nak = "10010022 0003 0002 0002000e 00000001 00000004 0007 0002000c 00000003 00000009";
    let why = Invalid { status: Status(4), attribute: Attribute(1) };
    assert_eq!(Message::parse(&octets(nak)), Ok(Message::ConnectNak(why)));
}

#[test]
fn every_status_has_a_meaning() {
    let meanings: Vec<&str> = (0..12).map(|code| Status(code).meaning()).collect();
    assert!(meanings.iter().all(|meaning| *meaning != Status(12).meaning()));
}

#[test]
fn data_packets_get_their_header_in_place() {
    let mut packet = vec![9; 10];
    assert!(seal(&mut packet));
    assert_eq!(packet, [0x10, 0, 0, 10, 9, 9, 9, 9, 9, 9]);
    assert!(seal(&mut vec![0; 4095]));
    assert!(!seal(&mut vec![0; 4096]) && !seal(&mut [0; 3]) && !seal(&mut vec![0; 70_000]));
}

#[test]
fn network_frames_are_told_from_control_frames() {
    for (frame, traffic) in [
        (&[0xFF, 3, 0xC0, 0x21, 1][..], Traffic::Control),
        (&[0xC2, 0x23], Traffic::Control),
        (&[0x80, 0x21], Traffic::Control),
        (&[0x80, 0xFD], Traffic::Control),
        (&[0x21, 0x45], Traffic::Network),
        (&[0, 0x21, 0x45], Traffic::Network),
        (&[0xFF, 3, 0, 0x57], Traffic::Network),
        (&[0xFF, 3, 0x57], Traffic::Network),
        (&[0xFD, 0x90, 0], Traffic::Network),
        (&[0, 0xFD], Traffic::Network),
        (&[], Traffic::Control),
    ] {
        assert_eq!(Traffic::of(frame), traffic, "{frame:02x?}");
    }
}

/// What a stream gives: packets as they came, and whether it broke.
fn cut(stream: &[u8], pieces: &[usize]) -> (Vec<(bool, Vec<u8>)>, bool) {
    let (mut decoder, mut packets, mut rest) = (Stream::new(), vec![], stream);
    let mut sizes = pieces.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).clamp(1, rest.len()));
        let mut piece = rest[..size].to_vec();
        rest = &rest[size..];
        let mut input = piece.as_mut_slice();
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Packet::Data(frame))) => packets.push((false, frame.to_vec())),
                Ok(Some(Packet::Control(packet))) => packets.push((true, packet.to_vec())),
                Ok(None) => break assert!(input.is_empty()),
                Err(Broken) => return (packets, true),
            }
            assert!(decoder.held.len() <= usize::from(PACKET_OCTETS_MAX));
        }
    }
    (packets, false)
}

#[test]
fn a_stream_that_is_no_sstp_is_broken_at_once() {
    for start in [&b"GET / HTTP/1.1"[..], &[0x11], &[0x10, 0, 0, 3], &[0x10, 1, 0xF0, 0]] {
        assert_eq!(cut(start, &[]), (vec![], true), "{start:02x?}");
        assert_eq!(cut(start, &[1]), (vec![], true), "{start:02x?}");
    }
    // Reserved bits are ignored.
    assert_eq!(cut(&[0x10, 0xFE, 0xF0, 5, 7], &[2]), (vec![(false, vec![7])], false));
    assert_eq!(cut(&[0x10, 0, 0, 4], &[]), (vec![(false, vec![])], false));
}

proptest! {
    #[test]
    fn packets_come_back_whole_over_any_cut(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
        pieces in prop::collection::vec(1usize..300, 1..8),
    ) {
        let mut stream = vec![];
        let mut expected = vec![];
        for frame in frames {
            let mut packet = [&[0; HEADER_OCTETS], &frame[..]].concat();
            prop_assert!(seal(&mut packet));
            stream.extend(packet);
            stream.extend(written(&Message::EchoRequest));
            expected.push((false, frame));
            expected.push((true, written(&Message::EchoRequest)));
        }
        prop_assert_eq!(cut(&stream, &pieces), (expected, false));
    }

    #[test]
    fn any_octets_are_cut_the_same_however_they_come(
        mut stream: Vec<u8>,
        pieces in prop::collection::vec(1usize..20, 1..8),
        sound: bool,
    ) {
        if sound {
            // Headers that fit, so that more than the first octet is looked at.
            for at in (0..stream.len()).step_by(11) {
                for (offset, octet) in [0x10, 1, 0, 11].into_iter().enumerate() {
                    if let Some(place) = stream.get_mut(at + offset) {
                        *place = octet;
                    }
                }
            }
        }
        let whole = cut(&stream, &[]);
        prop_assert_eq!(&whole, &cut(&stream, &pieces));
        for (control, packet) in whole.0 {
            if control && let Ok(message) = Message::parse(&packet) {
                prop_assert_eq!(Message::parse(&written(&message)), Ok(message));
            }
        }
    }
}
