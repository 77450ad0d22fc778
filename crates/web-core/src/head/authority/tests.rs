//! Host syntax.

use super::*;

#[test]
fn hosts_with_and_without_port() {
    let table: &[(&str, &str, Option<u16>)] = &[
        ("localhost", "localhost", None),
        ("a_b.Example.", "a_b.Example.", None),
        ("10.0.0.1:80", "10.0.0.1", Some(80)),
        ("h:65535", "h", Some(65535)),
        ("h:", "h", None),
        ("[::1]", "[::1]", None),
        ("[2001:db8::1]:8443", "[2001:db8::1]", Some(8443)),
        ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", None),
    ];
    for (host, name, port) in table {
        assert!(host_is_valid(host.as_bytes()), "{host}");
        assert_eq!(host_parts(host.as_bytes()), (name.as_bytes(), *port), "{host}");
    }
}

#[test]
fn what_is_no_host() {
    let long = "x".repeat(256);
    let refused = [
        "",
        ":80",
        "h:0",
        "h:65536",
        "h:000080",
        "h:8x",
        "h:+8",
        "h:80:80",
        "u@h",
        "h/",
        "h?x",
        "h#x",
        "h\\x",
        "a b",
        "h,i",
        "%41",
        "\u{e4}",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]x:80",
        "[]",
        "[1.2.3.4]",
        "[::1%eth0]",
        "h\0",
        "h'",
        ".",
        ".h",
        "a..b",
        "h..",
        &long,
    ];
    for host in refused {
        assert!(!host_is_valid(host.as_bytes()), "{host:?}");
    }
}
