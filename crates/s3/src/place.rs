//! Where objects are: endpoint, bucket, region, and the prefix all keys of ours begin with.
//!
//! It must never make a URL that means another object than the key says: keys with segments `.`
//! and `..`, which URLs resolve away, are refused.

use rusty_s3::{Bucket, UrlStyle};
use url::Url;

use crate::error::Cause;

/// A bucket and a prefix in it.
#[derive(Debug, Clone)]
pub struct Place {
    bucket: Bucket,
    prefix: String,
}

/// How a bucket is named in URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `https://endpoint/bucket/key`
    Path,
    /// `https://bucket.endpoint/key`
    Host,
}

/// Why a place cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceProblem {
    /// The endpoint.
    #[error("the endpoint is no URL of http or https with a host and without login and query")]
    Endpoint,
    /// The bucket's name.
    #[error("the bucket's name cannot be part of the endpoint's URLs")]
    Bucket,
    /// The prefix.
    #[error("the prefix has a segment that is empty, `.` or `..`, or is longer than 512 bytes")]
    Prefix,
    /// The region.
    #[error("the region is not a plain word")]
    Region,
}

impl Place {
    /// A place; `prefix` may be empty, and has no slash at its ends.
    ///
    /// # Errors
    /// What of it cannot be used.
    pub fn new(
        endpoint: &str,
        bucket: &str,
        prefix: &str,
        region: &str,
        style: Style,
    ) -> Result<Self, PlaceProblem> {
        let endpoint = Url::parse(endpoint).map_err(|_| PlaceProblem::Endpoint)?;
        let bare = endpoint.query().is_none()
            && endpoint.fragment().is_none()
            && endpoint.username().is_empty()
            && endpoint.password().is_none();
        if !bare {
            return Err(PlaceProblem::Endpoint);
        }
        let word = |text: &str, more: &[u8]| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
            (1..=255).contains(&text.len()) && text.bytes().all(plain)
        };
        if !word(bucket, b".-_") || bucket.starts_with('.') {
            return Err(PlaceProblem::Bucket);
        }
        if !word(region, b"-_") {
            return Err(PlaceProblem::Region);
        }
        if !prefix.is_empty() && (prefix.len() > 512 || check(prefix).is_err()) {
            return Err(PlaceProblem::Prefix);
        }
        let style = match style {
            Style::Path => UrlStyle::Path,
            Style::Host => UrlStyle::VirtualHost,
        };
        let made = Bucket::new(endpoint, style, bucket.to_owned(), region.to_owned());
        let bucket = made.map_err(|error| match error {
            rusty_s3::BucketError::ParseError(_) => PlaceProblem::Bucket,
            _ => PlaceProblem::Endpoint,
        })?;
        Ok(Self { bucket, prefix: prefix.to_owned() })
    }

    /// The same bucket with another prefix below this one.
    ///
    /// # Errors
    /// The prefix has a segment that is empty, `.` or `..`, or is too long.
    pub fn below(&self, prefix: &str) -> Result<Self, PlaceProblem> {
        let prefix = self.full(prefix).map_err(|_| PlaceProblem::Prefix)?;
        Ok(Self { bucket: self.bucket.clone(), prefix })
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.bucket.name()
    }

    /// Whether requests go over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.bucket.base_url().scheme() == "https"
    }

    pub(crate) fn region(&self) -> &str {
        self.bucket.region()
    }

    /// The URL of the bucket itself.
    pub(crate) fn base(&self) -> Url {
        self.bucket.base_url().clone()
    }

    /// The URL of an object by its full key.
    pub(crate) fn url(&self, full: &str) -> Url {
        self.bucket.object_url(full)
    }

    /// The key in the bucket for a key under the prefix.
    pub(crate) fn full(&self, key: &str) -> Result<String, Cause> {
        check(key)?;
        let full = self.begin(key);
        if full.len() > KEY_BYTES_MAX {
            return Err(Cause::Input("the key is longer than 1024 bytes"));
        }
        Ok(full)
    }

    /// Like `full`, for the beginning of keys, which may end anywhere.
    pub(crate) fn begin(&self, beginning: &str) -> String {
        if self.prefix.is_empty() {
            return beginning.to_owned();
        }
        format!("{}/{beginning}", self.prefix)
    }

    /// The key under the prefix for one in the bucket.
    pub(crate) fn own<'a>(&self, full: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() {
            return Some(full);
        }
        full.strip_prefix(self.prefix.as_str())?.strip_prefix('/')
    }
}

fn check(key: &str) -> Result<(), Cause> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if key.split('/').any(odd) {
        return Err(Cause::Input("the key has a segment that is empty, `.` or `..`"));
    }
    if key.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Cause::Input("the key has control characters"));
    }
    Ok(())
}

/// Longest key (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
const KEY_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
