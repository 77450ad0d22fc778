//! Protection of a program from the kernel's out-of-memory killer, where it is permitted
//! (proc_pid_oom_score_adj(5)).
//!
//! The score is kept by fork and exec, so the program's children have it too. We have it as well:
//! when the supervisor is killed, so is the program. What is not permitted is said, never implied.

use menshen_sys::process::{read_oom_score_adj, write_oom_score_adj};

/// What was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protection {
    /// What the program sets for itself; `None`: it keeps ours.
    pub(crate) score: Option<i32>,
    /// What there is to be said.
    pub(crate) said: Option<String>,
}

/// Tries to get `wanted` for this process, and says what the program will have.
pub(crate) fn protect(wanted: Option<i32>, name: &str) -> Protection {
    let Ok(own) = read_oom_score_adj() else {
        let said = wanted.map(|_| format!("{name} is not protected: /proc has no oom_score_adj"));
        return Protection { score: None, said };
    };
    let Some(wanted) = wanted else {
        // Meant for us, or inherited by accident: a program that leaks must not be spared.
        let said = (own < 0).then(|| {
            format!(
                "oom_score_adj {own} is not passed on to {name}, which gets 0\n  hint: --protect \
                 asks for it"
            )
        });
        return Protection { score: (own < 0).then_some(0), said };
    };
    let Err(error) = write_oom_score_adj(wanted) else {
        return Protection { score: Some(wanted), said: None };
    };
    // Back to 0 may be permitted where less is not.
    let score = if own > 0 && wanted < own && write_oom_score_adj(0).is_ok() { 0 } else { own };
    let said = Some(format!(
        "{name} cannot be protected: oom_score_adj stays {score} instead of {wanted} ({error})\n  \
         hint: needs CAP_SYS_RESOURCE; a unit gives it with OOMScoreAdjust={wanted}"
    ));
    Protection { score: Some(score), said }
}
