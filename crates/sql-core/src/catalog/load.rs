//! From rows of `information_schema` to a catalog, whole or in part.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::body::Body;
use super::{Catalog, Database, Kind, LetterCase, Object, RoutineKey, Scope};
use super::{fold, is_system, routine_key, unfold};
use crate::judge::{RoutineKind, Table};
use crate::lexer::{Dialect, Mode, Server};
use crate::statement::{self, Flag};

/// A row of TABLES.
#[derive(Clone, Copy, Debug)]
pub struct TableRow<'a> {
    /// TABLE_SCHEMA.
    pub db: &'a [u8],
    /// TABLE_NAME.
    pub name: &'a [u8],
    /// TABLE_TYPE: `BASE TABLE`, `VIEW`, `SEQUENCE`, `SYSTEM VERSIONED`, …
    pub kind: &'a [u8],
    /// ENGINE; `None` for views and for tables that could not be opened.
    pub engine: Option<&'a [u8]>,
}

/// A row of TRIGGERS.
#[derive(Clone, Copy, Debug)]
pub struct TriggerRow<'a> {
    /// EVENT_OBJECT_SCHEMA.
    pub db: &'a [u8],
    /// EVENT_OBJECT_TABLE.
    pub table: &'a [u8],
    /// ACTION_STATEMENT.
    pub body: &'a [u8],
    /// SQL_MODE.
    pub sql_mode: &'a [u8],
}

/// A row of REFERENTIAL_CONSTRAINTS.
#[derive(Clone, Copy, Debug)]
pub struct ForeignKeyRow<'a> {
    /// UNIQUE_CONSTRAINT_SCHEMA.
    pub parent_db: &'a [u8],
    /// REFERENCED_TABLE_NAME.
    pub parent: &'a [u8],
    /// CONSTRAINT_SCHEMA.
    pub child_db: &'a [u8],
    /// TABLE_NAME.
    pub child: &'a [u8],
    /// UPDATE_RULE: `CASCADE`, `SET NULL`, …
    pub on_update: &'a [u8],
    /// DELETE_RULE.
    pub on_delete: &'a [u8],
}

/// A row of ROUTINES.
#[derive(Clone, Copy, Debug)]
pub struct RoutineRow<'a> {
    /// ROUTINE_SCHEMA.
    pub db: &'a [u8],
    /// ROUTINE_NAME.
    pub name: &'a [u8],
    /// ROUTINE_TYPE: `FUNCTION`, or anything else (procedures, packages).
    pub kind: &'a [u8],
    /// ROUTINE_DEFINITION; `None` when the account may not see it, or when it is not SQL.
    pub body: Option<&'a [u8]>,
    /// SQL_MODE.
    pub sql_mode: &'a [u8],
}

/// Makes the next catalog out of one and rows that were read again.
#[derive(Debug)]
pub struct Builder {
    catalog: Catalog,
    server: Server,
    /// Engines of INFORMATION_SCHEMA.ENGINES whose TRANSACTIONS is YES, in upper case.
    transactional: BTreeSet<Vec<u8>>,
    /// Databases whose changes may be missing in the binary log.
    unseen: Unseen,
    /// What is being read; `information_schema` also finds names that differ in case only.
    scope: Scope,
}

/// Which databases' changes may be missing in the binary log (`binlog_do_db`, `binlog_ignore_db`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unseen {
    /// None.
    #[default]
    None,
    /// These.
    These(Vec<Box<[u8]>>),
    /// All but these.
    AllBut(Vec<Box<[u8]>>),
    /// All.
    All,
}

impl Builder {
    /// Starts from `before`; the rows that come replace what [`Self::forget`] takes out.
    #[must_use]
    pub fn new(before: &Catalog, server: Server) -> Self {
        let engines = [b"INNODB".to_vec(), b"ROCKSDB".to_vec(), b"TOKUDB".to_vec()];
        Self {
            catalog: Catalog { generation: before.generation + 1, ..before.clone() },
            server,
            transactional: engines.into_iter().collect(),
            unseen: Unseen::None,
            scope: Scope::Server,
        }
    }

    /// What the server said about itself; before any row.
    pub fn server(&mut self, letters: LetterCase, scheduler: bool, unseen: Unseen) {
        self.catalog.letters = letters;
        self.catalog.scheduler = scheduler;
        self.unseen = unseen;
    }

    /// Takes out what is to be read again, as if it did not exist any more; the rows that follow
    /// are of this scope.
    pub fn forget(&mut self, scope: &Scope) {
        self.scope = scope.clone();
        match scope {
            Scope::Server => self.catalog.databases.clear(),
            Scope::Database(db) => {
                self.catalog.databases.remove(db);
            }
            Scope::Table(db, name) => {
                if self.catalog.databases.contains_key(db) {
                    self.database(db).objects.remove(name);
                }
            }
            Scope::Rights => {
                for database in self.catalog.databases.values_mut() {
                    if database.objects.values().any(|object| object.column_rights) {
                        for object in Arc::make_mut(database).objects.values_mut() {
                            if object.column_rights {
                                Arc::make_mut(object).column_rights = false;
                            }
                        }
                    }
                }
            }
        }
    }

    /// A row of SCHEMATA. The server's own databases are left out.
    pub fn schema(&mut self, db: &[u8]) {
        if self.wants(db, None) {
            self.database(db);
        }
    }

    /// A row of TABLES.
    pub fn table(&mut self, row: &TableRow<'_>) {
        if !self.wants(row.db, Some(row.name)) {
            return;
        }
        let kind = self.kind(row);
        let name = self.fold(row.name);
        let (triggers, parents) = (Vec::new(), Vec::new());
        let object = Object { kind, triggers, parents, column_rights: false };
        self.database(row.db).objects.insert(name, Arc::new(object));
    }

    /// A row of VIEWS: database, name, VIEW_DEFINITION (empty without the SHOW VIEW right).
    pub fn view(&mut self, db: &[u8], name: &[u8], definition: &[u8]) {
        let mode = Mode::new(b"", b"utf8mb4", self.server);
        let mut body = Body::read(definition, mode, self.catalog.letters);
        let read = statement::read(definition, mode);
        let one = read.kind == statement::Kind::Select && !read.is(Flag::Several);
        body.opaque |= !one || read.is(Flag::Uncertain);
        let variables = read.is(Flag::UserVariable) || read.is(Flag::SystemVariable);
        let odd = read.is(Flag::Locking) || read.is(Flag::SystemTime) || read.is(Flag::OddSource);
        let pure = read.calls.is_empty() && !variables && !odd;
        self.object(db, name, |object| object.kind = Kind::View { body, pure });
    }

    /// A row of COLUMN_PRIVILEGES: database and table.
    pub fn column_rights(&mut self, db: &[u8], name: &[u8]) {
        self.object(db, name, |object| object.column_rights = true);
    }

    /// A virtual column of a row of COLUMNS: database, table, GENERATION_EXPRESSION. Computed at
    /// each read, it may call what no cached statement may.
    pub fn virtual_column(&mut self, db: &[u8], name: &[u8], expression: &[u8]) {
        let mode = Mode::new(b"", b"utf8mb4", self.server);
        let select = [b"SELECT ", expression].concat();
        let read = statement::read(&select, mode);
        let variables = read.is(Flag::UserVariable) || read.is(Flag::SystemVariable);
        if !read.calls.is_empty() || variables || read.is(Flag::Uncertain) {
            self.object(db, name, |object| {
                if let Kind::Table { pure, .. } = &mut object.kind {
                    *pure = false;
                }
            });
        }
    }

    /// What SHOW CREATE TABLE says of a MERGE table; empty if it could not be read.
    pub fn merge(&mut self, db: &[u8], name: &[u8], create: &[u8]) {
        let mode = Mode::new(b"", b"utf8mb4", self.server);
        let Some(at) = find(create, b" UNION=(").filter(|_| !create.is_empty()) else {
            // Without children it is an empty table, unless nothing could be read.
            let kind = match create.is_empty() {
                true => Kind::Unknown,
                false => Kind::Merge { children: Vec::new() },
            };
            return self.object(db, name, |object| object.kind = kind);
        };
        let list = create.get(at + b" UNION=(".len()..).unwrap_or_default();
        let body = Body::read(list, mode, self.catalog.letters);
        let own = self.fold(db);
        let table =
            |database: &[u8], name: &[u8]| Table { database: database.into(), name: name.into() };
        let single = body.names.iter().map(|name| table(&own, name));
        let pairs = body.pairs.iter().map(|(db, name)| table(db, name));
        let children = single.chain(pairs).collect();
        self.object(db, name, |object| object.kind = Kind::Merge { children });
    }

    /// A row of TRIGGERS.
    pub fn trigger(&mut self, row: &TriggerRow<'_>) {
        let mode = Mode::new(row.sql_mode, b"utf8mb4", self.server);
        let body = Body::read(row.body, mode, self.catalog.letters);
        self.object(row.db, row.table, |object| object.triggers.push(body));
    }

    /// A row of REFERENTIAL_CONSTRAINTS.
    pub fn foreign_key(&mut self, row: &ForeignKeyRow<'_>) {
        let passive = |rule: &[u8]| {
            rule.eq_ignore_ascii_case(b"RESTRICT") || rule.eq_ignore_ascii_case(b"NO ACTION")
        };
        if passive(row.on_update) && passive(row.on_delete) {
            return;
        }
        let parent = Table { database: self.fold(row.parent_db), name: self.fold(row.parent) };
        self.object(row.child_db, row.child, |object| object.parents.push(parent));
    }

    /// A row of ROUTINES.
    pub fn routine(&mut self, row: &RoutineRow<'_>) {
        if !self.wants(row.db, None) {
            return;
        }
        let mode = Mode::new(row.sql_mode, b"utf8mb4", self.server);
        let body = match row.body {
            Some(text) => Body::read(text, mode, self.catalog.letters),
            None => Body::hidden(),
        };
        let kind = match row.kind.eq_ignore_ascii_case(b"FUNCTION") {
            true => RoutineKind::Function,
            false => RoutineKind::Procedure,
        };
        let key: RoutineKey = routine_key(kind, row.name);
        self.database(row.db).routines.insert(key, Arc::new(body));
    }

    /// A row of EVENTS that is enabled.
    pub fn event(&mut self, db: &[u8], name: &[u8]) {
        if self.wants(db, None) {
            self.database(db).events.push(name.into());
        }
    }

    /// The catalog, once all rows are in.
    #[must_use]
    pub fn finish(mut self, before: &Catalog) -> Catalog {
        self.catalog.whole = true;
        shown(&mut self.catalog, before);
        self.catalog
    }

    fn kind(&self, row: &TableRow<'_>) -> Kind {
        let kind = row.kind.to_ascii_uppercase();
        let engine = row.engine.unwrap_or_default().to_ascii_uppercase();
        match (&*kind, &*engine) {
            // The definition comes with the row of VIEWS; until then it is not known.
            (b"VIEW", _) => Kind::Unknown,
            (b"SEQUENCE", _) => Kind::Sequence,
            (b"SYSTEM VERSIONED", _) => Kind::Versioned,
            (b"BASE TABLE", b"MRG_MYISAM" | b"MERGE") => Kind::Unknown,
            (b"BASE TABLE", b"") => Kind::Unknown,
            (b"BASE TABLE", engine) if OWN.contains(&engine) => {
                Kind::Table { transactional: self.transactional.contains(engine), pure: true }
            }
            (b"BASE TABLE", _) => Kind::Foreign,
            _ => Kind::Unknown,
        }
    }

    fn wants(&self, db: &[u8], name: Option<&[u8]>) -> bool {
        let fits = match (&self.scope, name) {
            (Scope::Server | Scope::Rights, _) => true,
            (Scope::Database(one), _) => *one == self.fold(db),
            (Scope::Table(one, table), Some(name)) => {
                *one == self.fold(db) && *table == self.fold(name)
            }
            (Scope::Table(..), None) => false,
        };
        fits && !is_system(db)
    }

    fn fold(&self, name: &[u8]) -> Box<[u8]> {
        fold(self.catalog.letters, name).into()
    }

    fn database(&mut self, db: &[u8]) -> &mut Database {
        let db = self.fold(db);
        let unseen = self.unseen.covers(&db);
        let entry = self.catalog.databases.entry(db);
        let database = Arc::make_mut(entry.or_default());
        database.unseen = unseen;
        database
    }

    /// Changes an object that has a row already.
    fn object(&mut self, db: &[u8], name: &[u8], change: impl FnOnce(&mut Object)) {
        if !self.wants(db, Some(name)) {
            return;
        }
        let (db, name) = (self.fold(db), self.fold(name));
        let database = self.catalog.databases.get_mut(&db).map(Arc::make_mut);
        if let Some(object) = database.and_then(|database| database.objects.get_mut(&name)) {
            change(Arc::make_mut(object));
        }
    }
}

impl Unseen {
    fn covers(&self, db: &[u8]) -> bool {
        let has = |list: &[Box<[u8]>]| list.iter().any(|one| one.eq_ignore_ascii_case(db));
        match self {
            Self::None => false,
            Self::These(list) => has(list),
            Self::AllBut(list) => !has(list),
            Self::All => true,
        }
    }
}

pub(super) fn forgotten(catalog: &Catalog, scopes: &[Scope]) -> Catalog {
    let mut next = Catalog { generation: catalog.generation + 1, ..catalog.clone() };
    for scope in scopes {
        match scope {
            Scope::Server => {
                next = Catalog {
                    generation: next.generation,
                    letters: catalog.letters,
                    ..Catalog::default()
                };
            }
            Scope::Database(db) => {
                let unread = Database { unread: true, ..Database::default() };
                next.databases.insert(db.clone(), Arc::new(unread));
            }
            Scope::Table(db, name) => {
                let database = next.databases.entry(db.clone()).or_default();
                let (triggers, parents) = (Vec::new(), Vec::new());
                let kind = Kind::Unknown;
                let unknown = Object { kind, triggers, parents, column_rights: false };
                Arc::make_mut(database).objects.insert(name.clone(), Arc::new(unknown));
            }
            // The server is asked about each account's rights all the same.
            Scope::Rights => {}
        }
    }
    shown(&mut next, catalog);
    next
}

fn shown(next: &mut Catalog, before: &Catalog) {
    next.shown = unfold::unfold(&next.databases, before);
}

/// A server of which nothing is known: executable comments are uncertain.
pub const UNKNOWN_SERVER: Server = Server { dialect: Dialect::Mariadb, version: 0 };

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

/// Engines whose rows change by statements of this server alone. PERFORMANCE_SCHEMA, FEDERATED,
/// SPIDER, CONNECT, S3, SPHINX, OQGRAPH and what is not known are not among them; BLACKHOLE has no
/// rows.
const OWN: &[&[u8]] = &[
    b"INNODB",
    b"MYISAM",
    b"ARIA",
    b"MEMORY",
    b"HEAP",
    b"ARCHIVE",
    b"CSV",
    b"BLACKHOLE",
    b"ROCKSDB",
    b"TOKUDB",
];
