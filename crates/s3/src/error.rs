//! What can go wrong, by cause. Texts hold no URL, no key of an object and no credential; a code
//! that a server named is shown only if it is a plain word.

use std::fmt;

/// A call that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the object store {cause} ({operation})")]
pub struct Error {
    /// Why.
    pub cause: Cause,
    /// The operation, in the protocol's word.
    pub operation: &'static str,
    /// An attempt before this answer had none: it may have worked all the same. A precondition
    /// that fails now may have been broken by that attempt, an upload that is gone been completed.
    pub unsure: bool,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// There is no such thing.
    NotFound(Missing),
    /// `If-Match` or `If-None-Match` does not hold.
    Precondition,
    /// The range begins after the object's end.
    Range,
    /// The credentials do not suffice, or the clocks differ too much; with the server's code.
    Denied(Code),
    /// Too much is asked; with the seconds the server names, or 0.
    SlowDown(u64),
    /// Nobody answers, or a fault on the other side; trying again later helps.
    Unavailable(Why),
    /// The server does not know the operation.
    Unsupported,
    /// The server refuses the request itself; with status and code.
    Refused(u16, Code),
    /// The answer is none of this protocol.
    Protocol(&'static str),
    /// The body could not be read, or has not the length that was announced.
    Content,
    /// The caller's key, range or list cannot be asked for.
    Input(&'static str),
}

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The object.
    Object,
    /// The bucket.
    Bucket,
    /// The multipart upload: never made, completed or aborted.
    Upload,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No connection, or it broke.
    Connection,
    /// No answer, or no progress, within the deadline.
    Late,
    /// The answer is a fault of the server's; its status.
    Status(u16),
    /// Two writes at once; one has to be repeated.
    Conflict,
    /// The digest of what arrived is another one.
    Damaged,
}

/// A code of the protocol, such as `AccessDenied`: at most 64 letters, digits, `.`, `-`, `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The code, or the empty text where the server's was no plain word.
    #[must_use]
    pub fn new(foreign: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let fits = foreign.len() <= 64 && foreign.bytes().all(plain);
        Self(if fits { foreign.to_owned() } else { String::new() })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Error {
    pub(crate) fn new(operation: &'static str, cause: Cause) -> Self {
        Self { cause, operation, unsure: false }
    }

    /// Whether the same call may work later, with no change by anybody here.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.cause, Cause::SlowDown(_) | Cause::Unavailable(_))
    }

    /// Whether a condition failed.
    #[must_use]
    pub fn is_precondition(&self) -> bool {
        self.cause == Cause::Precondition
    }

    /// Whether the thing asked for is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.cause, Cause::NotFound(_))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(Missing::Object) => f.write_str("has no such object"),
            Self::NotFound(Missing::Bucket) => f.write_str("has no such bucket"),
            Self::NotFound(Missing::Upload) => f.write_str("has no such multipart upload"),
            Self::Precondition => f.write_str("says that the condition does not hold"),
            Self::Range => f.write_str("has no bytes in that range"),
            Self::Denied(code) => write!(f, "denies access{}", Shown(code)),
            Self::SlowDown(_) => f.write_str("asks for fewer requests"),
            Self::Unavailable(Why::Connection) => f.write_str("cannot be reached"),
            Self::Unavailable(Why::Late) => f.write_str("does not answer in time"),
            Self::Unavailable(Why::Status(status)) => write!(f, "has a fault, status {status}"),
            Self::Unavailable(Why::Conflict) => f.write_str("saw two writes at once"),
            Self::Unavailable(Why::Damaged) => f.write_str("received other bytes than were sent"),
            Self::Unsupported => f.write_str("does not know the operation"),
            Self::Refused(status, code) => write!(f, "refuses, status {status}{}", Shown(code)),
            Self::Protocol(what) => write!(f, "answers against the protocol: {what}"),
            Self::Content => f.write_str("was not sent the whole body: its source broke off"),
            Self::Input(what) => write!(f, "was not asked: {what}"),
        }
    }
}

struct Shown<'a>(&'a Code);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.0.is_empty() { Ok(()) } else { write!(f, ", {}", self.0.0) }
    }
}
