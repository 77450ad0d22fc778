//! PHP as a whole against the sites that use it.

use std::collections::{BTreeMap, BTreeSet};

use super::{At, Read};
use crate::model::{PhpAddress, PhpBackend};
use crate::problem::quoted;
use crate::worker::POOLS_MAX;

/// Checks pools and settings.
pub(super) fn check(read: &mut Read<'_>) {
    let used = used(read);
    count(read, &used);
    pools(read, &used);
    strangers(read, &used);
    settings(read);
}

/// The pools that sites name, each with the first place; `None` is the managed one.
type Used = BTreeMap<Option<String>, (At, Option<PhpAddress>)>;

fn used(read: &Read<'_>) -> Used {
    let mut used = Used::new();
    for (index, site) in read.config.sites.iter().enumerate() {
        let at = At::of("site.php", index, None);
        let address = match &site.php {
            PhpBackend::Off => continue,
            PhpBackend::Managed => None,
            PhpBackend::At(address) => Some(address.clone()),
        };
        let name = address.as_ref().map(ToString::to_string);
        used.entry(name).or_insert((at, address));
    }
    used
}

fn count(read: &mut Read<'_>, used: &Used) {
    if used.len() > POOLS_MAX {
        let last = used.values().map(|(at, _)| *at).max_by_key(|at| at.inside);
        let message = format!("the sites use {} PHP pools", used.len());
        let hint = format!("at most {POOLS_MAX} can be used at once");
        read.contradicts_at(&Vec::from_iter(last), message, hint);
    }
}

fn pools(read: &mut Read<'_>, used: &Used) {
    let some_bad = read.seen.bad.iter().any(|at| at.name == "site.php" || at.name == "site");
    for (index, pool) in read.config.php.pools.clone().into_iter().enumerate() {
        let of = |key| At::of(key, index, None);
        if ["php.pool.address", "php.pool.status_listen", "php.pool.status_path"]
            .iter()
            .any(|key| read.is_bad(of(key)))
        {
            continue;
        }
        let name = pool.address.to_string();
        if !some_bad && !used.contains_key(&Some(name.clone())) {
            let message = format!("no site uses the pool {}", quoted(&name));
            let hint = "write the address as the site does";
            read.warn_at(&[of("php.pool.address")], message, hint);
        }
        if pool.status_listen.is_some() && pool.status_path.is_none() {
            read.contradicts_at(
                &[of("php.pool.status_listen")],
                "status_listen is set without status_path",
                "such as status_path = \"/status\", the pm.status_path of the pool",
            );
        }
    }
}

/// Pools of other machines.
fn strangers(read: &mut Read<'_>, used: &Used) {
    let places: BTreeSet<At> = used
        .values()
        .filter(
            |(_, address)| matches!(address, Some(PhpAddress::Tcp(at)) if !at.ip().is_loopback()),
        )
        .map(|(at, _)| *at)
        .collect();
    for at in places.into_iter().filter(|at| !read.seen.bad.contains(at)).collect::<Vec<_>>() {
        let message = "requests cross the network to PHP unencrypted";
        read.warn_at(
            &[at],
            message,
            "a socket of this machine is \"unix:/run/php/php8.2-fpm.sock\"",
        );
    }
}

fn settings(read: &mut Read<'_>) {
    let key = At::key("php.settings");
    if read.is_bad(key) {
        return;
    }
    for (name, instead) in SIZES {
        let settings = &read.config.php.settings;
        if settings.iter().any(|setting| setting.name == *name) {
            let message =
                format!("{name} in php.settings does not hold for uploads that are swapped in");
            let hint = format!("set {instead} of the site, which holds for all");
            read.warn_at(&[key], message, hint);
        }
    }
}

const SIZES: &[(&str, &str)] =
    &[("post_max_size", "upload_bytes_max"), ("upload_max_filesize", "file_bytes_max")];
