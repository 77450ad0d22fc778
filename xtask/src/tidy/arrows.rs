//! Which crate may use which: the arrows of ARCHITECTURE.md, and the rooms of external crates.
//!
//! The table is the rule. A crate that is not in it is a problem, so that a new one is placed by
//! decision and never by accident.

use super::Problem;
use crate::workspace::{Dependency, Package, UseCase};

/// Problems with what the packages depend on.
pub(crate) fn check(packages: &[Package]) -> Vec<Problem> {
    let own = |name: &str| packages.iter().any(|package| package.name == name);
    let mut problems = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let message = if own(&dependency.name) {
                own_edge(package, dependency)
            } else {
                external_edge(package, dependency)
            };
            let manifest = package.folder.join("Cargo.toml");
            problems.extend(message.map(|message| Problem::new(manifest, 0, message)));
        }
        if package.folder.starts_with("crates") && allowed(&short(&package.name)).is_none() {
            let message = format!(
                "{} has no row in the table of arrows; add one to xtask/src/tidy/arrows.rs",
                package.name
            );
            problems.push(Problem::new(package.folder.join("Cargo.toml"), 0, message));
        }
    }
    problems
}

fn own_edge(package: &Package, dependency: &Dependency) -> Option<String> {
    let (from, to) = (short(&package.name), short(&dependency.name));
    let for_tests = dependency.use_case == UseCase::Test;
    // The program's tests run the whole product, so they may reach everywhere.
    if for_tests && (to == "testkit" || from == "menshen") {
        return None;
    }
    let allowed = allowed(&from).unwrap_or_default();
    let list = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
    (!allowed.contains(&to.as_str()))
        .then(|| format!("arrow {from} -> {to} is not allowed; {from} may use {list}"))
}

fn external_edge(package: &Package, dependency: &Dependency) -> Option<String> {
    if !package.folder.starts_with("crates") || dependency.use_case == UseCase::Test {
        return None;
    }
    let (_, rooms) = ROOMS.iter().find(|(name, _)| *name == dependency.name)?;
    let from = short(&package.name);
    let list = if rooms.is_empty() { "nowhere".to_owned() } else { rooms.join(", ") };
    (!rooms.contains(&from.as_str()))
        .then(|| format!("{from} uses {}, which is allowed in: {list}", dependency.name))
}

/// What a crate of ours may use of ours; None when it has no row.
fn allowed(short_name: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(from, _)| *from == short_name).map(|(_, to)| *to)
}

/// The name without the prefix all library crates have.
fn short(name: &str) -> String {
    name.strip_prefix("menshen-").unwrap_or(name).to_owned()
}

/// From a crate to those it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("web-core", &["base"]),
    ("sql-core", &["base"]),
    ("tunnel-core", &["base"]),
    ("guard-core", &["base"]),
    ("upload-core", &["base", "web-core"]),
    ("explain-core", &["base", "web-core", "sql-core", "tunnel-core", "guard-core"]),
    ("sys", &["base"]),
    ("net", &["base", "sys"]),
    // Of `web-core` only the text of the file of keys that sign links.
    ("tls", &["base", "sys", "web-core"]),
    ("store", &["base", "s3"]),
    ("hooks", &["tls"]),
    ("install", &["tls"]),
    // Of `tunnel-core` only how SSTP's request is recognised: decision 0032.
    ("web", WEB),
    ("sql", &["base", "sql-core", "net", "sys", "config", "tls"]),
    ("tunnel", &["base", "tunnel-core", "net", "sys", "config", "tls"]),
    ("guard", &["base", "guard-core", "net", "sys", "config", "tls"]),
    ("keeper", &["base", "sys", "config", "tls"]),
    ("s3", &["tls"]),
    ("process", &["base", "guard-core", "sys"]),
    ("watch", &["base", "guard-core", "process", "sys", "config"]),
    ("run", &["base", "guard-core", "process", "sys"]),
    (
        "explain",
        // `tunnel-core` for the live probe, which speaks PPTP and SSTP as far as it must.
        // `install` for recipes, and for what they find on the host.
        &[
            "base",
            "explain-core",
            "guard-core",
            "tunnel-core",
            "install",
            "process",
            "sys",
            "config",
            "tls",
        ],
    ),
    (
        "menshen",
        &[
            "base",
            "config",
            "sys",
            "tls",
            "web",
            "sql",
            "tunnel",
            "guard",
            "keeper",
            "watch",
            "run",
            "install",
            "process",
            "explain",
            "explain-core",
            "guard-core",
            "sql-core",
            "tunnel-core",
            // Of `web-core` only the codec of signed links, which `menshen link` makes.
            "web-core",
        ],
    ),
    ("capi", &["base", "web-core", "sql-core", "tunnel-core", "guard-core", "explain-core"]),
    ("testkit", &["base", "sys", "net"]),
    // Looks into the bucket beside the doors, and collects as they do.
    ("nodeload", &["s3", "store"]),
    // The limit of tunnels uses their batches and offloads, so that the protocol alone differs.
    ("tunnelload", &["sys", "tunnel-core"]),
];

/// What the web door may use.
const WEB: &[&str] = &[
    "base",
    "web-core",
    "upload-core",
    "tunnel-core",
    "net",
    "store",
    "s3",
    "hooks",
    "sys",
    "config",
    "tls",
];

/// External crates that only some of ours may name in the product.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "tokio",
        &["net", "store", "hooks", "web", "sql", "tunnel", "keeper", "explain", "s3", "install"],
    ),
    ("rustls", &["net", "tls", "web", "sql", "tunnel", "keeper", "explain", "install"]),
    ("instant-acme", &["keeper"]),
    ("hyper", &["keeper", "explain", "hooks", "s3", "install"]),
    ("h2", &["net", "web"]),
    ("clap", &["menshen"]),
    ("clap_complete", &["menshen"]),
    ("clap_mangen", &["menshen"]),
    ("object", &["process"]),
    // System calls go through rustix, whose types carry the kernel's rules.
    ("libc", &[]),
];

#[cfg(test)]
mod tests;
