//! Out of the prefix: exactly what the manifest lists, and of that only what nobody changed.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::{PlaceError, beside_name, failed, within};
use crate::manifest::{Content, Entry, Manifest};
use crate::stop::Stop;
use crate::sum::sha256;

/// What became of the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// So many are gone.
    pub files: usize,
    /// These were changed by others, and stay.
    pub kept: Vec<PathBuf>,
    /// These folders hold something else, and stay.
    pub folders_kept: Vec<PathBuf>,
}

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Gone,
    Kept,
}

/// Removes what `name` put into `prefix`. Done again after an interruption it goes on; `None` where
/// nothing is known of it.
///
/// # Errors
/// The manifest cannot be used, or something cannot be removed: the manifest then stays.
pub fn remove(prefix: &Path, name: &str) -> Result<Option<Removed>, PlaceError> {
    let Ok(prefix) = &prefix.canonicalize() else { return Ok(None) };
    let Some(_lock) = Lock::find(prefix, &Stop::default())? else { return Ok(None) };
    let Some(manifest) = Manifest::load(prefix, name)? else { return Ok(None) };
    let mut removed = Removed::default();
    for entry in &manifest.files {
        match one(prefix, entry)? {
            Fate::Gone => removed.files += 1,
            Fate::Kept => removed.kept.push(prefix.join(&entry.path)),
        }
    }
    leftovers(prefix, &manifest);
    // Last of all, but before the folder it is in.
    let place = Manifest::place(prefix, name);
    std::fs::remove_file(&place).map_err(|error| failed("remove", &place, error))?;
    let own = ["share", "share/menshen", crate::manifest::FOLDER].map(str::to_owned);
    let mut folders: Vec<&String> = manifest.folders.iter().chain(&own).collect();
    folders.sort();
    folders.dedup();
    for folder in folders.into_iter().rev() {
        let path = prefix.join(folder);
        let ours = manifest.folders.contains(folder);
        if within(prefix, &path).is_err() || path.is_symlink() {
            continue;
        }
        match std::fs::remove_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && ours => {
                removed.folders_kept.push(path);
            }
            // Gone, or needed by others: both is well.
            _ => {}
        }
    }
    Ok(Some(removed))
}

/// What an interrupted placing may have left beside a file.
fn leftovers(prefix: &Path, manifest: &Manifest) {
    let folders: BTreeSet<PathBuf> = manifest
        .files
        .iter()
        .filter_map(|entry| prefix.join(&entry.path).parent().map(Path::to_owned))
        .collect();
    for folder in folders.iter().filter(|folder| within(prefix, folder).is_ok()) {
        // Nearly always there is none.
        let _ = std::fs::remove_file(folder.join(beside_name(&manifest.name)));
    }
}

/// Removes one, unless it was changed.
pub(super) fn one(prefix: &Path, entry: &Entry) -> Result<Fate, PlaceError> {
    let path = prefix.join(&entry.path);
    let above = path.parent().unwrap_or(prefix);
    if within(prefix, above).is_err() {
        return Ok(Fate::Kept);
    }
    let gone = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    };
    let meta = match path.symlink_metadata() {
        Err(error) if gone(&error) => return Ok(Fate::Gone),
        other => other.map_err(|error| failed("look at", &path, error))?,
    };
    if !is(&path, &meta, entry)? {
        return Ok(Fate::Kept);
    }
    match std::fs::remove_file(&path) {
        Err(error) if !gone(&error) => Err(failed("remove", &path, error)),
        _ => Ok(Fate::Gone),
    }
}

/// Whether what is there is what is listed, or of an earlier version that is being replaced.
pub(super) fn is(path: &Path, meta: &Metadata, entry: &Entry) -> Result<bool, PlaceError> {
    let io = |error| failed("read", path, error);
    let sums = || entry.contents().any(|content| matches!(content, Content::Sha256(_)));
    let found = if meta.is_file() && sums() {
        Content::Sha256(File::open(path).and_then(sha256).map_err(io)?)
    } else if meta.is_symlink() {
        let target = path.read_link().map_err(io)?.into_os_string().into_string();
        let Ok(target) = target else { return Ok(false) };
        Content::Link(target)
    } else {
        return Ok(false);
    };
    Ok(entry.contents().any(|content| *content == found))
}
