//! Tests of reading statements.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::lexer::tests::MODE;

mod writes;

pub(super) fn ident(ident: &Ident<'_>) -> String {
    String::from_utf8_lossy(&ident.bytes()).into_owned()
}

fn dotted(qualifier: Option<Ident<'_>>, name: &Ident<'_>) -> String {
    qualifier.map_or_else(|| ident(name), |db| format!("{}.{}", ident(&db), ident(name)))
}

fn sources(text: &str) -> String {
    let statement = read(text.as_bytes(), MODE);
    let sources = statement.names.iter().filter(|name| name.role == Role::Source);
    let all: Vec<_> = sources.map(|name| dotted(name.qualifier, &name.name)).collect();
    all.join(" ")
}

fn flags(text: &str) -> Flags {
    read(text.as_bytes(), MODE).flags
}

#[test]
fn sources_of_selects() {
    for (text, expected) in [
        ("select a from t1", "t1"),
        ("select a,b from t1,t2 as x, db.t3 where a in (1,2)", "t1 t2 db.t3"),
        ("select * from (t1, t2) join t3 on t1.a=t3.a, t4", "t1 t2 t3 t4"),
        ("select * from t1 left join t2 on f(a,b)=c, t3 order by a, b", "t1 t2 t3"),
        ("select * from t1 join t2 using (a, b), t3", "t1 t2 t3"),
        ("select * from t1 use index (i, j), t2 force index for join (k), t3", "t1 t2 t3"),
        ("select * from t1 use index for order by (i), t2", "t1 t2"),
        ("select * from t1 partition (p0, p1) as x, t2", "t1 t2"),
        ("select * from (select a from t1 where b in (select c from t2)) d, t3", "t1 t2 t3"),
        ("select a from t1 union select b from t2 union all (select c from t3)", "t1 t2 t3"),
        ("(select a from t1) union (select b from t2) order by 1", "t1 t2"),
        (
            "with c as (select * from t1), d (x, y) as (select * from c) select * from d, t2",
            "t1 c d t2",
        ),
        ("with recursive c as (select 1 union select a from c) select * from c", "c c"),
        (
            "select extract(year from d), trim(both 'x' from y), substring(a from 1 for 2) from t1",
            "t1",
        ),
        ("select * from `t 1`, `d``b`.`t2`", "t 1 d`b.t2"),
        ("select * from .t1", "t1"),
        ("select * from t1, order.t2 where select.a = 1", "t1 order.t2"),
        ("select * from t1 straight_join t2 natural join t3 cross join t4", "t1 t2 t3 t4"),
        ("select straight_join * from t1, t2", "t1 t2"),
        ("select * from {oj t1 left outer join t2 on a=b}", "t1 t2"),
        ("select 1 from dual", ""),
        ("select (select max(a) from t1), b from t2 group by b with rollup", "t1 t2"),
        ("select * from status, date, user", "status date user"),
        ("select * from database, schema", "database schema"),
        ("select a, count(*) over (partition by b order by c) from t1, t2", "t1 t2"),
        ("select * from t1 where match (a,b) against ('x' in boolean mode)", "t1"),
        ("SELECT a FROM t1 LIMIT 1,2", "t1"),
        ("select * from t1/*c*/,/*d*/t2 -- e\n, t3", "t1 t2 t3"),
        ("select 1 /*!40000 from t1 */", "t1"),
        ("select 1 /*!999999 from t1 */", ""),
        ("select `from` from t1", "t1"),
        ("select 1e5from t1", "t1"),
        ("select t1.select, t1.from from t1", "t1"),
        ("insert into t1 select * from t2, t3", "t2 t3"),
        ("select * from t1, lateral (select * from t2) x", "t1 t2"),
    ] {
        assert_eq!(sources(text), expected, "{text}");
    }
}

#[test]
fn every_name_is_kept() {
    let text = "select t1.a, db.t2.b, `x`, y z from t1 w where date > 1 and status = q.r";
    let statement = read(text.as_bytes(), MODE);
    let all: Vec<_> =
        statement.names.iter().map(|name| dotted(name.qualifier, &name.name)).collect();
    assert_eq!(all.join(" "), "t1.a db.t2 x y z t1 w date status q.r");
}

#[test]
fn flags_of_selects() {
    for (text, flag) in [
        ("select sql_cache a from t", Flag::SqlCache),
        ("SELECT DISTINCT SQL_CACHE a from t", Flag::SqlCache),
        ("select sql_no_cache a from t", Flag::SqlNoCache),
        ("select a from t union select sql_no_cache b from t", Flag::SqlNoCache),
        ("select sql_calc_found_rows a from t", Flag::CalcFoundRows),
        ("select a from t for update", Flag::Locking),
        ("select a from (t) for update nowait", Flag::Locking),
        ("select a from t for share", Flag::Locking),
        ("select a from t lock in share mode", Flag::Locking),
        ("select a into outfile 'x' from t", Flag::Into),
        ("select a from t into @x", Flag::Into),
        ("(select a from t) into outfile 'x'", Flag::Into),
        ("(select a from t) union (select b from t) into @x", Flag::Into),
        ("(select a from t) procedure analyse()", Flag::Procedure),
        ("select a from t limit 1 into dumpfile 'x'", Flag::Into),
        ("select @a from t", Flag::UserVariable),
        ("select @a:=1 from t", Flag::UserVariable),
        ("select @@a from t", Flag::SystemVariable),
        ("select a from t procedure analyse()", Flag::Procedure),
        ("select a from t for system_time all", Flag::SystemTime),
        ("select a from t where a is null", Flag::IsNull),
        ("select a /*! from t */", Flag::ExecutableComment),
        ("select a /*!999999 from t */", Flag::ExecutableComment),
        ("select found_rows()", Flag::Diagnostics),
        ("select @@warning_count", Flag::Diagnostics),
        ("select @@session.error_count", Flag::Diagnostics),
        ("show warnings", Flag::Diagnostics),
        ("show count(*) errors", Flag::Diagnostics),
        ("get diagnostics @n = number", Flag::Diagnostics),
        ("select 1; select 2", Flag::Several),
        ("select a from t where b = ?", Flag::Parameters),
        ("set statement max_statement_time=1 for select a from t", Flag::SetStatement),
        ("analyze select a from t", Flag::Analyzed),
        ("select a from t", Flag::From),
        ("select a from f(1)", Flag::OddSource),
        ("select 'a", Flag::Uncertain),
        ("select `a", Flag::Uncertain),
        ("select 1 /* x", Flag::Uncertain),
    ] {
        assert!(flags(text).has(flag), "{text}");
    }
    for (text, flag) in [
        ("select a as sql_cache from t", Flag::SqlCache),
        ("select a, sql_cache from t", Flag::SqlCache),
        ("select a from t union select sql_cache b from t", Flag::SqlCache),
        ("select 'for update' from t", Flag::Locking),
        ("select a from t use index for join (i)", Flag::Locking),
        ("select a from t where a is not null", Flag::IsNull),
        ("select 1;", Flag::Several),
        ("select 1; ; -- x", Flag::Uncertain),
        ("select '@a' from t", Flag::UserVariable),
        ("insert into t select 1", Flag::Into),
        ("select substring(a from 2)", Flag::From),
        ("select \"/*! x */\" from t", Flag::ExecutableComment),
    ] {
        assert!(!flags(text).has(flag), "{text}");
    }
}

#[test]
fn the_hint_is_where_it_stands() {
    let text = b"select /* x */ distinct  sql_cache a from t";
    let hint = read(text, MODE).hint.unwrap();
    assert_eq!(text.get(hint), Some(&b"sql_cache"[..]));
    assert_eq!(read(b"select a, sql_cache from t", MODE).hint, None);
}

#[test]
fn calls_that_are_not_pure() {
    for (text, role) in [
        ("select now()", CallRole::Impure),
        ("select NOW ( ) from t", CallRole::Impure),
        ("select current_date from t", CallRole::Impure),
        ("select localtime", CallRole::Impure),
        ("select current_user", CallRole::Impure),
        ("select unix_timestamp()", CallRole::Impure),
        ("select unix_timestamp( /* x */ )", CallRole::Impure),
        ("select encrypt('a')", CallRole::Impure),
        ("select encrypt((select max(a,b)))", CallRole::Impure),
        ("select default(a) from t", CallRole::Impure),
        ("select cast(time '10:11:12' as datetime) from t", CallRole::Impure),
        ("select TIME'10:11:12' < d from t", CallRole::Impure),
        ("select {t '10:11:12'} from t", CallRole::Impure),
        ("select cast(a as time) < d from t", CallRole::Impure),
        ("select cast(a as time(3)) < d from t", CallRole::Impure),
        ("select convert(a, time) from t", CallRole::Impure),
        ("select coalesce(maketime(1, 2, 3), d) from t", CallRole::Impure),
        ("select last_insert_id()", CallRole::Diagnostic),
        ("select nextval(s)", CallRole::Sequence),
        ("select next value for s", CallRole::Sequence),
        ("select previous value for s", CallRole::Sequence),
        ("select f1(a) from t", CallRole::Unknown),
        ("select f1 (a) from t", CallRole::Unknown),
        ("select f1/**/(a) from t", CallRole::Unknown),
        ("select db.f1(a) from t", CallRole::Unknown),
        ("select db.now() from t", CallRole::Unknown),
        ("select `now`() from t", CallRole::Unknown),
        ("select json_value(a, '$') from t", CallRole::Recent),
    ] {
        let statement = read(text.as_bytes(), MODE);
        let roles: Vec<_> = statement.calls.iter().map(|call| call.role).collect();
        assert_eq!(roles, [role], "{text}");
    }
    for text in [
        "select unix_timestamp(a), encrypt(a, 'b'), count(*), max(a), if(a,b,c), left(a,1)",
        "select cast(a as char(9)), convert(a, decimal(10,2)), a in (1), b and (c), d or (e)",
        "select a from t where exists (select 1) and a = any (select b) group by (c) having (d)",
        "select insert(a,1,2,3), replace(a,'b','c'), mod(a,b), values(a), repeat(a,2), date(a)",
        "select concat(a, 'now()'), `now` from t -- now()",
        "select t.now, now from t",
        "select time, max(time), t.time, a as time, t from t where time < '10:11:12'",
        "select a from t use index (i) where match (a) against (b)",
        "with c (a) as (select 1) select * from c",
        "select count(*) over (order by a)",
    ] {
        assert_eq!(read(text.as_bytes(), MODE).calls, [], "{text}");
    }
}

#[test]
fn what_the_query_cache_would_look_up() {
    for text in [
        "select 1",
        "SeLeCt 1",
        " \t\r\nselect 1",
        "(select 1)",
        "/* a */ select 1",
        "-- a\nselect 1",
        "# a\nselect 1",
        "/*!40000 select 1 */",
        "with c as (select 1) select * from c",
        "selection",
        "(/* a */select 1)",
        "select  sql_no_cache",
        "select\tsql_no_cache a from tab",
        "select distinct sql_no_cache a from t1",
        "select sql_no_cachet, a from t1",
    ] {
        assert!(looks_cacheable(text.as_bytes()), "{text:?}");
    }
    for text in [
        "",
        "((select 1))",
        "insert",
        "--a\nselect 1",
        "/* a",
        "select sql_no_cache a from t1",
        "select   SQL_NO_CACHE a from t1",
        "/ select 1",
        "se",
        "show",
        "explain select 1",
    ] {
        assert!(!looks_cacheable(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn texts_are_trimmed_and_unquoted() {
    assert_eq!(trim(b" \n select 1 ; ;\t"), b"select 1");
    assert_eq!(trim(b";"), b"");
    let text = |literal: &str| unquote(literal.as_bytes(), MODE).map(Cow::into_owned);
    assert_eq!(text("'a'"), Some(b"a".to_vec()));
    assert_eq!(text("n'a'"), Some(b"a".to_vec()));
    assert_eq!(text(r"'a''b\'c\n\%\x'"), Some(b"a'b'c\n\\%x".to_vec()));
    assert_eq!(text("'a"), None);
    assert_eq!(text("'"), None);
    assert_eq!(text("1"), None);
    let plain = Mode { no_backslash_escapes: true, ..MODE };
    assert_eq!(unquote(br"'a\'", plain), Some(Cow::Borrowed(&br"a\"[..])));
}

#[test]
fn digests_show_no_literals() {
    for (text, expected) in [
        (
            "select  a,\n b from t where c = 'secret' and d=-12",
            "select a, b from t where c = ? and d=-?",
        ),
        ("insert into t values (1,'a',NULL),(2,'b',NULL);", "insert into t values (?+)"),
        ("select * from t where a in (1, 2, 3)", "select * from t where a in (?+)"),
        ("select /* secret */ 1 -- secret", "select ?"),
        ("select 'sec", "select ?"),
        ("set password = password('x')", "set password = password(?)"),
        ("select x'41', 0x1F, @a, @'b'", "select ?+, @a, @?"),
        ("select a is null", "select a is null"),
    ] {
        let digest = digest(text.as_bytes(), MODE, 1000);
        assert_eq!(String::from_utf8_lossy(&digest), expected, "{text}");
    }
    assert_eq!(digest(b"select abc", MODE, 9), b"select ab");
}

#[test]
fn doubtful_texts_are_uncertain() {
    let uncertain = |text: &[u8], mode| read(text, mode).is(Flag::Uncertain);
    let gbk = Mode { charset: Charset::Ambiguous, ..MODE };
    assert!(uncertain(b"select '\xbf\\' from t", gbk));
    assert!(uncertain("select 'é' from t".as_bytes(), gbk));
    assert!(!uncertain(b"select 'a' from t", gbk));
    let latin = Mode { charset: Charset::Other, ..MODE };
    assert!(uncertain(b"select a from t\xe9", latin));
    assert!(uncertain(b"select a from `t\xe9`", latin));
    assert!(uncertain(b"select a from\xa0t", latin));
    assert!(!uncertain(b"select '\xe9' from t", latin));
    assert!(!uncertain("select a from té".as_bytes(), MODE));
    let oracle = Mode { foreign_grammar: true, ansi_quotes: true, ..MODE };
    for text in ["select '1' || '3' from t1", "with c as (select 1) select count (*) from \"t\", c"]
    {
        assert!(!uncertain(text.as_bytes(), oracle), "{text}");
    }
    for text in [
        "insert into t values (1)",
        "begin insert into t values (1); end",
        "<<here>> begin null; end",
        "select a from t where b = :b",
        "select sysdate from t",
        "select rownum from t",
        "select s1.nextval from t",
        "select x.s1.CurrVal from t",
        "select sql%rowcount from t",
        "select a from [t]",
        "select pack.f(a) from t",
        "select f(a) from t",
    ] {
        assert!(uncertain(text.as_bytes(), oracle), "{text}");
    }
    let server = crate::lexer::Server { version: 0, ..MODE.server };
    assert!(uncertain(b"select 1 /*!40000 + 1 */", Mode { server, ..MODE }));
    let deep = format!("select {}1{}", "(".repeat(100), ")".repeat(100));
    assert!(uncertain(deep.as_bytes(), MODE));
    assert!(read_head(b"select a from t", MODE).is(Flag::Truncated));
}

#[test]
fn depth_and_effort_do_not_follow_length() {
    // Anything more than linear would be felt here.
    for piece in [
        "set statement a=1 for ",
        "analyze ",
        "explain ",
        "with a as (",
        "(",
        "encrypt(",
        "a(",
        "a.b ",
        "select a,",
        "from a,",
        "drop table t,",
        "delete t,",
        "update t,",
        ";a",
        "/*!",
        "/*",
        "{",
        "_binary 'x',",
        "rename table a to b,",
        "flush tables a,",
        "set @a=1,",
        "lock tables a read,",
    ] {
        let text = piece.repeat(20_000);
        let _ = read(text.as_bytes(), MODE);
        let ambiguous = Mode { charset: Charset::Ambiguous, ..MODE };
        assert!(statements(text.as_bytes(), ambiguous).count() <= 20_000);
    }
    for (head, piece) in [("drop table a", ",t"), ("delete a", ",t"), ("update a", ",t x")] {
        let numbered = (0..20_000).map(|at| format!("{piece}{at}")).collect::<String>();
        assert!(read((String::from(head) + &numbered).as_bytes(), MODE).targets.len() < 2048);
    }
}

#[test]
fn rows_repeat_names_and_calls() {
    let row = "(_binary 'x', now(), date_add(a, interval 1 day), f(1), default),";
    let text = String::from("insert into t values ") + &row.repeat(10_000) + "(1)";
    let statement = read(text.as_bytes(), MODE);
    assert!(!statement.is(Flag::Uncertain));
    assert_eq!(statement.calls.len(), 2);
    assert!(statement.names.iter().all(|name| name.name.raw != b"_binary"));
    let many = (0..5000).map(|at| format!("a{at},")).collect::<String>();
    assert!(read(format!("select {many} 1 from t").as_bytes(), MODE).is(Flag::Uncertain));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::statement::checked(&bytes, MODE);
        crate::fuzz::statement::statement(&bytes);
        crate::fuzz::statement::lexer(&bytes);
    }

    #[test]
    fn any_words_are_read(
        words in proptest::collection::vec(proptest::sample::select(PIECES), 0..30),
    ) {
        let text = words.join(" ");
        crate::fuzz::statement::checked(text.as_bytes(), MODE);
        // A statement's names do not depend on what follows its end.
        let longer = text.clone() + " ; insert into zz values (1)";
        if !read(text.as_bytes(), MODE).is(Flag::Uncertain) && !text.contains(';') {
            let (one, other) = (read(text.as_bytes(), MODE), read(longer.as_bytes(), MODE));
            prop_assert_eq!(one.names, other.names);
            prop_assert_eq!(one.targets, other.targets);
            prop_assert_eq!(one.kind, other.kind);
        }
    }
}

const PIECES: &[&str] = &[
    "select",
    "from",
    "t1",
    "db.t2",
    "join",
    "on",
    "where",
    "(",
    ")",
    ",",
    "with",
    "as",
    "union",
    "insert",
    "into",
    "update",
    "set",
    "delete",
    "using",
    "values",
    "'x'",
    "1",
    "@a",
    "@@b",
    "=",
    "create",
    "table",
    "drop",
    "alter",
    "rename",
    "to",
    "view",
    "lock",
    "tables",
    "write",
    "xa",
    "start",
    "commit",
    "begin",
    "not",
    "statement",
    "for",
    "analyze",
    "explain",
    "call",
    "p",
    ".",
    "*",
    "/*!50101",
    "*/",
    ";",
    "execute",
    "immediate",
    "prepare",
    "flush",
    "grant",
    "f(",
    "`q`",
    "trigger",
    "if",
    "exists",
    "index",
    "references",
    "like",
    "next",
    "value",
    "limit",
    "is",
    "null",
    "session",
    "global",
    "transaction",
    "default",
    "truncate",
    "load",
    "data",
    "{",
    "}",
];

#[test]
fn json_table_is_a_source_of_nothing_but_its_arguments() {
    let columns = "columns (n for ordinality, f varchar(20) path '$.a' default '0' on empty, \
                   g int exists path '$.b', \
                   nested path '$.c[*]' columns (h decimal(5,2) path '$'))";
    let text = format!("select * from t1, json_table(t1.a, '$' {columns}) as jt join t2");
    let read = read(text.as_bytes(), MODE);
    assert!(!read.is(Flag::OddSource) && read.calls.is_empty(), "{:?}", read.calls);
    let sources = read.names.iter().filter(|name| name.role == Role::Source);
    let sources: Vec<_> = sources.map(|name| name.name.bytes().into_owned()).collect();
    assert_eq!(sources, [b"t1".to_vec(), b"t2".to_vec()]);
    for text in [
        "select * from t1, json_table(f(t1.a), '$' columns (b int path '$')) j",
        "select * from t1, json_table(t1.a, '$' columns (b time path '$')) j",
        "select columns (1) from t1",
        "select * from t1, `json_table`(1, 2)",
    ] {
        assert!(!super::read(text.as_bytes(), MODE).calls.is_empty(), "{text}");
    }
}
