//! The digests of a request's content that tus clients send (tus 1.0.0, "Checksum").

use alloc::vec::Vec;

use menshen_web_core::fields::base64;

use crate::refusal::Refusal;

/// An algorithm of `Upload-Checksum`. tus asks for SHA-1 at least; it guards against accidents of
/// the transport, not against people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumKind {
    /// 4 bytes, most significant first.
    Crc32,
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

/// What the content of one request must hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// How it is made.
    pub kind: ChecksumKind,
    /// As many bytes as [`ChecksumKind::bytes`] says.
    pub bytes: Vec<u8>,
}

impl ChecksumKind {
    /// All of them, in the order `Tus-Checksum-Algorithm` lists them.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Md5, Self::Crc32];

    /// The name in the fields.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// How long its value is.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Crc32 => 4,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

impl Checksum {
    /// Reads `Upload-Checksum`: a name, a space, Base64.
    ///
    /// # Errors
    /// [`Refusal::ChecksumKind`] for an algorithm that is not offered, else
    /// [`Refusal::Malformed`].
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let malformed = Refusal::Malformed("upload-checksum");
        let space = text.iter().position(|&byte| byte == b' ').ok_or(malformed)?;
        let (name, value) = (&text[..space], &text[space + 1..]);
        let mut kinds = ChecksumKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.word().as_bytes() == name);
        let kind = kind.ok_or(Refusal::ChecksumKind)?;
        if value.len() > CHECKSUM_TEXT_BYTES_MAX {
            return Err(malformed);
        }
        let bytes = base64::decode(value).filter(|bytes| bytes.len() == kind.bytes());
        Ok(Self { kind, bytes: bytes.ok_or(malformed)? })
    }
}

/// Base64 of the longest value.
const CHECKSUM_TEXT_BYTES_MAX: usize = 44;

#[cfg(test)]
mod tests;
