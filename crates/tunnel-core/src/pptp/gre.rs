//! GRE as PPTP has it, version 1 (RFC 2637 §4.1): read in place, written in front of a payload.
//!
//! The key holds the payload's length and the receiver's call id, so a packet tells whose it is.
//! Checksum, routing and recursion bits must be 0; what has them is no packet of ours. Nothing here
//! copies or allocates.

use core::fmt;
use core::ops::Range;

use super::CallId;

/// A packet of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The receiver's number of the call.
    pub call: CallId,
    /// Number of a packet with payload; `None`: it only acknowledges.
    pub sequence: Option<u32>,
    /// The highest number its sender has received.
    pub acknowledgement: Option<u32>,
    /// Where the payload is: a PPP frame.
    pub payload: Range<usize>,
}

/// What is no packet of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotGre {
    /// It ends before its header does.
    Short,
    /// Version or protocol is another one: GRE of something else.
    Other,
    /// Bits that PPTP forbids are set.
    Flags(u16),
    /// It says a longer payload than it has.
    Length {
        /// As said, in octets.
        said: u16,
        /// As there, in octets.
        there: usize,
    },
}

impl fmt::Display for NotGre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("shorter than its header"),
            Self::Other => f.write_str("GRE of another kind than PPTP's"),
            Self::Flags(flags) => write!(f, "flags {flags:#06x} cannot be"),
            Self::Length { said, there } => {
                write!(f, "a payload of {said} octets is said, {there} are there")
            }
        }
    }
}

impl core::error::Error for NotGre {}

/// Reads the header of a packet; `octets` begin behind the header of IP.
///
/// Octets behind the payload are not part of the packet: frames of an Ethernet are filled up.
///
/// # Errors
/// When it is no packet of PPTP.
pub fn decode(octets: &[u8]) -> Result<Packet, NotGre> {
    let (packet, said) = head(octets)?;
    let there = octets.len().saturating_sub(packet.payload.start);
    if packet.payload.len() > there {
        return Err(NotGre::Length { said, there });
    }
    Ok(packet)
}

/// Reads the header of a packet that was cut: the payload may end behind `octets`. For captures
/// and for what an ICMP message quotes.
///
/// # Errors
/// When it is no packet of PPTP, or its header is cut, too.
pub fn decode_cut(octets: &[u8]) -> Result<Packet, NotGre> {
    head(octets).map(|(packet, _)| packet)
}

/// Call id of a packet of which only 8 octets are there, as in an ICMP message.
#[must_use]
pub fn quoted_call(octets: &[u8]) -> Option<CallId> {
    let [_, version, a, b, _, _, c, d] = *octets.first_chunk::<8>()?;
    (version & VERSION_MASK == 1 && [a, b] == PROTOCOL.to_be_bytes())
        .then(|| CallId(u16::from_be_bytes([c, d])))
}

fn head(octets: &[u8]) -> Result<(Packet, u16), NotGre> {
    let (first, rest) = octets.split_first_chunk::<8>().ok_or(NotGre::Short)?;
    let [f1, f2, p1, p2, l1, l2, c1, c2] = *first;
    let flags = u16::from_be_bytes([f1, f2]);
    if f2 & VERSION_MASK != 1 || u16::from_be_bytes([p1, p2]) != PROTOCOL {
        return Err(NotGre::Other);
    }
    if flags & !(KEY | SEQUENCE | ACKNOWLEDGEMENT | 1) != 0 || flags & KEY == 0 {
        return Err(NotGre::Flags(flags));
    }
    let mut rest = rest;
    let mut number = |there: bool| -> Result<Option<u32>, NotGre> {
        if !there {
            return Ok(None);
        }
        let (chunk, behind) = rest.split_first_chunk::<4>().ok_or(NotGre::Short)?;
        rest = behind;
        Ok(Some(u32::from_be_bytes(*chunk)))
    };
    let sequence = number(flags & SEQUENCE != 0)?;
    let acknowledgement = number(flags & ACKNOWLEDGEMENT != 0)?;
    let said = u16::from_be_bytes([l1, l2]);
    let start = octets.len() - rest.len();
    // Without a number there is no payload (§4.1), whatever its length field says.
    let length = sequence.map_or(0, |_| usize::from(said));
    let call = CallId(u16::from_be_bytes([c1, c2]));
    Ok((Packet { call, sequence, acknowledgement, payload: start..start + length }, said))
}

/// Writes a header in front of `payload` within `buffer`; gives where the packet is now.
///
/// `None` when there is no room in front of it ([`HEADER_BYTES_MAX`] always is enough), the payload
/// is not within the buffer, or is longer than 65,535 octets.
pub fn prepend(
    buffer: &mut [u8],
    payload: Range<usize>,
    call: CallId,
    sequence: u32,
    acknowledgement: Option<u32>,
) -> Option<Range<usize>> {
    let length = u16::try_from(payload.len()).ok()?;
    buffer.get(payload.clone())?;
    let start = payload.start.checked_sub(8 + 4 + if acknowledgement.is_some() { 4 } else { 0 })?;
    let place = buffer.get_mut(start..payload.start)?;
    let flags = KEY | SEQUENCE | acknowledgement.map_or(0, |_| ACKNOWLEDGEMENT) | 1;
    write_first(place, flags, length, call);
    if let Some(place) = place.get_mut(8..12) {
        place.copy_from_slice(&sequence.to_be_bytes());
    }
    if let (Some(place), Some(number)) = (place.get_mut(12..16), acknowledgement) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    Some(start..payload.end)
}

/// A packet that only acknowledges.
#[must_use]
pub fn acknowledge(call: CallId, number: u32) -> [u8; ACK_BYTES] {
    let mut packet = [0; ACK_BYTES];
    write_first(&mut packet, KEY | ACKNOWLEDGEMENT | 1, 0, call);
    packet[8..].copy_from_slice(&number.to_be_bytes());
    packet
}

fn write_first(place: &mut [u8], flags: u16, length: u16, call: CallId) {
    let words = [flags, PROTOCOL, length, call.0];
    for (place, word) in place.chunks_exact_mut(2).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// Octets of the longest header: with number and acknowledgement.
pub const HEADER_BYTES_MAX: usize = 16;
/// Octets of a packet that only acknowledges.
pub const ACK_BYTES: usize = 12;
/// Protocol type: PPP.
pub const PROTOCOL: u16 = 0x880b;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION_MASK: u8 = 0x07;

#[cfg(test)]
mod tests;
