//! The users' file: who may come in, one line each, `name:nthash[:address]`.
//!
//! `nthash` is the MD4 of the password in UTF-16 (RFC 2759 §8.3) as 32 hexadecimal digits; `#`
//! begins a comment line. The hash is as good as the password to whoever reads it. Any octets can
//! be given to [`parse`]: what is wrong is told with its line, never with its content. Bounded by
//! [`FILE_OCTETS_MAX`] and [`USERS_MAX`].

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;

use menshen_tunnel_core::auth::{NtHash, Secret, USER_OCTETS_MAX};

/// Who may come in.
#[derive(Debug, Default)]
pub struct Users {
    by_name: HashMap<String, User>,
}

/// One user.
#[derive(Debug, Clone)]
pub struct User {
    /// What the user's password is proved against.
    pub hash: NtHash,
    /// The only address that the user gets.
    pub address: Option<Ipv4Addr>,
}

/// What is wrong with a users' file. It never holds what a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: Wrong,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The file is longer than [`FILE_OCTETS_MAX`].
    FileTooLong,
    /// There are more users than [`USERS_MAX`].
    TooManyUsers,
    /// The octets are not UTF-8.
    NotText,
    /// The name is missing, too long, or has a character that no name can have.
    Name,
    /// There is no hash, or it is not 32 hexadecimal digits.
    Hash,
    /// The address is none, or there is something behind it.
    Address,
    /// A line before it has the same name.
    SameName,
    /// A line before it has the same address.
    SameAddress,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileTooLong => "the file is longer than 1 MiB",
            Self::TooManyUsers => "more than 16,384 users",
            Self::NotText => "not UTF-8",
            Self::Name => {
                "no name, or one of more than 128 octets or with `\\`, blanks or controls"
            }
            Self::Hash => "no hash of 32 hexadecimal digits behind the name",
            Self::Address => "what follows the hash is no IPv4 address",
            Self::SameName => "this name was there before",
            Self::SameAddress => "this address was there before",
        })
    }
}

impl Users {
    /// The user of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The addresses that belong to users.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.by_name.values().filter_map(|user| user.address)
    }
}

/// Reads a users' file.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(octets: &[u8]) -> Result<Users, Problem> {
    if octets.len() > FILE_OCTETS_MAX {
        return Err(Problem { line: 1, what: Wrong::FileTooLong });
    }
    let mut by_name = HashMap::new();
    let mut addresses = std::collections::HashSet::new();
    for (at, octets) in octets.split(|octet| *octet == b'\n').enumerate() {
        let wrong = |what| Problem { line: at + 1, what };
        let text = std::str::from_utf8(octets).map_err(|_| wrong(Wrong::NotText))?;
        let text = text.strip_suffix('\r').unwrap_or(text).trim_matches([' ', '\t']);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (name, user) = line(text).map_err(wrong)?;
        if user.address.is_some_and(|address| !addresses.insert(address)) {
            return Err(wrong(Wrong::SameAddress));
        }
        if by_name.len() >= USERS_MAX {
            return Err(wrong(Wrong::TooManyUsers));
        }
        if by_name.insert(name.to_owned(), user).is_some() {
            return Err(wrong(Wrong::SameName));
        }
    }
    Ok(Users { by_name })
}

/// Whether a name can stand in a users' file.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |octet: char| !octet.is_control() && !octet.is_whitespace();
    (1..=NAME_OCTETS_MAX).contains(&name.len())
        && !name.starts_with('#')
        // What is in front of `\` is a domain and no part of a name.
        && name.chars().all(|octet| plain(octet) && !matches!(octet, ':' | '\\'))
}

/// The line of a user; its end is the caller's.
#[must_use]
pub fn format(name: &str, password: &Secret, address: Option<Ipv4Addr>) -> String {
    use fmt::Write;
    let mut line = format!("{name}:");
    for octet in NtHash::of_password(password).expose() {
        let _ = write!(line, "{octet:02x}");
    }
    if let Some(address) = address {
        let _ = write!(line, ":{address}");
    }
    line
}

fn line(text: &str) -> Result<(&str, User), Wrong> {
    let (name, rest) = text.split_once(':').ok_or(Wrong::Hash)?;
    if !is_name(name) {
        return Err(Wrong::Name);
    }
    let (hash, address) = match rest.split_once(':') {
        Some((hash, address)) => (hash, Some(address)),
        None => (rest, None),
    };
    let hash = NtHash::from_octets(digits(hash).ok_or(Wrong::Hash)?);
    let address = address.map(str::parse).transpose().map_err(|_| Wrong::Address)?;
    Ok((name, User { hash, address }))
}

fn digits(text: &str) -> Option<[u8; 16]> {
    let mut octets = [0; 16];
    let digits = text.as_bytes();
    if digits.len() != 2 * octets.len() {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            *octet = (*octet << 4) | value?;
        }
    }
    Some(octets)
}

/// The longest users' file, in octets.
pub const FILE_OCTETS_MAX: usize = 1 << 20;
/// The most users.
pub const USERS_MAX: usize = 16_384;
/// The longest name, in octets.
pub const NAME_OCTETS_MAX: usize = 128;
const _: () = assert!(NAME_OCTETS_MAX <= USER_OCTETS_MAX);

#[cfg(test)]
mod tests;
