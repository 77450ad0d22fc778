//! What lies below a folder of the file service: each regular file once, at a bounded pace.
//!
//! It follows no symbolic link and never leaves the folder (`openat2` beneath the root), looks at
//! nothing of the door's own, and holds one path for each folder it still has to enter. How it
//! fails: folders that cannot be read are passed over and told; more than [`FOLDERS_MAX`] waiting
//! at once end the walk as unfinished.

use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};

use crate::fault::Fault;
use crate::root::{Mount, Root, kind_of};

/// What is done at folders on other mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mounts {
    Entered,
    LeftOut,
}

/// How a walk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walked {
    All,
    /// Something could not be looked into.
    Some,
}

/// Tells `each` of every regular file below the folder `path`, which ends in `/`. A folder that is
/// not there has none.
pub(crate) fn walk(
    root: &Root,
    path: &str,
    mounts: Mounts,
    mut each: impl FnMut(&[u8], &Stat) -> Result<(), Fault>,
) -> Result<Walked, Fault> {
    let mut waiting = vec![path.as_bytes().to_vec()];
    let (mut walked, mut seen, mut top) = (Walked::All, 0_u32, None);
    while let Some(folder) = waiting.pop() {
        let opened = match root.open(&folder) {
            Ok(opened) => opened,
            Err(Fault::NotFound | Fault::NotDirectory) => continue,
            Err(_) => {
                walked = Walked::Some;
                continue;
            }
        };
        if kind_of(&opened.stat) != Some(crate::root::Kind::Directory) {
            continue;
        }
        let mount = Mount::of(&opened.fd).map_err(|_| Fault::Storage)?;
        if mounts == Mounts::LeftOut && *top.get_or_insert(mount) != mount {
            continue;
        }
        let Ok(entries) = Dir::read_from(&opened.fd) else {
            walked = Walked::Some;
            continue;
        };
        for entry in entries {
            let Ok(entry) = entry else {
                walked = Walked::Some;
                break;
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || name.starts_with(b".menshen") {
                continue;
            }
            seen += 1;
            if seen.is_multiple_of(PAUSE_ENTRIES) {
                std::thread::sleep(PAUSE);
            }
            let Ok(stat) = statat(&opened.fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let mut at = folder.clone();
            at.extend_from_slice(name);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => each(&at, &stat)?,
                FileType::Directory if waiting.len() < FOLDERS_MAX => {
                    at.push(b'/');
                    waiting.push(at);
                }
                FileType::Directory => walked = Walked::Some,
                _ => {}
            }
        }
    }
    Ok(walked)
}

/// Folders that wait to be entered.
const FOLDERS_MAX: usize = 100_000;
/// After so many entries others have their turn.
const PAUSE_ENTRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);
