//! The decision table: whether a statement may be answered from the cache, and the row that says
//! so; and which tables a statement writes.
//!
//! Works on what [`crate::statement`] read and on what the catalog knows of names, asked through
//! [`Names`]. It never guesses in favour of the cache: a name that cannot be resolved is a reason
//! not to cache, a write that cannot be resolved is a write to everything.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::statement::Statement;

pub use reason::Reason;

mod read;
mod reason;
#[cfg(test)]
mod tests;
mod written;

/// A base table, view or sequence as the catalog names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// The database, in the server's canonical case.
    pub database: Box<[u8]>,
    /// The table, in the server's canonical case.
    pub name: Box<[u8]>,
}

/// What the catalog knows of names.
///
/// Names come as the statement writes them, without quotes, in UTF-8; the implementation folds
/// their case as the server's `lower_case_table_names` says. The system schemas are never asked
/// for.
pub trait Names {
    /// What `database.name` is; in a database that does not exist, [`Relation::Missing`].
    fn relation(&self, database: &[u8], name: &[u8]) -> Relation<'_>;

    /// What the stored procedure or function `database.name` may write.
    fn routine(&self, kind: RoutineKind, database: &[u8], name: &[u8]) -> Routine<'_>;

    /// All relations of a database, `None` if the catalog does not know it whole.
    fn relations_of(&self, database: &[u8]) -> Option<Vec<&Table>>;

    /// The canonical name of a relation that may not exist (yet).
    fn canonical(&self, database: &[u8], name: &[u8]) -> Table;
}

/// What a name is.
#[derive(Clone, Copy, Debug)]
pub enum Relation<'n> {
    /// The catalog knows the database whole, and there is no such table, view or sequence.
    Missing,
    /// The catalog cannot tell: not read yet, being read again, not allowed to see.
    Unknown,
    /// There is.
    Known(&'n Known),
}

/// A table, view or sequence of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub table: Table,
    /// Why a read of it is never cached, if so.
    pub bar: Option<Bar>,
    /// Everything whose change changes what a read of it returns: itself, a view's base tables
    /// and the views between, the children of a MERGE table.
    pub reads: Vec<Table>,
    /// Everything a write to its rows may change: itself, a view's base tables, tables that its
    /// triggers write, children of its foreign keys that cascade, and theirs.
    pub writes: Effect,
    /// What a mere read of it may change: views that call functions which write.
    pub read_writes: Effect,
    /// Whether a rollback undoes a write to it, and to all of `writes`.
    pub transactional: bool,
    /// Whether all of `reads` are of engines without transactions: rows are read as they are, in
    /// whatever transaction.
    pub timeless: bool,
    /// A view whose definition says `SQL_CACHE`: a read of it is cached on demand too.
    pub demands: bool,
}

/// Why a relation is never cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// A sequence.
    Sequence,
    /// Its engine reads elsewhere: FEDERATED, SPIDER, CONNECT, S3, …
    Engine,
    /// System-versioned.
    Versioned,
    /// A view whose definition is not understood or not visible.
    OpaqueView,
    /// A view that uses what no statement may use: functions, variables, system tables.
    ImpureView,
    /// A table with a virtual column that calls what no statement may.
    ImpureColumn,
    /// A view whose definition says `SQL_NO_CACHE`.
    UncachedView,
    /// Its writes may be invisible: `binlog_ignore_db`, an unlogged engine and the like.
    UnseenWrites,
    /// Accounts have rights on single columns of it.
    ColumnRights,
}

/// Tables that something may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// It cannot be said which: all.
    pub everything: bool,
    /// These.
    pub tables: Vec<Table>,
}

/// Which kind of routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutineKind {
    /// Called by `CALL`.
    Procedure,
    /// Called in expressions.
    Function,
}

/// What a routine is.
#[derive(Clone, Copy, Debug)]
pub enum Routine<'n> {
    /// The catalog knows all routines, and there is none of this name.
    Missing,
    /// The catalog cannot tell.
    Unknown,
    /// It may change these.
    Known(&'n Effect),
}

/// What the judge must know of the session.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The default database.
    pub database: Option<&'a [u8]>,
    /// The session's `query_cache_type`.
    pub cache_type: CacheType,
    /// `sql_auto_is_null` is on.
    pub auto_is_null: bool,
    /// The session's temporary tables: database and name as written, case ignored.
    pub temporary: &'a [Table],
}

/// `query_cache_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheType {
    /// `OFF`: nothing.
    Off,
    /// `ON`: all but `SQL_NO_CACHE`.
    On,
    /// `DEMAND`: only `SQL_CACHE`.
    Demand,
}

/// Whether a statement may be answered from the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'n> {
    /// Yes; an entry depends on the `reads` of all of these.
    Cacheable(Vec<&'n Known>),
    /// No, because of the first row of the table that says so.
    Not(Reason),
}

/// What a statement writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written<'n> {
    /// These tables' rows or definitions, expanded by triggers, foreign keys and views.
    pub tables: Vec<Cow<'n, Table>>,
    /// It cannot be said what: all tables.
    pub everything: Option<Unseen>,
    /// Definitions that change: the catalog must read them again. For a whole database the name
    /// is empty.
    pub definitions: Vec<Table>,
    /// Triggers, routines or events change: the catalog must read those of the databases in
    /// `definitions` again.
    pub code: bool,
    /// Rights change.
    pub privileges: bool,
    /// The rows come after the reply (`INSERT DELAYED`).
    pub delayed: bool,
    /// Tables that `LOCK TABLES … WRITE` locks, views unfolded: with
    /// `query_cache_wlock_invalidate` they count as written until they are unlocked.
    pub write_locked: Vec<Cow<'n, Table>>,
    /// A rollback undoes all of it.
    pub transactional: bool,
}

/// Why a write counts as one to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// The statement is not understood.
    Statement,
    /// The text is not certain: character set, grammar, length.
    Text,
    /// A table the catalog does not know.
    Relation,
    /// A routine the catalog does not know or cannot unfold.
    Routine,
    /// A trigger, foreign key or view that the catalog cannot unfold.
    Closure,
    /// A compound statement.
    Compound,
    /// All tables are flushed.
    Flush,
    /// A table of the system schemas.
    System,
    /// The text executed is not in the statement (`EXECUTE`, `EXECUTE IMMEDIATE`).
    Dynamic,
}

/// Decides on one statement. Rows about the session's state (transactions, locks, isolation) and
/// about the result (size, warnings) are not asked here: the session asks them itself.
#[must_use]
pub fn judge<'n>(
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    names: &'n dyn Names,
) -> Verdict<'n> {
    match read::reasons(statement, facts, names) {
        Ok(relations) => Verdict::Cacheable(relations),
        Err(reason) => Verdict::Not(reason),
    }
}

/// What `statement` may write. A statement that only reads gives the empty answer; one that is
/// cacheable need not be asked. For `EXECUTE` the statement behind the name is to be asked instead,
/// if it is known.
#[must_use]
pub fn writes<'n>(
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    names: &'n dyn Names,
) -> Written<'n> {
    written::written(statement, facts, names)
}

impl Written<'_> {
    /// Whether nothing at all is written: no table, definition or right.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.tables.is_empty()
            && self.everything.is_none()
            && self.definitions.is_empty()
            && !self.code
            && !self.privileges
    }
}

/// Whether `database` is one of the system schemas, whose tables change by themselves.
fn is_system(database: &[u8]) -> bool {
    let known = [&b"mysql"[..], b"information_schema", b"performance_schema", b"sys"];
    known.iter().any(|one| database.eq_ignore_ascii_case(one))
}

/// Whether `database.name` is a temporary table of the session, case aside.
fn is_temporary(facts: &Facts<'_>, database: &[u8], name: &[u8]) -> bool {
    facts.temporary.iter().any(|table| {
        table.database.eq_ignore_ascii_case(database) && table.name.eq_ignore_ascii_case(name)
    })
}
