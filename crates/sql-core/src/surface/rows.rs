//! What the server's lists of variables and counters say with the door's values: as a query, or
//! as a patch for the rows of `SHOW`.
//!
//! It never changes a row that names something else. It cannot fail.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::patch::{Patch, Value};
use super::variable::Variable;
use super::words::{Words, is};
use super::{Native, View};
use crate::lexer::TokenKind;

/// A list of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    GlobalStatus,
    SessionStatus,
    GlobalVariables,
    SessionVariables,
}

impl Listing {
    /// The list that a table of `information_schema` or `performance_schema` holds.
    pub(super) fn of_table(name: &[u8]) -> Option<Self> {
        let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        if is(b"global_status") {
            Some(Self::GlobalStatus)
        } else if is(b"session_status") {
            Some(Self::SessionStatus)
        } else if is(b"global_variables") {
            Some(Self::GlobalVariables)
        } else if is(b"session_variables") {
            Some(Self::SessionVariables)
        } else {
            None
        }
    }

    /// The list that a `SHOW` prints, and where its words end.
    pub(super) fn of_show(words: &Words<'_>) -> Option<(Self, usize)> {
        let global = words.is(1, "global");
        let at = 1 + usize::from(global || words.is(1, "session") || words.is(1, "local"));
        let listing = if words.is(at, "status") {
            if global { Self::GlobalStatus } else { Self::SessionStatus }
        } else if words.is(at, "variables") {
            if global { Self::GlobalVariables } else { Self::SessionVariables }
        } else {
            return None;
        };
        Some((listing, at + 1))
    }
}

/// One of our values in a list.
struct Row {
    name: &'static str,
    value: String,
    kind: Kind,
}

/// How a row of ours meets the server's.
#[derive(PartialEq, Eq)]
enum Kind {
    /// The door's own; a server may not have it.
    Own,
    /// The server's, with another value.
    Instead,
    /// Added to the server's number.
    More,
}

fn rows(listing: Listing, view: &View<'_>) -> Vec<Row> {
    let own = |name, value| Row { name, value, kind: Kind::Own };
    let locals = (listing == Listing::SessionVariables).then_some(view.locals);
    let status = view.status;
    match listing {
        Listing::GlobalVariables | Listing::SessionVariables => Variable::all()
            .iter()
            .map(|(variable, name)| own(*name, variable.shown(view.globals, locals)))
            .collect(),
        Listing::GlobalStatus | Listing::SessionStatus => {
            let hits = match listing {
                Listing::GlobalStatus => status.hits_ever,
                _ => status.session_hits,
            };
            let counters = [
                ("Qcache_free_blocks", status.qcache.free_blocks),
                ("Qcache_free_memory", status.qcache.free_memory),
                ("Qcache_hits", status.qcache.hits),
                ("Qcache_inserts", status.qcache.inserts),
                ("Qcache_lowmem_prunes", status.qcache.lowmem_prunes),
                ("Qcache_not_cached", status.qcache.not_cached),
                ("Qcache_queries_in_cache", status.qcache.queries_in_cache),
                ("Qcache_total_blocks", status.qcache.total_blocks),
            ];
            let counters = counters.map(|(name, value)| own(name, value.to_string()));
            let more = ["Com_select", "Queries", "Questions"].map(|name| Row {
                name,
                value: hits.to_string(),
                kind: Kind::More,
            });
            let cost = view.after_hit.then(|| Row {
                name: "Last_query_cost",
                value: "0.000000".to_owned(),
                kind: Kind::Instead,
            });
            counters.into_iter().chain(more).chain(cost).collect()
        }
    }
}

/// A query with the columns of `table`, our values in it.
pub(super) fn derived(listing: Listing, table: &str, view: &View<'_>) -> String {
    let rows = rows(listing, view);
    let schema = match view.native {
        Native::Known => "information_schema",
        Native::Removed => "performance_schema",
    };
    let mut query = String::from("SELECT VARIABLE_NAME, CASE VARIABLE_NAME");
    for row in &rows {
        let shown = match row.kind {
            Kind::Own if view.native == Native::Removed => continue,
            Kind::Own | Kind::Instead => format!("'{}'", row.value),
            Kind::More => format!("VARIABLE_VALUE + {}", row.value),
        };
        query.push_str(&format!(" WHEN '{}' THEN {shown}", row.name));
    }
    let table = table.replace('`', "``");
    query.push_str(" WHEN '' THEN '' ELSE VARIABLE_VALUE END AS VARIABLE_VALUE FROM ");
    query.push_str(&format!("{schema}.`{table}`"));
    for row in rows.iter().filter(|row| row.kind == Kind::Own && view.native == Native::Removed) {
        query.push_str(&format!(" UNION ALL SELECT '{}', '{}'", row.name, row.value));
    }
    query
}

/// The patch for the rows of a `SHOW`; `rest` is where its `LIKE` or `WHERE` starts.
pub(super) fn patch(listing: Listing, words: &Words<'_>, rest: usize, view: &View<'_>) -> Patch {
    let values = rows(listing, view).into_iter().map(|row| {
        let value = match row.kind {
            Kind::More => Value::More(row.value.parse().unwrap_or(0)),
            _ => Value::Is {
                append: view.native == Native::Removed
                    && row.kind == Kind::Own
                    && selects(words, rest, row.name),
                name: row.name.as_bytes().to_vec(),
                value: row.value.into_bytes(),
            },
        };
        (row.name.to_ascii_lowercase().into_bytes(), value)
    });
    Patch::new(values.collect())
}

/// Whether a `SHOW` that goes on at `rest` would print this name, if the server had it.
fn selects(words: &Words<'_>, rest: usize, name: &str) -> bool {
    let mut at = rest;
    if words.tokens.len() == at {
        return true;
    }
    let by_name = words.is(at, "where") && words.is(at + 1, "variable_name");
    at += if by_name { 2 } else { 0 };
    let Some(token) = words.tokens.get(at) else { return false };
    let literals = words.tokens.get(at + 1..).unwrap_or_default();
    let texts = || {
        literals
            .iter()
            .filter(|token| token.kind == TokenKind::Text)
            .filter_map(|token| token.text.get(1..token.text.len().saturating_sub(1)))
    };
    if is(token, "like") {
        literals.len() == 1 && texts().any(|pattern| like(pattern, name.as_bytes()))
    } else if by_name && (is(token, "in") || token.kind == TokenKind::Punctuation(b'=')) {
        texts().any(|text| text.eq_ignore_ascii_case(name.as_bytes()))
    } else {
        false
    }
}

/// The server's `LIKE` for ASCII names, in any case: `%`, `_`, and `\` before either.
pub(super) fn like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let (escaped, byte) = match pattern.get(p) {
            Some(b'\\') => (true, pattern.get(p + 1)),
            byte => (false, byte),
        };
        match byte {
            Some(b'%') if !escaped => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(byte)
                if (*byte == b'_' && !escaped)
                    || name.get(n).is_some_and(|own| own.eq_ignore_ascii_case(byte)) =>
            {
                p += 1 + usize::from(escaped);
                n += 1;
            }
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (p, n) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'%')
}
