//! What a statement does: reads, writes and to which names, changes of session and schema.
//!
//! Read from tokens, not from a grammar: a grammar that is not the server's own misses tables. What
//! is not understood is said to be ([`Kind::Unknown`], [`Flag::Uncertain`]) and costs a hit or an
//! invalidation too many, never one too few. Reading never fails and never panics; it allocates
//! only the lists of what it found. Names are looked up by [`crate::judge`], not here.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Range;

use crate::functions::Purity;
use crate::lexer::{Charset, Mode};

use cursor::Cursor;
use verb::Head;
use walk::Walk;

pub use shape::{SHAPED_BYTES_MAX, shape};

mod cursor;
mod foreign;
mod prefix;
mod rows;
mod schema;
mod settings;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod verb;
mod walk;
mod words;

/// What one statement is and mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The statement's bytes, without the `;` behind it.
    pub text: &'a [u8],
    /// What it does.
    pub kind: Kind<'a>,
    /// What else is true of it.
    pub flags: Flags,
    /// Every name that may be a table or view, in order of appearance.
    pub names: Vec<Name<'a>>,
    /// Calls of functions that are not on the list of pure built-ins, and calls whose arguments
    /// make a pure one impure.
    pub calls: Vec<Call<'a>>,
    /// What it writes, alters, creates or drops.
    pub targets: Vec<Target<'a>>,
    /// What `SET` assigns (also `SET STATEMENT … FOR`).
    pub assignments: Vec<Assignment<'a>>,
    /// Where `SQL_CACHE` or `SQL_NO_CACHE` of the first `SELECT` stands in `text`.
    pub hint: Option<Range<usize>>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `SELECT`, `WITH … SELECT`, `(SELECT …)`.
    Select,
    /// `VALUES (…)` or `TABLE t` as a statement: a result set, but never the query cache's.
    Rows,
    /// `INSERT`, also `INSERT … SELECT`.
    Insert,
    /// `REPLACE`.
    Replace,
    /// `UPDATE` of one or several tables.
    Update,
    /// `DELETE` from one or several tables.
    Delete,
    /// `LOAD DATA` and `LOAD XML`.
    Load,
    /// `TRUNCATE [TABLE] t`.
    Truncate,
    /// A change of the schema.
    Ddl(Ddl),
    /// `OPTIMIZE`, `REPAIR`, `CHECK`, `CHECKSUM`, `ANALYZE TABLE`, `CACHE INDEX`, `LOAD INDEX`.
    Maintain,
    /// `BEGIN` and `START TRANSACTION`.
    Begin {
        /// `WITH CONSISTENT SNAPSHOT`.
        snapshot: bool,
    },
    /// `COMMIT`.
    Commit {
        /// `AND CHAIN`, or not said (then `completion_type` decides).
        chain: Option<bool>,
    },
    /// `ROLLBACK` of the whole transaction.
    Rollback {
        /// `AND CHAIN`, or not said.
        chain: Option<bool>,
    },
    /// `SAVEPOINT s`, `ROLLBACK TO s`, `RELEASE SAVEPOINT s`.
    Savepoint,
    /// `SET …`, see [`Statement::assignments`].
    Set,
    /// `USE db`.
    Use(Ident<'a>),
    /// `PREPARE name FROM …`.
    Prepare {
        /// The prepared statement's name.
        name: Ident<'a>,
        /// Where its text comes from.
        source: Value<'a>,
    },
    /// `EXECUTE name [USING …]`.
    Execute {
        /// The prepared statement's name.
        name: Ident<'a>,
        /// The bytes behind `USING`, empty without.
        using: &'a [u8],
    },
    /// `EXECUTE IMMEDIATE … [USING …]`.
    ExecuteImmediate {
        /// Where its text comes from.
        source: Value<'a>,
        /// The bytes behind `USING`, empty without.
        using: &'a [u8],
    },
    /// `DEALLOCATE PREPARE name`, `DROP PREPARE name`.
    Deallocate(Ident<'a>),
    /// `CALL p(…)`; the routine is the one [`Call`] with [`CallRole::Procedure`].
    Call,
    /// `LOCK TABLES …`; the ones locked for writing are targets.
    LockTables,
    /// `UNLOCK TABLES`.
    UnlockTables,
    /// `XA …`.
    Xa {
        /// Which verb.
        verb: XaVerb,
        /// The transaction's name as written (`'gtrid','bqual',1`), blanks at the ends cut.
        xid: &'a [u8],
    },
    /// Accounts and rights: `GRANT`, `REVOKE`, `CREATE USER`, roles, `SET PASSWORD`.
    Account,
    /// `SHOW …`, `DESCRIBE t`, `EXPLAIN` without execution.
    Show,
    /// `FLUSH …`; with a list of tables these are targets.
    Flush(Flush),
    /// `RESET …`.
    Reset(Reset),
    /// `DO expr`.
    Do,
    /// `HANDLER …`.
    Handler,
    /// `BEGIN NOT ATOMIC`, `IF`, `LOOP`, … outside a routine; the rest of the text belongs to it.
    Compound,
    /// Nothing of tables or this session: `KILL`, `HELP`, `PURGE BINARY LOGS`, `SHUTDOWN`, …
    Other,
    /// Blanks and comments only.
    Empty,
    /// Not understood.
    Unknown,
}

/// What a change of the schema changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ddl {
    /// Tables: create, alter, drop, rename, indexes.
    Table,
    /// Temporary tables: only this session's.
    Temporary,
    /// Views.
    View,
    /// Sequences.
    Sequence,
    /// Whole databases.
    Database,
    /// Triggers.
    Trigger,
    /// Procedures, functions, packages.
    Routine,
    /// Loadable functions and plugins.
    Loadable,
    /// Events of the scheduler.
    Event,
    /// Servers, tablespaces, log file groups, resource groups.
    Server,
}

/// The verbs of `XA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XaVerb {
    /// `XA START` or `XA BEGIN`.
    Start,
    /// `XA END`.
    End,
    /// `XA PREPARE`.
    Prepare,
    /// `XA COMMIT` without `ONE PHASE`.
    Commit,
    /// `XA COMMIT … ONE PHASE`.
    CommitOnePhase,
    /// `XA ROLLBACK`.
    Rollback,
    /// `XA RECOVER`.
    Recover,
}

/// What `FLUSH` flushes, as far as the cache cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// All tables (`FLUSH TABLES`, also `WITH READ LOCK`).
    Tables,
    /// The tables that are targets.
    SomeTables,
    /// `FLUSH QUERY CACHE`.
    QueryCache,
    /// `FLUSH STATUS`, session or global.
    Status,
    /// `FLUSH PRIVILEGES`.
    Privileges,
    /// Logs, hosts and the like.
    Other,
}

/// What `RESET` resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// `RESET QUERY CACHE`.
    QueryCache,
    /// `RESET MASTER`, `RESET BINARY LOGS …`.
    Master,
    /// `RESET REPLICA`, `RESET PERSIST`, …
    Other,
}

/// A name as written: one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ident<'a> {
    /// Its bytes as written, without the outer quotes.
    pub raw: &'a [u8],
    /// The quote it stood in, 0 without.
    pub quote: u8,
}

/// A name of one or two parts that may be a table's; a third part (the column) is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The part in front of the dot: a database, or a table whose column follows.
    pub qualifier: Option<Ident<'a>>,
    /// The last of the first two parts.
    pub name: Ident<'a>,
    /// Where it stands.
    pub role: Role,
}

/// Where a name stands in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A table read: behind `FROM`, `JOIN`, in their lists.
    Source,
    /// Anything else: a column, an alias, a table in front of its column.
    Mention,
    /// A name that a `WITH` defines.
    Cte,
}

/// A call that is not one of the pure built-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The database in front of the dot.
    pub qualifier: Option<Ident<'a>>,
    /// The function or procedure.
    pub name: Ident<'a>,
    /// What is known of it.
    pub role: CallRole,
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRole {
    /// A built-in function whose result is not a matter of its arguments (`NOW()`, `RAND()`).
    Impure,
    /// A built-in that asks about the statement before (`FOUND_ROWS()`, `ROW_COUNT()`,
    /// `LAST_INSERT_ID()`).
    Diagnostic,
    /// A built-in that changes a sequence.
    Sequence,
    /// A pure built-in, unless the server is too old to have it: then a stored function.
    Recent,
    /// Not a built-in: a stored or loadable function, or one that this list does not know.
    Unknown,
    /// The procedure of a `CALL`.
    Procedure,
}

/// A thing written, altered, created, dropped or locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The database in front of the dot; for [`What::Database`] none.
    pub qualifier: Option<Ident<'a>>,
    /// The thing.
    pub name: Ident<'a>,
    /// What it is and what happens to it.
    pub what: What,
}

/// What a target is and what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Rows of a table or view change.
    Rows,
    /// The definition of a table, view or sequence changes, is made or goes.
    Definition,
    /// A whole database.
    Database,
    /// A trigger, routine or event.
    Code,
    /// `LOCK TABLES … WRITE`.
    WriteLock,
    /// `LOCK TABLES … READ`.
    ReadLock,
    /// The parent of a new foreign key: nothing changes, but what a write to it may change.
    Referenced,
    /// `FLUSH TABLES t`, `REPAIR`, `OPTIMIZE`, `CHECK`: rows stay, the query cache forgets them.
    Maintained,
}

/// One assignment of a `SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// Whose variable.
    pub scope: Scope,
    /// Its name as written (`x`, `global.x` is split into scope and name); for user variables
    /// without the `@`.
    pub name: Ident<'a>,
    /// The value.
    pub value: Value<'a>,
}

/// Whose variable a `SET` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `SET x`, `SET SESSION x`, `SET @@session.x`, `SET LOCAL x`.
    Session,
    /// `SET @@x`: the session's, but of the isolation level that of the next transaction. Servers
    /// do not report it (`sys_var::update` in MariaDB's `sql/set_var.cc`: `OPT_SESSION` only).
    Unsaid,
    /// `SET GLOBAL x`, `SET PERSIST x`.
    Global,
    /// `SET @x`.
    User,
    /// `SET NAMES`, `SET CHARACTER SET`: the name is `NAMES`.
    Names,
    /// `SET TRANSACTION …` of the next transaction only.
    NextTransaction,
    /// `SET ROLE`, `SET DEFAULT ROLE`: the name is `ROLE`.
    Role,
    /// `SET STATEMENT x = … FOR`.
    Statement,
}

/// A value as far as it can be known without the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text literal, with its quotes; [`unquote`] gives the text.
    Text(&'a [u8]),
    /// A number as written, with its sign.
    Number(&'a [u8]),
    /// A single word (`ON`, `DEFAULT`, `NULL`).
    Word(&'a [u8]),
    /// A single user variable, without the `@`.
    Variable(Ident<'a>),
    /// Anything else, as written.
    Expression(&'a [u8]),
}

/// What is true of a statement besides its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Flag {
    /// `SQL_CACHE` right behind the first `SELECT`.
    SqlCache = 1,
    /// `SQL_NO_CACHE` anywhere behind a `SELECT`.
    SqlNoCache = 1 << 1,
    /// `SQL_CALC_FOUND_ROWS`.
    CalcFoundRows = 1 << 2,
    /// `FOR UPDATE`, `FOR SHARE`, `LOCK IN SHARE MODE`.
    Locking = 1 << 3,
    /// `INTO OUTFILE`, `INTO DUMPFILE`, `INTO @x`.
    Into = 1 << 4,
    /// `@x`.
    UserVariable = 1 << 5,
    /// `@@x`.
    SystemVariable = 1 << 6,
    /// `PROCEDURE ANALYSE`.
    Procedure = 1 << 7,
    /// `FOR SYSTEM_TIME`.
    SystemTime = 1 << 8,
    /// `x IS NULL`, which finds the last insert id when `sql_auto_is_null` is on.
    IsNull = 1 << 9,
    /// An executable comment, executed or not.
    ExecutableComment = 1 << 10,
    /// Asks about the statement before: `FOUND_ROWS()`, `SHOW WARNINGS`, `@@warning_count`,
    /// `GET DIAGNOSTICS`.
    Diagnostics = 1 << 11,
    /// Another statement follows the `;`.
    Several = 1 << 12,
    /// `?` stands for a value.
    Parameters = 1 << 13,
    /// `LOAD … LOCAL`: the client sends a file.
    Local = 1 << 14,
    /// `INSERT DELAYED`, `REPLACE DELAYED`.
    Delayed = 1 << 15,
    /// `SET STATEMENT … FOR` in front.
    SetStatement = 1 << 16,
    /// `ANALYZE …` or `EXPLAIN ANALYZE …` in front: it runs, but returns a plan.
    Analyzed = 1 << 17,
    /// `CREATE TEMPORARY`, `DROP TEMPORARY`.
    Temporary = 1 << 18,
    /// Commits the transaction before it begins.
    ImplicitCommit = 1 << 19,
    /// A `FROM`.
    From = 1 << 20,
    /// What was read may not be what the server reads: character set, grammar, open quotes,
    /// unknown version of an executable comment, longer than the part inspected.
    Uncertain = 1 << 21,
    /// The query cache's own check of the first letters (`SEL`, `WIT`) takes it for a read.
    LooksCacheable = 1 << 22,
    /// Rights change.
    Privileges = 1 << 23,
    /// Only the head of the statement was read.
    Truncated = 1 << 25,
    /// A source could not be found as a name (a subscript of a function, `JSON_TABLE`, …).
    OddSource = 1 << 24,
}

/// A set of [`Flag`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

/// The statements of a text, split at `;`.
#[derive(Clone, Debug)]
pub struct Statements<'a> {
    rest: Option<&'a [u8]>,
    mode: Mode,
}

/// Reads the first statement of `bytes`. [`Flag::Several`] says that more follow.
#[must_use]
pub fn read(bytes: &[u8], mode: Mode) -> Statement<'_> {
    split(bytes, mode).0
}

/// Reads the head of a statement that is longer than what is inspected: nothing of it is certain.
#[must_use]
pub fn read_head(head: &[u8], mode: Mode) -> Statement<'_> {
    let mut statement = read(head, mode);
    statement.flags.set(Flag::Truncated);
    statement.flags.set(Flag::Uncertain);
    statement
}

/// All statements of `bytes`, in order; empty ones are left out.
#[must_use]
pub const fn statements(bytes: &[u8], mode: Mode) -> Statements<'_> {
    Statements { rest: Some(bytes), mode }
}

/// `bytes` without blanks at both ends and `;` at the end: what the server keeps of a query, and
/// what its cache compares (`alloc_query` in `sql/sql_parse.cc`).
#[must_use]
pub fn trim(bytes: &[u8]) -> &[u8] {
    text::trim(bytes)
}

/// The text of a literal with its quotes, escapes resolved as `mode` says. `None` if it is not one
/// whole literal.
#[must_use]
pub fn unquote(literal: &[u8], mode: Mode) -> Option<Cow<'_, [u8]>> {
    text::unquote(literal, mode)
}

/// The statement with `?` for every literal, lists of literals folded, comments dropped, blanks
/// folded to one, cut at `max` bytes: what may be shown to people.
#[must_use]
pub fn digest(bytes: &[u8], mode: Mode, max: usize) -> Vec<u8> {
    text::digest(bytes, mode, max)
}

/// Whether the query cache of MariaDB would look a text up: blanks, comments and one bracket are
/// passed, then `SEL` or `WIT` must follow, and no `SQL_NO_CACHE` behind single blanks
/// (`Query_cache::send_result_to_client`). Such a `SELECT` counts in `Qcache_not_cached` when it is
/// not stored.
#[must_use]
pub fn looks_cacheable(bytes: &[u8]) -> bool {
    prefix::looks_cacheable(bytes)
}

pub(crate) fn function(name: &[u8]) -> Option<Purity> {
    words::lookup(name).and_then(|word| word.function)
}

/// The first statement, and what follows its `;`.
fn split(bytes: &[u8], mode: Mode) -> (Statement<'_>, Option<&[u8]>) {
    let cursor = Cursor::new(bytes, mode);
    let mut head = Head::new(cursor.clone());
    let kind = head.kind();
    let mut walk = Walk::new(cursor, head.base);
    let semicolon = walk.run();
    let mut flags = walk.flags;
    flags.join(head.flags);
    flags.join(head.cursor.flags);
    if looks_cacheable(bytes) {
        flags.set(Flag::LooksCacheable);
    }
    let rest = semicolon.and_then(|at| bytes.get(at + 1..)).map(trim);
    let rest = rest.filter(|rest| !rest.is_empty());
    if rest.is_some() {
        flags.set(Flag::Several);
    }
    let own = semicolon.filter(|_| rest.is_none() || !head.holds_semicolons);
    let text = own.and_then(|at| bytes.get(..at)).unwrap_or(bytes).trim_ascii_end();
    // In such a set even the place of the `;` is only sure behind ASCII.
    let ambiguous = mode.charset == Charset::Ambiguous && !text.is_ascii();
    let mut calls = walk.calls;
    calls.extend(head.procedure);
    let strange = mode.foreign_grammar
        && (kind != Kind::Select || !calls.is_empty() || foreign::is_foreign(text, mode));
    if strange || ambiguous {
        flags.set(Flag::Uncertain);
    }
    let statement = Statement {
        text,
        kind,
        flags,
        names: walk.names,
        calls,
        targets: head.targets,
        assignments: head.assignments,
        hint: walk.hint,
    };
    (statement, rest.filter(|_| !head.holds_semicolons))
}

impl<'a> Iterator for Statements<'a> {
    type Item = Statement<'a>;

    fn next(&mut self) -> Option<Statement<'a>> {
        loop {
            let (statement, rest) = split(self.rest?, self.mode);
            self.rest = rest;
            if statement.kind != Kind::Empty {
                return Some(statement);
            }
        }
    }
}

impl Statement<'_> {
    /// Whether `flag` is set.
    #[must_use]
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.has(flag)
    }
}

impl<'a> Ident<'a> {
    /// The name itself: doubled quotes made single.
    #[must_use]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        text::unquote_ident(self.raw, self.quote)
    }
}

impl Flags {
    /// Whether `flag` is in the set.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & flag as u32 != 0
    }

    /// Puts all of `other` into the set.
    pub const fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Puts `flag` into the set.
    pub const fn set(&mut self, flag: Flag) {
        self.0 |= flag as u32;
    }
}
