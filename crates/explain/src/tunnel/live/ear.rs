//! The probe's own capture: packets of this one conversation as they pass the interface
//! (packet(7)), given to the finder of captures.
//!
//! What this host's firewall drops on its way out is not seen, and what it drops on its way in is:
//! that tells the two apart. Opened with the right for it, filled later without. A filter in the
//! kernel keeps all other traffic away; nothing of other hosts' tunnels is kept.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_explain_core::capture::Packet;
use menshen_explain_core::tunnel::capture::{Counts, Facts, Finder};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// Hears packets.
#[derive(Debug)]
pub(super) struct Ear {
    socket: Socket,
    finder: Finder,
    servers: Vec<Ipv4Addr>,
    own: Ipv4Addr,
    /// The packets as a capture file.
    file: Vec<u8>,
    buffer: Vec<u8>,
    /// GRE of the servers, so far.
    pub(super) gre_seen: u64,
}

/// Makes the socket; it hears nothing yet.
pub(super) fn open() -> io::Result<Socket> {
    let all = Protocol::from(i32::from(ALL_PROTOCOLS.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(all))?;
    socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
    socket.set_nonblocking(true)?;
    let _ = socket.set_recv_buffer_size(BUFFER_OCTETS);
    Ok(socket)
}

impl Ear {
    /// Hears what passes to and from these servers through the interface of this number.
    pub(super) fn new(
        socket: Socket,
        device: u32,
        own: Ipv4Addr,
        servers: Vec<Ipv4Addr>,
    ) -> io::Result<Self> {
        let mut buffer = vec![0; PACKET_OCTETS_MAX];
        // What came before the filter was there.
        while let Ok(1..) = (&socket).read(&mut buffer) {}
        socket.attach_filter(&filter(Some(device)))?;
        let (finder, file) = (Finder::new(), FILE_HEADER.to_vec());
        Ok(Self { socket, finder, servers, own, file, buffer, gre_seen: 0 })
    }

    /// Takes all that is there.
    pub(super) fn hear(&mut self) {
        for _ in 0..PACKETS {
            let Ok(octets @ 1..) = (&self.socket).read(&mut self.buffer) else { return };
            let packet = self.buffer.get(..octets).unwrap_or_default();
            if !self.concerns(packet) {
                continue;
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let unix_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            let wire_bytes = u32::try_from(octets).unwrap_or(u32::MAX);
            self.finder.take(&Packet { unix_ns, link: LINK_RAW, bytes: packet, wire_bytes });
            let from = packet.get(12..16).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
            let from = from.map(Ipv4Addr::from);
            if packet.get(9) == Some(&GRE) && from.is_some_and(|from| from != self.own) {
                self.gre_seen += 1;
            }
            if self.file.len() < FILE_OCTETS_MAX {
                let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
                for word in [seconds, now.subsec_micros(), wire_bytes, wire_bytes] {
                    self.file.extend(word.to_le_bytes());
                }
                self.file.extend_from_slice(packet);
            }
        }
    }

    /// Hears every interface from now on: packets do not pass the one that was thought.
    pub(super) fn widen(&self) {
        let _ = self.socket.attach_filter(&filter(None));
    }

    /// What was counted so far.
    pub(super) const fn counts(&self) -> Counts {
        self.finder.counts()
    }

    /// The calls, and the capture as a file.
    pub(super) fn finish(self) -> (Facts, Vec<u8>) {
        (self.finder.finish(), self.file)
    }

    /// Between us and one of the servers; or an ICMP error to us, whoever sends it.
    fn concerns(&self, packet: &[u8]) -> bool {
        let address = |at: usize| {
            let octets = packet.get(at..at + 4)?;
            Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?))
        };
        let (Some(from), Some(to)) = (address(12), address(16)) else { return false };
        let pair =
            |one: Ipv4Addr, other: Ipv4Addr| one == self.own && self.servers.contains(&other);
        pair(from, to) || pair(to, from) || to == self.own && packet.get(9) == Some(&ICMP)
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The interface by which packets to `server` leave: of a server on this host the loopback device.
pub(super) fn device(own: Ipv4Addr, server: Ipv4Addr) -> Option<u32> {
    let all = menshen_sys::addresses::own_addresses().ok()?;
    let of = |wanted: Ipv4Addr| {
        let found = all.iter().find(|one| one.address == IpAddr::V4(wanted));
        found.map(|one| one.device)
    };
    if of(server).is_some() || server.is_loopback() {
        return of(Ipv4Addr::LOCALHOST);
    }
    of(own)
}

/// Passes IPv4 of one interface, or of all: GRE, ICMP, TCP of port 1723, and fragments of TCP. What
/// passes the loopback device is there twice, and taken once.
fn filter(device: Option<u32>) -> [SockFilter; 20] {
    let otherwise = if device.is_some() { 15 } else { 0 };
    let jump = |when, then, otherwise, value| SockFilter::new(when, then, otherwise, value);
    [
        SockFilter::new(LOAD_WORD, 0, 0, ANCILLARY + ANCILLARY_PROTOCOL),
        jump(JUMP_IF_EQUAL, 0, 17, 0x0800),
        SockFilter::new(LOAD_WORD, 0, 0, ANCILLARY + ANCILLARY_DEVICE),
        jump(JUMP_IF_EQUAL, 0, otherwise, device.unwrap_or_default()),
        jump(JUMP_IF_EQUAL, 0, 2, LOOPBACK_DEVICE),
        SockFilter::new(LOAD_WORD, 0, 0, ANCILLARY + ANCILLARY_DIRECTION),
        jump(JUMP_IF_EQUAL, 12, 0, OUTGOING),
        SockFilter::new(LOAD_OCTET, 0, 0, 9),
        jump(JUMP_IF_EQUAL, 9, 0, 47),
        jump(JUMP_IF_EQUAL, 8, 0, 1),
        jump(JUMP_IF_EQUAL, 0, 8, 6),
        SockFilter::new(LOAD_HALF, 0, 0, 6),
        jump(JUMP_IF_SET, 5, 0, 0x1fff),
        SockFilter::new(LOAD_X_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 0),
        jump(JUMP_IF_EQUAL, 2, 0, 1723),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 2),
        jump(JUMP_IF_EQUAL, 0, 1, 1723),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// `ETH_P_ALL`: of all protocols, and also what is sent.
const ALL_PROTOCOLS: u16 = 3;
const GRE: u8 = 47;
const ICMP: u8 = 1;
/// `LINKTYPE_RAW`: packets begin with IP's header.
const LINK_RAW: u16 = 101;
/// Of pcap, with microseconds and packets as long as they are.
pub(super) const FILE_HEADER: [u8; 24] =
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
/// Octets of the capture that are kept; a probe has some ten thousand.
const FILE_OCTETS_MAX: usize = 4 << 20;
const PACKET_OCTETS_MAX: usize = 65_536;
const BUFFER_OCTETS: usize = 1 << 20;
/// Packets taken before others have their turn.
const PACKETS: usize = 256;
/// `SKF_AD_OFF` of `linux/filter.h`, and what is found there.
const ANCILLARY: u32 = 0xffff_f000;
const ANCILLARY_PROTOCOL: u32 = 0;
const ANCILLARY_DIRECTION: u32 = 4;
const ANCILLARY_DEVICE: u32 = 8;
/// `PACKET_OUTGOING` of `linux/if_packet.h`.
const OUTGOING: u32 = 4;
/// The loopback device is the first of every namespace.
const LOOPBACK_DEVICE: u32 = 1;
/// Instructions of `linux/filter.h`: `LD|W|ABS`, `LD|H|ABS`, `LD|B|ABS`, `LDX|B|MSH`,
/// `LD|H|IND`, `JMP|JEQ|K`, `JMP|JSET|K`, `RET|K`.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_OCTET: u16 = 0x30;
const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
const LOAD_HALF_AT_X: u16 = 0x48;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;
