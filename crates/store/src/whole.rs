//! An upload that is whole: an open file, and ways to give it a name.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::dir::DirWhole;
use crate::{Error, Record};

/// A whole upload. As long as it exists, others see that its delivery is alive.
#[derive(Debug)]
pub struct Whole {
    pub(crate) record: Record,
    pub(crate) kind: Kind,
}

/// Of which store it is.
#[derive(Debug)]
pub(crate) enum Kind {
    Dir(DirWhole),
}

/// Whether an existing target may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Allowed,
    /// [`Error::Taken`] then.
    Never,
}

impl Whole {
    /// What is known of it.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.record.offset
    }

    /// The open file, to read at any place (its own position is shared: read with offsets).
    #[must_use]
    pub fn file(&self) -> Arc<OwnedFd> {
        match &self.kind {
            Kind::Dir(whole) => whole.file(),
        }
    }

    /// Gives the file `name` in the folder `to` by renaming it, and flushes that folder: durable
    /// when this returns. To be called between [`Store::begin_delivery`](crate::Store) with
    /// [`Aim::Move`](crate::Aim::Move) and [`Store::answer`](crate::Store). Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::OtherFileSystem`], [`Error::Gone`], [`Error::Storage`].
    pub fn publish_to(&self, to: impl AsFd, name: &[u8], replace: Replace) -> Result<(), Error> {
        match &self.kind {
            Kind::Dir(whole) => whole.publish_to(to.as_fd(), name, replace),
        }
    }

    /// Appends the bytes to another file and flushes that, sharing blocks where the file system
    /// can. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Storage`].
    pub fn copy_to(&self, to: impl AsFd) -> Result<(), Error> {
        match &self.kind {
            Kind::Dir(whole) => whole.copy_to(to.as_fd(), self.size()),
        }
    }
}
