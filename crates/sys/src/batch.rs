//! Several datagrams with one system call: `recvmmsg(2)`, `sendmmsg(2)`.
//!
//! Nothing waits: both fail with `WouldBlock` where a single call would. What is behind the first
//! datagram that fails stays where it is. At most [`BATCH`] go at once.

use std::ffi::{c_int, c_uint, c_void};
use std::io;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::null_mut;

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it is in the octets that go with it.
    pub octets: Range<usize>,
    /// Where it goes; `None`: where the socket is connected to.
    pub to: Option<Ipv4Addr>,
}

/// Receives datagrams that are there, one into each room, and puts their lengths into `lengths`;
/// gives how many. A datagram that is longer than its room is cut to it.
///
/// # Errors
/// What the kernel says of the first one; `WouldBlock` if there is none.
pub fn receive(
    socket: impl AsFd,
    rooms: &mut [impl AsMut<[u8]>],
    lengths: &mut [usize; BATCH],
) -> io::Result<usize> {
    let mut pieces = [const { Piece::NONE }; BATCH];
    let mut messages = [const { Message::NONE }; BATCH];
    let count = rooms.len().min(BATCH);
    let all = rooms.iter_mut().zip(&mut pieces).zip(&mut messages);
    for ((room, piece), message) in all {
        let room = room.as_mut();
        *piece = Piece { base: room.as_mut_ptr().cast(), octets: room.len() };
        (message.header.pieces, message.header.count) = (piece, 1);
    }
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the first `count` messages are laid out as `struct mmsghdr` and each points to one
    // piece, which is all of one room; pieces and rooms are borrowed exclusively until the call
    // returns. There is no timeout and no room for an address.
    let done =
        unsafe { recvmmsg(fd, messages.as_mut_ptr(), narrow(count), MSG_DONTWAIT, null_mut()) };
    let done = usize::try_from(done).map_err(|_| io::Error::last_os_error())?;
    for (length, message) in lengths.iter_mut().zip(&messages).take(done) {
        *length = usize::try_from(message.octets).unwrap_or(0);
    }
    Ok(done)
}

/// Sends datagrams, the first [`BATCH`] at most; gives how many went. `octets` holds them all; one
/// whose range is not within it is sent empty.
///
/// # Errors
/// What the kernel says of the first one.
pub fn send(socket: impl AsFd, octets: &[u8], datagrams: &[Outgoing]) -> io::Result<usize> {
    let mut pieces = [const { Piece::NONE }; BATCH];
    let mut addresses = [const { Address::NONE }; BATCH];
    let mut messages = [const { Message::NONE }; BATCH];
    let count = datagrams.len().min(BATCH);
    let rooms = pieces.iter_mut().zip(&mut addresses).zip(&mut messages);
    for (datagram, ((piece, address), message)) in datagrams.iter().zip(rooms) {
        let octets = octets.get(datagram.octets.clone()).unwrap_or_default();
        // The kernel only reads what is to be sent.
        *piece = Piece { base: octets.as_ptr().cast_mut().cast(), octets: octets.len() };
        (message.header.pieces, message.header.count) = (piece, 1);
        if let Some(to) = datagram.to {
            *address = Address { family: AF_INET, port: 0, address: to.octets(), rest: [0; 8] };
            message.header.name = std::ptr::from_mut(address).cast();
            message.header.name_octets = ADDRESS_OCTETS;
        }
    }
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the first `count` messages are laid out as `struct mmsghdr`; what they point to lives
    // until the call returns. The kernel reads pieces, octets and addresses and writes lengths into
    // the messages alone.
    let done = unsafe { sendmmsg(fd, messages.as_mut_ptr(), narrow(count), MSG_DONTWAIT) };
    usize::try_from(done).map_err(|_| io::Error::last_os_error())
}

fn narrow(count: usize) -> c_uint {
    c_uint::try_from(count).unwrap_or(0)
}

/// `struct iovec`.
#[repr(C)]
struct Piece {
    base: *mut c_void,
    octets: usize,
}

impl Piece {
    const NONE: Self = Self { base: null_mut(), octets: 0 };
}

/// `struct msghdr` as the kernel has it on 64 bits, and both C libraries where lengths are small.
#[repr(C)]
struct Header {
    name: *mut c_void,
    name_octets: u32,
    pieces: *mut Piece,
    count: usize,
    control: *mut c_void,
    control_octets: usize,
    flags: c_int,
}

/// `struct mmsghdr`.
#[repr(C)]
struct Message {
    header: Header,
    octets: c_uint,
}

impl Message {
    const NONE: Self = Self {
        header: Header {
            name: null_mut(),
            name_octets: 0,
            pieces: null_mut(),
            count: 0,
            control: null_mut(),
            control_octets: 0,
            flags: 0,
        },
        octets: 0,
    };
}

/// `struct sockaddr_in`.
#[repr(C)]
struct Address {
    family: u16,
    port: u16,
    address: [u8; 4],
    rest: [u8; 8],
}

impl Address {
    const NONE: Self = Self { family: 0, port: 0, address: [0; 4], rest: [0; 8] };
}

unsafe extern "C" {
    /// The C library's `recvmmsg(2)`; the timeout may be null.
    fn recvmmsg(
        fd: c_int,
        messages: *mut Message,
        count: c_uint,
        flags: c_int,
        timeout: *mut c_void,
    ) -> c_int;

    /// The C library's `sendmmsg(2)`.
    fn sendmmsg(fd: c_int, messages: *mut Message, count: c_uint, flags: c_int) -> c_int;
}

/// The most datagrams of one call.
pub const BATCH: usize = 64;
const MSG_DONTWAIT: c_int = 0x40;
const AF_INET: u16 = 2;
#[expect(clippy::cast_possible_truncation, reason = "it is 16")]
const ADDRESS_OCTETS: u32 = size_of::<Address>() as u32;
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Message>() == 64 && size_of::<Address>() == 16);

#[cfg(test)]
mod tests;
