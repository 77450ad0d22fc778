//! The one who may append now.

use crate::dir::DirWriter;
use crate::s3::S3Writer;
use crate::{Error, Id, Whole};

/// The one who may append now, owned by one connection's task. Dropping it loses what was not
/// flushed only if the process dies or the power fails before the next claim.
#[derive(Debug)]
pub struct Writer(pub(crate) Kind);

/// Of which store it is.
#[derive(Debug)]
pub(crate) enum Kind {
    Dir(Box<DirWriter>),
    S3(Box<S3Writer>),
}

/// After how much what was pushed should be made durable without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Bytes.
    pub bytes: u64,
    /// Milliseconds, once there is a byte.
    pub ms: u64,
}

/// What became of pushed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Push {
    /// All were taken.
    Taken,
    /// None were taken: await [`Writer::ready`] and push them again.
    Wait,
}

/// Where a request's bytes begin, compared with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// They go on from what is there.
    At(u64),
    /// The upload goes on elsewhere; `At` this offset, which is durable.
    Elsewhere(u64),
}

impl Writer {
    /// The upload's name.
    #[must_use]
    pub fn id(&self) -> &Id {
        match &self.0 {
            Kind::Dir(writer) => writer.id(),
            Kind::S3(writer) => writer.id(),
        }
    }

    /// Bytes from the start that are durable, as the record says.
    #[must_use]
    pub fn durable(&self) -> u64 {
        match &self.0 {
            Kind::Dir(writer) => writer.durable(),
            Kind::S3(writer) => writer.durable(),
        }
    }

    /// Where the next push goes: durable or not, this much is there.
    #[must_use]
    pub fn position(&self) -> u64 {
        match &self.0 {
            Kind::Dir(writer) => writer.position(),
            Kind::S3(writer) => writer.position(),
        }
    }

    /// To be asked once after a claim, with the offset the client says: bytes that came before but
    /// were never acknowledged are made use of, or cut off when the client sends them again. The
    /// client is told [`Start::Elsewhere`] with a conflict.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub async fn start(&mut self, offset: u64) -> Result<Start, Error> {
        match &mut self.0 {
            Kind::Dir(writer) => writer.start(offset).await,
            Kind::S3(writer) => writer.start(offset).await,
        }
    }

    /// Says how long the whole will be. Durable with the next flush.
    ///
    /// # Errors
    /// [`Error::Length`] when another length was said or more is there already, [`Error::TooLong`]
    /// beyond the largest.
    pub fn set_length(&mut self, length: u64) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Dir(writer) => writer.set_length(length),
            Kind::S3(writer) => writer.set_length(length),
        }
    }

    /// Lets the upload expire at another time, unix seconds: durable with the next flush. False
    /// where a writer cannot say it; then it is for [`Store::expire_at`](crate::Store::expire_at).
    #[must_use]
    pub fn prolong(&mut self, expires: u64) -> bool {
        match &mut self.0 {
            Kind::Dir(_) => false,
            Kind::S3(writer) => {
                writer.prolong(expires);
                true
            }
        }
    }

    /// How long a request that goes on may leave what it pushed as it is. In a bucket each flush
    /// costs requests, and writes anew what is too short for a part.
    #[must_use]
    pub fn patience(&self) -> Patience {
        match &self.0 {
            Kind::Dir(_) => Patience { bytes: FLUSH_BYTES, ms: 5_000 },
            Kind::S3(writer) => writer.patience(),
        }
    }

    /// Appends bytes, into the page cache or a bounded buffer; nothing is acknowledged.
    ///
    /// # Errors
    /// [`Error::Fenced`], [`Error::TooLong`], [`Error::Full`] (none of these bytes count),
    /// [`Error::Storage`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Push, Error> {
        match &mut self.0 {
            Kind::Dir(writer) => writer.push(bytes),
            Kind::S3(writer) => writer.push(bytes),
        }
    }

    /// Whether [`Self::ready`] will wait for memory that other writers have.
    #[must_use]
    pub fn lacks_memory(&self) -> bool {
        match &self.0 {
            Kind::Dir(_) => false,
            Kind::S3(writer) => writer.lacks_memory(),
        }
    }

    /// Waits until it pays to push again after [`Push::Wait`].
    ///
    /// # Errors
    /// What has gone wrong meanwhile.
    pub async fn ready(&mut self) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Dir(writer) => writer.ready().await,
            Kind::S3(writer) => writer.ready().await,
        }
    }

    /// Forgets what was pushed behind `position`, which is not less than what is durable: a request
    /// whose own digest was wrong.
    ///
    /// # Errors
    /// [`Error::Offset`] below what is durable, [`Error::Fenced`], [`Error::Storage`].
    pub async fn cut(&mut self, position: u64) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Dir(writer) => writer.cut(position).await,
            Kind::S3(writer) => writer.cut(position).await,
        }
    }

    /// Makes all that was pushed durable, and returns the offset that may be told. Not to be given
    /// up half-way: the writer is of no use then, and the upload is to be claimed again.
    ///
    /// # Errors
    /// [`Error::Fenced`], [`Error::Full`], [`Error::Storage`]: nothing new is acknowledged. After
    /// the latter two the upload stands at its last durable offset, and so does this writer.
    pub async fn flush(&mut self) -> Result<u64, Error> {
        match &mut self.0 {
            Kind::Dir(writer) => writer.flush().await,
            Kind::S3(writer) => writer.flush().await,
        }
    }

    /// Makes all durable and the upload whole; its digests are compared. When its length was never
    /// said, what is there is the length.
    ///
    /// # Errors
    /// As [`Self::flush`]; [`Error::Incomplete`]; [`Error::Digest`]. The upload is as it was, but
    /// for what was flushed.
    pub async fn complete(self) -> Result<Whole, Error> {
        match self.0 {
            Kind::Dir(writer) => writer.complete().await,
            Kind::S3(writer) => writer.complete().await.map(Whole::of_s3),
        }
    }
}

/// What a failure takes of a single long request at most.
pub(crate) const FLUSH_BYTES: u64 = 64 << 20;
