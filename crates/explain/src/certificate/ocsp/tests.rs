//! Answers of `openssl ocsp` are in the live tests; here, bytes that are none.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(envelope(&bytes).is_err() || bytes.len() > 20);
    }
}

#[test]
fn what_the_responder_says_instead_is_told() {
    assert_eq!(envelope(&[0x30, 3, 0x0a, 1, 6]), Err(OcspError::Said("unauthorized")));
    assert_eq!(envelope(&[0x30, 3, 0x0a, 1, 3]), Err(OcspError::Said("tryLater")));
    assert_eq!(envelope(b"<html>"), Err(OcspError::Unreadable));
}
