//! Bytes of a log as numbers, words and names.
//!
//! Nothing here panics or allocates more than its input is long; what is no number gives `None`.

use alloc::string::String;
use core::fmt::Write as _;

use memchr::memmem;

use super::model::Name;

/// Decimal digits and nothing else.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    match digits_then(digits)? {
        (number, []) => Some(number),
        _ => None,
    }
}

/// The number at the beginning, and what comes after it.
pub(super) fn digits_then(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut sum, mut rest) = (0_u64, text);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        sum = sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        rest = after;
    }
    (rest.len() < text.len()).then_some((sum, rest))
}

/// As [`digits_then`], with a sign.
pub(super) fn signed_then(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (number, rest) = digits_then(digits)?;
    let number = i64::try_from(number).ok()?;
    Some((if negative { -number } else { number }, rest))
}

/// A number that fits 32 bits.
pub(super) fn small(number: u64) -> Option<u32> {
    u32::try_from(number).ok()
}

/// A signed number that fits 32 bits.
pub(super) fn small_signed(number: i64) -> Option<i32> {
    i32::try_from(number).ok()
}

/// What comes after the first `key`.
pub(super) fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    text.get(memmem::find(text, key)? + key.len()..)
}

/// What lies before and after the last `key`.
pub(super) fn cut_last<'a>(text: &'a [u8], key: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::rfind(text, key)?;
    Some((text.get(..at)?, text.get(at + key.len()..)?))
}

/// What lies before and after the first `key`.
pub(super) fn cut_first<'a>(text: &'a [u8], key: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(text, key)?;
    Some((text.get(..at)?, text.get(at + key.len()..)?))
}

/// The first word, and what comes after it with its blanks.
pub(super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b' ' || byte == b'\t').unwrap_or(text.len());
    text.split_at(end)
}

/// Without blanks in front.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte != b' ' && byte != b'\t').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// Whether the text holds the needle.
pub(super) fn has(text: &[u8], needle: &[u8]) -> bool {
    memmem::find(text, needle).is_some()
}

/// Text of the log that is kept: escaped as a [`Name`] is, but backslashes stay as they are.
pub(super) fn owned(text: &[u8], bytes_max: usize) -> String {
    let mut kept = String::new();
    escape(text.get(..text.len().min(bytes_max)).unwrap_or_default(), false, &mut kept);
    kept
}

/// A process name. `decoded`: the log's own `\xNN` have been turned into bytes already; otherwise
/// they are taken as the escapes they are in the output of tools.
pub(super) fn name(text: &[u8], decoded: bool) -> Name {
    let text = text.get(..text.len().min(NAME_BYTES_MAX)).unwrap_or_default();
    let mut kept = String::new();
    if decoded || !has(text, b"\\x") {
        escape(text, true, &mut kept);
        return Name { text: kept, forged: imitates(text) };
    }
    let mut bytes = alloc::vec::Vec::with_capacity(text.len());
    unescape(text, &mut bytes);
    escape(&bytes, true, &mut kept);
    Name { text: kept, forged: imitates(&bytes) }
}

/// Turns `\xNN` into bytes; anything else stays.
pub(super) fn unescape(text: &[u8], into: &mut alloc::vec::Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        into.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let (byte, length) = match rest {
            [_, b'x', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 4),
                _ => (b'\\', 1),
            },
            _ => (b'\\', 1),
        };
        into.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

/// How many bytes the process really chose, when its name is printed like this.
pub(super) fn decoded_len(text: &[u8]) -> usize {
    text.len() - 3 * memmem::find_iter(text, b"\\x").count().min(text.len() / 4)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn escape(text: &[u8], backslashes: bool, into: &mut String) {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !(backslashes && *byte == b'\\');
    if text.iter().all(plain)
        && let Ok(text) = core::str::from_utf8(text)
    {
        into.push_str(text);
        return;
    }
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || (backslashes && letter == '\\') {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(into, "\\x{byte:02x}");
                }
            } else {
                into.push(letter);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(into, "\\x{byte:02x}");
        }
    }
}

/// Whether a name holds what looks like the kernel's own words.
fn imitates(name: &[u8]) -> bool {
    IMITATIONS.iter().any(|words| has(name, words))
}

/// The kernel keeps 15 bytes; room for them escaped, and for names that a tool made longer.
const NAME_BYTES_MAX: usize = 128;

/// What only the kernel should print around a name.
const IMITATIONS: [&[u8]; 12] = [
    b"\n",
    b"\r",
    b"pid=",
    b"uid=",
    b"task=",
    b"_memcg=",
    b"oom-kill:",
    b"ill process",
    b"led process",
    b"-vm:",
    b"-rss:",
    b"), UID ",
];

#[cfg(test)]
mod tests;
