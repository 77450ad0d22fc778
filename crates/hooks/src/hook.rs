//! One receiver: what it wants to hear, and where.

use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use hyper::Uri;

use crate::event::{Event, Kind, hex};

/// What the configuration says of one.
#[derive(Clone, Default)]
pub struct Settings {
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Instead of it, a script of the sites of `hosts`: its path.
    pub script: Option<String>,
    /// What it wants to hear.
    pub on: Vec<Kind>,
    /// Hosts of sites; empty: of all sites and of the file service.
    pub hosts: Vec<String>,
    /// What paths begin with; empty: any.
    pub path: String,
    /// For one request, with its answer; seconds.
    pub timeout_s: u32,
    /// Bodies are signed with it.
    pub secret: Option<Vec<u8>>,
    /// PEM roots its certificate is checked against; none: the system's.
    pub roots_pem: Option<Vec<u8>>,
}

/// A receiver.
#[derive(Debug)]
pub struct Hook {
    pub(crate) key: String,
    pub(crate) target: Target,
    pub(crate) timeout: Duration,
    pub(crate) roots_pem: Option<Vec<u8>>,
    on: Vec<Kind>,
    hosts: Vec<String>,
    path: String,
    secret: Option<hmac::Key>,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Over HTTP.
    Url(Uri),
    /// To a script of the site whose event it is, by whoever runs scripts.
    Script(String),
}

impl Hook {
    /// `None` where the URL is none.
    #[must_use]
    pub fn new(settings: Settings) -> Option<Self> {
        let (target, name) = match settings.script {
            // No URL has a blank.
            Some(script) => {
                let name = format!("{script} of {}", settings.hosts.join(" "));
                (Target::Script(script), name)
            }
            None => {
                let url: Uri = settings.url.parse().ok()?;
                url.host()?;
                (Target::Url(url), settings.url)
            }
        };
        let key = digest::digest(&digest::SHA256, name.as_bytes());
        Some(Self {
            key: hex(key.as_ref().get(..KEY_BYTES)?),
            target,
            timeout: Duration::from_secs(u64::from(settings.timeout_s.max(1))),
            roots_pem: settings.roots_pem,
            on: settings.on,
            hosts: settings.hosts,
            path: settings.path,
            secret: settings.secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret)),
        })
    }

    /// Whether it wants to hear of this.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let here = match &event.site {
            Some(site) => self.hosts.is_empty() || self.hosts.iter().any(|host| is(host, site)),
            None => self.hosts.is_empty(),
        };
        here && self.on.contains(&event.event) && event.path.starts_with(&self.path)
    }

    /// Scheme, host and port, or the script: what logs may show. The rest of a hook's URL is often
    /// a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        let url = match &self.target {
            Target::Script(script) => return script.clone(),
            Target::Url(url) => url,
        };
        let scheme = url.scheme_str().unwrap_or("http");
        let host = url.host().unwrap_or_default();
        match url.port_u16() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }

    /// The field that shows a body to be ours.
    pub(crate) fn signature(&self, body: &[u8]) -> Option<String> {
        let made = hmac::sign(self.secret.as_ref()?, body);
        Some(format!("sha256={}", hex(made.as_ref())))
    }
}

/// As hosts of sites are written: `*.` stands for one label.
fn is(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(_, behind)| behind == rest),
        None => pattern == host,
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("on", &self.on).finish_non_exhaustive()
    }
}

const KEY_BYTES: usize = 8;

#[cfg(test)]
mod tests;
