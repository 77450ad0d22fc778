//! One at a time in a prefix: the folder of the manifests is locked while files come or go.
//!
//! Two at once would each write a manifest that knows nothing of what the other does. The lock is
//! the kernel's (`flock`) and ends with its process. Whoever removes the last manifest removes the
//! folder as well, so a lock counts only if the folder that has the name is the one that is locked.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{PlaceError, failed};
use crate::manifest::FOLDER;
use crate::stop::Stop;

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    _folder: File,
    /// Folders that were made for it, the deepest first.
    made: Vec<PathBuf>,
}

impl Lock {
    /// Locks the folder, made where it is missing.
    pub(super) fn make(prefix: &Path, stop: &Stop) -> Result<Self, PlaceError> {
        let since = Instant::now();
        loop {
            let path = prefix.join(FOLDER);
            let above = path.ancestors().take_while(|one| *one != prefix);
            let missing = above.filter(|one| !one.exists()).map(Path::to_owned).collect();
            std::fs::create_dir_all(&path).map_err(|error| failed("make", &path, error))?;
            if let Some(folder) = locked(&path, since, stop)? {
                return Ok(Self { _folder: folder, made: missing });
            }
        }
    }

    /// Locks the folder if it is there.
    pub(super) fn find(prefix: &Path, stop: &Stop) -> Result<Option<Self>, PlaceError> {
        let path = prefix.join(FOLDER);
        let folder = locked(&path, Instant::now(), stop)?;
        Ok(folder.map(|folder| Self { _folder: folder, made: Vec::new() }))
    }
}

impl Drop for Lock {
    /// Where nothing came of it, it leaves nothing behind; a folder with a manifest stays.
    fn drop(&mut self) {
        for folder in &self.made {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// The folder of this path, locked; `None` where there is none, or not any more.
fn locked(path: &Path, since: Instant, stop: &Stop) -> Result<Option<File>, PlaceError> {
    let io = |error| failed("lock", path, error);
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    loop {
        let folder = match File::open(path) {
            Err(error) if gone(&error) => return Ok(None),
            other => other.map_err(io)?,
        };
        while folder.try_lock().is_err() {
            if stop.wanted() {
                return Err(PlaceError::Stopped);
            }
            if since.elapsed() > PATIENCE {
                return Err(PlaceError::Busy(path.to_owned()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let own = folder.metadata().map_err(io)?;
        match path.metadata() {
            Ok(named) if (named.dev(), named.ino()) == (own.dev(), own.ino()) => {
                return Ok(Some(folder));
            }
            Err(error) if !gone(&error) => return Err(io(error)),
            _ => {}
        }
    }
}

/// How long one waits for another: files of a large program are placed in less.
const PATIENCE: Duration = Duration::from_secs(60);
