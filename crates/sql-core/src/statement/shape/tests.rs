//! Texts that have a shape and those that have none, and what one shape means.

use alloc::format;
use alloc::string::String;

use proptest::prelude::*;

use super::*;
use crate::judge::{CacheType, Facts, judge, writes};
use crate::lexer::Dialect;
use crate::session::{Intent, Session, Transactions};
use crate::statement::{digest, read};

const MODE: Mode = Mode {
    ansi_quotes: false,
    no_backslash_escapes: false,
    foreign_grammar: false,
    charset: Charset::Utf8,
    server: Server { dialect: Dialect::Mariadb, version: 101_100 },
};

fn shaped(text: &str, mode: Mode) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    shape(text.as_bytes(), mode, &mut out).then_some(out)
}

#[test]
fn values_alone_are_no_part_of_it() {
    let one = shaped("select a from t where b = 17 and c = 'x'", MODE);
    assert!(one.is_some());
    assert_eq!(one, shaped("select a from t where b = 9.5 and c = 'it''s'", MODE));
    for other in [
        "select a from t where b = 17 and c = 17",
        "select a from t where b = 17 and d = 'x'",
        "select a from u where b = 17 and c = 'x'",
        "select a from t where b = 17 and c = ?",
        "select a from t where b =17 and c = 'x'",
        "select a from t where b = 17 or c = 'x'",
        "select a from `t` where b = 17 and c = 'x'",
    ] {
        let other = shaped(other, MODE);
        assert!(other.is_some() && other != one);
    }
    assert_ne!(shaped("select f (a) from t", MODE), shaped("select f(a) from t", MODE));
}

#[test]
fn what_may_hide_something_has_none() {
    for text in [
        "select @a from t",
        "select @@sql_mode from t",
        "select /* x */ a from t",
        "select /*!50000 a */ from t",
        "select a from t -- x",
        "select a from t; select 1",
        "select 'a from t",
        "insert into t values (1)",
        "with x as (select 1) select * from x",
        "",
    ] {
        assert_eq!(shaped(text, MODE), None, "{text}");
    }
    let latin1 = Mode { charset: Charset::Other, ..MODE };
    assert!(shaped("select 'x' from t", latin1).is_some());
    assert!(shaped("select 'ä' from t", latin1).is_none());
    assert!(shaped("select 1 from t", Mode { foreign_grammar: true, ..MODE }).is_none());
    let long = format!("select '{}' from t", "x".repeat(SHAPED_BYTES_MAX));
    assert!(shaped(&long, MODE).is_none());
}

#[test]
fn a_double_quoted_name_is_no_value() {
    let ansi = Mode { ansi_quotes: true, ..MODE };
    assert_ne!(shaped("select \"a\" from t", ansi), shaped("select \"b\" from t", ansi));
    assert_eq!(shaped("select \"a\" from t", MODE), shaped("select \"b\" from t", MODE));
}

proptest! {
    /// Whatever a SELECT is made of: its variants of one shape are the same to judge, session and
    /// people.
    #[test]
    fn one_shape_is_judged_alike(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..24),
        values in proptest::collection::vec(proptest::sample::select(VALUES), 48),
        ansi in any::<bool>(),
        server in proptest::sample::select(&[101_100, 50_700][..]),
    ) {
        let mode = Mode {
            ansi_quotes: ansi,
            server: Server { version: server, ..MODE.server },
            ..MODE
        };
        let mut given = values.iter();
        let mut text = |()| {
            let mut text = String::from("select ");
            for piece in &pieces {
                let value = (*piece == "VALUE").then(|| given.next().copied().unwrap_or("1"));
                text += value.unwrap_or(piece);
                text.push(' ');
            }
            text
        };
        let (one, other) = (text(()), text(()));
        let (Some(left), Some(right)) = (shaped(&one, mode), shaped(&other, mode)) else {
            return Ok(());
        };
        if left != right {
            return Ok(());
        }
        let catalog = crate::fuzz::judged::schema(b"select a from d.t1", b"");
        let facts = Facts {
            database: Some(b"d"),
            cache_type: CacheType::On,
            auto_is_null: false,
            temporary: &[],
        };
        let session = Session::new(mode.server, 0, Transactions::Snapshot, Some(b"d"), 2);
        let (one, other) = (one.as_bytes(), other.as_bytes());
        prop_assert_eq!(digest(one, mode, 1024), digest(other, mode, 1024));
        let (one, other) = (read(one, mode), read(other, mode));
        prop_assert_eq!(judge(&one, &facts, &catalog), judge(&other, &facts, &catalog));
        prop_assert_eq!(writes(&one, &facts, &catalog), writes(&other, &facts, &catalog));
        prop_assert_eq!(Intent::of(&one, &session), Intent::of(&other, &session));
        prop_assert_eq!(one.flags, other.flags);
    }
}

const VALUES: &[&str] = &[
    "1",
    "0",
    "-3",
    "1e9",
    "0x41",
    "''",
    "'x'",
    "'union'",
    "'it''s'",
    "'a\\'b'",
    "N'y'",
    "x'41'",
    "18446744073709551616",
    "'sql_no_cache'",
    "'@a'",
    "'from t'",
    "'/*!50000 x */'",
    "'\u{e4}'",
    "\"d\"",
    ".5",
    "'%Y'",
    "'QUERY CACHE'",
];

const PIECES: &[&str] = &[
    "VALUE",
    "VALUE",
    "VALUE",
    "a",
    "b",
    "t1",
    "t2",
    "v",
    "e.t1",
    "from t1",
    "from",
    "from",
    "where",
    "join",
    "on",
    "as",
    "and",
    "or",
    "is null",
    "in (",
    "(",
    ")",
    ",",
    "=",
    "*",
    "union",
    "select",
    "limit",
    "order by",
    "group by",
    "having",
    "max(",
    "concat(",
    "rand(",
    "now(",
    "f(",
    "count(*)",
    "`t1`",
    "sql_cache",
    "sql_no_cache",
    "distinct",
    "into",
    "for update",
    "interval",
    "day",
    "date",
    "_utf8",
    "collate",
    "separator",
    "group_concat(",
    "sleep(",
    "json_table(",
    "columns",
    "path",
    "get_lock(",
    "nextval(",
    "procedure analyse(",
    "lock in share mode",
    "exists (",
    "sql_mode",
];
