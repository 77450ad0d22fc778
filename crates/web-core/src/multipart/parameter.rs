//! Parameters of `Content-Type` and `Content-Disposition`: `; name=value; name="value"`
//! (RFC 9110 §5.6.6), with the quoting that browsers really use.
//!
//! This module must never guess: what is neither a token nor a closed quoted string is malformed.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// A list of parameters is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Iterates over what follows a media type or disposition type.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    rest: &'a [u8],
}

/// The value of a parameter as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Without quotes.
    Bare(&'a [u8]),
    /// What stands between the quotes, backslashes included.
    Quoted(&'a [u8]),
}

impl<'a> Parameters<'a> {
    /// Splits `value` into its type and its parameters.
    pub(super) fn after_type(value: &'a [u8]) -> (&'a [u8], Self) {
        let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
        (trim(&value[..end]), Self { rest: &value[end..] })
    }

    fn parse_next(&mut self) -> Result<Option<(&'a [u8], Value<'a>)>, Malformed> {
        loop {
            self.rest = skip_blank(self.rest);
            let Some(after) = self.rest.strip_prefix(b";") else {
                return if self.rest.is_empty() { Ok(None) } else { Err(Malformed) };
            };
            self.rest = skip_blank(after);
            if !self.rest.is_empty() && !self.rest.starts_with(b";") {
                break;
            }
        }
        let equals = self.rest.iter().position(|&byte| byte == b'=').ok_or(Malformed)?;
        let name = &self.rest[..equals];
        if !is_token(name) {
            return Err(Malformed);
        }
        let text = &self.rest[equals + 1..];
        if let Some(inner) = text.strip_prefix(b"\"") {
            let end = closing_quote(inner).ok_or(Malformed)?;
            self.rest = &inner[end + 1..];
            return Ok(Some((name, Value::Quoted(&inner[..end]))));
        }
        let end =
            text.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t')).unwrap_or(text.len());
        self.rest = &text[end..];
        let bare = &text[..end];
        let valid = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b'\\');
        if bare.is_empty() || !bare.iter().all(valid) {
            return Err(Malformed);
        }
        Ok(Some((name, Value::Bare(bare))))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a [u8], Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.parse_next().transpose();
        if matches!(next, Some(Err(_))) {
            self.rest = b"";
        }
        next
    }
}

impl<'a> Value<'a> {
    /// The value meant. Only `\"` and `\\` are escapes: browsers send a lone backslash for itself,
    /// as in `C:\x.txt`. `%22`, which browsers send for a quote, stays: others read it so, too.
    pub(super) fn text(self) -> Cow<'a, [u8]> {
        let raw = match self {
            Self::Bare(raw) => return Cow::Borrowed(raw),
            Self::Quoted(raw) => raw,
        };
        if !raw.contains(&b'\\') {
            return Cow::Borrowed(raw);
        }
        let mut text = Vec::with_capacity(raw.len());
        let mut bytes = raw.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let escaped = (byte == b'\\').then(|| bytes.next_if(|next| is_escapable(*next)));
            text.push(escaped.flatten().unwrap_or(byte));
        }
        Cow::Owned(text)
    }
}

/// Blanks at both ends removed.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let text = skip_blank(text);
    let end = text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |at| at + 1);
    &text[..end]
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(text: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(token)
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match (*text.get(at)?, text.get(at + 1)) {
            (b'"', _) => return Some(at),
            (b'\\', Some(next)) if is_escapable(*next) => at += 2,
            _ => at += 1,
        }
    }
}

fn skip_blank(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(*byte)).unwrap_or(text.len());
    &text[start..]
}

const fn is_escapable(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
