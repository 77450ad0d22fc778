//! The answer for people: the fix first, then what the visitor gets, group by group. Nothing of the
//! page reaches the terminal unescaped.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::classify::Outcome;
use super::kind::Spec;
use super::report::{Edit, Report, Row};

/// All of it.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    fix(report, &mut out);
    let mut rest: &[Row] = &report.references;
    while let Some(first) = rest.first() {
        let outcome = first.reference.outcome;
        let end = rest.iter().position(|row| row.reference.outcome != outcome);
        let (group, tail) = rest.split_at(end.unwrap_or(rest.len()));
        group_text(report, group, &mut out);
        rest = tail;
    }
    notes(report, &mut out);
    out
}

fn head(report: &Report, out: &mut String) {
    let _ = writeln!(out, "page       {}", shown(&report.page));
    for hop in &report.hops {
        let _ =
            writeln!(out, "redirect   {} {} → {}", hop.status, shown(&hop.from), shown(&hop.to));
    }
    let faults = report.references.iter().filter(|row| row.reference.outcome.is_fault()).count();
    let result = match (faults, report.is_clean()) {
        (0, true) => "nothing on it is loaded without https".to_string(),
        (_, true) => format!("{faults} without https, all repaired by upgrade-insecure-requests"),
        (0, false) => "see below".to_string(),
        (_, false) => {
            let parts = counts(report);
            format!("{faults} of {} addresses are without https: {parts}", report.addresses)
        }
    };
    let _ = writeln!(out, "result     {result}");
    let policy = if report.upgrade_insecure_requests { "in force" } else { "not set" };
    let _ = writeln!(out, "policy     upgrade-insecure-requests is {policy}");
    let all = report.documents.len();
    let read = report.documents.iter().filter(|document| document.fault.is_none()).count();
    let _ = writeln!(out, "read       {read} of {all} documents, {} addresses", report.addresses);
}

/// `8 blocked, 1 insecure form, 64 upgraded`.
fn counts(report: &Report) -> String {
    let mut parts: Vec<(Outcome, usize)> = Vec::new();
    for outcome in report.references.iter().map(|row| row.reference.outcome) {
        match parts.last_mut().filter(|(last, _)| *last == outcome) {
            Some((_, count)) => *count += 1,
            None if outcome.is_fault() => parts.push((outcome, 1)),
            None => {}
        }
    }
    let parts = parts.iter().map(|(outcome, count)| format!("{count} {}", outcome.word()));
    parts.collect::<Vec<_>>().join(", ")
}

fn group_text(report: &Report, group: &[Row], out: &mut String) {
    let Some(outcome) = group.first().map(|row| row.reference.outcome) else { return };
    let most = rows_max(outcome);
    let _ = writeln!(out, "\n{} ({}): {}", outcome.word(), group.len(), sees(outcome));
    for row in group.iter().take(most) {
        let one = &row.reference;
        let _ = writeln!(out, "  {}", shown(&one.url));
        let spec = if one.spec == Spec::NotMixed { "" } else { one.spec.word() };
        let comma = if spec.is_empty() { "" } else { ", " };
        let guess = match one.confidence {
            menshen_base::Confidence::Likely => ", likely",
            menshen_base::Confidence::Certain => "",
        };
        let scripts = if one.without_scripts_only { ", only without scripts" } else { "" };
        let at = shown(&in_page(report, &one.position()));
        let _ = writeln!(out, "    {}{comma}{spec}{guess}{scripts}; {at}", one.place);
        if let Some(twin) = &row.twin {
            let _ = writeln!(out, "    over https: {}", shown(&twin.text()));
        }
    }
    if group.len() > most {
        let _ = writeln!(out, "  … and {} more; --json has all", group.len() - most);
    }
}

/// A position in the page itself needs no address before its line and column.
fn in_page(report: &Report, position: &str) -> String {
    let rest = position.strip_prefix(&*report.page).and_then(|rest| rest.strip_prefix(':'));
    match rest.and_then(|rest| rest.split_once(':')) {
        Some((line, column)) => format!("line {line}, column {column}"),
        None => position.to_string(),
    }
}

/// What is missing on the page is listed further than what the browser mends or leaves alone.
const fn rows_max(outcome: Outcome) -> usize {
    if outcome.is_fault() && !matches!(outcome, Outcome::Upgraded) {
        ROWS_MAX
    } else {
        ROWS_MAX / 2
    }
}

/// What the visitor notices.
const fn sees(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Blocked => "missing on the page; no mark in the address bar",
        Outcome::Refused => "missing on the page, https or not",
        Outcome::InsecureForm => "a mark at its fields, and a warning page before it is sent",
        Outcome::Upgraded => "asked for over https; no mark, and missing where that fails",
        Outcome::AllowedLocal => "loaded in the clear once the visitor permits it",
        Outcome::Allowed => "asked of the visitor's own machine, once the visitor permits it",
        Outcome::Unknown => "depends on what the script does with it",
        Outcome::Navigation => "nothing on this page; people leave https by it",
        Outcome::NotFetched => "nothing in Chromium on a desktop",
    }
}

fn notes(report: &Report, out: &mut String) {
    for finding in &report.findings {
        if !matches!(
            finding.code,
            "page-in-the-clear" | "page-obsolete-policy" | "page-unread" | "page-cut"
        ) {
            continue;
        }
        let word = finding.severity.word();
        let _ = writeln!(out, "\n{word}: {} [{}]", shown(&finding.claim), finding.code);
        let _ = writeln!(out, "  about: {}", shown(&finding.subject));
        for evidence in &finding.evidence {
            let _ = writeln!(out, "  evidence: {} = {}", evidence.what, shown(&evidence.value));
        }
        if !finding.hint.is_empty() {
            let _ = writeln!(out, "  hint: {}", finding.hint);
        }
    }
}

fn fix(report: &Report, out: &mut String) {
    let fix = &report.fix;
    if let Some(header) = &fix.header {
        let all = if fix.edits.is_empty() { "all" } else { "those" };
        let (count, name, value) = (header.repairs, header.name, header.value);
        let _ = writeln!(out, "\nfix: one header repairs {all} {count}");
        let _ = writeln!(out, "  {name}: {value}");
        let _ = writeln!(out, "  in menshen.toml, below [[site]]: {}", header.menshen_toml);
        let _ = writeln!(out, "  or first in the head: {}", header.meta);
    }
    if fix.untested {
        let _ = writeln!(out, "  Not tried: whether https works at these addresses.");
    }
    if fix.edits.is_empty() {
        return;
    }
    let word = if fix.header.is_some() { "and edit" } else { "fix: edit" };
    let _ = writeln!(out, "\n{word}");
    let mut edits: Vec<&Edit> = Vec::new();
    for edit in &fix.edits {
        if !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    for edit in edits.iter().take(ROWS_MAX) {
        let place = match (edit.line, edit.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", edit.document),
            _ => edit.document.clone(),
        };
        let _ = writeln!(out, "  {}", shown(&in_page(report, &place)));
        let _ = writeln!(out, "    - {}", shown(&edit.from));
        if let Some(to) = &edit.to {
            let _ = writeln!(out, "    + {}", shown(to));
        }
        if !edit.advice.is_empty() {
            let _ = writeln!(out, "    {}", edit.advice);
        }
    }
    if edits.len() > ROWS_MAX {
        let _ = writeln!(out, "  … and {} more; --json has all", edits.len() - ROWS_MAX);
    }
}

/// Fit for a terminal: no control character, and no mark that turns the direction of writing.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let turns = matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        if c.is_control() || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Rows of a group in the text.
const ROWS_MAX: usize = 20;

#[cfg(test)]
mod tests;
