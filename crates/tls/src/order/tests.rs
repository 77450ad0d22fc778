//! What a class needs and refuses, and that the request holds what was ordered.

use std::os::unix::fs::PermissionsExt;

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, ParsedExtension, parse_x509_pem};

use super::*;

fn order(class: Class, names: &[&str]) -> Order {
    let some = |text: &str| Some(text.to_owned());
    let subject = match class {
        Class::Dv => Subject::default(),
        Class::Ov | Class::Ev => Subject {
            country: some("DE"),
            locality: some("Köln"),
            organization: some("Torwächter GmbH"),
            ..Subject::default()
        },
        Class::Iv => Subject {
            country: some("CN"),
            locality: some("上海"),
            given_name: some("门"),
            surname: some("神"),
            ..Subject::default()
        },
    };
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let mut order = Order { names, class, subject, key: KeyKind::EcdsaP256 };
    if class == Class::Ev {
        order.subject.business_category = some("Private Organization");
        order.subject.serial_number = some("HRB 1");
        order.subject.jurisdiction_country = some("DE");
    }
    order
}

fn codes(order: &Order, severity: Severity) -> Vec<(&'static str, String)> {
    let found = order.look().into_iter().filter(|finding| finding.severity == severity);
    found.map(|finding| (finding.code, finding.subject)).collect()
}

#[test]
fn complete_orders_of_every_class_are_fine() {
    for class in CLASSES.map(|row| row.class) {
        assert_eq!(codes(&order(class, &["example.com"]), Severity::Error), [], "{class:?}");
    }
}

#[test]
fn every_class_names_what_is_missing_and_what_it_does_not_carry() {
    let mut ov = order(Class::Ov, &["example.com"]);
    ov.subject.organization = None;
    ov.subject.locality = None;
    let missing = |option: &str| ("order-field-missing", option.to_owned());
    assert_eq!(codes(&ov, Severity::Error), [missing("organization"), missing("locality")]);
    let mut dv = order(Class::Dv, &["example.com"]);
    dv.subject.organization = Some("Torwächter GmbH".into());
    let forbidden = ("order-field-forbidden", "organization".to_owned());
    assert_eq!(codes(&dv, Severity::Error), [forbidden]);
    let mut ev = order(Class::Ev, &["example.com"]);
    ev.subject.jurisdiction_country = Some("Germany".into());
    ev.subject.business_category = Some("Company".into());
    assert_eq!(codes(&ev, Severity::Error).len(), 2);
}

#[test]
fn names_no_authority_issues_for_are_refused_and_surprises_are_said() {
    let found = codes(&order(Class::Ev, &["*.example.com", "192.0.2.1"]), Severity::Error);
    let found: Vec<_> = found.into_iter().map(|(code, _)| code).collect();
    assert_eq!(found, ["order-ev-wildcard", "order-ev-address"]);
    assert_eq!(
        codes(&order(Class::Dv, &["intranet"]), Severity::Error)[0].0,
        "order-internal-name"
    );
    assert_eq!(codes(&order(Class::Dv, &[]), Severity::Error)[0].0, "order-without-names");
    let www = order(Class::Dv, &["www.example.com"]);
    assert_eq!(codes(&www, Severity::Warning)[0].0, "order-www-only");
    let both = order(Class::Dv, &["www.example.com", "example.com"]);
    assert_eq!(codes(&both, Severity::Warning), []);
    let wildcard = order(Class::Ov, &["*.example.com"]);
    assert_eq!(codes(&wildcard, Severity::Warning)[0].0, "order-wildcard-without-bare");
}

#[test]
fn the_request_holds_names_and_subject_and_is_signed_by_its_key() {
    for key in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa2048] {
        let order = Order { key, ..order(Class::Ev, &["Example.com", "www.example.com"]) };
        let (key_pem, request_pem) = order.make().unwrap();
        assert!(key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
        let (_, pem) = parse_x509_pem(request_pem.as_bytes()).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        request.verify_signature().unwrap();
        let subject = request.certification_request_info.subject.to_string();
        assert!(subject.contains("Torwächter GmbH"), "{subject}");
        let oid = |oid: &x509_parser::der_parser::Oid<'_>| oid.to_id_string();
        let attributes = request.certification_request_info.subject.iter_attributes();
        let kinds: Vec<String> = attributes.map(|attribute| oid(attribute.attr_type())).collect();
        assert!(kinds.contains(&"1.3.6.1.4.1.311.60.2.1.3".to_owned()), "{kinds:?}");
        let mut extensions = request.requested_extensions().unwrap();
        let names = extensions.find_map(|extension| match extension {
            ParsedExtension::SubjectAlternativeName(names) => Some(names.general_names.len()),
            _ => None,
        });
        assert_eq!(names, Some(2));
    }
}

#[test]
fn the_main_name_comes_first_and_no_order_replaces_another() {
    let folder = tempfile::tempdir().unwrap();
    let order = order(Class::Dv, &["*.example.com", "a.example.com"]);
    let written = order.write(folder.path()).unwrap();
    assert_eq!(written.key.file_name().unwrap(), "_.example.com.key");
    assert_eq!(written.key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (_, pem) = parse_x509_pem(written.request_pem.as_bytes()).unwrap();
    let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
    let subject = &request.certification_request_info.subject;
    let common = subject.iter_common_name().next().unwrap().as_str().unwrap().to_owned();
    assert_eq!(common, "*.example.com");
    let before = std::fs::read(&written.key).unwrap();
    let again = order.write(folder.path()).unwrap_err();
    assert!(matches!(again, TlsError::ConfigOrderExists { .. }), "{again}");
    assert_eq!(std::fs::read(&written.key).unwrap(), before);
}
