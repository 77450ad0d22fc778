//! Digests of what is written, compared with what its client promised.

use aws_lc_rs::digest;
use menshen_web_core::fields::{Algorithm, Digests, write_digest};

use crate::fault::Fault;

/// Running digests, only those somebody asked for: hashing costs more than receiving.
#[derive(Default)]
pub(crate) struct Digesting {
    promised: Digests,
    wanted: Option<Algorithm>,
    sha256: Option<Box<digest::Context>>,
    sha512: Option<Box<digest::Context>>,
}

impl Digesting {
    pub(crate) fn new(promised: Digests, wanted: Option<Algorithm>) -> Self {
        let start = |algorithm| Some(Box::new(digest::Context::new(algorithm)));
        let needs = |algorithm, promised: bool| promised || wanted == Some(algorithm);
        Self {
            sha256: needs(Algorithm::Sha256, promised.sha256.is_some())
                .then(|| start(&digest::SHA256))
                .flatten(),
            sha512: needs(Algorithm::Sha512, promised.sha512.is_some())
                .then(|| start(&digest::SHA512))
                .flatten(),
            promised,
            wanted,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for context in [&mut self.sha256, &mut self.sha512].into_iter().flatten() {
            context.update(bytes);
        }
    }

    /// Compares with what was promised; returns the field value of what was wanted.
    pub(crate) fn finish(self) -> Result<Option<Vec<u8>>, Fault> {
        let sha256 = self.sha256.map(|context| context.finish());
        let sha512 = self.sha512.map(|context| context.finish());
        let differs = |made: &Option<digest::Digest>, promised: Option<&[u8]>| {
            promised.is_some_and(|p| made.as_ref().map(AsRef::as_ref) != Some(p))
        };
        if differs(&sha256, self.promised.sha256.as_ref().map(<[u8; 32]>::as_slice))
            || differs(&sha512, self.promised.sha512.as_ref().map(<[u8; 64]>::as_slice))
        {
            return Err(Fault::Digest);
        }
        Ok(self.wanted.and_then(|algorithm| {
            let made = if algorithm == Algorithm::Sha256 { sha256 } else { sha512 }?;
            let mut line = Vec::new();
            write_digest(algorithm, made.as_ref(), &mut line);
            Some(line)
        }))
    }
}

impl std::fmt::Debug for Digesting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digesting").field("promised", &self.promised).finish_non_exhaustive()
    }
}
