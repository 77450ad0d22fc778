//! A user's rate: octets in a second, with a burst of one second (a token bucket, kept as the
//! moment at which it is full again).
//!
//! Nothing is queued here: what comes from a user beyond the rate is dropped, what goes to him
//! waits in the interface's queue.

use std::time::Duration;

use menshen_tunnel_core::time::Moment;

/// One direction of one user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    octets_per_second: u64,
    full_at: Moment,
}

impl Bucket {
    pub(super) fn new(octets_per_second: u64) -> Self {
        Self { octets_per_second: octets_per_second.max(1), full_at: Moment::default() }
    }

    /// When the next packet may pass; `None`: now.
    pub(super) fn opens(&self, now: Moment) -> Option<Moment> {
        let ahead = self.full_at.since(now);
        (ahead >= BURST).then(|| now + (ahead - BURST) + STEP)
    }

    /// A packet of so many octets passes.
    pub(super) fn take(&mut self, now: Moment, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        let nanos = octets.saturating_mul(NANOS) / self.octets_per_second;
        self.full_at = self.full_at.max(now) + Duration::from_nanos(nanos);
    }
}

/// What may pass at once, as time.
const BURST: Duration = Duration::from_secs(1);
/// Timers are no finer: without it, one would ring a moment too early.
const STEP: Duration = Duration::from_millis(1);
const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    //! What passes in a while is the rate and one burst.
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_rate_and_one_burst(
            rate in 1_000u64..10_000_000,
            octets in 20usize..1500,
            steps in proptest::collection::vec(0u64..20_000, 1..500),
        ) {
            let mut bucket = Bucket::new(rate);
            let (mut now, mut passed) = (Moment::default(), 0u64);
            for step in steps {
                now = now + Duration::from_micros(step);
                match bucket.opens(now) {
                    None => {
                        bucket.take(now, octets);
                        passed += octets as u64;
                    }
                    Some(at) => {
                        prop_assert!(at > now);
                        prop_assert_eq!(bucket.opens(at), None);
                    }
                }
            }
            let most = rate as f64 * (now.0.as_secs_f64() + 1.0) + octets as f64 + 1.0;
            prop_assert!(passed as f64 <= most, "{passed} of {most}");
        }
    }

    #[test]
    fn an_idle_user_has_a_burst_of_a_second_and_no_more() {
        let mut bucket = Bucket::new(10_000);
        let now = Moment(Duration::from_secs(3600));
        let passed = (0..100).take_while(|_| {
            let open = bucket.opens(now).is_none();
            bucket.take(now, 1000);
            open
        });
        assert_eq!(passed.count(), 10);
    }
}
