//! Byte ranges: what a `Range` field asks of a file of known size, and the frame of
//! `multipart/byteranges` (RFC 9110 §14.1–14.4, §15.3.7, §15.5.17).
//!
//! A `Range` field may always be ignored, so everything that is not clearly a byte range asks for
//! the whole file. This module must never answer with more bytes than the file has (overlapping
//! ranges are merged, CVE-2011-3192), never overflow on positions above 64 bits, and never apply
//! to anything but the bytes of a stored file.

use alloc::vec::Vec;

use crate::response::push_decimal;

/// A non-empty stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte, counted from 0.
    pub start: u64,
    /// One past the last byte; greater than `start`, at most the file's size.
    pub end: u64,
}

impl ByteRange {
    /// Number of bytes, at least 1.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end - self.start
    }
}

/// What to answer to a `Range` field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// 200 with the whole file: another unit, malformed, or an empty file's tail.
    Whole,
    /// 200 with the whole file, and a limit was hit: more than `ranges_max` ranges.
    TooMany,
    /// 416: no range touches the file.
    Unsatisfiable,
    /// 206 with a single range.
    One(ByteRange),
    /// 206 as `multipart/byteranges`: at least two ranges, far enough apart, in the order asked.
    Many(Vec<ByteRange>),
}

/// Reads the value of a `Range` field for a file of `size` bytes.
///
/// Ranges that overlap, touch, or lie closer than the frame around a part would cost become one,
/// at the place of the one asked for first (RFC 9110 §15.3.7.2).
#[must_use]
pub fn parse(header: &[u8], size: u64, ranges_max: usize) -> Ranges {
    let Some(set) = byte_set(header) else { return Ranges::Whole };
    let mut found = Vec::new();
    let mut count = 0_usize;
    let mut tail_of_nothing = false;
    for spec in set.split(|&byte| byte == b',') {
        let spec = trim(spec);
        if spec.is_empty() {
            continue; // RFC 9110 §5.6.1.2: empty list members are ignored
        }
        count += 1;
        if count > ranges_max {
            return Ranges::TooMany;
        }
        match resolve(spec, size) {
            Spec::Malformed => return Ranges::Whole,
            Spec::Outside => {}
            Spec::Empty => tail_of_nothing = true,
            Spec::Inside(range) => found.push(range),
        }
    }
    if tail_of_nothing {
        // `-5` of an empty file is satisfied by its empty self, which no Content-Range can say.
        return Ranges::Whole;
    }
    let merged = coalesce(&found);
    match merged.as_slice() {
        [] => Ranges::Unsatisfiable,
        [one] => Ranges::One(*one),
        _ => Ranges::Many(merged),
    }
}

/// Appends the value of `Content-Range` for one range of a file of `size` bytes.
pub fn content_range(range: ByteRange, size: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"bytes ");
    push_decimal(out, range.start);
    out.push(b'-');
    push_decimal(out, range.end.saturating_sub(1));
    out.push(b'/');
    push_decimal(out, size);
}

/// Appends the value of `Content-Range` that goes with 416 (RFC 9110 §15.5.17).
pub fn content_range_unsatisfied(size: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"bytes */");
    push_decimal(out, size);
}

/// The frame of a `multipart/byteranges` body: its exact length, part heads and closing line.
///
/// The boundary must not occur in the file after a line end; a random one of 20 or more
/// characters does not.
#[derive(Debug, Clone)]
pub struct MultipartRanges<'a> {
    ranges: &'a [ByteRange],
    size: u64,
    media_type: &'a [u8],
    boundary: &'a [u8],
}

impl<'a> MultipartRanges<'a> {
    /// Frames `ranges` of a file of `size` bytes and type `media_type`.
    #[must_use]
    pub const fn new(
        ranges: &'a [ByteRange],
        size: u64,
        media_type: &'a [u8],
        boundary: &'a [u8],
    ) -> Self {
        Self { ranges, size, media_type, boundary }
    }

    /// Appends the value of `Content-Type` for the whole answer.
    pub fn content_type(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"multipart/byteranges; boundary=");
        out.extend_from_slice(self.boundary);
    }

    /// Length in bytes of the whole body, heads and closing line included.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        let mut scratch = Vec::new();
        let mut total = 0_u64;
        for index in 0..self.ranges.len() {
            scratch.clear();
            self.part_head(index, &mut scratch);
            total = total.saturating_add(scratch.len() as u64);
            total = total.saturating_add(self.ranges[index].bytes());
        }
        scratch.clear();
        self.closing(&mut scratch);
        total.saturating_add(scratch.len() as u64)
    }

    /// Appends what precedes the bytes of range `index`; nothing when there is no such range.
    pub fn part_head(&self, index: usize, out: &mut Vec<u8>) {
        let Some(range) = self.ranges.get(index) else { return };
        if index > 0 {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--");
        out.extend_from_slice(self.boundary);
        out.extend_from_slice(b"\r\nContent-Type: ");
        out.extend_from_slice(self.media_type);
        out.extend_from_slice(b"\r\nContent-Range: ");
        content_range(*range, self.size, out);
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Appends what follows the last range.
    pub fn closing(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n--");
        out.extend_from_slice(self.boundary);
        out.extend_from_slice(b"--\r\n");
    }
}

enum Spec {
    Malformed,
    /// Well-formed, but touches no byte.
    Outside,
    /// A tail of an empty file.
    Empty,
    Inside(ByteRange),
}

/// What follows `bytes=`; `None` for other units and for no unit at all.
fn byte_set(header: &[u8]) -> Option<&[u8]> {
    let header = trim(header);
    let (unit, set) = header.split_at_checked(UNIT.len())?;
    unit.eq_ignore_ascii_case(UNIT).then_some(set)
}

fn resolve(spec: &[u8], size: u64) -> Spec {
    let Some(dash) = spec.iter().position(|&byte| byte == b'-') else { return Spec::Malformed };
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        return match position(last) {
            None => Spec::Malformed,
            Some(0) => Spec::Outside,
            Some(_) if size == 0 => Spec::Empty,
            Some(tail) => Spec::Inside(ByteRange { start: size.saturating_sub(tail), end: size }),
        };
    }
    let Some(start) = position(first) else { return Spec::Malformed };
    let end = if last.is_empty() {
        size
    } else {
        match position(last) {
            Some(last) if last >= start => last.saturating_add(1).min(size),
            _ => return Spec::Malformed,
        }
    };
    if start >= size { Spec::Outside } else { Spec::Inside(ByteRange { start, end }) }
}

/// A position of one or more digits; what exceeds 64 bits lies beyond every file, so it saturates.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |value, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    }))
}

fn coalesce(ranges: &[ByteRange]) -> Vec<ByteRange> {
    if let [one] = ranges {
        return Vec::from([*one]);
    }
    let mut sorted: Vec<(usize, ByteRange)> = ranges.iter().copied().enumerate().collect();
    sorted.sort_unstable_by_key(|(place, range)| (range.start, *place));
    let mut merged: Vec<(usize, ByteRange)> = Vec::with_capacity(sorted.len());
    for (place, range) in sorted {
        match merged.last_mut() {
            Some((first, before)) if range.start < before.end.saturating_add(GAP_BYTES_MIN) => {
                before.end = before.end.max(range.end);
                *first = place.min(*first);
            }
            _ => merged.push((place, range)),
        }
    }
    merged.sort_unstable_by_key(|(place, _)| *place);
    merged.into_iter().map(|(_, range)| range).collect()
}

fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

const UNIT: &[u8] = b"bytes=";
/// About what a part head costs: sending a shorter gap is cheaper than framing around it.
const GAP_BYTES_MIN: u64 = 80;

#[cfg(test)]
mod tests;
