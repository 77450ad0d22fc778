//! Walks the TOML tree along the table of keys; fills in the configuration. Never guesses: what
//! is not in the table is a problem, and what has a problem keeps its default.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::syntax::Damage;
use crate::model::Config;
use crate::problem::{Problems, code, quoted};
use crate::table::{Row, SECTIONS, Section};

mod elements;
mod hints;
mod lists;
mod values;

/// What was read.
#[derive(Debug)]
pub(super) struct Read<'a> {
    /// Complete only when no problem is an error. Elements that have one are in it all the same,
    /// so that every element has the place it has in the file.
    pub(super) config: Config,
    /// What was seen on the way.
    pub(super) seen: Reader<'a>,
}

/// What is found while reading, and what is remembered for the checks across keys.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    /// Found so far.
    pub(super) problems: Problems,
    /// What was written, with its place.
    pub(super) written: BTreeMap<At, Range<usize>>,
    /// Keys that were written wrongly, so nothing can be said of their value.
    pub(super) bad: BTreeSet<At>,
    /// Addresses that were written, with their places.
    pub(super) addresses: Vec<(&'static str, SocketAddr, Range<usize>)>,
    damage: &'a Damage,
    inside: [usize; 2],
    depth: usize,
}

/// Something in the file: a key, an element of a repeated table, an entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    /// Dotted name of the key, or of the repeated table.
    pub(super) name: &'static str,
    /// In which element it is, of the outer repeated table and of the inner one, from 1; 0: none.
    pub(super) inside: [usize; 2],
    /// Which entry of a list, from 1; 0: the value as a whole.
    pub(super) entry: usize,
}

impl At {
    /// A key outside of all repeated tables.
    pub(super) const fn key(name: &'static str) -> Self {
        Self { name, inside: [0; 2], entry: 0 }
    }

    /// A key of an element, or the element itself; `outer` and `inner` count from 0.
    pub(super) const fn of(name: &'static str, outer: usize, inner: Option<usize>) -> Self {
        let inner = match inner {
            Some(inner) => inner + 1,
            None => 0,
        };
        Self { name, inside: [outer + 1, inner], entry: 0 }
    }

    /// An entry of the list here, counted from 0.
    pub(super) const fn entry(self, index: usize) -> Self {
        Self { entry: index + 1, ..self }
    }
}

/// Reads the whole tree.
pub(super) fn read<'a>(table: &DeTable<'_>, damage: &'a Damage, problems: Problems) -> Read<'a> {
    let mut seen = Reader {
        problems,
        written: BTreeMap::new(),
        bad: BTreeSet::new(),
        addresses: Vec::new(),
        damage,
        inside: [0; 2],
        depth: 0,
    };
    let mut config = Config::default();
    for section in SECTIONS {
        if section.name.is_empty() {
            seen.section(section, &mut config, table, |seen, config, name, value| {
                let inner = SECTIONS.iter().find(|inner| inner.name == name && !name.is_empty());
                inner.is_some_and(|inner| {
                    seen.table(inner, config, value);
                    true
                })
            });
        }
    }
    Read { config, seen }
}

impl Reader<'_> {
    /// Reads the keys of a table; `other` may take those that have no row.
    fn section<S>(
        &mut self,
        section: &Section<S>,
        into: &mut S,
        table: &DeTable<'_>,
        other: impl Fn(&mut Self, &mut S, &str, &Spanned<DeValue<'_>>) -> bool,
    ) {
        for (key, value) in table {
            if self.damage.covers(&key.span()) {
                continue;
            }
            let name = key.get_ref().as_ref();
            if let Some(row) = section.rows.iter().find(|row| row.key() == name) {
                self.row(row, into, value);
            } else if !other(self, into, name, value) {
                self.unknown(section.name, name, key.span(), value.get_ref());
            }
        }
    }

    fn table(&mut self, section: &Section, into: &mut Config, value: &Spanned<DeValue<'_>>) {
        let name = section.name;
        match value.get_ref() {
            DeValue::Table(table) => {
                self.section(section, into, table, |seen, into, key, value| {
                    let name = format!("{name}.{key}");
                    let inner = SECTIONS.iter().find(|inner| inner.name == name);
                    inner.is_some_and(|inner| {
                        seen.table(inner, into, value);
                        true
                    })
                })
            }
            _ if self.damage.covers(&value.span()) => {}
            other => {
                let message = format!("{name} must be a table, not {}", a_type(other));
                let hint = match other {
                    DeValue::Array(_) => format!("write [{name}] once, with single brackets"),
                    _ => format!("write [{name}] on a line of its own, its keys below"),
                };
                self.problems.error(code::TYPE, name, value.span(), message).hint(hint);
            }
        }
    }

    fn row<S>(&mut self, row: &'static Row<S>, into: &mut S, value: &Spanned<DeValue<'_>>) {
        let at = self.at(row.name);
        self.written.insert(at, value.span());
        let errors = self.problems.errors();
        if !self.damage.covers(&value.span()) {
            self.value(row, into, value);
        }
        if self.damage.covers(&value.span()) || self.problems.errors() > errors {
            self.bad.insert(at);
        }
    }

    /// The key of this name in the element that is being read.
    fn at(&self, name: &'static str) -> At {
        At { name, inside: self.inside, entry: 0 }
    }

    fn unknown(&mut self, section: &str, name: &str, span: Range<usize>, value: &DeValue<'_>) {
        let is_table = section.is_empty() && hints::looks_like_a_table(value);
        let (code, what) =
            if is_table { (code::UNKNOWN_TABLE, "table") } else { (code::UNKNOWN_KEY, "key") };
        if self.problems.is_full() {
            // Nobody reads it, and a file can hold very many.
            self.problems.error(code, section, span, "").hint("");
            return;
        }
        let place = match section {
            "" => String::new(),
            section => format!(" in {}", hints::header(section)),
        };
        let message = format!("unknown {what} {}{place}", quoted(name));
        let hint = hints::unknown(section, name, is_table);
        self.problems.error(code, section, span, message).hint(hint);
    }

    /// Notes that a value is of the wrong type.
    fn wrong_type<S>(
        &mut self,
        row: &Row<S>,
        value: &Spanned<DeValue<'_>>,
        wanted: &str,
        hint: impl Into<String>,
    ) {
        let message = format!("{} must be {wanted}, not {}", row.name, a_type(value.get_ref()));
        let mut hint = hint.into();
        if hint.is_empty() {
            hint = format!("such as {} = {}", row.key(), row.example);
        }
        self.problems.error(code::TYPE, row.name, value.span(), message).hint(hint);
    }
}

/// A value's type with its article.
fn a_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
