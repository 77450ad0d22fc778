//! `[s3]`: a place without its other half, and what does not go with a bucket.

use super::{At, Read};
use crate::model::S3;
use crate::parse::s3::host_of;

/// Checks the bucket.
pub(super) fn check(read: &mut Read<'_>) {
    if read.any_bad(&["s3", "s3.endpoint", "s3.bucket"]) {
        return;
    }
    let s3 = read.config.s3.clone();
    let Some(endpoint) = &s3.endpoint else { return unused(&s3, read) };
    if s3.bucket.is_empty() {
        let message = "s3.endpoint is set without s3.bucket";
        read.contradicts(&["s3.endpoint"], message, "name the bucket: bucket = \"files\"");
    }
    let authority = endpoint.split("://").nth(1).unwrap_or_default();
    let host = host_of(authority);
    if !s3.path_style && host.parse::<std::net::IpAddr>().is_ok() {
        let message = "path_style is off, and the endpoint is an address without a name";
        read.contradicts(&["s3.path_style"], message, "remove path_style = false");
    }
    let own = ["127.0.0.1", "::1", "localhost"].contains(&host);
    if endpoint.starts_with("http://") && !own {
        let message = "files cross the network to the bucket unencrypted";
        read.warn(&["s3.endpoint"], message, "use https:// where the server has it");
    }
    if read.wrote("web.root") {
        let message = "web.root is not served: the file service keeps its files in the bucket";
        read.warn(&["web.root"], message, "remove one of web.root and s3.endpoint");
    }
    let web = &read.config.web;
    let (quota, expire) = (!web.quotas.is_empty(), !web.expires.is_empty());
    for (there, place) in [(quota, "web.quota.path"), (expire, "web.expire.path")] {
        if there {
            let message = "files in a bucket are neither counted nor deleted by age";
            let place = [At::of(place, 0, None), At::key("s3.endpoint")];
            read.contradicts_at(&place, message, "set such rules in the bucket itself");
        }
    }
    if !read.config.uploads.hooks.is_empty() {
        let message = "hooks are told nothing of files in a bucket";
        let place = [At::of("uploads.hook.url", 0, None), At::key("s3.endpoint")];
        read.warn_at(&place, message, "they are told of uploads to sites only");
    }
}

/// Without an endpoint nothing else has an effect.
fn unused(s3: &S3, read: &mut Read<'_>) {
    if *s3 != S3::default() && !read.any_bad(KEYS) {
        let keys: Vec<&'static str> = KEYS.iter().copied().filter(|key| read.wrote(key)).collect();
        let message = "there is no bucket: s3.endpoint is not set";
        read.warn(&keys, message, "such as endpoint = \"http://127.0.0.1:3900\"");
    }
}

const KEYS: &[&str] = &[
    "s3.bucket",
    "s3.prefix",
    "s3.region",
    "s3.path_style",
    "s3.credentials",
    "s3.roots",
    "s3.part_bytes",
    "s3.buffers_max",
    "s3.tries_max",
    "s3.connect_seconds_max",
    "s3.first_byte_seconds_max",
    "s3.idle_seconds_max",
    "s3.retry_seconds",
    "s3.orphan_hours",
];
