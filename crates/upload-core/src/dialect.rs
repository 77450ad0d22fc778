//! The dialects and, for RUFH, the versions of its draft: one table with all that differs.

/// The dialect a request speaks, and so the one it is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Resumable uploads for HTTP (`draft-ietf-httpbis-resumable-upload`).
    Rufh(Interop),
    /// tus 1.0.0.
    Tus,
    /// The segments of nginx-upload-module (2010).
    Segments,
}

/// The interop version of the draft that a client of RUFH names.
///
/// Ordered by age, the newest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interop {
    /// Draft -01: `Upload-Incomplete`.
    V3,
    /// Draft -02: `Upload-Complete`.
    V4,
    /// Draft -03: progress in interim answers.
    V5,
    /// Drafts -04 and -05: `application/partial-upload`, `Upload-Limit`, problem types.
    V6,
    /// Drafts -06 to -08: `max-age` instead of `expires`.
    V7,
    /// Drafts since -09.
    V8,
    /// No version was named, or one nobody knows: as the newest, but without interim answers.
    Unnamed,
}

impl Dialect {
    /// A word for records and logs: `rufh-3` to `rufh-8`, `rufh`, `tus`, `segments`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rufh(Interop::V3) => "rufh-3",
            Self::Rufh(Interop::V4) => "rufh-4",
            Self::Rufh(Interop::V5) => "rufh-5",
            Self::Rufh(Interop::V6) => "rufh-6",
            Self::Rufh(Interop::V7) => "rufh-7",
            Self::Rufh(Interop::V8) => "rufh-8",
            Self::Rufh(Interop::Unnamed) => "rufh",
            Self::Tus => "tus",
            Self::Segments => "segments",
        }
    }

    /// The dialect of a word from [`Self::word`].
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        ALL.into_iter().find(|dialect| dialect.word() == word)
    }
}

const ALL: [Dialect; 9] = [
    Dialect::Rufh(Interop::V3),
    Dialect::Rufh(Interop::V4),
    Dialect::Rufh(Interop::V5),
    Dialect::Rufh(Interop::V6),
    Dialect::Rufh(Interop::V7),
    Dialect::Rufh(Interop::V8),
    Dialect::Rufh(Interop::Unnamed),
    Dialect::Tus,
    Dialect::Segments,
];
