//! Tests of `nearest`.

use super::{edits, nearest, same_name};

fn distance(one: &str, other: &str) -> usize {
    edits(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
}

#[test]
fn distances() {
    for (one, other, expected) in [
        ("", "", 0),
        ("", "abc", 3),
        ("listen", "listen", 0),
        ("lisen", "listen", 1),
        ("litsen", "listen", 1),
        ("kitten", "sitting", 3),
        ("rot", "root", 1),
        ("naïve", "naive", 1),
    ] {
        assert_eq!(distance(one, other), expected, "{one} {other}");
        assert_eq!(distance(other, one), expected, "{other} {one}");
    }
}

#[test]
fn finds_what_was_meant_and_nothing_else() {
    let known = ["listen", "root", "upload_bytes_max", "idle_seconds_max", "off"];
    for (word, expected) in [
        ("lisen", Some("listen")),
        ("LISTEN", Some("listen")),
        ("upload_max_bytes", Some("upload_bytes_max")),
        ("upload-bytes-max", Some("upload_bytes_max")),
        ("uploadbytesmax", Some("upload_bytes_max")),
        ("roof", Some("root")),
        ("on", None),
        ("banana", None),
        ("", None),
    ] {
        assert_eq!(nearest(word, known), expected, "{word}");
    }
}

#[test]
fn a_long_word_has_no_neighbour() {
    let long = "a".repeat(65);
    assert_eq!(nearest(&long, [long.as_str()]), None);
    assert_eq!(nearest(&long[1..], [&long[1..]]), Some(&long[1..]));
}

#[test]
fn names_that_are_the_same() {
    assert!(same_name("Access-Log", "access_log"));
    assert!(!same_name("access_logs", "access_log"));
    assert!(!same_name("", ""));
}
