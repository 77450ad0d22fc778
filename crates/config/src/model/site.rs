//! Sites and how PHP is reached, checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Network;

/// One `[[site]]`: host names, a folder, and how its PHP is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Lower-case names, exact (`example.test`) or one label of anything (`*.example.test`); no
    /// port. Empty: every host that no other site names.
    pub hosts: Vec<String>,
    /// The document root.
    pub root: PathBuf,
    /// How PHP is reached.
    pub php: PhpBackend,
    /// The document root as PHP sees it, where that differs (a container, a chroot).
    pub php_root: Option<PathBuf>,
    /// Names tried in a directory, in order.
    pub index: Vec<String>,
    /// What a path is tried as, in order; the first that exists is served.
    pub tries: Vec<Try>,
    /// Where symbolic links may lead.
    pub links: Links,
    /// Whether static text is compressed.
    pub compress: bool,
    /// Added to every answer of the site.
    pub headers: Vec<NameValue>,
    /// How uploads are handed to PHP.
    pub delivery: Delivery,
    /// Largest request body in bytes, 0 for none; more is 413.
    pub upload_bytes_max: u64,
    /// Bytes all its unfinished uploads may hold, 0 for any.
    pub uploads_bytes_max: u64,
    /// Largest single file of a form in bytes, 0 for none; a larger one reaches PHP as
    /// `UPLOAD_ERR_INI_SIZE`.
    pub file_bytes_max: u64,
    /// The script that is asked about uploads before their first byte; `None`: nobody is.
    pub authorize: Option<String>,
    /// Other folders shown at a path, or kept for `X-Accel-Redirect` and `X-Sendfile`.
    pub mounts: Vec<Mount>,
    /// What differs below a path; the longest matching path counts.
    pub rules: Vec<Rule>,
    /// Paths that moved; the longest matching one counts.
    pub redirects: Vec<Redirect>,
}

/// How PHP is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhpBackend {
    /// Not at all: static files only, and no `.php` file is ever sent.
    Off,
    /// By a php-fpm of our own.
    Managed,
    /// By somebody else's php-fpm.
    At(PhpAddress),
}

/// Where a FastCGI server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhpAddress {
    /// `unix:/run/php/php8.2-fpm.sock`.
    Unix(PathBuf),
    /// `127.0.0.1:9000`.
    Tcp(SocketAddr),
}

/// One entry of `try`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Try {
    /// `"$path"`: the path itself; a directory through its index.
    Path,
    /// Another path of the site, such as `/index.php`, with the query it gets: `None` keeps the
    /// client's.
    Other {
        /// Absolute path.
        path: String,
        /// Query template: pieces of text, `$path` and `$query`.
        query: Option<Vec<QueryPiece>>,
    },
    /// `"=404"`: answer with this status.
    Status(u16),
}

/// A piece of the query in a `try` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryPiece {
    /// As it stands.
    Text(String),
    /// The path as the client sent it, still percent-encoded.
    Path,
    /// The client's query.
    Query,
}

/// Where symbolic links in a document root may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// Only to places inside it.
    Inside,
    /// Anywhere the workers may read.
    Anywhere,
}

/// How a finished upload is handed to PHP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// `swap` where the pool allows it, else `replay`.
    Auto,
    /// The spooled file takes the place of PHP's own temporary file.
    Swap,
    /// Form fields tell of the file.
    Fields,
    /// The body is sent again.
    Replay,
}

/// A name with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameValue {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Another folder of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute, ends in `/`.
    pub path: String,
    /// The folder.
    pub root: PathBuf,
    /// Not for clients: only what `X-Accel-Redirect` (by `path`) and `X-Sendfile` (by `root`) name.
    pub internal: bool,
}

/// What differs below a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Absolute; everything below it when it ends in `/`, else just this path.
    pub path: String,
    /// Whether clients are answered at all; `false`: 404.
    pub open: bool,
    /// Networks that are answered; empty: all. Others get 403.
    pub allow: Vec<Network>,
    /// Whether PHP runs here; in upload folders it should not.
    pub php: bool,
    /// A script that answers everything here.
    pub script: Option<String>,
    /// Instead of the site's.
    pub delivery: Option<Delivery>,
    /// Instead of the site's.
    pub upload_bytes_max: Option<u64>,
    /// Instead of the site's.
    pub file_bytes_max: Option<u64>,
    /// Instead of the site's; empty: nobody is asked here.
    pub authorize: Option<String>,
    /// Added to the site's.
    pub headers: Vec<NameValue>,
    /// Details of `delivery = "fields"`.
    pub fields: Option<Fields>,
}

/// Details of the `fields` delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// Form fields made of each file, in order.
    pub templates: Vec<FieldTemplate>,
    /// Which ordinary fields are passed on: patterns with `*`; empty: all.
    pub pass: Vec<String>,
    /// Answers that delete the stored files: ranges of statuses, ends included.
    pub cleanup: Vec<(u16, u16)>,
    /// Whether `[]` at the end of a field's name is left out of the names made of it.
    pub tame_arrays: bool,
    /// Where files rest; `None`: in the spool, and they are removed after the answer.
    pub store: Option<PathBuf>,
}

/// One form field made of a file: `NAME = VALUE` with variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldTemplate {
    /// Pieces of the name.
    pub name: Vec<FieldPiece>,
    /// Pieces of the value.
    pub value: Vec<FieldPiece>,
}

/// A piece of a field template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldPiece {
    /// As it stands.
    Text(String),
    /// A variable.
    Variable(FieldVariable),
}

/// A variable of a field template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldVariable {
    /// `$field_name`: the file part's field name.
    FieldName,
    /// `$file_name`: the name the client gave the file.
    FileName,
    /// `$content_type`: the type the client gave it.
    ContentType,
    /// `$path`: where it is, absolute.
    Path,
    /// `$size`: bytes.
    Size,
    /// `$number`: counts the files of the form, from 1.
    Number,
    /// `$sha256`, lower-case hex.
    Sha256,
    /// `$sha512`, lower-case hex.
    Sha512,
    /// `$sha1`, lower-case hex.
    Sha1,
    /// `$md5`, lower-case hex.
    Md5,
    /// `$crc32`, lower-case hex, 8 digits.
    Crc32,
}

/// A path that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Absolute; everything below it when it ends in `/`, else just this path.
    pub from: String,
    /// A path or an `http://`/`https://` URL; when both end in `/` the rest of the path is kept.
    /// The query is kept.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// What concerns PHP as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Php {
    /// The php-fpm program; `None`: the newest that is installed.
    pub program: Option<PathBuf>,
    /// Worker processes of the managed pool; 0: twice the processors, at least 4.
    pub children: u32,
    /// Settings of the managed pool (`php_admin_value`).
    pub settings: Vec<NameValue>,
    /// Where the prepend script, the probe, the spool and the managed pool's socket lie.
    pub folder: PathBuf,
    /// What is known of pools that are not ours.
    pub pools: Vec<ExternalPool>,
}

/// A pool that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalPool {
    /// Its address, as sites name it.
    pub address: PhpAddress,
    /// Its worker processes (`pm.max_children`).
    pub workers: u32,
    /// Where its status is asked (`pm.status_listen`); `None`: at `address`.
    pub status_listen: Option<PhpAddress>,
    /// `pm.status_path`; `None`: never asked.
    pub status_path: Option<String>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            root: PathBuf::from("public"),
            php: PhpBackend::Off,
            php_root: None,
            index: vec!["index.php".into(), "index.html".into()],
            tries: vec![Try::Path, Try::Other { path: "/index.php".into(), query: None }],
            links: Links::Inside,
            compress: true,
            headers: Vec::new(),
            delivery: Delivery::Auto,
            upload_bytes_max: 0,
            uploads_bytes_max: 0,
            file_bytes_max: 0,
            authorize: None,
            mounts: Vec::new(),
            rules: Vec::new(),
            redirects: Vec::new(),
        }
    }
}

impl fmt::Display for PhpAddress {
    /// As it is written in the file: `unix:/PATH` or `ADDRESS:PORT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

impl Default for Mount {
    /// A mount of nothing at no path: both must be said.
    fn default() -> Self {
        Self { path: String::new(), root: PathBuf::new(), internal: false }
    }
}

impl Default for Redirect {
    /// From nowhere to nowhere: both must be said.
    fn default() -> Self {
        Self { from: String::new(), to: String::new(), status: 308 }
    }
}

impl Default for Fields {
    /// Name, type, path and size of each file; all other fields are passed on.
    fn default() -> Self {
        let template = |step: &str, value| FieldTemplate {
            name: vec![
                FieldPiece::Variable(FieldVariable::FieldName),
                FieldPiece::Text(step.into()),
            ],
            value: vec![FieldPiece::Variable(value)],
        };
        Self {
            templates: vec![
                template(".name", FieldVariable::FileName),
                template(".type", FieldVariable::ContentType),
                template(".path", FieldVariable::Path),
                template(".size", FieldVariable::Size),
            ],
            pass: Vec::new(),
            cleanup: Vec::new(),
            tame_arrays: false,
            store: None,
        }
    }
}

impl Rule {
    /// A rule for `path` that changes nothing.
    #[must_use]
    pub const fn new(path: String) -> Self {
        Self {
            path,
            open: true,
            allow: Vec::new(),
            php: true,
            script: None,
            delivery: None,
            upload_bytes_max: None,
            file_bytes_max: None,
            authorize: None,
            headers: Vec::new(),
            fields: None,
        }
    }
}

impl Default for Php {
    fn default() -> Self {
        Self {
            program: None,
            children: 0,
            settings: Vec::new(),
            folder: PathBuf::from("php"),
            pools: Vec::new(),
        }
    }
}

/// Workers a foreign pool is taken to have when nobody says: what Debian's has.
pub const EXTERNAL_WORKERS: u32 = 5;
