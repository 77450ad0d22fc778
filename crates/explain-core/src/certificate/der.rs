//! The little of DER (X.690) that the parsed form of a certificate does not give: walking raw
//! elements, and writing them again.
//!
//! Reads definite lengths below 2^32 and single-octet tags only; everything else is None. Never
//! recurses, never allocates while reading.

use alloc::vec::Vec;

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    /// The identifier octet.
    pub(super) tag: u8,
    /// The content octets.
    pub(super) content: &'a [u8],
    /// Identifier, length and content.
    pub(super) whole: &'a [u8],
}

/// The first element and what follows it.
pub(super) fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let tag = *bytes.first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let first = *bytes.get(1)?;
    let (length, header) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let octets = bytes.get(2..2 + count)?;
        let length = octets.iter().fold(0usize, |sum, octet| (sum << 8) | usize::from(*octet));
        (length, 2 + count)
    };
    let end = header.checked_add(length)?;
    let content = bytes.get(header..end)?;
    let whole = bytes.get(..end)?;
    Some((Element { tag, content, whole }, bytes.get(end..)?))
}

/// The elements inside `content`, up to the first that cannot be read.
pub(super) fn elements(content: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = content;
    core::iter::from_fn(move || {
        let (found, after) = element(rest)?;
        rest = after;
        Some(found)
    })
}

/// The content of the only element of `bytes` when it has this tag.
pub(super) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, rest) = element(bytes)?;
    (found.tag == tag && rest.is_empty()).then_some(found.content)
}

/// An element with this content.
pub(super) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    let length = content.len();
    let octets = length.to_be_bytes();
    if let (true, Some(last)) = (length < 0x80, octets.last()) {
        out.push(*last);
    } else {
        let used = octets.iter().skip_while(|octet| **octet == 0);
        let count = used.clone().count();
        out.push(0x80 | u8::try_from(count).unwrap_or(0x7f));
        out.extend(used);
    }
    out.extend_from_slice(content);
    out
}

/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `OCTET STRING`.
pub(super) const OCTET_STRING: u8 = 0x04;
/// `OBJECT IDENTIFIER`.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
