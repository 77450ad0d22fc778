//! Checks across keys: values that are right alone and wrong together. A key that was written
//! wrongly is left out, so that one mistake makes one problem.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use super::reader::Read;
use crate::model::{AccessLog, PlainMode};
use crate::paths::{Overlap, overlap};
use crate::problem::{code, quoted};

/// Adds what contradicts itself.
pub(super) fn check(read: &mut Read<'_>) {
    certificates(read);
    doors(read);
    clashes(read);
    default_admin(read);
    folders(read);
    limits(read);
}

impl Read<'_> {
    fn any_bad(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.bad.contains(key))
    }

    /// Where the first of these keys that was written is; the start of the text for none.
    fn place(&self, keys: &[&'static str]) -> (&'static str, Range<usize>) {
        let written = keys.iter().find_map(|key| self.written.get_key_value(key));
        written.map_or(("", 0..0), |(key, span)| (key, span.clone()))
    }

    fn contradicts(&mut self, keys: &[&'static str], message: impl Into<String>, hint: &str) {
        let (key, span) = self.place(keys);
        self.problems.error(code::CONTRADICTION, key, span, message).hint(hint);
    }

    fn warn(&mut self, keys: &[&'static str], message: impl Into<String>, hint: &str) {
        let (key, span) = self.place(keys);
        self.problems.warning(key, span, message).hint(hint);
    }
}

fn certificates(read: &mut Read<'_>) {
    if read.any_bad(&["tls.certificate", "tls.key"]) {
        return;
    }
    let tls = &read.config.tls;
    let (certificate, key) = (tls.certificate.is_some(), tls.key.is_some());
    let both = "a certificate needs both files, the development CA neither";
    match (certificate, key) {
        (true, false) => {
            read.contradicts(&["tls.certificate"], "tls.certificate is set without tls.key", both);
        }
        (false, true) => {
            read.contradicts(&["tls.key"], "tls.key is set without tls.certificate", both);
        }
        (true, true) if read.written.contains_key("tls.names") => read.contradicts(
            &["tls.names"],
            "tls.names is set together with tls.certificate",
            "the names are in the certificate: remove tls.names",
        ),
        _ => {}
    }
}

fn doors(read: &mut Read<'_>) {
    let keys = ["web.listen", "web.plain_listen", "web.plain"];
    if read.any_bad(&keys) {
        return;
    }
    let web = &read.config.web;
    let (https, plain) = (!web.listen.is_empty(), !web.plain_listen.is_empty());
    let exposed = web.plain_listen.iter().any(|address| !address.ip().is_loopback());
    let untrusting = web.trusted_proxies.is_empty() && !read.any_bad(&["web.trusted_proxies"]);
    match (web.plain, https, plain) {
        (_, false, false) => read.contradicts(
            &["web.listen"],
            "there is no address to listen on",
            "leave web.listen out for port 8443 of every address",
        ),
        (PlainMode::Redirect, false, true) => read.contradicts(
            &["web.listen"],
            "web.plain redirects to HTTPS, and web.listen has no address",
            "set plain = \"serve\" to serve files over plain HTTP",
        ),
        (PlainMode::Serve, _, true) if exposed && untrusting => read.warn(
            &["web.plain"],
            "tokens and files cross the network unencrypted",
            "behind a TLS load balancer name its addresses in web.trusted_proxies",
        ),
        (PlainMode::Serve, true, false) => {
            read.warn(
                &["web.plain"],
                "web.plain has no effect without web.plain_listen",
                "such as plain_listen = [\"127.0.0.1:8080\"]",
            );
        }
        _ => {}
    }
}

/// Addresses of different keys that take each other's connections.
fn clashes(read: &mut Read<'_>) {
    let mut written = std::mem::take(&mut read.addresses);
    if !read.written.contains_key("web.listen") {
        let default = &read.config.web.listen;
        written.extend(default.iter().map(|address| ("web.listen", *address, 0..0)));
    }
    let mut blamed = BTreeSet::new();
    for (index, (key, address, span)) in written.iter().enumerate() {
        let others = written.iter().enumerate().filter(|(_, (other, ..))| other != key);
        let clash = others.into_iter().find(|(other, (_, at, place))| {
            // Of two written ones the later is told; a default is never to blame.
            let told = place.is_empty() || (!span.is_empty() && *other < index);
            told && share_a_port(*address, *at)
        });
        let Some((_, (other, at, _))) = clash else { continue };
        if blamed.insert(span.start) {
            let (one, two) = (quoted(&address.to_string()), quoted(&at.to_string()));
            let message = format!("{one} in {key} and {two} in {other} share a port");
            read.problems
                .error(code::CONTRADICTION, key, span.clone(), message)
                .hint("give each its own port");
        }
    }
}

/// The default admin address steps aside where a written one needs it.
fn default_admin(read: &mut Read<'_>) {
    let web = &read.config.web;
    let admin = read.config.admin.listen.filter(|_| !read.config.admin.explicit);
    let Some(admin) = admin else { return };
    let taken = |addresses: &[SocketAddr]| addresses.iter().any(|at| share_a_port(admin, *at));
    let key = if taken(&web.listen) {
        "web.listen"
    } else if taken(&web.plain_listen) {
        "web.plain_listen"
    } else {
        return;
    };
    read.config.admin.listen = None;
    let message = format!("{key} takes {}: there are no /metrics", quoted(&admin.to_string()));
    read.warn(
        &[key],
        message,
        "give the [admin] table another address: listen = \"127.0.0.1:9100\"",
    );
}

fn folders(read: &mut Read<'_>) {
    if read.any_bad(&["web.root"]) {
        return;
    }
    let root = read.config.web.root.clone();
    let state = read.config.state.clone();
    if !read.any_bad(&["state"]) {
        let how = match overlap(&root, &state) {
            Some(Overlap::Same) => "the same folder as",
            Some(Overlap::Inside) => "inside",
            Some(Overlap::Around) => "around",
            None => "",
        };
        if !how.is_empty() {
            read.contradicts(
                &["web.root", "state"],
                format!("web.root {} is {how} state {}", shown(&root), shown(&state)),
                "token and keys in the state folder could be downloaded: keep the two apart",
            );
        }
    }
    let lies_inside =
        |path: &Path| matches!(overlap(path, &root), Some(Overlap::Inside | Overlap::Same));
    if read.config.tls.key.as_deref().is_some_and(lies_inside) {
        read.contradicts(
            &["tls.key"],
            "the private key lies inside web.root",
            "it could be downloaded: move it",
        );
    }
    if !read.any_bad(&["state", "web.access_log"])
        && let AccessLog::File(log) = &read.config.web.access_log
        && lies_inside(&state.join(log))
        && !lies_inside(&state)
    {
        read.warn(
            &["web.access_log"],
            "the access log lies inside web.root",
            "it can be downloaded and deleted there",
        );
    }
}

fn limits(read: &mut Read<'_>) {
    let limits = read.config.limits.clone();
    let head = ["limits.target_bytes_max", "limits.head_bytes_max"];
    if !read.any_bad(&head) && limits.target_bytes_max > limits.head_bytes_max {
        read.warn(
            &head,
            "limits.target_bytes_max is larger than limits.head_bytes_max",
            "the request target is part of the head: the smaller limit holds",
        );
    }
    let connections = limits.connections_max;
    let per_address = ["limits.connections_per_address_max", "limits.connections_max"];
    if !read.any_bad(&per_address)
        && connections != 0
        && limits.connections_per_address_max > connections
    {
        read.warn(
            &per_address,
            "limits.connections_per_address_max is larger than limits.connections_max",
            "one address can take every connection",
        );
    }
}

/// Whether connections to one address may arrive at the other; each family is a world of its own.
fn share_a_port(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
