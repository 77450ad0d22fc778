//! Object identifiers by name: one table per kind, values from RFC 5280, RFC 4519, RFC 8017,
//! RFC 5480, the BR and ETSI EN 319 412.

use alloc::format;
use alloc::string::String;

/// The dotted form of encoded OID content octets; `?` and hexadecimal when they are no OID.
pub(super) fn dotted(content: &[u8]) -> String {
    let mut text = String::new();
    let mut value = 0u64;
    let mut begun = false;
    for octet in content {
        let Some(shifted) = value.checked_mul(128) else {
            return format!("?{}", hex(content));
        };
        value = shifted + u64::from(octet & 0x7f);
        begun = true;
        if octet & 0x80 == 0 {
            if text.is_empty() {
                let first = (value / 40).min(2);
                text = format!("{first}.{}", value - first * 40);
            } else {
                text.push_str(&format!(".{value}"));
            }
            value = 0;
            begun = false;
        }
    }
    if begun || text.is_empty() { format!("?{}", hex(content)) } else { text }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// The row of `table` for an OID.
pub(super) fn named(table: &[(&str, &'static str)], oid: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// Attribute types of names by the short names of RFC 4519 and the EV Guidelines.
pub(super) const ATTRIBUTES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

/// Extended key usages.
pub(super) const USAGES: &[(&str, &str)] = &[
    (SERVER_AUTH, "serverAuth"),
    (CLIENT_AUTH, "clientAuth"),
    ("1.3.6.1.5.5.7.3.3", "codeSigning"),
    ("1.3.6.1.5.5.7.3.4", "emailProtection"),
    ("1.3.6.1.5.5.7.3.8", "timeStamping"),
    ("1.3.6.1.5.5.7.3.9", "OCSPSigning"),
    (ANY_USAGE, "anyExtendedKeyUsage"),
];

/// Signature algorithms.
pub(super) const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.3.14.3.2.29", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.10040.4.3", "dsa-with-sha1"),
    ("2.16.840.1.101.3.4.3.2", "dsa-with-sha256"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    (ED25519, "Ed25519"),
    (ED448, "Ed448"),
    (ML_DSA_44, "ML-DSA-44"),
    (ML_DSA_65, "ML-DSA-65"),
    (ML_DSA_87, "ML-DSA-87"),
];

/// Named curves and the bits of their fields.
pub(super) const CURVES: &[(&str, &str, u32)] = &[
    ("1.2.840.10045.3.1.7", "P-256", 256),
    ("1.3.132.0.34", "P-384", 384),
    ("1.3.132.0.35", "P-521", 521),
    ("1.3.132.0.33", "P-224", 224),
    ("1.2.840.10045.3.1.1", "P-192", 192),
    ("1.3.132.0.10", "secp256k1", 256),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1", 256),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1", 384),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1", 512),
];

/// rsaEncryption.
pub(super) const RSA: &str = "1.2.840.113549.1.1.1";
/// id-ecPublicKey.
pub(super) const EC: &str = "1.2.840.10045.2.1";
/// id-dsa.
pub(super) const DSA: &str = "1.2.840.10040.4.1";
/// id-Ed25519 (RFC 8410).
pub(super) const ED25519: &str = "1.3.101.112";
/// id-Ed448 (RFC 8410).
pub(super) const ED448: &str = "1.3.101.113";
/// id-ml-dsa-44 (RFC 9881).
pub(super) const ML_DSA_44: &str = "2.16.840.1.101.3.4.3.17";
/// id-ml-dsa-65.
pub(super) const ML_DSA_65: &str = "2.16.840.1.101.3.4.3.18";
/// id-ml-dsa-87.
pub(super) const ML_DSA_87: &str = "2.16.840.1.101.3.4.3.19";
/// id-kp-serverAuth.
pub(super) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// id-kp-clientAuth.
pub(super) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
/// anyExtendedKeyUsage.
pub(super) const ANY_USAGE: &str = "2.5.29.37.0";
/// Embedded timestamps (RFC 6962 §3.3).
pub(super) const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// Precertificate poison (RFC 6962 §3.1).
pub(super) const POISON: &str = "1.3.6.1.4.1.11129.2.4.3";
/// TLS feature (RFC 7633).
pub(super) const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
/// Qualified certificate statements (RFC 3739).
pub(super) const QC_STATEMENTS: &str = "1.3.6.1.5.5.7.1.3";
/// QcCompliance: an EU qualified certificate (ETSI EN 319 412-5).
pub(super) const QC_COMPLIANCE: &str = "0.4.0.1862.1.1";
/// QcType statement.
pub(super) const QC_TYPE: &str = "0.4.0.1862.1.6";
/// The type: web site authentication.
pub(super) const QC_TYPE_WEB: &str = "0.4.0.1862.1.6.3";
