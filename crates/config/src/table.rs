//! The one table of keys: it drives parsing, checks, the commented sample and the reference page.
//!
//! A key that has no row does not exist. Rows hold no logic beyond saying where a value goes.

use std::net::SocketAddr;
use std::path::PathBuf;

use menshen_base::Counter;

use crate::model::{Access, AccessLog, Admin, Config, Network, PlainMode, PublicPath};

mod limits;
#[cfg(test)]
mod tests;

/// One key of `menshen.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Dotted name, such as `web.listen`.
    pub name: &'static str,
    /// What values it takes and where they go.
    pub kind: Kind,
    /// The default as TOML text; `""` (an empty string) where unset is the default.
    pub default: &'static str,
    /// A value other than the default, as TOML text.
    pub example: &'static str,
    /// One line: what it is.
    pub help: &'static str,
    /// Whole sentences on what else is worth knowing; may be empty.
    pub detail: &'static str,
    /// The counter that counts hits of this limit.
    pub counter: Option<Counter>,
    /// Words people try instead, such as the names other servers use.
    pub tried: &'static [&'static str],
}

impl Row {
    /// The name inside its table: `listen` of `web.listen`.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

/// A TOML table of the file; the first one has no header.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Name in brackets; empty for the keys before the first header.
    pub name: &'static str,
    /// One line: what the table is about.
    pub help: &'static str,
    /// Its keys, in the order of sample and reference.
    pub rows: &'static [Row],
}

/// Where a value of type `T` is kept in the checked configuration.
pub type Place<T> = fn(&mut Config) -> &mut T;

/// What values a key takes, and where they go.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Switch(Place<bool>),
    /// A whole number in a range.
    Number(Number),
    /// One of a few words.
    Words(&'static [Word]),
    /// A path.
    Path(Place<PathBuf>),
    /// A path, or `""` for none.
    OptionalPath(Place<Option<PathBuf>>),
    /// A user name, or `""` for none.
    User(Place<Option<String>>),
    /// A list of addresses to listen on.
    Addresses(Place<Vec<SocketAddr>>),
    /// A loopback address or `"off"`.
    Loopback(Place<Admin>),
    /// `"off"`, `"stdout"` or a path.
    Log(Place<AccessLog>),
    /// A list of host names and addresses.
    Names(Place<Vec<String>>),
    /// A list of networks.
    Networks(Place<Vec<Network>>),
    /// `[[web.public]]` tables, see [`PUBLIC_COLUMNS`].
    PublicPaths(Place<Vec<PublicPath>>),
}

/// A whole number in a range.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// Smallest value, not counting a special zero.
    pub min: u64,
    /// Largest value.
    pub max: u64,
    /// What 0 means where it is allowed beside the range.
    pub zero: Option<&'static str>,
    /// What is counted.
    pub unit: Unit,
    /// Where it goes.
    pub place: NumberPlace,
}

/// Where a number goes.
#[derive(Debug, Clone, Copy)]
pub enum NumberPlace {
    /// A 32-bit value; `max` fits it.
    Small(Place<u32>),
    /// A 64-bit value.
    Large(Place<u64>),
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
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
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes per second",
            Self::Count(things) => things,
        }
    }
}

/// One word a key takes.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// As written in the file.
    pub word: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Sets it.
    pub choose: fn(&mut Config),
}

/// One key of a `[[web.public]]` table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name inside the table.
    pub key: &'static str,
    /// The default as TOML text; empty: the key must be there.
    pub default: &'static str,
    /// One line: what it is.
    pub help: &'static str,
}

/// All keys, in the order of sample and reference.
pub fn rows() -> impl Iterator<Item = &'static Row> + Clone {
    SECTIONS.iter().flat_map(|section| section.rows)
}

/// The row with this dotted name.
#[must_use]
pub fn row(name: &str) -> Option<&'static Row> {
    rows().find(|row| row.name == name)
}

/// All tables of the file.
pub const SECTIONS: &[Section] = &[
    Section { name: "", help: "the server as a whole; before the first table", rows: SERVER },
    Section { name: "web", help: "the web door", rows: WEB },
    Section { name: "tls", help: "certificates", rows: TLS },
    Section { name: "admin", help: "the loopback listener for `/metrics`", rows: ADMIN },
    Section {
        name: "limits",
        help: "named limits; every name ends in its unit",
        rows: limits::ROWS,
    },
];

/// Most worker processes that can be asked for: the scoreboard has a page for each.
pub const WORKERS_MAX: u64 = 128;

/// Words of `access` in a `[[web.public]]` table: the word, its value, its meaning.
pub const ACCESS_WORDS: &[(&str, Access, &str)] = &[
    ("read", Access::Read, "download and list"),
    ("write", Access::Write, "download, list, upload, rename and delete"),
];

/// Keys of a `[[web.public]]` table.
pub const PUBLIC_COLUMNS: &[Column] = &[
    Column { key: "path", default: "", help: "folder, from `/` to `/`" },
    Column { key: "access", default: "\"read\"", help: "`\"read\"` or `\"write\"`" },
];

const SERVER: &[Row] = &[
    Row {
        name: "state",
        kind: Kind::Path(|config| &mut config.state),
        default: "\".menshen\"",
        example: "\"/var/lib/menshen\"",
        help: "folder for token, certificates, scoreboard and log",
        detail: "A relative path starts at the folder of this file. It must lie neither inside \
                 `web.root` nor around it: what lies in `web.root` can be downloaded.",
        counter: None,
        tried: &["state_dir", "data", "data_dir", "state_directory"],
    },
    Row {
        name: "user",
        kind: Kind::User(|config| &mut config.user),
        default: "\"\"",
        example: "\"www-data\"",
        help: "user the workers become when menshen is started as root",
        detail: "Empty: the owner of `web.root` unless that is root, else `nobody`.",
        counter: None,
        tried: &["run_as", "username", "uid"],
    },
    Row {
        name: "workers",
        kind: Kind::Number(Number {
            min: 1,
            max: WORKERS_MAX,
            zero: Some("one per processor"),
            unit: Unit::Count("processes"),
            place: NumberPlace::Small(|config| &mut config.workers),
        }),
        default: "0",
        example: "4",
        help: "worker processes that share every port",
        detail: "",
        counter: None,
        tried: &["worker_processes", "processes", "threads", "num_workers"],
    },
];

const WEB: &[Row] = &[
    Row {
        name: "web.listen",
        kind: Kind::Addresses(|config| &mut config.web.listen),
        default: "[\":8443\"]",
        example: "[\"192.0.2.7:443\", \"[2001:db8::7]:443\"]",
        help: "HTTPS addresses",
        detail: "`\":8443\"` is every address of both families: `\"0.0.0.0:8443\"` and \
                 `\"[::]:8443\"`. `[::]` alone takes IPv6 only. Host names are not looked up. \
                 Port 0 takes a free port.",
        counter: None,
        tried: &["port", "bind", "address", "addresses", "https_listen", "host"],
    },
    Row {
        name: "web.plain_listen",
        kind: Kind::Addresses(|config| &mut config.web.plain_listen),
        default: "[]",
        example: "[\":8080\"]",
        help: "plain-HTTP addresses",
        detail: "",
        counter: None,
        tried: &["http_listen", "http_port", "listen_plain"],
    },
    Row {
        name: "web.plain",
        kind: Kind::Words(&[
            Word {
                word: "redirect",
                help: "answers 308 to the HTTPS address",
                choose: |config| config.web.plain = PlainMode::Redirect,
            },
            Word {
                word: "serve",
                help: "serves files; for use behind a TLS load balancer or on loopback",
                choose: |config| config.web.plain = PlainMode::Serve,
            },
        ]),
        default: "\"redirect\"",
        example: "\"serve\"",
        help: "what the plain-HTTP addresses do",
        detail: "",
        counter: None,
        tried: &["redirect", "https_redirect", "plain_mode"],
    },
    Row {
        name: "web.root",
        kind: Kind::Path(|config| &mut config.web.root),
        default: "\"files\"",
        example: "\"/srv/files\"",
        help: "the folder that is served",
        detail: "A relative path starts at the folder of this file.",
        counter: None,
        tried: &["document_root", "docroot", "directory", "dir", "folder"],
    },
    Row {
        name: "web.trusted_proxies",
        kind: Kind::Networks(|config| &mut config.web.trusted_proxies),
        default: "[]",
        example: "[\"10.0.0.0/8\", \"::1\"]",
        help: "networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed",
        detail: "Without them the address of the connection counts. On a plain-HTTP address, a \
                 proxy's word that its client came by `https` means serving, also in `redirect` \
                 mode; that it came by `http` means a redirect.",
        counter: None,
        tried: &["set_real_ip_from", "real_ip", "proxies", "trusted"],
    },
    Row {
        name: "web.durable",
        kind: Kind::Switch(|config| &mut config.web.durable),
        default: "true",
        example: "false",
        help: "whether an upload is flushed to the disk before it is acknowledged",
        detail: "`false` is faster, and a power cut may lose uploads that were acknowledged.",
        counter: None,
        tried: &["fsync", "sync", "flush"],
    },
    Row {
        name: "web.http2",
        kind: Kind::Switch(|config| &mut config.web.http2),
        default: "true",
        example: "false",
        help: "whether HTTP/2 is offered",
        detail: "",
        counter: None,
        tried: &["h2", "http_2"],
    },
    Row {
        name: "web.access_log",
        kind: Kind::Log(|config| &mut config.web.access_log),
        default: "\"access.log\"",
        example: "\"stdout\"",
        help: "where access-log lines go: `\"off\"`, `\"stdout\"` or a file",
        detail: "A relative path starts at the state folder. A file that is really named `off` \
                 is written `\"./off\"`.",
        counter: None,
        tried: &["log", "access", "logfile", "log_file"],
    },
    Row {
        name: "web.public",
        kind: Kind::PublicPaths(|config| &mut config.web.public),
        default: "[]",
        example: "[{ path = \"/pub/\", access = \"read\" }]",
        help: "folders open without token",
        detail: "Written as one `[[web.public]]` table per folder. Everything else needs the \
                 owner token or a session made from it.",
        counter: None,
        tried: &["allow", "anonymous", "open", "public_paths"],
    },
];

const TLS: &[Row] = &[
    Row {
        name: "tls.certificate",
        kind: Kind::OptionalPath(|config| &mut config.tls.certificate),
        default: "\"\"",
        example: "\"/etc/menshen/fullchain.pem\"",
        help: "PEM certificate chain, leaf first",
        detail: "Needs `tls.key`. Empty: the development CA in the state folder issues one.",
        counter: None,
        tried: &["ssl_certificate", "cert", "cert_file", "fullchain", "chain"],
    },
    Row {
        name: "tls.key",
        kind: Kind::OptionalPath(|config| &mut config.tls.key),
        default: "\"\"",
        example: "\"/etc/menshen/privkey.pem\"",
        help: "PEM private key of the certificate",
        detail: "Needs `tls.certificate`. It must not lie inside `web.root`.",
        counter: None,
        tried: &["ssl_certificate_key", "private_key", "key_file", "privkey"],
    },
    Row {
        name: "tls.names",
        kind: Kind::Names(|config| &mut config.tls.names),
        default: "[\"localhost\"]",
        example: "[\"files.example.test\", \"192.0.2.7\"]",
        help: "host names and addresses the development certificate covers",
        detail: "Not together with `tls.certificate`: that one brings its own names.",
        counter: None,
        tried: &["server_name", "hosts", "domains", "hostnames", "domain"],
    },
];

const ADMIN: &[Row] = &[Row {
    name: "admin.listen",
    kind: Kind::Loopback(|config| &mut config.admin),
    default: "\"127.0.0.1:8444\"",
    example: "\"[::1]:9100\"",
    help: "loopback address of `/metrics`, or `\"off\"`",
    detail: "Where it is written in the file, failing to bind it is an error; the default steps \
             aside with a warning when the address is taken.",
    counter: None,
    tried: &["metrics", "metrics_listen", "prometheus", "admin_listen"],
}];
