//! The posture: one page of shared memory that says which steps against memory shortage hold.
//!
//! The watch writes it, the guard reads it and adds what came of its part, workers read it at every
//! upload. Words are atomics with relaxed order: each stands for itself. Workers map it for reading
//! only, so that none of them can make the others refuse uploads or the guard end processes; what
//! came of their part is in counters of their own slots of the scoreboard.
//!
//! How it fails: a watch that dies leaves its last posture behind; the guard clears it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Reading side: workers, `menshen status`.
#[derive(Debug, Clone, Copy)]
pub struct PostureView {
    words: &'static [AtomicU64],
}

/// Writing side: watch and guard.
#[derive(Debug, Clone, Copy)]
pub struct Posture {
    view: PostureView,
}

/// One step as the posture shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepView {
    /// Since when it holds, milliseconds since 1970; 0: it does not.
    pub since_unix_ms: u64,
    /// How often it was taken.
    pub taken: u64,
    /// Bytes that were more available after it the last time.
    pub freed_last: u64,
    /// The same, of all times.
    pub freed: u64,
}

/// Single words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Word {
    /// Process id of the watch; 0: none runs.
    WatchPid = 2,
    /// When the watch last looked, milliseconds since 1970.
    Beat = 3,
    /// Since when uploads are refused, milliseconds since 1970; 0: they are taken.
    UploadsRefused = 4,
    /// Seconds that refused uploads are told to wait.
    RetryAfterSeconds = 5,
    /// Grows by one each time workers are to give back what they can.
    ShrinkEpoch = 6,
    /// From which resident size on children of the managed php-fpm end after their request, bytes;
    /// 0: none does.
    PhpBytes = 7,
    /// Children of php-fpm the guard asked to end. Written by the guard.
    PhpAsked = 8,
    /// Children of php-fpm that ended so. Written by the guard.
    PhpEnded = 9,
    /// What those had resident when they were asked, bytes. Written by the guard.
    PhpFreed = 10,
    /// Available bytes of the last reading.
    Available = 11,
    /// Bytes there are in all, of the same.
    Total = 12,
    /// Share of time tasks waited for memory, per mille; [`UNKNOWN`] without PSI.
    Pressure = 13,
    /// 1 when the tightest limit is that of a control group, 0 for the machine.
    OfCgroup = 14,
    /// Processes whose protection is in force.
    Protected = 15,
    /// Programs of `[[guard.protect]]` whose score could not be set.
    Unprotected = 16,
    /// Oom events of held groups that ended with a choice of ours.
    Held = 17,
}

impl Posture {
    /// A fresh page as a file, 0600, for `menshen status` to find; replaces an old one.
    ///
    /// # Errors
    /// When the file cannot be made, sized or mapped.
    pub fn create(path: &Path) -> io::Result<(Self, File)> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok((Self::begin(&file)?, file))
    }

    /// A fresh page that has no name.
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub fn private() -> io::Result<(Self, OwnedFd)> {
        let fd = rustix::fs::memfd_create("posture", MemfdFlags::CLOEXEC)?;
        rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR)?;
        let file = File::from(fd);
        Ok((Self::begin(&file)?, file.into()))
    }

    fn begin(file: &File) -> io::Result<Self> {
        file.set_len(PAGE_BYTES)?;
        let posture = Self::from_file(file)?;
        posture.view.words[1].store(LAYOUT, Relaxed);
        posture.view.words[0].store(MAGIC, Relaxed);
        Ok(posture)
    }

    /// Maps an inherited page for writing.
    ///
    /// # Errors
    /// When it is too short or cannot be mapped.
    pub fn from_file(file: impl AsFd) -> io::Result<Self> {
        let words = map(file, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(Self { view: PostureView { words } })
    }

    /// A descriptor of the same page that can only be read, for workers. Needs `/proc`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read_only(file: impl AsFd) -> io::Result<OwnedFd> {
        use std::os::fd::AsRawFd;
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// The reading side.
    #[must_use]
    pub fn view(&self) -> PostureView {
        self.view
    }

    /// Writes a word.
    pub fn set(&self, word: Word, value: u64) {
        self.view.words[word as usize].store(value, Relaxed);
    }

    /// Adds to a word; gives what it is then.
    pub fn add(&self, word: Word, value: u64) -> u64 {
        self.view.words[word as usize].fetch_add(value, Relaxed).wrapping_add(value)
    }

    /// Notes that step `number` holds since that moment.
    pub fn step_taken(&self, number: usize, since_unix_ms: u64) {
        let words = self.view.step_words(number);
        words[SINCE].store(since_unix_ms.max(1), Relaxed);
        words[TAKEN].fetch_add(1, Relaxed);
        words[FREED_LAST].store(0, Relaxed);
    }

    /// Notes what step `number` freed, beside what was noted before for this time.
    pub fn step_freed(&self, number: usize, bytes: u64) {
        let words = self.view.step_words(number);
        words[FREED_LAST].fetch_add(bytes, Relaxed);
        words[FREED].fetch_add(bytes, Relaxed);
    }

    /// Notes that step `number` does not hold any more.
    pub fn step_left(&self, number: usize) {
        self.view.step_words(number)[SINCE].store(0, Relaxed);
    }

    /// Takes back everything that asks somebody to do something, and says that no watch runs: it
    /// died. What was counted stays.
    pub fn clear(&self) {
        for word in [Word::WatchPid, Word::UploadsRefused, Word::PhpBytes] {
            self.set(word, 0);
        }
        for number in 0..STEPS_MAX {
            self.step_left(number);
        }
    }
}

impl PostureView {
    /// Maps a page for reading.
    ///
    /// # Errors
    /// When it is no posture of this version.
    pub fn from_file(file: impl AsFd) -> io::Result<Self> {
        let words = map(file, ProtFlags::READ)?;
        if words[0].load(Relaxed) != MAGIC || words[1].load(Relaxed) != LAYOUT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no posture of this version"));
        }
        Ok(Self { words })
    }

    /// Opens the file of [`Posture::create`].
    ///
    /// # Errors
    /// When it is missing, or as [`Self::from_file`].
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::from_file(File::open(path)?)
    }

    /// A word.
    #[must_use]
    pub fn get(&self, word: Word) -> u64 {
        self.words[word as usize].load(Relaxed)
    }

    /// How long refused uploads are to wait, seconds; `None`: uploads are taken.
    #[must_use]
    pub fn refuses_uploads(&self) -> Option<u64> {
        (self.get(Word::UploadsRefused) != 0).then(|| self.get(Word::RetryAfterSeconds).max(1))
    }

    /// Step `number`.
    #[must_use]
    pub fn step(&self, number: usize) -> StepView {
        let words = self.step_words(number);
        let word = |at: usize| words[at].load(Relaxed);
        StepView {
            since_unix_ms: word(SINCE),
            taken: word(TAKEN),
            freed_last: word(FREED_LAST),
            freed: word(FREED),
        }
    }

    fn step_words(&self, number: usize) -> &'static [AtomicU64] {
        let at = STEPS_AT + number.min(STEPS_MAX - 1) * STEP_WORDS;
        &self.words[at..at + STEP_WORDS]
    }
}

fn map(file: impl AsFd, protection: ProtFlags) -> io::Result<&'static [AtomicU64]> {
    let size = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    if size < PAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the posture is too short"));
    }
    // SAFETY: a fresh shared mapping chosen by the kernel; it aliases no Rust memory. It is never
    // unmapped, so 'static holds. The page is private to menshen (0600) and never truncated.
    let address = unsafe {
        mmap(std::ptr::null_mut(), PAGE_WORDS * 8, protection, MapFlags::SHARED, file, 0)?
    };
    // SAFETY: page-aligned, PAGE_WORDS * 8 bytes long as checked above, and only ever accessed as
    // atomics. On a read-only mapping PostureView only loads; the writing methods are reached
    // through Posture, which maps for writing.
    Ok(unsafe { std::slice::from_raw_parts(address.cast::<AtomicU64>(), PAGE_WORDS) })
}

/// As [`Word::Pressure`]: the kernel does not say.
pub const UNKNOWN: u64 = u64::MAX;

/// Steps there is room for.
pub const STEPS_MAX: usize = 16;

const PAGE_WORDS: usize = 512;
const PAGE_BYTES: u64 = PAGE_WORDS as u64 * 8;
const MAGIC: u64 = u64::from_be_bytes(*b"menshenP");
/// Counts up whenever older programs would misread it.
pub const LAYOUT: u64 = 1;
const STEPS_AT: usize = 64;
const STEP_WORDS: usize = 8;
const SINCE: usize = 0;
const TAKEN: usize = 1;
const FREED_LAST: usize = 2;
const FREED: usize = 3;

const _: () = assert!(STEPS_AT + STEPS_MAX * STEP_WORDS <= PAGE_WORDS);

#[cfg(test)]
mod tests;
