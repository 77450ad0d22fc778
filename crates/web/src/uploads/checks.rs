//! Digests of the content of one request (`Upload-Checksum`, `Content-Digest`), made as it comes.
//!
//! Nothing promised costs nothing. How it fails: the bytes are not what was promised; then none of
//! that request's are kept.

use aws_lc_rs::digest::{self, Context};
use md5::{Digest as _, Md5};
use menshen_upload_core::{Checks, ChecksumKind};

/// Digests under way.
pub(super) struct Checking {
    running: Vec<Running>,
}

struct Running {
    state: State,
    promised: Vec<u8>,
}

enum State {
    Context(Box<Context>),
    Md5(Box<Md5>),
    Crc32(crc32fast::Hasher),
}

impl Checking {
    /// For what is promised of one content.
    pub(super) fn new(checks: &Checks) -> Self {
        let mut running = Vec::new();
        let mut add = |state, promised: &[u8]| {
            running.push(Running { state, promised: promised.to_vec() });
        };
        let context = |algorithm| State::Context(Box::new(Context::new(algorithm)));
        if let Some(checksum) = &checks.checksum {
            let state = match checksum.kind {
                ChecksumKind::Crc32 => State::Crc32(crc32fast::Hasher::new()),
                ChecksumKind::Md5 => State::Md5(Box::default()),
                ChecksumKind::Sha1 => context(&digest::SHA1_FOR_LEGACY_USE_ONLY),
                ChecksumKind::Sha256 => context(&digest::SHA256),
            };
            add(state, &checksum.bytes);
        }
        if let Some(sha256) = &checks.content.sha256 {
            add(context(&digest::SHA256), sha256);
        }
        if let Some(sha512) = &checks.content.sha512 {
            add(context(&digest::SHA512), sha512);
        }
        Self { running }
    }

    /// Whether anything was promised.
    pub(super) const fn any(&self) -> bool {
        !self.running.is_empty()
    }

    /// Takes bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for one in &mut self.running {
            match &mut one.state {
                State::Context(context) => context.update(bytes),
                State::Md5(md5) => md5.update(bytes),
                State::Crc32(crc) => crc.update(bytes),
            }
        }
    }

    /// Whether all is as promised.
    pub(super) fn hold(&mut self) -> bool {
        self.running.drain(..).all(|Running { state, promised }| match state {
            State::Context(context) => context.finish().as_ref() == promised,
            State::Md5(md5) => md5.finalize().as_slice() == promised,
            State::Crc32(crc) => crc.finalize().to_be_bytes() == *promised,
        })
    }
}

impl std::fmt::Debug for Checking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Checking").field(&self.running.len()).finish()
    }
}

#[cfg(test)]
mod tests;
