//! Names of events: `NUMBER-ID-KEY-ATTEMPTS.event`, which sort by number.

use std::fmt;

/// An event that waits for its receiver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) number: u64,
    pub(crate) id: String,
    /// The receiver's.
    pub(crate) key: String,
    pub(crate) attempts: u32,
}

impl Name {
    /// Nobody has tried yet.
    pub(crate) fn first(number: u64, id: &str, key: &str) -> Self {
        Self { number, id: id.to_owned(), key: key.to_owned(), attempts: 0 }
    }

    /// `None` for any other file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix(EVENT)?.split('-');
        let number = words.next().filter(|word| word.len() == NUMBER_DIGITS)?.parse().ok()?;
        let (id, key) = (words.next()?, words.next()?);
        let attempts = words.next()?.parse().ok()?;
        let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_hexdigit());
        (words.next().is_none() && plain(id) && plain(key))
            .then(|| Self { attempts, ..Self::first(number, id, key) })
    }

    /// After one more attempt.
    pub(crate) fn again(&self) -> Self {
        Self { attempts: self.attempts.saturating_add(1), ..self.clone() }
    }

    /// As it is kept when nobody tries any more.
    pub(crate) fn aside(&self) -> String {
        let text = self.to_string();
        format!("{}{FAILED}", text.strip_suffix(EVENT).unwrap_or(&text))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, id, key, attempts } = self;
        write!(f, "{number:020}-{id}-{key}-{attempts}{EVENT}")
    }
}

const EVENT: &str = ".event";
pub(super) const FAILED: &str = ".failed";
const NUMBER_DIGITS: usize = 20;
