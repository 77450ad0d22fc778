//! The Internet checksum (RFC 1071), over large pieces at once.
//!
//! Sums are of octets as they lie in memory; only what is written out is in network order, which
//! the sum does not care about (RFC 1071 section 2). Nothing can fail.

use super::{IPV4_OCTETS, IPV6_OCTETS, TCP};

/// The sum of these octets as words, on top of another sum. An odd octet at the end counts as if
/// a zero followed, so that only the last piece may have one.
pub(super) fn sum(octets: &[u8], before: u64) -> u64 {
    let (fours, rest) = octets.as_chunks::<4>();
    let all = fours.iter().fold(before, |all, four| all + u64::from(u32::from_ne_bytes(*four)));
    let (twos, rest) = rest.as_chunks::<2>();
    let all = twos.iter().fold(all, |all, two| all + u64::from(u16::from_ne_bytes(*two)));
    rest.iter().fold(all, |all, last| all + u64::from(u16::from_ne_bytes([*last, 0])))
}

/// The sum of TCP's pseudo header for a segment of this length, of the IPv4 or IPv6 header that
/// `packet` begins with.
pub(super) fn pseudo(packet: &[u8], is_ipv6: bool, segment: usize) -> u64 {
    let addresses = if is_ipv6 { 8..IPV6_OCTETS } else { 12..IPV4_OCTETS };
    let length = u32::try_from(segment).unwrap_or(u32::MAX);
    let length = u64::from(u32::from_ne_bytes(length.to_be_bytes()));
    let protocol = u64::from(u16::from_ne_bytes([0, TCP]));
    sum(packet.get(addresses).unwrap_or_default(), length + protocol)
}

/// A sum in sixteen bits, as octets.
pub(super) fn folded(sum: u64) -> [u8; 2] {
    let sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + ((sum >> 16) & 0xFFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let [low, high, ..] = sum.to_le_bytes();
    u16::from_le_bytes([low, high]).to_ne_bytes()
}

/// The checksum that makes a sum right, as octets.
pub(super) fn completed(sum: u64) -> [u8; 2] {
    folded(sum).map(|octet| !octet)
}
