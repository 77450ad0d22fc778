//! Rights given up before anything foreign is read. Whoever is not root keeps what it has.

use menshen_sys::process::{Rights, RightsError, become_worker};

/// Root becomes nobody, for good. To be called while this process has one thread.
///
/// # Errors
/// When a step fails; the process must end then.
pub fn leave_root() -> Result<(), RightsError> {
    if rustix::process::geteuid().is_root() {
        become_worker(&Rights { user: Some(NOBODY), oom_score_adj: None })?;
    }
    Ok(())
}

/// User and group that own nothing.
const NOBODY: (u32, u32) = (65_534, 65_534);
