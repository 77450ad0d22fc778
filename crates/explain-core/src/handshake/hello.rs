//! ClientHello and ServerHello (RFC 8446 §4.1, RFC 5246 §7.4.1), cut into their parts.
//!
//! None for bytes that are no such message; nothing is kept but references into them.

use alloc::vec::Vec;

use super::cursor::{Cursor, numbers};
use super::registry::is_grease;

/// A ClientHello.
#[derive(Debug, Clone)]
pub(super) struct ClientHello<'a> {
    pub(super) version: u16,
    pub(super) random: &'a [u8],
    pub(super) session_id: &'a [u8],
    pub(super) suites: Vec<u16>,
    pub(super) compressions: &'a [u8],
    pub(super) extensions: Vec<Extension<'a>>,
}

/// A ServerHello or HelloRetryRequest.
#[derive(Debug, Clone)]
pub(super) struct ServerHello<'a> {
    pub(super) version: u16,
    pub(super) random: &'a [u8],
    pub(super) session_id: &'a [u8],
    pub(super) suite: u16,
    pub(super) compression: u8,
    pub(super) extensions: Vec<Extension<'a>>,
}

/// Number and content.
pub(super) type Extension<'a> = (u16, &'a [u8]);

impl<'a> ClientHello<'a> {
    /// From the body of a handshake message.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let version = cursor.u16()?;
        let random = cursor.take(32)?;
        let session_id = cursor.vec8()?;
        let suites = numbers(cursor.vec16()?).collect();
        let compressions = cursor.vec8()?;
        let extensions = extensions(&mut cursor)?;
        Some(Self { version, random, session_id, suites, compressions, extensions })
    }

    /// From a hello in the format of SSL 2.0 (RFC 5246 appendix E.2): no extensions.
    pub(super) fn parse_sslv2(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        cursor.u8()?;
        let version = cursor.u16()?;
        let (suites, session, challenge) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
        let suites = cursor.take(usize::from(suites))?;
        let session_id = cursor.take(usize::from(session))?;
        let random = cursor.take(usize::from(challenge))?;
        // Three bytes each; those of TLS begin with a zero.
        let tls = suites.chunks_exact(3).filter_map(|suite| match suite {
            [0, high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        });
        let (suites, compressions, extensions) = (tls.collect(), &[][..], Vec::new());
        Some(Self { version, random, session_id, suites, compressions, extensions })
    }

    /// The content of an extension.
    pub(super) fn extension(&self, code: u16) -> Option<&'a [u8]> {
        find(&self.extensions, code)
    }

    /// Versions, the favourite first, without GREASE.
    pub(super) fn versions(&self) -> Vec<u16> {
        let listed = self.extension(43).and_then(|content| Cursor::new(content).vec8());
        let real = |version: &u16| !is_grease(*version);
        listed.map_or_else(
            || alloc::vec![self.version],
            |listed| numbers(listed).filter(real).collect(),
        )
    }

    /// The numbers of an extension that is one list with a two-byte length.
    pub(super) fn numbers(&self, code: u16) -> Vec<u16> {
        let listed = self.extension(code).and_then(|content| Cursor::new(content).vec16());
        listed
            .map(|listed| numbers(listed).filter(|code| !is_grease(*code)).collect())
            .unwrap_or_default()
    }

    /// Groups and sizes of the key shares, without GREASE.
    pub(super) fn shares(&self) -> Vec<(u16, usize)> {
        let listed = self.extension(51).and_then(|content| Cursor::new(content).vec16());
        shares(listed.unwrap_or(&[])).into_iter().filter(|share| !is_grease(share.0)).collect()
    }

    /// Protocols offered by ALPN.
    pub(super) fn alpn(&self) -> Vec<&'a [u8]> {
        self.extension(16).map(alpn).unwrap_or_default()
    }

    /// The name asked for.
    pub(super) fn sni(&self) -> Option<&'a [u8]> {
        let mut cursor = Cursor::new(Cursor::new(self.extension(0)?).vec16()?);
        (cursor.u8()? == 0).then(|| cursor.vec16())?
    }
}

impl<'a> ServerHello<'a> {
    /// From the body of a handshake message.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let version = cursor.u16()?;
        let random = cursor.take(32)?;
        let session_id = cursor.vec8()?;
        let suite = cursor.u16()?;
        let compression = cursor.u8()?;
        let extensions = extensions(&mut cursor)?;
        Some(Self { version, random, session_id, suite, compression, extensions })
    }

    /// The content of an extension.
    pub(super) fn extension(&self, code: u16) -> Option<&'a [u8]> {
        find(&self.extensions, code)
    }

    /// Whether it is a HelloRetryRequest.
    pub(super) fn is_retry(&self) -> bool {
        self.random == RETRY_RANDOM
    }

    /// The version chosen.
    pub(super) fn chosen_version(&self) -> u16 {
        let chosen = self.extension(43).and_then(|content| Cursor::new(content).u16());
        chosen.unwrap_or(self.version)
    }

    /// The group of the key share, or the one a HelloRetryRequest asks for.
    pub(super) fn group(&self) -> Option<u16> {
        Cursor::new(self.extension(51)?).u16()
    }
}

/// A list of extensions with its length; nothing at all is an empty list.
pub(super) fn extensions<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<Extension<'a>>> {
    if cursor.is_empty() {
        return Some(Vec::new());
    }
    let mut listed = Cursor::new(cursor.vec16()?);
    let mut extensions = Vec::new();
    while !listed.is_empty() {
        extensions.push((listed.u16()?, listed.vec16()?));
    }
    Some(extensions)
}

/// Groups and sizes of a list of key shares.
pub(super) fn shares(listed: &[u8]) -> Vec<(u16, usize)> {
    let mut cursor = Cursor::new(listed);
    let mut shares = Vec::new();
    while let Some(group) = cursor.u16() {
        let Some(share) = cursor.vec16() else { break };
        shares.push((group, share.len()));
    }
    shares
}

/// The protocols of an ALPN extension.
pub(super) fn alpn(content: &[u8]) -> Vec<&[u8]> {
    let mut cursor = Cursor::new(Cursor::new(content).vec16().unwrap_or(&[]));
    let mut protocols = Vec::new();
    while let Some(protocol) = cursor.vec8() {
        protocols.push(protocol);
    }
    protocols
}

/// The content of one extension of a list.
pub(super) fn find<'a>(extensions: &[Extension<'a>], code: u16) -> Option<&'a [u8]> {
    extensions.iter().find(|(number, _)| *number == code).map(|(_, content)| *content)
}

/// The random by which a HelloRetryRequest is known: SHA-256 of its name (RFC 8446 §4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
