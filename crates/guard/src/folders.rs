//! Folders and files of the guard: the state folder with its lock, the served folder, the access
//! log. Nothing here is opened on a worker's or client's word.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use menshen_base::{Finding, Severity};
use menshen_config::AccessLog;
use menshen_config::failure::REGION_BYTES;
use menshen_sys::scoreboard::SLOTS_MAX;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};

use crate::account::{Account, may_write};
use crate::error::GuardError;

/// The state folder, held by this guard alone as long as this lives.
#[derive(Debug)]
pub(crate) struct StateLock {
    path: PathBuf,
    file: File,
}

impl StateLock {
    /// Makes the folder (0700) where it is missing and takes its lock.
    pub(crate) fn take(state: &Path) -> Result<Self, GuardError> {
        make_folder(state, 0o700)?;
        let path = state.join(PID_FILE);
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(|source| failed("open", &path, source))?;
            if file.try_lock().is_err() {
                let state = state.to_owned();
                return Err(GuardError::LocalRunning { state, pid: read_pid(&file) });
            }
            // Between opening and locking the last holder may have removed the name.
            let ours = file.metadata().map(|meta| (meta.dev(), meta.ino()));
            let named = std::fs::metadata(&path).map(|meta| (meta.dev(), meta.ino()));
            if !matches!((ours, named), (Ok(ours), Ok(named)) if ours == named) {
                continue;
            }
            file.set_len(0)
                .and_then(|()| writeln!(&file, "{}", std::process::id()))
                .map_err(|source| failed("write", &path, source))?;
            return Ok(Self { path, file });
        }
    }

    /// The lock that this process has already, as another program.
    pub(crate) fn adopt(state: &Path, file: File) -> Self {
        Self { path: state.join(PID_FILE), file }
    }

    /// The locked file.
    pub(crate) const fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // A file left behind is harmless: without its lock it means nothing.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The process id of the guard that holds the folder `state`; `None`: none runs.
#[must_use]
pub fn running_guard(state: &Path) -> Option<u32> {
    let file = File::open(state.join(PID_FILE)).ok()?;
    match file.try_lock_shared() {
        Ok(()) => None,
        Err(_) => read_pid(&file),
    }
}

/// Asks the guard with this process id for a reload; the scoreboard tells what became of it.
///
/// # Errors
/// When the process belongs to another user (`EPERM`) or is gone.
pub fn ask_reload(pid: u32) -> io::Result<()> {
    ask(pid, Signal::HUP)
}

/// Asks the guard with this process id to become the program that is installed now; the scoreboard
/// tells what became of it.
///
/// # Errors
/// As [`ask_reload`].
pub fn ask_upgrade(pid: u32) -> io::Result<()> {
    ask(pid, Signal::USR2)
}

fn ask(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(kill_process(pid, signal)?)
}

/// Where the scoreboard of a guard with this state folder is.
#[must_use]
pub fn scoreboard_path(state: &Path) -> PathBuf {
    state.join("scoreboard")
}

/// Makes the file of failed handshakes anew, 0600, with a part for each slot of the scoreboard;
/// nothing of it takes room on the disk before it is written.
pub(crate) fn create_failures(state: &Path) -> Result<File, GuardError> {
    let path = state.join("handshakes");
    let error = |source| failed("create", &path, source);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(error(source)),
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let file = file.map_err(error)?;
    file.set_len(SLOTS_MAX as u64 * REGION_BYTES).map_err(error)?;
    Ok(file)
}

/// Opens the served folder, making it where it is missing; a folder made by root is given to the
/// workers' account.
pub(crate) fn open_root(
    root: &Path,
    account: Option<&Account>,
) -> Result<(OwnedFd, Vec<Finding>), GuardError> {
    if !root.exists() {
        make_folder(root, 0o755)?;
        if let Some(account) = account {
            std::os::unix::fs::chown(root, Some(account.uid), Some(account.gid))
                .map_err(|source| failed("give the workers", root, source))?;
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(root, flags, Mode::empty())
        .map_err(|error| failed("open the folder", root, error.into()))?;
    let mut findings = Vec::new();
    if let Some(account) = account.filter(|account| !may_write(account, root)) {
        findings.push(
            Finding::new(
                "root-not-writable",
                Severity::Warning,
                root.display().to_string(),
                format!("the workers' user \"{}\" may not write here", account.name),
            )
            .hint(format!(
                "uploads will fail; run `chown {} {}`, or set `user` to its owner",
                account.name,
                root.display()
            )),
        );
    }
    Ok((folder, findings))
}

/// Opens where access-log lines go, for appending.
pub(crate) fn open_access_log(log: &AccessLog) -> Result<Option<OwnedFd>, GuardError> {
    match log {
        AccessLog::Off => Ok(None),
        AccessLog::Stdout => {
            rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3).map(Some).map_err(|error| {
                GuardError::LocalSystem {
                    action: "duplicate standard output",
                    source: error.into(),
                }
            })
        }
        AccessLog::File(path) => OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path)
            .map(|file| Some(file.into()))
            .map_err(|source| failed("open the access log", path, source)),
    }
}

/// Opens a regular file to read; anything else is an error, and a FIFO without a writer is not
/// waited for: the guard has one thread.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let wait_for_nothing = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(wait_for_nothing).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// Makes a folder and those above it that are missing.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), GuardError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| failed("create the folder", path, source))
}

fn read_pid(mut file: &File) -> Option<u32> {
    let mut text = [0; 16];
    let count = file.read(&mut text).ok()?;
    std::str::from_utf8(&text[..count]).ok()?.trim().parse().ok()
}

/// A failing file or folder.
pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> GuardError {
    GuardError::LocalFile { action, path: path.to_owned(), source }
}

const PID_FILE: &str = "guard.pid";

#[cfg(test)]
mod tests {
    //! One guard per state folder; folders that are missing or not writable.
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_guard_is_refused_by_name_and_the_lock_ends_with_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert_eq!(running_guard(&state), None);
        let lock = StateLock::take(&state).unwrap();
        assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(running_guard(&state), Some(std::process::id()));
        match StateLock::take(&state).unwrap_err() {
            GuardError::LocalRunning { pid, .. } => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other}"),
        }
        drop(lock);
        assert_eq!(running_guard(&state), None);
        std::fs::write(state.join(PID_FILE), "4711 and old junk").unwrap();
        assert_eq!(running_guard(&state), None, "a file without its lock means nothing");
        drop(StateLock::take(&state).unwrap());
    }

    #[test]
    fn a_root_the_workers_cannot_write_is_a_finding() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/files");
        let (_fd, findings) = open_root(&root, None).unwrap();
        assert!(root.is_dir() && findings.is_empty());
        let stranger = Account { name: "stranger".into(), uid: 54_321, gid: 54_321 };
        let (_fd, findings) = open_root(&root, Some(&stranger)).unwrap();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].hint.contains("chown stranger"), "{:?}", findings[0]);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = open_root(&file, None).unwrap_err();
        assert!(error.detail().unwrap().contains("directory"), "{}", error.render());
    }
}
