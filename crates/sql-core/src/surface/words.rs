//! A short statement as a list of tokens with their depth of parentheses.
//!
//! It never holds more tokens than [`TOKENS_MAX`]: longer statements are no business of the
//! surface. Nor are statements with executable comments, which the server may read otherwise. It
//! cannot fail otherwise.

use alloc::vec::Vec;
use core::ops::Range;

use super::variable::{Scope, Variable};
use crate::lexer::{Lexer, Mode, Token, TokenKind};

/// The tokens of one statement, comments and a last semicolon left out.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    /// The statement.
    pub(super) bytes: &'a [u8],
    /// Its tokens.
    pub(super) tokens: Vec<Token<'a>>,
}

impl<'a> Words<'a> {
    /// Reads `bytes`; `None` for what is too long, broken, several statements or not certain.
    pub(super) fn read(bytes: &'a [u8], mode: Mode) -> Option<Self> {
        if mode.foreign_grammar {
            return None;
        }
        let mut tokens = Vec::new();
        for token in Lexer::new(bytes, mode) {
            match token.kind {
                TokenKind::Comment => continue,
                TokenKind::Broken | TokenKind::ExecutableOpen | TokenKind::ExecutableClose => {
                    return None;
                }
                _ => tokens.push(token),
            }
            if tokens.len() > TOKENS_MAX {
                return None;
            }
        }
        while tokens.last().is_some_and(|token| token.kind == TokenKind::Punctuation(b';')) {
            tokens.pop();
        }
        let several = tokens.iter().any(|token| token.kind == TokenKind::Punctuation(b';'));
        (!several && !tokens.is_empty()).then_some(Self { bytes, tokens })
    }

    /// Whether the token at `at` is this keyword, in any case.
    pub(super) fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| is(token, word))
    }

    /// Whether the tokens from `at` on are these keywords and no other follows.
    pub(super) fn rest_is(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.len() == at + words.len()
            && words.iter().zip(at..).all(|(word, at)| self.is(at, word))
    }

    /// Whether the token at `at` is this byte.
    pub(super) fn is_byte(&self, at: usize, byte: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Punctuation(byte))
    }

    /// The bytes from the first to the last token of `range`, as written.
    pub(super) fn text(&self, range: &Range<usize>) -> &'a [u8] {
        let first = self.tokens.get(range.start);
        let last = self.tokens.get(range.end.saturating_sub(1));
        match (first, last) {
            (Some(first), Some(last)) if !range.is_empty() => {
                self.bytes.get(first.start..last.start + last.text.len()).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// The parts of `range` between commas outside of parentheses.
    pub(super) fn parts(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, range.start);
        for at in range.clone() {
            match self.tokens.get(at).map(|token| token.kind) {
                Some(TokenKind::Punctuation(b'(')) => depth += 1,
                Some(TokenKind::Punctuation(b')')) => depth = depth.saturating_sub(1),
                Some(TokenKind::Punctuation(b',')) if depth == 0 => {
                    parts.push(start..at);
                    start = at + 1;
                }
                _ => {}
            }
        }
        parts.push(start..range.end);
        parts
    }
}

/// Whether a token is this keyword, in any case.
pub(super) fn is(token: &Token<'_>, word: &str) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word.as_bytes())
}

/// A name without its quotes; doubled quotes inside never occur in names of the surface.
pub(super) fn name<'a>(token: &Token<'a>) -> Option<&'a [u8]> {
    match token.kind {
        TokenKind::Word => Some(token.text),
        TokenKind::Quoted => token.text.get(1..token.text.len().saturating_sub(1)),
        _ => None,
    }
}

/// The variable of the surface that `@@name` or `@@scope.name` means, with the scope written.
pub(super) fn variable(token: &Token<'_>) -> Option<(Scope, Variable)> {
    if token.kind != TokenKind::SystemVariable {
        return None;
    }
    let name = token.text.strip_prefix(b"@@")?;
    let (scope, name) = match memchr::memchr(b'.', name) {
        Some(dot) => (scope(name.get(..dot)?)?, name.get(dot + 1..)?),
        None => (Scope::Unsaid, name),
    };
    let name = match name {
        [b'`', inner @ .., b'`'] => inner,
        plain => plain,
    };
    Some((scope, Variable::of(name)?))
}

/// The scope that a keyword names.
pub(super) fn scope(word: &[u8]) -> Option<Scope> {
    let is = |wanted: &[u8]| word.eq_ignore_ascii_case(wanted);
    if is(b"global") {
        Some(Scope::Global)
    } else if is(b"session") || is(b"local") {
        Some(Scope::Session)
    } else {
        None
    }
}

/// Statements about the cache are short; a client's list of variables has some dozens.
const TOKENS_MAX: usize = 2_000;
