//! From facts to answers: status, fields and problem, as the dialect wants them.
//!
//! This module must never acknowledge more than [`Facts::offset`], and must never tell anything of
//! an upload that is refused as unknown. Every field it writes is made of numbers, of text checked
//! when it was read, or of the address the caller made.

use alloc::vec::Vec;

use menshen_web_core::response::http_date;

use crate::checksum::ChecksumKind;
use crate::dialect::Dialect;
use crate::fields::{decimal, push_number};
use crate::intent::{Concat, Place};
use crate::limits::Limits;
use crate::refusal::Refusal;

mod refused;
mod rufh;
mod tus;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; 104 for interim ones.
    pub status: u16,
    /// Fields, names in lower case.
    pub fields: Vec<(&'static str, Vec<u8>)>,
    /// What to send as content, where the dialect has a form for it.
    pub problem: Option<Problem>,
    /// Plain text to send as content, for segments: the ranges once more.
    pub text: Vec<u8>,
}

/// A problem (RFC 9457).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: ProblemKind,
    /// Where the upload is, where the client thought it was: of [`ProblemKind::Offset`].
    pub offsets: Option<(u64, u64)>,
}

/// The problem types of RUFH (§7).
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
    /// Its address: absolute, or an absolute path. Empty: there is no upload (any more) that the
    /// client may know of.
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
    /// What is there of segments: `start` and `end` of each run of bytes, in order, none empty.
    /// Their number is the caller's to bound: each takes some 60 bytes of the answer at most.
    pub spans: Option<&'a [(u64, u64)]>,
}

/// What an interim answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interim {
    /// The upload was made: its address and limits.
    Created,
    /// This much is safe ([`Facts::offset`]).
    Progress,
}

/// What uploads may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Each of one stream of bytes.
    Streams,
    /// Also the sum of others.
    Sums,
}

impl Dialect {
    /// An upload was made. It may be complete already, when nobody else answers the request.
    #[must_use]
    pub fn created(self, facts: &Facts<'_>) -> Answer {
        match self {
            Self::Rufh(interop) => rufh::created(interop.rules(), facts),
            Self::Tus => tus::created(facts),
            Self::Segments => segment(facts),
        }
    }

    /// Bytes were taken and are safe.
    #[must_use]
    pub fn appended(self, facts: &Facts<'_>) -> Answer {
        match self {
            Self::Rufh(interop) => rufh::appended(interop.rules(), facts),
            Self::Tus => tus::appended(facts),
            Self::Segments => segment(facts),
        }
    }

    /// How far it is.
    #[must_use]
    pub fn looked(self, facts: &Facts<'_>) -> Answer {
        match self {
            Self::Rufh(interop) => rufh::looked(interop.rules(), facts),
            Self::Tus => tus::looked(facts),
            Self::Segments => segment(facts),
        }
    }

    /// It is gone, as the client wanted.
    #[must_use]
    pub fn cancelled(self) -> Answer {
        let mut answer = Answer::new(204);
        self.sign(&mut answer.fields);
        answer
    }

    /// What the server can do. Clients of all dialects ask the same way and get the same: what tus
    /// says under "OPTIONS", and `Accept-Patch` and `Upload-Limit` of RUFH (§4.1.4).
    #[must_use]
    pub fn options(self, place: Place, limits: &Limits, offer: Offer) -> Answer {
        let mut answer = Answer::new(204);
        answer.push("allow", allowed(place));
        answer.push("accept-patch", ACCEPT_PATCH);
        answer.push("upload-limit", &limits.field(None));
        answer.push("tus-resumable", tus::VERSION);
        answer.push("tus-version", tus::VERSION);
        answer.push("tus-extension", tus::EXTENSIONS);
        if offer == Offer::Sums
            && let Some((_, extensions)) = answer.fields.last_mut()
        {
            extensions.extend_from_slice(tus::SUMS);
        }
        if let Some(most) = limits.size_max {
            answer.fields.push(("tus-max-size", decimal(most)));
        }
        let mut words = Vec::new();
        for kind in ChecksumKind::ALL {
            if !words.is_empty() {
                words.push(b',');
            }
            words.extend_from_slice(kind.word().as_bytes());
        }
        answer.fields.push(("tus-checksum-algorithm", words));
        answer
    }

    /// Fields to add to the answer of whoever took the whole: an application, or the file service.
    #[must_use]
    pub fn finished(self, facts: &Facts<'_>) -> Vec<(&'static str, Vec<u8>)> {
        let mut fields = Vec::new();
        self.sign(&mut fields);
        match self {
            Self::Rufh(interop) => rufh::state(interop.rules(), facts, &mut fields),
            Self::Tus => fields.push(("upload-offset", decimal(facts.offset))),
            Self::Segments => {}
        }
        fields
    }

    /// Not done. `facts` are those of the upload, or without an address those of the door.
    #[must_use]
    pub fn refused(self, refusal: Refusal, facts: &Facts<'_>) -> Answer {
        refused::answer(self, refusal, facts)
    }

    /// An interim answer (104); `None` where the dialect or the client's version has none.
    #[must_use]
    pub fn interim(self, interim: Interim, facts: &Facts<'_>) -> Option<Answer> {
        match self {
            Self::Rufh(interop) => rufh::interim(interop.rules(), interim, facts),
            Self::Tus | Self::Segments => None,
        }
    }

    /// What every answer of the dialect has.
    fn sign(self, fields: &mut Vec<(&'static str, Vec<u8>)>) {
        if self == Self::Tus {
            fields.push(("tus-resumable", tus::VERSION.to_vec()));
        }
    }
}

impl Answer {
    fn new(status: u16) -> Self {
        Self { status, fields: Vec::new(), problem: None, text: Vec::new() }
    }

    fn push(&mut self, name: &'static str, value: &[u8]) {
        self.fields.push((name, value.to_vec()));
    }

    /// The content and its media type; `None` without any.
    #[must_use]
    pub fn content(&self) -> Option<(&'static str, Vec<u8>)> {
        match &self.problem {
            Some(problem) => Some(("application/problem+json", problem.json())),
            None if self.text.is_empty() => None,
            None => Some(("text/plain", self.text.clone())),
        }
    }
}

impl Problem {
    /// The content of an answer with it, `application/problem+json` (RFC 9457 §3).
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let (name, title) = match self.kind {
            ProblemKind::Offset => ("mismatching-upload-offset", "the upload is at another offset"),
            ProblemKind::Complete => ("completed-upload", "the upload is complete already"),
            ProblemKind::Length => ("inconsistent-upload-length", "the lengths do not agree"),
        };
        let mut out = Vec::new();
        out.extend_from_slice(b"{\"type\":\"https://iana.org/assignments/http-problem-types#");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"title\":\"");
        out.extend_from_slice(title.as_bytes());
        out.push(b'"');
        if let Some((expected, provided)) = self.offsets {
            out.extend_from_slice(b",\"expected-offset\":");
            push_number(expected, &mut out);
            out.extend_from_slice(b",\"provided-offset\":");
            push_number(provided, &mut out);
        }
        out.extend_from_slice(b"}\n");
        out
    }
}

/// A segment is safe: 201 with all ranges until the whole is there (upload-protocol.md §2.4).
fn segment(facts: &Facts<'_>) -> Answer {
    let mut answer = Answer::new(if facts.complete { 200 } else { 201 });
    if let (Some(spans), false) = (facts.spans, facts.complete) {
        let field = ranges(spans, facts.length.unwrap_or_default());
        answer.text.clone_from(&field);
        answer.text.push(b'\n');
        answer.fields.push(("range", field));
    }
    answer
}

/// The value of `Range` in answers to segments: `0-99/1000,200-299/1000`.
fn ranges(spans: &[(u64, u64)], total: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for &(start, end) in spans {
        if !out.is_empty() {
            out.push(b',');
        }
        push_number(start, &mut out);
        out.push(b'-');
        push_number(end.saturating_sub(1), &mut out);
        out.push(b'/');
        push_number(total, &mut out);
    }
    out
}

/// `Upload-Expires`: an upload that is not complete will go (tus "Expiration"; RFC 9110 §5.6.7).
fn expires(facts: &Facts<'_>) -> Option<Vec<u8>> {
    let at = i64::try_from(facts.expires.filter(|_| !facts.complete)?).ok()?;
    Some(http_date(at).to_vec())
}

/// The methods that mean something.
const fn allowed(place: Place) -> &'static [u8] {
    match place {
        Place::Creation => b"GET, POST, OPTIONS",
        Place::Upload => b"HEAD, PATCH, DELETE, OPTIONS",
        Place::Elsewhere => b"GET, HEAD, POST, PUT, PATCH",
    }
}

/// What `PATCH` takes (RFC 5789 §3.1).
const ACCEPT_PATCH: &[u8] = b"application/partial-upload, application/offset+octet-stream";

#[cfg(test)]
mod tests;
