//! The store: where uploads rest. One type for all kinds, so that who receives does not ask which.

use std::ops::Range;

use crate::s3::{S3, Target};
use crate::{Aim, Begun, Dir, Error, Id, Record, Stored, Whole, Writer, writer};

/// Where uploads rest. Cloning is cheap.
///
/// Everything asynchronous here waits for a disk or a network on other threads; run it on a tokio
/// runtime. A call that is given up half-way (its future dropped) may still take effect.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Store {
    /// A folder.
    Dir(Dir),
    /// A bucket. It has neither segments in any order nor concatenations.
    S3(S3),
}

/// How much a store takes, all owners together unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Uploads that are not answered yet.
    pub uploads_max: usize,
    /// The same of one owner.
    pub uploads_per_owner_max: usize,
    /// The same of one source, whoever they say they are; of answered ones
    /// [`ANSWERED_TIMES`] as many.
    pub uploads_per_source_max: usize,
    /// Bytes of unfinished uploads: their lengths, or what has come while that is not known.
    pub unfinished_bytes_max: u64,
    /// Bytes of the file system that uploads leave free.
    pub keep_free_bytes: u64,
}

impl Store {
    /// The bucket, where it is one.
    #[must_use]
    pub const fn bucket(&self) -> Option<&S3> {
        match self {
            Self::Dir(_) => None,
            Self::S3(s3) => Some(s3),
        }
    }

    /// Makes an upload; it is durable when this returns, and its room is reserved. The record's
    /// `offset`, `spans`, `stage` and `epoch` are set here.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Full`], [`Error::TooMany`], [`Error::TooLarge`],
    /// [`Error::Storage`]. Nothing is left then (or collected later).
    pub async fn create(&self, record: Record) -> Result<Writer, Error> {
        self.create_at(record, None).await
    }

    /// [`Self::create`], of what becomes this object. In a folder a target means nothing: whoever
    /// delivers gives the file its name.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_at(&self, record: Record, target: Option<Target>) -> Result<Writer, Error> {
        match self {
            Self::Dir(dir) => dir.create(record).await,
            Self::S3(s3) => s3.create(record, target).await.map(of_s3),
        }
    }

    /// What is known of an upload; disturbs nobody.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Storage`].
    pub async fn look(&self, id: &Id) -> Result<Record, Error> {
        match self {
            Self::Dir(dir) => dir.look(id).await,
            Self::S3(s3) => s3.look(id).await,
        }
    }

    /// Becomes the writer of an upload; whoever was it before is [`Error::Fenced`] from now on. The
    /// record's offset is durable; behind it may be bytes that came before, see
    /// [`Writer::start`].
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Complete`], [`Error::Segments`], [`Error::Unavailable`],
    /// [`Error::Storage`].
    pub async fn claim(&self, id: &Id) -> Result<(Record, Writer), Error> {
        match self {
            Self::Dir(dir) => dir.claim(id).await,
            Self::S3(s3) => s3.claim(id).await.map(|(record, writer)| (record, of_s3(writer))),
        }
    }

    /// Becomes the writer of one segment; only writers of segments that overlap are fenced.
    ///
    /// # Errors
    /// As [`Self::claim`]; [`Error::Segments`] when some of these bytes are durable already, or the
    /// upload is one stream; [`Error::TooLong`].
    pub async fn claim_segment(
        &self,
        id: &Id,
        segment: Range<u64>,
    ) -> Result<(Record, Writer), Error> {
        match self {
            Self::Dir(dir) => dir.claim_segment(id, segment).await,
            Self::S3(_) => Err(Error::Segments),
        }
    }

    /// The uploads of an owner, newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self, owner: &[u8; 32]) -> Result<Vec<Record>, Error> {
        match self {
            Self::Dir(dir) => dir.list(owner).await,
            Self::S3(s3) => s3.list(owner).await,
        }
    }

    /// Removes an upload, its bytes and its answer; writers are fenced.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Underway`] while it is being delivered, [`Error::Storage`].
    pub async fn remove(&self, id: &Id) -> Result<(), Error> {
        self.take_out(id).await.map(drop)
    }

    /// The same, and tells what it was at that moment: of those who remove it at the same time one
    /// is told.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub async fn take_out(&self, id: &Id) -> Result<Record, Error> {
        match self {
            Self::Dir(dir) => dir.remove(id).await,
            Self::S3(s3) => s3.remove(id).await,
        }
    }

    /// Removes what has expired at `now` (unix seconds) and is nobody's any more, and what was left
    /// half made; returns how many.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn collect(&self, now: u64) -> Result<usize, Error> {
        match self {
            Self::Dir(dir) => dir.collect(now).await,
            Self::S3(s3) => s3.collect(now).await,
        }
    }

    /// As [`Self::collect`], and tells what the expired ones of a folder were at that moment;
    /// nobody has to be given anything back for those of a bucket.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn collect_told(&self, now: u64) -> Result<(usize, Vec<Record>), Error> {
        match self {
            Self::Dir(dir) => dir.collect_told(now).await,
            Self::S3(s3) => s3.collect(now).await.map(|removed| (removed, Vec::new())),
        }
    }

    /// Lets an upload expire at another time, unix seconds.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Storage`].
    pub async fn expire_at(&self, id: &Id, expires: u64) -> Result<(), Error> {
        match self {
            Self::Dir(dir) => dir.expire_at(id, expires).await,
            Self::S3(s3) => s3.expire_at(id, expires).await,
        }
    }

    /// Sets about delivering a whole upload, durably. Never gives [`Begun::Go`] twice, but after
    /// [`Self::release`], or where the attempt before surely did nothing.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Incomplete`], [`Error::Underway`] while somebody alive delivers
    /// it, [`Error::Storage`].
    pub async fn begin_delivery(
        &self,
        id: &Id,
        by: &str,
        aim: Aim,
        now: u64,
    ) -> Result<Begun, Error> {
        match self {
            Self::Dir(dir) => dir.begin_delivery(id, by, aim, now).await,
            Self::S3(s3) => s3.begin_delivery(id, by, aim, now).await.map(Begun::from),
        }
    }

    /// Takes an attempt back: it has done nothing, or somebody wants it done again although nobody
    /// knows. The upload is whole as before.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Underway`] when another attempt was begun, [`Error::Storage`].
    pub async fn release(&self, id: &Id, attempt: u32) -> Result<(), Error> {
        match self {
            Self::Dir(dir) => dir.release(id, attempt).await,
            Self::S3(s3) => s3.release(id, attempt).await,
        }
    }

    /// Keeps the answer of an attempt until the upload expires; its bytes are removed. The first
    /// answer stays: it is returned when there was one.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Underway`] when another attempt was begun, [`Error::TooLarge`],
    /// [`Error::Storage`].
    pub async fn answer(&self, id: &Id, attempt: u32, answer: Stored) -> Result<Stored, Error> {
        match self {
            Self::Dir(dir) => dir.answer(id, attempt, answer).await,
            Self::S3(s3) => s3.answer(id, attempt, answer).await,
        }
    }

    /// [`Self::answer`], and the upload expires at `expires`, unix seconds.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn answer_until(
        &self,
        id: &Id,
        attempt: u32,
        answer: Stored,
        expires: u64,
    ) -> Result<Stored, Error> {
        match self {
            Self::Dir(dir) => {
                let kept = dir.answer(id, attempt, answer).await;
                // Where this fails, the answer is kept for less long, or longer.
                let _ = dir.expire_at(id, expires).await;
                kept
            }
            Self::S3(s3) => s3.answer_until(id, attempt, answer, Some(expires)).await,
        }
    }

    /// Makes an upload of whole ones, in this order; they stay. It is whole when this returns.
    ///
    /// # Errors
    /// As [`Self::create`]; [`Error::Gone`] and [`Error::Incomplete`] of a part.
    pub async fn concat(&self, parts: &[Id], record: Record) -> Result<Whole, Error> {
        match self {
            Self::Dir(dir) => dir.concat(parts, record).await,
            Self::S3(_) => Err(Error::Segments),
        }
    }
}

fn of_s3(writer: crate::s3::S3Writer) -> Writer {
    Writer(writer::Kind::S3(Box::new(writer)))
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            uploads_max: 10_000,
            uploads_per_owner_max: 100,
            uploads_per_source_max: 100,
            unfinished_bytes_max: 1 << 40,
            keep_free_bytes: 256 << 20,
        }
    }
}

/// How many kept answers a source may have for each upload it may have.
pub const ANSWERED_TIMES: usize = 10;
