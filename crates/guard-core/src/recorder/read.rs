//! Finding the valid records of a file, whatever happened to the rest of it.

use alloc::vec::Vec;

use super::body::Body;
use super::bytes::Take;
use super::layout::{
    FileHead, LastSegment, RECORD_HEAD_BYTES, RECORD_MAGIC, SEGMENT_HEAD_BYTES, Stamp, Status,
    read_segment_head, record_bytes, record_sum, segment_offset, segments, segments_of,
};
use super::{BODY_BYTES_MAX, HEAD_BYTES, Lane, SEGMENT_BYTES, STATUS_OFFSETS};

/// One record.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When it was made.
    pub stamp: Stamp,
    /// The life of the machine it belongs to; `None`: the head of its segment is damaged.
    pub boot_id: Option<[u8; 16]>,
    /// What it tells.
    pub body: Body<'a>,
}

/// What is left of a file.
#[derive(Debug)]
pub struct Recording<'a> {
    /// Its head; `None`: damaged.
    pub head: Option<FileHead>,
    /// What the watch told about itself last.
    pub status: Option<Status>,
    /// All valid records, oldest first, each sequence number once.
    pub records: Vec<Record<'a>>,
    /// Bytes that are neither a record nor empty.
    pub damaged_bytes: u64,
    salt: u64,
    bytes: &'a [u8],
}

/// Neither the head nor any segment is one of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARecording;

/// The head of a file of which at least the first [`HEAD_BYTES`] are given.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<FileHead> {
    FileHead::decode(bytes)
}

/// What the watch told about itself last, from the head page.
#[must_use]
pub fn status(bytes: &[u8]) -> Option<Status> {
    let one = |offset: usize| Status::decode(bytes.get(offset..HEAD_BYTES.min(bytes.len()))?);
    STATUS_OFFSETS.into_iter().filter_map(one).max_by_key(|status| status.version)
}

/// Reads a file, or what is left of it.
///
/// # Errors
/// When nothing in it is one of a recording.
pub fn read(bytes: &[u8]) -> Result<Recording<'_>, NotARecording> {
    let head = head(bytes);
    let salts = salts(bytes, head.as_ref());
    let salt = *salts.first().ok_or(NotARecording)?;
    let mut found = Recording {
        head,
        status: status(bytes),
        records: Vec::new(),
        damaged_bytes: 0,
        salt,
        bytes,
    };
    for (_, segment) in slots(bytes) {
        let boot_id = read_segment_head(segment).map(|(_, _, boot_id)| boot_id);
        let scan = Scan::of(segment, &salts, |stamp, kind, body| {
            found.records.push(Record { stamp, boot_id, body: Body::decode(kind, body) });
        });
        let headless = boot_id.is_none() && scan.filled > SEGMENT_HEAD_BYTES;
        found.damaged_bytes += scan.damaged + if headless { SEGMENT_HEAD_BYTES as u64 } else { 0 };
    }
    found.records.sort_by_key(|record| record.stamp.sequence);
    found.records.dedup_by_key(|record| record.stamp.sequence);
    Ok(found)
}

impl<'a> Recording<'a> {
    /// The word all sums cover.
    #[must_use]
    pub const fn salt(&self) -> u64 {
        self.salt
    }

    /// The newest segment of a lane, for going on; its bytes only if it belongs to `boot_id`.
    #[must_use]
    pub fn last_segment(&self, lane: Lane, boot_id: &[u8; 16]) -> Option<LastSegment<'a>> {
        let places = segments_of(lane, self.bytes.len() as u64);
        let heads = slots(self.bytes)
            .filter(|(place, _)| places.contains(place))
            .filter_map(|(place, segment)| Some((place, segment, read_segment_head(segment)?)));
        let (place, segment, (salt, number, boot)) =
            heads.max_by_key(|(_, _, (_, number, _))| *number)?;
        let same = boot == *boot_id && salt == self.salt;
        let filled = Scan::of(segment, &[salt], |_, _, _| {}).filled;
        Some(LastSegment { place, number, image: same.then_some(segment), filled })
    }
}

/// What was found in one segment.
struct Scan {
    damaged: u64,
    /// Where the last whole record ends.
    filled: usize,
}

impl Scan {
    /// Gives every record of the segment to `found`. Behind one that is not whole, the next one is
    /// looked for at every 8 bytes.
    fn of<'a>(
        segment: &'a [u8],
        salts: &[u64],
        mut found: impl FnMut(Stamp, u16, &'a [u8]),
    ) -> Self {
        let mut scan = Self { damaged: 0, filled: SEGMENT_HEAD_BYTES };
        let mut at = SEGMENT_HEAD_BYTES;
        let mut work = WORK_BYTES_MAX;
        while let Some(rest) = segment.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some((stamp, kind, body)) = record(rest, salts, &mut work) {
                found(stamp, kind, body);
                at += record_bytes(body.len());
                scan.filled = at.min(segment.len());
                continue;
            }
            let step = rest.get(..8).unwrap_or(rest);
            if step.iter().any(|byte| *byte != 0) {
                scan.damaged += step.len() as u64;
            }
            at += 8;
        }
        scan
    }
}

/// The record at the front; `work` is what may still be spent on sums that turn out wrong.
fn record<'a>(bytes: &'a [u8], salts: &[u64], work: &mut usize) -> Option<(Stamp, u16, &'a [u8])> {
    let mut from = Take(bytes);
    if from.array()? != RECORD_MAGIC {
        return None;
    }
    let length = usize::try_from(from.u32()?).ok().filter(|length| *length <= BODY_BYTES_MAX)?;
    let stamp = Stamp { sequence: from.u64()?, wall_micros: from.u64()?, mono_micros: from.u64()? };
    let kind = u16::try_from(from.u32()?).ok()?;
    let sum = from.u32()?;
    let body = from.bytes(length)?;
    let head = bytes.get(..RECORD_HEAD_BYTES - 4)?;
    for &salt in salts {
        if *work < body.len() {
            return None;
        }
        if record_sum(salt, head, body) == sum {
            return Some((stamp, kind, body));
        }
        *work -= body.len() + RECORD_HEAD_BYTES.min(*work - body.len());
    }
    None
}

/// The segments with their places; the last one may be cut.
fn slots(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let count = segments(bytes.len() as u64) + 1;
    (0..count).filter_map(|place| {
        let from = usize::try_from(segment_offset(place)).ok()?;
        let rest = bytes.get(from..)?;
        Some((place, rest.get(..SEGMENT_BYTES).unwrap_or(rest)))
    })
}

/// Salts that may be this file's: its head's first. A file has one; more are left only by a file
/// that was made anew over an old one.
fn salts(bytes: &[u8], head: Option<&FileHead>) -> Vec<u64> {
    let mut salts: Vec<u64> = head.map(|head| head.salt).into_iter().collect();
    for (_, segment) in slots(bytes) {
        if let Some((salt, _, _)) = read_segment_head(segment)
            && !salts.contains(&salt)
            && salts.len() < SALTS_MAX
        {
            salts.push(salt);
        }
    }
    salts
}

const SALTS_MAX: usize = 2;
/// Bytes summed in vain per segment: hostile bytes cannot make reading slow.
const WORK_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests;
