//! TUN interfaces (`Documentation/networking/tuntap.rst`): whole IP packets by `read` and `write`,
//! without any head or with that of virtio.
//!
//! The interface is in the network namespace of the calling thread and vanishes with its
//! descriptor. Fails without the right `CAP_NET_ADMIN` (`EPERM`), where `/dev/net/tun` is not there
//! (`ENOENT`, `ENODEV`: a container without it), and when the name is taken (`EBUSY`).

use std::ffi::c_int;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};

/// An interface.
#[derive(Debug)]
pub struct Tun {
    /// Non-blocking; one packet for each read and write.
    pub fd: OwnedFd,
    /// The name it got, at most 15 octets.
    pub name: String,
    /// What is in front of packets.
    pub heads: Heads,
}

/// What is in front of every packet that is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heads {
    /// Nothing.
    None,
    /// `struct virtio_net_hdr`, 10 octets, in the machine's byte order: packets may come with
    /// checksums to be completed, TCP in segments of up to 64 KiB, and both may be written.
    Virtio,
}

/// Makes an interface without heads. `name` may have a `%d` for a number that is free; at most 15
/// octets.
///
/// # Errors
/// What the kernel says (see the top of this file); `InvalidInput` for a name that cannot be.
pub fn open(name: &str) -> io::Result<Tun> {
    make(name, Heads::None)
}

/// Makes an interface that takes and gives large segments of TCP; without heads where the kernel
/// refuses them.
///
/// # Errors
/// As [`open`].
pub fn open_with_offload(name: &str) -> io::Result<Tun> {
    let tun = match make(name, Heads::Virtio) {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            return make(name, Heads::None);
        }
        made => made?,
    };
    // SAFETY: TUNSETOFFLOAD takes its flags as the argument itself.
    let set = unsafe { ioctl(&tun.fd, IntegerSetter::<TUNSETOFFLOAD>::new_usize(OFFLOADS)) };
    // Refused, every packet still has a head, which then never says anything.
    let _ = set;
    Ok(tun)
}

fn make(name: &str, heads: Heads) -> io::Result<Tun> {
    let with = if heads == Heads::Virtio { IFF_VNET_HDR } else { 0 };
    let flags = IFF_TUN | IFF_NO_PI | with;
    let mut request = Request { name: [0; NAME_BYTES], flags, rest: [0; 22] };
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
    Ok(Tun { fd, name, heads })
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
const TUNSETOFFLOAD: Opcode = opcode::write::<c_int>(b'T', 208);
const IFF_TUN: i16 = 0x0001;
/// A head of virtio in front of packets.
const IFF_VNET_HDR: i16 = 0x4000;
/// `TUN_F_CSUM`, `TUN_F_TSO4`, `TUN_F_TSO6`.
const OFFLOADS: usize = 0x01 | 0x02 | 0x04;
/// No head of four octets in front of packets.
const IFF_NO_PI: i16 = 0x1000;
const _: () = assert!(size_of::<Request>() == 40);

#[cfg(test)]
mod tests;
