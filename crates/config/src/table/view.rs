//! The table of keys without its types: what pages and hints need to know of it.

use menshen_base::Counter;

use super::{INHERITED, Kind, REQUIRED, Row, SECTIONS, Section, last_step};

/// One key, described.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Dotted name.
    pub(crate) name: &'static str,
    /// See [`Row::default`].
    pub(crate) default: &'static str,
    /// See [`Row::example`].
    pub(crate) example: &'static str,
    /// See [`Row::help`].
    pub(crate) help: &'static str,
    /// See [`Row::detail`].
    pub(crate) detail: &'static str,
    /// See [`Row::counter`].
    pub(crate) counter: Option<Counter>,
    /// See [`Row::tried`].
    pub(crate) tried: &'static [&'static str],
    /// What values it takes.
    pub(crate) form: Form,
}

impl Entry {
    /// The name inside its table.
    pub(crate) fn key(&self) -> &'static str {
        last_step(self.name)
    }

    /// The default as TOML text; `None` where there is none to write.
    pub(crate) fn written_default(&self) -> Option<&'static str> {
        (![REQUIRED, INHERITED].contains(&self.default)).then_some(self.default)
    }
}

/// What values a key takes.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// `true` or `false`.
    Switch,
    /// A number.
    Number {
        /// The range in words.
        range: String,
        /// What 0 means where it is special.
        zero: Option<&'static str>,
        /// Whether sizes such as `"64MiB"` are taken.
        sized: bool,
    },
    /// One of these, each with its meaning.
    Words(Vec<(String, &'static str)>),
    /// Anything else, Markdown.
    Other(&'static str),
    /// A repeated table of that name.
    Tables,
}

/// One table, described.
#[derive(Debug)]
pub(crate) struct Table {
    /// Name in brackets; empty for the keys before the first header.
    pub(crate) name: &'static str,
    /// Whether it is written `[[name]]`, as often as needed.
    pub(crate) repeated: bool,
    /// Most elements of it.
    pub(crate) most: usize,
    /// What it is about.
    pub(crate) help: &'static str,
    /// Its keys; repeated tables in it are entries too.
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    /// The header as it is written; empty for the keys before the first.
    pub(crate) fn header(&self) -> String {
        match (self.name, self.repeated) {
            ("", _) => String::new(),
            (name, false) => format!("[{name}]"),
            (name, true) => format!("[[{name}]]"),
        }
    }
}

/// All tables, in the order of sample and reference: each is followed by those in it, and those
/// beside the first header come last, as TOML asks.
pub(crate) fn tables() -> Vec<Table> {
    let mut tables = Vec::new();
    let mut last = Vec::new();
    for section in SECTIONS {
        let inner = if section.name.is_empty() { &mut last } else { &mut Vec::new() };
        tables.push(section.view(false, 1));
        section.inner(inner);
        if !section.name.is_empty() {
            tables.append(inner);
        }
    }
    tables.append(&mut last);
    tables
}

impl<S> Section<S> {
    /// The table with its keys.
    pub(super) fn view(&self, repeated: bool, most: usize) -> Table {
        let entries = self.rows.iter().map(Row::view).collect();
        Table { name: self.name, repeated, most, help: self.help, entries }
    }

    /// Adds the repeated tables in this one, each followed by its own.
    pub(super) fn inner(&self, tables: &mut Vec<Table>) {
        for row in self.rows {
            if let Kind::Tables(list) = &row.kind {
                list.collect(tables);
            }
        }
    }
}

impl<S> Row<S> {
    fn view(&self) -> Entry {
        Entry {
            name: self.name,
            default: self.default,
            example: self.example,
            help: self.help,
            detail: self.detail,
            counter: self.counter,
            tried: self.tried,
            form: self.kind.form(),
        }
    }
}

impl<S> Kind<S> {
    fn form(&self) -> Form {
        Form::Other(match self {
            Self::Switch(_) => return Form::Switch,
            Self::Number(number) => {
                let (range, sized) = (number.range(), number.takes_sizes());
                return Form::Number { range, zero: number.zero, sized };
            }
            Self::Signed(number) => {
                let range = format!("{} to {}", number.min, number.max);
                return Form::Number { range, zero: None, sized: false };
            }
            Self::Choice(numbers, _) => {
                let meanings = numbers.iter().map(|(number, help)| (number.to_string(), *help));
                return Form::Words(meanings.collect());
            }
            Self::Words(words) => {
                let word = |word: &super::Word<S>| (format!("\"{}\"", word.word), word.help);
                return Form::Words(words.iter().map(word).collect());
            }
            Self::Tables(_) => return Form::Tables,
            Self::Path(_) => "path",
            Self::OptionalPath(_) => "path, or `\"\"` for none",
            Self::User(_) => "user name, or `\"\"` for none",
            Self::Addresses(_) => "list of addresses",
            Self::Loopback(_) => "loopback address, or `\"off\"`",
            Self::Log(_) => "`\"off\"`, `\"stdout\"` or a path",
            Self::Names(_) => "list of host names and addresses, at least one",
            Self::Networks(_) => "list of networks and addresses",
            Self::Text(text) => text.form,
            Self::Texts(texts) => texts.form,
            Self::Pairs(pairs) => pairs.form,
        })
    }
}
