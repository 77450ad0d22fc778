//! What was meant by a name that is no key: the nearest known one, or what other servers call it.

use toml::de::DeValue;

use crate::nearest::{nearest, same_name};
use crate::table::{Entry, Form, Table, tables};

/// Whether a value was meant as a table, or a list of tables.
pub(super) fn looks_like_a_table(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(array) => {
            !array.is_empty() && array.iter().all(|item| item.get_ref().is_table())
        }
        _ => false,
    }
}

/// The header of a table, `[name]` or `[[name]]`.
pub(super) fn header(name: &str) -> String {
    match tables().iter().find(|table| table.name == name) {
        Some(table) => table.header(),
        None => format!("[{name}]"),
    }
}

/// What was meant by an unknown name in the table `section`, or else what is known there.
pub(super) fn unknown(section: &str, name: &str, is_table: bool) -> String {
    let tables = tables();
    let Some(here) = tables.iter().find(|table| table.name == section) else {
        return String::new();
    };
    let named = || tables.iter().filter(|table| !table.name.is_empty());
    if is_table && let Some(near) = nearest(name, named().map(|table| table.name)) {
        return format!("did you mean {}?", header(near));
    }
    if !section.is_empty() && name == section {
        return format!("below {} keys are written without \"{name}.\"", here.header());
    }
    if let Some((table, entry)) = meant(&tables, here, name) {
        return match table.name {
            _ if matches!(entry.form, Form::Tables) => {
                format!("did you mean {}?", header(entry.name))
            }
            inner if inner == section => format!("did you mean \"{}\"?", entry.key()),
            "" => format!("did you mean \"{}\" before the first table?", entry.name),
            _ => format!("did you mean \"{}\" in {}?", entry.key(), table.header()),
        };
    }
    if here.entries.len() > KEYS_NAMED_MAX {
        return format!("{} has {} keys, see the reference", here.header(), here.entries.len());
    }
    let mut names: Vec<String> = here.entries.iter().map(|entry| shown(entry, here)).collect();
    if section.is_empty() {
        let plain = named().filter(|table| !table.repeated && !table.name.contains('.'));
        names.extend(plain.map(Table::header));
    }
    format!("known here: {}", names.join(", "))
}

/// The table that takes `word` for the key of this name, other than `name`.
pub(super) fn takes(name: &str, word: &str) -> Option<String> {
    let key = name.rsplit('.').next().unwrap_or(name);
    let quoted = format!("\"{word}\"");
    let takes = |entry: &Entry| {
        let Form::Words(words) = &entry.form else { return false };
        entry.key() == key && entry.name != name && words.iter().any(|(known, _)| *known == quoted)
    };
    let tables = tables();
    tables.iter().find(|table| table.entries.iter().any(takes)).map(Table::header)
}

/// The key that was meant: first the names of this table, then what others call them, then the
/// rest of the file.
fn meant<'a>(tables: &'a [Table], here: &'a Table, name: &str) -> Option<(&'a Table, &'a Entry)> {
    let tried = |entry: &Entry| entry.tried.iter().any(|word| same_name(word, name));
    let known = |entry: &Entry| same_name(entry.key(), name) || same_name(entry.name, name);
    let one = |table: &'a Table, is: &dyn Fn(&Entry) -> bool| {
        table.entries.iter().find(|entry| is(entry)).map(|entry| (table, entry))
    };
    let near = |table: &'a Table| {
        let key = nearest(name, table.entries.iter().map(Entry::key))?;
        one(table, &|entry| entry.key() == key)
    };
    // The tables in this one come first, then those it is in.
    let holds = |outer: &Table, inner: &Table| inner.name.starts_with(&format!("{}.", outer.name));
    let mut others: Vec<&Table> = tables.iter().collect();
    others.sort_by_key(|table| match () {
        () if holds(here, table) => 0,
        () if holds(table, here) => 1,
        () => 2,
    });
    let all = || others.iter().copied();
    one(here, &known)
        .or_else(|| one(here, &tried))
        .or_else(|| all().find_map(|table| one(table, &known)))
        .or_else(|| near(here))
        .or_else(|| all().find_map(|table| one(table, &tried)))
        .or_else(|| all().find_map(near))
}

fn shown(entry: &Entry, table: &Table) -> String {
    match entry.form {
        Form::Tables if table.name.is_empty() => header(entry.name),
        _ => entry.key().to_owned(),
    }
}

/// More keys than this are not named one by one in a hint.
const KEYS_NAMED_MAX: usize = 12;
