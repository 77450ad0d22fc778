//! TUN interfaces (`Documentation/networking/tuntap.rst`): whole IP packets by `read` and `write`,
//! without any head.
//!
//! The interface is in the network namespace of the calling thread and vanishes with its
//! descriptor. Fails without the right `CAP_NET_ADMIN` (`EPERM`), where `/dev/net/tun` is not there
//! (`ENOENT`, `ENODEV`: a container without it), and when the name is taken (`EBUSY`).

use std::ffi::c_int;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// An interface.
#[derive(Debug)]
pub struct Tun {
    /// Non-blocking; one packet for each read and write.
    pub fd: OwnedFd,
    /// The name it got, at most 15 octets.
    pub name: String,
}

/// Makes an interface. `name` may have a `%d` for a number that is free; at most 15 octets.
///
/// # Errors
/// What the kernel says (see the top of this file); `InvalidInput` for a name that cannot be.
pub fn open(name: &str) -> io::Result<Tun> {
    let mut request = Request { name: [0; NAME_BYTES], flags: IFF_TUN | IFF_NO_PI, rest: [0; 22] };
    let place = request.name.get_mut(..NAME_BYTES - 1).and_then(|all| all.get_mut(..name.len()));
    let place = place.filter(|_| !name.contains(['\0', '/']));
    let place = place.ok_or(io::ErrorKind::InvalidInput)?;
    for (to, from) in place.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
    // SAFETY: TUNSETIFF reads and writes a `struct ifreq`, of whose size and layout `Request` is.
    unsafe { ioctl(&fd, Updater::<TUNSETIFF, Request>::new(&mut request))? };
    let name = request.name.iter().take_while(|octet| **octet != 0);
    let name = name.map(|octet| char::from(octet.cast_unsigned())).collect();
    Ok(Tun { fd, name })
}

/// `struct ifreq` of `linux/if.h`, with its short union member.
#[repr(C)]
struct Request {
    name: [i8; NAME_BYTES],
    flags: i16,
    rest: [u8; 22],
}

/// `IFNAMSIZ`.
const NAME_BYTES: usize = 16;
const TUNSETIFF: Opcode = opcode::write::<c_int>(b'T', 202);
const IFF_TUN: i16 = 0x0001;
/// No head of four octets in front of packets.
const IFF_NO_PI: i16 = 0x1000;
const _: () = assert!(size_of::<Request>() == 40);

#[cfg(test)]
mod tests;
