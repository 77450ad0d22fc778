//! Values of options, the same on the command line and in the file.

use std::net::Ipv4Addr;

use super::Refused;
use crate::model::Network;
use crate::nearest::nearest;
use crate::parse::address;
use crate::parse::text::host_name;
use crate::problem::quoted;

/// Whether PPTP's packets are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mppe {
    /// Always, with 128 bit; no tunnel without.
    Require,
    /// If the server can.
    Allow,
    /// Never.
    Off,
}

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// MS-CHAP version 2.
    MsChapV2,
    /// CHAP with MD5.
    Chap,
    /// PAP: the password itself.
    Pap,
}

/// What goes through a tunnel besides what is for its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routes {
    /// Nothing.
    Peer,
    /// All of IPv4.
    All,
    /// These networks.
    Networks(Vec<Network>),
}

/// What becomes of name servers that the server of a tunnel names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// Nothing.
    No,
    /// They are shown.
    Show,
    /// `resolvconf` is told.
    Resolvconf,
    /// systemd-resolved is told.
    Resolved,
}

impl Mppe {
    /// Reads the word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        word(text, &[("require", Self::Require), ("allow", Self::Allow), ("off", Self::Off)])
    }
}

impl Proof {
    /// Reads the word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        word(text, &[("mschapv2", Self::MsChapV2), ("chap", Self::Chap), ("pap", Self::Pap)])
    }
}

impl Resolver {
    /// Reads the word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let known = [
            ("no", Self::No),
            ("show", Self::Show),
            ("resolvconf", Self::Resolvconf),
            ("resolved", Self::Resolved),
        ];
        word(text, &known)
    }
}

impl Routes {
    /// Reads `all`, `none`, or networks with commas between them.
    ///
    /// # Errors
    /// What is no network.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        match text.trim() {
            "all" => Ok(Self::All),
            "none" => Ok(Self::Peer),
            list => Self::of(list.split(',')),
        }
    }

    /// Reads networks, each on its own.
    ///
    /// # Errors
    /// What is no network, and too many of them.
    pub fn of<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, Refused> {
        let mut networks = Vec::new();
        for text in list {
            let network = network(text.trim())?;
            if !networks.contains(&network) {
                networks.push(network);
            }
            if networks.len() > NETWORKS_MAX {
                let hint = "write wider networks";
                return Err(Refused::new(format!("more than {NETWORKS_MAX} networks"), hint));
            }
        }
        Ok(if networks.is_empty() { Self::Peer } else { Self::Networks(networks) })
    }

    /// The networks to be routed: of `all` the two halves of IPv4, which go before a default route
    /// and leave it as it is.
    #[must_use]
    pub fn networks(&self) -> Vec<Network> {
        match self {
            Self::Peer => Vec::new(),
            Self::All => [0, 128]
                .map(|first| Network { address: Ipv4Addr::new(first, 0, 0, 0).into(), prefix: 1 })
                .to_vec(),
            Self::Networks(networks) => networks.clone(),
        }
    }
}

/// Reads `10.0.0.0/8`; an address alone is a network of its own.
fn network(text: &str) -> Result<Network, Refused> {
    let Ok((network, better)) = address::network(text) else {
        let near = nearest(text, ["all", "none"]).map(|near| format!("did you mean {near}?"));
        let hint = near.unwrap_or_else(|| "write such as 10.0.0.0/8, or all".to_owned());
        return Err(Refused::new(format!("{} is no network", quoted(text)), hint));
    };
    let refuse = |hint: &str| Err(Refused::new(format!("{} is no network", quoted(text)), hint));
    match better {
        _ if network.prefix == 0 => refuse("write all for everything"),
        Some(better) => refuse(&format!("did you mean {better}?")),
        None => Ok(network),
    }
}

/// A domain that name servers are for.
///
/// # Errors
/// What is no domain.
pub fn domain(text: &str) -> Result<String, Refused> {
    Ok(host_name(text.trim_start_matches('.'))?)
}

/// A name that an interface may get (`dev_valid_name` of the kernel, and no more of it than is
/// usual).
///
/// # Errors
/// What is no such name.
pub fn interface(text: &str) -> Result<String, Refused> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let plain = text.replacen("%d", "", 1);
    let dots = matches!(text, "." | "..");
    if text.is_empty() || text.len() > INTERFACE_OCTETS_MAX || dots || !plain.chars().all(fine) {
        let message = format!("{} is no name of an interface", quoted(text));
        let hint = "at most 15 letters, digits, \".\", \"_\", \"-\"; %d is a number that is free";
        return Err(Refused::new(message, hint));
    }
    Ok(text.to_owned())
}

/// 64 hexadecimal digits, with or without colons, `sha256:` in front or not.
///
/// # Errors
/// What is no such digest.
pub fn fingerprint(text: &str) -> Result<[u8; 32], Refused> {
    let lower = text.to_ascii_lowercase();
    let bare = ["sha256:", "sha256=", "sha-256:"].iter().find_map(|word| lower.strip_prefix(word));
    let digits: String = bare.unwrap_or(&lower).chars().filter(|c| *c != ':').collect();
    let mut octets = [0; 32];
    let pairs = digits.as_bytes().chunks(2).filter_map(|pair| str::from_utf8(pair).ok());
    let fine = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !fine {
        let message = format!("{} is no SHA-256", quoted(text));
        return Err(Refused::new(message, "64 hexadecimal digits, colons may be between them"));
    }
    for (octet, pair) in octets.iter_mut().zip(pairs) {
        *octet = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    Ok(octets)
}

fn word<T: Copy>(text: &str, known: &[(&'static str, T)]) -> Result<T, Refused> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    let hint = match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", words.join(", ")),
    };
    Err(Refused::new(format!("{} is not known here", quoted(text)), hint))
}

/// Routes that one tunnel may have.
const NETWORKS_MAX: usize = 256;
/// `IFNAMSIZ` without the terminating NUL.
const INTERFACE_OCTETS_MAX: usize = 15;
