//! Lines of a terminal: breaking, marks, colours.

use std::fmt::Write as _;

use super::super::scene::Mark;
use crate::certificate::Paint;

/// How text stands out. Only with colours; nothing is said by it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Odd,
    /// Readable on the way.
    Clear,
    /// Encrypted.
    Sealed,
}

/// The text as it grows.
#[derive(Debug)]
pub(super) struct Page {
    out: String,
    paint: Paint,
}

impl Page {
    pub(super) const fn new(paint: Paint) -> Self {
        Self { out: String::new(), paint }
    }

    pub(super) fn done(self) -> String {
        self.out
    }

    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.put("", "", text, Style::Strong);
    }

    /// A line across the page with a word in it.
    pub(super) fn rule(&mut self, word: &str) {
        let rest = COLUMNS.saturating_sub(columns(word) + 4);
        let _ = writeln!(self.out, "── {word} {}", "─".repeat(rest));
    }

    /// Text, broken; `first` before its first line, `next` before the others.
    pub(super) fn put(&mut self, first: &str, next: &str, text: &str, style: Style) {
        let room = COLUMNS.saturating_sub(columns(first).max(columns(next)));
        for (number, line) in broken(text, room).iter().enumerate() {
            let before = if number == 0 { first } else { next };
            let line = self.painted(line, style);
            let _ = writeln!(self.out, "{}", format!("{before}{line}").trim_end());
        }
    }

    /// A painted word, and text that goes on after it.
    pub(super) fn begin(&mut self, word: &str, style: Style, text: &str, next: &str) {
        let lines = broken(&format!("{word}{text}"), COLUMNS - columns(next));
        for (number, line) in lines.iter().enumerate() {
            let painted = match line.strip_prefix(word) {
                Some(rest) if number == 0 => format!("{}{rest}", self.painted(word, style)),
                _ => format!("{next}{line}"),
            };
            let _ = writeln!(self.out, "{painted}");
        }
    }

    /// Text with a tick, a cross or another mark before it.
    pub(super) fn marked(&mut self, indent: &str, mark: Mark, text: &str) {
        let sign = self.painted(sign(mark), mark_style(mark));
        let room = COLUMNS.saturating_sub(columns(indent) + 2);
        for (number, line) in broken(text, room).iter().enumerate() {
            let sign = if number == 0 { &*sign } else { " " };
            let _ = writeln!(self.out, "{indent}{sign} {line}");
        }
    }

    /// A line as it is; what is painted in it comes from [`Page::painted`].
    pub(super) fn raw(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    pub(super) fn painted(&self, text: &str, style: Style) -> String {
        let on = match style {
            _ if self.paint == Paint::Plain || text.is_empty() => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Strong => "\x1b[1m",
            Style::Faint => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Bad => "\x1b[1;31m",
            Style::Odd => "\x1b[33m",
            Style::Clear => "\x1b[33m",
            Style::Sealed => "\x1b[36m",
        };
        format!("{on}{text}\x1b[0m")
    }
}

/// The sign of a mark.
pub(super) const fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "✓",
        Mark::Bad => "✗",
        Mark::Differs => "≠",
        Mark::Unknown => "?",
    }
}

pub(super) const fn mark_style(mark: Mark) -> Style {
    match mark {
        Mark::Good => Style::Good,
        Mark::Bad => Style::Bad,
        Mark::Differs | Mark::Unknown => Style::Odd,
    }
}

/// Broken at spaces into lines of at most `room` columns; a longer word is cut. At least one line.
pub(super) fn broken(text: &str, room: usize) -> Vec<String> {
    let room = room.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = columns(word);
        if used > 0 && used + 1 + width > room {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        if width <= room {
            line.push_str(word);
            used += width;
            continue;
        }
        for character in word.chars() {
            let wide = column(character);
            if used + wide > room {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
            used += wide;
        }
    }
    lines
}

/// Columns a text takes in a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// Two for the scripts of East Asia and pictures (Unicode's East Asian Width, roughly).
const fn column(character: char) -> usize {
    match character {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Columns of a line.
pub(super) const COLUMNS: usize = 100;
