//! Any bytes: an error or facts, never a panic.

use alloc::borrow::ToOwned;

use proptest::prelude::*;

use super::*;

fn sample() -> Vec<u8> {
    let mut parameters = rcgen::CertificateParams::new(["example.com".to_owned()]).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "a, b+c \u{e9}");
    let key = rcgen::KeyPair::generate().unwrap();
    parameters.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn a_plain_certificate() {
    let der = sample();
    let facts = certificate(&der).unwrap();
    assert_eq!(facts.subject.text, "CN=a\\, b\\+c \u{e9}");
    assert_eq!(facts.version, 3);
    assert_eq!(facts.self_signed, SelfSigned::SelfSigned);
    assert_eq!(facts.public_key.curve.as_deref(), Some("P-256"));
    assert_eq!(facts.dns_names().collect::<Vec<_>>(), ["example.com"]);
    assert!(facts.signed(&facts));
}

#[test]
fn a_changed_octet_of_the_signature_is_no_longer_self_signed() {
    let mut der = sample();
    let last = der.len() - 1;
    der[last] ^= 1;
    let facts = certificate(&der).unwrap();
    assert_eq!(facts.self_signed, SelfSigned::SelfIssued);
}

#[test]
fn octets_after_and_too_many() {
    let mut der = sample();
    der.push(0);
    assert_eq!(certificate(&der), Err(Unreadable::Trailing(1)));
    let long = [0x30; CERTIFICATE_BYTES_MAX + 1];
    assert_eq!(certificate(&long), Err(Unreadable::TooLong(CERTIFICATE_BYTES_MAX + 1)));
}

#[test]
fn rsa_bits_ignore_the_sign_octet() {
    assert_eq!(bits(&[0, 0x80, 0]), 16);
    assert_eq!(bits(&[0x7f]), 7);
    assert_eq!(bits(&[]), 0);
    assert_eq!(decimal(&[1, 0, 1]), "65537");
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = certificate(&bytes);
    }

    #[test]
    fn any_change_of_a_good_one(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut der = sample();
        for (index, octet) in changes {
            let at = index.index(der.len());
            der[at] = octet;
        }
        let _ = certificate(&der);
        let _ = certificate(&der[..cut.index(der.len())]);
    }
}
