//! Content Security Policy, as far as it says what becomes of a reference without https (CSP 3
//! §6.7, Upgrade Insecure Requests §3.1).
//!
//! Where nonces or hashes could allow something, it counts as allowed: a policy is never blamed for
//! what it may let through. Policies that only report are not read.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use url::Url;

/// All policies in force; each must allow what is fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies(Vec<Policy>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Policy(Vec<(String, Vec<String>)>);

impl Policies {
    /// Adds what one field or `meta` element says; commas separate policies (CSP 3 §2.2.2).
    pub fn add(&mut self, text: &str) {
        for policy in text.split(',') {
            let policy = Policy::parse(policy);
            if !policy.0.is_empty() && self.0.len() < POLICIES_MAX {
                self.0.push(policy);
            }
        }
    }

    /// Whether requests are upgraded.
    #[must_use]
    pub fn upgrades(&self) -> bool {
        self.0.iter().any(|policy| policy.has("upgrade-insecure-requests"))
    }

    /// Whether the obsolete `block-all-mixed-content` is there.
    #[must_use]
    pub fn blocks_all(&self) -> bool {
        self.0.iter().any(|policy| policy.has("block-all-mixed-content"))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `url` may be fetched; the first of `directives` that a policy has counts.
    #[must_use]
    pub fn allow(&self, directives: &[&str], url: &Url, page: &Url) -> bool {
        self.0.iter().all(|policy| {
            let sources = directives.iter().find_map(|name| policy.get(name));
            sources.is_none_or(|sources| allows(sources, url, page))
        })
    }
}

impl Policy {
    fn parse(text: &str) -> Self {
        let mut directives: Vec<(String, Vec<String>)> = Vec::new();
        for directive in text.split(';').take(DIRECTIVES_MAX) {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next().map(str::to_ascii_lowercase) else { continue };
            // The first of a name counts.
            if !directives.iter().any(|(other, _)| *other == name) {
                directives.push((name, words.take(SOURCES_MAX).map(str::to_string).collect()));
            }
        }
        Self(directives)
    }

    fn get(&self, name: &str) -> Option<&[String]> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, sources)| sources.as_slice())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

fn allows(sources: &[String], url: &Url, page: &Url) -> bool {
    sources.iter().any(|source| {
        let lower = source.to_ascii_lowercase();
        match lower.as_str() {
            "'none'" => false,
            "'self'" => is_self(url, page),
            "'strict-dynamic'" => true,
            "*" => matches!(url.scheme(), "http" | "https" | "ws" | "wss"),
            word if word.starts_with("'nonce-") || word.starts_with("'sha") => true,
            word if word.starts_with('\'') => false,
            _ => matches_source(source, &lower, url, page),
        }
    })
}

/// `'self'`, which also takes the same host over https (CSP 3 §6.7.2.8).
fn is_self(url: &Url, page: &Url) -> bool {
    let ports = url.port_or_known_default() == page.port_or_known_default();
    let defaults = url.port().is_none() && page.port().is_none();
    url.host_str() == page.host_str()
        && (ports || defaults)
        && (url.scheme() == page.scheme() || matches!(url.scheme(), "https" | "wss"))
}

/// A scheme or a host, with port and path (CSP 3 §6.7.2.8 to §6.7.2.12).
fn matches_source(source: &str, lower: &str, url: &Url, page: &Url) -> bool {
    if let Some(scheme) = lower.strip_suffix(':') {
        return scheme_matches(scheme, url.scheme());
    }
    let (scheme, rest) = match lower.find("://") {
        Some(at) => (lower.get(..at).unwrap_or_default(), source.get(at + 3..).unwrap_or_default()),
        None => (page.scheme(), source),
    };
    if !scheme_matches(scheme, url.scheme()) {
        return false;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let colon = authority.get(after_bracket..).and_then(|tail| tail.rfind(':'));
    let (host, port) = match colon {
        Some(at) => {
            let at = after_bracket + at;
            (authority.get(..at).unwrap_or_default(), authority.get(at + 1..))
        }
        None => (authority, None),
    };
    host_matches(&host.to_ascii_lowercase(), url.host_str().unwrap_or_default())
        && port_matches(port, url)
        && path_matches(path, url.path())
}

fn scheme_matches(source: &str, scheme: &str) -> bool {
    matches!(
        (source, scheme),
        ("http", "http" | "https" | "ws" | "wss")
            | ("https", "https" | "wss")
            | ("ws", "ws" | "wss" | "http" | "https")
            | ("wss", "wss" | "https")
    ) || source == scheme
}

fn host_matches(source: &str, host: &str) -> bool {
    match source.strip_prefix('*') {
        Some("") => true,
        Some(tail) => tail.starts_with('.') && host.len() > tail.len() && host.ends_with(tail),
        None => source == host,
    }
}

fn port_matches(source: Option<&str>, url: &Url) -> bool {
    match source {
        None => url.port().is_none(),
        Some("*") => true,
        Some(port) => {
            let port = port.parse::<u16>().ok();
            // A rule for port 80 also takes the upgrade to 443.
            port.is_some()
                && (port == url.port_or_known_default()
                    || (port == Some(80) && url.port_or_known_default() == Some(443)))
        }
    }
}

fn path_matches(source: &str, path: &str) -> bool {
    match source {
        "" | "/" => true,
        folder if folder.ends_with('/') => path.starts_with(folder),
        file => path == file,
    }
}

const POLICIES_MAX: usize = 32;
const DIRECTIVES_MAX: usize = 100;
const SOURCES_MAX: usize = 500;

#[cfg(test)]
mod tests;
