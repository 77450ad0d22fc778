//! Tests of `query`: what is printed, and what the decision table says without a door.

use menshen_sql::report::{EntryReport, StatementReport, TableReport};

use super::*;

#[test]
fn the_decision_table_alone_answers() {
    for (statement, verdict, code) in [
        ("SELECT name FROM goods WHERE id = 7", Verdict::Cacheable, None),
        ("SELECT 1", Verdict::NotCached, Some("no-table")),
        ("SELECT now() FROM goods", Verdict::NotCached, Some("impure-function")),
        ("SELECT @a FROM goods", Verdict::NotCached, Some("user-variable")),
        ("SELECT SQL_NO_CACHE 1 FROM goods", Verdict::NotCached, Some("sql-no-cache")),
        ("UPDATE goods SET id = 1", Verdict::NotCached, Some("not-a-read")),
        ("SELECT * FROM goods FOR UPDATE", Verdict::NotCached, Some("locking-read")),
        ("nonsense", Verdict::NotCached, Some("not-a-read")),
    ] {
        let report = by_the_table(statement, "shop");
        assert_eq!(report.verdict, verdict, "{statement}: {report:?}");
        assert_eq!(report.why.as_ref().map(|why| &*why.code), code, "{statement}");
        assert_eq!(report.unknown.is_empty(), code.is_some(), "{statement}");
    }
    let report = by_the_table("SELECT name FROM goods WHERE secret = 'hunter2'", "shop");
    assert!(!report.digest.contains("hunter2"), "{}", report.digest);
    let report = by_the_table("SELECT * FROM goods", "");
    assert_eq!(report.why.map(|why| why.code).as_deref(), Some("no-database"));
}

#[test]
fn an_answer_in_words() {
    let report = ExplainReport {
        digest: "SELECT * FROM goods WHERE id = ?".into(),
        verdict: Verdict::Cached,
        tables: vec![TableReport {
            name: "shop.goods\u{1b}".into(),
            changed: Some(ChangeReport {
                by: "UPDATE goods SET name = ?".into(),
                who: "app@127.0.0.1 #12".into(),
                seconds_ago: 12,
            }),
            being_written: false,
        }],
        entries: vec![EntryReport {
            reply_bytes: 200,
            charged_bytes: 480,
            age_ms: 5100,
            saved_micros: 1290,
            absence: None,
        }],
        figures: Some(StatementReport { hits: 9, fills: 2, wasted: 1, ..Default::default() }),
        ..ExplainReport::default()
    };
    assert_eq!(
        text(Asked::Door, &report),
        "statement  SELECT * FROM goods WHERE id = ?\nanswer     from the cache\ntable      \
         shop.goods\\x1b, changed 12 s ago by app@127.0.0.1 #12: UPDATE goods SET name = ?\n\
         result     200 B (480 B in the cache), 5 s old, saves 1.2 ms\nso far     9 hits, 2 \
         results stored, 1 of them for nothing\n"
    );
    let why = Why { code: "no-table".into(), says: "reads no table".into(), hint: "n".into() };
    let refused = ExplainReport { why: Some(why), ..ExplainReport::default() };
    let shown = text(Asked::Door, &refused);
    assert!(shown.contains(
        "from the server, each time\nbecause    reads no table (no-table)\nhint       n\n"
    ));
}

#[test]
fn a_statement_too_long_to_ask_is_refused() {
    assert!(read(&"x".repeat(QUESTION_BYTES_MAX / 2 + 1)).is_err());
    assert_eq!(read("SELECT 1").unwrap(), "SELECT 1");
}
