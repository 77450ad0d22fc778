//! The moments that sessions count by: since the clock was made, never backwards.
//!
//! It is tokio's clock, so that a test that stops it stops sessions, too. Nothing can fail.

use menshen_tunnel_core::time::Moment;
use tokio::time::Instant;

/// A clock; one for each session and all that belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Begins now.
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// The moment it is.
    #[must_use]
    pub fn now(self) -> Moment {
        Moment(self.0.elapsed())
    }

    /// When a moment is, for a timer.
    #[must_use]
    pub fn instant(self, moment: Moment) -> Instant {
        // A moment beyond what can be told never comes.
        self.0.checked_add(moment.0).unwrap_or_else(|| self.0 + FAR)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// A year.
const FAR: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
