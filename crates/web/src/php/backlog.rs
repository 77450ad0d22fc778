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
}

/// The part that rests on disk; it comes before nothing: while it holds bytes, memory holds none.
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
    /// What the file system said.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(rest) => {
                self.spooled += bytes.len() as u64;
                rest.append(bytes)
            }
            None => {
                self.memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// The client does not take more now: what is too much to hold goes to a file.
    ///
    /// # Errors
    /// What making or writing the file brought.
    pub(crate) fn settle(
        &mut self,
        make: impl FnOnce() -> Result<OwnedFd, crate::fault::Fault>,
    ) -> io::Result<()> {
        if self.file.is_some() || self.memory.len() - self.taken <= REST_BYTES {
            return Ok(());
        }
        let file = make().map_err(|fault| io::Error::other(fault.to_string()))?;
        let mut rest = Rest { file, start: 0, end: 0, freed: 0 };
        rest.append(&self.memory[self.taken..])?;
        self.spooled += rest.end;
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

    /// What is in memory, when nothing is on disk.
    pub(crate) fn memory(&self) -> &[u8] {
        &self.memory[self.taken..]
    }

    /// Copies the next bytes out; [`Backlog::advance`] takes them away.
    ///
    /// # Errors
    /// What reading the file brought.
    pub(crate) fn peek(&self, out: &mut [u8]) -> io::Result<usize> {
        let Some(rest) = self.file.as_ref().filter(|rest| rest.end > rest.start) else {
            let n = self.memory().len().min(out.len());
            out[..n].copy_from_slice(&self.memory()[..n]);
            return Ok(n);
        };
        let left = usize::try_from(rest.end - rest.start).unwrap_or(usize::MAX);
        let most = left.min(out.len());
        let mut at = 0;
        while at < most {
            match rustix::io::pread(&rest.file, &mut out[at..most], rest.start + at as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => at += n,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(at)
    }

    /// The client has `bytes` more.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let on_disk = self.on_disk() > 0;
        if let Some(rest) = self.file.as_mut().filter(|_| on_disk) {
            rest.start += bytes as u64;
            if rest.start >= rest.end {
                // The reader caught up: memory is enough again, and the disk is free.
                self.file = None;
            } else {
                rest.give_back();
            }
            return;
        }
        self.taken += bytes;
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
    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(&self.file, bytes, self.end) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.end += n as u64;
                    bytes = &bytes[n..];
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
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
