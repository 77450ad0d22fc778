//! GRE of one call that is tried: a raw socket (raw(7), protocol 47), numbers, acknowledgements.
//!
//! What sending fails with is a fact: `EPERM` is this host's own firewall.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use menshen_tunnel_core::pptp::gre::{HEADER_BYTES_MAX, acknowledge, decode, prepend};
use menshen_tunnel_core::pptp::{CallId, IP_PROTOCOL};
use rustix::net::sockopt::Ipv4PathMtuDiscovery;
use socket2::{Domain, Protocol, Socket, Type};

/// GRE between this host and a server.
#[derive(Debug)]
pub(super) struct Gre<'a> {
    socket: &'a Socket,
    server: Ipv4Addr,
    own: CallId,
    peer: CallId,
    number: u32,
    heard: Option<u32>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) forbidden: Option<(String, u64)>,
    buffer: Vec<u8>,
}

/// Makes the socket; packets of anybody come to it until a call begins.
pub(super) fn open() -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(IP_PROTOCOL));
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// From now on packets of this server alone come, to this address. Once for a socket.
pub(super) fn aim(socket: &Socket, own: Ipv4Addr, server: Ipv4Addr) -> io::Result<()> {
    socket.bind(&SocketAddr::new(own.into(), 0).into())?;
    socket.connect(&SocketAddr::new(server.into(), 0).into())
}

impl<'a> Gre<'a> {
    /// A call with `server` by these numbers, `own` ours and `peer` the server's.
    pub(super) fn new(socket: &'a Socket, server: Ipv4Addr, own: CallId, peer: CallId) -> Self {
        let mut buffer = vec![0; PACKET_OCTETS_MAX];
        // Of a call before.
        for _ in 0..PACKETS {
            if let Err(error) = (&mut &*socket).read(&mut buffer)
                && error.kind() == io::ErrorKind::WouldBlock
            {
                break;
            }
        }
        let (number, heard, sent, received, forbidden) = (1, None, 0, 0, None);
        Self { socket, server, own, peer, number, heard, sent, received, forbidden, buffer }
    }

    /// What opens the way back through a NAT that knows no call ids: a packet with key 0, which the
    /// server has no call for.
    pub(super) fn decoy(&mut self) {
        if self.own == CallId(0) && self.peer != CallId(0) {
            self.put(&acknowledge(CallId(0), 0));
        }
    }

    /// What is sent from now on is not cut into fragments on its way.
    pub(super) fn whole(&self) -> rustix::io::Result<()> {
        let whole = Ipv4PathMtuDiscovery::PROBE;
        rustix::net::sockopt::set_ip_mtu_discover(self.socket, whole)
    }

    /// Sends a frame.
    pub(super) fn send(&mut self, frame: &[u8]) {
        let mut packet = vec![0; HEADER_BYTES_MAX];
        packet.extend_from_slice(frame);
        let there = HEADER_BYTES_MAX..packet.len();
        let written = prepend(&mut packet, there, self.peer, self.number, self.heard);
        self.number = self.number.wrapping_add(1);
        if let Some(packet) = written.and_then(|there| packet.get(there)) {
            self.put(packet);
        }
    }

    /// The next frame of the server, if there is one; an empty one for a bare acknowledgement.
    pub(super) fn receive(&mut self) -> Option<Vec<u8>> {
        for _ in 0..PACKETS {
            let octets = match (&mut &*self.socket).read(&mut self.buffer) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // What an ICMP message left behind.
                Err(_) => continue,
            };
            let packet = self.buffer.get(..octets).unwrap_or_default();
            let Some(gre) = inside(packet, self.server) else { continue };
            let Ok(found) = decode(gre) else { continue };
            self.received += 1;
            if found.call != self.own {
                continue;
            }
            if found.sequence.is_some() {
                self.heard = found.sequence;
            }
            return Some(gre.get(found.payload).unwrap_or_default().to_vec());
        }
        None
    }

    fn put(&mut self, packet: &[u8]) {
        // An ICMP message of before fails one attempt that has nothing to do with it.
        for _ in 0..2 {
            match self.socket.send(packet) {
                Ok(_) => {
                    self.sent += 1;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    let count = self.forbidden.as_ref().map_or(0, |(_, count)| *count);
                    self.forbidden = Some((error.to_string(), count + 1));
                    return;
                }
                Err(_) => {}
            }
        }
    }
}

impl AsFd for Gre<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What is behind IPv4's header, of a packet of this server.
fn inside(packet: &[u8], server: Ipv4Addr) -> Option<&[u8]> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    (packet.get(12..16)? == server.octets() && header >= 20).then(|| packet.get(header..))?
}

const PACKET_OCTETS_MAX: usize = 65_536;
/// Packets looked at before others have their turn.
const PACKETS: usize = 64;
