//! All paths from the leaf upwards, within bounds, and the best of them.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::super::der;
use super::super::facts::{Certificate, SelfSigned};
use super::super::signature;
use super::{Anchor, ChainEnd, PATH_LINKS_MAX, SIGNATURES_MAX};

/// A certificate and where it was among those sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) position: Option<usize>,
}

/// Everything a path may be built from.
pub(super) struct Store<'a> {
    pub(super) sent: &'a [Certificate],
    pool: &'a [Certificate],
    anchors: Vec<KnownAnchor<'a>>,
    checks: RefCell<Checks>,
}

/// Name and key with their outer headers, and the anchor itself.
type KnownAnchor<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>, &'a Anchor);

/// Signatures checked: who by which key, and how many.
#[derive(Default)]
struct Checks {
    known: Vec<(*const Certificate, Vec<u8>, bool)>,
}

/// A path and how it ends.
pub(super) struct Path<'a> {
    pub(super) links: Vec<Found<'a>>,
    pub(super) anchor: Option<&'a Anchor>,
    pub(super) end: ChainEnd,
}

impl<'a> Store<'a> {
    pub(super) fn new(
        sent: &'a [Certificate],
        pool: &'a [Certificate],
        anchors: &'a [Anchor],
    ) -> Self {
        let anchors =
            anchors.iter().map(|anchor| (sequence(&anchor.name), sequence(&anchor.spki), anchor));
        Self { sent, pool, anchors: anchors.collect(), checks: RefCell::default() }
    }

    /// Whether this very key and name is an anchor.
    pub(super) fn is_anchor(&self, certificate: &Certificate) -> bool {
        self.anchors.iter().any(|(name, spki, _)| {
            **name == *certificate.subject.der && **spki == *certificate.spki
        })
    }

    /// Those with the name of the issuer, sent ones first; by key identifier where both have one.
    pub(super) fn named_issuers(&self, certificate: &Certificate) -> Vec<Found<'a>> {
        let sent = self.sent.iter().enumerate().map(|(at, one)| (Some(at), one));
        let pool = self.pool.iter().map(|one| (None, one));
        let mut found: Vec<Found<'a>> = Vec::new();
        for (position, one) in sent.chain(pool) {
            let fits = one.subject.der == certificate.issuer.der
                && one.sha256 != certificate.sha256
                && key_ids_agree(one, certificate);
            if fits && !found.iter().any(|known| known.certificate.sha256 == one.sha256) {
                found.push(Found { certificate: one, position });
            }
        }
        found
    }

    /// The anchor that signed it.
    pub(super) fn anchor_of(&self, certificate: &Certificate) -> Option<&'a Anchor> {
        let named = self.anchors.iter().filter(|(name, ..)| **name == *certificate.issuer.der);
        named
            .filter(|(_, spki, _)| self.signed(certificate, spki))
            .map(|(_, _, anchor)| *anchor)
            .next()
    }

    /// Whether the key made the signature; false when there were too many checks already.
    pub(super) fn signed(&self, certificate: &Certificate, spki: &[u8]) -> bool {
        let address = core::ptr::from_ref(certificate);
        let mut checks = self.checks.borrow_mut();
        let known = checks.known.iter().find(|(who, key, _)| *who == address && key == spki);
        if let Some((_, _, holds)) = known {
            return *holds;
        }
        if checks.known.len() >= SIGNATURES_MAX {
            return false;
        }
        let holds = signature::signed_by(certificate, spki);
        checks.known.push((address, spki.to_vec(), holds));
        holds
    }
}

/// The best path: to an anchor if there is one, without expired certificates, of those sent,
/// short.
pub(super) fn best_path<'a>(store: &Store<'a>, leaf: usize, now: i64) -> Option<Path<'a>> {
    let first = Found { certificate: store.sent.get(leaf)?, position: Some(leaf) };
    let mut paths = Vec::new();
    extend(store, &mut Vec::from([first]), &mut paths);
    paths.into_iter().min_by_key(|path| {
        let above = path.links.iter().skip(1);
        let expired = above
            .clone()
            .filter(|found| {
                let certificate = found.certificate;
                !(certificate.not_before..=certificate.not_after).contains(&now)
            })
            .count();
        let fetched = above.filter(|found| found.position.is_none()).count();
        let end = match path.end {
            ChainEnd::Anchor => 0,
            ChainEnd::Untrusted => 1,
            ChainEnd::Incomplete => 2,
        };
        (end, expired, fetched, path.links.len())
    })
}

fn extend<'a>(store: &Store<'a>, links: &mut Vec<Found<'a>>, paths: &mut Vec<Path<'a>>) {
    let Some(last) = links.last().copied() else {
        return;
    };
    let mut end = |links: &[Found<'a>], anchor, end| {
        paths.push(Path { links: links.to_vec(), anchor, end });
    };
    if store.is_anchor(last.certificate) {
        return end(links, None, ChainEnd::Anchor);
    }
    if last.certificate.self_signed == SelfSigned::SelfSigned {
        return end(links, None, ChainEnd::Untrusted);
    }
    if let Some(anchor) = store.anchor_of(last.certificate) {
        end(links, Some(anchor), ChainEnd::Anchor);
    }
    let issuers: Vec<Found<'a>> = store
        .named_issuers(last.certificate)
        .into_iter()
        .filter(|issuer| {
            !links.iter().any(|link| link.certificate.sha256 == issuer.certificate.sha256)
        })
        .filter(|issuer| store.signed(last.certificate, &issuer.certificate.spki))
        .collect();
    if issuers.is_empty() || links.len() >= PATH_LINKS_MAX || paths.len() >= PATHS_MAX {
        if store.anchor_of(last.certificate).is_none() {
            paths.push(Path { links: links.clone(), anchor: None, end: ChainEnd::Incomplete });
        }
        return;
    }
    for issuer in issuers {
        links.push(issuer);
        extend(store, links, paths);
        links.pop();
        if paths.len() >= PATHS_MAX {
            break;
        }
    }
}

fn key_ids_agree(issuer: &Certificate, below: &Certificate) -> bool {
    match (&issuer.subject_key_id, &below.authority_key_id) {
        (Some(subject), Some(authority)) => subject == authority,
        _ => true,
    }
}

/// The octets as a DER SEQUENCE: trust stores keep names and keys without the outer header.
pub(super) fn sequence(octets: &[u8]) -> Cow<'_, [u8]> {
    match der::element(octets) {
        Some((found, rest)) if found.tag == der::SEQUENCE && rest.is_empty() => {
            Cow::Borrowed(octets)
        }
        _ => Cow::Owned(der::wrap(der::SEQUENCE, octets)),
    }
}

/// Most paths kept while looking for the best.
const PATHS_MAX: usize = 64;
