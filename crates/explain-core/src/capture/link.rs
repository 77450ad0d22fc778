//! What is in a frame: the link layers a capture of a server or a client can have.
//!
//! Numbers are those of the `LINKTYPE_` registry. Ethernet with any VLAN tags (802.1Q, 802.1ad),
//! raw IP, Linux "cooked" captures (as of `tcpdump -i any`) and BSD loopback. Never looks into IP.

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network<'a> {
    /// An IPv4 packet, with whatever padding the frame has.
    Ipv4(&'a [u8]),
    /// An IPv6 packet, with whatever padding the frame has.
    Ipv6(&'a [u8]),
    /// Something else, cut short, or a link type that is not known.
    Other,
}

/// Whether frames of this link type are understood.
#[must_use]
pub const fn is_known(link: u16) -> bool {
    matches!(link, NULL | ETHERNET | RAW_BSD | RAW_OPENBSD | RAW | LOOP | SLL | IPV4 | IPV6 | SLL2)
}

/// Takes the frame off a packet.
#[must_use]
pub fn network(link: u16, frame: &[u8]) -> Network<'_> {
    let (kind, rest) = match link {
        ETHERNET => (be16(frame, 12), frame.get(14..)),
        SLL => (be16(frame, 14), frame.get(16..)),
        SLL2 => (be16(frame, 0), frame.get(20..)),
        NULL | LOOP => return loopback(frame),
        RAW | RAW_BSD | RAW_OPENBSD => return by_version(frame),
        IPV4 => return Network::Ipv4(frame),
        IPV6 => return Network::Ipv6(frame),
        _ => return Network::Other,
    };
    let (Some(mut kind), Some(mut rest)) = (kind, rest) else { return Network::Other };
    for _ in 0..VLAN_TAGS_MAX {
        if !matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        let (Some(inner), Some(behind)) = (be16(rest, 2), rest.get(4..)) else {
            return Network::Other;
        };
        (kind, rest) = (inner, behind);
    }
    match kind {
        0x0800 => Network::Ipv4(rest),
        0x86dd => Network::Ipv6(rest),
        _ => Network::Other,
    }
}

fn by_version(packet: &[u8]) -> Network<'_> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => Network::Ipv4(packet),
        Some(6) => Network::Ipv6(packet),
        _ => Network::Other,
    }
}

/// The family comes in the order of the machine that captured, for NULL at least. The numbers for
/// IPv6 differ between the BSDs, so the version of the packet decides among all of them.
fn loopback(frame: &[u8]) -> Network<'_> {
    match frame.split_first_chunk::<4>() {
        Some(([family, 0, 0, 0] | [0, 0, 0, family], packet))
            if matches!(family, 2 | 10 | 24 | 28 | 30) =>
        {
            by_version(packet)
        }
        _ => Network::Other,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// BSD loopback, family in the order of the machine.
pub const NULL: u16 = 0;
/// Ethernet.
pub const ETHERNET: u16 = 1;
/// Raw IP as some BSDs number it.
pub const RAW_BSD: u16 = 12;
/// Raw IP as OpenBSD numbers it.
pub const RAW_OPENBSD: u16 = 14;
/// Raw IP.
pub const RAW: u16 = 101;
/// OpenBSD loopback, family in network order.
pub const LOOP: u16 = 108;
/// Linux cooked capture.
pub const SLL: u16 = 113;
/// Raw IPv4.
pub const IPV4: u16 = 228;
/// Raw IPv6.
pub const IPV6: u16 = 229;
/// Linux cooked capture, version 2.
pub const SLL2: u16 = 276;
/// Two are usual (QinQ); more are somebody's joke.
const VLAN_TAGS_MAX: usize = 4;
