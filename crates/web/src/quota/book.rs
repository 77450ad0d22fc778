//! The book of one quota: a file of JSON, changed under its lock.
//!
//! It is never flushed: after a loss of power, and when it cannot be read, it says that nothing was
//! counted yet. A process that holds room is known by its number and its start, so that what the
//! dead held is given back.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, ftruncate, openat};
use rustix::io::{Errno, pread, pwrite};
use serde::{Deserialize, Serialize};

use super::Sum;
use crate::fault::Fault;
use crate::php::digests::hex;

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    /// Of another boot it says nothing.
    boot: String,
    /// When the last count ended, unix seconds; 0: never.
    pub(super) counted: u64,
    /// Whether a count is under way, or was when its process ended.
    counting: bool,
    /// Whether something changed meanwhile, so that it may say too much.
    pub(super) stirred: bool,
    /// What rests.
    pub(super) rests: Sum,
    /// Held by uploads that can be resumed.
    pub(super) uploads: Sum,
    /// What came to rest, and what such uploads took, since the count under way began.
    pub(super) rests_since: Sum,
    pub(super) uploads_since: Sum,
    /// Held by requests.
    held: Vec<(Who, Sum)>,
}

/// How long a book that somebody else has open is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// On a thread that serves connections.
    Never,
    /// On a thread that may block.
    Shortly,
}

/// A process, or one of several in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Who {
    pid: u32,
    /// Ticks since the boot.
    start: u64,
    #[serde(default)]
    part: u32,
}

/// An open, locked book.
#[derive(Debug)]
pub(super) struct Locked {
    file: OwnedFd,
    /// Whoever opened it.
    me: Who,
    /// Whether something else is written there of it.
    stale: bool,
    pub(super) book: Book,
}

impl Book {
    /// What counts against the quota.
    pub(super) fn all(&self) -> Sum {
        let held = self.held.iter().fold(Sum::default(), |all, (_, sum)| all.plus(*sum));
        self.rests.plus(self.uploads).plus(held)
    }

    /// All that the requests of `who` hold is `sum`. Whether that is news.
    fn holds(&mut self, who: Who, sum: Sum) -> bool {
        let before = self.held.iter().find(|(one, _)| *one == who).map(|(_, held)| *held);
        if before.unwrap_or_default() == sum {
            return false;
        }
        self.held.retain(|(one, _)| *one != who);
        if sum != Sum::default() {
            self.held.push((who, sum));
        }
        true
    }

    /// An upload that can be resumed takes room.
    pub(super) fn upload_made(&mut self, sum: Sum) {
        self.uploads = self.uploads.plus(sum);
        self.uploads_since = self.uploads_since.plus(sum);
        self.stirred |= self.counting;
    }

    /// Such an upload is gone, or stands.
    pub(super) fn upload_gone(&mut self, sum: Sum) {
        self.uploads = self.uploads.minus(sum);
        self.stirred |= self.counting;
    }

    /// Something came to rest, perhaps in another's place.
    pub(super) fn came(&mut self, sum: Sum, replaced: Option<Sum>) {
        self.rests = self.rests.plus(sum).minus(replaced.unwrap_or_default());
        self.rests_since = self.rests_since.plus(sum);
        self.stirred |= self.counting;
    }

    /// Something went.
    pub(super) fn went(&mut self, sum: Sum) {
        self.rests = self.rests.minus(sum);
        self.stirred |= self.counting;
    }

    /// A count begins.
    pub(super) fn begin(&mut self) {
        (self.rests_since, self.uploads_since) = <_>::default();
        (self.counting, self.stirred) = (true, false);
    }

    /// A count ends with these.
    pub(super) fn end(&mut self, rests: Sum, uploads: Sum, now: u64) {
        self.rests = rests.plus(self.rests_since);
        self.uploads = uploads.plus(self.uploads_since);
        self.counted = now.max(1);
        self.counting = false;
    }
}

impl Locked {
    /// Opens and locks; the dead are struck out, and what `me` holds is `held`.
    ///
    /// # Errors
    /// [`Fault::Busy`]: somebody else has it, and nobody waits.
    pub(super) fn open(
        folder: &OwnedFd,
        name: &str,
        (me, held): (Who, Sum),
        wait: Wait,
    ) -> Result<Self, Fault> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat(folder, name, flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(Fault::from_errno)?;
        lock(&file, wait)?;
        let mut text = Vec::new();
        read(&file, &mut text).map_err(Fault::from_errno)?;
        let mut book: Book = serde_json::from_slice(&text).unwrap_or_default();
        if book.boot != boot() {
            book = Book { boot: boot().to_owned(), ..Book::default() };
        }
        book.held.retain(|(who, _)| *who == me || who.lives());
        let stale = book.holds(me, held);
        Ok(Self { file, me, stale, book })
    }

    /// Whether it said something else of what its process holds.
    pub(super) const fn was_stale(&self) -> bool {
        self.stale
    }

    /// Keeps what was changed; what its process holds is `held`.
    pub(super) fn write(&mut self, held: Sum) -> Result<(), Fault> {
        self.book.holds(self.me, held);
        let text = serde_json::to_vec(&self.book).map_err(|_| Fault::Storage)?;
        if pwrite(&self.file, &text, 0) != Ok(text.len()) {
            // Half of it is no book; the next count makes another.
            let _ = ftruncate(&self.file, 0);
            return Err(Fault::Full);
        }
        ftruncate(&self.file, text.len() as u64).map_err(Fault::from_errno)
    }
}

impl Who {
    /// A part of this process that no other one is.
    pub(super) fn new() -> Self {
        static PARTS: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let part = PARTS.fetch_add(1, Ordering::Relaxed);
        Self { pid, start: start_of(pid).unwrap_or(0), part }
    }

    fn lives(self) -> bool {
        start_of(self.pid) == Some(self.start)
    }
}

/// The name of the book of the quota of `path`.
pub(super) fn name_of(path: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, path.as_bytes());
    hex(digest.as_ref().get(..NAME_BYTES).unwrap_or_default())
}

/// Waits for the lock as long as `wait` says, at most as long as a request may.
fn lock(file: &OwnedFd, wait: Wait) -> Result<(), Fault> {
    for _ in 0..LOCK_TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if wait == Wait::Never => return Err(Fault::Busy),
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(Fault::from_errno(error)),
        }
    }
    Err(Fault::Unavailable { retry_after_s: 1 })
}

fn read(file: impl AsFd, text: &mut Vec<u8>) -> Result<(), Errno> {
    let mut piece = [0; 4096];
    loop {
        match pread(&file, &mut piece, text.len() as u64) {
            Ok(0) => return Ok(()),
            Ok(n) => text.extend_from_slice(piece.get(..n).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if text.len() > BOOK_BYTES_MAX {
            return Ok(());
        }
    }
}

/// When a process began (proc_pid_stat(5), field 22); `None`: there is none.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name may hold anything but is the last thing in parentheses.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Another one after each start of the kernel (random(4)).
fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        text.unwrap_or_default().trim().to_owned()
    })
}

const NAME_BYTES: usize = 12;
/// A process has one line of some 60 bytes.
const BOOK_BYTES_MAX: usize = 1 << 20;
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(1);
