//! From a request's head to what the client wants, whatever its dialect.

use alloc::vec::Vec;

use menshen_web_core::fields::{Algorithm, Digests};
use menshen_web_core::head::{Headers, Method};

use crate::checksum::Checksum;
use crate::dialect::Dialect;
use crate::metadata::Metadata;
use crate::ranges::Span;
use crate::refusal::Refused;

/// What a request is directed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The address that makes uploads.
    Creation,
    /// An upload.
    Upload,
    /// A resource that may itself take an upload (RUFH: any request with content can become one).
    Elsewhere,
}

/// An intent and the dialect it was said in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The dialect of the request and of its answer.
    pub dialect: Dialect,
    /// What is wanted.
    pub intent: Intent,
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// A new upload, maybe with its first bytes.
    Create(Create),
    /// Bytes for an upload.
    Append(Append),
    /// How far it is.
    Look,
    /// Away with it.
    Cancel,
    /// What the server can do.
    Options,
    /// Bytes for a place in a whole that the client named.
    Segment(Segment),
}

/// A new upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Bytes of the whole, where known; for tus without one the length comes later.
    pub length: Option<u64>,
    /// Content of this request, which belongs to the upload.
    pub content: Content,
    /// When it is complete.
    pub end: End,
    /// tus metadata; also taken from RUFH requests, as tus-js-client sends it there too.
    pub metadata: Metadata,
    /// What is promised of the bytes.
    pub checks: Checks,
    /// Whether it is part or sum of others (tus).
    pub concat: Concat,
}

/// Bytes for an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where the content starts; must be the upload's offset.
    pub offset: u64,
    /// The length of the whole, where this request says it.
    pub length: Option<u64>,
    /// What comes with this request.
    pub content: Content,
    /// When the upload is complete.
    pub end: End,
    /// What is promised of the bytes.
    pub checks: Checks,
}

/// One segment (nginx-upload-module). The session is chosen by the client and so guessable: it only
/// means something together with who the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The client's name of the upload, 1 to [`SESSION_BYTES_MAX`] letters, digits, `-_.`.
    pub session: Vec<u8>,
    /// Where the content belongs; its length is the content's.
    pub span: Span,
    /// Bytes of the whole.
    pub total: u64,
}

/// The content of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// None.
    None,
    /// This many bytes, 1 or more.
    Sized(u64),
    /// Chunked: how many shows in the end.
    Open,
}

/// When an upload is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With the last byte of this request (RUFH).
    Here,
    /// Not with this request, whatever its offset (RUFH).
    Later,
    /// As soon as the offset is the length (tus).
    AtLength,
}

/// Promises about bytes, to be checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// `Upload-Checksum` of this content (tus).
    pub checksum: Option<Checksum>,
    /// `Content-Digest` of this content.
    pub content: Digests,
    /// `Repr-Digest` of the whole.
    pub whole: Digests,
    /// `Want-Repr-Digest`: the digest of the whole that the answer should tell.
    pub want: Option<Algorithm>,
}

/// Concatenation (tus).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concat {
    /// An upload of its own.
    None,
    /// A part for a later whole.
    Partial,
    /// The whole of these uploads, by their addresses as sent, in this order; 1 to
    /// [`CONCAT_PARTS_MAX`].
    Final(Vec<Vec<u8>>),
}

/// Reads a head. `None` when it speaks no dialect of uploads, or (elsewhere) none that makes it
/// one: an ordinary request.
///
/// `length` is that of the content: `Some(0)` without content, `None` when it is chunked.
///
/// # Errors
/// The request speaks a dialect, but wrongly, or two of them.
pub fn read(
    _method: Method,
    _headers: &dyn Headers,
    _length: Option<u64>,
    _place: Place,
) -> Result<Option<Spoken>, Refused> {
    unimplemented!()
}

/// Bytes of a session's name in segments.
pub const SESSION_BYTES_MAX: usize = 128;

/// Parts of one concatenation.
pub const CONCAT_PARTS_MAX: usize = 256;
