//! What the corpus has no files for: wrong signers, loops, anchors as trust stores keep them.

use alloc::borrow::ToOwned;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

struct Ca {
    parameters: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

fn parameters(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = is_ca;
    parameters.use_authority_key_identifier_extension = false;
    parameters
}

fn root(name: &str) -> Ca {
    let parameters = parameters(name, IsCa::Ca(BasicConstraints::Unconstrained));
    let key = KeyPair::generate().unwrap();
    let der = parameters.self_signed(&key).unwrap();
    let certificate = Certificate::from_der(der.der()).unwrap();
    Ca { parameters, key, certificate }
}

fn below(ca: &Ca, name: &str, is_ca: IsCa) -> Ca {
    let parameters = parameters(name, is_ca);
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::from_params(&ca.parameters, &ca.key);
    let der = parameters.signed_by(&key, &issuer).unwrap();
    let certificate = Certificate::from_der(der.der()).unwrap();
    Ca { parameters, key, certificate }
}

const CA: IsCa = IsCa::Ca(BasicConstraints::Unconstrained);
const NOW: i64 = 1_795_305_600;

fn anchor(root: &Certificate) -> Anchor {
    let der = Some(root.der.clone());
    Anchor { name: root.subject.der.clone(), spki: root.spki.clone(), der, label: "r".to_owned() }
}

#[test]
fn nothing_sent_is_no_chain() {
    assert!(build(&[], &[], &[], 0).is_none());
}

#[test]
fn the_same_name_with_another_key_is_a_bad_signature() {
    let (one, two) = (root("Root"), root("Root"));
    let leaf = below(&one, "leaf", IsCa::NoCa);
    let sent = [leaf.certificate, two.certificate];
    let chain = build(&sent, &[], &[], NOW).unwrap().chain;
    assert_eq!(chain.end, ChainEnd::Incomplete);
    assert_eq!(chain.faults[0], Fault::BadSignature { subject: "CN=leaf".to_owned() });
}

#[test]
fn a_leaf_that_signs_is_no_ca() {
    let root = root("Root");
    let middle = below(&root, "middle", IsCa::ExplicitNoCa);
    let leaf = below(&middle, "leaf", IsCa::NoCa);
    let anchors = [anchor(&root.certificate)];
    let sent = [leaf.certificate, middle.certificate];
    let chain = build(&sent, &[], &anchors, NOW).unwrap().chain;
    assert_eq!(chain.end, ChainEnd::Anchor);
    assert_eq!(chain.faults, [Fault::NotCa { subject: "CN=middle".to_owned() }]);
}

#[test]
fn anchors_without_outer_headers_count_too() {
    let root = root("Root");
    let leaf = below(&root, "leaf", IsCa::NoCa);
    let bare = |der: &[u8]| {
        crate::certificate::der::only(der, crate::certificate::der::SEQUENCE).unwrap().to_vec()
    };
    let anchors = [Anchor {
        name: bare(&root.certificate.subject.der),
        spki: bare(&root.certificate.spki),
        der: None,
        label: "Root".to_owned(),
    }];
    let built = build(&[leaf.certificate], &[], &anchors, NOW).unwrap();
    assert_eq!(built.chain.end, ChainEnd::Anchor);
    assert_eq!(built.issuer_spki.unwrap(), root.certificate.spki);
    assert_eq!(built.chain.built[1].source, Source::Anchor);
}

#[test]
fn cas_that_sign_each_other_come_to_an_end() {
    let (one, two) = (root("One"), root("Two"));
    let cross = |subject: &Ca, by: &Ca| {
        let issuer = Issuer::from_params(&by.parameters, &by.key);
        let der = subject.parameters.signed_by(&subject.key, &issuer).unwrap();
        Certificate::from_der(der.der()).unwrap()
    };
    let leaf = below(&one, "leaf", IsCa::NoCa);
    let sent = [leaf.certificate, cross(&one, &two), cross(&two, &one)];
    let chain = build(&sent, &[], &[], NOW).unwrap().chain;
    assert_eq!(chain.end, ChainEnd::Incomplete);
}

#[test]
fn many_of_one_name_are_bounded() {
    let mut sent = Vec::new();
    let real = root("Root");
    sent.push(below(&real, "leaf", IsCa::NoCa).certificate);
    sent.extend((0..60).map(|_| below(&real, "Root", CA).certificate));
    let chain = build(&sent, &[], &[], NOW).unwrap().chain;
    assert_eq!(chain.sent.len(), SENT_MAX);
    assert!(chain.missing.is_some());
}
