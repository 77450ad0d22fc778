//! Tests of `fields::disposition`.

use alloc::format;
use alloc::string::String;

use super::*;

fn attachment(name: &[u8]) -> String {
    let mut out = Vec::new();
    content_disposition_attachment(name, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn names() {
    for (name, rest) in [
        ("a.txt", "filename=\"a.txt\""),
        ("a b;c.txt", "filename=\"a b;c.txt\""),
        ("", "filename=\"download\""),
        ("a\"b.txt", "filename=\"a_b.txt\""),
        ("..\\a/b", "filename=\".._a_b\""),
        ("a\r\nSet-Cookie: x", "filename=\"a__Set-Cookie: x\""),
        ("a\0b\u{7f}c\u{85}d", "filename=\"a_b_c_d\""),
        ("50%.txt", "filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ("\u{20ac} rates", "filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"),
        ("\u{95e8}\u{795e}.pdf", "filename=\"__.pdf\"; filename*=UTF-8''%E9%97%A8%E7%A5%9E.pdf"),
        ("gpj.\u{202e}exe", "filename=\"gpj._exe\""),
        ("\u{2066}a\u{2069}\u{200f}", "filename=\"_a__\""),
        ("\u{e9}'*\u{2029}", "filename=\"_'*_\"; filename*=UTF-8''%C3%A9%27%2A_"),
    ] {
        assert_eq!(attachment(name.as_bytes()), format!("attachment; {rest}"), "{name:?}");
    }
}

#[test]
fn what_is_not_utf_8_is_replaced() {
    assert_eq!(attachment(b"a\xffb.txt"), "attachment; filename=\"a_b.txt\"");
    assert_eq!(
        attachment(b"\xc3\xa9\xe2\x82"),
        "attachment; filename=\"__\"; filename*=UTF-8''%C3%A9_"
    );
}
