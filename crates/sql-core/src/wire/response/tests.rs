//! Tests of `wire::response`: replies of a real server, cut anywhere, and what is stored of them.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::fuzz::wire::Relayed;
use crate::wire::captured::{all, bytes, named};
use crate::wire::packet;

fn letters(relayed: &Relayed) -> String {
    let letter = |(_, next): &(usize, Next)| match next {
        Next::Status { kind, last, .. } => {
            let end = if *last { "." } else { "+" };
            format!("{kind:?}{end}")
        }
        other => format!("{other:?}").split(' ').next().map(String::from).unwrap(),
    };
    relayed.shown.iter().map(letter).collect::<Vec<_>>().join(" ")
}

/// Name, what is shown, columns, rows; the same in both styles.
const SHOWN: [(&str, &str, u64, u64); 45] = [
    ("rows", "RowsEnd.", 2, 3),
    ("no rows", "RowsEnd.", 2, 0),
    ("error", "Err.", 0, 0),
    ("update info", "Ok.", 0, 0),
    ("several statements", "RowsEnd+ Ok+ Ok+ RowsEnd.", 1, 2),
    ("several with error", "RowsEnd+ Err.", 0, 1),
    ("call", "RowsEnd+ RowsEnd+ Ok.", 0, 4),
    ("warning", "RowsEnd.", 1, 1),
    ("ping", "Ok.", 0, 0),
    ("statistics", "Text.", 0, 0),
    ("init db", "Ok.", 0, 0),
    ("init db error", "Err.", 0, 0),
    ("field list", "RowsEnd.", 0, 2),
    ("set option", "Ok.", 0, 0),
    ("debug", "Ok.", 0, 0),
    ("unknown command", "Err.", 0, 0),
    ("process kill error", "Err.", 0, 0),
    ("prepare", "End", 0, 0),
    ("execute", "RowsEnd.", 2, 3),
    ("execute again", "RowsEnd.", 2, 3),
    ("execute cursor", "RowsEnd.", 2, 0),
    ("fetch", "RowsEnd.", 0, 2),
    ("fetch last", "RowsEnd.", 0, 1),
    ("fetch after end", "Err.", 0, 0),
    ("execute cursor no rows", "RowsEnd.", 2, 0),
    ("stmt reset", "Ok.", 0, 0),
    ("long data", "End", 0, 0),
    ("close", "End", 0, 0),
    ("execute unknown", "Err.", 0, 0),
    ("prepare without columns", "End", 0, 0),
    ("prepare without parameters", "End", 0, 0),
    ("prepare nothing", "End", 0, 0),
    ("prepare error", "Err.", 0, 0),
    ("prepare call", "End", 0, 0),
    ("execute call cursor", "RowsEnd+ RowsEnd+ Ok.", 0, 4),
    ("prepare update", "End", 0, 0),
    ("execute do", "Ok.", 0, 0),
    ("local infile", "File Ok.", 0, 0),
    ("temporary table", "Ok.", 0, 0),
    ("begin", "Ok.", 0, 0),
    ("commit", "Ok.", 0, 0),
    ("reset connection", "Ok.", 0, 0),
    ("change user", "Auth Ok.", 0, 0),
    ("change user error", "Auth Err.", 0, 0),
    ("quit", "End", 0, 0),
];

/// Only with MariaDB's capabilities and without EOF packets.
const SHOWN_EXTENDED: [(&str, &str, u64, u64); 6] = [
    ("dep set tracked", "Ok.", 0, 0),
    ("dep prepare insert", "End", 0, 0),
    ("dep bulk returning", "RowsEnd.", 1, 2),
    ("dep bulk", "Ok.", 0, 0),
    ("dep direct execute", "Ok.", 0, 0),
    ("dep progress", "Ok.", 0, 0),
];

#[test]
fn replies_of_a_server_end_where_they_end_however_they_are_cut() {
    let both = SHOWN.iter().flat_map(|(name, shown, columns, rows)| {
        ["eof", "dep"].map(|style| (format!("{style} {name}"), *shown, *columns, *rows))
    });
    let extended = SHOWN_EXTENDED.iter().map(|row| (String::from(row.0), row.1, row.2, row.3));
    for (name, shown, columns, rows) in both.chain(extended) {
        let captured = named(&name);
        let reply = Reply::of(&Command::parse(&captured.command));
        // What follows belongs to the next reply.
        let mut stream = captured.reply.clone();
        stream.extend_from_slice(&captured.reply);
        for step in [1, 2, 3, 4, 5, 7, 64, stream.len().max(1)] {
            let relayed = Relayed::of(reply, captured.capabilities, &stream, step);
            assert_eq!(letters(&relayed), shown, "{name}, {step} bytes at a time");
            assert_eq!(relayed.consumed, captured.reply.len(), "{name}");
            let facts = relayed.facts;
            assert_eq!((facts.columns, facts.rows), (columns, rows), "{name}");
            assert_eq!(facts.bytes, captured.reply.len() as u64, "{name}");
            assert_eq!(facts.cursor, name.contains("execute cursor"), "{name}");
        }
    }
}

#[test]
fn every_captured_reply_is_tested() {
    let names: Vec<_> = SHOWN.iter().map(|row| row.0).collect();
    for captured in all() {
        let name = captured.name.split_once(' ').map_or("", |(_, name)| name);
        let known = names.contains(&name)
            || SHOWN_EXTENDED.iter().any(|row| row.0 == captured.name)
            || ["greeting", "login", "login attributes", "login refused"].contains(&captured.name)
            || name == "stmt reset after long data";
        assert!(known, "{}", captured.name);
    }
}

#[test]
fn facts_tell_of_heads_files_and_progress() {
    let facts = |name: &str| {
        let captured = named(name);
        let reply = Reply::of(&Command::parse(&captured.command));
        Relayed::of(reply, captured.capabilities, &captured.reply, 3).facts
    };
    let head = PreparedHead { statement: 1, columns: 2, parameters: 2, warnings: 0 };
    assert_eq!(facts("eof prepare").prepared, Some(head));
    assert_eq!(facts("dep prepare").prepared, Some(PreparedHead { statement: 8, ..head }));
    assert_eq!((facts("dep progress").progress, facts("dep local infile").progress), (2, 1));
    assert_eq!((facts("dep local infile").files, facts("dep rows").files), (1, 0));
    assert_eq!(facts("dep several statements").results, 4);
    let captured = named("eof rows");
    let at = usize::try_from(facts("eof rows").columns_status_at.unwrap()).unwrap();
    assert_eq!(captured.reply.get(at - 7..at + 2), Some(&bytes("05000004 fe0000 2200")[..]));
    assert_eq!(facts("dep rows").columns_status_at, None);
}

#[test]
fn a_report_of_progress_is_an_error_to_who_did_not_ask() {
    let captured = named("dep progress");
    let none = captured.capabilities.without(Capabilities::PROGRESS);
    let relayed = Relayed::of(Reply::Results, none, &captured.reply, 9);
    assert_eq!(letters(&relayed), "Err.");
}

#[test]
fn rows_of_16_mib_are_not_read_for_their_end() {
    let capabilities = Capabilities::PROTOCOL_41 | Capabilities::DEPRECATE_EOF;
    let mut stream = bytes("01000001 01 01000002 00");
    // A row that begins with 0xFE and is continued by what looks like the end of rows.
    let mut row = vec![7; PAYLOAD_MAX + 7];
    row[0] = 0xfe;
    row[PAYLOAD_MAX..].copy_from_slice(&[0xfe, 0, 0, 2, 0, 0, 0]);
    let mut sequence = 3;
    packet::push(&mut stream, &mut sequence, &row);
    let end = stream.len();
    packet::push(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0, 0, 0]);
    for step in [1 << 14, stream.len()] {
        let relayed = Relayed::of(Reply::Results, capabilities, &stream, step);
        assert_eq!(letters(&relayed), "RowsEnd.");
        assert_eq!((relayed.shown[0].0, relayed.facts.rows), (end, 1));
    }
    // A continuation that begins as rows do is no row of its own.
    stream.truncate(10);
    let mut sequence = 3;
    row[PAYLOAD_MAX] = 1;
    packet::push(&mut stream, &mut sequence, &row);
    packet::push(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0, 0, 0]);
    let relayed = Relayed::of(Reply::Results, capabilities, &stream, 1 << 20);
    assert_eq!((letters(&relayed), relayed.facts.rows), (String::from("RowsEnd."), 1));
    // Exactly 0xFFFFFF bytes: the continuation is empty.
    stream.truncate(10);
    let mut sequence = 3;
    packet::push(&mut stream, &mut sequence, &row[..PAYLOAD_MAX]);
    packet::push(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0, 0, 0]);
    let relayed = Relayed::of(Reply::Results, capabilities, &stream, 1 << 20);
    assert_eq!((letters(&relayed), relayed.facts.rows), (String::from("RowsEnd."), 1));
}

#[test]
fn what_begins_with_fe_is_the_end_by_its_style_and_length() {
    let head = "01000001 01 01000002 00";
    let tracked = "0d000003 fe0000 0240 0000 00 04 010201 74";
    let ok = format!("{head} {tracked}");
    let capabilities = Capabilities::DEPRECATE_EOF | Capabilities::SESSION_TRACK;
    let relayed = Relayed::of(Reply::Results, capabilities, &bytes(&ok), 3);
    assert_eq!((letters(&relayed), relayed.facts.rows), (String::from("RowsEnd."), 0));
    // With EOF packets, more than 8 bytes are a row.
    let eof = format!("{head} 05000003 fe00000200 {tracked} 05000004 fe00000200");
    let relayed = Relayed::of(Reply::Results, Capabilities::SESSION_TRACK, &bytes(&eof), 3);
    assert_eq!((letters(&relayed), relayed.facts.rows), (String::from("RowsEnd."), 1));
}

#[test]
fn an_empty_packet_is_not_judged_by_what_follows() {
    let stream = bytes("00000002 ff000003");
    for step in 1..9 {
        let relayed = Relayed::of(Reply::Auth, Capabilities::default(), &stream, step);
        assert_eq!(letters(&relayed), "Auth", "{step}");
        let relayed = Relayed::of(Reply::Rows, Capabilities::default(), &stream, step);
        assert_eq!((relayed.consumed, relayed.facts.rows), (4, 1));
    }
}

#[test]
fn what_is_no_reply_is_broken() {
    let both = Capabilities::PROTOCOL_41;
    for (reply, stream) in [
        (Reply::Results, "00000001"),
        (Reply::Results, "02000001 0101"),
        (Reply::Results, "01000001 00"),
        (Reply::Results, "01000001 fc"),
        (Reply::Results, "01000001 01 01000002 00 01000003 00"),
        (Reply::Results, "ffffff01 00"),
        (Reply::Prepared, "01000001 01"),
        (Reply::One, "02000001 ff01"),
    ] {
        let relayed = Relayed::of(reply, both, &bytes(stream), 1);
        assert!(matches!(relayed.shown[..], [.., (_, Next::Broken(_))]), "{stream}: {relayed:?}");
    }
}

#[test]
fn a_stored_result_is_served_with_the_bits_of_the_session() {
    for (name, columns, last) in [
        ("eof rows", "fe0000 2100", "fe0000 2100"),
        ("dep rows", "", "fe0000 2100 0000"),
        ("dep execute", "", "fe0000 0100 0000"),
    ] {
        let captured = named(name);
        let relayed = Relayed::of(Reply::Results, captured.capabilities, &captured.reply, 5);
        let (at, _) = relayed.shown[0];
        let mut stored = captured.reply[..at].to_vec();
        let end = &captured.reply[at..];
        let words =
            StatusWords::seal(&relayed.facts, end, captured.capabilities, &mut stored).unwrap();
        assert_eq!(stored, captured.reply, "{name}");
        words.patch(&mut stored, Status::IN_TRANS | Status::MORE_RESULTS | Status::DB_DROPPED);
        assert!(stored.ends_with(&bytes(last)), "{name}");
        let differing = stored.iter().zip(&captured.reply).filter(|(a, b)| a != b).count();
        assert_eq!(differing, if columns.is_empty() { 1 } else { 2 }, "{name}");
        if !columns.is_empty() {
            let at = usize::try_from(words.columns).unwrap();
            assert_eq!(stored[at - 3..at + 2], bytes(columns), "{name}");
        }
    }
}

#[test]
fn changes_of_the_session_are_not_stored() {
    let captured = named("dep rows");
    let relayed = Relayed::of(Reply::Results, captured.capabilities, &captured.reply, 5);
    let (at, _) = relayed.shown[0];
    let tracked = bytes("10000007 fe0000 2240 0000 00 07 0105 04 74657374");
    let facts = Facts { bytes: (at + tracked.len()) as u64, ..relayed.facts };
    let mut stored = captured.reply[..at].to_vec();
    StatusWords::seal(&facts, &tracked, captured.capabilities, &mut stored).unwrap();
    assert_eq!(stored, captured.reply);
}

#[test]
fn only_one_plain_result_is_stored() {
    let captured = named("dep rows");
    let capabilities = captured.capabilities;
    let relayed = Relayed::of(Reply::Results, capabilities, &captured.reply, 5);
    let (at, facts) = (relayed.shown[0].0, relayed.facts);
    let sealed = |facts: Facts, end: &str| {
        let end = bytes(end);
        let facts = Facts { bytes: (at + end.len()) as u64, ..facts };
        let mut stored = captured.reply[..at].to_vec();
        let sealed = StatusWords::seal(&facts, &end, capabilities, &mut stored);
        assert!(sealed.is_some() || stored.len() == at);
        sealed.is_some()
    };
    let plain = "07000007 fe0000 2200 0000";
    assert!(sealed(facts, plain));
    assert!(!sealed(Facts { results: 2, ..facts }, plain));
    assert!(!sealed(Facts { columns: 0, ..facts }, plain));
    assert!(!sealed(Facts { cursor: true, ..facts }, plain));
    assert!(!sealed(Facts { files: 1, ..facts }, plain));
    assert!(!sealed(Facts { progress: 1, ..facts }, plain));
    assert!(!sealed(facts, "07000007 fe0000 2200 0100"), "a warning");
    assert!(!sealed(facts, "07000007 fe0000 2a00 0000"), "more results");
    assert!(!sealed(facts, "07000007 fe0000 2204 0000"), "prepared again");
    assert!(!sealed(facts, "07000007 000000 2200 0000"), "OK");
    assert!(!sealed(facts, "09000007 ff1e04 233432533232"), "ERR");
    let mut short = captured.reply[..at - 1].to_vec();
    assert!(StatusWords::seal(&facts, &bytes(plain), capabilities, &mut short).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_relayed_alike_however_they_are_cut(data: Vec<u8>) {
        crate::fuzz::response(&data);
    }

    #[test]
    fn captured_replies_with_faults_are_relayed_alike(
        which: prop::sample::Index,
        choice: [u8; 3],
        faults in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut captured = all();
        let captured = captured.swap_remove(which.index(captured.len()));
        let mut data = choice.to_vec();
        data.extend_from_slice(&captured.reply);
        for (at, value) in faults {
            let at = at.index(data.len());
            data[at] = value;
        }
        crate::fuzz::response(&data);
    }

    #[test]
    fn rows_made_up_are_counted(
        rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ends: bool,
        step in 1_usize..400,
    ) {
        let base = Capabilities::PROTOCOL_41;
        let capabilities = if ends { base } else { base | Capabilities::DEPRECATE_EOF };
        let mut stream = Vec::new();
        let mut builder = crate::wire::build::Builder::new(&mut stream, capabilities, 1);
        let column = crate::wire::column::Column::text(b"a");
        builder.columns(&[column], Status::AUTOCOMMIT);
        for row in &rows {
            builder.row([Some(&row[..])]);
        }
        builder.end(Status::AUTOCOMMIT, 0);
        let relayed = Relayed::of(Reply::Results, capabilities, &stream, step);
        prop_assert_eq!(letters(&relayed), "RowsEnd.");
        prop_assert_eq!(relayed.consumed, stream.len());
        prop_assert_eq!(relayed.facts.rows, rows.len() as u64);
    }
}
