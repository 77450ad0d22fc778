//! Chains come out in order whatever the order of the files, and what is wrong is named.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

fn authority(name: &str, above: Option<&Authority>) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let signed = match above {
        Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let certificate = Certificate::from_der(signed.der()).unwrap();
    Authority { issuer: Issuer::new(params, key), certificate }
}

fn leaf(names: &[&str], days: std::ops::Range<i64>, above: &Authority) -> Certificate {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "Torwächter GmbH");
    let time = |day: i64| {
        let time = x509_parser::time::ASN1Time::from_timestamp(NOW + day * 86_400).unwrap();
        time.to_datetime()
    };
    (params.not_before, params.not_after) = (time(days.start), time(days.end));
    let key = KeyPair::generate().unwrap();
    Certificate::from_der(params.signed_by(&key, &above.issuer).unwrap().der()).unwrap()
}

struct House {
    root: Authority,
    middle: Authority,
    leaf: Certificate,
}

fn house() -> House {
    let root = authority("Root", None);
    let middle = authority("Middle", Some(&root));
    let leaf = leaf(&["example.com", "www.example.com"], -1..90, &middle);
    House { root, middle, leaf }
}

fn roots(house: &House) -> Vec<Anchor> {
    vec![Anchor {
        name: house.root.certificate.subject.der.clone(),
        spki: house.root.certificate.spki.clone(),
        der: None,
        label: "Root".into(),
    }]
}

fn requested(names: &[&str]) -> Requested {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Requested { names, organization: Some("Torwächter GmbH".into()) }
}

fn judged(
    house: &House,
    sent: &[Certificate],
    asked: &Requested,
) -> (Vec<usize>, Vec<&'static str>) {
    let roots = roots(house);
    let requested = Some(asked);
    let inputs = Inputs { sent, key: &house.leaf.spki, requested, roots: &roots, now: NOW };
    let judgement = judge(&inputs);
    (judgement.chain, judgement.findings.iter().map(|finding| finding.code).collect())
}

#[test]
fn any_order_of_the_files_gives_the_same_chain() {
    let house = house();
    let asked = requested(&["example.com", "www.example.com"]);
    let (middle, root) = (house.middle.certificate.clone(), house.root.certificate.clone());
    let sent = [house.leaf.clone(), middle.clone()];
    assert_eq!(judged(&house, &sent, &asked), (vec![0, 1], vec![]));
    let sent = [root, middle.clone(), house.leaf.clone()];
    let codes = vec!["install-root-left-out", "install-reordered"];
    assert_eq!(judged(&house, &sent, &asked), (vec![2, 1], codes));
    let stranger = authority("Stranger", None).certificate;
    let sent = [house.leaf.clone(), stranger, middle.clone(), middle];
    // Of the twins either may be taken, and the other is no news.
    let (chain, codes) = judged(&house, &sent, &asked);
    assert_eq!((chain[0], codes), (0, vec!["install-left-out"]));
}

#[test]
fn a_missing_intermediate_is_named() {
    let house = house();
    let sent = [house.leaf.clone()];
    let roots = roots(&house);
    let key = &house.leaf.spki;
    let inputs = Inputs { sent: &sent, key, requested: None, roots: &roots, now: NOW };
    let findings = judge(&inputs).findings;
    assert_eq!(findings[0].code, "install-intermediate-missing");
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings[0].subject.contains("Middle"), "{:?}", findings[0]);
}

#[test]
fn an_issuer_of_the_same_name_with_another_key_is_none() {
    let house = house();
    let twin = authority("Middle", Some(&house.root)).certificate;
    let asked = requested(&["example.com", "www.example.com"]);
    let (chain, codes) = judged(&house, &[house.leaf.clone(), twin], &asked);
    assert_eq!((chain, codes[0]), (vec![0], "install-intermediate-missing"));
}

#[test]
fn the_wrong_key_and_wrong_dates_are_errors() {
    let mut house = house();
    let asked = requested(&["example.com", "www.example.com"]);
    let sent = [house.middle.certificate.clone()];
    assert_eq!(judged(&house, &sent, &asked), (vec![], vec!["install-key-mismatch"]));
    house.leaf = leaf(&["example.com", "www.example.com"], -90..-1, &house.middle);
    let sent = [house.leaf.clone(), house.middle.certificate.clone()];
    assert_eq!(judged(&house, &sent, &asked).1, ["install-expired"]);
    house.leaf = leaf(&["example.com", "www.example.com"], 1..90, &house.middle);
    let sent = [house.leaf.clone(), house.middle.certificate.clone()];
    assert_eq!(judged(&house, &sent, &asked).1, ["install-not-yet-valid"]);
}

#[test]
fn names_lost_and_added_and_another_organisation_are_said() {
    let house = house();
    let sent = [house.leaf.clone(), house.middle.certificate.clone()];
    let mut asked = requested(&["example.com", "shop.example.com"]);
    assert_eq!(judged(&house, &sent, &asked).1, ["install-names-lost", "install-names-added"]);
    asked = requested(&["example.com", "www.example.com"]);
    asked.organization = Some("Other AG".into());
    assert_eq!(judged(&house, &sent, &asked).1, ["install-subject-changed"]);
}

/// 2026-11-22.
const NOW: i64 = 1_795_305_600;
