//! Names a development certificate may carry, and which of them a constraint permits.
//!
//! Host names are ASCII (RFC 5280 §4.2.1.6; A-labels for others), a wildcard is the whole leftmost
//! label and stands before two labels at least, or clients ignore it. A DNS constraint covers the
//! name itself and everything below it (RFC 5280 §4.2.1.10).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::TlsError;

/// One name, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// A host name, possibly with `*.` in front.
    Dns(String),
    /// One address.
    Address(IpAddr),
}

/// Names without doubles, in a fixed order.
pub(crate) type Names = BTreeSet<Name>;

/// The configured names; errors name the first that is none.
pub(crate) fn parse(names: &[String]) -> Result<Names, TlsError> {
    if names.len() > NAMES_MAX {
        return Err(TlsError::ConfigNamesTooMany { count: names.len(), max: NAMES_MAX });
    }
    names.iter().map(|name| parse_one(name)).collect()
}

/// The names in the order given, without a check of how many.
pub(crate) fn parse_all(names: &[String]) -> Result<Vec<Name>, TlsError> {
    names.iter().map(|name| parse_one(name)).collect()
}

/// What the certificate is made out to: the configured names and the loopback addresses.
pub(crate) fn with_loopback(names: &Names) -> Names {
    let mut names = names.clone();
    names.insert(Name::Address(Ipv4Addr::LOCALHOST.into()));
    names.insert(Name::Address(Ipv6Addr::LOCALHOST.into()));
    names
}

/// The smallest constraints under which a certificate for `names` and the loopback addresses can
/// stand.
///
/// A kind of name that is not mentioned would be unconstrained: without any host name in `names`,
/// `localhost` is permitted to shut out all others.
pub(crate) fn constraints(names: &Names) -> Names {
    let mut permitted: Names = with_loopback(names)
        .into_iter()
        .map(|name| match name {
            Name::Dns(host) => Name::Dns(without_wildcard(&host).to_owned()),
            address @ Name::Address(_) => address,
        })
        .collect();
    if !permitted.iter().any(|name| matches!(name, Name::Dns(_))) {
        permitted.insert(Name::Dns("localhost".to_owned()));
    }
    permitted
}

/// Whether constraints with these permitted names let `name` through.
pub(crate) fn permits(permitted: &Names, name: &Name) -> bool {
    permitted.iter().any(|base| match (base, name) {
        (Name::Dns(base), Name::Dns(host)) => without_wildcard(host)
            .strip_suffix(base.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        (base, name) => base == name,
    })
}

fn parse_one(text: &str) -> Result<Name, TlsError> {
    if let Ok(address) = text.parse() {
        return Ok(Name::Address(address));
    }
    match fault(text) {
        None => Ok(Name::Dns(text.to_ascii_lowercase())),
        Some(reason) => Err(TlsError::ConfigName { name: text.chars().take(80).collect(), reason }),
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if !text.is_ascii() {
        return Some("it is not ASCII; write international names as \"xn--…\"");
    }
    if text.len() > NAME_BYTES_MAX {
        return Some("it is longer than 253 characters");
    }
    let host = without_wildcard(text);
    if host.contains('*') {
        return Some("\"*\" may only be the whole leftmost label");
    }
    if host.len() != text.len() && !host.contains('.') {
        return Some("a wildcard needs two labels behind it; clients ignore it otherwise");
    }
    let label_is_good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !host.split('.').all(label_is_good) {
        return Some("labels have 1 to 63 letters, digits and inner hyphens");
    }
    if host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some("it looks like an address, but is none");
    }
    None
}

fn without_wildcard(host: &str) -> &str {
    host.strip_prefix("*.").unwrap_or(host)
}

/// More would make every handshake carry a large certificate.
const NAMES_MAX: usize = 100;

/// RFC 1035 §2.3.4, without the length bytes at both ends.
const NAME_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests;
