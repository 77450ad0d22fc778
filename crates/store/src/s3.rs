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

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use menshen_s3::{
    Abilities, Client, Condition, Content, Labels, Object, PART_BYTES_MIN, PART_NUMBER_MAX,
};
use tokio::sync::Semaphore;

use self::ledger::{Held, Ledger, folder};
use self::plan::LENGTH_MAX;
use self::state::{FOLDER, State, Tail};
use crate::{Aim, Error, Id, Order, Outcome, Record, Stage, Stored};

mod collect;
mod finish;
mod ledger;
mod plan;
mod state;
mod writer;

pub use ledger::Kind;
pub use state::{Replaced, Target};
pub use writer::S3Writer;

/// Uploads in a bucket. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct S3(Arc<Inner>);

/// How a bucket is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a part, 5 MiB to 64 MiB; more where the length asks for it.
    pub part_bytes: u64,
    /// Buffers all writers together may have; one that has none waits. A writer that keeps up has
    /// two, one of them on its way.
    pub buffers_max: usize,
    /// What clients are told when the bucket is away, seconds.
    pub retry_after_s: u32,
    /// How old something without an owner must be before it is collected, seconds.
    pub orphan_s: u64,
}

/// What every part of the store shares.
#[derive(Debug)]
pub(crate) struct Inner {
    ledger: Ledger,
    options: Options,
    shares: Arc<Semaphore>,
    kind: Kind,
}

/// An upload that is whole.
#[derive(Debug)]
pub struct S3Whole {
    /// What is known of it.
    pub record: Record,
    /// Where its bytes are, under the client's prefix.
    pub key: String,
    /// The object's tag.
    pub etag: String,
    client: Client,
}

/// What [`S3::begin_delivery`] found.
#[derive(Debug)]
pub enum S3Begun {
    /// Deliver this, then say [`S3::answer`].
    Go {
        /// The bytes.
        whole: Box<S3Whole>,
        /// This attempt, counted from 1.
        attempt: u32,
    },
    /// It was delivered before; this was the answer.
    Answered(Stored),
    /// An attempt was made, and nothing was heard of it for ten minutes.
    Interrupted {
        /// That attempt.
        attempt: u32,
        /// When it began, unix seconds.
        since: u64,
        /// What it aimed at.
        aim: Aim,
        /// What is known of it.
        outcome: Outcome,
    },
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
            shares: Arc::new(Semaphore::new(options.buffers_max.max(2))),
            kind,
        })))
    }

    /// How ownership is kept; to be told at start and in the status.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The shares of memory all writers have together, `buffers_max` of them, for whoever else
    /// sends to the bucket beside them.
    #[must_use]
    pub fn buffers(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.shares)
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
    /// [`Error::Unavailable`], [`Error::Storage`].
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
        let mut state = State::new(record, target);
        state.reserve();
        let held = self.0.ledger.create(&mut state).await?;
        S3Writer::open(Arc::clone(&self.0), held, state).await
    }

    /// What is known of an upload; disturbs nobody.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Unavailable`], [`Error::Storage`].
    pub async fn look(&self, id: &Id) -> Result<Record, Error> {
        Ok(self.0.ledger.read(id).await?.record)
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
        Ok((record, S3Writer::open(Arc::clone(&self.0), held, state).await?))
    }

    /// The uploads of an owner, newest first. Reads every state: not for a hot path.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Storage`].
    pub async fn list(&self, owner: &[u8; 32]) -> Result<Vec<Record>, Error> {
        let mut found = Vec::new();
        for id in self.0.ids().await? {
            match self.0.ledger.read(&id).await {
                Ok(state) if state.record.owner.as_ref() == Some(owner) => found.push(state.record),
                Ok(_) | Err(Error::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by_key(|record| std::cmp::Reverse(record.created));
        Ok(found)
    }

    /// Removes an upload, its bytes and its answer; writers are fenced. An object that was
    /// delivered to a target stays.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Unavailable`], [`Error::Storage`].
    pub async fn remove(&self, id: &Id) -> Result<(), Error> {
        let (state, held) = self.0.ledger.claim(id, |_| Ok(())).await?;
        self.0.clear(&state, &held).await
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

    /// Sets about delivering a whole upload to an application, durably. Never gives
    /// [`S3Begun::Go`] twice, but after [`Self::release`].
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Incomplete`], [`Error::Underway`] in the first ten minutes of
    /// somebody's attempt, [`Error::Unavailable`], [`Error::Storage`].
    pub async fn begin_delivery(
        &self,
        id: &Id,
        by: &str,
        aim: Aim,
        now: u64,
    ) -> Result<S3Begun, Error> {
        let mut begun = None;
        let change = |state: &mut State| {
            begun = None;
            match &state.record.stage {
                Stage::Receiving => Err(Error::Incomplete),
                Stage::Whole => {
                    let by = by.chars().take(crate::BY_BYTES_MAX / 4).collect();
                    let file = (0, 0);
                    state.record.stage =
                        Stage::Delivering { attempt: 1, by, since: now, aim, file };
                    Ok(())
                }
                Stage::Delivering { since, .. } if since + DELIVERY_S > now => Err(Error::Underway),
                Stage::Delivering { attempt, since, aim, .. } => {
                    begun = Some(S3Begun::Interrupted {
                        attempt: *attempt,
                        since: *since,
                        aim: *aim,
                        outcome: Outcome::Unknown,
                    });
                    Err(Error::Underway)
                }
                Stage::Answered(stored) => {
                    let body = state.answer.clone();
                    begun = Some(S3Begun::Answered(Stored { body, ..stored.clone() }));
                    Err(Error::Complete)
                }
            }
        };
        let claimed = self.0.ledger.claim(id, change).await;
        if let Some(begun) = begun {
            return Ok(begun);
        }
        let (state, _) = claimed?;
        Ok(S3Begun::Go { whole: Box::new(self.0.whole(&state)?), attempt: 1 })
    }

    /// Takes an attempt back: the upload is whole as before.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Underway`] when another attempt was begun, [`Error::Unavailable`],
    /// [`Error::Storage`].
    pub async fn release(&self, id: &Id, attempt: u32) -> Result<(), Error> {
        let change = |state: &mut State| match state.record.stage {
            Stage::Delivering { attempt: own, .. } if own == attempt => {
                state.record.stage = Stage::Whole;
                Ok(())
            }
            _ => Err(Error::Underway),
        };
        self.0.ledger.claim(id, change).await.map(drop)
    }

    /// Keeps the answer of an attempt until the upload expires. The first answer stays: it is
    /// returned when there was one. Bytes that have no target of their own are removed.
    ///
    /// # Errors
    /// As [`Self::release`]; [`Error::TooLarge`].
    pub async fn answer(&self, id: &Id, attempt: u32, answer: Stored) -> Result<Stored, Error> {
        if answer.body.len() > crate::ANSWER_BODY_BYTES_MAX {
            return Err(Error::TooLarge { what: "answer" });
        }
        let mut kept = None;
        let change = |state: &mut State| match &state.record.stage {
            Stage::Answered(stored) => {
                let body = state.answer.clone();
                kept = Some(Stored { body, ..stored.clone() });
                Err(Error::Complete)
            }
            Stage::Delivering { attempt: own, .. } if *own == attempt => {
                state.answer.clone_from(&answer.body);
                state.record.stage = Stage::Answered(answer.clone());
                Ok(())
            }
            _ => Err(Error::Underway),
        };
        let claimed = self.0.ledger.claim(id, change).await;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let (state, _) = claimed?;
        if state.target.is_none() {
            let _ = self.0.ledger.delete(&state.key()).await;
        }
        Ok(answer)
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

impl S3Whole {
    /// Begins to read a range of it, or all; only while it is the object that was completed.
    ///
    /// # Errors
    /// By cause.
    pub async fn read(&self, range: Option<Range<u64>>) -> Result<Object, menshen_s3::Error> {
        self.client.get(&self.key, range, Some(&self.etag)).await
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.record.offset
    }
}

impl Inner {
    fn whole(&self, state: &State) -> Result<S3Whole, Error> {
        Ok(S3Whole {
            record: state.record.clone(),
            key: state.home(),
            etag: state.done.clone().ok_or(Error::Storage)?,
            client: self.ledger.client().clone(),
        })
    }

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

    async fn ids(&self) -> Result<Vec<Id>, Error> {
        let (mut ids, mut after) = (Vec::new(), None);
        let beginning = format!("{FOLDER}/");
        loop {
            let client = self.ledger.client();
            let page = client.list(&beginning, Some('/'), after.as_deref()).await;
            let page = page.map_err(|error| self.ledger.sorted(&error))?;
            let name = |folder: &String| {
                let name = folder.strip_prefix(&beginning)?.strip_suffix('/')?;
                Id::parse(name).ok()
            };
            ids.extend(page.folders.iter().filter_map(name));
            match page.next {
                Some(next) if ids.len() < UPLOADS_MAX => after = Some(next),
                _ => return Ok(ids),
            }
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { part_bytes: 8 << 20, buffers_max: 32, retry_after_s: 5, orphan_s: 86_400 }
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Error::Storage)?;
    Ok(octets)
}

/// How long an attempt to deliver is believed to be alive, seconds.
const DELIVERY_S: u64 = 600;
/// Uploads that are looked at in one pass.
const UPLOADS_MAX: usize = 100_000;
