//! From a request's head to what the client wants, whatever its dialect.
//!
//! Which dialect it is must never be a guess that another reader could make otherwise: each has
//! fields that only it has, and a request with those of two is refused. What looks like none is an
//! ordinary request. How this can fail: an application of its own that speaks RUFH or takes
//! segments behind the door; the door must then not be told to offer uploads there.

use alloc::vec::Vec;

use menshen_web_core::fields::{Algorithm, Digests};
use menshen_web_core::head::{Headers, Method};

use crate::checksum::Checksum;
use crate::dialect::{Dialect, Interop};
use crate::fields;
use crate::metadata::Metadata;
use crate::refusal::{Refusal, Refused};

mod rufh;
mod segments;
mod tus;

pub(crate) use tus::VERSION as TUS_VERSION;

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
    /// The name of the file: of `Content-Disposition` (RUFH), else of the metadata. Without a path,
    /// control characters, `.` and `..`; whether it may exist in a folder is for the path rules.
    pub file_name: Option<Vec<u8>>,
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
    /// Where the content belongs. Its length is the content's, which the reader of a chunked body
    /// has to check.
    pub span: Span,
    /// Bytes of the whole.
    pub total: u64,
    /// The name of the file, as in [`Create::file_name`].
    pub file_name: Option<Vec<u8>>,
    /// What is promised of the bytes.
    pub checks: Checks,
}

/// Bytes `start..end` of a whole; never empty in what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u64,
    /// One behind the last byte.
    pub end: u64,
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

impl Span {
    /// How many bytes it has; none when it ends before it starts.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Reads a head. `None` when it speaks no dialect of uploads, or (elsewhere) none that makes it
/// one: an ordinary request.
///
/// `length` is that of the content: `Some(0)` without content, `None` when it is chunked. Where
/// segments are not offered, [`Intent::Segment`] and what is refused in [`Dialect::Segments`] are
/// ordinary requests, too.
///
/// # Errors
/// The request speaks a dialect, but wrongly, or two of them.
pub fn read(
    method: Method,
    headers: &dyn Headers,
    length: Option<u64>,
    place: Place,
) -> Result<Option<Spoken>, Refused> {
    let ask = Ask { method, headers, length, place };
    let dialect = match ask.dialect() {
        Ok(Some(dialect)) => dialect,
        Ok(None) => return Ok(None),
        Err(dialect) => return Err(Refused { dialect, refusal: Refusal::Mixed }),
    };
    let intent = match dialect {
        Dialect::Rufh(interop) => rufh::read(&ask, interop),
        Dialect::Tus => tus::read(&ask),
        Dialect::Segments => segments::read(&ask),
    };
    match intent {
        Ok(intent) => Ok(intent.map(|intent| Spoken { dialect, intent })),
        Err(refusal) => Err(Refused { dialect, refusal }),
    }
}

/// What a head says, before it is understood.
struct Ask<'h> {
    method: Method,
    headers: &'h dyn Headers,
    length: Option<u64>,
    place: Place,
}

impl<'h> Ask<'h> {
    /// The dialect by the fields only it has. An error is the one to refuse the mixture in.
    fn dialect(&self) -> Result<Option<Dialect>, Dialect> {
        let tus = self.has("tus-resumable");
        let rufh = RUFH_FIELDS.iter().any(|name| self.has(name));
        let session = self.has("x-session-id") || self.has("session-id");
        let range = self.has("x-content-range") || self.has("content-range");
        let prefixed = self.has("x-session-id") || self.has("x-content-range");
        let segments = session && range || prefixed && self.place == Place::Creation;
        let rufh = rufh.then(|| Dialect::Rufh(self.interop()));
        match (rufh, tus, segments) {
            (None, false, false) => Ok(self.unspoken()),
            (Some(rufh), false, false) => Ok(Some(rufh)),
            // An application elsewhere may have its own tus server.
            (None, true, false) => Ok((self.place != Place::Elsewhere).then_some(Dialect::Tus)),
            (None, false, true) => Ok(Some(Dialect::Segments)),
            (Some(rufh), ..) => Err(rufh),
            (None, true, true) => Err(Dialect::Tus),
        }
    }

    /// The dialect of a request that does not say it, where only uploads are.
    fn unspoken(&self) -> Option<Dialect> {
        let tus_type = || matches!(self.is_type(tus::MEDIA_TYPE), Ok(true));
        let rufh = Some(Dialect::Rufh(Interop::Unnamed));
        match (self.place, self.method) {
            (Place::Elsewhere, _) | (Place::Upload, Method::Get) => None,
            (Place::Creation | Place::Upload, Method::Options) => rufh,
            // Forgot its version: the answer tells which there are.
            (Place::Creation, Method::Post) => {
                (tus_type() || self.has("upload-length")).then_some(Dialect::Tus)
            }
            (Place::Creation, _) => None,
            (Place::Upload, Method::Patch) if tus_type() => Some(Dialect::Tus),
            (Place::Upload, _) => rufh,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.get(name).is_some()
    }

    fn interop(&self) -> Interop {
        let number = fields::integer(self.headers, "upload-draft-interop-version");
        let number = number.and_then(|number| i64::try_from(number).ok());
        number.map_or(Interop::Unnamed, Interop::of_number)
    }

    fn is_type(&self, wanted: &str) -> Result<bool, Refusal> {
        fields::is_type(self.headers, wanted)
    }

    const fn content(&self) -> Content {
        match self.length {
            Some(0) => Content::None,
            Some(bytes) => Content::Sized(bytes),
            None => Content::Open,
        }
    }

    /// The method, or what `X-HTTP-Method-Override` makes of it (tus 1.0.0, "Headers"). Only a
    /// `POST` to an upload can become another one, which no browser sends without asking first.
    fn method(&self) -> Result<Method, Refusal> {
        let Some(other) = fields::single(self.headers, "x-http-method-override")? else {
            return Ok(self.method);
        };
        let other = Method::of(other);
        let possible = matches!(other, Method::Patch | Method::Delete | Method::Head);
        if other == self.method || possible && self.method == Method::Post {
            Ok(other)
        } else {
            Err(Refusal::Method(self.place))
        }
    }

    /// `Upload-Metadata`, of which tus asks that it is right or refused.
    fn metadata(&self) -> Result<Metadata, Refusal> {
        let Some(text) = fields::single(self.headers, "upload-metadata")? else {
            return Ok(Metadata::default());
        };
        Metadata::parse(text).ok_or(Refusal::Malformed("upload-metadata"))
    }

    /// The name in `Content-Disposition`. A malformed field is refused only where there are uploads
    /// alone; elsewhere others read it.
    fn file_name(&self) -> Result<Option<Vec<u8>>, Refusal> {
        let name = "content-disposition";
        let Ok(Some(value)) = fields::single(self.headers, name) else { return Ok(None) };
        match menshen_web_core::multipart::disposition_file_name(value) {
            Ok(found) => Ok(found.filter(|found| !found.is_empty())),
            Err(_) if self.place == Place::Elsewhere => Ok(None),
            Err(_) => Err(Refusal::Malformed(name)),
        }
    }
}

/// Fields that only RUFH has.
const RUFH_FIELDS: [&str; 3] =
    ["upload-draft-interop-version", "upload-complete", "upload-incomplete"];

/// Bytes of a session's name in segments.
pub const SESSION_BYTES_MAX: usize = 128;

/// Parts of one concatenation.
pub const CONCAT_PARTS_MAX: usize = 256;

/// Bytes of the address of one part.
pub const PART_URL_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
