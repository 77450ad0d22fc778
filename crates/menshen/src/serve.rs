//! `menshen serve`: hands over to the guard.

use std::process::ExitCode;

use menshen_guard::{Print, ServeOptions};
use menshen_tunnel::server::users::parse;

use crate::cli::ServeArguments;

pub(crate) fn run(arguments: ServeArguments) -> ExitCode {
    let print = if arguments.quiet { Print::Quiet } else { Print::Full };
    let users = |octets: &[u8]| match parse(octets) {
        Ok(_) => Ok(()),
        Err(problem) => Err(problem.to_string()),
    };
    menshen_guard::serve(ServeOptions { source: arguments.source(), print, users })
}
