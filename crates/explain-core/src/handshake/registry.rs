//! Names of the numbers on the wire: versions, suites, groups, signature schemes, extensions,
//! alerts. From the IANA registries of TLS.
//!
//! A number that has no name here is shown as a number; nothing can fail.

mod alerts;
mod suites;
mod taken_apart;

pub(super) use alerts::alert;
pub(super) use taken_apart::{Cipher, Hash, Mac, SuiteShape, parts, shape};

use alloc::format;
use alloc::string::{String, ToString};

use super::story::{HybridPart, Named};

/// Whether a number is GREASE (RFC 8701): sent to keep servers tolerant, and to be ignored.
pub(super) const fn is_grease(code: u16) -> bool {
    let [high, low] = code.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// The name of a version.
pub(super) fn version(code: u16) -> Named {
    let name = match code {
        0x0002 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        0x7f00..=0x7fff => return named(code, &format!("TLS 1.3 draft {}", code & 0xff)),
        _ => "",
    };
    named(code, name)
}

/// The name of a cipher suite.
pub(super) fn suite(code: u16) -> Named {
    named(code, find(suites::SUITES, code))
}

/// The name of a group.
pub(super) fn group(code: u16) -> Named {
    named(code, find(GROUPS, code))
}

/// The name of a signature scheme; pairs of TLS 1.2 (hash, signature) are spelled out.
pub(super) fn scheme(code: u16) -> Named {
    let name = find(SCHEMES, code);
    if !name.is_empty() {
        return named(code, name);
    }
    let [hash, signature] = code.to_be_bytes();
    let hash =
        ["none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"].get(usize::from(hash));
    let signature = ["anonymous", "rsa", "dsa", "ecdsa"].get(usize::from(signature));
    match (hash, signature) {
        (Some(hash), Some(signature)) => named(code, &format!("{signature}_{hash}")),
        _ => named(code, ""),
    }
}

/// The name of an extension.
pub(super) fn extension(code: u16) -> String {
    named(code, find(EXTENSIONS, code)).name
}

/// The halves of a hybrid group; empty for all others. Sizes: FIPS 203, draft-ietf-tls-ecdhe-mlkem.
pub(super) fn hybrid(code: u16) -> &'static [HybridPart] {
    match code {
        0x11eb => &[P256, MLKEM768],
        0x11ec => &[MLKEM768, X25519],
        0x11ed => &[P384, MLKEM1024],
        0x6399 => &[X25519, KYBER768],
        _ => &[],
    }
}

/// Whether a group is a post-quantum mechanism alone.
pub(super) const fn is_post_quantum(code: u16) -> bool {
    matches!(code, 0x0200..=0x0202)
}

fn named(code: u16, name: &str) -> Named {
    let name = match name {
        "" if is_grease(code) => "GREASE".to_string(),
        "" => format!("0x{code:04x}"),
        name => name.to_string(),
    };
    Named { code, name }
}

fn find(table: &[(u16, &'static str)], code: u16) -> &'static str {
    table
        .binary_search_by_key(&code, |(number, _)| *number)
        .ok()
        .and_then(|at| table.get(at))
        .map_or("", |(_, name)| *name)
}

const X25519: HybridPart = HybridPart {
    name: "X25519",
    client_bytes: 32,
    server_bytes: 32,
    meaning: "an elliptic curve, well proven, safe against all computers of today",
};
const P256: HybridPart = HybridPart {
    name: "P-256",
    client_bytes: 65,
    server_bytes: 65,
    meaning: "an elliptic curve, well proven, safe against all computers of today",
};
const P384: HybridPart = HybridPart {
    name: "P-384",
    client_bytes: 97,
    server_bytes: 97,
    meaning: "an elliptic curve, well proven, safe against all computers of today",
};
const MLKEM768: HybridPart = HybridPart {
    name: "ML-KEM-768",
    client_bytes: 1184,
    server_bytes: 1088,
    meaning: "made to withstand quantum computers, so a recording of today stays closed tomorrow",
};
const MLKEM1024: HybridPart = HybridPart {
    name: "ML-KEM-1024",
    client_bytes: 1568,
    server_bytes: 1568,
    meaning: "made to withstand quantum computers, so a recording of today stays closed tomorrow",
};
const KYBER768: HybridPart = HybridPart {
    name: "Kyber-768 (draft)",
    client_bytes: 1184,
    server_bytes: 1088,
    meaning: "the draft that became ML-KEM, made to withstand quantum computers",
};

/// In the order of the numbers, as [`find`] needs.
const GROUPS: &[(u16, &str)] = &[
    (0x0001, "sect163k1"),
    (0x0002, "sect163r1"),
    (0x0003, "sect163r2"),
    (0x0004, "sect193r1"),
    (0x0005, "sect193r2"),
    (0x0006, "sect233k1"),
    (0x0007, "sect233r1"),
    (0x0008, "sect239k1"),
    (0x0009, "sect283k1"),
    (0x000a, "sect283r1"),
    (0x000b, "sect409k1"),
    (0x000c, "sect409r1"),
    (0x000d, "sect571k1"),
    (0x000e, "sect571r1"),
    (0x000f, "secp160k1"),
    (0x0010, "secp160r1"),
    (0x0011, "secp160r2"),
    (0x0012, "secp192k1"),
    (0x0013, "secp192r1"),
    (0x0014, "secp224k1"),
    (0x0015, "secp224r1"),
    (0x0016, "secp256k1"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001a, "brainpoolP256r1"),
    (0x001b, "brainpoolP384r1"),
    (0x001c, "brainpoolP512r1"),
    (0x001d, "x25519"),
    (0x001e, "x448"),
    (0x001f, "brainpoolP256r1tls13"),
    (0x0020, "brainpoolP384r1tls13"),
    (0x0021, "brainpoolP512r1tls13"),
    (0x0029, "curveSM2"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (0x0200, "MLKEM512"),
    (0x0201, "MLKEM768"),
    (0x0202, "MLKEM1024"),
    (0x11eb, "SecP256r1MLKEM768"),
    (0x11ec, "X25519MLKEM768"),
    (0x11ed, "SecP384r1MLKEM1024"),
    (0x6399, "X25519Kyber768Draft00"),
    (0xff01, "arbitrary_explicit_prime_curves"),
    (0xff02, "arbitrary_explicit_char2_curves"),
];

/// In the order of the numbers.
const SCHEMES: &[(u16, &str)] = &[
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0203, "ecdsa_sha1"),
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0420, "rsa_pkcs1_sha256_legacy"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0520, "rsa_pkcs1_sha384_legacy"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0620, "rsa_pkcs1_sha512_legacy"),
    (0x0708, "sm2sig_sm3"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080a, "rsa_pss_pss_sha384"),
    (0x080b, "rsa_pss_pss_sha512"),
    (0x081a, "ecdsa_brainpoolP256r1tls13_sha256"),
    (0x081b, "ecdsa_brainpoolP384r1tls13_sha384"),
    (0x081c, "ecdsa_brainpoolP512r1tls13_sha512"),
    (0x0904, "mldsa44"),
    (0x0905, "mldsa65"),
    (0x0906, "mldsa87"),
];

/// In the order of the numbers.
const EXTENSIONS: &[(u16, &str)] = &[
    (0, "server_name"),
    (1, "max_fragment_length"),
    (2, "client_certificate_url"),
    (3, "trusted_ca_keys"),
    (4, "truncated_hmac"),
    (5, "status_request"),
    (6, "user_mapping"),
    (7, "client_authz"),
    (8, "server_authz"),
    (9, "cert_type"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (12, "srp"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "application_layer_protocol_negotiation"),
    (17, "status_request_v2"),
    (18, "signed_certificate_timestamp"),
    (19, "client_certificate_type"),
    (20, "server_certificate_type"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_master_secret"),
    (24, "token_binding"),
    (25, "cached_info"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (34, "delegated_credential"),
    (35, "session_ticket"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (48, "oid_filters"),
    (49, "post_handshake_auth"),
    (50, "signature_algorithms_cert"),
    (51, "key_share"),
    (52, "transparency_info"),
    (54, "connection_id"),
    (55, "external_id_hash"),
    (56, "external_session_id"),
    (57, "quic_transport_parameters"),
    (58, "ticket_request"),
    (59, "dnssec_chain"),
    (13172, "next_protocol_negotiation"),
    (17513, "application_settings_old"),
    (17613, "application_settings"),
    (30032, "channel_id"),
    (0xfd00, "ech_outer_extensions"),
    (0xfe0d, "encrypted_client_hello"),
    (0xff01, "renegotiation_info"),
];

#[cfg(test)]
mod tests;
