//! The one who may append to an upload in a bucket: collects a part in memory, sends it while the
//! next one fills, and makes what is too short for a part an object of its own.
//!
//! It must never use a number of a part that the state has not set aside for its claim, nor tell
//! an offset before the state that has it was written.

use std::sync::Arc;

use bytes::Bytes;
use menshen_s3::{Condition, Content, Labels, PART_BYTES_MIN, PART_NUMBER_MAX};
use tokio::task::JoinHandle;

use super::buffers::Share;
use super::ledger::{Held, folder};
use super::plan::LENGTH_MAX;
use super::state::{Piece, State, Tail};
use super::{Inner, S3Whole};
use crate::{Error, Id, Push, Start};

mod memory;

/// The one who may append now.
#[derive(Debug)]
pub struct S3Writer {
    store: Arc<Inner>,
    held: Held,
    /// As it was last written.
    saved: State,
    /// As it will be written next.
    state: State,
    /// Behind the parts, in memory; at most a part and one push.
    buffer: Vec<u8>,
    /// The saved tail belongs into the buffer, and is still in the bucket only.
    is_parked: bool,
    /// Of the buffer's share of the memory all writers have together.
    share: Option<Share>,
    sending: Option<Sending>,
    is_fenced: bool,
    tails: u64,
}

/// A part on its way.
#[derive(Debug)]
struct Sending {
    number: u16,
    bytes: Bytes,
    /// Given back with the bytes.
    _share: Option<Share>,
    task: Option<JoinHandle<Result<String, menshen_s3::Error>>>,
}

impl S3Writer {
    /// Asks the bucket for nothing: a tail is read when there is memory for it.
    pub(super) fn open(store: Arc<Inner>, held: Held, state: State) -> Self {
        Self {
            store,
            held,
            is_parked: state.tail.is_some(),
            saved: state.clone(),
            state,
            buffer: Vec::new(),
            share: None,
            sending: None,
            is_fenced: false,
            tails: 0,
        }
    }

    /// The upload's name.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.held.id
    }

    /// Bytes that are durable, as the state says.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.saved.record.offset
    }

    /// Where the next push goes.
    #[must_use]
    pub fn position(&self) -> u64 {
        let sent: u64 = self.state.pieces.iter().map(|piece| piece.1).sum();
        let sending = self.sending.as_ref().map_or(0, |sending| sending.bytes.len() as u64);
        sent + sending + self.behind()
    }

    /// Bytes behind the parts.
    fn behind(&self) -> u64 {
        match &self.state.tail {
            Some(tail) if self.is_parked => tail.size,
            _ => self.buffer.len() as u64,
        }
    }

    /// Lets the upload expire at another time, unix seconds. Durable with the next flush.
    pub fn prolong(&mut self, expires: u64) {
        self.state.record.expires = expires;
    }

    /// Whether a request may go on at `offset`: nothing is there behind what is durable.
    ///
    /// # Errors
    /// None so far.
    pub async fn start(&mut self, offset: u64) -> Result<Start, Error> {
        let durable = self.durable();
        Ok(if offset == durable { Start::At(offset) } else { Start::Elsewhere(durable) })
    }

    /// Says how long the whole will be. Durable with the next flush.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooLong`].
    pub fn set_length(&mut self, length: u64) -> Result<(), Error> {
        let record = &mut self.state.record;
        if length > LENGTH_MAX || record.largest.is_some_and(|largest| length > largest) {
            return Err(Error::TooLong);
        }
        if record.length.is_some_and(|known| known != length) || self.position() > length {
            return Err(Error::Length);
        }
        self.state.record.length = Some(length);
        Ok(())
    }

    /// Appends bytes to the buffer; nothing is sent or acknowledged.
    ///
    /// # Errors
    /// [`Error::Fenced`], [`Error::TooLong`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Push, Error> {
        if self.is_fenced {
            return Err(Error::Fenced);
        }
        let record = &self.state.record;
        let most = record.length.or(record.largest).unwrap_or(LENGTH_MAX);
        if self.position().saturating_add(bytes.len() as u64) > most {
            return Err(Error::TooLong);
        }
        if self.is_parked || self.is_full() || !self.has_share() {
            return Ok(Push::Wait);
        }
        self.grow(bytes.len());
        self.buffer.extend_from_slice(bytes);
        Ok(Push::Taken)
    }

    /// Waits until there is room to push again: sends the part that is full.
    ///
    /// # Errors
    /// [`Error::TooMany`] when others had all the memory for a minute, [`Error::Fenced`],
    /// [`Error::Unavailable`] (nothing is lost: call again later),
    /// [`Error::Gone`] when the multipart upload was removed by others, [`Error::Storage`].
    pub async fn ready(&mut self) -> Result<(), Error> {
        if self.is_full() {
            self.settle().await?;
            self.send().await?;
        }
        self.unpark().await
    }

    /// Forgets what was pushed behind `position`: what is durable, or anything that is still in
    /// the buffer.
    ///
    /// # Errors
    /// [`Error::Offset`] for other positions; as [`Self::ready`].
    pub async fn cut(&mut self, position: u64) -> Result<(), Error> {
        let behind = self.position().saturating_sub(position);
        match self.behind().checked_sub(behind) {
            Some(_) if behind == 0 => Ok(()),
            Some(kept) if position >= self.durable() => {
                self.buffer.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
                Ok(())
            }
            _ if position == self.durable() => self.reload().await,
            _ => Err(Error::Offset { durable: self.durable() }),
        }
    }

    /// Makes all that was pushed durable; the offset that may be told. After
    /// [`Error::Unavailable`] nothing is lost, and it may be called again.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub async fn flush(&mut self) -> Result<u64, Error> {
        self.settle().await?;
        if self.buffer.len() as u64 >= PART_BYTES_MIN {
            self.send().await?;
            self.settle().await?;
        }
        self.keep_tail().await?;
        self.save().await?;
        if self.is_wanted() {
            // All is in the bucket: whoever waits has their turn, and this one waits again.
            self.park();
        }
        Ok(self.durable())
    }

    /// Makes all durable and the upload whole: nobody can append any more, and the object is there.
    ///
    /// # Errors
    /// As [`Self::flush`]; [`Error::Incomplete`]; [`Error::Digest`], [`Error::Taken`] when the
    /// target must not be replaced. After [`Error::Unavailable`] the upload is claimed again: it is
    /// then either to go on or whole.
    pub async fn complete(mut self) -> Result<S3Whole, Error> {
        let position = self.position();
        if self.state.record.length.is_some_and(|length| length != position) {
            return Err(Error::Incomplete);
        }
        self.settle().await?;
        let is_one = self.state.pieces.is_empty() && self.behind() < PART_BYTES_MIN;
        if !is_one && self.behind() > 0 {
            if self.is_parked {
                self.unpark().await?;
            }
            self.send().await?;
            self.settle().await?;
        }
        self.keep_tail().await?;
        self.state.record.length = Some(position);
        self.state.is_sealed = true;
        self.save().await?;
        let is_here = is_one && !self.is_parked;
        let bytes = is_here.then(|| Bytes::from(std::mem::take(&mut self.buffer)));
        self.store.finish(&mut self.held, &mut self.state, bytes).await
    }

    /// Begins to send the buffer as a part. Nothing else is on its way.
    async fn send(&mut self) -> Result<(), Error> {
        let upload = self.upload().await?;
        let number = self.number().await?;
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let mut sending = Sending { number, bytes, _share: self.share.take(), task: None };
        self.begin(&upload, &mut sending);
        self.sending = Some(sending);
        Ok(())
    }

    fn begin(&self, upload: &str, sending: &mut Sending) {
        let (client, key) = (self.store.ledger.client().clone(), self.state.key());
        let (number, bytes, upload) = (sending.number, sending.bytes.clone(), upload.to_owned());
        sending.task = Some(tokio::spawn(async move {
            client.part(&key, &upload, number, Content::whole(bytes)).await
        }));
    }

    /// Waits for the part that is on its way. What failed is kept, and sent anew by the next call.
    async fn settle(&mut self) -> Result<(), Error> {
        let Some(mut sending) = self.sending.take() else { return Ok(()) };
        if sending.task.is_none() {
            let upload = self.upload().await;
            match upload {
                Ok(upload) => self.begin(&upload, &mut sending),
                Err(error) => {
                    self.sending = Some(sending);
                    return Err(error);
                }
            }
        }
        let sent = match sending.task.take() {
            Some(task) => task.await.map_err(|_| Error::Storage)?,
            None => return Err(Error::Storage),
        };
        match sent {
            Ok(etag) => {
                let size = sending.bytes.len() as u64;
                self.state.pieces.push(Piece(sending.number, size, etag));
                // Its bytes are among the parts now.
                self.state.tail = None;
                Ok(())
            }
            Err(error) => {
                self.sending = Some(sending);
                Err(self.store.ledger.sorted(&error))
            }
        }
    }

    /// The multipart upload, begun when the first part is there: short uploads need none.
    async fn upload(&mut self) -> Result<String, Error> {
        if let Some(upload) = &self.state.upload {
            return Ok(upload.clone());
        }
        let id = self.held.id.as_str().to_owned();
        let target = self.state.target.as_ref();
        let kind = target.and_then(|target| target.content_type.as_deref());
        let labels = Labels { content_type: kind, note: Some(&id) };
        let begun = self.store.ledger.client().begin(&self.state.key(), labels).await;
        let begun = begun.map_err(|error| self.store.ledger.sorted(&error))?;
        // Known before anything is in it, so that it is found by whoever comes after.
        self.state.upload = Some(begun.clone());
        let mut known = self.saved.clone();
        known.upload = Some(begun.clone());
        if let Err(error) = self.write(known).await {
            if error == Error::Fenced {
                let client = self.store.ledger.client();
                let _ = client.abort(&self.state.key(), &begun).await;
            }
            self.state.upload = None;
            return Err(error);
        }
        Ok(begun)
    }

    /// A number of this claim's own.
    async fn number(&mut self) -> Result<u16, Error> {
        if self.state.next >= self.state.reserved {
            let mut more = self.saved.clone();
            more.next = self.state.next;
            more.extend();
            let reserved = more.reserved;
            if reserved <= self.state.next {
                return Err(Error::TooLong);
            }
            self.write(more).await?;
            self.state.reserved = reserved;
        }
        let number = self.state.next;
        if number > PART_NUMBER_MAX {
            return Err(Error::TooLong);
        }
        self.state.next += 1;
        Ok(number)
    }

    /// Puts what is too short for a part into an object of its own.
    async fn keep_tail(&mut self) -> Result<(), Error> {
        if self.is_parked {
            return Ok(());
        }
        let size = self.buffer.len() as u64;
        if self.state.tail.as_ref().map_or(0, |tail| tail.size) == size {
            return Ok(());
        }
        if size == 0 {
            self.state.tail = None;
            return Ok(());
        }
        self.tails += 1;
        let (folder, claim) = (folder(&self.held.id), &self.held.claim);
        let key = format!("{folder}tail-{claim}-{:08}", self.tails);
        let content = Content::whole(Bytes::copy_from_slice(&self.buffer));
        let client = self.store.ledger.client();
        let put = client.put(&key, content, &Condition::Always, Labels::default()).await;
        put.map_err(|error| self.store.ledger.sorted(&error))?;
        self.state.tail = Some(Tail { key, size });
        Ok(())
    }

    /// Writes the state with all that is durable by now.
    async fn save(&mut self) -> Result<(), Error> {
        self.state.record.offset = self.position();
        if self.state == self.saved {
            return Ok(());
        }
        let old = self.saved.tail.clone();
        self.write(self.state.clone()).await?;
        self.state = self.saved.clone();
        if let Some(old) = old
            && self.saved.tail.as_ref() != Some(&old)
        {
            self.store.ledger.forget(vec![old.key]);
        }
        Ok(())
    }

    async fn write(&mut self, mut state: State) -> Result<(), Error> {
        if self.is_fenced {
            return Err(Error::Fenced);
        }
        match self.store.ledger.save(&mut self.held, &mut state).await {
            Ok(()) => {
                self.saved = state;
                Ok(())
            }
            Err(Error::Fenced | Error::Gone) => {
                self.is_fenced = true;
                Err(Error::Fenced)
            }
            Err(error) => Err(error),
        }
    }

    /// Back to what is durable, with the tail in memory. Numbers that were used stay used.
    async fn reload(&mut self) -> Result<(), Error> {
        if let Some(sending) = self.sending.take()
            && let Some(task) = sending.task
        {
            let _ = task.await;
        }
        let (next, reserved) = (self.state.next, self.state.reserved);
        self.state = self.saved.clone();
        self.state.next = next;
        self.state.reserved = reserved;
        self.park();
        Ok(())
    }
}
