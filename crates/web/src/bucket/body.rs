//! Bytes of an object on their way to a client: only what the client takes is read.
//!
//! A bucket that breaks off is asked for the rest, as long as the object has the same tag. How it
//! fails: it breaks off more often in a row than requests are tried, or the object is another one
//! now. Then nothing follows, and whoever sends must end in a way that cannot look whole.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use menshen_base::Counter;
use menshen_s3::{Client, Facts, Object};
use menshen_web_core::range::ByteRange;

use super::Bucket;

/// The body of an answer with bytes of an object.
#[derive(Debug)]
pub(crate) struct Body {
    bucket: Rc<Bucket>,
    client: Client,
    key: String,
    facts: Facts,
    pieces: VecDeque<Piece>,
    /// The stretch that is being read: what is left of it.
    at: u64,
    end: u64,
    object: Option<Object>,
    /// How often in a row it broke off.
    broken: u32,
    left: u64,
}

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A head or the end of `multipart/byteranges`.
    Text(Vec<u8>),
    /// Bytes of the object.
    Stretch(ByteRange),
}

/// Nothing follows, although something should.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BrokenOff;

impl Body {
    /// These pieces of the object at `key`.
    pub(super) fn new(
        bucket: &Rc<Bucket>,
        client: Client,
        key: String,
        facts: Facts,
        pieces: VecDeque<Piece>,
    ) -> Self {
        let left = pieces.iter().map(Piece::bytes).fold(0, u64::saturating_add);
        let bucket = Rc::clone(bucket);
        Self { bucket, client, key, facts, pieces, at: 0, end: 0, object: None, broken: 0, left }
    }

    /// All of an object that is being read already.
    pub(super) fn whole(bucket: &Rc<Bucket>, client: Client, key: String, object: Object) -> Self {
        let mut body = Self::new(bucket, client, key, object.facts.clone(), VecDeque::new());
        (body.end, body.left) = (object.facts.size, object.facts.size);
        body.object = Some(object);
        body
    }

    /// Bytes that are still to come.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Nothing follows.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        loop {
            if self.at < self.end {
                if let Some(bytes) = self.some().await? {
                    self.at += bytes.len() as u64;
                    self.left = self.left.saturating_sub(bytes.len() as u64);
                    return Ok(Some(bytes));
                }
                continue;
            }
            self.object = None;
            match self.pieces.pop_front() {
                None => return Ok(None),
                Some(Piece::Stretch(range)) => (self.at, self.end) = (range.start, range.end),
                Some(Piece::Text(text)) => {
                    self.left = self.left.saturating_sub(text.len() as u64);
                    return Ok(Some(text.into()));
                }
            }
        }
    }

    /// Some bytes of the stretch; none when the bucket broke off and is to be asked again.
    async fn some(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        let mut object = match self.object.take() {
            Some(object) => object,
            None => self.open().await?,
        };
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        match object.next().await {
            Ok(Some(mut bytes)) => {
                bytes.truncate(most);
                self.object = Some(object);
                self.broken = 0;
                Ok(Some(bytes))
            }
            // An end before the announced one is a break like any other.
            Ok(None) | Err(_) => {
                self.broken += 1;
                if self.broken >= self.client.times().tries {
                    return Err(BrokenOff);
                }
                self.bucket.slot.add(Counter::S3Resumed, 1);
                tokio::time::sleep(PAUSE * self.broken).await;
                Ok(None)
            }
        }
    }

    async fn open(&self) -> Result<Object, BrokenOff> {
        let range = Some(self.at..self.end);
        match self.client.get(&self.key, range, Some(&self.facts.etag)).await {
            // Some servers forget conditions: the tag and the size decide.
            Ok(object)
                if object.facts.etag == self.facts.etag && object.facts.size == self.facts.size =>
            {
                Ok(object)
            }
            Ok(_) => Err(BrokenOff),
            Err(error) => {
                self.bucket.fault(&error);
                Err(BrokenOff)
            }
        }
    }
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Stretch(range) => range.bytes(),
        }
    }
}

/// Before the rest is asked for, times how often it broke off in a row.
const PAUSE: Duration = Duration::from_millis(50);
