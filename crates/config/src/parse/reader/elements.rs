//! Repeated tables: each element is read like a table of its own.
//!
//! An element with a mistake keeps its place in the list, so that places in the configuration are
//! those in the file until the whole is thrown away.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Reader;
use crate::problem::code;
use crate::table::{List, REQUIRED, Row};

impl Reader<'_> {
    /// Reads the elements of a repeated table.
    pub(crate) fn elements<S, E>(
        &mut self,
        row: &'static Row<S>,
        list: &List<S, E>,
        value: &Spanned<DeValue<'_>>,
    ) -> Vec<E> {
        let name = row.name;
        let DeValue::Array(array) = value.get_ref() else {
            let hint = match value.get_ref() {
                DeValue::Table(_) => format!("write [[{name}]], with double brackets"),
                _ => format!("write [[{name}]] on a line of its own, its keys below"),
            };
            self.wrong_type(row, value, "a list of tables", hint);
            return Vec::new();
        };
        if !self.length_allowed(row, array.len(), list.most, value.span()) {
            return Vec::new();
        }
        let mut elements = Vec::new();
        let mut names = BTreeSet::new();
        for (index, item) in array.iter().enumerate() {
            let mut element = (list.start)();
            if self.damage.covers(&item.span()) && !item.get_ref().is_table() {
                elements.push(element);
                continue;
            }
            let DeValue::Table(table) = item.get_ref() else {
                self.wrong_type(row, item, "a list of tables", format!("such as {}", row.example));
                elements.push(element);
                continue;
            };
            self.inside[self.depth] = index + 1;
            self.depth += 1;
            self.written.insert(self.at(name), item.span());
            let errors = self.problems.errors();
            self.element(list, &mut element, table, item);
            if self.problems.errors() == errors {
                let shared = (list.name_of)(&element);
                if !shared.is_empty() && !names.insert(shared.clone()) {
                    self.twice(row, &item.span(), &shared);
                }
            }
            self.depth -= 1;
            self.inside[self.depth] = 0;
            elements.push(element);
        }
        elements
    }

    fn element<S, E>(
        &mut self,
        list: &List<S, E>,
        element: &mut E,
        table: &DeTable<'_>,
        item: &Spanned<DeValue<'_>>,
    ) {
        self.section(&list.section, element, table, |_, _, _, _| false);
        // An unknown key may be the one that is missing, misspelt.
        let known = |name: &str| list.section.rows.iter().any(|row| row.key() == name);
        let doubtful = self.damage.keys_lost()
            || table
                .iter()
                .any(|(key, _)| self.damage.covers(&key.span()) || !known(key.get_ref().as_ref()));
        for row in list.section.rows {
            let at = self.at(row.name);
            if row.default != REQUIRED || self.written.contains_key(&at) {
                continue;
            }
            self.bad.insert(at);
            if !doubtful {
                let message = format!("the key \"{}\" is missing", row.key());
                let hint = format!("such as {} = {}", row.key(), row.example);
                self.problems.error(code::MISSING, row.name, item.span(), message).hint(hint);
            }
        }
    }
}
