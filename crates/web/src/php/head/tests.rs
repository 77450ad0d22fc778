//! What of an answer's head reaches the client.

use super::*;

/// Status, lines, length of a head that is whole.
fn judged(head: &str) -> AnswerHead {
    let bytes = format!("{head}body");
    let (judged, len) = judge(bytes.as_bytes(), 1 << 16, &mut 0).unwrap().expect("not whole");
    assert_eq!(len, head.len(), "{head:?}");
    judged
}

fn lines(head: &str) -> String {
    String::from_utf8(judged(head).lines).unwrap()
}

#[test]
fn heads_become_status_and_lines() {
    for (head, status, out) in [
        ("Content-Type: a/b\r\n\r\n", 200, "content-type: a/b\r\n"),
        ("Content-Type: a/b\n\n", 200, "content-type: a/b\r\n"),
        ("Status: 404 Not Found\r\nA: b\r\n\r\n", 404, "a: b\r\n"),
        ("sTATUS:500\r\nA:b\r\n\r\n", 500, "a: b\r\n"),
        ("Location: /x\r\n\r\n", 302, "location: /x\r\n"),
        ("Status: 201 Created\r\nLocation: /x\r\n\r\n", 201, "location: /x\r\n"),
        (
            "Set-Cookie: a=b\r\nX:  1 \r\nSet-Cookie: c=d\r\n\r\n",
            200,
            "set-cookie: a=b\r\nx: 1\r\nset-cookie: c=d\r\n",
        ),
        ("Status: 200\r\n\r\n", 200, ""),
        ("A: \u{6587}\tx\r\n\r\n", 200, "a: \u{6587}\tx\r\n"),
    ] {
        let got = judged(head);
        assert_eq!(
            (got.status, std::str::from_utf8(&got.lines).unwrap()),
            (status, out),
            "{head:?}"
        );
        assert!(got.offload.is_none() && got.swap.is_none());
    }
}

#[test]
fn nothing_gets_into_the_head_but_whole_lines() {
    for (head, error) in [
        ("A: b\rSet-Cookie: evil\r\n\r\n", CgiError::Value),
        ("A: b\r\r\nC: d\r\n\r\n", CgiError::Value),
        ("A: b\0\r\n\r\n", CgiError::Value),
        ("A: b\x7f\r\n\r\n", CgiError::Value),
        ("A: b\r\n Set-Cookie: evil\r\n\r\n", CgiError::Line),
        ("A : b\r\n\r\n", CgiError::Line),
        (": b\r\n\r\n", CgiError::Line),
        ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", CgiError::Line),
        ("A\u{e9}: b\r\n\r\n", CgiError::Line),
        ("\r\nA: b\r\n\r\n", CgiError::Empty),
        ("Status: 199 x\r\n\r\n", CgiError::Status),
        ("Status: 600\r\n\r\n", CgiError::Status),
        ("Status: 2000\r\n\r\n", CgiError::Status),
        ("Status: +20\r\n\r\n", CgiError::Status),
        ("Status: 200\r\nstatus: 200\r\n\r\n", CgiError::Status),
    ] {
        assert_eq!(judge(head.as_bytes(), 1 << 16, &mut 0).map(|_| ()), Err(error), "{head:?}");
    }
}

#[test]
fn fields_of_the_connection_and_words_of_the_gateway_stay_here() {
    let dropped = [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Content-Length",
        "Date",
        "X-Accel-Buffering",
        "X-Accel-Expires",
        "X-Accel-Limit-Rate",
        "X-Accel-Anything",
        "X-Sendfile-Type",
        "X-Menshen-Swap",
        "X-Menshen-Other",
    ];
    for name in dropped {
        for name in [name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
            assert_eq!(
                lines(&format!("A: 1\r\n{name}: x\r\nB: 2\r\n\r\n")),
                "a: 1\r\nb: 2\r\n",
                "{name}"
            );
        }
    }
    // Names that only resemble those.
    for name in ["x-accel", "connection-id", "xx-accel-redirect", "x-menshen", "content-lengths"] {
        assert_eq!(lines(&format!("{name}: x\r\n\r\n")), format!("{name}: x\r\n"));
    }
}

#[test]
fn a_length_is_a_plain_number_or_none() {
    for (value, length) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("+5", None),
        ("-5", None),
        ("5, 5", None),
        ("0x5", None),
        ("", None),
    ] {
        assert_eq!(judged(&format!("Content-Length: {value}\r\n\r\n")).length, length, "{value}");
    }
    assert_eq!(judged("A: b\r\n\r\n").length, None);
}

#[test]
fn a_named_file_keeps_what_is_not_about_the_missing_body() {
    let head = "X-Accel-Redirect: /files/a%20b\r\nContent-Type: a/b\r\nETag: \"x\"\r\n\
                Last-Modified: y\r\nContent-Encoding: gzip\r\nContent-Range: z\r\n\
                Accept-Ranges: none\r\nContent-MD5: w\r\nContent-Length: 5\r\n\
                Content-Disposition: attachment\r\nContent-Security-Policy: p\r\n\
                X-Accel-Limit-Rate: 1000\r\nSet-Cookie: a=b\r\n\r\n";
    let got = judged(head);
    let kept =
        "content-disposition: attachment\r\ncontent-security-policy: p\r\nset-cookie: a=b\r\n";
    assert_eq!(std::str::from_utf8(&got.lines).unwrap(), kept);
    let named = got.offload.unwrap();
    assert_eq!(named.name, Named::Accel(b"/files/a%20b".to_vec()));
    assert_eq!((named.rate, named.media_type.as_deref()), (1000, Some("a/b")));
}

#[test]
fn which_file_is_named() {
    let name = |head: &str| judged(head).offload.map(|named| named.name);
    let accel = |path: &str| Some(Named::Accel(path.into()));
    let sendfile = |path: &str| Some(Named::Sendfile(path.into()));
    for (head, expected) in [
        ("X-ACCEL-REDIRECT: /a\r\n\r\n", accel("/a")),
        ("x-sendfile: /b\r\n\r\n", sendfile("/b")),
        ("X-Sendfile: /b\r\nX-Accel-Redirect: /a\r\n\r\n", accel("/a")),
        ("X-Accel-Redirect:\r\nX-Sendfile: /b\r\n\r\n", sendfile("/b")),
        ("X-Accel-Redirect: \r\nA: b\r\n\r\n", None),
        ("X-Accel-Redirect-Not: /a\r\n\r\n", None),
        ("X-Sendfile-Type: X-Accel-Redirect\r\n\r\n", None),
    ] {
        assert_eq!(name(head), expected, "{head}");
    }
    for (rate, expected) in [("x", 0), ("off", 0), ("-1", 0), ("+7", 0), ("7", 7)] {
        let head = format!("X-Accel-Redirect: /a\r\nX-Accel-Limit-Rate: {rate}\r\n\r\n");
        assert_eq!(judged(&head).offload.unwrap().rate, expected, "{rate}");
    }
}

#[test]
fn pieces_make_the_same_head_and_limits_hold() {
    let head = "Status: 404 Not Found\r\nSet-Cookie: a=b\r\nContent-Type: a/b\r\n\r\n";
    let mut searched = 0;
    for end in 0..head.len() {
        let partial = judge(&head.as_bytes()[..end], 1 << 16, &mut searched).unwrap();
        assert!(partial.is_none(), "whole after {end} bytes");
    }
    let (whole, len) = judge(head.as_bytes(), 1 << 16, &mut searched).unwrap().unwrap();
    assert_eq!((whole.status, len), (404, head.len()));
    assert!(judge(head.as_bytes(), head.len(), &mut 0).unwrap().is_some());
    let short = judge(head.as_bytes(), head.len() - 1, &mut 0);
    assert_eq!(short.map(|_| ()), Err(CgiError::TooLong));
    let many = |n: usize| format!("Status: 200\r\n{}\r\n", "A: b\r\n".repeat(n));
    assert_eq!(lines(&many(FIELDS_MAX)).len(), 6 * FIELDS_MAX);
    let over = judge(many(FIELDS_MAX + 1).as_bytes(), 1 << 16, &mut 0);
    assert_eq!(over.map(|_| ()), Err(CgiError::TooManyFields));
}

#[test]
fn the_word_of_the_prepend_script_is_heard_but_not_passed_on() {
    let got = judged("x-menshen-SWAP: n0nce 2 0\r\nA: b\r\n\r\n");
    assert_eq!(got.swap.as_deref(), Some(&b"n0nce 2 0"[..]));
    assert_eq!(got.lines, b"a: b\r\n");
}
