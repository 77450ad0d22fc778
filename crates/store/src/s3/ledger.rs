//! Who may change an upload's state, decided by the bucket alone: no clock, no node that is asked.
//!
//! Where the bucket keeps conditions, the state is one object that is replaced only `If-Match`;
//! a claim replaces it, so whoever had it before cannot any more. Where it does not, see
//! [`listed`]. A write whose answer was lost is recognised by its own random word when the state is
//! read back: a condition that "fails" may have been broken by that very write.

use std::time::Duration;

use bytes::Bytes;
use menshen_s3::{Client, Condition, Content, Labels};

use super::random;
use super::state::{FOLDER, STATE_BYTES_MAX, State};
use crate::{Error, Id};

mod listed;

/// States of uploads in a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    client: Client,
    kind: Kind,
    retry_after_s: u32,
}

/// How ownership is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By conditional writes.
    Conditional,
    /// By claims that are listed; needs lists that show what was written before.
    Listed,
}

/// The right to change one state, until somebody else claims it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: Id,
    pub(crate) claim: String,
    /// Of the state as last written (conditional).
    etag: String,
    /// Of the next state to write (listed).
    sequence: u64,
    /// Keys of states that have been followed by others (listed).
    old: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(client: Client, kind: Kind, retry_after_s: u32) -> Self {
        Self { client, kind, retry_after_s }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Writes the first state.
    pub(crate) async fn create(&self, state: &mut State) -> Result<Held, Error> {
        let id = state.record.id;
        if self.kind == Kind::Listed {
            return self.create_listed(id, state).await;
        }
        let claim = stamp(state, 1)?;
        let etag = match self.put(&key(&id), state, &Condition::Absent).await {
            Ok(etag) => etag,
            Err(error) if error.is_precondition() => match self.fetch(&key(&id)).await? {
                (found, etag) if found.write == state.write => etag,
                _ => return Err(Error::Exists),
            },
            Err(error) => return Err(self.sorted(&error)),
        };
        Ok(Held { id, claim, etag, sequence: 0, old: Vec::new() })
    }

    /// The state as it is now.
    pub(crate) async fn read(&self, id: &Id) -> Result<State, Error> {
        match self.kind {
            Kind::Conditional => self.fetch(&key(id)).await.map(|(state, _)| state),
            Kind::Listed => self.read_listed(id).await,
        }
    }

    /// Takes the state over, changed by `change`; whoever had it cannot change it any more.
    pub(crate) async fn claim(
        &self,
        id: &Id,
        mut change: impl FnMut(&mut State) -> Result<(), Error>,
    ) -> Result<(State, Held), Error> {
        for attempt in 0..CLAIMS_MAX {
            let claimed = match self.kind {
                Kind::Conditional => self.claim_once(id, &mut change).await?,
                Kind::Listed => self.claim_listed(id, &mut change).await?,
            };
            if let Some(claimed) = claimed {
                return Ok(claimed);
            }
            let spread = u64::from(u16::from_le_bytes(random::<2>()?) & 31);
            tokio::time::sleep(Duration::from_millis((5 + spread) << attempt.min(5))).await;
        }
        Err(Error::Unavailable { retry_after_s: 1 })
    }

    /// Writes the state. Once this is fine, every later claim sees it.
    pub(crate) async fn save(&self, held: &mut Held, state: &mut State) -> Result<(), Error> {
        if self.kind == Kind::Listed {
            return self.save_listed(held, state).await;
        }
        let key = key(&held.id);
        for _ in 0..SAVES_MAX {
            state.write = word()?;
            let condition = Condition::Tag(held.etag.clone());
            let error = match self.put(&key, state, &condition).await {
                Ok(etag) => {
                    held.etag = etag;
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.is_precondition() && !error.is_missing() {
                return Err(self.sorted(&error));
            }
            let (found, etag) = self.fetch(&key).await?;
            if found.claim != held.claim {
                return Err(Error::Fenced);
            }
            held.etag = etag;
            if found.write == state.write {
                return Ok(());
            }
            // A write of ours before this one had no answer, and came through after all.
        }
        Err(Error::Unavailable { retry_after_s: self.retry_after_s })
    }

    /// Removes the state of an upload that is held, last of all its objects.
    pub(crate) async fn remove(&self, held: &Held) -> Result<(), Error> {
        match self.kind {
            Kind::Conditional => self.delete(&key(&held.id)).await,
            Kind::Listed => self.remove_listed(&held.id).await,
        }
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        self.client.delete(key).await.map_err(|error| self.sorted(&error))
    }

    /// Removes objects that nobody needs, while others go on. What fails is collected later.
    pub(crate) fn forget(&self, keys: Vec<String>) {
        if keys.is_empty() {
            return;
        }
        let client = self.client.clone();
        tokio::spawn(async move {
            for key in keys {
                let _ = client.delete(&key).await;
            }
        });
    }

    /// The cause of an error for whoever uses the store.
    pub(crate) fn sorted(&self, error: &menshen_s3::Error) -> Error {
        if error.is_missing() {
            Error::Gone
        } else if error.is_passing() {
            Error::Unavailable { retry_after_s: self.retry_after_s }
        } else {
            Error::Storage
        }
    }

    async fn claim_once(
        &self,
        id: &Id,
        change: &mut impl FnMut(&mut State) -> Result<(), Error>,
    ) -> Result<Option<(State, Held)>, Error> {
        let (mut state, etag) = self.fetch(&key(id)).await?;
        change(&mut state)?;
        let epoch = state.record.epoch + 1;
        let claim = stamp(&mut state, epoch)?;
        let etag = match self.put(&key(id), &state, &Condition::Tag(etag)).await {
            Ok(etag) => etag,
            Err(error) if error.is_precondition() => match self.fetch(&key(id)).await? {
                (found, etag) if found.write == state.write => etag,
                _ => return Ok(None),
            },
            Err(error) => return Err(self.sorted(&error)),
        };
        Ok(Some((state, Held { id: *id, claim, etag, sequence: 0, old: Vec::new() })))
    }

    async fn put(
        &self,
        key: &str,
        state: &State,
        condition: &Condition,
    ) -> Result<String, menshen_s3::Error> {
        let bytes = state.to_bytes().map_err(|_| menshen_s3::Error {
            cause: menshen_s3::Cause::Input("the state is too long"),
            operation: "PutObject",
            unsure: false,
        })?;
        let labels = Labels { content_type: Some("application/json"), note: None };
        self.client.put(key, Content::whole(Bytes::from(bytes)), condition, labels).await
    }

    async fn fetch(&self, key: &str) -> Result<(State, String), Error> {
        let read = async {
            let object = self.client.get(key, None, None).await?;
            let etag = object.facts.etag.clone();
            Ok((object.whole(STATE_BYTES_MAX).await?, etag))
        };
        let (bytes, etag) = read.await.map_err(|error| self.sorted(&error))?;
        Ok((State::parse(&bytes)?, etag))
    }
}

/// Where an upload's objects are.
pub(crate) fn folder(id: &Id) -> String {
    format!("{FOLDER}/{}/", id.as_str())
}

/// The word of a claim: grows with the epoch, and differs between two of one epoch.
fn claim_word(epoch: u64) -> Result<String, Error> {
    Ok(format!("{epoch:016x}-{}", word()?))
}

fn stamp(state: &mut State, epoch: u64) -> Result<String, Error> {
    state.record.epoch = epoch;
    state.claim = claim_word(epoch)?;
    state.write = word()?;
    Ok(state.claim.clone())
}

fn word() -> Result<String, Error> {
    Ok(format!("{:016x}", u64::from_le_bytes(random::<8>()?)))
}

fn key(id: &Id) -> String {
    format!("{}state", folder(id))
}

/// How often a claim is tried against rivals.
const CLAIMS_MAX: u32 = 8;
/// How often a state is written against lost answers.
const SAVES_MAX: u32 = 4;
