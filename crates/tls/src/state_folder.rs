//! Files of the state folder: written whole or not at all, secrets readable by their owner only.
//!
//! A new text is written to a temporary name, synced, renamed over the old one, and the folder is
//! synced, so a crash leaves the old or the new file. Nothing here follows what is not a regular
//! file, and nothing is read without a bound.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::TlsError;

/// The opened folder; as long as it lives, no other process changes the files named here.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    _lock: File,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Only the owner: mode 0600.
    Secret,
    /// Everybody who can reach the folder: mode 0644.
    Open,
}

impl StateFolder {
    /// Opens the folder, making it (0700) where it is missing, and waits until it is ours alone.
    pub(crate) fn open(path: &Path) -> Result<Self, TlsError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| failed("create", path, source))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|source| failed("open", &lock_path, source))?;
        lock.lock().map_err(|source| failed("lock", &lock_path, source))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where `name` lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The contents of `name`, `None` if there is no such file. Files longer than 64 KiB, what is
    /// not a regular file, and secrets others can reach are errors.
    pub(crate) fn read(&self, name: &str, privacy: Privacy) -> Result<Option<Vec<u8>>, TlsError> {
        let path = self.path(name);
        match read_bounded(&path) {
            Ok((_, mode)) if privacy == Privacy::Secret && mode & 0o077 != 0 => {
                Err(TlsError::LocalSecretOpen { path, mode })
            }
            Ok((bytes, _)) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    /// Writes the files durably, each whole or not at all; in the order given, so that a crash
    /// between two of them leaves only the later ones old.
    pub(crate) fn write(&self, files: &[(&str, Privacy, String)]) -> Result<(), TlsError> {
        // All are written before the first is synced, so that one journal commit carries them.
        let mut written = Vec::with_capacity(files.len());
        for (name, privacy, text) in files {
            let temporary = self.path(&temporary(name));
            let file = write_new(&temporary, *privacy, text.as_bytes())
                .map_err(|source| failed("write", &temporary, source))?;
            written.push((temporary, file));
        }
        for (temporary, file) in &written {
            file.sync_all().map_err(|source| failed("sync", temporary, source))?;
        }
        for ((name, ..), (temporary, _)) in files.iter().zip(&written) {
            let path = self.path(name);
            fs::rename(temporary, &path).map_err(|source| failed("replace", &path, source))?;
        }
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("sync", &self.path, source))
    }
}

fn read_bounded(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    // Asked before opening: opening a FIFO would wait for a writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok((bytes, mode))
}

fn write_new(path: &Path, privacy: Privacy, bytes: &[u8]) -> io::Result<File> {
    let mode = match privacy {
        Privacy::Secret => 0o600,
        Privacy::Open => 0o644,
    };
    // A crash may have left one; it is removed, not reused, as its mode might differ.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

fn temporary(name: &str) -> String {
    format!(".{name}.new")
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> TlsError {
    TlsError::LocalFile { action, path: path.to_owned(), source }
}

const LOCK: &str = "tls.lock";
const FILE_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
