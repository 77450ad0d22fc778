//! Lists: addresses, names, networks and `[[web.public]]` tables. Every list has a longest length.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Read, a_type};
use crate::model::{Access, Network, PublicPath};
use crate::nearest::nearest;
use crate::parse::address;
use crate::parse::text::{self, Refusal};
use crate::problem::{code, quoted};
use crate::table::{ACCESS_WORDS, PUBLIC_COLUMNS, Place, Row};

impl Read<'_> {
    pub(super) fn addresses(
        &mut self,
        row: &'static Row,
        place: Place<Vec<SocketAddr>>,
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
        *place(&mut self.config) = addresses;
    }

    pub(super) fn names(
        &mut self,
        row: &'static Row,
        place: Place<Vec<String>>,
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
        *place(&mut self.config) = names;
    }

    pub(super) fn networks(
        &mut self,
        row: &'static Row,
        place: Place<Vec<Network>>,
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
            } else if network.prefix == 0 {
                let message = "every client of this family is believed".to_owned();
                self.problems
                    .warning(row.name, span, message)
                    .hint("name the addresses of the load balancer");
            }
            networks.push(network);
        }
        *place(&mut self.config) = networks;
    }

    pub(super) fn public_paths(
        &mut self,
        row: &'static Row,
        place: Place<Vec<PublicPath>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let DeValue::Array(array) = value.get_ref() else {
            let hint = match value.get_ref() {
                DeValue::Table(_) => "write [[web.public]], with double brackets",
                _ => "write [[web.public]] on a line of its own, path and access below",
            };
            return self.wrong_type(row, value, "a list of tables", hint);
        };
        if !self.length_allowed(row, array.len(), value.span()) {
            return;
        }
        let mut paths = Vec::new();
        let mut seen = BTreeSet::new();
        for item in array {
            if self.damage.covers(&item.span()) {
                continue;
            }
            let DeValue::Table(table) = item.get_ref() else {
                let hint = "such as [{ path = \"/pub/\", access = \"read\" }]";
                self.wrong_type(row, item, "a list of tables", hint);
                continue;
            };
            if let Some(public) = self.public_path(row, table, item.span()) {
                if seen.insert(public.path.clone()) {
                    paths.push(public);
                } else {
                    self.twice(row, &item.span(), &public.path);
                }
            }
        }
        *place(&mut self.config) = paths;
    }

    fn public_path(
        &mut self,
        row: &'static Row,
        table: &DeTable<'_>,
        span: Range<usize>,
    ) -> Option<PublicPath> {
        let (mut path, mut access) = (None, Access::Read);
        let mut path_written = false;
        for (key, value) in table {
            if self.damage.covers(&key.span()) || self.damage.covers(&value.span()) {
                path_written |= key.get_ref() == "path";
                continue;
            }
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("path", DeValue::String(text)) => {
                    path_written = true;
                    let read = text::public_path(text);
                    path = read.map_err(|refusal| self.refuse(row, value.span(), refusal)).ok();
                }
                ("access", DeValue::String(text)) => {
                    access = self.access(row, text, value.span()).unwrap_or(access);
                }
                (known @ ("path" | "access"), other) => {
                    path_written |= known == "path";
                    let message = format!("{known} must be text in quotes, not {}", a_type(other));
                    self.problems.error(code::TYPE, row.name, value.span(), message).hint("");
                }
                (unknown, _) => {
                    let keys = || PUBLIC_COLUMNS.iter().map(|column| column.key);
                    let hint = match nearest(unknown, keys()) {
                        Some(near) => format!("did you mean \"{near}\"?"),
                        None => format!("known here: {}", keys().collect::<Vec<_>>().join(", ")),
                    };
                    let message = format!("unknown key {} in [[web.public]]", quoted(unknown));
                    self.problems
                        .error(code::UNKNOWN_KEY, row.name, key.span(), message)
                        .hint(hint);
                }
            }
        }
        if !path_written && !self.damage.keys_lost() {
            self.problems
                .error(code::MISSING, row.name, span.clone(), "the key \"path\" is missing")
                .hint("such as path = \"/pub/\"");
        }
        let path = path?;
        if path == "/" && access == Access::Write {
            let message = "everyone may upload, overwrite and delete everything";
            self.problems
                .warning(row.name, span, message)
                .hint("name a folder, such as \"/drop/\"");
        }
        Some(PublicPath { path, access })
    }

    fn access(&mut self, row: &Row, text: &str, span: Range<usize>) -> Option<Access> {
        if let Some((_, access, _)) = ACCESS_WORDS.iter().find(|(word, ..)| *word == text) {
            return Some(*access);
        }
        let words = || ACCESS_WORDS.iter().map(|(word, ..)| *word);
        let all: Vec<String> = words().map(quoted).collect();
        let message = format!("access must be {}, not {}", all.join(" or "), quoted(text));
        let hint = nearest(text, words()).map(|near| format!("did you mean \"{near}\"?"));
        self.problems.error(code::VALUE, row.name, span, message).hint(hint.unwrap_or_default());
        None
    }

    /// The entries of a list of texts that could be read; `None` when it is no such list.
    fn texts<T>(
        &mut self,
        row: &'static Row,
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
        if !self.length_allowed(row, array.len(), value.span()) {
            return None;
        }
        let mut entries = Vec::new();
        for item in array {
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

    fn length_allowed(&mut self, row: &Row, length: usize, span: Range<usize>) -> bool {
        if length > LIST_ENTRIES_MAX {
            let message = format!("{} has {length} entries", row.name);
            let hint = format!("at most {LIST_ENTRIES_MAX} are taken");
            self.problems.error(code::RANGE, row.name, span, message).hint(hint);
        }
        length <= LIST_ENTRIES_MAX
    }

    fn twice(&mut self, row: &Row, span: &Range<usize>, what: &str) {
        let message = format!("{} is written twice in {}", quoted(what), row.name);
        self.problems.error(code::DUPLICATE, row.name, span.clone(), message).hint("");
    }
}

/// Most entries of any list: each costs every worker a socket or every request a comparison.
const LIST_ENTRIES_MAX: usize = 128;
