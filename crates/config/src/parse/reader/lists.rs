//! Lists and tables of names with values. Every one has a longest length.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::Reader;
use crate::model::Network;
use crate::parse::address;
use crate::parse::text::{self, Refusal};
use crate::problem::{code, quoted};
use crate::table::{Pairs, Row, Texts};

impl Reader<'_> {
    pub(super) fn addresses<S>(
        &mut self,
        row: &'static Row<S>,
        place: &mut Vec<SocketAddr>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(read) = self.texts(row, value, address::listen) else { return };
        let mut addresses = Vec::new();
        let mut seen = BTreeSet::new();
        for (entry, span) in read {
            for address in entry {
                // Port 0 is another port each time.
                if address.port() != 0 && !seen.insert(address) {
                    self.twice(row, &span, &address.to_string());
                    break;
                }
                addresses.push(address);
                self.addresses.push((row.name, address, span.clone()));
            }
        }
        *place = addresses;
    }

    pub(super) fn names<S>(
        &mut self,
        row: &'static Row<S>,
        place: &mut Vec<String>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(read) = self.texts(row, value, text::host_name) else { return };
        if read.is_empty() {
            let message = format!("{} needs at least one name", row.name);
            return self.refuse(row, value.span(), Refusal::new(message, ""));
        }
        let mut names: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, span) in read {
            if seen.insert(name.clone()) {
                names.push(name);
            } else {
                self.twice(row, &span, &name);
            }
        }
        *place = names;
    }

    pub(super) fn networks<S>(
        &mut self,
        row: &'static Row<S>,
        place: &mut Vec<Network>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(read) = self.texts(row, value, address::network) else { return };
        let mut networks = Vec::new();
        for ((network, better), span) in read {
            if let Some(better) = better {
                let message = "the address has bits set after its prefix".to_owned();
                self.problems
                    .warning(row.name, span, message)
                    .hint(format!("it is taken as \"{better}\""));
            }
            networks.push(network);
        }
        *place = networks;
    }

    /// Reads a list of texts whose form the row knows.
    pub(super) fn listed<S>(
        &mut self,
        row: &'static Row<S>,
        texts: &Texts<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(read) = self.texts(row, value, |text| Ok(text.to_owned())) else { return };
        if read.is_empty() && !texts.needs.is_empty() {
            let message = format!("{} needs at least one {}", row.name, texts.needs);
            return self.refuse(row, value.span(), Refusal::new(message, ""));
        }
        (texts.clear)(into);
        let mut seen = BTreeSet::new();
        for (text, span) in &read {
            if !seen.insert(text) {
                self.twice(row, span, text);
            } else if let Err(refusal) = (texts.add)(into, text) {
                self.refuse(row, span.clone(), refusal);
            }
        }
    }

    /// Reads names with values; tables inside stand for names with dots.
    pub(super) fn pairs<S>(
        &mut self,
        row: &'static Row<S>,
        pairs: &Pairs<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong_type(row, value, "a table of names with values", "");
        };
        (pairs.clear)(into);
        let mut left = vec![(String::new(), table)];
        let mut count = 0;
        while let Some((before, table)) = left.pop() {
            for (key, value) in table {
                if self.damage.covers(&key.span()) || self.damage.covers(&value.span()) {
                    continue;
                }
                let name = format!("{before}{}", key.get_ref());
                count += 1;
                if count > LIST_ENTRIES_MAX {
                    self.length_allowed(
                        row,
                        table.len().max(count),
                        LIST_ENTRIES_MAX,
                        value.span(),
                    );
                    return;
                }
                let text = match (value.get_ref(), pairs.switches) {
                    (DeValue::Table(inner), _) if name.len() < PAIR_NAME_BYTES_MAX => {
                        left.push((format!("{name}."), inner));
                        continue;
                    }
                    (DeValue::String(text), _) => text.to_string(),
                    (DeValue::Integer(number), _) if number.radix() == 10 => number.to_string(),
                    (DeValue::Boolean(switch), Some(words)) => words[usize::from(*switch)].into(),
                    _ => {
                        let wanted = "a table of names with texts in quotes";
                        self.wrong_type(row, value, wanted, "");
                        continue;
                    }
                };
                if let Err(refusal) = (pairs.add)(into, &name, &text) {
                    self.refuse(row, key.span().start..value.span().end, refusal);
                }
            }
        }
    }

    /// The entries of a list of texts that could be read; `None` when it is no such list.
    fn texts<S, T>(
        &mut self,
        row: &'static Row<S>,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<Vec<(T, Range<usize>)>> {
        let DeValue::Array(array) = value.get_ref() else {
            let hint = match value.get_ref() {
                DeValue::String(text) => {
                    format!("write {} = [{}]", row.key(), quoted(text))
                }
                _ => String::new(),
            };
            self.wrong_type(row, value, "a list of texts", hint);
            return None;
        };
        if !self.length_allowed(row, array.len(), LIST_ENTRIES_MAX, value.span()) {
            return None;
        }
        let mut entries = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let at = self.at(row.name).entry(index);
            self.written.insert(at, item.span());
            let DeValue::String(text) = item.get_ref() else {
                self.wrong_type(row, item, "a list of texts in quotes", "");
                continue;
            };
            match read(text) {
                Ok(entry) => entries.push((entry, item.span())),
                Err(refusal) => self.refuse(row, item.span(), refusal),
            }
        }
        Some(entries)
    }

    /// Notes a list that is too long.
    pub(super) fn length_allowed<S>(
        &mut self,
        row: &Row<S>,
        length: usize,
        most: usize,
        span: Range<usize>,
    ) -> bool {
        if length > most {
            let message = format!("{} has {length} entries", row.name);
            let hint = format!("at most {most} are taken");
            self.problems.error(code::RANGE, row.name, span, message).hint(hint);
        }
        length <= most
    }

    /// Notes what may stand once.
    pub(super) fn twice<S>(&mut self, row: &Row<S>, span: &Range<usize>, what: &str) {
        let message = format!("{} is written twice in {}", quoted(what), row.name);
        self.problems.error(code::DUPLICATE, row.name, span.clone(), message).hint("");
    }
}

/// Most entries of any list: each costs every worker a socket or every request a comparison.
const LIST_ENTRIES_MAX: usize = 128;

/// Longer names do not come from tables in tables.
const PAIR_NAME_BYTES_MAX: usize = 256;
