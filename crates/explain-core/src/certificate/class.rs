//! DV, OV, IV, EV or none, with the reason; and what a claim of EV is worth.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

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

/// What a policy OID stands for; None when unknown here.
pub(super) fn policy_meaning(oid: &str) -> Option<&'static str> {
    let _ = oid;
    None
}
