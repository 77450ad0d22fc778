//! What is wrong with a text, and where. Problems quote untrusted text only escaped and shortened.

use std::borrow::Cow;
use std::ops::Range;

use menshen_base::{Finding, Severity};

#[cfg(test)]
mod tests;

/// One thing wrong with a configuration text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable code, kebab-case, such as `config-unknown-key`.
    pub code: &'static str,
    /// [`Severity::Error`]: there is no configuration. [`Severity::Warning`]: there is.
    pub severity: Severity,
    /// Line, from 1; 0 when the problem is about the text as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 when the problem is about the text as a whole.
    pub column: usize,
    /// Bytes of the text that are marked; empty marks a place between two bytes.
    pub span: Range<usize>,
    /// The fact: lower case, no final period.
    pub message: String,
    /// What to do; empty when there is nothing to say.
    pub hint: String,
    /// Dotted name of the key it is about; empty when there is none.
    pub key: String,
}

impl Problem {
    /// The problem as a finding about `file_name`, for `check --json` and the log.
    #[must_use]
    pub fn finding(&self, file_name: &str) -> Finding {
        let place = match self.line {
            0 => file_name.to_owned(),
            line => format!("{file_name}:{line}:{}", self.column),
        };
        let subject = if self.key.is_empty() { place.clone() } else { self.key.clone() };
        Finding::new(self.code, self.severity, subject, self.message.clone())
            .hint(self.hint.clone())
            .evidence("configuration", place, self.message.clone())
    }
}

/// Problems as they are found; a bounded number of them.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    left_out: usize,
    errors: usize,
}

impl Problems {
    /// Notes an error; the answer lets a hint be added.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        key: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Hinted<'_> {
        self.errors += 1;
        self.push(code, Severity::Error, key, span, message.into())
    }

    /// Notes a warning.
    pub(crate) fn warning(
        &mut self,
        key: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Hinted<'_> {
        self.push(code::DOUBTFUL, Severity::Warning, key, span, message.into())
    }

    /// How many errors were noted, also those left out.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    /// Whether further problems are only counted: then a costly hint is wasted.
    pub(crate) const fn is_full(&self) -> bool {
        self.found.len() >= PROBLEMS_MAX
    }

    /// All problems in the order of the text, with line and column.
    pub(crate) fn into_sorted(self, text: &str) -> Vec<Problem> {
        let mut found = self.found;
        found.sort_by_key(|problem| (problem.span.start, problem.span.end));
        for problem in found.iter_mut().filter(|problem| problem.code != code::TOO_LARGE) {
            (problem.line, problem.column) = position(text, problem.span.start);
        }
        if self.left_out > 0 {
            found.push(Problem {
                code: code::TOO_MANY,
                severity: Severity::Error,
                line: 0,
                column: 0,
                span: text.len()..text.len(),
                message: format!("{} more problems are not shown", self.left_out),
                hint: String::new(),
                key: String::new(),
            });
        }
        found
    }

    fn push(
        &mut self,
        code: &'static str,
        severity: Severity,
        key: &str,
        span: Range<usize>,
        message: String,
    ) -> Hinted<'_> {
        if self.is_full() {
            self.left_out += 1;
            return Hinted(None);
        }
        let (key, hint) = (key.to_owned(), String::new());
        self.found.push(Problem { code, severity, line: 0, column: 0, span, message, hint, key });
        Hinted(self.found.last_mut())
    }
}

/// A problem just noted; `None` when there were too many to keep.
pub(crate) struct Hinted<'a>(Option<&'a mut Problem>);

impl Hinted<'_> {
    /// Adds what to do.
    pub(crate) fn hint(self, hint: impl Into<String>) {
        if let Some(problem) = self.0 {
            problem.hint = hint.into();
        }
    }
}

/// Text in quotes, escaped and shortened, so that no file can write to a terminal through us.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for (index, c) in text.chars().enumerate() {
        if index == QUOTED_CHARS_MAX {
            quoted.push('…');
            break;
        }
        match c {
            '\'' => quoted.push(c),
            c => quoted.extend(c.escape_debug()),
        }
    }
    quoted.push('"');
    quoted
}

/// Line and column, both from 1, of a byte offset; offsets inside a character count as its start.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let offset = text.floor_char_boundary(offset);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let in_line = before[line_start..].trim_start_matches(BYTE_ORDER_MARK);
    (line, in_line.chars().count() + 1)
}

/// Bytes as text; where they are no UTF-8, with stand-ins and the problem of the first of them.
pub(crate) fn decoded(bytes: &[u8]) -> (Cow<'_, str>, Option<Problem>) {
    let text = String::from_utf8_lossy(bytes);
    let Err(error) = str::from_utf8(bytes) else { return (text, None) };
    let start = error.valid_up_to();
    let mut problems = Problems::default();
    let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
    let message = format!("byte {:#04x} is not UTF-8", bytes[start]);
    problems.error(code::NOT_UTF8, "", span, message).hint("save the file in the encoding UTF-8");
    let problem = problems.into_sorted(&text).pop();
    (text, problem)
}

/// Codes of problems.
pub(crate) mod code {
    pub(crate) const SYNTAX: &str = "config-syntax";
    pub(crate) const UNKNOWN_KEY: &str = "config-unknown-key";
    pub(crate) const UNKNOWN_TABLE: &str = "config-unknown-table";
    pub(crate) const MISSING: &str = "config-missing-key";
    pub(crate) const TYPE: &str = "config-wrong-type";
    pub(crate) const RANGE: &str = "config-out-of-range";
    pub(crate) const VALUE: &str = "config-bad-value";
    pub(crate) const DUPLICATE: &str = "config-duplicate";
    pub(crate) const CONTRADICTION: &str = "config-contradiction";
    pub(crate) const DOUBTFUL: &str = "config-doubtful";
    pub(crate) const TOO_LARGE: &str = "config-too-large";
    pub(crate) const TOO_MANY: &str = "config-too-many-problems";
    pub(crate) const NOT_UTF8: &str = "config-not-utf8";
}

/// Editors of other systems put it before the first line; it is no column.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

const PROBLEMS_MAX: usize = 200;
const QUOTED_CHARS_MAX: usize = 60;
