//! What is known of an upload, as it is kept: versioned, bounded JSON.

use serde::{Deserialize, Serialize};

use crate::{Error, Id, Promise, Spans, Stage};

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub id: Id,
    /// A digest of who may go on with it; nobody in particular when `None`.
    #[serde(with = "owner")]
    pub owner: Option<[u8; 32]>,
    /// Where a stranger who made it came from, in the caller's numbers; 0: no stranger. Each source
    /// has a share of the room, and blocks are reserved for none of their promises.
    #[serde(default)]
    pub source: u64,
    /// The group it belongs to, and how many bytes the unfinished uploads of that may hold
    /// together, as [`crate::Limits::unfinished_bytes_max`] counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<(u64, u64)>,
    /// The word for the dialect it was created in; at most 32 bytes.
    pub dialect: String,
    /// Unix seconds.
    pub created: u64,
    /// Unix seconds; the upload and its answer may be removed from then on.
    pub expires: u64,
    /// Its length in bytes, once that was said.
    pub length: Option<u64>,
    /// No more bytes than this are taken while the length is not known.
    pub largest: Option<u64>,
    /// Bytes from the start that are durable: what clients are told. Set by the store.
    pub offset: u64,
    /// Spans that are durable, for uploads in segments. Set by the store.
    #[serde(default)]
    pub spans: Spans,
    /// Whether its bytes come as one stream or as segments.
    #[serde(default)]
    pub order: Order,
    /// What the client said of it, in the caller's format; at most [`METADATA_BYTES_MAX`] bytes.
    #[serde(with = "crate::octets")]
    pub metadata: Vec<u8>,
    /// What becomes of the whole.
    pub destination: Destination,
    /// What the whole must hash to; at most [`PROMISES_MAX`].
    #[serde(default)]
    pub promises: Vec<Promise>,
    /// How far it is. Set by the store.
    #[serde(default)]
    pub stage: Stage,
    /// Deliveries begun. Set by the store.
    #[serde(default)]
    pub attempts: u32,
    /// Of the newest claim when this was written. Set by the store.
    #[serde(default)]
    pub epoch: u64,
}

/// How the bytes of an upload come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// From the start, each request going on where the last ended.
    #[default]
    Stream,
    /// As segments in any order; the length is known from the start.
    Segments,
}

/// What becomes of the whole. Its contents are the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Destination {
    /// A file of the file service; at most [`PATH_BYTES_MAX`] bytes.
    File {
        /// Decoded and checked by the caller.
        #[serde(with = "crate::octets")]
        path: Vec<u8>,
        /// In the caller's words, such as the conditions of the request.
        #[serde(with = "crate::octets")]
        terms: Vec<u8>,
    },
    /// A request to an application; the head at most [`HEAD_BYTES_MAX`] bytes.
    Request {
        /// As the caller wrote it.
        #[serde(with = "crate::octets")]
        head: Vec<u8>,
    },
    /// A file that a later form names.
    Held,
    /// A part of a concatenation.
    Part,
}

impl Record {
    /// One of no bytes, for nobody, held; `created` and `expires` in unix seconds.
    #[must_use]
    pub fn new(id: Id, created: u64, expires: u64) -> Self {
        Self {
            id,
            owner: None,
            source: 0,
            share: None,
            dialect: String::new(),
            created,
            expires,
            length: None,
            largest: None,
            offset: 0,
            spans: Spans::new(),
            order: Order::Stream,
            metadata: Vec::new(),
            destination: Destination::Held,
            promises: Vec::new(),
            stage: Stage::Receiving,
            attempts: 0,
            epoch: 0,
        }
    }

    /// Whether all bytes are there and nobody will add one.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        !matches!(self.stage, Stage::Receiving)
    }

    /// Whether it is within the limits named here.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let too_large = |what| Err(Error::TooLarge { what });
        let (path, head) = match &self.destination {
            Destination::File { path, terms } => (path.len() + terms.len(), 0),
            Destination::Request { head } => (0, head.len()),
            Destination::Held | Destination::Part => (0, 0),
        };
        if self.metadata.len() > METADATA_BYTES_MAX {
            return too_large("metadata");
        }
        if head > HEAD_BYTES_MAX {
            return too_large("request head");
        }
        if path > PATH_BYTES_MAX {
            return too_large("path");
        }
        if self.dialect.len() > DIALECT_BYTES_MAX {
            return too_large("dialect");
        }
        let sound = |one: &Promise| one.value.len() == one.algorithm.bytes();
        if self.promises.len() > PROMISES_MAX || !self.promises.iter().all(sound) {
            return too_large("digests");
        }
        if self.order == Order::Segments && self.length.is_none() {
            return Err(Error::Length);
        }
        Ok(())
    }
}

/// The owner as 64 hexadecimal digits.
mod owner {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        owner: &Option<[u8; 32]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(owner) = owner else { return to.serialize_none() };
        to.serialize_str(&owner.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let wrong = || serde::de::Error::custom("no owner");
        let mut owner = [0; 32];
        if text.len() != 64 {
            return Err(wrong());
        }
        for (at, byte) in owner.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Some(owner))
    }
}

/// Bytes of what a client says of its upload.
pub const METADATA_BYTES_MAX: usize = 8 << 10;
/// Bytes of a stored request head.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// Bytes of a path and its terms.
pub const PATH_BYTES_MAX: usize = 8 << 10;
/// Digests promised of one upload.
pub const PROMISES_MAX: usize = 8;
const DIALECT_BYTES_MAX: usize = 32;
