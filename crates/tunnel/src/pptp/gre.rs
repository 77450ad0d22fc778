//! The socket of one call's GRE (raw(7), protocol 47).
//!
//! It is bound to this end's address and connected to the server's, so that the kernel hands over
//! that server's packets alone: a client has a few calls, each to a server of its own as a rule,
//! and no other call's packet passes through here. What is for another call to the same server
//! bears another key and is passed over. Errors that an ICMP message left on the socket are no end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::task::{Context, Poll};

use menshen_tunnel_core::pptp::IP_PROTOCOL;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::datagrams::{BATCH, Found, Inbox, Outbox};
use crate::readiness::watched;

/// A call's GRE.
#[derive(Debug)]
pub(super) struct Gre {
    socket: AsyncFd<Socket>,
    server: Ipv4Addr,
    came: Inbox,
    waiting: Outbox<()>,
    /// It takes nothing until it is ready for writing.
    full: bool,
    /// What sending failed with last, and how often it did.
    pub(super) refused: Option<(io::ErrorKind, u64)>,
}

/// Makes the socket; packets of anybody come to it until it is connected.
pub(super) fn open() -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(IP_PROTOCOL));
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    widen(&socket, BUFFER_OCTETS);
    Ok(socket)
}

/// Makes room in a socket for bursts: so much if the right is there, else what the kernel grants.
pub(crate) fn widen(socket: &Socket, octets: usize) {
    use rustix::net::sockopt;
    if sockopt::set_socket_recv_buffer_size_force(socket, octets).is_err() {
        let _ = socket.set_recv_buffer_size(octets);
    }
    if sockopt::set_socket_send_buffer_size_force(socket, octets).is_err() {
        let _ = socket.set_send_buffer_size(octets);
    }
}

impl Gre {
    pub(super) fn new(socket: Socket, own: IpAddr, server: Ipv4Addr) -> io::Result<Self> {
        // The way that TCP took, whatever routes there will be.
        socket.bind(&SocketAddr::new(own, 0).into())?;
        socket.connect(&SocketAddr::new(server.into(), 0).into())?;
        let (came, waiting) = (Inbox::new(ROOM_OCTETS), Outbox::default());
        Ok(Self { socket: watched(socket)?, server, came, waiting, full: false, refused: None })
    }

    /// Sends what waits. Ready when a packet may be there, or there is room again.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ready = Poll::Pending;
        loop {
            if self.full {
                if self.socket.poll_write_ready(cx).is_pending() {
                    break;
                }
                self.full = false;
                ready = Poll::Ready(());
            }
            self.flush();
            if !self.full {
                break;
            }
        }
        if self.came.has_more() || self.socket.poll_read_ready(cx).is_ready() {
            ready = Poll::Ready(());
        }
        ready
    }

    pub(super) fn has_room(&self) -> bool {
        !self.full && self.waiting.len() < BATCH
    }

    /// Takes the next packet of the server; gives its place, and where its GRE is.
    pub(super) fn receive(&mut self) -> io::Result<Option<(usize, Range<usize>)>> {
        for _ in 0..READS {
            if let Some(place) = self.came.next() {
                match gre_of(self.came.octets(place), self.server) {
                    Some(gre) => return Ok(Some((place, gre))),
                    None => continue,
                }
            }
            match self.socket.try_io(Interest::READABLE, |socket| self.came.fill(socket)) {
                Ok(Found::Full) => {}
                Ok(Found::All) => forget(&self.socket, Interest::READABLE),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A packet that came, by its place.
    pub(super) fn octets(&mut self, place: usize) -> &mut [u8] {
        self.came.octets(place)
    }

    /// Queues a packet, which goes with others in [`Self::poll_ready`]; whether there was room.
    pub(super) fn send(&mut self, packet: &[u8]) -> bool {
        if self.waiting.len() >= BATCH {
            if !self.full {
                self.flush();
            }
            if self.full {
                return false;
            }
        }
        self.waiting.push(None, packet, ());
        true
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn flush(&mut self) {
        let Self { socket, waiting, refused, .. } = self;
        let sent = waiting.send(socket.get_ref(), |(), done| {
            let Err(kind) = done else { return };
            let count = refused.map_or(0, |(_, count)| count);
            *refused = Some((kind, count.saturating_add(1)));
        });
        if sent.is_err() {
            forget(socket, Interest::WRITABLE);
            self.full = true;
        }
    }
}

/// Readiness that is over must be forgotten, or waiting for it would not wait. On the thread of the
/// runtime none that is new can be lost by it.
pub(crate) fn forget(socket: &AsyncFd<Socket>, interest: Interest) {
    let _ =
        socket.try_io(interest, |_| -> io::Result<()> { Err(io::ErrorKind::WouldBlock.into()) });
}

/// Where GRE is in a packet as a raw socket gives it: IPv4's header is in front.
fn gre_of(packet: &[u8], server: Ipv4Addr) -> Option<Range<usize>> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    let source = packet.get(12..16)?;
    let ours = source == server.octets() && packet.get(9) == Some(&IP_PROTOCOL);
    (ours && header >= 20 && header <= packet.len()).then_some(header..packet.len())
}

/// Whether an error is what some ICMP message left behind.
fn is_passing(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(
        errno,
        Some(
            rustix::io::Errno::NOPROTOOPT
                | rustix::io::Errno::CONNREFUSED
                | rustix::io::Errno::HOSTUNREACH
                | rustix::io::Errno::HOSTDOWN
                | rustix::io::Errno::NETUNREACH
                | rustix::io::Errno::NONET
                | rustix::io::Errno::OPNOTSUPP
                | rustix::io::Errno::MSGSIZE
                | rustix::io::Errno::PROTO
                | rustix::io::Errno::INTR
        )
    )
}

/// Octets the socket may hold, if the kernel lets it.
const BUFFER_OCTETS: usize = 4 * 1024 * 1024;
/// Octets of room for a packet: more than the longest of a call, headers in.
const ROOM_OCTETS: usize = 2048;
/// Packets of no use read before others have their turn.
const READS: usize = 64;

#[cfg(test)]
mod tests {
    //! Headers as a raw socket gives them.
    use super::*;

    #[test]
    fn only_the_servers_gre_is_taken() {
        let server = Ipv4Addr::new(192, 0, 2, 1);
        let packet = |first: u8, protocol: u8, source: [u8; 4]| {
            let mut packet = vec![0; 40];
            (packet[0], packet[9]) = (first, protocol);
            packet[12..16].copy_from_slice(&source);
            packet
        };
        assert_eq!(gre_of(&packet(0x45, 47, [192, 0, 2, 1]), server), Some(20..40));
        assert_eq!(gre_of(&packet(0x46, 47, [192, 0, 2, 1]), server), Some(24..40));
        assert_eq!(gre_of(&packet(0x45, 47, [192, 0, 2, 2]), server), None);
        assert_eq!(gre_of(&packet(0x45, 1, [192, 0, 2, 1]), server), None);
        assert_eq!(gre_of(&packet(0x4f, 47, [192, 0, 2, 1]), server), None);
        assert_eq!(gre_of(&packet(0x44, 47, [192, 0, 2, 1]), server), None);
        assert_eq!(gre_of(&[0x45; 15], server), None);
    }
}
