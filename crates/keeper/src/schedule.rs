//! When the next order begins: pure arithmetic on Unix seconds; clock and chance come in.
//!
//! Rules: a certificate is renewed at two thirds of its life, somewhat earlier by chance so that
//! certificates of one day part; or within the window its authority suggests (RFC 9773 §4.2), but
//! never after five sixths of its life, whatever the authority says. After a failure the wait
//! doubles from [`RETRY_SECONDS_MIN`] to [`RETRY_SECONDS_MAX`], yet is never longer than a tenth of
//! what is left of the certificate: one of 6 days gets its tries as one of 90 days does.
//!
//! How it can fail: a clock that jumps. Nothing here remembers a duration, so the next look at the
//! clock puts the plan right. An authority whose windows always lie in the past would get an order
//! per second; see [`paced`].

/// Validity of a certificate, Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// Its begin.
    pub(crate) not_before: i64,
    /// Its end.
    pub(crate) not_after: i64,
}

/// A share from 0 to just below 1, in parts of 2³²: chance as an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share(pub(crate) u32);

/// What is known of earlier tries when the keeper starts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Past {
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// When the last order ended.
    pub(crate) tried: Option<i64>,
    /// When the next one was planned.
    pub(crate) next: Option<i64>,
    /// Whether the authority itself asked to wait.
    pub(crate) limited: bool,
}

/// When to renew.
pub(crate) fn renewal(life: Life, window: Option<(i64, i64)>, share: Share) -> i64 {
    let length = life.length();
    match window {
        Some((start, end)) if start <= end => {
            let chosen = start.saturating_add(share.of(end.saturating_sub(start)));
            chosen.min(life.not_before.saturating_add(length / 6 * 5))
        }
        _ => {
            let two_thirds = life.not_before.saturating_add(length / 3 * 2);
            two_thirds.saturating_sub(share.of(length / 30))
        }
    }
}

/// When to try again after `failures` failures in a row; `life` is that of the certificate in
/// store.
pub(crate) fn retry(now: i64, failures: u32, life: Option<Life>, share: Share) -> i64 {
    let mut wait = doubled(failures, share);
    if let Some(life) = life
        && life.not_after > now
    {
        let least = (life.length() / 60).clamp(1, RETRY_SECONDS_MIN);
        wait = wait.min((life.not_after.saturating_sub(now) / 10).max(least));
    }
    now.saturating_add(wait)
}

/// The renewal, put off when it would follow too soon on the last one.
///
/// `got` is when the certificate came, `early` how many renewals in a row were early: the first is
/// taken at its word (a certificate that will be revoked), later ones wait as after failures.
pub(crate) fn paced(due: i64, got: i64, life: Life, early: u32, share: Share) -> i64 {
    if early == 0 || !is_early(due, got, life) {
        return due;
    }
    due.max(got.saturating_add(doubled(early, share)))
}

/// Whether a renewal at `at` comes before a third of the life of a certificate that came at `got`.
/// One that hardly lives at all is no licence to order without pause.
pub(crate) fn is_early(at: i64, got: i64, life: Life) -> bool {
    at.saturating_sub(got) < (life.length() / 3).max(EARLY_SECONDS_MIN)
}

/// When a keeper that starts begins its first order, if that is `due` by the certificate itself.
///
/// A restart is mostly a reload: somebody put something right and waits, so the plan of before is
/// shortened; not to nothing, or a keeper that crashes would use up what the authority allows.
pub(crate) fn first(now: i64, due: i64, past: Past) -> i64 {
    let (Some(next), true) = (past.next, past.failures > 0) else {
        return due;
    };
    let soon = past.tried.unwrap_or(now).saturating_add(RESTART_SECONDS);
    let planned = if past.limited { next } else { next.min(soon) };
    // What was noted under a wrong clock must not hold for years.
    due.max(planned.min(now.saturating_add(EMBARGO_SECONDS_MAX)))
}

/// When to ask for the window again; `advice` is the authority's `Retry-After` in seconds.
pub(crate) fn next_window(now: i64, advice: u64) -> i64 {
    let advice = i64::try_from(advice).unwrap_or(i64::MAX);
    now.saturating_add(advice.clamp(WINDOW_SECONDS_MIN, WINDOW_SECONDS_MAX))
}

impl Life {
    fn length(self) -> i64 {
        self.not_after.saturating_sub(self.not_before).max(0)
    }
}

impl Share {
    /// This share of `span`, which is not negative.
    fn of(self, span: i64) -> i64 {
        let part = (i128::from(span.max(0)) * i128::from(self.0)) >> 32;
        i64::try_from(part).unwrap_or(i64::MAX)
    }
}

/// Doubled with every failure, between three and five quarters of that by chance.
fn doubled(failures: u32, share: Share) -> i64 {
    let times = failures.saturating_sub(1).min(20);
    let wait = (RETRY_SECONDS_MIN << times).min(RETRY_SECONDS_MAX);
    wait / 4 * 3 + share.of(wait / 2)
}

/// First wait after a failure, before chance.
pub(crate) const RETRY_SECONDS_MIN: i64 = 60;
/// Longest wait between failures, before chance.
pub(crate) const RETRY_SECONDS_MAX: i64 = 86_400;
/// Renewals that follow sooner than this are always paced.
const EARLY_SECONDS_MIN: i64 = 5;
/// Longest wait an authority can ask for with `Retry-After`; rate limits count by the week.
pub(crate) const EMBARGO_SECONDS_MAX: i64 = 7 * 86_400;
/// Least time between the failure before a restart and the first order after it: Let's Encrypt
/// allows five failed validations an hour for a name.
const RESTART_SECONDS: i64 = 720;
/// Bounds of the authority's advice when to ask for the window again (RFC 9773 §4.3.2).
const WINDOW_SECONDS_MIN: i64 = 60;
pub(crate) const WINDOW_SECONDS_MAX: i64 = 86_400;

#[cfg(test)]
mod tests;
