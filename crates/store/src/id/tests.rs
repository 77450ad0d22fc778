//! Tests of names.

use proptest::prelude::*;

use super::*;

#[test]
fn a_name_is_26_characters_and_reads_back() {
    assert_eq!(Id::of(0).as_str(), "a".repeat(26));
    assert_eq!(Id::of(u128::MAX).as_str(), format!("h{}", "7".repeat(25)));
    let id = Id::random().unwrap();
    assert_eq!(Id::parse(id.as_str()), Ok(id));
    assert_ne!(id, Id::random().unwrap());
    assert_eq!(format!("{id:?}").len(), "Id(abcdef…)".len(), "not all of it");
}

#[test]
fn words_are_kept_apart() {
    assert_eq!(Id::derived(&[b"owner", b"session"]), Id::derived(&[b"owner", b"session"]));
    assert_ne!(Id::derived(&[b"owner", b"session"]), Id::derived(&[b"owners", b"ession"]));
}

#[test]
fn nothing_else_is_a_name() {
    for text in ["", "aaaaaaaaaaaaaaaaaaaaaaaaa", "iaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(Id::parse(text), Err(IdError), "{text}");
    }
    for letter in ['A', '0', '1', '8', '/', '.', '\0', 'é'] {
        let text: String = (0..26).map(|at| if at == 9 { letter } else { 'a' }).collect();
        assert_eq!(Id::parse(text), Err(IdError), "{letter}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_name_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(id) = Id::parse(&bytes) {
            prop_assert_eq!(id.as_str().as_bytes(), &bytes);
        }
    }

    #[test]
    fn any_bits_read_back(bits: u128) {
        let id = Id::of(bits);
        prop_assert_eq!(id.as_str().parse(), Ok(id));
    }
}
