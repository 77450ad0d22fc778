//! Where in a C library's record of a stream (`FILE`) each field is.
//!
//! glibc: `struct _IO_FILE` of `libio/bits/types/struct_FILE.h`, unchanged since 2.1, because the
//! structure is part of its binary interface. musl: `struct _IO_FILE` of
//! `src/internal/stdio_impl.h`; the fields up to the descriptor are as they were in 2012, but
//! nobody promises that, so a record is believed only where its pointers agree with each other.

use super::{Buffering, Library};
use crate::elf::Width;

/// What a record says; addresses in the process it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Where the buffer begins and ends; both 0 while there is none.
    pub(super) buffer: (u64, u64),
    /// What is in it to be written; equal when there is nothing.
    pub(super) pending: (u64, u64),
    /// The next record of the list; 0: none.
    pub(super) next: u64,
    pub(super) descriptor: i32,
    pub(super) buffering: Buffering,
    /// Where the record of wide characters is, of a stream that has been printed such.
    pub(super) wide: Option<u64>,
}

/// Bytes of a record that are read.
pub(super) const fn record_bytes(library: Library, width: Width) -> usize {
    match (library, width) {
        (Library::Glibc, Width::Eight) => 216,
        (Library::Glibc, Width::Four) => 148,
        (Library::Musl, Width::Eight) => 152,
        (Library::Musl, Width::Four) => 88,
    }
}

/// Reads a record. `None`: too short, or no glibc record, which begins with a magic number.
pub(super) fn decode(library: Library, width: Width, bytes: &[u8]) -> Option<Record> {
    let fields = Fields { bytes, width };
    match library {
        Library::Glibc => glibc(&fields),
        Library::Musl => musl(&fields),
    }
}

/// Pending text of a stream of wide characters, each of 4 bytes: first and last address.
///
/// glibc's `struct _IO_wide_data` begins with pointers in the order of `struct _IO_FILE`, without
/// the flags.
pub(super) fn decode_wide(width: Width, bytes: &[u8]) -> Option<(u64, u64)> {
    let fields = Fields { bytes, width };
    let (from, to) = (fields.pointer(3)?, fields.pointer(4)?);
    let (start, end) = (fields.pointer(6)?, fields.pointer(7)?);
    (start != 0 && start <= from && from <= to && to <= end && (to - from).is_multiple_of(4))
        .then_some((from, to))
}

/// Bytes that [`decode_wide`] needs.
pub(super) const fn wide_bytes(width: Width) -> usize {
    match width {
        Width::Eight => 64,
        Width::Four => 32,
    }
}

/// A pointer of that process.
pub(super) fn pointer(width: Width, bytes: &[u8]) -> Option<u64> {
    Fields { bytes, width }.pointer(0)
}

fn glibc(fields: &Fields<'_>) -> Option<Record> {
    let flags = fields.number(0)?.cast_unsigned();
    if flags & MAGIC_MASK != MAGIC {
        return None;
    }
    let buffer = (fields.pointer(7)?, fields.pointer(8)?);
    let (wide, mode) = match fields.width {
        Width::Eight => (160, 192),
        Width::Four => (88, 104),
    };
    let wide = (fields.number(mode)? > 0).then(|| fields.pointer_at(wide)).flatten();
    let buffering = match flags {
        _ if flags & UNBUFFERED != 0 => Buffering::None,
        _ if flags & LINE_BUFFERED != 0 => Buffering::Line,
        // The library asks whether it is a terminal when it makes the buffer.
        _ if buffer.0 == 0 => Buffering::Undecided,
        _ => Buffering::Full,
    };
    Some(Record {
        buffer,
        pending: (fields.pointer(4)?, fields.pointer(5)?),
        next: fields.pointer(13)?,
        descriptor: fields.number(14 * fields.width.bytes())?,
        buffering,
        wide: wide.filter(|address| *address != 0),
    })
}

fn musl(fields: &Fields<'_>) -> Option<Record> {
    let (start, bytes) = (fields.pointer(11)?, fields.pointer(12)?);
    let (pointer, base) = (fields.pointer(5)?, fields.pointer(7)?);
    let size = fields.width.bytes();
    let line_end = fields.number(match fields.width {
        Width::Eight => 144,
        Width::Four => 84,
    })?;
    let buffering = match line_end {
        _ if bytes == 0 => Buffering::None,
        10 => Buffering::Line,
        _ if base == 0 => Buffering::Undecided,
        _ => Buffering::Full,
    };
    Some(Record {
        buffer: (start, start.checked_add(bytes)?),
        // Without a base it is not being written to.
        pending: if base == 0 { (0, 0) } else { (base, pointer) },
        next: fields.pointer(14)?,
        descriptor: fields.number(15 * size)?,
        buffering,
        wide: None,
    })
}

/// Little-endian: the byte order of every machine this runs on.
struct Fields<'a> {
    bytes: &'a [u8],
    width: Width,
}

impl Fields<'_> {
    /// The field that is the `index`th where all are as wide as a pointer.
    fn pointer(&self, index: usize) -> Option<u64> {
        self.pointer_at(index * self.width.bytes())
    }

    fn pointer_at(&self, at: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at + self.width.bytes())?;
        Some(match self.width {
            Width::Four => u64::from(u32::from_le_bytes(bytes.try_into().ok()?)),
            Width::Eight => u64::from_le_bytes(bytes.try_into().ok()?),
        })
    }

    fn number(&self, at: usize) -> Option<i32> {
        Some(i32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?))
    }
}

// libio/libio.h
const MAGIC: u32 = 0xfbad_0000;
const MAGIC_MASK: u32 = 0xffff_0000;
const UNBUFFERED: u32 = 0x0002;
const LINE_BUFFERED: u32 = 0x0200;
