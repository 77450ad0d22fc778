//! Kinds and targets of statements that write or change the session.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::*;
use super::{dotted, ident};
use crate::lexer::tests::MODE;

/// `kind: target:what …`, rows without a what.
fn targets(text: &str) -> String {
    let statement = read(text.as_bytes(), MODE);
    let kind = format!("{:?}", statement.kind).to_lowercase();
    let kind = kind.split([' ', '(', '{']).next().unwrap_or_default().to_string();
    let targets = statement.targets.iter().map(|target| {
        let name = dotted(target.qualifier, &target.name);
        match target.what {
            What::Rows => format!(" {name}"),
            what => format!(" {name}:{}", format!("{what:?}").to_lowercase()),
        }
    });
    kind + &targets.collect::<String>()
}

#[test]
fn rows_are_whose() {
    for (text, expected) in [
        ("insert into t1 values (1)", "insert t1"),
        (
            "insert low_priority ignore t1 (a,b) values (1,2) on duplicate key update a=1",
            "insert t1",
        ),
        ("insert into db.t1 select * from t2", "insert db.t1"),
        ("insert t1 set a=1", "insert t1"),
        ("INSERT DELAYED INTO `t 1` VALUES (1)", "insert t 1"),
        ("replace into t1 select 1", "replace t1"),
        ("update t1 set a=1 where b in (select c from t2)", "update t1"),
        ("update ignore db.t1 as x set x.a=1", "update db.t1"),
        ("update t1, t2 set a=1", "update t1 t2"),
        ("update t1, t2 set t1.a=t2.a, t1.b=f(1,2) where t1.c=t2.c", "update t1"),
        ("update t1 x join db.t2 y on x.a=y.a, t3 set y.b=1, t3.b=2", "update db.t2 t3"),
        ("update t1, t2 set t1.a=1, b=2", "update t1 t2"),
        ("update t1, (select * from t2) d set t1.a=d.a", "update t1"),
        ("update (t1, t2) set t2.a=1", "update t2"),
        ("update db.t1, t2 set db.t1.a=1", "update db.t1"),
        ("delete from t1 where a=1", "delete t1"),
        ("delete quick from db.t1 limit 1", "delete db.t1"),
        ("delete t1 from t1, t2 where t1.a=t2.a", "delete t1"),
        ("delete x.*, y from t1 x, db.t2 as y, t3", "delete t1 db.t2"),
        ("delete from a, b using t1 a join t2 b join t3", "delete t1 t2"),
        ("delete from t1.* using t1, t2", "delete t1"),
        ("delete z from t1, t2", "delete z t1 t2"),
        ("delete from t1 using t1 join t2 on f(a,b) where 1", "delete t1"),
        ("load data local infile 'x' into table t1 fields terminated by ','", "load t1"),
        ("load xml infile 'x' replace into table db.t1", "load db.t1"),
        ("load index into cache t1", "maintain"),
        ("truncate t1", "truncate t1"),
        ("truncate table db.t1", "truncate db.t1"),
        ("with c as (select 1) delete from t1 where a in (select * from c)", "delete t1"),
        ("with c as (select 1) update t1 join c set t1.a=1", "update t1"),
        ("with c as (select 1) select * from c", "select"),
        ("with c as (select 1) (select * from c)", "select"),
        ("set statement a=1 for insert into t1 values (1)", "insert t1"),
        ("analyze format=json update t1 set a=1", "update t1"),
        ("analyze delete from t1", "delete t1"),
        ("explain analyze delete from t1", "delete t1"),
        ("explain update t1 set a=1", "show"),
        ("explain t1", "show"),
        ("insert /*! into */ t1 values (1)", "insert t1"),
        ("/*!40000 insert into t1 values (1) */", "insert t1"),
        ("/*!999999 drop table t1 */", "empty"),
        ("insert", "insert"),
    ] {
        assert_eq!(targets(text), expected, "{text}");
    }
    assert!(read(b"insert delayed into t1 values (1)", MODE).is(Flag::Delayed));
    assert!(read(b"load data local infile 'x' into table t", MODE).is(Flag::Local));
}

#[test]
fn definitions_are_whose() {
    for (text, expected) in [
        ("create table t1 (a int)", "ddl t1:definition"),
        ("create or replace table if not exists db.t1 like t2", "ddl db.t1:definition"),
        ("create table t1 select * from t2", "ddl t1:definition"),
        (
            "create table t1 (a int references p (id), foreign key (b) references db.q (id))",
            "ddl t1:definition p:referenced db.q:referenced",
        ),
        ("create table t1 (`rename` int, check (a > 1))", "ddl t1:definition"),
        ("create temporary table t1 (a int)", "ddl t1:definition"),
        ("alter table t1 add b int, rename to db.t2", "ddl t1:definition db.t2:definition"),
        ("alter table t1 rename t2", "ddl t1:definition t2:definition"),
        ("alter table t1 rename column a to b, rename index i to j", "ddl t1:definition"),
        ("alter table t1 exchange partition p with table t2", "ddl t1:definition t2:definition"),
        (
            "alter ignore table t1 add constraint c foreign key (a) references p (id)",
            "ddl t1:definition p:referenced",
        ),
        ("drop table if exists t1, db.t2 restrict", "ddl t1:definition db.t2:definition"),
        ("drop temporary table t1", "ddl t1:definition"),
        (
            "rename table t1 to t2, db.t3 to db.t4",
            "ddl t1:definition t2:definition db.t3:definition db.t4:definition",
        ),
        ("create view v1 as select * from t1", "ddl v1:definition"),
        (
            "create or replace algorithm=merge definer=`u`@`h` sql security definer view db.v1 as \
             select 1",
            "ddl db.v1:definition",
        ),
        ("create sql security definer view v1 as select 1", "ddl v1:definition"),
        ("alter definer=current_user() view v1 as select 1", "ddl v1:definition"),
        ("drop view v1, v2", "ddl v1:definition v2:definition"),
        ("create unique index i on t1 (a)", "ddl t1:definition"),
        ("drop index i on db.t1", "ddl db.t1:definition"),
        ("create sequence s1", "ddl s1:definition"),
        ("create database if not exists d1", "ddl d1:database"),
        ("drop schema d1", "ddl d1:database"),
        ("alter database character set utf8", "ddl"),
        (
            "create trigger tr before insert on t1 for each row begin set @a=1; end",
            "ddl tr:code t1:definition",
        ),
        ("drop trigger if exists db.tr", "ddl db.tr:code"),
        ("create procedure p1() begin select 1; end", "ddl p1:code"),
        ("create definer=u@h function f1(a int) returns int return a", "ddl f1:code"),
        ("create function f1 returns string soname 'x.so'", "ddl"),
        ("create event e on schedule every 1 day do delete from t1", "ddl e:code"),
        ("create user u identified by 'x'", "account"),
        ("drop role r", "account"),
        ("grant select on t1 to u", "account"),
        ("set password for u = 'x'", "account"),
        ("install plugin x soname 'y'", "ddl"),
        ("create spatial reference system 1 name 'x'", "unknown"),
        ("optimize table t1, db.t2", "maintain t1:maintained db.t2:maintained"),
        ("repair no_write_to_binlog table t1 quick", "maintain t1:maintained"),
        ("analyze table t1", "maintain"),
        ("check table t1", "maintain"),
        ("flush tables", "flush"),
        ("flush tables t1, db.t2 with read lock", "flush t1:maintained db.t2:maintained"),
        ("flush local table t1", "flush t1:maintained"),
        (
            "lock tables t1 read, db.t2 as x low_priority write, t3 read local",
            "locktables t1:readlock db.t2:writelock t3:readlock",
        ),
        ("binlog 'abc'", "unknown"),
        ("foo bar", "unknown"),
    ] {
        assert_eq!(targets(text), expected, "{text}");
    }
}

#[test]
fn kinds_of_the_rest() {
    for (text, expected) in [
        ("begin", "Begin { snapshot: false }"),
        ("begin work", "Begin { snapshot: false }"),
        ("start transaction", "Begin { snapshot: false }"),
        ("start transaction read only, with consistent snapshot", "Begin { snapshot: true }"),
        ("start slave", "Other"),
        ("begin not atomic insert into t values (1); end", "Compound"),
        ("if a then select 1; end if", "Compound"),
        ("commit", "Commit { chain: None }"),
        ("commit work and chain", "Commit { chain: Some(true) }"),
        ("rollback and no chain release", "Rollback { chain: Some(false) }"),
        ("rollback to savepoint a", "Savepoint"),
        ("savepoint a", "Savepoint"),
        ("release savepoint a", "Savepoint"),
        ("unlock tables", "UnlockTables"),
        ("flush query cache", "Flush(QueryCache)"),
        ("flush local status", "Flush(Status)"),
        ("flush global status", "Flush(Status)"),
        ("flush status, tables", "Flush(Tables)"),
        ("flush privileges", "Flush(Privileges)"),
        ("flush logs", "Flush(Other)"),
        ("reset query cache", "Reset(QueryCache)"),
        ("reset master", "Reset(Master)"),
        ("values (1),(2)", "Rows"),
        ("table t1", "Rows"),
        ("do sleep(1)", "Do"),
        ("handler t1 open", "Handler"),
        ("show tables", "Show"),
        ("kill 5", "Other"),
        ("purge binary logs to 'x'", "Other"),
        ("change master to master_host='x'", "Other"),
        (" /* x */ -- y", "Empty"),
        ("", "Empty"),
        ("set", "Unknown"),
        ("set x", "Unknown"),
        ("set x = 1 y", "Set"),
        ("label: loop", "Unknown"),
    ] {
        assert_eq!(format!("{:?}", read(text.as_bytes(), MODE).kind), expected, "{text}");
    }
}

#[test]
fn names_of_sessions() {
    let kind = |text: &'static str| read(text.as_bytes(), MODE).kind;
    let Kind::Use(db) = kind("use `d``b`") else { panic!() };
    assert_eq!(ident(&db), "d`b");
    let Kind::Prepare { name, source } = kind("prepare S from 'select 1'") else { panic!() };
    assert_eq!((ident(&name).as_str(), source), ("S", Value::Text(b"'select 1'")));
    let Kind::Prepare { source: Value::Variable(from), .. } = kind("prepare s from @`a b`") else {
        panic!()
    };
    assert_eq!(ident(&from), "a b");
    let concat = kind("prepare s from concat('a', @b)");
    assert!(matches!(concat, Kind::Prepare { source: Value::Expression(b"concat('a', @b)"), .. }));
    let Kind::Execute { name, using } = kind("execute s using @a, 1 ") else { panic!() };
    assert_eq!((ident(&name).as_str(), using), ("s", &b"@a, 1"[..]));
    let immediate = kind("execute immediate 'select ?' using 1");
    let text = Value::Text(b"'select ?'");
    assert_eq!(immediate, Kind::ExecuteImmediate { source: text, using: b"1" });
    let immediate = kind("execute immediate 'a' || 'b'");
    let text = Value::Expression(b"'a' || 'b'");
    assert_eq!(immediate, Kind::ExecuteImmediate { source: text, using: b"" });
    assert!(matches!(kind("drop prepare s"), Kind::Deallocate(_)));
    for (text, verb, xid) in [
        ("xa start 'a','b',1 join", XaVerb::Start, "'a','b',1"),
        ("xa end X'41' suspend", XaVerb::End, "X'41'"),
        ("xa prepare 'a'", XaVerb::Prepare, "'a'"),
        ("xa commit 'a' one phase", XaVerb::CommitOnePhase, "'a'"),
        ("xa commit 'a'", XaVerb::Commit, "'a'"),
        ("xa recover", XaVerb::Recover, ""),
    ] {
        assert_eq!(kind(text), Kind::Xa { verb, xid: xid.as_bytes() }, "{text}");
    }
    let statement = read(b"call db.p1(1, @a)", MODE);
    let call = statement.calls.last().unwrap();
    assert_eq!((statement.kind, call.role), (Kind::Call, CallRole::Procedure));
    assert_eq!(dotted(call.qualifier, &call.name), "db.p1");
}

#[test]
fn assignments() {
    let of = |text: &'static str| {
        let statement = read(text.as_bytes(), MODE);
        let all = statement.assignments.iter().map(|one| {
            let value = match one.value {
                Value::Variable(name) => format!("@{}", ident(&name)),
                Value::Text(raw) | Value::Number(raw) | Value::Word(raw) => {
                    String::from_utf8_lossy(raw).into_owned()
                }
                Value::Expression(raw) => format!("<{}>", String::from_utf8_lossy(raw)),
            };
            format!("{:?} {}={value}", one.scope, ident(&one.name))
        });
        all.collect::<Vec<_>>().join("; ")
    };
    for (text, expected) in [
        ("set autocommit=0", "Session autocommit=0"),
        ("set @a='x', @b := 1+2, @c = @a", "User a='x'; User b=<1+2>; User c=@a"),
        ("set global a=1, b=off, session c=-1", "Global a=1; Global b=off; Session c=-1"),
        (
            "set @@global.a=1, @@session.b=2, @@c=3, @@local.d=DEFAULT",
            "Global a=1; Session b=2; Unsaid c=3; Session d=DEFAULT",
        ),
        ("set global a=1, @@b=2, @@session.c=3", "Global a=1; Unsaid b=2; Session c=3"),
        ("set statement @@a=1, @@session.b=2 for select 1", "Statement a=1; Statement b=2"),
        ("set names utf8mb4", "Names NAMES=utf8mb4"),
        ("set names utf8 collate utf8_bin", "Names NAMES=<utf8 collate utf8_bin>"),
        ("set character set latin1", "Names NAMES=latin1"),
        (
            "set transaction isolation level read committed, read only",
            "NextTransaction TRANSACTION=<isolation level read committed, read only>",
        ),
        (
            "set session transaction isolation level serializable",
            "Session TRANSACTION=<isolation level serializable>",
        ),
        ("set global transaction read only", "Global TRANSACTION=<read only>"),
        ("set role all", "Role ROLE=all"),
        (
            "set statement a=1, b=(select 2, 3) for select 1",
            "Statement a=1; Statement b=<(select 2, 3)>",
        ),
        ("set a=f(1,2), b=3", "Session a=<f(1,2)>; Session b=3"),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn texts_of_several_statements() {
    let texts = |text: &'static str| {
        let all = statements(text.as_bytes(), MODE).map(|one| one.text);
        all.map(|text| String::from_utf8_lossy(text).into_owned()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(
        texts("select 1; insert into t values (';') ;; -- x\n;"),
        "select 1|insert into t values (';')"
    );
    assert_eq!(
        texts("begin not atomic select 1; select 2; end"),
        "begin not atomic select 1; select 2; end"
    );
    assert_eq!(
        texts("create procedure p() select 1; drop table t"),
        "create procedure p() select 1; drop table t"
    );
    assert_eq!(texts("create procedure p() select 1;"), "create procedure p() select 1");
    assert!(read(b"create procedure p() select 1; drop table t", MODE).is(Flag::Several));
}
