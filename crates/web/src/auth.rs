//! Who may do what: the owner token, a session made from it, a signed link, or a public path.
//!
//! A wrong token costs the client's network one of a small number of tries a minute; the right one
//! is compared in constant time. A session cookie alone never changes anything unless the browser
//! vouches that our own page sent the request (`Sec-Fetch-Site` or `Origin`), so another site
//! cannot make a logged-in browser delete files (CSRF).

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use menshen_config::{Access, PublicPath};
use menshen_net::gate::network_of;
use menshen_tls::session::{self, Verdict};
use menshen_tls::token::token_matches;
use menshen_web_core::fields::{basic_password, bearer, cookie};
use menshen_web_core::head::Interest;
use menshen_web_core::link::{Claims, Deed, Use};
use menshen_web_core::target::SafePath;

use crate::ask::Ask;
use crate::links::{LinkRefusal, Links};

/// The keys and rules of one worker.
#[derive(Debug)]
pub(crate) struct Authority {
    token_digest: [u8; 32],
    cookie_key: [u8; 32],
    public: Vec<PublicPath>,
    links: Links,
    session_seconds: u64,
    failures: RefCell<Tries>,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    Read,
    Write,
}

/// What a request would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What the path names, with all that is in it.
    Itself,
    /// Something new in the folder the path names.
    Inside,
}

/// Why a request may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No credentials; 401.
    Missing,
    /// Wrong credentials; 401.
    Wrong,
    /// Too many wrong ones from this network; 429.
    TooMany { retry_after_s: u64 },
    /// A session, but the request did not come from our page; 403.
    ForeignSite,
}

impl Authority {
    pub(crate) fn new(
        secrets: &menshen_config::Secrets,
        public: Vec<PublicPath>,
        links: Links,
        session_seconds: u32,
        failures_per_minute: u32,
    ) -> Self {
        Self {
            token_digest: secrets.token_digest,
            cookie_key: secrets.cookie_key,
            public,
            links,
            session_seconds: u64::from(session_seconds),
            failures: RefCell::new(Tries::new(failures_per_minute)),
        }
    }

    /// What `path`, or what will be in it, allows anybody.
    pub(crate) fn public(&self, path: &[u8], reach: Reach) -> Option<Grant> {
        let rule = |rule: &&PublicPath| path.starts_with(rule.path.as_bytes());
        // The longest prefix wins, so a rule can narrow a wider one.
        let best = self.public.iter().filter(rule).max_by_key(|rule| rule.path.len())?;
        // Who may rename or delete a folder changes all that is in it, also what a narrower rule
        // keeps from being written.
        let folder = path.strip_suffix(b"/").unwrap_or(path);
        let holds = |rule: &PublicPath| {
            let below = rule.path.as_bytes().strip_prefix(folder);
            rule.access == Access::Read && below.is_some_and(|rest| rest.starts_with(b"/"))
        };
        let narrowed = reach == Reach::Itself && self.public.iter().any(holds);
        let writable = best.access == Access::Write && !narrowed;
        Some(if writable { Grant::Write } else { Grant::Read })
    }

    /// What this request may do with `path`.
    pub(crate) fn judge(
        &self,
        ask: &Ask<'_>,
        path: &[u8],
        reach: Reach,
        now_unix: u64,
    ) -> Result<Grant, Refusal> {
        let public = self.public(path, reach);
        if public == Some(Grant::Write) || !ask.interest.has(CREDENTIALS) {
            return public.ok_or(Refusal::Missing);
        }
        match (self.credentials(ask, now_unix), public) {
            (Ok(grant), _) | (Err(_), Some(grant)) => Ok(grant),
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// Whether the request comes from the owner, by token or session.
    pub(crate) fn owner(&self, ask: &Ask<'_>, now_unix: u64) -> Result<(), Refusal> {
        self.credentials(ask, now_unix).map(|_| ())
    }

    /// What a signed link allows, if it allows `deed` on `path` from `peer`: nothing else, and no
    /// session comes of it. The caller takes its use before anything moves, where it is counted.
    pub(crate) fn by_link(
        &self,
        link: &[u8],
        deed: Deed,
        path: &SafePath<'_>,
        peer: IpAddr,
        now_unix: u64,
    ) -> Result<Claims, LinkRefusal> {
        self.links.judge(link, &Use { deed, path, address: peer, now: now_unix })
    }

    /// Signed links of this worker.
    pub(crate) const fn links(&self) -> &Links {
        &self.links
    }

    /// Whether the owner token is shown; used to begin a session.
    pub(crate) fn token(&self, ask: &Ask<'_>, now_unix: u64) -> Result<(), Refusal> {
        let Some(line) = ask.headers.get("authorization") else { return Err(Refusal::Missing) };
        let network = network_of(ask.peer);
        if let Some(retry_after_s) = self.failures.borrow_mut().blocked(network, now_unix) {
            return Err(Refusal::TooMany { retry_after_s });
        }
        let shown = bearer(line).map(<[u8]>::to_vec).or_else(|| basic_password(line));
        if shown.is_some_and(|token| token_matches(&self.token_digest, &token)) {
            return Ok(());
        }
        self.failures.borrow_mut().add(network, now_unix);
        Err(Refusal::Wrong)
    }

    /// `Set-Cookie` value of a new session.
    pub(crate) fn session_begin(&self, now_unix: u64) -> String {
        let value = session::seal(&self.cookie_key, now_unix + self.session_seconds);
        format!("{COOKIE}={value}; Max-Age={}; {COOKIE_RULES}", self.session_seconds)
    }

    /// `Set-Cookie` value that ends one.
    pub(crate) fn session_end() -> String {
        format!("{COOKIE}=; Max-Age=0; {COOKIE_RULES}")
    }

    fn credentials(&self, ask: &Ask<'_>, now_unix: u64) -> Result<Grant, Refusal> {
        if ask.interest.has(Interest::AUTHORIZATION) {
            return self.token(ask, now_unix).map(|()| Grant::Write);
        }
        let mut verdict = Verdict::Invalid;
        ask.headers.for_each("cookie", &mut |line| {
            if let Some(value) = cookie(line, COOKIE.as_bytes()) {
                verdict = session::verify(&self.cookie_key, value, now_unix);
            }
        });
        match verdict {
            Verdict::Valid { .. } if ask.reads_only() || same_site(ask) => Ok(Grant::Write),
            Verdict::Valid { .. } => Err(Refusal::ForeignSite),
            _ => Err(Refusal::Missing),
        }
    }
}

/// Whether the browser says that a page of ours sent this.
fn same_site(ask: &Ask<'_>) -> bool {
    if let Some(site) = ask.headers.get("sec-fetch-site") {
        return site == b"same-origin";
    }
    let Some(origin) = ask.headers.get("origin") else { return false };
    // Our cookie is only ever sent from secure pages; one of http:// may be anybody's on the way.
    let host = origin.strip_prefix(b"https://");
    host.is_some_and(|host| host.eq_ignore_ascii_case(ask.host))
}

/// Tries by network: a bucket that refills in a minute.
#[derive(Debug)]
pub(crate) struct Tries {
    most: u32,
    networks: HashMap<IpAddr, (u32, u64)>,
}

impl Tries {
    /// At most `most` of one network.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, networks: HashMap::new() }
    }

    /// For how many seconds this network may not try again.
    pub(crate) fn blocked(&mut self, network: IpAddr, now: u64) -> Option<u64> {
        let &(count, since) = self.networks.get(&network)?;
        if now >= since + MINUTE {
            self.networks.remove(&network);
            return None;
        }
        (count >= self.most).then(|| since + MINUTE - now)
    }

    /// One more try.
    pub(crate) fn add(&mut self, network: IpAddr, now: u64) {
        if self.networks.len() >= NETWORKS_MAX {
            self.networks.retain(|_, (_, since)| now < *since + MINUTE);
        }
        if self.networks.len() >= NETWORKS_MAX {
            // Somebody tries from thousands of networks at once: forget, rather than grow.
            self.networks.clear();
        }
        self.networks.entry(network).or_insert((0, now)).0 += 1;
    }
}

const COOKIE: &str = "__Host-menshen";
const COOKIE_RULES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
const CREDENTIALS: Interest = Interest::AUTHORIZATION.with(Interest::COOKIE);
const MINUTE: u64 = 60;
const NETWORKS_MAX: usize = 4096;

#[cfg(test)]
mod tests;
