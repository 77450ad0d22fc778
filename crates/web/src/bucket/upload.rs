//! One object on its way into the bucket: parts go up while bytes come, and nothing has its name
//! before all is there and was checked.
//!
//! What fits into one part is one request; a longer body is a multipart upload. Memory: a part that
//! fills and one that is sent, each with a share of `s3.buffers_max`; who has none waits, and does
//! not read. How it fails: the bucket goes away (503; the parts are given up), the worker is killed
//! (a marker tells the collection what to give up), an answer is lost (the object's note tells
//! whose it is).

use std::rc::Rc;

use bytes::Bytes;
use menshen_base::Counter;
use menshen_net::clock;
use menshen_s3::{Client, Condition, Content, Error, Facts, Labels, PART_NUMBER_MAX, Part};
use menshen_store::s3::{Buffers, LENGTH_MAX, Share, part_bytes};
use menshen_web_core::fields::{Algorithm, Digests, media_type};
use tokio::task::JoinHandle;

use super::orphans;
use super::{Bucket, nonce};
use crate::fault::Fault;
use crate::spool::Digesting;

/// An object on its way; dropping it gives up what was sent.
#[derive(Debug)]
pub(crate) struct Upload {
    bucket: Rc<Bucket>,
    key: String,
    expected: Option<u64>,
    largest: u64,
    written: u64,
    digests: Digesting,
    /// Whose object it is.
    note: String,
    place: Option<Place>,
    buffer: Vec<u8>,
    share: Option<Share>,
    parts: Vec<Part>,
    sending: Option<JoinHandle<Result<Part, Error>>>,
    begun: Option<Begun>,
}

/// Where it goes; known once the bucket can be used.
#[derive(Debug, Clone)]
struct Place {
    client: Client,
    shares: Buffers,
}

/// A multipart upload.
#[derive(Debug)]
struct Begun {
    id: String,
    /// When the collection was told of it last, unix seconds.
    marked: u64,
}

/// An object that is there.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) etag: String,
    /// Field value for `Repr-Digest`, when the client wanted one.
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) size: u64,
}

/// What is said of a body beforehand.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) length: Option<u64>,
    /// Bytes, 0 for no limit.
    pub(crate) largest: u64,
    pub(crate) promised: Digests,
    pub(crate) wanted: Option<Algorithm>,
}

impl Upload {
    /// Begins an upload to `key`; nothing is sent yet.
    ///
    /// # Errors
    /// It is too large, or there are no random numbers.
    pub(crate) fn new(bucket: &Rc<Bucket>, key: &str, said: Said) -> Result<Self, Fault> {
        let largest = if said.largest == 0 { LENGTH_MAX } else { said.largest.min(LENGTH_MAX) };
        if said.length.is_some_and(|length| length > largest) {
            return Err(Fault::TooLarge);
        }
        Ok(Self {
            bucket: Rc::clone(bucket),
            key: key.to_owned(),
            expected: said.length,
            largest,
            written: 0,
            digests: Digesting::new(said.promised, said.wanted),
            note: nonce()?,
            place: None,
            buffer: Vec::new(),
            share: None,
            parts: Vec::new(),
            sending: None,
            begun: None,
        })
    }

    /// What it goes into.
    pub(crate) fn bucket(&self) -> &Rc<Bucket> {
        &self.bucket
    }

    /// Where it goes.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Takes bytes; they are in memory.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let written = self.written.saturating_add(bytes.len() as u64);
        if written > self.largest {
            return Err(Fault::TooLarge);
        }
        self.digests.update(bytes);
        self.grow(bytes.len());
        self.buffer.extend_from_slice(bytes);
        self.written = written;
        Ok(())
    }

    /// Makes room for `more` bytes: for a part once there is a share of memory for it, by doubling
    /// where the length is not known, and before that for no byte that has not come.
    fn grow(&mut self, more: usize) {
        let needed = self.buffer.len() + more;
        if needed <= self.buffer.capacity() {
            return;
        }
        let part = self.part_bytes() + TAKEN_AT_ONCE;
        let room = match self.expected {
            _ if self.share.is_none() => 0,
            Some(expected) => part.min(expected.saturating_sub(self.sent())),
            None => part.min(2 * self.buffer.capacity() as u64),
        };
        let room = usize::try_from(room).unwrap_or(0).max(needed);
        self.buffer.reserve_exact(room - self.buffer.len());
    }

    /// Whether [`Self::settle`] has something to do before more is taken.
    pub(crate) fn is_due(&self) -> bool {
        self.share.is_none() || self.buffer.len() as u64 >= self.part_bytes()
    }

    /// Bytes of it that are in memory and not on their way.
    pub(crate) const fn held_bytes(&self) -> u64 {
        self.buffer.len() as u64
    }

    /// Nothing more comes: what is left in memory is the holder of the share's to answer for.
    pub(crate) fn close(&mut self) -> Option<Share> {
        self.buffer.shrink_to_fit();
        self.share.take()
    }

    /// Whether it has to wait for memory, so that whoever has some should give it back first.
    pub(crate) fn lacks_memory(&self) -> bool {
        self.share.is_none() && self.bucket.buffers().are_short(self.shares())
    }

    /// Waits for a share of memory, and sends the part that is full.
    pub(crate) async fn settle(&mut self) -> Result<(), Fault> {
        if self.buffer.len() as u64 >= self.part_bytes() {
            self.send().await?;
        }
        if self.share.is_none() {
            self.wait_for_share().await?;
        }
        Ok(())
    }

    /// Sends what is in memory, whatever its length: nothing more comes.
    pub(crate) async fn send_rest(&mut self) -> Result<(), Fault> {
        if !self.buffer.is_empty() {
            self.send().await?;
        }
        self.join().await?;
        self.share = None;
        Ok(())
    }

    /// All came: brings what is missing of its parts, so that only the last request is left.
    ///
    /// # Errors
    /// What the bucket says.
    pub(crate) async fn send_last(&mut self) -> Result<(), Fault> {
        if self.begun.is_some() { self.send_rest().await } else { Ok(()) }
    }

    /// Whether the bucket keeps `condition` in the request that gives the object its name.
    pub(crate) fn keeps(&self, condition: &Condition) -> bool {
        let abilities = self.bucket.abilities();
        match (condition, self.begun.is_some()) {
            (Condition::Absent, false) => abilities.conditional_create,
            (_, false) => abilities.conditional_replace,
            (_, true) => abilities.conditional_complete,
        }
    }

    /// All came: checks it and gives it its name, if `condition` holds and [`Self::keeps`].
    ///
    /// # Errors
    /// [`Fault::Digest`], [`Fault::Precondition`], or what the bucket says.
    pub(crate) async fn finish(mut self, condition: &Condition) -> Result<Stored, Fault> {
        if self.expected.is_some_and(|length| length != self.written) {
            return Err(Fault::BadRequest("the content is shorter than announced"));
        }
        let digest = std::mem::take(&mut self.digests).finish()?;
        let client = self.place().await?.client;
        let condition = if self.keeps(condition) { condition } else { &Condition::Always };
        let written = if self.begun.is_some() {
            self.send_rest().await?;
            let Some(begun) = &self.begun else { return Err(Fault::Storage) };
            client.complete(&self.key, &begun.id, &self.parts, condition).await
        } else {
            let name = self.key.rsplit('/').next().unwrap_or_default();
            let kind = Some(media_type(name.as_bytes()));
            let labels = Labels { content_type: kind, note: Some(&self.note) };
            let content = Content::whole(std::mem::take(&mut self.buffer).into());
            client.put(&self.key, content, condition, labels).await
        };
        let etag = match written {
            Ok(etag) => etag,
            Err(error) if error.unsure => self.own(&client, &error).await?,
            Err(error) => return Err(self.bucket.fault(&error)),
        };
        if self.begun.take().is_some() {
            orphans::forget(&client, &self.note);
        }
        Ok(Stored { etag, digest, size: self.written })
    }

    /// The answer was lost: whether the object that is there is this one.
    async fn own(&self, client: &Client, error: &Error) -> Result<String, Fault> {
        match client.head(&self.key).await {
            Ok(Facts { etag, note, .. }) if note.as_ref() == Some(&self.note) => Ok(etag),
            _ => Err(self.bucket.fault(error)),
        }
    }

    /// Bytes that went up, or are on their way.
    const fn sent(&self) -> u64 {
        self.written.saturating_sub(self.buffer.len() as u64)
    }

    /// Bytes of the next part: more where the length asks for it, since parts are numbered.
    fn part_bytes(&self) -> u64 {
        let left = self.expected.map(|expected| expected.saturating_sub(self.sent()));
        let next = self.parts.len() + 1 + usize::from(self.sending.is_some());
        let next = u16::try_from(next).unwrap_or(u16::MAX);
        part_bytes(self.bucket.options().part_bytes, left, next)
    }

    /// Of how many parts' memory the next one takes.
    fn shares(&self) -> u64 {
        self.part_bytes().div_ceil(self.bucket.options().part_bytes)
    }

    async fn place(&mut self) -> Result<Place, Fault> {
        if let Some(place) = &self.place {
            return Ok(place.clone());
        }
        let store = self.bucket.store().await?;
        let place = Place { client: store.client().clone(), shares: store.buffers() };
        Ok(self.place.insert(place).clone())
    }

    async fn wait_for_share(&mut self) -> Result<(), Fault> {
        let shares = self.place().await?.shares;
        let wanted = self.shares();
        self.share = shares.try_take(wanted);
        if self.share.is_some() {
            return Ok(());
        }
        self.bucket.slot.add(Counter::S3Waits, 1);
        // What is on its way gives its share back; waiting for others' meanwhile would be waiting
        // for ourselves.
        self.join().await?;
        self.share = shares.take(wanted).await;
        if self.share.is_none() {
            self.bucket.slot.add(Counter::LimitS3Buffers, 1);
            return Err(Fault::Busy);
        }
        Ok(())
    }

    /// Begins to send the buffer as a part, after the one before.
    async fn send(&mut self) -> Result<(), Fault> {
        self.join().await?;
        let client = self.place().await?.client;
        let id = self.begin(&client).await?;
        let number = u16::try_from(self.parts.len() + 1).unwrap_or(u16::MAX);
        if number > PART_NUMBER_MAX {
            return Err(Fault::TooLarge);
        }
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let (key, share) = (self.key.clone(), self.share.take());
        self.sending = Some(tokio::spawn(async move {
            let size = bytes.len() as u64;
            let sent = client.part(&key, &id, number, Content::whole(bytes)).await;
            drop(share);
            sent.map(|etag| Part { number, etag, size })
        }));
        Ok(())
    }

    /// Waits for the part that is on its way.
    async fn join(&mut self) -> Result<(), Fault> {
        let Some(sending) = self.sending.take() else { return Ok(()) };
        match sending.await {
            Ok(Ok(part)) => {
                self.parts.push(part);
                Ok(())
            }
            Ok(Err(error)) => Err(self.bucket.fault(&error)),
            Err(_) => Err(Fault::Storage),
        }
    }

    /// The multipart upload, of which the collection knows.
    async fn begin(&mut self, client: &Client) -> Result<String, Fault> {
        let now = clock::unix_s();
        if let Some(begun) = &mut self.begun {
            if begun.marked + MARKED_S < now {
                let marked = orphans::mark(client, &self.note, &self.key, &begun.id).await;
                marked.map_err(|error| self.bucket.fault(&error))?;
                begun.marked = now;
            }
            return Ok(begun.id.clone());
        }
        let name = self.key.rsplit('/').next().unwrap_or_default();
        let kind = Some(media_type(name.as_bytes()));
        let labels = Labels { content_type: kind, note: Some(&self.note) };
        let id = client.begin(&self.key, labels).await;
        let id = id.map_err(|error| self.bucket.fault(&error))?;
        self.begun = Some(Begun { id: id.clone(), marked: now });
        let marked = orphans::mark(client, &self.note, &self.key, &id).await;
        marked.map_err(|error| self.bucket.fault(&error))?;
        Ok(id)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(begun), Some(place)) = (self.begun.take(), self.place.take()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (key, note, sending) =
            (std::mem::take(&mut self.key), self.note.clone(), self.sending.take());
        runtime.spawn(async move {
            // A part that arrives after the end would stay.
            if let Some(sending) = sending {
                let _ = sending.await;
            }
            if place.client.abort(&key, &begun.id).await.is_ok() {
                orphans::forget(&place.client, &note);
            }
        });
    }
}

/// Bytes that may come on top of a part before it is sent.
const TAKEN_AT_ONCE: u64 = 256 << 10;
/// How often the collection is told that a long upload is alive, seconds.
const MARKED_S: u64 = 1_800;

#[cfg(test)]
pub(super) mod tests;
