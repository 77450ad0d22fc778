//! DER to facts.
//!
//! Strict only where nothing sensible could be said otherwise: the outer structure must be a
//! certificate. An extension that cannot be read is listed and left out, so that an odd certificate
//! still gets its report.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use aws_lc_rs::digest;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::facts::{Certificate, KeyKind, Presence, PublicKey, SelfSigned};
use super::{extensions, name, oid, signature};

/// Why octets are no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// More than [`CERTIFICATE_BYTES_MAX`]; carries the length.
    TooLong(usize),
    /// Not the DER of a certificate; carries what the parser says.
    NotACertificate(String),
    /// A certificate with octets after it; carries how many.
    Trailing(usize),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => {
                write!(out, "{length} bytes, more than a certificate may have here")
            }
            Self::NotACertificate(why) => write!(out, "not a DER certificate: {why}"),
            Self::Trailing(count) => write!(out, "{count} bytes after the certificate"),
        }
    }
}

impl core::error::Error for Unreadable {}

/// Reads one certificate.
pub(super) fn certificate(der: &[u8]) -> Result<Certificate, Unreadable> {
    if der.len() > CERTIFICATE_BYTES_MAX {
        return Err(Unreadable::TooLong(der.len()));
    }
    let (rest, parsed) = X509Certificate::from_der(der)
        .map_err(|error| Unreadable::NotACertificate(error.to_string()))?;
    if !rest.is_empty() {
        return Err(Unreadable::Trailing(rest.len()));
    }
    let spki = parsed.tbs_certificate.subject_pki.raw;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    let mut facts = Certificate {
        subject: name::read(parsed.subject()),
        issuer: name::read(parsed.issuer()),
        version: parsed.version().0.saturating_add(1),
        serial: oid::hex(parsed.raw_serial()),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        alternative_names_presence: Presence::Absent,
        alternative_names: Vec::new(),
        policies: Vec::new(),
        extended_key_usage: None,
        key_usage: None,
        basic_constraints: None,
        name_constraints: None,
        subject_key_id: None,
        authority_key_id: None,
        authority_info_presence: Presence::Absent,
        issuer_urls: Vec::new(),
        ocsp_urls: Vec::new(),
        crl_urls: Vec::new(),
        timestamps: Vec::new(),
        timestamps_unreadable: false,
        must_staple: false,
        qualified_statements: Vec::new(),
        poisoned: false,
        unknown_critical: Vec::new(),
        unreadable_extensions: Vec::new(),
        signature_algorithm: oid::named(oid::SIGNATURES, &algorithm)
            .map_or_else(|| algorithm.clone(), String::from),
        signature_algorithm_oid: algorithm,
        public_key: public_key(parsed.public_key()),
        sha256: sha256(der),
        spki_sha256: sha256(spki),
        self_signed: self_signed(&parsed, spki),
        der: der.to_vec(),
        spki: spki.to_vec(),
    };
    extensions::read(&mut facts, &parsed);
    Ok(facts)
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    oid::hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn self_signed(parsed: &X509Certificate<'_>, spki: &[u8]) -> SelfSigned {
    if parsed.subject().as_raw() != parsed.issuer().as_raw() {
        SelfSigned::No
    } else if signature::signed(parsed, spki) {
        SelfSigned::SelfSigned
    } else {
        SelfSigned::SelfIssued
    }
}

fn public_key(spki: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let kind_oid = spki.algorithm.algorithm.to_id_string();
    let mut key =
        PublicKey { kind: kind_of(&kind_oid), bits: 0, curve: None, exponent: None, oid: kind_oid };
    match key.kind {
        KeyKind::Rsa => {
            if let Ok(ParsedKey::RSA(rsa)) = spki.parsed() {
                key.bits = bits(rsa.modulus);
                key.exponent = Some(decimal(rsa.exponent));
            }
        }
        KeyKind::Ec => {
            let parameters = spki.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string());
            let known = oid::CURVES.iter().find(|(known, _, _)| curve.as_deref() == Some(*known));
            key.bits = known.map_or(0, |(_, _, bits)| *bits);
            key.curve = known.map(|(_, name, _)| String::from(*name)).or(curve);
        }
        KeyKind::Ed25519 => key.bits = 256,
        KeyKind::Ed448 => key.bits = 456,
        KeyKind::Dsa | KeyKind::MlDsa | KeyKind::Other => {
            key.bits = u32::try_from(spki.subject_public_key.data.len() * 8).unwrap_or(u32::MAX);
        }
    }
    key
}

fn kind_of(kind: &str) -> KeyKind {
    match kind {
        oid::RSA => KeyKind::Rsa,
        oid::EC => KeyKind::Ec,
        oid::ED25519 => KeyKind::Ed25519,
        oid::ED448 => KeyKind::Ed448,
        oid::DSA => KeyKind::Dsa,
        oid::ML_DSA_44 | oid::ML_DSA_65 | oid::ML_DSA_87 => KeyKind::MlDsa,
        _ => KeyKind::Other,
    }
}

/// Bits of a big-endian number without its leading zeros.
fn bits(number: &[u8]) -> u32 {
    let start = number.iter().position(|octet| *octet != 0).unwrap_or(number.len());
    let used = number.get(start..).unwrap_or_default();
    let zeros = used.first().map_or(0, |octet| octet.leading_zeros());
    u32::try_from(used.len() * 8).unwrap_or(u32::MAX).saturating_sub(zeros)
}

fn decimal(number: &[u8]) -> String {
    if bits(number) > 64 {
        return alloc::format!("0x{}", oid::hex(number));
    }
    number.iter().fold(0u64, |sum, octet| (sum << 8) | u64::from(*octet)).to_string()
}

/// Longest certificate read, bytes. Real ones have 1 to 10 kB; the longest with thousands of names
/// some hundred.
pub const CERTIFICATE_BYTES_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests;
