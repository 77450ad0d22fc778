//! What is wrong with the certificates sent, beside the path they make.

use alloc::vec::Vec;

use super::super::facts::{Certificate, SelfSigned};
use super::build::{Found, Path, Store};
use super::{ChainEnd, Fault};

/// All faults, in the order in which they should be mended.
pub(super) fn all(store: &Store<'_>, leaf: usize, path: &Path<'_>, now: i64) -> Vec<Fault> {
    let mut faults = Vec::new();
    if leaf > 0 {
        faults.push(Fault::LeafNotFirst { position: leaf });
    }
    let related = related(store, leaf);
    not_sent(path, &mut faults);
    signatures(store, &related, path, &mut faults);
    order(store, path, leaf, &mut faults);
    strangers(store, &related, leaf, &mut faults);
    dates(store, &related, path, now, &mut faults);
    faults
}

/// Positions that some path from the leaf goes through, by name and signature.
fn related(store: &Store<'_>, leaf: usize) -> Vec<usize> {
    let mut related = Vec::from([leaf]);
    let mut next = 0;
    while let Some(certificate) = related.get(next).and_then(|at| store.sent.get(*at)) {
        for issuer in store.named_issuers(certificate) {
            let Some(position) = issuer.position.filter(|at| !related.contains(at)) else {
                continue;
            };
            if store.signed(certificate, &issuer.certificate.spki) {
                related.push(position);
            }
        }
        next += 1;
    }
    // What hangs above a certificate of the pool is related too.
    let pool = store.sent.iter().enumerate().filter(|(_, one)| {
        one.is_ca()
            && related.iter().filter_map(|at| store.sent.get(*at)).any(|below| {
                store.named_issuers(below).iter().any(|between: &Found<'_>| {
                    between.position.is_none()
                        && between.certificate.issuer.der == one.subject.der
                        && store.signed(between.certificate, &one.spki)
                })
            })
    });
    let more: Vec<usize> = pool.map(|(at, _)| at).collect();
    for at in more {
        if !related.contains(&at) {
            related.push(at);
        }
    }
    related
}

fn not_sent(path: &Path<'_>, faults: &mut Vec<Fault>) {
    for pair in path.links.windows(2) {
        let [below, found] = pair else {
            continue;
        };
        let root = found.certificate.self_signed == SelfSigned::SelfSigned;
        if found.position.is_none() && !root {
            faults.push(Fault::NotSent {
                subject: found.certificate.subject.text.clone(),
                sha256: found.certificate.sha256.clone(),
                urls: below.certificate.issuer_urls.clone(),
            });
        }
    }
}

fn signatures(store: &Store<'_>, related: &[usize], path: &Path<'_>, faults: &mut Vec<Fault>) {
    for certificate in related.iter().filter_map(|at| store.sent.get(*at)) {
        let named = store.named_issuers(certificate);
        let signed = named.iter().any(|one| store.signed(certificate, &one.certificate.spki));
        let elsewhere = store.anchor_of(certificate).is_some() || store.is_anchor(certificate);
        let own = certificate.self_signed == SelfSigned::SelfSigned;
        if !named.is_empty() && !signed && !elsewhere && !own {
            faults.push(Fault::BadSignature { subject: certificate.subject.text.clone() });
        }
    }
    for found in path.links.iter().skip(1).filter(|found| !found.certificate.is_ca()) {
        // A root of version 1 cannot say that it is a CA.
        if found.certificate.version == 3 {
            faults.push(Fault::NotCa { subject: found.certificate.subject.text.clone() });
        }
    }
}

/// RFC 5246 §7.4.2 asks each certificate to certify the one before; RFC 8446 §4.4.2 only that the
/// leaf is first, yet some clients still need the order.
fn order(store: &Store<'_>, path: &Path<'_>, leaf: usize, faults: &mut Vec<Fault>) {
    let mut positions: Vec<usize> = path.links.iter().filter_map(|found| found.position).collect();
    // The path may end at an anchor that was sent along as well.
    let top = path.links.last().filter(|_| path.anchor.is_some());
    positions.extend(top.and_then(|top| {
        let issuer = &top.certificate.issuer.der;
        store.sent.iter().position(|one| one.subject.der == *issuer && store.is_anchor(one))
    }));
    if leaf == 0 && !positions.is_sorted() {
        faults.push(Fault::Order { should_be: positions });
    }
}

fn strangers(store: &Store<'_>, related: &[usize], leaf: usize, faults: &mut Vec<Fault>) {
    for (position, certificate) in store.sent.iter().enumerate() {
        let first = store.sent.iter().position(|one| one.sha256 == certificate.sha256);
        let subject = certificate.subject.text.clone();
        match first {
            Some(first) if first < position => faults.push(Fault::Duplicate { position, first }),
            _ if position == leaf => {}
            _ if !related.contains(&position) && !names_an_issuer(store, related, certificate) => {
                faults.push(Fault::Foreign { position, subject });
            }
            _ if certificate.self_signed == SelfSigned::SelfSigned => {
                faults.push(Fault::RootSent { position, subject });
            }
            _ => {}
        }
    }
}

/// It has the name of an issuer that is looked for: then its signature is the fault, or its key is
/// another one of the same CA.
fn names_an_issuer(store: &Store<'_>, related: &[usize], certificate: &Certificate) -> bool {
    related.iter().filter_map(|at| store.sent.get(*at)).any(|below| {
        store.named_issuers(below).iter().any(|one| one.certificate.sha256 == certificate.sha256)
    })
}

fn dates(store: &Store<'_>, related: &[usize], path: &Path<'_>, now: i64, faults: &mut Vec<Fault>) {
    let mut seen: Vec<&str> = Vec::new();
    let on_path = path.links.iter().skip(1).map(|found| (found.certificate, true));
    let beside = related.iter().skip(1).filter_map(|at| store.sent.get(*at));
    for (certificate, on_path) in on_path.chain(beside.map(|one| (one, false))) {
        let valid = (certificate.not_before..=certificate.not_after).contains(&now);
        if valid || seen.contains(&certificate.sha256.as_str()) {
            continue;
        }
        seen.push(&certificate.sha256);
        faults.push(Fault::Expired {
            subject: certificate.subject.text.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            on_path: on_path && path.end != ChainEnd::Incomplete,
            anchor: store.is_anchor(certificate),
        });
    }
}
