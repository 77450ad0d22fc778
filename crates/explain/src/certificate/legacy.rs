//! The hello of an old client, and the clear-text answer up to the certificate (RFC 5246 §7.4,
//! RFC 2246): for servers that speak nothing rustls speaks.
//!
//! Takes any bytes of the server, bounded by [`ANSWER_BYTES_MAX`]; no key is ever made. It fails
//! when the server sends an alert, closes, or sends something else than TLS.

use std::io::{self, Read, Write};

/// What such a server says in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Version as on the wire, such as 0x0301 for TLS 1.0.
    pub(super) version: u16,
    /// The chosen suite's number.
    pub(super) suite: u16,
    /// Certificates in the order sent.
    pub(super) chain: Vec<Vec<u8>>,
}

/// Says hello and reads up to the certificate.
pub(super) fn ask(stream: &mut (impl Read + Write), sni: Option<&str>) -> io::Result<Answer> {
    stream.write_all(&hello(sni))?;
    stream.flush()?;
    let mut messages = Messages { stream, open: Vec::new(), heard_bytes: 0 };
    let mut chosen = None;
    loop {
        let (kind, body) = messages.next()?;
        match kind {
            SERVER_HELLO => chosen = Some(server_hello(&body).ok_or_else(nonsense)?),
            CERTIFICATE => {
                let (version, suite) = chosen.ok_or_else(nonsense)?;
                let chain = certificates(&body).ok_or_else(nonsense)?;
                return Ok(Answer { version, suite, chain });
            }
            SERVER_HELLO_DONE => return Err(nonsense()),
            _ => {}
        }
    }
}

/// `TLS 1.0` for 0x0301.
pub(super) fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSL 3.0".into(),
        0x0301 => "TLS 1.0".into(),
        0x0302 => "TLS 1.1".into(),
        0x0303 => "TLS 1.2".into(),
        other => format!("version {other:#06x}"),
    }
}

/// The suite's IANA name, or its number.
pub(super) fn suite_name(suite: u16) -> String {
    let known = SUITES.iter().find(|(number, _)| *number == suite);
    known.map_or_else(|| format!("suite {suite:#06x}"), |(_, name)| (*name).to_owned())
}

fn hello(sni: Option<&str>) -> Vec<u8> {
    let mut body = vec![3, 3];
    // Not a key and not used for one; servers only refuse zeros that look broken.
    body.extend((0u8..32).map(|byte| byte.wrapping_mul(73).wrapping_add(41)));
    body.push(0);
    vector16(&mut body, |body| {
        for (number, _) in SUITES {
            body.extend(number.to_be_bytes());
        }
        // No renegotiation will follow (RFC 5746 §3.3).
        body.extend([0, 0xff]);
    });
    body.extend([1, 0]);
    vector16(&mut body, |body| {
        if let Some(name) = sni {
            extension(body, 0, |body| {
                vector16(body, |body| {
                    body.push(0);
                    vector16(body, |body| body.extend(name.as_bytes()));
                });
            });
        }
        // Groups P-256, P-384, P-521, X25519; points uncompressed.
        extension(body, 10, |body| {
            vector16(body, |body| body.extend([0, 23, 0, 24, 0, 25, 0, 29]));
        });
        extension(body, 11, |body| body.extend([1, 0]));
        // RSA, ECDSA and DSA with SHA-2 and SHA-1 (RFC 5246 §7.4.1.4.1).
        extension(body, 13, |body| {
            let pairs = [4, 1, 5, 1, 6, 1, 4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 2, 1, 2, 3, 2, 2];
            vector16(body, |body| body.extend(pairs));
        });
    });
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let mut message = vec![CLIENT_HELLO];
    message.extend_from_slice(length.get(1..).unwrap_or_default());
    message.append(&mut body);
    // Record version 3.1: what old servers expect around a hello.
    let mut record = vec![HANDSHAKE, 3, 1];
    vector16(&mut record, |record| record.append(&mut message));
    record
}

fn extension(body: &mut Vec<u8>, number: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    body.extend(number.to_be_bytes());
    vector16(body, fill);
}

/// Bytes with their length in two bytes in front.
fn vector16(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    out.extend(u16::try_from(inner.len()).unwrap_or_default().to_be_bytes());
    out.append(&mut inner);
}

fn server_hello(body: &[u8]) -> Option<(u16, u16)> {
    let version = u16::from_be_bytes([*body.first()?, *body.get(1)?]);
    let session = usize::from(*body.get(34)?);
    let suite = u16::from_be_bytes([*body.get(35 + session)?, *body.get(36 + session)?]);
    Some((version, suite))
}

fn certificates(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut rest, after) = take24(body)?;
    if !after.is_empty() || rest.is_empty() {
        return None;
    }
    let mut chain = Vec::new();
    while !rest.is_empty() {
        let (certificate, after) = take24(rest)?;
        chain.push(certificate.to_vec());
        rest = after;
    }
    Some(chain)
}

fn take24(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [a, b, c] = *bytes.first_chunk::<3>()?;
    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    bytes.get(3..)?.split_at_checked(length)
}

/// Handshake messages out of records.
struct Messages<'a, S> {
    stream: &'a mut S,
    open: Vec<u8>,
    heard_bytes: usize,
}

impl<S: Read> Messages<'_, S> {
    fn next(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some((body, rest)) = self.open.get(1..).and_then(take24) {
                let kind = self.open.first().copied().unwrap_or_default();
                let message = (kind, body.to_vec());
                self.open = rest.to_vec();
                return Ok(message);
            }
            let record = self.record()?;
            self.open.extend_from_slice(&record);
        }
    }

    fn record(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, major, _, high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        self.heard_bytes += length;
        // RFC 5246 §6.2.1: at most 2^14 bytes, none of a handshake record empty.
        let fits = (1..=1 << 14).contains(&length) && self.heard_bytes <= ANSWER_BYTES_MAX;
        if kind != HANDSHAKE || major != 3 || !fits {
            return Err(nonsense());
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no certificate in clear text")
}

/// Most bytes of handshake records that are read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

/// Suites with a certificate, the better ones first (IANA TLS Cipher Suites).
const SUITES: &[(u16, &str)] = &[
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"),
    (0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
];

#[cfg(test)]
mod tests;
