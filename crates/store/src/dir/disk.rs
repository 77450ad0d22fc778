//! What the store asks of a file system, and the real one. Tests put another one in its place,
//! which forgets what was not flushed.
//!
//! Every name is one of ours ([`super::names`]); nothing is opened through a symbolic link.

use std::fmt::Debug;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{
    Advice, AtFlags, FallocateFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, fadvise,
    fallocate, fdatasync, flock, fstat, fstatfs, fstatvfs, fsync, ftruncate, openat, renameat_with,
    statat, unlinkat,
};
use rustix::io::Errno;

use crate::Replace;

/// A folder of uploads.
pub(crate) trait Folder: Send + Sync + Debug {
    /// Makes a file that was not there, mode 0600.
    fn make(&self, name: &str) -> Result<Arc<dyn File>, Errno>;
    /// Opens a regular file for reading and writing.
    fn open(&self, name: &str) -> Result<Arc<dyn File>, Errno>;
    /// Whether there is a file of that name.
    fn has(&self, name: &str) -> Result<bool, Errno>;
    /// When it was last written, unix seconds.
    fn written_at(&self, name: &str) -> Result<u64, Errno>;
    /// Takes a name away.
    fn unlink(&self, name: &str) -> Result<(), Errno>;
    /// Renames a file out of the folder; nothing is flushed.
    fn move_out(
        &self,
        name: &str,
        to: BorrowedFd<'_>,
        to_name: &[u8],
        replace: Replace,
    ) -> Result<(), Errno>;
    /// All names.
    fn names(&self) -> Result<Vec<String>, Errno>;
    /// Makes the names durable.
    fn sync(&self) -> Result<(), Errno>;
    /// Flushes two files, in any order or at once; the first error counts.
    fn sync_both(&self, one: &dyn File, other: &dyn File) -> Result<(), Errno>;
    /// A lock on the folder as a whole; given back when dropped.
    fn lock(&self) -> Result<Option<Arc<dyn File>>, Errno>;
    /// This start of the system.
    fn boot(&self) -> [u8; 16];
    /// This process.
    fn me(&self) -> u32;
    /// Whether a process runs; one of another namespace does not, which costs its upload what was
    /// never acknowledged.
    fn lives(&self, process: u32) -> bool;
    /// Bytes that may still be written.
    fn bytes_free(&self) -> u64;
}

/// An open file. Each has its own lock: two of one file exclude each other.
pub(crate) trait File: Send + Sync + Debug {
    /// Reads; 0 at the end.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<usize, Errno>;
    /// Writes some of it.
    fn write_at(&self, bytes: &[u8], at: u64) -> Result<usize, Errno>;
    /// Makes it so long.
    fn cut(&self, size: u64) -> Result<(), Errno>;
    /// Reserves blocks without changing the size; nothing where that does not pay.
    fn reserve(&self, from: u64, bytes: u64) -> Result<(), Errno>;
    /// Has the system begin to write these bytes to the disk. A wish: errors come with the flush.
    fn begin_writing(&self, from: u64, bytes: u64);
    /// Flushes the bytes and what is needed to find them (fdatasync).
    fn sync(&self) -> Result<(), Errno>;
    /// Bytes.
    fn size(&self) -> Result<u64, Errno>;
    /// Device and inode.
    fn identity(&self) -> Result<(u64, u64), Errno>;
    /// Tries to lock it; false when somebody else has it.
    fn try_lock(&self, lock: Locking) -> Result<bool, Errno>;
    /// Gives the lock back.
    fn unlock(&self);
    /// Copies `bytes` from the start of `from` to `at`; returns how many there were.
    fn copy_from(&self, from: &dyn File, at: u64, bytes: u64) -> Result<u64, Errno>;
    /// The descriptor, for whoever reads the whole.
    fn descriptor(&self) -> Option<Arc<OwnedFd>>;
}

/// How a file is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locking {
    Shared,
    Exclusive,
}

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct DiskFolder {
    dir: OwnedFd,
    reserves: bool,
    boot: [u8; 16],
}

#[derive(Debug)]
struct DiskFile {
    fd: Arc<OwnedFd>,
    reserves: bool,
}

impl DiskFolder {
    /// The folder, looked at once: it must be a folder.
    pub(crate) fn of(dir: OwnedFd) -> Result<Self, Errno> {
        if FileType::from_raw_mode(fstat(&dir)?.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        Ok(Self { reserves: reserves(&dir), boot: boot_id()?, dir })
    }

    /// The same as another start of the system would see it.
    #[cfg(test)]
    pub(crate) fn at_boot(self, boot: u8) -> Self {
        Self { boot: [boot; 16], ..self }
    }

    fn open_with(&self, name: &str, flags: OFlags) -> Result<Arc<dyn File>, Errno> {
        let flags = flags | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let fd = openat(&self.dir, name, flags, Mode::from_raw_mode(0o600))?;
        let stat = fstat(&fd)?;
        // Somebody's link to another file of theirs would have us write into that. Two names has
        // a whole that is being handed to an application: ours and the application's.
        let names_max = if flags.contains(OFlags::CREATE) { 1 } else { 2 };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || !(1..=names_max).contains(&stat.st_nlink)
        {
            return Err(Errno::NOENT);
        }
        Ok(Arc::new(DiskFile { fd: Arc::new(fd), reserves: self.reserves }))
    }
}

impl Folder for DiskFolder {
    fn make(&self, name: &str) -> Result<Arc<dyn File>, Errno> {
        self.open_with(name, OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, Errno> {
        // LOOP: a symbolic link, which is not ours.
        self.open_with(name, OFlags::empty()).map_err(|error| match error {
            Errno::LOOP => Errno::NOENT,
            error => error,
        })
    }

    fn has(&self, name: &str) -> Result<bool, Errno> {
        match statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn written_at(&self, name: &str) -> Result<u64, Errno> {
        let stat = statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(u64::try_from(stat.st_mtime).unwrap_or(0))
    }

    fn unlink(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.dir, name, AtFlags::empty())
    }

    fn move_out(
        &self,
        name: &str,
        to: BorrowedFd<'_>,
        to_name: &[u8],
        replace: Replace,
    ) -> Result<(), Errno> {
        let flags = match replace {
            Replace::Allowed => RenameFlags::empty(),
            Replace::Never => RenameFlags::NOREPLACE,
        };
        renameat_with(&self.dir, name, to, to_name, flags)
    }

    fn names(&self) -> Result<Vec<String>, Errno> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.dir)? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn sync(&self) -> Result<(), Errno> {
        fsync(&self.dir)
    }

    fn sync_both(&self, one: &dyn File, other: &dyn File) -> Result<(), Errno> {
        // Two waits of one disk at once cost little more than one.
        std::thread::scope(|scope| {
            let aside = std::thread::Builder::new().spawn_scoped(scope, || one.sync());
            let here = other.sync();
            match aside {
                Ok(aside) => aside.join().unwrap_or(Err(Errno::IO)),
                Err(_) => one.sync(),
            }
            .and(here)
        })
    }

    fn lock(&self) -> Result<Option<Arc<dyn File>>, Errno> {
        // An own description: the one we have may be shared with other processes.
        let fd = openat(&self.dir, c".", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let file = DiskFile { fd: Arc::new(fd), reserves: false };
        Ok(file.try_lock(Locking::Exclusive)?.then_some(Arc::new(file)))
    }

    fn boot(&self) -> [u8; 16] {
        self.boot
    }

    fn me(&self) -> u32 {
        std::process::id()
    }

    fn lives(&self, process: u32) -> bool {
        let pid = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH))
    }

    fn bytes_free(&self) -> u64 {
        fstatvfs(&self.dir).map_or(u64::MAX, |vfs| vfs.f_bavail.saturating_mul(vfs.f_frsize))
    }
}

impl File for DiskFile {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<usize, Errno> {
        rustix::io::retry_on_intr(|| rustix::io::pread(&self.fd, &mut *bytes, at))
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> Result<usize, Errno> {
        rustix::io::retry_on_intr(|| rustix::io::pwrite(&self.fd, bytes, at))
    }

    fn cut(&self, size: u64) -> Result<(), Errno> {
        ftruncate(&self.fd, size)
    }

    fn reserve(&self, from: u64, bytes: u64) -> Result<(), Errno> {
        if !self.reserves || bytes == 0 {
            return Ok(());
        }
        match fallocate(&self.fd, FallocateFlags::KEEP_SIZE, from, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            done => done,
        }
    }

    fn begin_writing(&self, from: u64, bytes: u64) {
        // Dirty pages cannot be dropped, so Linux begins to write them instead (mm/fadvise.c).
        let _ = fadvise(&self.fd, from, NonZeroU64::new(bytes), Advice::DontNeed);
    }

    fn sync(&self) -> Result<(), Errno> {
        fdatasync(&self.fd)
    }

    fn size(&self) -> Result<u64, Errno> {
        Ok(u64::try_from(fstat(&self.fd)?.st_size).unwrap_or(0))
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        fstat(&self.fd).map(|stat| (stat.st_dev, stat.st_ino))
    }

    fn try_lock(&self, lock: Locking) -> Result<bool, Errno> {
        let operation = match lock {
            Locking::Shared => FlockOperation::NonBlockingLockShared,
            Locking::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        match rustix::io::retry_on_intr(|| flock(&self.fd, operation)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn unlock(&self) {
        let _ = flock(&self.fd, FlockOperation::Unlock);
    }

    fn copy_from(&self, from: &dyn File, at: u64, bytes: u64) -> Result<u64, Errno> {
        let from = from.descriptor().ok_or(Errno::BADF)?;
        copy(from.as_fd(), self.fd.as_fd(), Some(at), bytes)
    }

    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.fd))
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        // A process that is being started has a copy of every descriptor for a moment, and the lock
        // would last as long. But who was given the descriptor keeps it.
        if Arc::strong_count(&self.fd) == 1 {
            self.unlock();
        }
    }
}

/// Copies `bytes` from the start of one file into another, at `at` or where that stands; shares
/// blocks where the file system can (copy_file_range(2)).
pub(crate) fn copy(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    at: Option<u64>,
    bytes: u64,
) -> Result<u64, Errno> {
    let mut read = 0;
    let mut at = at;
    let mut buffer = Vec::new();
    while read < bytes {
        let step = usize::try_from((bytes - read).min(COPY_STEP)).unwrap_or(usize::MAX);
        let copied = if buffer.is_empty() {
            rustix::fs::copy_file_range(from, Some(&mut read), to, at.as_mut(), step)
        } else {
            by_hand(from, &mut read, to, at.as_mut(), &mut buffer, step)
        };
        match copied {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            // Other file systems, old kernels: through memory.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
                if buffer.is_empty() =>
            {
                buffer = vec![0; BUFFER];
            }
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn by_hand(
    from: BorrowedFd<'_>,
    read: &mut u64,
    to: BorrowedFd<'_>,
    at: Option<&mut u64>,
    buffer: &mut [u8],
    step: usize,
) -> Result<usize, Errno> {
    let room = buffer.len().min(step);
    let there = rustix::io::pread(from, &mut buffer[..room], *read)?;
    let written = match at {
        Some(at) => {
            let written = rustix::io::pwrite(to, &buffer[..there], *at)?;
            *at += written as u64;
            written
        }
        None => rustix::io::write(to, &buffer[..there])?,
    };
    *read += written as u64;
    Ok(written)
}

/// Whether reserving blocks ahead pays: it does on disks, not where memory is the disk.
fn reserves(folder: impl AsFd) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    fstatfs(folder).is_ok_and(|fs| ![TMPFS, RAMFS].contains(&fs.f_type))
}

/// `/proc/sys/kernel/random/boot_id` (random(4)): another one after each start of the kernel.
fn boot_id() -> Result<[u8; 16], Errno> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(|_| Errno::IO)?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map(u128::to_be_bytes).map_err(|_| Errno::IO)
}

const COPY_STEP: u64 = 1 << 30;
const BUFFER: usize = 256 << 10;
