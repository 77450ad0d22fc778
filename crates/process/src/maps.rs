//! The files a process has in its memory (proc_pid_maps(5)), and how each is opened although it may
//! be deleted, replaced, or of another mount namespace.
//!
//! Paths are foreign bytes: what is opened is checked to be the very file that is mapped, and a
//! regular one, before anything is read of it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use menshen_sys::proc;
use rustix::fs::{FileType, Mode, OFlags};

/// A file in memory: the first mapping of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) start: u64,
    /// Where its last mapping ends.
    pub(crate) end: u64,
    first_end: u64,
    /// Where in the file the first mapping begins.
    pub(crate) offset: u64,
    device: Vec<u8>,
    inode: u64,
    /// As the kernel shows it, with ` (deleted)` where it is.
    pub(crate) path: Vec<u8>,
}

impl Mapped {
    /// The last part of its path, without the mark of deletion.
    pub(crate) fn name(&self) -> &[u8] {
        let path = self.path.strip_suffix(DELETED).unwrap_or(&self.path);
        path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// Whether it is the file with this inode number.
    pub(crate) const fn is(&self, inode: u64) -> bool {
        self.inode == inode
    }

    /// Opens the file itself.
    ///
    /// By its mapping, which finds it whatever happened to its name, and where that is not
    /// permitted by its name as the process sees it.
    pub(crate) fn open(&self, pid: u32) -> io::Result<File> {
        let by_range = format!("/proc/{pid}/map_files/{:x}-{:x}", self.start, self.first_end);
        self.checked(by_range.into()).or_else(|_| {
            let mut path = format!("/proc/{pid}/root").into_bytes();
            path.extend_from_slice(&self.path);
            self.checked(PathBuf::from(OsString::from_vec(path)))
        })
    }

    /// Looks before opening: a name may lead to a pipe or a device by now.
    fn checked(&self, path: PathBuf) -> io::Result<File> {
        let handle = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let seen = rustix::fs::fstat(&handle)?;
        if FileType::from_raw_mode(seen.st_mode) != FileType::RegularFile
            || seen.st_ino != self.inode
        {
            return Err(io::ErrorKind::NotFound.into());
        }
        let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&handle));
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(rustix::fs::open(again, flags, Mode::empty())?))
    }
}

/// The files a process has mapped, each once, in the order of their addresses.
///
/// # Errors
/// When it is gone or somebody else's.
pub(crate) fn files(pid: u32) -> io::Result<Vec<Mapped>> {
    Ok(parse(&proc::read(pid, "maps", MAPS_BYTES_MAX)?))
}

/// Lines `START-END RIGHTS OFFSET DEVICE INODE PATH`; others are left out.
fn parse(text: &[u8]) -> Vec<Mapped> {
    let mut files: Vec<Mapped> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(mapped) = parse_line(line) else { continue };
        let same =
            |known: &&mut Mapped| (known.inode, &known.device) == (mapped.inode, &mapped.device);
        // Mappings of one file mostly follow each other, so the search is short.
        if let Some(known) = files.iter_mut().rev().find(same) {
            known.end = mapped.end;
        } else if files.len() < FILES_MAX {
            files.push(mapped);
        }
    }
    files
}

fn parse_line(line: &[u8]) -> Option<Mapped> {
    let mut rest = line;
    let mut word = || {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        let (word, after) = rest.split_at(end);
        rest = after.get(1..)?;
        Some(word)
    };
    let range = word()?;
    word()?;
    let offset = hex(word()?)?;
    let device = word()?.to_vec();
    let inode = std::str::from_utf8(word()?).ok()?.parse().ok().filter(|inode| *inode != 0)?;
    let path = rest.trim_ascii_start();
    if path.first() != Some(&b'/') {
        return None;
    }
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (start, end) = (hex(range.get(..dash)?)?, hex(range.get(dash + 1..)?)?);
    Some(Mapped { start, end, first_end: end, offset, device, inode, path: path.to_vec() })
}

fn hex(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

const DELETED: &[u8] = b" (deleted)";
const MAPS_BYTES_MAX: usize = 16 << 20;
const FILES_MAX: usize = 8192;

#[cfg(test)]
mod tests;
