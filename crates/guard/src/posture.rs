//! The posture as the guard keeps it: made once for the guard's whole life, handed to the watch for
//! writing and to workers for reading, and taken back when the watch is gone.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use menshen_sys::posture::Posture;

use crate::error::GuardError;

/// The shared page.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) posture: Posture,
    file: File,
    /// The same for workers, who may not write.
    readable: OwnedFd,
}

/// Where the posture of a guard with this state folder is.
#[must_use]
pub fn posture_path(state: &Path) -> PathBuf {
    state.join("posture")
}

impl Shared {
    /// Makes it in the state folder, where `menshen status` finds it.
    pub(crate) fn create(state: &Path) -> Result<Self, GuardError> {
        let path = posture_path(state);
        let made = Posture::create(&path)
            .and_then(|(posture, file)| Ok((Posture::read_only(&file)?, posture, file)));
        let (readable, posture, file) =
            made.map_err(|source| GuardError::LocalFile { action: "create", path, source })?;
        Ok(Self { posture, file, readable })
    }

    /// The one of the program before.
    pub(crate) fn adopt(file: OwnedFd) -> Result<Self, GuardError> {
        let made = Posture::from_file(&file).and_then(|p| Ok((Posture::read_only(&file)?, p)));
        let (readable, posture) =
            made.map_err(|source| GuardError::LocalSystem { action: "map the posture", source })?;
        Ok(Self { posture, file: file.into(), readable })
    }

    /// For the watch, to write.
    pub(crate) fn writable(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// For workers.
    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }

    /// The watch is gone: nothing of what it asked for holds any more.
    pub(crate) fn clear(&self) {
        self.posture.clear();
    }
}
