//! Signed links: what a link claims, its one spelling as bytes and as text, and what it allows.
//!
//! A link is `base64url(payload ++ MAC)`: the payload is version, key, deed and claims in ascending
//! order, the MAC is the first half of an HMAC-SHA-256 (RFC 2104 §5) over a label and the whole
//! payload, so no claim can be added, changed or left out. Claims are about the decoded path that
//! [`decode_path`] gives, never about a spelling of it. A payload that is not exactly what
//! [`Claims::seal`] would have written is refused, so are a version and a claim this build does not
//! know: what it cannot judge it must not allow.
//!
//! This module knows no key and no clock: the MAC comes from a function, the time is an argument.
//! How it fails: a link of another key, a changed byte, or a newer menshen's claim is refused
//! whole; nothing of its claims may be acted on or told before [`Sealed::verify`] said yes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::target::{SafePath, decode_path, encode_path};

pub mod keys;
mod network;
pub mod tally;
mod text;
mod wire;

pub use network::Network;

/// Which key signed a link; not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

/// Tells links apart whose uses are counted; random, not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(pub [u8; 12]);

/// What may be done by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Download a file, or what is in a folder.
    Get,
    /// Store one file under one name.
    Put,
    /// Store new files in one folder, without seeing what is there.
    Drop,
}

/// Everything a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// What may be done.
    pub deed: Deed,
    /// On what: a decoded absolute path; with a `/` at its end a folder with all that is in it.
    pub path: String,
    /// Unix seconds before which it is not good yet.
    pub not_before: Option<u64>,
    /// Unix seconds from which on it is not good any more.
    pub expires: u64,
    /// How often, at least 1.
    pub count: Option<u32>,
    /// How many bytes of content in all, at least 1.
    pub bytes: Option<u64>,
    /// How fast an answer may be sent, bytes per second, at least 1.
    pub rate: Option<u64>,
    /// From where; empty: from anywhere.
    pub networks: Vec<Network>,
    /// Under which name its uses are counted; there exactly if `count` or `bytes` is.
    pub id: Option<LinkId>,
}

/// A link taken apart, not believed yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    key: KeyId,
    payload: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

/// What somebody wants to do with a link.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// What.
    pub deed: Deed,
    /// On which path.
    pub path: &'a SafePath<'a>,
    /// From where.
    pub address: IpAddr,
    /// When, Unix seconds.
    pub now: u64,
}

/// Why a text is no link of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// Not the text of any link: letters, length.
    Malformed,
    /// A version this build does not know.
    Version,
    /// Signed with another key, or changed since.
    Forged,
    /// Signed, but with a claim this build does not know or would not have written.
    Claim,
}

/// Why a link of ours does not allow something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It is for another deed.
    Deed,
    /// It is for another path.
    Path,
    /// It is not good yet.
    Early,
    /// It was good once.
    Expired,
    /// It is not good from there.
    Address,
}

/// Why claims cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimError {
    /// The path is none that a request could name.
    Path,
    /// A link to store a file names a folder.
    PutFolder,
    /// A drop-box names a file.
    DropFile,
    /// It would end before it begins.
    Times,
    /// A limit of nothing.
    Zero,
    /// More than [`NETWORKS_MAX`] networks.
    Networks,
    /// A counted link without an identifier, or the other way round.
    Id,
}

impl Claims {
    /// The text of a link with these claims. `mac` is HMAC-SHA-256 with the key `key`.
    ///
    /// # Errors
    /// [`ClaimError`]: no link can say that.
    pub fn seal(
        &self,
        key: KeyId,
        mac: impl FnOnce(&[u8]) -> [u8; 32],
    ) -> Result<String, ClaimError> {
        self.check()?;
        let mut payload = wire::write(self, key);
        let tag = half(&mac(&signed(&payload)));
        payload.extend_from_slice(&tag);
        Ok(text::encode(&payload))
    }

    /// Whether a link may say this.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn check(&self) -> Result<(), ClaimError> {
        if !is_safe(&self.path) {
            return Err(ClaimError::Path);
        }
        match (self.deed, self.path.ends_with('/')) {
            (Deed::Put, true) => return Err(ClaimError::PutFolder),
            (Deed::Drop, false) => return Err(ClaimError::DropFile),
            _ => {}
        }
        if self.expires == 0 || self.not_before.is_some_and(|begin| begin >= self.expires) {
            return Err(ClaimError::Times);
        }
        if [self.bytes, self.rate, self.not_before, self.count.map(u64::from)].contains(&Some(0)) {
            return Err(ClaimError::Zero);
        }
        if self.networks.len() > NETWORKS_MAX {
            return Err(ClaimError::Networks);
        }
        if self.id.is_some() != self.is_counted() {
            return Err(ClaimError::Id);
        }
        Ok(())
    }

    /// The address of a link with the text `link`, below `base`: scheme, host and port without a
    /// `/` at the end.
    #[must_use]
    pub fn url(&self, base: &str, link: &str) -> String {
        if self.deed == Deed::Drop {
            return alloc::format!("{base}/.menshen/drop/{link}/");
        }
        let mut path = Vec::new();
        encode_path(self.path.as_bytes(), &mut path);
        alloc::format!("{base}{}?menshen-link={link}", String::from_utf8_lossy(&path))
    }

    /// Whether its uses have to be remembered.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.count.is_some() || self.bytes.is_some()
    }

    /// Whether it is about `path`.
    #[must_use]
    pub fn covers(&self, path: &SafePath<'_>) -> bool {
        if self.path.ends_with('/') {
            path.as_str().starts_with(&self.path)
        } else {
            path.as_str() == self.path
        }
    }

    /// Judges a use by everything but its count and budget, which only a [`tally`] knows.
    ///
    /// # Errors
    /// [`Denied`]; what the link is not for at all comes first.
    pub fn allows(&self, used: &Use<'_>) -> Result<(), Denied> {
        if self.deed != used.deed {
            return Err(Denied::Deed);
        }
        if !self.covers(used.path) {
            return Err(Denied::Path);
        }
        if self.not_before.is_some_and(|begin| used.now < begin) {
            return Err(Denied::Early);
        }
        if used.now >= self.expires {
            return Err(Denied::Expired);
        }
        let here = |network: &Network| network.contains(used.address);
        if !self.networks.is_empty() && !self.networks.iter().any(here) {
            return Err(Denied::Address);
        }
        Ok(())
    }
}

impl Sealed {
    /// Takes the text of a link apart.
    ///
    /// # Errors
    /// [`LinkError::Malformed`] or [`LinkError::Version`]; long texts are refused unread.
    pub fn read(link: &[u8]) -> Result<Self, LinkError> {
        if link.len() > TEXT_BYTES_MAX {
            return Err(LinkError::Malformed);
        }
        let mut payload = text::decode(link).ok_or(LinkError::Malformed)?;
        let end = payload.len().checked_sub(MAC_BYTES).ok_or(LinkError::Malformed)?;
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&payload.split_off(end));
        match payload.as_slice() {
            [wire::VERSION, a, b, c, d, ..] => {
                let key = KeyId([*a, *b, *c, *d]);
                Ok(Self { key, payload, mac })
            }
            [_, ..] => Err(LinkError::Version),
            [] => Err(LinkError::Malformed),
        }
    }

    /// The key it says it was signed with.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// What it claims, once its MAC was found right. `mac` is HMAC-SHA-256 with the key that
    /// [`Sealed::key`] names; compared in constant time.
    ///
    /// # Errors
    /// [`LinkError::Forged`] or [`LinkError::Claim`].
    pub fn verify(&self, mac: impl FnOnce(&[u8]) -> [u8; 32]) -> Result<Claims, LinkError> {
        let right = half(&mac(&signed(&self.payload)));
        let differ = right.iter().zip(&self.mac).fold(0_u8, |all, (one, two)| all | (one ^ two));
        if core::hint::black_box(differ) != 0 {
            return Err(LinkError::Forged);
        }
        self.unverified()
    }

    /// What it claims, true or not: to be shown to its owner, never to be acted on.
    ///
    /// # Errors
    /// [`LinkError::Claim`].
    pub fn unverified(&self) -> Result<Claims, LinkError> {
        let claims = wire::read(&self.payload).ok_or(LinkError::Claim)?;
        // One spelling only: whoever writes differently may also mean something different.
        let same = claims.check().is_ok() && wire::write(&claims, self.key) == self.payload;
        if same { Ok(claims) } else { Err(LinkError::Claim) }
    }
}

impl LinkError {
    /// One sentence, lower case, without period.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Malformed => "it is not the text of a link; was it cut off?",
            Self::Version => "a newer menshen made it",
            Self::Forged => "it was changed, or signed with another key of the same name",
            Self::Claim => "it says something that this menshen does not know",
        }
    }
}

impl Denied {
    /// One sentence, lower case, without period.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Deed => "it is for another method",
            Self::Path => "it is for another path",
            Self::Early => "it is not good yet",
            Self::Expired => "it has expired",
            Self::Address => "it is not good from that address",
        }
    }
}

impl Deed {
    /// The word people use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Drop => "drop",
        }
    }
}

impl KeyId {
    /// From eight hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = u32::from_str_radix(text, 16).ok().map(|id| Self(id.to_be_bytes()))?;
        (alloc::format!("{id}") == text).then_some(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkId({self})")
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key", &self.key).finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Whether `path` is one that a request can name once it is decoded.
/// The text of the link in an address, and the target of the address; a text that is no address is
/// taken for the link.
#[must_use]
pub fn find(given: &str) -> (&str, Option<&str>) {
    let path = given.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    if let Some((_, after)) = given.split_once("menshen-link=") {
        return (after.split(['&', '#']).next().unwrap_or(after), path);
    }
    if let Some((_, after)) = given.split_once("/.menshen/drop/") {
        return (after.split(['/', '?', '#']).next().unwrap_or(after), None);
    }
    (given, None)
}

fn is_safe(path: &str) -> bool {
    let mut link = Vec::with_capacity(path.len());
    encode_path(path.as_bytes(), &mut link);
    decode_path(&link).is_ok_and(|decoded| decoded.as_str() == path)
}

/// What the MAC is made over: a label, so that no other use of a key gives a link's MAC.
fn signed(payload: &[u8]) -> Vec<u8> {
    [LABEL, payload].concat()
}

fn half(mac: &[u8; 32]) -> [u8; MAC_BYTES] {
    let mut half = [0; MAC_BYTES];
    half.copy_from_slice(&mac[..MAC_BYTES]);
    half
}

/// Longest text of a link, bytes.
pub const TEXT_BYTES_MAX: usize = 6144;
/// Most networks of a link.
pub const NETWORKS_MAX: usize = 16;
/// RFC 2104 §5: not less than half the output of the hash.
const MAC_BYTES: usize = 16;
const LABEL: &[u8] = b"menshen signed link\0";

#[cfg(test)]
mod tests;
