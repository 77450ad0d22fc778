//! A problem as text for people: place, message, the line with a caret, hint.
//!
//! The quoted line is untrusted: control and direction characters never reach the terminal, and a
//! long line is cut around the caret.

use std::fmt::Write as _;

use menshen_base::Severity;

use crate::problem::{BYTE_ORDER_MARK, Problem, position};

mod width;

#[cfg(test)]
mod tests;

/// Whether the text carries ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Plain,
    /// ANSI colours, for a terminal.
    Ansi,
}

/// One problem of `text`, several lines, each ended by a newline.
///
/// ```text
/// menshen.toml:7:3: error: unknown key "lisen"
///   |
/// 7 |   lisen = ["0.0.0.0:443"]
///   |   ^^^^^
///   hint: did you mean "listen"?
/// ```
#[must_use]
pub fn render(problem: &Problem, file_name: &str, text: &str, colour: Colour) -> String {
    let mut out = String::new();
    let style = Style { colour };
    let file_name: String = file_name.chars().map(width::harmless).collect();
    let place = match problem.line {
        0 => file_name,
        line => format!("{file_name}:{line}:{}", problem.column),
    };
    let (word, code) = match problem.severity {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
        Severity::Note => ("note", BLUE),
    };
    style.paint(&mut out, BOLD, &format!("{place}: "));
    style.paint(&mut out, code, &format!("{word}:"));
    let _ = writeln!(out, " {}", problem.message);
    if problem.line > 0 {
        snippet(&mut out, problem, text, &style, code);
    }
    if !problem.hint.is_empty() {
        out.push_str("  ");
        style.paint(&mut out, BLUE, "hint:");
        let _ = writeln!(out, " {}", problem.hint);
    }
    out
}

/// How many there are, such as `2 errors, 1 warning`; empty for none.
#[must_use]
pub fn summary(problems: &[Problem]) -> String {
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let counts = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = counts
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    words.join(", ")
}

fn snippet(out: &mut String, problem: &Problem, text: &str, style: &Style, code: &str) {
    let start = text.floor_char_boundary(problem.span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let marked_end = text.floor_char_boundary(problem.span.end).clamp(start, line_end);
    // The place and the snippet must not disagree, whoever made the problem.
    let line = position(text, start).0;
    let content = |from: usize, to: usize| {
        let part = &text[from..to];
        let part = if to == line_end { part.strip_suffix('\r').unwrap_or(part) } else { part };
        if from == 0 { part.trim_start_matches(BYTE_ORDER_MARK) } else { part }
    };
    let before = width::cells(content(line_start, start), 0);
    let marked = width::cells(content(start, marked_end), width::total(&before));
    let so_far = width::total(&before) + width::total(&marked);
    let after = width::cells(content(marked_end, line_end), so_far);

    let (before, cut_before) = width::last_columns(&before, BEFORE_COLUMNS_MAX);
    let (marked, cut_marked) = width::first_columns(&marked, MARKED_COLUMNS_MAX);
    let room = if cut_marked { 0 } else { AFTER_COLUMNS_MAX };
    let (after, cut_after) = width::first_columns(&after, room);

    let mut shown = String::new();
    shown.push_str(if cut_before { "…" } else { "" });
    shown.push_str(&before.text);
    let indent = usize::from(cut_before) + before.columns;
    shown.push_str(&marked.text);
    shown.push_str(&after.text);
    shown.push_str(if cut_marked || cut_after { "…" } else { "" });

    let gutter = line.to_string();
    let blank = " ".repeat(gutter.len());
    style.paint(out, BLUE, &format!("{blank} |"));
    out.push('\n');
    style.paint(out, BLUE, &format!("{gutter} |"));
    let shown = shown.trim_end();
    let _ = writeln!(out, "{}{shown}", if shown.is_empty() { "" } else { " " });
    style.paint(out, BLUE, &format!("{blank} |"));
    out.push(' ');
    out.push_str(&" ".repeat(indent));
    style.paint(out, code, &"^".repeat(marked.columns.max(1)));
    out.push('\n');
}

struct Style {
    colour: Colour,
}

impl Style {
    fn paint(&self, out: &mut String, code: &str, text: &str) {
        match self.colour {
            Colour::Plain => out.push_str(text),
            Colour::Ansi => {
                let _ = write!(out, "\u{1b}[{code}m{text}\u{1b}[0m");
            }
        }
    }
}

const BOLD: &str = "1";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;36";
const BEFORE_COLUMNS_MAX: usize = 60;
const MARKED_COLUMNS_MAX: usize = 60;
const AFTER_COLUMNS_MAX: usize = 40;
