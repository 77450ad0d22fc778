//! DV, OV, IV, EV or none, with the reason; and what a claim of EV is worth.
//!
//! The policy OID decides (BR §7.1.6.1: exactly one of four), then a CA's own EV policy, then, for
//! certificates from before the OID was mandatory, the shape of the subject. The class is what the
//! CA says it has checked: anybody can write an OID, so EV gets three separate verdicts ([`Ev`]).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::ev_roots::EV_ROOTS;
use super::facts::{AlternativeName, Certificate, SelfSigned};
use super::{oid, time};
use policies::{EV_POLICIES_OF_CAS, EV_POLICY, FORUM_POLICIES, OTHER_POLICIES};

mod policies;

/// How far the CA says it has checked who is behind the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Control of the domain name only.
    Dv,
    /// The organisation too.
    Ov,
    /// An individual person too.
    Iv,
    /// Extended validation of the organisation.
    Ev,
    /// No class can be told: no public policy and no shape (private CA, self-signed).
    None,
}

impl Class {
    /// The word in JSON: `dv ov iv ev none`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dv => "dv",
            Self::Ov => "ov",
            Self::Iv => "iv",
            Self::Ev => "ev",
            Self::None => "none",
        }
    }
}

/// The class and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassVerdict {
    /// The class.
    pub class: Class,
    /// What it rests on, one sentence without period.
    pub reason: String,
    /// The policy OID that decided; None when the shape of the subject did, or nothing.
    pub policy: Option<String>,
    /// What does not fit the class, each one sentence without period.
    pub conflicts: Vec<String>,
    /// A qualified website authentication certificate of the EU (QWAC) by its own statement.
    pub qwac: bool,
}

/// Three different things people mean by "it is EV".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ev {
    /// It carries a policy OID of EV: anybody can write one.
    pub claims: EvVerdict,
    /// Subject and names are as the EV Guidelines ask.
    pub shaped: EvVerdict,
    /// Its root is in the browsers' EV list with one of its OIDs.
    pub browser_treated: EvVerdict,
    /// Claims, and nothing behind it: neither shape and root, nor a browser that would honour it.
    pub claims_only: bool,
}

/// Yes or no with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvVerdict {
    /// Yes or no.
    pub holds: bool,
    /// Why, one sentence without period.
    pub why: String,
}

/// The class of a certificate. `publicly_trusted` is whether its root is, None when not known.
pub(super) fn classify(leaf: &Certificate, publicly_trusted: Option<bool>) -> ClassVerdict {
    let asserted: Vec<(&str, Class)> = FORUM_POLICIES
        .iter()
        .filter(|(oid, _, _)| leaf.has_policy(oid))
        .map(|(oid, class, _)| (*oid, *class))
        .collect();
    let (class, policy, reason) = if let Some((oid, class)) = strongest_fitting(leaf, &asserted) {
        (class, Some(oid.to_string()), format!("it asserts the policy {oid} ({})", meaning(oid)))
    } else if let Some((oid, owner)) = ev_policy_of_ca(leaf) {
        let reason = format!("it asserts {oid}, the policy {owner} used for EV before 2023-09-15");
        (Class::Ev, Some(oid.to_string()), reason)
    } else {
        let (class, reason) = by_shape(leaf, publicly_trusted);
        (class, None, reason)
    };
    let mut conflicts = conflicts(leaf, class);
    if asserted.len() > 1 {
        let list: Vec<&str> = asserted.iter().map(|(oid, _)| *oid).collect();
        conflicts
            .insert(0, format!("it asserts {} at once; exactly one is allowed", list.join(", ")));
    }
    ClassVerdict { class, reason, policy, conflicts, qwac: is_qwac(leaf) }
}

/// The three verdicts about EV. `path` is the chain as built without the leaf, the root last, as
/// far as whole certificates are known; `roots` are digests of roots that stores reported.
pub(super) fn ev(
    leaf: &Certificate,
    path: &[&Certificate],
    roots: &[&str],
    publicly_trusted: Option<bool>,
) -> Ev {
    let claims = claims(leaf);
    let shaped = shaped(leaf);
    let browser_treated = browser_treated(leaf, path, roots, &claims);
    let nobody = leaf.self_signed != SelfSigned::No || publicly_trusted == Some(false);
    let claims_only = claims.holds && !browser_treated.holds && (nobody || !shaped.holds);
    Ev { claims, shaped, browser_treated, claims_only }
}

/// What a policy OID stands for; None when unknown here.
pub(super) fn policy_meaning(oid: &str) -> Option<&'static str> {
    let forum = FORUM_POLICIES.iter().find(|(known, _, _)| *known == oid);
    forum
        .map(|(_, _, meaning)| *meaning)
        .or_else(|| {
            EV_POLICIES_OF_CAS.iter().find(|(known, _)| *known == oid).map(|_| "EV of a CA")
        })
        .or_else(|| oid::named(OTHER_POLICIES, oid))
}

fn meaning(oid: &str) -> &'static str {
    policy_meaning(oid).unwrap_or("unknown")
}

/// Of several classes the strongest that the subject can bear; the weakest when none fits.
fn strongest_fitting<'a>(
    leaf: &Certificate,
    asserted: &[(&'a str, Class)],
) -> Option<(&'a str, Class)> {
    let fits = asserted.iter().find(|(_, class)| missing(leaf, *class).is_empty());
    fits.or_else(|| asserted.last()).copied()
}

fn ev_policy_of_ca(leaf: &Certificate) -> Option<(&'static str, &'static str)> {
    EV_POLICIES_OF_CAS.iter().find(|(oid, _)| leaf.has_policy(oid)).copied()
}

/// For certificates from before the policies were mandatory; everything else is none.
fn by_shape(leaf: &Certificate, publicly_trusted: Option<bool>) -> (Class, String) {
    let none = |why: &str| (Class::None, why.to_string());
    if leaf.self_signed != SelfSigned::No {
        return none("it is self-signed and asserts no policy: nobody has checked anything");
    }
    if leaf.is_ca() {
        return none("it is an authority's own certificate (CA:TRUE), not a server's");
    }
    if publicly_trusted == Some(false) {
        return none("its CA is not publicly trusted and it asserts no public policy");
    }
    if leaf.not_before >= POLICY_MANDATORY {
        return none("it asserts none of the policies that are mandatory since 2023-09-15");
    }
    if leaf.policies.is_empty() && publicly_trusted.is_none() {
        return none("it asserts no policy at all, as certificates of private CAs do");
    }
    let subject = &leaf.subject;
    if subject.has("SN") && subject.has("givenName") {
        (Class::Iv, "no policy of the Forum; the subject names a person".to_string())
    } else if subject.has("O") {
        (Class::Ov, "no policy of the Forum; the subject names an organisation".to_string())
    } else {
        (Class::Dv, "no policy of the Forum; the subject names nobody".to_string())
    }
}

/// What the subject lacks for the class (BR §7.1.2.7.3 to .5, EVG §7.1.4.2).
fn missing(leaf: &Certificate, class: Class) -> Vec<&'static str> {
    let has = |name: &str| leaf.subject.has(name);
    let place = has("L") || has("ST");
    let wanted: &[(bool, &str)] = match class {
        Class::Dv | Class::None => &[],
        Class::Ov => &[(has("O"), "O"), (has("C"), "C"), (place, "L or ST")],
        Class::Iv => &[
            (has("SN"), "surname"),
            (has("givenName"), "givenName"),
            (has("C"), "C"),
            (place, "L or ST"),
        ],
        Class::Ev => &[
            (has("O"), "O"),
            (has("businessCategory"), "businessCategory"),
            (has("serialNumber"), "serialNumber"),
            (has("jurisdictionC"), "jurisdiction of incorporation"),
            (has("C"), "C"),
            (place, "L or ST"),
        ],
    };
    wanted.iter().filter(|(there, _)| !there).map(|(_, name)| *name).collect()
}

fn conflicts(leaf: &Certificate, class: Class) -> Vec<String> {
    let mut found = Vec::new();
    let lacking = missing(leaf, class);
    if !lacking.is_empty() {
        let word = class.word().to_uppercase();
        found.push(format!(
            "the subject of {word} must have {}, which is missing",
            lacking.join(", ")
        ));
    }
    let forbidden: &[&str] = match class {
        Class::Dv => &["O", "SN", "givenName", "L", "ST", "street", "postalCode"],
        Class::Ov => &["SN", "givenName"],
        Class::Iv | Class::Ev | Class::None => &[],
    };
    for name in forbidden.iter().filter(|name| leaf.subject.has(name)) {
        let value = leaf.subject.get(name).unwrap_or_default();
        let word = class.word().to_uppercase();
        found.push(format!("the policy says {word}, yet the subject has {name}={value}"));
    }
    if class != Class::None && leaf.subject.has("OU") && leaf.not_before >= OU_ENDED {
        found.push(format!("the subject has OU, which ended on {}", time::date(OU_ENDED)));
    }
    found
}

fn claims(leaf: &Certificate) -> EvVerdict {
    if leaf.has_policy(EV_POLICY) {
        return yes(format!("it asserts the EV policy {EV_POLICY}"));
    }
    match ev_policy_of_ca(leaf) {
        Some((oid, owner)) => yes(format!("it asserts {oid}, the EV policy of {owner}")),
        None => no("it asserts no EV policy"),
    }
}

fn shaped(leaf: &Certificate) -> EvVerdict {
    let lacking = missing(leaf, Class::Ev);
    if !lacking.is_empty() {
        return no(format!("the subject lacks {}", lacking.join(", ")));
    }
    let wildcard = leaf
        .dns_names()
        .find(|name| name.contains('*') && !name.to_ascii_lowercase().ends_with(".onion"));
    if let Some(wildcard) = wildcard {
        return no(format!("EV allows no wildcard outside .onion, and it has {wildcard}"));
    }
    let address = leaf.alternative_names.iter().find_map(|name| match name {
        AlternativeName::Ip(address) => Some(address),
        _ => None,
    });
    match address {
        Some(address) => no(format!("EV allows no IP address, and it has {address}")),
        None => yes("the subject has the fields EV asks for, and the names are allowed"),
    }
}

fn browser_treated(
    leaf: &Certificate,
    path: &[&Certificate],
    roots: &[&str],
    claims: &EvVerdict,
) -> EvVerdict {
    if !claims.holds {
        return no("without an EV policy no browser looks further");
    }
    let own = path.last().filter(|root| root.self_signed == SelfSigned::SelfSigned);
    let own = own.map(|root| root.sha256.as_str());
    let mut known = roots.iter().copied().chain(own).peekable();
    if known.peek().is_none() {
        return no("no known root is above it, and browsers ask for one in their EV list");
    }
    let rows: Vec<_> =
        known.flat_map(|root| EV_ROOTS.iter().filter(move |row| row.sha256 == root)).collect();
    let Some(first) = rows.first() else {
        return no("its root is not in the browsers' EV list");
    };
    let fitting = rows.iter().find(|row| leaf.has_policy(EV_POLICY) || leaf.has_policy(row.policy));
    let Some(row) = fitting else {
        return no(format!("its root {} is an EV root, but for another policy", first.name));
    };
    let policy = if leaf.has_policy(row.policy) { row.policy } else { EV_POLICY };
    let narrow = path.iter().find(|ca| {
        ca.self_signed == SelfSigned::No && !ca.has_policy(ANY_POLICY) && !ca.has_policy(policy)
    });
    match narrow {
        Some(ca) => {
            no(format!("the intermediate {} does not allow the policy {policy}", ca.title()))
        }
        None => yes(format!("its root {} is in the browsers' EV list", row.name)),
    }
}

/// An EU qualified certificate for web sites, by its own statement (ETSI EN 319 412-5).
fn is_qwac(leaf: &Certificate) -> bool {
    let states = |oid: &str| leaf.qualified_statements.iter().any(|stated| stated == oid);
    states(oid::QC_COMPLIANCE) && states(oid::QC_TYPE_WEB)
}

fn yes(why: impl Into<String>) -> EvVerdict {
    EvVerdict { holds: true, why: why.into() }
}

fn no(why: impl Into<String>) -> EvVerdict {
    EvVerdict { holds: false, why: why.into() }
}

/// anyPolicy (RFC 5280 §4.2.1.4).
const ANY_POLICY: &str = "2.5.29.32.0";
/// Since then every public certificate asserts one of the Forum's policies (BR, ballot SC-62).
pub(super) const POLICY_MANDATORY: i64 = time::midnight(2023, 9, 15);
/// Since then no OU (BR, ballot SC-47).
pub(super) const OU_ENDED: i64 = time::midnight(2022, 9, 1);

#[cfg(test)]
mod tests;
