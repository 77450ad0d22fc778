//! Why a store did not do as it was asked, by cause. Texts name no path and no id: they may be
//! shown to clients.

/// What went wrong. Unless a variant says otherwise, what was acknowledged is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No room on the disk, or no more room for unfinished uploads. What is durable stays, and the
    /// upload goes on when there is room (507).
    #[error("no space left for the upload")]
    Full,
    /// One owner, or all together, have as many uploads as they may (429 or 503); named by the
    /// limit's name.
    #[error("too many unfinished uploads: {limit}")]
    TooMany {
        /// The field of [`Limits`](crate::Limits) that was reached.
        limit: &'static str,
    },
    /// There is no such upload: never was, removed, or expired (404, 410).
    #[error("there is no such upload")]
    Gone,
    /// An upload of this id exists already. Claim it instead.
    #[error("there is an upload of that name already")]
    Exists,
    /// A newer writer has taken over; nothing of this push or flush was acknowledged (409).
    #[error("another request has taken over this upload")]
    Fenced,
    /// More bytes than were announced; none of this push were taken (413, or tus 413).
    #[error("more bytes than the upload's length")]
    TooLong,
    /// The length said now is not the one said before, or less than is there (400).
    #[error("the length is not the one that was announced")]
    Length,
    /// The bytes begin where the upload does not go on; `durable` is where it does (409).
    #[error("the upload goes on at another offset")]
    Offset {
        /// Where it goes on, bytes.
        durable: u64,
    },
    /// It cannot be completed: bytes are missing, or its length was never said.
    #[error("the upload is not whole")]
    Incomplete,
    /// The whole is not what was promised. It is still there; remove it (tus 460, 400).
    #[error("the content does not match its digest")]
    Digest,
    /// The upload is whole, being delivered or answered; nothing can be written to it any more.
    #[error("the upload is complete already")]
    Complete,
    /// Its delivery is under way elsewhere, or another attempt than the named one is.
    #[error("the upload is being delivered")]
    Underway,
    /// Segments where one stream was announced, or the other way round; or too many holes.
    #[error("segments do not fit this upload")]
    Segments,
    /// A record, answer or name beyond its limit.
    #[error("the description of the upload is too large: {what}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
    /// Try again in so many seconds: the store cannot be reached, or somebody holds a lock (503).
    #[error("the store cannot be reached")]
    Unavailable {
        /// Seconds.
        retry_after_s: u32,
    },
    /// The target has the name already, and must not be replaced.
    #[error("there is a file of that name already")]
    Taken,
    /// The target is on another file system: copy instead of renaming.
    #[error("the two names are on different file systems")]
    OtherFileSystem,
    /// The disk failed. What was acknowledged is what the disk still has of it; the upload may be
    /// claimed again (500).
    #[error("the storage failed")]
    Storage,
}

impl Error {
    /// Sorts a system error.
    pub(crate) fn from_errno(error: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match error {
            Errno::NOENT => Self::Gone,
            Errno::EXIST => Self::Exists,
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::Full,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Unavailable { retry_after_s: 1 },
            Errno::XDEV => Self::OtherFileSystem,
            _ => Self::Storage,
        }
    }
}
