//! The layout of a zip file whose members are stored as they are (PKWARE APPNOTE 6.3.10), known to
//! the byte before the first is read: its length, and what stands at any position.
//!
//! Files have bit 3 set: their checksum follows their data, so that a file is read once and while
//! it is sent. Whether the checksum is known already changes no byte, so the layout follows from
//! names, sizes and times alone, and a range of it is the same bytes whenever it is asked for.
//! Folders and empty files have nothing to be summed and no descriptor. Names are UTF-8 (bit 11);
//! times are UTC, to two seconds for DOS and to one in the extra field `UT`. zip64 fields stand
//! only where a number needs them (sizes and offsets from 0xffffffff, entries from 0xffff).
//!
//! This module must never change what it says of an archive that was laid out, nor hold a byte of
//! a file. It fails on what no zip can say: a name above 65,535 bytes, a length above 64 bits.

use alloc::boxed::Box;
use alloc::vec::Vec;

use menshen_base::calendar::{DAY_SECONDS, civil};

/// What becomes a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive, parted by `/`; one that ends in `/` is a folder, which has no size.
    pub name: Box<str>,
    /// Bytes of it.
    pub size: u64,
    /// When it was changed, seconds since 1970.
    pub mtime_unix_s: i64,
}

/// A part of an archive. Numbers are places of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What stands before an entry's data.
    Header(usize),
    /// The data itself.
    Data(usize),
    /// What stands behind the data and has the checksum.
    Descriptor(usize),
    /// The entry's row of the directory.
    Row(usize),
    /// What ends the directory and the file.
    End,
}

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The part.
    pub part: Part,
    /// Bytes of it before the position.
    pub skip: u64,
    /// Bytes of it from the position on, at least 1.
    pub left: u64,
}

/// Why there is no such archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZipError {
    /// A name longer than 65,535 bytes.
    NameTooLong,
    /// Longer than 64 bits can say.
    TooLong,
}

/// An archive laid out.
#[derive(Debug, Clone)]
pub struct Layout {
    entries: Vec<Entry>,
    /// Where each entry's header begins.
    headers: Vec<u64>,
    /// Where each entry's row begins, then where the rows end.
    rows: Vec<u64>,
    length: u64,
}

impl Layout {
    /// Lays out `entries`, in their order.
    ///
    /// # Errors
    /// [`ZipError`].
    pub fn new(entries: Vec<Entry>) -> Result<Self, ZipError> {
        let mut at = 0_u64;
        let mut headers = Vec::with_capacity(entries.len());
        for entry in &entries {
            if entry.name.len() > usize::from(u16::MAX) {
                return Err(ZipError::NameTooLong);
            }
            headers.push(at);
            let around = header_bytes(entry) + descriptor_bytes(entry);
            let bytes = around.checked_add(entry.data_bytes()).ok_or(ZipError::TooLong)?;
            at = at.checked_add(bytes).ok_or(ZipError::TooLong)?;
        }
        let mut rows = Vec::with_capacity(entries.len() + 1);
        for (entry, header) in entries.iter().zip(&headers) {
            rows.push(at);
            at = at.checked_add(row_bytes(entry, *header)).ok_or(ZipError::TooLong)?;
        }
        rows.push(at);
        let mut layout = Self { entries, headers, rows, length: 0 };
        layout.length = at.checked_add(layout.end_bytes()).ok_or(ZipError::TooLong)?;
        Ok(layout)
    }

    /// Bytes of the whole archive.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Its entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What stands at `position`; `None` behind the end.
    #[must_use]
    pub fn at(&self, position: u64) -> Option<Place> {
        let before = |starts: &[u64]| starts.partition_point(|&start| start <= position);
        let found = |part, skip, bytes: u64| {
            let left = bytes.checked_sub(skip).filter(|left| *left > 0)?;
            Some(Place { part, skip, left })
        };
        let (first_row, end) = (self.first_row(), self.end());
        if position >= end {
            return found(Part::End, position - end, self.length - end);
        }
        if position >= first_row {
            let number = before(&self.rows).checked_sub(1)?;
            let (start, next) = (*self.rows.get(number)?, *self.rows.get(number + 1)?);
            return found(Part::Row(number), position - start, next - start);
        }
        let number = before(&self.headers).checked_sub(1)?;
        let (entry, start) = (self.entries.get(number)?, *self.headers.get(number)?);
        let mut skip = position - start;
        let parts = [
            (Part::Header(number), header_bytes(entry)),
            (Part::Data(number), entry.data_bytes()),
            (Part::Descriptor(number), descriptor_bytes(entry)),
        ];
        for (part, bytes) in parts {
            if skip < bytes {
                return found(part, skip, bytes);
            }
            skip -= bytes;
        }
        None
    }

    /// Appends the header of an entry.
    pub fn header(&self, number: usize, out: &mut Vec<u8>) {
        let Some(entry) = self.entries.get(number) else { return };
        let wide = is_wide(entry);
        push4(out, 0x0403_4b50);
        push_manner(entry, wide, out);
        // Bit 3: nothing is said of sum and sizes here. With zip64 both sizes are in the extra
        // field, as zeros, and the descriptor has eight bytes for each.
        push4(out, 0);
        let size = if wide { u32::MAX } else { 0 };
        push4(out, size);
        push4(out, size);
        push2(out, low2(entry.name.len() as u64));
        push2(out, low2(header_bytes(entry) - HEADER_BYTES - entry.name.len() as u64));
        out.extend_from_slice(entry.name.as_bytes());
        if wide {
            push2(out, ZIP64_ID);
            push2(out, 16);
            push8(out, 0);
            push8(out, 0);
        }
        push_time(entry, out);
    }

    /// Appends what stands behind the data of an entry whose CRC-32 is `crc`.
    pub fn descriptor(&self, number: usize, crc: u32, out: &mut Vec<u8>) {
        let Some(entry) = self.entries.get(number).filter(|entry| entry.is_summed()) else {
            return;
        };
        push4(out, 0x0807_4b50);
        push4(out, crc);
        if is_wide(entry) {
            push8(out, entry.size);
            push8(out, entry.size);
        } else {
            push4(out, low4(entry.size));
            push4(out, low4(entry.size));
        }
    }

    /// Appends the directory's row of an entry whose CRC-32 is `crc`.
    pub fn row(&self, number: usize, crc: u32, out: &mut Vec<u8>) {
        let (Some(entry), Some(&offset)) = (self.entries.get(number), self.headers.get(number))
        else {
            return;
        };
        let wide = is_wide(entry);
        let far = offset >= WIDE;
        push4(out, 0x0201_4b50);
        push2(out, MADE_BY);
        push_manner(entry, wide || far, out);
        push4(out, if entry.is_summed() { crc } else { 0 });
        let size = if wide { u32::MAX } else { low4(entry.data_bytes()) };
        push4(out, size);
        push4(out, size);
        push2(out, low2(entry.name.len() as u64));
        push2(out, low2(row_bytes(entry, offset) - ROW_BYTES - entry.name.len() as u64));
        // Comment, disk, internal attributes.
        out.extend_from_slice(&[0; 6]);
        push4(out, if entry.is_folder() { FOLDER_ATTRIBUTES } else { FILE_ATTRIBUTES });
        push4(out, if far { u32::MAX } else { low4(offset) });
        out.extend_from_slice(entry.name.as_bytes());
        if wide || far {
            push2(out, ZIP64_ID);
            push2(out, low2(16 * u64::from(wide) + 8 * u64::from(far)));
            if wide {
                push8(out, entry.size);
                push8(out, entry.size);
            }
            if far {
                push8(out, offset);
            }
        }
        push_time(entry, out);
    }

    /// Appends the end of the directory.
    pub fn finish(&self, out: &mut Vec<u8>) {
        let (start, end) = (self.first_row(), self.end());
        let (count, bytes) = (self.entries.len() as u64, end - start);
        if self.is_wide_end() {
            push4(out, 0x0606_4b50);
            push8(out, END64_BYTES - 12);
            push2(out, MADE_BY);
            push2(out, NEEDS_ZIP64);
            push4(out, 0);
            push4(out, 0);
            push8(out, count);
            push8(out, count);
            push8(out, bytes);
            push8(out, start);
            push4(out, 0x0706_4b50);
            push4(out, 0);
            push8(out, end);
            push4(out, 1);
        }
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        push4(out, 0x0605_4b50);
        push4(out, 0);
        push2(out, count);
        push2(out, count);
        push4(out, u32::try_from(bytes).unwrap_or(u32::MAX));
        push4(out, u32::try_from(start).unwrap_or(u32::MAX));
        push2(out, 0);
    }

    fn first_row(&self) -> u64 {
        self.rows.first().copied().unwrap_or(0)
    }

    fn end(&self) -> u64 {
        self.rows.last().copied().unwrap_or(0)
    }

    fn is_wide_end(&self) -> bool {
        let (start, end) = (self.first_row(), self.end());
        self.entries.len() >= usize::from(u16::MAX) || start >= WIDE || end - start >= WIDE
    }

    fn end_bytes(&self) -> u64 {
        END_BYTES + if self.is_wide_end() { END64_BYTES + LOCATOR_BYTES } else { 0 }
    }
}

impl Entry {
    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// Whether it has data, and so a checksum and a descriptor.
    #[must_use]
    pub fn is_summed(&self) -> bool {
        self.data_bytes() > 0
    }

    fn data_bytes(&self) -> u64 {
        if self.is_folder() { 0 } else { self.size }
    }
}

fn header_bytes(entry: &Entry) -> u64 {
    let wide = if is_wide(entry) { 4 + 16 } else { 0 };
    HEADER_BYTES + entry.name.len() as u64 + wide + time_bytes(entry)
}

fn descriptor_bytes(entry: &Entry) -> u64 {
    match (entry.is_summed(), is_wide(entry)) {
        (false, _) => 0,
        (true, false) => 16,
        (true, true) => 24,
    }
}

fn row_bytes(entry: &Entry, offset: u64) -> u64 {
    let (wide, far) = (is_wide(entry), offset >= WIDE);
    let extra = if wide || far { 4 + 16 * u64::from(wide) + 8 * u64::from(far) } else { 0 };
    ROW_BYTES + entry.name.len() as u64 + extra + time_bytes(entry)
}

fn is_wide(entry: &Entry) -> bool {
    entry.data_bytes() >= WIDE
}

/// Version, flags, method and time: the same in header and row.
fn push_manner(entry: &Entry, zip64: bool, out: &mut Vec<u8>) {
    push2(out, if zip64 { NEEDS_ZIP64 } else { NEEDS });
    push2(out, if entry.is_summed() { UTF8 | SUM_FOLLOWS } else { UTF8 });
    push2(out, STORED);
    let (time, date) = dos_time(entry.mtime_unix_s);
    push2(out, time);
    push2(out, date);
}

/// Time and date as DOS writes them: from 1980 to 2107, to two seconds.
fn dos_time(unix_s: i64) -> (u16, u16) {
    let (year, month, day) = civil(unix_s.div_euclid(DAY_SECONDS));
    let second = unix_s.rem_euclid(DAY_SECONDS);
    let Ok(years @ 0..=127) = u16::try_from(year - 1980) else {
        return if year < 1980 { DOS_FIRST } else { DOS_LAST };
    };
    let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2);
    let date = years << 9 | u16::from(month) << 5 | u16::from(day);
    (u16::try_from(time).unwrap_or(0), date)
}

/// The field `UT` has room for 32 bits, signed.
fn time_bytes(entry: &Entry) -> u64 {
    if i32::try_from(entry.mtime_unix_s).is_ok() { 4 + 5 } else { 0 }
}

/// The field `UT` of Info-ZIP with the time of the last change alone.
fn push_time(entry: &Entry, out: &mut Vec<u8>) {
    let Ok(seconds) = i32::try_from(entry.mtime_unix_s) else { return };
    push2(out, UT_ID);
    push2(out, 5);
    out.push(1);
    push4(out, seconds.cast_unsigned());
}

fn push2(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push4(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn push8(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// What is known to fit.
fn low2(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// What is known to fit.
fn low4(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

const HEADER_BYTES: u64 = 30;
const ROW_BYTES: u64 = 46;
const END_BYTES: u64 = 22;
const END64_BYTES: u64 = 56;
const LOCATOR_BYTES: u64 = 20;

/// From here on a number of 32 bits says that the real one is elsewhere.
const WIDE: u64 = 0xffff_ffff;
const ZIP64_ID: u16 = 1;
const UT_ID: u16 = 0x5455;
/// Of version 2.0 (folders), and of 4.5 (zip64).
const NEEDS: u16 = 20;
const NEEDS_ZIP64: u16 = 45;
/// Unix, so that the attributes' upper half is a mode.
const MADE_BY: u16 = 3 << 8 | 45;
const STORED: u16 = 0;
const SUM_FOLLOWS: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
/// The first and the last time that DOS can say.
const DOS_FIRST: (u16, u16) = (0, 1 << 5 | 1);
const DOS_LAST: (u16, u16) = (23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31);
/// Modes that say nothing of the rights here: `-rw-r--r--` and `drwxr-xr-x`.
const FILE_ATTRIBUTES: u32 = 0o100_644 << 16;
const FOLDER_ATTRIBUTES: u32 = 0o040_755 << 16 | 0x10;

#[cfg(test)]
mod tests;
