//! The file of keys that sign links: its text, read and written.
//!
//! One line for each key: eight hexadecimal digits, Unix seconds, 32 random bytes in base64url;
//! lines that are empty or begin with `#` say nothing. The newest key signs, all verify. Who may
//! read the file is for those to see to who open it; `Debug` shows no key.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::{KeyId, text};

/// One line of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyLine {
    /// Its name in links.
    pub id: KeyId,
    /// When it was made, Unix seconds.
    pub created_unix: u64,
    /// The key.
    pub secret: [u8; 32],
}

/// Why a text is no file of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysError {
    /// The line, from 1; 0 when it is the text as a whole.
    pub line: usize,
    /// One sentence without period, lower case.
    pub reason: &'static str,
}

/// The keys in `text`, the oldest first; at least one.
///
/// # Errors
/// A line that is none of a key, a name that stands twice, more than [`KEYS_MAX`], or no key.
pub fn read(text: &str) -> Result<Vec<KeyLine>, KeysError> {
    let mut keys: Vec<KeyLine> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let broken = |reason| KeysError { line: number, reason };
        let key = parse(line).ok_or_else(|| broken("it is not a name, a time and a key"))?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(broken("another key has the same name"));
        }
        if keys.len() >= KEYS_MAX {
            return Err(broken("it is one key too many"));
        }
        keys.push(key);
    }
    // In a stable order, so that of two of one second the later line is the newer.
    keys.sort_by_key(|key| key.created_unix);
    if keys.is_empty() {
        return Err(KeysError { line: 0, reason: "it holds no key" });
    }
    Ok(keys)
}

/// The text of a file with these keys.
pub fn write<'a>(keys: impl IntoIterator<Item = &'a KeyLine>) -> String {
    let mut out = String::from(HEAD);
    for key in keys {
        // A string takes everything.
        let _ = writeln!(out, "{} {} {}", key.id, key.created_unix, text::encode(&key.secret));
    }
    out
}

fn parse(line: &str) -> Option<KeyLine> {
    let mut words = line.split_ascii_whitespace();
    let (id, created, secret) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || id.len() != 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let id = KeyId(u32::from_str_radix(id, 16).ok()?.to_be_bytes());
    let secret = text::decode(secret.as_bytes())?.try_into().ok()?;
    Some(KeyLine { id, created_unix: created.parse().ok()?, secret })
}

impl fmt::Debug for KeyLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLine({})", self.id)
    }
}

const HEAD: &str = "# Keys of signed links: name, time (Unix seconds), key. The newest signs, all \
                    verify.\n# Whoever reads this file can make links; `menshen link key` changes \
                    it.\n";
/// Most keys of one file.
pub const KEYS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32, created_unix: u64) -> KeyLine {
        KeyLine { id: KeyId(id.to_be_bytes()), created_unix, secret: [7; 32] }
    }

    #[test]
    fn what_is_written_is_read_in_the_order_of_time() {
        let (old, new) = (key(2, 10), key(1, 20));
        let text = write([&new, &old]);
        assert_eq!(read(&text).unwrap(), [old, new]);
        assert!(!alloc::format!("{:?}", read(&text)).contains("BwcH"), "no key is shown");
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused_with_its_line() {
        let good = write([&key(1, 1)]);
        let line = good.lines().last().unwrap();
        let refused = |text: &str| read(text).unwrap_err();
        assert_eq!(refused("").reason, "it holds no key");
        assert_eq!(refused("# nothing\n").line, 0);
        assert_eq!(refused(&alloc::format!("{line}\n{line}")).line, 2);
        assert_eq!(refused(&alloc::format!("{line} more")).line, 1);
        assert_eq!(refused(&line[..line.len() - 1]).line, 1);
        assert_eq!(refused(&line.replacen("00000001", "+0000001", 1)).line, 1);
        let many: String = (0..=64)
            .map(|id| {
                alloc::format!("{}\n", line.replacen("00000001", &alloc::format!("{id:08x}"), 1))
            })
            .collect();
        assert_eq!(refused(&many), KeysError { line: 65, reason: "it is one key too many" });
    }
}
