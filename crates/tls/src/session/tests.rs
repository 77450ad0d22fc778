//! Tests of `session`.

use proptest::prelude::*;

use super::{Verdict, seal, verify};

const KEY: [u8; 32] = [7; 32];

#[test]
fn good_until_its_second() {
    let value = seal(&KEY, 1_000);
    assert!(value.starts_with("v1.1000."));
    assert_eq!(verify(&KEY, value.as_bytes(), 0), Verdict::Valid { expires_unix: 1_000 });
    assert_eq!(verify(&KEY, value.as_bytes(), 999), Verdict::Valid { expires_unix: 1_000 });
    assert_eq!(verify(&KEY, value.as_bytes(), 1_000), Verdict::Expired);
}

#[test]
fn the_longest_value_passes() {
    let value = seal(&KEY, u64::MAX);
    assert_eq!(verify(&KEY, value.as_bytes(), 5), Verdict::Valid { expires_unix: u64::MAX });
}

#[test]
fn another_key_knows_nothing() {
    assert_eq!(verify(&[8; 32], seal(&KEY, 1_000).as_bytes(), 0), Verdict::Invalid);
}

#[test]
fn another_expiry_or_spelling_is_refused() {
    let value = seal(&KEY, 1_000);
    let tag = value.rsplit('.').next().unwrap();
    for forged in [
        format!("v1.1001.{tag}"),
        format!("v1.+1000.{tag}"),
        format!("v1.01000.{tag}"),
        format!("v1. 1000.{tag}"),
        format!("v2.1000.{tag}"),
        format!("v1.1000.{tag}."),
        format!("v1.1000.{tag}="),
        format!("v1.1000.{tag} "),
        "v1.1000.".to_owned(),
        "v1.1000".to_owned(),
        String::new(),
        "v1.18446744073709551616.".to_owned() + tag,
        ".".repeat(100_000),
    ] {
        assert_eq!(verify(&KEY, forged.as_bytes(), 0), Verdict::Invalid, "{forged:.40}");
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let value = seal(&KEY, 1_000).into_bytes();
    for place in 0..value.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut forged = value.clone();
            forged[place] ^= flip;
            assert_eq!(verify(&KEY, &forged, 0), Verdict::Invalid, "byte {place} ^ {flip}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(value in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(verify(&KEY, &value, 0), Verdict::Invalid);
    }
}
