//! Netlink as far as menshen asks or tells the kernel by it: one request, its answers in parts
//! (netlink(7), `include/uapi/linux/netlink.h`).
//!
//! Only for this crate's users of it. Reading takes any bytes; it fails when a part is cut or
//! contradicts its own length.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

/// Why the kernel gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused: `ENOENT` where it knows no such question, `EPERM`.
    #[error("the kernel refused the question")]
    Refused(#[source] io::Error),
    /// What was asked about changed under the answer, each time it was asked.
    #[error("the answer was interrupted {0} times by changes")]
    Interrupted(u32),
    /// The answer is not in the form of netlink(7).
    #[error("the kernel's answer has an unknown form")]
    Malformed,
    /// It could not be asked.
    #[error("could not {step}")]
    Local {
        /// The step, such as `open a netlink socket`.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// It is whole.
    pub(crate) done: bool,
    /// What was asked about changed meanwhile: some of it may be missing or double.
    pub(crate) interrupted: bool,
}

/// A line to one part of the kernel.
#[derive(Debug)]
pub(crate) struct Line {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Line {
    /// Opens it; the namespace of the calling thread is meant. `None` is `NETLINK_ROUTE`, number 0.
    pub(crate) fn open(protocol: Option<Protocol>) -> Result<Self, NetlinkError> {
        let local = |step| move |error: rustix::io::Errno| local(step, error);
        let family = AddressFamily::NETLINK;
        let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
            .map_err(local("open a netlink socket"))?;
        // Connected to the kernel, nothing of another process is delivered.
        connect(&socket, &SocketAddrNetlink::new(0, 0)).map_err(local("reach the kernel"))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WITHIN))
            .map_err(local("set a time limit"))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Asks for a whole table and gives each message's kind and body to `take`. An answer that
    /// changes interrupted is asked for again, after `again`.
    pub(crate) fn dump(
        &mut self,
        kind: u16,
        body: &[u8],
        mut take: impl FnMut(u16, &[u8]) -> Result<(), NetlinkError>,
        mut again: impl FnMut(),
    ) -> Result<(), NetlinkError> {
        for _ in 0..DUMPS_MAX {
            if !self.ask(kind, FLAG_REQUEST | FLAG_DUMP, body, &mut take)?.interrupted {
                return Ok(());
            }
            again();
        }
        Err(NetlinkError::Interrupted(DUMPS_MAX))
    }

    /// Asks for one thing.
    pub(crate) fn one(
        &mut self,
        kind: u16,
        body: &[u8],
        mut take: impl FnMut(u16, &[u8]) -> Result<(), NetlinkError>,
    ) -> Result<(), NetlinkError> {
        self.ask(kind, FLAG_REQUEST, body, &mut take).map(|_| ())
    }

    /// Changes something; the kernel confirms it.
    pub(crate) fn tell(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), NetlinkError> {
        self.ask(kind, FLAG_REQUEST | FLAG_CONFIRM | flags, body, &mut |_, _| Ok(())).map(|_| ())
    }

    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        take: &mut impl FnMut(u16, &[u8]) -> Result<(), NetlinkError>,
    ) -> Result<Progress, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = message(kind, flags, self.sequence, body);
        send(&self.socket, &request, SendFlags::empty())
            .map_err(|error| local("ask the kernel", error))?;
        let mut whole = Progress::default();
        loop {
            let (bytes, length) = recv(&self.socket, &mut *self.buffer, RecvFlags::TRUNC)
                .map_err(|error| local("hear the kernel", error))?;
            // Zero bytes, or more than there was room for.
            let datagram = self.buffer.get(..bytes).unwrap_or_default();
            if length > bytes || bytes == 0 {
                return Err(NetlinkError::Malformed);
            }
            let progress = read(datagram, self.sequence, take)?;
            whole.interrupted |= progress.interrupted;
            if progress.done || flags & FLAG_CONFIRM == 0 && flags & FLAG_DUMP == 0 {
                return Ok(whole);
            }
        }
    }
}

/// Reads one datagram: messages of another `sequence` are passed over, the others' kinds and
/// bodies given to `take`.
///
/// # Errors
/// What the kernel refused, what `take` said, and bytes that are no messages.
pub(crate) fn read(
    datagram: &[u8],
    sequence: u32,
    take: &mut impl FnMut(u16, &[u8]) -> Result<(), NetlinkError>,
) -> Result<Progress, NetlinkError> {
    let mut progress = Progress::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let length = u32_at(rest, 0).ok_or(NetlinkError::Malformed)?;
        let length = usize::try_from(length).map_err(|_| NetlinkError::Malformed)?;
        let message = rest.get(..length).ok_or(NetlinkError::Malformed)?;
        let body = message.get(HEADER_BYTES..).ok_or(NetlinkError::Malformed)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        let kind = u16_at(message, 4).ok_or(NetlinkError::Malformed)?;
        let flags = u16_at(message, 6).ok_or(NetlinkError::Malformed)?;
        if u32_at(message, 8) != Some(sequence) {
            continue;
        }
        progress.interrupted |= flags & FLAG_DUMP_INTERRUPTED != 0;
        match kind {
            KIND_DONE => {
                progress.done = true;
                refusal(body)?;
            }
            KIND_ERROR => {
                progress.done = true;
                refusal(body)?;
            }
            KIND_NOTHING | KIND_OVERRUN => {}
            kind => take(kind, body)?,
        }
    }
    Ok(progress)
}

/// Attributes (`struct nlattr`): their kind without flags, and their value. Ends where the bytes
/// are no attributes any more.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & !ATTRIBUTE_FLAGS;
        let value = bytes.get(ATTRIBUTE_HEADER_BYTES..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A number in this machine's order.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A number in this machine's order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A number in this machine's order.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes
}

/// The number an error or the end of a dump begins with: 0, or a negative errno.
fn refusal(body: &[u8]) -> Result<(), NetlinkError> {
    let Some(code) = u32_at(body, 0) else { return Ok(()) };
    match code.cast_signed() {
        0 => Ok(()),
        code @ ..0 => Err(NetlinkError::Refused(io::Error::from_raw_os_error(
            code.checked_neg().unwrap_or(i32::MAX),
        ))),
        _ => Err(NetlinkError::Malformed),
    }
}

fn local(step: &'static str, error: rustix::io::Errno) -> NetlinkError {
    NetlinkError::Local { step, source: error.into() }
}

/// Lengths are rounded up to 4 (`NLMSG_ALIGN`, `NLA_ALIGN`).
const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const ATTRIBUTE_FLAGS: u16 = 0xc000;
const KIND_NOTHING: u16 = 1;
const KIND_ERROR: u16 = 2;
const KIND_DONE: u16 = 3;
const KIND_OVERRUN: u16 = 4;
const FLAG_REQUEST: u16 = 0x1;
/// `NLM_F_ACK`.
const FLAG_CONFIRM: u16 = 0x4;
/// `NLM_F_ROOT | NLM_F_MATCH`.
const FLAG_DUMP: u16 = 0x300;
/// `NLM_F_DUMP_INTR`.
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
/// The kernel sends parts of at most 32 KiB.
const BUFFER_BYTES: usize = 64 * 1024;
const DUMPS_MAX: u32 = 8;
/// The kernel answers while it is asked; longer means that it never will.
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests;
