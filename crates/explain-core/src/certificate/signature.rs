//! Who signed: one signature checked with one key, for every algorithm certificates have had that
//! the cryptographic library still knows.
//!
//! Old and weak algorithms are checked here on purpose (SHA-1, RSA below 2048 bits): the question
//! is who signed, not whether that is safe. Never used for a decision about real traffic.

use alloc::string::String;

use aws_lc_rs::signature::{self, VerificationAlgorithm};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::facts::Certificate;
use super::oid;

/// Whether the key in `spki` (DER) made the signature of `certificate`.
pub(super) fn signed_by(certificate: &Certificate, spki: &[u8]) -> bool {
    X509Certificate::from_der(&certificate.der).is_ok_and(|(_, parsed)| signed(&parsed, spki))
}

/// The same for a parsed certificate.
pub(super) fn signed(parsed: &X509Certificate<'_>, spki: &[u8]) -> bool {
    let algorithm = &parsed.signature_algorithm;
    let Some((key, kind, curve)) = key_of(spki) else {
        return false;
    };
    let message = parsed.tbs_certificate.as_ref();
    let Some(algorithm) = by_certificate(algorithm, &kind, curve.as_deref()) else {
        return false;
    };
    algorithm.verify_sig(key, message, &parsed.signature_value.data).is_ok()
}

/// Whether the key in `spki` made a signature over `message` as logs and TLS 1.2 name it: SHA-256
/// with RSA (1) or ECDSA (3).
pub(super) fn tls_signed(spki: &[u8], hash: u8, kind: u8, message: &[u8], made: &[u8]) -> bool {
    let Some((key, key_kind, curve)) = key_of(spki) else {
        return false;
    };
    let algorithm: Option<&'static dyn VerificationAlgorithm> =
        match (hash, kind, key_kind.as_str()) {
            (4, 1, oid::RSA) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            (4, 3, oid::EC) => ecdsa(curve.as_deref(), 256),
            _ => None,
        };
    algorithm.is_some_and(|algorithm| algorithm.verify_sig(key, message, made).is_ok())
}

/// The key's octets, the OID of its kind and, for curves, the OID of the curve.
fn key_of(spki: &[u8]) -> Option<(&[u8], String, Option<String>)> {
    let (_, parsed) = SubjectPublicKeyInfo::from_der(spki).ok()?;
    let kind = parsed.algorithm.algorithm.to_id_string();
    let parameters = parsed.algorithm.parameters.as_ref();
    let curve = parameters.and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string());
    // The parsed view borrows from `spki`; take the octets out of it again by their length.
    let octets = parsed.subject_public_key.data.len();
    let key = spki.get(spki.len().checked_sub(octets)?..)?;
    Some((key, kind, curve))
}

fn by_certificate(
    algorithm: &AlgorithmIdentifier<'_>,
    kind: &str,
    curve: Option<&str>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let name = oid::named(oid::SIGNATURES, &algorithm.algorithm.to_id_string())?;
    Some(match (name, kind) {
        ("sha1WithRSAEncryption", oid::RSA) => {
            &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
        }
        ("sha256WithRSAEncryption", oid::RSA) => {
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        ("sha384WithRSAEncryption", oid::RSA) => &signature::RSA_PKCS1_2048_8192_SHA384,
        ("sha512WithRSAEncryption", oid::RSA) => {
            &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        ("RSASSA-PSS", oid::RSA) => return pss(algorithm),
        ("ecdsa-with-SHA256", oid::EC) => return ecdsa(curve, 256),
        ("ecdsa-with-SHA384", oid::EC) => return ecdsa(curve, 384),
        ("ecdsa-with-SHA512", oid::EC) => return ecdsa(curve, 512),
        ("Ed25519", oid::ED25519) => &signature::ED25519,
        _ => return None,
    })
}

fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    match parameters.hash_algorithm_oid().to_id_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => Some(&signature::RSA_PSS_2048_8192_SHA256),
        "2.16.840.1.101.3.4.2.2" => Some(&signature::RSA_PSS_2048_8192_SHA384),
        "2.16.840.1.101.3.4.2.3" => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn ecdsa(curve: Option<&str>, hash: u16) -> Option<&'static dyn VerificationAlgorithm> {
    let (_, name, _) = oid::CURVES.iter().find(|(oid, _, _)| Some(*oid) == curve)?;
    Some(match (*name, hash) {
        ("P-256", 256) => &signature::ECDSA_P256_SHA256_ASN1,
        ("P-256", 384) => &signature::ECDSA_P256_SHA384_ASN1,
        ("P-256", 512) => &signature::ECDSA_P256_SHA512_ASN1,
        ("P-384", 256) => &signature::ECDSA_P384_SHA256_ASN1,
        ("P-384", 384) => &signature::ECDSA_P384_SHA384_ASN1,
        ("P-384", 512) => &signature::ECDSA_P384_SHA512_ASN1,
        ("P-521", 256) => &signature::ECDSA_P521_SHA256_ASN1,
        ("P-521", 384) => &signature::ECDSA_P521_SHA384_ASN1,
        ("P-521", 512) => &signature::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}
