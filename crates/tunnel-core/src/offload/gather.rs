//! Packets that are to be written to an interface: runs of TCP segments become one.
//!
//! Joined is what differs in number, length, checksum and PSH alone and follows without a gap, as
//! the kernel does it for its own devices (`tcp_gro_receive`). Packets of one connection are
//! written in the order in which they came; those of different ones need not be. Both checksums are
//! verified before a packet is joined; one that stays alone is left to the kernel.

use alloc::vec::Vec;

use super::checksum::{completed, folded, pseudo, sum};
use super::{
    ACK, CHECKSUM, DATA_OFFSET, FLAGS, HEAD_OCTETS, Head, IPV4_OCTETS, IPV6_OCTETS, KIND_TCP4,
    KIND_TCP6, NEEDS_CHECKSUM, PSH, SEQUENCE, TCP, TCP_OCTETS, long, put, word,
};

/// Packets that wait to be written together.
#[derive(Debug, Default)]
pub struct Gather {
    runs: Vec<Run>,
}

/// Room that is not in use, to be shared by all who are of one thread.
#[derive(Debug, Default)]
pub struct Spare(Vec<Vec<u8>>);

/// One packet, or several that follow one another.
#[derive(Debug)]
struct Run {
    /// The first one's headers, then all payloads.
    octets: Vec<u8>,
    shape: Shape,
    /// Octets of each payload but the last.
    size: usize,
    count: u16,
    /// What the next one's numbers are.
    sequence: u32,
    identification: u16,
    /// Whether all had the first one's identification; then none may be fragmented.
    is_fixed: bool,
    /// Nothing may follow.
    is_closed: bool,
}

/// Where the parts of a TCP packet are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    is_ipv6: bool,
    transport: usize,
    payload: usize,
}

impl Gather {
    /// Takes a packet. `write` is called with a head and a packet for whatever is to be written
    /// now.
    pub fn push(
        &mut self,
        packet: &[u8],
        spare: &mut Spare,
        write: &mut impl FnMut(&[u8; HEAD_OCTETS], &[u8]),
    ) {
        let Some(shape) = Shape::of(packet) else { return write(&[0; HEAD_OCTETS], packet) };
        let same = self.runs.iter().position(|run| run.is_flow_of(packet, shape));
        if let Some(at) = same {
            if let Some(run) = self.runs.get_mut(at)
                && run.append(packet, shape)
            {
                return;
            }
            self.runs.remove(at).finish(spare, write);
        }
        if !shape.may_begin(packet) {
            return write(&[0; HEAD_OCTETS], packet);
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.remove(0).finish(spare, write);
        }
        self.runs.extend(Run::new(packet, shape, spare));
    }

    /// Writes what waits.
    pub fn flush(&mut self, spare: &mut Spare, write: &mut impl FnMut(&[u8; HEAD_OCTETS], &[u8])) {
        for run in self.runs.drain(..) {
            run.finish(spare, write);
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl Spare {
    /// Empty room, with capacity if there is some to spare.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    /// Gives room back; what is in it is forgotten.
    pub fn give(&mut self, mut room: Vec<u8>) {
        if self.0.len() < SPARE_MAX {
            room.clear();
            self.0.push(room);
        }
    }
}

impl Shape {
    /// `None`: no TCP, a fragment, with extensions, or not of the length it says.
    fn of(packet: &[u8]) -> Option<Self> {
        let (is_ipv6, transport, said) = match packet.first()? {
            0x45 => {
                let is_tcp = packet.get(9) == Some(&TCP) && word(packet, 6)? & !DONT_FRAGMENT == 0;
                (false, IPV4_OCTETS, usize::from(word(packet, 2).filter(|_| is_tcp)?))
            }
            first if first >> 4 == 6 => {
                let said = word(packet, 4).filter(|_| packet.get(6) == Some(&TCP))?;
                (true, IPV6_OCTETS, usize::from(said) + IPV6_OCTETS)
            }
            _ => return None,
        };
        let header = usize::from(packet.get(transport + DATA_OFFSET)? >> 4) * 4;
        let payload = transport + header;
        let fits = said == packet.len() && header >= TCP_OCTETS && payload <= packet.len();
        fits.then_some(Self { is_ipv6, transport, payload })
    }

    /// Whether others may follow: it has payload and acknowledges, and nothing else.
    fn may_begin(self, packet: &[u8]) -> bool {
        let flags = packet.get(self.transport + FLAGS);
        packet.len() > self.payload && flags == Some(&ACK)
    }

    /// Whether both checksums are right.
    fn is_right(self, packet: &[u8]) -> bool {
        let (ip, segment) = packet.split_at_checked(self.transport).unwrap_or_default();
        let before = pseudo(ip, self.is_ipv6, segment.len());
        let right = |sum| folded(sum) == [0xFF; 2];
        (self.is_ipv6 || right(sum(ip, 0))) && right(sum(segment, before))
    }
}

impl Run {
    fn new(packet: &[u8], shape: Shape, spare: &mut Spare) -> Option<Self> {
        let sequence = long(packet, shape.transport + SEQUENCE)?;
        let identification = word(packet, 4)?;
        let size = packet.len() - shape.payload;
        let mut octets = spare.take();
        octets.extend_from_slice(packet);
        Some(Self {
            octets,
            shape,
            size,
            count: 1,
            sequence: sequence.wrapping_add(u32::try_from(size).unwrap_or(0)),
            identification: identification.wrapping_add(1),
            is_fixed: false,
            is_closed: false,
        })
    }

    /// Whether a packet is of the same connection and direction.
    fn is_flow_of(&self, packet: &[u8], shape: Shape) -> bool {
        let Shape { is_ipv6, transport, .. } = self.shape;
        let addresses = if is_ipv6 { 8 } else { 12 }..transport + SEQUENCE;
        is_ipv6 == shape.is_ipv6
            && transport == shape.transport
            && self.octets.get(addresses.clone()) == packet.get(addresses)
    }

    /// Joins a packet of the same connection; `false`: it does not fit, and nothing has changed.
    fn append(&mut self, packet: &[u8], shape: Shape) -> bool {
        let Some(payload) = packet.get(shape.payload..) else { return false };
        let fits = !self.is_closed
            && shape == self.shape
            && !payload.is_empty()
            && payload.len() <= self.size
            && self.octets.len() + payload.len() <= usize::from(u16::MAX)
            && long(packet, shape.transport + SEQUENCE) == Some(self.sequence)
            && self.is_alike(packet)
            && self.is_next(packet);
        if !fits || !shape.is_right(packet) {
            return false;
        }
        if self.count == 1 && !shape.is_right(&self.octets) {
            return false;
        }
        if self.count == 1 {
            self.is_fixed = !self.shape.is_ipv6 && word(packet, 4) == word(&self.octets, 4);
        }
        let flags = packet.get(shape.transport + FLAGS).copied().unwrap_or(0);
        self.octets.extend_from_slice(payload);
        self.count += 1;
        self.sequence = self.sequence.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        self.identification = self.identification.wrapping_add(1);
        self.is_closed = flags & PSH != 0 || payload.len() < self.size;
        if flags & PSH != 0
            && let Some(flags) = self.octets.get_mut(shape.transport + FLAGS)
        {
            *flags |= PSH;
        }
        true
    }

    /// Whether it has the same headers, but for what may differ.
    fn is_alike(&self, packet: &[u8]) -> bool {
        let Shape { is_ipv6, transport, payload } = self.shape;
        let same = |from: usize, to: usize| self.octets.get(from..to) == packet.get(from..to);
        let ip = if is_ipv6 { same(0, 4) && same(6, 8) } else { same(0, 2) && same(6, 10) };
        let tcp = same(transport + 8, transport + FLAGS)
            && same(transport + 14, transport + CHECKSUM)
            && same(transport + 18, payload);
        let flags = packet.get(transport + FLAGS).map(|flags| flags & !PSH);
        ip && tcp && flags == Some(ACK)
    }

    /// Whether its identification follows. Where nothing may be fragmented it may be always the
    /// same one, which then means nothing (RFC 6864 section 4).
    fn is_next(&self, packet: &[u8]) -> bool {
        if self.shape.is_ipv6 {
            return true;
        }
        let own = word(packet, 4);
        let is_atomic = word(packet, 6) == Some(DONT_FRAGMENT);
        let fixed = is_atomic && own == word(&self.octets, 4);
        let counted = own == Some(self.identification);
        if self.count == 1 {
            fixed || counted
        } else if self.is_fixed {
            fixed
        } else {
            counted
        }
    }

    fn finish(mut self, spare: &mut Spare, write: &mut impl FnMut(&[u8; HEAD_OCTETS], &[u8])) {
        let head = if self.count == 1 { Head::default() } else { self.joined() };
        write(&head.write(), &self.octets);
        spare.give(self.octets);
    }

    /// Makes one packet of them, whose checksum is left to the kernel.
    fn joined(&mut self) -> Head {
        let Shape { is_ipv6, transport, payload } = self.shape;
        let packet = &mut self.octets;
        let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
        if is_ipv6 {
            put(packet, 4, length.saturating_sub(IPV6_LENGTH).to_be_bytes());
        } else {
            put(packet, 2, length.to_be_bytes());
            put(packet, 10, [0; 2]);
            let sum = sum(packet.get(..transport).unwrap_or_default(), 0);
            put(packet, 10, completed(sum));
        }
        let before = pseudo(packet, is_ipv6, packet.len().saturating_sub(transport));
        put(packet, transport + CHECKSUM, folded(before));
        let short = |octets: usize| u16::try_from(octets).unwrap_or(u16::MAX);
        Head {
            flags: NEEDS_CHECKSUM,
            kind: if is_ipv6 { KIND_TCP6 } else { KIND_TCP4 },
            header: short(payload),
            size: short(self.size),
            checksum_from: short(transport),
            checksum_at: short(CHECKSUM),
        }
    }
}

/// Connections of which packets wait.
pub const RUNS_MAX: usize = 8;
/// Room that is kept.
const SPARE_MAX: usize = RUNS_MAX;
/// The flag of IPv4 that forbids fragments, in the word of flags and offset.
const DONT_FRAGMENT: u16 = 0x4000;
#[expect(clippy::cast_possible_truncation, reason = "it is 40")]
const IPV6_LENGTH: u16 = IPV6_OCTETS as u16;
