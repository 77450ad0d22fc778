//! Paths that are taken and refused, and that links lead back.

use alloc::string::String;
use alloc::{format, vec};

use proptest::prelude::*;

use super::*;

#[test]
fn targets_split_at_the_first_question_mark() {
    let table: &[(&str, &str, &str)] = &[
        ("/a", "/a", ""),
        ("/a?", "/a", ""),
        ("/a?b?c", "/a", "b?c"),
        ("?x", "", "x"),
        ("", "", ""),
    ];
    for (target, path, query) in table {
        assert_eq!(split(target.as_bytes()), (path.as_bytes(), query.as_bytes()));
    }
}

#[test]
fn paths_are_decoded_once_and_kept_as_they_are() {
    // Sent, whole, relative, name, directory.
    let table: &[(&str, &str, &str, &str, bool)] = &[
        ("/", "/", "", "", true),
        ("/a", "/a", "a", "a", false),
        ("/a/b%20c/", "/a/b c/", "a/b c", "b c", true),
        ("/%61", "/a", "a", "a", false),
        ("/%252e%252e", "/%2e%2e", "%2e%2e", "%2e%2e", false),
        ("/%25", "/%", "%", "%", false),
        ("/a;b=c", "/a;b=c", "a;b=c", "a;b=c", false),
        ("/a%3Fb%23c", "/a?b#c", "a?b#c", "a?b#c", false),
        ("/...", "/...", "...", "...", false),
        ("/.hidden/..x/x..", "/.hidden/..x/x..", ".hidden/..x/x..", "x..", false),
        ("/trailing.", "/trailing.", "trailing.", "trailing.", false),
        ("/menshen/x.menshen", "/menshen/x.menshen", "menshen/x.menshen", "x.menshen", false),
        ("/%e9%97%a8", "/\u{95e8}", "\u{95e8}", "\u{95e8}", false),
        ("/\u{95e8}", "/\u{95e8}", "\u{95e8}", "\u{95e8}", false),
        // Composed and decomposed stay what they are.
        ("/%C3%A4", "/\u{e4}", "\u{e4}", "\u{e4}", false),
        ("/a%CC%88", "/a\u{308}", "a\u{308}", "a\u{308}", false),
    ];
    for (raw, whole, relative, name, dir) in table {
        let path = decode_path(raw.as_bytes()).unwrap();
        assert_eq!(
            (path.as_str(), path.relative(), path.name()),
            (*whole, *relative, *name),
            "{raw}"
        );
        assert_eq!(path.is_dir(), *dir, "{raw}");
        assert_eq!(path.clone().into_owned(), path);
    }
}

#[test]
fn path_tricks_are_refused() {
    let long = "x".repeat(256);
    let long_escaped = format!("/{}%78", "x".repeat(255));
    let deep = "/xxxxxxx".repeat(513);
    let deep_escaped = format!("{}%78", "/xxxxxxx".repeat(512));
    let long = format!("/{long}");
    let table: &[(&str, PathError)] = &[
        ("", PathError::NotAbsolute),
        ("a", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("%2fa", PathError::NotAbsolute),
        ("/..", PathError::DotSegment),
        ("/.", PathError::DotSegment),
        ("/a/../b", PathError::DotSegment),
        ("/a/./b", PathError::DotSegment),
        ("/../", PathError::DotSegment),
        ("/%2e%2e/x", PathError::DotSegment),
        ("/%2E./x", PathError::DotSegment),
        ("/.%2e/x", PathError::DotSegment),
        ("/%2e/x", PathError::DotSegment),
        ("//", PathError::EmptySegment),
        ("///", PathError::EmptySegment),
        ("//a", PathError::EmptySegment),
        ("/a//b", PathError::EmptySegment),
        ("/a//", PathError::EmptySegment),
        ("/a%2fb", PathError::Forbidden),
        ("/a%2Fb", PathError::Forbidden),
        ("/%2f", PathError::Forbidden),
        ("/a%5cb", PathError::Forbidden),
        ("/a\\b", PathError::Forbidden),
        ("/..\\..\\x", PathError::Forbidden),
        ("/%00", PathError::Forbidden),
        ("/a%00.png", PathError::Forbidden),
        ("/a\0b", PathError::Forbidden),
        ("/a%0d%0ab", PathError::Forbidden),
        ("/a\tb", PathError::Forbidden),
        ("/%1b[31m", PathError::Forbidden),
        ("/%7f", PathError::Forbidden),
        ("/%", PathError::Escape),
        ("/%4", PathError::Escape),
        ("/%g0", PathError::Escape),
        ("/%0g", PathError::Escape),
        ("/%u002e", PathError::Escape),
        ("/%%32%65", PathError::Escape),
        ("/%+1", PathError::Escape),
        ("/%ff", PathError::NotUtf8),
        ("/%c0%ae%c0%ae/x", PathError::NotUtf8),
        ("/%c0%af", PathError::NotUtf8),
        ("/%ed%a0%80", PathError::NotUtf8),
        ("/%e9%97", PathError::NotUtf8),
        ("/.menshen", PathError::Reserved),
        ("/a/.menshen-x/b", PathError::Reserved),
        ("/%2emenshen", PathError::Reserved),
        (&long, PathError::NameTooLong),
        (&long_escaped, PathError::NameTooLong),
        (&deep, PathError::TooLong),
        (&deep_escaped, PathError::TooLong),
    ];
    for (raw, error) in table {
        assert_eq!(decode_path(raw.as_bytes()), Err(*error), "{raw:?}");
        assert!(matches!(error.status(), 400 | 403 | 414));
        assert!(!error.reason().is_empty());
    }
    assert_eq!(decode_path(b"/\xff"), Err(PathError::NotUtf8));
}

#[test]
fn limits_count_decoded_bytes() {
    let name = format!("/{}", "%e9%97%a8".repeat(85));
    assert_eq!(decode_path(name.as_bytes()).map(|path| path.name().len()), Ok(255));
    let deep = "/xxxxxxx".repeat(512);
    assert_eq!(decode_path(deep.as_bytes()).map(|path| path.as_str().len()), Ok(4096));
    let escaped = deep.replace('x', "%78");
    assert_eq!(decode_path(escaped.as_bytes()), decode_path(deep.as_bytes()));
}

#[test]
fn plain_paths_are_borrowed() {
    assert!(matches!(decode_path(b"/a/b").unwrap().text, Cow::Borrowed("/a/b")));
    assert!(matches!(decode_path(b"/%61").unwrap().text, Cow::Owned(_)));
}

#[test]
fn names_of_forms_meet_the_same_rules() {
    assert_eq!(check_name("r\u{e9}sum\u{e9}.pdf".as_bytes()), Ok(()));
    let table: &[(&[u8], PathError)] = &[
        (b"", PathError::EmptySegment),
        (b"..", PathError::DotSegment),
        (b"a/b", PathError::Forbidden),
        (b"a\\b", PathError::Forbidden),
        (b"a\n", PathError::Forbidden),
        (b"\xff", PathError::NotUtf8),
        (b".menshen-1", PathError::Reserved),
        (&[b'x'; 256], PathError::NameTooLong),
    ];
    for (name, error) in table {
        assert_eq!(check_name(name), Err(*error));
    }
}

#[test]
fn links_need_no_escaping_elsewhere() {
    let mut out = vec![];
    encode_path("/a b/\u{95e8}&'\"<>;()?#%".as_bytes(), &mut out);
    assert_eq!(out, b"/a%20b/%E9%97%A8%26%27%22%3C%3E%3B%28%29%3F%23%25");
}

#[test]
fn query_values_are_decoded() {
    let query = b"a=1&b=x+y%2Fz&c&=e&a=2&%61b=3&d=%4&d%3D=5";
    let table: &[(&str, Option<&str>)] = &[
        ("a", Some("1")),
        ("b", Some("x y/z")),
        ("c", Some("")),
        ("ab", Some("3")),
        ("d", Some("%4")),
        ("d=", Some("5")),
        ("", Some("e")),
        ("x", None),
    ];
    for (name, value) in table {
        assert_eq!(query_value(query, name).as_deref(), value.map(str::as_bytes), "{name}");
    }
    assert_eq!(query_value(b"", "a"), None);
}

/// Names without a leading dot that may be sent, and paths that mostly may not.
const NAME: &str = "[^/\\\\\\x00-\\x1f\\x7f.][^/\\\\\\x00-\\x1f\\x7f]{0,30}";
const NEARLY: &str = "/([a./%\\\\]|%2[ef5]|%00|%c3%a4|\\.menshen){0,20}";

proptest! {
    #[test]
    fn links_lead_back(names in prop::collection::vec(NAME, 1..5)) {
        let path = format!("/{}", names.join("/"));
        let mut link = vec![];
        encode_path(path.as_bytes(), &mut link);
        prop_assert!(link.is_ascii());
        let decoded = decode_path(&link).map(|path| String::from(path.as_str()));
        prop_assert_eq!(decoded, Ok(path));
    }

    #[test]
    fn any_bytes_keep_the_invariants(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::target(&raw);
    }

    #[test]
    fn nearly_valid_paths_keep_the_invariants(raw in NEARLY) {
        crate::fuzz::target(raw.as_bytes());
    }
}

#[test]
fn a_path_that_names_no_file_is_tidied_for_rules_and_for_nothing_else() {
    let rows: &[(&[u8], Option<&[u8]>)] = &[
        (b"/wiki/AC%2FDC", Some(b"/wiki/AC/DC")),
        (b"//admin//x", Some(b"/admin/x")),
        (b"/%2F%2fadmin/", Some(b"/admin/")),
        (b"/gbk/%B1%A8", Some(b"/gbk/\xb1\xa8")),
        (b"/a%5Cb", None),
        (b"/a%00b", None),
        (b"/a/../b", None),
        (b"/a%2F%2e%2e%2Fb", None),
        (b"/a%5c..%5cb", None),
        (b"/.menshen-spool//x", None),
        (b"/a%2G", None),
        (b"/a%+1", None),
        (b"/a%", None),
        (b"*", None),
    ];
    for (raw, tidy) in rows {
        assert_eq!(tidied(raw).as_deref(), *tidy, "{}", raw.escape_ascii());
    }
}
