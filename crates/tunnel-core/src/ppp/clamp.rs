//! Lowers the maximum segment size of TCP connections that begin (RFC 879, RFC 9293 section
//! 3.7.1), so that no segment is larger than the tunnel's MTU where path MTU discovery fails.
//!
//! In place, with the checksum updated (RFC 1624). It must never raise a value, touch anything but
//! SYN segments, or read past the packet; what it does not understand passes unchanged.

/// Lowers the MSS of a TCP SYN in this IPv4 or IPv6 packet to what fits into `mtu` octets. True if
/// it was changed.
pub fn clamp_mss(packet: &mut [u8], mtu: u16) -> bool {
    let found = match packet.first().map(|octet| octet >> 4) {
        Some(4) => tcp_in_ipv4(packet).map(|at| (at, mtu.saturating_sub(HEADERS_IPV4))),
        Some(6) => tcp_in_ipv6(packet).map(|at| (at, mtu.saturating_sub(HEADERS_IPV6))),
        _ => None,
    };
    let Some((at, limit)) = found else { return false };
    packet.get_mut(at..).is_some_and(|segment| clamp_segment(segment, limit.max(MSS_MIN)))
}

/// Where TCP begins in an IPv4 packet that is no later fragment.
fn tcp_in_ipv4(packet: &[u8]) -> Option<usize> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & FRAGMENT_OFFSET;
    (header >= 20 && fragment == 0 && *packet.get(9)? == TCP).then_some(header)
}

/// Where TCP begins in an IPv6 packet, behind a few extension headers at most.
fn tcp_in_ipv6(packet: &[u8]) -> Option<usize> {
    let (mut next, mut at) = (*packet.get(6)?, 40);
    for _ in 0..EXTENSIONS_MAX {
        let extension = packet.get(at..at + 8)?;
        let &[following, len, _, offset, ..] = extension else { return None };
        at += match next {
            TCP => return Some(at),
            HOP_BY_HOP | ROUTING | DESTINATION => (usize::from(len) + 1) * 8,
            FRAGMENT if u16::from_be_bytes([*extension.get(2)?, offset]) & !7 == 0 => 8,
            _ => return None,
        };
        next = following;
    }
    None
}

fn clamp_segment(segment: &mut [u8], limit: u16) -> bool {
    let (Some(&offset), Some(&flags)) = (segment.get(12), segment.get(13)) else { return false };
    let header = usize::from(offset >> 4) * 4;
    if flags & SYN == 0 || header > segment.len() {
        return false;
    }
    let mut at = TCP_HEADER;
    while let Some(&[kind, len]) = segment.get(at..header).and_then(|rest| rest.first_chunk()) {
        match (kind, usize::from(len)) {
            (OPTION_END, _) => return false,
            (OPTION_NONE, _) => at += 1,
            (OPTION_MSS, 4) if at + 4 <= header => return lower(segment, at + 2, limit),
            (OPTION_MSS, _) | (_, 0 | 1) => return false,
            (_, len) => at += len,
        }
    }
    false
}

/// Lowers the value at `at` to `limit`, with the segment's checksum.
fn lower(segment: &mut [u8], at: usize, limit: u16) -> bool {
    let (Some(&[a, b]), Some(&[c, d])) = (
        segment.get(at..).and_then(|rest| rest.first_chunk()),
        segment.get(CHECKSUM..).and_then(|rest| rest.first_chunk()),
    ) else {
        return false;
    };
    let mss = u16::from_be_bytes([a, b]);
    if mss <= limit {
        return false;
    }
    // A value at an odd place counts with its octets swapped.
    let turned = |value: u16| if at % 2 == 1 { value.swap_bytes() } else { value };
    let sum =
        u32::from(!u16::from_be_bytes([c, d])) + u32::from(!turned(mss)) + u32::from(turned(limit));
    let folded = (sum & 0xFFFF) + (sum >> 16);
    let [_, _, high, low] = ((folded & 0xFFFF) + (folded >> 16)).to_be_bytes();
    let pairs = [(at, limit.to_be_bytes()), (CHECKSUM, [!high, !low])];
    for (place, octets) in pairs {
        if let Some(room) = segment.get_mut(place..place + 2) {
            room.copy_from_slice(&octets);
        }
    }
    true
}

/// The least value written, in octets: what any host must take (RFC 9293 section 3.7.1) less
/// options.
const MSS_MIN: u16 = 88;

/// IPv4's and TCP's headers without options, in octets.
const HEADERS_IPV4: u16 = 40;

/// IPv6's and TCP's headers without options, in octets.
const HEADERS_IPV6: u16 = 60;

/// Extension headers skipped before TCP.
const EXTENSIONS_MAX: usize = 4;

const FRAGMENT_OFFSET: u16 = 0x1FFF;
const TCP: u8 = 6;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const TCP_HEADER: usize = 20;
const CHECKSUM: usize = 16;
const SYN: u8 = 0x02;
const OPTION_END: u8 = 0;
const OPTION_NONE: u8 = 1;
const OPTION_MSS: u8 = 2;

#[cfg(test)]
mod tests;
