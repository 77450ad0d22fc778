//! Which names a certificate covers, and why not the others (RFC 9525, BR §3.2.2.6 and §7.1.4.2).
//!
//! Only subjectAltName counts; a wildcard is the whole leftmost label and stands for exactly one.
//! Where clients differ (a wildcard below a public suffix) the stricter, Chromium's, is told.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::facts::{AlternativeName, Certificate};

mod idn;
mod suffix;

/// What the certificate covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The verdict for the name asked; None when none was.
    pub asked: Option<NameVerdict>,
    /// The verdict for the same name with `www.` (or for the first name of the certificate).
    pub www: Option<NameVerdict>,
    /// The verdict for the same name without `www.`.
    pub bare: Option<NameVerdict>,
    /// What one would have bought: `single`, `multi`, `wildcard`, `multi-wildcard`, `ip`, `none`.
    pub bought: Bought,
    /// The same in a sentence, without period.
    pub bought_text: String,
    /// Wildcards directly left of a public suffix, such as `*.co.uk`.
    pub wildcards_at_public_suffix: Vec<String>,
    /// Names no public CA may certify: single labels, reserved top-level names, reserved addresses.
    pub internal: Vec<String>,
}

/// Is this name covered?
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameVerdict {
    /// The name as asked, in A-label form, lower case, without a final dot.
    pub name: String,
    /// Covered or not.
    pub covered: bool,
    /// The name in the certificate that matched.
    pub matched: Option<Match>,
    /// Why not; None when covered.
    pub why_not: Option<Why>,
    /// The verdict as a sentence, lower case, without period.
    pub text: String,
}

/// What matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The subjectAltName as written.
    pub san: String,
    /// It is a wildcard.
    pub wildcard: bool,
}

/// Why a name is not covered: the nearest miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No name in the certificate comes near.
    OtherNames,
    /// A wildcard covers exactly one label; the name has more left of it.
    WildcardTooDeep,
    /// A wildcard does not cover the name it stands under.
    WildcardApex,
    /// Only the www form is there.
    OnlyWww,
    /// Only the bare form is there.
    OnlyBare,
    /// It stands in the common name only, which clients ignore.
    CommonNameOnly,
    /// The address stands as a dNSName or in the common name, not as iPAddress.
    AddressAsName,
    /// The wildcard is not the whole leftmost label, or there are several.
    WildcardMalformed,
    /// The wildcard stands directly left of a public suffix; clients refuse it.
    WildcardPublicSuffix,
    /// The entry ends in a dot, or is written with non-ASCII letters.
    EntryMalformed,
    /// There are no names at all.
    NoNames,
    /// What was asked is neither a host name nor an address.
    NotAName,
}

/// What one would have bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bought {
    /// One name, or a name and its www form.
    Single,
    /// Several names.
    Multi,
    /// One wildcard, with or without its apex.
    Wildcard,
    /// Several names with wildcards among them.
    MultiWildcard,
    /// IP addresses only.
    Ip,
    /// No names.
    None,
}

/// What `leaf` covers; `asked` is a host name or an address (IPv6 also in brackets).
pub(super) fn coverage(leaf: &Certificate, asked: Option<&str>) -> Coverage {
    let names: Vec<String> = leaf.dns_names().map(str::to_ascii_lowercase).collect();
    let (www, bare) = match base(&names, asked) {
        // Nobody types www before a name of one label.
        Some(base) if base.contains('.') => {
            (Some(verdict(leaf, &format!("www.{base}"))), Some(verdict(leaf, &base)))
        }
        _ => (None, None),
    };
    let (bought, bought_text) = bought(&names, leaf.ip_addresses().count());
    let wildcards = names.iter().filter_map(|name| Some((name, name.strip_prefix("*.")?)));
    Coverage {
        asked: asked.map(|asked| verdict(leaf, asked)),
        www,
        bare,
        bought,
        bought_text,
        wildcards_at_public_suffix: wildcards
            .filter(|(_, base)| suffix::is_public(base))
            .map(|(name, _)| name.clone())
            .collect(),
        internal: internal(leaf),
    }
}

/// The verdict for one name or address.
pub(super) fn verdict(leaf: &Certificate, asked: &str) -> NameVerdict {
    if let Some(address) = address(asked) {
        return address_verdict(leaf, address);
    }
    let Some(name) = idn::ascii(asked) else {
        let text = format!("{asked:?} is neither a host name nor an address");
        return refused(asked.to_string(), Why::NotAName, text);
    };
    if let Some(san) = leaf.dns_names().find(|san| san.eq_ignore_ascii_case(&name)) {
        return covered(name, san, false);
    }
    let wildcard = leaf
        .dns_names()
        .find(|san| wildcard_base(san).is_some_and(|base| one_label_below(&name, &base)));
    if let Some(san) = wildcard {
        let base = wildcard_base(san).unwrap_or_default();
        if !suffix::is_public(&base) {
            return covered(name, san, true);
        }
        let text = format!(
            "{name} is not covered: {san} stands directly left of the public suffix {base}, and \
             browsers refuse that"
        );
        return refused(name, Why::WildcardPublicSuffix, text);
    }
    let (why, text) = nearest_miss(leaf, &name);
    let text = format!("{name} is not covered: {text}");
    refused(name, why, text)
}

/// The address, when `asked` is one.
pub(super) fn address(asked: &str) -> Option<IpAddr> {
    let inner = asked.strip_prefix('[').and_then(|asked| asked.strip_suffix(']'));
    inner.unwrap_or(asked).parse().ok()
}

/// Whether a dNSName is one that clients can match: plain labels, at most one wildcard and that
/// the whole leftmost label.
pub(super) fn well_formed(san: &str) -> bool {
    let rest = san.strip_prefix("*.").unwrap_or(san);
    !rest.is_empty() && rest.split('.').all(idn::plain_label)
}

fn address_verdict(leaf: &Certificate, address: IpAddr) -> NameVerdict {
    let name = address.to_string();
    if leaf.ip_addresses().any(|san| san == address) {
        return covered(name.clone(), &name, false);
    }
    let is_it = |text: &str| self::address(text) == Some(address);
    let as_name = leaf.dns_names().any(is_it) || leaf.common_name().is_some_and(is_it);
    let (why, text) = if as_name {
        let text = "it stands as a DNS name or common name; addresses count only as iPAddress";
        (Why::AddressAsName, text.to_string())
    } else if leaf.alternative_names.is_empty() {
        (Why::NoNames, "the certificate has no subjectAltName".to_string())
    } else {
        (Why::OtherNames, format!("the certificate is for {}", listed(leaf)))
    };
    let text = format!("{name} is not covered: {text}");
    refused(name, why, text)
}

/// Why no name of the certificate matches: the likeliest mistake first.
fn nearest_miss(leaf: &Certificate, name: &str) -> (Why, String) {
    let misses = leaf.dns_names().filter_map(|san| miss(san, name));
    let best = misses.min_by_key(|(why, _)| MISSES.iter().position(|one| one == why));
    if let Some(best) = best {
        return best;
    }
    let common_name = leaf.common_name().unwrap_or_default();
    if common_name.eq_ignore_ascii_case(name) {
        let text = "it stands in the common name only, which clients ignore since 2017";
        return (Why::CommonNameOnly, text.to_string());
    }
    if leaf.alternative_names.is_empty() {
        return (Why::NoNames, "the certificate has no subjectAltName".to_string());
    }
    (Why::OtherNames, format!("the certificate is for {}", listed(leaf)))
}

/// How one name of the certificate comes near, in order of [`MISSES`].
fn miss(san: &str, name: &str) -> Option<(Why, String)> {
    let san_lower = san.to_ascii_lowercase();
    if let Some(base) = wildcard_base(san) {
        if base == name {
            let text = format!("{san} does not cover {name} itself, only names one label below");
            return Some((Why::WildcardApex, text));
        }
        if name.strip_suffix(base.as_str()).is_some_and(|left| left.ends_with('.')) {
            let text =
                format!("{san} covers exactly one label, and {name} has more left of {base}");
            return Some((Why::WildcardTooDeep, text));
        }
        return None;
    }
    if san_lower.strip_prefix("www.") == Some(name) {
        return Some((Why::OnlyWww, format!("only {san} is in the certificate")));
    }
    if name.strip_prefix("www.") == Some(&san_lower) {
        return Some((Why::OnlyBare, format!("only {san} is in the certificate")));
    }
    if san_lower.strip_suffix('.') == Some(name) {
        let text = format!("the entry {san} ends in a dot, and clients do not match that");
        return Some((Why::EntryMalformed, text));
    }
    if !san.is_ascii() && idn::ascii(san).as_deref() == Some(name) {
        let text = format!("the entry {san} is not in A-label form");
        return Some((Why::EntryMalformed, text));
    }
    if san.contains('*') && loosely_matches(&san_lower, name) {
        let text = format!("in {san} the wildcard is not the whole leftmost label");
        return Some((Why::WildcardMalformed, text));
    }
    None
}

/// The name a well-formed wildcard stands under, in lower case.
fn wildcard_base(san: &str) -> Option<String> {
    let base = san.strip_prefix("*.")?;
    well_formed(san).then(|| base.to_ascii_lowercase())
}

fn one_label_below(name: &str, base: &str) -> bool {
    name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == base)
}

/// Label by label, with `*` anywhere in a label: how a person reads a malformed wildcard.
fn loosely_matches(san: &str, name: &str) -> bool {
    san.split('.').count() == name.split('.').count()
        && san.split('.').zip(name.split('.')).all(|(pattern, label)| {
            match pattern.split_once('*') {
                None => pattern == label,
                Some((start, end)) => {
                    let end = end.trim_start_matches('*');
                    label.len() >= start.len() + end.len()
                        && label.starts_with(start)
                        && label.ends_with(end)
                }
            }
        })
}

/// The name whose www and bare forms are looked at: the one registered, else the one asked.
fn base(names: &[String], asked: Option<&str>) -> Option<String> {
    let name = match asked {
        Some(asked) if address(asked).is_some() => return None,
        Some(asked) => idn::ascii(asked)?,
        None => {
            let first = names.first()?;
            idn::ascii(first.strip_prefix("*.").unwrap_or(first))?
        }
    };
    let name = name.strip_prefix("www.").map_or_else(|| name.clone(), ToString::to_string);
    Some(suffix::registered(&name).unwrap_or(name))
}

fn bought(names: &[String], addresses: usize) -> (Bought, String) {
    // A name and its www form are sold as one; so are a wildcard and what it stands under.
    let mut rest: Vec<&str> = names.iter().map(String::as_str).collect();
    rest.sort_unstable();
    rest.dedup();
    let wildcards: Vec<&str> = rest.iter().copied().filter(|name| name.contains('*')).collect();
    let plain: Vec<&str> = rest
        .iter()
        .copied()
        .filter(|name| !name.contains('*'))
        .filter(|name| !wildcards.iter().any(|wildcard| wildcard.get(2..) == Some(*name)))
        .filter(|name| !name.strip_prefix("www.").is_some_and(|bare| rest.contains(&bare)))
        .collect();
    let count = plain.len() + addresses;
    match (wildcards.len(), count) {
        (0, 0) => (Bought::None, "it names nothing".to_string()),
        (0, _) if plain.is_empty() => {
            (Bought::Ip, format!("a certificate for {}", counted(addresses, "IP address")))
        }
        (0, 1) => (Bought::Single, "a single-name certificate".to_string()),
        (0, _) => (Bought::Multi, format!("a multi-domain certificate with {count} names")),
        (1, 0) => (Bought::Wildcard, "a wildcard certificate".to_string()),
        (wild, plain) => {
            let text = format!(
                "a multi-domain certificate with {} and {}",
                counted(wild, "wildcard"),
                counted(plain, "other name")
            );
            (Bought::MultiWildcard, text)
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = match (count, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{count} {what}{plural}")
}

/// Names that no public CA may certify (BR §4.2.2, §7.1.2.7.12).
fn internal(leaf: &Certificate) -> Vec<String> {
    let names = leaf.alternative_names.iter().filter_map(|name| match name {
        AlternativeName::Dns(name) => {
            let plain = name.strip_prefix("*.").unwrap_or(name).to_ascii_lowercase();
            let bare = address(&plain).is_none() && !suffix::delegated(&plain);
            bare.then(|| name.clone())
        }
        AlternativeName::Ip(address) if reserved(*address) => Some(address.to_string()),
        _ => None,
    });
    names.collect()
}

/// Not globally reachable (IANA special-purpose registries).
fn reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => reserved_four(four),
        IpAddr::V6(six) => reserved_six(six),
    }
}

fn reserved_four(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || first == 0
        || first >= 224
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
}

fn reserved_six(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; inside it the documentation prefixes are reserved.
    first & 0xe000 != 0x2000
        || (first == 0x2001 && second == 0xdb8)
        || (first == 0x3fff && second < 0x1000)
}

/// The names, the first few.
fn listed(leaf: &Certificate) -> String {
    let mut names = leaf.alternative_names.iter().map(|name| match name {
        AlternativeName::Ip(address) => address.to_string(),
        AlternativeName::Dns(text)
        | AlternativeName::Email(text)
        | AlternativeName::Uri(text)
        | AlternativeName::Directory(text)
        | AlternativeName::Other(text)
        | AlternativeName::Broken(text) => text.clone(),
    });
    let first: Vec<String> = names.by_ref().take(NAMES_LISTED_MAX).collect();
    match names.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn covered(name: String, san: &str, wildcard: bool) -> NameVerdict {
    let text = if san.eq_ignore_ascii_case(&name) {
        format!("{name} is covered, it is in the certificate")
    } else {
        format!("{name} is covered by {san}")
    };
    let matched = Some(Match { san: san.to_string(), wildcard });
    NameVerdict { name, covered: true, matched, why_not: None, text }
}

fn refused(name: String, why: Why, text: String) -> NameVerdict {
    NameVerdict { name, covered: false, matched: None, why_not: Some(why), text }
}

/// Near misses, the most telling first.
const MISSES: &[Why] = &[
    Why::EntryMalformed,
    Why::OnlyWww,
    Why::OnlyBare,
    Why::WildcardApex,
    Why::WildcardTooDeep,
    Why::WildcardMalformed,
];

/// Names listed in a sentence.
const NAMES_LISTED_MAX: usize = 4;

#[cfg(test)]
mod tests;
