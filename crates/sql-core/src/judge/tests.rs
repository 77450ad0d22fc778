//! Tests of the decision table.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::lexer::tests::MODE;
use crate::statement::{read, read_head};

/// A catalog of database `d` (known whole) and `e`; `dark` cannot be seen.
#[derive(Debug, Default)]
struct Catalog {
    relations: BTreeMap<(Vec<u8>, Vec<u8>), Known>,
    routines: BTreeMap<(RoutineKind, Vec<u8>), Effect>,
}

fn table(database: &[u8], name: &[u8]) -> Table {
    Table { database: database.into(), name: name.into() }
}

fn effect(names: &[&str]) -> Effect {
    let tables = names.iter().map(|name| table(b"d", name.as_bytes())).collect();
    Effect { everything: false, tables }
}

impl Catalog {
    fn new() -> Self {
        let mut catalog = Self::default();
        for name in ["t1", "t2", "parent", "child", "log", "m"] {
            catalog.add(b"d", name, None, &[name], &[name]);
        }
        catalog.add(b"e", "t1", None, &[], &[]);
        catalog.add(b"d", "v", None, &["v", "t1"], &["t1"]);
        catalog.add(b"d", "seq", Some(Bar::Sequence), &["seq"], &["seq"]);
        catalog.add(b"d", "far", Some(Bar::Engine), &["far"], &["far"]);
        catalog.add(b"d", "vers", Some(Bar::Versioned), &["vers"], &["vers"]);
        catalog.add(b"d", "blindv", Some(Bar::OpaqueView), &[], &[]);
        catalog.add(b"d", "nowv", Some(Bar::ImpureView), &[], &[]);
        catalog.add(b"d", "uncachedv", Some(Bar::UncachedView), &[], &[]);
        catalog.add(b"d", "demandv", None, &["demandv", "t1"], &[]);
        catalog.add(b"d", "quiet", Some(Bar::UnseenWrites), &[], &[]);
        let known = |name: &str| (b"d".to_vec(), name.as_bytes().to_vec());
        let parent = catalog.relations.get_mut(&known("parent")).unwrap();
        parent.writes = effect(&["parent", "child", "log"]);
        catalog.relations.get_mut(&known("log")).unwrap().transactional = false;
        catalog.relations.get_mut(&known("m")).unwrap().writes.everything = true;
        catalog.relations.get_mut(&known("nowv")).unwrap().read_writes = effect(&["log"]);
        catalog.routines.insert((RoutineKind::Function, b"f".to_vec()), effect(&["t2"]));
        catalog.routines.insert((RoutineKind::Procedure, b"p".to_vec()), effect(&["t1"]));
        catalog.routines.insert((RoutineKind::Function, b"json_value".to_vec()), effect(&[]));
        let all = Effect { everything: true, tables: vec![] };
        catalog.routines.insert((RoutineKind::Procedure, b"wild".to_vec()), all);
        catalog
    }

    fn add(&mut self, db: &[u8], name: &str, bar: Option<Bar>, reads: &[&str], writes: &[&str]) {
        let known = Known {
            table: table(db, name.as_bytes()),
            bar,
            reads: effect(reads).tables,
            writes: effect(writes),
            read_writes: Effect::default(),
            transactional: true,
            timeless: false,
            demands: name == "demandv",
        };
        self.relations.insert((db.to_vec(), name.as_bytes().to_vec()), known);
    }
}

impl Names for Catalog {
    fn relation(&self, database: &[u8], name: &[u8]) -> Relation<'_> {
        if database == b"dark" {
            return Relation::Unknown;
        }
        let key = (database.to_vec(), name.to_ascii_lowercase());
        self.relations.get(&key).map_or(Relation::Missing, Relation::Known)
    }

    fn routine(&self, kind: RoutineKind, database: &[u8], name: &[u8]) -> Routine<'_> {
        if database == b"dark" {
            return Routine::Unknown;
        }
        let key = (kind, name.to_ascii_lowercase());
        self.routines.get(&key).map_or(Routine::Missing, Routine::Known)
    }

    fn relations_of(&self, database: &[u8]) -> Option<Vec<&Table>> {
        let own = self.relations.values().map(|known| &known.table);
        (database != b"dark").then(|| own.filter(|table| *table.database == *database).collect())
    }

    fn canonical(&self, database: &[u8], name: &[u8]) -> Table {
        table(database, &name.to_ascii_lowercase())
    }
}

const FACTS: Facts<'_> =
    Facts { database: Some(b"d"), cache_type: CacheType::On, auto_is_null: false, temporary: &[] };

/// The reason's code, or the relations read.
fn judged(text: &str, facts: &Facts<'_>) -> String {
    let catalog = Catalog::new();
    match judge(&read(text.as_bytes(), MODE), facts, &catalog) {
        Verdict::Not(reason) => reason.code().into(),
        Verdict::Cacheable(relations) => {
            let names = relations.iter().map(|known| String::from_utf8_lossy(&known.table.name));
            names.collect::<Vec<_>>().join(" ")
        }
    }
}

/// `why everything` in brackets, tables, `+` definitions, then marks.
fn wrote(text: &str, facts: &Facts<'_>) -> String {
    let catalog = Catalog::new();
    let written = writes(&read(text.as_bytes(), MODE), facts, &catalog);
    let dotted = |table: &Table| {
        let (db, name) = (&table.database, &table.name);
        format!("{}.{}", String::from_utf8_lossy(db), String::from_utf8_lossy(name))
    };
    let mut parts: Vec<_> = written.everything.iter().map(|why| format!("[{why:?}]")).collect();
    parts.extend(written.tables.iter().map(|table| dotted(table)));
    parts.extend(written.definitions.iter().map(|table| format!("+{}", dotted(table))));
    parts.extend(written.write_locked.iter().map(|table| format!("!{}", dotted(table))));
    for (mark, is) in
        [("code", written.code), ("rights", written.privileges), ("later", written.delayed)]
    {
        parts.extend(is.then(|| mark.into()));
    }
    parts.join(" ")
}

#[test]
fn what_is_cached_and_what_not() {
    for (text, expected) in [
        ("select a from t1", "t1"),
        ("SELECT T1.a FROM T1 x", "t1"),
        ("select a from t1, d.t2 where t1.a = t2.b", "t1 t2"),
        ("select * from e.t1", "t1"),
        ("select e.t1 from t2", "t1 t2"),
        ("select * from t1 join v using (a)", "t1 v"),
        ("select a from (select * from t1) t2", "t1 t2"),
        ("with t2 as (select * from t1) select * from t2", "t2 t1"),
        ("with c as (select * from t1) select * from c", "t1"),
        ("with c as (select 1) select * from c", "no-table"),
        ("(select a from t1) union (select a from t2)", "t1 t2"),
        ("select a from t1 where a is null", "t1"),
        ("select count(*), max(if(a, b, now.c)) from t1 now", "t1"),
        ("select a from t1 where json_extract(a, '$.b') = 1", "t1"),
        ("insert into t1 values (1)", "not-a-read"),
        ("values (1)", "not-a-read"),
        ("show tables", "not-a-read"),
        ("analyze select a from t1", "not-a-read"),
        ("set statement a=1 for select a from t1", "set-statement"),
        ("select a from t1 'x", "uncertain-text"),
        ("select a from t1; select b from t1", "several-statements"),
        ("select a from t1;", "t1"),
        ("select a /*! , b */ from t1", "executable-comment"),
        ("select a /* , b */ from t1", "t1"),
        ("select sql_no_cache a from t1", "sql-no-cache"),
        ("select sql_cache a from t1", "t1"),
        ("select a from t1 into outfile 'x'", "into"),
        ("select a from t1 for update", "locking-read"),
        ("select a from t1 lock in share mode", "locking-read"),
        ("select a from t1 procedure analyse()", "procedure-analyse"),
        ("select a from t1 for system_time all", "system-time"),
        ("select @a from t1", "user-variable"),
        ("select @@sql_mode, a from t1", "system-variable"),
        ("select found_rows() from t1", "diagnostics"),
        ("select now() from t1", "impure-function"),
        ("select a, current_date from t1", "impure-function"),
        ("select f(a) from t1", "stored-function"),
        ("select nobody_knows(a) from t1", "stored-function"),
        ("select json_value(a, '$') from t1", "stored-function"),
        ("select json_query(a, '$') from t1", "t1"),
        ("select nextval(seq) from t1", "sequence"),
        ("select 1", "no-table"),
        ("select 1 from dual", "no-table"),
        ("select * from mysql.user", "system-table"),
        ("select * from INFORMATION_SCHEMA.tables", "system-table"),
        ("select a from t1 where b in (select c from performance_schema.x)", "system-table"),
        ("select * from nowhere", "unknown-table"),
        ("select * from t1, nowhere", "unknown-table"),
        ("select * from dark.t1", "unknown-table"),
        ("select * from json_table('[]', '$' columns (a int path '$')) j", "no-table"),
        ("select * from seq", "sequence"),
        ("select * from far", "foreign-engine"),
        ("select * from vers", "versioned-table"),
        ("select * from blindv", "opaque-view"),
        ("select * from nowv", "impure-view"),
        ("select * from quiet", "unseen-writes"),
    ] {
        assert_eq!(judged(text, &FACTS), expected, "{text}");
    }
}

#[test]
fn sessions_decide_too() {
    let off = Facts { cache_type: CacheType::Off, ..FACTS };
    assert_eq!(judged("select sql_cache a from t1", &off), "cache-off");
    let demand = Facts { cache_type: CacheType::Demand, ..FACTS };
    assert_eq!(judged("select a from t1", &demand), "not-demanded");
    assert_eq!(judged("select distinct sql_cache a from t1", &demand), "t1");
    assert_eq!(judged("select a, (select sql_cache b from t2) from t1", &demand), "not-demanded");
    let auto = Facts { auto_is_null: true, ..FACTS };
    assert_eq!(judged("select a from t1 where a is null", &auto), "auto-is-null");
    assert_eq!(judged("select a from t1 where a is not null", &auto), "t1");
    let none = Facts { database: None, ..FACTS };
    assert_eq!(judged("select a from t1", &none), "no-database");
    assert_eq!(judged("select a from d.t1", &none), "t1");
    let system = Facts { database: Some(b"mysql"), ..FACTS };
    assert_eq!(judged("select a from user", &system), "system-table");
    let temporary = [table(b"d", b"T1")];
    let shadowed = Facts { temporary: &temporary, ..FACTS };
    assert_eq!(judged("select a from t1", &shadowed), "temporary-table");
    assert_eq!(judged("select a from d.t1", &shadowed), "temporary-table");
    assert_eq!(judged("select a from e.t1", &shadowed), "t1");
    assert_eq!(judged("select a from t2", &shadowed), "t2");
    let catalog = Catalog::new();
    let head = read_head(b"select a from t1", MODE);
    assert_eq!(judge(&head, &FACTS, &catalog), Verdict::Not(Reason::TooLong));
}

#[test]
fn writes_reach_what_the_catalog_says() {
    for (text, expected) in [
        ("select a from t1", ""),
        ("insert into t1 select * from t2", "d.t1"),
        ("insert into parent values (1)", "d.parent d.child d.log"),
        ("insert into v values (1)", "d.t1 d.v"),
        ("insert into e.t1 values (1)", "e.t1"),
        ("insert into m values (1)", "[Closure] d.m"),
        ("insert into t1 values (f(1))", "d.t1 d.t2"),
        ("insert into t1 values (now(), udf(1))", "d.t1"),
        ("insert delayed into t1 values (1)", "d.t1 later"),
        ("insert into nowhere values (1)", "[Relation] d.nowhere"),
        ("insert into dark.t values (1)", "[Relation] dark.t"),
        ("update t1, t2 set t1.a=t2.b", "d.t1"),
        ("delete x from t1 x, t2", "d.t1"),
        ("truncate t1", "d.t1"),
        ("load data infile 'x' into table t1", "d.t1"),
        ("select f(1)", "d.t2"),
        ("do f(1)", "d.t2"),
        ("set @a = f(1)", "d.t2"),
        ("select * from nowv", "d.log"),
        ("explain select f(1)", "d.t2"),
        ("call p()", "d.t1"),
        ("call d.p(f(1))", "d.t2 d.t1"),
        ("call wild()", "[Routine]"),
        ("call nobody()", "[Routine]"),
        ("call sys.x()", "[Routine]"),
        ("create table x (a int)", "d.x +d.x"),
        ("create table x (a int references parent (a))", "d.x +d.x +d.parent"),
        ("create table x select f(1) from t1", "d.x d.t2 +d.x"),
        ("drop table t1, e.t1", "d.t1 e.t1 +d.t1 +e.t1"),
        ("drop table parent", "d.parent +d.parent"),
        ("rename table T1 to t9", "d.t1 d.t9 +d.t1 +d.t9"),
        ("alter table t1 exchange partition p with table t2", "d.t1 d.t2 +d.t1 +d.t2"),
        ("create view w as select * from t1", "d.w +d.w"),
        ("create temporary table t1 (a int)", ""),
        ("drop temporary table t1", ""),
        ("drop database e", "e.t1 +e. code"),
        ("drop database dark", "[Relation] +dark. code"),
        ("create trigger tr before insert on t1 for each row set @a=1", "d.t1 +d.tr +d.t1 code"),
        ("drop procedure p", "+d.p code"),
        ("create procedure p() select 1; drop table t1", "[Compound] +d.p code"),
        ("grant select on t1 to u", "rights"),
        ("set password = 'x'", "rights"),
        ("flush privileges", "rights"),
        ("insert into mysql.proc values (1)", "[System] code rights"),
        ("flush tables", "[Flush]"),
        ("flush tables t1", "d.t1"),
        ("repair table t1", "d.t1"),
        ("repair table parent", "d.parent"),
        ("flush query cache", ""),
        ("lock tables t1 read, v write", "!d.v !d.t1"),
        ("execute s", "[Dynamic]"),
        ("execute immediate 'x'", "[Dynamic]"),
        ("prepare s from 'insert into t1 values (1)'", ""),
        ("begin not atomic insert into t1 values (1); end", "[Compound]"),
        ("analyze update t1 set a=1", "d.t1"),
        ("explain update t1 set a=1", ""),
        ("foo", "[Statement]"),
        ("insert", "[Statement]"),
        ("insert into t1 values ('x", "[Text] d.t1"),
        ("binlog 'x'", "[Statement]"),
        ("begin", ""),
        ("commit", ""),
        ("show tables", ""),
        ("kill 1", ""),
    ] {
        assert_eq!(wrote(text, &FACTS), expected, "{text}");
    }
}

#[test]
fn sessions_decide_on_writes() {
    let temporary = [table(b"d", b"t1")];
    let shadowed = Facts { temporary: &temporary, ..FACTS };
    assert_eq!(wrote("insert into T1 values (1)", &shadowed), "");
    assert_eq!(wrote("insert into t2 select * from t1", &shadowed), "d.t2");
    assert_eq!(wrote("drop table t1", &shadowed), "d.t1 +d.t1");
    let none = Facts { database: None, ..FACTS };
    assert_eq!(wrote("insert into t1 values (1)", &none), "");
    assert_eq!(wrote("insert into d.t1 values (1)", &none), "d.t1");
    let dark = Facts { database: Some(b"dark"), ..FACTS };
    assert_eq!(wrote("insert into d.t1 values (f(1))", &dark), "[Routine] d.t1");
    assert_eq!(wrote("alter database character set utf8", &FACTS).get(..6), Some("d.blin"));
    assert_eq!(wrote("alter database character set utf8", &none), "[Statement]");
}

#[test]
fn rollbacks_undo_only_engines_that_can() {
    let undone = |text: &str| {
        let catalog = Catalog::new();
        writes(&read(text.as_bytes(), MODE), &FACTS, &catalog).transactional
    };
    assert!(undone("insert into t1 values (1)"));
    assert!(undone("select 1"));
    assert!(!undone("insert into log values (1)"));
    assert!(!undone("update t1, log set a=1"));
    assert!(!undone("drop table t1"));
    assert!(!undone("call p()"));
    assert!(!undone("insert into m values (1)"));
}

#[test]
fn reasons_are_one_table() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    let kebab = |code: &&str| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    assert!(codes.iter().all(kebab));
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len(), "a code is used twice");
    assert!(Reason::ALL.is_sorted());
    assert!(Reason::ALL.iter().all(|one| !one.says().is_empty() && !one.hint().is_empty()));
}
