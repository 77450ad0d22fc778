//! `menshen explain oom --next`: looks at this host and shows who would be killed next.
//!
//! It reads the kernel's files only, with the rights it was started with: as another user it would
//! see less. It fails when `/proc` cannot be read.

use std::process::ExitCode;

use menshen_explain::certificate::Paint;
use menshen_explain::next::{good, json, look, text};

use crate::{EXIT_NO, EXIT_RETRY, out};

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Looks and prints; of each list at most `top`.
pub(crate) fn run(top: usize, form: Form) -> ExitCode {
    let next = match look(top) {
        Ok(next) => next,
        Err(error) => {
            out::complain(&format!(
                "menshen: could not look at the processes\n  detail: {error}\n  hint: /proc has \
                 to be mounted."
            ));
            return ExitCode::from(EXIT_RETRY);
        }
    };
    let paint = match out::stdout_colour() {
        menshen_config::Colour::Plain => Paint::Plain,
        menshen_config::Colour::Ansi => Paint::Ansi,
    };
    let shown = match form {
        Form::Text => text(&next, paint, out::stdout_columns()),
        Form::Json => json(&next),
    };
    out::print(&shown, if good(&next) { 0 } else { EXIT_NO })
}

/// Lines of each list, unless asked otherwise.
pub(crate) const TOP: usize = 10;
