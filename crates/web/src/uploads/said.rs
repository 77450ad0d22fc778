//! What the door itself keeps with an upload, beside what the store must know.
//!
//! JSON in the record's `metadata`. It says whose host the upload is of, by what name its client
//! knows it, and how its answers are made after a restart.

use menshen_store::{Destination, Record};
use menshen_upload_core::{Concat, Metadata};
use menshen_web_core::fields::Algorithm;
use serde::{Deserialize, Serialize};

use super::Scope;
use super::by_link::ByLink;
use crate::root::Expect;

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// Host of the site; empty on the file service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) host: String,
    /// File name its client gave.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// `Upload-Metadata` as it came; it is ASCII.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) field: String,
    /// The script that allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) allowed_by: Option<Vec<u8>>,
    /// Whether it began as a request to the target itself, whose answer is the target's.
    #[serde(default)]
    pub(super) upgraded: bool,
    /// `Want-Repr-Digest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    want: Option<String>,
    /// `Upload-Concat`: `partial`, or the addresses of the parts with blanks between.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    concat: String,
    /// The link that opened the way for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<ByLink>,
    /// Bytes it holds of the quotas of its folder, where that has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<u64>,
}

/// Conditions of a file's publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) expect: Expect,
}

impl Said {
    /// For uploads of `scope`.
    pub(super) fn new(scope: &Scope, metadata: &Metadata, concat: &Concat) -> Self {
        let host = match scope {
            Scope::Files => String::new(),
            Scope::Site(host) => host.clone(),
        };
        let concat = match concat {
            Concat::None => String::new(),
            Concat::Partial => PARTIAL.into(),
            Concat::Final(parts) => {
                let parts = parts.iter().map(|part| String::from_utf8_lossy(part).into_owned());
                parts.collect::<Vec<_>>().join(" ")
            }
        };
        let field = String::from_utf8_lossy(&metadata.field()).into_owned();
        Self { host, field, concat, ..Self::default() }
    }

    /// What `record` keeps; of one that cannot be read, nothing.
    pub(super) fn of(record: &Record) -> Self {
        serde_json::from_slice(&record.metadata).unwrap_or_default()
    }

    /// As it is kept.
    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The digest that the answer should tell.
    pub(super) fn wants(&mut self, algorithm: Option<Algorithm>) {
        self.want = algorithm.map(|algorithm| match algorithm {
            Algorithm::Sha256 => "sha-256".into(),
            Algorithm::Sha512 => "sha-512".into(),
        });
    }

    /// The digest that the answer should tell.
    pub(super) fn want(&self) -> Option<Algorithm> {
        match self.want.as_deref()? {
            "sha-512" => Some(Algorithm::Sha512),
            _ => Some(Algorithm::Sha256),
        }
    }

    /// When the file was last changed, as its client said: Unix time, milliseconds.
    pub(super) fn modified(&self) -> Option<u64> {
        let metadata = Metadata::parse(self.field.as_bytes())?;
        std::str::from_utf8(metadata.get("modified")?).ok()?.parse().ok()
    }

    /// Its role in a concatenation.
    pub(super) fn concat(&self) -> Concat {
        match self.concat.as_str() {
            "" => Concat::None,
            PARTIAL => Concat::Partial,
            parts => Concat::Final(parts.split(' ').map(|part| part.as_bytes().to_vec()).collect()),
        }
    }

    /// Whether it belongs to `scope`.
    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Files => self.host.is_empty(),
            Scope::Site(host) => self.host == *host,
        }
    }
}

impl Terms {
    /// What `record` keeps; of terms that cannot be read, nothing may be replaced.
    pub(super) fn of(record: &Record) -> Self {
        match &record.destination {
            Destination::File { terms, .. } => serde_json::from_slice(terms).ok(),
            _ => None,
        }
        .unwrap_or(Self { expect: Expect::Nothing })
    }
}

const PARTIAL: &str = "partial";
