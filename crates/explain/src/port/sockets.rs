//! Sockets that listen: from the kernel's list, or where it has none, from `/proc/net`
//! (proc_pid_net(5)), which knows neither the backlog nor whether an IPv6 socket takes IPv4.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use menshen_explain_core::port::{Listener, Transport};
use menshen_sys::NetlinkError;
use menshen_sys::sock_diag::{self, Family, SocketRow, States};

use super::services;

/// Sockets, and where they are from.
pub(super) struct List {
    pub(super) listeners: Vec<Listener>,
    /// Whether the kernel's own list was read.
    pub(super) complete: bool,
}

/// All sockets that listen at the port, of both families; of UDP those not connected.
pub(super) fn listeners(transport: Transport, port: u16) -> io::Result<List> {
    match rows(transport, port) {
        Ok(rows) => {
            let listeners = rows.into_iter().map(|row| listener(&row, transport)).collect();
            Ok(List { listeners, complete: true })
        }
        Err(error) => from_proc(transport, port)
            .map(|listeners| List { listeners, complete: false })
            .map_err(|_| io::Error::other(error)),
    }
}

/// The other protocol.
pub(super) const fn other(transport: Transport) -> Transport {
    match transport {
        Transport::Tcp => Transport::Udp,
        Transport::Udp => Transport::Tcp,
    }
}

/// Inode and queue of each.
pub(super) fn queues(transport: Transport, port: u16) -> Vec<(u32, u32)> {
    let rows = rows(transport, port).unwrap_or_default();
    rows.into_iter().map(|row| (row.inode, row.receive_queue)).collect()
}

/// How many sockets have this local port otherwise, and how many of them only wait for the end.
pub(super) fn connections(port: u16) -> (u32, u32) {
    let count = |states| {
        let of = |family| sock_diag::sockets(sock_diag::Transport::Tcp, family, states, port);
        let rows = [Family::V4, Family::V6].map(|family| of(family).map_or(0, |rows| rows.len()));
        u32::try_from(rows.iter().sum::<usize>()).unwrap_or(u32::MAX)
    };
    let waiting = count(States::TIME_WAIT);
    (count(States::CONNECTIONS).saturating_add(waiting), waiting)
}

/// Sockets of a listing in the form of `/proc/net/tcp` that listen at the port: address, inode,
/// owner, queue.
pub(super) fn parse_proc(
    text: &[u8],
    transport: Transport,
    port: u16,
) -> Vec<(IpAddr, u32, u32, u32)> {
    let state: &[u8] = match transport {
        Transport::Tcp => b"0A",
        Transport::Udp => b"07",
    };
    let row = |line: &[u8]| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (address, local_port) = hex_address(words.nth(1)?)?;
        (local_port == port && words.nth(1)? == state).then_some(())?;
        let queues = std::str::from_utf8(words.next()?).ok()?;
        let queue = u32::from_str_radix(queues.split_once(':')?.1, 16).ok()?;
        let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<u32>().ok();
        let uid = number(words.nth(2)?)?;
        let inode = number(words.nth(1)?)?;
        Some((address, inode, uid, queue))
    };
    text.split(|byte| *byte == b'\n').filter_map(row).collect()
}

fn rows(transport: Transport, port: u16) -> Result<Vec<SocketRow>, NetlinkError> {
    let (transport, states) = match transport {
        Transport::Tcp => (sock_diag::Transport::Tcp, States::LISTEN),
        Transport::Udp => (sock_diag::Transport::Udp, States::UNCONNECTED),
    };
    let mut rows = sock_diag::sockets(transport, Family::V4, states, port)?;
    match sock_diag::sockets(transport, Family::V6, states, port) {
        Ok(more) => rows.extend(more),
        // A kernel without IPv6.
        Err(NetlinkError::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    rows.sort_by_key(|row| (row.family, row.local.ip(), row.device, row.inode));
    Ok(rows)
}

fn listener(row: &SocketRow, transport: Transport) -> Listener {
    Listener {
        inode: row.inode,
        address: row.local.ip(),
        device: row.device,
        device_name: device_name(row.device),
        uid: row.uid,
        user: services::user_name(row.uid),
        queue: row.receive_queue,
        backlog: (transport == Transport::Tcp).then_some(row.send_queue),
        drops: row.drops,
        only_v6: row.only_v6,
        options: None,
        holders: Vec::new(),
    }
}

fn device_name(index: u32) -> Option<String> {
    if index == 0 {
        return None;
    }
    let kind = rustix::net::SocketType::DGRAM;
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, kind, None).ok()?;
    rustix::net::netdevice::index_to_name(socket, index).ok()
}

fn from_proc(transport: Transport, port: u16) -> io::Result<Vec<Listener>> {
    let word = transport.word();
    let mut text = std::fs::read(format!("/proc/thread-self/net/{word}"))?;
    text.extend(std::fs::read(format!("/proc/thread-self/net/{word}6")).unwrap_or_default());
    let rows = parse_proc(&text, transport, port).into_iter();
    Ok(rows
        .map(|(address, inode, uid, queue)| Listener {
            inode,
            address,
            device: 0,
            device_name: None,
            uid,
            user: services::user_name(uid),
            queue,
            backlog: None,
            drops: None,
            only_v6: None,
            options: None,
            holders: Vec::new(),
        })
        .collect())
}

/// `0100007F:1F90`: words of the address in this machine's order, the port as a number.
fn hex_address(text: &[u8]) -> Option<(IpAddr, u16)> {
    let (address, port) = std::str::from_utf8(text).ok()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let address = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut octets = [0; 16];
            for (to, from) in octets.iter_mut().zip(words.iter().flatten()) {
                *to = *from;
            }
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests;
