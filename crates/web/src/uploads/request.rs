//! The head of a request whose body is an upload: kept with the upload until the body is whole.
//!
//! What is kept is what PHP will be told: method, target, host, addresses, and the client's fields
//! but for those of one connection or of the upload itself. Cookies are kept, because the request
//! is the one the browser sent; `Authorization` never is: where the first request had one, the
//! request that makes the upload whole must have one too, and PHP is given that.
//!
//! How it fails: a head too large to be kept ([`HEAD_BYTES_MAX`]) is refused before the first byte.

use std::net::{IpAddr, SocketAddr};

use menshen_web_core::head::{Headers, Interest, Method};
use serde::{Deserialize, Serialize};

use crate::ask::{Ask, Wire};

/// A kept head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestHead {
    pub(super) method: String,
    pub(super) target: Vec<u8>,
    pub(super) host: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
    peer: IpAddr,
    remote: SocketAddr,
    local: SocketAddr,
    secure: bool,
    /// Whether the client showed credentials in a field.
    pub(super) authorized: bool,
    /// The script that allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) allowed_by: Option<Vec<u8>>,
    /// The target, path and query, that the application sent it to instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sent_to: Option<Vec<u8>>,
    /// As `SERVER_PROTOCOL` says it; not of one that was written down.
    #[serde(skip)]
    protocol: Option<&'static str>,
}

impl RequestHead {
    /// What is kept of `ask`; `None` when it is too large.
    pub(super) fn of(ask: &Ask<'_>) -> Option<Self> {
        let mut fields = Vec::new();
        let mut bytes = ask.target.len() + ask.host.len();
        ask.headers.each(&mut |name, value| {
            if let Some(name) = kept_name(name) {
                bytes += name.len() + value.len() + FIELD_BYTES;
                if bytes <= HEAD_BYTES_MAX {
                    fields.push((name, value.to_vec()));
                }
            }
        });
        (bytes <= HEAD_BYTES_MAX).then(|| Self {
            authorized: ask.interest.has(Interest::AUTHORIZATION),
            protocol: None,
            ..Self::with(ask, fields)
        })
    }

    /// All of `ask`, credentials among it, for a request that goes on in a moment: never to be
    /// written down.
    pub(crate) fn entire(ask: &Ask<'_>) -> Self {
        let mut fields = Vec::new();
        ask.headers.each(&mut |name, value| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            fields.push((name, value.to_vec()));
        });
        Self::with(ask, fields)
    }

    fn with(ask: &Ask<'_>, fields: Vec<(String, Vec<u8>)>) -> Self {
        Self {
            method: ask.method_name.to_owned(),
            target: ask.target.to_vec(),
            host: ask.host.to_vec(),
            fields,
            peer: ask.peer,
            remote: ask.wire.remote,
            local: (ask.wire.local)(),
            secure: ask.wire.secure,
            authorized: false,
            allowed_by: None,
            sent_to: None,
            protocol: Some(ask.wire.protocol),
        }
    }

    /// Who sent it.
    pub(super) const fn client(&self) -> IpAddr {
        self.peer
    }

    /// Adds the credentials of the request that made the upload whole; false when the first one
    /// showed some and this one does not.
    pub(super) fn authorize(&mut self, credentials: Option<&[u8]>) -> bool {
        match credentials {
            Some(value) if self.authorized => {
                self.fields.push(("authorization".into(), value.to_vec()));
                true
            }
            _ => !self.authorized,
        }
    }

    /// The request, with a body of `length` bytes where that is known.
    pub(crate) fn asked<R>(&self, length: Option<u64>, then: impl FnOnce(&Ask<'_>) -> R) -> R {
        let names = self.fields.iter().map(|(name, _)| Interest::of(name.as_bytes()));
        let local = || self.local;
        then(&Ask {
            method: Method::of(self.method.as_bytes()),
            method_name: &self.method,
            target: &self.target,
            host: &self.host,
            headers: self,
            interest: names.fold(Interest::NONE, Interest::with),
            peer: self.peer,
            length,
            wire: Wire {
                local: &local,
                remote: self.remote,
                secure: self.secure,
                protocol: self.protocol.unwrap_or("HTTP/1.1"),
            },
        })
    }
}

impl Headers for RequestHead {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.fields.iter().filter(|(known, _)| known == name).for_each(|(_, value)| f(value));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.fields.iter().for_each(|(name, value)| f(name.as_bytes(), value));
    }
}

/// The name in lower case, of fields that are kept.
fn kept_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    (!DROPPED.contains(&name.as_str()) && !name.starts_with("upload-")).then_some(name)
}

/// Of one connection (RFC 9110 §7.6.1), of one message's content, or never to be kept.
const DROPPED: [&str; 16] = [
    "authorization",
    "connection",
    "content-digest",
    "content-length",
    "content-range",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "tus-resumable",
    "upgrade",
    "x-http-method-override",
];

/// Bytes of a kept head: it must fit into its record.
const HEAD_BYTES_MAX: usize = 16 << 10;
const FIELD_BYTES: usize = 8;

#[cfg(test)]
mod tests;
