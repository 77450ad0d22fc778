//! Tests of `base64url`.

use proptest::prelude::*;

use super::{ENCODED_32, decode_32, encode, is_letter};

#[test]
fn vectors_of_rfc_4648() {
    for (plain, text) in [
        ("", ""),
        ("f", "Zg"),
        ("fo", "Zm8"),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg"),
        ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(encode(plain.as_bytes()), text);
    }
    assert_eq!(encode(&[0xfb, 0xff]), "-_8");
}

#[test]
fn unused_bits_must_be_zero() {
    let mut text = encode(&[0; 32]).into_bytes();
    assert_eq!(decode_32(&text), Some([0; 32]));
    for last in [b'B', b'C', b'D'] {
        text[ENCODED_32 - 1] = last;
        assert_eq!(decode_32(&text), None);
    }
    text[ENCODED_32 - 1] = b'E';
    assert!(decode_32(&text).is_some());
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(bytes: [u8; 32]) {
        let text = encode(&bytes);
        prop_assert!(text.bytes().all(is_letter));
        prop_assert_eq!(decode_32(text.as_bytes()), Some(bytes));
    }

    #[test]
    fn what_decodes_is_the_only_spelling(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(bytes) = decode_32(&text) {
            prop_assert_eq!(encode(&bytes).into_bytes(), text);
        }
    }

    #[test]
    fn likely_spellings_too(text in "[A-Za-z0-9_-]{43}") {
        if let Some(bytes) = decode_32(text.as_bytes()) {
            prop_assert_eq!(encode(&bytes), text);
        }
    }
}
