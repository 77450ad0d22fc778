//! The checked configuration as the rest of menshen sees it. Every value here is already valid.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod guard;
mod hook;
mod links;
mod rests;
mod s3;
mod site;
mod sql;
mod tunnel;
mod uploads;

pub use guard::{Bounds, Children, Guard, Protect, ProtectBy, Threshold};
pub use hook::{Hook, HookEvent};
pub use links::SignedLinks;
pub use rests::{Expire, Quota};
pub use s3::S3;
pub use site::{
    Delivery, EXTERNAL_WORKERS, ExternalPool, FieldPiece, FieldTemplate, FieldVariable, Fields,
    Links, Mount, NameValue, Php, PhpAddress, PhpBackend, QueryPiece, Redirect, Rule, Site, Try,
};
pub use sql::{CacheType, Sql, SqlAddress, SqlTransactions, UpstreamTls, WithoutBinlog};
pub use tunnel::{Mppe, Pptp, Tunnel};
pub use uploads::Uploads;

/// Everything `menshen.toml` can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Folder for token, certificates, scoreboard and log; relative to the configuration file.
    pub state: PathBuf,
    /// User the workers become when menshen is started as root; `None`: the owner of `web.root`
    /// unless that is root, else `nobody`.
    pub user: Option<String>,
    /// Worker processes; 0: one per processor.
    pub workers: u32,
    /// The web door.
    pub web: Web,
    /// Uploads that go on after a cut.
    pub uploads: Uploads,
    /// Signed links.
    pub links: SignedLinks,
    /// The bucket of the file service.
    pub s3: S3,
    /// Sites, in the order of the file.
    pub sites: Vec<Site>,
    /// PHP as a whole.
    pub php: Php,
    /// The sql door.
    pub sql: Sql,
    /// The tunnel door.
    pub tunnel: Tunnel,
    /// Certificates.
    pub tls: Tls,
    /// How certificates are asked for.
    pub acme: Acme,
    /// The loopback listener for `/metrics`.
    pub admin: Admin,
    /// The memory watch.
    pub guard: Guard,
    /// Named limits.
    pub limits: Limits,
}

/// The web door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Web {
    /// HTTPS addresses.
    pub listen: Vec<SocketAddr>,
    /// Plain-HTTP addresses; none by default.
    pub plain_listen: Vec<SocketAddr>,
    /// What plain HTTP does.
    pub plain: PlainMode,
    /// The folder that is served.
    pub root: PathBuf,
    /// Paths open without token.
    pub public: Vec<PublicPath>,
    /// How much may rest in folders.
    pub quotas: Vec<Quota>,
    /// How long files rest in folders.
    pub expires: Vec<Expire>,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<Network>,
    /// Whether an upload is flushed to the disk before it is acknowledged.
    pub durable: bool,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Where access-log lines go.
    pub access_log: AccessLog,
}

/// What a plain-HTTP listener does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainMode {
    /// Answers 308 to the HTTPS address.
    Redirect,
    /// Serves files; for use behind a TLS load balancer or on loopback.
    Serve,
}

/// A path prefix open without token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPath {
    /// Absolute, ends in `/`.
    pub path: String,
    /// What is open.
    pub access: Access,
}

/// What is open without token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Download and list.
    Read,
    /// Download, list, upload, rename and delete.
    Write,
}

/// An address with a prefix length, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Base address.
    pub address: IpAddr,
    /// Prefix length in bits: 0..=32 or 0..=128.
    pub prefix: u8,
}

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To a file; relative to the state folder.
    File(PathBuf),
}

/// Certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// PEM chain; `None` with `key`: the development CA issues one.
    pub certificate: Option<PathBuf>,
    /// PEM private key.
    pub key: Option<PathBuf>,
    /// Names and addresses the development certificate covers.
    pub names: Vec<String>,
    /// Files and folders with certificates and keys; which belong together is found out.
    pub from: Vec<PathBuf>,
    /// Names the keeper gets certificates for, lower case; one certificate each.
    pub acme: Vec<String>,
}

/// How certificates are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acme {
    /// Authorities, the preferred one first; none: Let's Encrypt.
    pub directories: Vec<AcmeDirectory>,
    /// Ways to prove a name, the preferred one first.
    pub challenges: Vec<AcmeChallenge>,
    /// Program that sets and removes TXT records; dns-01 needs it.
    pub dns_hook: Option<PathBuf>,
    /// File whose contents the hook reads on standard input.
    pub dns_secret: Option<PathBuf>,
    /// Seconds between the hook's success and the authority's look.
    pub dns_wait_seconds: u32,
    /// Contact for the account.
    pub email: Option<String>,
    /// User the keeper and its hook run as when menshen is started as root; `None`: the workers'.
    pub user: Option<String>,
}

/// One ACME authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcmeDirectory {
    /// URL of its directory.
    pub url: String,
    /// Certificate profile to ask for.
    pub profile: Option<String>,
    /// External account binding: key identifier.
    pub eab_kid: Option<String>,
    /// External account binding: file with the key in base64url.
    pub eab_key: Option<PathBuf>,
    /// PEM roots its own HTTPS is checked against.
    pub roots: Option<PathBuf>,
}

/// A way to prove a name (RFC 8555 §8, RFC 8737).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcmeChallenge {
    /// A handshake at port 443.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A file at port 80.
    #[serde(rename = "http-01")]
    Http01,
    /// A TXT record, set by the hook.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// The loopback listener for `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admin {
    /// Loopback address; `None`: off.
    pub listen: Option<SocketAddr>,
    /// Whether the address was written in the file: then failing to bind it is an error.
    pub explicit: bool,
}

/// Named limits; every name ends in its unit. Ranges and defaults are in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table holds the one description of each limit")]
pub struct Limits {
    pub connections_max: u32,
    pub connections_per_address_max: u32,
    pub handshake_seconds_max: u32,
    pub head_seconds_max: u32,
    pub idle_seconds_max: u32,
    pub stall_seconds_max: u32,
    pub rate_bytes_per_second_min: u32,
    pub rate_grace_seconds: u32,
    pub head_bytes_max: u32,
    pub headers_max: u32,
    pub target_bytes_max: u32,
    pub upload_bytes_max: u64,
    pub parts_max: u32,
    pub part_head_bytes_max: u32,
    pub ranges_max: u32,
    pub listing_entries_max: u32,
    pub zip_entries_max: u32,
    pub descriptors_max: u32,
    pub auth_failures_per_minute_max: u32,
    pub session_seconds_max: u32,
    pub h2_streams_max: u32,
    pub h2_window_bytes_max: u32,
    pub drain_seconds_max: u32,
    pub php_queue_max: u32,
    pub php_queue_seconds_max: u32,
    pub php_connect_seconds_max: u32,
    pub php_silence_seconds_max: u32,
    pub php_head_bytes_max: u32,
    pub php_fields_bytes_max: u64,
    pub php_answer_spool_bytes_max: u64,
    pub php_stderr_bytes_max: u32,
    pub acme_hook_seconds_max: u32,
    pub hook_attempts_max: u32,
    pub hook_hours_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: PathBuf::from(".menshen"),
            user: None,
            workers: 0,
            web: Web::default(),
            uploads: Uploads::default(),
            links: SignedLinks::default(),
            s3: S3::default(),
            sites: Vec::new(),
            php: Php::default(),
            sql: Sql::default(),
            tunnel: Tunnel::default(),
            tls: Tls {
                certificate: None,
                key: None,
                names: vec!["localhost".into()],
                from: Vec::new(),
                acme: Vec::new(),
            },
            acme: Acme::default(),
            admin: Admin { listen: Some(([127, 0, 0, 1], 8444).into()), explicit: false },
            guard: Guard::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen: vec![([0, 0, 0, 0], 8443).into(), ([0u16; 8], 8443).into()],
            plain_listen: Vec::new(),
            plain: PlainMode::Redirect,
            root: PathBuf::from("files"),
            public: Vec::new(),
            quotas: Vec::new(),
            expires: Vec::new(),
            trusted_proxies: Vec::new(),
            durable: true,
            http2: true,
            access_log: AccessLog::File(PathBuf::from("access.log")),
        }
    }
}

impl Default for Acme {
    fn default() -> Self {
        use AcmeChallenge::{Dns01, Http01, TlsAlpn01};
        Self {
            directories: Vec::new(),
            challenges: vec![TlsAlpn01, Http01, Dns01],
            dns_hook: None,
            dns_secret: None,
            dns_wait_seconds: 10,
            email: None,
            user: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 0,
            connections_per_address_max: 0,
            handshake_seconds_max: 10,
            head_seconds_max: 10,
            idle_seconds_max: 75,
            stall_seconds_max: 60,
            rate_bytes_per_second_min: 100,
            rate_grace_seconds: 20,
            head_bytes_max: 32 * 1024,
            headers_max: 100,
            target_bytes_max: 8 * 1024,
            upload_bytes_max: 0,
            parts_max: 1000,
            part_head_bytes_max: 8 * 1024,
            ranges_max: 64,
            listing_entries_max: 10_000,
            zip_entries_max: 10_000,
            descriptors_max: 1000,
            auth_failures_per_minute_max: 30,
            session_seconds_max: 7 * 24 * 3600,
            h2_streams_max: 100,
            h2_window_bytes_max: 16 << 20,
            drain_seconds_max: 60,
            php_queue_max: 1000,
            php_queue_seconds_max: 30,
            php_connect_seconds_max: 2,
            php_silence_seconds_max: 60,
            php_head_bytes_max: 64 * 1024,
            php_fields_bytes_max: 8 << 20,
            php_answer_spool_bytes_max: 0,
            php_stderr_bytes_max: 16 * 1024,
            acme_hook_seconds_max: 120,
            hook_attempts_max: 1000,
            hook_hours_max: 72,
        }
    }
}
