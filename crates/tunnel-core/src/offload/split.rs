//! What was read from an interface: a packet whose checksum may be left to us, or a large TCP
//! segment that is to be split.
//!
//! The first segment has the numbers of the whole, each later one its own; FIN and PSH are the last
//! one's, CWR the first one's (as `net/ipv4/tcp_offload.c` has it). It must never give out a packet
//! that says another length than it has. What cannot be split is `None`.

use core::ops::Range;

use super::checksum::{completed, pseudo, sum};
use super::{
    CHECKSUM, CWR, DATA_OFFSET, FIN, FLAGS, HEAD_OCTETS, Head, IPV4_OCTETS, IPV6_OCTETS, KIND_ECN,
    KIND_NONE, KIND_TCP4, KIND_TCP6, NEEDS_CHECKSUM, PSH, SEQUENCE, TCP, TCP_OCTETS, long, put,
    word,
};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// A packet: where it stands. Its checksum is complete.
    Packet(Range<usize>),
    /// Packets, to be taken out one by one.
    Segments(Split),
}

/// A large segment and how far it was split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    is_ipv6: bool,
    /// Where TCP's header and its payload begin, in the packet.
    transport: usize,
    payload: usize,
    /// Octets of payload in each packet but the last.
    size: usize,
    /// Where the next packet's payload begins.
    at: usize,
    /// Its number, from 0.
    number: u16,
}

/// Looks at what was read: the head, and what it says of the packet behind it. `None`: the head
/// does not fit the packet.
pub fn came(octets: &mut [u8]) -> Option<Came> {
    let (head, packet) = octets.split_first_chunk_mut::<HEAD_OCTETS>()?;
    let head = Head::read(head);
    if head.kind != KIND_NONE {
        return Split::new(head, packet).map(Came::Segments);
    }
    if head.flags & NEEDS_CHECKSUM != 0 {
        let from = usize::from(head.checksum_from);
        let at = from + usize::from(head.checksum_at);
        let sum = sum(packet.get(from..)?, 0);
        packet.get(at..at + 2)?;
        // In UDP zero means that there is none; TCP takes either.
        let value = match completed(sum) {
            [0, 0] => [0xFF, 0xFF],
            value => value,
        };
        put(packet, at, value);
    }
    Some(Came::Packet(HEAD_OCTETS..octets.len()))
}

impl Split {
    fn new(head: Head, packet: &[u8]) -> Option<Self> {
        let is_ipv6 = match head.kind & !KIND_ECN {
            KIND_TCP4 => false,
            KIND_TCP6 => true,
            _ => return None,
        };
        let transport = usize::from(head.checksum_from);
        let first = *packet.first()?;
        let fits = if is_ipv6 {
            first >> 4 == 6 && transport >= IPV6_OCTETS
        } else {
            let header = usize::from(first & 0x0F) * 4;
            let whole = word(packet, 6)? & FRAGMENT == 0 && packet.get(9) == Some(&TCP);
            first >> 4 == 4 && header >= IPV4_OCTETS && header == transport && whole
        };
        let header = usize::from(packet.get(transport + DATA_OFFSET)? >> 4) * 4;
        let payload = transport + header;
        let fits = fits && header >= TCP_OCTETS && payload <= packet.len() && head.size > 0;
        let size = usize::from(head.size);
        fits.then_some(Self { is_ipv6, transport, payload, size, at: payload, number: 0 })
    }

    /// Writes the next packet into `out`; gives its octets. `octets` is what was read, unchanged.
    /// `None`: there is no further one, or no room for it, and then there is no further one either.
    pub fn next(&mut self, octets: &[u8], out: &mut [u8]) -> Option<usize> {
        let packet = octets.get(HEAD_OCTETS..)?;
        if self.at >= packet.len() && self.number > 0 {
            return None;
        }
        let end = packet.len().min(self.at + self.size);
        let length = self.payload + end.checked_sub(self.at)?;
        let place = out.get_mut(..length).filter(|_| length <= usize::from(u16::MAX));
        let Some(place) = place else {
            (self.at, self.number) = (packet.len(), 1);
            return None;
        };
        let (header, payload) = place.split_at_mut_checked(self.payload)?;
        header.copy_from_slice(packet.get(..self.payload)?);
        payload.copy_from_slice(packet.get(self.at..end)?);
        self.number_ip(place);
        self.number_tcp(place, end == packet.len());
        (self.at, self.number) = (end, self.number.saturating_add(1));
        Some(length)
    }

    fn number_ip(&self, packet: &mut [u8]) {
        if self.is_ipv6 {
            let length = u16::try_from(packet.len().saturating_sub(IPV6_OCTETS)).unwrap_or(0);
            return put(packet, 4, length.to_be_bytes());
        }
        let length = u16::try_from(packet.len()).unwrap_or(0);
        let identification = word(packet, 4).unwrap_or(0).wrapping_add(self.number);
        put(packet, 2, length.to_be_bytes());
        put(packet, 4, identification.to_be_bytes());
        put(packet, 10, [0; 2]);
        let sum = sum(packet.get(..self.transport).unwrap_or_default(), 0);
        put(packet, 10, completed(sum));
    }

    fn number_tcp(&self, packet: &mut [u8], is_last: bool) {
        let ahead = u32::try_from(self.at - self.payload).unwrap_or(0);
        let before = pseudo(packet, self.is_ipv6, packet.len().saturating_sub(self.transport));
        let Some(segment) = packet.get_mut(self.transport..) else { return };
        let sequence = long(segment, SEQUENCE).unwrap_or(0).wrapping_add(ahead);
        put(segment, SEQUENCE, sequence.to_be_bytes());
        if let Some(flags) = segment.get_mut(FLAGS) {
            *flags &= if is_last { !0 } else { !(FIN | PSH) };
            *flags &= if self.number == 0 { !0 } else { !CWR };
        }
        put(segment, CHECKSUM, [0; 2]);
        let sum = sum(segment, before);
        put(segment, CHECKSUM, completed(sum));
    }
}

/// More fragments, or an offset.
const FRAGMENT: u16 = 0x3FFF;
