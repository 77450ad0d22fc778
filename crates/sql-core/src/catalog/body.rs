//! What a stored text names: the definition of a view, the body of a routine or trigger.
//!
//! Not parsed, only cut into tokens: every identifier is a candidate for a table, every name before
//! a parenthesis or after CALL one for a routine. A superset is safe. A text that builds statements
//! at run time, changes the schema or cannot be read is [`Body::opaque`] and stands for everything.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{LetterCase, fold};
use crate::lexer::{Lexer, Mode, Token, TokenKind};

/// What a stored text names, as far as tokens show. Names are in canonical case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    /// `a.b`, and of `a.b.c` also `b.c`.
    pub(super) pairs: BTreeSet<Pair>,
    /// Every single name.
    pub(super) names: BTreeSet<Box<[u8]>>,
    /// Database if written, and the name in lower case, of all that may be a call.
    pub(super) calls: BTreeSet<Called>,
    /// Whether it has a word with which rows can be changed.
    pub(super) writes: bool,
    /// Whether it stands for everything.
    pub(super) opaque: bool,
}

/// A qualifier and a name.
type Pair = (Box<[u8]>, Box<[u8]>);
/// A database, if written, and a name.
type Called = (Option<Box<[u8]>>, Box<[u8]>);

impl Body {
    /// A text that may not be seen.
    pub(super) fn hidden() -> Self {
        Self { opaque: true, ..Self::default() }
    }

    /// Cuts `text` and notes what it names.
    pub(super) fn read(text: &[u8], mode: Mode, letters: LetterCase) -> Self {
        let body = Self { opaque: mode.foreign_grammar, ..Self::default() };
        let mut reader = Reader { body, letters, path: Vec::new(), last: None, calling: false };
        for token in Lexer::new(text, mode) {
            reader.token(token);
            if reader.body.names.len() > NAMES_MAX {
                return Self::hidden();
            }
        }
        reader.path_ends(false);
        reader.body
    }
}

/// Where the reading of a text is.
struct Reader<'a> {
    body: Body,
    letters: LetterCase,
    /// The parts of the name that may still go on.
    path: Vec<Box<[u8]>>,
    last: Option<Token<'a>>,
    /// Whether CALL stood before the path.
    calling: bool,
}

impl<'a> Reader<'a> {
    fn token(&mut self, token: Token<'a>) {
        match token.kind {
            TokenKind::Comment | TokenKind::ExecutableOpen | TokenKind::ExecutableClose => return,
            TokenKind::Word | TokenKind::Quoted => self.name(token),
            TokenKind::Punctuation(b'.') => {}
            TokenKind::Punctuation(b'(') => self.path_ends(true),
            TokenKind::Broken => self.body.opaque = true,
            _ => self.path_ends(false),
        }
        self.last = Some(token);
    }

    fn name(&mut self, token: Token<'a>) {
        let goes_on = self.last.is_some_and(|last| last.kind == TokenKind::Punctuation(b'.'));
        if !goes_on {
            self.path_ends(false);
            if token.kind == TokenKind::Word {
                self.keyword(token.text);
            }
            self.calling = is_word(self.last, b"CALL");
        }
        let name: Box<[u8]> = fold(self.letters, &plain(token)).into();
        if let Some(qualifier) = self.path.last() {
            self.body.pairs.insert((qualifier.clone(), name.clone()));
        }
        self.body.names.insert(name.clone());
        self.path.push(name);
    }

    /// The name is over; a parenthesis behind it makes it a call.
    fn path_ends(&mut self, parenthesis: bool) {
        if (parenthesis || self.calling)
            && let Some((name, rest)) = self.path.split_last()
        {
            let name = fold(LetterCase::Insensitive, name).into();
            self.body.calls.insert((rest.last().cloned(), name));
        }
        self.path.clear();
        self.calling = false;
    }

    /// A word that may be a keyword.
    fn keyword(&mut self, text: &[u8]) {
        let is = |words: &[&[u8]]| words.iter().any(|one| text.eq_ignore_ascii_case(one));
        self.body.writes |= is(WRITES);
        self.body.opaque |= is(OPAQUE);
        // CREATE and the like change the schema unless TEMPORARY follows, which is known a word
        // later: so it is the word after them that decides.
        let schema = SCHEMA.iter().any(|one| is_word(self.last, one));
        self.body.opaque |= schema && !text.eq_ignore_ascii_case(b"TEMPORARY");
    }
}

fn is_word(token: Option<Token<'_>>, word: &[u8]) -> bool {
    token
        .is_some_and(|token| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word))
}

/// A name without its quotes, doubled quotes made single.
fn plain(token: Token<'_>) -> Vec<u8> {
    let (TokenKind::Quoted, [quote, inner @ .., _]) = (token.kind, token.text) else {
        return token.text.to_vec();
    };
    let mut name = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        name.push(*byte);
        if byte == quote {
            bytes.next();
        }
    }
    name
}

/// Words that change rows; some also have harmless meanings (`FOR UPDATE`, the function REPLACE).
const WRITES: &[&[u8]] =
    &[b"INSERT", b"UPDATE", b"DELETE", b"REPLACE", b"LOAD", b"TRUNCATE", b"REPAIR"];

/// Words with which the text can do what it does not say.
const OPAQUE: &[&[u8]] =
    &[b"PREPARE", b"EXECUTE", b"IMMEDIATE", b"FLUSH", b"GRANT", b"REVOKE", b"INSTALL"];

/// Words that change the schema.
const SCHEMA: &[&[u8]] = &[b"CREATE", b"ALTER", b"DROP", b"RENAME"];

/// Names of one text that are kept; with more it stands for everything.
const NAMES_MAX: usize = 20_000;
