//! The precertificate rebuilt, and logs with keys on P-256; RSA logs are in the corpus.

use alloc::vec;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rcgen::PublicKeyData;
use x509_parser::pem::parse_x509_pem;

use super::*;

/// What the logs of 2018 signed for this certificate, as published by pyca/cryptography.
#[test]
fn a_real_precertificate_comes_out_octet_for_octet() {
    let pem = include_bytes!("../../../tests/corpus/real/cryptography-io.pem");
    let signed = include_bytes!("../../../tests/corpus/real/cryptography-io.tbs.der");
    let (_, leaf) = parse_x509_pem(pem).unwrap();
    assert_eq!(without_list(&leaf.contents).unwrap(), signed);
    let facts = Certificate::from_der(&leaf.contents).unwrap();
    assert_eq!(facts.timestamps.len(), 2);
    assert_eq!(facts.timestamps[0].timestamp_ms, 1_537_995_393_769);
}

struct Log {
    pair: EcdsaKeyPair,
    listed: CtLog,
}

fn log(operator: &str) -> Log {
    let key = rcgen::KeyPair::generate().unwrap();
    let key_der = key.subject_public_key_info();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.serialized_der());
    let id = digest::digest(&digest::SHA256, &key_der).as_ref().try_into().unwrap();
    let listed = CtLog {
        id,
        key_der,
        operator: operator.into(),
        name: operator.into(),
        state: LogState::Usable,
    };
    Log { pair: pair.unwrap(), listed }
}

fn leaf() -> (Certificate, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["example.com".into()]).unwrap();
    let der = parameters.self_signed(&key).unwrap().der().to_vec();
    (Certificate::from_der(&der).unwrap(), key.subject_public_key_info())
}

fn signed(log: &Log, leaf: &Certificate, spki: &[u8], timestamp_ms: u64) -> Timestamp {
    let mut message = vec![0, 0];
    message.extend(timestamp_ms.to_be_bytes());
    message.extend(entry(&leaf.der, spki).unwrap());
    message.extend([0, 0]);
    let signature = log.pair.sign(&SystemRandom::new(), &message).unwrap();
    Timestamp {
        version: 0,
        log_id: oid::hex(&log.listed.id),
        timestamp_ms,
        extensions: Vec::new(),
        hash_algorithm: 4,
        signature_algorithm: 3,
        signature: signature.as_ref().to_vec(),
    }
}

#[test]
fn enough_means_two_logs_of_two_operators() {
    let (one, two) = (log("one"), log("two"));
    let (mut leaf, spki) = leaf();
    leaf.timestamps = vec![signed(&one, &leaf, &spki, 7), signed(&two, &leaf, &spki, 8)];
    let logs = [one.listed.clone(), two.listed.clone()];
    let good = transparency(&leaf, Some(&spki), &logs, 180 * time::DAY);
    assert_eq!((good.needed, good.valid, good.operators, good.enough), (2, 2, 2, Some(true)));
    let longer = transparency(&leaf, Some(&spki), &logs, 180 * time::DAY + 1);
    assert_eq!((longer.needed, longer.enough), (3, Some(false)));
    let unknown = transparency(&leaf, Some(&spki), &logs[..1], 90 * time::DAY);
    assert_eq!(unknown.verdicts[1].outcome, SctOutcome::UnknownLog);
    assert_eq!(unknown.enough, None, "the other may be of a log retired since");
    let hopeless = transparency(&leaf, Some(&spki), &logs[..1], 199 * time::DAY);
    assert_eq!((hopeless.needed, hopeless.enough), (3, Some(false)));
    let without_issuer = transparency(&leaf, None, &logs, 90 * time::DAY);
    assert_eq!(without_issuer.verdicts[0].outcome, SctOutcome::NoIssuer);
    assert_eq!(without_issuer.enough, None);
}

#[test]
fn twice_the_same_log_counts_once() {
    let one = log("one");
    let (mut leaf, spki) = leaf();
    leaf.timestamps = vec![signed(&one, &leaf, &spki, 7), signed(&one, &leaf, &spki, 8)];
    let found = transparency(&leaf, Some(&spki), &[one.listed], 90 * time::DAY);
    assert_eq!((found.valid, found.operators, found.enough), (1, 1, Some(false)));
}

#[test]
fn another_time_another_issuer_or_another_certificate_is_invalid() {
    let one = log("one");
    let (leaf_one, spki) = leaf();
    let (other, other_spki) = leaf();
    let good = signed(&one, &leaf_one, &spki, 7);
    let mut later = good.clone();
    later.timestamp_ms = 8;
    let logs = [one.listed];
    let outcome = |leaf: &Certificate, spki: &[u8], timestamp: Timestamp| {
        let mut leaf = leaf.clone();
        leaf.timestamps = vec![timestamp];
        transparency(&leaf, Some(spki), &logs, 0).verdicts[0].outcome
    };
    assert_eq!(outcome(&leaf_one, &spki, good.clone()), SctOutcome::Valid);
    assert_eq!(outcome(&leaf_one, &spki, later), SctOutcome::Invalid);
    assert_eq!(outcome(&leaf_one, &other_spki, good.clone()), SctOutcome::Invalid);
    assert_eq!(outcome(&other, &spki, good), SctOutcome::Invalid);
}

#[test]
fn a_retired_log_counts_for_what_it_took_before() {
    let mut one = log("one");
    let (mut leaf, spki) = leaf();
    leaf.timestamps = vec![signed(&one, &leaf, &spki, 7), signed(&one, &leaf, &spki, 8)];
    one.listed.state = LogState::Retired { at_ms: 8 };
    let found = transparency(&leaf, Some(&spki), &[one.listed], 0);
    assert_eq!(found.verdicts[0].outcome, SctOutcome::Valid);
    assert_eq!(found.verdicts[1].outcome, SctOutcome::LogNotTrusted);
}
