//! Tests of the surface's tables.

use super::*;
use crate::report::{ChangeReport, EntryReport, StatementReport, TableReport, Why};

fn texts(table: &Table) -> Vec<Vec<&str>> {
    let text = |value: &'_ Option<String>| value.clone().map_or("NULL", |text| text.leak());
    table.rows.iter().map(|row| row.iter().map(text).collect()).collect()
}

#[test]
fn explains_a_statement_that_is_not_cached() {
    let why = Why {
        code: "function".to_owned(),
        says: "it calls a function whose result changes".to_owned(),
        hint: String::new(),
    };
    let report = ExplainReport { why: Some(why), ..ExplainReport::default() };
    let table = Table::explained(&report);
    let says = "it calls a function whose result changes";
    assert_eq!(texts(&table), [["no", "function", says, "NULL", "NULL", "NULL", "0"]]);
}

#[test]
fn explains_each_table_of_a_cached_statement() {
    let changed =
        ChangeReport { by: "UPDATE t".to_owned(), who: "root".to_owned(), seconds_ago: 7 };
    let table =
        |name: &str, changed| TableReport { name: name.to_owned(), changed, being_written: false };
    let report = ExplainReport {
        verdict: Verdict::Cached,
        tables: vec![table("d.t", Some(changed)), table("d.u", None)],
        entries: vec![EntryReport::default()],
        figures: Some(StatementReport { hits: 3, ..StatementReport::default() }),
        ..ExplainReport::default()
    };
    assert_eq!(
        texts(&Table::explained(&report)),
        [
            ["yes", "NULL", "NULL", "d.t", "UPDATE t (root)", "7", "3"],
            ["yes", "NULL", "NULL", "d.u", "NULL", "NULL", "3"],
        ]
    );
}

#[test]
fn writes_a_result_of_the_text_protocol() {
    let table = Table { columns: &[("a", Kind::Text)], rows: vec![vec![Some("x".to_owned())]] };
    let mut out = Vec::new();
    table.write(&mut out, Capabilities(0), wire::Status(2));
    let packets = packets(&out);
    assert_eq!(packets.len(), 5, "count, column, EOF, row, EOF");
    assert_eq!(packets[0], [1]);
    assert_eq!(packets[3], [1, b'x']);
    assert_eq!(packets[4].first(), Some(&0xfe));
}

fn packets(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::from(header[0]) | usize::from(header[1]) << 8;
        let (payload, after) = rest.split_at(length);
        packets.push(payload);
        bytes = after;
    }
    packets
}

#[test]
fn hits_are_counted_by_account_while_wanted() {
    let hits = HitsByAccount::default();
    assert!(!hits.is_on());
    hits.count(true);
    hits.hit(b"u", b"localhost", 3);
    hits.hit(b"u", b"10.0.0.1", 0);
    hits.flush_clients();
    hits.hit(b"v", b"10.0.0.1", 1);
    let snapshot = hits.snapshot();
    let view = snapshot.view(b"c");
    let of = |list: &[menshen_sql_core::surface::AccountHits]| {
        list.iter()
            .map(|it| (String::from_utf8_lossy(&it.name).into_owned(), it.hits, it.rows, it.empty))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(view.users), [("u".to_owned(), 2, 3, 1), ("v".to_owned(), 1, 1, 0)]);
    assert_eq!(of(view.clients), [("10.0.0.1".to_owned(), 1, 1, 0)]);
}
