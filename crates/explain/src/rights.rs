//! Nothing that explains needs the rights of root, and all of it reads what strangers wrote.

use menshen_sys::process::{Rights, RightsError, become_worker};

/// Makes root the user `nobody`, for good; does nothing for other users. Call it while the process
/// has one thread, after opening what is to be read.
///
/// # Errors
/// When a right could not be given up; the process must end then.
pub fn become_nobody() -> Result<(), RightsError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    become_worker(&Rights { user: Some((NOBODY, NOBODY)), oom_score_adj: None })
}

/// User and group `nobody` of every Linux.
const NOBODY: u32 = 65_534;
