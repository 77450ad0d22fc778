//! `[sql]`: addresses that lead back to the door, keys without their other half, a cache that
//! cannot work.

use std::net::SocketAddr;

use super::{At, Read, share_a_port};
use crate::model::{Sql, SqlAddress, UpstreamTls, WithoutBinlog};
use crate::problem::quoted;

/// Checks the sql door.
pub(super) fn check(read: &mut Read<'_>) {
    if read.any_bad(&["sql", "sql.listen"]) {
        return;
    }
    if !read.config.sql.is_on() {
        return unused(read);
    }
    itself(read);
    other_doors(read);
    certificates(read);
    plain_text(read);
    control(read);
    binlog(read);
    sizes(read);
}

/// Without an address to listen on nothing else has an effect.
fn unused(read: &mut Read<'_>) {
    halves(read.config.sql.clone(), read);
    if read.config.sql != Sql::default() && !read.any_bad(KEYS) {
        let keys: Vec<&'static str> = KEYS.iter().copied().filter(|key| read.wrote(key)).collect();
        let message = "there is no sql door: sql.listen has no address";
        read.warn(&keys, message, "such as listen = [\"127.0.0.1:3307\"]");
    }
}

/// A door whose server is the door.
fn itself(read: &mut Read<'_>) {
    if read.any_bad(&["sql.upstream"]) {
        return;
    }
    let sql = read.config.sql.clone();
    let same = |at: &SqlAddress| match (at, &sql.upstream) {
        (SqlAddress::Tcp(one), SqlAddress::Tcp(other)) => share_a_port(*one, *other),
        (one, other) => one == other,
    };
    if let Some(entry) = sql.listen.iter().position(same) {
        let at = At::key("sql.listen");
        let (one, other) = (sql.listen[entry].to_string(), sql.upstream.to_string());
        let message =
            format!("{} takes the connections to sql.upstream {}", quoted(&one), quoted(&other));
        read.contradicts_at(
            &[at.entry(entry), at],
            message,
            "give the door another address, such as \"127.0.0.1:3307\"",
        );
    }
}

fn other_doors(read: &mut Read<'_>) {
    let tcp = |at: &SqlAddress| match at {
        SqlAddress::Tcp(address) => Some(*address),
        SqlAddress::Unix(_) => None,
    };
    let own: Vec<SocketAddr> = read.config.sql.listen.iter().filter_map(tcp).collect();
    let (web, admin) = (&read.config.web, read.config.admin.listen);
    let doors: [(&'static str, Vec<SocketAddr>); 3] = [
        ("web.listen", web.listen.clone()),
        ("web.plain_listen", web.plain_listen.clone()),
        ("admin.listen", admin.into_iter().collect()),
    ];
    for (key, addresses) in doors {
        if read.any_bad(&[key]) {
            continue;
        }
        let clash = own.iter().find_map(|one| {
            addresses.iter().find(|other| share_a_port(*one, **other)).map(|other| (*one, *other))
        });
        if let Some((one, other)) = clash {
            let (one, other) = (quoted(&one.to_string()), quoted(&other.to_string()));
            let message = format!("{one} in sql.listen and {other} in {key} share a port");
            read.contradicts(&["sql.listen"], message, "give each its own port");
        }
    }
}

/// Certificate and key, account and password: what is nothing without its other half.
fn halves(sql: Sql, read: &mut Read<'_>) {
    let rows = [
        ("sql.certificate", sql.certificate.is_some(), "sql.key", sql.key.is_some()),
        ("sql.key", sql.key.is_some(), "sql.certificate", sql.certificate.is_some()),
        (
            "sql.control_password_file",
            sql.control_password_file.is_some(),
            "sql.control_user",
            sql.control_user.is_some(),
        ),
    ];
    for (key, set, other, other_set) in rows {
        if set && !other_set && !read.any_bad(&[key, other]) {
            let message = format!("{key} is set without {other}");
            read.contradicts(&[key], message, "each is of use with the other only");
        }
    }
}

fn certificates(read: &mut Read<'_>) {
    let sql = read.config.sql.clone();
    let verify = sql.upstream_tls == UpstreamTls::Verify;
    halves(sql.clone(), read);
    let unused = [
        ("sql.upstream_ca", sql.upstream_ca.is_some()),
        ("sql.upstream_name", sql.upstream_name.is_some()),
    ];
    if verify || read.any_bad(&["sql.upstream_tls"]) {
        return;
    }
    for (key, _) in unused.into_iter().filter(|(_, set)| *set) {
        let message = format!("{key} has no effect unless upstream_tls is \"verify\"");
        read.warn(&[key], message, "set upstream_tls = \"verify\"");
    }
}

/// Statements and results on a network in the clear.
fn plain_text(read: &mut Read<'_>) {
    let sql = read.config.sql.clone();
    let remote = |at: &SqlAddress| matches!(at, SqlAddress::Tcp(at) if !at.ip().is_loopback());
    if sql.listen.iter().any(remote)
        && sql.certificate.is_none()
        && !read.any_bad(&["sql.certificate"])
    {
        let message = "clients on the network cannot ask for TLS";
        let hint = "set sql.certificate and sql.key, or listen on 127.0.0.1 only";
        read.warn(&["sql.listen"], message, hint);
    }
    let keys = ["sql.upstream", "sql.upstream_tls"];
    if remote(&sql.upstream) && sql.upstream_tls == UpstreamTls::Off && !read.any_bad(&keys) {
        let message = "statements and results cross the network to the server unencrypted";
        read.warn(&["sql.upstream"], message, "set upstream_tls = \"verify\"");
    }
}

fn control(read: &mut Read<'_>) {
    let sql = read.config.sql.clone();
    let keys = ["sql.control_user", "sql.control_password_file", "sql.upstream"];
    if read.any_bad(&keys) {
        return;
    }
    match (&sql.control_user, &sql.control_password_file, &sql.upstream) {
        (None, _, _) if sql.cache_bytes_max > 0 => {
            let message = "the cache is off: it needs an account of the server";
            let hint =
                "set sql.control_user to an account that may read all tables and follow the binlog";
            read.warn(&["sql.listen"], message, hint);
        }
        (Some(_), None, SqlAddress::Tcp(_)) => {
            let message = "sql.control_user has no password";
            let hint = "set sql.control_password_file; or reach it by a socket as upstream, with \
                        an account of unix_socket";
            read.warn(&["sql.control_user"], message, hint);
        }
        _ => {}
    }
}

fn binlog(read: &mut Read<'_>) {
    let keys = ["sql.without_binlog", "sql.ttl_ms"];
    if read.any_bad(&keys) {
        return;
    }
    let sql = &read.config.sql;
    match (sql.without_binlog, sql.ttl_ms) {
        (WithoutBinlog::Ttl, 0) => {
            let message = "without_binlog is \"ttl\", and there is no sql.ttl_ms";
            read.contradicts(&keys, message, "such as ttl_ms = 500");
        }
        (WithoutBinlog::Refuse | WithoutBinlog::SoleDoor, 1..) => {
            let message = "sql.ttl_ms has no effect unless without_binlog is \"ttl\"";
            read.warn(&["sql.ttl_ms"], message, "remove it, or set without_binlog = \"ttl\"");
        }
        _ => {}
    }
}

fn sizes(read: &mut Read<'_>) {
    let sql = read.config.sql.clone();
    let keys = ["sql.result_bytes_max", "sql.cache_bytes_max"];
    let cache = sql.cache_bytes_max;
    if !read.any_bad(&keys) && cache > 0 && sql.result_bytes_max > cache {
        let message = "sql.result_bytes_max is larger than sql.cache_bytes_max";
        read.warn(&keys, message, "one result could need the whole cache");
    }
    let unix = sql.listen.iter().any(|at| matches!(at, SqlAddress::Unix(_)));
    let mode = sql.socket_mode != Sql::default().socket_mode;
    if mode && !unix && !read.any_bad(&["sql.socket_mode"]) {
        let message = "sql.socket_mode has no effect: sql.listen has no \"unix:/PATH\"";
        read.warn(&["sql.socket_mode"], message, "such as \"unix:/run/menshen/sql.sock\"");
    }
}

const KEYS: &[&str] = &[
    "sql.socket_mode",
    "sql.upstream",
    "sql.upstream_tls",
    "sql.upstream_name",
    "sql.upstream_ca",
    "sql.upstream_proxy_protocol",
    "sql.certificate",
    "sql.key",
    "sql.workers",
    "sql.connections_max",
    "sql.control_user",
    "sql.control_password_file",
    "sql.cache_type",
    "sql.cache_bytes_max",
    "sql.result_bytes_max",
    "sql.inspect_bytes_max",
    "sql.transactions",
    "sql.without_binlog",
    "sql.ttl_ms",
    "sql.follow_silence_ms_max",
    "sql.handshake_seconds_max",
    "sql.idle_seconds_max",
    "sql.drain_seconds_max",
    "sql.statements_max",
    "sql.fingerprints_max",
];
