//! What is to be read, opened with the rights the program was started with. No byte of it is
//! looked at here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Child;

use menshen_explain_core::oom::Changed;
use menshen_sys::kmsg::{KernelLog, Start};

use super::family::{Turn, is_known, rotation};
use super::{OomError, journal};

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, or a folder with rotated logs.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// The journal of this start of the machine and of those before.
    Journal,
    /// The kernel's ring and its counter.
    Live,
    /// The flight recorder of the watch.
    Recorder(PathBuf),
}

/// Everything that is to be read, open.
#[derive(Debug)]
pub struct Opened {
    pub(super) logs: Vec<Log>,
    /// Files of a folder that could not be opened, and why.
    pub(super) broken: Vec<(String, String)>,
}

/// Files that follow each other.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) parts: Vec<Part>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) changed: Option<Changed>,
    /// Its size on disk.
    pub(super) bytes: Option<u64>,
    pub(super) choice: Choice,
    pub(super) from: Origin,
}

/// Whether it was asked for by its own name: then it must be readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Named,
    Found,
}

pub(super) enum Origin {
    Bytes(Box<dyn Read>),
    Ring(KernelLog),
    Journal(Child),
    Recorder(File),
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Ring(_) => "Ring",
            Self::Journal(_) => "Journal",
            Self::Recorder(_) => "Recorder",
        })
    }
}

/// Opens everything.
///
/// # Errors
/// [`OomError`] for an input that was named and cannot be opened, and for a folder without logs.
pub fn open(inputs: &[Input]) -> Result<Opened, OomError> {
    let mut opened = Opened { logs: Vec::new(), broken: Vec::new() };
    let mut named: Vec<PathBuf> = Vec::new();
    for input in inputs {
        match input {
            Input::Path(path) => {
                let meta = fs::metadata(path).map_err(|error| unreadable(path, error))?;
                if meta.is_dir() {
                    folder(path, &mut opened)?;
                } else {
                    named.push(path.clone());
                }
            }
            Input::Stdin => opened
                .logs
                .push(single("standard input", Origin::Bytes(Box::new(io::stdin().lock())))),
            Input::Journal => {
                let child = journal::start().map_err(OomError::Journal)?;
                opened.logs.push(single("journal", Origin::Journal(child)));
            }
            Input::Recorder(path) => {
                let file = File::open(path).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => OomError::RecorderAbsent { name: shown(path) },
                    _ => unreadable(path, error),
                })?;
                opened.logs.push(single(&shown(path), Origin::Recorder(file)));
            }
            Input::Live => {
                let ring = KernelLog::open(Start::Oldest).map_err(OomError::Ring)?;
                opened.logs.push(single("/dev/kmsg", Origin::Ring(ring)));
            }
        }
    }
    for family in families(named) {
        let parts = family
            .into_iter()
            .map(|path| part(&path, Choice::Named).map_err(|error| unreadable(&path, error)));
        opened.logs.push(Log { parts: parts.collect::<Result<_, _>>()? });
    }
    Ok(opened)
}

fn single(name: &str, from: Origin) -> Log {
    let name = name.to_owned();
    let part = Part { name, changed: None, bytes: None, choice: Choice::Named, from };
    Log { parts: vec![part] }
}

/// The logs of a folder that the kernel's words go to; all its files where it has none of these.
fn folder(folder: &Path, opened: &mut Opened) -> Result<(), OomError> {
    let wrong = |error| unreadable(folder, error);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        // Devices and pipes may wait for ever; hidden files are nobody's log.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && fs::metadata(&path).is_ok_and(|meta| meta.is_file()) {
            files.push(path);
        }
    }
    let known = |path: &PathBuf| is_known(rotation(&file_name(path)).0);
    if files.iter().any(known) {
        files.retain(known);
    }
    files.sort();
    if files.len() > FILES_MAX {
        let more = files.split_off(FILES_MAX).len();
        opened.broken.push((shown(folder), format!("{more} more files were not read")));
    }
    let mut found = 0;
    for family in families(files) {
        let mut parts = Vec::new();
        for path in family {
            match part(&path, Choice::Found) {
                Ok(part) => parts.push(part),
                Err(error) => opened.broken.push((shown(&path), error.to_string())),
            }
        }
        found += parts.len();
        if !parts.is_empty() {
            opened.logs.push(Log { parts });
        }
    }
    match opened.broken.first() {
        _ if found > 0 => Ok(()),
        Some((name, reason)) => {
            let source = io::Error::new(io::ErrorKind::PermissionDenied, reason.clone());
            Err(OomError::Unreadable { name: name.clone(), source })
        }
        None => Err(OomError::NothingThere { name: shown(folder) }),
    }
}

/// Rotated files of one log together, the oldest first; logs in the order of their first file.
fn families(files: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    let mut order: Vec<Vec<(Turn, PathBuf)>> = Vec::new();
    let mut known: BTreeMap<(PathBuf, OsString), usize> = BTreeMap::new();
    for path in files {
        let name = file_name(&path);
        let (stem, turn) = rotation(&name);
        let key = (path.parent().map(Path::to_owned).unwrap_or_default(), OsString::from(stem));
        let number = *known.entry(key).or_insert(order.len());
        match order.get_mut(number) {
            Some(family) => family.push((turn, path)),
            None => order.push(vec![(turn, path)]),
        }
    }
    let sorted = order.into_iter().map(|mut family| {
        family.sort_by(|one, other| one.0.cmp(&other.0));
        family.into_iter().map(|(_, path)| path).collect()
    });
    sorted.collect()
}

fn part(path: &Path, choice: Choice) -> io::Result<Part> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let changed = meta.is_file().then(|| Changed::of_unix_seconds(meta.mtime()));
    let bytes = meta.is_file().then_some(meta.len());
    Ok(Part { name: shown(path), changed, bytes, choice, from: Origin::Bytes(Box::new(file)) })
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn unreadable(path: &Path, source: io::Error) -> OomError {
    OomError::Unreadable { name: shown(path), source }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Files of one folder: below what a process may have open.
const FILES_MAX: usize = 256;
