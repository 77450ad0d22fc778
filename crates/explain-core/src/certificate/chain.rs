//! The chain as sent and as it builds: by name, key identifier and signature (RFC 5280 §6.1).
//!
//! Not a validation: no policy, no name constraints, no revocation. It answers which certificate
//! belongs above which, and what a client that only has the anchors would be missing. Bounded:
//! paths of at most [`PATH_LINKS_MAX`] certificates, [`SIGNATURES_MAX`] signature checks, and
//! [`SENT_MAX`] certificates looked at.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::facts::{Certificate, SelfSigned};
use super::name::Name;

mod build;
mod faults;

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
    /// Title of the certificate that needs it.
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
        /// Its first second.
        not_before: i64,
        /// Its last second.
        not_after: i64,
        /// It is on the path that was built; else it is an alternative that some clients try.
        on_path: bool,
        /// It is the trust anchor itself, whose dates many clients do not look at.
        anchor: bool,
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

/// The chain, and the certificates of the path above the leaf as far as they are known.
pub(super) struct Built {
    pub(super) chain: Chain,
    pub(super) above: Vec<Certificate>,
    /// The key that signed the leaf, DER; None when its issuer is not known.
    pub(super) issuer_spki: Option<Vec<u8>>,
}

/// Where the leaf is among the certificates sent: the first, unless that is a CA and another one,
/// which is none, stands further down.
pub(super) fn leaf_position(sent: &[Certificate]) -> usize {
    if sent.first().is_none_or(|first| !first.is_ca()) {
        return 0;
    }
    let end = sent.iter().take(SENT_MAX).position(|one| !one.is_ca() && one.version == 3);
    end.unwrap_or(0)
}

/// Builds the chain of the leaf at [`leaf_position`] and names what is wrong at `now`.
pub(super) fn build(
    sent: &[Certificate],
    pool: &[Certificate],
    anchors: &[Anchor],
    now: i64,
) -> Option<Built> {
    let sent = sent.get(..sent.len().min(SENT_MAX)).unwrap_or_default();
    let leaf = leaf_position(sent);
    let store = build::Store::new(sent, pool, anchors);
    let path = build::best_path(&store, leaf, now)?;
    let faults = faults::all(&store, leaf, &path, now);
    let last = path.links.last()?;
    let missing = (path.end == ChainEnd::Incomplete).then(|| MissingIssuer {
        name: last.certificate.issuer.clone(),
        key_id: last.certificate.authority_key_id.clone(),
        needed_by: last.certificate.title().to_string(),
        urls: last.certificate.issuer_urls.clone(),
    });
    let second = path.links.get(1).map(|found| found.certificate.spki.clone());
    let own = (last.certificate.self_signed == SelfSigned::SelfSigned).then_some(last);
    let issuer_spki = second
        .or_else(|| path.anchor.map(|anchor| build::sequence(&anchor.spki).into_owned()))
        .or_else(|| own.map(|root| root.certificate.spki.clone()));
    let mut built: Vec<Link> = path.links.iter().map(|found| link(&store, found)).collect();
    let mut above: Vec<Certificate> =
        path.links.iter().skip(1).map(|found| found.certificate.clone()).collect();
    if let Some(anchor) = path.anchor {
        let whole = anchor.der.as_deref().and_then(|der| Certificate::from_der(der).ok());
        built.push(anchor_link(anchor, whole.as_ref(), &last.certificate.issuer.text));
        above.extend(whole);
    }
    let sent_links = sent.iter().enumerate().map(|(position, certificate)| {
        link(&store, &build::Found { certificate, position: Some(position) })
    });
    let chain = Chain { sent: sent_links.collect(), built, end: path.end, missing, faults };
    Some(Built { chain, above, issuer_spki })
}

fn link(store: &build::Store<'_>, found: &build::Found<'_>) -> Link {
    let certificate = found.certificate;
    Link {
        subject: certificate.subject.text.clone(),
        issuer: certificate.issuer.text.clone(),
        sha256: certificate.sha256.clone(),
        not_after: Some(certificate.not_after),
        position: found.position,
        source: if found.position.is_some() { Source::Sent } else { Source::Pool },
        self_signed: certificate.self_signed == SelfSigned::SelfSigned,
        anchor: store.is_anchor(certificate),
    }
}

fn anchor_link(anchor: &Anchor, whole: Option<&Certificate>, name: &str) -> Link {
    let subject = whole.map_or(name, |whole| whole.subject.text.as_str());
    let subject = if subject.is_empty() { &anchor.label } else { subject };
    Link {
        subject: subject.to_string(),
        issuer: whole.map_or(subject, |whole| whole.issuer.text.as_str()).to_string(),
        sha256: whole.map(|whole| whole.sha256.clone()).unwrap_or_default(),
        not_after: whole.map(|whole| whole.not_after),
        position: None,
        source: Source::Anchor,
        self_signed: whole.is_none_or(|whole| whole.self_signed == SelfSigned::SelfSigned),
        anchor: true,
    }
}

/// Longest path looked at, in certificates.
const PATH_LINKS_MAX: usize = 10;
/// Most signatures checked for one report.
const SIGNATURES_MAX: usize = 200;
/// Most certificates of one message looked at.
const SENT_MAX: usize = 50;

#[cfg(test)]
mod tests;
