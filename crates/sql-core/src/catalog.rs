//! What the server's schema says about names: views, triggers, foreign keys, routines, engines.
//!
//! A catalog is a snapshot that never changes; the next one shares what stayed the same. It answers
//! through [`Names`] what a read of a name depends on and what a write to it changes. Where it does
//! not know (a name that could not be read, a body with dynamic SQL, too many tables) it says so
//! and never guesses: the caller takes that for uncacheable or for everything.
//!
//! Sources: `information_schema` of MariaDB and MySQL (TABLES, VIEWS, TRIGGERS, ROUTINES, EVENTS,
//! REFERENTIAL_CONSTRAINTS), MariaDB `sql/sql_show.cc`.

mod body;
mod load;
#[cfg(test)]
mod tests;
mod unfold;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use body::Body;
pub use load::{Builder, ForeignKeyRow, RoutineRow, TableRow, TriggerRow, UNKNOWN_SERVER, Unseen};

use crate::judge::{Effect, Known, Names, Relation, Routine, RoutineKind, Table};

/// How the server compares names of databases and tables (`lower_case_table_names`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LetterCase {
    /// 0: as written; `T` and `t` are two tables.
    #[default]
    Sensitive,
    /// 1 and 2: compared without regard to case.
    Insensitive,
}

/// What to read again after a change of the schema. Names as the catalog writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything, and the server's settings.
    Server,
    /// A database with all in it.
    Database(Box<[u8]>),
    /// A table or view with its triggers and foreign keys.
    Table(Box<[u8]>, Box<[u8]>),
    /// Which tables and views accounts have rights on single columns of.
    Rights,
}

/// A snapshot of the schema. The empty one knows nothing: every name is unknown to it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    letters: LetterCase,
    generation: u64,
    /// Whether it was read to the end, so that a database that is not here does not exist.
    whole: bool,
    scheduler: bool,
    databases: BTreeMap<Box<[u8]>, Arc<Database>>,
    shown: BTreeMap<Box<[u8]>, Shown>,
}

impl Catalog {
    /// How names are compared.
    #[must_use]
    pub fn letters(&self) -> LetterCase {
        self.letters
    }

    /// Grows with every change; what was derived from a catalog is worth nothing once a newer one
    /// is there.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it was read to the end.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// How many tables and views it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.databases.values().map(|database| database.objects.len()).sum()
    }

    /// Whether it has none, as before the first reading.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An enabled event, if the scheduler is on: somebody who writes and needs no door.
    #[must_use]
    pub fn scheduled(&self) -> Option<(&[u8], &[u8])> {
        if !self.scheduler {
            return None;
        }
        let mut all = self.databases.iter();
        all.find_map(|(db, database)| database.events.first().map(|event| (&**db, &**event)))
    }

    /// Whether the event scheduler was on.
    #[must_use]
    pub fn scheduler(&self) -> bool {
        self.scheduler
    }

    /// The catalog with these scopes forgotten: reads of them are uncacheable, writes to them are
    /// writes to everything, until they have been read again.
    #[must_use]
    pub fn forgotten(&self, scopes: &[Scope]) -> Self {
        load::forgotten(self, scopes)
    }

    /// The same with a generation behind that of `before`.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.generation = before.generation + 1;
        self
    }

    /// The scopes to read so that nothing is left half known: a table of a database that is not
    /// known means the database, many tables mean all.
    #[must_use]
    pub fn widened(&self, scopes: &[Scope]) -> Vec<Scope> {
        let widened = |scope: &Scope| match scope {
            Scope::Table(db, name) => match self.databases.get(&*self.fold(db)) {
                Some(known) if !known.unread => {
                    Scope::Table(self.fold(db).into(), self.fold(name).into())
                }
                _ => Scope::Database(self.fold(db).into()),
            },
            Scope::Database(db) => Scope::Database(self.fold(db).into()),
            Scope::Server => Scope::Server,
            Scope::Rights => Scope::Rights,
        };
        let all: BTreeSet<Scope> = scopes.iter().map(widened).collect();
        let whole = |db: &[u8]| all.contains(&Scope::Database(db.into()));
        let needed = |scope: &&Scope| !matches!(scope, Scope::Table(db, _) if whole(db));
        let all: Vec<Scope> = all.iter().filter(needed).cloned().collect();
        let server = !self.whole || all.contains(&Scope::Server) || all.len() > SCOPES_MAX;
        if server { alloc::vec![Scope::Server] } else { all }
    }

    fn fold<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        fold(self.letters, name)
    }
}

impl Names for Catalog {
    fn relation(&self, database: &[u8], name: &[u8]) -> Relation<'_> {
        let Some(shown) = self.shown.get(&*self.fold(database)) else {
            return if self.whole { Relation::Missing } else { Relation::Unknown };
        };
        match shown.relations.get(&*self.fold(name)) {
            Some(Some(known)) => Relation::Known(known),
            Some(None) => Relation::Unknown,
            None if shown.unread => Relation::Unknown,
            None => Relation::Missing,
        }
    }

    fn routine(&self, kind: RoutineKind, database: &[u8], name: &[u8]) -> Routine<'_> {
        let Some(shown) = self.shown.get(&*self.fold(database)) else {
            return if self.whole { Routine::Missing } else { Routine::Unknown };
        };
        match shown.routines.get(&routine_key(kind, name)) {
            Some(effect) => Routine::Known(effect),
            None if shown.unread => Routine::Unknown,
            None => Routine::Missing,
        }
    }

    fn relations_of(&self, database: &[u8]) -> Option<Vec<&Table>> {
        let Some(shown) = self.shown.get(&*self.fold(database)) else {
            return self.whole.then(Vec::new);
        };
        if shown.unread {
            return None;
        }
        shown.relations.values().map(|known| known.as_ref().map(|known| &known.table)).collect()
    }

    fn canonical(&self, database: &[u8], name: &[u8]) -> Table {
        Table { database: self.fold(database).into(), name: self.fold(name).into() }
    }
}

/// What is known of one database.
#[derive(Clone, Debug, Default)]
struct Database {
    /// Whether names may exist that are not here.
    unread: bool,
    /// Whether changes of it may be missing in the binary log.
    unseen: bool,
    objects: BTreeMap<Box<[u8]>, Arc<Object>>,
    routines: BTreeMap<RoutineKey, Arc<Body>>,
    /// Enabled events.
    events: Vec<Box<[u8]>>,
}

/// One table, view or sequence.
#[derive(Clone, Debug)]
struct Object {
    kind: Kind,
    triggers: Vec<Body>,
    /// Tables whose rows, going or changing, change rows of this one (a foreign key with CASCADE,
    /// SET NULL or SET DEFAULT).
    parents: Vec<Table>,
    /// Some account may read single columns of it.
    column_rights: bool,
}

/// What a name stands for.
#[derive(Clone, Debug)]
enum Kind {
    /// A table whose changes are made by this server alone.
    /// A table of rows. `pure`: no virtual column computes what a read must not be cached for.
    Table { transactional: bool, pure: bool },
    /// A view; `pure` when it calls nothing but allowed functions.
    View { body: Body, pure: bool },
    /// A MERGE table: its rows are those of its children.
    Merge { children: Vec<Table> },
    /// A sequence: reading it changes it.
    Sequence,
    /// A table WITH SYSTEM VERSIONING: results depend on the time.
    Versioned,
    /// A table whose rows come from elsewhere.
    Foreign,
    /// It is there, but what it is could not be read.
    Unknown,
}

/// The answers of one database, worked out when the catalog was made.
#[derive(Clone, Debug, Default)]
struct Shown {
    unread: bool,
    /// `None`: it exists, but is not known.
    relations: BTreeMap<Box<[u8]>, Option<Arc<Known>>>,
    routines: BTreeMap<RoutineKey, Effect>,
}

/// Whether it is a function, and its name in lower case: routines have no case.
type RoutineKey = (bool, Box<[u8]>);

fn routine_key(kind: RoutineKind, name: &[u8]) -> RoutineKey {
    (kind == RoutineKind::Function, fold(LetterCase::Insensitive, name).into())
}

/// Names that are not UTF-8 are nobody's; only their ASCII letters are folded.
fn fold(letters: LetterCase, name: &[u8]) -> Cow<'_, [u8]> {
    if letters == LetterCase::Sensitive {
        return Cow::Borrowed(name);
    }
    match core::str::from_utf8(name) {
        Ok(text) if text.is_ascii() && !name.iter().any(u8::is_ascii_uppercase) => {
            Cow::Borrowed(name)
        }
        Ok(text) => Cow::Owned(text.to_lowercase().into_bytes()),
        Err(_) => Cow::Owned(name.to_ascii_lowercase()),
    }
}

/// Whether a database is the server's own; lower-case names.
fn is_system(database: &[u8]) -> bool {
    SYSTEM.iter().any(|one| database.eq_ignore_ascii_case(one))
}

const SYSTEM: &[&[u8]] = &[b"mysql", b"information_schema", b"performance_schema", b"sys"];

/// Scopes read one by one; more mean all.
const SCOPES_MAX: usize = 64;
