//! From a name to what is below it (reads) and behind it (writes).
//!
//! Walks are bounded: what names more than [`TABLES_MAX`] tables counts as not understood.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::body::Body;
use super::{Catalog, Database, Kind, Object, RoutineKey, Shown, is_system};
use crate::judge::{Bar, Effect, Known, Table};

/// Works out the answers about all databases; `before` has those of the last catalog, which stay
/// right for tables that are nothing but tables.
pub(super) fn unfold(
    databases: &BTreeMap<Box<[u8]>, Arc<Database>>,
    before: &Catalog,
) -> BTreeMap<Box<[u8]>, Shown> {
    let schema = Schema { databases, children: children(databases) };
    let mut shown = BTreeMap::new();
    for (db, database) in databases {
        let old = before.databases.get(db).zip(before.shown.get(db));
        shown.insert(db.clone(), schema.shown(db, database, old));
    }
    shown
}

/// From a parent to the tables that change with it.
type Children = BTreeMap<Table, Vec<Table>>;

fn children(databases: &BTreeMap<Box<[u8]>, Arc<Database>>) -> Children {
    let mut children = Children::new();
    for (db, database) in databases {
        for (name, object) in &database.objects {
            let child = Table { database: db.clone(), name: name.clone() };
            for parent in &object.parents {
                children.entry(parent.clone()).or_default().push(child.clone());
            }
        }
    }
    children
}

struct Schema<'c> {
    databases: &'c BTreeMap<Box<[u8]>, Arc<Database>>,
    children: Children,
}

impl<'c> Schema<'c> {
    fn shown(
        &self,
        db: &[u8],
        database: &Database,
        before: Option<(&Arc<Database>, &Shown)>,
    ) -> Shown {
        let mut shown = Shown { unread: database.unread, ..Shown::default() };
        for (name, object) in &database.objects {
            let table = Table { database: db.into(), name: name.clone() };
            let known = self.kept(&table, object, database, before);
            let known = known.or_else(|| self.known(&table, object, database).map(Arc::new));
            shown.relations.insert(name.clone(), known);
        }
        for key in database.routines.keys() {
            let mut walk = Walk::new(self);
            walk.routine(db, key);
            shown.routines.insert(key.clone(), walk.effect());
        }
        shown
    }

    /// The answer of the last catalog, where it depends on nothing but an object that stayed.
    fn kept(
        &self,
        table: &Table,
        object: &Arc<Object>,
        database: &Database,
        before: Option<(&Arc<Database>, &Shown)>,
    ) -> Option<Arc<Known>> {
        let (old, shown) = before?;
        let stayed = old.objects.get(&table.name).is_some_and(|was| Arc::ptr_eq(was, object));
        let simple = matches!(object.kind, Kind::Table { .. })
            && object.triggers.is_empty()
            && !self.children.contains_key(table);
        let known = shown.relations.get(&table.name)?.clone()?;
        // It may have had children then.
        let alone = known.writes.tables.len() == 1 && !known.writes.everything;
        (stayed && simple && alone && old.unseen == database.unseen).then_some(known)
    }

    fn known(&self, table: &Table, object: &Object, database: &Database) -> Option<Known> {
        let bar = match &object.kind {
            Kind::Unknown => return None,
            Kind::Sequence => Some(Bar::Sequence),
            Kind::Versioned => Some(Bar::Versioned),
            Kind::Foreign => Some(Bar::Engine),
            _ if database.unseen => Some(Bar::UnseenWrites),
            // Not of tables below a view, whose definer has the rights.
            _ if object.column_rights => Some(Bar::ColumnRights),
            Kind::Table { .. } | Kind::Merge { .. } | Kind::View { .. } => None,
        };
        let seen = BTreeSet::new();
        let mut below = Below { schema: self, seen, bar, demands: false, timeless: true };
        below.visit(table);
        let mut walk = Walk::new(self);
        walk.table(table);
        let transactional = walk.transactional;
        let writes = walk.effect();
        let mut walk = Walk::new(self);
        if let Kind::View { .. } = object.kind {
            below.seen.iter().for_each(|one| walk.calls_of_view(one));
        }
        Some(Known {
            table: table.clone(),
            bar: below.bar,
            reads: below.seen.into_iter().collect(),
            writes,
            read_writes: walk.effect(),
            transactional,
            timeless: below.timeless,
            demands: below.demands,
        })
    }

    fn object(&self, table: &Table) -> Option<&'c Object> {
        Some(self.databases.get(&table.database)?.objects.get(&table.name)?)
    }
}

/// The walk from a name to all it reads.
struct Below<'s, 'c> {
    schema: &'s Schema<'c>,
    seen: BTreeSet<Table>,
    bar: Option<Bar>,
    demands: bool,
    timeless: bool,
}

impl Below<'_, '_> {
    fn visit(&mut self, start: &Table) {
        let mut todo = alloc::vec![start.clone()];
        while let Some(table) = todo.pop() {
            if !self.seen.insert(table.clone()) {
                continue;
            }
            if self.seen.len() > TABLES_MAX {
                self.bar(Bar::OpaqueView);
                return;
            }
            self.look(&table, &mut todo);
        }
    }

    fn look(&mut self, table: &Table, todo: &mut Vec<Table>) {
        // A name that a view has and that does not exist stays a dependency: it may come.
        let Some(object) = self.schema.object(table) else {
            self.timeless = false;
            return;
        };
        self.timeless &= match &object.kind {
            Kind::Table { transactional, .. } => !transactional,
            Kind::Merge { .. } | Kind::View { .. } => true,
            Kind::Sequence | Kind::Versioned | Kind::Foreign | Kind::Unknown => false,
        };
        if self.schema.databases.get(&table.database).is_some_and(|database| database.unseen) {
            self.bar(Bar::UnseenWrites);
        }
        match &object.kind {
            Kind::Table { pure: false, .. } => self.bar(Bar::ImpureColumn),
            Kind::Table { .. } => {}
            Kind::Sequence => self.bar(Bar::Sequence),
            Kind::Versioned => self.bar(Bar::Versioned),
            Kind::Foreign => self.bar(Bar::Engine),
            Kind::Unknown => self.bar(Bar::OpaqueView),
            Kind::Merge { children } => todo.extend(children.iter().cloned()),
            Kind::View { body, pure } => {
                if body.opaque {
                    self.bar(Bar::OpaqueView);
                }
                if !pure {
                    self.bar(Bar::ImpureView);
                }
                if body.names.contains(b"sql_no_cache".as_slice()) {
                    self.bar(Bar::UncachedView);
                }
                self.demands |= body.names.contains(b"sql_cache".as_slice());
                self.names(body, todo);
            }
        }
    }

    /// The server prints definitions with every table qualified by its database, so single names
    /// are columns and aliases.
    fn names(&mut self, body: &Body, todo: &mut Vec<Table>) {
        for (db, name) in &body.pairs {
            if is_system(db) {
                self.bar(Bar::ImpureView);
            }
            if self.schema.databases.contains_key(db) {
                todo.push(Table { database: db.clone(), name: name.clone() });
            }
        }
    }

    fn bar(&mut self, bar: Bar) {
        self.bar.get_or_insert(bar);
    }
}

/// The walk from a name to all that a write to it may change.
struct Walk<'s, 'c> {
    schema: &'s Schema<'c>,
    tables: BTreeSet<Table>,
    routines: BTreeSet<(Box<[u8]>, RoutineKey)>,
    everything: bool,
    transactional: bool,
}

impl<'s, 'c> Walk<'s, 'c> {
    fn new(schema: &'s Schema<'c>) -> Self {
        Self {
            schema,
            tables: BTreeSet::new(),
            routines: BTreeSet::new(),
            everything: false,
            transactional: true,
        }
    }

    fn effect(self) -> Effect {
        if self.everything {
            return Effect { everything: true, tables: Vec::new() };
        }
        Effect { everything: false, tables: self.tables.into_iter().collect() }
    }

    /// Rows of `start` change, and of what is behind it.
    fn table(&mut self, start: &Table) {
        let mut todo = alloc::vec![start.clone()];
        while let Some(table) = todo.pop() {
            if self.everything || !self.tables.insert(table.clone()) {
                continue;
            }
            if self.tables.len() > TABLES_MAX {
                self.everything = true;
                return;
            }
            todo.extend(self.schema.children.get(&table).into_iter().flatten().cloned());
            let Some(object) = self.schema.object(&table) else { continue };
            match &object.kind {
                Kind::Table { transactional, .. } => self.transactional &= transactional,
                Kind::Versioned => {}
                Kind::Sequence | Kind::Foreign => self.transactional = false,
                Kind::Unknown => self.everything = true,
                Kind::Merge { children } => {
                    self.transactional = false;
                    todo.extend(children.iter().cloned());
                }
                Kind::View { body, .. } => {
                    let known =
                        body.pairs.iter().filter(|(db, _)| self.schema.databases.contains_key(db));
                    let table = |(db, name): &(Box<[u8]>, Box<[u8]>)| Table {
                        database: db.clone(),
                        name: name.clone(),
                    };
                    todo.extend(known.map(table));
                    self.everything |= body.opaque;
                }
            }
            for trigger in &object.triggers {
                self.body(&table.database, trigger, &mut todo);
            }
        }
    }

    /// A routine runs.
    fn routine(&mut self, db: &[u8], key: &RoutineKey) {
        if self.everything || !self.routines.insert((db.into(), key.clone())) {
            return;
        }
        if self.routines.len() > ROUTINES_MAX {
            self.everything = true;
            return;
        }
        let found = self.schema.databases.get(db).and_then(|it| it.routines.get(key));
        let Some(body) = found else { return };
        let mut todo = Vec::new();
        self.body(db, body, &mut todo);
        todo.iter().for_each(|table| self.table(table));
    }

    /// A text runs in database `db`: if it can write at all, then to all it names.
    fn body(&mut self, db: &[u8], body: &Body, todo: &mut Vec<Table>) {
        self.everything |= body.opaque;
        if self.everything {
            return;
        }
        if body.writes {
            let single = body.names.iter().map(|name| (db, name));
            let pairs = body.pairs.iter().map(|(db, name)| (&**db, name));
            for (db, name) in single.chain(pairs) {
                let table = Table { database: db.into(), name: name.clone() };
                let unread = self.schema.databases.get(db).is_some_and(|it| it.unread);
                match self.schema.object(&table) {
                    Some(_) => todo.push(table),
                    // What was not read may be there.
                    None => self.everything |= unread,
                }
            }
        }
        self.calls(db, body);
    }

    fn calls(&mut self, db: &[u8], body: &Body) {
        for (qualifier, name) in &body.calls {
            let db = qualifier.as_deref().unwrap_or(db);
            for function in [false, true] {
                self.routine(db, &(function, name.clone()));
            }
        }
    }

    fn calls_of_view(&mut self, view: &Table) {
        if let Some(Object { kind: Kind::View { body, .. }, .. }) = self.schema.object(view) {
            self.calls(&view.database, body);
        }
    }
}

/// Tables that one read may depend on, or one write change, before it counts as all of them.
const TABLES_MAX: usize = 2_000;

/// Routines that one may call, itself or through others (each is a frame of the stack).
const ROUTINES_MAX: usize = 200;
