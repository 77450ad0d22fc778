//! `[s3]` as the rest of menshen sees it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A bucket that the file service keeps its files in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3 {
    /// `http` or `https` URL of the server; `None`: files are in `web.root`.
    pub endpoint: Option<String>,
    /// Name of the bucket.
    pub bucket: String,
    /// What all keys begin with, without a slash at its ends; empty: nothing.
    pub prefix: String,
    /// Region that requests are signed for.
    pub region: String,
    /// Whether the bucket stands in the path of URLs, not in the host's name.
    pub path_style: bool,
    /// File of the credentials; `None`: the guard's environment.
    pub credentials: Option<PathBuf>,
    /// PEM roots the server's certificate is checked against; `None`: the system's.
    pub roots: Option<PathBuf>,
    /// Bytes of one part of an upload.
    pub part_bytes: u64,
    /// Parts that all uploads of one worker hold in memory.
    pub buffers_max: u32,
    /// Attempts of one request.
    pub tries_max: u32,
    /// Until a connection stands.
    pub connect_seconds_max: u32,
    /// From a request to the head of its answer.
    pub first_byte_seconds_max: u32,
    /// Without a byte, while bytes are on their way.
    pub idle_seconds_max: u32,
    /// What clients are told to wait while the bucket is away; it is asked again as often.
    pub retry_seconds: u32,
    /// Hours after which what a killed node left is removed.
    pub orphan_hours: u32,
}

impl S3 {
    /// Whether the file service is in a bucket.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.endpoint.is_some()
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: None,
            bucket: String::new(),
            prefix: String::new(),
            region: "us-east-1".into(),
            path_style: true,
            credentials: None,
            roots: None,
            part_bytes: 8 << 20,
            buffers_max: 32,
            tries_max: 4,
            connect_seconds_max: 5,
            first_byte_seconds_max: 30,
            idle_seconds_max: 20,
            retry_seconds: 5,
            orphan_hours: 24,
        }
    }
}
