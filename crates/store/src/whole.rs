//! An upload that is whole: an open file, and ways to give it a name.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use crate::dir::DirWhole;
use crate::s3::S3Whole;
use crate::{Error, Record};

/// A whole upload. As long as it exists, others see that its delivery is alive (in a folder).
#[derive(Debug)]
pub struct Whole {
    pub(crate) record: Record,
    pub(crate) kind: Kind,
}

/// Of which store it is.
#[derive(Debug)]
pub(crate) enum Kind {
    Dir(DirWhole),
    S3(Box<S3Whole>),
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
    pub(crate) fn of_s3(whole: S3Whole) -> Self {
        Self { record: whole.record.clone(), kind: Kind::S3(Box::new(whole)) }
    }

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
    ///
    /// # Errors
    /// [`Error::Storage`] of one in a bucket, which is [`Self::object`].
    pub fn file(&self) -> Result<Arc<OwnedFd>, Error> {
        match &self.kind {
            Kind::Dir(whole) => Ok(whole.file()),
            Kind::S3(_) => Err(Error::Storage),
        }
    }

    /// The object, where it is one.
    #[must_use]
    pub fn object(&self) -> Option<&S3Whole> {
        match &self.kind {
            Kind::Dir(_) => None,
            Kind::S3(whole) => Some(whole),
        }
    }

    /// Gives the file `name` in the folder `to` by renaming it, and flushes that folder: durable
    /// when this returns. To be called between [`Store::begin_delivery`](crate::Store) with
    /// [`Aim::Move`](crate::Aim::Move) and [`Store::answer`](crate::Store). Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::OtherFileSystem`], [`Error::Gone`], [`Error::Storage`].
    pub fn publish_to(&self, to: impl AsFd, name: &[u8], replace: Replace) -> Result<(), Error> {
        self.rename_to(&to, name, replace)?;
        Self::flush_to(to)
    }

    /// The first half of [`Self::publish_to`]: the name alone. Nothing of it waits for the disk's
    /// flush, so it may be done under a lock that others wait for.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::OtherFileSystem`], [`Error::Gone`], [`Error::Storage`].
    pub fn rename_to(&self, to: impl AsFd, name: &[u8], replace: Replace) -> Result<(), Error> {
        match &self.kind {
            Kind::Dir(whole) => whole.rename_to(to.as_fd(), name, replace),
            Kind::S3(_) => Err(Error::OtherFileSystem),
        }
    }

    /// The second half: names in the folder `to` are durable when this returns.
    ///
    /// # Errors
    /// [`Error::Storage`]: the name is there, and may be gone after a loss of power.
    pub fn flush_to(to: impl AsFd) -> Result<(), Error> {
        rustix::fs::fsync(to).map_err(Error::from_errno)?;
        crate::step!(PublishFlushed);
        Ok(())
    }

    /// Appends the bytes to another file and flushes that, sharing blocks where the file system
    /// can. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Storage`].
    pub fn copy_to(&self, to: impl AsFd) -> Result<(), Error> {
        match &self.kind {
            Kind::Dir(whole) => whole.copy_to(to.as_fd(), self.size()),
            Kind::S3(_) => Err(Error::Storage),
        }
    }
}
