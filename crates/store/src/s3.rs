//! Uploads in a bucket: any number of nodes share them, and ask nobody but the bucket.
//!
//! Bytes go up as parts of a multipart upload while they come; what is too short for a part is an
//! object of its own; the state, which names both, is written last and makes an offset durable.
//! Who may write it is decided by [`Kind`]. Every claim has numbers of parts of its own, so a
//! writer that was fenced can send what it wants: no list has it. Why so, what it assumes and what
//! it costs: `docs/decisions/0041-who-owns-an-upload-in-a-bucket.md`.
//!
//! It must never: tell an offset whose state is not written; abort a multipart upload that is not
//! surely its own; keep more in memory than `buffers_max` times twice a part.

use std::sync::Arc;

use bytes::Bytes;
use menshen_s3::{Abilities, Client, Condition, Content, Labels, PART_BYTES_MIN, PART_NUMBER_MAX};

use self::books::Books;
use self::ledger::{Held, Ledger, folder};
use self::state::{FOLDER, State, Tail};
use crate::{Error, Id, Limits, Order, Record, Stage};

mod books;
mod buffers;
mod collect;
mod delivery;
mod finish;
mod ledger;
mod plan;
mod state;
mod whole;
mod writer;

pub use buffers::{Buffers, Share};
pub use delivery::S3Begun;
pub use ledger::Kind;
pub use plan::{LENGTH_MAX, part_bytes};
pub use state::{Replaced, Target};
pub use whole::S3Whole;
pub use writer::S3Writer;

/// Uploads in a bucket. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct S3(Arc<Inner>);

/// How a bucket is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a part, 5 MiB to 64 MiB; more where the length asks for it.
    pub part_bytes: u64,
    /// Buffers of `part_bytes` all writers together may have; one that has none waits. A writer
    /// that keeps up has two, one of them on its way; one whose parts are larger has more.
    pub buffers_max: usize,
    /// What clients are told when the bucket is away, seconds.
    pub retry_after_s: u32,
    /// How old something without an owner must be before it is collected, seconds.
    pub orphan_s: u64,
    /// How much is taken. What other nodes took counts some seconds later; `keep_free_bytes`
    /// means nothing here.
    pub limits: Limits,
}

/// What every part of the store shares.
#[derive(Debug)]
pub(crate) struct Inner {
    ledger: Ledger,
    options: Options,
    buffers: Buffers,
    books: Books,
    kind: Kind,
}

impl S3 {
    /// The store in the client's place. `abilities` are what [`Client::probe`] saw.
    ///
    /// # Errors
    /// What the bucket lacks and cannot do without, in words.
    pub fn open(
        client: Client,
        abilities: &Abilities,
        options: Options,
    ) -> Result<Self, &'static str> {
        Self::open_within(client, abilities, options, Buffers::new(options.buffers_max))
    }

    /// The same within memory that others use as well, such as the store that was here before an
    /// outage, whose writers may still be at work.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_within(
        client: Client,
        abilities: &Abilities,
        options: Options,
        buffers: Buffers,
    ) -> Result<Self, &'static str> {
        if !abilities.multipart {
            return Err("the bucket has no multipart uploads");
        }
        if !abilities.notes {
            return Err("the bucket keeps no metadata with objects");
        }
        let kind = if abilities.conditional_create && abilities.conditional_replace {
            Kind::Conditional
        } else if abilities.list_consistent {
            Kind::Listed
        } else {
            return Err("the bucket neither keeps conditions nor lists what was just written");
        };
        Ok(Self(Arc::new(Inner {
            ledger: Ledger::new(client, kind, options.retry_after_s),
            options,
            buffers,
            books: Books::default(),
            kind,
        })))
    }

    /// How ownership is kept; to be told at start and in the status.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The shares of memory all writers have together, `buffers_max` of them, for whoever else
    /// brings bytes into this bucket.
    #[must_use]
    pub fn buffers(&self) -> Buffers {
        self.0.buffers.clone()
    }

    /// The client of the bucket.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.0.ledger.client()
    }

    /// Makes an upload that becomes `target`, or an object of the store's own.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooLong`], [`Error::TooLarge`], [`Error::Segments`],
    /// [`Error::TooMany`], [`Error::Full`], [`Error::Unavailable`], [`Error::Storage`].
    pub async fn create(
        &self,
        mut record: Record,
        target: Option<Target>,
    ) -> Result<S3Writer, Error> {
        record.check()?;
        if record.order == Order::Segments {
            return Err(Error::Segments);
        }
        if record.length.is_some_and(|length| length > LENGTH_MAX) {
            return Err(Error::TooLong);
        }
        (record.offset, record.stage) = (0, Stage::Receiving);
        self.0.admit(&record).await?;
        let id = record.id;
        let mut state = State::new(record, target);
        state.reserve();
        match self.0.ledger.create(&mut state).await {
            Ok(held) => Ok(S3Writer::open(Arc::clone(&self.0), held, state)),
            Err(error) => {
                self.0.books.strike(&id);
                Err(error)
            }
        }
    }

    /// What is known of an upload; disturbs nobody. One that only has to be completed is whole.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Unavailable`], [`Error::Storage`].
    pub async fn look(&self, id: &Id) -> Result<Record, Error> {
        Ok(self.0.ledger.read(id).await?.seen())
    }

    /// Becomes the writer of an upload; whoever was it before is fenced from now on, on whichever
    /// node.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Complete`] (also when this call completed what another had
    /// sealed), [`Error::Unavailable`], [`Error::Storage`].
    pub async fn claim(&self, id: &Id) -> Result<(Record, S3Writer), Error> {
        let (mut state, mut held) = self
            .0
            .ledger
            .claim(id, |state| {
                if state.record.is_complete() {
                    return Err(Error::Complete);
                }
                if !state.is_sealed {
                    state.reserve();
                }
                Ok(())
            })
            .await?;
        if state.is_sealed {
            self.0.finish(&mut held, &mut state, None).await?;
            return Err(Error::Complete);
        }
        let record = state.record.clone();
        Ok((record, S3Writer::open(Arc::clone(&self.0), held, state)))
    }

    /// The unfinished uploads of an owner, newest first; what others made some seconds ago may be
    /// missing. Reads the state of each: not for a hot path.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Storage`].
    pub async fn list(&self, owner: &[u8; 32]) -> Result<Vec<Record>, Error> {
        let mut found = Vec::new();
        for id in self.0.of_owner(owner).await? {
            match self.0.ledger.read(&id).await {
                Ok(state) if state.record.owner.as_ref() == Some(owner) => found.push(state.seen()),
                Ok(_) | Err(Error::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by_key(|record| std::cmp::Reverse((record.created, record.id)));
        Ok(found)
    }

    /// Removes an upload, its bytes and its answer; writers are fenced. An object that was
    /// delivered to a target stays.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Unavailable`], [`Error::Storage`].
    pub async fn remove(&self, id: &Id) -> Result<Record, Error> {
        let (state, held) = self.0.ledger.claim(id, |_| Ok(())).await?;
        self.0.clear(&state, &held).await?;
        self.0.books.strike(id);
        Ok(state.record)
    }

    /// Lets an upload expire at another time, unix seconds. A writer is fenced by it.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub async fn expire_at(&self, id: &Id, expires: u64) -> Result<(), Error> {
        let change = |state: &mut State| {
            state.record.expires = expires;
            Ok(())
        };
        self.0.ledger.claim(id, change).await.map(drop)
    }

    /// Removes what has expired at `now` (unix seconds), and what nobody owns: parts of uploads
    /// that are not known, tails that were followed. Any node may do it at any time.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Storage`].
    pub async fn collect(&self, now: u64) -> Result<usize, Error> {
        self.0.collect(now).await
    }
}

impl Inner {
    async fn tail(&self, tail: &Tail) -> Result<Vec<u8>, Error> {
        let read = async {
            let object = self.ledger.client().get(&tail.key, None, None).await?;
            object.whole(usize::try_from(tail.size).unwrap_or(usize::MAX)).await
        };
        match read.await {
            Ok(bytes) if bytes.len() as u64 == tail.size => Ok(bytes),
            Ok(_) => Err(Error::Storage),
            // The state has it, so it must be there.
            Err(error) if error.is_missing() => Err(Error::Storage),
            Err(error) => Err(self.ledger.sorted(&error)),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            part_bytes: 8 << 20,
            buffers_max: 32,
            retry_after_s: 5,
            orphan_s: 86_400,
            limits: Limits { unfinished_bytes_max: u64::MAX, ..Limits::default() },
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Error::Storage)?;
    Ok(octets)
}
