//! A cipher suite taken apart by its name: what each part is for.
//!
//! The IANA names are regular: key exchange and signature stand before `_WITH_`, then cipher and
//! hash. TLS 1.3 suites have no `_WITH_`: key exchange and signature are agreed separately there.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::suite;
use crate::handshake::story::{KeyExchangeKind, SuitePart};

/// A hash of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
}

/// A cipher we can open records of, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    /// Key length and MAC.
    AesCbc {
        key_bytes: usize,
        mac: Mac,
    },
    Other,
}

/// The MAC of a CBC suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mac {
    Sha1,
    Sha256,
    Sha384,
}

/// What a suite decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SuiteShape {
    pub(crate) kind: KeyExchangeKind,
    /// The hash of transcript, HKDF and PRF (TLS 1.2 and 1.3).
    pub(crate) hash: Hash,
    pub(crate) cipher: Cipher,
    /// A suite of TLS 1.3.
    pub(crate) tls13: bool,
}

/// What a suite decides; None when its number has no name.
pub(crate) fn shape(code: u16) -> Option<SuiteShape> {
    let name = suite(code).name;
    let name = name.strip_prefix("TLS_")?;
    let tls13 = matches!(code, 0x1301..=0x1305);
    let (before, after) = name.split_once("_WITH_").unwrap_or(("", name));
    let hash = if after.ends_with("SHA384") { Hash::Sha384 } else { Hash::Sha256 };
    Some(SuiteShape { kind: kind(before), hash, cipher: cipher(after), tls13 })
}

/// The parts of a suite's name with what they are for.
pub(crate) fn parts(code: u16) -> Vec<SuitePart> {
    let name = suite(code).name;
    let Some(name) = name.strip_prefix("TLS_") else { return Vec::new() };
    let (before, after) = name.split_once("_WITH_").unwrap_or(("", name));
    let mut parts = Vec::new();
    if let Some((exchange, signature)) = before.split_once('_') {
        parts.extend(explain(EXCHANGES, exchange, "key exchange"));
        parts.extend(explain(SIGNATURES, signature, "signature"));
    } else if !before.is_empty() {
        parts.extend(explain(EXCHANGES, before, "key exchange"));
    }
    let encryption = CIPHERS.iter().find(|(prefix, _)| after.starts_with(prefix));
    if let Some((prefix, meaning)) = encryption {
        let part = (*prefix).to_string();
        parts.push(SuitePart { part, role: "encryption", meaning });
        let rest = after.get(prefix.len()..).unwrap_or("").trim_start_matches('_');
        let sealed = prefix.contains("GCM") || prefix.contains("CCM") || prefix.contains("POLY");
        let role = if sealed { "hash" } else { "integrity" };
        parts.extend(explain(HASHES, rest, role).map(|mut part| {
            if sealed {
                part.meaning = "the hash that keys are derived with";
            }
            part
        }));
    }
    parts
}

fn explain(table: &[(&str, &'static str)], part: &str, role: &'static str) -> Option<SuitePart> {
    let (_, meaning) = table.iter().find(|(name, _)| *name == part)?;
    Some(SuitePart { part: part.to_string(), role, meaning })
}

fn kind(before: &str) -> KeyExchangeKind {
    match before {
        _ if before.ends_with("_anon") || before.contains("_anon_") => KeyExchangeKind::Anonymous,
        "" => KeyExchangeKind::Ecdhe,
        _ if before.starts_with("ECDHE") => KeyExchangeKind::Ecdhe,
        _ if before.starts_with("DHE") => KeyExchangeKind::Dhe,
        "RSA" | "RSA_EXPORT" | "RSA_EXPORT1024" | "RSA_PSK" => KeyExchangeKind::Rsa,
        "PSK" => KeyExchangeKind::PskOnly,
        _ => KeyExchangeKind::Other,
    }
}

fn cipher(after: &str) -> Cipher {
    let mac = match after {
        _ if after.ends_with("_SHA") => Some(Mac::Sha1),
        _ if after.ends_with("_SHA256") => Some(Mac::Sha256),
        _ if after.ends_with("_SHA384") => Some(Mac::Sha384),
        _ => None,
    };
    match (after, mac) {
        _ if after.starts_with("AES_128_GCM") => Cipher::Aes128Gcm,
        _ if after.starts_with("AES_256_GCM") => Cipher::Aes256Gcm,
        _ if after.starts_with("CHACHA20_POLY1305") => Cipher::ChaCha20Poly1305,
        (_, Some(mac)) if after.starts_with("AES_128_CBC") => Cipher::AesCbc { key_bytes: 16, mac },
        (_, Some(mac)) if after.starts_with("AES_256_CBC") => Cipher::AesCbc { key_bytes: 32, mac },
        _ => Cipher::Other,
    }
}

const EXCHANGES: &[(&str, &str)] = &[
    ("ECDHE", "both sides make fresh keys on an elliptic curve; a stolen key opens nothing old"),
    ("DHE", "both sides make fresh Diffie-Hellman keys; a stolen key opens nothing old"),
    (
        "RSA",
        "the client encrypts a secret with the certificate's key; who gets that key later can \
             open old recordings",
    ),
    ("ECDH", "a fixed key on an elliptic curve stands in the certificate"),
    ("DH", "a fixed Diffie-Hellman key stands in the certificate"),
    ("PSK", "both sides had a common secret before"),
    ("SRP", "a password both sides know"),
];

const SIGNATURES: &[(&str, &str)] = &[
    ("RSA", "the server proves with an RSA key that it owns the certificate"),
    ("ECDSA", "the server proves with an elliptic curve key that it owns the certificate"),
    ("DSS", "the server proves with a DSA key that it owns the certificate; out of use"),
    ("anon", "nobody proves anything: it could be anyone"),
    ("PSK", "a common secret both had before is the proof"),
    ("EXPORT", "weakened on purpose for the export rules of the 1990s"),
    ("RSA_EXPORT", "weakened on purpose for the export rules of the 1990s"),
];

/// Longer prefixes first.
const CIPHERS: &[(&str, &str)] = &[
    ("AES_128_GCM", "AES with a 128-bit key; encrypts and notices every change, in one"),
    ("AES_256_GCM", "AES with a 256-bit key; encrypts and notices every change, in one"),
    ("CHACHA20_POLY1305", "ChaCha20; encrypts and notices every change, fast without AES hardware"),
    ("AES_128_CCM_8", "AES with a 128-bit key and a short check value, for small devices"),
    ("AES_256_CCM_8", "AES with a 256-bit key and a short check value, for small devices"),
    ("AES_128_CCM", "AES with a 128-bit key; encrypts and notices every change, in one"),
    ("AES_256_CCM", "AES with a 256-bit key; encrypts and notices every change, in one"),
    ("AES_128_CBC", "AES with a 128-bit key, block after block; the older way"),
    ("AES_256_CBC", "AES with a 256-bit key, block after block; the older way"),
    ("3DES_EDE_CBC", "triple DES, from the 1970s: weak"),
    ("DES40_CBC", "DES with 40 bits: broken in seconds"),
    ("DES_CBC", "DES: broken in hours"),
    ("RC4_128", "RC4: broken and forbidden (RFC 7465)"),
    ("RC4_40", "RC4 with 40 bits: broken in seconds"),
    ("NULL", "no encryption at all"),
    ("CAMELLIA_128_GCM", "Camellia with a 128-bit key"),
    ("CAMELLIA_256_GCM", "Camellia with a 256-bit key"),
    ("CAMELLIA_128_CBC", "Camellia with a 128-bit key, block after block; the older way"),
    ("CAMELLIA_256_CBC", "Camellia with a 256-bit key, block after block; the older way"),
    ("ARIA_128_GCM", "ARIA with a 128-bit key"),
    ("ARIA_256_GCM", "ARIA with a 256-bit key"),
    ("SEED_CBC", "SEED, block after block; the older way"),
];

const HASHES: &[(&str, &str)] = &[
    ("SHA", "SHA-1 notices changes of a record; old, but not broken in this use"),
    ("SHA256", "SHA-256 notices changes of a record"),
    ("SHA384", "SHA-384 notices changes of a record"),
    ("MD5", "MD5 notices changes of a record; old"),
];
