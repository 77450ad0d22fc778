//! Tests of `cgi`.

use alloc::format;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const LIMITS: CgiLimits = CgiLimits { head_bytes_max: 200, fields_max: 4 };

fn parse(text: &str) -> Result<CgiParsed<'_>, CgiError> {
    parse_head(text.as_bytes(), &mut 0, LIMITS)
}

fn complete(text: &str) -> (CgiHead<'_>, usize) {
    match parse(text) {
        Ok(CgiParsed::Complete { head, len }) => (head, len),
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn heads() {
    let text =
        "X-Powered-By: PHP\r\nStatus: 404 Not Found\r\ncontent-type:\ttext/html \nX-E:\r\n\r\nbody";
    let (head, len) = complete(text);
    assert_eq!((head.status, &text[len..]), (404, "body"));
    let fields: Vec<_> = head.fields().collect();
    assert_eq!(
        fields,
        [(&b"X-Powered-By"[..], &b"PHP"[..]), (b"content-type", b"text/html"), (b"X-E", b""),]
    );
    assert_eq!(head.get("Content-Type"), Some(&b"text/html"[..]));
    assert_eq!((head.get("status"), head.get("X"), head.get("x-e")), (None, None, Some(&b""[..])));
    // Ends of every kind; what follows is body.
    for end in ["\n\n", "\r\n\r\n", "\n\r\n", "\r\n\n"] {
        let text = format!("A: b{end}\n\nbody");
        assert_eq!(complete(&text).1, 4 + end.len(), "{end:?}");
    }
    for partial in ["", "A", "A: b", "A: b\r", "A: b\r\n", "A: b\r\n\r", "A: b\n", "\r"] {
        assert_eq!(parse(partial), Ok(CgiParsed::Partial), "{partial:?}");
    }
    let (head, _) = complete("A: \u{e9}\u{95e8} b\n\n");
    assert_eq!(head.get("a"), Some("\u{e9}\u{95e8} b".as_bytes()));
}

#[test]
fn statuses() {
    for (lines, wanted) in [
        ("A: b", 200),
        ("Location: /x", 302),
        ("location: https://example.org/", 302),
        ("Status: 201\nLocation: /x", 201),
        ("Status: 200", 200),
        ("STATUS:599 whatever: it says", 599),
        ("Status: 204\t", 204),
    ] {
        assert_eq!(complete(&format!("{lines}\n\n")).0.status, wanted, "{lines}");
    }
    for lines in [
        "Status: 200\nStatus: 200",
        "Status:",
        "Status: 20",
        "Status: 0200",
        "Status: 2000",
        "Status: 200OK",
        "Status: OK",
        "Status: +20",
        "Status: 101 Switching Protocols",
        "Status: 199",
        "Status: 600",
    ] {
        assert_eq!(parse(&format!("{lines}\n\n")), Err(CgiError::Status), "{lines}");
    }
}

#[test]
fn what_is_refused() {
    for (text, wanted) in [
        ("\n", CgiError::Empty),
        ("\r\nA: b\n\n", CgiError::Empty),
        ("no colon\n\n", CgiError::Line),
        ("A: b\n folded\n\n", CgiError::Line),
        ("A: b\n\tfolded: x\n\n", CgiError::Line),
        ("A : b\n\n", CgiError::Line),
        (": b\n\n", CgiError::Line),
        ("A\u{e9}: b\n\n", CgiError::Line),
        ("HTTP/1.1 200 OK\nA: b\n\n", CgiError::Line),
        ("A: b\rB: c\n\n", CgiError::Value),
        ("A: b\r\r\n\n", CgiError::Value),
        ("A: \0\n\n", CgiError::Value),
        ("A: \u{7f}\n\n", CgiError::Value),
        ("A: \u{1b}[1m\n\n", CgiError::Value),
        ("A:1\nB:2\nC:3\nD:4\nE:5\n\n", CgiError::TooManyFields),
    ] {
        assert_eq!(parse(text), Err(wanted), "{text:?}");
    }
    complete("A:1\nB:2\nC:3\nD:4\nStatus: 200\n\n");
}

#[test]
fn the_limit_counts_every_byte() {
    let head = |bytes: usize| format!("A: {}\n\n", "x".repeat(bytes - 5));
    complete(&head(200));
    assert_eq!(parse(&head(201)), Err(CgiError::TooLong));
    let endless = "A: b\n".repeat(60);
    assert_eq!(parse(&endless[..199]), Ok(CgiParsed::Partial));
    assert_eq!(parse(&endless[..200]), Err(CgiError::TooLong));
    // The body does not count.
    complete(&format!("{}{}", head(200), "x".repeat(1000)));
}

#[test]
fn nothing_is_looked_at_twice() {
    let text = "A: b\r\nC: d\r\n\r\n";
    let mut searched = 0;
    for end in 0..text.len() {
        let parsed = parse_head(&text.as_bytes()[..end], &mut searched, LIMITS);
        assert_eq!((parsed, searched), (Ok(CgiParsed::Partial), end));
    }
    let parsed = parse_head(text.as_bytes(), &mut searched, LIMITS);
    assert!(matches!(parsed, Ok(CgiParsed::Complete { len: 14, .. })), "{parsed:?}");
}

proptest! {
    #[test]
    fn any_bytes_keep_the_invariants(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(b"\r\n".to_vec()),
                Just(b"\n".to_vec()),
                Just(b"A: b\n".to_vec()),
                Just(b"Status: 404\n".to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
            ],
            0..20,
        ),
    ) {
        crate::fuzz::cgi(&pieces.concat());
    }
}
