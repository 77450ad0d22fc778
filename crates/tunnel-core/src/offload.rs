//! Large TCP segments in place of many packets, on an interface that has the virtio head
//! (`Documentation/networking/tuntap.rst`, `linux/virtio_net.h`).
//!
//! What the kernel hands over as one ([`Came`]) is split into packets with their own numbers and
//! checksums; runs of packets that came ([`Gather`]) become one again. Any octets may be given:
//! what does not fit together passes as it is or is refused, nothing panics, and no more is kept
//! than [`RUNS_MAX`] packets of 64 KiB. A packet must never become part of another whose checksum
//! was not found right: the kernel does not look at it again.

pub use gather::{Gather, RUNS_MAX, Spare};
pub use split::{Came, Split, came};

mod checksum;
mod gather;
mod split;

/// Octets of the head in front of every packet that is read or written.
pub const HEAD_OCTETS: usize = 10;

/// The head (`struct virtio_net_hdr`), in the byte order of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Head {
    flags: u8,
    kind: u8,
    header: u16,
    size: u16,
    checksum_from: u16,
    checksum_at: u16,
}

impl Head {
    fn read(octets: &[u8; HEAD_OCTETS]) -> Self {
        let [flags, kind, h1, h2, s1, s2, f1, f2, a1, a2] = *octets;
        Self {
            flags,
            kind,
            header: u16::from_ne_bytes([h1, h2]),
            size: u16::from_ne_bytes([s1, s2]),
            checksum_from: u16::from_ne_bytes([f1, f2]),
            checksum_at: u16::from_ne_bytes([a1, a2]),
        }
    }

    fn write(self) -> [u8; HEAD_OCTETS] {
        let [h1, h2] = self.header.to_ne_bytes();
        let [s1, s2] = self.size.to_ne_bytes();
        let [f1, f2] = self.checksum_from.to_ne_bytes();
        let [a1, a2] = self.checksum_at.to_ne_bytes();
        [self.flags, self.kind, h1, h2, s1, s2, f1, f2, a1, a2]
    }
}

/// How many packets one that is written with this head stands for.
#[must_use]
pub fn packets(head: &[u8; HEAD_OCTETS], packet: &[u8]) -> u64 {
    let Head { kind, header, size, .. } = Head::read(head);
    let payload = packet.len().saturating_sub(usize::from(header));
    let many = if kind == KIND_NONE { 1 } else { payload.div_ceil(usize::from(size).max(1)) };
    u64::try_from(many).unwrap_or(u64::MAX)
}

/// Two octets in network order, if they are there.
fn word(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

/// Four octets in network order, if they are there.
fn long(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|long| u32::from_be_bytes(*long))
}

/// Puts octets over those at a place; nothing if there is no room.
fn put<const N: usize>(octets: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = octets.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = value;
    }
}

/// The checksum is to be completed: it holds the sum of the pseudo header.
const NEEDS_CHECKSUM: u8 = 1;
const KIND_NONE: u8 = 0;
const KIND_TCP4: u8 = 1;
const KIND_TCP6: u8 = 4;
/// A bit of the kind: the first segment has CWR.
const KIND_ECN: u8 = 0x80;

const IPV4_OCTETS: usize = 20;
const IPV6_OCTETS: usize = 40;
const TCP_OCTETS: usize = 20;
const TCP: u8 = 6;
/// Where fields of TCP's header are.
const SEQUENCE: usize = 4;
const DATA_OFFSET: usize = 12;
const FLAGS: usize = 13;
const CHECKSUM: usize = 16;
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const CWR: u8 = 0x80;

#[cfg(test)]
mod tests;
