//! What a start would find wrong with the certificates, sites, sql and tunnel door of a
//! configuration: files, folders, php-fpm, sockets, the database server, rights.
//! Looks and tries to connect; starts nothing and changes nothing.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use menshen_base::{Finding, Severity};
use menshen_config::Config;
use menshen_config::model::{PhpAddress, PhpBackend};

use crate::account::{self, Account, may_connect};
use crate::error::GuardError;
use crate::php::find::installed;
use crate::php::pool::PoolPlan;
use crate::shelf;
use crate::{sites, sql, tunnel};

/// Everything about certificates, sites, sql and tunnel door of `config`, whose paths are absolute,
/// that will not work here and now.
#[must_use]
pub fn survey(config: &Config) -> Vec<Finding> {
    let mut findings = shelf::survey(config);
    if config.sites.is_empty() && !config.sql.is_on() && !config.tunnel.is_on() {
        return findings;
    }
    let account = if rustix::process::geteuid().is_root() {
        account::choose(config).map_err(|error| findings.push(from("user-unknown", "user", &error)))
    } else {
        Err(())
    };
    let account = account.ok();
    if config.sql.is_on() {
        findings.extend(sql::survey(config, account.as_ref()));
    }
    if config.tunnel.is_on() {
        findings.extend(tunnel::survey(config, account.as_ref()));
    }
    findings.extend(missing_folders(config));
    findings.extend(sites::look(config, account.as_ref()));
    if config.sites.iter().any(|site| site.php == PhpBackend::Managed) {
        let program = installed(config.php.program.as_deref());
        let error = program.err().map(|error| from("php-fpm-missing", "php", &error));
        findings.extend(error);
        let plan = PoolPlan::of(config).err();
        findings.extend(plan.map(|error| from("php-setting-refused", "php.settings", &error)));
    }
    let mut asked = Vec::new();
    for site in &config.sites {
        if let PhpBackend::At(address) = &site.php
            && !asked.contains(&address)
        {
            asked.push(address);
            findings.extend(unreachable(address, account.as_ref()));
        }
    }
    findings
}

fn missing_folders(config: &Config) -> impl Iterator<Item = Finding> {
    let folders = config.sites.iter().flat_map(|site| {
        let mounts = site.mounts.iter().map(|mount| ("folder-missing", &mount.root));
        std::iter::once(("site-root-missing", &site.root)).chain(mounts)
    });
    folders.filter(|(_, path)| !path.is_dir()).map(|(code, path)| {
        let claim = if path.exists() { "this is no folder" } else { "there is no such folder" };
        Finding::new(code, Severity::Error, path.display().to_string(), claim)
            .hint("make it, or correct the path; menshen makes no folder for a site")
    })
}

/// What a connection to a pool of somebody else's says.
fn unreachable(address: &PhpAddress, account: Option<&Account>) -> Option<Finding> {
    let (subject, tried) = match address {
        PhpAddress::Unix(path) => {
            (format!("unix:{}", path.display()), UnixStream::connect(path).map(drop))
        }
        PhpAddress::Tcp(address) => {
            let tried = TcpStream::connect_timeout(address, PATIENCE).map(drop);
            (address.to_string(), tried)
        }
    };
    let Err(error) = tried else { return refused_to_workers(&subject, address, account) };
    // A full queue says that somebody listens.
    if error.kind() == io::ErrorKind::WouldBlock {
        return None;
    }
    let claim = match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens here".to_owned(),
        _ => format!("it cannot be connected to: {}", crate::error::reason(&error)),
    };
    Some(
        Finding::new("php-unreachable", Severity::Warning, subject, claim)
            .hint("start php-fpm; `listen` in its pool's file says where it listens"),
    )
}

fn refused_to_workers(
    subject: &str,
    address: &PhpAddress,
    account: Option<&Account>,
) -> Option<Finding> {
    let (PhpAddress::Unix(path), Some(account)) = (address, account) else { return None };
    if may_connect(account, path) {
        return None;
    }
    let claim = format!("the workers' user \"{}\" may not connect", account.name);
    Some(Finding::new("php-socket-closed", Severity::Warning, subject, claim).hint(format!(
        "set `listen.owner = {}` in the pool's file, or `user` to the socket's owner",
        account.name
    )))
}

fn from(code: &'static str, subject: &str, error: &GuardError) -> Finding {
    let claim = match error.detail() {
        Some(detail) => format!("{error}: {detail}"),
        None => error.to_string(),
    };
    let finding = Finding::new(code, Severity::Error, subject, claim);
    finding.hint(error.hint().unwrap_or_default())
}

const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
