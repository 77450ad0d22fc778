//! Scripts: events, own commits and answers of the server, against what is pending and bumped.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Change, Do, Follow, Position, Settling, xid_key};
use crate::binlog::tests::{MARIADB, MIXED, ROW, STATEMENT, events, inflate};
use crate::binlog::{Decoder, Event, EventKind, Gtid, Query, Xid};
use crate::catalog::{Builder, Catalog, ForeignKeyRow, LetterCase, Scope, TableRow, Unseen};
use crate::lexer::{Dialect, Server};
use crate::versions::Slot;

struct Bench {
    follow: Follow,
    catalog: Catalog,
    pending: BTreeMap<Slot, i64>,
    bumped: BTreeSet<Slot>,
    refreshes: Vec<(u64, Vec<Scope>)>,
    privileges: usize,
    at: u32,
}

fn catalog() -> Catalog {
    let mut builder = Builder::new(&Catalog::default(), MARIADB);
    builder.server(LetterCase::Sensitive, false, Unseen::None);
    builder.forget(&Scope::Server);
    builder.schema(b"t");
    for name in [b"p", b"c", b"m"] {
        let engine = Some(&b"InnoDB"[..]);
        builder.table(&TableRow { db: b"t", name, kind: b"BASE TABLE", engine });
    }
    builder.foreign_key(&ForeignKeyRow {
        parent_db: b"t",
        parent: b"p",
        child_db: b"t",
        child: b"c",
        on_update: b"RESTRICT",
        on_delete: b"CASCADE",
    });
    builder.finish(&Catalog::default())
}

impl Bench {
    fn new(settling: Settling) -> Self {
        Self::of(MARIADB, settling)
    }

    fn of(server: Server, settling: Settling) -> Self {
        Self {
            follow: Follow::new(server, settling, Position { file: 1, at: 4 }),
            catalog: catalog(),
            pending: BTreeMap::new(),
            bumped: BTreeSet::new(),
            refreshes: Vec::new(),
            privileges: 0,
            at: 4,
        }
    }

    fn apply(&mut self, out: Vec<Do>) {
        for one in out {
            match one {
                Do::Begin(slots) => {
                    slots.iter().for_each(|slot| *self.pending.entry(*slot).or_default() += 1);
                }
                Do::End(slots, change) => {
                    for slot in slots {
                        *self.pending.entry(slot).or_default() -= 1;
                        assert!(self.pending[&slot] >= 0, "ended more often than begun");
                        if change == Change::Happened {
                            self.bumped.insert(slot);
                        }
                    }
                }
                Do::Privileges => self.privileges += 1,
                Do::Refresh(number, scopes) => self.refreshes.push((number, scopes)),
            }
        }
    }

    fn raw(&mut self, event: &Event<'_>) {
        let mut out = Vec::new();
        self.follow.event(7, event, &self.catalog, &mut inflate, &mut out);
        self.apply(out);
    }

    fn event(&mut self, kind: EventKind<'_>) {
        self.at += 10;
        self.raw(&Event { kind, length: 10, end: self.at, artificial: false });
    }

    fn group(&mut self, sequence: u64) {
        self.event(EventKind::Group { gtid: Some(gtid(sequence)), standalone: false });
    }

    fn table(&mut self, id: u64, table: &[u8]) {
        self.event(EventKind::TableMap { id, db: b"t", table });
    }

    fn query(&mut self, text: &[u8]) {
        let (sql_mode, charset) = (0, Some(45));
        self.event(EventKind::Query(Query { db: b"t", text, packed: false, sql_mode, charset }));
    }

    /// A transaction that writes to `t.m`.
    fn write(&mut self, sequence: u64) {
        self.group(sequence);
        self.table(1, b"m");
        self.event(EventKind::Commit);
    }

    fn own(&mut self, sequence: u64, slots: &[Slot]) {
        let mut out = Vec::new();
        self.follow.own_commit(9, gtid(sequence), slots, &mut out);
        self.apply(out);
    }

    fn reached(&mut self, at: u64) {
        let mut out = Vec::new();
        self.follow.reached(11, Position { file: 1, at }, &mut out);
        self.apply(out);
    }

    fn refreshed(&mut self) -> Vec<Scope> {
        let (number, scopes) = self.refreshes.remove(0);
        let mut out = Vec::new();
        self.follow.refreshed(number, &mut out);
        self.apply(out);
        scopes
    }

    fn lost(&mut self) {
        let mut out = Vec::new();
        self.follow.lost(&mut out);
        self.apply(out);
    }

    fn held(&self) -> Vec<Slot> {
        self.pending.iter().filter(|(_, count)| **count > 0).map(|(slot, _)| *slot).collect()
    }

    fn took(&mut self) -> Vec<Slot> {
        core::mem::take(&mut self.bumped).into_iter().collect()
    }

    fn end(&self) -> u64 {
        self.at.into()
    }
}

fn gtid(sequence: u64) -> Gtid {
    Gtid::MariaDb { domain: 0, server: 7, sequence }
}

fn slot(name: &[u8]) -> Slot {
    Slot::of(b"t", name)
}

fn slots(names: &[&[u8]]) -> Vec<Slot> {
    let all: BTreeSet<Slot> = names.iter().map(|name| slot(name)).collect();
    all.into_iter().collect()
}

#[test]
fn a_foreign_event_is_pending_until_it_has_settled() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.group(1);
    bench.table(1, b"m");
    assert_eq!(bench.held(), slots(&[b"m"]));
    bench.event(EventKind::Commit);
    // Early: the server has not come to its end.
    bench.reached(bench.end() - 1);
    assert_eq!((bench.held(), bench.took()), (slots(&[b"m"]), Vec::new()));
    bench.reached(bench.end());
    assert_eq!((bench.held(), bench.took()), (Vec::new(), slots(&[b"m"])));
}

#[test]
fn without_the_rule_it_is_let_go_at_once() {
    let mut bench = Bench::new(Settling::Never);
    bench.write(1);
    assert_eq!((bench.held(), bench.took()), (Vec::new(), slots(&[b"m"])));
}

#[test]
fn one_answer_settles_all_before_it() {
    let mut bench = Bench::new(Settling::Snapshot);
    (1..5).for_each(|sequence| bench.write(sequence));
    assert_eq!(bench.pending[&slot(b"m")], 4);
    bench.reached(bench.end() - 30);
    assert_eq!(bench.pending[&slot(b"m")], 1);
    bench.reached(u64::MAX);
    assert_eq!(bench.held(), Vec::new());
}

#[test]
fn an_own_event_after_its_ok_changes_nothing() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.own(1, &slots(&[b"m"]));
    bench.write(1);
    assert_eq!((bench.held(), bench.took()), (Vec::new(), Vec::new()));
    assert!(!bench.follow.is_unsettled());
    assert_eq!((bench.follow.counts().own, bench.follow.lag().count()), (1, 1));
    // The next of the same tables is foreign.
    bench.write(2);
    assert_eq!(bench.held(), slots(&[b"m"]));
}

#[test]
fn an_own_event_before_its_ok_is_let_go_unchanged() {
    for split in [1, 2, 3] {
        let mut bench = Bench::new(Settling::Snapshot);
        bench.group(1);
        if split > 1 {
            bench.table(1, b"m");
            assert_eq!(bench.held(), slots(&[b"m"]));
        }
        if split > 2 {
            bench.event(EventKind::Commit);
        }
        bench.own(1, &slots(&[b"m"]));
        assert_eq!(bench.held(), Vec::new());
        if split < 2 {
            bench.table(1, b"m");
        }
        if split < 3 {
            bench.event(EventKind::Commit);
        }
        bench.reached(u64::MAX);
        assert_eq!((bench.held(), bench.took()), (Vec::new(), Vec::new()), "{split}");
    }
}

#[test]
fn an_own_event_settled_before_its_ok_is_forgotten() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.write(1);
    bench.reached(u64::MAX);
    assert_eq!(bench.took(), slots(&[b"m"]));
    bench.own(1, &slots(&[b"m"]));
    assert_eq!(bench.follow.own.len(), 0);
}

#[test]
fn tables_a_session_did_not_know_of_are_foreign() {
    for early in [true, false] {
        let mut bench = Bench::new(Settling::Snapshot);
        if early {
            bench.own(1, &slots(&[b"m"]));
        }
        bench.group(1);
        bench.table(1, b"m");
        bench.table(2, b"secret");
        bench.event(EventKind::Commit);
        if !early {
            bench.own(1, &slots(&[b"m"]));
        }
        assert_eq!(bench.held(), slots(&[b"secret"]));
        bench.reached(u64::MAX);
        assert_eq!(bench.took(), slots(&[b"secret"]));
    }
}

#[test]
fn cascades_reach_children_by_the_catalog() {
    let mut bench =
        Bench::of(Server { dialect: Dialect::Mysql, version: 80_036 }, Settling::Snapshot);
    bench.group(1);
    bench.query(b"BEGIN");
    bench.table(5, b"p");
    bench.event(EventKind::Rows { id: 5, changed: false });
    assert_eq!(bench.held(), slots(&[b"p"]));
    bench.event(EventKind::Rows { id: 5, changed: true });
    assert_eq!(bench.held(), slots(&[b"p", b"c"]));
    bench.event(EventKind::Rows { id: 6, changed: true });
    assert!(bench.held().contains(&Slot::EVERYTHING));
    bench.event(EventKind::Commit);
    bench.reached(u64::MAX);
    assert_eq!(bench.held(), Vec::new());
}

#[test]
fn prepared_transactions_are_bumped_at_both_ends() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.group(1);
    bench.table(1, b"m");
    bench.query(b"XA END X'6162',X'63',7");
    bench.event(EventKind::XaPrepare { xid: Xid { format: 7, global: b"ab", branch: b"c" } });
    bench.reached(u64::MAX);
    assert_eq!((bench.took(), bench.follow.prepared()), (slots(&[b"m"]), 1));

    bench.event(EventKind::Group { gtid: Some(gtid(2)), standalone: true });
    bench.query(b"XA COMMIT X'6162',X'63',7");
    assert_eq!(bench.held(), slots(&[b"m"]));
    bench.reached(u64::MAX);
    // Past its place in the log, but perhaps still prepared.
    assert!(bench.follow.is_leaving());
    let mut out = Vec::new();
    bench.follow.recovered(&[xid_key(7, b"ab", b"c")].into(), &mut out);
    bench.apply(out);
    assert_eq!(bench.held(), slots(&[b"m"]));
    let mut out = Vec::new();
    bench.follow.recovered(&BTreeSet::new(), &mut out);
    bench.apply(out);
    assert_eq!((bench.held(), bench.took()), (Vec::new(), slots(&[b"m"])));

    // One that was prepared before we came.
    bench.event(EventKind::Group { gtid: Some(gtid(3)), standalone: true });
    bench.query(b"XA ROLLBACK 'x','',1");
    assert_eq!(bench.held(), [Slot::EVERYTHING]);
}

#[test]
fn a_changed_definition_is_read_again_before_it_is_let_go() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.event(EventKind::Group { gtid: Some(gtid(1)), standalone: true });
    bench.query(b"ALTER TABLE m ADD b INT");
    bench.reached(u64::MAX);
    assert_eq!((bench.held(), bench.took()), (slots(&[b"m"]), Vec::new()));
    let scopes = bench.refreshed();
    assert_eq!(scopes, [Scope::Table((*b"t").into(), (*b"m").into())]);
    assert_eq!((bench.held(), bench.took()), (Vec::new(), slots(&[b"m"])));

    // The session that changed it reads it again itself, unless it knew nothing.
    bench.own(2, &slots(&[b"m"]));
    bench.event(EventKind::Group { gtid: Some(gtid(2)), standalone: true });
    bench.query(b"ALTER TABLE m DROP b");
    assert!(!bench.follow.is_unsettled());
    bench.own(3, &[Slot::EVERYTHING]);
    bench.event(EventKind::Group { gtid: Some(gtid(3)), standalone: true });
    bench.query(b"ALTER TABLE m ADD b INT");
    bench.reached(u64::MAX);
    assert_eq!(bench.refreshed().len(), 1);
}

#[test]
fn rights_drop_what_is_remembered_of_accounts() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.event(EventKind::Group { gtid: Some(gtid(1)), standalone: true });
    bench.query(b"REVOKE SELECT ON t.m FROM u@localhost");
    assert_eq!(bench.privileges, 1);
    bench.reached(u64::MAX);
    assert_eq!(bench.privileges, 2);
    bench.group(2);
    bench.event(EventKind::TableMap { id: 1, db: b"mysql", table: b"user" });
    assert_eq!(bench.privileges, 3);
}

#[test]
fn what_is_not_understood_is_everything() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.group(1);
    bench.event(EventKind::Unknown);
    bench.event(EventKind::Commit);
    bench.group(2);
    bench.query(b"blah blah");
    bench.event(EventKind::Commit);
    assert_eq!(bench.pending[&Slot::EVERYTHING], 2);
    bench.own(3, &slots(&[b"m"]));
    bench.group(3);
    bench.event(EventKind::Sealed);
    assert_eq!(bench.pending[&Slot::EVERYTHING], 2, "a session knows what it sealed");
    bench.group(4);
    bench.event(EventKind::Sealed);
    assert_eq!(bench.pending[&Slot::EVERYTHING], 3);
    bench.own(4, &slots(&[b"m"]));
    assert_eq!(bench.pending[&Slot::EVERYTHING], 2);
}

#[test]
fn a_lost_stream_lets_go_of_all_and_bumps_everything() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.write(1);
    bench.event(EventKind::Group { gtid: Some(gtid(2)), standalone: true });
    bench.query(b"ALTER TABLE p ADD b INT");
    bench.reached(u64::MAX);
    bench.write(3);
    bench.group(4);
    bench.table(1, b"c");
    bench.own(9, &slots(&[b"m"]));
    bench.took();
    bench.lost();
    assert_eq!(bench.held(), Vec::new());
    let bumped = bench.took();
    for slot in [slots(&[b"p", b"m", b"c"]), [Slot::EVERYTHING].into()].concat() {
        assert!(bumped.contains(&slot), "{slot:?}");
    }
    let (number, _) = bench.refreshes.remove(0);
    let mut out = Vec::new();
    bench.follow.refreshed(number, &mut out);
    assert_eq!(out, []);
}

#[test]
fn a_file_that_is_rotated_goes_on_in_the_next() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.write(1);
    let (file, position) = (&b"binlog.000002"[..], 4);
    bench.event(EventKind::Rotate { file, position });
    assert_eq!(bench.follow.position(), Position { file: 2, at: 4 });
    bench.at = 4;
    bench.write(2);
    bench.reached(u64::MAX);
    assert_eq!(bench.pending[&slot(b"m")], 1);
    assert!(Position::of(b"b.1000000", 4) > Position::of(b"b.999999", 5_000));
}

#[test]
fn places_beyond_four_gigabytes_go_on() {
    let mut bench = Bench::new(Settling::Snapshot);
    bench.follow.position.at = 0xffff_fff0;
    let kind = EventKind::Nothing;
    bench.raw(&Event { kind, length: 0x20, end: 0x10, artificial: false });
    assert_eq!(bench.follow.position().at, 0x1_0000_0010);
}

#[test]
fn captured_files_touch_the_same_tables_in_all_formats() {
    for file in [ROW, STATEMENT, MIXED] {
        let mut bench = Bench::new(Settling::Snapshot);
        let mut decoder = Decoder::default();
        for bytes in events(file) {
            bench.raw(&decoder.event(bytes).unwrap());
        }
        assert_eq!(bench.follow.position().at, u64::try_from(file.len()).unwrap());
        bench.reached(u64::MAX);
        let mut out = Vec::new();
        bench.follow.recovered(&BTreeSet::new(), &mut out);
        bench.apply(out);
        while !bench.refreshes.is_empty() {
            bench.refreshed();
        }
        assert_eq!(bench.held(), Vec::new());
        let bumped = bench.took();
        slots(&[b"p", b"c", b"m"]).iter().for_each(|slot| assert!(bumped.contains(slot)));
        assert!(bench.privileges >= 4 && bench.follow.prepared() == 0);
        assert!(bench.follow.counts().everything <= 1, "{:?}", bench.follow.counts());
        assert_eq!(bench.follow.counts().groups, 15);
    }
}

proptest! {
    #[test]
    fn whatever_comes_nothing_is_held_when_the_stream_is_lost(
        steps in prop::collection::vec((0_u8..12, 1_u64..6, 0_usize..3), 0..60),
        texts in prop::collection::vec("[ -~]{0,30}", 1..4),
    ) {
        let mut bench = Bench::new(Settling::Snapshot);
        let names: [&[u8]; 3] = [b"p", b"c", b"m"];
        for (step, number, name) in steps {
            match step {
                0 => bench.group(number),
                1 => bench.event(EventKind::Group { gtid: None, standalone: number > 3 }),
                2 | 3 => bench.table(number, names[name]),
                4 => bench.event(EventKind::Rows { id: number, changed: true }),
                5 => bench.event(EventKind::Commit),
                6 => bench.own(number, &slots(&[names[name]])),
                7 => bench.reached(bench.end() - 10 * number.min(bench.end() / 10)),
                8 => bench.query(b"DROP TABLE m"),
                9 => bench.query(texts[name % texts.len()].as_bytes()),
                10 => bench.event(EventKind::Sealed),
                _ => bench.event(EventKind::Unknown),
            }
        }
        bench.lost();
        prop_assert_eq!(bench.held(), Vec::<Slot>::new());
    }
}
