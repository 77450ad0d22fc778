//! Bytes to text: what is kept, what is written out.
use alloc::vec::Vec;

use super::*;

#[test]
fn names_are_escaped_once() {
    for (text, decoded, shown, forged) in [
        (&b"nginx"[..], true, "nginx", false),
        (b"a\nb", true, "a\\x0ab", true),
        (b"a\\x0ab", false, "a\\x0ab", true),
        // The process chose the four characters itself; a record says so.
        (b"a\\x41b", true, "a\\x5cx41b", false),
        (b"\xff\x1b[0m", true, "\\xff\\x1b[0m", false),
        ("门神".as_bytes(), true, "门神", false),
        (b"x,uid=0", true, "x,uid=0", true),
        ("\u{85}".as_bytes(), true, "\\xc2\\x85", false),
    ] {
        let name = name(text, decoded);
        assert_eq!((name.text.as_str(), name.forged), (shown, forged));
    }
}

#[test]
fn escapes_that_are_none_stay() {
    for (text, bytes) in [
        (&b"\\x4"[..], &b"\\x4"[..]),
        (b"\\xzz\\x41", b"\\xzzA"),
        (b"\\", b"\\"),
        (b"\\\\x41", b"\\A"),
    ] {
        let mut into = Vec::new();
        unescape(text, &mut into);
        assert_eq!(into, bytes);
    }
    assert_eq!(decoded_len(b"a\\x0ab"), 3);
}

#[test]
fn numbers_that_are_too_long_are_none() {
    assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(number(b"18446744073709551616"), None);
    assert_eq!(number(b""), None);
    assert_eq!(number(b"1 "), None);
    assert_eq!(signed_then(b"-7x"), Some((-7, &b"x"[..])));
    assert_eq!(signed_then(b"-"), None);
}
