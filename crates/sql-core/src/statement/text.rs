//! Texts: what the server keeps of a query, literals without their quotes, digests.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::lexer::{Lexer, Mode, Token, TokenKind};

use super::words::lookup;

pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte) && *byte != b';').map_or(0, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// `sql/sql_lex.cc`, `get_text`; `sql/sql_string.cc`, `wildcmp` escapes `\%` and `\_` stay as are.
pub(super) fn unquote(literal: &[u8], mode: Mode) -> Option<Cow<'_, [u8]>> {
    let literal = match literal {
        [b'n' | b'N', rest @ ..] => rest,
        _ => literal,
    };
    let (quote, inner) = match literal {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => (*first, inner),
        _ => return None,
    };
    let escape = |byte: &u8| *byte == b'\\' && !mode.no_backslash_escapes;
    if !inner.iter().any(|byte| escape(byte) || *byte == quote) {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        if escape(byte) {
            match *bytes.next()? {
                b'n' => text.push(b'\n'),
                b't' => text.push(b'\t'),
                b'r' => text.push(b'\r'),
                b'b' => text.push(8),
                b'0' => text.push(0),
                b'Z' => text.push(26),
                other @ (b'%' | b'_') => text.extend_from_slice(&[b'\\', other]),
                other => text.push(other),
            }
        } else if *byte == quote {
            if bytes.next() != Some(&quote) {
                return None;
            }
            text.push(quote);
        } else {
            text.push(*byte);
        }
    }
    Some(Cow::Owned(text))
}

pub(super) fn unquote_ident(raw: &[u8], quote: u8) -> Cow<'_, [u8]> {
    if quote == 0 || memchr::memchr(quote, raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut name = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        name.push(*byte);
        if *byte == quote {
            bytes.next();
        }
    }
    Cow::Owned(name)
}

pub(super) fn digest(bytes: &[u8], mode: Mode, max: usize) -> Vec<u8> {
    // Hardly ever longer than the statement.
    let text = Vec::with_capacity(bytes.len().min(max) + 16);
    let mut digest = Digest { text, end: 0 };
    for token in Lexer::new(trim(bytes), mode) {
        if digest.text.len() >= max {
            break;
        }
        match token.kind {
            TokenKind::Comment | TokenKind::ExecutableOpen | TokenKind::ExecutableClose => (),
            TokenKind::Broken => digest.put(&token, b"?"),
            TokenKind::Text | TokenKind::Number | TokenKind::Parameter => digest.literal(&token),
            TokenKind::Word if is_constant(token.text) && digest.expects_value() => {
                digest.literal(&token);
            }
            TokenKind::UserVariable if token.text.get(1).is_some_and(|b| b"'\"".contains(b)) => {
                digest.put(&token, b"@?");
            }
            TokenKind::Punctuation(b')') => digest.close(&token),
            _ => digest.put(&token, token.text),
        }
    }
    digest.text.truncate(max);
    digest.text
}

/// A digest being written.
struct Digest {
    text: Vec<u8>,
    /// Where the last token ended in the statement.
    end: usize,
}

impl Digest {
    fn put(&mut self, token: &Token<'_>, text: &[u8]) {
        if token.start > self.end && !self.text.is_empty() {
            self.text.push(b' ');
        }
        self.text.extend_from_slice(text);
        self.end = token.start + token.text.len();
    }

    /// One `?`; in a list `?, ?, ?` one `?+`.
    fn literal(&mut self, token: &Token<'_>) {
        let list = self.text.trim_ascii_end();
        for one in [&b"?,"[..], b"?+,"] {
            if list.ends_with(one) {
                let len = list.len() - one.len();
                self.text.truncate(len);
                self.text.extend_from_slice(b"?+");
                self.end = token.start + token.text.len();
                return;
            }
        }
        self.put(token, b"?");
    }

    /// `(?+), (?+), (?+)` becomes one.
    fn close(&mut self, token: &Token<'_>) {
        self.put(token, b")");
        for group in [&b"(?)"[..], b"(?+)"] {
            let Some(before) = self.text.strip_suffix(group) else { continue };
            let before = before.trim_ascii_end();
            let Some(before) = before.strip_suffix(b",") else { continue };
            if before.ends_with(group) {
                let len = before.len();
                self.text.truncate(len);
            }
        }
    }

    fn expects_value(&self) -> bool {
        matches!(self.text.trim_ascii_end().last(), Some(b'(' | b','))
    }
}

/// Words that stand where literals stand.
fn is_constant(word: &[u8]) -> bool {
    let known = [&b"NULL"[..], b"TRUE", b"FALSE", b"DEFAULT"];
    lookup(word).is_some() && known.iter().any(|one| word.eq_ignore_ascii_case(one))
}
