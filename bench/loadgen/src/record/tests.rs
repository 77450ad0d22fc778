//! Sealing and opening with the same keys give the plaintext back, and nothing else does.

use rustls::ConnectionTrafficSecrets;
use rustls::crypto::cipher::{AeadKey, Iv};

use super::*;

fn protector(sequence: u64) -> Protector {
    let key = AeadKey::from([7; 32]);
    let iv = Iv::new([9; 12]);
    Protector::new((sequence, ConnectionTrafficSecrets::Aes256Gcm { key, iv })).unwrap()
}

#[test]
fn sealed_records_open_in_order() {
    let (mut tx, mut rx) = (protector(0), protector(0));
    for plain in [&b"first"[..], b"", &[3; PLAIN_BYTES_MAX]] {
        let mut sealed = Vec::new();
        tx.seal(plain, &mut sealed).unwrap();
        assert_eq!(whole(&sealed), Some(HEADER_BYTES + plain.len() + TRAILER_BYTES));
        assert_eq!(whole(&sealed[..sealed.len() - 1]), None);
        let (kind, len) = rx.open(&mut sealed).unwrap();
        assert_eq!((kind, len), (APPLICATION_DATA, plain.len()));
        assert_eq!(&sealed[HEADER_BYTES..][..len], plain);
    }
}

#[test]
fn wrong_sequence_or_changed_byte_does_not_open() {
    let mut sealed = Vec::new();
    protector(4).seal(b"text", &mut sealed).unwrap();
    assert!(protector(5).open(&mut sealed.clone()).is_none());
    sealed[HEADER_BYTES] ^= 1;
    assert!(protector(4).open(&mut sealed).is_none());
}

#[test]
fn too_long_for_a_record_is_refused() {
    let mut sealed = Vec::new();
    assert!(protector(0).seal(&[0; PLAIN_BYTES_MAX + 1], &mut sealed).is_none());
    assert!(sealed.is_empty());
}
