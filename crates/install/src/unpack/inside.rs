//! Writing beneath a folder and nowhere else, on any kernel.
//!
//! Each name of a path is opened from the descriptor of the folder before it, with `O_NOFOLLOW`. So
//! a link that an earlier entry made leads nowhere, whoever made it and whenever.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

/// The folder.
#[derive(Debug)]
pub(super) struct Inside {
    folder: OwnedFd,
}

/// The names of a path that stays inside; `.` and empty names are left out.
pub(super) fn parts(path: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Err("its path is too long");
    }
    if path.contains(&0) {
        return Err("there is a zero in its path");
    }
    if path.first() == Some(&b'/') {
        return Err("its path is absolute");
    }
    let names = path.split(|b| *b == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let names: Vec<&[u8]> = names.collect();
    if names.contains(&&b".."[..]) {
        return Err("its path climbs out");
    }
    if names.len() > DEPTH_MAX {
        return Err("its path is too deep");
    }
    Ok(names)
}

/// Whether a link at `place` to `target` leads to somewhere inside. It climbs only at its
/// beginning, where real folders are above it: behind a name, which may be a link, nobody knows
/// where `..` is.
pub(super) fn link_stays(place: &[&[u8]], target: &[u8]) -> Result<(), &'static str> {
    if target.is_empty() || target.len() > PATH_BYTES_MAX || target.contains(&0) {
        return Err("its target is none");
    }
    if target.first() == Some(&b'/') {
        return Err("it links to an absolute path");
    }
    let (mut depth, mut down) = (place.len().saturating_sub(1), false);
    for name in target.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." if down => return Err("it links to a path that climbs after it went down"),
            b".." => depth = depth.checked_sub(1).ok_or("it links out of the archive")?,
            _ => down = true,
        }
    }
    Ok(())
}

impl Inside {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: rustix::fs::openat(CWD, folder, FOLDER, Mode::empty())? })
    }

    /// A file, with its bytes flushed to nobody: a build folder is made anew after a crash.
    pub(super) fn file(
        &self,
        place: &[&[u8]],
        bytes: &mut impl Read,
        mode: u32,
        modified: u64,
    ) -> io::Result<u64> {
        let (above, name) = self.above(place)?;
        // A second entry of the same path replaces the first, as tar does.
        remove_file(&above, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        let file = rustix::fs::openat(
            &above,
            OsStr::from_bytes(name),
            flags | OFlags::CLOEXEC,
            Mode::from_raw_mode(mode),
        )?;
        let mut file = File::from(file);
        let copied = io::copy(bytes, &mut file)?;
        // Build tools compare times: what the archive says matters.
        let seconds = i64::try_from(modified).unwrap_or(0);
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::futimens(file.as_fd(), &times)?;
        Ok(copied)
    }

    pub(super) fn folder(&self, place: &[&[u8]]) -> io::Result<()> {
        self.enter(place).map(drop)
    }

    pub(super) fn symlink(&self, place: &[&[u8]], target: &[u8]) -> io::Result<()> {
        let (above, name) = self.above(place)?;
        remove_file(&above, name)?;
        Ok(rustix::fs::symlinkat(OsStr::from_bytes(target), &above, OsStr::from_bytes(name))?)
    }

    /// Whether a file is there, and no link: one more name of a link, in another folder, would lead
    /// to elsewhere.
    pub(super) fn is_file(&self, place: &[&[u8]]) -> io::Result<bool> {
        let (above, name) = self.above(place)?;
        let name = OsStr::from_bytes(name);
        let found = rustix::fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
    }

    pub(super) fn hard_link(&self, place: &[&[u8]], target: &[&[u8]]) -> io::Result<()> {
        let (from, old) = self.above(target)?;
        let (above, name) = self.above(place)?;
        remove_file(&above, name)?;
        let (old, name) = (OsStr::from_bytes(old), OsStr::from_bytes(name));
        Ok(rustix::fs::linkat(&from, old, &above, name, AtFlags::empty())?)
    }

    /// The folder a path is in, made where it is missing, and the last name.
    fn above<'a>(&self, place: &[&'a [u8]]) -> io::Result<(OwnedFd, &'a [u8])> {
        let (name, above) = place.split_last().ok_or(io::ErrorKind::InvalidFilename)?;
        Ok((self.enter(above)?, name))
    }

    fn enter(&self, place: &[&[u8]]) -> io::Result<OwnedFd> {
        let mut at = self.folder.try_clone()?;
        for name in place {
            let name = OsStr::from_bytes(name);
            at = match rustix::fs::openat(&at, name, FOLDER, Mode::empty()) {
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755))?;
                    rustix::fs::openat(&at, name, FOLDER, Mode::empty())?
                }
                other => other?,
            };
        }
        Ok(at)
    }
}

fn remove_file(above: &OwnedFd, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(above, OsStr::from_bytes(name), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const PATH_BYTES_MAX: usize = 4096;
const DEPTH_MAX: usize = 64;
