//! Whether a supervised program that ended is started again, when, and when that is given up.
//!
//! The waits are those of workers ([`crate::restart`]): at once, then later and later, and as if
//! new after a healthy minute. This module never starts anything; time comes in as an argument.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::restart::RestartRecord;

/// After which ends it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartRule {
    /// After none.
    #[default]
    Never,
    /// After an exit code other than 0, or a signal nobody asked us to pass on.
    OnFailure,
    /// After every end nobody asked for.
    Always,
}

/// So many ends within so much time are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GiveUp {
    /// Ends, 1..=[`ENDS_MAX`]; more are taken as that many.
    pub ends: usize,
    /// Between the first and the last of them.
    pub within: Duration,
}

impl Default for GiveUp {
    fn default() -> Self {
        Self { ends: 10, within: Duration::from_secs(60) }
    }
}

/// What follows from an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It stays ended.
    End,
    /// It is started again.
    Again {
        /// After this wait.
        after: Duration,
        /// Ends in a row without a healthy minute, this one included.
        failures: usize,
    },
    /// It ended too often; it stays ended.
    GiveUp {
        /// So many times.
        ends: usize,
        /// Within this time.
        within: Duration,
    },
}

/// The record of one supervised program.
#[derive(Debug, Clone)]
pub struct Supervision {
    rule: RestartRule,
    give_up: Option<GiveUp>,
    record: RestartRecord,
    ends: VecDeque<Duration>,
}

impl Supervision {
    /// A program that has not ended yet; `give_up`: `None` for never.
    #[must_use]
    pub fn new(rule: RestartRule, give_up: Option<GiveUp>) -> Self {
        let give_up =
            give_up.map(|give_up| GiveUp { ends: give_up.ends.clamp(1, ENDS_MAX), ..give_up });
        Self { rule, give_up, record: RestartRecord::new(), ends: VecDeque::new() }
    }

    /// Notes that it ended by itself at `now` (since any fixed moment) after it had `lived`.
    pub fn ended(&mut self, now: Duration, lived: Duration, well: Outcome) -> Next {
        let again = match self.rule {
            RestartRule::Never => false,
            RestartRule::OnFailure => well == Outcome::Failure,
            RestartRule::Always => true,
        };
        if !again {
            return Next::End;
        }
        let after = self.record.ended(lived);
        if let Some(GiveUp { ends, within }) = self.give_up {
            self.ends.push_back(now);
            while self.ends.len() > ends {
                self.ends.pop_front();
            }
            let first = self.ends.front().copied().unwrap_or(now);
            let taken = now.saturating_sub(first);
            if self.ends.len() == ends && taken <= within {
                return Next::GiveUp { ends, within: taken };
            }
        }
        Next::Again { after, failures: self.record.failures() }
    }
}

/// How it ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With exit code 0.
    Success,
    /// Otherwise.
    Failure,
}

/// The largest number of ends that is counted.
pub const ENDS_MAX: usize = 100;

#[cfg(test)]
mod tests;
