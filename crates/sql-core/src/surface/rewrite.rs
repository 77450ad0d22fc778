//! Statements that mention the cache's variables or counters, rewritten so that the server
//! computes with the door's values: `@@query_cache_*`, and the tables of variables and counters in
//! `information_schema` and `performance_schema`.
//!
//! A column keeps the name that the server would have given. It never changes a statement that
//! does not mention them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::accounts::Statistics;
use super::rows::{self, Listing};
use super::variable::Scope;
use super::words::{Words, is, name, variable};
use super::{Native, View};
use crate::lexer::{Mode, Token, TokenKind};

/// A statement with ours replaced; `None` when it mentions none.
pub(super) fn rewritten(words: &Words<'_>, view: &View<'_>) -> Option<Vec<u8>> {
    let whole = 0..words.tokens.len();
    let mut changes = variables(words, &whole, view);
    changes.extend(columns(words, view));
    changes.sort_by_key(|change| change.at.start);
    let tables = tables(words, view);
    if words.is(0, "select") && !(changes.is_empty() && tables.is_empty()) {
        changes.extend(names(words, &changes, &tables));
    }
    changes.extend(tables);
    if changes.is_empty() {
        return None;
    }
    changes.sort_by_key(|change| (change.at.start, change.at.end));
    Some(applied(words.bytes, 0..words.bytes.len(), &changes))
}

/// The bytes of some tokens with our variables replaced by their values.
pub(super) fn substituted(words: &Words<'_>, range: &Range<usize>, view: &View<'_>) -> Vec<u8> {
    let text = words.text(range);
    let Some(first) = words.tokens.get(range.start) else { return text.to_vec() };
    let changes = variables(words, range, view);
    applied(words.bytes, first.start..first.start + text.len(), &changes)
}

/// A text literal of the session, in whatever character set the bytes are.
pub(super) fn quoted(text: &[u8], mode: Mode) -> Vec<u8> {
    let mut literal = Vec::with_capacity(text.len() + 2);
    literal.push(b'\'');
    for byte in text {
        match byte {
            b'\'' => literal.extend(b"''"),
            b'\\' if !mode.no_backslash_escapes => literal.extend(b"\\\\"),
            0 => literal.push(b' '),
            byte => literal.push(*byte),
        }
    }
    literal.push(b'\'');
    literal
}

/// The statement without comments, and with one blank for all that separates two words: what
/// `query_cache_strip_comments` compares (`sql/sql_cache.cc`, `make_base_query`).
pub(super) fn stripped(words: &Words<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(words.bytes.len());
    let mut end = None;
    for token in &words.tokens {
        if end.is_some_and(|end| end < token.start) {
            out.push(b' ');
        }
        out.extend_from_slice(token.text);
        end = Some(token.start + token.text.len());
    }
    out
}

/// The statement without `SQL_CACHE` and `SQL_NO_CACHE` where they are keywords.
pub(super) fn without_keywords(words: &Words<'_>) -> Option<Vec<u8>> {
    let mut changes = Vec::new();
    for at in 0..words.tokens.len() {
        if !words.is(at, "select") {
            continue;
        }
        let mut next = at + 1;
        while let Some(token) = words.tokens.get(next) {
            if is(token, "sql_cache") || is(token, "sql_no_cache") {
                let end = words.tokens.get(next + 1).map_or(words.bytes.len(), |next| next.start);
                changes.push(Change { at: token.start..end, text: String::new() });
            } else if !MODIFIERS.iter().any(|word| is(token, word)) {
                break;
            }
            next += 1;
        }
    }
    (!changes.is_empty()).then(|| applied(words.bytes, 0..words.bytes.len(), &changes))
}

/// Bytes of the statement that become others.
#[derive(Debug)]
struct Change {
    at: Range<usize>,
    text: String,
}

fn applied(bytes: &[u8], range: Range<usize>, changes: &[Change]) -> Vec<u8> {
    let mut out = Vec::with_capacity(range.len() + 64);
    let mut from = range.start;
    for change in changes {
        out.extend_from_slice(bytes.get(from..change.at.start).unwrap_or_default());
        out.extend_from_slice(change.text.as_bytes());
        from = change.at.end;
    }
    out.extend_from_slice(bytes.get(from..range.end).unwrap_or_default());
    out
}

fn variables(words: &Words<'_>, range: &Range<usize>, view: &View<'_>) -> Vec<Change> {
    let tokens = words.tokens.get(range.clone()).unwrap_or_default();
    let changes = tokens.iter().filter_map(|token| {
        let (scope, variable) = variable(token)?;
        // The server's own error says that there is no such value.
        if scope == Scope::Session && !variable.is_of_sessions() && view.native == Native::Known {
            return None;
        }
        let text = variable.expression(view, scope);
        Some(Change { at: token.start..token.start + token.text.len(), text })
    });
    changes.collect()
}

/// The names of columns of the first select list in which something was replaced, and of those of
/// replaced tables: a table's column has the name as the statement writes it, a query's its own.
fn names(words: &Words<'_>, changes: &[Change], tables: &[Change]) -> Vec<Change> {
    let mut depth = 0_usize;
    let end = words.tokens.iter().position(|token| {
        match token.kind {
            TokenKind::Punctuation(b'(') => depth += 1,
            TokenKind::Punctuation(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && AFTER_LIST.iter().any(|word| is(token, word))
    });
    let end = end.unwrap_or(words.tokens.len());
    let modifier = |token: &Token<'_>| {
        MODIFIERS.iter().chain(&["sql_cache", "sql_no_cache"]).any(|word| is(token, word))
    };
    let start = (1..end).find(|at| !words.tokens.get(*at).is_some_and(modifier)).unwrap_or(end);
    let parts = words.parts(start..end);
    let named = parts.into_iter().filter_map(|part| {
        let text = words.text(&part);
        let first = words.tokens.get(part.start)?.start;
        let place = first + text.len();
        let changed = changes.iter().any(|change| (first..place).contains(&change.at.start));
        let column = column(words, &part).filter(|_| !tables.is_empty());
        let shown = core::str::from_utf8(column.unwrap_or(text)).ok()?;
        if !(changed || column.is_some()) || shown.len() > NAME_MAX || has_alias(words, &part) {
            return None;
        }
        let text = format!(" AS `{}`", shown.replace('`', "``"));
        Some(Change { at: place..place, text })
    });
    named.collect()
}

/// The name in a part of a select list that is nothing but a column of a listing, `t.x` or `x`.
fn column<'a>(words: &Words<'a>, part: &Range<usize>) -> Option<&'a [u8]> {
    let written = match part.len() {
        1 => name(words.tokens.get(part.start)?)?,
        3 if words.is_byte(part.start + 1, b'.') => name(words.tokens.get(part.start + 2)?)?,
        _ => return None,
    };
    let columns = [&b"VARIABLE_NAME"[..], b"VARIABLE_VALUE"];
    columns.iter().any(|one| written.eq_ignore_ascii_case(one)).then_some(written)
}

/// Whether a column of a select list has a name given.
fn has_alias(words: &Words<'_>, part: &Range<usize>) -> bool {
    let tokens = words.tokens.get(part.clone()).unwrap_or_default();
    let mut depth = 0_usize;
    for token in tokens {
        match token.kind {
            TokenKind::Punctuation(b'(') => depth += 1,
            TokenKind::Punctuation(b')') => depth = depth.saturating_sub(1),
            _ if depth == 0 && is(token, "as") => return true,
            _ => {}
        }
    }
    let [.., before, last] = tokens else { return false };
    let names = matches!(last.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Text);
    let ends_value = match before.kind {
        TokenKind::Punctuation(byte) => byte == b')',
        TokenKind::Word => !OPERATORS.iter().any(|word| is(before, word)),
        _ => true,
    };
    names && ends_value && !CLOSERS.iter().any(|word| is(last, word))
}

/// The tables of variables and counters, each replaced by a query that has our values.
fn tables(words: &Words<'_>, view: &View<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for at in 0..words.tokens.len() {
        let (Some(schema), Some(table)) = (words.tokens.get(at), words.tokens.get(at + 2)) else {
            break;
        };
        let (Some(schema), Some(written)) = (name(schema), name(table)) else { continue };
        let is_schema = schema.eq_ignore_ascii_case(match view.native {
            Native::Known => b"information_schema".as_slice(),
            Native::Removed => b"performance_schema".as_slice(),
        });
        if !is_schema || !words.is_byte(at + 1, b'.') {
            continue;
        }
        let Some(listing) = Listing::of_table(written) else { continue };
        if words.is_byte(at + 3, b'.') {
            // A column with all its qualifiers: no table can be put in its place.
            return Vec::new();
        }
        let from = words.tokens.get(at).map_or(0, |token| token.start);
        let alias = if aliased(words, at + 3) {
            String::new()
        } else {
            format!(" AS `{}`", String::from_utf8_lossy(written))
        };
        let query = rows::derived(listing, &String::from_utf8_lossy(written), view);
        changes.push(Change {
            at: from..table.start + table.text.len(),
            text: format!("({query}){alias}"),
        });
    }
    changes
}

/// The columns of statistics that hits change, in a statement on one of those tables.
fn columns(words: &Words<'_>, view: &View<'_>) -> Vec<Change> {
    let is_schema = |at: usize| words.is(at, "information_schema") && words.is_byte(at + 1, b'.');
    let table = (0..words.tokens.len())
        .filter(|at| is_schema(*at))
        .find_map(|at| Statistics::of_table(name(words.tokens.get(at + 2)?)?));
    let Some(table) = table else { return Vec::new() };
    let named = words.tokens.iter().enumerate().filter_map(|(at, token)| {
        let qualified = at.checked_sub(1).is_some_and(|before| words.is_byte(before, b'.'));
        let text = table.expression(name(token)?, &view.accounts).filter(|_| !qualified)?;
        Some(Change { at: token.start..token.start + token.text.len(), text })
    });
    named.collect()
}

/// Whether a table reference that ends before `at` is given another name there.
fn aliased(words: &Words<'_>, at: usize) -> bool {
    words.tokens.get(at).is_some_and(|token| match token.kind {
        TokenKind::Quoted => true,
        TokenKind::Word => !AFTER_TABLE.iter().any(|word| is(token, word)),
        _ => false,
    })
}

/// What may stand between SELECT and its list.
const MODIFIERS: &[&str] = &[
    "all",
    "distinct",
    "distinctrow",
    "high_priority",
    "straight_join",
    "sql_small_result",
    "sql_big_result",
    "sql_buffer_result",
    "sql_calc_found_rows",
];

/// What ends a select list.
const AFTER_LIST: &[&str] = &[
    "from",
    "into",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "union",
    "except",
    "intersect",
    "procedure",
    "for",
    "lock",
    "offset",
    "fetch",
    "window",
];

/// What follows a table that has no other name.
const AFTER_TABLE: &[&str] = &[
    "where",
    "group",
    "having",
    "order",
    "limit",
    "union",
    "except",
    "intersect",
    "procedure",
    "for",
    "lock",
    "offset",
    "fetch",
    "window",
    "join",
    "inner",
    "left",
    "right",
    "cross",
    "natural",
    "straight_join",
    "on",
    "using",
    "into",
    "use",
    "ignore",
    "force",
    "partition",
];

/// Words after which a value follows, not a name.
const OPERATORS: &[&str] = &[
    "and", "or", "xor", "not", "is", "like", "rlike", "regexp", "in", "between", "div", "mod",
    "binary", "case", "when", "then", "else", "interval", "collate", "escape", "sounds",
    "distinct",
];

/// Words that end an expression and are no names.
const CLOSERS: &[&str] = &["end", "null", "true", "false", "unknown"];

/// The longest name of a column that the server takes as an alias, bytes.
const NAME_MAX: usize = 255;
