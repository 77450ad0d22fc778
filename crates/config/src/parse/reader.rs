//! Walks the TOML tree along the table of keys; fills in the configuration. Never guesses: what
//! is not in the table is a problem, and what has a problem keeps its default.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::syntax::Damage;
use crate::model::Config;
use crate::nearest::{nearest, same_name};
use crate::problem::{Problems, code, quoted};
use crate::table::{self, Row, SECTIONS, Section};

mod lists;
mod values;

/// What was read, and what is remembered for the checks across keys.
#[derive(Debug)]
pub(super) struct Read<'a> {
    /// Complete only when `problems` holds no error.
    pub(super) config: Config,
    /// Found so far.
    pub(super) problems: Problems,
    /// Keys that were written, with their values' places.
    pub(super) written: BTreeMap<&'static str, Range<usize>>,
    /// Keys that were written wrongly, so nothing can be said of their value.
    pub(super) bad: BTreeSet<&'static str>,
    /// Addresses that were written, with their places.
    pub(super) addresses: Vec<(&'static str, SocketAddr, Range<usize>)>,
    damage: &'a Damage,
}

/// Reads the whole tree.
pub(super) fn read<'a>(table: &DeTable<'_>, damage: &'a Damage, problems: Problems) -> Read<'a> {
    let mut read = Read {
        config: Config::default(),
        problems,
        written: BTreeMap::new(),
        bad: BTreeSet::new(),
        addresses: Vec::new(),
        damage,
    };
    for section in SECTIONS {
        if section.name.is_empty() {
            read.section(section, table);
        }
    }
    read
}

impl Read<'_> {
    fn section(&mut self, section: &Section, table: &DeTable<'_>) {
        for (key, value) in table {
            if self.damage.covers(&key.span()) {
                continue;
            }
            let name = key.get_ref().as_ref();
            let inner = SECTIONS.iter().find(|inner| inner.name == name && !name.is_empty());
            match (inner, section.rows.iter().find(|row| row.key() == name)) {
                (Some(inner), _) if section.name.is_empty() => self.table(inner, value),
                (_, Some(row)) => self.row(row, value),
                _ => self.unknown(section, name, key.span(), value.get_ref()),
            }
        }
    }

    fn table(&mut self, section: &Section, value: &Spanned<DeValue<'_>>) {
        let name = section.name;
        match value.get_ref() {
            DeValue::Table(table) => self.section(section, table),
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

    fn row(&mut self, row: &'static Row, value: &Spanned<DeValue<'_>>) {
        self.written.insert(row.name, value.span());
        let errors = self.problems.errors();
        if !self.damage.covers(&value.span()) {
            self.value(row, value);
        }
        if self.damage.covers(&value.span()) || self.problems.errors() > errors {
            self.bad.insert(row.name);
        }
    }

    fn unknown(&mut self, section: &Section, name: &str, span: Range<usize>, value: &DeValue<'_>) {
        let is_table = value.is_table() && section.name.is_empty();
        let (code, what) =
            if is_table { (code::UNKNOWN_TABLE, "table") } else { (code::UNKNOWN_KEY, "key") };
        let place = match section.name {
            "" => String::new(),
            section => format!(" in [{section}]"),
        };
        let message = format!("unknown {what} {}{place}", quoted(name));
        let hint = match self.problems.is_full() {
            true => String::new(),
            false => unknown_hint(section, name, is_table),
        };
        self.problems.error(code, section.name, span, message).hint(hint);
    }

    /// Notes that a value is of the wrong type.
    fn wrong_type(
        &mut self,
        row: &Row,
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

/// What was meant by an unknown name, or else what is known.
fn unknown_hint(section: &Section, name: &str, is_table: bool) -> String {
    let tables = || SECTIONS.iter().map(|section| section.name).filter(|name| !name.is_empty());
    if is_table && let Some(near) = nearest(name, tables()) {
        return format!("did you mean [{near}]?");
    }
    if !section.name.is_empty() && name == section.name {
        return format!("below [{name}] keys are written without \"{name}.\"");
    }
    let tried = |row: &&Row| row.tried.iter().any(|word| same_name(word, name));
    let known = |row: &&Row| same_name(row.key(), name) || same_name(row.name, name);
    let here = || section.rows.iter();
    let row = here()
        .find(known)
        .or_else(|| here().find(tried))
        .or_else(|| table::rows().find(known))
        .or_else(|| near_row(name, here()))
        .or_else(|| table::rows().find(tried))
        .or_else(|| near_row(name, table::rows()));
    if let Some(row) = row {
        return match row.name.rsplit_once('.') {
            _ if here().any(|here| here.name == row.name) => {
                format!("did you mean \"{}\"?", row.key())
            }
            Some((table, key)) => format!("did you mean \"{key}\" in [{table}]?"),
            None => format!("did you mean \"{}\" before the first table?", row.name),
        };
    }
    if section.rows.len() > KEYS_NAMED_MAX {
        return format!("[{}] has {} keys, see the reference", section.name, section.rows.len());
    }
    let mut names: Vec<String> = here().map(|row| row.key().to_owned()).collect();
    if section.name.is_empty() {
        names.extend(tables().map(|name| format!("[{name}]")));
    }
    format!("known here: {}", names.join(", "))
}

fn near_row<'a>(name: &str, rows: impl Iterator<Item = &'a Row> + Clone) -> Option<&'a Row> {
    let near = nearest(name, rows.clone().map(Row::key))?;
    rows.into_iter().find(|row| row.key() == near)
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

/// More keys than this are not named one by one in a hint.
const KEYS_NAMED_MAX: usize = 12;
