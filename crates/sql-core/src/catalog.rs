//! What the server's schema says about names: views, triggers, foreign keys, routines, engines.
//!
//! A catalog is a snapshot that never changes; the next one shares what stayed the same. It answers
//! two questions: what a read of a name depends on, and what a write to a name changes. Where it
//! does not know (a name that could not be read, a body with dynamic SQL, too many tables) it says
//! so and never guesses: the caller takes that for uncacheable or for everything.
//!
//! Sources: `information_schema` of MariaDB and MySQL (TABLES, VIEWS, TRIGGERS, ROUTINES, EVENTS,
//! REFERENTIAL_CONSTRAINTS), MariaDB `sql/sql_show.cc`.

mod body;
mod load;
mod unfold;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use body::{Body, BodyMode};
pub use load::{Builder, EventRow, ForeignKeyRow, RoutineRow, TableRow, TriggerRow, ViewRow};
pub use unfold::{Affected, Depends, Uncacheable};

/// How the server compares names of databases and tables (`lower_case_table_names`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LetterCase {
    /// 0: as written; `T` and `t` are two tables.
    #[default]
    Sensitive,
    /// 1 and 2: compared without regard to case.
    Insensitive,
}

/// A table or view, in the catalog's canonical case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The database.
    pub db: Arc<str>,
    /// The table, view or sequence.
    pub table: Arc<str>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table whose changes are made by this server alone.
    Table {
        /// Whether its engine takes part in transactions (a rollback undoes its changes).
        transactional: bool,
    },
    /// A view.
    View,
    /// A MERGE table: its rows are those of its children.
    Merge,
    /// A sequence: reading it changes it.
    Sequence,
    /// A table WITH SYSTEM VERSIONING: results depend on the time.
    Versioned,
    /// A table whose rows come from elsewhere (FEDERATED, CONNECT, SPIDER, S3, …).
    Foreign,
    /// A table of the server itself (`information_schema`, `performance_schema`, `mysql`, `sys`).
    System,
    /// It is there, but what it is could not be read.
    Unknown,
}

/// What the catalog knows of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is there.
    Here(Kind),
    /// There is no such name.
    Absent,
    /// Not known: its database was not read, or it is being changed.
    Unknown,
}

/// Kinds of a change to rows, a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acts(pub u8);

impl Acts {
    /// Rows come.
    pub const INSERT: Self = Self(1);
    /// Rows change.
    pub const UPDATE: Self = Self(2);
    /// Rows go.
    pub const DELETE: Self = Self(4);
    /// Anything (REPLACE, INSERT … ON DUPLICATE KEY UPDATE, LOAD DATA … REPLACE, DDL).
    pub const ALL: Self = Self(7);

    /// Whether the two have a kind in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A routine's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoutineKind {
    /// `CALL p()`.
    Procedure,
    /// `SELECT f()`.
    Function,
}

/// What to read again after a change of the schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything, and the server's settings.
    Server,
    /// A database with all in it, routines and events too.
    Database(Box<str>),
    /// A table or view with its triggers and foreign keys.
    Table(Box<str>, Box<str>),
    /// Routines and events of a database.
    Routines(Box<str>),
}

/// A snapshot of the schema.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    letters: LetterCase,
    generation: u64,
    /// Whether databases that are not here may nevertheless exist on the server.
    incomplete: bool,
    scheduler: bool,
    databases: BTreeMap<Arc<str>, Arc<Database>>,
}

impl Catalog {
    /// How names are compared.
    #[must_use]
    pub fn letters(&self) -> LetterCase {
        self.letters
    }

    /// Grows with every change; an answer of a catalog is worth nothing once a newer one is there.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// A name as the catalog writes it.
    #[must_use]
    pub fn canonical(&self, name: &str) -> String {
        match self.letters {
            LetterCase::Sensitive => name.into(),
            LetterCase::Insensitive => name.to_lowercase(),
        }
    }

    /// Whether there is a database of that name; `true` if it cannot be told.
    #[must_use]
    pub fn has_database(&self, db: &str) -> bool {
        self.incomplete || self.databases.contains_key(&*self.canonical(db))
    }

    /// What `db.table` is.
    #[must_use]
    pub fn known(&self, db: &str, table: &str) -> Known {
        self.find(&self.canonical(db), &self.canonical(table))
    }

    /// What a read of `db.table` depends on: itself, and of views and MERGE tables what is below.
    #[must_use]
    pub fn depends(&self, db: &str, table: &str) -> Depends {
        unfold::depends(self, db, table)
    }

    /// What a write to `db.table` changes: itself, what its triggers write, children of its
    /// foreign keys, what is below a view.
    #[must_use]
    pub fn affected(&self, db: &str, table: &str, acts: Acts) -> Affected {
        unfold::affected(self, db, table, acts)
    }

    /// What calling a stored routine changes. `None` if there is no such routine (a function of
    /// that name may be built in, or loaded).
    #[must_use]
    pub fn routine(&self, kind: RoutineKind, db: &str, name: &str) -> Option<Affected> {
        unfold::routine(self, kind, db, name)
    }

    /// All tables of a database, for statements that change it as a whole. Empty if unknown.
    pub fn tables(&self, db: &str) -> impl Iterator<Item = Name> + '_ {
        let found = self.databases.get_key_value(&*self.canonical(db));
        found.into_iter().flat_map(|(name, database)| {
            let tables = database.tables.keys();
            tables.map(|table| Name { db: Arc::clone(name), table: Arc::clone(table) })
        })
    }

    /// Why reads of a database cannot be followed by the binary log, if they cannot.
    #[must_use]
    pub fn blind(&self, db: &str) -> bool {
        self.databases.get(&*self.canonical(db)).is_some_and(|database| database.blind)
    }

    /// An event that the scheduler would run, if the scheduler is on: somebody who writes without
    /// a door. `None` means there is none.
    #[must_use]
    pub fn scheduled(&self) -> Option<(&str, &str)> {
        if !self.scheduler {
            return None;
        }
        let mut all = self.databases.iter();
        all.find_map(|(db, database)| database.events.first().map(|event| (&**db, &**event)))
    }

    /// How many tables and views are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.databases.values().map(|database| database.tables.len()).sum()
    }

    /// Whether nothing is known, as before the first reading.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// The catalog with these scopes forgotten: reads of them are uncacheable, writes to them are
    /// writes to everything, until they have been read again.
    #[must_use]
    pub fn forgotten(&self, scopes: &[Scope]) -> Self {
        load::forgotten(self, scopes)
    }

    fn find(&self, db: &str, table: &str) -> Known {
        let Some(database) = self.databases.get(db) else {
            return if self.incomplete { Known::Unknown } else { Known::Absent };
        };
        match database.tables.get(table) {
            Some(object) if matches!(object.kind, Kind::Unknown) => Known::Unknown,
            Some(object) => Known::Here(object.kind),
            None if database.unread => Known::Unknown,
            None => Known::Absent,
        }
    }
}

/// One database.
#[derive(Clone, Debug, Default)]
struct Database {
    /// Whether names may exist that are not here.
    unread: bool,
    /// Whether changes of it may be missing in the binary log.
    blind: bool,
    tables: BTreeMap<Arc<str>, Arc<Object>>,
    /// By lower-case name: routines have no case.
    routines: BTreeMap<(RoutineKind, Box<str>), Arc<Body>>,
    /// Enabled events.
    events: Vec<Box<str>>,
}

/// One table, view or sequence.
#[derive(Clone, Debug)]
struct Object {
    kind: Kind,
    /// Of a view: what its definition names. Of a MERGE table: its children.
    below: Option<Body>,
    triggers: Vec<(Acts, Body)>,
    /// Tables with foreign keys to this one whose rows change with it, and on what.
    children: Vec<(Acts, Name)>,
}
