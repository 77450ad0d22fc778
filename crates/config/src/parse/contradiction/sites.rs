//! Sites against each other, and the keys of one site against each other.

use std::collections::BTreeMap;
use std::path::Path;

use super::{At, Read};
use crate::model::{Delivery, Fields, PhpBackend, Redirect, Rule, Site, Try};
use crate::paths::{Overlap, overlap};
use crate::problem::quoted;

/// Checks all sites. What their rules leave out is filled in.
pub(super) fn check(read: &mut Read<'_>) {
    let mut sites = std::mem::take(&mut read.config.sites);
    hosts(read, &sites);
    for (index, site) in sites.iter_mut().enumerate() {
        backend(read, index, site);
        tries(read, index, site);
        authorize(read, index, site);
        for (inner, rule) in site.rules.iter_mut().enumerate() {
            fields(read, (index, inner), rule);
        }
        for (inner, rule) in site.rules.iter().enumerate() {
            scripts(read, (index, inner), site, rule);
            allowed(read, (index, inner), rule);
            store(read, (index, inner), site, rule);
        }
        for (inner, redirect) in site.redirects.iter().enumerate() {
            circle(read, (index, inner), redirect);
        }
    }
    read.config.sites = sites;
}

/// A host belongs to one site, and the hosts nobody names to one at most.
fn hosts(read: &mut Read<'_>, sites: &[Site]) {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rest = None;
    for (index, site) in sites.iter().enumerate() {
        let key = At::of("site.hosts", index, None);
        if read.is_bad(key) {
            continue;
        }
        if site.hosts.is_empty() {
            if rest.replace(index).is_some() {
                read.contradicts_at(
                    &[key, At::of("site", index, None)],
                    "two sites take every host that no other site names",
                    "name the hosts of one of them: hosts = [\"example.test\"]",
                );
            }
            continue;
        }
        for (entry, host) in site.hosts.iter().enumerate() {
            if owners.insert(host, index).is_some() {
                let message = format!("{} belongs to two sites", quoted(host));
                read.contradicts_at(&[key.entry(entry)], message, "a host is named by one site");
            }
        }
    }
}

fn backend(read: &mut Read<'_>, index: usize, site: &Site) {
    let keys = ["site.php", "site.php_root"].map(|key| At::of(key, index, None));
    if keys.iter().any(|key| read.is_bad(*key)) || site.php_root.is_none() {
        return;
    }
    match site.php {
        PhpBackend::Managed => read.contradicts_at(
            &[keys[1]],
            "php_root is set together with php = \"managed\"",
            "the managed php-fpm sees the same folders: remove php_root",
        ),
        PhpBackend::Off => {
            read.warn_at(&[keys[1]], "php_root has no effect without php", "");
        }
        PhpBackend::At(_) => {}
    }
}

/// A script to be asked, where none runs.
fn authorize(read: &mut Read<'_>, index: usize, site: &Site) {
    let php = At::of("site.php", index, None);
    if site.php != PhpBackend::Off || read.is_bad(php) {
        return;
    }
    let rules = site.rules.iter().enumerate().map(|(inner, rule)| {
        (At::of("site.rule.authorize", index, Some(inner)), rule.authorize.as_deref())
    });
    let own = (At::of("site.authorize", index, None), site.authorize.as_deref());
    for (key, script) in std::iter::once(own).chain(rules) {
        if script.is_some_and(|script| !script.is_empty()) && !read.is_bad(key) {
            let message = "authorize is set with a site whose php is off";
            read.contradicts_at(&[key], message, "such as php = \"managed\" in the [[site]]");
        }
    }
}

fn tries(read: &mut Read<'_>, index: usize, site: &Site) {
    let key = At::of("site.try", index, None);
    let end = site.tries.iter().position(|one| matches!(one, Try::Status(_)));
    if let Some(end) = end
        && end + 1 < site.tries.len()
        && !read.is_bad(key)
    {
        let message = "nothing is tried after a status";
        read.warn_at(&[key.entry(end + 1)], message, "write the status last");
    }
}

/// The keys that say how `fields` delivers, without that delivery. Where it is chosen, they hold
/// their defaults unless they were written.
fn fields(read: &mut Read<'_>, (index, inner): (usize, usize), rule: &mut Rule) {
    let delivery = At::of("site.rule.delivery", index, Some(inner));
    if rule.delivery == Some(Delivery::Fields) {
        rule.fields.get_or_insert_default();
        return;
    }
    let written = rule.fields.take().filter(|fields| *fields != Fields::default());
    if written.is_none() || read.is_bad(delivery) {
        return;
    }
    let keys = FIELD_KEYS.map(|key| At::of(key, index, Some(inner)));
    let differs = keys.iter().filter(|key| read.seen.written.contains_key(key));
    let at: Vec<At> = differs.copied().collect();
    let name = at.first().map_or("fields", |at| at.name);
    let message = format!("{name} is set without delivery = \"fields\"");
    read.contradicts_at(&at, message, "add delivery = \"fields\" to this rule");
}

/// What needs a script to run where none does.
fn scripts(read: &mut Read<'_>, (index, inner): (usize, usize), site: &Site, rule: &Rule) {
    let of = |key| At::of(key, index, Some(inner));
    let php = At::of("site.php", index, None);
    let (script, delivery, off) =
        (of("site.rule.script"), of("site.rule.delivery"), of("site.rule.php"));
    if [php, script, delivery, off].iter().any(|key| read.is_bad(*key)) {
        return;
    }
    let (why, hint) = if !rule.php {
        ("php = false in the same rule", "remove one of the two")
    } else if site.php == PhpBackend::Off {
        ("a site whose php is off", "such as php = \"managed\" in the [[site]] above")
    } else {
        return;
    };
    if rule.script.is_some() {
        read.contradicts_at(&[script], format!("script is set with {why}"), hint);
    } else if rule.delivery == Some(Delivery::Fields) {
        let message = format!("delivery = \"fields\" is set with {why}");
        read.contradicts_at(&[delivery], message, hint);
    }
}

fn allowed(read: &mut Read<'_>, (index, inner): (usize, usize), rule: &Rule) {
    let of = |key| At::of(key, index, Some(inner));
    if !rule.open && !rule.allow.is_empty() && !read.is_bad(of("site.rule.open")) {
        let message = "allow has no effect with open = false";
        read.warn_at(&[of("site.rule.allow")], message, "open = false answers nobody");
    }
}

/// Uploads that rest where a URL leads to them could be run as scripts.
fn store(read: &mut Read<'_>, (index, inner): (usize, usize), site: &Site, rule: &Rule) {
    let key = At::of("site.rule.store", index, Some(inner));
    let store = rule.fields.as_ref().and_then(|fields| fields.store.as_deref());
    let Some(store) = store.filter(|_| !read.is_bad(key) && site.php != PhpBackend::Off) else {
        return;
    };
    let mounts = site.mounts.iter().filter(|mount| !mount.internal);
    let mounts = mounts.map(|mount| (mount.path.as_str(), mount.root.as_path()));
    for (prefix, root) in std::iter::once(("/", site.root.as_path())).chain(mounts) {
        let Some(url) = url_of(store, prefix, root) else { continue };
        let rule = longest(&site.rules, &url);
        if rule.is_none_or(|rule| rule.php && rule.open) {
            let message = format!("uploads in store could be run as scripts at {}", quoted(&url));
            let hint = format!("add a [[site.rule]] with path = {} and php = false", quoted(&url));
            return read.warn_at(&[key], message, hint);
        }
    }
}

/// Where a folder is found in URLs, if `root` around it is shown at `prefix`.
fn url_of(folder: &Path, prefix: &str, root: &Path) -> Option<String> {
    match overlap(folder, root)? {
        Overlap::Same => Some(prefix.to_owned()),
        // All of the root lies in it; rules for less would not be enough.
        Overlap::Around => Some(prefix.to_owned()),
        Overlap::Inside => {
            let steps = folder.components().count().saturating_sub(root.components().count());
            let all: Vec<_> = folder.components().map(|step| step.as_os_str()).collect();
            let mut url = prefix.to_owned();
            for step in &all[all.len().saturating_sub(steps)..] {
                url.push_str(&step.to_string_lossy());
                url.push('/');
            }
            Some(url)
        }
    }
}

/// The rule that holds at a folder.
fn longest<'a>(rules: &'a [Rule], url: &str) -> Option<&'a Rule> {
    let holds = |rule: &&Rule| rule.path.ends_with('/') && url.starts_with(&rule.path);
    rules.iter().filter(holds).max_by_key(|rule| rule.path.len())
}

/// A redirect whose target it takes again.
fn circle(read: &mut Read<'_>, (index, inner): (usize, usize), redirect: &Redirect) {
    let keys =
        ["site.redirect.to", "site.redirect.from"].map(|key| At::of(key, index, Some(inner)));
    if keys.iter().any(|key| read.is_bad(*key)) || !redirect.to.starts_with('/') {
        return;
    }
    let end = redirect.to.find(['?', '#']).unwrap_or(redirect.to.len());
    let (from, to) = (&redirect.from, &redirect.to[..end]);
    if from == to || (from.ends_with('/') && to.starts_with(from.as_str())) {
        let message = format!("the redirect from {} leads to itself", quoted(from));
        read.contradicts_at(&keys, message, "a path that moved leads elsewhere");
    }
}

const FIELD_KEYS: [&str; 5] = [
    "site.rule.fields",
    "site.rule.pass",
    "site.rule.cleanup",
    "site.rule.tame_arrays",
    "site.rule.store",
];
