//! Tests of `collect`: the ways people lay out certificates, and everything that can lie among
//! them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use tempfile::TempDir;

use super::*;

/// 2026-11-01.
const NOW: i64 = 1_793_491_200;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

struct Made {
    pem: String,
    key: String,
}

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let mut root = params.clone();
    root.distinguished_name.push(rcgen::DnType::CommonName, "root");
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, &Issuer::new(root, root_key)).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

/// A leaf valid from 2026-01-01 to the first day of `until`.
fn leaf(authority: &Authority, names: &[&str], until: (i32, u8), key: KeyPair) -> Made {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(until.0, until.1, 1);
    params.is_ca = IsCa::ExplicitNoCa;
    let pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
    Made { pem, key: key.serialize_pem() }
}

fn made(authority: &Authority, name: &str) -> Made {
    leaf(authority, &[name], (2027, 1), KeyPair::generate().unwrap())
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        put(folder.path(), name, text);
    }
    folder
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn look(folder: &Path) -> Collected {
    collect(&[folder.to_owned()], NOW)
}

fn codes(collected: &Collected) -> Vec<&'static str> {
    collected.findings.iter().map(|finding| finding.code).collect()
}

fn blocks(pair: &FoundPair) -> usize {
    pair.certificate_pem.matches("BEGIN CERTIFICATE").count()
}

#[test]
fn the_folders_of_certbot() {
    let authority = authority();
    let (old, new) = (made(&authority, "a.test"), made(&authority, "a.test"));
    let top = tempfile::tempdir().unwrap();
    for (number, made) in [("1", &old), ("2", &new)] {
        let full = format!("{}{}", made.pem, authority.pem);
        for (kind, text) in [
            ("cert", made.pem.as_str()),
            ("chain", &authority.pem),
            ("fullchain", &full),
            ("privkey", &made.key),
        ] {
            put(top.path(), &format!("archive/a.test/{kind}{number}.pem"), text);
        }
    }
    let live = top.path().join("live/a.test");
    fs::create_dir_all(&live).unwrap();
    for kind in ["cert", "chain", "fullchain", "privkey"] {
        let target = format!("../../archive/a.test/{kind}2.pem");
        symlink(target, live.join(format!("{kind}.pem"))).unwrap();
    }
    fs::write(top.path().join("live/README"), "no certificate").unwrap();
    for place in [top.path().join("live"), live.clone()] {
        let collected = look(&place);
        assert_eq!(codes(&collected), [""; 0], "{place:?}");
        let [pair] = collected.pairs.as_slice() else { panic!("{collected:?}") };
        assert_eq!((pair.names.as_slice(), blocks(pair)), (&["a.test".to_owned()][..], 2));
        assert_eq!(pair.file, live.join("fullchain.pem"));
        assert!(collected.watched.contains(&live) && collected.watched.contains(&pair.file));
        assert!(!collected.watched.contains(&top.path().join("live/README")));
        let loaded = load_pair(pair.certificate_pem.as_bytes(), pair.key_pem.as_bytes(), NOW);
        assert_eq!(loaded.unwrap().fingerprint_sha256, pair.fingerprint_sha256);
    }
    // With the archive beside it, the older one of the same names is left aside.
    assert_eq!(codes(&look(top.path())), ["certificate-duplicate"]);
}

#[test]
fn everything_in_one_file_in_any_order() {
    let authority = authority();
    let (one, two) = (made(&authority, "a.test"), made(&authority, "b.test"));
    let text = format!("{}{}{}{}{}", one.key, one.pem, authority.pem, two.pem, two.key);
    let folder = folder(&[("all.pem", &text)]);
    let file = folder.path().join("all.pem");
    let collected = collect(std::slice::from_ref(&file), NOW);
    assert_eq!(codes(&collected), [""; 0]);
    let found: Vec<(&str, usize)> =
        collected.pairs.iter().map(|pair| (pair.names[0].as_str(), blocks(pair))).collect();
    assert_eq!(found, [("a.test", 2), ("b.test", 1)]);
    assert_eq!(collected.watched, [file]);
}

#[test]
fn keys_belong_by_what_they_are_not_by_their_names() {
    let authority = authority();
    let (one, two) = (made(&authority, "a.test"), made(&authority, "b.test"));
    let folder = folder(&[
        ("a.crt", &one.pem),
        ("a.key", &two.key),
        ("b.crt", &two.pem),
        ("b.key", &one.key),
    ]);
    let collected = look(folder.path());
    assert_eq!(codes(&collected), [""; 0]);
    assert_eq!(collected.pairs.len(), 2);
    fs::remove_file(folder.path().join("b.key")).unwrap();
    let collected = look(folder.path());
    assert_eq!(codes(&collected), ["certificate-without-key"]);
    assert!(collected.findings[0].claim.contains("a.test"), "{:?}", collected.findings);
    assert_eq!(collected.pairs[0].names, ["b.test"]);
}

#[test]
fn one_certificate_per_names_and_kind_of_key_the_one_that_ends_last() {
    let authority = authority();
    let fresh = || KeyPair::generate().unwrap();
    let made = [
        ("1", leaf(&authority, &["a.test", "b.test"], (2026, 12), fresh())),
        ("2", leaf(&authority, &["b.test", "a.test"], (2027, 3), fresh())),
        ("3", leaf(&authority, &["a.test", "b.test"], (2026, 2), fresh())),
        ("4", leaf(&authority, &["a.test"], (2027, 1), fresh())),
        ("5", {
            let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
            leaf(&authority, &["a.test", "b.test"], (2027, 1), other)
        }),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, made) in &made {
        put(folder.path(), &format!("{name}.pem"), &format!("{}{}", made.pem, made.key));
    }
    let collected = look(folder.path());
    let files: Vec<&str> = collected
        .pairs
        .iter()
        .map(|pair| pair.file.file_name().unwrap().to_str().unwrap())
        .collect();
    // P-256 and P-384 are one kind: every client that can do the one can do the other.
    assert_eq!(files, ["2.pem", "4.pem"]);
    assert_eq!(codes(&collected), ["certificate-duplicate"]);
    assert!(collected.findings[0].claim.starts_with("3 other certificates"));
}

#[test]
fn a_certificate_that_has_not_begun_waits_for_its_day() {
    let authority = authority();
    let now = made(&authority, "a.test");
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 12, 1);
    params.not_after = rcgen::date_time_ymd(2027, 6, 1);
    let key = KeyPair::generate().unwrap();
    let later = params.signed_by(&key, &authority.issuer).unwrap().pem() + &key.serialize_pem();
    let folder = folder(&[("later.pem", &later), ("now.pem", &(now.pem + &now.key))]);
    let first = |at| collect(&[folder.path().to_owned()], at).pairs[0].file.clone();
    assert_eq!(first(NOW), folder.path().join("now.pem"));
    assert_eq!(first(1_796_083_200), folder.path().join("later.pem"));
}

#[test]
fn expired_ones_and_open_keys_are_told_and_served() {
    let authority = authority();
    let made = leaf(&authority, &["a.test"], (2026, 6), KeyPair::generate().unwrap());
    let folder = folder(&[("c.pem", &made.pem), ("k.pem", &made.key)]);
    assert_eq!(codes(&look(folder.path())), ["certificate-expired"]);
    let key = folder.path().join("k.pem");
    for (mode, open) in [(0o640, false), (0o400, false), (0o644, true), (0o660, true)] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let collected = look(folder.path());
        assert_eq!(codes(&collected).contains(&"certificate-key-open"), open, "{mode:o}");
        assert_eq!(collected.pairs.len(), 1);
    }
}

#[test]
fn what_is_broken_is_told_and_stops_nothing() {
    let authority = authority();
    let (good, lost) = (made(&authority, "a.test"), made(&authority, "b.test"));
    let own_root = authority.pem.clone() + &authority.issuer.key().serialize_pem();
    let folder = folder(&[
        ("a.pem", &(good.pem.clone() + &good.key)),
        ("cut.pem", &good.pem[..good.pem.len() - 30]),
        ("der.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("locked.pem", &lost.key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        ("root.pem", &own_root),
        ("notes.txt", "-----BEGIN CERT-----\nnothing"),
        ("dh.pem", "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"),
        ("long.bin", &" ".repeat(2 << 20)),
    ]);
    let collected = look(folder.path());
    let mut told: Vec<(String, &str)> = collected
        .findings
        .iter()
        .map(|finding| {
            let file = finding.subject.rsplit('/').next().unwrap().to_owned();
            (file, finding.code)
        })
        .collect();
    told.sort();
    let expected = [
        ("cut.pem", "certificate-file-damaged"),
        ("der.pem", "certificate-file-damaged"),
        ("key.pem", "certificate-key-unusable"),
        ("locked.pem", "certificate-key-encrypted"),
    ];
    assert_eq!(told, expected.map(|(file, code)| (file.to_owned(), code)));
    assert_eq!(collected.pairs.len(), 1, "{collected:?}");
    let shown = format!("{collected:?}");
    for made in [&good, &lost] {
        assert!(!shown.contains(made.key.lines().nth(1).unwrap()), "{shown}");
    }
}

#[test]
fn places_that_are_missing_or_hold_nothing() {
    let folder = folder(&[("empty/readme", "nothing"), ("file", "nothing")]);
    let place = |name: &str| folder.path().join(name);
    for (name, code, severity) in [
        ("none", "certificate-file-unreadable", Severity::Error),
        ("empty", "certificate-place-empty", Severity::Warning),
        ("file", "certificate-place-empty", Severity::Warning),
    ] {
        let collected = collect(&[place(name)], NOW);
        assert_eq!(codes(&collected), [code], "{name}");
        assert_eq!(collected.findings[0].severity, severity);
        assert!(collected.watched.contains(&place(name)), "it may come: {collected:?}");
    }
    assert!(collect(&[], NOW).findings.is_empty());
}

#[test]
fn links_that_go_in_circles_and_folders_that_go_deep() {
    let authority = authority();
    let deep = |name: &str| {
        let made = made(&authority, name);
        made.pem + &made.key
    };
    let folder =
        folder(&[("1/2/3/in.pem", &deep("in.test")), ("1/2/3/4/out.pem", &deep("out.test"))]);
    symlink(folder.path(), folder.path().join("1/up")).unwrap();
    symlink("self", folder.path().join("self")).unwrap();
    symlink("/nowhere/at/all", folder.path().join("lost")).unwrap();
    let collected = look(folder.path());
    assert_eq!(codes(&collected), [""; 0]);
    let names: Vec<&str> = collected.pairs.iter().map(|pair| pair.names[0].as_str()).collect();
    assert_eq!(names, ["in.test"]);
}

#[test]
fn more_files_than_anybody_has_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10_050 {
        fs::write(folder.path().join(number.to_string()), "").unwrap();
    }
    assert!(codes(&look(folder.path())).contains(&"certificate-place-large"));
}

#[test]
fn pem_is_written_as_others_write_it() {
    for length in 0..100 {
        let key = KeyPair::generate().unwrap();
        let der = &key.serialize_der()[..length];
        let text = read::armoured("CERTIFICATE", der);
        let back: Vec<(rustls::pki_types::pem::SectionKind, Vec<u8>)> =
            rustls::pki_types::pem::PemObject::pem_slice_iter(text.as_bytes())
                .map(Result::unwrap)
                .collect();
        assert_eq!(back[0].1, der);
        assert!(text.lines().all(|line| line.len() <= 64));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
        place in 0_usize..2000,
        value: u8,
    ) {
        let authority = authority();
        let good = made(&authority, "a.test");
        let mut changed = (good.pem.clone() + &good.key).into_bytes();
        let place = place % changed.len();
        changed[place] = value;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), &bytes).unwrap();
        fs::write(folder.path().join("b"), &changed).unwrap();
        bytes.extend_from_slice(good.pem.as_bytes());
        fs::write(folder.path().join("c"), &bytes).unwrap();
        prop_assert!(look(folder.path()).pairs.len() <= 1);
    }
}
