//! `menshen sample`: a configuration file with every key.

use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    crate::out::print(&menshen_config::sample(), 0)
}
