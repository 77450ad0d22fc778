//! The PPTP calls of a capture: found among all packets, put together as they pass.
//!
//! Of other traffic not a byte behind the ports is looked at, and nothing is allocated for it. TCP
//! is put in order for port 1723 alone, GRE is counted by address and call id, ICMP errors are kept
//! that quote either. A capture may begin in the middle of a call: then GRE is paired by addresses.
//! All tables are bounded; what did not fit is counted in [`Counts::left_out`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use menshen_tunnel_core::pptp::{IP_PROTOCOL as GRE, PORT, gre};
use serde::Serialize;

use super::Side;
use super::calls::{Call, Event, Way};
use crate::capture::Packet;
use crate::capture::ip::{Datagram, TCP, Unpacked, unpack};
use crate::capture::link::{self, Network, network};
use crate::capture::tcp::segment;
use connections::Connections;
use fragments::Fragments;
use way::Seen;

mod connections;
mod fragments;
mod icmp;
mod messages;
mod pairing;
mod ppp;
mod way;

/// What was counted in a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All packets.
    pub packets: u64,
    /// Of PPTP's GRE.
    pub gre: u64,
    /// Of TCP port 1723.
    pub control: u64,
    /// ICMP errors that quote either.
    pub icmp: u64,
    /// Fragments of GRE or TCP.
    pub fragments: u64,
    /// Packets of PPTP that were cut when they were captured.
    pub cut: u64,
    /// Of a link type we do not know.
    pub unknown_links: u64,
    /// Connections, calls or directions that did not fit.
    pub left_out: u64,
    /// The first packet, nanoseconds since 1970.
    pub first_unix_ns: u64,
    /// The last packet, microseconds since the first.
    pub last_us: u64,
}

/// What a capture holds of PPTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What was counted.
    pub counts: Counts,
    /// All calls and attempts, in the order they began.
    pub calls: Vec<Call>,
}

/// Finds the calls of a capture.
#[derive(Debug, Default)]
pub struct Finder {
    counts: Counts,
    began: bool,
    fragments: Fragments,
    connections: Connections,
    calls: Vec<Call>,
    flows: BTreeMap<Flow, Place>,
    /// The flow of the last packet: mostly that of the next one, too.
    last: Option<(Flow, Place)>,
    orphans: Vec<Orphan>,
    errors: Vec<icmp::Error>,
}

/// GRE in one direction of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    key: u16,
    source: IpAddr,
    destination: IpAddr,
}

/// Whose packets a flow has.
#[derive(Debug, Clone, Copy)]
enum Place {
    Call(usize, Side),
    Orphan(usize),
}

/// A flow that no control connection told of.
#[derive(Debug)]
struct Orphan {
    flow: Flow,
    way: Way,
    events: Vec<Event>,
}

/// A datagram of interest, with what of its IP header is of use.
struct Found<'a> {
    datagram: Datagram<'a>,
    ttl: u8,
    ip_octets: u32,
    at_us: u64,
    fragmented: bool,
}

impl Finder {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next packet.
    #[inline]
    pub fn take(&mut self, packet: &Packet<'_>) {
        self.counts.packets += 1;
        let network = network(packet.link, packet.bytes);
        if is_of_use(network) {
            self.look(packet, network);
        } else if network == Network::Other && !link::is_known(packet.link) {
            self.counts.unknown_links += 1;
        }
        if !self.began {
            self.began = true;
            self.counts.first_unix_ns = packet.unix_ns;
        }
        let since = packet.unix_ns.saturating_sub(self.counts.first_unix_ns);
        self.counts.last_us = self.counts.last_us.max(since / 1000);
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// All calls.
    #[must_use]
    pub fn finish(mut self) -> Facts {
        self.connections.finish(&mut self.calls);
        pairing::pair(&mut self.calls, core::mem::take(&mut self.orphans));
        icmp::attach(&mut self.calls, core::mem::take(&mut self.errors));
        for call in &mut self.calls {
            call.events.sort_by_key(|event| event.at_us);
        }
        self.calls.sort_by_key(|call| call.began_us);
        Facts { counts: self.counts, calls: self.calls }
    }

    /// A packet of a kind that may be ours; rare in most captures but those of a busy tunnel.
    fn look(&mut self, packet: &Packet<'_>, network: Network<'_>) {
        let (ttl, ip_octets) = match network {
            Network::Ipv4(octets) => (octets.get(8), be16(octets, 2)),
            Network::Ipv6(octets) => (octets.get(7), be16(octets, 4).map(|length| length + 40)),
            Network::Other => return,
        };
        let (ttl, ip_octets) = (ttl.copied().unwrap_or(0), ip_octets.unwrap_or(0));
        if !self.began {
            self.began = true;
            self.counts.first_unix_ns = packet.unix_ns;
        }
        let at_us = packet.unix_ns.saturating_sub(self.counts.first_unix_ns) / 1000;
        match unpack(network) {
            Unpacked::Datagram(datagram) => {
                let found = Found { datagram, ttl, ip_octets, at_us, fragmented: false };
                self.datagram(&found);
            }
            Unpacked::Fragment => {
                self.counts.fragments += 1;
                let Some(whole) = self.fragments.take(network) else { return };
                let datagram = Datagram {
                    source: whole.source,
                    destination: whole.destination,
                    protocol: whole.protocol,
                    payload: &whole.payload,
                    is_cut: false,
                };
                let ip_octets = u32::try_from(whole.payload.len() + 20).unwrap_or(u32::MAX);
                self.datagram(&Found { datagram, ttl, ip_octets, at_us, fragmented: true });
            }
            Unpacked::Other => {}
        }
    }

    fn datagram(&mut self, found: &Found<'_>) {
        match found.datagram.protocol {
            GRE => self.gre(found),
            TCP => {
                let Some(segment) = segment(&found.datagram) else { return };
                if segment.source_port != PORT && segment.destination_port != PORT {
                    return;
                }
                self.counts.control += 1;
                self.counts.cut += u64::from(found.datagram.is_cut);
                self.control(found, &segment);
            }
            _ => {
                let Some(error) = icmp::read(found) else { return };
                self.counts.icmp += 1;
                if !icmp::keep(&mut self.errors, error) {
                    self.counts.left_out += 1;
                }
            }
        }
    }

    fn gre(&mut self, found: &Found<'_>) {
        let Datagram { source, destination, payload, is_cut, .. } = found.datagram;
        let Ok(packet) = gre::decode_cut(payload) else { return };
        self.counts.gre += 1;
        self.counts.cut += u64::from(is_cut);
        let flow = Flow { key: packet.call.0, source, destination };
        let Some(place) = self.place(flow) else {
            self.counts.left_out += 1;
            return;
        };
        let (way, from) = match place {
            Place::Call(call, from) => match self.calls.get_mut(call) {
                Some(call) => (call.sent_by_mut(from), from),
                None => return,
            },
            // Which side it is shows later.
            Place::Orphan(orphan) => match self.orphans.get_mut(orphan) {
                Some(orphan) => (&mut orphan.way, Side::Client),
                None => return,
            },
        };
        let Found { ttl, ip_octets, at_us, .. } = *found;
        way.fragmented += u64::from(found.fragmented);
        let event = way::take(way, &packet, payload, &Seen { at_us, from, ttl, ip_octets });
        match (event, place) {
            (None, _) => {}
            (Some(event), Place::Call(call, _)) => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.note(event);
                }
            }
            (Some(event), Place::Orphan(orphan)) => {
                if let Some(orphan) = self.orphans.get_mut(orphan)
                    && orphan.events.len() < super::calls::EVENTS_MAX
                {
                    orphan.events.push(event);
                }
            }
        }
    }

    /// Whose packets these are; a new flow becomes an orphan.
    fn place(&mut self, flow: Flow) -> Option<Place> {
        if let Some((last, place)) = self.last
            && last == flow
        {
            return Some(place);
        }
        let place = match self.flows.get(&flow) {
            Some(place) => *place,
            None if self.orphans.len() >= ORPHANS_MAX => return None,
            None => {
                let place = Place::Orphan(self.orphans.len());
                self.orphans.push(Orphan { flow, way: Way::default(), events: Vec::new() });
                self.flows.insert(flow, place);
                place
            }
        };
        self.last = Some((flow, place));
        Some(place)
    }

    /// A call is up: its packets will be known by these numbers. Numbers are used again, so what
    /// came before belongs to another call, unless it came just now.
    fn open(&mut self, call: usize, at_us: u64) {
        self.last = None;
        let Some(opened) = self.calls.get_mut(call) else { return };
        let (client, server) = (opened.client, opened.server);
        let numbers = [
            (Side::Client, client, server, opened.server_id),
            (Side::Server, server, client, opened.client_id),
        ];
        for (from, source, destination, key) in numbers {
            let Some(key) = key else { continue };
            let before =
                self.flows.insert(Flow { key, source, destination }, Place::Call(call, from));
            let Some(Place::Orphan(orphan)) = before else { continue };
            let Some(orphan) = self.orphans.get_mut(orphan) else { continue };
            if orphan.way.first_us.is_some_and(|first| first + OVERTAKES_US >= at_us) {
                *opened.sent_by_mut(from) = core::mem::take(&mut orphan.way);
                let events = core::mem::take(&mut orphan.events);
                opened.events.extend(events.into_iter().map(|event| Event { from, ..event }));
            }
        }
    }
}

/// Whether a packet can be of PPTP: GRE, ICMP, TCP of its port, or a part of one of these. Looks at
/// a few bytes only.
#[inline]
fn is_of_use(network: Network<'_>) -> bool {
    match network {
        Network::Ipv4(packet) => match packet.get(9) {
            Some(6) => {
                let Some(head) = packet.first_chunk::<20>() else { return false };
                let header = usize::from(head[0] & 0x0f) * 4;
                u16::from_be_bytes([head[6], head[7]]) & 0x3fff != 0 || has_port(packet, header)
            }
            Some(1 | 47) => true,
            _ => false,
        },
        Network::Ipv6(packet) => match packet.get(6) {
            Some(6) => has_port(packet, 40),
            Some(0 | 43 | 44 | 47 | 51 | 58 | 60 | 135) => true,
            _ => false,
        },
        Network::Other => false,
    }
}

#[inline]
fn has_port(packet: &[u8], header: usize) -> bool {
    let ports = packet.get(header..).and_then(<[u8]>::first_chunk::<4>);
    let Some([s1, s2, d1, d2]) = ports else { return false };
    u16::from_be_bytes([*s1, *s2]) == PORT || u16::from_be_bytes([*d1, *d2]) == PORT
}

fn be16(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(*octets.get(at..)?.first_chunk()?)))
}

/// Flows of GRE that no control connection told of.
const ORPHANS_MAX: usize = 4096;
/// GRE may overtake the message that told of it by this much, where it was captured.
const OVERTAKES_US: u64 = 1_000_000;

#[cfg(test)]
mod tests;
