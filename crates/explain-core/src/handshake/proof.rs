//! Proof instead of trust: signatures and Finished values computed again.
//!
//! RFC 8446 §4.4.3 and §4.4.4, RFC 5246 §7.4.3, §7.4.8 and §7.4.9. A check never fails as code: it
//! says ok, failed, or what was missing.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::certificate::{KeyKind, PublicKey};
use super::message::Side;
use super::registry::{self, Hash};
use super::schedule::{Prf, expand_label, hash, hash_bytes, mac};
use super::story::CheckResult;

/// What a TLS 1.3 CertificateVerify signs.
pub(super) fn signed13(side: Side, suite_hash: Hash, transcript: &[u8]) -> Vec<u8> {
    let mut content = alloc::vec![0x20; 64];
    content.extend_from_slice(match side {
        Side::Client => b"TLS 1.3, client CertificateVerify",
        Side::Server => b"TLS 1.3, server CertificateVerify",
    });
    content.push(0);
    content.extend(hash(suite_hash, transcript));
    content
}

/// Checks a signature by its scheme, with the key of a certificate.
pub(super) fn signature(
    key: Option<&PublicKey>,
    scheme: u16,
    signed: &[u8],
    value: &[u8],
) -> CheckResult {
    let Some(key) = key else {
        return not_possible("the certificate's key was not seen or could not be read");
    };
    let Some(algorithm) = algorithm(key.kind, scheme) else {
        let name = registry::scheme(scheme).name;
        return not_possible(format!("this program does not check {name} with such a key"));
    };
    match UnparsedPublicKey::new(algorithm, &key.bytes).verify(signed, value) {
        Ok(()) => CheckResult::Ok,
        Err(_) => CheckResult::Failed {
            why: "the signature does not fit the certificate's key and this handshake".to_string(),
        },
    }
}

/// Checks a Finished of TLS 1.3 with the traffic secret of its side.
pub(super) fn finished13(
    suite_hash: Hash,
    secret: Option<&[u8]>,
    transcript: &[u8],
    value: &[u8],
) -> CheckResult {
    let Some(secret) = secret else { return not_possible("the secret is not known") };
    let key = expand_label(suite_hash, secret, "finished", hash_bytes(suite_hash));
    compare(&mac(suite_hash, &key, &hash(suite_hash, transcript)), value)
}

/// Checks a Finished of TLS 1.0 to 1.2 with the master secret.
pub(super) fn finished12(
    prf: Option<Prf>,
    side: Side,
    master: Option<&[u8]>,
    transcript: &[u8],
    value: &[u8],
) -> CheckResult {
    let Some(prf) = prf else { return not_possible("SSL 3.0 is not computed here") };
    let Some(master) = master else { return not_possible("the secret is not known") };
    let label = match side {
        Side::Client => "client finished",
        Side::Server => "server finished",
    };
    compare(&prf.derive(master, label, &prf.digest(transcript), 12), value)
}

/// A check that could not be done.
pub(super) fn not_possible(why: impl Into<String>) -> CheckResult {
    CheckResult::NotPossible { why: why.into() }
}

fn compare(right: &[u8], found: &[u8]) -> CheckResult {
    if right == found {
        return CheckResult::Ok;
    }
    let why = "it does not fit the messages that passed: one was changed, left out or added";
    CheckResult::Failed { why: why.to_string() }
}

/// How a scheme is checked. In TLS 1.2 an ECDSA scheme does not fix the curve: the key does.
fn algorithm(key: KeyKind, scheme: u16) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (key, scheme) {
        (KeyKind::Rsa, 0x0201) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, 0x0401) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, 0x0501) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa, 0x0601) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, 0x0804 | 0x0809) => &signature::RSA_PSS_2048_8192_SHA256,
        (KeyKind::Rsa, 0x0805 | 0x080a) => &signature::RSA_PSS_2048_8192_SHA384,
        (KeyKind::Rsa, 0x0806 | 0x080b) => &signature::RSA_PSS_2048_8192_SHA512,
        (KeyKind::P256, 0x0203) => &signature::ECDSA_P256_SHA1_ASN1,
        (KeyKind::P256, 0x0403) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, 0x0503) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, 0x0603) => &signature::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, 0x0403) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, 0x0503) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, 0x0603) => &signature::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, 0x0203) => &signature::ECDSA_P521_SHA1_ASN1,
        (KeyKind::P521, 0x0403) => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, 0x0503) => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, 0x0603) => &signature::ECDSA_P521_SHA512_ASN1,
        (KeyKind::Ed25519, 0x0807) => &signature::ED25519,
        _ => return None,
    })
}

/// Checks a signature of TLS 1.0 or 1.1: ECDSA with SHA-1. RSA signs MD5 and SHA-1 together there,
/// in a form that the library no longer has.
pub(super) fn old_signature(key: Option<&PublicKey>, signed: &[u8], value: &[u8]) -> CheckResult {
    match key.map(|key| key.kind) {
        Some(KeyKind::P256 | KeyKind::P521) => signature(key, 0x0203, signed, value),
        _ => not_possible("the signature is of the kind TLS 1.0 and 1.1 had: MD5 with SHA-1"),
    }
}
