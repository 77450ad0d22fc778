//! Tests of `wire::packet`.

use alloc::vec;

use proptest::prelude::*;

use super::*;

#[test]
fn a_header_is_three_bytes_of_length_and_a_sequence() {
    let header = Header { len: 0x03_0201, sequence: 7 };
    assert_eq!((Header::parse(&[1, 2, 3, 7, 9]), header.encode()), (Some(header), [1, 2, 3, 7]));
    assert_eq!(Header::parse(&[1, 2, 3]), None);
    assert!(!header.continues() && Header { len: PAYLOAD_MAX, sequence: 0 }.continues());
}

#[test]
fn messages_of_16_mib_are_several_packets() {
    for (len, packets_wanted) in [
        (0, 1),
        (1, 1),
        (PAYLOAD_MAX - 1, 1),
        (PAYLOAD_MAX, 2),
        (PAYLOAD_MAX + 1, 2),
        (2 * PAYLOAD_MAX, 3),
    ] {
        let (mut out, mut sequence) = (Vec::new(), 255);
        let text = vec![b'x'; len];
        push(&mut out, &mut sequence, &text);
        assert_eq!(packets(&out).count(), packets_wanted);
        assert_eq!(sequence, u8::try_from(packets_wanted).unwrap() - 1, "it wraps");
        let last_sequence = sequence.wrapping_sub(1);
        let wire_len = out.len();
        let whole = Message::Whole { wire_len, first_sequence: 255, last_sequence };
        assert_eq!(message(&out, usize::MAX), whole);
        assert_eq!(message(&out[..wire_len - 1], usize::MAX), Message::Partial { want: wire_len });
        assert!(matches!(payload(&out), Cow::Borrowed(_)) == (packets_wanted == 1));
        assert_eq!(*payload(&out), *text);
        let mut stream = Stream::new(StreamEnd::ShortPacket);
        out.extend_from_slice(b"next");
        assert_eq!((stream.take(&out), stream.ended()), (wire_len, true));
    }
}

#[test]
fn too_long_is_known_before_it_is_read() {
    let header = Header { len: 101, sequence: 0 }.encode();
    assert_eq!(message(&header, 100), Message::TooLong);
    assert_eq!(message(&header, 101), Message::Partial { want: 105 });
    assert_eq!(message(&header[..3], 101), Message::Partial { want: 4 });
}

#[test]
fn a_file_ends_with_an_empty_packet() {
    let mut file = Vec::new();
    let mut sequence = 2;
    for part in [&b"7,seven\n"[..], &[0; 300], b""] {
        push(&mut file, &mut sequence, part);
    }
    let end = file.len();
    file.extend_from_slice(&[5, 0, 0, 0, 3]);
    for step in 1..file.len() {
        let mut stream = Stream::new(StreamEnd::EmptyPacket);
        let taken: usize = file.chunks(step).map(|piece| stream.take(piece)).sum();
        assert_eq!((taken, stream.ended(), stream.sequence()), (end, true, 4));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_cut_alike(data: Vec<u8>) {
        crate::fuzz::packets(&data);
    }

    #[test]
    fn short_packets_are_cut_alike(parts in prop::collection::vec(0_u8..9, 0..9), step: u8) {
        let mut data = vec![step];
        for (part, sequence) in parts.iter().zip(0..) {
            data.extend_from_slice(&[*part, 0, 0, sequence]);
            data.resize(data.len() + usize::from(*part), 1);
        }
        crate::fuzz::packets(&data);
    }
}
