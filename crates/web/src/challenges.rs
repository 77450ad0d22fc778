//! Answers to certificate authorities that ask whether this server has a name: http-01 (RFC 8555
//! §8.3) and tls-alpn-01 (RFC 8737). The keeper posts them, every worker of the door can answer.
//!
//! Only what is posted is ever said, and only under its exact token or name. The keeper is taken
//! for one that a stranger may have subverted: bodies are short and printable, and sent so that no
//! browser makes a page of them.
//!
//! How it fails: what cannot be read leaves what was read before. An authority may come right
//! behind a post, so a look here is one system call at the time of the question, not a timer.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menshen_base::Counter;
use menshen_config::keeper;
use menshen_sys::BulletinReader;
use menshen_tls::{ChallengeCertificates, challenge_certificate};
use menshen_web_core::head::Method;
use menshen_web_core::target::split;
use rustls::sign::CertifiedKey;

use crate::ask::Ask;
use crate::door::Door;
use crate::plan::Plan;
use crate::reply::{Body, Reply};

/// What the keeper posts, as of the last look.
#[derive(Debug)]
pub(crate) struct Challenges {
    bulletin: BulletinReader,
    /// A worker has one thread of connections, so nobody waits for this lock.
    posted: Mutex<Posted>,
}

#[derive(Debug, Default)]
struct Posted {
    version: u64,
    http: HashMap<Box<str>, Box<str>>,
    alpn: HashMap<Box<str>, Arc<CertifiedKey>>,
}

impl Challenges {
    /// Over an adopted descriptor.
    pub(crate) fn new(bulletin: OwnedFd) -> Self {
        Self { bulletin: BulletinReader::new(bulletin), posted: Mutex::default() }
    }

    fn authorization(&self, token: &str) -> Option<Box<str>> {
        self.look().http.get(token).cloned()
    }

    /// What is posted now.
    fn look(&self) -> MutexGuard<'_, Posted> {
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.bulletin.version().unwrap_or(posted.version);
        if version != posted.version {
            // A post under way is waited for, but once only: who posted it may be dead.
            posted.version = version;
            if let Ok((version, text)) = self.bulletin.read() {
                *posted = Posted::of(version, &text);
            }
        }
        posted
    }
}

impl Posted {
    fn of(version: u64, text: &[u8]) -> Self {
        // Nothing was posted yet, or nothing that can be understood.
        let all: keeper::Challenges = serde_json::from_slice(text).unwrap_or_default();
        let http = all.http.into_iter().filter(|challenge| {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            let authorization = challenge.authorization.as_bytes();
            challenge.token.bytes().all(is_token)
                && authorization.len() <= AUTHORIZATION_BYTES_MAX
                && authorization.iter().all(u8::is_ascii_graphic)
        });
        let http = http.map(|challenge| (challenge.token.into(), challenge.authorization.into()));
        let alpn = all.alpn.into_iter().filter_map(|challenge| {
            let (chain, key) = (challenge.certificate_pem.as_bytes(), challenge.key_pem.as_bytes());
            let key = challenge_certificate(chain, key).ok()?;
            Some((challenge.name.to_ascii_lowercase().into(), key))
        });
        Self { version, http: http.collect(), alpn: alpn.collect() }
    }
}

impl ChallengeCertificates for Challenges {
    fn certificate_for(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.look().alpn.get(name).map(Arc::clone)
    }
}

impl Door {
    /// The answer to an authority, if `ask` is about a token that is posted. To be asked before
    /// anything else: authorities come by plain HTTP, to any host, and know no owner token.
    pub(crate) fn challenge(&self, ask: &Ask<'_>) -> Option<Plan> {
        let token = ask.target.strip_prefix(WELL_KNOWN)?;
        let challenges = self.challenges.as_ref()?;
        if !matches!(ask.method, Method::Get | Method::Head) {
            return None;
        }
        let token = std::str::from_utf8(split(token).0).ok()?;
        let authorization = challenges.authorization(token)?;
        self.slot.add(Counter::AcmeAnswered, 1);
        let body = Body::Owned(Vec::from(authorization.as_bytes()));
        let reply = Reply::new(200)
            .text("cache-control", "no-store")
            .text("x-content-type-options", "nosniff")
            .body("application/octet-stream", body);
        Some(reply.into())
    }
}

const WELL_KNOWN: &[u8] = b"/.well-known/acme-challenge/";

/// Far above a token (RFC 8555 §8.1) with a key's thumbprint.
const AUTHORIZATION_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests;
