//! Tests of session variables.

use super::*;
use alloc::string::String;

#[test]
fn lists_are_sorted_for_searching() {
    assert!(NOISE.is_sorted());
}

#[test]
fn only_what_may_shape_results_changes_the_text() {
    let mut variables = Variables::default();
    assert!(variables.set(b"SQL_MODE", b"ANSI"));
    assert!(!variables.set(b"sql_mode", b"ANSI"));
    assert!(variables.set(b"sql_mode", b""));
    assert!(variables.set(b"never_heard_of", b"1"));
    assert!(!variables.set(b"last_gtid", b"0-1-1"));
    assert_eq!(variables.get(b"last_gtid"), Some(&b"0-1-1"[..]));
    assert!(!variables.set(b"session_track_schema", b"ON"));
    let mut text = Vec::new();
    variables.write(&mut text);
    assert!(!String::from_utf8_lossy(&text).contains("gtid"));
    assert!(String::from_utf8_lossy(&text).contains("never_heard_of"));
}

#[test]
fn texts_are_exact() {
    let write = |pairs: &[(&[u8], &[u8])]| {
        let mut variables = Variables::default();
        for (name, value) in pairs {
            variables.set(name, value);
        }
        let mut text = Vec::new();
        variables.write(&mut text);
        text
    };
    assert_eq!(write(&[(b"a", b"1"), (b"b", b"2")]), write(&[(b"b", b"2"), (b"a", b"1")]));
    assert_ne!(write(&[(b"a", b"bc")]), write(&[(b"ab", b"c")]));
    assert_ne!(write(&[(b"a", b"1")]), write(&[(b"a", b"1"), (b"b", b"")]));
}

#[test]
fn the_asking_names_what_the_server_has() {
    let text = |greeting: &[u8]| String::from_utf8(tracking(Server::of(greeting), &[])).unwrap();
    let mariadb = text(b"5.5.5-10.11.19-MariaDB-deb12");
    assert!(mariadb.starts_with("SET SESSION session_track_system_variables='*'"));
    assert!(mariadb.contains(", tx_isolation=@@tx_isolation"));
    assert!(mariadb.contains(", old_mode=@@old_mode"));
    assert!(!mariadb.contains("character_set_collations"));
    let mysql = text(b"8.0.36");
    assert!(mysql.contains(", transaction_isolation=@@transaction_isolation"));
    assert!(!mysql.contains("tx_isolation=") || !mysql.contains(", tx_isolation"));
    assert!(!mysql.contains("old_mode"));
}
