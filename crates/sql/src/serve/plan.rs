//! What a command does to tables, session and cache, found out once before it is sent.
//!
//! The order in which a read is planned makes a fill right: the catalog is loaded, tables are found
//! with it, the stamp is taken, and only if the catalog is still the current one is the reply
//! stored. So a change of the schema that ends before the stamp is one the catalog knew, and one
//! that ends later breaks the stamp, since the changed name is among the slots.
//!
//! A write is planned with the catalog before it is sent; if the catalog changed before its reply
//! came (a trigger made meanwhile), everything counts as changed: see `settle`.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use menshen_base::Counter;
use menshen_sql_core::catalog::{Catalog, Scope};
use menshen_sql_core::judge::{CacheType, Facts, Names, Reason, Table, Unseen, Written, writes};
use menshen_sql_core::lexer::Mode;
use menshen_sql_core::session::{Effective, Intent, Serving, Session, Target, Undo};
use menshen_sql_core::statement::{Flag, Kind, Statement, What, XaVerb, digest, read, statements};
use menshen_sql_core::surface::Patch;
use menshen_sql_core::versions::{Slot, SlotSet, Stamp};

use super::Connection;
use super::execute::Binding;
use super::explain::judged;
use super::fill::Keeping;
use super::hit::Asked;
use super::opens::reads_rows_of_tables;
use super::shapes::KnownRead;
use crate::cache::{DIGEST_BYTES_MAX, Sight};
use crate::desk::name_of;

/// What a command does.
#[derive(Debug)]
pub(super) struct Plan {
    /// To the session.
    pub(super) intent: Intent,
    /// To tables.
    pub(super) targets: Vec<Target>,
    /// Their names, in the same order.
    pub(super) names: Vec<String>,
    /// Definitions to read again when it has ended.
    pub(super) definitions: Vec<Scope>,
    /// Rights change.
    pub(super) privileges: bool,
    /// Rows come after the reply.
    pub(super) delayed: bool,
    /// Tables it locks for writing.
    pub(super) locks: Vec<Slot>,
    /// A decision on an XA transaction, or its preparation.
    pub(super) xa: Option<(XaVerb, Box<[u8]>)>,
    /// `COM_RESET_CONNECTION`.
    pub(super) resets: bool,
    /// The database of a `USE`.
    pub(super) uses: Option<Box<[u8]>>,
    /// The catalog that `targets` were found with.
    pub(super) catalog: Option<Arc<Catalog>>,
    /// A row of the reply proves that the server has a snapshot.
    pub(super) opens: bool,
    /// The reply is stored.
    pub(super) keeping: Option<Keeping>,
    /// How rows change on their way.
    pub(super) patch: Option<Patch>,
    /// `last_gtid`, as the reply reported it.
    pub(super) gtid: Vec<u8>,
    /// The statement's digest, for who asks what changed a table.
    pub(super) digest: Vec<u8>,
}

/// A statement to be planned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned<'a> {
    /// What the server executes.
    pub(super) text: &'a [u8],
    /// What it is stored under.
    pub(super) asked: Asked<'a>,
    /// What it was prepared under, if it was.
    pub(super) binding: Option<&'a Binding>,
}

impl Planned<'_> {
    /// How its text is read.
    fn mode(&self, session: &Session) -> Mode {
        self.binding.map_or_else(|| session.mode(), |binding| binding.mode)
    }
}

impl Plan {
    /// Nothing that concerns tables.
    pub(super) fn nothing() -> Self {
        Self {
            intent: Intent::NOTHING,
            targets: Vec::new(),
            names: Vec::new(),
            definitions: Vec::new(),
            privileges: false,
            delayed: false,
            locks: Vec::new(),
            xa: None,
            resets: false,
            uses: None,
            catalog: None,
            opens: false,
            keeping: None,
            patch: None,
            gtid: Vec::new(),
            digest: Vec::new(),
        }
    }

    /// Nobody knows.
    pub(super) fn unknown() -> Self {
        let mut plan = Self { intent: Intent::unknown(), ..Self::nothing() };
        plan.aim(Slot::EVERYTHING, Undo::Unknown, EVERY_TABLE.to_owned());
        plan
    }

    /// Bytes of the reply pass; why it is kept no longer, if that is so from now on.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Option<Reason> {
        let keeping = self.keeping.as_mut().filter(|_| !bytes.is_empty())?;
        let reason = keeping.push(bytes).err()?;
        self.keeping = None;
        Some(reason)
    }

    fn aim(&mut self, slot: Slot, undo: Undo, name: String) {
        self.targets.push(Target { slot, undo });
        self.names.push(name);
    }

    fn write(&mut self, written: &Written<'_>) {
        let undo = if written.transactional { Undo::Transactional } else { Undo::Unknown };
        for table in &written.tables {
            self.aim(slot(table), undo, name_of(table));
        }
        if let Some(unseen) = written.everything {
            let undo = if unseen == Unseen::Flush { Undo::Immediate } else { Undo::Unknown };
            self.aim(Slot::EVERYTHING, undo, EVERY_TABLE.to_owned());
        }
        for table in &written.definitions {
            self.aim(slot(table), Undo::Immediate, name_of(table));
            self.definitions.push(if table.name.is_empty() || written.code {
                Scope::Database(table.database.clone())
            } else {
                Scope::Table(table.database.clone(), table.name.clone())
            });
        }
        if written.privileges {
            self.privileges = true;
            self.definitions.push(Scope::Rights);
        }
        self.delayed |= written.delayed;
    }
}

impl Connection<'_> {
    /// Plans a statement, and begins to store its reply if it may be stored.
    pub(super) fn plan(&mut self, planned: Planned<'_>) -> Plan {
        if self.session.serving() == super::UNTRACKED {
            return self.plan_untracked(planned.text);
        }
        let mode = planned.mode(&self.session);
        let first = read(planned.text, mode);
        if first.is(Flag::Several) {
            let all: Vec<Statement<'_>> = statements(planned.text, mode).collect();
            let mut plan = self.plan_writes(&all, planned);
            plan.intent = Intent::of_several(&all, &self.session);
            return plan;
        }
        let one = std::slice::from_ref(&first);
        let mut plan = self.plan_writes(one, planned);
        plan.intent = Intent::of(&first, &self.session);
        self.plan_rest(&first, &mut plan);
        if first.is(Flag::LooksCacheable) || first.kind == Kind::Select {
            match self.plan_read(&first, planned, &mut plan) {
                Ok(()) => {}
                Err(reason) => self.refused(reason, &first),
            }
        }
        plan
    }

    /// Of a session whose state is not known, only a plain read is one.
    fn plan_untracked(&self, text: &[u8]) -> Plan {
        let statement = read(text, self.session.mode());
        let plain = !statement.is(Flag::Several) && !statement.is(Flag::Uncertain);
        match statement.kind {
            Kind::Select | Kind::Show if plain && statement.calls.is_empty() => Plan::nothing(),
            Kind::Use(name) if plain => {
                Plan { uses: Some((*name.bytes()).into()), ..Plan::nothing() }
            }
            Kind::Set if plain && statement.calls.is_empty() => Plan::nothing(),
            _ => Plan::unknown(),
        }
    }

    /// A command of which only the beginning is known.
    pub(super) fn plan_head(&self) -> Plan {
        self.too_long_to_read();
        Plan::unknown()
    }

    /// Counts a statement that is longer than `sql.inspect_bytes_max`.
    pub(super) fn too_long_to_read(&self) {
        let (tally, thread) = self.link.tally;
        tally.add(thread, Counter::LimitSqlInspect, 1);
    }

    /// Counts a reply that is not stored for a reason found while it passed.
    pub(super) fn gave_up(&self, reason: Reason) {
        self.shared.counters.refused(self.thread(), reason as usize);
        if reason == Reason::ResultTooLarge {
            let (tally, thread) = self.link.tally;
            tally.add(thread, Counter::LimitSqlResult, 1);
        }
    }

    fn facts<'f>(&'f self, planned: Planned<'f>) -> Facts<'f> {
        let facts = self.session.facts(self.locals.cache_type);
        match planned.binding {
            Some(binding) => Facts { database: binding.database.as_deref(), ..facts },
            None => facts,
        }
    }

    fn plan_writes(&self, all: &[Statement<'_>], planned: Planned<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let catalog = self.shared.foreign.catalog.load();
        for statement in all {
            plan.write(&writes(statement, &self.facts(planned), &*catalog));
        }
        plan.catalog = Some(catalog);
        if !plan.targets.is_empty() {
            let mode = self.session.mode();
            plan.digest = digest(planned.text, mode, DIGEST_BYTES_MAX);
        }
        plan
    }

    fn plan_rest(&self, statement: &Statement<'_>, plan: &mut Plan) {
        match statement.kind {
            Kind::Xa { verb, xid } => {
                let decides = matches!(verb, XaVerb::Commit | XaVerb::Rollback | XaVerb::Prepare);
                plan.xa = decides.then(|| (verb, xid.into()));
            }
            Kind::LockTables => plan.locks = self.locked(statement, plan),
            _ => {}
        }
    }

    /// What `LOCK TABLES … WRITE` names.
    fn locked(&self, statement: &Statement<'_>, plan: &Plan) -> Vec<Slot> {
        let Some(catalog) = &plan.catalog else { return Vec::new() };
        let mut slots = Vec::new();
        for target in statement.targets.iter().filter(|one| one.what == What::WriteLock) {
            let qualifier = target.qualifier.map(|qualifier| qualifier.bytes());
            let database = qualifier.as_deref().or_else(|| self.session.database());
            let Some(database) = database else { continue };
            slots.push(slot(&catalog.canonical(database, &target.name.bytes())));
        }
        slots
    }

    /// Whether the reply may be stored; begins to, and notes whether it opens a snapshot.
    fn plan_read(
        &mut self,
        statement: &Statement<'_>,
        planned: Planned<'_>,
        plan: &mut Plan,
    ) -> Result<(), Reason> {
        let since = match self.session.serving() {
            Serving::Yes { snapshot } => snapshot.map(|snapshot| snapshot.since),
            Serving::Opens => self.session.transaction().since(),
            Serving::Ask => return Err(Reason::OpaqueSession),
            Serving::No(reason) => return Err(reason),
        };
        if self.locals.cache_type == CacheType::Off {
            return Err(Reason::CacheOff);
        }
        if let Some(reason) = self.shared.closed() {
            return Err(reason);
        }
        let facts = self.facts(planned);
        let catalog = plan.catalog.as_ref().ok_or(Reason::UnknownTable)?;
        let known = judged(statement, &facts, catalog)?;
        let slots: Vec<Slot> = known.iter().flat_map(|one| one.reads.iter().map(slot)).collect();
        let slots = SlotSet::new(&slots);
        let plain = known.iter().all(|one| one.transactional && one.reads.len() == 1);
        if self.session.serving() == Serving::Opens && plain && reads_rows_of_tables(statement.text)
        {
            plan.opens = true;
        }
        let Some(stamp) = self.shared.versions.stamp_set(&slots) else {
            let held = self.session.transaction().held();
            let own = slots.iter().any(|slot| held.binary_search(slot).is_ok());
            return Err(if own { Reason::OwnWrites } else { Reason::WriteInFlight });
        };
        if !self.shared.foreign.catalog.is_current(catalog) {
            return Err(Reason::ChangedMeanwhile);
        }
        if planned.binding.is_some_and(|binding| !binding.holds(&self.session)) {
            return Err(Reason::OpaqueSession);
        }
        let timeless = known.iter().all(|one| one.timeless);
        let mode = planned.mode(&self.session);
        let digest = digest(planned.text, self.session.mode(), DIGEST_BYTES_MAX);
        let figures = self.shared.cache.figures(&digest);
        let read = KnownRead { slots, timeless, figures };
        if plan.intent == Intent::READ && plan.targets.is_empty() {
            let mut shelf = self.shared.shapes.of(self.thread());
            shelf.keep(planned.text, mode, &facts, catalog.generation(), read.clone());
        }
        plan.keeping = Some(self.keep(planned, since, stamp, read)?);
        Ok(())
    }

    /// Begins to store the reply of a read.
    fn keep(
        &mut self,
        planned: Planned<'_>,
        since: Option<u64>,
        stamp: Stamp,
        read: KnownRead,
    ) -> Result<Keeping, Reason> {
        let KnownRead { timeless, figures, .. } = read;
        let since = since.filter(|_| !timeless);
        if std::mem::take(&mut self.unconfirmed) {
            // It is there, and stored anew it would be later what it is now.
            return Err(Reason::Unconfirmed);
        }
        if since.is_some() && matches!(self.shared.open(), Some(Some(_))) {
            // As old as its snapshot, whose age nobody knows.
            return Err(Reason::InTransaction);
        }
        let now = Instant::now();
        let snapshot = since.map(|since| Sight { since, until: u64::MAX, told: 0 });
        let ask = self.ask(planned.asked, snapshot, now);
        let ask = ask.ok_or(Reason::OpaqueSession)?;
        let fill = self.shared.cache.begin_fill(&ask, stamp, figures);
        let fill = fill.ok_or(Reason::FillInFlight)?;
        Ok(Keeping::new(if timeless { fill.timeless() } else { fill }, now))
    }

    /// Plans a read like one that was planned before: without reading it, and in the same order.
    /// `None`: it is to be planned in full, which also finds out why it may not be stored.
    pub(super) fn plan_known(&mut self, planned: Planned<'_>) -> Option<Plan> {
        let Serving::Yes { snapshot } = self.session.serving() else { return None };
        let since = snapshot.map(|snapshot| snapshot.since);
        if self.locals.cache_type == CacheType::Off || self.shared.closed().is_some() {
            return None;
        }
        let generation = self.shared.foreign.catalog.generation();
        let mode = planned.mode(&self.session);
        let read = {
            let facts = self.facts(planned);
            let mut shelf = self.shared.shapes.of(self.thread());
            let read = shelf.find(planned.text, mode, &facts, generation)?;
            if read.figures.lost.load(Relaxed) {
                let digest = read.figures.digest.clone();
                read.figures = self.shared.cache.figures(&digest);
            }
            read.clone()
        };
        let stamp = self.shared.versions.stamp_set(&read.slots)?;
        if self.shared.foreign.catalog.generation() != generation
            || planned.binding.is_some_and(|binding| !binding.holds(&self.session))
        {
            return None;
        }
        let mut plan = Plan { intent: Intent::READ, ..Plan::nothing() };
        match self.keep(planned, since, stamp, read) {
            Ok(keeping) => plan.keeping = Some(keeping),
            Err(reason) => self.shared.refused(self.thread(), reason, true),
        }
        Some(plan)
    }

    fn refused(&self, reason: Reason, statement: &Statement<'_>) {
        self.shared.refused(self.thread(), reason, statement.is(Flag::LooksCacheable));
    }

    /// The text that an `EXECUTE` of the text protocol executes; `None` for other statements.
    pub(super) fn effective(&mut self, text: &[u8]) -> Option<Effective> {
        let mode = self.session.mode();
        // Before a lexer is set to work: few statements begin with these letters.
        let head = text.trim_ascii_start().get(..7)?;
        if !head.eq_ignore_ascii_case(b"execute") {
            return None;
        }
        let statement = read(text, mode);
        if statement.is(Flag::Several) || statement.is(Flag::Uncertain) {
            return None;
        }
        let under = self.session.fingerprint();
        match statement.kind {
            Kind::Execute { name, using } => {
                let schema = self.shared.foreign.catalog.load().generation();
                self.session.executed(&name.bytes(), schema);
                let texts = self.session.texts();
                Some(texts.effective(&name.bytes(), using, mode, under?))
            }
            Kind::ExecuteImmediate { source, using } => {
                let text = self.session.text_of(source)?;
                Some(self.session.texts().immediate(&text, using, mode, under?))
            }
            _ => None,
        }
    }
}

const EVERY_TABLE: &str = "every table";

/// The version word of a table.
pub(super) fn slot(table: &Table) -> Slot {
    Slot::of(&table.database, &table.name)
}
