//! Where the files of runs are: a folder in memory that belongs to the user alone.
//!
//! A folder of somebody else, or one that others may look into, is refused: command lines and
//! output can hold secrets.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::view;

/// The folder of this user's runs: `/run/menshen/runs` for root, else `menshen/runs` in
/// `$XDG_RUNTIME_DIR`, else in `/tmp/menshen-UID`.
#[must_use]
pub fn folder() -> PathBuf {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return PathBuf::from("/run/menshen/runs");
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    match runtime.filter(|path| path.is_absolute()) {
        Some(path) => path.join("menshen/runs"),
        None => std::env::temp_dir().join(format!("menshen-{}/runs", uid.as_raw())),
    }
}

/// Makes the folder, and checks that it is ours alone.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    // A bare name has no folder above it that could be looked at.
    let folder = &*std::path::absolute(folder)?;
    if let Some(parent) = folder.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Whoever may write to the folder above could put another one in its place later.
    let above = folder.parent().map(std::fs::symlink_metadata).transpose()?;
    let own = rustix::process::geteuid().as_raw();
    if above.is_some_and(|above| !above.is_dir() || above.uid() != own || above.mode() & 0o022 != 0)
    {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the folder above the folder of runs is not this user's alone",
        ));
    }
    let metadata = std::fs::symlink_metadata(folder)?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_dir() || !ours || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the folder of runs is not this user's alone",
        ));
    }
    Ok(())
}

/// Removes files of runs that ended long ago, and the oldest of too many.
pub(super) fn clean(folder: &Path) {
    let Ok(runs) = view::list(folder) else { return };
    let now = SystemTime::now();
    let mut over: Vec<_> = runs.into_iter().filter(|run| run.view != view::View::Alive).collect();
    over.sort_by_key(|run| std::cmp::Reverse(run.changed));
    for (number, run) in over.iter().enumerate() {
        let age = now.duration_since(run.changed).unwrap_or(Duration::ZERO);
        if number >= ENDED_MAX || age > KEPT_FOR {
            let _ = std::fs::remove_file(&run.path);
        }
    }
}

/// So long last words are kept after the end.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// And of so many runs.
const ENDED_MAX: usize = 50;
