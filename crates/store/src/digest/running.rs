//! Digests on their way.

use aws_lc_rs::digest::{self, Context};
use md5::{Digest as _, Md5};

use super::{Algorithm, Promise};

/// The digests of some promises, fed with what they are of: the whole, or the content of one
/// request. Nothing promised costs nothing.
#[derive(Default)]
pub struct Running(Vec<(Promise, Hasher)>);

enum Hasher {
    Crc32(crc32fast::Hasher),
    Md5(Md5),
    Library(Box<Context>),
}

impl Running {
    /// Those of `promises`.
    #[must_use]
    pub fn of(promises: &[Promise]) -> Self {
        let start = |promise: &Promise| (promise.clone(), Hasher::of(promise.algorithm));
        Self(promises.iter().map(start).collect())
    }

    /// Whether anything was promised.
    #[must_use]
    pub const fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// More bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, hasher) in &mut self.0 {
            match hasher {
                Hasher::Crc32(hasher) => hasher.update(bytes),
                Hasher::Md5(hasher) => hasher.update(bytes),
                Hasher::Library(context) => context.update(bytes),
            }
        }
    }

    /// Whether all promises are kept.
    #[must_use]
    pub fn kept(self) -> bool {
        self.0.into_iter().all(|(promise, hasher)| match hasher {
            Hasher::Crc32(hasher) => promise.value == hasher.finalize().to_be_bytes(),
            Hasher::Md5(hasher) => promise.value == hasher.finalize().as_slice(),
            Hasher::Library(context) => promise.value == context.finish().as_ref(),
        })
    }
}

impl Hasher {
    fn of(algorithm: Algorithm) -> Self {
        let library = |algorithm| Self::Library(Box::new(Context::new(algorithm)));
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => library(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha256 => library(&digest::SHA256),
            Algorithm::Sha512 => library(&digest::SHA512),
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("promises", &self.0.len()).finish()
    }
}
