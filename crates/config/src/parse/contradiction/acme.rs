//! Names to get certificates for against the ways there are to prove them.

use super::{At, Read};
use crate::model::AcmeChallenge::{self, Dns01, Http01, TlsAlpn01};
use crate::problem::quoted;

/// Checks `tls.acme` with `[acme]`, and what belongs together in each `[[acme.directory]]`.
pub(super) fn check(read: &mut Read<'_>) {
    bindings(read);
    let keys = ["tls.acme", "acme.challenges", "acme.dns_hook"];
    if read.config.tls.acme.is_empty() || read.any_bad(&keys) {
        return;
    }
    let hook = read.config.acme.dns_hook.is_some();
    if read.config.acme.challenges.first() == Some(&Dns01) && !hook {
        let message = "dns-01 comes first in acme.challenges, and there is no acme.dns_hook";
        return read.contradicts(&["acme.challenges"], message, HOOK_HINT);
    }
    if !names(read, hook) {
        doors(read, hook);
    }
}

/// The two halves of an external account binding.
fn bindings(read: &mut Read<'_>) {
    let directories = std::mem::take(&mut read.config.acme.directories);
    for (index, directory) in directories.iter().enumerate() {
        let [kid, key] = ["acme.directory.eab_kid", "acme.directory.eab_key"]
            .map(|name| At::of(name, index, None));
        if read.is_bad(kid) || read.is_bad(key) {
            continue;
        }
        let hint = "the authority gives both: a key identifier, and a key for a file";
        match (&directory.eab_kid, &directory.eab_key) {
            (Some(_), None) => read.contradicts_at(&[kid], "eab_kid is set without eab_key", hint),
            (None, Some(_)) => read.contradicts_at(&[key], "eab_key is set without eab_kid", hint),
            _ => {}
        }
    }
    read.config.acme.directories = directories;
}

/// Names that only some of the ways can prove; whether one of them has none.
fn names(read: &mut Read<'_>, hook: bool) -> bool {
    let challenges = read.config.acme.challenges.clone();
    let names = read.config.tls.acme.clone();
    let mut hopeless = false;
    for (entry, name) in names.iter().enumerate() {
        let at = [At::key("tls.acme").entry(entry), At::key("tls.acme")];
        let shown = quoted(name);
        if name.starts_with("*.") && !challenges.contains(&Dns01) {
            let message = format!("{shown} can be proved by dns-01 only, which is not allowed");
            read.contradicts_at(&at, message, "add \"dns-01\" to acme.challenges");
        } else if name.starts_with("*.") && !hook {
            let message = format!("{shown} can be proved by dns-01 only, and there is no dns_hook");
            read.contradicts_at(&at, message, HOOK_HINT);
        } else if is_address(name) && challenges.iter().all(|way| *way == Dns01) {
            // RFC 8738 §7.
            let message = format!("{shown} is an address, which dns-01 cannot prove");
            read.contradicts_at(&at, message, "add \"tls-alpn-01\" or \"http-01\"");
        } else {
            continue;
        }
        hopeless = true;
    }
    hopeless
}

/// Ways that end at addresses nobody listens on.
fn doors(read: &mut Read<'_>, hook: bool) {
    if read.any_bad(&["web.listen", "web.plain_listen"]) {
        return;
    }
    let web = &read.config.web;
    let (https, plain) = (!web.listen.is_empty(), !web.plain_listen.is_empty());
    let challenges = &read.config.acme.challenges;
    // Another server's redirect of port 80 may lead http-01 to HTTPS, so it is never out of reach.
    let possible = |way: &AcmeChallenge| match way {
        TlsAlpn01 => https,
        Http01 => https || plain,
        Dns01 => hook,
    };
    let left: Vec<AcmeChallenge> = challenges.iter().copied().filter(possible).collect();
    if left.is_empty() {
        let message = "none of acme.challenges can prove the names of tls.acme";
        let hint = "tls-alpn-01 needs web.listen, http-01 web.plain_listen, dns-01 acme.dns_hook";
        read.contradicts(&["acme.challenges", "tls.acme"], message, hint);
    } else if left == [Http01] && !plain {
        let message = "http-01 is the only way left, and there is no web.plain_listen";
        let hint = "such as plain_listen = [\":80\"], unless another server sends port 80 here";
        read.warn(&["acme.challenges", "tls.acme"], message, hint);
    }
}

fn is_address(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok()
}

const HOOK_HINT: &str =
    "set acme.dns_hook to a program that sets and removes TXT records at your DNS provider";
