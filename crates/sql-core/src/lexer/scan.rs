//! The lexer's steps over bytes.
//!
//! Where the server's lexer would stop at a NUL, or find no end, the rest of the text is one
//! [`TokenKind::Broken`]: nobody can say what the server makes of it.

use memchr::{memchr, memchr2};

use super::{Dialect, Mode, Token, TokenKind};

/// The place in the statement.
#[derive(Clone, Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    mode: Mode,
    /// Inside a comment whose content is executed; the server keeps one bit, not a depth.
    executable: bool,
    /// A dot was just read that makes the next bytes a name, even if they look like a number.
    name_follows: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8], mode: Mode) -> Self {
        Self { bytes, at: 0, mode, executable: false, name_follows: false }
    }

    #[inline]
    pub(super) fn token(&mut self) -> Option<Token<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| class(**byte) == BLANK).count();
        let start = self.at + blanks;
        let rest = rest.get(blanks..)?;
        let first = *rest.first()?;
        let named = core::mem::take(&mut self.name_follows) && blanks == 0;
        let (kind, len) = match class(first) {
            WORD => self.word(rest),
            DIGIT if named => self.word(rest),
            DIGIT => number(rest),
            PLAIN => (TokenKind::Punctuation(first), 1),
            _ => self.odd(rest, first, named),
        };
        self.at = start + len;
        Some(Token { kind, start, text: rest.get(..len)? })
    }

    #[inline]
    fn word(&mut self, rest: &[u8]) -> (TokenKind, usize) {
        let len = word_len(rest);
        match rest.get(len) {
            // The server keeps the dot for the name only when a name can follow at once.
            Some(b'.') => self.name_follows = rest.get(len + 1).copied().is_some_and(in_word),
            Some(b'\'') if len == 1 => match rest.first() {
                Some(b'n' | b'N') => return self.text_from(rest, 1, TokenKind::Text),
                Some(b'x' | b'X' | b'b' | b'B') => {
                    return self.text_from(rest, 1, TokenKind::Number);
                }
                _ => (),
            },
            _ => (),
        }
        (TokenKind::Word, len)
    }

    fn odd(&mut self, rest: &[u8], first: u8, named: bool) -> (TokenKind, usize) {
        let second = rest.get(1).copied().unwrap_or(0);
        match first {
            b'\'' => self.text_from(rest, 0, TokenKind::Text),
            b'"' if !self.mode.ansi_quotes => self.text_from(rest, 0, TokenKind::Text),
            b'"' | b'`' => quoted(rest, first),
            b'.' => self.dot(rest, second, named),
            b'?' => (TokenKind::Parameter, 1),
            b'@' => self.variable(rest, second),
            b'#' => (TokenKind::Comment, line_len(rest)),
            b'-' if second == b'-' && rest.get(2).is_none_or(|byte| blank_or_control(*byte)) => {
                (TokenKind::Comment, line_len(rest))
            }
            b'/' if second == b'*' => self.comment(rest),
            b'*' if second == b'/' && self.executable => {
                self.executable = false;
                (TokenKind::ExecutableClose, 2)
            }
            _ => (TokenKind::Punctuation(first), 1),
        }
    }

    fn dot(&mut self, rest: &[u8], second: u8, named: bool) -> (TokenKind, usize) {
        if named {
            // Of a word: the flag is for what follows the dot.
            self.name_follows = true;
            return (TokenKind::Punctuation(b'.'), 1);
        }
        if second.is_ascii_digit() {
            return (TokenKind::Number, 1 + fraction_len(rest.get(1..).unwrap_or_default()));
        }
        (TokenKind::Punctuation(b'.'), 1)
    }

    fn text_from(&self, rest: &[u8], prefix: usize, kind: TokenKind) -> (TokenKind, usize) {
        let quote = rest.get(prefix).copied().unwrap_or(b'\'');
        let mut at = prefix + 1;
        while let Some(tail) = rest.get(at..) {
            let found = if self.mode.no_backslash_escapes {
                memchr(quote, tail)
            } else {
                memchr2(quote, b'\\', tail)
            };
            let Some(found) = found else { break };
            at += found;
            let escapes = rest.get(at) == Some(&b'\\') || rest.get(at + 1) == Some(&quote);
            if !escapes {
                return (kind, at + 1);
            }
            at += 2;
        }
        (TokenKind::Broken, rest.len())
    }

    fn variable(&self, rest: &[u8], second: u8) -> (TokenKind, usize) {
        let (kind, prefix) = match second {
            b'@' => (TokenKind::SystemVariable, 2),
            _ => (TokenKind::UserVariable, 1),
        };
        let name = rest.get(prefix..).unwrap_or_default();
        let (inner, len) = match name.first() {
            Some(b'`') => quoted(name, b'`'),
            Some(b'"') if self.mode.ansi_quotes => quoted(name, b'"'),
            Some(b'"' | b'\'') if prefix == 1 => self.text_from(name, 0, TokenKind::Text),
            _ => (kind, name.iter().take_while(|byte| in_word(**byte) || **byte == b'.').count()),
        };
        (if inner == TokenKind::Broken { inner } else { kind }, prefix + len)
    }

    fn comment(&mut self, rest: &[u8]) -> (TokenKind, usize) {
        let maria = self.mode.server.dialect == Dialect::Mariadb;
        let (marker, of_maria) = match rest.get(2..4) {
            Some([b'!', _]) => (3, false),
            Some(b"M!") if maria => (4, true),
            _ => return plain_comment(rest, 2, 0),
        };
        let digits = rest.get(marker..).unwrap_or_default();
        // MySQL takes a sixth digit only when a blank follows.
        let most =
            if maria || digits.get(6).is_some_and(|byte| class(*byte) == BLANK) { 6 } else { 5 };
        let digits = digits.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let number = rest.get(marker..marker + digits).unwrap_or_default();
        let version = number.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit & 15));
        let known = self.mode.server.version;
        let taken = digits < 5
            || (version <= known && (!maria || of_maria || !(50_700..=99_999).contains(&version)));
        if !taken {
            return plain_comment(rest, marker, 1);
        }
        self.executable = true;
        (TokenKind::ExecutableOpen, if digits < 5 { marker } else { marker + digits })
    }
}

/// Whether a byte may stand in a name without quotes.
#[inline]
pub(super) fn in_word(byte: u8) -> bool {
    class(byte) >= WORD
}

fn word_len(rest: &[u8]) -> usize {
    rest.iter().take_while(|byte| in_word(**byte)).count()
}

/// A number, or a name that starts with a digit (`lex_one_token`, `MY_LEX_NUMBER_IDENT`).
fn number(rest: &[u8]) -> (TokenKind, usize) {
    let byte = |at: usize| rest.get(at).copied().unwrap_or(0);
    let word = word_len(rest);
    let prefixed = match (byte(0), byte(1)) {
        (b'0', b'x') => rest.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit()).count(),
        (b'0', b'b') => rest.iter().skip(2).take_while(|byte| matches!(byte, b'0' | b'1')).count(),
        _ => 0,
    };
    if prefixed > 0 && prefixed + 2 == word {
        return (TokenKind::Number, word);
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match byte(digits) {
        b'.' if byte(digits + 1) == b'.' => (TokenKind::Number, digits),
        b'.' => {
            let fraction = rest.get(digits + 1..).unwrap_or_default();
            (TokenKind::Number, digits + 1 + fraction_len(fraction))
        }
        b'e' | b'E' => {
            let sign = usize::from(matches!(byte(digits + 1), b'+' | b'-'));
            let exponent = rest.iter().skip(digits + 1 + sign);
            match exponent.take_while(|byte| byte.is_ascii_digit()).count() {
                0 => (TokenKind::Word, word),
                len => (TokenKind::Number, digits + 1 + sign + len),
            }
        }
        next if in_word(next) => (TokenKind::Word, word),
        _ => (TokenKind::Number, digits),
    }
}

/// The digits behind a dot and the exponent behind them.
fn fraction_len(rest: &[u8]) -> usize {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !matches!(rest.get(digits), Some(b'e' | b'E')) {
        return digits;
    }
    let sign = usize::from(matches!(rest.get(digits + 1), Some(b'+' | b'-')));
    let exponent = rest.iter().skip(digits + 1 + sign).take_while(|b| b.is_ascii_digit()).count();
    if exponent == 0 { digits } else { digits + 1 + sign + exponent }
}

/// A name in quotes; the server ends one at a NUL too, and takes one without an end.
fn quoted(rest: &[u8], quote: u8) -> (TokenKind, usize) {
    let mut at = 1;
    while let Some(found) = rest.get(at..).and_then(|tail| memchr2(quote, 0, tail)) {
        at += found;
        if rest.get(at) == Some(&0) {
            break;
        }
        if rest.get(at + 1) != Some(&quote) {
            return (TokenKind::Quoted, at + 1);
        }
        at += 2;
    }
    (TokenKind::Broken, rest.len())
}

/// A comment to the end of its line; the server goes on behind a NUL as if it were one.
fn line_len(rest: &[u8]) -> usize {
    memchr2(b'\n', 0, rest).unwrap_or(rest.len())
}

/// A comment in `/* */`; `inner` is how many may be open inside (`consume_comment`).
fn plain_comment(rest: &[u8], from: usize, inner: usize) -> (TokenKind, usize) {
    let mut at = from;
    let mut open = 0;
    while let Some(found) = rest.get(at..).and_then(|tail| memchr2(b'*', b'/', tail)) {
        at += found;
        match (rest.get(at), rest.get(at + 1)) {
            (Some(b'*'), Some(b'/')) => {
                at += 2;
                if open == 0 {
                    return (TokenKind::Comment, at);
                }
                open -= 1;
            }
            (Some(b'/'), Some(b'*')) if open < inner => {
                at += 2;
                open += 1;
            }
            _ => at += 1,
        }
    }
    (TokenKind::Broken, rest.len())
}

fn blank_or_control(byte: u8) -> bool {
    byte.is_ascii_control() || byte == b' '
}

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(PLAIN)
}

const PLAIN: u8 = 0;
const BLANK: u8 = 1;
const ODD: u8 = 2;
/// From here on: bytes of names.
const WORD: u8 = 3;
const DIGIT: u8 = 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [PLAIN; 256];
    let mut byte = 0_u8;
    loop {
        let class = match byte {
            b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' => BLANK,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | 0x80..=0xff => WORD,
            b'0'..=b'9' => DIGIT,
            b'\'' | b'"' | b'`' | b'.' | b'?' | b'@' | b'#' | b'-' | b'/' | b'*' => ODD,
            _ => PLAIN,
        };
        table[byte as usize] = class;
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}
