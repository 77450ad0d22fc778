//! From the dialects' answers to the door's, and from what the store says to refusals.

use menshen_store::{Error, Record};
use menshen_upload_core::{Answer, Concat, Content, Dialect, Facts, Limits, Refusal};
use menshen_web_core::fields::Wanted;

use super::PLACE;
use super::said::Said;
use crate::fault::Fault;
use crate::reply::{Body, Reply};

/// What dialects are told of an upload, owned.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    url: String,
    pub(super) offset: u64,
    length: Option<u64>,
    pub(super) complete: bool,
    expires: Option<u64>,
    field: String,
    concat: Option<Concat>,
    limits: Limits,
}

impl Known {
    /// Of an upload as it is kept.
    pub(super) fn of(record: &Record, limits: Limits) -> Self {
        let said = Said::of(record);
        let concat = said.concat();
        Self {
            url: format!("{PLACE}{}", record.id),
            offset: record.offset,
            length: record.length,
            complete: record.is_complete(),
            expires: Some(record.expires),
            field: said.field,
            concat: (concat != Concat::None).then_some(concat),
            limits,
        }
    }

    /// With scheme and host before its address.
    pub(super) fn based(mut self, base: &str) -> Self {
        self.url.insert_str(0, base);
        self
    }

    /// Of none.
    pub(super) fn nothing(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// For the dialect.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            url: &self.url,
            offset: self.offset,
            length: self.length,
            complete: self.complete,
            expires: self.expires,
            now: menshen_net::clock::unix_s(),
            limits: self.limits,
            metadata: self.field.as_bytes(),
            concat: self.concat.as_ref(),
            ..Facts::default()
        }
    }
}

/// An answer as the door sends it.
pub(super) fn sent(answer: Answer) -> Reply {
    let content = answer.content();
    let mut reply = Reply::new(answer.status);
    for (name, value) in answer.fields {
        reply = reply.with(name, value);
    }
    match content {
        Some((kind, bytes)) => reply.body(kind, Body::Owned(bytes)),
        None => reply,
    }
}

/// A refusal as the door sends it: where the dialect has no content for it, in words.
pub(super) fn refused(dialect: Dialect, refusal: Refusal, known: &Known, wanted: Wanted) -> Reply {
    let mut reply = sent(dialect.refused(refusal, &known.facts()));
    if !reply.fields.iter().any(|(name, _)| *name == "cache-control") {
        reply = reply.text("cache-control", "no-store");
    }
    if reply.status == 507 && !reply.fields.iter().any(|(name, _)| *name == "retry-after") {
        reply = reply.text("retry-after", FULL_RETRY_S);
    }
    if matches!(reply.body, Body::Empty) && reply.status != 204 {
        let (text, hint) = words(refusal);
        let told = Reply::trouble(reply.status, text, hint, wanted);
        reply.body = told.body;
        let typed = told.fields.into_iter().filter(|(name, _)| *name == "content-type");
        reply.fields.extend(typed);
    }
    reply
}

/// What a store's error is to a client.
pub(super) const fn of_store(error: &Error) -> Refusal {
    match error {
        Error::Full => Refusal::Full,
        Error::TooMany { .. } => Refusal::Unavailable { retry_after_s: TOO_MANY_S },
        Error::Gone => Refusal::Unknown,
        Error::Fenced => Refusal::Fenced,
        Error::TooLong => Refusal::Beyond,
        Error::Length | Error::Incomplete => Refusal::Length,
        Error::Offset { .. } => Refusal::Failed,
        Error::Digest => Refusal::Digest,
        Error::Complete => Refusal::Complete(Content::Open),
        Error::Segments | Error::Exists => Refusal::Overlap,
        Error::TooLarge { what } => Refusal::Malformed(what),
        Error::Underway => Refusal::Unavailable { retry_after_s: 1 },
        Error::Unavailable { retry_after_s } => {
            Refusal::Unavailable { retry_after_s: *retry_after_s }
        }
        _ => Refusal::Failed,
    }
}

/// The fault that counters and the log know a refusal by.
pub(super) const fn fault_of(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Full => Fault::Full,
        Refusal::TooLarge | Refusal::AppendTooLarge => Fault::TooLarge,
        Refusal::Fenced => Fault::Fenced,
        Refusal::Checksum | Refusal::Digest => Fault::Digest,
        Refusal::Unknown | Refusal::Gone => Fault::NotFound,
        Refusal::Forbidden => Fault::Forbidden,
        Refusal::Unavailable { retry_after_s } => Fault::Unavailable { retry_after_s },
        Refusal::Failed => Fault::Storage,
        _ => Fault::BadRequest("the bytes do not fit the upload"),
    }
}

const fn words(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::Mixed => ("the request speaks two upload protocols at once", ""),
        Refusal::Malformed(_) => ("a field of the upload is malformed", ""),
        Refusal::Missing(_) => ("a field of the upload is missing", ""),
        Refusal::TusVersion => ("tus is spoken in version 1.0.0 here", ""),
        Refusal::MediaType => ("the content has not the media type of appended bytes", ""),
        Refusal::Method(_) => ("the method is not allowed here", ""),
        Refusal::ChecksumKind => ("the checksum's algorithm is not offered", ""),
        Refusal::Length => ("the length of the upload is not the one that was announced", ""),
        Refusal::TooLarge => ("the upload is larger than this server takes", ""),
        Refusal::TooSmall => ("the upload is smaller than this server takes", ""),
        Refusal::AppendTooLarge => {
            ("one request may not bring so much", "Send it in pieces; OPTIONS tells the limit.")
        }
        Refusal::AppendTooSmall => ("one request must bring more", ""),
        Refusal::Offset { .. } => {
            ("the upload goes on at another offset", "Ask with HEAD where it goes on.")
        }
        Refusal::Complete(_) => ("the upload is complete already", ""),
        Refusal::Beyond => ("more bytes than the upload's length", ""),
        Refusal::Overlap => ("some of these bytes are there already", ""),
        Refusal::Scattered => ("too many holes between segments", "Fill the holes first."),
        Refusal::Checksum | Refusal::Digest => {
            ("the content does not match its digest", "The bytes changed on the way.")
        }
        Refusal::Unknown => ("no such upload", ""),
        Refusal::Gone => ("the upload is gone", "Begin it anew."),
        Refusal::FinalConcat => ("a concatenation takes no bytes", ""),
        Refusal::ConcatPart => ("a part of the concatenation is missing or not complete", ""),
        Refusal::Fenced => ("another request has taken over this upload", ""),
        Refusal::Forbidden => ("not allowed", ""),
        Refusal::Unsupported => ("uploads of this kind are not taken here", ""),
        Refusal::Full => (
            "no space left for the upload",
            "What has come is kept; the upload goes on when there is room.",
        ),
        Refusal::Unavailable { .. } => ("the upload cannot go on just now", "Try again soon."),
        Refusal::Failed => ("the storage failed", "What was acknowledged is kept; try again."),
    }
}

/// Room comes back when other uploads end.
const FULL_RETRY_S: &str = "60";
const TOO_MANY_S: u32 = 60;
