//! `menshen drill oom`: says what will be done, has it done, shows what came of it.

use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;

use menshen_watch::drill::{self, DrillError, Options, Report, Told, Verdict};
use serde::Serialize;

use crate::cli::{HogArguments, OomDrillArguments};
use crate::{EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

/// Runs the drill and prints its report.
pub(crate) fn oom(arguments: &OomDrillArguments) -> ExitCode {
    let options = Options { memory_bytes: arguments.memory << 20 };
    let terminal = std::io::stderr().is_terminal();
    let mut tell = |told: Told<'_>| match told {
        Told::Plan(text) => out::complain(&format!("menshen drill oom: {text}.")),
        Told::Progress(text) if terminal => out::complain(&format!("  {text} …")),
        Told::Progress(_) => {}
    };
    let report = match drill::run(&options, &mut tell) {
        Ok(report) => report,
        Err(error) => return failure(&error),
    };
    let shown = if arguments.json { json(&report) } else { text(&report, out::stdout_columns()) };
    out::print(&shown, if report.is_good() { 0 } else { EXIT_NO })
}

/// The hidden role.
pub(crate) fn hog(arguments: &HogArguments) -> ExitCode {
    drill::hog(&arguments.name)
}

fn failure(error: &DrillError) -> ExitCode {
    let source = std::error::Error::source(error);
    let detail = source.map(|source| format!("\n  detail: {source}")).unwrap_or_default();
    out::complain(&format!("menshen: {error}{detail}"));
    ExitCode::from(match error {
        DrillError::LocalInterrupted | DrillError::LocalLate { .. } => EXIT_RETRY,
        DrillError::Local { .. } => EXIT_PERMANENT,
    })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    drill: &'static str,
    all_proved: bool,
    #[serde(flatten)]
    report: &'a Report,
}

fn json(report: &Report) -> String {
    let answer = Answer { drill: "oom", all_proved: report.is_good(), report };
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n"
}

/// The table, then what is missing with what would help.
fn text(report: &Report, columns: usize) -> String {
    let mut text = headline(report);
    let names = report.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let words = report.lines.iter().map(|line| line.verdict.word().len()).max().unwrap_or(0);
    let indent = names + words + 4;
    for line in &report.lines {
        let _ = write!(text, "{:names$}  {:words$}  ", line.name, line.verdict.word());
        text.push_str(&wrapped(&line.claim, indent, columns));
        for evidence in &line.evidence {
            text.push_str(&" ".repeat(indent));
            text.push_str("- ");
            text.push_str(&wrapped(evidence, indent + 2, columns));
        }
    }
    let mut told = Vec::new();
    for finding in report.lines.iter().filter_map(|line| line.finding.as_ref()) {
        // One cause may keep several things from being tried; its remedy is told once.
        if told.contains(&finding.code) {
            continue;
        }
        told.push(finding.code);
        let severity = finding.severity.word();
        let head = format!("{severity}: {} [{}]", finding.claim, finding.code);
        let _ = write!(text, "\n{}", wrapped(&head, 2, columns));
        let hint = format!("hint: {}", finding.hint);
        let _ = write!(text, "  {}", wrapped(&hint, 2, columns));
    }
    text
}

fn headline(report: &Report) -> String {
    let count = |verdict| report.count(verdict);
    let mut parts = vec![format!("{} proved", count(Verdict::Proved))];
    let others = [
        (Verdict::DoneWithout, "done without"),
        (Verdict::NotPermitted, "not permitted here"),
        (Verdict::Failed, "FAILED"),
    ];
    for (verdict, word) in others {
        match count(verdict) {
            0 => {}
            number => parts.push(format!("{number} {word}")),
        }
    }
    let memory = report.memory_bytes >> 20;
    format!("out of memory in a group of {memory} MiB: {}\n\n", parts.join(", "))
}

/// `text` broken between words, so that no line is wider than `columns`; lines behind the first
/// begin at `indent`.
fn wrapped(text: &str, indent: usize, columns: usize) -> String {
    let width = columns.saturating_sub(indent).max(COLUMNS_MIN);
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out.push('\n');
    out
}

/// Narrower than that nothing can be read.
const COLUMNS_MIN: usize = 30;

#[cfg(test)]
mod tests {
    //! Lines that are broken.
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_keep_their_place() {
        let broken = wrapped(&"seven77 ".repeat(9), 4, 40);
        assert!(broken.lines().all(|line| line.chars().count() <= 40), "{broken}");
        assert!(broken.lines().skip(1).all(|line| line.starts_with("    seven77")), "{broken}");
        assert_eq!(broken.split_whitespace().count(), 9);
        let long = "x".repeat(90);
        assert_eq!(wrapped(&long, 0, 40), format!("{long}\n"), "a word is never broken");
    }
}
