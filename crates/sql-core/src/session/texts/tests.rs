//! Tests of session texts.

use super::*;
use crate::lexer::{Mode, Server};

fn mode() -> Mode {
    Mode::new(b"", b"utf8mb4", Server::of(b"10.11.19-MariaDB"))
}

#[test]
fn values_are_written_in() {
    let mut texts = Texts::default();
    texts.prepared(b"S", Some(b"select * from t where a = ? and b = '?' and c < ?"), Some(1));
    texts.valued(b"x", Some(b"'it''s'"), 1);
    texts.valued(b"y", Some(b"-5"), 1);
    assert_eq!(
        texts.effective(b"s", b"@X, @y", mode(), 1),
        Effective::Text(b"select * from t where a = 'it''s' and b = '?' and c < -5".to_vec())
    );
}

#[test]
fn immediate_texts_have_their_values_too() {
    // The server's `main.type_decimal`: two of the same text, and not of the same rows.
    let mut texts = Texts::default();
    texts.valued(b"x", Some(b"7"), 1);
    let text = b"select * from t where a = ?";
    for (using, whole) in [
        (&b"10.0"[..], Some("select * from t where a = 10.0")),
        (b"10.00", Some("select * from t where a = 10.00")),
        (b"@x", Some("select * from t where a = 7")),
        (b"@y", None),
        (b"", None),
        (b"1+1", None),
    ] {
        let effective = texts.immediate(text, using, mode(), 1);
        let shape = || Effective::Shape(text.to_vec());
        assert_eq!(effective, whole.map_or_else(shape, |text| Effective::Text(text.into())));
    }
}

#[test]
fn what_is_not_known_is_not_made_up() {
    let mut texts = Texts::default();
    let text = b"select * from t where a = ?";
    texts.prepared(b"s", Some(text), Some(1));
    texts.valued(b"x", Some(b"1"), 1);
    let shape = Effective::Shape(text.to_vec());
    let whole = Effective::Text(b"select * from t where a = 1".to_vec());
    assert_eq!(texts.effective(b"s", b"@x", mode(), 1), whole);
    // Too few, too many, unknown ones.
    assert_eq!(texts.effective(b"s", b"", mode(), 1), shape);
    assert_eq!(texts.effective(b"s", b"@x, @x", mode(), 1), shape);
    assert_eq!(texts.effective(b"s", b"@y", mode(), 1), shape);
    // Another state of the session.
    assert_eq!(texts.effective(b"s", b"@x", mode(), 2), Effective::Unknown);
    texts.prepared(b"s", Some(text), Some(2));
    assert_eq!(texts.effective(b"s", b"@x", mode(), 2), shape);
    texts.valued(b"x", None, 2);
    assert_eq!(texts.effective(b"s", b"@x", mode(), 2), shape);
    texts.prepared(b"s", None, Some(2));
    assert_eq!(texts.effective(b"s", b"@x", mode(), 2), Effective::Unknown);
    texts.prepared(b"s", Some(text), Some(1));
    texts.prepared(b"off", Some(b"select * from t"), None);
    let off = texts.effective(b"off", b"", mode(), 1);
    assert_eq!(off, Effective::Shape(b"select * from t".to_vec()));
    texts.forget_values();
    assert_eq!(texts.effective(b"s", b"@x", mode(), 1), shape);
    texts.forget();
    assert_eq!(texts.effective(b"s", b"@x", mode(), 1), Effective::Unknown);
}

#[test]
fn memory_is_bounded() {
    let mut texts = Texts::default();
    for number in 0..2 * TEXTS_MAX {
        texts.prepared(&number.to_le_bytes(), Some(b"select 1"), Some(1));
        texts.valued(&number.to_le_bytes(), Some(b"1"), 1);
    }
    assert_eq!((texts.prepared.len(), texts.values.len()), (TEXTS_MAX, VALUES_MAX));
    texts.prepared(b"long", Some(&[b'x'; TEXT_BYTES_MAX + 1]), Some(1));
    assert_eq!(texts.effective(b"long", b"", mode(), 1), Effective::Unknown);
}

#[test]
fn what_is_prepared_anew_with_the_cache_off_is_not_stored() {
    let text = b"select a from t";
    let stored = |steps: &[(bool, u64)]| {
        let mut texts = Texts::default();
        texts.prepared(b"s", Some(text), Some(1));
        for (storing, schema) in steps {
            texts.executed(b"S", *storing, *schema);
        }
        texts.effective(b"s", b"", mode(), 1) == Effective::Text(text.to_vec())
    };
    assert!(stored(&[(true, 1), (true, 2)]));
    assert!(stored(&[(true, 1), (false, 1), (true, 1)]));
    assert!(!stored(&[(true, 1), (false, 2), (true, 2)]));
}
