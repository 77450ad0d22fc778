//! Whether a key signed some bytes, as lists and answers of authorities are signed.

use x509_parser::asn1_rs::BitString;
use x509_parser::prelude::FromDer;
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// Whether the key in `spki` (DER) made `signature` (the contents of a BIT STRING) over `body`,
/// by the algorithm in `algorithm` (DER).
pub(super) fn signed(spki: &[u8], algorithm: &[u8], body: &[u8], signature: &[u8]) -> bool {
    let Some((0, signature)) = signature.split_first() else { return false };
    let Ok((_, key)) = SubjectPublicKeyInfo::from_der(spki) else { return false };
    let Ok((_, algorithm)) = AlgorithmIdentifier::from_der(algorithm) else { return false };
    let signature = BitString::new(0, signature);
    verify_signature(&key, &algorithm, &signature, body).is_ok()
}
