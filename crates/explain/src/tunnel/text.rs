//! What is told, for people: the core's text with the findings of the capture, and colours.
//!
//! Texts of peers were escaped where they were read; colours say nothing that words do not.

use std::fmt::Write as _;

use menshen_explain_core::tunnel::live::steps;
use menshen_explain_core::tunnel::text as core;

use super::Told;
use crate::certificate::Paint;

/// As text, with a line end.
#[must_use]
pub fn text(told: &Told, paint: Paint) -> String {
    let mut out = String::new();
    if let (Some(live), Some(verdict)) = (&told.live, &told.verdict) {
        let seconds = live.took_ms / 1000;
        let _ = writeln!(out, "{}, {seconds}.{} s", live.host, live.took_ms % 1000 / 100);
        core::steps(&steps(live, &told.report), &mut out);
        out.push('\n');
        core::verdict(verdict, &mut out);
        for found in &told.findings {
            core::finding(found, &mut out);
        }
        if told.report.counts.packets > 0 {
            out.push_str("\nwhat passed on this host's interface:\n");
            out.push_str(&core::text(&told.report));
        }
    } else {
        out = core::text(&told.report);
        for found in &told.findings {
            out.push('\n');
            core::finding(found, &mut out);
        }
    }
    painted(&out, paint)
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
const COLOURS: [(&str, &str); 7] = [
    ("well ", "\x1b[32m"),
    ("FAILS", "\x1b[1;31m"),
    ("error:", "\x1b[1;31m"),
    ("warning:", "\x1b[1;33m"),
    ("note:", "\x1b[1;32m"),
    ("hint:", "\x1b[1m"),
    ("call ", "\x1b[1m"),
];
