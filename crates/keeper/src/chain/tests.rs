//! Tests of the look at a returned chain.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};

use super::*;

/// 2026-06-01.
const NOW: i64 = 1_780_272_000;

struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    Authority { certificate, issuer: Issuer::new(params, key) }
}

fn leaf(authority: &Authority, names: &[&str], months: (u8, u8)) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2026, months.0, 1);
    params.not_after = date_time_ymd(2026, months.1, 1);
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn a_good_chain_is_held() {
    let authority = authority("Test CA");
    let (pem, key) = leaf(&authority, &["a.example"], (5, 8));
    let chain = format!("junk before\n{pem}{}", authority.certificate.pem());
    let name = Name::new("a.example");
    let held = check(&chain, &key, &name, NOW).unwrap();
    assert_eq!(held.issuer, "Test CA");
    assert_eq!(held.life.not_after - held.life.not_before, 92 * 86_400);
    assert!(held.identifier.is_some());
    // What is handed on is certificates and nothing else.
    assert!(held.chain_pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(held.chain_pem.matches("BEGIN").count(), 2);
    let again = stored(&held.chain_pem, &name).unwrap();
    assert_eq!((again.fingerprint, again.life), (held.fingerprint, held.life));
    assert!(stored(&held.chain_pem, &Name::new("b.example")).is_none());
    assert!(stored("garbage", &name).is_none());
}

#[test]
fn what_does_not_fit_is_refused() {
    let (first, second) = (authority("Test CA"), authority("Test CA"));
    let (pem, key) = leaf(&first, &["a.example"], (5, 8));
    let (other, other_key) = leaf(&first, &["b.example"], (5, 8));
    let (past, past_key) = leaf(&first, &["a.example"], (1, 3));
    let (future, future_key) = leaf(&first, &["a.example"], (9, 11));
    let own = first.certificate.pem();
    let cases = [
        (format!("{pem}{own}"), &other_key, "key"),
        (format!("{other}{own}"), &other_key, "made out to b.example"),
        (format!("{past}{own}"), &past_key, "clock"),
        (format!("{future}{own}"), &future_key, "clock"),
        (format!("{pem}{other}"), &key, "did not issue"),
        (format!("{pem}{}", second.certificate.pem()), &key, "not signed by"),
        (format!("{own}{pem}"), &key, "key"),
        ("nonsense".to_owned(), &key, "not usable"),
    ];
    for (chain, key, words) in cases {
        let refusal = check(&chain, key, &Name::new("a.example"), NOW).unwrap_err();
        assert!(refusal.contains(words), "{refusal} should say {words}");
        assert!(!refusal.contains("PRIVATE"));
    }
}
