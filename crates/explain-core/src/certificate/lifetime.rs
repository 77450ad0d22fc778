//! How long a certificate lives, against the limit in force when it was issued (BR §6.3.2).
//!
//! A day is 86,400 seconds, both ends included, so one second more begins another day. The day of
//! issue is taken from notBefore: a CA may set that back by a little, nobody else can know better.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::facts::{AlternativeName, Certificate, KeyKind};
use super::{class, oid, time};

/// Lifetime facts at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifetime {
    /// Seconds of validity, both ends included.
    pub seconds: i64,
    /// Days as the BR counts them: begun days of 86,400 s.
    pub days: i64,
    /// The limit in force on the day of issue; None before there was one.
    pub limit: Option<Limit>,
    /// Longer than that limit.
    pub too_long: bool,
    /// Short-lived by the BR: needs no revocation information.
    pub short_lived: bool,
    /// Seconds until it ends; negative when over.
    pub left_seconds: i64,
    /// Seconds until it begins; 0 when it has.
    pub not_yet_seconds: i64,
    /// Valid at that moment.
    pub valid: bool,
    /// When two thirds of the life are over: time to renew.
    pub renew_at: i64,
    /// That time has come.
    pub renew_due: bool,
    /// What would be said of issuing the same today (or at the asked date).
    pub at: AtVerdict,
}

/// A limit of lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// In days; month limits are given in the longest days they can have.
    pub days: i64,
    /// The limit in seconds that was compared.
    pub seconds: i64,
    /// In words, such as `398 days`.
    pub text: &'static str,
    /// First second it applied to certificates issued.
    pub since: i64,
    /// Where it stands.
    pub source: &'static str,
}

/// Could it be issued at a given date?
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AtVerdict {
    /// The date.
    pub at: i64,
    /// A public CA could issue the same certificate then.
    pub issuable: bool,
    /// Why not, each a clause that goes after "could not be issued … because".
    pub because: Vec<String>,
}

/// Lifetime facts of `leaf` at `now`, Unix seconds.
pub(super) fn lifetime(leaf: &Certificate, now: i64) -> Lifetime {
    let seconds = leaf.not_after.saturating_sub(leaf.not_before).saturating_add(1);
    let days = days(seconds);
    // The limits are those of servers' certificates.
    let limit = (!leaf.is_ca()).then(|| limit(leaf.not_before, leaf.not_before)).flatten();
    let renew_at = leaf.not_before.saturating_add(seconds.max(0) / 3 * 2);
    Lifetime {
        seconds,
        days,
        too_long: limit.as_ref().is_some_and(|limit| seconds > limit.seconds),
        limit,
        short_lived: short_lived(leaf.not_before, seconds),
        left_seconds: leaf.not_after.saturating_sub(now).saturating_add(1),
        not_yet_seconds: leaf.not_before.saturating_sub(now).max(0),
        valid: (leaf.not_before..=leaf.not_after).contains(&now),
        renew_at,
        renew_due: now >= renew_at,
        at: at(leaf, seconds, now),
    }
}

/// Begun days.
pub(super) fn days(seconds: i64) -> i64 {
    seconds.saturating_add(time::DAY - 1).div_euclid(time::DAY)
}

/// The limit for certificates issued at `issued`, in seconds counted from `start`.
fn limit(issued: i64, start: i64) -> Option<Limit> {
    let row = LIMITS.iter().rev().find(|row| issued >= row.since)?;
    let seconds = match row.most {
        Most::Days(days) => days * time::DAY,
        // Before 2020-09-01 nobody counted the last second, and all certificates of that time end
        // one second later than today's rule would have it.
        Most::DaysAndASecond(days) => days * time::DAY + 1,
        Most::Months(months) => time::months_later(start, months) - start + 1,
    };
    let days = seconds / time::DAY;
    Some(Limit { days, seconds, text: row.text, since: row.since, source: row.source })
}

fn short_lived(issued: i64, seconds: i64) -> bool {
    let row = SHORT_LIVED.iter().rev().find(|(since, _)| issued >= *since);
    row.is_some_and(|(_, days)| seconds <= days * time::DAY)
}

/// Whether a public CA could issue the same at `when`.
fn at(leaf: &Certificate, seconds: i64, when: i64) -> AtVerdict {
    let mut because = Vec::new();
    if let Some(limit) = limit(when, when).filter(|limit| seconds > limit.seconds) {
        let (days, since) = (days(seconds), time::date(limit.since));
        because.push(format!("it lives {days} days and the limit is {} since {since}", limit.text));
    }
    for (ended, what, holds) in ENDED {
        if when >= *ended && holds(leaf) {
            because.push(format!("{what} ended on {}", time::date(*ended)));
        }
    }
    AtVerdict { at: when, issuable: because.is_empty(), because }
}

/// Since when, what, and whether a certificate has it.
type Ended = (i64, &'static str, fn(&Certificate) -> bool);

/// What public CAs no longer issue. BR §1.2.2 (dates), §6.1.5, §7.1.3.2, §7.1.2.7.
const ENDED: &[Ended] = &[
    (time::midnight(2014, 1, 1), "RSA below 2048 bits", |leaf| {
        leaf.public_key.kind == KeyKind::Rsa && leaf.public_key.bits < 2048
    }),
    (
        time::midnight(2015, 11, 1),
        "certificates for internal names or reserved addresses",
        |leaf| !super::coverage::coverage(leaf, None).internal.is_empty(),
    ),
    (time::midnight(2016, 1, 1), "SHA-1 signatures", |leaf| {
        leaf.signature_algorithm.to_ascii_lowercase().contains("sha1")
    }),
    (time::midnight(2012, 7, 1), "names outside subjectAltName", |leaf| {
        !leaf
            .alternative_names
            .iter()
            .any(|name| matches!(name, AlternativeName::Dns(_) | AlternativeName::Ip(_)))
    }),
    (time::midnight(2012, 7, 1), "keys other than RSA, P-256, P-384 and P-521", |leaf| {
        let curve = leaf.public_key.curve.as_deref().unwrap_or_default();
        leaf.public_key.kind != KeyKind::Rsa && !["P-256", "P-384", "P-521"].contains(&curve)
    }),
    (class::OU_ENDED, "OU in the subject", |leaf| leaf.subject.has("OU")),
    (class::POLICY_MANDATORY, "issuing without a policy of the Forum", |leaf| {
        !leaf.policies.iter().any(|policy| policy.oid.starts_with("2.23.140.1."))
    }),
    (CLIENT_AUTH_ENDED, "client authentication in server certificates", |leaf| {
        let usages = leaf.extended_key_usage.iter().flatten();
        usages.into_iter().any(|usage| usage.oid == oid::CLIENT_AUTH)
    }),
];

/// Chrome Root Program Policy 1.8: no leaf with clientAuth after that day.
pub(super) const CLIENT_AUTH_ENDED: i64 = time::midnight(2027, 3, 15);

/// How a limit is counted.
enum Most {
    Days(i64),
    DaysAndASecond(i64),
    Months(i64),
}

struct Row {
    since: i64,
    most: Most,
    text: &'static str,
    source: &'static str,
}

/// Limits in order of time.
const LIMITS: &[Row] = &[
    row(time::midnight(2012, 7, 1), Most::Months(60), "60 months", "BR 1.0 §9.4.1"),
    row(time::midnight(2015, 4, 1), Most::Months(39), "39 months", "BR 1.0 §9.4.1"),
    row(time::midnight(2018, 3, 1), Most::DaysAndASecond(825), "825 days", "BR §6.3.2, ballot 193"),
    row(time::midnight(2020, 9, 1), Most::Days(398), "398 days", "BR §6.3.2, ballot SC-31"),
    row(time::midnight(2026, 3, 15), Most::Days(200), "200 days", "BR §6.3.2, ballot SC-81"),
    row(time::midnight(2027, 3, 15), Most::Days(100), "100 days", "BR §6.3.2, ballot SC-81"),
    row(time::midnight(2029, 3, 15), Most::Days(47), "47 days", "BR §6.3.2, ballot SC-81"),
];

/// Longest short-lived certificate in days, by day of issue (BR §1.6.1).
const SHORT_LIVED: &[(i64, i64)] =
    &[(time::midnight(2024, 3, 15), 10), (time::midnight(2026, 3, 15), 7)];

const fn row(since: i64, most: Most, text: &'static str, source: &'static str) -> Row {
    Row { since, most, text, source }
}

#[cfg(test)]
mod tests;
