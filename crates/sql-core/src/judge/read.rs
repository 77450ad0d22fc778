//! The rows of the table that the text and the names decide, in the order of the table.

use alloc::vec::Vec;

use crate::statement::{CallRole, Flag, Ident, Kind, Name, Role, Statement};

use super::{
    Bar, CacheType, Facts, Known, Names, Reason, Relation, Routine, RoutineKind, is_system,
    is_temporary,
};

/// The relations read, or the first row that forbids.
pub(super) fn reasons<'n>(
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    names: &'n dyn Names,
) -> Result<Vec<&'n Known>, Reason> {
    if facts.cache_type == CacheType::Off {
        return Err(Reason::CacheOff);
    }
    if statement.kind != Kind::Select {
        return Err(Reason::NotARead);
    }
    for (flag, reason) in FLAGS {
        if statement.is(*flag) {
            return Err(*reason);
        }
    }
    if facts.auto_is_null && statement.is(Flag::IsNull) {
        return Err(Reason::LastInsertId);
    }
    calls(statement, facts, names)?;
    if !statement.is(Flag::From) {
        return Err(Reason::NoTable);
    }
    if statement.is(Flag::OddSource) {
        return Err(Reason::UnknownTable);
    }
    let known = relations(statement, facts, names)?;
    let demanded = statement.is(Flag::SqlCache) || known.iter().any(|one| one.demands);
    if facts.cache_type == CacheType::Demand && !demanded {
        return Err(Reason::NotDemanded);
    }
    Ok(known)
}

fn calls(statement: &Statement<'_>, facts: &Facts<'_>, names: &dyn Names) -> Result<(), Reason> {
    for call in &statement.calls {
        match call.role {
            CallRole::Impure => return Err(Reason::ImpureFunction),
            CallRole::Diagnostic => return Err(Reason::Diagnostics),
            CallRole::Sequence => return Err(Reason::Sequence),
            CallRole::Unknown | CallRole::Procedure => return Err(Reason::StoredFunction),
            // Without a default database no stored function can be meant.
            CallRole::Recent => {
                let stored = facts.database.is_some_and(|database| {
                    let name = call.name.bytes();
                    let routine = names.routine(RoutineKind::Function, database, &name);
                    !matches!(routine, Routine::Missing)
                });
                if stored {
                    return Err(Reason::StoredFunction);
                }
            }
        }
    }
    Ok(())
}

/// Every name that is a relation's, as the source it may be; sources must be known.
fn relations<'n>(
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    names: &'n dyn Names,
) -> Result<Vec<&'n Known>, Reason> {
    let mut found = Found { relations: Vec::with_capacity(4), facts, names };
    let mut last: Option<Ident<'_>> = None;
    for name in &statement.names {
        match (name.role, name.qualifier) {
            (Role::Cte, _) => found.mention(None, name.name)?,
            (Role::Source, qualifier) => found.source(statement, qualifier, name)?,
            (Role::Mention, None) => found.mention(None, name.name)?,
            (Role::Mention, Some(qualifier)) => {
                // Columns of one table come in runs.
                if last != Some(qualifier) {
                    found.mention(None, qualifier)?;
                    last = Some(qualifier);
                }
                found.mention(Some(qualifier), name.name)?;
            }
        }
    }
    if found.relations.is_empty() {
        return Err(Reason::NoTable);
    }
    Ok(found.relations)
}

struct Found<'n, 'f> {
    relations: Vec<&'n Known>,
    facts: &'f Facts<'f>,
    names: &'n dyn Names,
}

impl Found<'_, '_> {
    /// A table that is read: it must be known.
    fn source(
        &mut self,
        statement: &Statement<'_>,
        qualifier: Option<Ident<'_>>,
        source: &Name<'_>,
    ) -> Result<(), Reason> {
        if self.relation(qualifier, source.name)? {
            return Ok(());
        }
        let defined = |other: &&Name<'_>| {
            other.role == Role::Cte && other.name.bytes().eq_ignore_ascii_case(&source.name.bytes())
        };
        match qualifier {
            None if statement.names.iter().any(|other| defined(&other)) => Ok(()),
            None if self.facts.database.is_none() => Err(Reason::NoDatabase),
            _ => Err(Reason::UnknownTable),
        }
    }

    /// A name that may be a table's: if it is one, it counts as read.
    fn mention(&mut self, qualifier: Option<Ident<'_>>, name: Ident<'_>) -> Result<(), Reason> {
        self.relation(qualifier, name).map(drop)
    }

    fn relation(&mut self, qualifier: Option<Ident<'_>>, name: Ident<'_>) -> Result<bool, Reason> {
        let owned;
        let database = match (qualifier, self.facts.database) {
            (Some(qualifier), _) => {
                owned = qualifier.bytes();
                &*owned
            }
            (None, Some(database)) => database,
            (None, None) => return Ok(false),
        };
        let name = name.bytes();
        // A column `x` of a table called `sys` looks like a system table: asking costs a hit.
        if is_system(database) {
            return Err(Reason::SystemTable);
        }
        if is_temporary(self.facts, database, &name) {
            return Err(Reason::TemporaryTable);
        }
        match self.names.relation(database, &name) {
            Relation::Missing => Ok(false),
            Relation::Unknown => Err(Reason::UnknownTable),
            Relation::Known(known) => {
                if let Some(bar) = known.bar {
                    return Err(barred(bar));
                }
                if !self.relations.iter().any(|other| core::ptr::eq(*other, known)) {
                    self.relations.push(known);
                }
                Ok(true)
            }
        }
    }
}

const fn barred(bar: Bar) -> Reason {
    match bar {
        Bar::Sequence => Reason::Sequence,
        Bar::Engine => Reason::ForeignEngine,
        Bar::Versioned => Reason::VersionedTable,
        Bar::OpaqueView => Reason::OpaqueView,
        Bar::ImpureView => Reason::ImpureView,
        Bar::ImpureColumn => Reason::ImpureFunction,
        Bar::UncachedView => Reason::NoCache,
        Bar::UnseenWrites => Reason::UnseenWrites,
        Bar::ColumnRights => Reason::ColumnRights,
    }
}

const FLAGS: &[(Flag, Reason)] = &[
    (Flag::SetStatement, Reason::SetStatement),
    (Flag::Analyzed, Reason::NotARead),
    (Flag::Truncated, Reason::TooLong),
    (Flag::Uncertain, Reason::Uncertain),
    (Flag::Several, Reason::SeveralStatements),
    (Flag::ExecutableComment, Reason::ExecutableComment),
    (Flag::SqlNoCache, Reason::NoCache),
    (Flag::Into, Reason::Into),
    (Flag::Locking, Reason::Locking),
    (Flag::Procedure, Reason::Procedure),
    (Flag::SystemTime, Reason::SystemTime),
    (Flag::UserVariable, Reason::UserVariable),
    (Flag::SystemVariable, Reason::SystemVariable),
];
