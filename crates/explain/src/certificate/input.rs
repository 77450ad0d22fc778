//! Certificates out of a file: PEM with anything around it, or DER.
//!
//! Takes any bytes. Private keys in the same file are passed over and never looked into.

use menshen_explain_core::certificate::Certificate;

use super::der;

/// Why a file has no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// PEM, but of other things; its label.
    #[error("there is no certificate in it, but a block {0}")]
    OtherPem(String),
    /// DER, but of another thing.
    #[error("it is {}, not a certificate", .0.name())]
    OtherDer(OtherDer),
    /// Neither PEM nor DER.
    #[error("it is neither a PEM nor a DER certificate")]
    Neither,
    /// PEM with a certificate that cannot be read.
    #[error("certificate {number} of the file cannot be read: {why}")]
    Unreadable {
        /// Its place, from 1.
        number: usize,
        /// Why.
        why: String,
    },
    /// Too many.
    #[error("there are more than {CERTIFICATES_MAX} certificates in it")]
    TooMany,
}

/// What a DER file without a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherDer {
    /// PKCS#12 (RFC 7292): certificates and keys behind a password.
    Pkcs12,
    /// PKCS#7 (RFC 2315): certificates in an envelope.
    Pkcs7,
    /// PKCS#10 (RFC 2986): a request for a certificate.
    Request,
    /// A private key.
    Key,
}

impl OtherDer {
    const fn name(self) -> &'static str {
        match self {
            Self::Pkcs12 => "a PKCS#12 file (.p12, .pfx)",
            Self::Pkcs7 => "a PKCS#7 file (.p7b)",
            Self::Request => "a certificate request (CSR)",
            Self::Key => "a private key",
        }
    }

    /// By its first elements.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut outer = der::Reader::new(bytes).next()?.inside();
        let first = outer.next()?;
        match (first.tag, first.content) {
            (der::INTEGER, [3]) => Some(Self::Pkcs12),
            (der::INTEGER, [0 | 1]) => Some(Self::Key),
            (der::OID, SIGNED_DATA) => Some(Self::Pkcs7),
            (der::SEQUENCE, _) => {
                let version = first.inside().next()?;
                // A certificate has [0] with its version, or a serial number, which is not 0.
                (version.tag == der::INTEGER && version.content == [0]).then_some(Self::Request)
            }
            _ => None,
        }
    }
}

impl InputError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        let label = if let Self::OtherPem(label) = self { label } else { "" };
        match self {
            Self::OtherDer(OtherDer::Pkcs12) => {
                "Take the certificates out: openssl pkcs12 -in FILE -nokeys -out cert.pem"
            }
            Self::OtherDer(OtherDer::Pkcs7) => {
                "Take the certificates out: openssl pkcs7 -inform DER -in FILE -print_certs -out \
                 cert.pem"
            }
            Self::OtherPem(_) if matches!(label, "PKCS7" | "CMS") => {
                "Take the certificates out: openssl pkcs7 -in FILE -print_certs -out cert.pem"
            }
            Self::OtherPem(_) if label.ends_with("CERTIFICATE REQUEST") => REQUEST_HINT,
            Self::OtherDer(OtherDer::Request) => REQUEST_HINT,
            Self::OtherPem(_) if label.ends_with("PRIVATE KEY") => KEY_HINT,
            Self::OtherDer(OtherDer::Key) => KEY_HINT,
            Self::OtherPem(_) | Self::Neither | Self::Unreadable { .. } => {
                "Name a certificate in PEM or DER form (.pem, .crt, .cer, .der)."
            }
            Self::TooMany => "Name the server's chain, not a bundle of roots.",
        }
    }
}

/// The certificates of a file in their order.
///
/// # Errors
/// [`InputError`].
pub fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>, InputError> {
    let blocks = ders(bytes)?;
    let read = blocks.iter().enumerate().map(|(place, der)| {
        Certificate::from_der(der)
            .map_err(|error| InputError::Unreadable { number: place + 1, why: error.to_string() })
    });
    read.collect()
}

/// The same, unread.
///
/// # Errors
/// [`InputError`].
pub fn ders(bytes: &[u8]) -> Result<Vec<Vec<u8>>, InputError> {
    let mut blocks = pem_blocks(bytes, "CERTIFICATE");
    blocks.extend(pem_blocks(bytes, "X509 CERTIFICATE"));
    if blocks.len() > CERTIFICATES_MAX {
        return Err(InputError::TooMany);
    }
    if !blocks.is_empty() {
        return Ok(blocks);
    }
    if let Some(label) = first_label(bytes) {
        return Err(InputError::OtherPem(label));
    }
    match bytes.first() {
        Some(&der::SEQUENCE) => match OtherDer::of(bytes) {
            Some(other) => Err(InputError::OtherDer(other)),
            None => Ok(vec![bytes.to_vec()]),
        },
        _ => Err(InputError::Neither),
    }
}

/// The contents of all PEM blocks with this label (RFC 7468); broken ones are left out.
pub(super) fn pem_blocks(bytes: &[u8], label: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut body: Option<Vec<u8>> = None;
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line == begin.as_bytes() {
            body = Some(Vec::new());
        } else if line == end.as_bytes() {
            blocks.extend(body.take().and_then(|text| base64(&text)));
            if blocks.len() > CERTIFICATES_MAX {
                break;
            }
        } else if let Some(body) = &mut body {
            body.extend_from_slice(line);
        }
    }
    blocks
}

/// Base64 (RFC 4648 §4) with padding; white space is passed over.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0u32, 0u32, 0usize);
    for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding != 0 {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    (padding <= 2 && bits == 0).then_some(out)
}

fn first_label(bytes: &[u8]) -> Option<String> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| line.starts_with(b"-----BEGIN "))?;
    let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
    Some(label.escape_ascii().take(60).map(char::from).collect())
}

const REQUEST_HINT: &str = "An authority is given this; explain the certificate that comes back.";
const KEY_HINT: &str = "Name the file with the certificate that belongs to the key.";
/// 1.2.840.113549.1.7.2, the only content of PKCS#7 that carries certificates.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// Most certificates of one file or handshake.
pub const CERTIFICATES_MAX: usize = 64;
