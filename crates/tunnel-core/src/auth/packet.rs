//! The shape that packets of PAP and CHAP share: code, identifier, length, data (RFC 1334
//! section 2.2, RFC 1994 section 4).
//!
//! It must never read past the length a packet states; octets behind it are padding and ignored.
//! What does not fit is `None`.

use alloc::vec::Vec;

/// One packet.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) code: u8,
    pub(super) id: u8,
    pub(super) data: &'a [u8],
}

impl<'a> Packet<'a> {
    pub(super) fn parse(octets: &'a [u8]) -> Option<Self> {
        let [code, id, high, low] = *octets.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        Some(Self { code, id, data: octets.get(4..length)? })
    }

    /// Appends a packet whose data are `parts` in a row. Parts are short by construction: names,
    /// values and texts have their limits; what a length field could not hold is cut.
    pub(super) fn write(code: u8, id: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
        let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        let end = out.len() + usize::from(length);
        out.extend([code, id]);
        out.extend(length.to_be_bytes());
        parts.iter().for_each(|part| out.extend(*part));
        out.truncate(end);
    }
}

/// Splits off a field whose first octet is its length.
pub(super) fn counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The octet that counts a field; fields longer than 255 are cut by the caller.
pub(super) fn count(field: &[u8]) -> (u8, &[u8]) {
    let cut = field.get(..usize::from(u8::MAX)).unwrap_or(field);
    (u8::try_from(cut.len()).unwrap_or(u8::MAX), cut)
}
