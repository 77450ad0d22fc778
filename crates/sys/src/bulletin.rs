//! A bulletin: a file in memory that one process posts to and others read, whole or not at all.
//!
//! For what changes rarely and must reach running processes without a restart: certificates,
//! challenges of authorities. Layout: a head of 32 bytes (magic, version, length, CRC-32), then the
//! text. The version is odd while a post is under way; a reader that meets that, or a text that
//! does not fit its sum, tries again. Versions only grow, so one `pread` of the head tells whether
//! there is something new.
//!
//! How it fails: a poster that dies in the middle leaves an odd version, and readers keep what they
//! had; the next post repairs it. A reader can hold nobody up.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};

/// The side that posts; there is one per bulletin.
#[derive(Debug)]
pub struct Bulletin {
    file: File,
    version: u64,
}

/// A side that reads.
#[derive(Debug)]
pub struct BulletinReader {
    file: File,
}

impl Bulletin {
    /// An empty bulletin, version 0. `name` shows in `/proc/PID/fd` only.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn create(name: &str) -> io::Result<Self> {
        let fd = memfd_create(name, MemfdFlags::CLOEXEC)?;
        // Nobody but root may open it anew through /proc; those who hold it do not need to.
        fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
        Self::begin(fd.into(), 0)
    }

    /// Goes on posting to an inherited bulletin.
    ///
    /// # Errors
    /// What the kernel says; `InvalidData` when it is no bulletin.
    pub fn adopt(fd: OwnedFd) -> io::Result<Self> {
        let file = File::from(fd);
        let version = head(&file)?.version;
        // Whoever posted before may have died in the middle.
        Ok(Self { file, version: version.next_multiple_of(2) })
    }

    fn begin(file: File, version: u64) -> io::Result<Self> {
        let head = Head { version, length: 0, sum: sum(&[]) };
        file.write_all_at(&head.bytes(), 0)?;
        Ok(Self { file, version })
    }

    /// Replaces what is posted; gives the new version, even and larger than all before.
    ///
    /// # Errors
    /// A text longer than [`BULLETIN_BYTES_MAX`], or what the kernel says.
    pub fn post(&mut self, text: &[u8]) -> io::Result<u64> {
        if text.len() > BULLETIN_BYTES_MAX {
            return Err(io::Error::other("the bulletin would be longer than 16 MiB"));
        }
        let length = text.len() as u64;
        let posting = Head { version: self.version + 1, length, sum: sum(text) };
        self.file.write_all_at(&posting.bytes(), 0)?;
        self.file.write_all_at(text, HEAD_BYTES as u64)?;
        self.version += 2;
        let posted = Head { version: self.version, ..posting };
        self.file.write_all_at(&posted.bytes(), 0)?;
        // What a longer text left behind may be a key.
        self.file.set_len(HEAD_BYTES as u64 + length)?;
        Ok(self.version)
    }

    /// Version of what is posted.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl AsFd for Bulletin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl BulletinReader {
    /// Reads the bulletin behind an inherited descriptor.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { file: File::from(fd) }
    }

    /// Version of what is posted; odd while a post is under way. One system call.
    ///
    /// # Errors
    /// What the kernel says; `InvalidData` when it is no bulletin.
    pub fn version(&self) -> io::Result<u64> {
        Ok(head(&self.file)?.version)
    }

    /// Length in bytes of what is posted; 0 before the first post.
    ///
    /// # Errors
    /// As [`Self::version`].
    pub fn length(&self) -> io::Result<u64> {
        Ok(head(&self.file)?.length)
    }

    /// What is posted, with its version. A post under way is waited for, 50 ms at most.
    ///
    /// # Errors
    /// `WouldBlock` when no whole text could be read, else as [`Self::version`].
    pub fn read(&self) -> io::Result<(u64, Vec<u8>)> {
        for _ in 0..TRIES {
            let before = head(&self.file)?;
            if before.version.is_multiple_of(2) {
                let length = usize::try_from(before.length).unwrap_or(usize::MAX);
                let mut text = vec![0; length.min(BULLETIN_BYTES_MAX)];
                let read = self.file.read_exact_at(&mut text, HEAD_BYTES as u64);
                let unchanged = head(&self.file)? == before;
                if read.is_ok() && unchanged && sum(&text) == before.sum {
                    return Ok((before.version, text));
                }
            }
            std::thread::sleep(PAUSE);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    version: u64,
    length: u64,
    sum: u32,
}

impl Head {
    fn bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.version.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.sum.to_le_bytes());
        bytes
    }
}

fn head(file: &File) -> io::Result<Head> {
    let mut bytes = [0; HEAD_BYTES];
    file.read_exact_at(&mut bytes, 0)?;
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(word)
    };
    if bytes[..8] != *MAGIC {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let [a, b, c, d] = [bytes[24], bytes[25], bytes[26], bytes[27]];
    Ok(Head { version: word(8), length: word(16), sum: u32::from_le_bytes([a, b, c, d]) })
}

fn sum(text: &[u8]) -> u32 {
    crc32fast::hash(text)
}

/// Most that can be posted: thousands of certificates.
pub const BULLETIN_BYTES_MAX: usize = 16 << 20;

const MAGIC: &[u8; 8] = b"menshenB";
const HEAD_BYTES: usize = 32;
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
