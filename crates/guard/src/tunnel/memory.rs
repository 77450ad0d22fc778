//! What the guard keeps of the tunnel door for its whole life, whatever becomes of the
//! configuration: what is in the file of users, and which addresses are taken. A worker that was
//! retired reads and locks the same files as the one that serves now, also where there was no
//! tunnel door in between.
//!
//! The users are a file in memory that only the guard can write; a worker reads it whole whenever
//! its time of change is another. That time is set last, so whoever read half of a change reads
//! again. The addresses are locks of octets of another (`menshen_sys::lease`); the guard holds
//! none, so closing its descriptors gives nothing back.
//!
//! How it fails: no memory for what is written. What was posted before may then be there in part,
//! with its old time of change.

use std::fs::{File, FileTimes};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{MemfdFlags, Mode, OFlags, fchmod, memfd_create};

use serde::{Deserialize, Serialize};

use super::Contents;
use crate::error::GuardError;
use crate::guard::UsersCheck;
use crate::handover::{Handed, Outgoing};

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(super) users: File,
    /// The same for workers, who may not write.
    users_readable: OwnedFd,
    /// What is there; `None`: what another program wrote.
    posted: Option<Contents>,
    /// Counts what was written: the file's time of change.
    version: u64,
    pub(super) leases: OwnedFd,
    check: UsersCheck,
}

/// The memory as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedMemory {
    users: RawFd,
    leases: RawFd,
}

impl HandedMemory {
    /// The memory; the users are written anew by whoever reads them first.
    pub(crate) fn adopt(&self, left: &Handed, check: UsersCheck) -> Result<Memory, GuardError> {
        Memory::found(File::from(left.copy(self.users)?), left.copy(self.leases)?, check)
    }
}

impl Memory {
    /// With no users, and no address taken.
    pub(crate) fn create(check: UsersCheck) -> Result<Self, GuardError> {
        let failed =
            |source| GuardError::LocalSystem { action: "make the tunnel door's files", source };
        let (users, users_readable) = file("tunnel-users", 0o444).map_err(failed)?;
        let (leases, _) = file("tunnel-leases", 0o600).map_err(failed)?;
        let (posted, leases) = (Some(Contents(Vec::new())), leases.into());
        Ok(Self { users, users_readable, posted, version: 0, leases, check })
    }

    /// As another program left it. The version is the file's own: that program may have written,
    /// and gone back to one that was told of an earlier one.
    pub(super) fn found(
        users: File,
        leases: OwnedFd,
        check: UsersCheck,
    ) -> Result<Self, GuardError> {
        let opened = users.metadata().and_then(|about| Ok((about.mtime(), readable(&users)?)));
        let (seconds, users_readable) = opened.map_err(|source| GuardError::LocalSystem {
            action: "open the users of the tunnel door",
            source,
        })?;
        let version = u64::try_from(seconds).unwrap_or(0);
        Ok(Self { users, users_readable, posted: None, version, leases, check })
    }

    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> HandedMemory {
        let (users, leases) = (outgoing.add(&self.users), outgoing.add(&self.leases));
        HandedMemory { users, leases }
    }

    /// What is in the file of users, for reading.
    pub(crate) fn users(&self) -> BorrowedFd<'_> {
        self.users_readable.as_fd()
    }

    /// Whose locks say which addresses are taken.
    pub(crate) fn leases(&self) -> BorrowedFd<'_> {
        self.leases.as_fd()
    }

    /// Whether a worker could take these users, which were read of this file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn check(&self, contents: &Contents, path: &Path) -> Result<(), GuardError> {
        (self.check)(&contents.0).map_err(|problem| GuardError::LocalTunnelUsers {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, problem),
        })
    }

    /// Writes the users where they are others; whether they were.
    pub(crate) fn post(&mut self, contents: &Contents) -> Result<bool, GuardError> {
        if self.version > 0 && self.posted.as_ref() == Some(contents) {
            return Ok(false);
        }
        let version = UNIX_EPOCH + Duration::from_secs(self.version + 1);
        let written = self.users.write_all_at(&contents.0, 0).and_then(|()| {
            self.users.set_len(contents.0.len() as u64)?;
            self.users.set_times(FileTimes::new().set_modified(version))
        });
        written
            .map_err(|source| GuardError::LocalSystem { action: "hand over the users", source })?;
        self.version += 1;
        self.posted = Some(contents.clone());
        Ok(true)
    }
}

/// A file in memory with these permission bits, and a descriptor that only reads.
fn file(name: &str, mode: u32) -> io::Result<(File, OwnedFd)> {
    let file = memfd_create(name, MemfdFlags::CLOEXEC)?;
    fchmod(&file, Mode::from_raw_mode(mode))?;
    let readable = readable(&file)?;
    Ok((file.into(), readable))
}

/// A descriptor of the same file that only reads.
fn readable(file: &impl AsRawFd) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
