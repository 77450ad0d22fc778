//! What a statement means for the session it is sent in, beyond the tables it writes.
//!
//! Made from [`crate::statement`]'s facts before the statement is sent, applied when its reply has
//! ended. What is not understood is [`Turn::Anything`] and opaque when the server says that
//! something changed; what may set user variables out of sight forgets their values.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Session, Turn, variables};
use crate::judge::{CacheType, Table};
use crate::statement::{
    Assignment, CallRole, Ddl, Flag, Flush, Kind, Scope, Statement, Value, What, XaVerb, unquote,
};

/// What a statement means for its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What it does to the transaction.
    pub turn: Turn,
    /// What it changes of the session, in order.
    pub changes: Vec<Change>,
    /// Whether a change that the server reports without a name makes the session opaque.
    pub opaque_if_unnamed: bool,
    /// Whether a routine may run, which may make a temporary table that the server does not
    /// report: MariaDB does not for `CREATE TEMPORARY TABLE … SELECT` in a routine.
    pub runs_routine: bool,
    /// Whether `SET TRANSACTION` was for it, if no transaction is open when it has ended.
    pub consumes_isolation: bool,
    /// Whether it is several statements, of which some may have run when the reply is ERR.
    pub several: bool,
    /// Whether it asks about the statement before it, or may.
    pub diagnostics: bool,
}

/// One change of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `LOCK TABLES`.
    Locked,
    /// `UNLOCK TABLES`, and what does it by the way.
    Unlocked,
    /// `SET timestamp = 5`.
    TimeFixed,
    /// `SET timestamp = DEFAULT`.
    TimeFlows,
    /// `SET TRANSACTION` for the next one only.
    NextIsolation,
    /// What the server reports may not hold.
    Stale,
    /// The server may not report what comes next.
    Unheard,
    /// Nobody can tell.
    Opaque,
    /// `SET ROLE`, as written.
    Role(Box<[u8]>),
    /// `XA START`.
    XaBegins,
    /// `PREPARE`.
    Prepared {
        /// Its name.
        name: Box<[u8]>,
        /// Its text, if known.
        text: Option<Box<[u8]>>,
    },
    /// `DEALLOCATE PREPARE`.
    Deallocated(Box<[u8]>),
    /// `SET @x = …`.
    Valued {
        /// Its name.
        name: Box<[u8]>,
        /// Its literal, if it is one.
        literal: Option<Box<[u8]>>,
    },
    /// User variables may have changed.
    ValuesForgotten,
    /// Prepared statements too.
    TextsForgotten,
    /// A `CREATE TEMPORARY TABLE`, which the server counts whether it succeeds or not.
    TemporaryCounted,
    /// `FLUSH STATUS`.
    CountsFlushed,
    /// A temporary table, by its name as written.
    TemporaryMade(Table),
    /// One is dropped, if it was one.
    TemporaryGone(Table),
}

impl Intent {
    /// Of something without a statement's text (`COM_PING`, `COM_FIELD_LIST`).
    pub const NOTHING: Self = Self {
        turn: Turn::Goes,
        changes: Vec::new(),
        opaque_if_unnamed: false,
        runs_routine: false,
        consumes_isolation: false,
        several: false,
        diagnostics: false,
    };

    /// Of a SELECT from tables that calls nothing but built-in functions.
    pub const READ: Self = Self {
        turn: Turn::Goes,
        changes: Vec::new(),
        opaque_if_unnamed: true,
        runs_routine: false,
        consumes_isolation: true,
        several: false,
        diagnostics: false,
    };

    /// Of text nobody knows.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            turn: Turn::Anything,
            changes: [Change::TextsForgotten].into(),
            opaque_if_unnamed: true,
            runs_routine: true,
            diagnostics: true,
            ..Self::NOTHING
        }
    }

    /// Of one statement in `session`.
    #[must_use]
    pub fn of(statement: &Statement<'_>, session: &Session) -> Self {
        let unknown_call = has_unknown_call(statement);
        let mut intent = Self {
            turn: turn(statement),
            opaque_if_unnamed: opaque_if_unnamed(statement, unknown_call),
            runs_routine: unknown_call || is_unfolded_by_the_server(statement),
            consumes_isolation: consumes_isolation(statement),
            diagnostics: unknown_call || asks_about_the_last(statement),
            ..Self::NOTHING
        };
        intent.changes = changes(statement, session, unknown_call);
        intent
    }

    /// Whether it takes another role.
    #[must_use]
    pub fn changes_role(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Role(_)))
    }

    /// Of several statements in one text.
    #[must_use]
    pub fn of_several(statements: &[Statement<'_>], session: &Session) -> Self {
        let mut whole = Self { several: true, ..Self::NOTHING };
        for (place, statement) in statements.iter().enumerate() {
            let one = Self::of(statement, session);
            if one.turn != Turn::Goes {
                whole.turn = Turn::Anything;
            }
            whole.changes.extend(one.changes);
            whole.opaque_if_unnamed |= one.opaque_if_unnamed;
            whole.runs_routine |= one.runs_routine;
            whole.consumes_isolation |= one.consumes_isolation;
            whole.diagnostics |= one.diagnostics && place == 0;
        }
        whole
    }
}

fn turn(statement: &Statement<'_>) -> Turn {
    match statement.kind {
        Kind::Begin { snapshot } => Turn::Begins { snapshot },
        Kind::Commit { .. } | Kind::Xa { verb: XaVerb::CommitOnePhase, .. } => Turn::Commits,
        Kind::Rollback { .. } | Kind::Xa { verb: XaVerb::Rollback, .. } => Turn::RollsBack,
        Kind::Xa { verb: XaVerb::Prepare, .. } => Turn::Parks,
        Kind::Call | Kind::Compound | Kind::Unknown => Turn::Anything,
        Kind::Execute { .. } | Kind::ExecuteImmediate { .. } => Turn::Anything,
        Kind::LockTables => Turn::Implicit,
        _ if statement.is(Flag::Uncertain) => Turn::Anything,
        _ if statement.is(Flag::ImplicitCommit) => Turn::Implicit,
        _ => Turn::Goes,
    }
}

/// Statements whose session changes are all understood report more than these changes only if a
/// function or trigger did something.
fn opaque_if_unnamed(statement: &Statement<'_>, unknown_call: bool) -> bool {
    if statement.is(Flag::SetStatement) {
        return unknown_call;
    }
    match statement.kind {
        Kind::Select
        | Kind::Rows
        | Kind::Insert
        | Kind::Replace
        | Kind::Update
        | Kind::Delete
        | Kind::Load
        | Kind::Call
        | Kind::Do
        | Kind::Handler
        | Kind::Compound
        | Kind::Execute { .. }
        | Kind::ExecuteImmediate { .. }
        | Kind::Unknown => true,
        Kind::Set => unknown_call,
        _ => statement.is(Flag::Uncertain),
    }
}

/// Whether it calls what is no built-in. A list of columns behind a written table's name is no call
/// (nor is taken for one a function that has the name of the table it feeds).
fn has_unknown_call(statement: &Statement<'_>) -> bool {
    let mut lists: Vec<_> = statement.targets.iter().map(|target| target.name).collect();
    statement.calls.iter().any(|call| match call.role {
        CallRole::Procedure => true,
        CallRole::Unknown => {
            let list = lists.iter().position(|name| name.bytes() == call.name.bytes());
            list.map(|place| lists.swap_remove(place)).is_none()
        }
        _ => false,
    })
}

fn consumes_isolation(statement: &Statement<'_>) -> bool {
    match statement.kind {
        Kind::Insert | Kind::Replace | Kind::Update | Kind::Delete | Kind::Load => true,
        Kind::Commit { .. } | Kind::Rollback { .. } | Kind::Call => true,
        Kind::Select => statement.is(Flag::From),
        _ => false,
    }
}

fn asks_about_the_last(statement: &Statement<'_>) -> bool {
    statement.is(Flag::Diagnostics)
        || statement.calls.iter().any(|call| call.role == CallRole::Diagnostic)
        || is_unfolded_by_the_server(statement)
}

/// Whether it runs statements that its text does not show, or not one by one.
fn is_unfolded_by_the_server(statement: &Statement<'_>) -> bool {
    matches!(
        statement.kind,
        Kind::Call
            | Kind::Compound
            | Kind::Unknown
            | Kind::Execute { .. }
            | Kind::ExecuteImmediate { .. }
    )
}

fn changes(statement: &Statement<'_>, session: &Session, unknown_call: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    if statement.is(Flag::SetStatement) {
        changes.push(Change::Stale);
    }
    match statement.kind {
        Kind::Set => {
            for assignment in &statement.assignments {
                changes.extend(assigned(assignment, session));
            }
            if hides_changes(&statement.assignments) {
                changes.push(Change::Opaque);
            }
        }
        Kind::Begin { .. } | Kind::UnlockTables => changes.push(Change::Unlocked),
        Kind::LockTables => changes.push(Change::Locked),
        Kind::Flush(Flush::Tables | Flush::SomeTables) if says_lock(statement.text) => {
            changes.push(Change::Locked);
        }
        Kind::Flush(Flush::Status) => changes.push(Change::CountsFlushed),
        Kind::Xa { verb: XaVerb::Start, .. } => changes.push(Change::XaBegins),
        Kind::Prepare { name, source } => {
            let text = text_of(source, session);
            changes.push(Change::Prepared { name: (*name.bytes()).into(), text });
        }
        Kind::Deallocate(name) => changes.push(Change::Deallocated((*name.bytes()).into())),
        Kind::Ddl(Ddl::Temporary | Ddl::Table) => temporary(statement, session, &mut changes),
        Kind::Call | Kind::Compound | Kind::Unknown => changes.push(Change::TextsForgotten),
        Kind::Execute { .. } | Kind::ExecuteImmediate { .. } => {
            changes.push(Change::TextsForgotten);
        }
        _ => {}
    }
    if unknown_call || may_set_values(statement) {
        changes.push(Change::ValuesForgotten);
    }
    changes
}

/// Triggers and `:=` set user variables.
fn may_set_values(statement: &Statement<'_>) -> bool {
    match statement.kind {
        Kind::Insert | Kind::Replace | Kind::Update | Kind::Delete | Kind::Load => true,
        Kind::Set | Kind::Prepare { .. } => false,
        _ => statement.is(Flag::UserVariable) || statement.is(Flag::Into),
    }
}

fn assigned(assignment: &Assignment<'_>, session: &Session) -> Option<Change> {
    let name = assignment.name.bytes().to_ascii_lowercase();
    match assignment.scope {
        Scope::User => {
            let literal = match assignment.value {
                Value::Text(literal) | Value::Number(literal) => Some(literal.into()),
                Value::Variable(from) => {
                    let under = session.fingerprint().unwrap_or(super::NO_FINGERPRINT);
                    session.texts().value(&from.bytes(), under).map(Into::into)
                }
                Value::Word(_) | Value::Expression(_) => None,
            };
            Some(Change::Valued { name: name.into(), literal })
        }
        Scope::Role if name == b"role" => {
            let (Value::Text(role)
            | Value::Number(role)
            | Value::Word(role)
            | Value::Expression(role)) = assignment.value
            else {
                return Some(Change::Opaque);
            };
            Some(Change::Role(role.into()))
        }
        Scope::NextTransaction => Some(Change::NextIsolation),
        Scope::Unsaid if variables::is_isolation(&name) => Some(Change::NextIsolation),
        Scope::Session | Scope::Unsaid if name == b"timestamp" => Some(match assignment.value {
            Value::Word(word) if word.eq_ignore_ascii_case(b"DEFAULT") => Change::TimeFlows,
            Value::Number(b"0") => Change::TimeFlows,
            _ => Change::TimeFixed,
        }),
        // The server reports no more what it is asked to report no more.
        Scope::Session | Scope::Unsaid if name.starts_with(b"session_track_") => {
            Some(Change::Unheard)
        }
        // The very next statement is read by them.
        Scope::Unsaid if matches!(&name[..], b"sql_mode" | b"character_set_client") => {
            Some(Change::Unheard)
        }
        Scope::Unsaid if variables::is_noise(&name) => None,
        Scope::Unsaid if variables::is_reported_again(&name) => Some(Change::Stale),
        Scope::Unsaid => Some(Change::Opaque),
        _ => None,
    }
}

/// `FLUSH TABLES t WITH READ LOCK`, `… FOR EXPORT`.
fn says_lock(text: &[u8]) -> bool {
    text.windows(4).any(|word| word.eq_ignore_ascii_case(b"LOCK"))
        || text.windows(6).any(|word| word.eq_ignore_ascii_case(b"EXPORT"))
}

pub(super) fn text_of(source: Value<'_>, session: &Session) -> Option<Box<[u8]>> {
    let under = session.fingerprint()?;
    let literal = match source {
        Value::Text(literal) => literal,
        Value::Variable(name) => session.texts().value(&name.bytes(), under)?,
        _ => return None,
    };
    unquote(literal, session.mode()).map(|text| (*text).into())
}

/// A superset: a name too many only keeps statements with it from the cache.
fn temporary(statement: &Statement<'_>, session: &Session, changes: &mut Vec<Change>) {
    let facts = session.facts(CacheType::On);
    let names = statement.targets.iter().filter(|target| target.what == What::Definition);
    let names = names.map(|target| {
        let database = match target.qualifier {
            Some(qualifier) => (*qualifier.bytes()).into(),
            None => facts.database.unwrap_or_default().into(),
        };
        Table { database, name: (*target.name.bytes()).into() }
    });
    let names: Vec<Table> = names.collect();
    let mut words = statement.text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let drops = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"DROP"));
    if !drops && statement.is(Flag::Temporary) {
        changes.push(Change::TemporaryCounted);
    }
    if drops {
        changes.extend(names.into_iter().map(Change::TemporaryGone));
    } else if statement.is(Flag::Temporary)
        || statement.kind == Kind::Ddl(Ddl::Temporary)
        || names.iter().any(|name| facts.temporary.contains(name))
    {
        changes.extend(names.into_iter().map(Change::TemporaryMade));
    }
}

/// Whether a `SET` assigns variables that [`variables::tracking`] would not report again, while it
/// also turns reports off.
fn hides_changes(assignments: &[Assignment<'_>]) -> bool {
    let session = |one: &&Assignment<'_>| matches!(one.scope, Scope::Session | Scope::Unsaid);
    let name = |one: &Assignment<'_>| one.name.bytes().to_ascii_lowercase();
    let turns_off =
        assignments.iter().filter(session).any(|one| name(one).starts_with(b"session_track_"));
    turns_off
        && assignments.iter().filter(session).any(|one| !variables::is_reported_again(&name(one)))
}

#[cfg(test)]
mod tests;
