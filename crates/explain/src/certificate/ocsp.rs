//! The Online Certificate Status Protocol (RFC 6960): a request about one certificate, the answer.
//!
//! No nonce: answers are made ahead and cached (RFC 5019 §2.1). Takes any bytes of a responder; an
//! answer that is not signed by the issuer, or by one whom the issuer made a responder, counts for
//! nothing.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use menshen_explain_core::certificate::Certificate;

use super::crl::{Revoked, reason_name, serial_of};
use super::der::{self, BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID};
use super::der::{Reader, SEQUENCE, wrap};
use super::signed::signed;

/// What a responder says about one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OcspAnswer {
    /// By whom it is signed.
    pub(super) signer: Signer,
    /// The answer itself.
    pub(super) status: Status,
    /// From when it is.
    pub(super) this_update: i64,
    /// Until when it holds.
    pub(super) next_update: Option<i64>,
}

/// By whom an answer is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signer {
    /// The issuer itself.
    Issuer,
    /// A responder whose certificate the issuer signed for that.
    Delegate,
    /// Somebody without the right to.
    Nobody,
}

/// The answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked(Revoked),
    /// The responder does not know the certificate.
    Unknown,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum OcspError {
    /// The responder says so (RFC 6960 §4.2.1).
    #[error("the responder says {0}")]
    Said(&'static str),
    /// Not an answer.
    #[error("the answer cannot be read")]
    Unreadable,
    /// About other certificates.
    #[error("the answer is about another certificate")]
    Foreign,
}

/// A request about `leaf`, DER; None when its serial number cannot be read.
pub(super) fn request(leaf: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let one = wrap(SEQUENCE, &certificate_id(leaf, issuer)?);
    let list = wrap(SEQUENCE, &one);
    Some(wrap(SEQUENCE, &wrap(SEQUENCE, &list)))
}

/// Reads an answer about `leaf`.
pub(super) fn read(
    bytes: &[u8],
    leaf: &Certificate,
    issuer: &Certificate,
    now: i64,
) -> Result<OcspAnswer, OcspError> {
    let basic = envelope(bytes)?;
    answer(basic, leaf, issuer, now).unwrap_or(Err(OcspError::Unreadable))
}

/// The basic response, or what the responder says instead.
fn envelope(bytes: &[u8]) -> Result<&[u8], OcspError> {
    let open = || {
        let mut response = Reader::new(bytes).expect(SEQUENCE)?.inside();
        let status = *response.expect(ENUMERATED)?.content.first()?;
        Some((status, response))
    };
    let (status, mut response) = open().ok_or(OcspError::Unreadable)?;
    match status {
        0 => {}
        1 => return Err(OcspError::Said("malformedRequest")),
        2 => return Err(OcspError::Said("internalError")),
        3 => return Err(OcspError::Said("tryLater")),
        5 => return Err(OcspError::Said("sigRequired")),
        6 => return Err(OcspError::Said("unauthorized")),
        _ => return Err(OcspError::Unreadable),
    }
    let mut basic = || {
        let mut bytes = response.expect(0xa0)?.inside().expect(SEQUENCE)?.inside();
        let kind = bytes.expect(OID)?;
        (kind.content == BASIC).then(|| Some(bytes.expect(OCTET_STRING)?.content))?
    };
    basic().ok_or(OcspError::Unreadable)
}

fn answer(
    basic: &[u8],
    leaf: &Certificate,
    issuer: &Certificate,
    now: i64,
) -> Option<Result<OcspAnswer, OcspError>> {
    let mut basic = Reader::new(basic).expect(SEQUENCE)?.inside();
    let data = basic.expect(SEQUENCE)?;
    let algorithm = basic.expect(SEQUENCE)?;
    let signature = basic.expect(BIT_STRING)?;
    let certificates = basic.optional(0xa0);
    let by = |spki: &[u8]| signed(spki, algorithm.whole, data.whole, signature.content);
    let delegate = || {
        let mut list = certificates?.inside().expect(SEQUENCE)?.inside();
        for _ in 0..DELEGATES_MAX {
            let certificate = list.next()?;
            let Ok(certificate) = Certificate::from_der(certificate.whole) else { continue };
            let usages = certificate.extended_key_usage.as_deref().unwrap_or_default();
            let in_time = (certificate.not_before..=certificate.not_after).contains(&now);
            if usages.iter().any(|usage| usage.oid == OCSP_SIGNING)
                && in_time
                && issuer.signed(&certificate)
                && by(&certificate.spki)
            {
                return Some(());
            }
        }
        None
    };
    let signer = match by(&issuer.spki) {
        true => Signer::Issuer,
        false if delegate().is_some() => Signer::Delegate,
        false => Signer::Nobody,
    };
    let mut fields = data.inside();
    fields.optional(0xa0);
    // Responder by name or by key.
    fields.next()?;
    fields.expect(GENERALIZED_TIME)?;
    let mut responses = fields.expect(SEQUENCE)?.inside();
    let serial = serial_of(leaf)?;
    while !responses.is_empty() {
        let mut response = responses.expect(SEQUENCE)?.inside();
        let id = response.expect(SEQUENCE)?;
        let status = response.next()?;
        let this_update = der::time(&response.expect(GENERALIZED_TIME)?)?;
        let next_update = match response.optional(0xa0) {
            Some(next) => Some(der::time(&next.inside().next()?)?),
            None => None,
        };
        if !is_about(id.inside(), serial, issuer)? {
            continue;
        }
        let status = match status.tag {
            0x80 => Status::Good,
            0xa1 => {
                let mut info = status.inside();
                let at = der::time(&info.expect(GENERALIZED_TIME)?)?;
                let code = info.optional(0xa0).and_then(|code| code.inside().next());
                let reason = code.and_then(|code| reason_name(*code.content.first()?));
                Status::Revoked(Revoked { at, reason })
            }
            0x82 => Status::Unknown,
            _ => return None,
        };
        return Some(Ok(OcspAnswer { signer, status, this_update, next_update }));
    }
    Some(Err(OcspError::Foreign))
}

/// Whether a CertID is of this serial number and issuer; other digests than SHA-1 are judged by the
/// serial number alone, since the signature already binds the issuer.
fn is_about(mut id: Reader<'_>, serial: &[u8], issuer: &Certificate) -> Option<bool> {
    let mut algorithm = id.expect(SEQUENCE)?.inside();
    let sha1 = algorithm.expect(OID)?.content == SHA1;
    let _name = id.expect(OCTET_STRING)?;
    let key = id.expect(OCTET_STRING)?;
    let number = id.expect(INTEGER)?;
    let key_fits = !sha1 || key_digest(issuer).is_some_and(|digest| digest == key.content);
    Some(number.content == serial && key_fits)
}

fn certificate_id(leaf: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let algorithm = [&wrap(OID, &SHA1)[..], &[5, 0]].concat();
    let name = digest(&SHA1_FOR_LEGACY_USE_ONLY, &leaf.issuer.der);
    let parts = [
        wrap(SEQUENCE, &algorithm),
        wrap(OCTET_STRING, name.as_ref()),
        wrap(OCTET_STRING, &key_digest(issuer)?),
        wrap(INTEGER, serial_of(leaf)?),
    ];
    Some(wrap(SEQUENCE, &parts.concat()))
}

/// SHA-1 of the issuer's key, without the SubjectPublicKeyInfo around it (RFC 6960 §4.1.1).
fn key_digest(issuer: &Certificate) -> Option<Vec<u8>> {
    let mut spki = Reader::new(&issuer.spki).expect(SEQUENCE)?.inside();
    spki.expect(SEQUENCE)?;
    let key = spki.expect(BIT_STRING)?.content.get(1..)?;
    Some(digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref().to_vec())
}

/// Most certificates of an answer that are tried.
const DELEGATES_MAX: usize = 4;
/// id-kp-OCSPSigning.
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
/// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
const BASIC: [u8; 9] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
/// 1.3.14.3.2.26.
const SHA1: [u8; 5] = [0x2b, 0x0e, 0x03, 0x02, 0x1a];

#[cfg(test)]
mod tests;
