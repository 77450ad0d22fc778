//! Why a request is not done, in words of all dialects; [`crate::answer`] turns them into statuses.

use crate::dialect::Dialect;
use crate::intent::{Content, Place};

/// A request that is refused, and the dialect to say so in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// How to answer.
    pub dialect: Dialect,
    /// What to answer.
    pub refusal: Refusal,
}

/// Why not. The first block comes from reading a head, the second from those who keep the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Fields of two dialects in one request: nobody can tell what it means.
    Mixed,
    /// The field is malformed, repeated or too long.
    Malformed(&'static str),
    /// The field is missing.
    Missing(&'static str),
    /// `Tus-Resumable` is missing or names another version.
    TusVersion,
    /// The content's media type is not the one of appended bytes.
    MediaType,
    /// The method means nothing at this place.
    Method(Place),
    /// `Upload-Checksum` names an algorithm that is not offered.
    ChecksumKind,
    /// Two statements of the length differ.
    Length,
    /// Bytes beyond the length. RUFH §4.4.2: such an upload is invalid and takes no more.
    Beyond,
    /// More than an upload may have.
    TooLarge,
    /// Less than an upload must have, or no length where one is needed to tell.
    TooSmall,
    /// More than one request may bring.
    AppendTooLarge,
    /// Less than one request must bring.
    AppendTooSmall,

    /// The append does not start where the upload ends (see [`crate::Facts::offset`]).
    Offset {
        /// Where the client wanted to append.
        provided: u64,
    },
    /// The upload is complete already, and this is no repetition of its last request.
    Complete(Content),
    /// Bytes of the segment are on their way in another request.
    Overlap,
    /// More segments with holes between them than are remembered.
    Scattered,
    /// The content does not hash to what was promised; nothing of it is kept.
    Checksum,
    /// The whole does not hash to what was promised.
    Digest,
    /// No such upload, or somebody else's.
    Unknown,
    /// It was there, but is expired, cancelled or invalid.
    Gone,
    /// A final concatenation takes no bytes.
    FinalConcat,
    /// A part of a concatenation is missing, no part, or not complete.
    ConcatPart,
    /// A newer request took the upload over.
    Fenced,
    /// The store has no such uploads: segments in any order, or sums of uploads.
    Unsupported,
    /// Not allowed to this client.
    Forbidden,
    /// No space is left.
    Full,
    /// The store does not answer; nothing is lost.
    Unavailable {
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// Something of ours failed; nothing that was acknowledged is lost.
    Failed,
}
