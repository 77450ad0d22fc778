//! The work folder of one build: its lock, its log, and which steps are done.
//!
//! Another order (version, prefix, features, recipe, checksum) has another folder, so a stamp never
//! speaks of something else. The folder is nobody else's: what is in it will be run.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::manifest::{flush_all, write_whole};
use crate::recipe::load::unsafe_folder;
use crate::show::{Event, Show};
use crate::stop::Stop;

/// One build's folder.
#[derive(Debug)]
pub struct Work {
    /// Where it is.
    pub folder: PathBuf,
    /// Gets all output.
    pub log: File,
    /// Held as long as this lives, and by programs that were started.
    pub lock: File,
    state: State,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    done: Vec<String>,
}

/// Why there is no work folder.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Something of an earlier run goes on.
    #[error("another build works in {}, or a program that one started", .0.display())]
    Busy(PathBuf),
    /// Somebody else could put something there.
    #[error("{} is not used: others may write there", .0.display())]
    Foreign(PathBuf),
    /// Somebody else could put another folder in its place.
    #[error("{} is not used as root: {} {why}", .folder.display(), .above.display())]
    Above {
        /// What was named.
        folder: PathBuf,
        /// The folder above it that is not safe.
        above: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The user wants to stop.
    #[error("stopped")]
    Stopped,
    /// It cannot be made, read or written.
    #[error("could not use {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl Work {
    /// Opens `folder`, made where it is missing, and waits a little for programs of an interrupted
    /// run to end.
    ///
    /// # Errors
    /// See [`WorkError`].
    pub fn open(folder: &Path, show: &mut dyn Show, stop: &Stop) -> Result<Self, WorkError> {
        let failed = |error| WorkError::Io(folder.to_owned(), error);
        let folder = &own_folder(folder)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let lock = options.open(folder.join("lock")).map_err(failed)?;
        let since = Instant::now();
        while lock.try_lock().is_err() {
            if stop.wanted() {
                return Err(WorkError::Stopped);
            }
            if since.elapsed() > PATIENCE {
                return Err(WorkError::Busy(folder.to_owned()));
            }
            show.event(Event::Tick);
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = options.open(folder.join(LOG)).map_err(failed)?;
        let text = crate::read::bytes(&folder.join(STATE), STATE_BYTES_MAX).unwrap_or_default();
        // One that cannot be read is that of nothing done: all is done again.
        let state = serde_json::from_slice(&text).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), log, lock, state })
    }

    /// Whether a step was done.
    #[must_use]
    pub fn is_done(&self, step: &str) -> bool {
        self.state.done.iter().any(|done| done == step)
    }

    /// Stamps a step, durably; what the step wrote into the folder is flushed before.
    ///
    /// # Errors
    /// The stamp, or what it is of, cannot be written.
    pub fn stamp(&mut self, step: &str) -> Result<(), WorkError> {
        flush_all(&self.folder).map_err(|error| WorkError::Io(self.folder.clone(), error))?;
        if !self.is_done(step) {
            self.state.done.push(step.to_owned());
        }
        self.write()
    }

    /// Takes the stamps of this step and of all later ones.
    ///
    /// # Errors
    /// The rest cannot be written.
    pub fn undo_from(&mut self, step: &str) -> Result<(), WorkError> {
        if let Some(at) = self.state.done.iter().position(|done| done == step) {
            self.state.done.truncate(at);
            self.write()?;
        }
        Ok(())
    }

    /// Where the log is.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// An empty folder of this name, whatever was there.
    ///
    /// # Errors
    /// It cannot be emptied or made.
    pub fn empty(&self, name: &str) -> Result<PathBuf, WorkError> {
        let path = self.folder.join(name);
        let failed = |error| WorkError::Io(path.clone(), error);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        std::fs::create_dir(&path).map_err(failed)?;
        Ok(path)
    }

    fn write(&self) -> Result<(), WorkError> {
        let path = self.folder.join(STATE);
        // A list of names: nothing in it can fail to become JSON.
        let text = serde_json::to_vec(&self.state).unwrap_or_default();
        write_whole(&path, &text).map_err(|error| WorkError::Io(path, error))
    }
}

/// A folder that only this user can write, made where it is missing; its path without links.
pub(crate) fn own_folder(folder: &Path) -> Result<PathBuf, WorkError> {
    let real = safe_place(folder)?;
    let failed = |error| WorkError::Io(folder.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(&real).map_err(failed)?;
    let meta = real.symlink_metadata().map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    if !meta.is_dir() || meta.uid() != own || meta.mode() & 0o022 != 0 {
        return Err(WorkError::Foreign(folder.to_owned()));
    }
    Ok(real)
}

/// Where `folder` is or will be, with the links above it followed. Who could rename a folder above
/// it could put another one there; root does not work in such a place. Ordinary users may: what is
/// above is theirs to judge, and has no more rights by them.
pub(crate) fn safe_place(folder: &Path) -> Result<PathBuf, WorkError> {
    let failed = |error| WorkError::Io(folder.to_owned(), error);
    let absolute = std::path::absolute(folder).map_err(failed)?;
    let Some((above, name)) = absolute.parent().zip(absolute.file_name()) else {
        return Ok(absolute);
    };
    let there = above.ancestors().find_map(|one| Some((one, one.canonicalize().ok()?)));
    let Some((found, real)) = there else { return Ok(absolute) };
    if rustix::process::geteuid().is_root()
        && let Some((above, why)) = unsafe_above(&real).map_err(failed)?
    {
        return Err(WorkError::Above { folder: folder.to_owned(), above, why });
    }
    let rest = above.strip_prefix(found).unwrap_or_else(|_| Path::new(""));
    Ok(real.join(rest).join(name))
}

/// The first of `folder` and those above it that somebody else owns, or could rename names in.
fn unsafe_above(folder: &Path) -> io::Result<Option<(PathBuf, &'static str)>> {
    for above in folder.ancestors() {
        if let Some(why) = unsafe_folder(&above.symlink_metadata()?) {
            return Ok(Some((above.to_owned(), why)));
        }
    }
    Ok(None)
}

/// Where work folders are: the user's cache.
#[must_use]
pub fn default_base() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(|| PathBuf::from("/var/cache")).join("menshen/install")
}

const LOG: &str = "log.txt";
const STATE: &str = "state.json";
const STATE_BYTES_MAX: u64 = 64 << 10;
/// How long programs of a killed run may go on: a compiler at one file.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    //! Stamps, locks and whose folder it is.
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn stamps_stay_and_can_be_taken_back() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("git");
        let stop = Stop::default();
        let mut work = Work::open(&folder, &mut (), &stop).unwrap();
        for step in ["fetch", "unpack", "build"] {
            work.stamp(step).unwrap();
        }
        drop(work);
        let mut work = Work::open(&folder, &mut (), &stop).unwrap();
        assert!(work.is_done("build"));
        work.undo_from("unpack").unwrap();
        drop(work);
        let work = Work::open(&folder, &mut (), &stop).unwrap();
        assert!(work.is_done("fetch") && !work.is_done("unpack") && !work.is_done("build"));
        drop(work);
        std::fs::write(folder.join(STATE), "{torn").unwrap();
        assert!(!Work::open(&folder, &mut (), &stop).unwrap().is_done("fetch"));
    }

    #[test]
    fn two_do_not_work_in_one_folder() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("git");
        let stop = Stop::default();
        let first = Work::open(&folder, &mut (), &stop).unwrap();
        let second = Stop::default();
        second.want();
        assert!(matches!(Work::open(&folder, &mut (), &second), Err(WorkError::Stopped)));
        let waits = std::thread::spawn({
            let (folder, stop) = (folder.clone(), stop.clone());
            move || Work::open(&folder, &mut (), &stop).is_ok()
        });
        drop(first);
        assert!(waits.join().unwrap(), "it has it once it is free");
    }

    #[test]
    fn a_folder_others_can_write_is_not_used() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("open");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
        let stop = Stop::default();
        assert!(matches!(Work::open(&folder, &mut (), &stop), Err(WorkError::Foreign(_))));
        let link = base.path().join("link");
        std::os::unix::fs::symlink(base.path(), &link).unwrap();
        assert!(matches!(Work::open(&link, &mut (), &stop), Err(WorkError::Foreign(_))));
    }

    #[test]
    fn a_folder_below_one_that_others_can_write_is_not_used_by_root() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let mode = |mode| {
            std::fs::set_permissions(base.join("open"), PermissionsExt::from_mode(mode)).unwrap();
        };
        std::fs::create_dir_all(base.join("open/own")).unwrap();
        let own = base.join("open/own");
        mode(0o777);
        let found = unsafe_above(&own).unwrap();
        assert_eq!(found, Some((base.join("open"), "can be written by others")));
        // As /tmp: others cannot rename what is not theirs.
        mode(0o1777);
        assert_eq!(unsafe_above(&own).unwrap(), None);
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let link = base.join("link");
        std::os::unix::fs::symlink(base.join("open"), &link).unwrap();
        let stop = Stop::default();
        let refused = |folder: &Path| {
            let error = Work::open(folder, &mut (), &stop).unwrap_err();
            assert!(matches!(error, WorkError::Above { .. }), "{error}");
            assert!(!folder.exists());
        };
        assert!(Work::open(&own.join("work"), &mut (), &stop).is_ok());
        mode(0o777);
        refused(&own.join("deep/work 2"));
        refused(&link.join("own/work 2"));
        mode(0o755);
        std::os::unix::fs::chown(base.join("open"), Some(65534), None).unwrap();
        refused(&own.join("work 2"));
        std::os::unix::fs::chown(base.join("open"), Some(0), None).unwrap();
        // Where a link is allowed, its folder is used and not the link.
        let work = Work::open(&link.join("own/work 2"), &mut (), &stop).unwrap();
        assert_eq!(work.folder, own.join("work 2"));
    }
}
