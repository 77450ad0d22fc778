//! Entries in chunks that never move, threaded on two queues.
//!
//! Chunks instead of one vector: growth copies nothing, so it stalls nobody who waits for the lock.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Entry;

/// Which queue an entry is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Line {
    /// New ones: leave soon if nobody asks for them again.
    Small,
    /// Those that were asked for again.
    Main,
}

/// Entries by number.
#[derive(Debug)]
pub(super) struct Slab {
    chunks: Vec<Box<[Cell]>>,
    free: u32,
    lines: [Ends; 2],
    len: usize,
}

#[derive(Debug)]
enum Cell {
    Free { next: u32 },
    Used(Entry),
}

/// Oldest first; numbers, [`NONE`] when empty.
#[derive(Debug, Clone, Copy)]
struct Ends {
    oldest: u32,
    newest: u32,
}

impl Slab {
    pub(super) const fn new() -> Self {
        let ends = Ends { oldest: NONE, newest: NONE };
        Self { chunks: Vec::new(), free: NONE, lines: [ends; 2], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Numbers are below this.
    pub(super) fn end(&self) -> u32 {
        u32::try_from(self.chunks.len() * CHUNK).unwrap_or(NONE)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Entry> {
        let (chunk, at) = place(number);
        match self.chunks.get(chunk)?.get(at)? {
            Cell::Used(entry) => Some(entry),
            Cell::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Entry> {
        let (chunk, at) = place(number);
        match self.chunks.get_mut(chunk)?.get_mut(at)? {
            Cell::Used(entry) => Some(entry),
            Cell::Free { .. } => None,
        }
    }

    /// Adds an entry as the newest of a queue.
    pub(super) fn insert(&mut self, entry: Entry, line: Line) -> u32 {
        if self.free == NONE {
            self.grow();
        }
        let number = self.free;
        let (chunk, at) = place(number);
        let cell = &mut self.chunks[chunk][at];
        if let Cell::Free { next } = cell {
            self.free = *next;
        }
        *cell = Cell::Used(entry);
        self.len += 1;
        self.append(number, line);
        number
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Entry> {
        self.get(number)?;
        self.unlink(number);
        let (chunk, at) = place(number);
        let free = Cell::Free { next: self.free };
        let Cell::Used(entry) = core::mem::replace(&mut self.chunks[chunk][at], free) else {
            return None;
        };
        self.free = number;
        self.len -= 1;
        Some(entry)
    }

    pub(super) fn oldest(&self, line: Line) -> Option<u32> {
        Some(self.lines[line as usize].oldest).filter(|number| *number != NONE)
    }

    /// Makes it the newest of a queue.
    pub(super) fn requeue(&mut self, number: u32, line: Line) {
        self.unlink(number);
        self.append(number, line);
    }

    fn append(&mut self, number: u32, line: Line) {
        let newest = self.lines[line as usize].newest;
        if let Some(entry) = self.get_mut(number) {
            (entry.previous, entry.next, entry.line) = (newest, NONE, line);
        }
        match self.get_mut(newest) {
            Some(before) => before.next = number,
            None => self.lines[line as usize].oldest = number,
        }
        self.lines[line as usize].newest = number;
    }

    fn unlink(&mut self, number: u32) {
        let Some(entry) = self.get(number) else { return };
        let (previous, next, line) = (entry.previous, entry.next, entry.line);
        match self.get_mut(previous) {
            Some(before) => before.next = next,
            None => self.lines[line as usize].oldest = next,
        }
        match self.get_mut(next) {
            Some(after) => after.previous = previous,
            None => self.lines[line as usize].newest = previous,
        }
    }

    fn grow(&mut self) {
        let mut cells = [const { Cell::Free { next: NONE } }; CHUNK];
        for (cell, number) in cells.iter_mut().zip(self.end()..) {
            *cell = Cell::Free { next: self.free };
            self.free = number;
        }
        self.chunks.push(Box::new(cells));
    }
}

fn place(number: u32) -> (usize, usize) {
    let number = number as usize;
    (number / CHUNK, number % CHUNK)
}

const CHUNK: usize = 8;
const NONE: u32 = u32::MAX;
