//! What was set in control groups and has to be taken back: a small file beside the recorder.
//!
//! It is written whole before anything is set, and again after something was taken back. A watch
//! that finds one at its start undoes what it says: the last one was killed. It is not flushed: a
//! disk that is slow would hold up the loop, and after a reset there is nothing to take back; so
//! it says of which life of the machine it is.
//!
//! It makes root write to groups, so one of somebody else is not read, and no link is followed: the
//! folder may be one that others write to.
//!
//! How it fails: a file that cannot be written means that the step is not taken; one that cannot be
//! read is removed and said, and what it named stays as it is. What could not be taken back stays
//! in it for the next watch.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use menshen_sys::cgroup::{Switch, Tree};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::log::Log;

/// The file with what it says.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    set: Set,
}

/// What is set now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Set {
    /// The machine's life it belongs to.
    boot: String,
    /// `memory.high` as it was, by group; `None`: `max`.
    pub(crate) high: BTreeMap<String, Option<u64>>,
    /// The limit of a held group as it was.
    pub(crate) held: BTreeMap<String, Option<u64>>,
}

impl Journal {
    /// Opens it and takes back what an earlier watch left set.
    pub(crate) fn open(path: PathBuf, log: Log) -> Self {
        let boot = boot();
        let mut set = Set { boot, ..Set::default() };
        match read(&path) {
            Ok(Some(left)) if left.boot == set.boot => undo(left, &mut set, log),
            Ok(_) => {}
            Err(error) => log(&format!(
                "what an earlier watch set in control groups cannot be read, and stays: {error}"
            )),
        }
        let _ = std::fs::remove_file(&path);
        if !set.is_empty()
            && let Err(error) = write(&path, &set)
        {
            log(&format!("what is still set in control groups cannot be noted: {error}"));
        }
        Self { path, set }
    }

    /// What is set now.
    pub(crate) fn set(&self) -> &Set {
        &self.set
    }

    /// Changes it, on the disk first.
    ///
    /// # Errors
    /// When the file cannot be written; nothing changed then.
    pub(crate) fn change(&mut self, how: impl FnOnce(&mut Set)) -> io::Result<()> {
        let mut next = self.set.clone();
        how(&mut next);
        if next == self.set {
            return Ok(());
        }
        if next.is_empty() {
            std::fs::remove_file(&self.path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        } else {
            write(&self.path, &next)?;
        }
        self.set = next;
        Ok(())
    }
}

impl Set {
    fn is_empty(&self) -> bool {
        self.high.is_empty() && self.held.is_empty()
    }
}

/// Which life of the machine this is; empty where it is not told.
fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim_end().to_owned()
}

fn read(path: &Path) -> io::Result<Option<Set>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let metadata = file.metadata()?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !ours || metadata.mode() & 0o022 != 0 || metadata.nlink() != 1 {
        return Err(io::Error::other("it is not a file of ours"));
    }
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

fn write(path: &Path, set: &Set) -> io::Result<()> {
    let beside = path.with_extension("new");
    // What is there was left by a watch that was killed, or put there by somebody.
    let _ = std::fs::remove_file(&beside);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&serde_json::to_vec(set)?)?;
    std::fs::rename(&beside, path)
}

/// The kernel decides again, and limits are what they were; `stays` gets what could not be done.
fn undo(left: Set, stays: &mut Set, log: Log) {
    for (path, limit) in left.held {
        let Ok(Some(tree)) = Tree::memory() else { break };
        // A group that is gone has nothing to take back.
        let group = tree.group(path.as_bytes()).ok().filter(|group| group.folder().exists());
        let Some(group) = group else { continue };
        let released = group.set_kill_disabled(Switch::Off);
        match released.and_then(|()| group.set_memory_limit(limit)) {
            Ok(()) => {
                log(&format!("hold: {path} is the kernel's again, an earlier watch left it held"));
            }
            Err(error) => {
                log(&format!("hold: {path} could not be given back whole: {error}"));
                stays.held.insert(path, limit);
            }
        }
    }
    for (path, high) in left.high {
        let Ok(Some(tree)) = Tree::unified() else { break };
        let group = tree.group(path.as_bytes()).ok().filter(|group| group.folder().exists());
        let Some(group) = group else { continue };
        match group.set_memory_high(high) {
            Ok(()) => log(&format!("brake: {path} is free again, an earlier watch left it braked")),
            Err(error) => {
                log(&format!("brake: {path} stays braked: {error}"));
                stays.high.insert(path, high);
            }
        }
    }
}

const BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    //! What is on the disk when.
    use super::*;

    #[test]
    fn it_is_there_while_something_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recorder.steps");
        let mut journal = Journal::open(path.clone(), |_| {});
        journal
            .change(|set| {
                set.high.insert("/nowhere".into(), Some(7));
            })
            .unwrap();
        let read = read(&path).unwrap().unwrap();
        assert_eq!(&read, journal.set());
        assert_eq!(read.high["/nowhere"], Some(7));
        journal.change(|set| set.high.clear()).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn whatever_is_in_it_it_is_opened_and_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recorder.steps");
        for text in
            ["", "{}", "{\"held\":{\"/../x\":1}}", "\u{0}", "{\"high\":{\"/nowhere\":null}}"]
        {
            std::fs::write(&path, text).unwrap();
            Journal::open(path.clone(), |_| {});
            assert!(!path.exists(), "{text}");
        }
    }

    #[test]
    fn what_others_put_there_is_not_obeyed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recorder.steps");
        let real = folder.path().join("real");
        let set = Set { boot: boot(), ..Set::default() };
        write(&real, &set).unwrap();
        assert_eq!(read(&real).unwrap(), Some(set.clone()));
        symlink(&real, &path).unwrap();
        assert!(read(&path).is_err(), "a link");
        std::fs::remove_file(&path).unwrap();
        std::fs::hard_link(&real, &path).unwrap();
        assert!(read(&path).is_err(), "a second name");
        std::fs::remove_file(&path).unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(read(&real).is_err(), "everybody writes to it");
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
        if std::os::unix::fs::chown(&real, Some(54_321), None).is_ok() {
            assert!(read(&real).is_err(), "somebody else's");
        } else {
            eprintln!("SKIPPED in part: giving a file away needs root");
        }
        // What lies where it writes first is not written through.
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "dear").unwrap();
        symlink(&victim, path.with_extension("new")).unwrap();
        write(&path, &set).unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"dear");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
