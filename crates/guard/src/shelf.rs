//! The certificates the workers are given, by one bulletin for the guard's whole life: what is
//! posted there reaches running workers, without a new generation and without losing a connection.
//!
//! On the shelf are, in this order: the pair of `tls.certificate`, those found in `tls.from` and
//! those of `menshen cert install`, those the keeper got, and, where these may leave a name out,
//! the development CA's. What is broken is a finding and never stops the guard; a pair that was
//! good stays in memory while its file is not. Only a shelf that would be empty is an error.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use menshen_base::Finding;
use menshen_base::calendar::rfc3339;
use menshen_config::{Config, PairOrigin, Shelf, ShelfPair};
use menshen_sys::Bulletin;
use menshen_sys::bulletin::BULLETIN_BYTES_MAX;
use menshen_tls::Outcome;
use rustix::fs::{Mode, OFlags};

use crate::error::GuardError;
use crate::generation::unix_now;
use crate::keeper::Store;
use crate::log;

mod contents;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use contents::{Contents, Held, survey};
pub(crate) use watch::Watch;

/// The bulletin with what is on it.
#[derive(Debug)]
pub(crate) struct Certificates {
    bulletin: Bulletin,
    /// The same for workers, who may not post.
    readable: OwnedFd,
    /// Of the configuration that is served.
    current: Contents,
    /// Of one that is about to be.
    offered: Vec<ShelfPair>,
    posted: Vec<ShelfPair>,
    watch: Watch,
    look_at: Instant,
    judge_at: Instant,
}

impl Certificates {
    /// Posts `contents`, those of the first configuration.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn create(contents: Contents, now: Instant) -> Result<Self, GuardError> {
        let created = Bulletin::create("certificates").and_then(|bulletin| {
            let readable = read_only(&bulletin)?;
            Ok((bulletin, readable))
        });
        let (bulletin, readable) = created.map_err(failed)?;
        let mut certificates = Self {
            bulletin,
            readable,
            watch: Watch::new(&contents.watched),
            current: contents,
            offered: Vec::new(),
            posted: Vec::new(),
            look_at: now + LOOK,
            judge_at: now + JUDGE,
        };
        certificates.post().map_err(failed)?;
        Ok(certificates)
    }

    /// For a worker.
    pub(crate) fn shelf(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }

    /// Version of what is posted.
    pub(crate) fn version(&self) -> u64 {
        self.bulletin.version()
    }

    /// What is served.
    pub(crate) fn current(&self) -> &Contents {
        &self.current
    }

    /// Puts what the next configuration wants before what is there, for its workers. Those of the
    /// current one lose nothing by that.
    pub(crate) fn offer(&mut self, next: &Contents) {
        self.offered = next.pairs.iter().map(|held| held.pair.clone()).collect();
        self.post_or_tell();
    }

    /// Takes back what was offered.
    pub(crate) fn withdraw(&mut self) {
        self.offered.clear();
        self.post_or_tell();
    }

    /// The next configuration is the current one.
    pub(crate) fn take(&mut self, next: Contents) {
        self.offered.clear();
        self.exchange(next);
        self.post_or_tell();
    }

    /// Reads everything again.
    pub(crate) fn refresh(&mut self, config: &Config, store: &Store) {
        match Contents::read(config, store, Some(&self.current), unix_now()) {
            Ok(next) => {
                let known = std::mem::take(&mut self.current.findings);
                let fresh = next.findings.iter().filter(|finding| !known.contains(finding));
                fresh.for_each(|finding| log::event(&log::finding_text(finding)));
                self.exchange(next);
                self.post_or_tell();
            }
            // Nothing could be served: what is there is better.
            Err(error) => log::event(&error.render()),
        }
    }

    /// Whether files changed and stayed so, or a day passed: certificates end by themselves.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if now >= self.judge_at {
            self.judge_at = now + JUDGE;
            return true;
        }
        if now < self.look_at {
            return false;
        }
        self.look_at = now + LOOK;
        self.watch.changed(&self.current.watched)
    }

    /// When the guard has to look without being woken.
    pub(crate) fn deadline(&self) -> Instant {
        if self.current.watched.is_empty() {
            self.judge_at
        } else {
            self.judge_at.min(self.look_at)
        }
    }

    fn exchange(&mut self, next: Contents) {
        for held in &next.pairs {
            if !self.current.pairs.iter().any(|old| old.pair == held.pair) {
                log::event(&format!("certificate served: {}", held.text()));
            }
        }
        let development = next.development.as_ref();
        if let Some(new) = development.filter(|made| made.issued != Outcome::Kept) {
            log::event(&format!("the development CA is a new one: import {}", new.ca.display()));
        }
        self.watch = Watch::new(&next.watched);
        self.current = next;
    }

    fn post_or_tell(&mut self) {
        if let Err(error) = self.post() {
            log::event(&failed(error).render());
        }
    }

    fn post(&mut self) -> std::io::Result<()> {
        let mut pairs = self.offered.clone();
        for held in &self.current.pairs {
            if !pairs.contains(&held.pair) {
                pairs.push(held.pair.clone());
            }
        }
        let left_out = fit(&mut pairs);
        if pairs != self.posted {
            if left_out > 0 {
                log::event(&format!(
                    "{left_out} certificates of the keeper are too long to be served with the \
                     others: 16 MiB in all"
                ));
            }
            let shelf = Shelf { pairs };
            self.bulletin.post(&serde_json::to_vec(&shelf)?)?;
            self.posted = shelf.pairs;
        }
        Ok(())
    }
}

impl Held {
    /// What it is, for the log: names, fingerprint, end.
    fn text(&self) -> String {
        let mut text = self.names.join(", ");
        if let Some(until) = self.not_after_unix {
            text.push_str(&format!(", until {}", rfc3339(until)));
        }
        if let Some(fingerprint) = &self.fingerprint_sha256 {
            text.push_str(&format!(", SHA-256 {fingerprint}"));
        }
        let from = match (self.pair.origin, &self.file) {
            (PairOrigin::Given | PairOrigin::Found, Some(file)) => file.display().to_string(),
            (PairOrigin::Acme, _) => "the keeper".to_owned(),
            _ => "the development CA".to_owned(),
        };
        format!("{text}, from {from}")
    }
}

/// Leaves out what the keeper gave too much of: a stranger may have written it, and it must not
/// keep the operator's own from being posted. Gives how many.
fn fit(pairs: &mut Vec<ShelfPair>) -> usize {
    // As they are posted: JSON writes some bytes as six.
    let size = |pair: &ShelfPair| serde_json::to_vec(pair).map_or(usize::MAX, |text| text.len());
    let own = pairs.iter().filter(|pair| pair.origin != PairOrigin::Acme).map(size);
    let mut sum = own.fold(FRAME_BYTES, |sum, bytes| sum.saturating_add(bytes + 1));
    let before = pairs.len();
    pairs.retain(|pair| {
        if pair.origin != PairOrigin::Acme {
            return true;
        }
        let with = sum.saturating_add(size(pair)).saturating_add(1);
        let fits = with <= BULLETIN_BYTES_MAX;
        if fits {
            sum = with;
        }
        fits
    });
    before - pairs.len()
}

/// A bulletin for processes that may not post. Who is not root and has this process's user could
/// open it anew; they could do worse.
pub(crate) fn read_only(bulletin: &Bulletin) -> std::io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", bulletin.as_fd().as_raw_fd());
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

fn failed(source: std::io::Error) -> GuardError {
    GuardError::LocalSystem { action: "post the certificates", source }
}

/// Around the pairs on the shelf, with room to spare.
const FRAME_BYTES: usize = 64;
/// How often files are looked at: one `stat` each. A change counts when the next look finds the
/// same, so that a certificate and its key written one after the other are read together.
const LOOK: Duration = Duration::from_secs(2);
/// How often everything is judged anew.
const JUDGE: Duration = Duration::from_secs(24 * 3600);
