//! Fragments of IP put together (RFC 791 §3.2, RFC 8200 §4.5), for GRE and TCP alone.
//!
//! Bounded in datagrams and octets; the oldest datagram goes when there is no room. Of octets that
//! come twice the first are taken.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::capture::link::Network;

/// A datagram that was put together.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
}

/// Datagrams of which parts are missing.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: VecDeque<Waiting>,
    octets: usize,
}

#[derive(Debug)]
struct Waiting {
    key: Key,
    /// By offset; they do not overlap.
    parts: Vec<(usize, Vec<u8>)>,
    /// Where the last part ends, when it is known.
    end: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    number: u32,
}

struct Part<'a> {
    key: Key,
    offset: usize,
    is_last: bool,
    octets: &'a [u8],
}

impl Fragments {
    /// Takes a packet that is a fragment; gives the datagram when it is whole.
    pub(super) fn take(&mut self, network: Network<'_>) -> Option<Whole> {
        let part = match network {
            Network::Ipv4(packet) => ipv4(packet),
            Network::Ipv6(packet) => ipv6(packet),
            Network::Other => None,
        }?;
        if !matches!(part.key.protocol, 6 | 47) || part.octets.is_empty() {
            return None;
        }
        let place = self.waiting.iter().position(|waiting| waiting.key == part.key);
        let place = place.unwrap_or_else(|| {
            self.waiting.push_back(Waiting { key: part.key, parts: Vec::new(), end: None });
            self.waiting.len() - 1
        });
        let waiting = self.waiting.get_mut(place)?;
        self.octets += waiting.add(&part);
        if waiting.is_whole() {
            let whole = self.waiting.remove(place)?;
            self.octets -= whole.octets();
            return Some(whole.join());
        }
        while self.waiting.len() > DATAGRAMS_MAX || self.octets > OCTETS_MAX {
            self.octets -= self.waiting.pop_front()?.octets();
        }
        None
    }
}

impl Waiting {
    /// How many octets were kept.
    fn add(&mut self, part: &Part<'_>) -> usize {
        let end = part.offset + part.octets.len();
        if part.is_last && self.end.is_none() {
            self.end = Some(end);
        }
        let place = self.parts.partition_point(|(offset, _)| *offset < part.offset);
        let before = place.checked_sub(1).and_then(|before| self.parts.get(before));
        let overlaps = before.is_some_and(|(offset, octets)| offset + octets.len() > part.offset)
            || self.parts.get(place).is_some_and(|(offset, _)| *offset < end);
        if overlaps || self.parts.len() >= PARTS_MAX {
            return 0;
        }
        self.parts.insert(place, (part.offset, part.octets.to_vec()));
        part.octets.len()
    }

    fn octets(&self) -> usize {
        self.parts.iter().map(|(_, octets)| octets.len()).sum()
    }

    /// They do not overlap, so as many octets as the end says are all of them.
    fn is_whole(&self) -> bool {
        self.end == Some(self.octets())
    }

    fn join(self) -> Whole {
        let Key { source, destination, protocol, .. } = self.key;
        let payload = self.parts.into_iter().flat_map(|(_, octets)| octets).collect();
        Whole { source, destination, protocol, payload }
    }
}

fn ipv4(packet: &[u8]) -> Option<Part<'_>> {
    let head = packet.first_chunk::<20>()?;
    let [first, _, t1, t2, n1, n2, f1, f2, _, protocol, _, _, s1, s2, s3, s4, d1, d2, d3, d4] =
        *head;
    let header = usize::from(first & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([t1, t2])).min(packet.len());
    let fields = u16::from_be_bytes([f1, f2]);
    Some(Part {
        key: Key {
            source: Ipv4Addr::new(s1, s2, s3, s4).into(),
            destination: Ipv4Addr::new(d1, d2, d3, d4).into(),
            protocol,
            number: u32::from(u16::from_be_bytes([n1, n2])),
        },
        offset: usize::from(fields & 0x1fff) * 8,
        is_last: fields & 0x2000 == 0,
        octets: packet.get(header..total)?,
    })
}

/// Only with the fragment header right behind the first one, as all systems of today write it.
fn ipv6(packet: &[u8]) -> Option<Part<'_>> {
    let (head, rest) = packet.split_first_chunk::<40>()?;
    if head[6] != 44 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([head[4], head[5]])).min(rest.len());
    let ([protocol, _, o1, o2, n1, n2, n3, n4], octets) =
        rest.get(..length)?.split_first_chunk()?;
    let fields = u16::from_be_bytes([*o1, *o2]);
    Some(Part {
        key: Key {
            source: Ipv6Addr::from(*head.get(8..)?.first_chunk::<16>()?).into(),
            destination: Ipv6Addr::from(*head.get(24..)?.first_chunk::<16>()?).into(),
            protocol: *protocol,
            number: u32::from_be_bytes([*n1, *n2, *n3, *n4]),
        },
        offset: usize::from(fields & 0xfff8),
        is_last: fields & 1 == 0,
        octets,
    })
}

/// Datagrams of which parts are awaited.
const DATAGRAMS_MAX: usize = 256;
/// Octets held of all.
const OCTETS_MAX: usize = 4 << 20;
/// Parts of one datagram: 64 KiB in the smallest that networks make.
const PARTS_MAX: usize = 128;
