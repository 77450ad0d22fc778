//! All certificates of a door, and which of them a client gets.
//!
//! By the name in the client's SNI (RFC 6066 §3): a certificate made out to exactly that name, else
//! one with a wildcard for its whole leftmost label (RFC 9525 §6.3), else the default, which also
//! is for clients that name nothing. Of several for one name, those valid now come first, then
//! ECDSA before Ed25519 before RSA, as far as the client can check it, then the order given.
//!
//! It must never look at a clock or allocate while a client waits. How it fails: a pair that cannot
//! be used is left out and reported; only when none is left is that an error. A client that can
//! check no key of its name gets the first, so that the handshake fails for that very reason.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use menshen_base::{Finding, Severity};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::error::TlsError;
use crate::load::{Loaded, load_pair};

/// A certificate with its key, as given.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// PEM chain, leaf first.
    pub certificate_pem: &'a [u8],
    /// PEM private key.
    pub key_pem: &'a [u8],
    /// Whether others are better for the same name.
    pub standing: Standing,
}

/// What a pair is worth beside others for the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Meant for clients.
    Proper,
    /// Better than nothing, such as the development CA's: any proper one for the name is served
    /// instead, even an expired one, since that says what is wrong.
    Standin,
}

/// The certificates of a door.
#[derive(Clone)]
pub struct Store {
    /// In the order given.
    entries: Vec<Entry>,
    /// Host names in lower case to places in `entries`, the best first.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// Likewise, by what follows `*.`.
    wildcard: HashMap<Box<str>, Vec<usize>>,
    /// All places, those first that serve the first pair's first name.
    default: Vec<usize>,
}

#[derive(Clone)]
struct Entry {
    key: Arc<CertifiedKey>,
    standing: Standing,
    /// Signatures it can make.
    schemes: Arc<[SignatureScheme]>,
    /// In lower case, without addresses.
    names: Arc<[Box<str>]>,
    not_before_unix: i64,
    not_after_unix: i64,
    valid: bool,
    rank: u8,
}

impl Store {
    /// Loads `pairs`, the preferred ones first, as of `now_unix`, Unix seconds. Gives also what was
    /// left out and what clients may complain about.
    ///
    /// # Errors
    /// No pair can be used: what is wrong with the first.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = Pair<'a>>,
        now_unix: i64,
    ) -> Result<(Self, Vec<Finding>), TlsError> {
        let (mut entries, mut findings) = (Vec::new(), Vec::new());
        let mut first_error = None;
        for (place, pair) in pairs.into_iter().enumerate() {
            match Entry::load(&pair, now_unix) {
                Ok((entry, mut remarks)) => {
                    entries.push(entry);
                    findings.append(&mut remarks);
                }
                Err(error) => {
                    findings.push(left_out(place, &error));
                    first_error.get_or_insert(error);
                }
            }
        }
        if entries.is_empty() {
            return Err(first_error.unwrap_or(TlsError::ConfigNoCertificate));
        }
        Ok((Self::of(entries), findings))
    }

    /// The same certificates in the order of preference they have at `now_unix`; `None` when that
    /// is the one they are in. To be asked now and then, since certificates begin and expire.
    #[must_use]
    pub fn as_of(&self, now_unix: i64) -> Option<Self> {
        if self.entries.iter().all(|entry| entry.valid == entry.is_valid(now_unix)) {
            return None;
        }
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            entry.valid = entry.is_valid(now_unix);
        }
        Some(Self::of(entries))
    }

    /// The certificate for a client that asks for `name` (of any case, perhaps with a final dot)
    /// and can check `schemes`.
    #[must_use]
    pub fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<&Arc<CertifiedKey>> {
        let entry = name.and_then(|name| self.for_name(name, schemes));
        entry.or_else(|| self.best(&self.default, schemes)).map(|entry| &entry.key)
    }

    /// How many certificates there are; one at least.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    fn for_name(&self, name: &str, schemes: &[SignatureScheme]) -> Option<&Entry> {
        let name = lower(name);
        let exact = self.exact.get(&*name).map_or(EMPTY, Vec::as_slice);
        let rest = name.split_once('.').filter(|(label, _)| !label.is_empty());
        let wildcard = rest.and_then(|(_, rest)| self.wildcard.get(rest));
        let wildcard = wildcard.map_or(EMPTY, Vec::as_slice);
        let mut incompatible = None;
        for standing in [Standing::Proper, Standing::Standin] {
            for places in [exact, wildcard] {
                let of_standing = self.at(places).filter(|entry| entry.standing == standing);
                for entry in of_standing {
                    if entry.signs(schemes) {
                        return Some(entry);
                    }
                    incompatible = incompatible.or(Some(entry));
                }
            }
        }
        incompatible
    }

    fn best(&self, places: &[usize], schemes: &[SignatureScheme]) -> Option<&Entry> {
        let compatible = self.at(places).find(|entry| entry.signs(schemes));
        compatible.or_else(|| self.at(places).next())
    }

    fn at(&self, places: &[usize]) -> impl Iterator<Item = &Entry> {
        places.iter().filter_map(|&place| self.entries.get(place))
    }

    fn of(entries: Vec<Entry>) -> Self {
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        let mut by_preference: Vec<usize> = (0..entries.len()).collect();
        // Stable: what is equal stays in the order given.
        by_preference
            .sort_by_key(|&place| entries.get(place).map(|entry| (!entry.valid, entry.rank)));
        for &place in &by_preference {
            for name in entries.get(place).iter().flat_map(|entry| entry.names.iter()) {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut wildcard, rest),
                    None => (&mut exact, &**name),
                };
                let places: &mut Vec<usize> = map.entry(name.into()).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        let default = default_order(&entries, &by_preference);
        Self { entries, exact, wildcard, default }
    }
}

impl Entry {
    fn load(pair: &Pair<'_>, now_unix: i64) -> Result<(Self, Vec<Finding>), TlsError> {
        let Loaded { chain, key, names, not_before_unix, not_after_unix, findings, .. } =
            load_pair(pair.certificate_pem, pair.key_pem, now_unix)?;
        let key = any_supported_type(&key)?;
        let schemes = SCHEMES.iter().copied();
        let schemes: Arc<[_]> =
            schemes.filter(|&scheme| key.choose_scheme(&[scheme]).is_some()).collect();
        let rank = match key.algorithm() {
            SignatureAlgorithm::ECDSA => 0,
            SignatureAlgorithm::ED25519 => 1,
            _ => 2,
        };
        let hosts = names.iter().filter(|name| name.parse::<std::net::IpAddr>().is_err());
        let names = hosts.map(|name| lower(name).into()).collect();
        let mut entry = Self {
            key: Arc::new(CertifiedKey::new(chain, key)),
            standing: pair.standing,
            schemes,
            names,
            not_before_unix,
            not_after_unix,
            valid: false,
            rank,
        };
        entry.valid = entry.is_valid(now_unix);
        Ok((entry, findings))
    }

    fn is_valid(&self, now_unix: i64) -> bool {
        (self.not_before_unix..=self.not_after_unix).contains(&now_unix)
    }

    fn signs(&self, schemes: &[SignatureScheme]) -> bool {
        self.schemes.iter().any(|scheme| schemes.contains(scheme))
    }
}

impl fmt::Debug for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("standing", &self.standing).finish_non_exhaustive()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.entries.iter().map(|entry| &entry.names);
        f.debug_list().entries(names).finish()
    }
}

/// The first pair's kin, the best first; behind them the others, for clients that can check none
/// of the kin.
fn default_order(entries: &[Entry], by_preference: &[usize]) -> Vec<usize> {
    let Some(first) = entries.first() else { return Vec::new() };
    let is_kin = |place: usize| {
        let entry = entries.get(place);
        place == 0
            || entry.is_some_and(|entry| {
                let name = first.names.first();
                entry.standing == first.standing
                    && name.is_some_and(|name| entry.names.contains(name))
            })
    };
    let kin = by_preference.iter().copied().filter(|&place| is_kin(place));
    let others = (0..entries.len()).filter(|&place| !is_kin(place));
    kin.chain(others).collect()
}

/// Lower case, without a final dot; borrowed when it is so already, as rustls gives it.
fn lower(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn left_out(place: usize, error: &TlsError) -> Finding {
    let subject = format!("certificate {}", place + 1);
    let finding = Finding::new("certificate-left-out", Severity::Error, subject, error.to_string());
    let finding = finding.hint(error.hint().unwrap_or_default());
    match error.detail() {
        Some(detail) => finding.evidence("reason", "loading", detail),
        None => finding,
    }
}

const EMPTY: &[usize] = &[];

/// All a key of ours might sign with.
const SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::ML_DSA_44,
    SignatureScheme::ML_DSA_65,
    SignatureScheme::ML_DSA_87,
];

#[cfg(test)]
mod tests;
