//! What is kept, what is renewed, and what is in the certificates; see `peers` for who accepts
//! them.

mod peers;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::*;

use super::{DevCertificate, Outcome, Reason, ensure};
use crate::error::TlsError;
use crate::fingerprint::fingerprint;

/// 2026-11-01.
const NOW: i64 = 1_793_491_200;
const DAY: i64 = 86_400;
const FILES: [&str; 4] = ["ca.pem", "ca-key.pem", "dev-cert.pem", "dev-key.pem"];

fn made(state: &Path, names: &[&str], now_unix: i64) -> DevCertificate {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    ensure(state, &names, now_unix).unwrap()
}

fn contents(state: &Path) -> [Vec<u8>; 4] {
    FILES.map(|name| fs::read(state.join(name)).unwrap())
}

#[test]
fn first_use_makes_four_files_and_the_second_changes_none() {
    let temp = tempfile::tempdir().unwrap();
    let state = temp.path().join("state");
    let first = made(&state, &["localhost", "a.example"], NOW);
    assert_eq!(first.ca, Outcome::Issued(Reason::FirstUse));
    assert_eq!(first.leaf, Outcome::Issued(Reason::FirstUse));
    let mode = |name: &str| fs::metadata(state.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("."), 0o700);
    assert_eq!((mode("ca-key.pem"), mode("dev-key.pem")), (0o600, 0o600));
    let before = contents(&state);

    let second = made(&state, &["A.example", "localhost", "localhost"], NOW + 1);
    assert_eq!((second.ca, second.leaf), (Outcome::Kept, Outcome::Kept));
    assert_eq!(contents(&state), before);
    assert_eq!(second.chain_pem, first.chain_pem);
    assert_eq!(second.key_pem, first.key_pem);
    assert_eq!(second.ca_fingerprint_sha256, first.ca_fingerprint_sha256);
    assert_eq!(second.not_after_unix, first.not_after_unix);

    let authority = CertificateDer::from_pem_file(&second.ca_path).unwrap();
    assert_eq!(second.ca_fingerprint_sha256, fingerprint(&authority));
    assert_eq!(second.chain_pem.matches("BEGIN CERTIFICATE").count(), 1);
    let shown = format!("{second:?}");
    assert!(!shown.contains("PRIVATE") && !shown.contains(&second.key_pem[40..80]));
    // Only the four files and the lock: no temporary name is left.
    assert_eq!(fs::read_dir(&state).unwrap().count(), 5);
}

#[test]
fn what_the_authority_says_of_itself() {
    let state = tempfile::tempdir().unwrap();
    let made = made(state.path(), &["localhost", "*.dev.example", "192.0.2.1"], NOW);
    let der = CertificateDer::from_pem_file(&made.ca_path).unwrap();
    let (_, ca) = X509Certificate::from_der(&der).unwrap();
    let name = ca.subject().to_string();
    let tag = name.strip_prefix("CN=menshen development CA ").unwrap();
    assert!(tag.len() == 4 && tag.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    let life = ca.validity().not_after.timestamp() - ca.validity().not_before.timestamp() + 1;
    assert_eq!(life, 3650 * DAY);

    let basic = ca.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca && basic.value.path_len_constraint == Some(0));
    let usage = ca.key_usage().unwrap().unwrap();
    assert!(usage.value.key_cert_sign() && usage.value.crl_sign());
    assert!(!usage.value.digital_signature());
    let constraints = ca.name_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.excluded_subtrees.is_none());
    let mut permitted: Vec<String> = constraints
        .value
        .permitted_subtrees
        .as_ref()
        .unwrap()
        .iter()
        .map(|subtree| match &subtree.base {
            GeneralName::DNSName(host) => (*host).to_owned(),
            GeneralName::IPAddress(bytes) => format!("{bytes:?}"),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    permitted.sort();
    let mut loopback6 = [0; 32];
    loopback6[15] = 1;
    loopback6[16..].fill(255);
    let mut expected = vec![
        "dev.example".to_owned(),
        "localhost".to_owned(),
        "[127, 0, 0, 1, 255, 255, 255, 255]".to_owned(),
        "[192, 0, 2, 1, 255, 255, 255, 255]".to_owned(),
        format!("{loopback6:?}"),
    ];
    expected.sort();
    assert_eq!(permitted, expected);
}

#[test]
fn what_the_leaf_says_of_itself() {
    let state = tempfile::tempdir().unwrap();
    let one = made(state.path(), &["localhost", "*.dev.example", "192.0.2.1"], NOW);
    let authority = CertificateDer::from_pem_file(&one.ca_path).unwrap();
    let (_, ca) = X509Certificate::from_der(&authority).unwrap();
    let der = CertificateDer::from_pem_slice(one.chain_pem.as_bytes()).unwrap();
    let (_, leaf) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(one.leaf_fingerprint_sha256, fingerprint(&der));
    assert_eq!(leaf.validity().not_after.timestamp(), one.not_after_unix);
    let life = one.not_after_unix - leaf.validity().not_before.timestamp() + 1;
    assert_eq!(life, 46 * DAY);
    assert!(leaf.validity().not_before.timestamp() < NOW);
    assert!(!leaf.is_ca());

    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    let names = leaf.subject_alternative_name().unwrap().unwrap().value;
    assert_eq!(names.general_names.len(), 5);
    let identifiers = |certificate: &X509Certificate<'_>| {
        let mut found = (None, None);
        for extension in certificate.iter_extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => found.0 = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    found.1 = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        found
    };
    let (own, above) = identifiers(&leaf);
    assert!(own.is_some() && own != above);
    assert_eq!(above, identifiers(&ca).0);
    assert_eq!(leaf.raw_serial().len(), 16);
    assert_ne!(leaf.raw_serial(), ca.raw_serial());
}

#[test]
fn a_leaf_is_renewed_at_two_thirds_of_its_life() {
    let state = tempfile::tempdir().unwrap();
    let first = made(state.path(), &["localhost"], NOW);
    assert!((NOW + 30 * DAY..NOW + 31 * DAY).contains(&first.renew_at_unix));
    let kept = made(state.path(), &["localhost"], first.renew_at_unix - 1);
    assert_eq!((kept.ca, kept.leaf), (Outcome::Kept, Outcome::Kept));
    let renewed = made(state.path(), &["localhost"], first.renew_at_unix);
    assert_eq!((renewed.ca, renewed.leaf), (Outcome::Kept, Outcome::Issued(Reason::NearEnd)));
    assert!(renewed.not_after_unix > first.not_after_unix);
    assert_ne!(renewed.key_pem, first.key_pem);
    assert_eq!(renewed.ca_fingerprint_sha256, first.ca_fingerprint_sha256);
    let again = made(state.path(), &["localhost"], first.renew_at_unix + 1);
    assert_eq!(again.leaf, Outcome::Kept);
}

#[test]
fn fewer_or_lower_names_keep_the_authority_and_others_do_not() {
    let state = tempfile::tempdir().unwrap();
    let first = made(state.path(), &["localhost", "dev.example"], NOW);
    for inside in [&["localhost"][..], &["a.dev.example", "*.b.dev.example"], &["127.0.0.1"]] {
        let changed = made(state.path(), inside, NOW);
        assert_eq!(changed.ca, Outcome::Kept, "{inside:?}");
        assert_eq!(changed.leaf, Outcome::Issued(Reason::NamesChanged), "{inside:?}");
    }
    for outside in [&["localhost", "example"][..], &["localhost", "192.0.2.1"]] {
        let changed = made(state.path(), outside, NOW);
        assert_eq!(changed.ca, Outcome::Issued(Reason::NamesChanged), "{outside:?}");
        assert_eq!(changed.leaf, Outcome::Issued(Reason::AuthorityChanged), "{outside:?}");
        assert_ne!(changed.ca_fingerprint_sha256, first.ca_fingerprint_sha256);
    }
}

#[test]
fn an_authority_is_replaced_before_its_last_leaf_could_outlive_it() {
    let state = tempfile::tempdir().unwrap();
    made(state.path(), &["localhost"], NOW);
    let late = NOW + (3650 - 91) * DAY;
    let kept = made(state.path(), &["localhost"], late);
    assert_eq!((kept.ca, kept.leaf), (Outcome::Kept, Outcome::Issued(Reason::NearEnd)));
    let replaced = made(state.path(), &["localhost"], late + 2 * DAY);
    assert_eq!(replaced.ca, Outcome::Issued(Reason::NearEnd));
    assert_eq!(replaced.leaf, Outcome::Issued(Reason::AuthorityChanged));
}

#[test]
fn a_clock_set_back_keeps_the_authority() {
    let state = tempfile::tempdir().unwrap();
    made(state.path(), &["localhost"], NOW);
    for wrong in [0, i64::MIN, NOW - 400 * DAY] {
        let later = made(state.path(), &["localhost"], NOW + 40 * DAY);
        assert_ne!(later.leaf, Outcome::Kept);
        let back = made(state.path(), &["localhost"], wrong);
        assert_eq!((back.ca, back.leaf), (Outcome::Kept, Outcome::Issued(Reason::NearEnd)));
        // The next start with that clock does not make yet another one.
        assert_eq!(made(state.path(), &["localhost"], wrong).leaf, Outcome::Kept);
    }
    let error = ensure(state.path(), &[], i64::MAX).unwrap_err();
    assert!(matches!(error, TlsError::LocalClock), "{error}");
}

#[test]
fn damaged_files_are_replaced() {
    let state = tempfile::tempdir().unwrap();
    for (place, name) in FILES.iter().enumerate() {
        for damage in
            ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\u{1}"]
        {
            made(state.path(), &["localhost"], NOW);
            fs::write(state.path().join(name), damage).unwrap();
            let healed = made(state.path(), &["localhost"], NOW);
            if place < 2 {
                assert_eq!(healed.ca, Outcome::Issued(Reason::Damaged), "{name}");
                assert_eq!(healed.leaf, Outcome::Issued(Reason::AuthorityChanged), "{name}");
            } else {
                assert_eq!(healed.ca, Outcome::Kept, "{name}");
                assert_eq!(healed.leaf, Outcome::Issued(Reason::Damaged), "{name}");
            }
        }
    }
}

#[test]
fn files_of_two_folders_do_not_mix() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    made(one.path(), &["localhost"], NOW);
    made(two.path(), &["localhost"], NOW);
    let take = |name: &str| fs::copy(two.path().join(name), one.path().join(name)).unwrap();
    take("dev-key.pem");
    assert_eq!(made(one.path(), &["localhost"], NOW).leaf, Outcome::Issued(Reason::Damaged));
    take("dev-key.pem");
    take("dev-cert.pem");
    let healed = made(one.path(), &["localhost"], NOW);
    assert_eq!(healed.leaf, Outcome::Issued(Reason::AuthorityChanged));
    assert_eq!(healed.ca, Outcome::Kept);
    take("ca-key.pem");
    assert_eq!(made(one.path(), &["localhost"], NOW).ca, Outcome::Issued(Reason::Damaged));
}

#[test]
fn somebody_elses_authority_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Corporate Root");
    let certificate = params.self_signed(&key).unwrap();
    let (ca, ca_key) = (state.path().join("ca.pem"), state.path().join("ca-key.pem"));
    fs::write(&ca, certificate.pem()).unwrap();
    fs::write(&ca_key, key.serialize_pem()).unwrap();
    fs::set_permissions(&ca_key, fs::Permissions::from_mode(0o600)).unwrap();
    let error = ensure(state.path(), &["localhost".to_owned()], NOW).unwrap_err();
    assert!(matches!(error, TlsError::ConfigForeignAuthority { .. }), "{error}");
    assert_eq!(fs::read_to_string(&ca).unwrap(), certificate.pem());
    assert_eq!(fs::read_to_string(&ca_key).unwrap(), key.serialize_pem());
}

#[test]
fn an_authority_of_our_name_without_constraints_is_not_used() {
    let state = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "menshen development CA 0000");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    fs::write(state.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let ca_key = state.path().join("ca-key.pem");
    fs::write(&ca_key, key.serialize_pem()).unwrap();
    fs::set_permissions(&ca_key, fs::Permissions::from_mode(0o600)).unwrap();
    let replaced = made(state.path(), &["localhost"], NOW);
    assert_eq!(replaced.ca, Outcome::Issued(Reason::Damaged));
}

#[test]
fn keys_others_can_read_stop_it() {
    for name in ["ca-key.pem", "dev-key.pem"] {
        let state = tempfile::tempdir().unwrap();
        made(state.path(), &["localhost"], NOW);
        let path = state.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = ensure(state.path(), &["localhost".to_owned()], NOW).unwrap_err();
        assert!(matches!(error, TlsError::LocalSecretOpen { mode: 0o640, .. }), "{name}: {error}");
    }
}

#[test]
fn a_bad_name_touches_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let state = temp.path().join("state");
    let error = ensure(&state, &["a b".to_owned()], NOW).unwrap_err();
    assert!(matches!(error, TlsError::ConfigName { .. }));
    assert!(!state.exists());
}
