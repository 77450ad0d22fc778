//! What was put into a prefix, so that exactly this can be taken out again.
//!
//! A manifest is written before the first file is placed: who dies in between has left a list of
//! all that may be there. It is read as foreign text: its paths stay beneath the prefix.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::words;

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of this text; 1.
    pub form: u32,
    /// The recipe's name.
    pub name: String,
    /// The version that was built.
    pub version: String,
    /// The prefix it was built for.
    pub prefix: PathBuf,
    /// Features that were asked for.
    pub features: Vec<String>,
    /// SHA-256 of the archive.
    pub archive_sha256: String,
    /// Whether all files are placed.
    pub complete: bool,
    /// Folders that were made, each before what is in it; relative to the prefix.
    pub folders: Vec<String>,
    /// Files and links, by path.
    pub files: Vec<Entry>,
}

/// One file or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Relative to the prefix.
    pub path: String,
    /// What it is.
    #[serde(flatten)]
    pub content: Content,
    /// What of earlier versions may stand there still; nothing once all files are placed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<Content>,
}

impl Entry {
    /// One of which no earlier version is known.
    #[must_use]
    pub fn new(path: String, content: Content) -> Self {
        Self { path, content, was: Vec::new() }
    }

    /// All that may be there.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.content).chain(&self.was)
    }

    /// What `old` may have left there is this recipe's own as well.
    pub(crate) fn replaces(&mut self, old: &Self) {
        for content in old.contents() {
            if !self.contents().any(|known| known == content) {
                self.was.push(content.clone());
            }
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A file with this SHA-256.
    Sha256(String),
    /// A link to this.
    Link(String),
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read or written.
    #[error("could not read or write {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// It is no manifest.
    #[error("{} is no manifest: {}", .0.display(), .1)]
    Content(PathBuf, String),
}

impl Manifest {
    /// Where the manifest of `name` is.
    #[must_use]
    pub fn place(prefix: &Path, name: &str) -> PathBuf {
        prefix.join(FOLDER).join(format!("{name}.json"))
    }

    /// That of `name`, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn load(prefix: &Path, name: &str) -> Result<Option<Self>, ManifestError> {
        let path = Self::place(prefix, name);
        let bytes = match crate::read::bytes(&path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ManifestError::Io(path, error)),
        };
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| ManifestError::Content(path.clone(), error.to_string()))?;
        manifest.check(name).map_err(|why| ManifestError::Content(path, why))?;
        Ok(Some(manifest))
    }

    /// Writes it, durably and whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn store(&self, prefix: &Path) -> Result<(), ManifestError> {
        let path = Self::place(prefix, &self.name);
        let failed = |error| ManifestError::Io(path.clone(), error);
        // Paths and digests: nothing in it can fail to become JSON.
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        std::fs::create_dir_all(prefix.join(FOLDER)).map_err(failed)?;
        write_whole(&path, text.as_bytes()).map_err(failed)
    }

    /// The entry of this path.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let at = self.files.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }

    fn check(&self, name: &str) -> Result<(), String> {
        if self.form != FORM || self.name != name || !words::is_name(name) {
            return Err("another form or name".into());
        }
        let paths = self.files.iter().map(|entry| &entry.path).chain(&self.folders);
        if let Some(bad) = paths.clone().find(|path| !stays(path)) {
            return Err(format!("{bad:?} is no path beneath the prefix"));
        }
        if !self.files.is_sorted_by(|a, b| a.path < b.path) {
            return Err("its files are not in order".into());
        }
        if self.complete && self.files.iter().any(|entry| !entry.was.is_empty()) {
            return Err("it is complete, and lists what was before".into());
        }
        Ok(())
    }
}

/// Writes `bytes` beside `path`, flushes, and gives them the name.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(above) => File::open(above)?.sync_all(),
        None => Ok(()),
    }
}

/// Flushes the file system of `folder`: what was written there by whomever, with its names, before
/// something says that it is there.
pub(crate) fn flush_all(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// A relative path without `..`, as the manifest writes them.
pub(crate) fn stays(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\0')
        && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

/// Below the prefix.
pub const FOLDER: &str = "share/menshen/install";
/// The form this program writes.
pub(crate) const FORM: u32 = 1;
const BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    //! What is taken for a manifest.
    use super::*;

    fn manifest() -> Manifest {
        let file = |path: &str| Entry::new(path.to_owned(), Content::Sha256("0".repeat(64)));
        Manifest {
            form: FORM,
            name: "git".into(),
            version: "2.0".into(),
            prefix: "/opt/git".into(),
            features: vec!["https".into()],
            archive_sha256: "1".repeat(64),
            complete: true,
            folders: vec!["bin".into()],
            files: vec![file("bin/git"), Entry::new("bin/it".into(), Content::Link("git".into()))],
        }
    }

    #[test]
    fn it_comes_back_as_it_was() {
        let prefix = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::load(prefix.path(), "git").unwrap(), None);
        manifest().store(prefix.path()).unwrap();
        let read = Manifest::load(prefix.path(), "git").unwrap().unwrap();
        assert_eq!(read, manifest());
        assert_eq!(read.entry("bin/it").unwrap().content, Content::Link("git".into()));
        assert!(read.entry("bin/other").is_none());
    }

    #[test]
    fn what_was_before_is_kept_until_all_is_placed() {
        let prefix = tempfile::tempdir().unwrap();
        let mut half = manifest();
        half.complete = false;
        let earlier = [Content::Link("old".into()), Content::Sha256("2".repeat(64))];
        for content in earlier.iter().chain(&earlier) {
            half.files[1].replaces(&Entry::new("bin/it".into(), content.clone()));
        }
        assert_eq!(half.files[1].was, earlier);
        half.store(prefix.path()).unwrap();
        assert_eq!(Manifest::load(prefix.path(), "git").unwrap().unwrap(), half);
        half.complete = true;
        half.store(prefix.path()).unwrap();
        assert!(Manifest::load(prefix.path(), "git").is_err());
    }

    #[test]
    fn paths_that_leave_the_prefix_are_refused() {
        let prefix = tempfile::tempdir().unwrap();
        for path in ["/etc/passwd", "../x", "a/../../x", "", "a//b", "./a"] {
            let mut bad = manifest();
            bad.files = vec![Entry::new(path.into(), Content::Link("x".into()))];
            bad.store(prefix.path()).unwrap();
            assert!(Manifest::load(prefix.path(), "git").is_err(), "{path}");
            let mut bad = manifest();
            bad.folders.push(path.into());
            bad.store(prefix.path()).unwrap();
            assert!(Manifest::load(prefix.path(), "git").is_err(), "{path}");
        }
        std::fs::write(Manifest::place(prefix.path(), "git"), "{}").unwrap();
        assert!(Manifest::load(prefix.path(), "git").is_err());
    }
}
