//! Which files there are: folders with those in them, links followed, everything bounded.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use menshen_base::{Finding, Severity};

use super::{shown, warning};

/// A regular file.
#[derive(Debug)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    /// Its permission bits.
    pub(super) mode: u32,
    /// Whether the configuration names it, not only a folder it is in.
    pub(super) named: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) files: Vec<FoundFile>,
    pub(super) folders: Vec<PathBuf>,
}

/// All files in these places; each once, under the first of its names.
pub(super) fn walk(places: &[PathBuf], findings: &mut Vec<Finding>) -> Walked {
    let mut walk = Walk { found: Walked::default(), seen: BTreeSet::new(), findings, left: FILES };
    for place in places {
        match fs::metadata(place) {
            Ok(meta) if meta.is_dir() => walk.folder(place, &meta, LEVELS),
            Ok(meta) => walk.file(place, &meta, true),
            Err(error) => {
                let claim = format!("this cannot be read: {}", reason(&error));
                let finding = Finding::new(UNREADABLE, Severity::Error, shown(place), claim);
                walk.findings.push(finding.hint("Correct the path in `tls.from`, or its rights."));
            }
        }
    }
    if walk.left == 0 {
        let claim = format!("more than {FILES} files: the rest is not looked at");
        let subject = places.first().map_or_else(String::new, |place| shown(place));
        walk.findings.push(
            Finding::new("certificate-place-large", Severity::Warning, subject, claim)
                .hint("Name the folders that hold certificates in `tls.from`."),
        );
    }
    walk.found
}

/// The bytes of a file, 1 MiB at most; `None` when there are more.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= FILE_BYTES).then_some(bytes))
}

/// The kernel's words in lower case.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

struct Walk<'a> {
    found: Walked,
    /// Device and number of everything met.
    seen: BTreeSet<(u64, u64)>,
    findings: &'a mut Vec<Finding>,
    left: usize,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, meta: &Metadata, levels: usize) {
        // A link that leads back up ends here.
        if !self.seen.insert((meta.dev(), meta.ino())) {
            return;
        }
        self.found.folders.push(path.to_owned());
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                let claim = format!("this folder cannot be read: {}", reason(&error));
                return self.findings.push(warning(UNREADABLE, path, claim));
            }
        };
        let mut names: Vec<PathBuf> =
            entries.take(self.left).flatten().map(|entry| entry.path()).collect();
        names.sort();
        for path in names {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() && levels > 0 => self.folder(&path, &meta, levels - 1),
                Ok(meta) if meta.is_file() => self.file(&path, &meta, false),
                // Deeper folders, and links that lead nowhere or in a circle.
                _ => {}
            }
        }
    }

    fn file(&mut self, path: &Path, meta: &Metadata, named: bool) {
        if !meta.is_file() {
            // Opening a FIFO would wait for a writer.
            return self.findings.push(warning(UNREADABLE, path, "this is no regular file"));
        }
        if self.seen.insert((meta.dev(), meta.ino())) {
            let mode = meta.permissions().mode() & 0o7777;
            self.found.files.push(FoundFile { path: path.to_owned(), mode, named });
        }
    }
}

const UNREADABLE: &str = "certificate-file-unreadable";

/// Folders in a folder that are looked into, and folders in those, and once more.
pub const LEVELS: usize = 3;
/// Files and folders in all.
const FILES: usize = 10_000;
const FILE_BYTES: u64 = 1 << 20;
