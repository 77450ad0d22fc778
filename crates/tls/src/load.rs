//! Loading an operator's certificate and key, and saying what is wrong with them.
//!
//! What makes serving impossible is an error; what clients will complain about is a finding, since
//! an expired certificate is better served than no door at all. Whether an intermediate is missing
//! is not decided here. Nothing that is reported contains key material.

use std::fmt;

use menshen_base::{Finding, Severity};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use crate::error::{FileRole, TlsError};
use crate::fingerprint::fingerprint;

/// A certificate that can be served, with its key.
pub struct Loaded {
    /// DER chain, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
    /// Host names and addresses the leaf is made out to.
    pub names: Vec<String>,
    /// Unix seconds of its begin.
    pub not_before_unix: i64,
    /// Unix seconds of its end.
    pub not_after_unix: i64,
    /// SHA-256 of the leaf, see [`fingerprint`].
    pub fingerprint_sha256: String,
    /// What clients may complain about.
    pub findings: Vec<Finding>,
}

/// Reads a PEM chain and its PEM key and looks at them as of `now_unix`, Unix seconds.
///
/// # Errors
/// PEM that cannot be read, a kind of key that cannot be used, or a key that does not match.
pub fn load_pair(
    certificate_pem: &[u8],
    key_pem: &[u8],
    now_unix: i64,
) -> Result<Loaded, TlsError> {
    let (chain, key) = pair_from_pem(certificate_pem, key_pem)?;
    let parsed = parse_chain(&chain)?;
    let Some(leaf) = parsed.first() else {
        return Err(NO_CERTIFICATE);
    };
    let mut findings = Vec::new();
    time_findings(leaf, now_unix, &mut findings);
    leaf_findings(leaf, &mut findings);
    chain_findings(&parsed, &mut findings);
    let names = names_of(leaf);
    let (not_before_unix, not_after_unix) =
        (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    let fingerprint_sha256 = chain.first().map(|der| fingerprint(der)).unwrap_or_default();
    Ok(Loaded { chain, key, names, not_before_unix, not_after_unix, fingerprint_sha256, findings })
}

/// The certificate and key of a challenge, after making sure that they belong together. Unlike
/// those of [`load_pair`] it may hold critical extensions that no client but its authority knows,
/// which is what RFC 8737 §3 asks for.
pub(crate) fn challenge_pair(
    certificate_pem: &[u8],
    key_pem: &[u8],
) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(certificate_pem)?;
    let key = read_key(key_pem)?;
    let signer = default_provider().key_provider.load_private_key(key);
    let signer = signer.map_err(|_| UNUSABLE_KEY)?;
    let parsed = parse_chain(&chain)?;
    let certified = parsed.first().map(|leaf| leaf.public_key().raw);
    if signer.public_key().as_deref() != certified {
        return Err(TlsError::ConfigKeyMismatch { matches_certificate: None });
    }
    Ok(CertifiedKey::new(chain, signer))
}

/// Chain and key, after making sure that they belong together.
fn pair_from_pem(
    certificate_pem: &[u8],
    key_pem: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_chain(certificate_pem)?;
    let key = read_key(key_pem)?;
    let provider = default_provider();
    let signer = provider.key_provider.load_private_key(key.clone_key());
    let signer = signer.map_err(|_| UNUSABLE_KEY)?;
    let matches = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], signer.clone()).keys_match()
    };
    let Some(leaf) = chain.first() else {
        return Err(NO_CERTIFICATE);
    };
    match matches(leaf) {
        Ok(()) => Ok((chain, key)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let place = chain.iter().position(|certificate| matches(certificate).is_ok());
            Err(TlsError::ConfigKeyMismatch { matches_certificate: place.map(|place| place + 1) })
        }
        Err(_) => Err(UNREADABLE_CERTIFICATE),
    }
}

/// The certificates of a PEM text in its order, as DER.
///
/// # Errors
/// PEM that cannot be read, or without a certificate.
pub fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, TlsError> {
    Ok(read_chain(pem)?.into_iter().map(|der| der.to_vec()).collect())
}

/// A certificate as PEM text (RFC 7468 §5.1).
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&::pem::Pem::new("CERTIFICATE", der), config)
}

/// The public key (SubjectPublicKeyInfo) of a PEM private key.
pub(crate) fn public_key(key_pem: &[u8]) -> Result<Vec<u8>, TlsError> {
    let signer = default_provider().key_provider.load_private_key(read_key(key_pem)?);
    let signer = signer.map_err(|_| UNUSABLE_KEY)?;
    signer.public_key().map(|spki| spki.as_ref().to_vec()).ok_or(UNUSABLE_KEY)
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("names", &self.names)
            .field("not_after_unix", &self.not_after_unix)
            .field("fingerprint_sha256", &self.fingerprint_sha256)
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}

fn read_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    if text.len() > PEM_BYTES_MAX {
        return Err(bad_pem(FileRole::Certificate, "it is longer than 1 MiB", ""));
    }
    let chain = CertificateDer::pem_slice_iter(text)
        .take(CHAIN_MAX + 1)
        .collect::<Result<Vec<_>, pem::Error>>()
        .map_err(|_| bad_pem(FileRole::Certificate, "its PEM text is damaged", PEM_HINT))?;
    if chain.is_empty() {
        return Err(NO_CERTIFICATE);
    }
    if chain.len() > CHAIN_MAX {
        let hint = "Give the server's certificate and its intermediates only.";
        return Err(bad_pem(FileRole::Certificate, "it holds more than 16 certificates", hint));
    }
    Ok(chain)
}

fn read_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    if text.len() > PEM_BYTES_MAX {
        return Err(bad_pem(FileRole::Key, "it is longer than 1 MiB", ""));
    }
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(_) if contains(text, b"BEGIN ENCRYPTED PRIVATE KEY") || is_legacy_encrypted(text) => {
            let hint = "Remove the passphrase with `openssl pkey -in KEY -out NEW`.";
            Err(bad_pem(FileRole::Key, "the key is encrypted with a passphrase", hint))
        }
        Err(pem::Error::NoItemsFound) => {
            let hint = "The file must hold a block \"-----BEGIN PRIVATE KEY-----\".";
            Err(bad_pem(FileRole::Key, "it holds no private key in PEM form", hint))
        }
        Err(_) => Err(bad_pem(FileRole::Key, "its PEM text is damaged", PEM_HINT)),
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// RFC 1421 headers, which OpenSSL wrote before PKCS #8 and PEM parsers of today refuse.
fn is_legacy_encrypted(text: &[u8]) -> bool {
    contains(text, b"Proc-Type: 4,ENCRYPTED")
}

fn parse_chain<'a>(
    chain: &'a [CertificateDer<'static>],
) -> Result<Vec<X509Certificate<'a>>, TlsError> {
    chain
        .iter()
        .map(|der| match X509Certificate::from_der(der) {
            Ok((_, parsed)) => Ok(parsed),
            Err(_) => Err(UNREADABLE_CERTIFICATE),
        })
        .collect()
}

fn time_findings(leaf: &X509Certificate<'_>, now_unix: i64, findings: &mut Vec<Finding>) {
    let (from, until) = (&leaf.validity().not_before, &leaf.validity().not_after);
    let now = ASN1Time::from_timestamp(now_unix).map_or_else(|_| "?".to_owned(), |now| show(&now));
    let warning = |code, claim: String| {
        Finding::new(code, Severity::Warning, subject(leaf), claim)
            .evidence("validity", "certificate", format!("{} to {}", show(from), show(until)))
            .evidence("clock", "this machine", now)
    };
    if now_unix > until.timestamp() {
        let claim = format!("the certificate expired on {}", show(until));
        let hint = "Renew it; until then clients refuse the connection.";
        findings.push(warning("certificate-expired", claim).hint(hint));
    } else if now_unix < from.timestamp() {
        let claim = format!("the certificate is not valid before {}", show(from));
        let hint = "Check the clock of this machine; clients refuse the connection until then.";
        findings.push(warning("certificate-not-yet-valid", claim).hint(hint));
    }
}

fn leaf_findings(leaf: &X509Certificate<'_>, findings: &mut Vec<Finding>) {
    if names_of(leaf).is_empty() {
        let claim = "the certificate names no host or address in its subject alternative names";
        findings.push(
            Finding::new("certificate-without-names", Severity::Warning, subject(leaf), claim)
                .hint(
                    "Request one with subject alternative names; clients ignore the common name.",
                ),
        );
    }
    if leaf.is_ca() {
        let claim = "the certificate is marked as an authority, not as a server";
        findings.push(
            Finding::new("certificate-is-authority", Severity::Warning, subject(leaf), claim)
                .hint("Some clients refuse it; make a server certificate with `CA:FALSE`."),
        );
    }
}

fn chain_findings(chain: &[X509Certificate<'_>], findings: &mut Vec<Finding>) {
    let Some(leaf) = chain.first() else { return };
    for (place, pair) in chain.windows(2).enumerate() {
        let [below, above] = pair else { continue };
        if below.issuer().as_raw() != above.subject().as_raw() {
            let claim = format!(
                "certificate {} of the file did not issue certificate {}",
                place + 2,
                place + 1
            );
            findings.push(
                Finding::new("certificate-chain-order", Severity::Warning, subject(leaf), claim)
                    .evidence("issuer", format!("certificate {}", place + 1), dn(below.issuer()))
                    .evidence("subject", format!("certificate {}", place + 2), dn(above.subject()))
                    .hint("Order the file: server first, then each issuer of the one before."),
            );
            // One wrong place makes the next one wrong too; naming the first is enough.
            break;
        }
    }
    if chain.len() > 1
        && let Some(last) = chain.last()
        && last.subject().as_raw() == last.issuer().as_raw()
    {
        let claim = "the file ends with a root, which clients have or do not trust anyway";
        findings.push(
            Finding::new("certificate-root-sent", Severity::Note, subject(leaf), claim)
                .hint("Remove the last certificate; every full handshake gets smaller."),
        );
    }
}

/// Host names and addresses of the subject alternative names.
pub(crate) fn names_of(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    names.value.general_names.iter().filter_map(name_text).collect()
}

/// A host name or address as text.
pub(crate) fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(host) => Some((*host).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(Into::into));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn subject(leaf: &X509Certificate<'_>) -> String {
    names_of(leaf).into_iter().next().unwrap_or_else(|| dn(leaf.subject()))
}

fn dn(name: &x509_parser::x509::X509Name<'_>) -> String {
    name.to_string().chars().take(200).collect()
}

fn show(time: &ASN1Time) -> String {
    time.to_rfc2822().unwrap_or_else(|_| format!("Unix second {}", time.timestamp()))
}

const fn bad_pem(role: FileRole, reason: &'static str, hint: &'static str) -> TlsError {
    TlsError::ConfigPem { role, reason, hint }
}

const PEM_HINT: &str = "Copy the file again; a block may be cut off.";

const NO_CERTIFICATE: TlsError = bad_pem(
    FileRole::Certificate,
    "it holds no certificate in PEM form",
    "The file must hold a block \"-----BEGIN CERTIFICATE-----\".",
);

const UNREADABLE_CERTIFICATE: TlsError =
    bad_pem(FileRole::Certificate, "a certificate in it cannot be understood", PEM_HINT);

const UNUSABLE_KEY: TlsError = bad_pem(
    FileRole::Key,
    "this kind of key cannot be used",
    "Use RSA of 2048 bits or more, or ECDSA with P-256, P-384 or P-521, or Ed25519.",
);

const PEM_BYTES_MAX: usize = 1024 * 1024;
const CHAIN_MAX: usize = 16;

#[cfg(test)]
mod tests;
