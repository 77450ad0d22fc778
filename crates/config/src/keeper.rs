//! What the keeper is given, what it gives back, and what it shows to the workers.
//!
//! The keeper talks to certificate authorities, so it must be taken for one that a stranger may
//! have subverted: the guard reads its messages as numbers, lengths and opaque bytes only
//! ([`Message`]), and never parses what is in them.

mod message;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::AcmeChallenge;
pub use message::{
    ACCOUNT_BYTES_MAX, CHAIN_BYTES_MAX, KEY_BYTES_MAX, Message, MessageError, MessageReader,
    NOTE_BYTES_MAX,
};

/// Everything the keeper needs; JSON on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeeperSpec {
    /// One per name of `tls.acme`, in its order; each has a certificate of its own.
    pub orders: Vec<OrderSpec>,
    /// Authorities, the preferred one first.
    pub directories: Vec<DirectorySpec>,
    /// Ways to prove a name that may be used, the preferred one first.
    pub challenges: Vec<AcmeChallenge>,
    /// Program that sets and removes TXT records.
    pub dns_hook: Option<PathBuf>,
    /// What the hook reads on standard input, such as credentials of the DNS provider.
    pub dns_secret: Option<Secret>,
    /// Seconds a hook may take.
    pub hook_seconds_max: u32,
    /// Seconds to wait after the hook before the authority is told to look.
    pub dns_wait_seconds: u32,
    /// Contact for the account.
    pub email: Option<String>,
    /// Own HTTPS addresses: where it looks whether what is served is what it got.
    pub https: Vec<SocketAddr>,
    /// The bulletin for [`Challenges`], read-write.
    pub challenges_fd: i32,
    /// Where [`Message`]s are written.
    pub messages_fd: i32,
    /// User and group to become.
    pub become_user: Option<(u32, u32)>,
    /// `oom_score_adj` to write to itself before dropping rights.
    pub oom_score_adj: Option<i32>,
}

/// One name to be kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct OrderSpec {
    /// Host name in lower case, possibly with `*.` in front.
    pub name: String,
    /// PEM chain of the certificate in store, if there is one.
    pub chain_pem: Option<String>,
    /// What the keeper noted last time: a [`Note`] as JSON.
    pub note: Option<String>,
}

/// One authority.
#[derive(Debug, Serialize, Deserialize)]
pub struct DirectorySpec {
    /// URL of its ACME directory.
    pub url: String,
    /// PEM roots its own HTTPS is checked against; the system's where there are none.
    pub roots_pem: Option<String>,
    /// Certificate profile to ask for.
    pub profile: Option<String>,
    /// External account binding: key identifier, and the key in base64url.
    pub binding: Option<(String, Secret)>,
    /// Credentials of the account, as the keeper gave them.
    pub account: Option<Secret>,
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What workers answer to authorities while orders run; JSON in a bulletin.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenges {
    /// Of http-01 (RFC 8555 §8.3): token and key authorization.
    pub http: Vec<HttpChallenge>,
    /// Of tls-alpn-01 (RFC 8737).
    pub alpn: Vec<AlpnChallenge>,
}

/// The answer to one http-01 challenge.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpChallenge {
    /// Last step of the path.
    pub token: String,
    /// The body.
    pub authorization: String,
}

/// The answer to one tls-alpn-01 challenge; `Debug` shows no key.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct AlpnChallenge {
    /// The name in the client's SNI, lower case.
    pub name: String,
    /// PEM of the self-signed certificate with `acmeIdentifier`.
    pub certificate_pem: String,
    /// PEM of its key, which is used for nothing else.
    pub key_pem: String,
}

impl fmt::Debug for AlpnChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlpnChallenge").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What the keeper remembers of a name, and what `menshen status` shows; kept beside the
/// certificate as JSON. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// The name as configured.
    pub name: String,
    /// What the keeper is doing.
    pub state: KeepState,
    /// Who issued the certificate in store.
    pub issuer: Option<String>,
    /// Its begin.
    pub not_before_unix: Option<i64>,
    /// Its end.
    pub not_after_unix: Option<i64>,
    /// SHA-256 of the certificate in store, upper-case hex pairs with colons.
    pub fingerprint_sha256: Option<String>,
    /// When it will be renewed.
    pub renew_unix: Option<i64>,
    /// The window the authority suggests (RFC 9773).
    pub window_unix: Option<(i64, i64)>,
    /// Why it suggests that, if it says so.
    pub window_explanation: Option<String>,
    /// When the last order ended, well or not.
    pub tried_unix: Option<i64>,
    /// When the next one begins.
    pub next_unix: Option<i64>,
    /// Failures since the last success.
    pub failures: u32,
    /// The last failure: problem type and detail as the authority said, or what could not be done.
    pub error: Option<String>,
    /// What did not go as configured in an order that succeeded, such as an unknown profile.
    pub remark: Option<String>,
    /// URL of the authority the certificate in store came from.
    pub directory: Option<String>,
    /// Whether the own addresses serve it: none before the first look.
    pub served: Option<bool>,
}

/// What the keeper is doing about a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepState {
    /// No certificate yet.
    #[default]
    Missing,
    /// An order runs.
    Ordering,
    /// A certificate is in store.
    Kept,
    /// The last order failed; a certificate may be in store all the same.
    Failing,
}
