//! The facts of one certificate, as read from its DER: plain, serialisable, no judgement.
//!
//! Times are Unix seconds, digests and identifiers lower-case hexadecimal without separators, OIDs
//! dotted. Nothing here is escaped for a terminal: values come from strangers, the rendering side
//! must quote control characters.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use super::name::Name;

/// One X.509 certificate (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whom it names.
    pub subject: Name,
    /// Who signed it, as it says.
    pub issuer: Name,
    /// X.509 version as people count: 1, 2 or 3.
    pub version: u32,
    /// Serial number, hexadecimal as encoded (a leading `00` is the sign octet).
    pub serial: String,
    /// First second of validity.
    pub not_before: i64,
    /// Last second of validity (inclusive).
    pub not_after: i64,
    /// Whether there is a subjectAltName extension, and critical or not.
    pub alternative_names_presence: Presence,
    /// Names in subjectAltName, in order.
    pub alternative_names: Vec<AlternativeName>,
    /// Certificate policies, in order.
    pub policies: Vec<Policy>,
    /// Extended key usages, in order; None without the extension.
    pub extended_key_usage: Option<Vec<Usage>>,
    /// Key usages by their RFC 5280 names; None without the extension.
    pub key_usage: Option<Vec<&'static str>>,
    /// Basic constraints; None without the extension.
    pub basic_constraints: Option<BasicConstraints>,
    /// Name constraints; None without the extension.
    pub name_constraints: Option<NameConstraints>,
    /// Subject key identifier.
    pub subject_key_id: Option<String>,
    /// Authority key identifier.
    pub authority_key_id: Option<String>,
    /// Whether there is an authorityInfoAccess extension, and critical or not.
    pub authority_info_presence: Presence,
    /// Where the issuer's certificate can be had (AIA caIssuers).
    pub issuer_urls: Vec<String>,
    /// Where OCSP is answered (AIA).
    pub ocsp_urls: Vec<String>,
    /// Where the revocation list is (cRLDistributionPoints).
    pub crl_urls: Vec<String>,
    /// Embedded certificate timestamps (RFC 6962 §3.3), in order.
    pub timestamps: Vec<Timestamp>,
    /// The timestamp list is there but cannot be read.
    pub timestamps_unreadable: bool,
    /// TLS feature extension asks for a stapled OCSP answer (RFC 7633).
    pub must_staple: bool,
    /// Qualified certificate statements by OID (RFC 3739, ETSI EN 319 412-5).
    pub qualified_statements: Vec<String>,
    /// A precertificate: has the critical poison extension (RFC 6962 §3.1).
    pub poisoned: bool,
    /// OIDs of critical extensions that this reader does not know.
    pub unknown_critical: Vec<String>,
    /// OIDs of extensions that could not be read, or stand there twice.
    pub unreadable_extensions: Vec<String>,
    /// Signature algorithm: name, or the OID where it has none here.
    pub signature_algorithm: String,
    /// The OID of the signature algorithm.
    pub signature_algorithm_oid: String,
    /// The public key.
    pub public_key: PublicKey,
    /// SHA-256 of the whole certificate.
    pub sha256: String,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: String,
    /// Whether it signed itself.
    pub self_signed: SelfSigned,
    /// The certificate as received.
    #[serde(skip)]
    pub der: Vec<u8>,
    /// The SubjectPublicKeyInfo as encoded.
    #[serde(skip)]
    pub spki: Vec<u8>,
}

/// Whether an extension is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Not there.
    Absent,
    /// There.
    Present,
    /// There and marked critical.
    Critical,
}

/// Who signed, seen from the certificate alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfSigned {
    /// Issuer and subject differ.
    No,
    /// Issuer and subject are the same, yet the signature is not by its own key (or cannot be
    /// checked here).
    SelfIssued,
    /// Its own key made the signature.
    SelfSigned,
}

/// One name of subjectAltName.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum AlternativeName {
    /// dNSName as written.
    Dns(String),
    /// iPAddress of 4 or 16 octets.
    Ip(IpAddr),
    /// rfc822Name.
    Email(String),
    /// uniformResourceIdentifier.
    Uri(String),
    /// directoryName in RFC 4514 form.
    Directory(String),
    /// Any other kind: its name and OID, such as `otherName 1.3.6.1.5.5.7.8.9`.
    Other(String),
    /// Not readable as the kind it says: the octets in hexadecimal.
    Broken(String),
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Its OID.
    pub oid: String,
    /// What the OID stands for, where known.
    pub meaning: Option<&'static str>,
    /// Addresses of the practice statement.
    pub practice_statements: Vec<String>,
}

/// One extended key usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Its OID.
    pub oid: String,
    /// Its RFC 5280 name, where known.
    pub name: Option<&'static str>,
}

/// Basic constraints (RFC 5280 §4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BasicConstraints {
    /// May sign certificates.
    pub ca: bool,
    /// Most CA certificates below it.
    pub path_length: Option<u32>,
}

/// Name constraints (RFC 5280 §4.2.1.10), each as `dns:example.com`, `ip:10.0.0.0/8` …
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameConstraints {
    /// Only below these.
    pub permitted: Vec<String>,
    /// Nothing below these.
    pub excluded: Vec<String>,
}

/// One embedded signed certificate timestamp (RFC 6962 §3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timestamp {
    /// 0 for version 1.
    pub version: u8,
    /// SHA-256 of the log's key.
    pub log_id: String,
    /// When the log took it, milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Extension octets, usually none.
    #[serde(skip)]
    pub extensions: Vec<u8>,
    /// Hash algorithm as in TLS 1.2 (4 is SHA-256).
    pub hash_algorithm: u8,
    /// Signature algorithm as in TLS 1.2 (1 RSA, 3 ECDSA).
    pub signature_algorithm: u8,
    /// The signature.
    #[serde(skip)]
    pub signature: Vec<u8>,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// Its kind.
    pub kind: KeyKind,
    /// Bits of the modulus, of the curve's field or of the key; 0 when unknown.
    pub bits: u32,
    /// The curve's name, or its OID when unknown.
    pub curve: Option<String>,
    /// RSA: public exponent, decimal; hexadecimal after `0x` when it does not fit 64 bits.
    pub exponent: Option<String>,
    /// The OID of the key algorithm.
    pub oid: String,
}

/// Kind of public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// Elliptic curve over a prime field.
    Ec,
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// DSA.
    Dsa,
    /// ML-DSA (FIPS 204).
    MlDsa,
    /// Anything else.
    Other,
}

impl Certificate {
    /// Reads one certificate from DER; octets after it are refused.
    ///
    /// # Errors
    ///
    /// [`super::Unreadable`]: too long, not a certificate, or octets left over.
    pub fn from_der(der: &[u8]) -> Result<Self, super::Unreadable> {
        super::read::certificate(der)
    }

    /// The dNSNames, in order, as written.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.alternative_names.iter().filter_map(|name| match name {
            AlternativeName::Dns(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The IP addresses, in order.
    pub fn ip_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.alternative_names.iter().filter_map(|name| match name {
            AlternativeName::Ip(address) => Some(*address),
            _ => None,
        })
    }

    /// The common name, the last one where there are several.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.subject.get("CN")
    }

    /// Whether it may sign certificates.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    /// Whether it asserts the policy.
    #[must_use]
    pub fn has_policy(&self, oid: &str) -> bool {
        self.policies.iter().any(|policy| policy.oid == oid)
    }

    /// Whether this key made the signature of `other`.
    #[must_use]
    pub fn signed(&self, other: &Self) -> bool {
        super::signature::signed_by(other, &self.spki)
    }

    /// A short way to say which one: the common name, else the whole subject, else the first host
    /// name (certificates of today have an empty subject).
    #[must_use]
    pub fn title(&self) -> &str {
        match self.common_name() {
            Some(name) if !name.is_empty() => name,
            _ if self.subject.text.is_empty() => {
                self.dns_names().next().unwrap_or("(empty subject)")
            }
            _ => &self.subject.text,
        }
    }
}
