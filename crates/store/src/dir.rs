//! Uploads in a folder.

use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::{
    Aim, Begun, Error, Id, Limits, Record, Replace, Start, Stored, Whole, Writer, writer::Push,
};

/// Uploads in a folder of their own.
#[derive(Debug, Clone)]
pub struct Dir;

/// A writer of an upload in a folder.
#[derive(Debug)]
pub(crate) struct DirWriter;

/// A whole upload in a folder.
#[derive(Debug)]
pub(crate) struct DirWhole;

impl Dir {
    /// The store in `folder`, which is its own: mode 0700, on the file system of the targets.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be used.
    pub fn open(_folder: OwnedFd, _limits: Limits) -> Result<Self, Error> {
        unimplemented!()
    }
    pub(crate) async fn create(&self, _: Record) -> Result<Writer, Error> {
        unimplemented!()
    }
    pub(crate) async fn look(&self, _: &Id) -> Result<Record, Error> {
        unimplemented!()
    }
    pub(crate) async fn claim(&self, _: &Id) -> Result<(Record, Writer), Error> {
        unimplemented!()
    }
    pub(crate) async fn claim_segment(
        &self,
        _: &Id,
        _: Range<u64>,
    ) -> Result<(Record, Writer), Error> {
        unimplemented!()
    }
    pub(crate) async fn list(&self, _: &[u8; 32]) -> Result<Vec<Record>, Error> {
        unimplemented!()
    }
    pub(crate) async fn remove(&self, _: &Id) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) async fn collect(&self, _: u64) -> Result<usize, Error> {
        unimplemented!()
    }
    pub(crate) async fn expire_at(&self, _: &Id, _: u64) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) async fn begin_delivery(
        &self,
        _: &Id,
        _: &str,
        _: Aim,
        _: u64,
    ) -> Result<Begun, Error> {
        unimplemented!()
    }
    pub(crate) async fn release(&self, _: &Id, _: u32) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) async fn answer(&self, _: &Id, _: u32, _: Stored) -> Result<Stored, Error> {
        unimplemented!()
    }
    pub(crate) async fn concat(&self, _: &[Id], _: Record) -> Result<Whole, Error> {
        unimplemented!()
    }
}

impl DirWriter {
    pub(crate) fn id(&self) -> &Id {
        unimplemented!()
    }
    pub(crate) fn durable(&self) -> u64 {
        unimplemented!()
    }
    pub(crate) fn position(&self) -> u64 {
        unimplemented!()
    }
    pub(crate) async fn start(&mut self, _: u64) -> Result<Start, Error> {
        unimplemented!()
    }
    pub(crate) fn set_length(&mut self, _: u64) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) fn push(&mut self, _: &[u8]) -> Result<Push, Error> {
        unimplemented!()
    }
    pub(crate) async fn ready(&mut self) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) async fn cut(&mut self, _: u64) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) async fn flush(&mut self) -> Result<u64, Error> {
        unimplemented!()
    }
    pub(crate) async fn complete(self) -> Result<Whole, Error> {
        unimplemented!()
    }
}

impl DirWhole {
    pub(crate) fn file(&self) -> Arc<OwnedFd> {
        unimplemented!()
    }
    pub(crate) fn publish_to(&self, _: BorrowedFd<'_>, _: &[u8], _: Replace) -> Result<(), Error> {
        unimplemented!()
    }
    pub(crate) fn copy_to(&self, _: BorrowedFd<'_>, _: u64) -> Result<(), Error> {
        unimplemented!()
    }
}
