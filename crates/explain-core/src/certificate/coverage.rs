//! Which names a certificate covers, and why not the others.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

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
