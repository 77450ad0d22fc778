//! What a client promised of its bytes, as promises that the store can check: of the whole
//! (`Repr-Digest`), and of the content of one request (`Upload-Checksum`, `Content-Digest`).
//!
//! How it fails: the bytes are not what was promised; then none of that request's are kept.

use menshen_store::{Algorithm, Promise};
use menshen_upload_core::{Checks, Checksum, ChecksumKind};
use menshen_web_core::fields::Digests;

/// Of the content of one request.
pub(super) fn of_content(checks: &Checks) -> Vec<Promise> {
    let mut promises = of_digests(&checks.content);
    promises.extend(checks.checksum.as_ref().map(of_checksum));
    promises
}

/// Those of a field of RFC 9530.
pub(super) fn of_digests(digests: &Digests) -> Vec<Promise> {
    let one = |algorithm, value: &[u8]| Promise { algorithm, value: value.to_vec() };
    let sha256 = digests.sha256.map(|value| one(Algorithm::Sha256, &value));
    let sha512 = digests.sha512.map(|value| one(Algorithm::Sha512, &value));
    sha256.into_iter().chain(sha512).collect()
}

fn of_checksum(checksum: &Checksum) -> Promise {
    let algorithm = match checksum.kind {
        ChecksumKind::Crc32 => Algorithm::Crc32,
        ChecksumKind::Md5 => Algorithm::Md5,
        ChecksumKind::Sha1 => Algorithm::Sha1,
        ChecksumKind::Sha256 => Algorithm::Sha256,
    };
    Promise { algorithm, value: checksum.bytes.clone() }
}

#[cfg(test)]
mod tests;
