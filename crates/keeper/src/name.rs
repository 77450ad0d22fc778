//! A name to be kept: a host, a wildcard (RFC 8555 §7.1.3), or an address (RFC 8738).

use std::fmt::Write;
use std::net::IpAddr;

use instant_acme::Identifier;

/// One name as configured, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A host name.
    Host(String),
    /// What stands behind `*.`.
    Wildcard(String),
    /// An address.
    Address(IpAddr),
}

impl Name {
    /// Reads a configured name; what is not one is for the authority to refuse.
    pub(crate) fn new(text: &str) -> Self {
        if let Ok(address) = text.parse() {
            return Self::Address(address);
        }
        text.strip_prefix("*.").map_or_else(
            || Self::Host(text.to_ascii_lowercase()),
            |parent| Self::Wildcard(parent.to_ascii_lowercase()),
        )
    }

    /// The name as it stands in an order and in a certificate.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Host(host) => host.clone(),
            Self::Wildcard(parent) => format!("*.{parent}"),
            Self::Address(address) => address.to_string(),
        }
    }

    /// What an order asks for.
    pub(crate) fn identifier(&self) -> Identifier {
        match self {
            Self::Address(address) => Identifier::Ip(*address),
            name => Identifier::Dns(name.text()),
        }
    }

    /// Name of the TXT record of dns-01 (RFC 8555 §8.4).
    pub(crate) fn record(&self) -> String {
        let host = match self {
            Self::Host(host) | Self::Wildcard(host) => host.clone(),
            Self::Address(address) => address.to_string(),
        };
        format!("_acme-challenge.{host}")
    }

    /// The name in the handshake of tls-alpn-01: for addresses that of their reverse record
    /// (RFC 8738 §6).
    pub(crate) fn handshake_name(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Host(host) | Self::Wildcard(host) => return host.clone(),
            Self::Address(IpAddr::V4(address)) => {
                for byte in address.octets().into_iter().rev() {
                    let _ = write!(text, "{byte}.");
                }
                text.push_str("in-addr.arpa");
            }
            Self::Address(IpAddr::V6(address)) => {
                for byte in address.octets().into_iter().rev() {
                    let _ = write!(text, "{:x}.{:x}.", byte & 15, byte >> 4);
                }
                text.push_str("ip6.arpa");
            }
        }
        text
    }

    /// A name a client of this site would ask for.
    pub(crate) fn example(&self) -> String {
        match self {
            Self::Wildcard(parent) => format!("menshen-look.{parent}"),
            name => name.text(),
        }
    }

    /// Whether a certificate made out to `names` is good for this one.
    pub(crate) fn is_covered_by(&self, names: &[String]) -> bool {
        names.iter().any(|name| {
            let name = Self::new(name);
            match (self, &name) {
                // RFC 9525 §6.3: the wildcard stands for exactly one label.
                (Self::Host(host), Self::Wildcard(parent)) => host
                    .split_once('.')
                    .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
                (own, name) => own == name,
            }
        })
    }
}

#[cfg(test)]
mod tests;
