//! What one file holds, in PEM form (RFC 7468); blocks of other kinds are passed over.

use menshen_base::{Finding, Severity};
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::walk::{self, FoundFile};
use super::{shown, warning};
use crate::base64url;

/// Certificates and keys of one file, in its order.
#[derive(Default)]
pub(super) struct Held {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) keys: Vec<PrivateKeyDer<'static>>,
    /// Something was there that could not be read.
    broken: bool,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.keys.is_empty() && !self.broken
    }
}

/// Reads a file.
pub(super) fn sections(file: &FoundFile, findings: &mut Vec<Finding>) -> Held {
    let mut held = Held::default();
    let severity = if file.named { Severity::Error } else { Severity::Warning };
    let mut tell = |code, claim: String, hint: &str| {
        findings.push(Finding::new(code, severity, shown(&file.path), claim).hint(hint));
    };
    let bytes = match walk::read(&file.path) {
        Ok(Some(bytes)) => bytes,
        // Whatever that is in a folder, it is no certificate.
        Ok(None) if !file.named => return held,
        Ok(None) => {
            tell("certificate-file-unreadable", "it is longer than 1 MiB".to_owned(), "");
            return held;
        }
        Err(error) => {
            let claim = format!("it cannot be read: {}", walk::reason(&error));
            tell("certificate-file-unreadable", claim, "");
            // It may hold a key, and become readable.
            held.broken = true;
            return held;
        }
    };
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&bytes).take(SECTIONS) {
        match section {
            Ok((SectionKind::Certificate, der)) => held.certificates.push(der.into()),
            Ok((SectionKind::PrivateKey, der)) => {
                held.keys.push(PrivateKeyDer::Pkcs8(der.into()));
            }
            Ok((SectionKind::RsaPrivateKey, der)) => {
                held.keys.push(PrivateKeyDer::Pkcs1(der.into()));
            }
            Ok((SectionKind::EcPrivateKey, der)) => {
                held.keys.push(PrivateKeyDer::Sec1(der.into()));
            }
            Ok(_) => {}
            Err(_) => {
                // Other texts may have lines that begin like these blocks.
                held.broken =
                    contains(&bytes, b"CERTIFICATE-----") || contains(&bytes, b"PRIVATE KEY-----");
                break;
            }
        }
    }
    if is_encrypted(&bytes) {
        held.broken = true;
        findings.push(
            warning("certificate-key-encrypted", &file.path, "the key is encrypted")
                .hint("Remove the passphrase with `openssl pkey -in KEY -out NEW`."),
        );
    } else if held.broken {
        let claim = "its PEM text is damaged".to_owned();
        tell("certificate-file-damaged", claim, "Copy the file again; a block may be cut off.");
    }
    held
}

/// DER as a block of PEM text.
pub(super) fn armoured(label: &str, der: &[u8]) -> String {
    let mut text = base64url::encode(der).replace('-', "+").replace('_', "/");
    text.push_str(match text.len() % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    });
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str(&format!("\n-----END {label}-----\n"));
    pem
}

fn is_encrypted(bytes: &[u8]) -> bool {
    contains(bytes, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(bytes, b"Proc-Type: 4,ENCRYPTED")
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Most blocks of one file.
const SECTIONS: usize = 1000;
/// Letters of a line, RFC 7468 §2.
const LINE: usize = 64;
