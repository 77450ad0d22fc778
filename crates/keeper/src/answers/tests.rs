//! Tests of the board.

use std::os::fd::AsFd;

use menshen_config::keeper::Challenges;
use menshen_sys::bulletin::BulletinReader;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::*;

fn board() -> (Answers, BulletinReader) {
    let bulletin = Bulletin::create("challenges").unwrap();
    let reader = BulletinReader::new(bulletin.as_fd().try_clone_to_owned().unwrap());
    (Answers::new(bulletin).unwrap(), reader)
}

fn shown(reader: &BulletinReader) -> Challenges {
    serde_json::from_slice(&reader.read().unwrap().1).unwrap()
}

#[test]
fn an_answer_stands_as_long_as_it_is_held() {
    let (answers, reader) = board();
    assert_eq!(shown(&reader), Challenges::default());
    let first = answers.http("t1", "t1.thumb").unwrap();
    let second = answers.http("t2", "t2.thumb").unwrap();
    assert_eq!(shown(&reader).http.len(), 2);
    drop(first);
    let left = shown(&reader);
    assert_eq!(left.http[0].token, "t2");
    assert_eq!(left.http[0].authorization, "t2.thumb");
    drop(second);
    assert_eq!(shown(&reader), Challenges::default());
}

#[test]
fn the_certificate_of_tls_alpn_carries_the_digest_as_a_critical_extension() {
    let (answers, reader) = board();
    let digest = [7; 32];
    let posted = answers.alpn("a.example".to_owned(), "a.example".to_owned(), &digest).unwrap();
    let shown = shown(&reader);
    assert_eq!(shown.alpn[0].name, "a.example");
    let der = CertificateDer::from_pem_slice(shown.alpn[0].certificate_pem.as_bytes()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let identifier = parsed
        .extensions()
        .iter()
        .find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31")
        .unwrap();
    assert!(identifier.critical);
    assert_eq!(identifier.value, [[4, 32].as_slice(), &digest].concat());
    drop(posted);
}
