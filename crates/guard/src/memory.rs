//! Protects the guard from the kernel's out-of-memory killer where that is permitted, and says
//! what it got. The rule itself is [`menshen_guard_core::memory`].

use menshen_guard_core::memory::{Attempt, GUARD_SCORE, Scores, WORKER_RAISE, scores};
use menshen_sys::process::{read_oom_score_adj, write_oom_score_adj};

/// What was reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protection {
    pub(crate) scores: Scores,
    /// The guard's score before it was changed.
    pub(crate) saved: i32,
    attempt: Attempt,
}

/// Tries to lower the guard's own score; `before` is what it was, where that is known already.
pub(crate) fn protect(before: Option<i32>) -> Protection {
    let (saved, attempt) = match read_oom_score_adj() {
        Err(_) => (0, Attempt::Unavailable),
        Ok(saved) if write_oom_score_adj(GUARD_SCORE).is_ok() => (saved, Attempt::Lowered),
        // Writing the old value back tells a refusal of the right from a read-only /proc.
        Ok(saved) if write_oom_score_adj(saved).is_ok() => (saved, Attempt::Refused),
        Ok(saved) => (saved, Attempt::Unavailable),
    };
    let saved = before.unwrap_or(saved);
    Protection { scores: scores(saved, attempt), saved, attempt }
}

impl Protection {
    /// One line for the start-up print, and what to do about it.
    pub(crate) fn text(&self) -> (String, Option<&'static str>) {
        let workers = self.scores.workers.unwrap_or(0);
        match self.attempt {
            Attempt::Lowered => (
                format!(
                    "out-of-memory protection: permitted (guard {GUARD_SCORE}, workers {workers})"
                ),
                None,
            ),
            Attempt::Refused => (
                format!(
                    "out-of-memory protection: not permitted; relative instead: workers \
                     +{WORKER_RAISE} (guard {}, workers {workers})",
                    self.scores.guard.unwrap_or(0)
                ),
                Some("OOMScoreAdjust=-900 and OOMPolicy=continue in the unit give the right"),
            ),
            Attempt::Unavailable => {
                ("out-of-memory protection: none, oom_score_adj cannot be written".to_owned(), None)
            }
        }
    }
}
