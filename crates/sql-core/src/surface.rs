//! The statements and variables of the query cache that the door answers itself: `query_cache_*`,
//! `Qcache_*`, `RESET`/`FLUSH QUERY CACHE`, `EXPLAIN CACHE`, `SHOW QUERY CACHE`, and the keywords
//! `SQL_CACHE`/`SQL_NO_CACHE` for servers that no longer know them.
//!
//! Sans IO: [`look`] reads a statement and yields a [`Plan`]; the caller does what each [`Step`]
//! says on the session's own server link and hands back what came. It never grants what the server
//! would refuse: every global change is carried by a statement that needs the same right, and takes
//! effect only after the server's OK. Values, warnings and errors follow MariaDB's
//! `sql/sys_vars.cc` and `sql/set_var.cc`. Statements inside stored programs run in the server and
//! are not seen here: there the server's own variables answer.
//!
//! It cannot fail: what it does not understand it leaves to the server (`None`).

mod accounts;
mod assign;
mod patch;
mod rewrite;
mod rows;
mod settings;
mod variable;
mod words;

use alloc::vec::Vec;

pub use accounts::{AccountHits, Accounts};
pub use patch::{Format, Patch};
pub use settings::{Globals, Locals, Qcache, Setting, Status};

use crate::lexer::{Mode, TokenKind};
use assign::Assignments;
use rows::Listing;
use words::Words;

/// What a server has of the query cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// MariaDB, MySQL up to 5.7: variables and keywords exist, the cache itself is off.
    Known,
    /// MySQL 8 and later: nothing of it exists; the whole surface is the door's.
    Removed,
}

/// What the surface needs to know of the session, the settings and the counters.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What the server itself has.
    pub native: Native,
    /// How the session's text is read.
    pub mode: Mode,
    /// The door's settings, shared by all sessions.
    pub globals: &'a Globals,
    /// This session's settings.
    pub locals: &'a Locals,
    /// The counters at this moment.
    pub status: &'a Status,
    /// The session's last statement was a hit (its `Last_query_cost` is 0).
    pub after_hit: bool,
    /// Hits by account, while the server keeps such statistics; empty otherwise.
    pub accounts: Accounts<'a>,
}

/// What to do next for a statement of the surface.
///
/// Warnings and errors of the door's own are raised in the server, by a `SIGNAL` in a
/// [`Step::Send`], so that `SHOW WARNINGS`, `GET DIAGNOSTICS` and `@@warning_count` agree with what
/// the client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this statement to the server as one of the door's own, keep its whole reply from the
    /// client (but read what it says of the session's state) and hand it to [`Plan::resume`].
    Ask(Vec<u8>),
    /// Treat this statement as if the client had sent it (judge, begin, relay), its rows passed
    /// through `patch`; then hand [`Answer::Relayed`] to [`Plan::resume`], which ends with
    /// [`Step::Done`]. The hidden statement never asks the surface again.
    Send {
        /// The statement; often the client's own bytes.
        statement: Vec<u8>,
        /// How rows change on their way to the client.
        patch: Option<Patch>,
    },
    /// Apply these changes, in order; the statement is over and its reply is with the client.
    Done(Vec<Effect>),
    /// Write the server's own ERR packet payload to the client; the statement is over.
    Refuse(Vec<u8>),
    /// `EXPLAIN CACHE`: answer what the cache thinks of this statement; the statement is over.
    Explain(Vec<u8>),
    /// `SHOW QUERY CACHE`: answer the statements with most hits and most waste; it is over.
    Top,
}

/// What came of a [`Step::Ask`] or a [`Step::Send`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// OK without rows.
    Ok,
    /// The one row of a `SELECT` of the door's own, in the text protocol.
    Row {
        /// Type codes of the columns (`MYSQL_TYPE_*` of the protocol).
        types: Vec<u8>,
        /// Values; `None` is NULL.
        values: Vec<Option<Vec<u8>>>,
    },
    /// The payload of the server's ERR packet.
    Err(Vec<u8>),
    /// The reply of a [`Step::Send`] is with the client.
    Relayed {
        /// It ended with OK or rows, not ERR.
        ok: bool,
    },
}

/// A change that a statement of the surface causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The door's settings change; a size resizes the cache (and empties it).
    Global(Setting),
    /// The session's settings change.
    Session(Setting),
    /// `RESET QUERY CACHE`, `FLUSH TABLES`: every entry goes.
    Reset,
    /// `FLUSH QUERY CACHE`: free memory becomes one block; entries stay.
    Defragment,
    /// `FLUSH STATUS`: the counters that can be zeroed become 0.
    FlushStatus,
    /// `SET GLOBAL userstat`: whether hits have to be counted by account; on when in doubt.
    CountAccounts(bool),
    /// `FLUSH USER_STATISTICS`.
    FlushUsers,
    /// `FLUSH CLIENT_STATISTICS`.
    FlushClients,
}

/// A statement of the surface under way.
#[derive(Debug)]
pub struct Plan {
    course: Course,
}

/// What a plan still has to do.
#[derive(Debug)]
enum Course {
    Assignments(Assignments),
    /// The server's OK makes these true.
    Then(Vec<Effect>),
}

impl Plan {
    /// What to do after `answer` came.
    pub fn resume(&mut self, answer: Answer, view: &View<'_>) -> Step {
        match &mut self.course {
            Course::Assignments(assignments) => assignments.resume(answer, view),
            Course::Then(effects) => match answer {
                Answer::Relayed { ok: true } | Answer::Ok => Step::Done(core::mem::take(effects)),
                Answer::Err(payload) => Step::Refuse(payload),
                _ => Step::Done(Vec::new()),
            },
        }
    }
}

/// Reads `statement`; `None` when it is none of the surface's business (almost always).
///
/// Costs a look at the first word and one search of the bytes for ordinary statements.
#[must_use]
pub fn look(statement: &[u8], view: &View<'_>) -> Option<(Plan, Step)> {
    let first = first_word(statement);
    let is = |wanted: &[u8]| first.eq_ignore_ascii_case(wanted);
    if is(b"show") {
        return show(&Words::read(statement, view.mode)?, view);
    }
    if is(b"flush") || is(b"reset") {
        return flush(&Words::read(statement, view.mode)?, view);
    }
    if is(b"explain") || is(b"describe") || is(b"desc") {
        let words = Words::read(statement, view.mode)?;
        let explained = words.tokens.get(2).filter(|_| words.is(1, "cache"))?;
        let explained = statement.get(explained.start..)?.to_vec();
        return Some((Plan::then(Vec::new()), Step::Explain(explained)));
    }
    // In stored programs the server's own variables answer.
    if !mentions(statement) || is(b"create") || is(b"alter") || is(b"prepare") {
        return None;
    }
    let words = Words::read(statement, view.mode)?;
    if is(b"set") && contains(statement, b"ft_boolean_syntax") {
        // Full-text searches mean something else now, as in the server.
        let statement = statement.to_vec();
        return Some((Plan::then([Effect::Reset].to_vec()), Step::Send { statement, patch: None }));
    }
    if let Some(on) = userstat(&words) {
        let effects = [Effect::CountAccounts(on)].to_vec();
        let statement = statement.to_vec();
        return Some((Plan::then(effects), Step::Send { statement, patch: None }));
    }
    if is(b"set")
        && !words.is(1, "statement")
        && let Some(mut assignments) = Assignments::read(&words, view)
    {
        let step = assignments.begin(view);
        return Some((Plan { course: Course::Assignments(assignments) }, step));
    }
    let statement = rewrite::rewritten(&words, view)?;
    Some((Plan::then(Vec::new()), Step::Send { statement, patch: None }))
}

/// The statement without the keywords `SQL_CACHE` and `SQL_NO_CACHE`, for servers that have
/// [`Native::Removed`] them; `None` when it has none. The cache's own decision needs the original.
#[must_use]
pub fn without_keywords(statement: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let has = |wanted: &[u8]| contains(statement, wanted);
    if !has(b"sql_cache") && !has(b"sql_no_cache") {
        return None;
    }
    rewrite::without_keywords(&Words::read(statement, mode)?)
}

impl Plan {
    fn then(effects: Vec<Effect>) -> Self {
        Self { course: Course::Then(effects) }
    }
}

/// The statement as the cache compares it while `query_cache_strip_comments` is on; `None` when it
/// is compared as it is.
#[must_use]
pub fn stripped(statement: &[u8], mode: Mode) -> Option<Vec<u8>> {
    Words::read(statement, mode).map(|words| rewrite::stripped(&words))
}

fn show(words: &Words<'_>, view: &View<'_>) -> Option<(Plan, Step)> {
    if words.rest_is(1, &["query", "cache"]) {
        return Some((Plan::then(Vec::new()), Step::Top));
    }
    let (listing, rest) = Listing::of_show(words)?;
    let patch = Some(rows::patch(listing, words, rest, view));
    let statement = words.bytes.to_vec();
    Some((Plan::then(Vec::new()), Step::Send { statement, patch }))
}

fn flush(words: &Words<'_>, view: &View<'_>) -> Option<(Plan, Step)> {
    let local = words.is(1, "local") || words.is(1, "no_write_to_binlog");
    let at = 1 + usize::from(local);
    let mut effects = Vec::new();
    let mut ours = false;
    for part in words.parts(at..words.tokens.len()) {
        let (from, length) = (part.start, part.len());
        if length == 2 && words.is(from, "query") && words.is(from + 1, "cache") {
            ours = true;
            effects.push(if words.is(0, "reset") { Effect::Reset } else { Effect::Defragment });
        } else if words.is(0, "flush") && length == 1 && words.is(from, "status") {
            effects.push(Effect::FlushStatus);
        } else if words.is(0, "flush") && length == 1 && words.is(from, "user_statistics") {
            effects.push(Effect::FlushUsers);
        } else if words.is(0, "flush") && length == 1 && words.is(from, "client_statistics") {
            effects.push(Effect::FlushClients);
        } else if words.is(0, "flush") && (words.is(from, "tables") || words.is(from, "table")) {
            effects.push(Effect::Reset);
        }
    }
    if effects.is_empty() {
        return None;
    }
    let statement = if ours && view.native == Native::Removed {
        // It needs the same right, RELOAD, and does no more than open a log file again.
        b"FLUSH LOCAL ERROR LOGS".to_vec()
    } else {
        words.bytes.to_vec()
    };
    Some((Plan::then(effects), Step::Send { statement, patch: None }))
}

/// Whether a statement is `SET GLOBAL userstat` and nothing else, and to what.
fn userstat(words: &Words<'_>) -> Option<bool> {
    let name = |at: usize| words.is(at, "global") && words.is(at + 1, "userstat");
    let written = words.tokens.get(1).is_some_and(|token| {
        token.kind == TokenKind::SystemVariable
            && token.text.eq_ignore_ascii_case(b"@@global.userstat")
    });
    let at = if name(1) { 3 } else { 2 };
    if !words.is(0, "set") || !(name(1) || written) || !words.is_byte(at, b'=') {
        return None;
    }
    let value = words.tokens.get(at + 1)?;
    let off = words.tokens.len() == at + 2
        && (value.text == b"0" || words.is(at + 1, "off") || words.is(at + 1, "false"));
    Some(!off)
}

/// The first word of a statement, after blanks and comments.
fn first_word(statement: &[u8]) -> &[u8] {
    let mut rest = statement;
    loop {
        rest = rest.trim_ascii_start();
        let after = if let Some(comment) = rest.strip_prefix(b"/*") {
            memchr::memmem::find(comment, b"*/").and_then(|end| comment.get(end + 2..))
        } else if rest.starts_with(b"#") || rest.starts_with(b"-- ") {
            memchr::memchr(b'\n', rest).and_then(|end| rest.get(end + 1..))
        } else {
            None
        };
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// Whether the bytes could name anything of ours.
fn mentions(statement: &[u8]) -> bool {
    MENTIONED.iter().any(|word| contains(statement, word))
        // Without an underscore, and of short statements only.
        || (statement.len() < 100
            && statement.windows(8).any(|word| word.eq_ignore_ascii_case(b"userstat")))
}

/// Whether `bytes` contain an ASCII word with an underscore, in any case: one fast search.
fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let Some(underscore) = memchr::memchr(b'_', word) else { return false };
    memchr::memchr_iter(b'_', bytes).any(|at| {
        at.checked_sub(underscore)
            .and_then(|start| bytes.get(start..start + word.len()))
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

/// Each with an underscore, by which it is found.
const MENTIONED: &[&[u8]] = &[
    b"query_cache",
    b"global_status",
    b"session_status",
    b"global_variables",
    b"session_variables",
    b"user_statistics",
    b"client_statistics",
    b"ft_boolean_syntax",
];

#[cfg(test)]
mod tests;
