//! Bytes in memory as long as they are few, then all of them in a file without a name.
//!
//! The pile never keeps bytes in both places, and in memory never more than it was made for.

use std::os::fd::OwnedFd;

use crate::fault::Fault;
use crate::php::spool::PhpSpool;
use crate::spool::{Reserve, append};

/// Bytes that only grow.
#[derive(Debug)]
pub(crate) struct Pile {
    memory: Vec<u8>,
    memory_max: usize,
    file: Option<OwnedFd>,
    length: u64,
    reserve: Reserve,
}

/// Where the bytes of a pile are.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// All of them.
    Memory(Vec<u8>),
    /// From its beginning.
    File(OwnedFd),
}

impl Bytes {
    /// Those of a pile.
    pub(crate) fn of(pile: Pile) -> Self {
        pile.file.map_or(Self::Memory(pile.memory), Self::File)
    }
}

impl Pile {
    /// An empty one that keeps up to `memory_max` bytes in memory.
    pub(crate) const fn new(memory_max: usize, reserve: Reserve) -> Self {
        Self { memory: Vec::new(), memory_max, file: None, length: 0, reserve }
    }

    /// The `length` bytes of `file`, all there are.
    pub(crate) const fn of_file(file: OwnedFd, length: u64) -> Self {
        let reserve = Reserve::new(None, false);
        Self { memory: Vec::new(), memory_max: 0, file: Some(file), length, reserve }
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, spool: &PhpSpool, bytes: &[u8]) -> Result<(), Fault> {
        let after = self.length + bytes.len() as u64;
        if self.file.is_none() && self.memory.len() + bytes.len() <= self.memory_max {
            self.remember(bytes);
            self.length = after;
            return Ok(());
        }
        if self.file.is_none() {
            let file = spool.anonymous()?;
            append(&file, &self.memory)?;
            self.file = Some(file);
            self.memory = Vec::new();
        }
        if let Some(file) = &self.file {
            self.reserve.ahead(file, after);
            append(file, bytes)?;
        }
        self.length = after;
        Ok(())
    }

    /// Doubles as vectors do, but never beyond what may stay in memory.
    fn remember(&mut self, bytes: &[u8]) {
        let needed = self.memory.len() + bytes.len();
        if needed > self.memory.capacity() {
            let doubled = self.memory.capacity().saturating_mul(2).min(self.memory_max);
            self.memory.reserve_exact(doubled.max(needed) - self.memory.len());
        }
        self.memory.extend_from_slice(bytes);
    }

    /// No more will come.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.memory.shrink_to_fit();
        self.file.as_ref().map_or(Ok(()), |file| self.reserve.give_back(file, self.length))
    }

    /// Bytes in it.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of it in memory.
    #[cfg(test)]
    pub(crate) const fn in_memory(&self) -> usize {
        self.memory.capacity()
    }
}
