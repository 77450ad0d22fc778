//! The explanation for people: what decides in a few rows, the findings, then all the details.
//!
//! Every value may be a stranger's: [`shown`] is the only way of text into the card, so no control
//! character and no invisible one reaches a terminal.

mod rows;

use std::fmt::Write as _;

use menshen_base::{Finding, Severity};

use super::Explanation;
use crate::words::broken;

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// None.
    Plain,
    /// ANSI colours.
    Ansi,
}

/// The explanation as text, in lines of at most `columns` where words allow it.
#[must_use]
pub fn text(explanation: &Explanation, paint: Paint, columns: usize) -> String {
    let mut card = Card { out: String::new(), paint, columns };
    rows::summary(explanation, &mut card);
    for finding in &explanation.findings {
        card.finding(finding);
    }
    rows::details(explanation, &mut card);
    card.out
}

/// A column of titles and a column of lines.
struct Card {
    out: String,
    paint: Paint,
    columns: usize,
}

/// How a line is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    Bad,
    Odd,
    None,
}

impl Card {
    /// A row; further ones of the same title have an empty one. Long lines are broken.
    fn row(&mut self, title: &str, line: &str) {
        self.marked(title, Mark::None, line);
    }

    fn marked(&mut self, title: &str, mark: Mark, line: &str) {
        let (sign, colour) = match mark {
            Mark::Good => ("\u{2713} ", "\x1b[32m"),
            Mark::Bad => ("\u{2717} ", "\x1b[31m"),
            Mark::Odd => ("? ", "\x1b[33m"),
            Mark::None => ("", ""),
        };
        let (on, off) = match self.paint {
            Paint::Ansi if !colour.is_empty() => (colour, "\x1b[0m"),
            _ => ("", ""),
        };
        let lines = broken(&shown(line), self.columns - TITLE_COLUMNS - sign.chars().count());
        for (number, part) in lines.iter().enumerate() {
            let title = if number == 0 { title } else { "" };
            let sign = if number == 0 {
                format!("{on}{sign}{off}")
            } else {
                " ".repeat(sign.chars().count())
            };
            let _ =
                writeln!(self.out, "{}", format!("{title:TITLE_COLUMNS$}{sign}{part}").trim_end());
        }
    }

    /// A line that is drawn, not broken.
    fn drawn(&mut self, title: &str, line: &str) {
        let _ = writeln!(self.out, "{title:TITLE_COLUMNS$}{}", shown(line));
    }

    fn headline(&mut self, word: &str, rest: &str) {
        let (on, off) = match self.paint {
            Paint::Plain => ("", ""),
            Paint::Ansi => ("\x1b[1m", "\x1b[0m"),
        };
        let _ = writeln!(self.out, "{on}{}{off}{}", shown(word), shown(rest));
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn finding(&mut self, finding: &Finding) {
        let (on, off) = match (self.paint, finding.severity) {
            (Paint::Plain, _) => ("", ""),
            (Paint::Ansi, Severity::Error) => ("\x1b[1;31m", "\x1b[0m"),
            (Paint::Ansi, Severity::Warning) => ("\x1b[1;33m", "\x1b[0m"),
            (Paint::Ansi, Severity::Note) => ("\x1b[1m", "\x1b[0m"),
        };
        let word = finding.severity.word();
        let claim = format!("{word}: {} [{}]", shown(&finding.claim), finding.code);
        self.gap();
        for (number, line) in broken(&claim, self.columns - 2).iter().enumerate() {
            let _ = match line.strip_prefix(word).filter(|_| number == 0) {
                Some(rest) => writeln!(self.out, "{on}{word}{off}{rest}"),
                None => writeln!(self.out, "  {line}"),
            };
        }
        self.hanging("about", &finding.subject);
        for evidence in &finding.evidence {
            let value = if evidence.value.is_empty() { "(empty)" } else { &evidence.value };
            self.hanging("evidence", &format!("{} = {value} ({})", evidence.what, evidence.place));
        }
        if !finding.hint.is_empty() {
            self.hanging("hint", &finding.hint);
        }
    }

    /// `  word: text`, further lines below the text.
    fn hanging(&mut self, word: &str, text: &str) {
        let indent = word.len() + 4;
        for (number, line) in broken(&shown(text), self.columns - indent).iter().enumerate() {
            let _ = match number {
                0 => writeln!(self.out, "  {word}: {line}"),
                _ => writeln!(self.out, "{:indent$}{line}", ""),
            };
        }
    }
}

/// Fit for a terminal: control characters, and those that turn or hide text, are written out.
pub(crate) fn shown(text: &str) -> String {
    let invisible = |c: char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{ad}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

const TITLE_COLUMNS: usize = 13;

#[cfg(test)]
mod tests {
    //! Strangers' text stays text.
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        let bad = "a\x1b[2Jb\u{9b}c\r\n\u{202e}d\u{200b}\u{7f}";
        let text = shown(bad);
        assert_eq!(text, "a\\u{1b}[2Jb\\u{9b}c\\r\\n\\u{202e}d\\u{200b}\\u{7f}");
        let mut card = Card { out: String::new(), paint: Paint::Plain, columns: 100 };
        card.marked("title", Mark::Good, bad);
        card.drawn("title", bad);
        card.headline(bad, bad);
        card.finding(
            &Finding::new("x", Severity::Note, bad, bad).evidence(bad, bad, bad).hint(bad),
        );
        assert!(card.out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", card.out);
        assert!(!card.out.contains('\u{202e}'));
    }

    #[test]
    fn long_lines_are_broken_at_spaces() {
        assert_eq!(broken("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(broken("aaaaaaaa b", 5), ["aaaaaaaa", "b"]);
        assert_eq!(broken("", 5), [""]);
    }
}
