//! Tests of cleaning.

use proptest::prelude::*;

use super::*;

#[test]
fn controls_and_directions_go() {
    assert_eq!(clean("a\u{1b}[31mred\r\n\tb\u{202e}c  d ", 99), "a [31mred b c d");
    assert_eq!(clean("abcdef", 3), "abc…");
    assert_eq!(clean("ab cd", 3), "ab…");
    assert_eq!(clean("", 3), "");
}

#[test]
fn causes_are_told_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("{1}")]
    struct Told(#[source] Option<Box<Self>>, &'static str);
    let error = Told(Some(Box::new(Told(Some(Box::new(Told(None, "refused"))), "b"))), "a");
    assert_eq!(with_causes(&error), "a: b: refused");
}

#[test]
fn secrets_are_taken_out() {
    let told = without("401 for token s3cr3t-t0ken, user joe", "user=joe\nTOKEN='s3cr3t-t0ken'\n");
    assert_eq!(told, "401 for token …, user joe");
}

proptest! {
    #[test]
    fn any_text_comes_out_clean(text in any::<String>(), most in 0_usize..60) {
        let cleaned = clean(&text, most);
        prop_assert!(cleaned.chars().count() <= most + 1);
        prop_assert!(!cleaned.chars().any(char::is_control));
    }
}
