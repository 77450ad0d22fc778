//! Tests of `glob`.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn patterns() {
    for (pattern, text) in [
        ("", ""),
        ("*", ""),
        ("*", "anything/at all"),
        ("***", "x"),
        ("a", "a"),
        ("a*", "a"),
        ("*a", "a"),
        ("/up/*", "/up/"),
        ("/up/*.php", "/up/a/b.php"),
        ("*a*b*", "xaxbx"),
        ("a*b*c", "abbc"),
        ("a*bc", "abcbc"),
        ("*ab", "aab"),
        ("?.[x]", "?.[x]"),
    ] {
        assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("", "a"),
        ("a", ""),
        ("a", "A"),
        ("a", "ab"),
        ("a*", "ba"),
        ("*a", "ab"),
        ("ab*ba", "aba"),
        ("a*b*c", "ac"),
        ("*ab*ba*", "aba"),
        ("/up/*", "/up"),
        ("?", "a"),
        ("a*a", "a"),
    ] {
        assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
    }
}

/// By definition, and only for small inputs.
fn by_trying(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|at| by_trying(rest, &text[at..])),
        [byte, rest @ ..] => text.first() == Some(byte) && by_trying(rest, &text[1..]),
    }
}

#[test]
fn hostile_patterns_take_no_time() {
    let pattern = b"a*".repeat(2_000);
    let text = Vec::from_iter(core::iter::repeat_n(b'a', 100_000));
    assert!(matches(&pattern, &text));
    assert!(!matches(&[&pattern[..], b"b"].concat(), &text));
    assert!(!matches(&[b"*", &text[..50_000], b"b*"].concat(), &text));
}

proptest! {
    #[test]
    fn agrees_with_the_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        let wanted = by_trying(pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), wanted);
    }
}
