//! `pptp://user@host[:port]` and its kin. The password check comes before everything else, so that
//! no other message repeats one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::Refused;
use crate::nearest::nearest;
use crate::parse::text::host_name;
use crate::problem::quoted;

/// Whom to dial, as whom, by which protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The protocol.
    pub scheme: Scheme,
    /// The user's name, with `DOMAIN\` if there is one; 1 to 256 octets, no control characters.
    pub user: String,
    /// Name or address of the server, in lower case, an IPv6 address without brackets.
    pub host: String,
    /// The port, where it is not the protocol's own.
    pub port: Option<u16>,
}

/// The protocol of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// PPTP: TCP 1723 and GRE.
    Pptp,
    /// SSTP: TLS on TCP 443.
    Sstp,
    /// PPTP, and SSTP where that does not come up.
    Auto,
}

impl Scheme {
    /// The word in front of `://`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pptp => "pptp",
            Self::Sstp => "sstp",
            Self::Auto => "auto",
        }
    }
}

impl Address {
    /// Whether a text is meant as an address and not as the name of a tunnel.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.contains("://") || text.contains('@')
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it; the message holds no password.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if has_password(text) {
            return Err(Refused::new(
                "the address holds a password, which others can read there",
                "leave it out; the password is asked for, or comes from a file \
                 (password_file, --password-file) or MENSHEN_TUNNEL_PASSWORD",
            ));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Refused::new(format!("{} is no address of a tunnel", quoted(text)), FORM));
        };
        let scheme = self::scheme(scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = rest.rsplit_once('@').ok_or_else(|| {
            let hint = format!("write {}://USER@{}", scheme.word(), host_part(rest));
            Refused::new("the address names no user", hint)
        })?;
        if place.contains(['/', '?', '#']) {
            let message = format!("{} goes on behind the host", quoted(text));
            return Err(Refused::new(message, FORM));
        }
        let user = self::user(user)?;
        let (host, port) = host_and_port(place)?;
        if scheme == Scheme::Auto && port.is_some() {
            return Err(Refused::new(
                "auto:// has a port for each of two protocols and takes none",
                "write pptp:// or sstp:// where the port is not the usual one",
            ));
        }
        if scheme != Scheme::Sstp && host.parse::<Ipv6Addr>().is_ok() {
            return Err(Refused::new("PPTP goes over IPv4 only", "write sstp:// for IPv6"));
        }
        Ok(Self { scheme, user, host, port })
    }

    /// The same server and user by SSTP, as one would write it.
    #[must_use]
    pub fn by_sstp(&self) -> Self {
        Self { scheme: Scheme::Sstp, port: None, ..self.clone() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.word())?;
        for octet in self.user.bytes() {
            match octet {
                b if b.is_ascii_alphanumeric() || PLAIN.contains(&b) => {
                    write!(f, "{}", char::from(b))?;
                }
                b => write!(f, "%{b:02X}")?,
            }
        }
        if self.host.contains(':') {
            write!(f, "@[{}]", self.host)?;
        } else {
            write!(f, "@{}", self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether there is a `:` before the last `@` of what follows the scheme.
pub(super) fn has_password(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn scheme(word: &str) -> Result<Scheme, Refused> {
    let word = word.to_ascii_lowercase();
    let known = [Scheme::Pptp, Scheme::Sstp, Scheme::Auto];
    if let Some(scheme) = known.into_iter().find(|scheme| scheme.word() == word) {
        return Ok(scheme);
    }
    let hint = match nearest(&word, known.map(Scheme::word)) {
        Some(near) => format!("did you mean {near}://?"),
        None if word == "https" => "SSTP goes over HTTPS: write sstp://".to_owned(),
        None => "pptp://, sstp:// and auto:// are known".to_owned(),
    };
    Err(Refused::new(format!("{} is no protocol of a tunnel", quoted(&word)), hint))
}

/// A name with its percent-encoded octets decoded.
fn user(text: &str) -> Result<String, Refused> {
    let refuse = |why: &str, hint: &str| {
        Err(Refused::new(format!("the user's name {} {why}", quoted(text)), hint))
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            octets.push(first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|two| str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(octet) => octets.push(octet),
            None => return refuse("has a bare \"%\"", "write a percent sign as %25"),
        }
        rest = after.get(2..).unwrap_or_default();
    }
    match String::from_utf8(octets) {
        Ok(name) if name.is_empty() => refuse("is empty", FORM),
        Ok(name) if name.len() > USER_OCTETS_MAX => refuse("is longer than 256 octets", ""),
        Ok(name) if name.chars().any(char::is_control) => refuse("has a control character", ""),
        Ok(name) => Ok(name),
        Err(_) => refuse("is no UTF-8", ""),
    }
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), Refused> {
    let bracketed = place.strip_prefix('[').and_then(|inner| inner.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None if place.parse::<Ipv6Addr>().is_ok() => {
            let hint = format!("write [{place}]");
            return Err(Refused::new("an IPv6 address stands in brackets", hint));
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(Refused::new("the address names no host", FORM));
    }
    if bracketed.is_some() && host.parse::<Ipv6Addr>().is_err() {
        return Err(Refused::new(format!("{} is no IPv6 address", quoted(host)), ""));
    }
    if host.starts_with('*') {
        return Err(Refused::new(format!("{} is not a host name", quoted(host)), ""));
    }
    let port = port.map(|text| {
        text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            Refused::new(format!("{} is no port", quoted(text)), "a port is from 1 to 65535")
        })
    });
    let host = host_name(host)?;
    if host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
        return Err(Refused::new(format!("{} is no address of a host", quoted(&host)), ""));
    }
    Ok((host, port.transpose()?))
}

/// What may be the host of an address without user, for a hint.
fn host_part(rest: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let short = rest.len() <= HINT_OCTETS_MAX && !rest.is_empty();
    if short && rest.chars().all(fine) { rest.to_owned() } else { "HOST".to_owned() }
}

const FORM: &str = "write such as sstp://user@vpn.example.com";
/// RFC 2759 section 4.
const USER_OCTETS_MAX: usize = 256;
const HINT_OCTETS_MAX: usize = 80;
/// Characters of a name that are written as they are.
const PLAIN: &[u8] = b"-._~\\";
