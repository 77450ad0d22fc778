//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers: who sends what to whom.
//!
//! Checksums are not judged: a capture on the sending machine has them unset (offload). Fragments
//! are told, not put together: TCP avoids them, and a hole where one was is seen above.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::link::Network;

/// A packet without its IP headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// Number of the protocol above, such as 6 for TCP.
    pub protocol: u8,
    /// What was captured of its content; padding of the frame is gone.
    pub payload: &'a [u8],
    /// The packet was longer than what was captured of it.
    pub is_cut: bool,
}

/// What came of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpacked<'a> {
    /// A whole datagram.
    Datagram(Datagram<'a>),
    /// A part of a datagram.
    Fragment,
    /// Not IP, or no headers that can be.
    Other,
}

/// Takes the IP headers off a packet.
#[must_use]
pub fn unpack(network: Network<'_>) -> Unpacked<'_> {
    match network {
        Network::Ipv4(packet) => ipv4(packet),
        Network::Ipv6(packet) => ipv6(packet),
        Network::Other => None,
    }
    .unwrap_or(Unpacked::Other)
}

fn ipv4(packet: &[u8]) -> Option<Unpacked<'_>> {
    let head = packet.first_chunk::<20>()?;
    let [first, _, t1, t2, _, _, f1, f2, _, protocol, _, _, s1, s2, s3, s4, d1, d2, d3, d4] = *head;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < 20 {
        return None;
    }
    // More fragments, or an offset.
    if u16::from_be_bytes([f1, f2]) & 0x3fff != 0 {
        return Some(Unpacked::Fragment);
    }
    // With segmentation offload the kernel hands out packets of 64 KiB and more with length 0.
    let total = match usize::from(u16::from_be_bytes([t1, t2])) {
        0 => packet.len(),
        total => total,
    };
    let payload = packet.get(header..total.min(packet.len()))?;
    Some(Unpacked::Datagram(Datagram {
        source: Ipv4Addr::new(s1, s2, s3, s4).into(),
        destination: Ipv4Addr::new(d1, d2, d3, d4).into(),
        protocol,
        payload,
        is_cut: total > packet.len(),
    }))
}

fn ipv6(packet: &[u8]) -> Option<Unpacked<'_>> {
    let (head, rest) = packet.split_first_chunk::<40>()?;
    if head[0] >> 4 != 6 {
        return None;
    }
    let length = match usize::from(u16::from_be_bytes([head[4], head[5]])) {
        // A jumbogram, or offload as above.
        0 => rest.len(),
        length => length,
    };
    let mut payload = rest.get(..length.min(rest.len()))?;
    let mut protocol = head[6];
    for _ in 0..EXTENSIONS_MAX {
        let header = match protocol {
            // Hop-by-hop, routing, destination options, mobility: length in words of 8 bytes.
            0 | 43 | 60 | 135 => (usize::from(*payload.get(1)?) + 1) * 8,
            // Authentication (RFC 4302): in words of 4 bytes, minus 2.
            51 => (usize::from(*payload.get(1)?) + 2) * 4,
            44 => {
                let fields = u16::from_be_bytes(*payload.get(2..)?.first_chunk()?);
                // An "atomic" fragment is a whole datagram (RFC 6946).
                if fields & 0xfff9 != 0 {
                    return Some(Unpacked::Fragment);
                }
                8
            }
            _ => break,
        };
        protocol = *payload.first()?;
        payload = payload.get(header..)?;
    }
    Some(Unpacked::Datagram(Datagram {
        source: Ipv6Addr::from(*head.get(8..)?.first_chunk::<16>()?).into(),
        destination: Ipv6Addr::from(*head.get(24..)?.first_chunk::<16>()?).into(),
        protocol,
        payload,
        is_cut: length > rest.len(),
    }))
}

/// Number of TCP.
pub const TCP: u8 = 6;
/// A header that chains more than these is made to waste time.
const EXTENSIONS_MAX: usize = 8;
