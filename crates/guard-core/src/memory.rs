//! How guard and workers share the protection from the kernel's out-of-memory killer.
//!
//! The guard is to be killed last and its workers are to be ordinary. With `CAP_SYS_RESOURCE` the
//! guard lowers its own score; without, the kernel lets a process only raise scores, so the workers
//! are raised instead and the order is the same. A worker never inherits the guard's protection:
//! it would starve the rest of the machine. See `proc_pid_oom_score_adj(5)`.

/// What the guard found when it tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The guard's own score was lowered to [`GUARD_SCORE`].
    Lowered,
    /// Lowering was refused; raising is possible.
    Refused,
    /// The score can be neither read nor written.
    Unavailable,
}

/// The scores in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// The guard's, if known.
    pub guard: Option<i32>,
    /// What each worker sets for itself; `None`: nothing.
    pub workers: Option<i32>,
}

/// The scores that follow from the attempt, when the guard was started with `saved`.
///
/// A negative `saved` was meant for the guard (`OOMScoreAdjust=` of its unit) or inherited by
/// accident; workers get 0 then.
#[must_use]
pub fn scores(saved: i32, attempt: Attempt) -> Scores {
    match attempt {
        Attempt::Lowered => Scores { guard: Some(GUARD_SCORE), workers: Some(saved.max(0)) },
        Attempt::Refused => Scores {
            guard: Some(saved),
            workers: Some(saved.saturating_add(WORKER_RAISE).clamp(0, SCORE_MAX)),
        },
        Attempt::Unavailable => Scores { guard: None, workers: None },
    }
}

/// The guard's score where permitted. Not -1000: a group kill would skip the guard, and a leaking
/// guard could then only end in "no killable processes".
pub const GUARD_SCORE: i32 = -900;

/// How much workers are raised where the guard cannot be lowered.
pub const WORKER_RAISE: i32 = 200;

/// The kernel's highest score.
pub const SCORE_MAX: i32 = 1000;

#[cfg(test)]
mod tests {
    //! The rule, case by case.
    use super::*;

    #[test]
    fn workers_are_never_protected_and_never_above_the_maximum() {
        // saved, attempt, guard, workers
        let table = [
            (0, Attempt::Lowered, Some(-900), Some(0)),
            (300, Attempt::Lowered, Some(-900), Some(300)),
            (-1000, Attempt::Lowered, Some(-900), Some(0)),
            (-900, Attempt::Lowered, Some(-900), Some(0)),
            (-500, Attempt::Refused, Some(-500), Some(0)),
            (-100, Attempt::Refused, Some(-100), Some(100)),
            (0, Attempt::Refused, Some(0), Some(200)),
            (900, Attempt::Refused, Some(900), Some(1000)),
            (1000, Attempt::Refused, Some(1000), Some(1000)),
            (0, Attempt::Unavailable, None, None),
        ];
        for (saved, attempt, guard, workers) in table {
            assert_eq!(scores(saved, attempt), Scores { guard, workers }, "{saved} {attempt:?}");
        }
    }
}
