//! Tokens with their keywords, one ahead, up to the statement's end.

use crate::lexer::{Charset, Lexer, Mode, Token, TokenKind};

use super::words::{Key, Word, lookup};
use super::{Flag, Flags, Ident};

/// A place in one statement.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    lexer: Lexer<'a>,
    text: &'a [u8],
    mode: Mode,
    ahead: Option<Item<'a>>,
    /// The last item was a dot right before this place.
    behind_dot: Option<usize>,
    /// Where the `;` stands, once it was met.
    end: Option<usize>,
    pub(super) flags: Flags,
}

/// A token that is not a comment, and its keyword.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a [u8],
    pub(super) start: usize,
    /// Of words that are no part of a dotted name.
    pub(super) word: Option<&'static Word>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], mode: Mode) -> Self {
        let mut cursor = Self {
            lexer: Lexer::new(text, mode),
            text,
            mode,
            ahead: None,
            behind_dot: None,
            end: None,
            flags: Flags::default(),
        };
        cursor.ahead = cursor.read();
        cursor
    }

    /// The item after the one taken last.
    #[inline]
    pub(super) fn peek(&self) -> Option<Item<'a>> {
        self.ahead
    }

    /// The keyword of that item.
    #[inline]
    pub(super) fn peek_key(&self) -> Key {
        self.ahead.map_or(Key::None, |item| item.key())
    }

    /// Takes an item.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Item<'a>> {
        let item = self.ahead?;
        self.ahead = self.read();
        Some(item)
    }

    /// Takes the next item if it is this keyword.
    pub(super) fn eat(&mut self, key: Key) -> bool {
        let found = self.peek_key() == key;
        if found {
            self.next();
        }
        found
    }

    /// Takes the next items as long as they are any of these keywords.
    pub(super) fn skip(&mut self, keys: &[Key]) {
        while self.ahead.is_some() && keys.contains(&self.peek_key()) {
            self.next();
        }
    }

    /// Takes the next item if it is this byte.
    pub(super) fn eat_byte(&mut self, byte: u8) -> bool {
        let found = self.at_byte(byte);
        if found {
            self.next();
        }
        found
    }

    /// Whether the next item is this byte.
    #[inline]
    pub(super) fn at_byte(&self, byte: u8) -> bool {
        self.ahead.is_some_and(|item| item.is(byte))
    }

    /// Takes one name without dots.
    pub(super) fn ident(&mut self) -> Option<Ident<'a>> {
        let ident = self.ahead?.ident()?;
        self.next();
        Some(ident)
    }

    /// Takes a name of one or two parts: `t`, `db.t`, `.t`.
    pub(super) fn name(&mut self) -> Option<(Option<Ident<'a>>, Ident<'a>)> {
        if self.eat_byte(b'.') {
            return Some((None, self.ident()?));
        }
        let first = self.ident()?;
        if !self.at_byte(b'.') {
            return Some((None, first));
        }
        // `t.*` is the table t.
        let mut ahead = self.clone();
        ahead.next();
        match ahead.ident() {
            Some(second) => {
                *self = ahead;
                Some((Some(first), second))
            }
            None => Some((None, first)),
        }
    }

    /// Passes what is in brackets, whose opening one was taken.
    pub(super) fn leave_brackets(&mut self) {
        let mut depth = 1_usize;
        while let Some(item) = self.next() {
            match item.kind {
                TokenKind::Punctuation(b'(') => depth += 1,
                TokenKind::Punctuation(b')') => depth -= 1,
                _ => (),
            }
            if depth == 0 {
                break;
            }
        }
    }

    /// Where the next item starts, or where the statement ends.
    pub(super) fn offset(&self) -> usize {
        let end = self.end.unwrap_or(self.text.len());
        self.ahead.map_or(end, |item| item.start)
    }

    /// The statement's bytes between two offsets, blanks at the end cut.
    pub(super) fn between(&self, from: usize, to: usize) -> &'a [u8] {
        self.text.get(from..to).unwrap_or_default().trim_ascii_end()
    }

    /// Where the `;` stands that ended the statement.
    pub(super) fn semicolon(&self) -> Option<usize> {
        self.end
    }

    #[inline]
    fn read(&mut self) -> Option<Item<'a>> {
        if self.end.is_some() {
            return None;
        }
        loop {
            let token = self.lexer.next()?;
            match token.kind {
                TokenKind::Comment => self.comment(&token),
                TokenKind::ExecutableOpen | TokenKind::ExecutableClose => {
                    self.flags.set(Flag::ExecutableComment);
                }
                TokenKind::Punctuation(b';') => {
                    self.end = Some(token.start);
                    return None;
                }
                _ => return Some(self.item(token)),
            }
        }
    }

    #[inline(always)]
    fn item(&mut self, token: Token<'a>) -> Item<'a> {
        let mut word = None;
        let end = token.start + token.text.len();
        let dotted = self.behind_dot.take() == Some(token.start);
        match token.kind {
            TokenKind::Word if !dotted => {
                word = lookup(token.text).filter(|_| !self.dot_follows(end));
            }
            TokenKind::Punctuation(b'.') => self.behind_dot = Some(end),
            TokenKind::Broken => self.flags.set(Flag::Uncertain),
            _ => (),
        }
        // Names in other character sets would have to be converted before they can be looked up.
        if self.mode.charset == Charset::Other
            && matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
            && !token.text.is_ascii()
        {
            self.flags.set(Flag::Uncertain);
        }
        Item { kind: token.kind, text: token.text, start: token.start, word }
    }

    /// A word right before a dot and a name is no keyword to the server.
    fn dot_follows(&self, end: usize) -> bool {
        self.text.get(end) == Some(&b'.')
            && self.text.get(end + 1).is_some_and(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
            })
    }

    #[cold]
    fn comment(&mut self, token: &Token<'a>) {
        if token.text.starts_with(b"/*!") || token.text.starts_with(b"/*M!") {
            self.flags.set(Flag::ExecutableComment);
            if self.mode.server.version == 0 {
                self.flags.set(Flag::Uncertain);
            }
        }
    }
}

impl<'a> Item<'a> {
    /// Its keyword.
    #[inline]
    pub(super) fn key(&self) -> Key {
        self.word.map_or(Key::None, |word| word.key)
    }

    /// Whether it is this byte.
    #[inline]
    pub(super) fn is(&self, byte: u8) -> bool {
        self.kind == TokenKind::Punctuation(byte)
    }

    /// The name it is: a word that is not reserved, or a quoted one.
    #[inline]
    pub(super) fn ident(&self) -> Option<Ident<'a>> {
        match self.kind {
            TokenKind::Word if !self.word.is_some_and(|word| word.reserved) => {
                Some(Ident { raw: self.text, quote: 0 })
            }
            TokenKind::Quoted => {
                let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
                Some(Ident { raw: inner, quote: self.text.first().copied()? })
            }
            _ => None,
        }
    }
}
