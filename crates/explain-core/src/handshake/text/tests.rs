//! Texts of peers.

use super::*;

#[test]
fn nothing_of_a_peer_can_steer_a_terminal() {
    assert_eq!(clean(b"a\x1b[31m\\\n\x00\xff"), "a\\x1b[31m\\\\\\x0a\\x00\\xff");
    assert_eq!(clean_text("Bücher\u{1b}\u{202e}x"), "Bücher\\u{1b}\\u{202e}x");
}

#[test]
fn long_texts_are_cut() {
    assert!(clean(&[b'a'; 10_000]).chars().count() <= TEXT_CHARS_MAX + 4);
    assert!(hex(&[0; 1000]).ends_with("… (1000 bytes)"));
    let many = list((0..100).map(|number| format!("{number}")));
    assert!(many.ends_with("59 and 40 more"));
}
