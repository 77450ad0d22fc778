//! Uploads in a folder: `ID.record` and `ID.data` for each.
//!
//! The folder is the store's own and on the file system where finished files go, so that a finished
//! upload is a rename. Processes share it without talking to each other: locks of files and one
//! block of each record's file, the cell, are all they need.
//!
//! What waits for the disk runs on blocking threads. How it fails: full disk, failing disk, killed
//! processes, loss of power; each has its step in the tests.

mod cell;
mod commit;
mod delivery;
mod desk;
mod disk;
mod make;
mod pair;
mod room;
mod slot;
mod upkeep;

use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use delivery::Beginning;
use desk::{Claim, Desk};
use disk::{DiskFolder, File, Folder, Locking};
use pair::{Pair, data_name};

use crate::writer::{Kind, Push, Start};
use crate::{Aim, Begun, Error, Id, Limits, Record, Replace, Stored, Whole, Writer, whole};

/// Uploads in a folder of their own.
#[derive(Debug, Clone)]
pub struct Dir(Arc<Inner>);

/// What all clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    folder: Arc<dyn Folder>,
    limits: Limits,
    done: Mutex<room::Done>,
}

/// A writer of an upload in a folder.
#[derive(Debug)]
pub(crate) struct DirWriter {
    id: Id,
    /// `None` after a call was given up half-way.
    desk: Option<Box<Desk>>,
    waits: u32,
}

/// A whole upload in a folder. The open, locked file tells others that somebody is at it.
#[derive(Debug)]
pub(crate) struct DirWhole {
    id: Id,
    folder: Arc<dyn Folder>,
    file: Arc<OwnedFd>,
    /// Holds the lock, and is dropped after the descriptor, so that it can give it back.
    _data: Arc<dyn File>,
}

impl Dir {
    /// The store in `folder`, which is its own: mode 0700, on the file system of the targets.
    /// Nothing but names of its own is touched there.
    ///
    /// # Errors
    /// [`Error::Storage`] when it is no folder, or its file system has no locks.
    pub fn open(folder: OwnedFd, limits: Limits) -> Result<Self, Error> {
        let folder = DiskFolder::of(folder).map_err(Error::from_errno)?;
        // Without locks there is no fencing; better to know now.
        folder.lock().map_err(|_| Error::Storage)?;
        Ok(Self(Arc::new(Inner::new(Arc::new(folder), limits))))
    }

    pub(crate) async fn create(&self, record: Record) -> Result<Writer, Error> {
        self.run(move |inner| inner.create(record)).await.map(Writer::of)
    }

    pub(crate) async fn look(&self, id: &Id) -> Result<Record, Error> {
        let id = *id;
        self.run(move |inner| inner.look(id)).await
    }

    pub(crate) async fn claim(&self, id: &Id) -> Result<(Record, Writer), Error> {
        self.claimed(*id, Claim::Stream).await
    }

    pub(crate) async fn claim_segment(
        &self,
        id: &Id,
        segment: Range<u64>,
    ) -> Result<(Record, Writer), Error> {
        self.claimed(*id, Claim::Segment { start: segment.start, end: segment.end }).await
    }

    async fn claimed(&self, id: Id, claim: Claim) -> Result<(Record, Writer), Error> {
        let desk = self.run(move |inner| inner.claim(id, claim)).await?;
        Ok((desk.record().clone(), Writer::of(desk)))
    }

    pub(crate) async fn list(&self, owner: &[u8; 32]) -> Result<Vec<Record>, Error> {
        let owner = *owner;
        self.run(move |inner| inner.list(owner)).await
    }

    /// All uploads that are not answered yet, of whatever owner.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn unfinished(&self) -> Result<Vec<Record>, Error> {
        self.run(Inner::unfinished).await
    }

    pub(crate) async fn remove(&self, id: &Id) -> Result<Record, Error> {
        let id = *id;
        self.run(move |inner| inner.remove(id)).await
    }

    pub(crate) async fn collect_told(&self, now: u64) -> Result<(usize, Vec<Record>), Error> {
        self.run(move |inner| {
            let mut gone = Vec::new();
            let removed = inner.collect_told(now, &mut |record| gone.push(record))?;
            Ok((removed, gone))
        })
        .await
    }

    pub(crate) async fn collect(&self, now: u64) -> Result<usize, Error> {
        self.run(move |inner| inner.collect(now)).await
    }

    pub(crate) async fn expire_at(&self, id: &Id, expires: u64) -> Result<(), Error> {
        let id = *id;
        self.run(move |inner| inner.expire_at(id, expires)).await
    }

    pub(crate) async fn begin_delivery(
        &self,
        id: &Id,
        by: &str,
        aim: Aim,
        now: u64,
    ) -> Result<Begun, Error> {
        let (id, by) = (*id, by.to_owned());
        let begun = self.run(move |inner| inner.begin_delivery(id, &by, aim, now)).await?;
        Ok(match begun {
            Beginning::Go { pair, record, attempt } => {
                Begun::Go { whole: whole(&pair, record)?, attempt }
            }
            Beginning::Answered(answer) => Begun::Answered(answer),
            Beginning::Interrupted { attempt, since, aim, file, outcome } => {
                Begun::Interrupted { attempt, since, aim, file, outcome }
            }
        })
    }

    pub(crate) async fn release(&self, id: &Id, attempt: u32) -> Result<(), Error> {
        let id = *id;
        self.run(move |inner| inner.release(id, attempt)).await
    }

    pub(crate) async fn answer(
        &self,
        id: &Id,
        attempt: u32,
        answer: Stored,
    ) -> Result<Stored, Error> {
        let id = *id;
        self.run(move |inner| inner.answer(id, attempt, &answer)).await
    }

    pub(crate) async fn concat(&self, parts: &[Id], record: Record) -> Result<Whole, Error> {
        let parts = parts.to_vec();
        let (pair, record) = self.run(move |inner| inner.concat(&parts, record)).await?;
        whole(&pair, record)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        blocking(move || work(&inner)).await
    }
}

impl Inner {
    pub(crate) fn new(folder: Arc<dyn Folder>, limits: Limits) -> Self {
        Self { folder, limits, done: Mutex::default() }
    }

    /// See [`crate::Store::claim`].
    pub(crate) fn claim(&self, id: Id, claim: Claim) -> Result<Desk, Error> {
        let pair = Pair::open(&self.folder, id)?;
        Desk::claim(pair, claim, self.limits.keep_free_bytes)
    }
}

impl Writer {
    fn of(desk: Desk) -> Self {
        let id = desk.pair.id;
        Self(Kind::Dir(Box::new(DirWriter { id, desk: Some(Box::new(desk)), waits: 0 })))
    }
}

impl DirWriter {
    pub(crate) const fn id(&self) -> &Id {
        &self.id
    }

    pub(crate) fn durable(&self) -> u64 {
        self.desk.as_ref().map_or(0, |desk| desk.record().offset)
    }

    pub(crate) fn position(&self) -> u64 {
        self.desk.as_ref().map_or(0, |desk| desk.position())
    }

    pub(crate) async fn start(&mut self, offset: u64) -> Result<Start, Error> {
        self.run(move |desk| desk.start(offset)).await
    }

    pub(crate) fn set_length(&mut self, length: u64) -> Result<(), Error> {
        self.desk.as_mut().ok_or(Error::Fenced)?.set_length(length)
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Push, Error> {
        let pushed = self.desk.as_mut().ok_or(Error::Fenced)?.push(bytes)?;
        if pushed == Push::Taken {
            self.waits = 0;
        }
        Ok(pushed)
    }

    pub(crate) async fn ready(&mut self) -> Result<(), Error> {
        // Somebody holds the lock: for the time of one write, or stopped in the midst of it.
        self.waits += 1;
        if self.waits > WAITS_MAX {
            return Err(Error::Unavailable { retry_after_s: 1 });
        }
        tokio::time::sleep(WAIT).await;
        Ok(())
    }

    pub(crate) async fn cut(&mut self, position: u64) -> Result<(), Error> {
        self.run(move |desk| desk.cut(position)).await
    }

    pub(crate) async fn flush(&mut self) -> Result<u64, Error> {
        self.run(Desk::flush).await
    }

    pub(crate) async fn complete(mut self) -> Result<Whole, Error> {
        let record = self.run(Desk::complete).await?;
        let desk = self.desk.as_ref().ok_or(Error::Fenced)?;
        whole(&desk.pair, record)
    }

    /// Lends the desk to a blocking thread; when the caller gives up, it does not come back.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Desk) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mut desk = self.desk.take().ok_or(Error::Fenced)?;
        let (desk, done) = blocking(move || {
            let done = work(&mut desk);
            Ok((desk, done))
        })
        .await?;
        self.desk = Some(desk);
        done
    }
}

impl DirWhole {
    pub(crate) fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.file)
    }

    pub(crate) fn rename_to(
        &self,
        to: BorrowedFd<'_>,
        name: &[u8],
        replace: Replace,
    ) -> Result<(), Error> {
        let moved = self.folder.move_out(&data_name(&self.id), to, name, replace);
        moved.map_err(|error| match error {
            rustix::io::Errno::EXIST => Error::Taken,
            error => Error::from_errno(error),
        })?;
        crate::step!(PublishRenamed);
        Ok(())
    }

    pub(crate) fn copy_to(&self, to: BorrowedFd<'_>, bytes: u64) -> Result<(), Error> {
        let from = std::os::fd::AsFd::as_fd(&*self.file);
        if disk::copy(from, to, None, bytes).map_err(Error::from_errno)? != bytes {
            return Err(Error::Storage);
        }
        rustix::fs::fdatasync(to).map_err(Error::from_errno)
    }
}

/// The whole of an upload whose data this process has open.
fn whole(pair: &Pair, record: Record) -> Result<Whole, Error> {
    let folder = Arc::clone(&pair.folder);
    let data = Arc::clone(pair.data()?);
    data.try_lock(Locking::Shared).map_err(Error::from_errno)?;
    let file = data.descriptor().ok_or(Error::Storage)?;
    let kind = whole::Kind::Dir(DirWhole { id: pair.id, folder, file, _data: data });
    Ok(Whole { record, kind })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Storage))
}

/// Together 200 ms: the lock is held for microseconds.
const WAITS_MAX: u32 = 200;
const WAIT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
