//! The dialects and, for RUFH, the versions of its draft: one table with all that differs.
//!
//! The draft numbers its incompatible versions ("interop versions") and says which draft has which
//! (`draft-ietf-httpbis-resumable-upload`, "Draft Version Identification" and "Changes"). A client
//! is answered in the version it names. How this can fail: a version after the newest here may mean
//! something else; it is then spoken to as the newest and gets no interim answer, which the draft
//! makes the sign that both understand each other.

use crate::intent::End;

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
    /// Drafts -06 to -08: `max-age` instead of `expires`; appends answer in their own right.
    V7,
    /// Drafts -09 to -11: gone uploads, limits in every 413.
    V8,
    /// Drafts since -12: `Upload-Complete` in answers says whose answer it is.
    V9,
    /// No version was named, or one nobody knows: as the newest, but without interim answers.
    Unnamed,
}

impl Dialect {
    /// A word for records and logs: `rufh-3` to `rufh-9`, `rufh`, `tus`, `segments`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rufh(interop) => interop.rules().word,
            Self::Tus => "tus",
            Self::Segments => "segments",
        }
    }

    /// The dialect of a word from [`Self::word`].
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let rufh = VERSIONS.iter().find(|rules| rules.word == word);
        rufh.map(|rules| Self::Rufh(rules.interop)).or(match word {
            "tus" => Some(Self::Tus),
            "segments" => Some(Self::Segments),
            _ => None,
        })
    }
}

impl Interop {
    /// The version of a number in `Upload-Draft-Interop-Version`.
    #[must_use]
    pub fn of_number(number: i64) -> Self {
        let known = VERSIONS.iter().find(|rules| rules.number == Some(number));
        known.map_or(Self::Unnamed, |rules| rules.interop)
    }

    /// The number it is named by; none for [`Self::Unnamed`].
    #[must_use]
    pub const fn number(self) -> Option<i64> {
        self.rules().number
    }

    /// All that differs from the other versions.
    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::V3 => &VERSIONS[0],
            Self::V4 => &VERSIONS[1],
            Self::V5 => &VERSIONS[2],
            Self::V6 => &VERSIONS[3],
            Self::V7 => &VERSIONS[4],
            Self::V8 => &VERSIONS[5],
            Self::V9 => &VERSIONS[6],
            Self::Unnamed => &VERSIONS[7],
        }
    }
}

/// One version of the draft: what a client of it sends and expects.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Which.
    pub(crate) interop: Interop,
    /// Its word in records.
    pub(crate) word: &'static str,
    /// Its number on the wire.
    pub(crate) number: Option<i64>,
    /// The field of completeness, and whether true there means complete.
    pub(crate) completeness: (&'static str, bool),
    /// What an append without that field means; `None`: it is refused.
    pub(crate) silent_end: Option<End>,
    /// Whether `HEAD` and `DELETE` with fields of an append are refused.
    pub(crate) bare_looks: bool,
    /// Whether appends must be `application/partial-upload`.
    pub(crate) typed: bool,
    /// The status of an append that does not complete the upload.
    pub(crate) appended: u16,
    /// Whether interim answers tell of progress.
    pub(crate) progress: bool,
    /// The key of the age in `Upload-Limit`; without one the version has no limits.
    pub(crate) age: Option<&'static str>,
    /// Whether problems have types.
    pub(crate) problems: bool,
    /// The status of an upload that was there.
    pub(crate) gone: u16,
    /// Whether bytes for a complete upload are told as an inconsistent length.
    pub(crate) complete_is_length: bool,
    /// Whether refusals say that they are not the answer of the resource that was first asked, also
    /// when the upload is complete; such versions have no problem type for completeness.
    pub(crate) whose: bool,
}

/// In the order of [`Interop`].
const VERSIONS: [Rules; 8] = [
    Rules {
        interop: Interop::V3,
        word: "rufh-3",
        number: Some(3),
        completeness: ("upload-incomplete", false),
        silent_end: Some(End::Here),
        bare_looks: true,
        typed: false,
        appended: 201,
        progress: false,
        age: None,
        problems: false,
        gone: 404,
        complete_is_length: false,
        whose: false,
    },
    Rules { interop: Interop::V4, word: "rufh-4", number: Some(4), progress: false, ..V5 },
    V5,
    Rules {
        interop: Interop::V6,
        word: "rufh-6",
        number: Some(6),
        typed: true,
        age: Some("expires"),
        problems: true,
        ..V5
    },
    Rules {
        interop: Interop::V7,
        word: "rufh-7",
        number: Some(7),
        gone: 404,
        complete_is_length: false,
        ..V8
    },
    V8,
    V9,
    Rules { interop: Interop::Unnamed, word: "rufh", number: None, progress: false, ..V9 },
];

const V5: Rules = Rules {
    interop: Interop::V5,
    word: "rufh-5",
    number: Some(5),
    completeness: ("upload-complete", true),
    silent_end: Some(End::Later),
    bare_looks: true,
    typed: false,
    appended: 201,
    progress: true,
    age: None,
    problems: false,
    gone: 404,
    complete_is_length: false,
    whose: false,
};

const V8: Rules = Rules {
    interop: Interop::V8,
    word: "rufh-8",
    number: Some(8),
    completeness: ("upload-complete", true),
    silent_end: None,
    bare_looks: false,
    typed: true,
    appended: 204,
    progress: true,
    age: Some("max-age"),
    problems: true,
    gone: 410,
    complete_is_length: true,
    whose: false,
};

const V9: Rules =
    Rules { interop: Interop::V9, word: "rufh-9", number: Some(9), whose: true, ..V8 };

#[cfg(test)]
mod tests;
