//! The story for people: what happened, the timeline, causes and remedies, what may be missing.
//!
//! Every name and path may be a stranger's: [`shown`] is the only way of foreign text onto the
//! page.

mod recorder;
mod timeline;

use std::fmt::Write as _;

use menshen_base::{Finding, Severity};
use menshen_explain_core::oom::Completeness;

use super::Story;
use crate::certificate::{Paint, shown};
use crate::words::broken;

/// The story as text, in lines of at most `columns` where words allow it.
#[must_use]
pub fn text(story: &Story, paint: Paint, columns: usize) -> String {
    let mut page = Page { out: String::new(), paint, columns };
    page.put("", &story.report.headline, Style::Strong);
    timeline::timeline(&story.night, &mut page);
    for finding in &story.report.findings {
        page.finding(finding);
    }
    // With nothing to tell, the headline has said all.
    if !story.is_quiet() {
        completeness(&story.report.completeness, &mut page);
    }
    if let Some(recorded) = &story.recorded {
        recorder::recorder(recorded, &mut page);
    }
    page.out
}

/// `complete: …`, or why not.
fn completeness(seen: &Completeness, page: &mut Page) {
    let number = |count: u64, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let mut facts = vec![
        number(seen.processes, "process killed", "processes killed"),
        number(seen.lines, "line read", "lines read"),
    ];
    if seen.kills != seen.processes {
        facts.insert(1, number(seen.kills, "kill line", "kill lines"));
    }
    if let Some(counter) = seen.kernel_counter {
        facts.push(format!("the kernel counted {counter}"));
    }
    let facts = facts.join(", ");
    page.gap();
    if seen.complete {
        let proof = match seen.kernel_counter {
            Some(_) => "",
            None => "; nothing in the log says that anything is missing",
        };
        page.put("complete: ", &format!("{facts}{proof}"), Style::Good);
        return;
    }
    page.put("not complete: ", &facts, Style::Odd);
    for doubt in &seen.doubts {
        page.put("  - ", doubt, Style::Plain);
    }
}

/// How text stands out. Only with colours; nothing is said by it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Odd,
    Bad,
}

/// The text as it grows.
pub(super) struct Page {
    out: String,
    paint: Paint,
    columns: usize,
}

impl Page {
    fn gap(&mut self) {
        self.out.push('\n');
    }

    /// Text, broken into lines; further lines stand below the text of the first.
    fn put(&mut self, title: &str, text: &str, style: Style) {
        let indent = title.chars().count();
        let room = self.columns.saturating_sub(indent);
        for (number, line) in broken(&shown(text), room).iter().enumerate() {
            let line = self.painted(line, style);
            let _ = match number {
                0 => writeln!(self.out, "{title}{line}"),
                _ => writeln!(self.out, "{:indent$}{line}", ""),
            };
        }
    }

    /// A line that is as long as it is. Its parts are shown before.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    fn painted(&self, text: &str, style: Style) -> String {
        let on = match style {
            Style::Plain => "",
            Style::Strong => "\x1b[1m",
            Style::Faint => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Odd => "\x1b[33m",
            Style::Bad => "\x1b[31m",
        };
        match self.paint {
            Paint::Ansi if !on.is_empty() && !text.is_empty() => format!("{on}{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let style = match finding.severity {
            Severity::Error => Style::Bad,
            Severity::Warning => Style::Odd,
            Severity::Note => Style::Strong,
        };
        self.gap();
        let word = self.painted(finding.severity.word(), style);
        let indent = 2;
        let claim =
            format!("{}: {} [{}]", finding.severity.word(), shown(&finding.claim), finding.code);
        for (number, line) in broken(&claim, self.columns - indent).iter().enumerate() {
            let rest = line.strip_prefix(finding.severity.word()).filter(|_| number == 0);
            let _ = match rest {
                Some(rest) => writeln!(self.out, "{word}{rest}"),
                None => writeln!(self.out, "{:indent$}{line}", ""),
            };
        }
        for evidence in &finding.evidence {
            let what = format!("{}: {} ({})", evidence.what, evidence.value, evidence.place);
            self.put("    ", &what, Style::Faint);
        }
        if !finding.hint.is_empty() {
            self.put("  hint: ", &finding.hint, Style::Plain);
        }
    }
}

#[cfg(test)]
mod tests;
