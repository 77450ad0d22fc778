//! Schemas as rows, and what follows from them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::body::Body;
use super::{Builder, Catalog, ForeignKeyRow, LetterCase, RoutineRow, Scope};
use super::{TableRow, TriggerRow, Unseen};
use crate::judge::{Bar, Effect, Known, Names, Relation, Routine, RoutineKind, Table};
use crate::lexer::{Dialect, Mode, Server};

const SERVER: Server = Server { dialect: Dialect::Mariadb, version: 101_119 };

struct Schema(Builder);

impl Schema {
    fn new() -> Self {
        let mut builder = Builder::new(&Catalog::default(), SERVER);
        builder.server(LetterCase::Sensitive, false, Unseen::None);
        builder.forget(&Scope::Server);
        builder.schema(b"t");
        builder.schema(b"u");
        Self(builder)
    }

    fn tables(mut self, names: &str) -> Self {
        for name in names.split(' ') {
            self = self.table(name, "BASE TABLE", "InnoDB");
        }
        self
    }

    fn table(mut self, name: &str, kind: &str, engine: &str) -> Self {
        let (db, name) = name.split_once('.').unwrap();
        let (db, name, kind) = (db.as_bytes(), name.as_bytes(), kind.as_bytes());
        self.0.table(&TableRow { db, name, kind, engine: Some(engine.as_bytes()) });
        self
    }

    fn view(mut self, name: &str, definition: &str) -> Self {
        self = self.table(name, "VIEW", "");
        let (db, name) = name.split_once('.').unwrap();
        self.0.view(db.as_bytes(), name.as_bytes(), definition.as_bytes());
        self
    }

    fn trigger(mut self, table: &str, body: &str) -> Self {
        let (db, table) = table.split_once('.').unwrap();
        let (db, table) = (db.as_bytes(), table.as_bytes());
        self.0.trigger(&TriggerRow { db, table, body: body.as_bytes(), sql_mode: b"" });
        self
    }

    fn key(mut self, parent: &str, child: &str, rule: &str) -> Self {
        self.0.foreign_key(&ForeignKeyRow {
            parent_db: b"t",
            parent: parent.as_bytes(),
            child_db: b"t",
            child: child.as_bytes(),
            on_update: b"RESTRICT",
            on_delete: rule.as_bytes(),
        });
        self
    }

    fn routine(mut self, kind: &str, name: &str, body: Option<&str>) -> Self {
        self.0.routine(&RoutineRow {
            db: b"t",
            name: name.as_bytes(),
            kind: kind.as_bytes(),
            body: body.map(str::as_bytes),
            sql_mode: b"",
        });
        self
    }

    fn done(self) -> Catalog {
        self.0.finish(&Catalog::default())
    }
}

fn list(tables: &[Table]) -> String {
    let name = |table: &Table| {
        let text = |part: &[u8]| String::from_utf8(part.to_vec()).unwrap();
        alloc::format!("{}.{}", text(&table.database), text(&table.name))
    };
    tables.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn effect(effect: &Effect) -> String {
    if effect.everything { "everything".to_string() } else { list(&effect.tables) }
}

fn known<'c>(catalog: &'c Catalog, name: &str) -> &'c Known {
    let (db, name) = name.split_once('.').unwrap();
    match catalog.relation(db.as_bytes(), name.as_bytes()) {
        Relation::Known(known) => known,
        other => panic!("{name}: {other:?}"),
    }
}

fn called(catalog: &Catalog, kind: RoutineKind, name: &str) -> String {
    match catalog.routine(kind, b"t", name.as_bytes()) {
        Routine::Known(one) => effect(one),
        other => alloc::format!("{other:?}"),
    }
}

#[test]
fn the_empty_catalog_knows_nothing() {
    let catalog = Catalog::default();
    assert!(matches!(catalog.relation(b"t", b"a"), Relation::Unknown));
    assert!(matches!(catalog.routine(RoutineKind::Function, b"t", b"f"), Routine::Unknown));
    assert!(catalog.relations_of(b"t").is_none());
}

#[test]
fn a_table_is_itself() {
    let catalog = Schema::new().tables("t.a").table("t.m", "BASE TABLE", "MyISAM").done();
    let table = known(&catalog, "t.a");
    assert_eq!((list(&table.reads), effect(&table.writes)), ("t.a".into(), "t.a".into()));
    assert!(table.transactional && !known(&catalog, "t.m").transactional);
    assert!(matches!(catalog.relation(b"t", b"A"), Relation::Missing));
    assert!(matches!(catalog.relation(b"x", b"a"), Relation::Missing));
}

#[test]
fn rights_on_columns_bar_the_table_itself() {
    let view = "select `t`.`a`.`x` AS `x` from `t`.`a`";
    let mut schema = Schema::new().tables("t.a t.b").view("t.v", view);
    schema.0.column_rights(b"t", b"a");
    let catalog = schema.done();
    assert_eq!(known(&catalog, "t.a").bar, Some(Bar::ColumnRights));
    assert_eq!((known(&catalog, "t.b").bar, known(&catalog, "t.v").bar), (None, None));
    assert_eq!(catalog.widened(&[Scope::Rights]), [Scope::Rights]);
    let mut builder = Builder::new(&catalog, SERVER);
    builder.forget(&Scope::Rights);
    builder.column_rights(b"t", b"b");
    let next = builder.finish(&catalog);
    assert_eq!(known(&next, "t.a").bar, None);
    assert_eq!(known(&next, "t.b").bar, Some(Bar::ColumnRights));
    assert_eq!(known(&next.forgotten(&[Scope::Rights]), "t.b").bar, Some(Bar::ColumnRights));
}

#[test]
fn without_transactions_is_a_matter_of_all_that_is_read() {
    let both = "select `t`.`a`.`x` AS `x` from `t`.`a` join `t`.`m`";
    let plain = "select `t`.`m`.`x` AS `x` from `t`.`m`";
    let schema = Schema::new().tables("t.a").table("t.m", "BASE TABLE", "MyISAM");
    let schema = schema.trigger("t.m", "insert into a values (1)");
    let catalog = schema.view("t.both", both).view("t.plain", plain).done();
    assert!(known(&catalog, "t.m").timeless && known(&catalog, "t.plain").timeless);
    assert!(!known(&catalog, "t.a").timeless && !known(&catalog, "t.both").timeless);
}

#[test]
fn views_are_unfolded() {
    let catalog = Schema::new()
        .tables("t.a t.b u.c")
        .view("t.v", "select `t`.`a`.`x` AS `b` from `t`.`a` join `u`.`c`")
        .view("t.w", "select `v`.`b` AS `b` from `t`.`v`")
        .view("t.n", "select current_timestamp() AS `now()` from `t`.`a`")
        .view("t.h", "")
        .view("t.s", "select `mysql`.`user`.`User` AS `User` from `mysql`.`user`")
        .done();
    assert_eq!(list(&known(&catalog, "t.w").reads), "t.a t.v t.w u.c");
    assert_eq!(effect(&known(&catalog, "t.w").writes), "t.a t.v t.w u.c");
    assert_eq!(known(&catalog, "t.w").bar, None);
    assert_eq!(known(&catalog, "t.n").bar, Some(Bar::ImpureView));
    assert_eq!(known(&catalog, "t.h").bar, Some(Bar::OpaqueView));
    assert_eq!(known(&catalog, "t.s").bar, Some(Bar::ImpureView));
}

#[test]
fn a_view_depends_on_a_table_that_may_come() {
    let catalog = Schema::new().view("t.v", "select 1 from `t`.`gone`").done();
    assert_eq!(list(&known(&catalog, "t.v").reads), "t.gone t.v");
}

#[test]
fn keys_that_act_reach_children_and_theirs() {
    let catalog = Schema::new()
        .tables("t.a t.b t.c t.d")
        .key("a", "b", "CASCADE")
        .key("b", "c", "SET NULL")
        .key("a", "d", "RESTRICT")
        .done();
    assert_eq!(effect(&known(&catalog, "t.a").writes), "t.a t.b t.c");
    assert_eq!(effect(&known(&catalog, "t.c").writes), "t.c");
    assert_eq!(list(&known(&catalog, "t.a").reads), "t.a");
}

#[test]
fn triggers_and_routines_are_unfolded() {
    let catalog = Schema::new()
        .tables("t.a t.b t.log u.c t.value")
        .trigger("t.a", "begin insert into log values (new.x); call p(1); end")
        .routine("PROCEDURE", "P", Some("begin update u.c set x=g(); end"))
        .routine("FUNCTION", "g", Some("return (select max(x) from b)"))
        .routine("PROCEDURE", "dyn", Some("begin prepare s from @q; execute s; end"))
        .routine("PROCEDURE", "ddl", Some("begin drop table b; end"))
        .routine("PROCEDURE", "tmp", Some("create temporary table x select * from b"))
        .routine("PROCEDURE", "last", Some("call t.P"))
        .routine("PROCEDURE", "hidden", None)
        .routine("PROCEDURE", "self", Some("begin call self(); delete from b; end"))
        .done();
    assert_eq!(effect(&known(&catalog, "t.a").writes), "t.a t.log u.c");
    let procedure = |name| called(&catalog, RoutineKind::Procedure, name);
    assert_eq!(procedure("p"), "u.c");
    assert_eq!(procedure("last"), "u.c");
    assert_eq!(procedure("self"), "t.b");
    assert_eq!(procedure("tmp"), "");
    assert_eq!(called(&catalog, RoutineKind::Function, "G"), "");
    for opaque in ["dyn", "ddl", "hidden"] {
        assert_eq!(procedure(opaque), "everything", "{opaque}");
    }
    assert_eq!(procedure("nobody"), "Missing");
}

#[test]
fn views_that_call_functions_which_write() {
    let catalog = Schema::new()
        .tables("t.a t.b")
        .routine("FUNCTION", "f", Some("begin insert into b values (1); return 1; end"))
        .view("t.v", "select `t`.`f`() AS `x` from `t`.`a`")
        .done();
    let view = known(&catalog, "t.v");
    assert_eq!(effect(&view.read_writes), "t.b");
    assert_eq!(view.bar, Some(Bar::ImpureView));
}

#[test]
fn children_of_a_merge_table() {
    let mut schema = Schema::new().tables("u.z").table("t.m1", "BASE TABLE", "MyISAM");
    schema = schema.table("t.m", "BASE TABLE", "MRG_MyISAM");
    let create = b"CREATE TABLE `m` (\n `a` int(11)\n) ENGINE=MRG_MyISAM UNION=(`m1`,`u`.`z`)";
    schema.0.merge(b"t", b"m", create);
    let catalog = schema.done();
    let merge = known(&catalog, "t.m");
    assert!(list(&merge.reads).contains("t.m1") && list(&merge.reads).contains("u.z"));
    assert!(effect(&merge.writes).contains("t.m1"));
}

#[test]
fn other_kinds_are_barred() {
    let catalog = Schema::new()
        .table("t.s", "SEQUENCE", "InnoDB")
        .table("t.h", "SYSTEM VERSIONED", "InnoDB")
        .table("t.f", "BASE TABLE", "FEDERATED")
        .table("t.b", "BASE TABLE", "")
        .view("t.v", "select 1 from `t`.`f`")
        .done();
    assert_eq!(known(&catalog, "t.s").bar, Some(Bar::Sequence));
    assert_eq!(known(&catalog, "t.h").bar, Some(Bar::Versioned));
    assert_eq!(known(&catalog, "t.f").bar, Some(Bar::Engine));
    assert_eq!(known(&catalog, "t.v").bar, Some(Bar::Engine));
    assert!(matches!(catalog.relation(b"t", b"b"), Relation::Unknown));
}

#[test]
fn letters_are_folded_where_the_server_does() {
    let mut schema = Schema::new();
    schema.0.server(LetterCase::Insensitive, false, Unseen::None);
    let catalog = schema.tables("t.Abc").view("t.V", "select 1 from `t`.`ABC`").done();
    assert_eq!(list(&known(&catalog, "T.v").reads), "t.abc t.v");
    assert_eq!(catalog.canonical(b"T", b"\xc3\x84").name[..], *b"\xc3\xa4");
}

#[test]
fn filters_of_the_log_make_databases_unseen() {
    let mut schema = Schema::new();
    let unseen = Unseen::AllBut(alloc::vec![(*b"u").into()]);
    schema.0.server(LetterCase::Sensitive, false, unseen);
    schema.0.forget(&Scope::Server);
    let catalog = schema.tables("t.a u.b").view("u.v", "select 1 from `t`.`a`").done();
    assert_eq!(known(&catalog, "t.a").bar, Some(Bar::UnseenWrites));
    assert_eq!(known(&catalog, "u.b").bar, None);
    assert_eq!(known(&catalog, "u.v").bar, Some(Bar::UnseenWrites));
}

#[test]
fn what_is_forgotten_is_unknown_until_read_again() {
    let before = Schema::new().tables("t.a t.b").trigger("t.b", "delete from a").done();
    let table = |name: &[u8]| Scope::Table((*b"t").into(), name.into());
    let catalog = before.forgotten(&[table(b"a")]);
    assert!(catalog.generation() > before.generation());
    assert!(matches!(catalog.relation(b"t", b"a"), Relation::Unknown));
    // A trigger that writes to it may do anything now.
    assert_eq!(effect(&known(&catalog, "t.b").writes), "everything");

    let mut builder = Builder::new(&catalog, SERVER);
    builder.forget(&table(b"a"));
    let row = |name| TableRow { db: b"t", name, kind: b"BASE TABLE", engine: Some(b"InnoDB") };
    builder.table(&row(b"a"));
    // `information_schema` compares without regard to case.
    builder.table(&row(b"A"));
    let next = builder.finish(&catalog);
    assert_eq!(effect(&known(&next, "t.b").writes), "t.a t.b");
    assert!(matches!(next.relation(b"t", b"A"), Relation::Missing));

    let mut builder = Builder::new(&next, SERVER);
    builder.forget(&table(b"a"));
    let gone = builder.finish(&next);
    assert!(matches!(gone.relation(b"t", b"a"), Relation::Missing));
    assert_eq!(effect(&known(&gone, "t.b").writes), "t.b");
}

#[test]
fn a_key_that_comes_later_reaches_a_table_that_stayed() {
    let before = Schema::new().tables("t.a t.b").done();
    let mut builder = Builder::new(&before, SERVER);
    builder.forget(&Scope::Table((*b"t").into(), (*b"b").into()));
    let again = Schema(builder).tables("t.b").key("a", "b", "CASCADE").0.finish(&before);
    assert_eq!(effect(&known(&again, "t.a").writes), "t.a t.b");
    let mut builder = Builder::new(&again, SERVER);
    builder.forget(&Scope::Table((*b"t").into(), (*b"b").into()));
    let dropped = Schema(builder).0.finish(&again);
    assert_eq!(effect(&known(&dropped, "t.a").writes), "t.a");
}

#[test]
fn scopes_are_widened_to_what_can_be_read() {
    let catalog = Schema::new().tables("t.a").done();
    let table = |db: &[u8], name: &[u8]| Scope::Table(db.into(), name.into());
    let database = |db: &[u8]| Scope::Database(db.into());
    let widened = |scopes: &[Scope]| catalog.widened(scopes);
    assert_eq!(widened(&[table(b"t", b"a")]), [table(b"t", b"a")]);
    assert_eq!(widened(&[table(b"new", b"a")]), [database(b"new")]);
    assert_eq!(widened(&[table(b"t", b"a"), database(b"t")]), [database(b"t")]);
    assert_eq!(widened(&[table(b"t", b"a"), Scope::Server]), [Scope::Server]);
    assert_eq!(Catalog::default().widened(&[table(b"t", b"a")]), [Scope::Server]);
}

proptest! {
    #[test]
    fn any_text_is_a_body(text: Vec<u8>, ansi: bool) {
        let mode = Mode::new(if ansi { b"ANSI_QUOTES" } else { b"" }, b"utf8mb4", SERVER);
        let body = Body::read(&text, mode, LetterCase::Insensitive);
        prop_assert!(body.names.len() <= text.len());
    }

    #[test]
    fn a_written_table_is_always_found(name in "[a-z]{1,8}", before in "[a-z =,;0-9]{0,40}") {
        let text = alloc::format!("begin {before} ; insert into `{name}` values (1); end");
        let mode = Mode::new(b"", b"utf8mb4", SERVER);
        let body = Body::read(text.as_bytes(), mode, LetterCase::Sensitive);
        prop_assert!(body.opaque || (body.writes && body.names.contains(name.as_bytes())));
    }
}
