//! How long a certificate lives, against the limit in force when it was issued.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

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
