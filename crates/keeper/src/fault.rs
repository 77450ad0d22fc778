//! Why an order failed, and what follows from it.

use std::error::Error as _;

use instant_acme::{Error, Problem};

use crate::choice::Blame;
use crate::words::{WORDS_MAX, clean, with_causes};

/// A failed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Who gives place at the next try.
    pub(crate) blame: Blame,
    /// In words, clean.
    pub(crate) text: String,
    /// Seconds the authority asked to wait; 0 when it did not.
    pub(crate) wait_seconds: u64,
    /// The account cannot be used any more.
    pub(crate) account_lost: bool,
}

impl Fault {
    /// A fault in own words.
    pub(crate) fn new(blame: Blame, text: impl AsRef<str>) -> Self {
        let text = clean(text.as_ref(), WORDS_MAX);
        Self { blame, text, wait_seconds: 0, account_lost: false }
    }

    /// What the authority or the way to it did.
    pub(crate) fn of_authority(error: &Error) -> Self {
        let account_lost = kind(error) == Some("accountDoesNotExist");
        Self { account_lost, ..Self::new(Blame::Authority, words(error)) }
    }

    /// What the authority found when it looked at a proof.
    pub(crate) fn of_proof(problem: &Problem) -> Self {
        Self::new(Blame::Proof, problem_words(problem))
    }
}

/// The problem's type without what all of them begin with (RFC 8555 §6.7).
pub(crate) fn kind(error: &Error) -> Option<&str> {
    match error {
        Error::Api(problem) => problem_kind(problem),
        _ => None,
    }
}

/// Whether a note's error came of a rate limit: then the wait it led to was the authority's wish.
pub(crate) fn is_limit(text: &str) -> bool {
    text.starts_with(RATE_LIMITED)
}

/// `type: detail`, then what it says of each name.
pub(crate) fn problem_words(problem: &Problem) -> String {
    let pair = |kind: Option<&str>, detail: Option<&str>| match (kind, detail) {
        (Some(kind), Some(detail)) => format!("{kind}: {detail}"),
        (one, other) => one.or(other).unwrap_or("a problem without words").to_owned(),
    };
    let mut text = pair(problem_kind(problem), problem.detail.as_deref());
    for sub in problem.subproblems.iter().take(SUBPROBLEMS_MAX) {
        let kind = sub.r#type.as_deref().map(short);
        text.push_str("; ");
        text.push_str(&pair(kind, sub.detail.as_deref()));
    }
    clean(&text, WORDS_MAX)
}

fn words(error: &Error) -> String {
    match error {
        Error::Api(problem) => problem_words(problem),
        Error::Json(_) => "the authority's answer is not what RFC 8555 describes".to_owned(),
        Error::Timeout(_) => "the authority did not come to an end in time".to_owned(),
        Error::Other(inner) => with_causes(inner.as_ref()),
        other => {
            let text = other.to_string();
            other.source().map_or_else(|| text.clone(), |_| with_causes(other))
        }
    }
}

fn problem_kind(problem: &Problem) -> Option<&str> {
    problem.r#type.as_deref().map(short)
}

fn short(kind: &str) -> &str {
    kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind)
}

const RATE_LIMITED: &str = "rateLimited";
const SUBPROBLEMS_MAX: usize = 4;

#[cfg(test)]
mod tests;
