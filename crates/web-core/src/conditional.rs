//! Conditional requests: entity tags, the order in which preconditions are judged, and `If-Range`
//! (RFC 9110 §8.8, §13).
//!
//! A precondition that cannot be read is never taken as met where a write depends on it: losing an
//! update is worse than asking the client again. Nothing here looks at a file or a clock; the
//! caller says what the current representation is, within the same instant it opened it.

use crate::head::Headers;
use crate::response::parse_http_date;

/// Whether a validator may stand for the bytes themselves (RFC 9110 §8.8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Changes whenever a byte changes.
    Strong,
    /// May stay the same although bytes changed.
    Weak,
}

impl Strength {
    /// Strength of a validator made from a modification time of `mtime_ns`, read when the clock
    /// said `now_ns`: a file changed again within `granularity_ns` could keep its time stamp.
    #[must_use]
    pub const fn of_time(mtime_ns: i64, now_ns: i64, granularity_ns: i64) -> Self {
        if now_ns.saturating_sub(mtime_ns) >= granularity_ns { Self::Strong } else { Self::Weak }
    }
}

/// What is known of the current representation.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// The opaque part of its entity tag, without quotes.
    pub etag: &'a [u8],
    /// Strength of that tag.
    pub etag_strength: Strength,
    /// Modification time in seconds since 1970, as sent in `Last-Modified`.
    pub mtime_unix_s: i64,
    /// Strength of that time; strong once it is at least a second old (RFC 9110 §8.8.2.2).
    pub mtime_strength: Strength,
}

/// What the request does, as far as conditions care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// GET or HEAD.
    Read,
    /// Any other method.
    Write,
}

/// What the preconditions decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Carry on with the method.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// Judges all preconditions but `If-Range`, in the order of RFC 9110 §13.2.2. `current` is `None`
/// when there is no representation yet.
#[must_use]
pub fn evaluate(
    headers: &dyn Headers,
    purpose: Purpose,
    current: Option<&Validators<'_>>,
) -> Outcome {
    match any_tag(headers, "if-match", current, Comparison::Strong) {
        Listed::Hit => {}
        Listed::Miss | Listed::Unreadable => return Outcome::PreconditionFailed,
        Listed::Absent => {
            if let (Some(date), Some(current)) = (date_of(headers, "if-unmodified-since"), current)
                && current.mtime_unix_s > date
            {
                return Outcome::PreconditionFailed;
            }
        }
    }
    match (any_tag(headers, "if-none-match", current, Comparison::Weak), purpose) {
        (Listed::Hit, Purpose::Read) => return Outcome::NotModified,
        (Listed::Hit | Listed::Unreadable, Purpose::Write) => return Outcome::PreconditionFailed,
        (Listed::Absent, Purpose::Read) => {
            if let (Some(date), Some(current)) = (date_of(headers, "if-modified-since"), current)
                && current.mtime_unix_s <= date
            {
                return Outcome::NotModified;
            }
        }
        _ => {}
    }
    Outcome::Proceed
}

/// Whether a `Range` field counts: true without `If-Range`, else only if its validator is strong
/// and still the current one (RFC 9110 §13.1.5). Call it after [`evaluate`] said to proceed.
#[must_use]
pub fn range_applies(headers: &dyn Headers, current: &Validators<'_>) -> bool {
    let mut lines = 0_usize;
    let mut applies = false;
    headers.for_each("if-range", &mut |value| {
        lines += 1;
        applies = match ETag::parse(value) {
            Some(tag) => tag.equals(current, Comparison::Strong),
            None => {
                current.mtime_strength == Strength::Strong
                    && parse_http_date(trim(value)) == Some(current.mtime_unix_s)
            }
        };
    });
    lines == 0 || (lines == 1 && applies)
}

/// An entity tag as a client sent it (RFC 9110 §8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag<'a> {
    /// Weak when written with `W/`.
    pub strength: Strength,
    /// What stands between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> ETag<'a> {
    /// Reads exactly one entity tag; blanks around it are allowed.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::take(trim(text))?;
        rest.is_empty().then_some(tag)
    }

    /// Whether it names `current` (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn equals(&self, current: &Validators<'_>, comparison: Comparison) -> bool {
        let strong = self.strength == Strength::Strong && current.etag_strength == Strength::Strong;
        self.opaque == current.etag && (strong || comparison == Comparison::Weak)
    }

    fn take(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (strength, quoted) = match text.strip_prefix(b"W/") {
            Some(rest) => (Strength::Weak, rest),
            None => (Strength::Strong, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&byte| byte == b'"')?;
        let opaque = &inner[..end];
        let valid = |&byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..=0xff);
        opaque.iter().all(valid).then_some((Self { strength, opaque }, &inner[end + 1..]))
    }
}

/// How two entity tags are compared (RFC 9110 §8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal and both strong.
    Strong,
    /// Equal, whatever their strength.
    Weak,
}

/// The entity tag of a stored file, in a buffer of its own size: no allocation on the hot path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EtagText {
    text: [u8; ETAG_BYTES_MAX],
    end: u8,
}

impl EtagText {
    /// The field value for a tag of this strength, quotes included.
    #[must_use]
    pub fn header_value(&self, strength: Strength) -> &[u8] {
        let start = match strength {
            Strength::Strong => 2,
            Strength::Weak => 0,
        };
        &self.text[start..usize::from(self.end)]
    }

    /// The opaque part, without quotes.
    #[must_use]
    pub fn opaque(&self) -> &[u8] {
        &self.text[3..usize::from(self.end) - 1]
    }
}

/// The tag of a file: its inode, size in bytes and modification time in nanoseconds since 1970, in
/// hexadecimal. Replacing a file by rename changes the inode, writing into it the time.
#[must_use]
pub fn file_etag(inode: u64, size: u64, mtime_ns: i64) -> EtagText {
    let mut etag = EtagText { text: [0; ETAG_BYTES_MAX], end: 0 };
    etag.push(b"W/\"");
    etag.push_hex(inode);
    etag.push(b"-");
    etag.push_hex(size);
    etag.push(b"-");
    etag.push_hex(mtime_ns.cast_unsigned());
    etag.push(b"\"");
    etag
}

impl EtagText {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.text[usize::from(self.end)] = *byte;
            self.end += 1;
        }
    }

    fn push_hex(&mut self, value: u64) {
        let digits = (u64::BITS - value.leading_zeros()).div_ceil(4).max(1);
        for place in (0..digits).rev() {
            let digit = (value >> (4 * place)).to_le_bytes()[0] & 0xf;
            self.push(&[b"0123456789abcdef"[usize::from(digit)]]);
        }
    }
}

/// What a list of entity tags says about the current representation.
enum Listed {
    Absent,
    Hit,
    Miss,
    /// Not `*` and not a list of entity tags; a readable member that hits still counts as a hit.
    Unreadable,
}

/// Judges an `If-Match` or `If-None-Match` field, spread over any number of lines.
fn any_tag(
    headers: &dyn Headers,
    name: &str,
    current: Option<&Validators<'_>>,
    comparison: Comparison,
) -> Listed {
    let mut members = 0_usize;
    let mut stars = 0_usize;
    let mut lines = 0_usize;
    let mut hit = false;
    let mut readable = true;
    headers.for_each(name, &mut |value| {
        lines += 1;
        let mut rest = skip_blank(value);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b",") {
                rest = skip_blank(after);
                continue;
            }
            members += 1;
            let after = if let Some(after) = rest.strip_prefix(b"*") {
                stars += 1;
                after
            } else if let Some((tag, after)) = ETag::take(rest) {
                hit |= current.is_some_and(|current| tag.equals(current, comparison));
                after
            } else {
                readable = false;
                return;
            };
            rest = skip_blank(after);
            if !rest.is_empty() && !rest.starts_with(b",") {
                readable = false;
                return;
            }
        }
    });
    if lines == 0 {
        return Listed::Absent;
    }
    if !readable || members == 0 || (stars > 0 && members > 1) {
        return if hit && stars == 0 { Listed::Hit } else { Listed::Unreadable };
    }
    hit |= stars == 1 && current.is_some();
    if hit { Listed::Hit } else { Listed::Miss }
}

/// The one valid date of a field; a second line or anything else makes the field ignored
/// (RFC 9110 §13.1.3, §13.1.4).
fn date_of(headers: &dyn Headers, name: &str) -> Option<i64> {
    let mut lines = 0_usize;
    let mut date = None;
    headers.for_each(name, &mut |value| {
        lines += 1;
        date = parse_http_date(trim(value));
    });
    if lines == 1 { date } else { None }
}

fn skip_blank(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    &text[start..]
}

fn trim(text: &[u8]) -> &[u8] {
    let text = skip_blank(text);
    let end = text.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
    &text[..end]
}

/// `W/`, two quotes, three numbers of up to 16 digits, two dashes.
const ETAG_BYTES_MAX: usize = 2 + 2 + 3 * 16 + 2;

#[cfg(test)]
mod tests;
