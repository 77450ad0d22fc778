//! The header that tells the server whose connection it is: PROXY protocol, version 2.
//!
//! Layout: <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>, section 2.2. MariaDB
//! reads it from addresses in `proxy_protocol_networks` (10.3 and later), MySQL never. Of clients
//! on a unix socket it says `LOCAL`: the connection counts as the door's own. It cannot fail.

use std::net::{IpAddr, SocketAddr};

/// Appends the header for a client at `peer` that reached the door at `local`; no `peer` for a
/// client of this machine's own sockets. Two families: both are told as IPv6.
pub(crate) fn push_header(out: &mut Vec<u8>, peer: Option<SocketAddr>, local: Option<SocketAddr>) {
    out.extend_from_slice(&SIGNATURE);
    let Some(peer) = peer else {
        out.extend_from_slice(&[VERSION_LOCAL, 0, 0, 0]);
        return;
    };
    let local = local.unwrap_or_else(|| SocketAddr::new(peer.ip(), 0));
    let (source, target) = (peer.ip().to_canonical(), local.ip().to_canonical());
    out.push(VERSION_PROXY);
    if let (IpAddr::V4(source), IpAddr::V4(target)) = (source, target) {
        out.extend_from_slice(&[TCP_V4, 0, 12]);
        out.extend_from_slice(&source.octets());
        out.extend_from_slice(&target.octets());
    } else {
        out.extend_from_slice(&[TCP_V6, 0, 36]);
        for ip in [source, target] {
            let octets = match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            out.extend_from_slice(&octets);
        }
    }
    out.extend_from_slice(&peer.port().to_be_bytes());
    out.extend_from_slice(&local.port().to_be_bytes());
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_LOCAL: u8 = 0x20;
const VERSION_PROXY: u8 = 0x21;
const TCP_V4: u8 = 0x11;
const TCP_V6: u8 = 0x21;

#[cfg(test)]
mod tests;
