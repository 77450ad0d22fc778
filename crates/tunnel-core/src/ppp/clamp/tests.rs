//! Segments with the option at even and odd places, checksums recomputed from nothing.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The checksum's sum over a whole segment; 0xFFFF when it is right (the pseudo header is left out
/// on both sides of the comparison, so it is folded into the first word).
fn sum(segment: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in segment.chunks(2) {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// A segment with these flags and options, its checksum right for a pseudo header of zeros.
fn segment(flags: u8, options: &[u8], data: &[u8]) -> Vec<u8> {
    let mut options = options.to_vec();
    options.resize(options.len().div_ceil(4) * 4, 0);
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let mut out = Vec::from([0x12, 0x34, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, words << 4, flags]);
    out.extend_from_slice(&[0xFA, 0xF0, 0, 0, 0, 0]);
    out.extend_from_slice(&options);
    out.extend_from_slice(data);
    let checksum = !sum(&out);
    out[16..18].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(sum(&out), 0xFFFF);
    out
}

fn ipv4(segment: &[u8]) -> Vec<u8> {
    let mut out = Vec::from([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, TCP, 0, 0]);
    out.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend_from_slice(segment);
    out
}

fn ipv6(headers: &[u8], first: u8, segment: &[u8]) -> Vec<u8> {
    let mut out = Vec::from([0x60, 0, 0, 0, 0, 0, first, 64]);
    out.resize(40, 0xFD);
    out.extend_from_slice(headers);
    out.extend_from_slice(segment);
    out
}

#[test]
fn a_syn_is_lowered_at_even_and_odd_places_and_its_checksum_stays_right() {
    for (options, at) in [(&[2, 4, 0x05, 0xB4, 1, 3, 3, 7][..], 22), (&[1, 2, 4, 0x05, 0xB4], 23)] {
        let mut packet = ipv4(&segment(SYN, options, b""));
        assert!(clamp_mss(&mut packet, 1396));
        assert_eq!(packet[20 + at..22 + at], 1356u16.to_be_bytes());
        assert_eq!(sum(&packet[20..]), 0xFFFF);
        assert!(!clamp_mss(&mut packet, 1396), "twice is once");
    }
}

#[test]
fn ipv6_has_longer_headers_and_extensions_are_skipped() {
    let syn = segment(SYN | 0x10, &[2, 4, 0x05, 0xA0], b"");
    let mut packet = ipv6(&[], TCP, &syn);
    assert!(clamp_mss(&mut packet, 1400));
    assert_eq!(packet[62..64], 1340u16.to_be_bytes());
    let mut packet = ipv6(&[TCP, 0, 1, 4, 0, 0, 0, 0], HOP_BY_HOP, &syn);
    assert!(clamp_mss(&mut packet, 1400));
    assert_eq!(sum(&packet[48..]), 0xFFFF);
    let first = [TCP, 0, 0, 1, 0, 0, 0, 9];
    assert!(clamp_mss(&mut ipv6(&first, FRAGMENT, &syn), 1400));
    let later = [TCP, 0, 0, 9, 0, 0, 0, 9];
    assert!(!clamp_mss(&mut ipv6(&later, FRAGMENT, &syn), 1400));
}

#[test]
fn everything_else_passes_unchanged() {
    let large = [2, 4, 0x05, 0xB4];
    let mut later = ipv4(&segment(SYN, &large, b""));
    later[7] = 1;
    let mut udp = ipv4(&segment(SYN, &large, b""));
    udp[9] = 17;
    for packet in [
        ipv4(&segment(0x10, &large, b"")),
        ipv4(&segment(SYN, &[2, 4, 0x02, 0x18], b"")),
        ipv4(&segment(SYN, &[0, 2, 4, 0x05, 0xB4], b"")),
        ipv4(&segment(SYN, &[9, 0, 2, 4, 5], b"")),
        ipv4(&segment(SYN, &[1, 1, 2, 3], b"")),
        later,
        udp,
        Vec::from([0x45; 10]),
        Vec::new(),
    ] {
        let mut changed = packet.clone();
        assert!(!clamp_mss(&mut changed, 1396));
        assert_eq!(changed, packet);
    }
}

proptest! {
    #[test]
    fn any_octets_are_changed_in_four_places_at_most(mut packet: Vec<u8>, mtu: u16, v6: bool) {
        if let Some(first) = packet.first_mut() {
            *first = if v6 { 0x60 } else { 0x45 };
        }
        let before = packet.clone();
        let changed = clamp_mss(&mut packet, mtu);
        let differing = before.iter().zip(&packet).filter(|(one, other)| one != other).count();
        prop_assert!(differing <= 4 && (changed || differing == 0));
    }

    #[test]
    fn the_checksum_stays_right(
        mss in 89u16.., mtu in 128u16..1500, pad in 0usize..4, data: Vec<u8>
    ) {
        let mut options = Vec::from([1, 1, 1, 1]);
        options.truncate(pad);
        let [high, low] = mss.to_be_bytes();
        options.extend_from_slice(&[2, 4, high, low]);
        let mut packet = ipv4(&segment(SYN, &options, &data));
        let changed = clamp_mss(&mut packet, mtu);
        prop_assert_eq!(changed, mss > (mtu - 40).max(MSS_MIN));
        prop_assert_eq!(sum(&packet[20..]), 0xFFFF);
    }
}
