//! From rows of `information_schema` to a catalog, whole or in part.

use alloc::vec::Vec;

use super::{Acts, BodyMode, Catalog, LetterCase, RoutineKind, Scope};

/// A row of TABLES.
#[derive(Clone, Copy, Debug)]
pub struct TableRow<'a> {
    /// TABLE_SCHEMA.
    pub db: &'a str,
    /// TABLE_NAME.
    pub table: &'a str,
    /// TABLE_TYPE: `BASE TABLE`, `VIEW`, `SEQUENCE`, `SYSTEM VERSIONED`, …
    pub kind: &'a str,
    /// ENGINE; `None` for views and for tables that could not be opened.
    pub engine: Option<&'a str>,
}

/// A row of VIEWS.
#[derive(Clone, Copy, Debug)]
pub struct ViewRow<'a> {
    /// TABLE_SCHEMA.
    pub db: &'a str,
    /// TABLE_NAME.
    pub view: &'a str,
    /// VIEW_DEFINITION; empty without the SHOW VIEW right.
    pub definition: &'a str,
}

/// A row of TRIGGERS.
#[derive(Clone, Copy, Debug)]
pub struct TriggerRow<'a> {
    /// EVENT_OBJECT_SCHEMA.
    pub db: &'a str,
    /// EVENT_OBJECT_TABLE.
    pub table: &'a str,
    /// EVENT_MANIPULATION.
    pub acts: Acts,
    /// ACTION_STATEMENT.
    pub body: &'a str,
    /// SQL_MODE.
    pub mode: BodyMode,
}

/// A row of REFERENTIAL_CONSTRAINTS.
#[derive(Clone, Copy, Debug)]
pub struct ForeignKeyRow<'a> {
    /// UNIQUE_CONSTRAINT_SCHEMA.
    pub parent_db: &'a str,
    /// REFERENCED_TABLE_NAME.
    pub parent: &'a str,
    /// CONSTRAINT_SCHEMA.
    pub child_db: &'a str,
    /// TABLE_NAME.
    pub child: &'a str,
    /// UPDATE_RULE: `CASCADE`, `SET NULL`, …
    pub on_update: &'a str,
    /// DELETE_RULE.
    pub on_delete: &'a str,
}

/// A row of ROUTINES.
#[derive(Clone, Copy, Debug)]
pub struct RoutineRow<'a> {
    /// ROUTINE_SCHEMA.
    pub db: &'a str,
    /// ROUTINE_NAME.
    pub name: &'a str,
    /// ROUTINE_TYPE.
    pub kind: RoutineKind,
    /// ROUTINE_DEFINITION; `None` when the account may not see it, or when it is not SQL.
    pub body: Option<&'a str>,
    /// SQL_MODE.
    pub mode: BodyMode,
}

/// A row of EVENTS that is enabled.
#[derive(Clone, Copy, Debug)]
pub struct EventRow<'a> {
    /// EVENT_SCHEMA.
    pub db: &'a str,
    /// EVENT_NAME.
    pub name: &'a str,
}

/// Makes the next catalog out of one and rows that were read again.
#[derive(Debug)]
pub struct Builder {
    catalog: Catalog,
}

impl Builder {
    /// For a catalog of the whole server.
    #[must_use]
    pub fn new(_letters: LetterCase) -> Self {
        unimplemented!()
    }
}

pub(super) fn forgotten(_catalog: &Catalog, _scopes: &[Scope]) -> Catalog {
    unimplemented!()
}

#[expect(dead_code, reason = "the shape only")]
fn unused(_: Vec<u8>, builder: Builder) -> Catalog {
    builder.catalog
}
