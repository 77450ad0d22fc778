//! `menshen watch`: the role that the guard of `menshen serve` starts. What it needs comes on
//! standard input.

use std::process::ExitCode;

/// Runs until the guard ends it.
pub(crate) fn run() -> ExitCode {
    menshen_watch::run_child(log)
}

/// Says something in the log of the guard, as the watch.
pub(crate) fn log(text: &str) {
    menshen_guard::log_event(&format!("watch: {text}"));
}
