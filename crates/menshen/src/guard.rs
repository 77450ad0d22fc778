//! `menshen guard`: the memory watch as a service of its own.

use std::process::ExitCode;

use menshen_config::WatchSpec;
use menshen_guard::load;
use menshen_watch::Alone;

use crate::cli::GuardArguments;
use crate::{EXIT_CONFIG, EXIT_PERMANENT, out};

pub(crate) fn run(arguments: &GuardArguments) -> ExitCode {
    let settings = match load(&arguments.source(), out::stderr_colour()) {
        Ok(settings) => settings,
        Err(error) => {
            out::complain(&error.render());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if !settings.warnings.is_empty() {
        out::complain(settings.warnings.trim_end());
    }
    let mut guard = settings.config.guard;
    if let Some(recorder) = &arguments.recorder {
        match std::path::absolute(recorder) {
            Ok(path) => guard.recorder = path,
            Err(error) => {
                out::complain(&format!("menshen: could not find the current folder: {error}"));
                return ExitCode::from(EXIT_PERMANENT);
            }
        }
    }
    let recorder = guard.recorder.display().to_string();
    menshen_guard::log_event(&format!("watch: recording to {recorder}"));
    let spec = WatchSpec { guard, posture_fd: None, scoreboard_fd: None };
    menshen_watch::run(&spec, Alone::Yes, crate::watch::log)
}
