//! Tests of interned texts.

use super::*;

#[test]
fn a_text_has_one_number_and_no_other_text_has_it() {
    let interned = Interned::new(3);
    let numbers = [b"a", b"b", b"c"].map(|text| interned.intern(text).unwrap());
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(interned.intern(b"b"), Some(1));
}

#[test]
fn a_full_table_takes_no_more_but_keeps_its_own() {
    let interned = Interned::new(1);
    assert_eq!(interned.intern(b"a"), Some(0));
    assert_eq!(interned.intern(b"b"), None);
    assert_eq!(interned.intern(b"a"), Some(0));
    assert_eq!(interned.len(), 1);
}

#[test]
fn long_texts_get_no_number() {
    let interned = Interned::new(10);
    assert_eq!(interned.intern(&[0; TEXT_BYTES_MAX + 1]), None);
    assert!(interned.is_empty());
}
