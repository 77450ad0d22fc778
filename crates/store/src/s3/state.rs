//! What the bucket holds of an upload, besides its bytes: one JSON object, bounded.

use menshen_s3::Part;
use serde::{Deserialize, Serialize};

use crate::{Error, Record, Stage};

/// What is known of an upload in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Of the format.
    pub(crate) version: u32,
    /// What is known of it apart from the bucket.
    pub(crate) record: Record,
    /// Who may change this: a word that grows with every claim.
    pub(crate) claim: String,
    /// Of this very write: how a write whose answer was lost is recognised.
    pub(crate) write: String,
    /// The object it becomes; one of the store's own when `None`.
    pub(crate) target: Option<Target>,
    /// The multipart upload, once there is one.
    pub(crate) upload: Option<String>,
    /// Its parts so far, in their order.
    pub(crate) pieces: Vec<Piece>,
    /// The object with the bytes behind the parts.
    pub(crate) tail: Option<Tail>,
    /// The next number of a part this claim may use.
    pub(crate) next: u16,
    /// One behind the last number it may use.
    pub(crate) reserved: u16,
    /// All bytes are there, and what is left is to complete it.
    pub(crate) is_sealed: bool,
    /// The finished object's tag.
    pub(crate) done: Option<String>,
    /// Something had the target's name before, as far as could be seen.
    #[serde(default)]
    pub(crate) has_replaced: bool,
    /// The body of the kept answer.
    #[serde(with = "crate::octets")]
    pub(crate) answer: Vec<u8>,
}

/// What an upload becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The key under the client's prefix.
    pub key: String,
    /// The media type, if one is to be kept.
    pub content_type: Option<String>,
    /// What may be replaced. Kept only by buckets that complete under a condition.
    pub replace: Replaced,
}

/// What a target may replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replaced {
    /// Whatever is there.
    Anything,
    /// Nothing: an object of the name is left as it is.
    Nothing,
    /// The object with this tag.
    Tag(String),
}

/// A part: number, bytes, tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece(pub(crate) u16, pub(crate) u64, pub(crate) String);

/// Bytes too few for a part, in an object of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    pub(crate) key: String,
    pub(crate) size: u64,
}

impl State {
    pub(crate) fn new(record: Record, target: Option<Target>) -> Self {
        Self {
            version: VERSION,
            record,
            claim: String::new(),
            write: String::new(),
            target,
            upload: None,
            pieces: Vec::new(),
            tail: None,
            next: 1,
            reserved: 1,
            is_sealed: false,
            done: None,
            has_replaced: false,
            answer: Vec::new(),
        }
    }

    /// Reads one. Only what the store wrote is read, but a bucket is a foreign place.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let state: Self = serde_json::from_slice(bytes).map_err(|_| Error::Storage)?;
        let parts = state.pieces.iter().try_fold(0u64, |sum, piece| sum.checked_add(piece.1));
        let tail = state.tail.as_ref().map_or(0, |tail| tail.size);
        let all = parts.and_then(|parts| parts.checked_add(tail));
        let is_sound = state.done.is_some() || all == Some(state.record.offset);
        if state.version != VERSION || !is_sound {
            return Err(Error::Storage);
        }
        Ok(state)
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = serde_json::to_vec(self).map_err(|_| Error::Storage)?;
        if bytes.len() > STATE_BYTES_MAX {
            return Err(Error::TooLarge { what: "state" });
        }
        Ok(bytes)
    }

    /// What others see of it: what is sealed takes no more bytes, whoever completes it.
    pub(crate) fn seen(self) -> Record {
        let mut record = self.record;
        if self.is_sealed && record.stage == Stage::Receiving {
            record.stage = Stage::Whole;
        }
        record
    }

    /// The key the parts are made into an object at.
    pub(crate) fn key(&self) -> String {
        match &self.target {
            // What was promised of the whole is compared before it has its name.
            Some(target) if self.record.promises.is_empty() => target.key.clone(),
            _ => format!("{FOLDER}/{}/whole", self.record.id.as_str()),
        }
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        let part = |piece: &Piece| Part { number: piece.0, size: piece.1, etag: piece.2.clone() };
        self.pieces.iter().map(part).collect()
    }

    /// Sets numbers aside for whoever claims: those of the claim before are never used again.
    pub(crate) fn reserve(&mut self) {
        self.next = self.reserved;
        self.extend();
    }

    /// Sets more numbers aside for the same claim.
    pub(crate) fn extend(&mut self) {
        let end = menshen_s3::PART_NUMBER_MAX + 1;
        self.reserved = self.next.saturating_add(BLOCK).max(self.reserved).min(end);
    }
}

/// Where uploads are, under the client's prefix.
pub(crate) const FOLDER: &str = ".menshen/uploads";
/// Longest state: 10,000 parts with tags of 64 bytes fit.
pub(crate) const STATE_BYTES_MAX: usize = 2 << 20;
/// Numbers set aside at a time.
const BLOCK: u16 = 4;
const VERSION: u32 = 1;
