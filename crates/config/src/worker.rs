//! What a worker process is given over its pipe before it drops its rights.
//!
//! Descriptors are numbers of already inherited files: the worker opens nothing by path.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::keeper::Secret;
use crate::model::{Config, PhpAddress};

/// Everything one worker needs; JSON on the pipe, written once, then the pipe is closed.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// Place of this worker among those of its generation, from 0.
    pub index: u32,
    /// Counts reloads, from 1.
    pub generation: u64,
    /// Scoreboard slot this worker alone writes.
    pub slot: u32,
    /// Random hex word of this guard's life; spool files of other lives are leftovers.
    pub instance: String,
    /// The checked configuration.
    pub config: Config,
    /// Its own sockets, listening already.
    pub listeners: Vec<ListenerSpec>,
    /// The served folder, `O_DIRECTORY`; an empty one when a site takes every host.
    pub root_fd: i32,
    /// One per site of the configuration, in its order.
    pub sites: Vec<SiteSpec>,
    /// PHP pools the sites use.
    pub pools: Vec<PoolSpec>,
    /// The scoreboard file, read-write.
    pub scoreboard_fd: i32,
    /// Access log, `O_APPEND`.
    pub access_log_fd: Option<i32>,
    /// Where one byte is written once the worker accepts connections.
    pub ready_fd: i32,
    /// User and group to become.
    pub become_user: Option<(u32, u32)>,
    /// `oom_score_adj` to write to itself before dropping rights.
    pub oom_score_adj: Option<i32>,
    /// Certificates with their keys: a bulletin that holds a [`Shelf`]; the guard posts, the worker
    /// looks once a second whether there is a newer one.
    pub shelf_fd: i32,
    /// Challenges of running ACME orders: a bulletin that holds [`crate::keeper::Challenges`]; the
    /// keeper posts. None without `tls.acme`.
    pub challenges_fd: Option<i32>,
    /// The file of failed handshakes, read-write; each worker writes to its own part of it, see
    /// [`crate::failure::region`].
    pub failures_fd: Option<i32>,
    /// Which steps against memory shortage hold: a page of `menshen_sys::posture`, for reading
    /// only; none where no watch runs.
    #[serde(default)]
    pub posture_fd: Option<i32>,
    /// Where the tunnel worker takes over SSTP connections and answers how much GRE it saw: a unix
    /// socket that workers can connect to, by a path of their own view (`/proc/self/fd/N` of an
    /// inherited `O_PATH` descriptor is one too). None without `[tunnel]` or with `tunnel.sstp`
    /// off: then the method is as unknown as any other.
    #[serde(default)]
    pub tunnel_socket: Option<PathBuf>,
    /// Keys of this door.
    pub secrets: Secrets,
    /// Signed links; none where they are off or no file service is there.
    #[serde(default)]
    pub links: Option<LinkSpec>,
    /// One per `[[uploads.hook]]`, in the order of the configuration.
    #[serde(default)]
    pub hooks: Vec<HookSpec>,
    /// What the bucket is used with; none without one.
    #[serde(default)]
    pub s3: Option<S3Spec>,
}

/// What a worker needs besides the configuration to use the bucket; `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Spec {
    /// The file of credentials as it is, or the environment's written as such a file.
    pub credentials: Secret,
    /// PEM roots of the server.
    pub roots_pem: Option<String>,
}

/// What a worker needs to take signed links.
#[derive(Debug, Serialize, Deserialize)]
pub struct LinkSpec {
    /// Every key that verifies.
    pub keys: Vec<LinkKeySpec>,
    /// Folder for what is known of counted links, `O_DIRECTORY`, the workers' own.
    pub folder_fd: i32,
}

/// One key of signed links; `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
pub struct LinkKeySpec {
    /// Its name in links.
    pub id: [u8; 4],
    /// The key itself.
    pub secret: [u8; 32],
}

/// Files that one hook names; `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookSpec {
    /// What its bodies are signed with.
    pub secret: Option<Secret>,
    /// PEM roots of its receiver.
    pub roots_pem: Option<String>,
}

/// All certificates of a door; JSON in a bulletin.
#[derive(Default, Serialize, Deserialize)]
pub struct Shelf {
    /// In order of preference where several cover the same name: given ones, those of the keeper,
    /// the development CA's.
    pub pairs: Vec<ShelfPair>,
}

/// A certificate with its key; `Debug` shows no key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelfPair {
    /// PEM chain, leaf first.
    pub certificate_pem: String,
    /// PEM private key.
    pub key_pem: String,
    /// Where it comes from.
    pub origin: PairOrigin,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairOrigin {
    /// `tls.certificate` with `tls.key`.
    Given,
    /// A file or folder of `tls.from`.
    Found,
    /// Kept by the keeper.
    Acme,
    /// The development CA.
    Development,
}

/// Open folders of one site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SiteSpec {
    /// The document root, `O_DIRECTORY`.
    pub root_fd: i32,
    /// One per mount of the site, in its order.
    pub mount_fds: Vec<i32>,
    /// One per rule of the site: the folder of its `fields.store`.
    pub store_fds: Vec<Option<i32>>,
    /// Index in [`WorkerSpec::pools`]; `None` without PHP.
    pub pool: Option<u32>,
}

/// A PHP pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PoolSpec {
    /// Where it listens.
    pub address: PhpAddress,
    /// Its worker processes.
    pub workers: u32,
    /// Whether it is ours.
    pub managed: bool,
    /// Where its status is asked, with the path; never asked without.
    pub status: Option<(PhpAddress, String)>,
    /// Absolute path of the folder with `prepend.php` and `probe.php`.
    pub folder: PathBuf,
    /// The spool for request bodies and answers, `O_DIRECTORY`.
    pub spool_fd: i32,
    /// Its absolute path, as PHP sees it.
    pub spool_path: PathBuf,
    /// Its place in the scoreboard, 0..[`POOLS_MAX`]; kept over reloads while the address stays.
    pub place: u32,
    /// An eventfd shared by all workers: rung when a PHP worker got free and somebody waits.
    pub wake_fd: i32,
}

/// Most PHP pools at once.
pub const POOLS_MAX: usize = 8;

/// One inherited socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListenerSpec {
    /// Descriptor number.
    pub fd: i32,
    /// What is spoken on it.
    pub role: ListenerRole,
    /// The bound address.
    pub address: SocketAddr,
}

/// What is spoken on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerRole {
    /// TLS, HTTP/1.1 and HTTP/2.
    Https,
    /// Plain HTTP.
    Plain,
    /// `/metrics`, loopback only.
    Admin,
}

/// Keys; `Debug` shows none of them.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// Root of the session-ticket keys, shared by all workers.
    pub ticket_key: [u8; 32],
    /// SHA-256 of the owner token; the token itself stays with the guard.
    pub token_digest: [u8; 32],
    /// Key of the session cookies.
    pub cookie_key: [u8; 32],
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("pairs", &self.pairs).finish()
    }
}

impl fmt::Debug for ShelfPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShelfPair").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl fmt::Debug for LinkKeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKeySpec(…)")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}
