//! What was set in control groups and has to be taken back: a small file beside the recorder.
//!
//! It is written whole and flushed before anything is set, and again after something was taken
//! back. A watch that finds one at its start undoes what it says: the last one was killed.
//!
//! How it fails: a file that cannot be written means that the step is not taken; one that cannot be
//! read is removed and said, and what it named stays as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use menshen_sys::cgroup::{Switch, Tree};
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
    /// `memory.high` as it was, by group; `None`: `max`.
    pub(crate) high: BTreeMap<String, Option<u64>>,
    /// The limit of a held group as it was.
    pub(crate) held: BTreeMap<String, Option<u64>>,
}

impl Journal {
    /// Opens it and takes back what an earlier watch left set.
    pub(crate) fn open(path: PathBuf, log: Log) -> Self {
        match read(&path) {
            Ok(None) => {}
            Ok(Some(left)) => undo(&left, log),
            Err(error) => log(&format!(
                "what an earlier watch set in control groups cannot be read, and stays: {error}"
            )),
        }
        let _ = std::fs::remove_file(&path);
        Self { path, set: Set::default() }
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
        if next == Set::default() {
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

fn read(path: &Path) -> io::Result<Option<Set>> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(BYTES_MAX).read_to_end(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(serde_json::from_slice(&text)?))
}

fn write(path: &Path, set: &Set) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("new");
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&serde_json::to_vec(set)?)?;
    file.sync_data()?;
    std::fs::rename(&beside, path)
}

/// The kernel decides again, and limits are what they were.
fn undo(left: &Set, log: Log) {
    for (path, limit) in &left.held {
        let Ok(Some(tree)) = Tree::memory() else { break };
        let Ok(group) = tree.group(path.as_bytes()) else { continue };
        // A group that is gone has nothing to take back.
        let released = group.set_kill_disabled(Switch::Off).is_ok();
        let lowered = group.set_memory_limit(*limit).is_ok();
        if released || lowered {
            log(&format!("hold: {path} is the kernel's again, an earlier watch left it held"));
        }
    }
    for (path, high) in &left.high {
        let Ok(Some(tree)) = Tree::unified() else { break };
        let Ok(group) = tree.group(path.as_bytes()) else { continue };
        if group.set_memory_high(*high).is_ok() {
            log(&format!("brake: {path} is free again, an earlier watch left it braked"));
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
}
