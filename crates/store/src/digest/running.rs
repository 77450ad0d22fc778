//! Digests on their way.

use aws_lc_rs::digest::{Context, SHA256, SHA512};
use md5::{Digest as _, Md5};
use sha1::Sha1;

use super::{Algorithm, Promise};

/// The digests of some promises, fed with the whole.
pub(crate) struct Running(Vec<(Promise, Hasher)>);

enum Hasher {
    Crc32(crc32fast::Hasher),
    Md5(Md5),
    Sha1(Sha1),
    Sha2(Box<Context>),
}

impl Running {
    /// Those of `promises`.
    pub(crate) fn of(promises: &[Promise]) -> Self {
        let start = |promise: &Promise| {
            let hasher = match promise.algorithm {
                Algorithm::Crc32 => Hasher::Crc32(crc32fast::Hasher::new()),
                Algorithm::Md5 => Hasher::Md5(Md5::new()),
                Algorithm::Sha1 => Hasher::Sha1(Sha1::new()),
                Algorithm::Sha256 => Hasher::Sha2(Box::new(Context::new(&SHA256))),
                Algorithm::Sha512 => Hasher::Sha2(Box::new(Context::new(&SHA512))),
            };
            (promise.clone(), hasher)
        };
        Self(promises.iter().map(start).collect())
    }

    /// More of the whole.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for (_, hasher) in &mut self.0 {
            match hasher {
                Hasher::Crc32(hasher) => hasher.update(bytes),
                Hasher::Md5(hasher) => hasher.update(bytes),
                Hasher::Sha1(hasher) => hasher.update(bytes),
                Hasher::Sha2(context) => context.update(bytes),
            }
        }
    }

    /// Whether all promises are kept.
    pub(crate) fn kept(self) -> bool {
        self.0.into_iter().all(|(promise, hasher)| match hasher {
            Hasher::Crc32(hasher) => promise.value == hasher.finalize().to_be_bytes(),
            Hasher::Md5(hasher) => promise.value == hasher.finalize().as_slice(),
            Hasher::Sha1(hasher) => promise.value == hasher.finalize().as_slice(),
            Hasher::Sha2(context) => promise.value == context.finish().as_ref(),
        })
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("promises", &self.0.len()).finish()
    }
}
