//! What Chromium does with one reference: the row of its kind, the host it goes to, the policies
//! in force.
//!
//! A host's HSTS changes nothing here: browsers look at mixed content first (Fetch §4.1,
//! whatwg/fetch issue 150), so a blockable reference to a preloaded host is blocked like any other.

use core::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use url::{Host, Url};

use super::csp::Policies;
use super::kind::{Kind, Spec};

/// What Chromium does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Not asked for: the content is missing.
    Blocked,
    /// The page's own policy forbids it, whatever the scheme.
    Refused,
    /// A form: marked, and a warning page stands before the sending.
    InsecureForm,
    /// Asked for over https instead, and missing when that fails.
    Upgraded,
    /// Asked for in the clear: the host is of the visitor's own network.
    AllowedLocal,
    /// Asked for in the clear: the visitor's own machine counts as trustworthy.
    Allowed,
    /// A script names it; what it does with it is not seen.
    Unknown,
    /// People leave the page by it: not mixed content.
    Navigation,
    /// Chromium on a desktop does not fetch it.
    NotFetched,
}

/// What a host is to mixed content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKind {
    /// `localhost`, names below it, 127/8 and ::1: potentially trustworthy.
    Loopback,
    /// An address or a `.local` name of the visitor's own network (Local Network Access).
    Local,
    /// Any other address: never upgraded by the browser itself.
    Address,
    /// A name.
    Name,
}

/// What the host of an address is.
#[must_use]
pub fn host_kind(url: &Url) -> HostKind {
    match url.host() {
        Some(Host::Ipv4(address)) => v4(address),
        Some(Host::Ipv6(address)) => v6(address),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            match name.rsplit('.').next() {
                Some("localhost") => HostKind::Loopback,
                Some("local") => HostKind::Local,
                _ => HostKind::Name,
            }
        }
        None => HostKind::Name,
    }
}

/// What Chromium does with a reference of `kind` to `url` on `page`.
#[must_use]
pub fn outcome(kind: Kind, url: &Url, policies: &Policies, page: &Url) -> Outcome {
    let row = kind.row();
    let host = host_kind(url);
    let upgrading = policies.upgrades();
    let outcome = match (row.plain, host) {
        (Outcome::NotFetched | Outcome::Unknown, _) => return row.plain,
        (Outcome::Navigation | Outcome::InsecureForm, HostKind::Loopback) => {
            return Outcome::Navigation;
        }
        // Upgrade Insecure Requests §3.3: of navigations, only those to the page's own host.
        (Outcome::Navigation, _) if upgrading && url.host_str() == page.host_str() => {
            Outcome::Upgraded
        }
        (Outcome::Navigation, _) => Outcome::Navigation,
        (_, HostKind::Loopback) => Outcome::Allowed,
        (_, HostKind::Local) if upgrading => Outcome::Upgraded,
        _ if upgrading => row.upgrading,
        (Outcome::InsecureForm, _) => Outcome::InsecureForm,
        (_, HostKind::Local) => Outcome::AllowedLocal,
        (Outcome::Upgraded, HostKind::Address) => Outcome::Blocked,
        (plain, _) => plain,
    };
    // A policy sees the address as it is asked for (Fetch §4.1: upgrades come first).
    let asked = if outcome == Outcome::Upgraded { twin(url) } else { url.clone() };
    if policies.allow(row.directives, &asked, page) { outcome } else { Outcome::Refused }
}

/// The same address over https or wss; a default port stays the default one.
#[must_use]
pub fn twin(url: &Url) -> Url {
    let mut twin = url.clone();
    let scheme = if url.scheme() == "ws" { "wss" } else { "https" };
    // Between two schemes of the same kind this cannot fail.
    let _ = twin.set_scheme(scheme);
    twin
}

impl Outcome {
    /// Whether it is an outcome of content that the page needs, so worth repairing.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::Blocked
                | Self::Refused
                | Self::InsecureForm
                | Self::Upgraded
                | Self::AllowedLocal
        )
    }

    /// The word in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Refused => "refused by the page's policy",
            Self::InsecureForm => "insecure form",
            Self::Upgraded => "upgraded",
            Self::AllowedLocal => "allowed on the local network",
            Self::Allowed => "allowed",
            Self::Unknown => "named in a script",
            Self::Navigation => "navigation",
            Self::NotFetched => "not fetched",
        }
    }
}

impl Kind {
    /// Whether the specification would upgrade it: the host counts too (§4.1).
    #[must_use]
    pub fn spec_for(self, url: &Url) -> Spec {
        match (self.row().spec, host_kind(url)) {
            (Spec::NotMixed, _) | (_, HostKind::Loopback) => Spec::NotMixed,
            (Spec::Upgradeable, _) if matches!(url.host(), Some(Host::Domain(_))) => {
                Spec::Upgradeable
            }
            _ => Spec::Blockable,
        }
    }
}

fn v4(address: Ipv4Addr) -> HostKind {
    match address.octets() {
        [127, ..] => HostKind::Loopback,
        [0 | 10, ..] | [192, 168, ..] | [169, 254, ..] => HostKind::Local,
        [172, b, ..] if b & 0xf0 == 16 => HostKind::Local,
        [100, b, ..] if b & 0xc0 == 64 => HostKind::Local,
        _ => HostKind::Address,
    }
}

fn v6(address: Ipv6Addr) -> HostKind {
    if let Some(inner) = address.to_ipv4_mapped() {
        // A mapped loopback address is no trustworthy origin, and of the own network all the same.
        return if v4(inner) == HostKind::Address { HostKind::Address } else { HostKind::Local };
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => HostKind::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] | [0x2001, 0xdb8, ..] => HostKind::Local,
        // Unique local, link-local, the old site-local, documentation of RFC 9637.
        [a, b, ..]
            if a & 0xfe00 == 0xfc00 || a & 0xff80 == 0xfe80 || (a, b & 0xf000) == (0x3fff, 0) =>
        {
            HostKind::Local
        }
        _ => HostKind::Address,
    }
}

#[cfg(test)]
mod tests;
