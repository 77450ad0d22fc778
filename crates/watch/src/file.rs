//! The recorder's file on disk: made whole at once, taken for one watch alone, gone on with where
//! the last one ended.
//!
//! Nothing of another kind is ever overwritten. It fails when there is no room for all of the file,
//! when another watch holds it, and when it is something else.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use menshen_guard_core::recorder::{
    self, Body, FILE_BYTES, FileHead, Lane, LaneWriter, Recording, SEGMENT_BYTES,
};
use rustix::fs::OFlags;

/// An open recorder.
#[derive(Debug)]
pub(crate) struct RecorderFile {
    /// For records: a write returns when the disk has it (`O_DSYNC`).
    pub(crate) durable: File,
    /// For the status, which nobody waits for.
    pub(crate) plain: File,
    pub(crate) head: FileHead,
    pub(crate) words: LaneWriter,
    pub(crate) tables: LaneWriter,
    /// The number of the next record.
    pub(crate) next_sequence: u64,
    /// The number of the next table.
    pub(crate) next_snapshot: u64,
    /// The newest record of the kernel's log that is in the file, of this life of the machine.
    pub(crate) kernel_sequence: Option<u64>,
    /// Version of the next status.
    pub(crate) next_status: u64,
}

/// Why there is no recorder.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The file is something else.
    #[error("{} is no recorder and is left alone", path.display())]
    ConfigNotARecording {
        /// Which.
        path: PathBuf,
    },
    /// Another watch has it.
    #[error("another watch records in {}", path.display())]
    LocalInUse {
        /// Which.
        path: PathBuf,
    },
    /// Something failed.
    #[error("could not {action} {}", path.display())]
    LocalFile {
        /// What.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RecorderFile {
    /// Opens the recorder at `path`, or makes it with `bytes`, a little less to fit segments. One
    /// of another size is kept under the name `PATH.old`. `head` says who records now; its salt is
    /// used for a new file only.
    pub(crate) fn open(path: &Path, bytes: u64, head: FileHead) -> Result<Self, RecorderError> {
        let bytes = bytes.clamp(*FILE_BYTES.start(), *FILE_BYTES.end());
        let bytes = recorder::segment_offset(recorder::segments(bytes));
        let failed =
            |action, source| RecorderError::LocalFile { action, path: path.to_owned(), source };
        loop {
            let plain = open(path, OFlags::CREATE).map_err(|source| failed("open", source))?;
            if plain.try_lock().is_err() {
                return Err(RecorderError::LocalInUse { path: path.to_owned() });
            }
            let found = contents(&plain).map_err(|source| failed("read", source))?;
            let durable = open(path, OFlags::DSYNC)
                .and_then(|durable| same(&plain, durable))
                .map_err(|source| failed("open", source))?;
            if found.iter().all(|byte| *byte == 0) {
                fill(&plain, bytes).map_err(|source| failed("make", source))?;
                return Self::begin(durable, plain, bytes, None, head)
                    .map_err(|source| failed("write", source));
            }
            let Ok(recording) = recorder::read(&found) else {
                return Err(RecorderError::ConfigNotARecording { path: path.to_owned() });
            };
            if found.len() as u64 == bytes {
                return Self::begin(durable, plain, bytes, Some(&recording), head)
                    .map_err(|source| failed("write", source));
            }
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            std::fs::rename(path, old).map_err(|source| failed("rename", source))?;
        }
    }

    fn begin(
        durable: File,
        plain: File,
        bytes: u64,
        before: Option<&Recording<'_>>,
        mut head: FileHead,
    ) -> io::Result<Self> {
        if plain.metadata()?.mode() & 0o077 != 0 {
            plain.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        head.salt = before.map_or(head.salt, Recording::salt);
        durable.write_all_at(&head.encode(), 0)?;
        let lane = |lane| {
            let last = before.and_then(|before| before.last_segment(lane, &head.boot_id));
            LaneWriter::new(lane, bytes, &head, last)
        };
        let records = before.map_or(&[][..], |before| &before.records);
        let next_sequence = records.last().map_or(1, |record| record.stamp.sequence + 1);
        let mut next_snapshot = 1;
        let mut kernel_sequence = None;
        for record in records {
            match record.body {
                Body::Snapshot(snapshot) => next_snapshot = next_snapshot.max(snapshot.number + 1),
                Body::Kernel(text) if record.boot_id == Some(head.boot_id) => {
                    let sequence = menshen_sys::kmsg::head(text).map(|head| head.sequence);
                    kernel_sequence = kernel_sequence.max(sequence);
                }
                _ => {}
            }
        }
        let status = before.and_then(|before| before.status);
        Ok(Self {
            words: lane(Lane::Words),
            tables: lane(Lane::Tables),
            durable,
            plain,
            head,
            next_sequence,
            next_snapshot,
            kernel_sequence,
            next_status: status.map_or(1, |status| status.version + 1),
        })
    }
}

/// A link is not followed: the folder may be one that others write to.
fn open(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | more;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(more.contains(OFlags::CREATE))
        .truncate(false)
        .mode(0o600)
        .custom_flags((flags - OFlags::CREATE).bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    // Command lines hold secrets: nobody else may have put it there.
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !ours || metadata.nlink() > 1 {
        return Err(io::Error::other("it belongs to somebody else, or has a second name"));
    }
    Ok(file)
}

/// Whoever may write to the folder could put another one there in between.
fn same(one: &File, other: File) -> io::Result<File> {
    let of = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    if of(one)? == of(&other)? { Ok(other) } else { Err(io::Error::other("it was replaced")) }
}

fn contents(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(*FILE_BYTES.end() + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes every byte: with room that is only reserved, the file system would have to note at each
/// write that it is used now, and would need memory for that.
fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(0))?;
    let zeros = vec![0; SEGMENT_BYTES];
    let mut left = bytes;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        if let Err(error) = file.write_all(zeros.get(..part).unwrap_or_default()) {
            // Half a file would only take the room somebody else needs.
            let _ = file.set_len(0);
            return Err(error);
        }
        left -= part as u64;
    }
    file.set_len(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
