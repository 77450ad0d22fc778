//! Tests of `load`.

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519,
};

use super::{Loaded, load_pair};
use crate::error::TlsError;

/// 2026-11-01.
const NOW: i64 = 1_793_491_200;

struct Made {
    pem: String,
    key: String,
}

/// Authority and a leaf of it for a.example, valid 2026-01-01 to 2027-01-01.
fn made() -> (Made, Made) {
    let mut root = params("Test Root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let leaf_key = KeyPair::generate().unwrap();
    let mut leaf = params("leaf");
    leaf.subject_alt_names =
        CertificateParams::new(vec!["a.example".to_owned(), "192.0.2.1".to_owned()])
            .unwrap()
            .subject_alt_names;
    let root_key_pem = root_key.serialize_pem();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, root_key)).unwrap();
    (
        Made { pem: leaf.pem(), key: leaf_key.serialize_pem() },
        Made { pem: root_pem, key: root_key_pem },
    )
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    params
}

fn load(certificate: &str, key: &str) -> Result<Loaded, TlsError> {
    load_pair(certificate.as_bytes(), key.as_bytes(), NOW)
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_good_pair_has_no_findings() {
    let (leaf, _) = made();
    let loaded = load(&leaf.pem, &leaf.key).unwrap();
    assert_eq!(loaded.names, ["a.example", "192.0.2.1"]);
    assert_eq!((loaded.not_before_unix, loaded.not_after_unix), (1_767_225_600, 1_798_761_600));
    assert_eq!(loaded.fingerprint_sha256, crate::fingerprint(&loaded.chain[0]));
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    assert!(!format!("{loaded:?}").contains("key"));
}

#[test]
fn other_kinds_of_keys_load() {
    for kind in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let key = KeyPair::generate_for(kind).unwrap();
        let pem = params("leaf").self_signed(&key).unwrap().pem();
        assert!(load(&pem, &key.serialize_pem()).is_ok());
    }
}

#[test]
fn a_key_of_another_pair_is_refused() {
    let (leaf, root) = made();
    let (other, _) = made();
    let error = load(&leaf.pem, &other.key).unwrap_err();
    assert!(matches!(error, TlsError::ConfigKeyMismatch { matches_certificate: None }), "{error}");
    // The usual case: the chain in reverse.
    let error = load(&(root.pem + &leaf.pem), &leaf.key).unwrap_err();
    assert!(matches!(error, TlsError::ConfigKeyMismatch { matches_certificate: Some(2) }));
    assert!(error.detail().unwrap().contains("certificate 2"));
    assert!(error.hint().unwrap().contains("first"));
}

#[test]
fn times_are_judged() {
    let (leaf, _) = made();
    for (now, expected) in [
        (1_767_225_599, &["certificate-not-yet-valid"][..]),
        (1_767_225_600, &[]),
        (1_798_761_600, &[]),
        (1_798_761_601, &["certificate-expired"]),
        (i64::MAX, &["certificate-expired"]),
        (i64::MIN, &["certificate-not-yet-valid"]),
    ] {
        let loaded = load_pair(leaf.pem.as_bytes(), leaf.key.as_bytes(), now).unwrap();
        assert_eq!(codes(&loaded), expected, "{now}");
    }
}

#[test]
fn the_chain_is_judged() {
    let (leaf, root) = made();
    let (_, stranger) = made();
    let mut unrelated = params("Other Root");
    unrelated.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let unrelated = unrelated.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();

    let loaded = load(&format!("{}{}", leaf.pem, root.pem), &leaf.key).unwrap();
    assert_eq!(codes(&loaded), ["certificate-root-sent"]);
    let loaded = load(&format!("{}{unrelated}", leaf.pem), &leaf.key).unwrap();
    assert_eq!(codes(&loaded), ["certificate-chain-order", "certificate-root-sent"]);
    assert!(loaded.findings[0].claim.contains("certificate 2 of the file did not issue"));

    let loaded = load(&stranger.pem, &stranger.key).unwrap();
    assert_eq!(codes(&loaded), ["certificate-without-names", "certificate-is-authority"]);
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let (leaf, _) = made();
    let encrypted = leaf.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let legacy = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAAAA\n\
                  -----END EC PRIVATE KEY-----\n";
    let cut = &leaf.pem[..leaf.pem.len() - 40];
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let many = leaf.pem.repeat(17);
    let long = " ".repeat(2 << 20);
    let cases = [
        ("", leaf.key.as_str(), "holds no certificate"),
        (&leaf.key, &leaf.key, "holds no certificate"),
        (cut, &leaf.key, "damaged"),
        (garbage, &leaf.key, "cannot be understood"),
        (&many, &leaf.key, "more than 16"),
        (&long, &leaf.key, "longer than 1 MiB"),
        (&leaf.pem, "", "holds no private key"),
        (&leaf.pem, &leaf.pem, "holds no private key"),
        (&leaf.pem, &encrypted, "passphrase"),
        (&leaf.pem, legacy, "passphrase"),
        (&leaf.pem, bad_key, "cannot be used"),
        (&leaf.pem, &long, "longer than 1 MiB"),
    ];
    for (certificate, key, reason) in cases {
        let error = load(certificate, key).unwrap_err();
        assert!(matches!(error, TlsError::ConfigPem { .. }), "{reason}: {error}");
        let detail = error.detail().unwrap();
        assert!(detail.contains(reason), "{reason}: {detail}");
    }
}

#[test]
fn errors_never_show_the_key() {
    let (leaf, _) = made();
    let (other, _) = made();
    let line = leaf.key.lines().nth(1).unwrap();
    for (certificate, key) in [
        (other.pem.as_str(), leaf.key.clone()),
        (leaf.key.as_str(), leaf.key.clone()),
        (&leaf.pem, leaf.key.replace(line, &format!("{line}!"))),
        (&leaf.pem, leaf.key.replace("-----END", "----END")),
    ] {
        let error = load(certificate, &key).unwrap_err();
        let shown = format!("{error} {error:?} {:?} {:?}", error.detail(), error.hint());
        assert!(!shown.contains(&line[..20]), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(
        certificate in proptest::collection::vec(any::<u8>(), 0..300),
        key in proptest::collection::vec(any::<u8>(), 0..300),
        der in proptest::collection::vec(any::<u8>(), 0..200),
        now: i64,
    ) {
        prop_assert!(load_pair(&certificate, &key, now).is_err());
        // The same behind good PEM armour, so that the DER parsers are reached.
        let body = crate::base64url::encode(&der).replace('-', "+").replace('_', "/");
        let padded = format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4));
        let armour =
            |kind| format!("-----BEGIN {kind}-----\n{padded}\n-----END {kind}-----\n").into_bytes();
        let (good, _) = made();
        prop_assert!(load_pair(&armour("CERTIFICATE"), good.key.as_bytes(), now).is_err());
        prop_assert!(load_pair(good.pem.as_bytes(), &armour("PRIVATE KEY"), now).is_err());
    }

    #[test]
    fn a_changed_certificate_never_panics(place in 0_usize..2000, value: u8, now: i64) {
        let (leaf, root) = made();
        let mut pem = (leaf.pem + &root.pem).into_bytes();
        let place = place % pem.len();
        pem[place] = value;
        if let Ok(loaded) = load_pair(&pem, leaf.key.as_bytes(), now) {
            prop_assert!(!loaded.chain.is_empty());
        }
    }
}
