//! What lies below a folder of the file service: each regular file once, at a bounded pace.
//!
//! It goes down by open folders, one for each level, and follows no symbolic link: whoever swaps a
//! folder for one meanwhile leads it nowhere. It looks at nothing of the door's own. How it fails:
//! what cannot be looked into is passed over, and so is what lies deeper than [`DEPTH_MAX`].

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, statat};

use crate::fault::Fault;
use crate::root::{Kind, Root, kind_of};

/// What is done at folders on other mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mounts {
    Entered,
    LeftOut,
}

/// Is told of a file: its path, and what it is.
pub(crate) type Each<'e> = dyn FnMut(&[u8], &Stat) -> Result<(), Fault> + 'e;

/// Tells `each` of every regular file below the folder `path`, which ends in `/`. A folder that is
/// not there has none.
///
/// # Errors
/// The folder itself cannot be read; what `each` returns.
pub(crate) fn walk(
    root: &Root,
    path: &str,
    mounts: Mounts,
    each: &mut Each<'_>,
) -> Result<(), Fault> {
    let opened = match mounts {
        Mounts::Entered => root.open(path.as_bytes()),
        // Who deletes must not be led elsewhere.
        Mounts::LeftOut => root.open_itself(path.as_bytes()),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(Fault::NotFound | Fault::NotDirectory) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    if kind_of(&opened.stat) != Some(Kind::Directory) {
        return Ok(());
    }
    let mut walk = Walk { mounts, seen: 0, each };
    walk.enter(&opened.fd, &mut path.as_bytes().to_vec(), 0)
}

struct Walk<'r, 'e> {
    mounts: Mounts,
    seen: u32,
    each: &'r mut Each<'e>,
}

impl Walk<'_, '_> {
    /// `path` is that of `folder`; it is the same again afterwards.
    fn enter(&mut self, folder: &OwnedFd, path: &mut Vec<u8>, depth: u32) -> Result<(), Fault> {
        let entries = Dir::read_from(folder).map_err(Fault::from_errno)?;
        let above = path.len();
        for entry in entries {
            let entry = entry.map_err(Fault::from_errno)?;
            let name = entry.file_name();
            let bytes = name.to_bytes();
            if bytes == b"." || bytes == b".." || bytes.starts_with(b".menshen") {
                continue;
            }
            self.seen += 1;
            if self.seen.is_multiple_of(PAUSE_ENTRIES) {
                std::thread::sleep(PAUSE);
            }
            // Gone since.
            let Ok(stat) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            path.extend_from_slice(bytes);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => (self.each)(path, &stat)?,
                FileType::Directory if depth < DEPTH_MAX => {
                    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
                    if self.mounts == Mounts::LeftOut {
                        resolve |= ResolveFlags::NO_XDEV;
                    }
                    if let Ok(inner) = openat2(folder, name, FOLDER, Mode::empty(), resolve) {
                        path.push(b'/');
                        // One that fails in between keeps nobody from the others.
                        match self.enter(&inner, path, depth + 1) {
                            Err(Fault::Forbidden | Fault::NotFound) | Ok(()) => {}
                            Err(fault) => return Err(fault),
                        }
                    }
                }
                _ => {}
            }
            path.truncate(above);
        }
        Ok(())
    }
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// Folders within folders; each is an open descriptor.
const DEPTH_MAX: u32 = 128;
/// After so many entries others have their turn.
const PAUSE_ENTRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);
