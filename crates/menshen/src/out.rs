//! Printing of the commands that answer and end. A reader that went away ends the command quietly.
//!
//! What is printed may hold words of strangers. Those who made the text have escaped what steers a
//! terminal; what turns the direction of writing, or begins a control sequence without an escape
//! character, is never wanted and written out here, in the way of JSON, which leaves it as it is.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use menshen_config::Colour;

/// Prints to standard output; gives `code`, unless the output failed for another reason than a
/// reader that went away.
pub(crate) fn print(text: &str, code: u8) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(upright(text).as_bytes()).and_then(|()| stdout.flush()) {
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
    let _ = writeln!(std::io::stderr(), "{}", upright(text));
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

/// Findings with their lines broken for the terminal, further lines below the text of the first;
/// for a file as they are, so that a search finds whole sentences.
pub(crate) fn folded(text: &str) -> String {
    if std::io::stdout().is_terminal() { fold(text, stdout_columns()) } else { text.to_owned() }
}

fn fold(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let indent = match line.trim_start_matches(' ') {
            // Rows of a table stay whole.
            inner if !FOLDED.iter().any(|start| unpainted(inner).starts_with(start)) => {
                out.push_str(line);
                continue;
            }
            inner => line.len() - inner.len() + 2,
        };
        let mut used = 0;
        for word in line.split(' ') {
            let length = unpainted(word.trim_end_matches('\n')).chars().count();
            if used > indent && used + 1 + length > columns {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                used = indent;
            } else if !std::ptr::eq(word.as_ptr(), line.as_ptr()) {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += length;
        }
    }
    out
}

/// Without the colours.
fn unpainted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, piece) in text.split("\x1b[").enumerate() {
        out.push_str(match number {
            0 => piece,
            _ => piece.split_once('m').map_or(piece, |(_, rest)| rest),
        });
    }
    out
}

/// Colours for standard error.
pub(crate) fn stderr_colour() -> Colour {
    colour(std::io::stderr().is_terminal())
}

fn colour(terminal: bool) -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if terminal && !refused { Colour::Ansi } else { Colour::Plain }
}

/// `text` with marks of direction and the control characters above ASCII written out.
fn upright(text: &str) -> Cow<'_, str> {
    let unfit = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(unfit) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if unfit(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// How the lines of a finding begin.
const FOLDED: [&str; 6] = ["error:", "warning:", "note:", "about:", "evidence:", "hint:"];
const COLUMNS_MIN: usize = 60;
const COLUMNS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    //! What is written out, and that JSON stays the same.
    use super::*;

    #[test]
    fn findings_are_folded_and_tables_are_not() {
        let text =
            "\u{1b}[1merror\u{1b}[0m: aa bb cc dd\n  hint: ee ff gg hh\na table is left as it is\n";
        let folded = fold(text, 14);
        assert_eq!(
            folded,
            "\u{1b}[1merror\u{1b}[0m: aa bb\n  cc dd\n  hint: ee ff\n    gg hh\n\
             a table is left as it is\n"
        );
        assert_eq!(fold(text, 100), text);
    }

    #[test]
    fn nothing_turns_the_line_around_and_json_stays_json() {
        let plain = "\u{1b}[1mwörter\u{1b}[0m\n";
        assert!(matches!(upright(plain), Cow::Borrowed(same) if same == plain));
        let foreign = "a\\\u{202e}b\u{9b}31m\u{7f}\u{2066}";
        assert_eq!(upright("x\u{202e}y"), "x\\u202ey");
        let json = serde_json::to_string(foreign).unwrap();
        let shown = upright(&json);
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), foreign);
    }
}
