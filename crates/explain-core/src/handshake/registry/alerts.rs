//! Alerts (RFC 8446 §6, RFC 5246 §7.2): what each means and what usually causes it.
//!
//! Data only.

use alloc::format;
use alloc::string::{String, ToString};

/// An alert in words.
#[derive(Debug, Clone)]
pub(crate) struct AlertText {
    /// The RFC's spelling.
    pub(crate) name: String,
    /// What it means and what usually causes it.
    pub(crate) meaning: &'static str,
}

/// The words for an alert.
pub(crate) fn alert(code: u8) -> AlertText {
    let row = ALERTS.iter().find(|(number, ..)| *number == code);
    row.map_or_else(
        || AlertText { name: format!("alert {code}"), meaning: "an alert no RFC has a name for" },
        |(_, name, meaning)| AlertText { name: (*name).to_string(), meaning },
    )
}

const ALERTS: &[(u8, &str, &str)] = &[
    (0, "close_notify", "the sender will send nothing more: the regular end of a connection"),
    (
        10,
        "unexpected_message",
        "a message came that has no place there: one side's TLS software, or something between \
         the two, does not keep to the protocol",
    ),
    (
        20,
        "bad_record_mac",
        "a record could not be verified: the keys differ, or bytes were changed on the way",
    ),
    (21, "decryption_failed", "a record could not be decrypted (TLS 1.0; later bad_record_mac)"),
    (22, "record_overflow", "a record was longer than allowed: often it was not TLS at all"),
    (30, "decompression_failure", "compressed data could not be expanded"),
    (
        40,
        "handshake_failure",
        "nothing both sides support was left: usually no common cipher suite, group or kind of \
         certificate, sometimes a required client certificate is missing",
    ),
    (41, "no_certificate", "no certificate was given (SSL 3.0)"),
    (
        42,
        "bad_certificate",
        "the certificate is damaged, or its signature or name does not fit: many clients say this \
         for any fault of a certificate",
    ),
    (43, "unsupported_certificate", "the certificate is of a kind the sender cannot use"),
    (44, "certificate_revoked", "the authority has revoked the certificate"),
    (
        45,
        "certificate_expired",
        "the certificate is out of its time, or the sender's clock is wrong",
    ),
    (
        46,
        "certificate_unknown",
        "something else is wrong with the certificate: browsers say this when the user or a rule \
         does not accept it",
    ),
    (47, "illegal_parameter", "a value is out of range or contradicts another one"),
    (
        48,
        "unknown_ca",
        "the sender does not know the authority that issued the certificate: it is self-signed, \
         of a private authority, or an intermediate certificate is missing",
    ),
    (49, "access_denied", "the certificate is valid, but its owner is not allowed in"),
    (50, "decode_error", "a message could not be read: a length or field is wrong"),
    (
        51,
        "decrypt_error",
        "a signature or Finished value is wrong: the key does not fit the certificate, or somebody \
         changed the handshake",
    ),
    (60, "export_restriction", "a length of keys that was forbidden for export in the 1990s"),
    (
        70,
        "protocol_version",
        "no common version: usually one side only speaks TLS 1.0 or 1.1, which is switched off \
         today",
    ),
    (71, "insufficient_security", "the sender wants stronger suites than the other one offers"),
    (
        80,
        "internal_error",
        "something went wrong inside the sender that has nothing to do with TLS",
    ),
    (
        86,
        "inappropriate_fallback",
        "the client tried again with a lower version although the server speaks a higher one",
    ),
    (90, "user_canceled", "the user, or the program, changed its mind"),
    (100, "no_renegotiation", "the sender does not start another handshake on this connection"),
    (109, "missing_extension", "an extension that must be there is missing"),
    (110, "unsupported_extension", "an extension came that was not asked for"),
    (111, "certificate_unobtainable", "a certificate could not be fetched from its URL"),
    (112, "unrecognized_name", "the server has no site under the name the client asked for (SNI)"),
    (113, "bad_certificate_status_response", "the stapled OCSP answer is invalid"),
    (114, "bad_certificate_hash_value", "a certificate does not have the hash that was promised"),
    (115, "unknown_psk_identity", "the pre-shared key is not known"),
    (116, "certificate_required", "the server wants a client certificate, and none was sent"),
    (
        120,
        "no_application_protocol",
        "no common protocol by ALPN: the client offered none the server speaks",
    ),
    (121, "ech_required", "the client insists on Encrypted Client Hello"),
];
