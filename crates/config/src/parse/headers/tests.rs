//! Tests of `headers`.

use super::add;

fn refused(name: &str, value: &str) -> bool {
    add(&mut Vec::new(), name, value).is_err()
}

#[test]
fn names_are_tokens_and_values_one_line() {
    for (name, value) in [("X-Frame-Options", "SAMEORIGIN"), ("x", ""), ("X_1!", "a\tb ü")] {
        assert!(!refused(name, value), "{name}");
    }
    for (name, value) in [
        ("", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("Ü", "a"),
        ("X\r\nY", "a"),
        ("X", "a\r\nSet-Cookie: b=1"),
        ("X", "a\nb"),
        ("X", "a\0"),
        ("X", "\u{7f}"),
        ("X", " a"),
        ("X", "a\t"),
    ] {
        assert!(refused(name, value), "{name:?} {value:?}");
    }
    assert!(refused(&"x".repeat(129), "") && !refused(&"x".repeat(128), ""));
    assert!(refused("x", &"y".repeat(4097)) && !refused("x", &"y".repeat(4096)));
}

#[test]
fn what_frames_a_message_is_ours_in_any_case() {
    for name in ["Content-Length", "CONNECTION", "transfer-encoding", "Date", "X-Accel-Redirect"] {
        assert!(refused(name, "a"), "{name}");
    }
}

#[test]
fn a_field_is_added_once() {
    let mut headers = Vec::new();
    assert!(add(&mut headers, "X-A", "1").is_ok());
    assert!(add(&mut headers, "x-a", "2").is_err());
    assert_eq!((headers.len(), headers[0].value.as_str()), (1, "1"));
}
