//! TOML's own errors: one problem per spoilt value or line, and which parts not to judge further.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};

use crate::problem::{Problems, code, quoted};

mod repair;
#[cfg(test)]
mod tests;

pub(crate) use repair::readable;

/// A syntax error.
#[derive(Debug)]
pub(crate) struct Fault {
    span: Range<usize>,
    message: String,
}

impl Fault {
    fn of(error: &Error) -> Self {
        Self { span: error.span().unwrap_or(0..0), message: error.message().to_owned() }
    }
}

/// The parts of a text that syntax errors spoilt.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    ranges: Vec<Range<usize>>,
    keys_lost: bool,
    everywhere: bool,
}

impl Damage {
    /// Whether something at `span` may read otherwise than it was meant.
    pub(crate) fn covers(&self, span: &Range<usize>) -> bool {
        let meet = |range: &Range<usize>| span.start <= range.end && range.start <= span.end;
        self.everywhere || self.ranges.iter().any(meet)
    }

    /// Whether keys may be missing that were written: then nothing can be said of absent ones.
    pub(super) const fn keys_lost(&self) -> bool {
        self.keys_lost || self.everywhere
    }
}

/// Notes the syntax errors. Later ones inside the same value, or else on the same line, are
/// consequences of the first and left out.
pub(crate) fn report(
    text: &str,
    repaired: Vec<Fault>,
    table: &DeTable<'_>,
    errors: &[Error],
    problems: &mut Problems,
) -> Damage {
    let mut damage = Damage::default();
    let mut faults = repaired;
    faults.extend(errors.iter().map(Fault::of));
    faults.sort_by_key(|fault| fault.span.start);
    let leaves = if faults.is_empty() { Leaves::default() } else { Leaves::of(table) };

    let mut told = BTreeSet::new();
    let mut line = 0..0;
    for Fault { span, message } in faults {
        line = line_from(line, text, span.start);
        let leaf = leaves.at(span.start);
        let place = leaf.as_ref().map_or(line.start, |leaf| leaf.start);
        if told.contains(&line.start) || !told.insert(place) {
            continue;
        }
        told.insert(line.start);
        match leaf {
            _ if damage.ranges.len() >= RANGES_MAX => damage.everywhere = true,
            Some(leaf) => damage.ranges.push(leaf),
            None => {
                damage.keys_lost = true;
                if text[line.clone()].trim_start().starts_with('[') {
                    damage.ranges.push(line.start..next_header(text, line.end));
                }
            }
        }
        note(text, span, &message, problems);
    }
    damage
}

fn note(text: &str, span: Range<usize>, message: &str, problems: &mut Problems) {
    let marked = text.get(span.clone()).unwrap_or_default();
    let (message, hint) = if message.starts_with("string values must be quoted") {
        if marked.is_empty() {
            ("the value is missing after \"=\"".to_owned(), String::new())
        } else {
            (format!("{} is no value", quoted(marked)), value_hint(marked))
        }
    } else if message == "duplicate key" {
        let what = if line_of(text, span.start).start < span.start
            && text[..span.start].ends_with(['[', '.'])
        {
            "table"
        } else {
            "key"
        };
        let hint = format!("each {what} may be written once: join the two");
        (format!("the {what} {} was written before", quoted(marked)), hint)
    } else {
        let hint = match message {
            _ if message.starts_with("key with no value") => {
                "a key and its value are joined by \"=\""
            }
            repair::LIST_NOT_CLOSED => "end it with \"]\"",
            _ => "",
        };
        (message.replace("`\"`", "a quote").replace('`', "\""), hint.to_owned())
    };
    problems.error(code::SYNTAX, "", span, message).hint(hint);
}

fn value_hint(marked: &str) -> String {
    match marked.trim().to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" => "write true".into(),
        "no" | "off" | "false" => "write false, or \"off\" where a word is asked for".into(),
        _ => format!("text is written in quotes: {}", quoted(marked.trim())),
    }
}

/// Places of all values that are no tables, in order.
#[derive(Debug, Default)]
struct Leaves(Vec<Range<usize>>);

impl Leaves {
    fn of(table: &DeTable<'_>) -> Self {
        let mut leaves = Self::default();
        leaves.collect(table);
        leaves.0.sort_by_key(|leaf| leaf.start);
        leaves
    }

    fn at(&self, offset: usize) -> Option<Range<usize>> {
        let next = self.0.partition_point(|leaf| leaf.start <= offset);
        self.0[..next].last().filter(|leaf| offset <= leaf.end).cloned()
    }

    fn collect(&mut self, table: &DeTable<'_>) {
        for (_, value) in table {
            match value.get_ref() {
                DeValue::Table(inner) => self.collect(inner),
                DeValue::Array(array) if is_table_array(array) => {
                    for inner in array.iter().filter_map(|value| value.get_ref().as_table()) {
                        self.collect(inner);
                    }
                }
                _ => self.0.push(value.span()),
            }
        }
    }
}

fn is_table_array(array: &toml::de::DeArray<'_>) -> bool {
    array.iter().all(|value| value.get_ref().is_table()) && !array.is_empty()
}

/// The line of `offset`, which is often the line that was asked for before.
fn line_from(before: Range<usize>, text: &str, offset: usize) -> Range<usize> {
    if before.contains(&offset) { before } else { line_of(text, offset) }
}

fn line_of(text: &str, offset: usize) -> Range<usize> {
    let offset = text.floor_char_boundary(offset);
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |newline| offset + newline);
    start..end
}

/// Where the next table header at the start of a line begins, after `from`.
fn next_header(text: &str, from: usize) -> usize {
    let mut offset = from;
    for line in text[from..].split_inclusive('\n') {
        if offset > from && line.trim_start().starts_with('[') {
            return offset.saturating_sub(1);
        }
        offset += line.len();
    }
    text.len()
}

/// Beyond this many spoilt places nothing more is judged: nobody reads on.
const RANGES_MAX: usize = 256;
