//! From facts to answers: status, fields and problem, as the dialect wants them.

use alloc::vec::Vec;

use crate::dialect::Dialect;
use crate::intent::Concat;
use crate::ranges::Ranges;
use crate::refusal::Refusal;

/// A whole answer, but for content other than the problem's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; 104 for interim ones.
    pub status: u16,
    /// Fields, names in lower case.
    pub fields: Vec<(&'static str, Vec<u8>)>,
    /// What to send as content, where the dialect has a form for it.
    pub problem: Option<Problem>,
}

/// A problem (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: ProblemKind,
    /// Where the upload is, where the client thought it was: of [`ProblemKind::Offset`].
    pub offsets: Option<(u64, u64)>,
}

/// The problem types of RUFH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// `mismatching-upload-offset`
    Offset,
    /// `completed-upload`
    Complete,
    /// `inconsistent-upload-length`
    Length,
}

/// What is known of an upload. Start from the default: fields that are of no interest stay unset.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Its address: absolute, or an absolute path.
    pub url: &'a str,
    /// Bytes that are safe.
    pub offset: u64,
    /// Bytes of the whole, where known.
    pub length: Option<u64>,
    /// Whether it is complete.
    pub complete: bool,
    /// When it expires: unix time, seconds.
    pub expires: Option<u64>,
    /// The time of the answer, for the age that is left: unix time, seconds.
    pub now: u64,
    /// What uploads are held to.
    pub limits: Limits,
    /// `Upload-Metadata` as [`crate::Metadata::field`] wrote it; empty without.
    pub metadata: &'a [u8],
    /// Its role in a concatenation.
    pub concat: Option<&'a Concat>,
    /// What is there of segments.
    pub ranges: Option<&'a Ranges>,
    /// The client's name of a segmented upload.
    pub session: &'a [u8],
}

/// Limits that clients are told; bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of the whole.
    pub size_max: Option<u64>,
    /// Of the whole.
    pub size_min: Option<u64>,
    /// Of one request's content.
    pub append_max: Option<u64>,
    /// Of one request's content, but for the last.
    pub append_min: Option<u64>,
}

/// What an interim answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interim {
    /// The upload was made: its address and limits.
    Created,
    /// This much is safe ([`Facts::offset`]).
    Progress,
}

impl Dialect {
    /// An upload was made and is not complete (or is, and nobody else answers: tus).
    #[must_use]
    pub fn created(self, _facts: &Facts<'_>) -> Answer {
        unimplemented!()
    }

    /// Bytes were taken and are safe.
    #[must_use]
    pub fn appended(self, _facts: &Facts<'_>) -> Answer {
        unimplemented!()
    }

    /// How far it is.
    #[must_use]
    pub fn looked(self, _facts: &Facts<'_>) -> Answer {
        unimplemented!()
    }

    /// It is gone, as the client wanted.
    #[must_use]
    pub fn cancelled(self) -> Answer {
        unimplemented!()
    }

    /// What the server can do. Clients of all dialects ask the same way and get the same.
    #[must_use]
    pub fn options(self, _limits: &Limits) -> Answer {
        unimplemented!()
    }

    /// Fields to add to the answer of whoever took the whole: an application, or the file service.
    #[must_use]
    pub fn finished(self, _facts: &Facts<'_>) -> Vec<(&'static str, Vec<u8>)> {
        unimplemented!()
    }

    /// Not done. `facts` are those of the upload, or `Facts::default()` with the limits.
    #[must_use]
    pub fn refused(self, _refusal: Refusal, _facts: &Facts<'_>) -> Answer {
        unimplemented!()
    }

    /// An interim answer (104); `None` where the dialect or the client's version has none.
    #[must_use]
    pub fn interim(self, _interim: Interim, _facts: &Facts<'_>) -> Option<Answer> {
        unimplemented!()
    }
}

impl Problem {
    /// The content of an answer with it, `application/problem+json`.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        unimplemented!()
    }
}
