//! A session's packets on a TUN interface of this machine.
//!
//! The interface is made before the session begins, so that a missing right is known at once, and
//! is set up with what both ends agreed on. It vanishes with its owner, and its routes with it. It
//! must never route to the peer's outer address through itself: some servers give that address for
//! their inner end, too. A packet it cannot take is dropped; only its own end is an error.
//!
//! Where the kernel lets it, TCP comes and goes in segments of up to 64 KiB for one system call and
//! one way through the kernel's TCP; they are split and joined here. An interface that is idle
//! holds no room for that.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use menshen_sys::link::{self, Address};
use menshen_sys::tun::Heads;
use menshen_sys::{NetlinkError, tun};
use menshen_tunnel_core::offload::{self, Came, Gather, HEAD_OCTETS, Spare, Split, came};
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
    heads: Heads,
    /// A large segment that is being read packet by packet.
    large: Option<Large>,
    /// Packets that are to be written.
    gather: Gather,
    /// Packets that were taken and could not be written.
    lost: u64,
}

/// A large segment, of which some packets were given out.
#[derive(Debug)]
struct Large {
    room: Vec<u8>,
    octets: usize,
    split: Split,
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
        let tun = tun::open_with_offload(&settings.name)?;
        let index = link::index(&tun.name)?;
        // Where there is no IPv6 there is nothing to be kept quiet.
        let _ = link::quiet(index);
        let fd = watched_for_reading(tun.fd)?;
        Ok(Self::new(fd, tun.name, index, settings, tun.heads))
    }

    fn new(
        fd: AsyncFd<OwnedFd>,
        name: String,
        index: u32,
        settings: Settings,
        heads: Heads,
    ) -> Self {
        let (has, is_broken, large) = (Vec::new(), false, None);
        let (gather, lost) = (Gather::default(), 0);
        Self { fd, name, index, settings, has, is_broken, heads, large, gather, lost }
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
        self.large.take().into_iter().for_each(|large| give_back(large.room));
        let mut packet = [0; 4096];
        for _ in 0..WAITING_MAX {
            if rustix::io::read(self.fd.get_ref(), &mut packet).is_err() {
                break;
            }
        }
    }

    /// Sends what is for this address through it although another interface may have the address,
    /// too: one that is vanishing, and takes a while for it.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn prefer(&self, peer: Ipv4Addr) -> io::Result<()> {
        link::add_route(self.index, peer.into(), 32).map_err(io::Error::other)
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
        if self.large.is_some() {
            return Poll::Ready(());
        }
        self.fd.poll_read_ready(cx).map(|_| ())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if self.heads == Heads::None {
            return self.read_octets(buffer);
        }
        for _ in 0..READS {
            if let Some(large) = &mut self.large {
                let octets = large.room.get(..large.octets).unwrap_or_default();
                if let Some(octets) = large.split.next(octets, buffer) {
                    return Ok(Some(octets));
                }
                self.large.take().into_iter().for_each(|large| give_back(large.room));
            }
            let mut room = room();
            let read = self.read_octets(&mut room);
            let Ok(Some(octets)) = read else {
                give_back(room);
                return read;
            };
            match room.get_mut(..octets).and_then(came) {
                Some(Came::Segments(split)) => self.large = Some(Large { room, octets, split }),
                Some(Came::Packet(range)) => {
                    let packet = room.get(range).unwrap_or_default();
                    let octets = packet.len();
                    let place = buffer.get_mut(..octets);
                    let fits = place.map(|place| place.copy_from_slice(packet)).is_some();
                    give_back(room);
                    if fits {
                        return Ok(Some(octets));
                    }
                }
                None => give_back(room),
            }
        }
        Ok(None)
    }

    fn write(&mut self, packet: &[u8]) -> io::Result<bool> {
        let Self { fd, gather, lost, .. } = self;
        if self.heads == Heads::None {
            let written = rustix::io::write(fd.get_ref(), packet);
            return written.map_or_else(of_write, |_| Ok(true));
        }
        let mut end = None;
        let mut write = |head: &_, packet: &_| put(fd.get_ref(), head, packet, lost, &mut end);
        SPARE.with_borrow_mut(|spare| gather.push(packet, spare, &mut write));
        end.map_or(Ok(true), Err)
    }

    fn flush(&mut self) -> io::Result<u64> {
        let Self { fd, gather, lost, .. } = self;
        if !gather.is_empty() {
            let mut end = None;
            let mut write = |head: &_, packet: &_| put(fd.get_ref(), head, packet, lost, &mut end);
            SPARE.with_borrow_mut(|spare| gather.flush(spare, &mut write));
            end.map_or(Ok(()), Err)?;
        }
        Ok(std::mem::take(lost))
    }

    fn opened(&mut self, opened: &Opened) -> io::Result<()> {
        self.set_up(opened).map_err(io::Error::other)
    }
}

impl Tun {
    fn read_octets(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
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
}

/// Writes one packet with its head; what cannot be written is counted, the device's end is told.
fn put(
    fd: &OwnedFd,
    head: &[u8; HEAD_OCTETS],
    packet: &[u8],
    lost: &mut u64,
    end: &mut Option<io::Error>,
) {
    let written = rustix::io::writev(fd, &[IoSlice::new(head), IoSlice::new(packet)]);
    match written.map_or_else(of_write, |_| Ok(true)) {
        Ok(true) => {}
        Ok(false) => *lost += offload::packets(head, packet),
        Err(error) => *end = Some(error),
    }
}

/// Whether a failure is the device's end.
fn of_write(error: Errno) -> io::Result<bool> {
    match error {
        Errno::BADFD | Errno::NODEV | Errno::BADF => Err(error.into()),
        // Somebody has set it down, its queue is full, or the packet is none.
        _ => Ok(false),
    }
}

/// Room for the largest packet with its head.
fn room() -> Vec<u8> {
    ROOMS.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; LARGE_OCTETS])
}

fn give_back(room: Vec<u8>) {
    ROOMS.with_borrow_mut(|rooms| {
        if rooms.len() < ROOMS_KEPT {
            rooms.push(room);
        }
    });
}

thread_local! {
    static ROOMS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// Octets of the longest packet of IP with its head.
const LARGE_OCTETS: usize = HEAD_OCTETS + 65_536;
/// Rooms that all interfaces of a thread share; more are made when more are in use.
const ROOMS_KEPT: usize = 4;
/// What is of no use, read before others have their turn.
const READS: usize = 64;

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
