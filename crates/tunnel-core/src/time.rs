//! Moments as the callers of this crate give them.
//!
//! It must never ask a clock: a recorded conversation is played again with its own times.

use core::ops::Add;
use core::time::Duration;

/// A moment of a clock that never runs backwards, since whatever the caller counts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl Moment {
    /// How long ago `earlier` was; nothing if it was not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length))
    }
}
