//! The served folder: every path is resolved by the kernel beneath one directory descriptor.
//!
//! Nothing here takes an absolute path or follows anything out of the folder: `openat2` with
//! `RESOLVE_BENEATH` refuses `..` and symbolic links that leave it, also when somebody swaps a
//! directory while we look. Only a site whose `links` say "anywhere" is resolved without that; its
//! paths still cannot climb. Paths come in decoded and checked ([`menshen_web_core::target`]).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use menshen_config::model::Links;
use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, Stat, StatxFlags,
    flock, fstat, mkdirat, openat2, renameat_with, statat, statx, unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::spool::SPOOL;

/// The served folder.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    links: Links,
    pub(crate) mount: Mount,
}

/// Where a rename can reach: the same file system under the same mount. Two mounts of one file
/// system are two places to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mount {
    device: (u32, u32),
    /// 0 where the kernel does not tell (before Linux 5.8).
    id: u64,
}

/// An open regular file or directory.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) fd: OwnedFd,
    pub(crate) stat: Stat,
}

/// One name that is to become another; both folders are open.
#[derive(Debug)]
pub(crate) struct Renaming<'p> {
    from: &'p [u8],
    from_folder: OwnedFd,
    from_name: &'p [u8],
    to_folder: OwnedFd,
    to_name: &'p [u8],
    expect: &'p Expect,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
}

impl Root {
    pub(crate) fn new(dir: OwnedFd) -> io::Result<Self> {
        Self::with_links(dir, Links::Inside)
    }

    /// A folder whose symbolic links may lead where `links` says.
    pub(crate) fn with_links(dir: OwnedFd, links: Links) -> io::Result<Self> {
        let mount = Mount::of(&dir)?;
        Ok(Self { dir, links, mount })
    }

    /// Where the folder is on this machine, without links; for comparing, not for opening.
    pub(crate) fn real_path(&self) -> io::Result<Vec<u8>> {
        let name = format!("/proc/self/fd/{}", self.dir.as_raw_fd());
        Ok(std::fs::read_link(name)?.into_os_string().into_vec())
    }

    /// Opens a file or directory for reading. Special files are `NotFound`: to the world they are
    /// not there.
    pub(crate) fn open(&self, path: &[u8]) -> Result<Opened, Fault> {
        // A look first: opening a FIFO would let its writer go on, opening a device may do
        // anything. NONBLOCK in case one takes the file's place in between.
        match self.look(path)? {
            Some(stat) if kind_of(&stat).is_some() => {}
            _ => return Err(Fault::NotFound),
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = self.open_beneath(path, flags)?;
        let stat = fstat(&fd).map_err(Fault::from_errno)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Directory => Ok(Opened { fd, stat }),
            _ => Err(Fault::NotFound),
        }
    }

    /// The folder at `path` itself: no step of the way is a symbolic link, whatever the root
    /// allows.
    pub(crate) fn open_itself(&self, path: &[u8]) -> Result<Opened, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = itself(&self.dir, trimmed(path), flags)?;
        let stat = fstat(&fd).map_err(Fault::from_errno)?;
        Ok(Opened { fd, stat })
    }

    /// What is at `path`, without opening it; `None` when nothing is.
    pub(crate) fn look(&self, path: &[u8]) -> Result<Option<Stat>, Fault> {
        match self.open_beneath(path, OFlags::PATH | OFlags::CLOEXEC) {
            Ok(fd) => fstat(&fd).map(Some).map_err(Fault::from_errno),
            Err(Fault::NotFound) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The folder that holds `path`, and the last name. `Err(NotFound)` when it does not exist.
    pub(crate) fn parent<'p>(&self, path: &'p [u8]) -> Result<(OwnedFd, &'p [u8]), Fault> {
        let (folder, name) = split_last(path).ok_or(Fault::Forbidden)?;
        Ok((self.folder(folder)?, name))
    }

    /// Like [`Self::parent`], making what is missing. The new folders are flushed when `durable`.
    pub(crate) fn parent_made<'p>(
        &self,
        path: &'p [u8],
        durable: bool,
    ) -> Result<(OwnedFd, &'p [u8]), Fault> {
        match self.parent(path) {
            Err(Fault::NotFound) => {}
            found => return found,
        }
        let (folder, name) = split_last(path).ok_or(Fault::Forbidden)?;
        let mut at = self.folder(b"")?;
        for end in segment_ends(folder) {
            let segment = folder[..end].rsplit(|&b| b == b'/').next().unwrap_or_default();
            match mkdirat(&at, segment, Mode::from_raw_mode(0o777)) {
                // Also one that somebody else made just now and may not have flushed yet.
                Ok(()) | Err(Errno::EXIST) if durable => {
                    rustix::fs::fsync(&at).map_err(Fault::from_errno)?;
                }
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(Fault::from_errno(error)),
            }
            // From the top each time: a link may lead up and down again inside the folder.
            at = self.folder(&folder[..end])?;
        }
        Ok((at, name))
    }

    /// The first folder on the way to `path` that lies on `mount`.
    pub(crate) fn mount_top(&self, path: &[u8], mount: Mount) -> Result<OwnedFd, Fault> {
        let folder = split_last(path).map_or(&b""[..], |(folder, _)| folder);
        for end in segment_ends(folder) {
            let at = self.folder(&folder[..end])?;
            if Mount::of(&at).is_ok_and(|found| found == mount) {
                return Ok(at);
            }
        }
        Err(Fault::NotFound)
    }

    /// The deepest folder on the way to `path` that exists.
    pub(crate) fn nearest_folder(&self, path: &[u8]) -> Result<OwnedFd, Fault> {
        let mut folder = split_last(path).map_or(&b""[..], |(folder, _)| folder);
        loop {
            match self.folder(folder) {
                Err(Fault::NotFound) if !folder.is_empty() => {
                    folder = split_last(folder).map_or(&b""[..], |(up, _)| up);
                }
                found => return found,
            }
        }
    }

    /// Whether there is a folder of ours of this name at the top.
    pub(crate) fn has_folder(&self, name: &str) -> bool {
        statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Removes a file, or an empty directory; only in the state `expect` names, if it names one.
    /// Returns what it was, and the folder, which is to be flushed.
    pub(crate) fn remove(&self, path: &[u8], expect: &Expect) -> Result<(OwnedFd, Stat), Fault> {
        let (folder, name) = self.parent(path)?;
        let lock = Lock::take(&folder)?;
        let stat = named(&folder, name, path, expect)?;
        let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let flags = if is_dir { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        match unlinkat(&folder, name, flags) {
            // Perhaps there is nothing in it but an empty spool of ours, which nobody can see.
            Err(Errno::NOTEMPTY) => {
                let inside = beneath(&folder, name, FOLDER)?;
                unlinkat(&inside, SPOOL, AtFlags::REMOVEDIR).map_err(|_| Fault::NotEmpty)?;
                unlinkat(&folder, name, flags)
            }
            removed => removed,
        }
        .map_err(Fault::from_errno)?;
        drop(lock);
        Ok((folder, stat))
    }

    /// A renaming of `from`, only in the state `expect` names, if it names one. The folders on the
    /// way to `to` are made, and flushed when `durable`.
    pub(crate) fn renaming<'p>(
        &self,
        from: &'p [u8],
        expect: &'p Expect,
        to: &'p [u8],
        durable: bool,
    ) -> Result<Renaming<'p>, Fault> {
        let (from_folder, from_name) = self.parent(from)?;
        // Before folders are made for something that is not there.
        named(&from_folder, from_name, from, expect)?;
        let (to_folder, to_name) = self.parent_made(to, durable)?;
        Ok(Renaming { from, from_folder, from_name, to_folder, to_name, expect })
    }

    /// Makes one directory.
    pub(crate) fn make_folder(&self, path: &[u8], durable: bool) -> Result<(), Fault> {
        let (folder, name) = self.parent_made(path, durable)?;
        mkdirat(&folder, name, Mode::from_raw_mode(0o777)).map_err(Fault::from_errno)?;
        if durable {
            rustix::fs::fsync(&folder).map_err(Fault::from_errno)?;
        }
        Ok(())
    }

    /// Bytes an unprivileged writer may still store in the file system of the folder.
    pub(crate) fn bytes_free(folder: impl AsFd) -> u64 {
        rustix::fs::fstatvfs(folder)
            .map_or(u64::MAX, |vfs| vfs.f_bavail.saturating_mul(vfs.f_frsize))
    }

    fn folder(&self, path: &[u8]) -> Result<OwnedFd, Fault> {
        self.open_beneath(path, FOLDER)
    }

    fn open_beneath(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Fault> {
        match self.links {
            Links::Inside => beneath(&self.dir, trimmed(path), flags),
            Links::Anywhere => anywhere(&self.dir, path, flags),
        }
    }
}

impl Renaming<'_> {
    /// Renames; `Err(Exists)` when the new name is taken and must not be replaced. Returns whether
    /// something was replaced. Nothing is flushed yet.
    pub(crate) fn rename(&self, replace: Replace) -> Result<bool, Fault> {
        let _lock = Lock::take(&self.from_folder)?;
        named(&self.from_folder, self.from_name, self.from, self.expect)?;
        let taken = statat(&self.to_folder, self.to_name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        let flags = match replace {
            Replace::Never => RenameFlags::NOREPLACE,
            Replace::Allowed => RenameFlags::empty(),
        };
        let (from, to) = (&self.from_folder, &self.to_folder);
        let renamed = renameat_with(from, self.from_name, to, self.to_name, flags);
        renamed.map_err(|error| match error {
            Errno::XDEV => Fault::OtherFileSystem,
            error => Fault::from_errno(error),
        })?;
        Ok(taken)
    }

    /// Makes it durable.
    pub(crate) fn flush(&self) -> Result<(), Fault> {
        rustix::fs::fsync(&self.to_folder).map_err(Fault::from_errno)?;
        rustix::fs::fsync(&self.from_folder).map_err(Fault::from_errno)
    }
}

impl Mount {
    /// Where an open folder lies.
    pub(crate) fn of(folder: impl AsFd) -> io::Result<Self> {
        let told = statx(&folder, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        let known = StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::MNT_ID);
        let id = if known { told.stx_mnt_id } else { 0 };
        Ok(Self { device: (told.stx_dev_major, told.stx_dev_minor), id })
    }
}

/// Whether an existing target may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    Allowed,
    Never,
}

/// What must still be true of a target when it is replaced or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expect {
    /// Anything.
    Anything,
    /// Nothing may be there (`If-None-Match: *`).
    Nothing,
    /// Exactly this state, as seen when the request's conditions held.
    Same(Option<Seen>),
}

/// Identity and state of a file, as far as conditions can see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    inode: u64,
    size: i64,
    mtime: (i64, u64),
}

impl Seen {
    /// What conditions can see of a file.
    pub(crate) const fn of(stat: &Stat) -> Self {
        Self { inode: stat.st_ino, size: stat.st_size, mtime: (stat.st_mtime, stat.st_mtime_nsec) }
    }
}

/// An advisory lock on a folder, given back on drop: two writers with conditions on one file must
/// see each other. Held for a look and a rename, never while waiting for a disk.
///
/// Anybody who can read the folder can hold this lock too, so it is waited for only so long.
#[derive(Debug)]
pub(crate) struct Lock<'f> {
    folder: &'f OwnedFd,
}

impl<'f> Lock<'f> {
    pub(crate) fn take(folder: &'f OwnedFd) -> Result<Self, Fault> {
        for _ in 0..LOCK_TRIES {
            match flock(folder, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(LOCK_PAUSE),
                // File systems without locks (some network ones) are left to their own order.
                Ok(()) | Err(_) => return Ok(Self { folder }),
            }
        }
        Err(Fault::Busy)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = flock(self.folder, FlockOperation::Unlock);
    }
}

/// Makes (if missing) and opens a folder for our own use directly below `dir`.
pub(crate) fn own_folder(dir: impl AsFd, name: &str) -> Result<OwnedFd, Fault> {
    match mkdirat(&dir, name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => beneath(dir, name.as_bytes(), FOLDER),
        Err(error) => Err(Fault::from_errno(error)),
    }
}

/// What stands under the last name of `path`, in the state `expect` names. A path that ends in a
/// slash names a directory and nothing else.
fn named(folder: &OwnedFd, name: &[u8], path: &[u8], expect: &Expect) -> Result<Stat, Fault> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Fault::from_errno)?;
    if let Expect::Same(seen) = expect
        && Some(Seen::of(&stat)) != *seen
    {
        return Err(Fault::Precondition);
    }
    if path.ends_with(b"/") && kind_of(&stat) != Some(Kind::Directory) {
        return Err(Fault::NotDirectory);
    }
    Ok(stat)
}

/// The kind of file a mode stands for; `None` for anything but files and directories.
pub(crate) fn kind_of(stat: &Stat) -> Option<Kind> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Some(Kind::File),
        FileType::Directory => Some(Kind::Directory),
        _ => None,
    }
}

fn beneath(dir: impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Fault> {
    opened(dir, path, flags, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
}

/// Links may lead out, the path itself may not: the kernel is not there to say so.
fn anywhere(dir: impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Fault> {
    let path = trimmed(path);
    if path.starts_with(b"/") || path.split(|&b| b == b'/').any(|segment| segment == b"..") {
        return Err(Fault::NotFound);
    }
    opened(dir, path, flags, ResolveFlags::NO_MAGICLINKS)
}

/// No link is followed at all.
fn itself(dir: impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Fault> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    opened(dir, path, flags, resolve)
}

fn opened(
    dir: impl AsFd,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Fault> {
    let path = if path.is_empty() { b"." } else { path };
    for _ in 0..RACE_TRIES {
        match openat2(&dir, path, flags, Mode::empty(), resolve) {
            // A rename somewhere on the way made the kernel unsure; it asks us to look again.
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(fd) => return Ok(fd),
            Err(error) => return Err(Fault::from_errno(error)),
        }
    }
    Err(Fault::Busy)
}

fn trimmed(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

/// Where each segment of a folder's path ends; none for the root.
fn segment_ends(folder: &[u8]) -> impl Iterator<Item = usize> {
    let inner = folder.iter().enumerate().filter(|&(_, &b)| b == b'/').map(|(at, _)| at);
    inner.chain([folder.len()]).filter(|&end| end > 0)
}

/// Folder part and last name of a checked path; `None` for the root itself.
fn split_last(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let path = trimmed(path);
    if path.is_empty() {
        return None;
    }
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => Some((&path[..at], &path[at + 1..])),
        None => Some((b"", path)),
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const RACE_TRIES: u32 = 16;
/// Together 200 ms: our own writers hold the lock for microseconds.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

#[cfg(test)]
mod tests;
