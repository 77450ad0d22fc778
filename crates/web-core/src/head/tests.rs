//! The tables of heads that are taken and refused, and that chunking does not matter.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits =
    HeadLimits { head_bytes_max: 2048, headers_max: 20, target_bytes_max: 300 };

fn whole(raw: &[u8]) -> (RequestHead<'_>, usize) {
    match parse_request(raw, &LIMITS).unwrap() {
        Parsed::Complete { head, len } => (head, len),
        Parsed::Partial => unreachable!("partial: {:?}", String::from_utf8_lossy(raw)),
    }
}

fn error(raw: &[u8]) -> HeadError {
    parse_request(raw, &LIMITS).unwrap_err()
}

/// A valid request with `lines` (each ending in CRLF) added.
fn with(lines: &str) -> Vec<u8> {
    format!("POST /f HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n").into_bytes()
}

#[test]
fn an_ordinary_head_is_read_whole() {
    let raw = b"GET /a/b?c=d HTTP/1.1\r\nHost: a.example:8443\r\nRange:bytes=0-1 \r\n\
        X: \t \r\nx: two\r\n\r\nnext";
    let (head, len) = whole(raw);
    assert_eq!(&raw[len..], b"next");
    assert_eq!((head.method, head.method_name), (Method::Get, "GET"));
    assert_eq!((head.target, head.host), (&b"/a/b?c=d"[..], &b"a.example:8443"[..]));
    assert_eq!((head.version, head.framing), (Version::Http11, Framing::None));
    assert!(head.keep_alive && !head.expect_continue);
    assert_eq!(head.get("range"), Some(&b"bytes=0-1"[..]));
    assert_eq!(head.get("X"), Some(&b""[..]));
    assert_eq!(head.all("x").collect::<Vec<_>>(), [&b""[..], b"two"]);
    assert_eq!(head.get("cookie"), None);
    assert_eq!(head.interest, Interest::HOST.with(Interest::RANGE));
    assert_eq!(head.fields().count(), 4);
}

#[test]
fn the_header_trait_sees_every_line() {
    let raw = with("Cookie: a=1\r\nCOOKIE: b=2\r\n");
    let (head, _) = whole(&raw);
    let headers: &dyn Headers = &head;
    assert_eq!(headers.get("cookie"), Some(&b"a=1"[..]));
    let mut seen = Vec::new();
    headers.for_each("cookie", &mut |value| seen.push(value.to_vec()));
    assert_eq!(seen, [b"a=1".to_vec(), b"b=2".to_vec()]);
}

#[test]
fn methods_are_case_sensitive() {
    let named = [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("PUT", Method::Put),
        ("POST", Method::Post),
        ("DELETE", Method::Delete),
        ("PATCH", Method::Patch),
        ("MOVE", Method::Move),
        ("MKCOL", Method::Mkcol),
        ("TRACE", Method::Trace),
        ("OPTIONS", Method::Options),
        ("get", Method::Other),
        ("BREW", Method::Other),
    ];
    for (name, method) in named {
        let raw = format!("{name} / HTTP/1.1\r\nHost: h\r\n\r\n");
        let (head, _) = whole(raw.as_bytes());
        assert_eq!((head.method, head.method_name), (method, name));
    }
}

#[test]
fn targets_come_in_four_forms() {
    let taken: &[(&str, &str, &str)] = &[
        ("GET /x?y=http://z/ HTTP/1.1\r\nHost: h\r\n\r\n", "/x?y=http://z/", "h"),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*", "h"),
        ("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", "*", "h"),
        ("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "/", "h"),
        ("GET HTTPS://H:1/p HTTP/1.1\r\nHost: h:1\r\n\r\n", "/p", "h:1"),
        ("GET http://h/p HTTP/1.0\r\n\r\n", "/p", "h"),
        ("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "h:443", "h"),
        ("GET //a HTTP/1.1\r\nHost: h\r\n\r\n", "//a", "h"),
    ];
    for (raw, target, host) in taken {
        let (head, _) = whole(raw.as_bytes());
        assert_eq!((head.target, head.host), (target.as_bytes(), host.as_bytes()), "{raw:?}");
    }
    let refused: &[(&str, HeadError)] = &[
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("GET x HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("GET h:443 HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::Target),
        ("GET http://i/p HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::HostMismatch),
        ("GET http://h:80/p HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::HostMismatch),
        ("GET http://u@h/p HTTP/1.1\r\nHost: u@h\r\n\r\n", HeadError::HostInvalid),
        ("GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::HostMismatch),
        ("GET http:///p HTTP/1.0\r\n\r\n", HeadError::HostInvalid),
    ];
    for (raw, expected) in refused {
        assert_eq!(error(raw.as_bytes()), *expected, "{raw:?}");
    }
}

#[test]
fn lines_end_in_crlf_and_names_are_tokens() {
    let refused: &[(&str, HeadError)] = &[
        ("GET / HTTP/1.1\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", HeadError::LineEnd),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", HeadError::LineEnd),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n",
            HeadError::LineEnd,
        ),
        ("GET / HTTP/1.1\r\nHost: h\r\nA:\nB: c\r\n\r\n", HeadError::LineEnd),
        ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("GET / HTTP/1.1\rHost: h\r\n\r\n", HeadError::LineEnd),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", HeadError::HeaderValue),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", HeadError::HeaderValue),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\x7fc\r\n\r\n", HeadError::HeaderValue),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: \x0bb\r\n\r\n", HeadError::HeaderValue),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost: h\r\nnocolon\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", HeadError::HeaderName),
        ("GET / HTTP/1.1\r\nHost: h\r\nA(b): x\r\n\r\n", HeadError::HeaderName),
    ];
    for (raw, expected) in refused {
        assert_eq!(error(raw.as_bytes()), *expected, "{raw:?}");
    }
    assert_eq!(whole(b"\r\nGET / HTTP/1.0\r\n\r\nx").1, 20, "one leading empty line is taken");
    assert_eq!(error(b"GET / HTTP/1.1\r\nHost: h\r\n\xc3\xa4: x\r\n\r\n"), HeadError::HeaderName);
    assert_eq!(
        whole(b"GET / HTTP/1.1\r\nHost: h\r\nA: \xe4\r\n\r\n").0.get("a"),
        Some(&b"\xe4"[..])
    );
}

#[test]
fn request_lines_have_three_words_and_a_known_version() {
    let refused: &[(&str, HeadError)] = &[
        ("GET /\r\n\r\n", HeadError::RequestLine),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("GET / HTTP/1.1x\r\nHost: h\r\n\r\n", HeadError::LineEnd),
        ("GET / HTTP/11\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", HeadError::RequestLine),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03", HeadError::RequestLine),
        ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", HeadError::Version),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", HeadError::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HeadError::Version),
    ];
    for (raw, expected) in refused {
        assert_eq!(error(raw.as_bytes()), *expected, "{raw:?}");
    }
    assert_eq!(HeadError::Version.status(), 505);
}

#[test]
fn one_valid_host_is_required() {
    let refused: &[(&str, HeadError)] = &[
        ("GET / HTTP/1.1\r\n\r\n", HeadError::HostMissing),
        ("GET http://h/ HTTP/1.1\r\n\r\n", HeadError::HostMissing),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", HeadError::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", HeadError::HostRepeated),
        ("GET / HTTP/1.0\r\nHost: h\r\nhost: i\r\n\r\n", HeadError::HostRepeated),
        ("GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", HeadError::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: h/../i\r\n\r\n", HeadError::HostInvalid),
    ];
    for (raw, expected) in refused {
        assert_eq!(error(raw.as_bytes()), *expected, "{raw:?}");
    }
    assert_eq!(whole(b"GET / HTTP/1.0\r\n\r\n").0.host, b"");
}

#[test]
fn ambiguous_framing_is_refused() {
    let refused: &[(&str, HeadError)] = &[
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HeadError::LengthWithCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", HeadError::LengthWithCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", HeadError::LengthWithCoding),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", HeadError::LengthRepeated),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", HeadError::LengthRepeated),
        ("Content-Length: 5, 5\r\n", HeadError::LengthInvalid),
        ("Content-Length: 5,5\r\n", HeadError::LengthInvalid),
        ("Content-Length: +5\r\n", HeadError::LengthInvalid),
        ("Content-Length: -5\r\n", HeadError::LengthInvalid),
        ("Content-Length: 0x5\r\n", HeadError::LengthInvalid),
        ("Content-Length: 5 5\r\n", HeadError::LengthInvalid),
        ("Content-Length: 5.0\r\n", HeadError::LengthInvalid),
        ("Content-Length: 1_0\r\n", HeadError::LengthInvalid),
        ("Content-Length:\r\n", HeadError::LengthInvalid),
        ("Content-Length: \u{665}\r\n", HeadError::LengthInvalid),
        ("Content-Length: 18446744073709551616\r\n", HeadError::LengthInvalid),
        ("Content-Length: 99999999999999999999999999\r\n", HeadError::LengthInvalid),
        ("Content-Length:\t5\r\n", HeadError::LengthInvalid),
        ("Content-Length: 5\t\r\n", HeadError::LengthInvalid),
        ("Content-Length : 5\r\n", HeadError::HeaderName),
        ("Content-Length: 5\r\n 6\r\n", HeadError::HeaderName),
        ("Transfer-Encoding: xchunked\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding: \"chunked\"\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding: chunkedx\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding: identity\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding: gzip, chunked\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding: chunked;q=1\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding: chunked, identity\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: chunked, chunked\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: chunked,\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", HeadError::CodingUnknown),
        ("Transfer-Encoding:\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding:\tchunked\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: \t chunked\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: chunked\t\r\n", HeadError::CodingInvalid),
        ("Transfer-Encoding: \x0bchunked\r\n", HeadError::HeaderValue),
        ("Transfer-Encoding:\r\n chunked\r\n", HeadError::HeaderName),
        ("Transfer-Encoding: gzip\r\n\tchunked\r\n", HeadError::HeaderName),
        ("Transfer-Encoding : chunked\r\n", HeadError::HeaderName),
    ];
    for (lines, expected) in refused {
        assert_eq!(error(&with(lines)), *expected, "{lines:?}");
        assert!(matches!(expected.status(), 400 | 501));
    }
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(error(old), HeadError::CodingInHttp10);
}

#[test]
fn unambiguous_framing_is_read() {
    let taken: &[(&str, Framing)] = &[
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("Content-Length:5\r\n", Framing::Length(5)),
        ("content-length:   005  \r\n", Framing::Length(5)),
        ("Content-Length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding: CHUNKED \r\n", Framing::Chunked),
        ("Transfer_Encoding: x\r\nContent_Length: y\r\n", Framing::None),
    ];
    for (lines, framing) in taken {
        assert_eq!(whole(&with(lines)).0.framing, *framing, "{lines:?}");
    }
}

#[test]
fn persistence_follows_version_and_connection() {
    let table = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Upgrade, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Connection: ,, x,\tkeep-alive\r\n", true),
    ];
    for (version, lines, expected) in table {
        let raw = format!("GET / HTTP/{version}\r\nHost: h\r\n{lines}\r\n");
        assert_eq!(whole(raw.as_bytes()).0.keep_alive, expected, "{version} {lines:?}");
    }
}

#[test]
fn expectations_need_a_body_and_http_1_1() {
    let expects = |lines: &str| whole(&with(lines)).0.expect_continue;
    assert!(expects("Content-Length: 1\r\nExpect: 100-Continue\r\n"));
    assert!(expects("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"));
    assert!(!expects("Content-Length: 0\r\nExpect: 100-continue\r\n"));
    assert!(!expects("Expect: 100-continue\r\n"));
    for lines in ["Expect: 200-ok\r\n", "Expect: 100-continue\r\nExpect: x\r\n", "Expect:\r\n"] {
        assert_eq!(error(&with(lines)), HeadError::ExpectUnknown, "{lines:?}");
    }
    assert_eq!(HeadError::ExpectUnknown.status(), 417);
    let old = b"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: x\r\n\r\n";
    assert!(!whole(old).0.expect_continue);
}

#[test]
fn limits_are_exact_and_early() {
    let line = "GET / HTTP/1.1\r\nHost: h\r\n";
    let padding = |total: usize| format!("{line}A: {}\r\n\r\n", "x".repeat(total - line.len() - 7));
    let fits = padding(LIMITS.head_bytes_max);
    assert_eq!(whole(fits.as_bytes()).1, LIMITS.head_bytes_max);
    let over = padding(LIMITS.head_bytes_max + 1);
    assert_eq!(error(over.as_bytes()), HeadError::TooLarge);
    let early = &over.as_bytes()[..LIMITS.head_bytes_max];
    assert_eq!(error(early), HeadError::TooLarge, "known before the end is seen");
    let not_yet = &over.as_bytes()[..LIMITS.head_bytes_max - 1];
    assert_eq!(parse_request(not_yet, &LIMITS), Ok(Parsed::Partial));

    let target = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(len - 1));
    assert_eq!(whole(target(300).as_bytes()).0.target.len(), 300);
    assert_eq!(error(target(301).as_bytes()), HeadError::TargetTooLong);
    let early = &target(400).into_bytes()[..4 + 301];
    assert_eq!(error(early), HeadError::TargetTooLong, "known before the target ends");
    assert_eq!(error(target(5000).as_bytes()), HeadError::TargetTooLong);

    assert!(parse_request(&with(&"A: b\r\n".repeat(19)), &LIMITS).is_ok());
    assert_eq!(error(&with(&"A: b\r\n".repeat(20))), HeadError::TooManyHeaders);
    let unlimited = HeadLimits { headers_max: 1000, head_bytes_max: 1 << 20, ..LIMITS };
    let many = with(&"A: b\r\n".repeat(128));
    assert_eq!(parse_request(&many, &unlimited), Err(HeadError::TooManyHeaders));
    let statuses = [HeadError::TooLarge, HeadError::TooManyHeaders, HeadError::TargetTooLong];
    assert_eq!(statuses.map(HeadError::status), [431, 431, 414]);
}

#[test]
fn limits_of_zero_refuse_everything() {
    let none = HeadLimits { head_bytes_max: 0, headers_max: 0, target_bytes_max: 0 };
    assert_eq!(parse_request(b"G", &none), Err(HeadError::TooLarge));
    assert_eq!(parse_request(b"", &none), Ok(Parsed::Partial));
    let no_headers = HeadLimits { headers_max: 0, ..LIMITS };
    assert!(matches!(
        parse_request(b"GET / HTTP/1.0\r\n\r\n", &no_headers),
        Ok(Parsed::Complete { .. })
    ));
}

#[test]
fn every_prefix_of_a_head_is_partial() {
    let raw = with("Content-Length: 3\r\nAccept: */*\r\nX:  y \r\n");
    for len in 0..raw.len() {
        assert_eq!(parse_request(&raw[..len], &LIMITS), Ok(Parsed::Partial), "{len}");
    }
}

#[test]
fn every_refusal_has_a_status_and_a_reason() {
    for error in HeadError::ALL {
        assert!(matches!(error.status(), 400 | 414 | 417 | 431 | 501 | 505));
        let reason = error.reason();
        assert!(!reason.is_empty() && !reason.ends_with('.'), "{reason}");
        assert_eq!(format!("{error}"), reason);
    }
}

/// Heads that are often valid, and often nearly so.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(alloc::vec![
        "GET ",
        "POST ",
        "/",
        "/a?b",
        "*",
        "http://h/",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\r\n",
        "\r",
        "\n",
        "Host: h",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Expect: x",
        "Connection: close",
        ":",
        " ",
        "\t",
        "A: b",
        "\0",
        "\u{e4}",
    ]);
    let start = prop::sample::select(alloc::vec!["", "GET / HTTP/1.1\r\nHost: h\r\n"]);
    (start, prop::collection::vec(piece, 0..12), any::<bool>()).prop_map(|(start, pieces, end)| {
        let end = if end { "\r\n\r\n" } else { "" };
        [start.as_bytes(), pieces.concat().as_bytes(), end.as_bytes()].concat()
    })
}

proptest! {
    #[test]
    fn any_bytes_keep_the_invariants(raw in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzz::head(&raw);
    }

    #[test]
    fn nearly_valid_heads_keep_the_invariants(raw in head_like()) {
        crate::fuzz::head(&raw);
    }

    #[test]
    fn names_and_values_come_back(
        lines in prop::collection::vec(
            ("[xX][a-zA-Z0-9-]{0,12}", "[!-~]([ -~]{0,20}[!-~])?"), 0..15
        )
    ) {
        let text: String = lines.iter().map(|(n, v)| format!("{n}: {v} \r\n")).collect();
        let raw = with(&text);
        let (head, len) = whole(&raw);
        prop_assert_eq!(len, raw.len());
        let seen: Vec<_> = head.fields().skip(1).collect();
        let sent: Vec<_> = lines.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        prop_assert_eq!(seen, sent);
    }
}
