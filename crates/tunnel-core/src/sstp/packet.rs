//! SSTP's packets and the stream they stand in ([MS-SSTP] section 2.2).
//!
//! A stream that cannot be cut into packets is [`Broken`] and must never be read on; a control
//! packet that does not fit is [`Invalid`] with the status that names why. At most one packet, 4095
//! octets, is ever held.

use alloc::vec::Vec;

pub use message::Message;

mod message;

/// A packet that came whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A PPP frame, to be changed in place by whoever decrypts it. May be empty.
    Data(&'a mut [u8]),
    /// A control message, header and all: for [`Message::parse`].
    Control(&'a [u8]),
}

/// The stream is not SSTP (version or length): close it without a message (section 3.1.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Cuts the octets that came into packets, however they were cut on the way.
#[derive(Debug, Default)]
pub struct Stream {
    /// The beginning of a packet that has not come whole, or the whole one given out last.
    held: Vec<u8>,
    given: bool,
}

impl Stream {
    /// A stream at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next whole packet, taken from the front of `input`. `None`: more must come; then `input`
    /// is empty. Packets that lie whole in `input` are not copied.
    ///
    /// # Errors
    /// [`Broken`]: what follows is no SSTP; nothing must be read any more.
    pub fn next<'p, 'a: 'p>(
        &'p mut self,
        input: &mut &'a mut [u8],
    ) -> Result<Option<Packet<'p>>, Broken> {
        if core::mem::take(&mut self.given) {
            self.held.clear();
        }
        if self.held.is_empty()
            && let Some(length) = whole(input)?
        {
            let (packet, rest) = core::mem::take(input).split_at_mut(length);
            *input = rest;
            return Ok(Some(opened(packet)));
        }
        loop {
            let wanted = match length(&self.held)? {
                Some(length) if length == self.held.len() => break,
                Some(length) => length,
                None => HEADER_OCTETS,
            };
            if input.is_empty() {
                return Ok(None);
            }
            let missing = wanted.saturating_sub(self.held.len()).min(input.len());
            let (part, rest) = core::mem::take(input).split_at_mut(missing);
            self.held.extend(&*part);
            *input = rest;
        }
        self.given = true;
        Ok(Some(opened(&mut self.held)))
    }
}

/// Whether a PPP frame belongs to the network protocols, which must wait for the crypto binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// LCP, authentication, IPCP and the like.
    Control,
    /// IPv4, IPv6 and whatever else is carried, encrypted or not.
    Network,
}

impl Traffic {
    /// What a frame is, by its protocol number: with or without `FF 03`, one octet or two.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        let frame = frame.strip_prefix(&[0xFF, 0x03]).unwrap_or(frame);
        match frame.first() {
            // Two octets below 0x4000, or one octet (odd).
            Some(first) if *first < 0x40 || first & 1 == 1 => Self::Network,
            _ => Self::Control,
        }
    }
}

/// The length of the packet that begins here, if it has come whole: for owners of a buffer in which
/// packets stay where they came. At most `PACKET_OCTETS_MAX`.
///
/// # Errors
/// [`Broken`]: what begins here is no SSTP; nothing must be read any more.
pub fn whole(octets: &[u8]) -> Result<Option<usize>, Broken> {
    Ok(length(octets)?.filter(|length| *length <= octets.len()))
}

/// Whether the packet that begins here is a control packet; the rest are PPP frames.
#[must_use]
pub fn is_control(octets: &[u8]) -> bool {
    octets.get(1).is_some_and(|flags| flags & CONTROL != 0)
}

/// Writes the header of a data packet into the first `HEADER_OCTETS` octets of `packet`; behind it
/// stands a PPP frame. `false`: the frame is too long and the packet must not be sent.
#[must_use]
pub fn seal(packet: &mut [u8]) -> bool {
    let Some(length) = u16::try_from(packet.len()).ok().filter(|n| *n <= PACKET_OCTETS_MAX) else {
        return false;
    };
    let Some(header) = packet.first_chunk_mut::<HEADER_OCTETS>() else { return false };
    let [high, low] = length.to_be_bytes();
    *header = [VERSION, 0, high, low];
    true
}

/// The length of the packet that begins here; `None` if its header has not come whole.
fn length(octets: &[u8]) -> Result<Option<usize>, Broken> {
    if octets.first().is_some_and(|version| *version != VERSION) {
        return Err(Broken);
    }
    let Some([_, _, high, low]) = octets.first_chunk() else { return Ok(None) };
    // The upper four bits are reserved and ignored.
    let length = u16::from_be_bytes([*high, *low]) & PACKET_OCTETS_MAX;
    let length = usize::from(length);
    if length < HEADER_OCTETS { Err(Broken) } else { Ok(Some(length)) }
}

fn opened(packet: &mut [u8]) -> Packet<'_> {
    if is_control(packet) {
        return Packet::Control(packet);
    }
    Packet::Data(packet.get_mut(HEADER_OCTETS..).unwrap_or_default())
}

/// Octets of a data packet's header.
pub const HEADER_OCTETS: usize = 4;

/// Octets of the longest packet, header included: the length has twelve bits.
pub const PACKET_OCTETS_MAX: u16 = 4095;

/// Octets of the longest PPP frame.
pub const FRAME_OCTETS_MAX: usize = PACKET_OCTETS_MAX as usize - HEADER_OCTETS;

/// Version 1.0.
const VERSION: u8 = 0x10;

/// The bit of the second octet that marks a control packet.
const CONTROL: u8 = 1;

#[cfg(test)]
mod tests;
