//! Tokens of a statement, as the server sees them: `sql_mode`, character set, comments.
//!
//! Follows the server's own lexer (MariaDB `sql/sql_lex.cc`, `lex_one_token`) where it decides
//! what is text, comment, quoted name, number and word. It never allocates, never looks at
//! meanings and never fails: what the server would reject becomes [`TokenKind::Broken`]. Tokens
//! come in order and do not overlap; what lies between two of them is blanks only.

use scan::Scan;

mod scan;
#[cfg(test)]
pub(crate) mod tests;

/// What a session's text is read by: facts of the server's last status word and of tracked
/// variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// `sql_mode` has `ANSI_QUOTES`: `"x"` is a name, not a text.
    pub ansi_quotes: bool,
    /// `sql_mode` has `NO_BACKSLASH_ESCAPES`: a backslash in a text is a backslash.
    pub no_backslash_escapes: bool,
    /// `sql_mode` has `ORACLE` or `MSSQL`: other quotes and words; nothing read is certain but a
    /// SELECT that uses none of them.
    pub foreign_grammar: bool,
    /// The class of `character_set_client`.
    pub charset: Charset,
    /// Whose executable comments (`/*!50000 … */`) count as text.
    pub server: Server,
}

/// What the lexer must know of `character_set_client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `utf8`, `utf8mb3`, `utf8mb4`, `ascii`: names are bytes of the catalog's names.
    Utf8,
    /// One byte a character, or several whose later bytes are never quotes or backslashes
    /// (`latin1`, `cp1251`, `ujis`, `euckr`, …): names beyond ASCII would need a conversion.
    Other,
    /// A later byte of a character may be a backslash or a quote (`sjis`, `cp932`, `gbk`, `big5`,
    /// `gb18030`) or the set is not known: beyond ASCII nothing is certain.
    Ambiguous,
}

/// The server's dialect and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Which grammar.
    pub dialect: Dialect,
    /// The version as executable comments write it: 10.11.19 is 101119, 8.0.36 is 80036; 0 when
    /// it is not known (then a statement with an executable comment is not certain).
    pub version: u32,
}

/// Which server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// MariaDB.
    Mariadb,
    /// MySQL and Percona Server.
    Mysql,
}

/// One token: its kind and its bytes as written, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Where it starts in the statement, in bytes.
    pub start: usize,
    /// Its bytes as written.
    pub text: &'a [u8],
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or keyword without quotes.
    Word,
    /// A name in backquotes, or in double quotes with `ANSI_QUOTES`.
    Quoted,
    /// A text literal, with its prefix `N` if it has one.
    Text,
    /// A number, `0x…`, `0b…`, `x'…'` or `b'…'`.
    Number,
    /// `?`.
    Parameter,
    /// `@name` (also the host part of an account name).
    UserVariable,
    /// `@@name`, `@@scope.name`.
    SystemVariable,
    /// A comment the server does not execute, hints included.
    Comment,
    /// `/*!` or `/*M!` with its version, of a comment whose content the server executes.
    ExecutableOpen,
    /// `*/` of such a comment.
    ExecutableClose,
    /// Any other byte.
    Punctuation(u8),
    /// From here on the server finds no end: an open text, name or comment.
    Broken,
}

/// The tokens of a statement.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    scan: Scan<'a>,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], mode: Mode) -> Self {
        Self { scan: Scan::new(bytes, mode) }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        self.scan.token()
    }
}

impl Mode {
    /// The mode that `sql_mode` (as the server reports it, `A,B,C`) and `character_set_client` say.
    #[must_use]
    pub fn new(sql_mode: &[u8], character_set_client: &[u8], server: Server) -> Self {
        let has = |wanted: &[u8]| {
            sql_mode.split(|byte| *byte == b',').any(|one| one.eq_ignore_ascii_case(wanted))
        };
        Self {
            ansi_quotes: has(b"ANSI_QUOTES"),
            no_backslash_escapes: has(b"NO_BACKSLASH_ESCAPES"),
            foreign_grammar: has(b"ORACLE") || has(b"MSSQL"),
            charset: Charset::of(character_set_client),
            server,
        }
    }
}

impl Charset {
    /// The class of a character set by its name.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let is = |wanted: &&[u8]| name.eq_ignore_ascii_case(wanted);
        if UTF8.iter().any(is) {
            Self::Utf8
        } else if OTHER.iter().any(is) {
            Self::Other
        } else {
            Self::Ambiguous
        }
    }
}

impl Server {
    /// Dialect and version from the version text of the greeting (`5.5.5-10.11.19-MariaDB-…`,
    /// `8.0.36`).
    #[must_use]
    pub fn of(greeting: &[u8]) -> Self {
        let mariadb = memchr::memmem::find(greeting, b"MariaDB").is_some();
        let dialect = if mariadb { Dialect::Mariadb } else { Dialect::Mysql };
        // Old clients took 10 for 1, so MariaDB 10 puts a 5.5.5- in front.
        let text = match greeting.strip_prefix(b"5.5.5-") {
            Some(rest) if mariadb => rest,
            _ => greeting,
        };
        let mut parts = text.split(|byte| !byte.is_ascii_digit()).map(|digits| {
            digits.iter().try_fold(0_u32, |sum, digit| {
                Some(sum).filter(|sum| *sum < 100).map(|sum| sum * 10 + u32::from(digit & 15))
            })
        });
        let mut part = || parts.next().flatten();
        let version = match (part(), part(), part()) {
            (Some(major), Some(minor), Some(patch)) if minor < 100 && patch < 100 => {
                major * 10_000 + minor * 100 + patch
            }
            _ => 0,
        };
        Self { dialect, version }
    }
}

const UTF8: &[&[u8]] = &[b"utf8mb4", b"utf8mb3", b"utf8", b"ascii", b"us-ascii"];

/// Their characters' later bytes, if any, are never below 0x80 or only letters.
const OTHER: &[&[u8]] = &[
    b"latin1",
    b"latin2",
    b"latin5",
    b"latin7",
    b"binary",
    b"cp1250",
    b"cp1251",
    b"cp1256",
    b"cp1257",
    b"cp850",
    b"cp852",
    b"cp866",
    b"dec8",
    b"geostd8",
    b"greek",
    b"hebrew",
    b"hp8",
    b"keybcs2",
    b"koi8r",
    b"koi8u",
    b"macce",
    b"macroman",
    b"armscii8",
    b"tis620",
    b"ujis",
    b"eucjpms",
    b"euckr",
    b"gb2312",
];
