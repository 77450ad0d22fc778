//! From the stage into the prefix, and out of it again.
//!
//! The build installs into a stage of its own (`DESTDIR`). From there files go into the prefix one
//! by one: nothing that is not in this program's own manifest is replaced, a file gets its name
//! only when it is whole, and what others changed stays. Beneath the prefix no link is followed
//! that leads out of it.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::manifest::{Content, Entry, FORM, Manifest, ManifestError, flush_all, stays};
use crate::stop::Stop;
use crate::sum::sha256;

use self::lock::Lock;

mod lock;
pub mod remove;

/// What is in a stage.
#[derive(Debug)]
pub struct Staged {
    /// Where it is: the stage with the prefix below it.
    pub folder: PathBuf,
    /// Folders, each before what is in it.
    pub folders: Vec<String>,
    /// Files and links, by path.
    pub files: Vec<Entry>,
    /// Files with a set-user-id or set-group-id bit, which they lose.
    pub lose_bits: Vec<String>,
}

/// What a manifest says beside its files.
#[derive(Debug, Clone)]
pub struct About {
    /// The recipe's name.
    pub name: String,
    /// The version that was built.
    pub version: String,
    /// Features that were asked for.
    pub features: Vec<String>,
    /// SHA-256 of the archive.
    pub archive_sha256: String,
}

/// Why files cannot be placed or removed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The build put something beside the prefix.
    #[error("the build wants to put files outside of the prefix: {0}")]
    Outside(String),
    /// Something in the stage that has no place in a prefix.
    #[error("the build made {0}, which is {1}")]
    Kind(String, &'static str),
    /// A file is there already, and is not ours.
    #[error("{} is there already, and not by this recipe", .0.display())]
    Taken(PathBuf),
    /// One of ours was changed.
    #[error("{} has been changed since it was installed", .0.display())]
    Changed(PathBuf),
    /// A link beneath the prefix leads out of it.
    #[error("{} leads out of the prefix", .0.display())]
    LeadsOut(PathBuf),
    /// Something else is placed or removed there.
    #[error("another installation or removal works in {}", .0.display())]
    Busy(PathBuf),
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The user wants to stop.
    #[error("stopped")]
    Stopped,
    /// Reading or writing failed.
    #[error("could not {} {}", .0, .1.display())]
    Io(&'static str, PathBuf, #[source] io::Error),
}

/// Looks through `stage`, in which all has to be below `prefix`.
///
/// # Errors
/// Files outside, special files, names that are no UTF-8, links that name the stage.
pub fn staged(stage: &Path, prefix: &Path) -> Result<Staged, PlaceError> {
    let inner = prefix.strip_prefix("/").unwrap_or(prefix);
    let folder = stage.join(inner);
    // On the way down to the prefix there is nothing else.
    let mut at = stage.to_owned();
    for part in inner {
        let entries = std::fs::read_dir(&at).map_err(|error| failed("read", &at, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &at, error))?;
            if entry.file_name() != part {
                let path = entry.path();
                let shown = path.strip_prefix(stage).unwrap_or(&path).display().to_string();
                return Err(PlaceError::Outside(format!("/{shown}")));
            }
        }
        at.push(part);
    }
    let mut staged = Staged {
        folder: folder.clone(),
        folders: Vec::new(),
        files: Vec::new(),
        lose_bits: vec![],
    };
    let mut waiting = vec![String::new()];
    while let Some(relative) = waiting.pop() {
        let path = folder.join(&relative);
        let entries = std::fs::read_dir(&path).map_err(|error| failed("read", &path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &path, error))?;
            let name = entry.file_name().into_string().map_err(|name| {
                PlaceError::Kind(name.to_string_lossy().into_owned(), "a name that is no UTF-8")
            })?;
            let below = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            look(&entry.path(), below, stage, &mut staged, &mut waiting)?;
        }
    }
    staged.folders.sort();
    staged.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(staged)
}

fn look(
    path: &Path,
    below: String,
    stage: &Path,
    staged: &mut Staged,
    waiting: &mut Vec<String>,
) -> Result<(), PlaceError> {
    let meta = path.symlink_metadata().map_err(|error| failed("read", path, error))?;
    let content = if meta.is_dir() {
        staged.folders.push(below.clone());
        waiting.push(below);
        return Ok(());
    } else if meta.is_file() {
        if meta.mode() & 0o6000 != 0 {
            staged.lose_bits.push(below.clone());
        }
        let sum = File::open(path).and_then(sha256);
        Content::Sha256(sum.map_err(|error| failed("read", path, error))?)
    } else if meta.is_symlink() {
        let target = path.read_link().map_err(|error| failed("read", path, error))?;
        if target.starts_with(stage) {
            return Err(PlaceError::Kind(below, "a link into the stage"));
        }
        let target = target.into_os_string().into_string();
        let text = target
            .map_err(|_| PlaceError::Kind(below.clone(), "a link whose target is no UTF-8"))?;
        Content::Link(text)
    } else {
        return Err(PlaceError::Kind(below, "neither file, folder nor link"));
    };
    staged.files.push(Entry::new(below, content));
    Ok(())
}

/// Places what is staged, and removes what an earlier version had and this one has not. Done again
/// after an interruption it goes on.
///
/// # Errors
/// A file is in the way, or writing fails: the manifest then lists all that may be there.
pub fn place(
    staged: &Staged,
    prefix: &Path,
    about: &About,
    stop: &Stop,
    tick: &mut dyn FnMut(u64),
) -> Result<Manifest, PlaceError> {
    make_folders(prefix)?;
    let prefix = &prefix.canonicalize().map_err(|error| failed("find", prefix, error))?;
    let _lock = Lock::make(prefix, stop)?;
    let old = Manifest::load(prefix, &about.name)?;
    refuse_strangers(staged, prefix, old.as_ref())?;
    let was_made = |path: &String| old.as_ref().is_some_and(|old| old.folders.contains(path));
    let new_folder = |path: &String| was_made(path) || !prefix.join(path).exists();
    let mut folders: Vec<String> =
        staged.folders.iter().filter(|one| new_folder(one)).cloned().collect();
    let mut files = staged.files.clone();
    // Until all is done the manifest answers for the old files as well, also where a new one takes
    // the place of an old one: who is cut there finds either.
    for old in old.iter() {
        for file in &mut files {
            if let Some(before) = old.entry(&file.path) {
                file.replaces(before);
            }
        }
        let gone = |entry: &&Entry| staged_entry(staged, &entry.path).is_none();
        files.extend(old.files.iter().filter(gone).cloned());
        let more: Vec<_> =
            old.folders.iter().filter(|one| !folders.contains(one)).cloned().collect();
        folders.extend(more);
    }
    folders.sort();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut manifest = Manifest {
        form: FORM,
        name: about.name.clone(),
        version: about.version.clone(),
        prefix: prefix.clone(),
        features: about.features.clone(),
        archive_sha256: about.archive_sha256.clone(),
        complete: false,
        folders,
        files,
    };
    manifest.store(prefix)?;
    let mut linked = HashMap::new();
    for folder in &staged.folders {
        let path = prefix.join(folder);
        within(prefix, &path)?;
        make_folders(&path)?;
    }
    for (entry, count) in staged.files.iter().zip(1..) {
        if stop.wanted() {
            return Err(PlaceError::Stopped);
        }
        one(entry, (&staged.folder, &about.name), prefix, old.as_ref(), &mut linked)?;
        tick(count);
    }
    let (left, gone): (Vec<Entry>, Vec<Entry>) =
        manifest.files.into_iter().partition(|entry| staged_entry(staged, &entry.path).is_some());
    for entry in &gone {
        // Changed by others: it stays, and is theirs now.
        remove::one(prefix, entry)?;
    }
    manifest.files = left;
    for file in &mut manifest.files {
        file.was.clear();
    }
    // Files were flushed one by one, their names and folders were not.
    flush_all(prefix).map_err(|error| failed("flush", prefix, error))?;
    manifest.complete = true;
    manifest.store(prefix)?;
    Ok(manifest)
}

/// Nothing is touched before all of it may be.
fn refuse_strangers(
    staged: &Staged,
    prefix: &Path,
    old: Option<&Manifest>,
) -> Result<(), PlaceError> {
    for entry in &staged.files {
        let path = prefix.join(&entry.path);
        if let Some(above) = path.parent() {
            within(prefix, above)?;
        }
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(PlaceError::Taken(path));
            }
            Err(error) => return Err(failed("look at", &path, error)),
            Ok(meta) if may_replace(&path, &meta, entry, old)? => {}
            Ok(_) if old.is_some_and(|old| old.entry(&entry.path).is_some()) => {
                return Err(PlaceError::Changed(path));
            }
            Ok(_) => return Err(PlaceError::Taken(path)),
        }
    }
    Ok(())
}

/// Ours, unchanged, or already what it shall be by an earlier try of ours.
fn may_replace(
    path: &Path,
    meta: &Metadata,
    new: &Entry,
    old: Option<&Manifest>,
) -> Result<bool, PlaceError> {
    let Some(old) = old else { return Ok(false) };
    let Some(known) = old.entry(&new.path) else { return Ok(false) };
    Ok(remove::is(path, meta, known)? || remove::is(path, meta, new)?)
}

fn one(
    entry: &Entry,
    (stage, name): (&Path, &str),
    prefix: &Path,
    old: Option<&Manifest>,
    linked: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<(), PlaceError> {
    let (from, to) = (stage.join(&entry.path), prefix.join(&entry.path));
    let above = to.parent().unwrap_or(prefix);
    within(prefix, above)?;
    let beside = above.join(beside_name(name));
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &beside, error));
        }
        _ => {}
    }
    let meta = from.symlink_metadata().map_err(|error| failed("read", &from, error))?;
    let inode = (meta.dev(), meta.ino());
    let made = match &entry.content {
        Content::Link(target) => symlink(target, &beside),
        Content::Sha256(_) => match linked.get(&inode) {
            Some(first) => std::fs::hard_link(first, &beside),
            None => copy(&from, &beside, &meta),
        },
    };
    made.map_err(|error| failed("write", &beside, error))?;
    // What is not ours is never replaced, even if it came this very moment.
    let ours = match to.symlink_metadata() {
        Ok(there) => may_replace(&to, &there, entry, old)?,
        Err(_) => false,
    };
    let flags = if ours { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
    if let Err(error) = renameat_with(CWD, &beside, CWD, &to, flags) {
        // Left over, it would be a stranger to the manifest.
        let _ = std::fs::remove_file(&beside);
        return match error {
            rustix::io::Errno::EXIST => Err(PlaceError::Taken(to)),
            error => Err(failed("name", &to, error.into())),
        };
    }
    if meta.is_file() && meta.nlink() > 1 {
        linked.entry(inode).or_insert(to);
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, meta: &Metadata) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut file)?;
    file.set_modified(meta.modified()?)?;
    file.set_permissions(PermissionsExt::from_mode(meta.mode() & 0o777))?;
    file.sync_all()
}

/// What a file is called until it is whole; always the same, so that a leftover is found again.
fn beside_name(name: &str) -> String {
    format!(".menshen-install-{name}.new")
}

/// Whether a folder, as far as it exists, is beneath the prefix with all links followed.
fn within(prefix: &Path, folder: &Path) -> Result<(), PlaceError> {
    let there = folder.ancestors().find_map(|one| one.canonicalize().ok());
    match there {
        Some(real) if real.starts_with(prefix) => Ok(()),
        _ => Err(PlaceError::LeadsOut(folder.to_owned())),
    }
}

fn make_folders(path: &Path) -> Result<(), PlaceError> {
    std::fs::create_dir_all(path).map_err(|error| failed("make", path, error))
}

fn staged_entry<'a>(staged: &'a Staged, path: &str) -> Option<&'a Entry> {
    debug_assert!(stays(path), "{path}");
    let at = staged.files.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
    staged.files.get(at)
}

fn failed(action: &'static str, path: &Path, error: io::Error) -> PlaceError {
    PlaceError::Io(action, path.to_owned(), error)
}

#[cfg(test)]
mod tests;
