//! Sockets as the kernel lists them over `NETLINK_SOCK_DIAG` (sock_diag(7),
//! `include/uapi/linux/inet_diag.h`): those that listen, with their queues, and single connections.
//!
//! Needs no right. Of the network namespace of the calling thread only. Reading an answer takes
//! any bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::netlink::SOCK_DIAG;

use crate::netlink::{Line, NetlinkError, attributes, u32_at, u64_at};

/// A transport protocol, by its number in IP headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6; of connections also IPv4 ones that an IPv6 socket serves.
    V6,
}

/// A set of states, as in `include/net/tcp_states.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States(u32);

impl States {
    /// TCP sockets that listen.
    pub const LISTEN: Self = Self::of(State::LISTEN);
    /// Unconnected UDP sockets.
    pub const UNCONNECTED: Self = Self::of(State::CLOSE);
    /// TCP connections that are kept only to let late segments pass.
    pub const TIME_WAIT: Self = Self::of(State::TIME_WAIT);
    /// TCP connections that still carry data or are being ended, `TIME_WAIT` not among them.
    pub const CONNECTIONS: Self = Self(
        (1 << State::ESTABLISHED.0)
            | (1 << State::SYN_SENT.0)
            | (1 << State::FIN_WAIT_1.0)
            | (1 << State::FIN_WAIT_2.0)
            | (1 << State::CLOSE_WAIT.0)
            | (1 << State::LAST_ACK.0)
            | (1 << State::CLOSING.0),
    );

    const fn of(state: State) -> Self {
        Self(1 << state.0)
    }
}

/// A state, `TCP_*` of `include/net/tcp_states.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// Connected.
    pub const ESTABLISHED: Self = Self(1);
    /// Asks to be connected.
    pub const SYN_SENT: Self = Self(2);
    /// The other side asked and has not confirmed, or has sent nothing yet (`TCP_DEFER_ACCEPT`).
    pub const SYN_RECV: Self = Self(3);
    /// Closed on this side.
    pub const FIN_WAIT_1: Self = Self(4);
    /// Closed on this side, which the other has confirmed.
    pub const FIN_WAIT_2: Self = Self(5);
    /// Over.
    pub const TIME_WAIT: Self = Self(6);
    /// Unconnected.
    pub const CLOSE: Self = Self(7);
    /// Closed on the other side.
    pub const CLOSE_WAIT: Self = Self(8);
    /// Closed on the other side, then here.
    pub const LAST_ACK: Self = Self(9);
    /// Listens.
    pub const LISTEN: Self = Self(10);
    /// Closed on both sides at once.
    pub const CLOSING: Self = Self(11);
    /// What `SYN_RECV` is while there is no whole socket yet (`TCP_NEW_SYN_RECV`).
    pub const NEW_SYN_RECV: Self = Self(12);
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketRow {
    /// Its family.
    pub family: Family,
    /// Its state.
    pub state: State,
    /// Its own address; unspecified: any.
    pub local: SocketAddr,
    /// The other side; unspecified, port 0: none.
    pub remote: SocketAddr,
    /// Index of the device it is bound to, of the connection's for link-local ones; 0: none.
    pub device: u32,
    /// Names the socket as long as the kernel runs.
    pub cookie: u64,
    /// Of one that listens: connections that wait to be accepted. Else bytes not read.
    pub receive_queue: u32,
    /// Of one that listens: how many may wait. Else bytes not acknowledged.
    pub send_queue: u32,
    /// Its owner.
    pub uid: u32,
    /// Number of `socket:[N]` in `/proc/PID/fd`; 0: no process has it, as of connections that
    /// nobody has accepted.
    pub inode: u32,
    /// Of an IPv6 one that listens or is unconnected: whether it leaves IPv4 alone.
    pub only_v6: Option<bool>,
    /// Inode of its cgroup (v2); since Linux 5.8.
    pub cgroup_id: Option<u64>,
    /// What the kernel dropped here, connections or datagrams, since the socket was made.
    pub drops: Option<u32>,
}

/// Lists the sockets of a family in some states with this local port.
///
/// # Errors
/// As [`NetlinkError`]; `Refused` with `ENOENT` where the kernel has no such list.
pub fn sockets(
    transport: Transport,
    family: Family,
    states: States,
    port: u16,
) -> Result<Vec<SocketRow>, NetlinkError> {
    let any = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let request = request(transport, states, SocketAddr::new(any, port), SocketAddr::new(any, 0));
    let rows = std::cell::RefCell::new(Vec::new());
    Line::open(Some(SOCK_DIAG))?.dump(
        KIND_BY_FAMILY,
        &request,
        |_, body| {
            let row = parse(body).ok_or(NetlinkError::Malformed)?;
            // Older kernels list every port.
            if row.local.port() == port {
                rows.borrow_mut().push(row);
            }
            Ok(())
        },
        || rows.borrow_mut().clear(),
    )?;
    Ok(rows.into_inner())
}

/// The socket at `local` that is connected with `remote`: this side of a connection. `None`: there
/// is none any more.
///
/// # Errors
/// As [`NetlinkError`].
pub fn connection(
    local: SocketAddr,
    remote: SocketAddr,
) -> Result<Option<SocketRow>, NetlinkError> {
    let request = request(Transport::Tcp, States(u32::MAX), local, remote);
    let mut found = None;
    let mut line = Line::open(Some(SOCK_DIAG))?;
    let asked = line.one(KIND_BY_FAMILY, &request, |_, body| {
        found = Some(parse(body).ok_or(NetlinkError::Malformed)?);
        Ok(())
    });
    match asked {
        Err(NetlinkError::Refused(error)) if error.raw_os_error() == Some(ENOENT) => Ok(None),
        Err(error) => Err(error),
        // Where no connection is, the kernel shows who listens.
        Ok(()) => Ok(found.filter(|row| row.state != State::LISTEN)),
    }
}

/// Reads a `struct inet_diag_msg` and the attributes after it. `None`: it is none.
#[must_use]
pub fn parse(body: &[u8]) -> Option<SocketRow> {
    let family = match body.first()? {
        2 => Family::V4,
        10 => Family::V6,
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    let address = |at: usize| -> Option<IpAddr> {
        Some(match family {
            Family::V4 => IpAddr::V4(<[u8; 4]>::try_from(body.get(at..at + 4)?).ok()?.into()),
            Family::V6 => IpAddr::V6(<[u8; 16]>::try_from(body.get(at..at + 16)?).ok()?.into()),
        })
    };
    let mut row = SocketRow {
        family,
        state: State(*body.get(1)?),
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
        device: u32_at(body, 40)?,
        cookie: u64::from(u32_at(body, 44)?) | u64::from(u32_at(body, 48)?) << 32,
        receive_queue: u32_at(body, 56)?,
        send_queue: u32_at(body, 60)?,
        uid: u32_at(body, 64)?,
        inode: u32_at(body, 68)?,
        only_v6: None,
        cgroup_id: None,
        drops: None,
    };
    for (kind, value) in attributes(body.get(MESSAGE_BYTES..)?) {
        match kind {
            ATTRIBUTE_MEMORY => row.drops = u32_at(value, MEMORY_DROPS_AT),
            ATTRIBUTE_ONLY_V6 => row.only_v6 = value.first().map(|flag| *flag != 0),
            ATTRIBUTE_CGROUP => row.cgroup_id = u64_at(value, 0),
            _ => {}
        }
    }
    Some(row)
}

/// `struct inet_diag_req_v2`.
fn request(transport: Transport, states: States, local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let family = if local.is_ipv4() { 2 } else { 10 };
    let protocol = match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    };
    let mut bytes = vec![family, protocol, 1 << (ATTRIBUTE_MEMORY - 1), 0];
    bytes.extend(states.0.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for address in [local, remote] {
        match address.ip() {
            IpAddr::V4(address) => {
                bytes.extend(address.octets());
                bytes.extend([0; 12]);
            }
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    let device = match local {
        SocketAddr::V6(address) => address.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    bytes.extend(device.to_ne_bytes());
    // INET_DIAG_NOCOOKIE: whichever socket it is.
    bytes.extend([0xff; 8]);
    bytes
}

/// `SOCK_DIAG_BY_FAMILY`.
const KIND_BY_FAMILY: u16 = 20;
/// `sizeof(struct inet_diag_msg)`.
const MESSAGE_BYTES: usize = 72;
/// `INET_DIAG_SKMEMINFO`.
const ATTRIBUTE_MEMORY: u16 = 7;
/// Of its numbers the ninth, `SK_MEMINFO_DROPS`.
const MEMORY_DROPS_AT: usize = 8 * 4;
/// `INET_DIAG_SKV6ONLY`.
const ATTRIBUTE_ONLY_V6: u16 = 11;
/// `INET_DIAG_CGROUP_ID`.
const ATTRIBUTE_CGROUP: u16 = 21;
const ENOENT: i32 = 2;

#[cfg(test)]
mod tests;
