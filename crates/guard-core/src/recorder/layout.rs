//! Where things are in the file: head page, status, segments of two lanes, records in them.

use alloc::vec::Vec;

use super::bytes::{Put, Take};
use super::{BODY_BYTES_MAX, HEAD_BYTES, SEGMENT_BYTES, STATUS_OFFSETS, TEXT_BYTES_MAX};

/// The head of the file, written when a watch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHead {
    /// Covered by every sum, so that only this file's records pass for records.
    pub salt: u64,
    /// The kernel's `boot_id`.
    pub boot_id: [u8; 16],
    /// When the watch began, microseconds since 1970.
    pub started_micros: u64,
    /// Host name.
    pub host: Vec<u8>,
}

/// What a running watch tells about itself, in the head page; not flushed, so a reset may lose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Grows with each writing; the larger of two is the newer.
    pub version: u64,
    /// The watch; 0: it ended.
    pub pid: u32,
    /// When that process started, clock ticks since the kernel did.
    pub start_ticks: u64,
    /// When this was written, microseconds since 1970.
    pub wall_micros: u64,
    /// Every record up to this one is on disk.
    pub flushed_sequence: u64,
    /// `Killed process` lines recorded since it began.
    pub kill_lines: u64,
    /// The kernel's count since it began.
    pub oom_kills: Option<u64>,
    /// Memory that can be had, KiB.
    pub available_kib: u64,
    /// RAM, KiB.
    pub total_kib: u64,
    /// Pressure of the last 10 s, hundredths of a percent.
    pub some_avg10_centi: Option<u64>,
    /// The level, 0..=3.
    pub level: u8,
    /// Records that could not be written.
    pub dropped: u64,
}

/// A ring of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What is said: the kernel's records, steps, notes. The first half of the segments.
    Words,
    /// Tables of processes. The second half.
    Tables,
}

/// When a record was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Counts up by 1 over both lanes and over restarts.
    pub sequence: u64,
    /// Microseconds since 1970.
    pub wall_micros: u64,
    /// Microseconds of `CLOCK_MONOTONIC`, which the kernel's stamps follow closely.
    pub mono_micros: u64,
}

/// Writes one lane: keeps the segment being filled and says what goes where.
#[derive(Debug)]
pub struct LaneWriter {
    /// Segments of the lane, as places in the file.
    places: core::ops::Range<u64>,
    /// The place being filled.
    place: u64,
    /// Number of the segment being filled.
    number: u64,
    boot_id: [u8; 16],
    salt: u64,
    image: Vec<u8>,
    /// Up to here the image is filled.
    filled: usize,
    /// From here on the file does not have it.
    clean: usize,
    /// The segment was just entered: all of it is to be written.
    entered: bool,
}

/// Segments in a file of `file_bytes`.
#[must_use]
pub const fn segments(file_bytes: u64) -> u64 {
    file_bytes.saturating_sub(HEAD_BYTES as u64) / SEGMENT_BYTES as u64
}

/// The places of a lane's segments.
#[must_use]
pub const fn segments_of(lane: Lane, file_bytes: u64) -> core::ops::Range<u64> {
    let all = segments(file_bytes);
    match lane {
        Lane::Words => 0..all / 2,
        Lane::Tables => all / 2..all,
    }
}

/// Where the segment at `place` begins.
#[must_use]
pub const fn segment_offset(place: u64) -> u64 {
    HEAD_BYTES as u64 + place * SEGMENT_BYTES as u64
}

/// Appends a record to `bytes`; a body longer than [`BODY_BYTES_MAX`] is cut. What is appended is a
/// multiple of 8 bytes.
pub fn encode_record(bytes: &mut Vec<u8>, salt: u64, stamp: Stamp, kind: u16, body: &[u8]) {
    let body = body.get(..BODY_BYTES_MAX).unwrap_or(body);
    let at = bytes.len();
    bytes.extend_from_slice(&RECORD_MAGIC);
    bytes.put_u32(u32::try_from(body.len()).unwrap_or(0));
    bytes.put_u64(stamp.sequence);
    bytes.put_u64(stamp.wall_micros);
    bytes.put_u64(stamp.mono_micros);
    bytes.put_u32(u32::from(kind));
    let head = bytes.get(at..).unwrap_or_default();
    let sum = record_sum(salt, head, body);
    bytes.put_u32(sum);
    bytes.extend_from_slice(body);
    while !(bytes.len() - at).is_multiple_of(8) {
        bytes.push(0);
    }
}

/// Bytes of the file a record with such a body takes.
pub(super) const fn record_bytes(body: usize) -> usize {
    (RECORD_HEAD_BYTES + body).next_multiple_of(8)
}

/// The sum of a record over the file's salt, its head without the sum, and its body.
pub(super) fn record_sum(salt: u64, head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

impl LaneWriter {
    /// Goes on in a lane. `last` is its newest segment: place, number, its bytes and how much of
    /// them is filled, where it is of the same life of the machine; else only place and number.
    #[must_use]
    pub fn new(
        lane: Lane,
        file_bytes: u64,
        head: &FileHead,
        last: Option<LastSegment<'_>>,
    ) -> Self {
        let places = segments_of(lane, file_bytes);
        let mut writer = Self {
            place: places.end.saturating_sub(1).max(places.start),
            places,
            number: 0,
            boot_id: head.boot_id,
            salt: head.salt,
            image: alloc::vec![0; SEGMENT_BYTES],
            filled: 0,
            clean: 0,
            entered: false,
        };
        let Some(last) = last else {
            writer.enter();
            return writer;
        };
        writer.place = last.place;
        writer.number = last.number;
        match last.image.filter(|image| image.len() == SEGMENT_BYTES) {
            Some(image) => {
                writer.image.copy_from_slice(image);
                writer.filled = last.filled.clamp(SEGMENT_HEAD_BYTES, SEGMENT_BYTES);
                // What is behind the last whole record is torn; zeros make an end of it.
                if let Some(rest) = writer.image.get_mut(writer.filled..) {
                    rest.fill(0);
                }
                writer.clean = writer.filled;
                writer.entered = true;
            }
            None => writer.enter(),
        }
        writer
    }

    /// Bytes of the record at the front of what [`encode_record`] appended to; `None`: none is.
    #[must_use]
    pub fn record_bytes_at(records: &[u8]) -> Option<usize> {
        let mut from = Take(records);
        let magic = from.array::<4>()?;
        let body = usize::try_from(from.u32()?).ok().filter(|body| *body <= BODY_BYTES_MAX)?;
        (magic == RECORD_MAGIC).then(|| record_bytes(body))
    }

    /// Adds a record as [`encode_record`] made it. When it does not fit any more, `flush` is given
    /// what is left to be written of this segment before the next is entered.
    ///
    /// # Errors
    /// Those of `flush`.
    pub fn add<E>(
        &mut self,
        record: &[u8],
        mut flush: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.filled + record.len() > SEGMENT_BYTES {
            self.flush(&mut flush)?;
            self.enter();
        }
        if let Some(place) = self.image.get_mut(self.filled..self.filled + record.len()) {
            place.copy_from_slice(record);
            self.filled += record.len();
        }
        Ok(())
    }

    /// Gives `write` offset and bytes of what the file does not have yet.
    ///
    /// # Errors
    /// Those of `write`; the same bytes are given again next time.
    pub fn flush<E>(
        &mut self,
        write: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (from, to) = if self.entered { (0, SEGMENT_BYTES) } else { (self.clean, self.filled) };
        if from < to {
            let bytes = self.image.get(from..to).unwrap_or_default();
            write(segment_offset(self.place) + from as u64, bytes)?;
        }
        self.clean = self.filled;
        self.entered = false;
        Ok(())
    }

    fn enter(&mut self) {
        let next = self.place + 1;
        self.place = if next < self.places.end { next } else { self.places.start };
        self.number += 1;
        self.image.fill(0);
        let head = segment_head(self.salt, self.number, &self.boot_id);
        if let Some(place) = self.image.get_mut(..SEGMENT_HEAD_BYTES) {
            place.copy_from_slice(&head);
        }
        self.filled = SEGMENT_HEAD_BYTES;
        self.clean = 0;
        self.entered = true;
    }
}

/// The newest segment of a lane, for going on.
#[derive(Debug, Clone, Copy)]
pub struct LastSegment<'a> {
    /// Its place.
    pub place: u64,
    /// Its number.
    pub number: u64,
    /// Its bytes, when records are to be added to it.
    pub image: Option<&'a [u8]>,
    /// Up to here they are whole.
    pub filled: usize,
}

fn segment_head(salt: u64, number: u64, boot_id: &[u8; 16]) -> [u8; SEGMENT_HEAD_BYTES] {
    let mut bytes = Vec::with_capacity(SEGMENT_HEAD_BYTES);
    bytes.extend_from_slice(&SEGMENT_MAGIC);
    bytes.put_u64(salt);
    bytes.put_u64(number);
    bytes.extend_from_slice(boot_id);
    bytes.put_u32(FORMAT);
    let sum = crc32fast::hash(&bytes);
    bytes.put_u32(sum);
    let mut head = [0; SEGMENT_HEAD_BYTES];
    if let Some(place) = head.get_mut(..bytes.len()) {
        place.copy_from_slice(&bytes);
    }
    head
}

/// Salt, number and boot of a segment's head; `None` for any other bytes.
pub(super) fn read_segment_head(bytes: &[u8]) -> Option<(u64, u64, [u8; 16])> {
    let sum = crc32fast::hash(bytes.get(..44)?);
    let mut from = Take(bytes);
    if from.array()? != SEGMENT_MAGIC {
        return None;
    }
    let (salt, number, boot_id) = (from.u64()?, from.u64()?, from.array()?);
    (from.u32()? == FORMAT && from.u32()? == sum).then_some((salt, number, boot_id))
}

impl FileHead {
    /// The bytes for the beginning of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_u64(self.salt);
        body.extend_from_slice(&self.boot_id);
        body.put_u64(self.started_micros);
        body.put_text(&self.host, 255);
        framed(FILE_MAGIC, &body)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = unframed(FILE_MAGIC, bytes)?;
        Some(Self {
            salt: from.u64()?,
            boot_id: from.array()?,
            started_micros: from.u64()?,
            host: from.text()?.to_vec(),
        })
    }
}

impl Status {
    /// Where to write, and what.
    #[must_use]
    pub fn encode(&self) -> (u64, Vec<u8>) {
        let mut body = Vec::new();
        body.put_u64(self.version);
        body.put_u32(self.pid);
        body.put_u64(self.start_ticks);
        body.put_u64(self.wall_micros);
        body.put_u64(self.flushed_sequence);
        body.put_u64(self.kill_lines);
        body.put_known(self.oom_kills);
        body.put_u64(self.available_kib);
        body.put_u64(self.total_kib);
        body.put_known(self.some_avg10_centi);
        body.put_u8(self.level);
        body.put_u64(self.dropped);
        let place = if self.version.is_multiple_of(2) { 0 } else { 1 };
        (STATUS_OFFSETS[place] as u64, framed(STATUS_MAGIC, &body))
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = unframed(STATUS_MAGIC, bytes)?;
        Some(Self {
            version: from.u64()?,
            pid: from.u32()?,
            start_ticks: from.u64()?,
            wall_micros: from.u64()?,
            flushed_sequence: from.u64()?,
            kill_lines: from.u64()?,
            oom_kills: from.known()?,
            available_kib: from.u64()?,
            total_kib: from.u64()?,
            some_avg10_centi: from.known()?,
            level: from.u8()?,
            dropped: from.u64()?,
        })
    }
}

/// Magic, format, length, sum, body.
fn framed(magic: [u8; 8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&magic);
    bytes.put_u32(FORMAT);
    bytes.put_text(body, TEXT_BYTES_MAX);
    let sum = crc32fast::hash(&bytes);
    bytes.put_u32(sum);
    bytes
}

fn unframed(magic: [u8; 8], bytes: &[u8]) -> Option<Take<'_>> {
    let mut from = Take(bytes);
    if from.array()? != magic || from.u32()? != FORMAT {
        return None;
    }
    let body = from.text()?;
    let sum = crc32fast::hash(bytes.get(..bytes.len() - from.0.len())?);
    (from.u32()? == sum).then_some(Take(body))
}

/// A change that older readers cannot read gets another number.
const FORMAT: u32 = 1;
const FILE_MAGIC: [u8; 8] = *b"menshenR";
const STATUS_MAGIC: [u8; 8] = *b"menshenS";
const SEGMENT_MAGIC: [u8; 8] = *b"menshenG";
pub(super) const RECORD_MAGIC: [u8; 4] = *b"\xf1mr\x01";
pub(super) const RECORD_HEAD_BYTES: usize = 40;
pub(super) const SEGMENT_HEAD_BYTES: usize = 64;

#[cfg(test)]
mod tests;
