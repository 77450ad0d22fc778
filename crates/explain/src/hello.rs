//! ClientHellos written by hand, for servers that today's clients cannot speak with.
//!
//! They offer what is no longer offered (RSA and finite-field key exchange, CBC, 3DES, RC4, TLS
//! 1.0), so that such a server answers in clear text; nothing has to be computed for it, and no key
//! is ever made here. (RFC 2246, 5246, 6101)

use rustls::crypto::aws_lc_rs;

/// A hello for old servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hello {
    /// TLS 1.2 at most, with extensions.
    Tls12,
    /// TLS 1.0 at most: for servers that stumble over a newer number.
    Tls10,
    /// SSL 3.0, without extensions.
    Ssl3,
}

impl Hello {
    /// In the order in which they are tried.
    pub(crate) const ALL: [Self; 3] = [Self::Tls12, Self::Tls10, Self::Ssl3];

    /// What it offers, in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Tls12 => "a hand-made hello for TLS 1.2 and older, with suites of the past",
            Self::Tls10 => "a hand-made hello for TLS 1.0",
            Self::Ssl3 => "a hand-made hello for SSL 3.0",
        }
    }

    const fn version(self) -> u16 {
        match self {
            Self::Tls12 => 0x0303,
            Self::Tls10 => 0x0301,
            Self::Ssl3 => 0x0300,
        }
    }

    /// The record with the hello in it.
    pub(crate) fn record(self, name: Option<&str>, random: [u8; 32]) -> Vec<u8> {
        let version = self.version().to_be_bytes();
        let mut body = version.to_vec();
        body.extend(random);
        // No session to resume.
        body.push(0);
        let suites = SUITES.iter().filter(|suite| self == Self::Tls12 || is_old(**suite));
        body.extend(with_length(&suites.flat_map(|suite| suite.to_be_bytes()).collect::<Vec<_>>()));
        // One compression method: none.
        body.extend([1, 0]);
        if self != Self::Ssl3 {
            body.extend(with_length(&self.extensions(name)));
        }
        let mut message = vec![1, 0];
        message.extend(with_length(&body));
        // The record of a hello has an old number, for servers that judge it (RFC 5246 E.1).
        let mut record = vec![22, 3, u8::from(self != Self::Ssl3)];
        record.extend(with_length(&message));
        record
    }

    fn extensions(self, name: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut extension = |kind: u16, content: &[u8]| {
            out.extend(kind.to_be_bytes());
            out.extend(with_length(content));
        };
        if let Some(name) = name {
            let entry = [&[0][..], &with_length(name.as_bytes())].concat();
            extension(0, &with_length(&entry));
        }
        // x25519, P-256, P-384, P-521; points uncompressed.
        extension(10, &with_length(&[0, 29, 0, 23, 0, 24, 0, 25]));
        extension(11, &[1, 0]);
        if self == Self::Tls12 {
            let schemes: Vec<u8> = SCHEMES.iter().flat_map(|scheme| scheme.to_be_bytes()).collect();
            extension(13, &with_length(&schemes));
        }
        out
    }
}

/// Random bytes for a hello; none where the system gives none.
pub(crate) fn random() -> Option<[u8; 32]> {
    let mut random = [0; 32];
    aws_lc_rs::default_provider().secure_random.fill(&mut random).ok()?;
    Some(random)
}

/// Known before TLS 1.2: no AEAD, no SHA-2.
const fn is_old(suite: u16) -> bool {
    !matches!(suite, 0x009c..=0x00a3 | 0x003c..=0x006b | 0xc023..=0xc030 | 0xcca8..=0xccaa)
}

/// Bytes with their length in 16 bits before them.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    // All of them are made here, but for the name, and that has 255 bytes at most.
    let length = u16::try_from(bytes.len()).unwrap_or(0);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// The client's order: forward secrecy first, so that a server that has both shows its better side.
const SUITES: &[u16] = &[
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, // ECDHE, AES-GCM and ChaCha20
    0xc023, 0xc027, 0xc024, 0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, // ECDHE, AES-CBC
    0x009e, 0x009f, 0xccaa, 0x0067, 0x006b, 0x0033, 0x0039, // DHE with RSA
    0x00a2, 0x00a3, 0x0040, 0x006a, 0x0032, 0x0038, // DHE with DSS
    0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, // RSA
    0x0041, 0x0084, 0x0096, // RSA with Camellia and SEED
    0xc008, 0xc012, 0x0016, 0x0013, 0x000a, // 3DES
    0xc007, 0xc011, 0x0005, 0x0004, // RC4
    0x00ff, // no renegotiation (RFC 5746 §3.3)
];

/// Signature schemes up to TLS 1.2, SHA-1 and DSA too.
const SCHEMES: &[u16] = &[
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0402, 0x0203, 0x0201,
    0x0202,
];

#[cfg(test)]
mod tests {
    //! The bytes of the hellos.
    use super::*;

    #[test]
    fn lengths_agree_with_the_content() {
        for hello in Hello::ALL {
            let record = hello.record(Some("example.com"), [7; 32]);
            let record_length = usize::from(u16::from_be_bytes([record[3], record[4]]));
            assert_eq!(record_length, record.len() - 5, "{hello:?}");
            let message_length = usize::from(u16::from_be_bytes([record[7], record[8]]));
            assert_eq!(message_length, record.len() - 9, "{hello:?}");
            assert_eq!(record[9..11], hello.version().to_be_bytes(), "{hello:?}");
            let named = record.windows(11).any(|window| window == b"example.com");
            assert_eq!(named, hello != Hello::Ssl3);
        }
    }

    #[test]
    fn an_old_hello_offers_nothing_of_tls_1_2() {
        assert!(is_old(0x002f) && is_old(0xc013) && is_old(0x0039) && is_old(0x00ff));
        assert!(!is_old(0xc02f) && !is_old(0x009c) && !is_old(0x003c) && !is_old(0xcca8));
    }
}
