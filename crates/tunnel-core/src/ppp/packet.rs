//! Packets of control protocols: code, identifier, length, data (RFC 1661 section 5), and lists of
//! options (section 6).
//!
//! It must never read past the packet's own length, and a list of options ends: every step of the
//! iterator goes on by two octets at least.

use alloc::vec::Vec;

/// A packet of a control protocol. Octets after its length are padding and left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub code: Code,
    /// What an answer repeats. 0 is as good as any.
    pub id: u8,
    /// What follows the length.
    pub data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one. `None`: shorter than its own length, or that less than 4.
    #[must_use]
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let (&[code, id, high, low], _) = octets.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        Some(Self { code: Code(code), id, data: octets.get(HEADER_OCTETS..len)? })
    }
}

/// Appends a packet. Of data longer than a packet can hold, only the first octets are taken.
pub fn push(code: Code, id: u8, data: &[u8], out: &mut Vec<u8>) {
    let data = data.get(..DATA_OCTETS_MAX).unwrap_or(data);
    let len = u16::try_from(data.len() + HEADER_OCTETS).unwrap_or(u16::MAX);
    out.extend_from_slice(&[code.0, id]);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(data);
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u8);

impl Code {
    /// Options are asked for.
    pub const CONFIGURE_REQUEST: Self = Self(1);
    /// All of them are taken.
    pub const CONFIGURE_ACK: Self = Self(2);
    /// Other values are proposed.
    pub const CONFIGURE_NAK: Self = Self(3);
    /// Options are not to be asked for at all.
    pub const CONFIGURE_REJECT: Self = Self(4);
    /// The end is asked for; data may say why.
    pub const TERMINATE_REQUEST: Self = Self(5);
    /// The end.
    pub const TERMINATE_ACK: Self = Self(6);
    /// A code is not known.
    pub const CODE_REJECT: Self = Self(7);
    /// LCP: a protocol is not known.
    pub const PROTOCOL_REJECT: Self = Self(8);
    /// LCP: is anybody there?
    pub const ECHO_REQUEST: Self = Self(9);
    /// LCP: yes.
    pub const ECHO_REPLY: Self = Self(10);
    /// LCP: to be dropped.
    pub const DISCARD_REQUEST: Self = Self(11);
    /// LCP: a text about the sender (RFC 1570).
    pub const IDENTIFICATION: Self = Self(12);
    /// LCP: seconds left (RFC 1570).
    pub const TIME_REMAINING: Self = Self(13);
    /// CCP: packets were lost, start afresh (RFC 1962).
    pub const RESET_REQUEST: Self = Self(14);
    /// CCP: what follows starts afresh (RFC 1962).
    pub const RESET_ACK: Self = Self(15);
}

/// One option of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<'a> {
    /// What it is about.
    pub kind: u8,
    /// Its value, without type and length.
    pub value: &'a [u8],
}

impl Choice<'_> {
    /// Appends it as it stands in a packet.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_option(self.kind, &[self.value], out);
    }
}

/// Appends an option whose value is these parts. Values over 253 octets do not exist: cut.
pub fn push_option(kind: u8, value: &[&[u8]], out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[kind, 0]);
    for part in value {
        out.extend_from_slice(part);
    }
    out.truncate(at + usize::from(u8::MAX));
    let len = u8::try_from(out.len() - at).unwrap_or(u8::MAX);
    if let Some(length) = out.get_mut(at + 1) {
        *length = len;
    }
}

/// The options of a list, in order. Ends at the end or at one whose length is none:
/// [`Choices::is_whole`] tells which.
#[derive(Debug, Clone, Copy)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Over the data of a Configure packet.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Whether all lengths fit. A packet whose lengths do not is dropped as a whole.
    #[must_use]
    pub fn is_whole(mut self) -> bool {
        self.by_ref().for_each(drop);
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Choices<'a> {
    type Item = Choice<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let &[kind, len, ..] = self.rest else { return None };
        let (option, rest) = self.rest.split_at_checked(usize::from(len))?;
        let value = option.get(2..)?;
        self.rest = rest;
        Some(Choice { kind, value })
    }
}

/// Octets before the data of a packet.
pub const HEADER_OCTETS: usize = 4;

/// The most data a packet holds, in octets.
const DATA_OCTETS_MAX: usize = u16::MAX as usize - HEADER_OCTETS;

#[cfg(test)]
mod tests;
