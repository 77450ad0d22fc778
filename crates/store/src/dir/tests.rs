//! Tests of the folder: what each call does, on a real disk; then killed processes, lost power,
//! writers at once.

mod calls;
mod deliveries;
mod kill;
mod power;
mod power_segments;
mod races;
mod sim;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use super::disk::DiskFolder;
use super::*;
use crate::Destination;

/// A store in a folder of the disk, with small demands.
pub(super) fn store_in(folder: &Path, limits: Limits) -> Arc<Inner> {
    let fd = OwnedFd::from(std::fs::File::open(folder).unwrap());
    Arc::new(Inner::new(Arc::new(DiskFolder::of(fd).unwrap()), limits))
}

/// The same after another start of the system.
pub(super) fn store_at_boot(folder: &Path, boot: u8) -> Arc<Inner> {
    let fd = OwnedFd::from(std::fs::File::open(folder).unwrap());
    Arc::new(Inner::new(Arc::new(DiskFolder::of(fd).unwrap().at_boot(boot)), limits()))
}

/// Limits that are in nobody's way.
pub(super) fn limits() -> Limits {
    Limits { keep_free_bytes: 0, ..Limits::default() }
}

/// An upload named after a number, expiring at 1000.
pub(super) fn upload(number: u64, length: Option<u64>) -> Record {
    let mut record = Record::new(id(number), 100, 1000);
    record.length = length;
    record.owner = Some([7; 32]);
    record.dialect = "tus".into();
    record.metadata = b"filename \x00\xff".to_vec();
    record.destination = Destination::Request { head: b"POST / HTTP/1.1\r\n".to_vec() };
    record
}

pub(super) fn id(number: u64) -> Id {
    Id::derived(&[&number.to_be_bytes()])
}

/// Bytes of an upload's writer `tag`: no two writers or places have the same.
pub(super) fn bytes(tag: u8, range: Range<u64>) -> Vec<u8> {
    range.map(|at| tag.wrapping_mul(37) ^ u8::try_from(at % 251).unwrap()).collect()
}

/// All of a whole, by its descriptor.
pub(super) fn read(whole: &Whole) -> Vec<u8> {
    let mut all = vec![0; usize::try_from(whole.size()).unwrap()];
    let read = rustix::io::pread(whole.file().unwrap(), &mut all, 0).unwrap();
    assert_eq!(read, all.len());
    all
}
