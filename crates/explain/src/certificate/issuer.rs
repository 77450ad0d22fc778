//! From a leaf upwards: who signed it, and fetching those the server did not send.
//!
//! At most [`STEPS_MAX`] issuers are fetched, each of them believed only if its key made the
//! signature below it.

use std::time::Duration;

use menshen_explain_core::certificate::{Anchor, Certificate};

use super::input;
use crate::fetch::{Fetch, Reach, fetch};

/// What was added to a chain.
#[derive(Debug, Default)]
pub(super) struct Completed {
    /// Issuers that were fetched.
    pub(super) pool: Vec<Certificate>,
    /// Where, and how it went.
    pub(super) fetched: Vec<(String, String)>,
    /// The chain now ends in a trust anchor or in a self-signed certificate.
    pub(super) whole: bool,
}

/// Fetches missing issuers by the URLs the certificates name (RFC 5280 §4.2.2.1).
pub(super) fn complete(
    chain: &[Certificate],
    anchors: &[Anchor],
    reach: Option<Reach>,
) -> Completed {
    let mut done = Completed::default();
    let Some(mut top) = chain.first().cloned() else { return done };
    for _ in 0..chain.len() + STEPS_MAX {
        let anchored = anchors.iter().any(|anchor| anchor.name == top.issuer.der);
        if anchored || top.issuer.der == top.subject.der {
            done.whole = true;
            return done;
        }
        let known = chain.iter().chain(&done.pool).find(|other| is_issuer(other, &top)).cloned();
        if let Some(issuer) = known {
            top = issuer;
            continue;
        }
        let Some(reach) = reach.filter(|_| done.pool.len() < STEPS_MAX) else { return done };
        let Some(issuer) = ask(&top, reach, &mut done.fetched) else { return done };
        done.pool.push(issuer.clone());
        top = issuer;
    }
    done
}

/// The certificate of who signed `leaf`: one that is there, or a root's.
pub(super) fn of(
    leaf: &Certificate,
    others: &[&Certificate],
    anchors: &[Anchor],
) -> Option<Certificate> {
    if let Some(issuer) = others.iter().find(|other| is_issuer(other, leaf)) {
        return Some((*issuer).clone());
    }
    let named = anchors.iter().filter(|anchor| anchor.name == leaf.issuer.der);
    let mut read = named.filter_map(|anchor| Certificate::from_der(anchor.der.as_deref()?).ok());
    read.find(|anchor| anchor.signed(leaf))
}

fn is_issuer(candidate: &Certificate, below: &Certificate) -> bool {
    candidate.sha256 != below.sha256
        && candidate.subject.der == below.issuer.der
        && candidate.signed(below)
}

fn ask(
    below: &Certificate,
    reach: Reach,
    fetched: &mut Vec<(String, String)>,
) -> Option<Certificate> {
    for url in below.issuer_urls.iter().take(URLS_MAX) {
        let time_max = TIME_MAX;
        let what = Fetch { url, post: None, bytes_max: BYTES_MAX, time_max, reach };
        let outcome = fetch(&what).map_err(|error| error.to_string()).and_then(|bytes| {
            let read = input::certificates(&bytes).map_err(|error| error.to_string())?;
            let found = read.into_iter().find(|certificate| is_issuer(certificate, below));
            found.ok_or_else(|| "what is there did not sign it".to_owned())
        });
        match outcome {
            Ok(issuer) => {
                fetched.push((url.clone(), format!("is {}", issuer.title())));
                return Some(issuer);
            }
            Err(why) => fetched.push((url.clone(), why)),
        }
    }
    None
}

/// Most issuers that are fetched.
const STEPS_MAX: usize = 4;
/// Most URLs of one certificate that are tried.
const URLS_MAX: usize = 2;
/// Longest certificate file that is fetched.
const BYTES_MAX: usize = 64 << 10;
const TIME_MAX: Duration = Duration::from_secs(3);
