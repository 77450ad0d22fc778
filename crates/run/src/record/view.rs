//! Runs as anybody who may read their files sees them, without asking the supervisor.
//!
//! A file that is none, is cut or was written by somebody else in another form is left out.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{COUNT_AT, FACTS_BYTES_MAX, Facts, LAST_BYTES, MAGIC, Phase, RING_AT, SLOTS, is_alive};

/// One run.
#[derive(Debug, Clone)]
pub struct RunView {
    /// What its supervisor wrote last.
    pub facts: Facts,
    /// What is true now.
    pub view: View,
    /// All bytes of output so far.
    pub output_bytes: u64,
    /// When its file was last written.
    pub changed: SystemTime,
    /// Its file.
    pub path: PathBuf,
}

/// What is true of a run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Its supervisor runs.
    Alive,
    /// It came to its end.
    Ended,
    /// Its supervisor is gone and said nothing.
    Lost,
}

impl RunView {
    /// The last words, up to [`LAST_BYTES`], in order.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn last_words(&self) -> io::Result<Vec<u8>> {
        let file = open(&self.path)?;
        // Written by a running supervisor: once more if it wrote meanwhile.
        for _ in 0..TRIES {
            let before = count(&file)?;
            let mut ring = vec![0; usize::try_from(LAST_BYTES).unwrap_or(0)];
            file.read_exact_at(&mut ring, RING_AT)?;
            if count(&file)? == before {
                return Ok(in_order(ring, before));
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// The runs whose files are in `folder`, newest first, a thousand at most; none if there is no
/// such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<RunView>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let runs = paths.filter(|path| path.extension().is_some_and(|end| end == "run"));
    let mut runs: Vec<RunView> = runs.take(RUNS_MAX).filter_map(|path| read(path).ok()).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.facts.began_unix_ms));
    Ok(runs)
}

fn read(path: PathBuf) -> io::Result<RunView> {
    let file = open(&path)?;
    let mut magic = [0; 16];
    file.read_exact_at(&mut magic, 0)?;
    if &magic != MAGIC {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let facts = (0..TRIES).find_map(|_| {
        let newest =
            SLOTS.iter().filter_map(|at| slot(&file, *at)).max_by_key(|(number, _)| *number);
        if newest.is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        newest
    });
    let Some((_, facts)) = facts else { return Err(io::ErrorKind::InvalidData.into()) };
    let view = match facts.phase {
        Phase::Ended => View::Ended,
        _ if is_alive(facts.supervisor_pid, facts.supervisor_start_ticks) => View::Alive,
        _ => View::Lost,
    };
    let changed = file.metadata()?.modified()?;
    Ok(RunView { facts, view, output_bytes: count(&file)?, changed, path })
}

/// The facts of one slot and their number; `None`: never written, or only in part.
fn slot(file: &File, at: u64) -> Option<(u64, Facts)> {
    let mut head = [0; 16];
    file.read_exact_at(&mut head, at).ok()?;
    let number = u64::from_le_bytes(head[..8].try_into().ok()?);
    let length = usize::try_from(u32::from_le_bytes(head[8..12].try_into().ok()?)).ok()?;
    let sum = u32::from_le_bytes(head[12..].try_into().ok()?);
    let mut json = vec![0; Some(length).filter(|length| *length <= FACTS_BYTES_MAX)?];
    file.read_exact_at(&mut json, at + 16).ok()?;
    let whole = number > 0 && crc32fast::hash(&json) == sum;
    Some((number, serde_json::from_slice(&json).ok().filter(|_| whole)?))
}

fn count(file: &File) -> io::Result<u64> {
    let mut count = [0; 8];
    file.read_exact_at(&mut count, COUNT_AT)?;
    Ok(u64::from_le_bytes(count))
}

/// The ring's bytes from the oldest to the newest of `total`.
fn in_order(mut ring: Vec<u8>, total: u64) -> Vec<u8> {
    if total <= LAST_BYTES {
        ring.truncate(usize::try_from(total).unwrap_or(0));
    } else {
        ring.rotate_left(usize::try_from(total % LAST_BYTES).unwrap_or(0));
    }
    ring
}

/// Regular files only: a FIFO put there must hold nobody up.
fn open(path: &Path) -> io::Result<File> {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits();
    File::options().read(true).custom_flags(flags.cast_signed()).open(path)
}

const RUNS_MAX: usize = 1000;
const TRIES: usize = 10;
