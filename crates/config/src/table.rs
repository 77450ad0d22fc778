//! The one table of keys: it drives parsing, checks, the commented sample and the reference page.
//!
//! A key that has no row does not exist. Rows hold no logic beyond saying how a value is read and
//! where it goes. Rows are typed by what they fill: the configuration itself, or one element of a
//! repeated table such as `[[site]]`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use menshen_base::Counter;

use crate::model::{AccessLog, Admin, Config, Network};
use crate::parse::Refusal;

mod acme;
mod guard;
mod hook;
mod limits;
mod links;
mod php;
mod repeated;
mod rests;
mod s3;
mod server;
mod site;
mod sql;
#[cfg(test)]
mod tests;
mod tunnel;
mod uploads;
mod view;

pub(crate) use repeated::{List, Repeated};
pub(crate) use view::{Entry, Form, Table, tables};

/// One key of a table that fills an `S`.
#[derive(Debug)]
pub(crate) struct Row<S: 'static = Config> {
    /// Dotted name, such as `web.listen` or `site.rule.path`.
    pub(crate) name: &'static str,
    /// What values it takes and where they go.
    pub(crate) kind: Kind<S>,
    /// The default as TOML text; `""` (an empty string) where unset is the default. Or one of
    /// [`REQUIRED`] and [`INHERITED`].
    pub(crate) default: &'static str,
    /// A value other than the default, as TOML text.
    pub(crate) example: &'static str,
    /// One line: what it is.
    pub(crate) help: &'static str,
    /// Whole sentences on what else is worth knowing; may be empty.
    pub(crate) detail: &'static str,
    /// The counter that counts hits of this limit.
    pub(crate) counter: Option<Counter>,
    /// Words people try instead, such as the names other servers use.
    pub(crate) tried: &'static [&'static str],
}

impl<S> Row<S> {
    /// The name inside its table: `listen` of `web.listen`.
    pub(crate) fn key(&self) -> &'static str {
        last_step(self.name)
    }
}

/// A TOML table of the file; the first one has no header.
#[derive(Debug)]
pub(crate) struct Section<S: 'static = Config> {
    /// Name in brackets; empty for the keys before the first header.
    pub(crate) name: &'static str,
    /// One line: what the table is about.
    pub(crate) help: &'static str,
    /// Its keys, in the order of sample and reference.
    pub(crate) rows: &'static [Row<S>],
}

/// Where a value of type `T` is kept in an `S`.
pub(crate) type Place<S, T> = fn(&mut S) -> &mut T;

/// What values a key takes, and where they go.
#[derive(Debug)]
pub(crate) enum Kind<S: 'static = Config> {
    /// `true` or `false`.
    Switch(Place<S, bool>),
    /// A whole number in a range.
    Number(Number<S>),
    /// A whole number in a range that goes below 0.
    Signed(Signed<S>),
    /// One of a few numbers, each with its meaning.
    Choice(&'static [(u16, &'static str)], Place<S, u16>),
    /// One of a few words.
    Words(&'static [Word<S>]),
    /// A path.
    Path(Place<S, PathBuf>),
    /// A path, or `""` for none.
    OptionalPath(Place<S, Option<PathBuf>>),
    /// A user name, or `""` for none.
    User(Place<S, Option<String>>),
    /// A list of addresses to listen on.
    Addresses(Place<S, Vec<SocketAddr>>),
    /// A loopback address or `"off"`.
    Loopback(Place<S, Admin>),
    /// `"off"`, `"stdout"` or a path.
    Log(Place<S, AccessLog>),
    /// A list of host names and addresses, at least one.
    Names(Place<S, Vec<String>>),
    /// A list of networks.
    Networks(Place<S, Vec<Network>>),
    /// Any other text.
    Text(Text<S>),
    /// Any other list of texts.
    Texts(Texts<S>),
    /// A table of names with values.
    Pairs(Pairs<S>),
    /// A repeated table, such as `[[site.rule]]`.
    Tables(&'static dyn Repeated<S>),
}

/// A whole number in a range.
pub(crate) struct Number<S: 'static = Config> {
    /// Smallest value, not counting a special zero.
    pub(crate) min: u64,
    /// Largest value.
    pub(crate) max: u64,
    /// What 0 means where it is allowed beside the range.
    pub(crate) zero: Option<&'static str>,
    /// What is counted.
    pub(crate) unit: Unit,
    /// Where it goes.
    pub(crate) place: NumberPlace<S>,
}

/// A whole number in a range that goes below 0.
#[derive(Debug)]
pub(crate) struct Signed<S: 'static = Config> {
    /// Smallest value.
    pub(crate) min: i32,
    /// Largest value.
    pub(crate) max: i32,
    /// Where it goes.
    pub(crate) place: Place<S, i32>,
}

/// Where a number goes.
pub(crate) enum NumberPlace<S: 'static = Config> {
    /// A 32-bit value; `max` fits it.
    Small(Place<S, u32>),
    /// A 64-bit value.
    Large(Place<S, u64>),
    /// A 64-bit value in place of another one.
    Instead(Place<S, Option<u64>>),
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes; also written as text such as `"64MiB"`.
    Bytes,
    /// Bytes per second; also written as text such as `"1KiB"`.
    BytesPerSecond,
    /// Things, named in the plural.
    Count(&'static str),
}

impl Unit {
    /// The unit in words, such as `seconds`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes per second",
            Self::Count(things) => things,
        }
    }
}

/// One word a key takes.
#[derive(Debug)]
pub(crate) struct Word<S: 'static = Config> {
    /// As written in the file.
    pub(crate) word: &'static str,
    /// What it means.
    pub(crate) help: &'static str,
    /// Sets it.
    pub(crate) choose: fn(&mut S),
}

/// A text with a form of its own.
#[derive(Debug)]
pub(crate) struct Text<S: 'static> {
    /// The form in words, Markdown.
    pub(crate) form: &'static str,
    /// Reads it and puts it where it belongs.
    pub(crate) put: fn(&mut S, &str) -> Result<(), Refusal>,
}

/// A list of texts with a form of their own; none may stand in it twice.
#[derive(Debug)]
pub(crate) struct Texts<S: 'static> {
    /// The form in words, Markdown.
    pub(crate) form: &'static str,
    /// What an empty list lacks; empty: nothing.
    pub(crate) needs: &'static str,
    /// Takes the default away.
    pub(crate) clear: fn(&mut S),
    /// Reads one and adds it.
    pub(crate) add: fn(&mut S, &str) -> Result<(), Refusal>,
}

/// Names with values.
#[derive(Debug)]
pub(crate) struct Pairs<S: 'static> {
    /// The form in words, Markdown.
    pub(crate) form: &'static str,
    /// What `false` and `true` stand for; `None`: they are refused.
    pub(crate) switches: Option<[&'static str; 2]>,
    /// Takes the default away.
    pub(crate) clear: fn(&mut S),
    /// Reads a pair and adds it.
    pub(crate) add: fn(&mut S, &str, &str) -> Result<(), Refusal>,
}

impl<S> fmt::Debug for Number<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.range())
    }
}

/// The last step of a dotted name.
pub(crate) fn last_step(name: &'static str) -> &'static str {
    name.rsplit('.').next().unwrap_or(name)
}

/// All tables that are written once.
pub(crate) const SECTIONS: &[Section] = &[
    Section { name: "", help: "the server as a whole; before the first table", rows: server::ALL },
    Section { name: "web", help: "the web door", rows: server::WEB },
    Section {
        name: "uploads",
        help: "uploads that go on after a cut, whatever cut them",
        rows: uploads::UPLOADS,
    },
    Section {
        name: "links",
        help: "signed links of the file service, as `menshen link` makes them",
        rows: links::LINKS,
    },
    Section {
        name: "s3",
        help: "a bucket for the files of the file service, instead of web.root",
        rows: s3::S3,
    },
    Section { name: "tls", help: "certificates", rows: server::TLS },
    Section { name: "acme", help: "how the certificates of `tls.acme` are got", rows: acme::ACME },
    Section { name: "admin", help: "the loopback listener for `/metrics`", rows: server::ADMIN },
    Section {
        name: "php",
        help: "PHP as a whole; which site runs it is said there",
        rows: php::PHP,
    },
    Section {
        name: "sql",
        help: "the sql door: sessions of MariaDB and MySQL, with a cache of results",
        rows: sql::SQL,
    },
    Section {
        name: "tunnel",
        help: "the tunnel door: PPP over SSTP and, where it must be, over PPTP",
        rows: tunnel::TUNNEL,
    },
    Section {
        name: "tunnel.pptp",
        help: "PPTP, whose authentication and cipher are broken: only for what has no SSTP",
        rows: tunnel::PPTP,
    },
    Section {
        name: "guard",
        help: "memory: the recorder, programs that are protected, steps before the kernel kills",
        rows: guard::GUARD,
    },
    Section {
        name: "limits",
        help: "named limits; every name ends in its unit",
        rows: limits::ROWS,
    },
];

/// Most worker processes that can be asked for: the scoreboard has a page for each.
pub(crate) const WORKERS_MAX: u64 = 128;

/// As a default: the key must be there.
pub(crate) const REQUIRED: &str = "";

/// As a default: whatever the site says.
pub(crate) const INHERITED: &str = "the site's";
