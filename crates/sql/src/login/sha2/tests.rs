//! Passwords sealed and opened.

use super::*;

const SCRAMBLE: &[u8] = b"abcdefghijklmnopqrst";

fn sealed_by_a_client(own: &OwnKey, password: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pem = runtime.block_on(own.public_pem()).unwrap();
    let closed = [password, b"\0"].concat();
    Password::from_clear(&closed).unwrap().encrypted(&pem, SCRAMBLE).unwrap()
}

#[test]
fn what_a_client_seals_with_the_doors_key_is_its_password_again() {
    let own = OwnKey::default();
    for password in [&b"secret"[..], b"", b"a much longer password than the scramble has bytes"] {
        let sealed = sealed_by_a_client(&own, password);
        assert_eq!(sealed.len(), 256);
        let opened = own.open(&sealed, SCRAMBLE).unwrap();
        assert_eq!(opened.clear(), [password, b"\0"].concat());
    }
    assert!(own.open(&[1; 256], SCRAMBLE).is_none());
    assert!(own.open(b"", SCRAMBLE).is_none());
}

#[test]
fn a_key_that_is_none_and_a_text_that_is_no_password_are_refused() {
    let password = Password::from_clear(b"secret\0").unwrap();
    assert!(
        password
            .encrypted(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", SCRAMBLE)
            .is_none()
    );
    assert!(password.encrypted(b"", SCRAMBLE).is_none());
    assert!(Password::from_clear(b"not closed").is_none());
    assert!(Password::from_clear(&[0; 5000]).is_none());
}

#[test]
fn debug_shows_no_password() {
    let password = Password::from_clear(b"secret\0").unwrap();
    assert!(!format!("{password:?}").contains("secret"));
}
