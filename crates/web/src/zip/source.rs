//! The bytes of an archive, read one after the other, from any position on.
//!
//! Checksums are found while their files are sent. Whoever begins later lacks those of the files
//! before, and of the file begun in its midst: they come from the worker's memory of checksums, or
//! the files are read for them ([`Work`], in pieces, on a blocking thread).
//!
//! How it fails: a file that is another one now, is gone or shorter is `UnexpectedEof`; then only
//! the end of the connection is honest.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crc32fast::Hasher;
use menshen_web_core::range::ByteRange;
use menshen_web_core::zip::{Part, Place};
use rustix::fs::fstat;

use super::Archive;
use super::walk::Member;

/// A stretch of an archive on its way.
#[derive(Debug)]
pub(crate) struct Source {
    archive: Arc<Archive>,
    at: u64,
    end: u64,
    open: Option<Open>,
    sum: Option<Sum>,
    /// Of entries that were summed or looked up.
    sums: HashMap<usize, u32>,
}

/// What a call of [`Source::fill`] came to.
#[derive(Debug)]
pub(crate) enum Next {
    /// So many bytes were put.
    Bytes(usize),
    /// This must be done first, and given to [`Source::learn`].
    Work(Work),
    /// All was put.
    End,
}

/// A piece of summing.
#[derive(Debug)]
pub(crate) struct Work {
    archive: Arc<Archive>,
    sum: Sum,
    until: u64,
}

/// A file being read.
#[derive(Debug)]
struct Open {
    number: usize,
    fd: OwnedFd,
    /// Exactly as it was found.
    same: bool,
}

/// The checksum of the first bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum {
    number: usize,
    bytes: u64,
    crc: u32,
}

impl Source {
    pub(crate) fn new(archive: Arc<Archive>, range: ByteRange) -> Self {
        let (at, end) = (range.start, range.end);
        Self { archive, at, end, open: None, sum: None, sums: HashMap::new() }
    }

    /// Bytes still to be put.
    pub(crate) const fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Puts what comes next into `out`.
    ///
    /// # Errors
    /// `UnexpectedEof`: a file is not what it was.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> io::Result<Next> {
        let mut filled = 0;
        while filled < out.len() && self.at < self.end {
            let Some(place) = self.archive.layout.at(self.at) else { break };
            if let Some(work) = self.lacks(place) {
                // What is there already need not wait for it.
                return Ok(if filled > 0 { Next::Bytes(filled) } else { Next::Work(work) });
            }
            let left = usize::try_from(place.left.min(self.end - self.at)).unwrap_or(usize::MAX);
            let room = out.get_mut(filled..).unwrap_or_default();
            let count = left.min(room.len());
            let room = room.get_mut(..count).unwrap_or_default();
            match place.part {
                Part::Data(number) => self.read(number, place.skip, room)?,
                part => self.copy(part, place.skip, room),
            }
            filled += count;
            self.at += count as u64;
        }
        Ok(if filled > 0 { Next::Bytes(filled) } else { Next::End })
    }

    /// Takes what [`Work`] has found.
    pub(crate) fn learn(&mut self, sum: Sum) {
        let size = self.member(sum.number).map_or(0, Member::size);
        if sum.bytes == size {
            self.remember(sum.number, sum.crc);
        }
        self.sum = Some(sum);
    }

    /// What must be summed before the bytes at `place` can be put.
    fn lacks(&mut self, place: Place) -> Option<Work> {
        let (number, bytes) = match place.part {
            Part::Header(_) | Part::End => return None,
            // Its sum is asked for if its descriptor is.
            Part::Data(number) if self.end > self.at + place.left => (number, place.skip),
            Part::Data(_) => return None,
            Part::Descriptor(number) | Part::Row(number) => {
                (number, self.member(number).map_or(0, Member::size))
            }
        };
        if bytes == 0 || self.known(number).is_some() {
            return None;
        }
        let sum = self.sum.filter(|sum| sum.number == number && sum.bytes <= bytes);
        let sum = sum.unwrap_or(Sum { number, bytes: 0, crc: 0 });
        let until = bytes.min(sum.bytes + WORK_BYTES);
        let archive = Arc::clone(&self.archive);
        (sum.bytes < bytes).then_some(Work { archive, sum, until })
    }

    /// Data of a file, summed on the way.
    fn read(&mut self, number: usize, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|open| open.number != number) {
            self.open = None;
            let open = open(&self.archive, number)?;
            // Of one that grew since it was found, the bytes that were announced are sent. Whoever
            // begins in its midst has bytes of before, or another's checksum.
            if offset > 0 && !open.same {
                return Err(changed());
            }
            self.open = Some(open);
        }
        let Some(open) = &self.open else { return Err(changed()) };
        read_exactly(&open.fd, offset, out)?;
        let is_same = open.same;
        let end = offset + out.len() as u64;
        let ends = end == self.member(number).map_or(0, Member::size);
        if is_same && self.known(number).is_some() {
            if ends && !self.is_still(number) {
                return Err(changed());
            }
        } else if let Some(sum) = self.sum_to(number, offset) {
            let sum = sum.and(out);
            self.sum = Some(sum);
            if ends {
                self.sums.insert(number, sum.crc);
                if self.is_still(number) {
                    self.remember(number, sum.crc);
                }
            }
        }
        if ends {
            self.open = None;
        }
        Ok(())
    }

    /// The checksum of the first `bytes` of a file; `None`: it was not kept, since nobody will ask
    /// for it.
    fn sum_to(&self, number: usize, bytes: u64) -> Option<Sum> {
        if bytes == 0 {
            return Some(Sum { number, bytes: 0, crc: 0 });
        }
        self.sum.filter(|sum| sum.number == number && sum.bytes == bytes)
    }

    fn is_still(&self, number: usize) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_still(self.member(number)))
    }

    /// A part that is no data.
    fn copy(&self, part: Part, skip: u64, out: &mut [u8]) {
        let mut bytes = Vec::with_capacity(PART_BYTES);
        let layout = &self.archive.layout;
        let crc = |number| self.sums.get(&number).copied().unwrap_or(0);
        match part {
            Part::Header(number) => layout.header(number, &mut bytes),
            Part::Descriptor(number) => layout.descriptor(number, crc(number), &mut bytes),
            Part::Row(number) => layout.row(number, crc(number), &mut bytes),
            Part::End => layout.finish(&mut bytes),
            Part::Data(_) => {}
        }
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let from = bytes.get(skip..).and_then(|rest| rest.get(..out.len()));
        if let Some(from) = from {
            out.copy_from_slice(from);
        }
    }

    /// The checksum of an entry, if it was found or remembered.
    fn known(&mut self, number: usize) -> Option<u32> {
        if let Some(crc) = self.sums.get(&number) {
            return Some(*crc);
        }
        let member = *self.member(number)?;
        let crc = MEMORY.with_borrow(|memory| memory.get(&member).copied())?;
        self.sums.insert(number, crc);
        Some(crc)
    }

    fn remember(&mut self, number: usize, crc: u32) {
        self.sums.insert(number, crc);
        let (settled, member) = (self.archive.settled, self.member(number).copied());
        let Some(member) = member.filter(|_| settled) else { return };
        MEMORY.with_borrow_mut(|memory| {
            if memory.len() >= MEMORY_MAX {
                memory.clear();
            }
            memory.insert(member, crc);
        });
    }

    fn member(&self, number: usize) -> Option<&Member> {
        self.archive.members.get(number)
    }
}

impl Work {
    /// Reads and sums.
    ///
    /// # Errors
    /// `UnexpectedEof`: the file is not what it was.
    pub(crate) fn run(self) -> io::Result<Sum> {
        let Self { archive, mut sum, until } = self;
        let open = open(&archive, sum.number)?;
        let mut buffer = vec![0; READ_BYTES];
        while sum.bytes < until {
            let count = usize::try_from(until - sum.bytes).unwrap_or(READ_BYTES).min(READ_BYTES);
            let room = buffer.get_mut(..count).unwrap_or_default();
            read_exactly(&open.fd, sum.bytes, room)?;
            sum = sum.and(room);
        }
        // These bytes were sent already, perhaps by another connection: they must be the same.
        if open.is_still(archive.members.get(sum.number)) { Ok(sum) } else { Err(changed()) }
    }
}

impl Sum {
    fn and(self, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new_with_initial(self.crc);
        hasher.update(bytes);
        Self { bytes: self.bytes + bytes.len() as u64, crc: hasher.finalize(), ..self }
    }
}

impl Open {
    /// Whether it was, and is, exactly what was found.
    fn is_still(&self, member: Option<&Member>) -> bool {
        let now = fstat(&self.fd).ok().map(|stat| Member::of(&stat));
        self.same && now.is_some() && now.as_ref() == member
    }
}

fn open(archive: &Archive, number: usize) -> io::Result<Open> {
    let found = archive.layout.entries().get(number).zip(archive.members.get(number));
    let Some((entry, member)) = found else { return Err(changed()) };
    let opened = archive.root.open(archive.path_of(entry).as_bytes()).map_err(|_| changed())?;
    let now = Member::of(&opened.stat);
    if !member.may_be(&now) {
        return Err(changed());
    }
    Ok(Open { number, fd: opened.fd, same: now == *member })
}

fn read_exactly(fd: &OwnedFd, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(fd, rest, offset + done as u64)? {
            0 => return Err(changed()),
            count => done += count,
        }
    }
    Ok(())
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a file of the archive is not what it was")
}

/// Forgets all checksums.
#[cfg(test)]
pub(super) fn forget() {
    MEMORY.with_borrow_mut(HashMap::clear);
}

thread_local! {
    /// Checksums that this worker has found.
    static MEMORY: RefCell<HashMap<Member, u32>> = RefCell::default();
}

/// About 100 bytes each.
const MEMORY_MAX: usize = 16_384;
/// Most that is read for a checksum before it is looked whether anybody still waits.
const WORK_BYTES: u64 = 64 << 20;
const READ_BYTES: usize = 256 << 10;
/// Enough for most headers and rows.
const PART_BYTES: usize = 256;
