//! Looking through the folder: what waits, in order and bounded, and what was left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, Mode, fstat, openat, statat, unlinkat};

use super::name::FAILED;
use super::{Envelope, Name, Outbox, READ};

/// What lies in the outbox.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The oldest of each receiver, of those that were asked about.
    pub(crate) waiting: BTreeSet<Name>,
    /// Contents of those that were not known.
    pub(crate) fresh: Vec<Waiting>,
    /// All that waits, for whomever.
    pub(crate) total: u64,
    /// All that was set aside.
    pub(crate) aside: u64,
}

/// An event that waits for its receiver.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) name: Name,
    pub(crate) envelope: Envelope,
}

impl Outbox {
    /// Looks; reads the files that are not `known`.
    pub(crate) fn look(&self, keys: &[String], known: &BTreeSet<Name>) -> io::Result<Seen> {
        let mut seen = Seen::default();
        let mut each: BTreeMap<&str, BTreeSet<Name>> = BTreeMap::new();
        for entry in Dir::read_from(&*self.folder)? {
            let entry = entry?;
            let Ok(text) = entry.file_name().to_str() else { continue };
            if text.ends_with(FAILED) {
                seen.aside += 1;
                continue;
            }
            let Some(name) = Name::parse(text) else { continue };
            seen.total += 1;
            if let Some(key) = keys.iter().find(|key| **key == name.key) {
                let names = each.entry(key).or_default();
                names.insert(name);
                if names.len() > EACH_MAX {
                    names.pop_last();
                }
            }
        }
        seen.waiting = each.into_values().flatten().collect();
        for name in seen.waiting.difference(known) {
            let file = openat(&*self.folder, name.to_string(), READ, Mode::empty());
            let Ok(file) = file else { continue };
            match read(&file) {
                Some(envelope) => seen.fresh.push(Waiting { name: name.clone(), envelope }),
                // Only without flushing: power failed, and nobody can know what it was.
                None => self.set_aside(name),
            }
        }
        Ok(seen)
    }

    /// Changes with every file that comes or goes.
    pub(crate) fn version(&self) -> io::Result<(i64, i64)> {
        let stat = fstat(&*self.folder)?;
        Ok((stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)))
    }
}

/// Names that end so.
pub(super) fn named(folder: &OwnedFd, suffix: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().to_str()
            && name.ends_with(suffix)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// What a file holds; `None` when it is damaged.
pub(super) fn read(file: &OwnedFd) -> Option<Envelope> {
    let file = File::from(file.try_clone().ok()?);
    let size = usize::try_from(file.metadata().ok()?.len()).ok()?;
    let mut text = vec![0; size.min(FILE_BYTES_MAX)];
    file.read_exact_at(&mut text, 0).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether `name` is still this file's.
pub(super) fn stands(folder: &OwnedFd, name: &str, file: &OwnedFd) -> bool {
    let (Ok(there), Ok(here)) = (statat(folder, name, AtFlags::SYMLINK_NOFOLLOW), fstat(file))
    else {
        return false;
    };
    (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
}

/// Removes files of this suffix that are older than `seconds`.
pub(super) fn sweep(folder: &OwnedFd, suffix: &str, seconds: u64) -> io::Result<()> {
    let before = SystemTime::now().checked_sub(Duration::from_secs(seconds));
    for name in named(folder, suffix)? {
        let Ok(file) = openat(folder, &name, READ, Mode::empty()) else { continue };
        let changed = File::from(file).metadata().and_then(|found| found.modified());
        if changed.is_ok_and(|at| before.is_some_and(|before| at < before)) {
            let _ = unlinkat(folder, &name, AtFlags::empty());
        }
    }
    Ok(())
}

/// Events of one receiver that are looked at, at once.
const EACH_MAX: usize = 256;
/// A path and some words; paths have a limit of their own.
const FILE_BYTES_MAX: usize = 256 << 10;
