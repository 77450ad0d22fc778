//! ICMP errors on our GRE and our TCP to one server (RFC 792): which box says what.
//!
//! Read from a raw socket, because it names the sender and the path's MTU, which errors of a socket
//! do not. The kernel passes on errors alone, and only those that quote a packet to this server are
//! kept, each kind once with a count. Anybody can send such a message: it is a fact for whoever
//! looks for a cause, and ends nothing.

use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::task::{Context, Poll};

use menshen_tunnel_core::pptp::gre::quoted_call;
use menshen_tunnel_core::pptp::{CallId, IP_PROTOCOL};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::readiness::watched;

/// An error that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Which box says so: the server itself, a router, a filter.
    pub sender: Ipv4Addr,
    /// ICMP type: 3 unreachable, 11 time exceeded, 12 parameter problem.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// What the quoted packet was.
    pub about: About,
    /// With 3/4 the MTU of the next link, in octets.
    pub mtu: Option<u16>,
    /// How often it came.
    pub count: u64,
}

/// What a quoted packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// GRE of the call that the server calls so.
    Gre(CallId),
    /// Another packet of this IP protocol: 6 is the control connection, as a rule.
    Other(u8),
}

/// Listens for errors.
#[derive(Debug)]
pub(super) struct Listener {
    socket: AsyncFd<Socket>,
    server: Ipv4Addr,
    errors: Vec<IcmpError>,
}

impl Listener {
    pub(super) fn open(server: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&errors_only())?;
        Ok(Self { socket: watched(socket)?, server, errors: Vec::new() })
    }

    /// What was reported so far.
    pub(super) fn errors(&self) -> &[IcmpError] {
        &self.errors
    }

    /// Takes what came; never ready, only registered.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        for _ in 0..READS {
            match self.socket.poll_read_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(Err(_)) => return,
                Poll::Ready(Ok(_)) => {}
            }
            let mut buffer = [0; MESSAGE_OCTETS];
            let read =
                self.socket.try_io(Interest::READABLE, |mut socket| socket.read(&mut buffer));
            let packet = read.ok().and_then(|octets| buffer.get(..octets)).unwrap_or_default();
            if let Some(error) = error_of(packet, self.server) {
                self.keep(error);
            }
        }
        // More may be there.
        cx.waker().wake_by_ref();
    }

    fn keep(&mut self, error: IcmpError) {
        let same = |kept: &&mut IcmpError| IcmpError { count: 1, ..**kept } == error;
        if let Some(kept) = self.errors.iter_mut().find(same) {
            kept.count += 1;
        } else if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }
}

/// Reads an IPv4 packet with an ICMP error that quotes one to `server`.
fn error_of(packet: &[u8], server: Ipv4Addr) -> Option<IcmpError> {
    let sender: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let icmp = behind_header(packet)?;
    let &[kind, code, _, _, _, _, high, low] = icmp.first_chunk()?;
    let quoted = icmp.get(8..).filter(|_| KINDS.contains(&kind))?;
    if quoted.get(16..20)? != server.octets() {
        return None;
    }
    let about = match *quoted.get(9)? {
        IP_PROTOCOL => About::Gre(quoted_call(behind_header(quoted)?)?),
        other => About::Other(other),
    };
    let mtu = ((kind, code) == TOO_LONG).then_some(u16::from_be_bytes([high, low]));
    Some(IcmpError { sender: sender.into(), kind, code, about, mtu, count: 1 })
}

fn behind_header(packet: &[u8]) -> Option<&[u8]> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    packet.get(header..).filter(|_| header >= 20)
}

/// Passes ICMP's errors: an accumulator holds the octet behind IPv4's header.
fn errors_only() -> [SockFilter; 7] {
    [
        // X = 4 * (octet 0 & 15); A = octet X
        SockFilter::new(LOAD_X_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_OCTET_AT_X, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 2, 0, u32::from(KINDS[0])),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, u32::from(KINDS[1])),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(KINDS[2])),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Destination unreachable, time exceeded, parameter problem.
const KINDS: [u8; 3] = [3, 11, 12];
/// Fragmentation needed and not allowed (RFC 1191).
const TOO_LONG: (u8, u8) = (3, 4);
/// Octets of a message that are looked at: two headers of IPv4 and what follows them.
const MESSAGE_OCTETS: usize = 256;
/// Different errors kept.
const ERRORS_MAX: usize = 16;
/// Messages taken before others have their turn.
const READS: usize = 32;
/// `BPF_LDX | BPF_B | BPF_MSH`, `BPF_LD | BPF_B | BPF_IND`, `BPF_JMP | BPF_JEQ | BPF_K`,
/// `BPF_RET | BPF_K` of `linux/filter.h`.
const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
const LOAD_OCTET_AT_X: u16 = 0x50;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

#[cfg(test)]
mod tests {
    //! Messages of routers, and any octets.
    use proptest::prelude::*;

    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn ipv4(protocol: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend(source);
        packet.extend(destination);
        packet.extend(payload);
        packet
    }

    fn message(kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
        let mut icmp = vec![kind, code, 0, 0, 0, 0, 5, 0x78];
        icmp.extend(quoted);
        ipv4(1, [10, 0, 0, 9], [10, 0, 0, 2], &icmp)
    }

    #[test]
    fn who_says_what_about_which_packet() {
        let gre = [0x30, 0x01, 0x88, 0x0b, 0, 20, 1, 2];
        let ours = ipv4(47, [10, 0, 0, 2], SERVER.octets(), &gre);
        let error = error_of(&message(3, 13, &ours), SERVER).unwrap();
        assert_eq!((error.sender, error.kind, error.code), ([10, 0, 0, 9].into(), 3, 13));
        assert_eq!((error.about, error.mtu), (About::Gre(CallId(258)), None));
        assert_eq!(error_of(&message(3, 4, &ours), SERVER).unwrap().mtu, Some(1400));
        let tcp = ipv4(6, [10, 0, 0, 2], SERVER.octets(), &[0; 8]);
        assert_eq!(error_of(&message(11, 0, &tcp), SERVER).unwrap().about, About::Other(6));
        assert_eq!(error_of(&message(3, 13, &ours), [192, 0, 2, 2].into()), None);
        assert_eq!(error_of(&message(0, 0, &ours), SERVER), None);
    }

    proptest! {
        #[test]
        fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = error_of(&octets, SERVER);
        }
    }
}
