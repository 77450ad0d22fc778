//! Tests of `parse::size`.

use super::{parse, shown};

#[test]
fn sizes() {
    for (text, expected) in [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("64KiB", 65536),
        ("64 kib", 65536),
        ("10MB", 10_000_000),
        ("3GiB", 3 << 30),
        ("2TB", 2_000_000_000_000),
    ] {
        assert_eq!(parse(text).ok(), Some(expected), "{text}");
    }
}

#[test]
fn refused_sizes_say_how_to_write_them() {
    for (text, hint) in [
        ("64M", "\"64MiB\" for powers of 1024, \"64MB\" of 1000"),
        ("64k", "\"64KiB\""),
        ("1.5GiB", "units are"),
        ("1 furlong", "units are"),
        ("MiB", "whole number"),
        ("-1", "whole number"),
        ("", "whole number"),
        ("99999999999999999999", "larger"),
        ("99999999TiB", "larger"),
    ] {
        let refusal = parse(text).unwrap_err();
        assert!(refusal.hint.contains(hint), "{text}: {}", refusal.hint);
        assert!(refusal.message.ends_with("is not a size"), "{}", refusal.message);
    }
}

#[test]
fn what_is_shown_reads_as_the_same() {
    for bytes in [0, 1, 100, 1000, 1023, 1024, 1536, 65536, 4 << 20, 1 << 30, 1 << 50, u64::MAX] {
        assert_eq!(parse(&shown(bytes)).ok(), Some(bytes), "{}", shown(bytes));
    }
    assert_eq!(shown(65536), "64KiB");
    assert_eq!(shown(1536), "1536");
}
