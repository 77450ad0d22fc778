//! One group of events: a transaction, or a statement of its own.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{
    Change, Do, Follow, Inflate, Own, Position, Settling, Unsettled, release, split, xid_key,
};
use crate::binlog::{Decoder, Event, EventKind, Gtid, Payload, Xid};
use crate::catalog::Scope;
use crate::judge::{Names, Relation, Table};
use crate::lexer::Dialect;
use crate::versions::Slot;

/// What is being received.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) gtid: Option<Gtid>,
    arrived: u64,
    /// Whether it ends with the next statement.
    standalone: bool,
    /// Whether a BEGIN was seen, so that a COMMIT ends it.
    transaction: bool,
    /// What the session that wrote it knows of, if one of ours did.
    own: Option<Vec<Slot>>,
    /// Whatever it touched.
    touched: BTreeSet<Slot>,
    /// What of it is pending by us.
    pub(super) slots: BTreeSet<Slot>,
    scopes: BTreeSet<Scope>,
    privileges: bool,
    xid: Option<Box<[u8]>>,
    /// Whether what it touches could not be read.
    sealed: bool,
    /// Names of tables by number.
    tables: BTreeMap<u64, Table>,
    /// Names of what it touches, the first of many.
    named: Vec<Table>,
}

impl Group {
    fn new(gtid: Option<Gtid>, arrived: u64, standalone: bool, own: Option<Vec<Slot>>) -> Self {
        Self {
            gtid,
            arrived,
            standalone,
            transaction: false,
            own,
            touched: BTreeSet::new(),
            slots: BTreeSet::new(),
            scopes: BTreeSet::new(),
            privileges: false,
            xid: None,
            sealed: false,
            tables: BTreeMap::new(),
            named: Vec::new(),
        }
    }

    /// A session of ours wrote it.
    pub(super) fn claim(&mut self, slots: &[Slot], out: &mut Vec<Do>) {
        release(&mut self.slots, slots, out);
        self.own = Some(slots.to_vec());
    }

    /// Makes slots pending, but for those that the session that wrote them holds itself.
    pub(super) fn touch(&mut self, slots: impl IntoIterator<Item = Slot>, out: &mut Vec<Do>) {
        let mut begun = Vec::new();
        for slot in slots {
            if self.touched.contains(&Slot::EVERYTHING) || !self.touched.insert(slot) {
                continue;
            }
            if !self.knows(slot) {
                self.slots.insert(slot);
                begun.push(slot);
            }
        }
        if !begun.is_empty() {
            out.push(Do::Begin(begun));
        }
        if self.touched.len() > SLOTS_MAX && !self.touched.contains(&Slot::EVERYTHING) {
            self.touch([Slot::EVERYTHING], out);
        }
    }

    /// Notes the name of a table it touches, for people.
    pub(super) fn name(&mut self, table: &Table) {
        if self.named.len() < NAMED_MAX && !self.named.contains(table) {
            self.named.push(table.clone());
        }
    }

    fn knows(&self, slot: Slot) -> bool {
        let knows = |own: &Vec<Slot>| own.contains(&slot) || own.contains(&Slot::EVERYTHING);
        self.own.as_ref().is_some_and(knows)
    }

    /// Whether the session that wrote it knew exactly which names it changes.
    fn is_own(&self) -> bool {
        self.own.as_ref().is_some_and(|own| !own.contains(&Slot::EVERYTHING))
    }

    pub(super) fn refresh(&mut self, scope: Scope) {
        if self.scopes.len() >= SCOPES_MAX {
            self.scopes.clear();
            self.scopes.insert(Scope::Server);
        } else if !self.scopes.contains(&Scope::Server) {
            self.scopes.insert(scope);
        }
    }

    pub(super) fn privileges(&mut self, out: &mut Vec<Do>) {
        self.privileges = true;
        out.push(Do::Privileges);
    }

    pub(super) fn begins_transaction(&mut self) {
        self.transaction = true;
    }

    /// Whether a statement that is neither BEGIN nor COMMIT ends it.
    pub(super) fn ends_with_statement(&self, dialect: Dialect) -> bool {
        self.standalone || (dialect == Dialect::Mysql && !self.transaction)
    }

    pub(super) fn waits_for(&mut self, xid: Box<[u8]>) {
        self.xid = Some(xid);
    }
}

impl Follow {
    /// An event came. `names` is the catalog of the moment; `inflate` gives the text of a
    /// compressed statement, `None` if it cannot or it is too long.
    pub fn event(
        &mut self,
        now: u64,
        event: &Event<'_>,
        names: &dyn Names,
        inflate: Inflate<'_>,
        out: &mut Vec<Do>,
    ) {
        self.advance(event);
        match event.kind {
            EventKind::Format | EventKind::Heartbeat | EventKind::Nothing => {}
            EventKind::Rotate { file, position } => {
                self.finish(now, out);
                self.position = Position::of(file, position);
            }
            EventKind::Group { gtid, standalone } => {
                self.finish(now, out);
                self.begin(now, gtid, standalone);
            }
            EventKind::TableMap { id, db, table } => self.table_map(now, id, db, table, names, out),
            EventKind::Rows { id, changed } => self.rows(now, id, changed, names, out),
            EventKind::Query(query) => self.query(now, &query, names, inflate, out),
            EventKind::Commit => self.finish(now, out),
            EventKind::XaPrepare { xid } => self.prepare(now, xid, out),
            EventKind::Payload(bytes) => {
                for inner in Payload::new(bytes, Decoder::default()) {
                    // A payload in a payload is nothing a server writes.
                    let inner = match inner.kind {
                        EventKind::Payload(_) => Event { kind: EventKind::Unknown, ..inner },
                        _ => inner,
                    };
                    let inner = Event { artificial: true, ..inner };
                    self.event(now, &inner, names, inflate, out);
                }
            }
            EventKind::Sealed => {
                // A session of ours knows what it wrote; it holds its own commit.
                let group = self.current(now);
                group.sealed = true;
                if group.own.is_none() {
                    self.everything(now, out);
                }
                self.finish(now, out);
            }
            EventKind::Unknown => {
                self.everything(now, out);
                self.prepared.clear();
                if self.group.as_ref().is_some_and(|group| !group.transaction) {
                    self.current(now).refresh(Scope::Server);
                }
            }
        }
    }

    /// Events of more than 4 GiB into a file say the place modulo 2^32.
    fn advance(&mut self, event: &Event<'_>) {
        if event.artificial || event.end == 0 {
            return;
        }
        let at = self.position.at.saturating_add(event.length.into());
        let agrees = at & 0xffff_ffff == u64::from(event.end);
        self.position.at = if agrees { at } else { event.end.into() };
    }

    fn begin(&mut self, now: u64, gtid: Option<Gtid>, standalone: bool) {
        self.counts.groups += 1;
        let mut own = None;
        if let Some(gtid) = gtid {
            let (stream, number) = split(gtid);
            if self.seen.len() < STREAMS_MAX || self.seen.contains_key(&stream) {
                let seen = self.seen.entry(stream).or_default();
                *seen = number.max(*seen);
            }
            if let Some(Own { slots, at }) = self.own.remove(&gtid) {
                // Mostly the oldest, so this looks at one.
                if let Some(at) = self.own_order.iter().position(|one| *one == gtid) {
                    self.own_order.remove(at);
                }
                self.lag.add(now.saturating_sub(at));
                own = Some(slots);
            }
        }
        self.group = Some(Group::new(gtid, now, standalone, own));
    }

    pub(super) fn current(&mut self, now: u64) -> &mut Group {
        self.group.get_or_insert_with(|| Group::new(None, now, false, None))
    }

    /// The group is complete: it waits to become visible.
    pub(super) fn finish(&mut self, now: u64, out: &mut Vec<Do>) {
        let Some(mut group) = self.group.take() else { return };
        if group.own.is_some() {
            match group.slots.is_empty() {
                true => self.counts.own += 1,
                false => self.counts.surprises += 1,
            }
        }
        if group.slots.is_empty() && group.is_own() {
            group.scopes.clear();
        }
        if group.slots.is_empty() && group.scopes.is_empty() && !group.privileges {
            return;
        }
        let one = Unsettled {
            gtid: group.gtid,
            end: self.position,
            arrived: group.arrived,
            slots: group.slots,
            named: group.named,
            scopes: group.scopes,
            privileges: group.privileges,
            xid: group.xid.filter(|_| group.own.is_none()),
            sealed: group.sealed,
        };
        let at_once = match self.settling {
            Settling::Snapshot => false,
            // Without a name nothing can be asked: [`super::Settling`] needs GTIDs.
            Settling::Executed => one.gtid.is_none(),
            Settling::Never => true,
        };
        self.counts.foreign += 1;
        self.unsettled.push_back(one);
        if at_once {
            self.reached(now, self.position, out);
        }
        if self.unsettled.len() > UNSETTLED_MAX {
            self.fold(out);
        }
    }

    /// Too many wait: the two oldest wait as one.
    fn fold(&mut self, out: &mut Vec<Do>) {
        if let (Some(mut first), Some(second)) =
            (self.unsettled.pop_front(), self.unsettled.front_mut())
        {
            // Slots of both were begun twice; one of these is let go now, changed or not.
            let twice: Vec<Slot> = first.slots.intersection(&second.slots).copied().collect();
            if !twice.is_empty() {
                out.push(Do::End(twice, Change::Nothing));
            }
            second.slots.append(&mut first.slots);
            second.named.append(&mut first.named);
            second.named.truncate(NAMED_MAX);
            second.scopes.append(&mut first.scopes);
            second.privileges |= first.privileges;
            second.xid = first.xid.or_else(|| second.xid.take());
            // Claims of one half must not let go of the other's slots.
            second.gtid = None;
        }
    }

    pub(super) fn everything(&mut self, now: u64, out: &mut Vec<Do>) {
        self.counts.everything += 1;
        self.current(now).touch([Slot::EVERYTHING], out);
    }

    fn table_map(
        &mut self,
        now: u64,
        id: u64,
        db: &[u8],
        table: &[u8],
        names: &dyn Names,
        out: &mut Vec<Do>,
    ) {
        let canonical = names.canonical(db, table);
        let group = self.current(now);
        group.name(&canonical);
        if db == b"mysql" {
            group.privileges(out);
        }
        group.touch([Slot::of(&canonical.database, &canonical.name)], out);
        if group.tables.len() >= TABLES_MAX {
            return self.everything(now, out);
        }
        group.tables.insert(id, canonical);
    }

    /// Rows of children that foreign keys change are not in the log, and on MySQL not even their
    /// tables.
    fn rows(&mut self, now: u64, id: u64, changed: bool, names: &dyn Names, out: &mut Vec<Do>) {
        let dialect = self.server.dialect;
        let group = self.current(now);
        let Some(table) = group.tables.get(&id) else {
            return self.everything(now, out);
        };
        if !changed {
            return;
        }
        let slots: Vec<Slot> = match names.relation(&table.database, &table.name) {
            Relation::Known(known) if known.writes.everything => alloc::vec![Slot::EVERYTHING],
            Relation::Known(known) => {
                let tables = known.writes.tables.iter();
                tables.map(|table| Slot::of(&table.database, &table.name)).collect()
            }
            Relation::Unknown if dialect == Dialect::Mysql => alloc::vec![Slot::EVERYTHING],
            Relation::Missing | Relation::Unknown => Vec::new(),
        };
        group.touch(slots, out);
    }

    fn prepare(&mut self, now: u64, xid: Xid<'_>, out: &mut Vec<Do>) {
        let key = xid_key(xid.format, xid.global, xid.branch);
        let touched = self.current(now).touched.iter().copied().collect();
        if self.prepared.len() >= PREPARED_MAX {
            // Whoever ends one that is forgotten ends everything.
            self.prepared.clear();
        }
        self.prepared.insert(key, touched);
        self.finish(now, out);
    }
}

/// Slots of one group that are told apart; with more it touches everything.
const SLOTS_MAX: usize = 4_096;
/// Names of one group that are noted for people.
const NAMED_MAX: usize = 16;
/// Tables by number of one group.
const TABLES_MAX: usize = 16_384;
/// Names to read again of one group; with more the whole catalog is read.
const SCOPES_MAX: usize = 64;
/// Domains or sources whose numbers are remembered.
const STREAMS_MAX: usize = 1_024;
/// Prepared XA transactions that are remembered.
const PREPARED_MAX: usize = 10_000;
/// Groups that wait to become visible; with more the oldest wait as one.
const UNSETTLED_MAX: usize = 10_000;
