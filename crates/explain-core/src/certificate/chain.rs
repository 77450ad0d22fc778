//! The chain as sent and as it builds.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::name::Name;

/// A root (or other key) that is trusted from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Its encoded subject name (a DER SEQUENCE).
    pub name: Vec<u8>,
    /// Its SubjectPublicKeyInfo (a DER SEQUENCE).
    pub spki: Vec<u8>,
    /// The whole certificate, where the store has it.
    pub der: Option<Vec<u8>>,
    /// What to call it when there is no certificate, such as its common name.
    pub label: String,
}

/// The chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The certificates in the order sent, with what each is good for.
    pub sent: Vec<Link>,
    /// The best path from the leaf up, by signature.
    pub built: Vec<Link>,
    /// How the path ends.
    pub end: ChainEnd,
    /// The issuer nobody has; None when the path is complete.
    pub missing: Option<MissingIssuer>,
    /// What is wrong with what was sent.
    pub faults: Vec<Fault>,
}

/// One certificate in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// RFC 4514 subject.
    pub subject: String,
    /// RFC 4514 issuer.
    pub issuer: String,
    /// SHA-256 of the certificate; empty for an anchor known by name and key only.
    pub sha256: String,
    /// Last second of validity; None for an anchor known by name and key only.
    pub not_after: Option<i64>,
    /// Position among those sent, from 0; None when not sent.
    pub position: Option<usize>,
    /// Where it came from.
    pub source: Source,
    /// It is signed by its own key.
    pub self_signed: bool,
    /// It is a trust anchor.
    pub anchor: bool,
}

/// Where a certificate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The server sent it (or the file has it).
    Sent,
    /// It was known from elsewhere (local store, AIA).
    Pool,
    /// It is a trust anchor that was not sent.
    Anchor,
}

/// How the path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainEnd {
    /// At a trust anchor.
    Anchor,
    /// At a self-signed certificate that is no trust anchor.
    Untrusted,
    /// At a certificate whose issuer is not there.
    Incomplete,
}

/// The issuer that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingIssuer {
    /// Its name as the certificate below it says.
    pub name: Name,
    /// Its key identifier, where given.
    pub key_id: Option<String>,
    /// Subject of the certificate that needs it.
    pub needed_by: String,
    /// Where to get it, by that certificate's AIA.
    pub urls: Vec<String>,
}

/// Something wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// The certificates are all there but in the wrong order.
    Order {
        /// Positions as sent, in the order they should have.
        should_be: Vec<usize>,
    },
    /// The same certificate twice.
    Duplicate {
        /// Positions that repeat an earlier one.
        position: usize,
        /// Position of the first.
        first: usize,
    },
    /// A certificate that has nothing to do with the leaf.
    Foreign {
        /// Its position.
        position: usize,
        /// Its subject.
        subject: String,
    },
    /// The root was sent along: harmless, but wasted bytes.
    RootSent {
        /// Its position.
        position: usize,
        /// Its subject.
        subject: String,
    },
    /// An intermediate needed for the path was not sent.
    NotSent {
        /// Its subject.
        subject: String,
        /// SHA-256 of the one that was found elsewhere, to be added.
        sha256: String,
        /// Where to get it by AIA.
        urls: Vec<String>,
    },
    /// A CA certificate that is over (or not begun), sent along or on the path.
    Expired {
        /// Its subject.
        subject: String,
        /// Its last second.
        not_after: i64,
        /// It is on the path that was built; else it is an alternative that some clients try.
        on_path: bool,
    },
    /// Names its issuer rightly, but the signature is not by that key.
    BadSignature {
        /// Its subject.
        subject: String,
    },
    /// Used as an issuer, yet no CA.
    NotCa {
        /// Its subject.
        subject: String,
    },
    /// The first certificate is not the leaf.
    LeafNotFirst {
        /// Position of the leaf.
        position: usize,
    },
}
