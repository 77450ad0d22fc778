//! Tests of `fields::media`.

use alloc::format;

use super::*;

#[test]
fn the_table_can_be_searched() {
    for pair in TYPES.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
    }
    for (ending, wanted) in TYPES {
        assert!(ending.len() <= ENDING_BYTES_MAX);
        assert_eq!(media_type(format!("x.{}", ending.to_uppercase()).as_bytes()), *wanted);
    }
}

#[test]
fn names() {
    for (name, wanted) in [
        ("a.png", "image/png"),
        ("a.b.JPG", "image/jpeg"),
        (".txt", "text/plain; charset=utf-8"),
        ("archive.tar.gz", "application/gzip"),
        ("png", UNKNOWN),
        ("a.", UNKNOWN),
        ("", UNKNOWN),
        ("a.unknown", UNKNOWN),
        ("a.pngx", UNKNOWN),
        ("a.an-ending-that-is-long", UNKNOWN),
    ] {
        assert_eq!(media_type(name.as_bytes()), wanted, "{name}");
    }
}
