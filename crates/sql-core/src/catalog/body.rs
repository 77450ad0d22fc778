//! What a stored text names: the definition of a view, the body of a routine, trigger or event.
//!
//! Not parsed, only cut into tokens: every identifier is a candidate for a table, everything before
//! a parenthesis for a routine. A superset is safe; a text that builds statements at run time is
//! [`Body::dynamic`] and stands for everything.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// How the server reads a stored text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyMode {
    /// `"a"` is an identifier (`sql_mode` has ANSI_QUOTES).
    pub ansi_quotes: bool,
    /// `\` is a character like others (`sql_mode` has NO_BACKSLASH_ESCAPES).
    pub no_backslash_escapes: bool,
}

/// What a stored text names, as far as tokens show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Candidates for tables: qualifier as written or of the text's own database, and name.
    pub names: Vec<(Box<str>, Box<str>)>,
    /// What stands before a parenthesis or after CALL: database if written, and name.
    pub calls: Vec<(Option<Box<str>>, Box<str>)>,
    /// Whether it has a word with which rows or schema could be changed.
    pub writes: bool,
    /// Whether it builds statements at run time, or could not be read.
    pub dynamic: bool,
}
