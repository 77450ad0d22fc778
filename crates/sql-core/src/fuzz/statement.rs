//! Any bytes as a statement: lexer, reader and digest.

use crate::lexer::{Charset, Dialect, Lexer, Mode, Server, TokenKind};
use crate::statement::{Flag, Kind, digest, read, read_head, statements, trim, unquote};

/// The lexer; the first byte picks the mode.
pub fn lexer(data: &[u8]) {
    let (mode, bytes) = picked(data);
    partition(bytes, mode);
}

/// The reader and the digest; the first byte picks the mode.
pub fn statement(data: &[u8]) {
    let (mode, bytes) = picked(data);
    checked(bytes, mode);
}

/// Tokens and the blanks between them are the whole text, in order.
pub(crate) fn partition(bytes: &[u8], mode: Mode) {
    let mut at = 0;
    let mut broken = false;
    for token in Lexer::new(bytes, mode) {
        assert!(!broken, "a token behind the broken end");
        let gap = bytes.get(at..token.start).expect("tokens overlap or go back");
        assert!(gap.iter().all(|byte| matches!(byte, b' ' | b'\t'..=b'\r')), "text was lost");
        assert!(!token.text.is_empty(), "an empty token");
        let end = token.start + token.text.len();
        assert_eq!(bytes.get(token.start..end), Some(token.text), "text was changed");
        broken = token.kind == TokenKind::Broken;
        at = end;
    }
    let tail = bytes.get(at..).unwrap_or_default();
    assert!(tail.iter().all(|byte| matches!(byte, b' ' | b'\t'..=b'\r')), "the end was lost");
}

/// What holds of any text that is read.
pub(crate) fn checked(bytes: &[u8], mode: Mode) {
    let first = read(bytes, mode);
    assert!(bytes.starts_with(first.text), "the first statement does not start the text");
    if let Some(hint) = &first.hint {
        let word = first.text.get(hint.clone()).expect("a hint outside of its statement");
        assert!(
            word.eq_ignore_ascii_case(b"SQL_CACHE") || word.eq_ignore_ascii_case(b"SQL_NO_CACHE")
        );
    }
    let mut rest = bytes;
    for statement in statements(bytes, mode) {
        assert_ne!(statement.kind, Kind::Empty);
        assert!(statement.text.len() <= rest.len(), "statements grow");
        rest = rest.get(statement.text.len()..).unwrap_or_default();
        let names = statement.names.iter().map(|name| name.name);
        let targets = statement.targets.iter().map(|target| target.name);
        for ident in names.chain(targets) {
            assert!(ident.bytes().len() <= ident.raw.len());
        }
    }
    assert!(read_head(bytes, mode).is(Flag::Uncertain));
    assert!(digest(bytes, mode, DIGEST_MAX).len() <= DIGEST_MAX, "a digest above its limit");
    let whole = trim(bytes);
    assert_eq!(trim(whole), whole, "trimming twice differs");
    let _ = unquote(bytes, mode);
}

/// The mode that the first byte picks, and the text behind it.
pub(super) fn picked(data: &[u8]) -> (Mode, &[u8]) {
    let (first, bytes) = data.split_first().unwrap_or((&0, &[]));
    let bit = |at: u8| first & 1 << at != 0;
    let dialect = if bit(2) { Dialect::Mariadb } else { Dialect::Mysql };
    let charset = match first >> 3 & 3 {
        0 | 1 => Charset::Utf8,
        2 => Charset::Other,
        _ => Charset::Ambiguous,
    };
    let version = if bit(5) { 101_119 } else { 0 };
    let mode = Mode {
        ansi_quotes: bit(0),
        no_backslash_escapes: bit(1),
        foreign_grammar: false,
        charset,
        server: Server { dialect, version },
    };
    (mode, bytes)
}

const DIGEST_MAX: usize = 1024;
