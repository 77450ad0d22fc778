//! What PHP has said and the client has not taken yet: in memory while both keep up, in an
//! unlinked file of the spool once the client falls behind.
//!
//! So a slow reader costs a descriptor and disk, not a PHP worker and not memory. The file is
//! given back behind the reader, a hole at a time.
//!
//! How it fails: the disk fills up. Then (or at `php_answer_spool_bytes_max`) nothing more is
//! taken from PHP until the client has caught up, which is what everybody else does from the
//! start; nothing is lost.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FallocateFlags, fallocate, ftruncate};
use rustix::io::Errno;

/// Bytes on their way from PHP to a client, in order.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    memory: Vec<u8>,
    /// Bytes of `memory` the client has.
    taken: usize,
    file: Option<Rest>,
    /// Bytes that ever rested in the file.
    spooled: u64,
    /// The disk took no more.
    stuck: bool,
}

/// The part that rests on disk. It comes before what is in memory, which is nothing unless the
/// disk took no more.
#[derive(Debug)]
struct Rest {
    file: OwnedFd,
    start: u64,
    end: u64,
    /// Up to here blocks were given back.
    freed: u64,
}

impl Backlog {
    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let written = match &mut self.file {
            Some(rest) if !self.stuck => rest.append(bytes),
            _ => 0,
        };
        self.spooled += written as u64;
        self.stuck |= self.file.is_some() && written < bytes.len();
        self.memory.extend_from_slice(&bytes[written..]);
    }

    /// Whether there is more in memory than should wait there, and no file yet.
    pub(crate) fn is_for_a_file(&self) -> bool {
        self.file.is_none() && !self.stuck && self.memory().len() > REST_BYTES
    }

    /// The client does not take more now: what is too much to hold goes to a file. Where none can
    /// be made or written it stays, and [`Backlog::is_stuck`].
    pub(crate) fn settle(&mut self, make: impl FnOnce() -> Result<OwnedFd, crate::fault::Fault>) {
        let held = self.memory().len();
        if !self.is_for_a_file() {
            return;
        }
        self.stuck = true;
        let Ok(file) = make() else { return };
        let mut rest = Rest { file, start: 0, end: 0, freed: 0 };
        let written = rest.append(self.memory());
        if written == 0 {
            return;
        }
        self.spooled += rest.end;
        self.stuck = written < held;
        self.memory = self.memory.split_off(self.taken + written);
        self.taken = 0;
        self.file = Some(rest);
    }

    /// Whether the disk took no more: then nothing is to be pushed until all was taken.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Bytes that can be taken now.
    pub(crate) fn len(&self) -> u64 {
        let memory = (self.memory.len() - self.taken) as u64;
        memory + self.file.as_ref().map_or(0, |rest| rest.end - rest.start)
    }

    /// Bytes that rest on disk now.
    pub(crate) fn on_disk(&self) -> u64 {
        self.file.as_ref().map_or(0, |rest| rest.end - rest.start)
    }

    /// Bytes that ever rested on disk.
    pub(crate) const fn spooled(&self) -> u64 {
        self.spooled
    }

    /// What is in memory; it comes behind what is on disk.
    pub(crate) fn memory(&self) -> &[u8] {
        &self.memory[self.taken..]
    }

    /// Copies the next bytes out; [`Backlog::advance`] takes them away. As many as there are and
    /// fit.
    ///
    /// # Errors
    /// What reading the file brought.
    pub(crate) fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        let mut at = 0;
        if let Some(rest) = &self.file {
            let left = usize::try_from(rest.end - rest.start).unwrap_or(usize::MAX);
            let most = left.min(out.len());
            while at < most {
                match rustix::io::pread(&rest.file, &mut out[at..most], rest.start + at as u64) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => at += n,
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let n = self.memory().len().min(out.len() - at);
        out[at..at + n].copy_from_slice(&self.memory()[..n]);
        Ok(at + n)
    }

    /// The client has `bytes` more.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let from_disk = self.on_disk().min(bytes as u64);
        if let Some(rest) = &mut self.file {
            rest.start += from_disk;
            if rest.start >= rest.end {
                // The reader caught up: memory is enough again, and the disk is free.
                self.file = None;
            } else {
                rest.give_back();
            }
        }
        self.taken += bytes - usize::try_from(from_disk).unwrap_or(bytes);
        if self.taken >= self.memory.len() {
            self.taken = 0;
            // A large piece may have passed; a connection that waits holds no buffer.
            if self.memory.capacity() > REST_BYTES {
                self.memory = Vec::new();
            } else {
                self.memory.clear();
            }
        }
        self.stuck &= self.len() > 0;
    }
}

impl Rest {
    /// Writes what the disk takes; returns how much that was.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match rustix::io::pwrite(&self.file, &bytes[at..], self.end) {
                Ok(n) if n > 0 => {
                    self.end += n as u64;
                    at += n;
                }
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
        at
    }

    /// Gives blocks behind the reader back, in large pieces. A file system that cannot keeps them
    /// until the end.
    fn give_back(&mut self) {
        let behind = self.start - self.freed;
        if behind < HOLE_BYTES {
            return;
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(&self.file, flags, self.freed, behind);
        self.freed = self.start;
    }
}

impl Drop for Rest {
    /// Freeing a large file takes long enough to hold up other connections; an empty one is
    /// freed at once by whoever closes it.
    fn drop(&mut self) {
        if self.end - self.freed < HOLE_BYTES {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if let Ok(file) = self.file.try_clone() {
            runtime.spawn_blocking(move || ftruncate(&file, 0));
        }
    }
}

/// Most that is held in memory for a client that does not take it, bytes.
pub(crate) const REST_BYTES: usize = 16 << 10;
const HOLE_BYTES: u64 = 8 << 20;

#[cfg(test)]
mod tests;
