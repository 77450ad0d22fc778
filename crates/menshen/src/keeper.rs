//! `menshen keeper`: the process the guard starts to get and renew certificates.

use std::process::ExitCode;

/// Runs until the guard ends it.
pub(crate) fn run() -> ExitCode {
    menshen_keeper::run()
}
