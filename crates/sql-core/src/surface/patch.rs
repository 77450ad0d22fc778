//! Rows of `SHOW STATUS` and `SHOW VARIABLES` on their way to the client: names of ours get our
//! values.
//!
//! Works on rows of the text and of the binary protocol, which differ by two bytes at the start
//! here (a header and one byte of NULL bits). A row it does not understand stays as it is.

use alloc::vec::Vec;

/// How rows change on their way to the client; it remembers which of ours have passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Names in lower case, sorted, and whether the row has been sent.
    values: Vec<(Vec<u8>, Value, bool)>,
    format: Format,
}

/// A patched value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Replaces the second column.
    Is {
        /// The name as it is shown.
        name: Vec<u8>,
        /// The value.
        value: Vec<u8>,
        /// Whether a row that the server does not send is added.
        append: bool,
    },
    /// The server's number and this one more.
    More(u64),
}

/// The protocol of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Of `COM_QUERY`.
    #[default]
    Text,
    /// Of `COM_STMT_EXECUTE`.
    Binary,
}

impl Patch {
    pub(super) fn new(mut values: Vec<(Vec<u8>, Value)>) -> Self {
        values.sort_by(|one, other| one.0.cmp(&other.0));
        let values = values.into_iter().map(|(name, value)| (name, value, false)).collect();
        Self { values, format: Format::Text }
    }

    /// The same for rows of this protocol.
    #[must_use]
    pub fn of(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// What the client gets in place of this row's payload: the row itself, changed; `None` when
    /// it stays as it is.
    pub fn row(&mut self, row: &[u8]) -> Option<Vec<u8>> {
        let body = match self.format {
            Format::Text => row,
            Format::Binary => row.strip_prefix(&[0, 0])?,
        };
        let (name, rest) = text(body)?;
        let (value, rest) = text(rest)?;
        if !rest.is_empty() {
            return None;
        }
        let lower = name.to_ascii_lowercase();
        let at = self.values.binary_search_by(|(own, ..)| own.as_slice().cmp(&lower)).ok()?;
        let (_, own, sent) = self.values.get_mut(at)?;
        *sent = true;
        let value = match own {
            Value::Is { value, .. } => value.clone(),
            Value::More(more) => {
                let number = core::str::from_utf8(value).ok()?.parse::<u64>().ok()?;
                alloc::format!("{}", number.saturating_add(*more)).into_bytes()
            }
        };
        Some(self.made(name, &value))
    }

    /// Rows that the server has not sent, to be written after its last one.
    pub fn end(&mut self) -> Vec<Vec<u8>> {
        let missing = self.values.iter().filter_map(|(_, value, sent)| match value {
            Value::Is { name, value, append: true } if !sent => Some(self.made(name, value)),
            _ => None,
        });
        missing.collect()
    }

    fn made(&self, name: &[u8], value: &[u8]) -> Vec<u8> {
        let mut row = match self.format {
            Format::Text => Vec::with_capacity(name.len() + value.len() + 6),
            Format::Binary => [0, 0].to_vec(),
        };
        for text in [name, value] {
            // Names and values of ours, and of the server's numbers, are far below 251 bytes, but
            // a row must never become wrong.
            match u8::try_from(text.len()) {
                Ok(length) if length < 251 => row.push(length),
                _ => {
                    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
                    row.push(0xfc);
                    row.extend_from_slice(&length.to_le_bytes());
                }
            }
            row.extend_from_slice(text.get(..usize::from(u16::MAX)).unwrap_or(text));
        }
        row
    }
}

/// A length-encoded text and what follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = match *first {
        length @ 0..=250 => (usize::from(length), rest),
        0xfc => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
