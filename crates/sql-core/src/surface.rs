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

mod settings;

use alloc::vec::Vec;

pub use settings::{Globals, Locals, Setting, Status};

use crate::lexer::Mode;

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
}

/// A statement of the surface under way.
#[derive(Debug)]
pub struct Plan {}

impl Plan {
    /// What to do after `answer` came.
    pub fn resume(&mut self, _answer: Answer, _view: &View<'_>) -> Step {
        Step::Done(Vec::new())
    }
}

/// Reads `statement`; `None` when it is none of the surface's business (almost always).
///
/// Costs a look at the first word and one search of the bytes for ordinary statements.
#[must_use]
pub fn look(_statement: &[u8], _view: &View<'_>) -> Option<(Plan, Step)> {
    None
}

/// The statement without the keywords `SQL_CACHE` and `SQL_NO_CACHE`, for servers that have
/// [`Native::Removed`] them; `None` when it has none. The cache's own decision needs the original.
#[must_use]
pub fn without_keywords(_statement: &[u8], _mode: Mode) -> Option<Vec<u8>> {
    None
}

/// How rows of a `SHOW STATUS` or `SHOW VARIABLES` change on their way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Names in lower case, as the first column of a row names them, sorted.
    pub values: Vec<(Vec<u8>, Value)>,
}

/// A patched value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Replaces the second column; when `append`, a row the server does not send is added.
    Is {
        /// The name as it is shown.
        name: Vec<u8>,
        /// The value.
        value: Vec<u8>,
        /// Whether a row that the server does not send is added at its place.
        append: bool,
    },
    /// The server's number and this one more (`Com_select` and the statements that were hits).
    More(u64),
}

impl Patch {
    /// What the client gets in place of a row of the text protocol: rows to be written before it
    /// and the row itself; `None` when it stays as it is.
    #[must_use]
    pub fn row(&mut self, _row: &[u8]) -> Option<Vec<Vec<u8>>> {
        None
    }

    /// Rows that come after the server's last one.
    #[must_use]
    pub fn end(&mut self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}
