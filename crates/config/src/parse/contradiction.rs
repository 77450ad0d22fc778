//! Checks across keys: values that are right alone and wrong together. A key that was written
//! wrongly is left out, so that one mistake makes one problem.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;

use super::reader::{At, Read};
use crate::model::{Access, PlainMode, PublicPath};
use crate::problem::{code, quoted};

mod acme;
mod folders;
mod guard;
mod hooks;
mod php;
mod rests;
mod s3;
mod sites;
mod sql;
mod tunnel;

/// Adds what contradicts itself.
pub(super) fn check(read: &mut Read<'_>) {
    certificates(read);
    acme::check(read);
    doors(read);
    networks(read);
    public(read);
    rests::check(read);
    clashes(read);
    default_admin(read);
    folders::check(read);
    limits(read);
    sites::check(read);
    php::check(read);
    hooks::check(read);
    guard::check(read);
    sql::check(read);
    tunnel::check(read);
    s3::check(read);
}

impl Read<'_> {
    fn any_bad(&self, keys: &[&'static str]) -> bool {
        keys.iter().any(|key| self.is_bad(At::key(key)))
    }

    fn is_bad(&self, at: At) -> bool {
        self.seen.bad.contains(&at)
    }

    fn wrote(&self, key: &'static str) -> bool {
        self.seen.written.contains_key(&At::key(key))
    }

    fn contradicts(&mut self, keys: &[&'static str], message: impl Into<String>, hint: &str) {
        let at: Vec<At> = keys.iter().map(|key| At::key(key)).collect();
        self.contradicts_at(&at, message, hint);
    }

    fn warn(&mut self, keys: &[&'static str], message: impl Into<String>, hint: &str) {
        let at: Vec<At> = keys.iter().map(|key| At::key(key)).collect();
        self.warn_at(&at, message, hint);
    }

    /// Points at the first of these that was written; at the start of the text for none.
    fn contradicts_at(
        &mut self,
        places: &[At],
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (key, span) = self.place(places);
        self.seen.problems.error(code::CONTRADICTION, key, span, message).hint(hint);
    }

    fn warn_at(&mut self, places: &[At], message: impl Into<String>, hint: impl Into<String>) {
        let (key, span) = self.place(places);
        self.seen.problems.warning(key, span, message).hint(hint);
    }

    fn place(&self, places: &[At]) -> (&'static str, Range<usize>) {
        let written = places.iter().find_map(|at| self.seen.written.get_key_value(at));
        written.map_or(("", 0..0), |(at, span)| (at.name, span.clone()))
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
        (true, true) if read.wrote("tls.names") => read.contradicts(
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

fn networks(read: &mut Read<'_>) {
    let key = At::key("web.trusted_proxies");
    let networks = &read.config.web.trusted_proxies;
    let open = networks.iter().position(|network| network.prefix == 0);
    if let Some(index) = open.filter(|_| !read.is_bad(key)) {
        let message = "every client of this family is believed";
        read.warn_at(&[key.entry(index)], message, "name the addresses of the load balancer");
    }
}

fn public(read: &mut Read<'_>) {
    let open = |public: &PublicPath| public.path == "/" && public.access == Access::Write;
    if let Some(index) = read.config.web.public.iter().position(open) {
        let message = "everyone may upload, overwrite and delete everything";
        let hint = "name a folder, such as \"/drop/\"";
        read.warn_at(&[At::of("web.public", index, None)], message, hint);
    }
}

/// Addresses of different keys that take each other's connections.
fn clashes(read: &mut Read<'_>) {
    let mut written = std::mem::take(&mut read.seen.addresses);
    if !read.wrote("web.listen") {
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
            read.seen
                .problems
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
