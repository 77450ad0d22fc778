//! The clear-text answer to the hello of an old client, up to the certificate (RFC 5246 §7.4,
//! RFC 2246): for servers that speak nothing rustls speaks.
//!
//! Takes any bytes of the server, bounded by [`ANSWER_BYTES_MAX`]; no key is ever made. It fails
//! when the server sends an alert, closes, or sends something else than TLS.

use std::io::{self, Read, Write};

use menshen_explain_core::handshake;

use crate::hello::{Hello, random};

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
    let random = random().ok_or_else(|| io::Error::other("the system gives no random bytes"))?;
    stream.write_all(&Hello::Tls12.record(sni, random))?;
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
    handshake::version(version).name
}

/// The suite's IANA name, or its number.
pub(super) fn suite_name(suite: u16) -> String {
    handshake::suite(suite).name
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
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

#[cfg(test)]
mod tests;
