//! Digests of a file for field templates, made in the same pass that writes it.
//!
//! Only those a template asks for: hashing costs more than receiving. MD5, SHA-1 and CRC-32 are
//! here because applications store them; nothing of this server trusts them.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use md5::{Digest as _, Md5};
use menshen_config::model::{FieldPiece, FieldVariable, Fields};

/// Which digests templates ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DigestsWanted(Vec<FieldVariable>);

/// Digests being made of one file.
#[derive(Default)]
pub(crate) struct Digesting(Vec<(FieldVariable, Running)>);

/// Digests of one file, lower-case hex.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Digests(Vec<(FieldVariable, String)>);

enum Running {
    Library(digest::Context),
    Md5(Md5),
    Crc32(crc32fast::Hasher),
}

impl DigestsWanted {
    /// Those that the templates of `fields` name.
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut wanted = Vec::new();
        let pieces = fields.templates.iter().flat_map(|one| one.name.iter().chain(&one.value));
        for piece in pieces {
            if let FieldPiece::Variable(variable) = piece
                && Running::of(*variable).is_some()
                && !wanted.contains(variable)
            {
                wanted.push(*variable);
            }
        }
        Self(wanted)
    }

    /// Begins them for a new file.
    pub(crate) fn begin(&self) -> Digesting {
        let begin = |&variable| Running::of(variable).map(|running| (variable, running));
        Digesting(self.0.iter().filter_map(begin).collect())
    }
}

impl Digesting {
    /// Takes bytes of the file.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for (_, running) in &mut self.0 {
            match running {
                Running::Library(context) => context.update(bytes),
                Running::Md5(hasher) => hasher.update(bytes),
                Running::Crc32(hasher) => hasher.update(bytes),
            }
        }
    }

    /// Whether there are any.
    pub(crate) const fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The file is whole.
    pub(crate) fn finish(self) -> Digests {
        let made = |(variable, running)| {
            let text = match running {
                Running::Library(context) => hex(context.finish().as_ref()),
                Running::Md5(hasher) => hex(hasher.finalize().as_slice()),
                Running::Crc32(hasher) => format!("{:08x}", hasher.finalize()),
            };
            (variable, text)
        };
        Digests(self.0.into_iter().map(made).collect())
    }
}

impl Digests {
    /// The text of one; empty when it was not asked for.
    pub(crate) fn text(&self, variable: FieldVariable) -> &str {
        self.0.iter().find(|(made, _)| *made == variable).map_or("", |(_, text)| text)
    }
}

impl Running {
    fn of(variable: FieldVariable) -> Option<Self> {
        let library = |algorithm| Self::Library(digest::Context::new(algorithm));
        Some(match variable {
            FieldVariable::Sha256 => library(&digest::SHA256),
            FieldVariable::Sha512 => library(&digest::SHA512),
            FieldVariable::Sha1 => library(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            FieldVariable::Md5 => Self::Md5(Md5::new()),
            FieldVariable::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            _ => return None,
        })
    }
}

impl std::fmt::Debug for Digesting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Digesting").field(&self.0.len()).finish()
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
