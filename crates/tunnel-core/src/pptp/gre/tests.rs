//! Headers of real peers, and what is no header.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The first packets of a call between pptp-linux 1.10.0 and pptpd 1.4.0.
const DATA: &[u8] = &[
    0x30, 0x01, 0x88, 0x0b, 0x00, 0x12, 0x7c, 0x34, 0x00, 0x00, 0x00, 0x00, 0xff, 0x03, 0xc0, 0x21,
    0x01, 0x01, 0x00, 0x0e, 0x01, 0x04, 0x05, 0x78, 0x05, 0x06, 0xe7, 0x09, 0xc2, 0x01,
];
const DATA_WITH_ACK: &[u8] = &[
    0x30, 0x81, 0x88, 0x0b, 0x00, 0x02, 0x7c, 0x34, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x03,
    0xff, 0x03,
];
const ACK: &[u8] = &[0x20, 0x81, 0x88, 0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02];

#[test]
fn packets_of_real_peers_are_read() {
    let data = decode(DATA).unwrap();
    let expected =
        Packet { call: CallId(0x7c34), sequence: Some(0), acknowledgement: None, payload: 12..30 };
    assert_eq!(data, expected);
    let both = decode(DATA_WITH_ACK).unwrap();
    assert_eq!((both.sequence, both.acknowledgement, both.payload), (Some(1), Some(3), 16..18));
    let ack = decode(ACK).unwrap();
    assert_eq!((ack.call, ack.sequence, ack.acknowledgement), (CallId(0), None, Some(2)));
    assert!(ack.payload.is_empty());
}

#[test]
fn a_frame_of_an_ethernet_is_filled_up_and_the_filling_is_no_payload() {
    let mut filled = DATA_WITH_ACK.to_vec();
    filled.resize(46, 0);
    assert_eq!(decode(&filled).unwrap().payload, 16..18);
}

#[test]
fn what_is_cut_is_refused_whole_and_read_as_cut() {
    let cut = &DATA[..20];
    assert_eq!(decode(cut), Err(NotGre::Length { said: 18, there: 8 }));
    assert_eq!(decode_cut(cut).unwrap().payload, 12..30);
    assert_eq!(decode_cut(&DATA[..10]), Err(NotGre::Short));
    assert_eq!(quoted_call(&DATA[..8]), Some(CallId(0x7c34)));
    assert_eq!(quoted_call(&DATA[..7]), None);
}

#[test]
fn gre_of_other_kinds_and_forbidden_bits_are_told_apart() {
    let with = |at: usize, value: u8| {
        let mut octets = DATA.to_vec();
        octets[at] = value;
        decode(&octets)
    };
    assert_eq!(with(1, 0x00), Err(NotGre::Other), "version 0");
    assert_eq!(with(3, 0x00), Err(NotGre::Other), "another protocol");
    assert_eq!(with(0, 0x10), Err(NotGre::Flags(0x1001)), "no key");
    for bit in [0x80, 0x40, 0x08, 0x04, 0x02, 0x01] {
        assert!(matches!(with(0, 0x30 | bit), Err(NotGre::Flags(_))), "bit {bit:#x}");
    }
    assert!(matches!(with(1, 0x09), Err(NotGre::Flags(_))));
}

#[test]
fn a_header_is_written_in_place() {
    let mut buffer = [vec![0xee; HEADER_BYTES_MAX], DATA[12..].to_vec()].concat();
    let end = buffer.len();
    let packet = prepend(&mut buffer, 16..end, CallId(0x7c34), 0, None).unwrap();
    assert_eq!(packet, 4..end);
    assert_eq!(&buffer[packet], DATA);
    assert_eq!(&buffer[..4], [0xee; 4]);

    let mut buffer = [vec![0; HEADER_BYTES_MAX], vec![0xff, 0x03]].concat();
    let packet = prepend(&mut buffer, 16..18, CallId(0x7c34), 1, Some(3)).unwrap();
    assert_eq!(&buffer[packet], DATA_WITH_ACK);
    assert_eq!(acknowledge(CallId(0), 2), ACK);
}

#[test]
fn what_has_no_room_is_not_written() {
    let mut buffer = [0_u8; 32];
    assert_eq!(prepend(&mut buffer, 15..32, CallId(1), 0, Some(0)), None, "no room");
    assert_eq!(prepend(&mut buffer, 16..33, CallId(1), 0, None), None, "beyond the buffer");
    assert_eq!(buffer, [0; 32]);
    let mut long = vec![0; 70_000];
    assert_eq!(prepend(&mut long, 16..66_000, CallId(1), 0, None), None, "too long");
}

proptest! {
    #[test]
    fn any_octets_are_read_without_harm(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        crate::fuzz::gre(&octets);
    }

    #[test]
    fn what_is_written_is_read(
        frame in prop::collection::vec(any::<u8>(), 0..200),
        call: u16,
        sequence: u32,
        ack: Option<u32>,
    ) {
        let mut buffer: Vec<u8> = [&[0; HEADER_BYTES_MAX], &frame[..]].concat();
        let end = buffer.len();
        let range = prepend(&mut buffer, 16..end, CallId(call), sequence, ack).unwrap();
        let octets = &buffer[range];
        let packet = decode(octets).unwrap();
        prop_assert_eq!(&octets[packet.payload.clone()], &frame[..]);
        prop_assert_eq!(packet.call, CallId(call));
        prop_assert_eq!(packet.sequence, Some(sequence));
        prop_assert_eq!(packet.acknowledgement, ack);
        for cut in 0..octets.len() {
            prop_assert!(decode(&octets[..cut]).is_err(), "cut at {}", cut);
        }
    }
}
