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

pub use settings::{CacheType, Globals, Locals, Status};

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
    /// `ANSI_QUOTES` is in the session's `sql_mode`.
    pub ansi_quotes: bool,
    /// `NO_BACKSLASH_ESCAPES` is in the session's `sql_mode`.
    pub no_backslash_escapes: bool,
    /// The door's settings, shared by all sessions.
    pub globals: &'a Globals,
    /// This session's settings.
    pub locals: &'a Locals,
    /// The counters at this moment.
    pub status: &'a Status,
}

/// What to do next for a statement of the surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this statement to the server as one of the door's own, keep its whole reply from the
    /// client and hand it to [`Plan::resume`].
    Ask(Vec<u8>),
    /// Treat this statement as if the client had sent it (judge, begin, relay), its rows passed
    /// through `patch`; then hand [`Answer::Relayed`] to [`Plan::resume`] and do the effects of
    /// the step that comes back. Its reply is already with the client: a [`Step::Reply`] of that
    /// call is `Reply::Nothing`.
    Send {
        /// The statement; often the client's own bytes.
        statement: Vec<u8>,
        /// How rows change on their way to the client.
        patch: Option<Patch>,
    },
    /// Apply the effects, then write the reply: the statement is over.
    Reply {
        /// What changes; in this order.
        effects: Vec<Effect>,
        /// What the client gets.
        reply: Reply,
    },
}

/// What came of a [`Step::Ask`] or a [`Step::Send`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// OK without rows.
    Ok,
    /// Rows of the text protocol; `None` is NULL.
    Rows {
        /// Column type codes of the protocol (`MYSQL_TYPE_*`).
        types: Vec<u8>,
        /// Values.
        rows: Vec<Vec<Option<Vec<u8>>>>,
    },
    /// The payload of the server's ERR packet, relayed to the client when the plan gives up.
    Err(Vec<u8>),
    /// The reply of a [`Step::Send`] is with the client.
    Relayed {
        /// Whether it ended with OK or rows, not ERR.
        ok: bool,
    },
}

/// What the client gets from the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: the server's reply has been relayed.
    Nothing,
    /// OK, with these warnings to be shown by the next `SHOW WARNINGS`.
    Ok(Vec<Warning>),
    /// A result set of text columns.
    Table {
        /// Column names.
        columns: Vec<Vec<u8>>,
        /// Values; `None` is NULL.
        rows: Vec<Vec<Option<Vec<u8>>>>,
    },
    /// An error in the server's words.
    Err {
        /// MariaDB's error number.
        code: u16,
        /// SQLSTATE.
        state: [u8; 5],
        /// The message.
        message: Vec<u8>,
    },
    /// The server's own ERR packet payload.
    ServerErr(Vec<u8>),
}

/// A row of `SHOW WARNINGS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `Note`, `Warning` or `Error`.
    pub level: &'static str,
    /// Error number.
    pub code: u16,
    /// Message.
    pub message: Vec<u8>,
}

/// A change that a statement of the surface causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The door's settings become these, in one step (`SET GLOBAL`); a new size resizes the cache.
    Globals(Globals),
    /// The session's settings become these.
    Locals(Locals),
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
        Step::Reply { effects: Vec::new(), reply: Reply::Nothing }
    }
}

/// Reads `statement`; `None` when it is none of the surface's business (almost always).
///
/// Costs a look at the first word and one search of the bytes for ordinary statements.
#[must_use]
pub fn look(_statement: &[u8], _view: &View<'_>) -> Option<(Plan, Step)> {
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
