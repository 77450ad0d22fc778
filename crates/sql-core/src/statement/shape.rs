//! The shape of a SELECT: all of it but the values of its literals.
//!
//! What a statement reads, calls and means does not depend on the values in it: two of one shape
//! are judged alike ([`crate::judge`]), have one digest and do the same to a session. So what was
//! found out about one need not be found out again. How it may fail: a value that matters after
//! all would make a wrong answer; so whatever is not plain text of letters, numbers and texts has
//! no shape, and a test compares the judgements of variants.

use alloc::vec::Vec;

use crate::lexer::{Charset, Lexer, Mode, Server, TokenKind};

/// Appends the shape of a SELECT read in `mode`, which no other one has. False, with some of it
/// written: it has none.
#[must_use]
pub fn shape(text: &[u8], mode: Mode, out: &mut Vec<u8>) -> bool {
    // In other sets bytes beyond ASCII may make a text uncertain.
    let plain = mode.charset == Charset::Utf8 || text.is_ascii();
    if !plain || mode.foreign_grammar || text.len() > SHAPED_BYTES_MAX {
        return false;
    }
    let [quotes, backslashes] = [mode.ansi_quotes, mode.no_backslash_escapes].map(u8::from);
    let Server { dialect, version } = mode.server;
    out.extend_from_slice(&[quotes, backslashes, mode.charset as u8, dialect as u8]);
    out.extend_from_slice(&version.to_le_bytes());
    let (mut first, mut end) = (true, 0);
    for token in Lexer::new(text, mode) {
        if core::mem::take(&mut first)
            && !(token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(b"select"))
        {
            return false;
        }
        let (tag, shown) = match token.kind {
            TokenKind::Word => (1, token.text),
            TokenKind::Quoted => (2, token.text),
            TokenKind::Text => (3, &b""[..]),
            TokenKind::Number => (4, &b""[..]),
            TokenKind::Parameter => (5, &b""[..]),
            TokenKind::Punctuation(b';') => return false,
            TokenKind::Punctuation(_) => (6, token.text),
            TokenKind::UserVariable
            | TokenKind::SystemVariable
            | TokenKind::Comment
            | TokenKind::ExecutableOpen
            | TokenKind::ExecutableClose
            | TokenKind::Broken => return false,
        };
        let Ok(length) = u16::try_from(shown.len()) else { return false };
        // A blank before a bracket or a dot makes a difference.
        out.push(tag | u8::from(token.start > end) << 7);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(shown);
        end = token.start + token.text.len();
    }
    !first
}

/// Longer statements have no shape, bytes: reading them is little beside what they do.
pub const SHAPED_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests;
