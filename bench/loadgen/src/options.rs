//! `key=value` arguments.
//!
//! Unknown keys are errors: a misspelt one must never turn into a measurement of something else.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::tls::{Sessions, Settings};

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Downloads on kept connections.
    Get,
    /// `PUT` uploads.
    Put,
    /// Multipart form uploads.
    Form,
    /// Resumable uploads by tus.
    Tus,
    /// Resumable uploads as the IETF drafts them.
    Rufh,
    /// One connection a download.
    Connect,
    /// Held uploads that hardly move.
    HoldUpload,
    /// Held downloads that hardly move.
    HoldDownload,
    /// The first answer of a server that is starting.
    First,
    /// Slow uploads and downloads of a crowd.
    Crowd,
    /// One page at fixed times.
    Page,
    /// A long way between two ports.
    Link,
}

/// The arguments as given.
#[derive(Debug)]
pub(crate) struct Options(HashMap<String, String>);

impl Options {
    /// Takes the arguments; an error names the first that is not understood.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = HashMap::new();
        for arg in args {
            let (key, value) =
                arg.split_once('=').ok_or_else(|| format!("not key=value: {arg}"))?;
            if !KNOWN.contains(&key) {
                return Err(format!("unknown option: {key}"));
            }
            options.insert(key.to_owned(), value.to_owned());
        }
        Ok(Self(options))
    }

    /// The value of `key`, or `default` when it is not given.
    pub(crate) fn get<T: FromStr>(&self, key: &str, default: T) -> Result<T, String> {
        self.0.get(key).map_or(Ok(default), |v| v.parse().map_err(|_| format!("bad {key}={v}")))
    }

    /// The mode; `get` when none is given.
    pub(crate) fn mode(&self) -> Result<Mode, String> {
        match self.get("mode", "get".to_owned())?.as_str() {
            "get" => Ok(Mode::Get),
            "put" => Ok(Mode::Put),
            "form" => Ok(Mode::Form),
            "tus" => Ok(Mode::Tus),
            "rufh" => Ok(Mode::Rufh),
            "connect" => Ok(Mode::Connect),
            "hold-upload" => Ok(Mode::HoldUpload),
            "hold-download" => Ok(Mode::HoldDownload),
            "first" => Ok(Mode::First),
            "crowd" => Ok(Mode::Crowd),
            "page" => Ok(Mode::Page),
            "link" => Ok(Mode::Link),
            other => Err(format!("bad mode={other}")),
        }
    }

    /// Where to connect to.
    pub(crate) fn address(&self) -> Result<SocketAddr, String> {
        let ip = self.get("addr", IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        Ok(SocketAddr::new(ip, self.get("port", 8100)?))
    }

    /// TLS settings; None without `tls=1`.
    pub(crate) fn tls(&self) -> Result<Option<Settings>, String> {
        if self.get("tls", 0)? != 1 {
            return Ok(None);
        }
        let resumption = match self.get("resume", 0)? {
            1 => Sessions::Resumed,
            _ => Sessions::New,
        };
        let cipher = self.get("cipher", String::new())?;
        Settings::new(&cipher, resumption)
            .map(Some)
            .map_err(|e| format!("could not set up TLS with cipher={cipher}: {e}"))
    }
}

const KNOWN: [&str; 28] = [
    "mode",
    "addr",
    "port",
    "path",
    "c",
    "secs",
    "n",
    "size",
    "tls",
    "cipher",
    "resume",
    "cr",
    "first",
    "trickle",
    "uploads",
    "downloads",
    "up",
    "down",
    "rate",
    "up_size",
    "up_rate",
    "ramp",
    "every",
    "decrypt",
    "pace",
    "piece",
    "listen",
    "delay",
];

#[cfg(test)]
mod tests;
