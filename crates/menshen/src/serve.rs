//! `menshen serve`: hands over to the guard.

use std::process::ExitCode;

use menshen_guard::{Print, ServeOptions};

use crate::cli::ServeArguments;

pub(crate) fn run(arguments: ServeArguments) -> ExitCode {
    let print = if arguments.quiet { Print::Quiet } else { Print::Full };
    menshen_guard::serve(ServeOptions { source: arguments.source(), print })
}
