//! The TLS connections of a capture: found among all TCP streams, put in order, bounded.
//!
//! A stream becomes a connection when one of its first segments begins with a ClientHello (so
//! STARTTLS is found too), or with a ServerHello when the capture began late. Of all others a few
//! words are kept, and no packet of theirs allocates. Time of a piece is that of the packet that
//! made its bytes complete.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::ip::{Unpacked, unpack};
use super::link::network;
use super::tcp::{Assembly, Oddities, Segment, segment};
use super::{Packet, link};
use crate::handshake::{Piece, Side};

/// A TLS connection of a capture.
#[derive(Debug)]
pub struct Connection {
    /// Who connected.
    pub client: SocketAddr,
    /// To whom.
    pub server: SocketAddr,
    /// When it began, nanoseconds since 1970: its SYN, or the first TLS byte without one.
    pub began_unix_ns: u64,
    /// Microseconds from SYN to the packet that completed the TCP handshake, as the capturing
    /// machine saw it.
    pub connect_us: Option<u64>,
    /// What passed from the first TLS byte on; microseconds since it began.
    pub pieces: Vec<Piece<'static>>,
    /// Who ended it first, and when in microseconds.
    pub closed: Option<(Side, u64)>,
    /// What was odd in the client's direction.
    pub client_oddities: Oddities,
    /// What was odd in the server's direction.
    pub server_oddities: Oddities,
    /// Packets of it were longer than what was captured of them (a snap length).
    pub is_cut: bool,
    /// Later bytes of it were not kept: it had more than [`DIRECTION_BYTES_MAX`].
    pub has_more: bool,
}

/// What was counted in a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All packets.
    pub packets: u64,
    /// Of TCP, with or without content.
    pub segments: u64,
    /// Fragments, which are not put together.
    pub fragments: u64,
    /// Of a link type we do not know.
    pub unknown_links: u64,
    /// TLS connections beyond [`CONNECTIONS_MAX`] or [`BYTES_MAX`], which were not kept.
    pub left_out: u64,
}

/// Finds the TLS connections of a capture.
#[derive(Debug, Default)]
pub struct Finder {
    streams: BTreeMap<Ends, Stream>,
    found: Vec<Found>,
    bytes_kept: usize,
    counts: Counts,
}

/// Both ends of a stream, the lower one first, IPv4 in its IPv6 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    low: ([u8; 16], u16),
    high: ([u8; 16], u16),
}

#[derive(Debug)]
enum Stream {
    /// Nothing but beginnings seen so far.
    Young(Box<Young>),
    /// Place in `found`.
    Tls(usize),
    /// Something else.
    Other,
}

#[derive(Debug, Default)]
struct Young {
    /// Whether the lower end connected, when a SYN told it.
    low_is_client: Option<bool>,
    syn_ns: Option<u64>,
    connect_us: Option<u64>,
    /// Numbers after the SYN: of the lower end, of the higher end.
    first: [Option<u32>; 2],
    /// Whether the first bytes were seen: of the lower end, of the higher end.
    began: [bool; 2],
    /// Segments with content so far.
    segments: u8,
    /// Those that overtook the first bytes of their side.
    early: Vec<(bool, u32, Vec<u8>)>,
}

#[derive(Debug)]
struct Found {
    connection: Connection,
    low_is_client: bool,
    client: Assembly,
    server: Assembly,
    client_bytes: usize,
    server_bytes: usize,
}

impl Finder {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next packet.
    pub fn take(&mut self, packet: &Packet<'_>) {
        self.counts.packets += 1;
        if !link::is_known(packet.link) {
            self.counts.unknown_links += 1;
            return;
        }
        let datagram = match unpack(network(packet.link, packet.bytes)) {
            Unpacked::Datagram(datagram) => datagram,
            Unpacked::Fragment => {
                self.counts.fragments += 1;
                return;
            }
            Unpacked::Other => return,
        };
        let Some(segment) = segment(&datagram) else { return };
        self.counts.segments += 1;
        let source = (octets(datagram.source), segment.source_port);
        let destination = (octets(datagram.destination), segment.destination_port);
        let from_low = source <= destination;
        let ends = match from_low {
            true => Ends { low: source, high: destination },
            false => Ends { low: destination, high: source },
        };
        let is_cut = datagram.is_cut;
        self.segment(ends, &Seen { segment, from_low, unix_ns: packet.unix_ns, is_cut });
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// All TLS connections, in the order in which their first TLS byte passed.
    #[must_use]
    pub fn finish(self) -> Vec<Connection> {
        let finish = |mut found: Found| {
            found.client.finish();
            found.server.finish();
            found.connection.client_oddities = found.client.oddities;
            found.connection.server_oddities = found.server.oddities;
            found.connection
        };
        self.found.into_iter().map(finish).collect()
    }

    fn segment(&mut self, ends: Ends, seen: &Seen<'_>) {
        let opens = seen.segment.syn && !seen.segment.ack;
        match self.streams.get_mut(&ends) {
            // The ports are used anew.
            Some(Stream::Tls(_) | Stream::Other) if opens => {
                self.streams.insert(ends, Stream::Young(Box::new(Young::open(seen))));
            }
            Some(Stream::Other) => {}
            Some(Stream::Tls(place)) => {
                if let Some(found) = self.found.get_mut(*place) {
                    self.bytes_kept += found.take(seen, BYTES_MAX - self.bytes_kept);
                }
            }
            Some(Stream::Young(young)) => {
                let young = match young.take(seen) {
                    Judged::Wait => return,
                    Judged::Other => {
                        self.streams.insert(ends, Stream::Other);
                        return;
                    }
                    Judged::Tls(side) => (core::mem::take(&mut **young), side),
                };
                self.promote(ends, young, seen);
            }
            None => {
                if self.streams.len() >= STREAMS_MAX {
                    self.forget();
                }
                let mut young = Young::open(seen);
                match young.take(seen) {
                    Judged::Tls(side) => self.promote(ends, (young, side), seen),
                    Judged::Other => drop(self.streams.insert(ends, Stream::Other)),
                    Judged::Wait => {
                        self.streams.insert(ends, Stream::Young(Box::new(young)));
                    }
                }
            }
        }
    }

    fn promote(&mut self, ends: Ends, (young, sender): (Young, Side), seen: &Seen<'_>) {
        if self.found.len() >= CONNECTIONS_MAX || self.bytes_kept >= BYTES_MAX {
            self.counts.left_out += 1;
            self.streams.insert(ends, Stream::Other);
            return;
        }
        let mut found = Found::open(ends, young, sender, seen);
        self.bytes_kept += found.take(seen, BYTES_MAX - self.bytes_kept);
        self.streams.insert(ends, Stream::Tls(self.found.len()));
        self.found.push(found);
    }

    /// Makes room. A stream that is no TLS is recognised again; a young one is lost.
    fn forget(&mut self) {
        self.streams.retain(|_, stream| matches!(stream, Stream::Tls(_)));
        if self.streams.len() >= STREAMS_MAX {
            self.streams.clear();
        }
    }
}

/// A segment in its place.
struct Seen<'a> {
    segment: Segment<'a>,
    from_low: bool,
    unix_ns: u64,
    is_cut: bool,
}

enum Judged {
    Wait,
    Other,
    /// The segment begins with the hello of this side.
    Tls(Side),
}

impl Young {
    fn open(seen: &Seen<'_>) -> Self {
        let mut young = Self::default();
        young.note_syn(seen);
        young
    }

    fn take(&mut self, seen: &Seen<'_>) -> Judged {
        let Segment { sequence, payload, ack, .. } = seen.segment;
        if seen.segment.syn {
            self.note_syn(seen);
            return Judged::Wait;
        }
        let from_client = self.low_is_client == Some(seen.from_low);
        if ack && from_client && self.connect_us.is_none() && self.first.iter().all(Option::is_some)
        {
            self.connect_us = self.syn_ns.map(|syn| seen.unix_ns.saturating_sub(syn) / 1000);
        }
        if payload.is_empty() {
            return Judged::Wait;
        }
        if let Some(side) = hello(payload) {
            return Judged::Tls(side);
        }
        self.segments += 1;
        if self.segments >= YOUNG_SEGMENTS_MAX {
            return Judged::Other;
        }
        // It may be the end of a ClientHello that overtook its beginning: only the SYN tells.
        let end = usize::from(!seen.from_low);
        if let (Some(Some(first)), Some(began)) = (self.first.get(end), self.began.get_mut(end)) {
            *began |= *first == sequence;
            if !*began && self.early.len() < YOUNG_EARLY_MAX {
                self.early.push((seen.from_low, sequence, payload.to_vec()));
            }
        }
        Judged::Wait
    }

    fn note_syn(&mut self, seen: &Seen<'_>) {
        if !seen.segment.syn {
            return;
        }
        if !seen.segment.ack {
            self.low_is_client = Some(seen.from_low);
            self.syn_ns = self.syn_ns.or(Some(seen.unix_ns));
        }
        if let Some(first) = self.first.get_mut(usize::from(!seen.from_low)) {
            *first = Some(seen.segment.sequence.wrapping_add(1));
        }
    }
}

impl Found {
    fn open(ends: Ends, young: Young, sender: Side, seen: &Seen<'_>) -> Self {
        // The hello tells better than the SYN who speaks as client.
        let low_is_client = (sender == Side::Client) == seen.from_low;
        let (low, high) = (address(ends.low), address(ends.high));
        let (client, server) = if low_is_client { (low, high) } else { (high, low) };
        let connection = Connection {
            client,
            server,
            began_unix_ns: young.syn_ns.unwrap_or(seen.unix_ns),
            connect_us: young.connect_us,
            pieces: Vec::new(),
            closed: None,
            client_oddities: Oddities::default(),
            server_oddities: Oddities::default(),
            is_cut: false,
            has_more: false,
        };
        let mut found = Self {
            connection,
            low_is_client,
            client: Assembly::default(),
            server: Assembly::default(),
            client_bytes: 0,
            server_bytes: 0,
        };
        let sequence = seen.segment.sequence;
        let (own, other) = match sender {
            Side::Client => (&mut found.client, &mut found.server),
            Side::Server => (&mut found.server, &mut found.client),
        };
        own.begin(sequence);
        // Without text before TLS the other side begins right after its SYN, too.
        let [low_first, high_first] = young.first;
        let (own_first, other_first) = match seen.from_low {
            true => (low_first, high_first),
            false => (high_first, low_first),
        };
        if let (true, Some(first)) = (own_first == Some(sequence), other_first) {
            other.begin(first);
        }
        for (from_low, sequence, bytes) in &young.early {
            if *from_low == seen.from_low {
                own.take(*sequence, bytes, |_| {});
            }
        }
        found
    }

    /// Takes a segment; how many bytes were kept of it, at most `room`.
    fn take(&mut self, seen: &Seen<'_>, room: usize) -> usize {
        let side = match seen.from_low == self.low_is_client {
            true => Side::Client,
            false => Side::Server,
        };
        let connection = &mut self.connection;
        let at_us = seen.unix_ns.saturating_sub(connection.began_unix_ns) / 1000;
        let (assembly, held) = match side {
            Side::Client => (&mut self.client, &mut self.client_bytes),
            Side::Server => (&mut self.server, &mut self.server_bytes),
        };
        let room = room.min(DIRECTION_BYTES_MAX.saturating_sub(*held));
        let mut kept = 0;
        if room == 0 {
            connection.has_more |= !seen.segment.payload.is_empty();
        } else if !seen.segment.syn {
            connection.is_cut |= seen.is_cut;
            assembly.take(seen.segment.sequence, seen.segment.payload, |bytes| {
                let fits = bytes.get(..room.saturating_sub(kept)).unwrap_or(bytes);
                connection.has_more |= fits.len() < bytes.len();
                if !fits.is_empty() {
                    let bytes = Cow::Owned(fits.to_vec());
                    connection.pieces.push(Piece { from: side, at_us, bytes });
                    kept += fits.len();
                }
            });
        }
        *held += kept;
        if (seen.segment.fin || seen.segment.rst) && connection.closed.is_none() {
            connection.closed = Some((side, at_us));
        }
        kept
    }
}

/// Whose hello a segment begins with: a handshake record of any version with message 1 or 2.
fn hello(payload: &[u8]) -> Option<Side> {
    match payload {
        [22, 3, 0..=4, _, _, 1, 0, ..] => Some(Side::Client),
        [22, 3, 0..=4, _, _, 2, 0, ..] => Some(Side::Server),
        _ => None,
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn address((octets, port): ([u8; 16], u16)) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(octets)).to_canonical(), port)
}

/// TCP streams that are told apart at one time.
pub const STREAMS_MAX: usize = 100_000;
/// TLS connections that are kept.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Kept of all connections, in bytes.
pub const BYTES_MAX: usize = 256 << 20;
/// Kept of one direction of one connection, in bytes: handshakes with the largest certificates and
/// some payload behind them.
pub const DIRECTION_BYTES_MAX: usize = 128 << 10;
/// Segments with content after which a stream without TLS is known as that.
const YOUNG_SEGMENTS_MAX: u8 = 32;
/// Segments kept that may have overtaken the beginning of a ClientHello.
const YOUNG_EARLY_MAX: usize = 4;

#[cfg(test)]
mod tests;
