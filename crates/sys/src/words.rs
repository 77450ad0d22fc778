//! The versions of tables as shared memory: a memfd of a header and 65,536 words, made by the
//! guard, mapped by every generation of the sql worker.
//!
//! What a word means is not known here (`sql-core`'s `versions` knows); this only makes the memory,
//! seals its length and maps it. A fresh one is all zero, which says "nothing was ever written".
//!
//! How it fails: no memory, or an inherited descriptor that is something else.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use rustix::fs::{MemfdFlags, Mode, SealFlags};
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// The mapped words; never unmapped.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    all: &'static [AtomicU64],
}

impl Words {
    /// Fresh words, and the descriptor that is handed on.
    ///
    /// # Errors
    /// When the kernel has no memory for them.
    pub fn create() -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("sql-words", flags)?;
        rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
        let file = File::from(fd);
        file.set_len(FILE_BYTES)?;
        // A worker that could shorten it would end every other process that looks at it.
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)?;
        let all = map(&file)?;
        all[1].store(LAYOUT, Relaxed);
        all[0].store(MAGIC, Relaxed);
        Ok((Self { all }, file.into()))
    }

    /// Maps inherited words.
    ///
    /// # Errors
    /// When it is something else or of another version.
    pub fn from_file(file: impl AsFd) -> io::Result<Self> {
        let all = map(file)?;
        if all[0].load(Relaxed) != MAGIC || all[1].load(Relaxed) != LAYOUT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no words of this version"));
        }
        Ok(Self { all })
    }

    /// Header and slots: [`HEADER_WORDS`] + [`SLOT_WORDS`]. The first two words of the header are
    /// this module's.
    #[must_use]
    pub fn all(&self) -> &'static [AtomicU64] {
        self.all
    }

    /// A process ended with writes in flight, whose words it will never settle: nothing that the
    /// words say holds any more. What `sql-core`'s `Versions::retire` does, for the guard.
    pub fn retire(&self) {
        self.all[RETIRED].store(1, SeqCst);
    }
}

fn map(file: impl AsFd) -> io::Result<&'static [AtomicU64]> {
    let size = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    if size < FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the words are too short"));
    }
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh shared mapping chosen by the kernel; it aliases no Rust memory. It is never
    // unmapped, so 'static holds. The memfd is sealed against getting shorter.
    let address = unsafe {
        mmap(std::ptr::null_mut(), FILE_WORDS * 8, protection, MapFlags::SHARED, file, 0)?
    };
    // SAFETY: page-aligned, FILE_WORDS * 8 bytes long as checked above, and only ever accessed as
    // atomics.
    Ok(unsafe { std::slice::from_raw_parts(address.cast::<AtomicU64>(), FILE_WORDS) })
}

/// Words before the first slot: one page.
pub const HEADER_WORDS: usize = 512;

/// Words of slots.
pub const SLOT_WORDS: usize = 65_536;

/// Word of the header that says that the words are over; `sql-core` reads it there.
const RETIRED: usize = 17;
const FILE_WORDS: usize = HEADER_WORDS + SLOT_WORDS;
const FILE_BYTES: u64 = FILE_WORDS as u64 * 8;
const MAGIC: u64 = u64::from_be_bytes(*b"menshenW");
/// Counts up whenever older programs would misread it.
pub const LAYOUT: u64 = 1;

#[cfg(test)]
mod tests;
