//! Where uses of counted links are remembered: a folder with one record for each link, shared by
//! all workers of all generations.
//!
//! A use is taken under the lock of its record's file, and on the disk before anything is sent for
//! it; what is given back may be lost by a crash, which then costs the link's user and never its
//! owner. Nothing here runs on the thread of connections but the end of a [`Charge`] without a
//! runtime.
//!
//! How it fails: a full or failing disk, or a record that is torn, refuses the use. A record is
//! removed a day after its link's end, when nobody can take anything from it any more.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use menshen_base::EndReason;
use menshen_web_core::link::LinkId;
use menshen_web_core::link::tally::{RECORD_BYTES, Spent, Taken, Tally, Want};
use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, fdatasync, flock, fstat, fsync, openat, unlinkat,
};
use rustix::io::{Errno, pread, pwrite};

use super::Take;

/// The folder.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: OwnedFd,
    most: usize,
}

/// Why a use is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Spent(Spent),
    /// There are records of too many links.
    Full,
    Storage,
}

/// A use that was taken; dropping it settles it.
#[derive(Debug)]
pub(crate) struct Charge {
    desk: Arc<Desk>,
    take: Take,
    taken: Taken,
    /// Uses and bytes that count in the end.
    really: (u32, u64),
}

impl Desk {
    /// Over a folder of the workers; records of at most `most` links.
    pub(crate) fn new(folder: OwnedFd, most: u32) -> Self {
        Self { folder, most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// Takes a use, durably.
    pub(crate) fn take(&self, take: &Take, now: u64) -> Result<Taken, Refused> {
        let (file, made) = self.open(take.id, Missing::Make)?.ok_or(Refused::Storage)?;
        let taken = change(&file, |tally| tally.take(&take.limits, &take.want, now))?;
        let taken = taken.map_err(Refused::Spent)?;
        fdatasync(&file).map_err(|_| Refused::Storage)?;
        if made {
            fsync(&self.folder).map_err(|_| Refused::Storage)?;
        }
        Ok(taken)
    }

    /// What is known of a link now; `None` for one never used.
    pub(crate) fn look(&self, id: LinkId) -> Result<Option<Tally>, Refused> {
        let Some((file, _)) = self.open(id, Missing::Leave)? else { return Ok(None) };
        read(&file).map(Some)
    }

    /// Removes records of links that ended a day before `now`; returns how many.
    pub(crate) fn collect(&self, now: u64) -> usize {
        let Ok(entries) = Dir::read_from(&self.folder) else { return 0 };
        let mut removed = 0;
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !is_record(name.to_bytes()) {
                continue;
            }
            let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let Ok(file) = openat(&self.folder, name, flags, Mode::empty()) else { continue };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            let over = |tally: &Tally| tally.expires.saturating_add(KEPT_SECONDS) <= now;
            // An empty one is somebody's who is about to write it, or lost its writer to a crash;
            // one that cannot be read is left for a person to look at.
            if read(&file).is_ok_and(|tally| tally.expires != 0 && over(&tally)) {
                removed += usize::from(unlinkat(&self.folder, name, AtFlags::empty()).is_ok());
            }
        }
        removed
    }

    /// Says what was really used of `taken`.
    pub(crate) fn settle(&self, id: LinkId, taken: &Taken, count: u32, bytes: u64) {
        // Nothing to be done about a failure: what was taken stays taken.
        if let Ok(Some((file, _))) = self.open(id, Missing::Leave) {
            let _ = change(&file, |tally| {
                tally.settle(taken, count, bytes);
                Ok::<(), Spent>(())
            });
        }
    }

    /// Opens and locks a record; whether it was made just now.
    fn open(&self, id: LinkId, missing: Missing) -> Result<Option<(OwnedFd, bool)>, Refused> {
        let name = id.to_string();
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        for _ in 0..TRIES {
            let (file, made) = match openat(&self.folder, name.as_str(), flags, Mode::empty()) {
                Ok(file) => (file, false),
                Err(Errno::NOENT) if missing == Missing::Leave => return Ok(None),
                Err(Errno::NOENT) => {
                    if self.count() >= self.most {
                        return Err(Refused::Full);
                    }
                    let mode = Mode::RUSR | Mode::WUSR;
                    let file = openat(&self.folder, name.as_str(), flags | OFlags::CREATE, mode);
                    (file.map_err(|_| Refused::Storage)?, true)
                }
                Err(_) => return Err(Refused::Storage),
            };
            loop {
                match flock(&file, FlockOperation::LockExclusive) {
                    Ok(()) => break,
                    Err(Errno::INTR) => {}
                    Err(_) => return Err(Refused::Storage),
                }
            }
            // It may have been removed while we waited for it.
            if fstat(&file).is_ok_and(|stat| stat.st_nlink > 0) {
                return Ok(Some((file, made)));
            }
        }
        Err(Refused::Storage)
    }

    /// How many records there are.
    fn count(&self) -> usize {
        let Ok(entries) = Dir::read_from(&self.folder) else { return usize::MAX };
        entries.flatten().filter(|entry| is_record(entry.file_name().to_bytes())).count()
    }
}

impl Charge {
    /// Of a use that was taken. Unless told otherwise all of a download counts, and nothing of an
    /// upload.
    pub(crate) fn new(desk: Arc<Desk>, take: Take, taken: Taken) -> Self {
        let really = match take.want {
            Want::Fetch { .. } => (taken.count, taken.bytes),
            Want::Store { .. } => (0, 0),
        };
        Self { desk, take, taken, really }
    }

    /// A download ended after `bytes` were sent. Of one that broke off a step more may have gone
    /// out than was noted; were it given back, a client could fetch a file for nothing by breaking
    /// off after every step.
    pub(crate) fn sent(mut self, bytes: u64, end: EndReason) {
        let more = if end == EndReason::DONE { 0 } else { STEP_BYTES };
        self.really.1 = bytes.saturating_add(more).min(self.taken.bytes);
    }

    /// An upload came to so many files with so many bytes together; settled when this returns, so
    /// that its answer is told to nobody who could still find its room taken.
    pub(crate) async fn stored(mut self, files: u32, bytes: u64) {
        self.really = (files, bytes);
        let settle = self.settlement();
        // It is settled already when it is dropped.
        self.really = (self.taken.count, self.taken.bytes);
        if let Some(settle) = settle {
            let _ = tokio::task::spawn_blocking(settle).await;
        }
    }

    /// What has to be done, if anything.
    fn settlement(&self) -> Option<impl FnOnce() + Send + use<>> {
        if self.really == (self.taken.count, self.taken.bytes) {
            return None;
        }
        let (desk, id, taken) = (Arc::clone(&self.desk), self.take.id, self.taken);
        let (count, bytes) = self.really;
        Some(move || desk.settle(id, &taken, count, bytes))
    }

    /// Files that may come; `None` for any number.
    pub(crate) fn files_max(&self) -> Option<u32> {
        self.take.limits.count.map(|_| self.taken.count)
    }

    /// Bytes that may come; `None` for any number.
    pub(crate) fn bytes_max(&self) -> Option<u64> {
        self.take.limits.bytes.map(|_| self.taken.bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Some(settle) = self.settlement() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(settle)),
            Err(_) => settle(),
        }
    }
}

/// What becomes of a record that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

/// Changes a locked record; nothing is written with an error.
fn change<T, E>(
    file: &OwnedFd,
    how: impl FnOnce(&mut Tally) -> Result<T, E>,
) -> Result<Result<T, E>, Refused> {
    let mut tally = read(file)?;
    let done = how(&mut tally);
    if done.is_ok() {
        let record = tally.write();
        if pwrite(file, &record, 0) != Ok(record.len()) {
            return Err(Refused::Storage);
        }
    }
    Ok(done)
}

fn read(file: &OwnedFd) -> Result<Tally, Refused> {
    let mut record = [0; RECORD_BYTES + 1];
    let mut length = 0;
    while length < record.len() {
        match pread(file, &mut record[length..], length as u64) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(Errno::INTR) => {}
            Err(_) => return Err(Refused::Storage),
        }
    }
    Tally::read(&record[..length]).map_err(|_| Refused::Storage)
}

/// 24 hexadecimal digits.
fn is_record(name: &[u8]) -> bool {
    name.len() == 24 && name.iter().all(u8::is_ascii_hexdigit)
}

/// How long a record outlives its link, seconds: downloads begun before the end may last.
const KEPT_SECONDS: u64 = 24 * 3600;
/// The largest step of an answer.
const STEP_BYTES: u64 = crate::scratch::SCRATCH_BYTES as u64;
const TRIES: u32 = 16;

#[cfg(test)]
mod tests;
