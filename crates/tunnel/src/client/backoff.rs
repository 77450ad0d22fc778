//! How long to wait before the next try: twice as long each time, with a bound and a lot, so that
//! a thousand clients of a server that was started anew do not come at once.

use std::time::Duration;

/// Counts tries.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// A session held for this long; what was before is forgotten if that was long enough.
    pub(super) const fn held(&mut self, open_for: Duration) {
        if open_for.as_secs() >= HEALTHY.as_secs() {
            self.tries = 0;
        }
    }

    /// The next wait. `lot`: any number, all being equally likely.
    pub(super) fn next(&mut self, lot: u32) -> Duration {
        let base = FIRST.saturating_mul(1_u32 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        let part = f64::from(lot) / f64::from(u32::MAX);
        base.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * part)
    }
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A session that held this long was one.
const HEALTHY: Duration = Duration::from_secs(30);
/// How far a wait may be from its middle, as a part of it.
const SPREAD: f64 = 0.25;

#[cfg(test)]
mod tests {
    //! Waits grow, stay bounded, and are forgotten after a session that held.
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let middle = u32::MAX / 2;
        let near = Duration::from_millis(1);
        let waits: Vec<u64> = (0..9).map(|_| (backoff.next(middle) + near).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.held(Duration::from_secs(29));
        assert!(backoff.next(middle) > Duration::from_secs(59));
        backoff.held(Duration::from_secs(30));
        assert!(backoff.next(middle) < Duration::from_millis(1001));
    }

    #[test]
    fn lots_spread_a_wait_by_a_quarter_to_each_side() {
        let wait = |lot| Backoff::default().next(lot);
        assert_eq!(
            (wait(0), wait(u32::MAX)),
            (Duration::from_millis(750), Duration::from_millis(1250))
        );
        let mut many = Backoff { tries: u32::MAX };
        assert!(many.next(u32::MAX) <= Duration::from_secs(75));
    }
}
