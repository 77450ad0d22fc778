//! What the TOML parser does not go on after is blanked, so that the rest of a text is still read.
//!
//! Blanking keeps every place: a line becomes spaces, never shorter. It is a guess at what was
//! meant and used for finding problems alone, never for a configuration.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use super::{Fault, Leaves, line_from, line_of, next_header};

/// A text the TOML parser reads to its end, and what was wrong with the blanked parts.
#[derive(Debug)]
pub(crate) struct Readable<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) faults: Vec<Fault>,
}

/// Blanks a key without `=`, after which the parser stops; a table header without its bracket,
/// with the keys below it, which would be taken for keys of another table; and a list without its
/// bracket, which would swallow the keys below it.
pub(crate) fn readable(text: &str) -> Readable<'_> {
    let mut readable = Readable { text: Cow::Borrowed(text), faults: Vec::new() };
    for _ in 0..ROUNDS_MAX {
        let blanked = round(text, &mut readable);
        if blanked.is_empty() {
            break;
        }
        readable.text = Cow::Owned(blank(&readable.text, &blanked));
    }
    readable
}

fn round(text: &str, readable: &mut Readable<'_>) -> Vec<Range<usize>> {
    let (table, errors) = DeTable::parse_recoverable(&readable.text);
    let mut faults: Vec<Fault> = errors.iter().map(Fault::of).collect();
    faults.sort_by_key(|fault| fault.span.start);
    let leaves = if faults.is_empty() { Leaves::default() } else { Leaves::of(table.get_ref()) };
    let mut blanked = Vec::new();
    let mut judged = 0;
    let mut line = 0..0;
    for fault in faults {
        let at = fault.span.start;
        if at < judged {
            continue;
        }
        line = line_from(line, text, at);
        if fault.message.starts_with("key with no value") {
            judged = line.end + 1;
            blanked.push(line.clone());
            readable.faults.push(fault);
        } else if ["unclosed table", "unclosed array table"]
            .iter()
            .any(|start| fault.message.starts_with(start))
        {
            let end = next_header(text, line.end);
            judged = end + 1;
            blanked.push(line.start..end);
            readable.faults.push(fault);
        } else if let Some(list) = leaves.at(at) {
            judged = list.end + 1;
            if let Some(end) = swallowed(&readable.text, &list) {
                blanked.push(line_of(text, list.start).start..end);
                let span = list.start..list.start + 1;
                readable.faults.push(Fault { span, message: LIST_NOT_CLOSED.into() });
            }
        }
    }
    blanked
}

/// The end of the line before the first key or header that a list without `]` swallowed. Only
/// what stands at the very start of a line is taken for one: tables inside lists are indented.
fn swallowed(text: &str, list: &Range<usize>) -> Option<usize> {
    let inside = text.get(list.clone()).filter(|inside| inside.starts_with('['))?;
    let mut offset = list.start;
    for line in inside.split_inclusive('\n') {
        let name = line.trim_start_matches('[').trim_start_matches(|c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
        });
        let key = !line.starts_with('[') && name.trim_start().starts_with('=');
        let named = line.trim_start_matches('[').starts_with(|c: char| c.is_ascii_alphabetic());
        let header = line.starts_with('[') && named && name.starts_with(']');
        if offset > list.start && (key || header) {
            return Some(offset - 1);
        }
        offset += line.len();
    }
    None
}

/// Spaces in place of everything but line ends; `ranges` are in order and apart.
fn blank(text: &str, ranges: &[Range<usize>]) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut ranges = ranges.iter().peekable();
    for (at, c) in text.char_indices() {
        while ranges.next_if(|range| range.end < at).is_some() {}
        let inside = ranges.peek().is_some_and(|range| range.contains(&at));
        if inside && !matches!(c, '\n' | '\r') {
            blanked.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            blanked.push(c);
        }
    }
    blanked
}

/// Message of a list without its bracket.
pub(super) const LIST_NOT_CLOSED: &str = "the list is not closed";

/// Each round may let something be seen that was hidden before.
const ROUNDS_MAX: usize = 8;
