//! What is told, for people: the core's text with the findings of the capture, and colours.
//!
//! Texts of peers were escaped where they were read; colours say nothing that words do not.

use std::fmt::Write as _;

use menshen_base::Finding;
use menshen_explain_core::tunnel::text::text as calls;

use super::Told;
use crate::certificate::{Paint, shown};

/// As text, with a line end.
#[must_use]
pub fn text(told: &Told, paint: Paint) -> String {
    let mut out = calls(&told.report);
    for found in &told.findings {
        out.push('\n');
        finding(found, &mut out);
    }
    painted(&out, paint)
}

fn finding(found: &Finding, out: &mut String) {
    let Finding { severity, code, claim, evidence, hint, .. } = found;
    let _ = writeln!(out, "{}: {} [{code}]", severity.word(), shown(claim));
    for evidence in evidence {
        let (what, place) = (shown(&evidence.what), shown(&evidence.place));
        let _ = writeln!(out, "  {what} ({place}): {}", shown(&evidence.value));
    }
    if !hint.is_empty() {
        let _ = writeln!(out, "  hint: {}", shown(hint));
    }
}

/// The first word of a finding, and the heads of calls, stand out.
fn painted(text: &str, paint: Paint) -> String {
    if paint == Paint::Plain {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 256);
    for line in text.split_inclusive('\n') {
        let inner = line.trim_start_matches(' ');
        let colour = COLOURS.iter().find(|(word, _)| inner.starts_with(word));
        match colour {
            Some((word, colour)) => {
                let indent = line.len() - inner.len();
                let rest = inner.get(word.len()..).unwrap_or_default();
                let _ = write!(out, "{:indent$}{colour}{word}\x1b[0m{rest}", "");
            }
            None => out.push_str(line),
        }
    }
    out
}

/// How lines begin that stand out, and their colours.
const COLOURS: [(&str, &str); 5] = [
    ("error:", "\x1b[1;31m"),
    ("warning:", "\x1b[1;33m"),
    ("note:", "\x1b[1;32m"),
    ("hint:", "\x1b[1m"),
    ("call ", "\x1b[1m"),
];
