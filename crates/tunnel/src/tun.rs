//! A session's packets on a TUN interface of this machine.
//!
//! The interface is made before the session begins, so that a missing right is known at once, and
//! is set up with what both ends agreed on. It vanishes with its owner, and its routes with it. It
//! must never route to the peer's outer address through itself: some servers give that address for
//! their inner end, too. A packet it cannot take is dropped; only its own end is an error.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use menshen_sys::link::{self, Address};
use menshen_sys::{NetlinkError, tun};
use menshen_tunnel_core::ppp::Opened;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::device::Device;
use crate::readiness::watched_for_reading;

/// A TUN interface.
#[derive(Debug)]
pub struct Tun {
    fd: AsyncFd<OwnedFd>,
    name: String,
    index: u32,
    settings: Settings,
    has: Vec<Address>,
    /// It has vanished; reading says how.
    is_broken: bool,
}

/// What is said of an interface before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name, at most 15 octets; `%d` in it stands for a number that is free.
    pub name: String,
    /// Where the carrier's packets go: never through the interface.
    pub outer: Option<IpAddr>,
    /// Networks whose packets go through it, as addresses and leading bits.
    pub routes: Vec<(IpAddr, u8)>,
}

impl Tun {
    /// Makes it, in the network namespace of this thread. To be called within a runtime.
    ///
    /// # Errors
    /// As [`menshen_sys::tun::open`]: `EPERM`, `ENOENT`, `ENODEV`, `EBUSY`, `InvalidInput`.
    pub fn open(settings: Settings) -> io::Result<Self> {
        let tun = tun::open(&settings.name)?;
        let index = link::index(&tun.name)?;
        // Where there is no IPv6 there is nothing to be kept quiet.
        let _ = link::quiet(index);
        let fd = watched_for_reading(tun.fd)?;
        Ok(Self { fd, name: tun.name, index, settings, has: Vec::new(), is_broken: false })
    }

    /// The name it got.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// Where the carrier's packets go from now on.
    pub const fn set_outer(&mut self, outer: Option<IpAddr>) {
        self.settings.outer = outer;
    }

    /// Forgets the packets that wait in it: between two sessions they have become old.
    pub fn drain(&mut self) {
        let mut packet = [0; 4096];
        for _ in 0..WAITING_MAX {
            if rustix::io::read(self.fd.get_ref(), &mut packet).is_err() {
                break;
            }
        }
    }

    fn set_up(&mut self, opened: &Opened) -> Result<(), NetlinkError> {
        link::set_mtu(self.index, opened.mtu)?;
        link::set_up(self.index)?;
        let wanted = self.addresses(opened);
        for address in self.has.iter().filter(|address| !wanted.contains(address)) {
            // It may be gone by itself, as IPv6 addresses are below an MTU of 1280.
            let _ = link::remove_address(self.index, *address);
        }
        for address in &wanted {
            link::add_address(self.index, *address)?;
        }
        self.has = wanted;
        for (network, prefix) in &self.settings.routes {
            if self.has.iter().any(|has| has.address.is_ipv4() == network.is_ipv4()) {
                link::add_route(self.index, *network, *prefix)?;
            }
        }
        Ok(())
    }

    fn addresses(&self, opened: &Opened) -> Vec<Address> {
        let ipv4 = opened.ipv4.map(|agreed| {
            let peer = Some(agreed.peer).filter(|peer| *peer != Ipv4Addr::UNSPECIFIED);
            let peer = peer.map(IpAddr::from).filter(|peer| Some(*peer) != self.settings.outer);
            Address { address: agreed.local.into(), prefix: 32, peer }
        });
        let ipv6 = opened.ipv6.filter(|_| opened.mtu >= IPV6_MTU_MIN).map(|agreed| Address {
            address: link_local(agreed.local).into(),
            prefix: 64,
            peer: None,
        });
        ipv4.into_iter().chain(ipv6).collect()
    }
}

impl Device for Tun {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.fd.poll_write_ready(cx).is_ready() {
            self.is_broken = true;
            return Poll::Ready(());
        }
        self.fd.poll_read_ready(cx).map(|_| ())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if self.is_broken {
            return Ok(Some(rustix::io::read(self.fd.get_ref(), buffer)?));
        }
        let read = self.fd.try_io(Interest::READABLE, |fd| Ok(rustix::io::read(fd, &mut *buffer)?));
        match read {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, packet: &[u8]) -> io::Result<bool> {
        match rustix::io::write(self.fd.get_ref(), packet) {
            Ok(_) => Ok(true),
            Err(error @ (Errno::BADFD | Errno::NODEV | Errno::BADF)) => Err(error.into()),
            // Somebody has set it down, its queue is full, or the packet is none.
            Err(_) => Ok(false),
        }
    }

    fn opened(&mut self, opened: &Opened) -> io::Result<()> {
        self.set_up(opened).map_err(io::Error::other)
    }
}

/// Whether an address is in a network, given as its first address and leading bits.
pub(crate) fn covers((network, bits): (IpAddr, u8), address: IpAddr) -> bool {
    let bits = u32::from(bits);
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            bits == 0 || differing.leading_zeros() >= bits
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            bits == 0 || differing.leading_zeros() >= bits
        }
        _ => false,
    }
}

/// The link-local address with this lower half (RFC 5072 section 5).
fn link_local(identifier: [u8; 8]) -> Ipv6Addr {
    let low = u128::from(u64::from_be_bytes(identifier));
    Ipv6Addr::from_bits((0xfe80 << 112) | low)
}

/// Packets that an interface may hold (its queue has 500 by default).
const WAITING_MAX: usize = 10_000;
/// The shortest MTU with which the kernel lets an interface have IPv6 (RFC 8200 section 5).
const IPV6_MTU_MIN: u16 = 1280;

#[cfg(test)]
mod tests;
