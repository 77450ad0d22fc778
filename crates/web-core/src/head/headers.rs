//! Header access that is the same for HTTP/1.1 and HTTP/2, and the bit set that makes most look-ups
//! unnecessary. Values are bytes as sent; this module must never combine, decode or judge them.

use memchr::memchr;

/// Read access to the headers of a request, whatever protocol it came by.
///
/// `name` is handed in lower case; values come without surrounding white space.
pub trait Headers {
    /// The first value of `name`.
    fn get(&self, name: &str) -> Option<&[u8]>;

    /// Calls `f` with every value of `name`, in order of arrival.
    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8]));

    /// Calls `f` with every name (in any case) and value, in order of arrival.
    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8]));
}

/// A set of the headers the door may act on. A set bit says the header is there at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest(u32);

macro_rules! interests {
    ($($constant:ident $bit:literal $name:literal;)+) => {
        impl Interest {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: Self = Self(1 << $bit);)+

            /// All rows with their lower-case names.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$constant),)+];
        }
    };
}

interests! {
    HOST 0 "host";
    CONTENT_LENGTH 1 "content-length";
    TRANSFER_ENCODING 2 "transfer-encoding";
    CONNECTION 3 "connection";
    EXPECT 4 "expect";
    UPGRADE 5 "upgrade";
    CONTENT_TYPE 6 "content-type";
    CONTENT_RANGE 7 "content-range";
    CONTENT_ENCODING 8 "content-encoding";
    CONTENT_DIGEST 9 "content-digest";
    REPR_DIGEST 10 "repr-digest";
    WANT_CONTENT_DIGEST 11 "want-content-digest";
    WANT_REPR_DIGEST 12 "want-repr-digest";
    RANGE 13 "range";
    IF_RANGE 14 "if-range";
    IF_MATCH 15 "if-match";
    IF_NONE_MATCH 16 "if-none-match";
    IF_MODIFIED_SINCE 17 "if-modified-since";
    IF_UNMODIFIED_SINCE 18 "if-unmodified-since";
    AUTHORIZATION 19 "authorization";
    COOKIE 20 "cookie";
    ORIGIN 21 "origin";
    SEC_FETCH_SITE 22 "sec-fetch-site";
    ACCEPT 23 "accept";
    ACCEPT_LANGUAGE 24 "accept-language";
    X_FORWARDED_FOR 25 "x-forwarded-for";
    X_FORWARDED_PROTO 26 "x-forwarded-proto";
    DESTINATION 27 "destination";
    OVERWRITE 28 "overwrite";
}

impl Interest {
    /// Nothing of interest.
    pub const NONE: Self = Self(0);

    /// Any of the five conditional headers.
    pub const CONDITIONS: Self = Self::IF_MATCH
        .with(Self::IF_NONE_MATCH)
        .with(Self::IF_MODIFIED_SINCE)
        .with(Self::IF_UNMODIFIED_SINCE)
        .with(Self::IF_RANGE);

    /// The bit of the header `name` (any case); [`Interest::NONE`] for all others.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let Some(&first) = name.first() else { return Self::NONE };
        // Length and first letter leave at most two candidates, so one comparison mostly decides.
        let candidates: &[Self] = match (name.len(), first | 0x20) {
            (4, b'h') => &[Self::HOST],
            (5, b'r') => &[Self::RANGE],
            (6, b'a') => &[Self::ACCEPT],
            (6, b'c') => &[Self::COOKIE],
            (6, b'e') => &[Self::EXPECT],
            (6, b'o') => &[Self::ORIGIN],
            (7, b'u') => &[Self::UPGRADE],
            (8, b'i') => &[Self::IF_RANGE, Self::IF_MATCH],
            (9, b'o') => &[Self::OVERWRITE],
            (10, b'c') => &[Self::CONNECTION],
            (11, b'd') => &[Self::DESTINATION],
            (11, b'r') => &[Self::REPR_DIGEST],
            (12, b'c') => &[Self::CONTENT_TYPE],
            (13, b'a') => &[Self::AUTHORIZATION],
            (13, b'c') => &[Self::CONTENT_RANGE],
            (13, b'i') => &[Self::IF_NONE_MATCH],
            (14, b'c') => &[Self::CONTENT_LENGTH, Self::CONTENT_DIGEST],
            (14, b's') => &[Self::SEC_FETCH_SITE],
            (15, b'a') => &[Self::ACCEPT_LANGUAGE],
            (15, b'x') => &[Self::X_FORWARDED_FOR],
            (16, b'c') => &[Self::CONTENT_ENCODING],
            (16, b'w') => &[Self::WANT_REPR_DIGEST],
            (17, b'i') => &[Self::IF_MODIFIED_SINCE],
            (17, b't') => &[Self::TRANSFER_ENCODING],
            (17, b'x') => &[Self::X_FORWARDED_PROTO],
            (19, b'i') => &[Self::IF_UNMODIFIED_SINCE],
            (19, b'w') => &[Self::WANT_CONTENT_DIGEST],
            _ => return Self::NONE,
        };
        let named = |bit: &&Self| name.eq_ignore_ascii_case(bit.name().as_bytes());
        candidates.iter().find(named).copied().unwrap_or(Self::NONE)
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Name of a single bit: rows of the table are in bit order.
    fn name(self) -> &'static str {
        Self::ALL.get(self.0.trailing_zeros() as usize).map_or("", |row| row.0)
    }
}

/// Walks the lines of an already checked head: (name as sent, value without white space around).
#[derive(Debug, Clone)]
pub struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub(super) const fn new(lines: &'b [u8]) -> Self {
        Self { rest: lines }
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = (&'b [u8], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end + 1)?;
        self.rest = rest;
        let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
        Some((name, trim_ows(value.strip_prefix(b":")?.strip_suffix(b"\r\n")?)))
    }
}

/// Without the spaces and tabs around (OWS, RFC 9110 §5.6.3).
pub(super) fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests;
