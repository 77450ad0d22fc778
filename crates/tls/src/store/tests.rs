//! Tests of `store`, most by handshakes in memory.

use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    PKCS_RSA_SHA256, SignatureAlgorithm, date_time_ymd,
};
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};

use super::{Pair, Standing, Store};
use crate::error::TlsError;
use crate::memory_handshake::{credulous, handshake};
use crate::server::server_config;
use crate::ticket::{Ticketer, unix_seconds};

/// A pair made for a test.
struct Made {
    certificate: String,
    key: String,
    standing: Standing,
}

impl Made {
    fn new(names: &[&str], algorithm: &'static SignatureAlgorithm) -> Self {
        Self::between(names, algorithm, 2000, 4000)
    }

    fn between(
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
        from: i32,
        until: i32,
    ) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem(), standing: Standing::Proper }
    }

    fn standin(mut self) -> Self {
        self.standing = Standing::Standin;
        self
    }

    fn pair(&self) -> Pair<'_> {
        Pair {
            certificate_pem: self.certificate.as_bytes(),
            key_pem: self.key.as_bytes(),
            standing: self.standing,
        }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

fn store(made: &[Made]) -> Store {
    Store::new(made.iter().map(Made::pair), NOW).unwrap().0
}

/// The place in `made` of the certificate a name gets.
fn chosen(store: &Store, made: &[Made], name: Option<&str>, schemes: &[SignatureScheme]) -> usize {
    let key = store.choose(name, schemes).unwrap();
    made.iter().position(|made| made.der() == key.cert[0]).unwrap()
}

/// Likewise, as a client sees it.
fn served(store: &Store, made: &[Made], name: &str, schemes: &[SignatureScheme]) -> usize {
    let mut places = [&TLS12, &TLS13].map(|version| {
        let ticketer = Arc::new(Ticketer::new(&[1; 32], unix_seconds));
        let store = Arc::new(store.clone());
        let server = Arc::new(server_config(store, None, ticketer, &[b"h2"]).unwrap());
        let client = credulous(version, schemes, &[b"h2"]);
        let (client, _) = handshake(&client, &server, name).unwrap();
        let leaf = &client.peer_certificates().unwrap()[0];
        made.iter().position(|made| made.der() == *leaf).unwrap()
    });
    places.sort_unstable();
    assert_eq!(places[0], places[1], "both versions of TLS must get the same");
    places[0]
}

#[test]
fn exact_before_wildcard_before_default() {
    let made = [
        Made::new(&["default.test"], EC),
        Made::new(&["*.example.com"], EC),
        Made::new(&["www.Example.com", "example.net"], EC),
    ];
    let store = store(&made);
    for (name, place) in [
        ("www.example.com", 2),
        ("WWW.eXample.COM", 2),
        ("example.net", 2),
        ("a.example.com", 1),
        ("example.com", 0),
        ("a.b.example.com", 0),
        (".example.com", 0),
        ("com", 0),
        ("unknown.test", 0),
        ("default.test", 0),
    ] {
        if !name.starts_with('.') {
            assert_eq!(served(&store, &made, name, ALL), place, "{name}");
        }
        assert_eq!(chosen(&store, &made, Some(name), ALL), place, "{name}");
    }
    // A client that goes to an address sends no SNI.
    assert_eq!(served(&store, &made, "192.0.2.1", ALL), 0);
    assert_eq!(chosen(&store, &made, Some("www.example.com."), ALL), 2);
    assert_eq!(chosen(&store, &made, None, ALL), 0);
}

#[test]
fn each_client_gets_the_best_key_it_can_check() {
    let made = [
        Made::new(&["a.test"], &PKCS_RSA_SHA256),
        Made::new(&["a.test", "b.test"], &PKCS_ED25519),
        Made::new(&["a.test"], EC),
        Made::new(&["*.test"], &PKCS_RSA_SHA256),
    ];
    let store = store(&made);
    assert_eq!(served(&store, &made, "a.test", ALL), 2);
    assert_eq!(served(&store, &made, "a.test", RSA), 0);
    assert_eq!(served(&store, &made, "a.test", &[SignatureScheme::ED25519]), 1);
    // The default has kin as well.
    assert_eq!(served(&store, &made, "192.0.2.1", ALL), 2);
    assert_eq!(served(&store, &made, "192.0.2.1", RSA), 0);
    // A wildcard with the right key beats the exact one that cannot be checked.
    assert_eq!(served(&store, &made, "b.test", RSA), 3);
    // Nobody can help this one, and its own name's certificate says so.
    assert_eq!(chosen(&store, &made, Some("a.test"), &[]), 2);
}

#[test]
fn valid_ones_come_first_and_standins_last() {
    let made = [
        Made::between(&["a.test"], EC, 2000, 2001),
        Made::between(&["a.test"], EC, 2030, 2040),
        Made::new(&["a.test"], EC),
        Made::new(&["a.test"], EC),
        Made::new(&["a.test", "b.test", "c.test"], EC).standin(),
        Made::between(&["b.test"], EC, 2000, 2001),
        Made::new(&["*.test"], &PKCS_RSA_SHA256),
    ];
    let store = store(&made);
    assert_eq!(served(&store, &made, "a.test", ALL), 2);
    // Even one that has expired says more than the development CA's.
    assert_eq!(served(&store, &made, "b.test", ALL), 5);
    assert_eq!(served(&store, &made, "c.test", ALL), 6);
    assert_eq!(served(&store, &made, "c.test", ECDSA), 4);
    assert_eq!(served(&store, &made, "192.0.2.1", ALL), 2);
    // Time goes by: all but the second have not begun, or are over.
    assert!(store.as_of(NOW + 3600).is_none());
    let later = store.as_of(1_950_000_000).unwrap();
    assert_eq!(served(&later, &made, "a.test", ALL), 1);
    assert!(later.as_of(1_950_000_000).is_none());
    let long_ago = store.as_of(-1_000_000_000).unwrap();
    assert_eq!(served(&long_ago, &made, "a.test", ALL), 0);
}

#[test]
fn what_cannot_be_used_is_left_out_and_said() {
    let mut made = [Made::new(&["a.test"], EC), Made::new(&["b.test"], EC)];
    made[0].key = made[1].key.clone();
    let (store, findings) = Store::new(made.iter().map(Made::pair), NOW).unwrap();
    assert_eq!(store.count(), 1);
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["certificate-left-out"]);
    assert_eq!(findings[0].subject, "certificate 1");
    assert_eq!(findings[0].claim, "the private key does not match the certificate");
    assert_eq!(chosen(&store, &made, Some("a.test"), ALL), 1);

    let error = Store::new(made[..1].iter().map(Made::pair), NOW).unwrap_err();
    assert!(matches!(error, TlsError::ConfigKeyMismatch { .. }), "{error}");
    let error = Store::new([], NOW).unwrap_err();
    assert!(matches!(error, TlsError::ConfigNoCertificate), "{error}");
    let old = [Made::between(&["a.test"], EC, 2000, 2001)];
    let (_, findings) = Store::new(old.iter().map(Made::pair), NOW).unwrap();
    assert_eq!(findings[0].code, "certificate-expired");
}

#[test]
fn nothing_shows_a_key() {
    let made = [Made::new(&["a.test"], EC)];
    let texts = [format!("{:?}", store(&made)), format!("{:?}", made[0].pair())];
    assert_eq!(texts, ["[[\"a.test\"]]", "Pair { standing: Proper, .. }"]);
}

const NOW: i64 = 1_800_000_000;

const EC: &SignatureAlgorithm = &PKCS_ECDSA_P256_SHA256;
const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
const RSA: &[SignatureScheme] =
    &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256];
const ALL: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
];
