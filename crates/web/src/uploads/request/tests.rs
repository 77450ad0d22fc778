//! Tests of `request`.

use super::*;
use crate::fixture::Lines;

#[test]
fn what_php_is_told_is_kept_and_credentials_are_not() {
    let lines = Lines::of(&[
        "Cookie: PHPSESSID=abc",
        "Authorization: Bearer secret",
        "Content-Type: multipart/form-data; boundary=x",
        "Upload-Complete: ?1",
        "Upload-Draft-Interop-Version: 8",
        "Connection: keep-alive",
        "X-Csrf: 1",
    ]);
    let head = RequestHead::of(&lines.ask("POST", "/up.php?a=1")).unwrap();
    let text = serde_json::to_string(&head).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let mut read: RequestHead = serde_json::from_str(&text).unwrap();
    assert_eq!(read, head);
    assert!(!read.authorize(None), "the first request showed credentials");
    assert!(read.authorize(Some(b"Bearer newer")));
    read.asked(Some(77), |ask| {
        assert_eq!((ask.method_name, ask.target), ("POST", &b"/up.php?a=1"[..]));
        assert_eq!(ask.headers.get("cookie"), Some(&b"PHPSESSID=abc"[..]));
        assert_eq!(ask.headers.get("x-csrf"), Some(&b"1"[..]));
        assert_eq!(ask.headers.get("authorization"), Some(&b"Bearer newer"[..]));
        assert_eq!(ask.headers.get("upload-complete"), None);
        assert_eq!(ask.headers.get("connection"), None);
        assert!(ask.interest.has(Interest::CONTENT_TYPE.with(Interest::COOKIE)));
        assert_eq!(ask.length, Some(77));
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let lines = Lines::of(&[format!("X-Long: {}", "x".repeat(HEAD_BYTES_MAX))]);
    assert_eq!(RequestHead::of(&lines.ask("POST", "/")), None);
}

#[test]
fn a_request_without_credentials_needs_none() {
    let lines = Lines::of::<&str>(&[]);
    let mut head = RequestHead::of(&lines.ask("PUT", "/")).unwrap();
    assert!(head.authorize(Some(b"Bearer other")));
    head.asked(Some(0), |ask| assert_eq!(ask.headers.get("authorization"), None));
}
