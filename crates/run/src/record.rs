//! What is known of a run, and its last words, in a file of its own that outlives program and
//! supervisor: `NAME.PID.run` in a folder in memory ([`folder`]).
//!
//! Layout: magic and the count of all output bytes; two slots that hold [`Facts`] as JSON with a
//! sequence number and CRC-32, written in turn, so that a `kill -9` in the middle leaves the other
//! one; then the last [`LAST_BYTES`] of output as a ring. Written with plain `pwrite`: what was
//! handed to the kernel survives this process. Read by anybody who may open the file; foreign
//! bytes there are bounded and checked.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use menshen_sys::proc::Stat;
use serde::{Deserialize, Serialize};

mod folder;
mod view;

pub use folder::folder;
pub(crate) use folder::make as folder_made;
pub use view::{RunView, View, list};

/// What is known of a run. Field names are part of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name: `--name`, or the program's file name.
    pub name: String,
    /// The process that supervises it.
    pub supervisor_pid: u32,
    /// When that started, clock ticks since the kernel did.
    pub supervisor_start_ticks: u64,
    /// The program, while it runs.
    pub pid: Option<u32>,
    /// Program and arguments, cut after [`COMMAND_BYTES_MAX`] bytes in all.
    pub command: Vec<String>,
    /// Where it is in its life.
    pub phase: Phase,
    /// When the supervisor began, Unix milliseconds.
    pub began_unix_ms: u64,
    /// When the program was started last, Unix milliseconds.
    pub started_unix_ms: u64,
    /// When all was over, Unix milliseconds.
    pub ended_unix_ms: Option<u64>,
    /// Starts after the first.
    pub restarts: u64,
    /// How it ended the last time.
    pub last_end: Option<String>,
    /// Exit code of the supervisor, once all is over.
    pub exit_code: Option<u8>,
    /// Text in C buffers nobody has seen, as of the last look, bytes.
    pub stuck_bytes: u64,
    /// Limit of its memory, bytes.
    pub memory_max_bytes: Option<u64>,
    /// Processes of it the kernel killed at that limit.
    pub memory_kills: u64,
}

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The program runs.
    Running,
    /// It ended and will be started again.
    Waiting,
    /// It was asked to end.
    Stopping,
    /// All is over.
    Ended,
}

/// The side that writes.
#[derive(Debug)]
pub(crate) struct Record {
    file: File,
    sequence: u64,
    written: u64,
    written_facts: Option<Facts>,
}

impl Record {
    /// Makes the file of a new run in `folder`, and removes those of runs long over.
    pub(crate) fn create(folder: &Path, facts: &Facts) -> io::Result<(Self, PathBuf)> {
        folder::clean(folder);
        let path = folder.join(format!("{}.{}.run", facts.name, facts.supervisor_pid));
        // One of the same number is of a process long gone.
        let _ = std::fs::remove_file(&path);
        let file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        file.set_len(FILE_BYTES)?;
        file.write_all_at(MAGIC, 0)?;
        let mut record = Self { file, sequence: 0, written: 0, written_facts: None };
        record.facts(facts)?;
        Ok((record, path))
    }

    /// Posts the facts if they changed.
    pub(crate) fn facts(&mut self, facts: &Facts) -> io::Result<()> {
        if self.written_facts.as_ref() == Some(facts) {
            return Ok(());
        }
        let json = serde_json::to_vec(facts)?;
        let Ok(length) = u32::try_from(json.len()) else { return Err(too_long()) };
        if json.len() > FACTS_BYTES_MAX {
            return Err(too_long());
        }
        self.sequence += 1;
        let mut slot = self.sequence.to_le_bytes().to_vec();
        slot.extend_from_slice(&length.to_le_bytes());
        slot.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
        slot.extend_from_slice(&json);
        self.file.write_all_at(&slot, SLOTS[usize::from(self.sequence.is_multiple_of(2))])?;
        self.written_facts = Some(facts.clone());
        Ok(())
    }

    /// Keeps output of the program.
    pub(crate) fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        let skipped = bytes.len().saturating_sub(RING_LEN);
        let mut rest = bytes.get(skipped..).unwrap_or_default();
        let mut at = self.written + skipped as u64;
        while !rest.is_empty() {
            let place = at % LAST_BYTES;
            let room = usize::try_from(LAST_BYTES - place).unwrap_or(RING_LEN);
            let (now, later) = rest.split_at(rest.len().min(room));
            self.file.write_all_at(now, RING_AT + place)?;
            at += now.len() as u64;
            rest = later;
        }
        self.written = at;
        self.file.write_all_at(&at.to_le_bytes(), COUNT_AT)
    }
}

/// Program and arguments as text, cut.
pub(crate) fn command(words: &[&std::ffi::OsStr]) -> Vec<String> {
    let (mut room, mut command) = (COMMAND_BYTES_MAX, Vec::new());
    for word in words.iter().take(COMMAND_WORDS_MAX) {
        let word = word.to_string_lossy();
        let end = word.floor_char_boundary(room);
        let cut = end < word.len();
        command.push(format!("{}{}", &word[..end], if cut { "…" } else { "" }));
        room -= end;
        if cut || room == 0 {
            break;
        }
    }
    command
}

/// Whether a process with this number started at this time runs.
pub(crate) fn is_alive(pid: u32, start_ticks: u64) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.start_ticks == start_ticks && stat.state != b'Z')
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the facts of the run are too long")
}

/// So much of the end of the output is kept, bytes.
pub const LAST_BYTES: u64 = 64 * 1024;
/// So much of a command line is kept, bytes; six bytes of JSON for each still fit a slot.
pub const COMMAND_BYTES_MAX: usize = 1024;

const COMMAND_WORDS_MAX: usize = 64;
const RING_LEN: usize = 64 * 1024;
const MAGIC: &[u8; 16] = b"menshen run 1\0\0\0";
const COUNT_AT: u64 = 16;
const SLOTS: [u64; 2] = [4096, 4096 + 12 * 1024];
const FACTS_BYTES_MAX: usize = 12 * 1024 - 16;
const RING_AT: u64 = 4096 + 2 * 12 * 1024;
const FILE_BYTES: u64 = RING_AT + LAST_BYTES;

#[cfg(test)]
mod tests;
