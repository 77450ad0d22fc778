//! TLS 1.3 record protection (RFC 8446, section 5) with AES-GCM, in place, from extracted secrets.
//!
//! Exists so that the client costs less than the server it loads. It must never be used where the
//! peer is not trusted: certificates are unchecked and `KeyUpdate` is not followed.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;

/// Most plaintext bytes in one record.
pub(crate) const PLAIN_BYTES_MAX: usize = 16384;
/// Bytes of a record before its body.
pub(crate) const HEADER_BYTES: usize = 5;
/// Inner content type plus authentication tag.
pub(crate) const TRAILER_BYTES: usize = 1 + 16;

/// Content type of alerts.
pub(crate) const ALERT: u8 = 21;
/// Content type of handshake messages, such as session tickets.
pub(crate) const HANDSHAKE: u8 = 22;
/// Content type of the stream itself.
pub(crate) const APPLICATION_DATA: u8 = 23;

/// Keys of one direction and its record counter.
#[derive(Debug)]
pub(crate) struct Protector {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Protector {
    /// None when the suite is not AES-GCM.
    pub(crate) fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Option<Self> {
        let (algorithm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            _ => return None,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).ok()?);
        Some(Self { key, iv: iv.as_ref().try_into().ok()?, sequence })
    }

    /// Appends `plain`, at most [`PLAIN_BYTES_MAX`], to `out` as one application-data record.
    /// None when it is too long.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let header = header(plain.len())?;
        out.extend_from_slice(&header);
        let body = out.len();
        out.extend_from_slice(plain);
        out.push(APPLICATION_DATA);
        let nonce = self.next_nonce();
        let aad = Aad::from(header);
        let tag = self.key.seal_in_place_separate_tag(nonce, aad, &mut out[body..]).ok()?;
        out.extend_from_slice(tag.as_ref());
        Some(())
    }

    /// Decrypts one whole record in place; returns its content type and the plaintext length.
    /// The plaintext begins at [`HEADER_BYTES`]. None when the record is not authentic.
    pub(crate) fn open(&mut self, record: &mut [u8]) -> Option<(u8, usize)> {
        let (head, body) = record.split_at_mut_checked(HEADER_BYTES)?;
        let header: [u8; HEADER_BYTES] = (&*head).try_into().ok()?;
        let nonce = self.next_nonce();
        let inner = self.key.open_in_place(nonce, Aad::from(header), body).ok()?;
        let kind = inner.iter().rposition(|&byte| byte != 0)?;
        Some((inner[kind], kind))
    }

    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= count;
        }
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Length of the first record of `bytes`, if all of it has arrived.
pub(crate) fn whole(bytes: &[u8]) -> Option<usize> {
    let len = HEADER_BYTES + body_bytes(bytes)?;
    (bytes.len() >= len).then_some(len)
}

/// Bytes after the header of the record that begins at `head`, if the header has arrived.
pub(crate) fn body_bytes(head: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*head.get(3)?, *head.get(4)?])))
}

fn header(plain: usize) -> Option<[u8; HEADER_BYTES]> {
    if plain > PLAIN_BYTES_MAX {
        return None;
    }
    let [high, low] = u16::try_from(plain + TRAILER_BYTES).ok()?.to_be_bytes();
    Some([APPLICATION_DATA, 3, 3, high, low])
}

#[cfg(test)]
mod tests;
