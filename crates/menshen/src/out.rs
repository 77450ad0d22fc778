//! Printing of the commands that answer and end. A reader that went away ends the command quietly.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use menshen_config::Colour;

/// Prints to standard output; gives `code`, unless the output failed for another reason than a
/// reader that went away.
pub(crate) fn print(text: &str, code: u8) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("menshen: could not write the answer: {error}"));
            ExitCode::from(crate::EXIT_PERMANENT)
        }
        _ => ExitCode::from(code),
    }
}

/// Prints a line to standard error.
pub(crate) fn complain(text: &str) {
    // Nobody is left to be told.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Colours for standard output.
pub(crate) fn stdout_colour() -> Colour {
    colour(std::io::stdout().is_terminal())
}

/// Columns to write into standard output: the terminal's, between 60 and 100; 100 for a file.
pub(crate) fn stdout_columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    // Some terminals know no size and say 0.
    let columns = size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns != 0);
    columns.map_or(COLUMNS_MAX, |columns| columns.clamp(COLUMNS_MIN, COLUMNS_MAX))
}

/// Colours for standard error.
pub(crate) fn stderr_colour() -> Colour {
    colour(std::io::stderr().is_terminal())
}

fn colour(terminal: bool) -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if terminal && !refused { Colour::Ansi } else { Colour::Plain }
}

const COLUMNS_MIN: usize = 60;
const COLUMNS_MAX: usize = 100;
