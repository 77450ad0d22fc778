//! Certificates at a glance: whose, by whom, which key. And the key, for checking signatures.
//!
//! What cannot be read is said to be unreadable; whether a certificate may be trusted is judged
//! elsewhere.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as Parsed;

use super::cursor::Cursor;
use super::story::CertificateGlance;
use super::text::clean_text;

/// A public key as signatures are checked with it.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    pub(super) kind: KeyKind,
    /// The bits of the SubjectPublicKeyInfo.
    pub(super) bytes: Vec<u8>,
}

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    Other,
}

/// A chain as it stood in a Certificate message.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// DER, the leaf first.
    pub(super) certificates: Vec<Vec<u8>>,
    /// An OCSP answer or SCTs stood beside the leaf (TLS 1.3).
    pub(super) stapled: bool,
    pub(super) transparency: bool,
}

impl Chain {
    /// From the body of a Certificate message; TLS 1.3 adds a context and extensions.
    pub(super) fn parse(body: &[u8], tls13: bool) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        if tls13 {
            cursor.vec8()?;
        }
        let mut listed = Cursor::new(cursor.vec24()?);
        let mut chain = Self::default();
        while !listed.is_empty() {
            chain.certificates.push(listed.vec24()?.to_vec());
            if tls13 {
                let mut extensions = Cursor::new(listed.vec16()?);
                while let Some(code) = extensions.u16() {
                    extensions.vec16()?;
                    chain.stapled |= code == 5;
                    chain.transparency |= code == 18;
                }
            }
        }
        Some(chain)
    }

    /// The leaf at a glance; None without any certificate.
    pub(super) fn glance(&self) -> Option<CertificateGlance> {
        let der = self.certificates.first()?;
        let sent = self.certificates.len();
        let Ok((_, leaf)) = X509Certificate::from_der(der) else {
            let unreadable = || "unreadable".to_string();
            let (subject, issuer, key) = (unreadable(), unreadable(), unreadable());
            let names = Vec::new();
            return Some(CertificateGlance { subject, issuer, names, key, bytes: der.len(), sent });
        };
        Some(CertificateGlance {
            subject: clean_text(&leaf.subject().to_string()),
            issuer: clean_text(&leaf.issuer().to_string()),
            names: names(&leaf),
            key: key_text(&leaf),
            bytes: der.len(),
            sent,
        })
    }

    /// The key of the leaf.
    pub(super) fn key(&self) -> Option<PublicKey> {
        let (_, leaf) = X509Certificate::from_der(self.certificates.first()?).ok()?;
        let info = leaf.public_key();
        let parameter = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let curve = parameter.map(|oid| oid.to_id_string()).unwrap_or_default();
        let kind = match (info.algorithm.algorithm.to_id_string().as_str(), curve.as_str()) {
            // rsaEncryption and RSASSA-PSS hold the same key.
            ("1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10", _) => KeyKind::Rsa,
            ("1.2.840.10045.2.1", "1.2.840.10045.3.1.7") => KeyKind::P256,
            ("1.2.840.10045.2.1", "1.3.132.0.34") => KeyKind::P384,
            ("1.2.840.10045.2.1", "1.3.132.0.35") => KeyKind::P521,
            ("1.3.101.112", _) => KeyKind::Ed25519,
            _ => KeyKind::Other,
        };
        Some(PublicKey { kind, bytes: info.subject_public_key.data.to_vec() })
    }
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = leaf.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(clean_text(name)),
        GeneralName::RFC822Name(name) => Some(clean_text(name)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).take(NAMES_MAX).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(core::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|all| core::net::Ipv6Addr::from(all).to_string())
}

fn key_text(leaf: &X509Certificate<'_>) -> String {
    match leaf.public_key().parsed() {
        Ok(Parsed::RSA(key)) => format!("RSA {} bits", key.key_size()),
        Ok(Parsed::EC(point)) => match point.key_size() {
            256 => "ECDSA P-256".to_string(),
            384 => "ECDSA P-384".to_string(),
            // 66 bytes hold the 521 bits.
            521..=528 => "ECDSA P-521".to_string(),
            bits => format!("ECDSA {bits} bits"),
        },
        Ok(Parsed::DSA(_)) => "DSA".to_string(),
        _ => match leaf.public_key().algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_string(),
            "1.3.101.113" => "Ed448".to_string(),
            oid => format!("key of kind {oid}"),
        },
    }
}

/// Names shown of one certificate.
const NAMES_MAX: usize = 20;
