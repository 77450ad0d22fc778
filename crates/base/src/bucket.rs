//! How a bucket serves as the place of files, as numbers in the scoreboard: workers write them,
//! `menshen status` reads them. Numbers are never used anew for something else.

/// What a worker may do with its bucket now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum BucketMode {
    /// It has not answered yet what it can do.
    Asking = 1,
    /// It keeps conditions of writes: any number of nodes may share it.
    Conditional = 2,
    /// It keeps none; who owns an upload is settled by lists.
    Listed = 3,
    /// It cannot be reached; asked again and again.
    Away = 4,
    /// It lacks something that is needed, or does not let us in; asked again and again.
    Refused = 5,
}

/// Why a bucket is away or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum BucketWhy {
    /// No connection.
    Connection = 1,
    /// No answer in time.
    Late = 2,
    /// A status that says that the fault is over there.
    Status = 3,
    /// Fewer requests are asked for.
    SlowDown = 4,
    /// The credentials do not suffice.
    Denied = 5,
    /// No such bucket.
    NoBucket = 6,
    /// No multipart uploads.
    NoMultipart = 7,
    /// No metadata.
    NoNotes = 8,
    /// Neither conditions nor lists that show what was just written.
    NoOwnership = 9,
    /// Answers that are none of the protocol's, or a refusal of its own.
    Protocol = 10,
    /// The credentials cannot be read.
    Credentials = 11,
    /// The roots or the place cannot be used.
    Setup = 12,
}

impl BucketMode {
    /// All, in the order of their numbers.
    pub const ALL: &'static [Self] =
        &[Self::Asking, Self::Conditional, Self::Listed, Self::Away, Self::Refused];

    /// From the scoreboard.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| *mode as u64 == number)
    }

    /// One word, as `status --json` has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Conditional => "conditional",
            Self::Listed => "listed",
            Self::Away => "away",
            Self::Refused => "refused",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Asking => "is being asked what it can do",
            Self::Conditional => {
                "keeps conditions of writes: any number of nodes may write at once"
            }
            Self::Listed => {
                "keeps no conditions: uploads that can be resumed are owned by listed claims; of \
                 two writes of one file at once the later one stays, whatever their conditions were"
            }
            Self::Away => "cannot be used now, and is asked again",
            Self::Refused => "cannot be used as it is, and is asked again",
        }
    }
}

impl BucketWhy {
    /// All, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Connection,
        Self::Late,
        Self::Status,
        Self::SlowDown,
        Self::Denied,
        Self::NoBucket,
        Self::NoMultipart,
        Self::NoNotes,
        Self::NoOwnership,
        Self::Protocol,
        Self::Credentials,
        Self::Setup,
    ];

    /// From the scoreboard.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|why| *why as u64 == number)
    }

    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Connection => "its endpoint cannot be reached",
            Self::Late => "it does not answer in time",
            Self::Status => "it answers that it has a fault",
            Self::SlowDown => "it asks for fewer requests",
            Self::Denied => "it denies access, or the clocks differ",
            Self::NoBucket => "there is no such bucket",
            Self::NoMultipart => "it has no multipart uploads",
            Self::NoNotes => "it keeps no metadata with objects",
            Self::NoOwnership => "it neither keeps conditions nor lists what was just written",
            Self::Protocol => "its answers are not those of the S3 protocol",
            Self::Credentials => "there are no credentials for it",
            Self::Setup => "its place or its roots cannot be used",
        }
    }
}

#[cfg(test)]
mod tests {
    //! Numbers that were given stay.
    use super::*;

    #[test]
    fn numbers_are_those_of_the_order() {
        for (mode, number) in BucketMode::ALL.iter().zip(1..) {
            assert_eq!(BucketMode::of(number), Some(*mode));
        }
        for (why, number) in BucketWhy::ALL.iter().zip(1..) {
            assert_eq!(BucketWhy::of(number), Some(*why));
        }
        assert_eq!((BucketMode::of(0), BucketMode::of(6)), (None, None));
        assert_eq!((BucketWhy::of(0), BucketWhy::of(13)), (None, None));
    }
}
