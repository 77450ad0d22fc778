//! Which tables a statement writes.
//!
//! The verb names its targets; the catalog adds what triggers, foreign keys and views behind them
//! change; calls of stored functions add what those write, wherever they stand, also in reads.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::statement::{
    Call, CallRole, Ddl, Flag, Flush, Ident, Kind, Reset, Role, Statement, Target, What,
};

use super::{
    Effect, Facts, Names, Relation, Routine, RoutineKind, Table, Unseen, Written, is_system,
    is_temporary,
};

pub(super) fn written<'n>(
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    names: &'n dyn Names,
) -> Written<'n> {
    let mut tally =
        Tally { out: Written { transactional: true, ..Written::default() }, facts, names };
    tally.verb(statement);
    for target in &statement.targets {
        tally.target(statement, target);
    }
    for call in &statement.calls {
        tally.call(call);
    }
    tally.sources(statement);
    tally.out.privileges |= statement.is(Flag::Privileges);
    tally.out.delayed = statement.is(Flag::Delayed);
    if statement.is(Flag::Uncertain) {
        tally.everything(Unseen::Text);
    }
    tally.out
}

struct Tally<'n, 'f> {
    out: Written<'n>,
    facts: &'f Facts<'f>,
    names: &'n dyn Names,
}

impl<'n> Tally<'n, '_> {
    /// What the verb says without its targets.
    fn verb(&mut self, statement: &Statement<'_>) {
        let no_targets = statement.targets.is_empty();
        match statement.kind {
            Kind::Insert | Kind::Replace | Kind::Update | Kind::Delete if no_targets => {
                self.everything(Unseen::Statement);
            }
            Kind::Load | Kind::Truncate if no_targets => self.everything(Unseen::Statement),
            Kind::Ddl(Ddl::Routine | Ddl::Event | Ddl::Trigger) if statement.is(Flag::Several) => {
                self.out.code = true;
                self.everything(Unseen::Compound);
            }
            Kind::Ddl(Ddl::Routine | Ddl::Event | Ddl::Trigger | Ddl::Loadable) => {
                self.out.code = true;
            }
            Kind::Ddl(Ddl::Database) if no_targets => self.default_database(),
            Kind::Compound => self.everything(Unseen::Compound),
            Kind::Flush(Flush::Tables) => self.everything(Unseen::Flush),
            Kind::Reset(Reset::Master) => self.everything(Unseen::Flush),
            Kind::ExecuteImmediate { .. } | Kind::Execute { .. } => {
                self.everything(Unseen::Dynamic);
            }
            Kind::Call if !statement.calls.iter().any(|it| it.role == CallRole::Procedure) => {
                self.everything(Unseen::Statement);
            }
            Kind::Unknown => self.everything(Unseen::Statement),
            _ => (),
        }
    }

    /// `ALTER DATABASE CHARACTER SET …` without a name.
    fn default_database(&mut self) {
        match self.facts.database {
            Some(database) => self.database(database),
            None => self.everything(Unseen::Statement),
        }
    }

    fn target(&mut self, statement: &Statement<'_>, target: &Target<'_>) {
        if target.what == What::Database {
            return self.database(&target.name.bytes());
        }
        let Some(database) = self.database_of(target.qualifier) else {
            // The server answers that no database is selected.
            return;
        };
        let name = target.name.bytes();
        let temporary = is_temporary(self.facts, &database, &name);
        if target.what == What::Code {
            let table = self.names.canonical(&database, &name);
            self.out.code = true;
            return self.out.definitions.push(table);
        }
        if is_system(&database) {
            if matches!(target.what, What::Rows | What::Definition) {
                self.system();
            }
            return;
        }
        match target.what {
            What::Definition if statement.kind == Kind::Ddl(Ddl::Temporary) => (),
            What::Definition => self.definition(&database, &name),
            What::Referenced => {
                let table = self.names.canonical(&database, &name);
                self.out.definitions.push(table);
            }
            What::ReadLock => (),
            _ if temporary => (),
            What::WriteLock => self.write_lock(&database, &name),
            // Its rows stay: the query cache forgets it, triggers do not fire.
            What::Maintained => {
                let table = self.names.canonical(&database, &name);
                self.out.transactional = false;
                self.add(Cow::Owned(table));
            }
            _ => self.rows(&database, &name),
        }
    }

    fn rows(&mut self, database: &[u8], name: &[u8]) {
        match self.names.relation(database, name) {
            Relation::Known(known) => {
                self.out.transactional &= known.transactional;
                self.effect(&known.writes, Unseen::Closure);
                self.add(Cow::Borrowed(&known.table));
            }
            Relation::Missing | Relation::Unknown => {
                let table = self.names.canonical(database, name);
                self.add(Cow::Owned(table));
                self.everything(Unseen::Relation);
            }
        }
    }

    fn write_lock(&mut self, database: &[u8], name: &[u8]) {
        match self.names.relation(database, name) {
            Relation::Known(known) => {
                self.out.write_locked.extend(known.reads.iter().map(Cow::Borrowed));
            }
            Relation::Missing | Relation::Unknown => {
                let table = self.names.canonical(database, name);
                self.out.write_locked.push(Cow::Owned(table));
            }
        }
    }

    /// The table itself changes; what it writes elsewhere does not, but its views do.
    fn definition(&mut self, database: &[u8], name: &[u8]) {
        let table = self.names.canonical(database, name);
        self.out.transactional = false;
        self.add(Cow::Owned(table.clone()));
        if !self.out.definitions.contains(&table) {
            self.out.definitions.push(table);
        }
    }

    fn database(&mut self, database: &[u8]) {
        if is_system(database) {
            return self.system();
        }
        self.out.transactional = false;
        match self.names.relations_of(database) {
            // Each is there once, and there may be many: no look at the ones before.
            Some(tables) => self.out.tables.extend(tables.into_iter().map(Cow::Borrowed)),
            None => self.everything(Unseen::Relation),
        }
        let table = self.names.canonical(database, b"");
        self.out.definitions.push(table);
        self.out.code = true;
    }

    /// Accounts, routines and more may be in there.
    fn system(&mut self) {
        self.out.privileges = true;
        self.out.code = true;
        self.out.transactional = false;
        self.everything(Unseen::System);
    }

    fn call(&mut self, call: &Call<'_>) {
        let kind = match call.role {
            CallRole::Procedure => RoutineKind::Procedure,
            CallRole::Unknown | CallRole::Recent => RoutineKind::Function,
            CallRole::Impure | CallRole::Diagnostic | CallRole::Sequence => return,
        };
        let Some(database) = self.database_of(call.qualifier) else {
            return;
        };
        if is_system(&database) && kind == RoutineKind::Procedure {
            return self.everything(Unseen::Routine);
        }
        match self.names.routine(kind, &database, &call.name.bytes()) {
            Routine::Known(effect) => {
                // Its body may commit, and may write tables that no rollback undoes.
                self.out.transactional &= effect.tables.is_empty() && !effect.everything;
                self.effect(effect, Unseen::Routine);
            }
            // A built-in or loadable function. A procedure that is not there is an error, or one
            // that was made a moment ago elsewhere.
            Routine::Missing if kind == RoutineKind::Function => (),
            Routine::Missing | Routine::Unknown => self.everything(Unseen::Routine),
        }
    }

    /// Views that write when they are read.
    fn sources(&mut self, statement: &Statement<'_>) {
        let odd = statement.kind == Kind::Rows || statement.is(Flag::OddSource);
        for name in statement.names.iter().filter(|name| odd || name.role == Role::Source) {
            let Some(database) = self.database_of(name.qualifier) else { continue };
            if is_system(&database) {
                continue;
            }
            if let Relation::Known(known) = self.names.relation(&database, &name.name.bytes()) {
                self.effect(&known.read_writes, Unseen::Closure);
            }
        }
    }

    fn effect(&mut self, effect: &'n Effect, unseen: Unseen) {
        if effect.everything {
            self.everything(unseen);
        }
        for table in &effect.tables {
            self.add(Cow::Borrowed(table));
        }
    }

    fn add(&mut self, table: Cow<'n, Table>) {
        if !self.out.tables.contains(&table) {
            self.out.tables.push(table);
        }
    }

    fn everything(&mut self, unseen: Unseen) {
        self.out.transactional = false;
        self.out.everything.get_or_insert(unseen);
    }

    fn database_of(&self, qualifier: Option<Ident<'_>>) -> Option<Vec<u8>> {
        match qualifier {
            Some(qualifier) => Some(qualifier.bytes().into_owned()),
            None => self.facts.database.map(<[u8]>::to_vec),
        }
    }
}
