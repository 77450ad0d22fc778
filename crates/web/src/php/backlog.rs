//! What PHP has said and the client has not taken yet: in memory while both keep up, in an
//! unlinked file of the spool once the client falls behind.
//!
//! So a slow reader costs a descriptor and disk, not a PHP worker and not memory. The file is
//! given back behind the reader, a hole at a time.
//!
//! How it fails: the disk fills up. What it does not take stays in memory, [`super::room`] sees to
//! it that nothing more is taken from PHP then, and nothing is lost. Any other failure of the disk
//! breaks the answer off.

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
    /// How often a full disk did not take all it was given.
    failures: u32,
}

/// The part that rests on disk. It comes first; memory holds bytes besides only when the disk did
/// not take them.
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
    ///
    /// # Errors
    /// What the file system said, unless it only was full.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(rest) = &mut self.file {
            if self.taken < self.memory.len() {
                self.taken += rest.append(&self.memory[self.taken..], &mut self.spooled)?;
            }
            let mut written = 0;
            if self.taken == self.memory.len() {
                (self.memory, self.taken) = (Vec::new(), 0);
                written = rest.append(bytes, &mut self.spooled)?;
            }
            self.failures += u32::from(written < bytes.len());
            self.memory.extend_from_slice(&bytes[written..]);
            return Ok(());
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether there is more in memory than should wait there, and no file yet.
    pub(crate) fn is_for_a_file(&self) -> bool {
        self.file.is_none() && self.memory.len() - self.taken > REST_BYTES
    }

    /// The client does not take more now: what is too much to hold goes to a file.
    ///
    /// # Errors
    /// What making or writing the file brought; everything still is in memory then.
    pub(crate) fn settle(
        &mut self,
        make: impl FnOnce() -> Result<OwnedFd, crate::fault::Fault>,
    ) -> io::Result<()> {
        if !self.is_for_a_file() {
            return Ok(());
        }
        let file = make().map_err(|fault| io::Error::other(fault.to_string()))?;
        let mut rest = Rest { file, start: 0, end: 0, freed: 0 };
        let held = self.memory.len() - self.taken;
        let mut spooled = self.spooled;
        if rest.append(&self.memory[self.taken..], &mut spooled)? < held {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.spooled = spooled;
        (self.memory, self.taken) = (Vec::new(), 0);
        self.file = Some(rest);
        Ok(())
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

    /// How often the disk was too full for what came.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// What is in memory; all there is when nothing is on disk.
    pub(crate) fn memory(&self) -> &[u8] {
        &self.memory[self.taken..]
    }

    /// Copies the next bytes out; [`Backlog::advance`] takes them away.
    ///
    /// # Errors
    /// What reading the file brought.
    pub(crate) fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        let from_file = match &self.file {
            Some(rest) => rest.peek(out)?,
            None => 0,
        };
        let out = &mut out[from_file..];
        let from_memory = self.memory().len().min(out.len());
        out[..from_memory].copy_from_slice(&self.memory()[..from_memory]);
        Ok(from_file + from_memory)
    }

    /// The client has `bytes` more.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let from_file = self.on_disk().min(bytes as u64);
        if let Some(rest) = &mut self.file {
            rest.start += from_file;
            if rest.start >= rest.end {
                // The reader caught up: memory is enough again, and the disk is free.
                self.file = None;
            } else {
                rest.give_back();
                return;
            }
        }
        self.taken += bytes - usize::try_from(from_file).unwrap_or(bytes);
        if self.taken >= self.memory.len() {
            self.taken = 0;
            // A large piece may have passed; a connection that waits holds no buffer.
            if self.memory.capacity() > REST_BYTES {
                self.memory = Vec::new();
            } else {
                self.memory.clear();
            }
        }
    }
}

impl Rest {
    /// How much of `bytes` the disk took: all, unless it is full. Counts it into `spooled`.
    fn append(&mut self, bytes: &[u8], spooled: &mut u64) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match rustix::io::pwrite(&self.file, &bytes[at..], self.end) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.end += n as u64;
                    *spooled += n as u64;
                    at += n;
                }
                Err(Errno::INTR) => {}
                // The file size limit is no different: it ends once the reader has caught up.
                Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(at)
    }

    /// Copies the next bytes out.
    fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.start).unwrap_or(usize::MAX);
        let most = left.min(out.len());
        let mut at = 0;
        while at < most {
            match rustix::io::pread(&self.file, &mut out[at..most], self.start + at as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => at += n,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(at)
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
mod tests {
    //! Order, counts and the return to memory.
    use super::*;

    fn make() -> Result<OwnedFd, crate::fault::Fault> {
        Ok(tempfile::tempfile().unwrap().into())
    }

    #[test]
    fn bytes_come_out_in_order_through_memory_and_file() {
        let mut backlog = Backlog::default();
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        let mut seed = 7_u32;
        let mut out = vec![0; 50_000];
        for round in 0..400_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = usize::try_from(seed % 40_000).unwrap();
            let piece: Vec<u8> =
                (0..size).map(|i| u8::try_from((i + size) % 251).unwrap()).collect();
            backlog.push(&piece).unwrap();
            sent.extend_from_slice(&piece);
            if round % 3 == 0 {
                backlog.settle(make).unwrap();
            }
            let want = usize::try_from(seed % 47_111).unwrap();
            let n = backlog.peek(&mut out[..want]).unwrap();
            got.extend_from_slice(&out[..n]);
            backlog.advance(n);
            assert_eq!(backlog.len(), (sent.len() - got.len()) as u64);
        }
        assert!(backlog.spooled() > 0, "nothing ever rested on disk");
        while backlog.len() > 0 {
            let n = backlog.peek(&mut out).unwrap();
            got.extend_from_slice(&out[..n]);
            backlog.advance(n);
        }
        assert_eq!(got, sent);
        assert!(backlog.file.is_none() && backlog.memory.capacity() <= REST_BYTES);
    }

    #[test]
    fn a_little_rests_in_memory_and_much_does_not() {
        let mut backlog = Backlog::default();
        backlog.push(&[1; REST_BYTES]).unwrap();
        backlog.settle(|| panic!("no file for so little")).unwrap();
        backlog.push(&[2; 1]).unwrap();
        backlog.settle(make).unwrap();
        assert_eq!(backlog.on_disk(), REST_BYTES as u64 + 1);
        assert!(backlog.memory.capacity() == 0);
    }
}
