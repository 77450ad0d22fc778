//! `[tunnel]`: a door without users or without a way in, networks that lie in each other.

use std::net::IpAddr;

use super::{At, Read, share_a_port};
use crate::model::{Mppe, Network, SqlAddress, Tunnel};
use crate::problem::quoted;

/// Checks the tunnel door.
pub(super) fn check(read: &mut Read<'_>) {
    if read.any_bad(&["tunnel", "tunnel.users", "tunnel.pptp.listen"]) {
        return;
    }
    if !read.config.tunnel.is_on() {
        return without_users(read);
    }
    ways_in(read);
    other_doors(read);
    networks(read);
    limits(read);
    pptp(read);
}

/// Without users nobody may come in, so there is no door.
fn without_users(read: &mut Read<'_>) {
    let tunnel = &read.config.tunnel;
    let hint = "set tunnel.users to a file; `menshen tunnel user NAME >> FILE` adds to it";
    if !tunnel.pptp.listen.is_empty() {
        let message = "tunnel.pptp.listen is set, and tunnel.users names no file";
        return read.contradicts(&["tunnel.pptp.listen"], message, hint);
    }
    if *tunnel != Tunnel::default() && !read.any_bad(KEYS) {
        let keys: Vec<&'static str> = KEYS.iter().copied().filter(|key| read.wrote(key)).collect();
        read.warn(&keys, "there is no tunnel door: tunnel.users names no file", hint);
    }
}

fn ways_in(read: &mut Read<'_>) {
    let keys = ["tunnel.sstp", "tunnel.users"];
    if read.any_bad(&["tunnel.sstp", "web.listen"]) {
        return;
    }
    let (tunnel, https) = (&read.config.tunnel, !read.config.web.listen.is_empty());
    let pptp = !tunnel.pptp.listen.is_empty();
    match (tunnel.sstp, https, pptp) {
        (false, _, false) => read.contradicts(
            &keys,
            "there is no way into the tunnel door: tunnel.sstp is false, and there is no PPTP",
            "set sstp = true; PPTP is broken, and only for what has no SSTP",
        ),
        (true, false, false) => read.contradicts(
            &keys,
            "there is no way into the tunnel door: SSTP needs HTTPS, and web.listen has no address",
            "such as listen = [\":443\"] in [web]",
        ),
        (true, false, true) => read.warn(
            &keys,
            "there is no SSTP: it needs HTTPS, and web.listen has no address",
            "set web.listen; or sstp = false, if broken PPTP is meant to be all there is",
        ),
        _ => {}
    }
}

fn other_doors(read: &mut Read<'_>) {
    let own = read.config.tunnel.pptp.listen.clone();
    let (web, admin) = (&read.config.web, read.config.admin.listen);
    let sql = read.config.sql.listen.iter().filter_map(|at| match at {
        SqlAddress::Tcp(address) => Some(*address),
        SqlAddress::Unix(_) => None,
    });
    let doors = [
        ("web.listen", web.listen.clone()),
        ("web.plain_listen", web.plain_listen.clone()),
        ("admin.listen", admin.into_iter().collect()),
        ("sql.listen", sql.collect()),
    ];
    for (key, addresses) in doors {
        let clash = own.iter().find_map(|one| {
            addresses.iter().find(|other| share_a_port(*one, **other)).map(|other| (*one, *other))
        });
        if let Some((one, other)) = clash.filter(|_| !read.any_bad(&[key])) {
            let (one, other) = (quoted(&one.to_string()), quoted(&other.to_string()));
            let message = format!("{one} in tunnel.pptp.listen and {other} in {key} share a port");
            read.contradicts(&["tunnel.pptp.listen"], message, "give each its own port");
        }
    }
    let other_port = |at: &std::net::SocketAddr| ![0, PPTP_PORT].contains(&at.port());
    if let Some(entry) = own.iter().position(other_port) {
        let at = At::key("tunnel.pptp.listen");
        let message = format!("clients of PPTP call port {PPTP_PORT} and no other");
        read.warn_at(&[at.entry(entry), at], message, "such as listen = [\"0.0.0.0:1723\"]");
    }
}

fn networks(read: &mut Read<'_>) {
    let keys = ["tunnel.addresses", "tunnel.routes"];
    if read.any_bad(&keys) {
        return;
    }
    let own = read.config.tunnel.addresses;
    let inside = |route: &Network| route.prefix > 0 && overlap(own, *route);
    if let Some(entry) = read.config.tunnel.routes.iter().position(inside) {
        let route = read.config.tunnel.routes[entry];
        let at = At::key("tunnel.routes");
        let message = format!(
            "{} in tunnel.routes and {} in tunnel.addresses overlap",
            quoted(&shown(route)),
            quoted(&shown(own))
        );
        let hint = "clients would be sent to each other's addresses: keep the networks apart";
        read.warn_at(&[at.entry(entry), at], message, hint);
    }
}

fn limits(read: &mut Read<'_>) {
    let tunnel = read.config.tunnel.clone();
    let keys = ["tunnel.sessions_max", "tunnel.addresses"];
    if !read.any_bad(&keys) && tunnel.sessions_max > tunnel.clients() {
        let message = format!(
            "tunnel.sessions_max is {}, and {} in tunnel.addresses has {} clients",
            tunnel.sessions_max,
            quoted(&shown(tunnel.addresses)),
            tunnel.clients()
        );
        read.warn(&keys, message, "widen tunnel.addresses: a \"/24\" has 253 clients");
    }
    let keys = ["tunnel.session_seconds_max", "tunnel.idle_seconds_max"];
    let (longest, idle) = (tunnel.session_seconds_max, tunnel.idle_seconds_max);
    if !read.any_bad(&keys) && longest > 0 && idle >= longest {
        let message = "tunnel.idle_seconds_max has no effect: sessions are shorter";
        read.warn(&["tunnel.idle_seconds_max"], message, "");
    }
}

/// That PPTP is broken is said by the guard, with a code of its own.
fn pptp(read: &mut Read<'_>) {
    let pptp = &read.config.tunnel.pptp;
    if pptp.listen.is_empty() && pptp.mppe != Mppe::Require && !read.any_bad(&["tunnel.pptp.mppe"])
    {
        let message = "tunnel.pptp.mppe has no effect: tunnel.pptp.listen has no address";
        read.warn(&["tunnel.pptp.mppe"], message, "SSTP is encrypted by TLS");
    }
}

fn overlap(one: Network, other: Network) -> bool {
    let (IpAddr::V4(a), IpAddr::V4(b)) = (one.address, other.address) else { return false };
    let shorter = u32::from(one.prefix.min(other.prefix)).min(32);
    let mask = u32::MAX.checked_shl(32 - shorter).unwrap_or(0);
    a.to_bits() & mask == b.to_bits() & mask
}

fn shown(network: Network) -> String {
    format!("{}/{}", network.address, network.prefix)
}

/// Of the control connection (RFC 2637 section 3).
const PPTP_PORT: u16 = 1723;

const KEYS: &[&str] = &[
    "tunnel.addresses",
    "tunnel.dns",
    "tunnel.routes",
    "tunnel.sstp",
    "tunnel.sessions_max",
    "tunnel.sessions_per_user_max",
    "tunnel.half_open_max",
    "tunnel.guesses_max",
    "tunnel.idle_seconds_max",
    "tunnel.session_seconds_max",
    "tunnel.rate_bytes_per_second_max",
    "tunnel.accounting",
    "tunnel.drain_seconds_max",
    "tunnel.pptp.mppe",
];
