//! A look at the own HTTPS addresses: do they serve the certificate that was got?
//!
//! "Renewed, but the old one is still served" is the commonest fault of such set-ups, and only a
//! handshake shows it. No certificate is trusted here and nothing is sent: the one shown is
//! compared, after its owner proved to hold the key.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_tls::{Trust, client_config};
use rustls::ClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};

/// Whether every address serves the leaf with this fingerprint to clients that ask for `name`; none
/// without addresses. It blocks for some seconds per address at most.
pub(crate) fn look(addresses: &[SocketAddr], name: &str, fingerprint: &str) -> Option<bool> {
    if addresses.is_empty() {
        return None;
    }
    let served = addresses.iter().take(ADDRESSES_MAX).all(|address| {
        let shown = leaf(reachable(*address), name).ok().flatten();
        shown.is_some_and(|shown| menshen_tls::fingerprint(&shown) == fingerprint)
    });
    Some(served)
}

/// An address to connect to, for one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn leaf(address: SocketAddr, name: &str) -> io::Result<Option<CertificateDer<'static>>> {
    let config = client_config(Trust::Nothing).map_err(io::Error::other)?;
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut socket = TcpStream::connect_timeout(&address, CONNECT_TIME)?;
    socket.set_read_timeout(Some(STEP_TIME))?;
    socket.set_write_timeout(Some(STEP_TIME))?;
    let end = Instant::now() + LOOK_TIME;
    while tls.is_handshaking() {
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // One step at a time, so that a server that trickles meets the end.
        if tls.wants_write() {
            tls.write_tls(&mut socket)?;
        } else if tls.read_tls(&mut socket)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        } else {
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
    let leaf = tls.peer_certificates().and_then(|chain| chain.first()).cloned();
    tls.send_close_notify();
    while tls.wants_write() && tls.write_tls(&mut socket)? > 0 {}
    Ok(leaf.map(CertificateDer::into_owned))
}

/// More addresses than this show nothing new.
const ADDRESSES_MAX: usize = 8;
const CONNECT_TIME: Duration = Duration::from_secs(2);
const STEP_TIME: Duration = Duration::from_secs(2);
const LOOK_TIME: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
