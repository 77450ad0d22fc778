//! Has the certificate been taken back? By the stapled answer, the lists and the responders it
//! names; all of them are asked at the same time.
//!
//! Only the leaf is looked up. What cannot be asked or believed makes "unknown", never "good".

use std::thread;
use std::time::Duration;

use menshen_explain_core::certificate::{Certificate, date_time};
use serde::Serialize;

use super::crl::{self, Revoked};
use super::ocsp::{self, Signer, Status};
use crate::fetch::{Fetch, Reach, fetch};

/// What is known about revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revocation {
    /// All sources together.
    pub verdict: Standing,
    /// In words, lower case, without period.
    pub text: String,
    /// Each source that was asked.
    pub sources: Vec<Source>,
    /// When and why it was revoked.
    pub revoked_at: Option<i64>,
    /// The reason the authority gives, by its RFC 5280 name.
    pub reason: Option<String>,
}

/// The verdict of one source or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Not revoked, by a source that is signed and in its time.
    Good,
    /// Revoked.
    Revoked,
    /// Asked, without an answer that counts.
    Unknown,
    /// Nobody was asked.
    NotChecked,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// Where it was; none for a stapled answer.
    pub url: Option<String>,
    /// Its verdict.
    pub verdict: Standing,
    /// In words.
    pub text: String,
}

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// An OCSP answer the server sent along.
    Staple,
    /// A revocation list.
    Crl,
    /// An OCSP responder.
    Ocsp,
}

/// What to ask about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) leaf: &'a Certificate,
    /// Who signed it, where known.
    pub(super) issuer: Option<&'a Certificate>,
    pub(super) staple: Option<&'a [u8]>,
    /// Unix seconds of today; revocation is never asked for another day.
    pub(super) now: i64,
    /// Which addresses may be asked; None: none at all.
    pub(super) reach: Option<Reach>,
}

/// Asks all sources.
pub(super) fn check(subject: &Subject<'_>) -> Revocation {
    let named = subject.leaf.crl_urls.len() + subject.leaf.ocsp_urls.len();
    let Some(issuer) = subject.issuer else {
        let why = match named {
            0 => "the certificate names no revocation list and no OCSP responder",
            _ => "not checked: the issuer's certificate, which signs the answers, is not there",
        };
        return not_checked(why);
    };
    let mut sources: Vec<Source> = Vec::new();
    if let Some(staple) = subject.staple {
        let (verdict, text, revoked) = ocsp_verdict(staple, subject.leaf, issuer, subject.now);
        sources.push(source(SourceKind::Staple, None, verdict, text));
        if let Some(revoked) = revoked {
            return conclude(sources, Some(revoked), subject);
        }
    }
    let Some(reach) = subject.reach else {
        return match sources.is_empty() {
            true if named == 0 => not_checked(NO_SOURCE),
            true => not_checked("not checked: offline"),
            false => conclude(sources, None, subject),
        };
    };
    let lists = subject.leaf.crl_urls.iter().take(URLS_MAX).map(|url| (SourceKind::Crl, url));
    let responders = subject.leaf.ocsp_urls.iter().take(URLS_MAX);
    let asked: Vec<_> = lists.chain(responders.map(|url| (SourceKind::Ocsp, url))).collect();
    let answers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = asked
            .iter()
            .map(|&(kind, url)| {
                scope.spawn(move || match kind {
                    SourceKind::Crl => ask_list(url, subject.leaf, issuer, subject.now, reach),
                    _ => ask_responder(url, subject.leaf, issuer, subject.now, reach),
                })
            })
            .collect();
        let broken = || (Standing::Unknown, "the question failed".to_owned(), None);
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| broken())).collect()
    });
    let mut revoked = None;
    for ((kind, url), (verdict, text, one)) in asked.into_iter().zip(answers) {
        sources.push(source(kind, Some(url.clone()), verdict, text));
        revoked = revoked.or(one);
    }
    conclude(sources, revoked, subject)
}

type Verdict = (Standing, String, Option<Revoked>);

fn conclude(sources: Vec<Source>, revoked: Option<Revoked>, subject: &Subject<'_>) -> Revocation {
    let has = |standing| sources.iter().any(|source| source.verdict == standing);
    let (verdict, text) = if let Some(revoked) = &revoked {
        (Standing::Revoked, revoked_text(revoked))
    } else if has(Standing::Good) {
        (Standing::Good, "not revoked".into())
    } else if has(Standing::Unknown) {
        (Standing::Unknown, "unknown: no source gave an answer that counts".into())
    } else {
        return not_checked(NO_SOURCE);
    };
    let text = match subject.leaf.ocsp_urls.is_empty() && verdict == Standing::Good {
        true => format!("{text} (no OCSP responder is named, which is normal today)"),
        false => text,
    };
    Revocation {
        verdict,
        text,
        sources,
        revoked_at: revoked.as_ref().map(|revoked| revoked.at),
        reason: revoked.and_then(|revoked| revoked.reason).map(str::to_owned),
    }
}

fn not_checked(why: &str) -> Revocation {
    Revocation {
        verdict: Standing::NotChecked,
        text: why.to_owned(),
        sources: Vec::new(),
        revoked_at: None,
        reason: None,
    }
}

fn ask_list(
    url: &str,
    leaf: &Certificate,
    issuer: &Certificate,
    now: i64,
    reach: Reach,
) -> Verdict {
    let unknown = |text: String| (Standing::Unknown, text, None);
    let what = Fetch { url, post: None, bytes_max: LIST_BYTES_MAX, time_max: LIST_TIME_MAX, reach };
    let bytes = match fetch(&what) {
        Ok(bytes) => bytes,
        Err(error) => return unknown(format!("could not be fetched: {error}")),
    };
    let Some(answer) = crl::look_up(&bytes, leaf, issuer) else {
        return unknown("is no revocation list".into());
    };
    if answer.foreign || !answer.signed {
        let why =
            if answer.foreign { "is of another issuer" } else { "is not signed by the issuer" };
        return unknown(why.into());
    }
    if let Some(revoked) = answer.revoked {
        return (Standing::Revoked, revoked_text(&revoked), Some(revoked));
    }
    match answer.next_update {
        Some(next) if next < now => unknown(format!("is over since {}", date_time(next))),
        _ if answer.this_update > now + CLOCKS_DIFFER => unknown("is of the future".into()),
        _ => {
            let entries = answer.entries;
            let made = date_time(answer.this_update);
            (Standing::Good, format!("not on the list of {made} with {entries} entries"), None)
        }
    }
}

fn ask_responder(
    url: &str,
    leaf: &Certificate,
    issuer: &Certificate,
    now: i64,
    reach: Reach,
) -> Verdict {
    let unknown = |text: String| (Standing::Unknown, text, None);
    let Some(request) = ocsp::request(leaf, issuer) else {
        return unknown("no request can be made of this certificate".into());
    };
    let post = Some(("application/ocsp-request", request));
    let what = Fetch { url, post, bytes_max: ANSWER_BYTES_MAX, time_max: ANSWER_TIME_MAX, reach };
    match fetch(&what) {
        Ok(bytes) => ocsp_verdict(&bytes, leaf, issuer, now),
        Err(error) => unknown(format!("could not be asked: {error}")),
    }
}

fn ocsp_verdict(bytes: &[u8], leaf: &Certificate, issuer: &Certificate, now: i64) -> Verdict {
    let unknown = |text: String| (Standing::Unknown, text, None);
    let answer = match ocsp::read(bytes, leaf, issuer, now) {
        Ok(answer) => answer,
        Err(error) => return unknown(error.to_string()),
    };
    let by = match answer.signer {
        Signer::Nobody => return unknown("the answer is not signed by the issuer".into()),
        Signer::Issuer => "the issuer",
        Signer::Delegate => "a responder of the issuer",
    };
    match answer.status {
        Status::Revoked(revoked) => (Standing::Revoked, revoked_text(&revoked), Some(revoked)),
        Status::Unknown => unknown("the responder does not know the certificate".into()),
        Status::Good => match answer.next_update {
            Some(next) if next < now => {
                unknown(format!("the answer is over since {}", date_time(next)))
            }
            _ if answer.this_update > now + CLOCKS_DIFFER => {
                unknown("the answer is of the future".into())
            }
            _ => {
                let made = date_time(answer.this_update);
                (Standing::Good, format!("good, says {by}, as of {made}"), None)
            }
        },
    }
}

fn revoked_text(revoked: &Revoked) -> String {
    let reason = revoked.reason.map(|reason| format!(", reason {reason}")).unwrap_or_default();
    format!("revoked on {}{reason}", date_time(revoked.at))
}

fn source(kind: SourceKind, url: Option<String>, verdict: Standing, text: String) -> Source {
    Source { kind, url, verdict, text }
}

const NO_SOURCE: &str = "the certificate names no revocation list and no OCSP responder";
/// Most URLs of each kind that are asked.
const URLS_MAX: usize = 4;
/// Longest revocation list.
const LIST_BYTES_MAX: usize = 32 << 20;
const LIST_TIME_MAX: Duration = Duration::from_secs(8);
/// Longest OCSP answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
/// Seconds two clocks may differ.
const CLOCKS_DIFFER: i64 = 300;
