//! Where relative paths lead, and whether one path lies in another: by their text alone, links are
//! not followed here.

use std::path::{Component, Path, PathBuf};

use crate::model::{AccessLog, Config};

#[cfg(test)]
mod tests;

/// How two folders lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Both are the same.
    Same,
    /// The first lies inside the second.
    Inside,
    /// The second lies inside the first.
    Around,
}

/// How `one` lies to `other`; `None` when they are apart, or when one is relative and the other
/// is not, so that it cannot be known without the current folder.
#[must_use]
pub fn overlap(one: &Path, other: &Path) -> Option<Overlap> {
    let (one, other) = (plain(one), plain(other));
    let (around, inside) = (contains(&one, &other), contains(&other, &one));
    match (around, inside) {
        (true, true) => Some(Overlap::Same),
        (true, false) => Some(Overlap::Around),
        (false, true) => Some(Overlap::Inside),
        (false, false) => None,
    }
}

/// Makes every path of a configuration absolute. `base` is the folder of the file, absolute; what
/// lies in the state folder by default starts there. `php_root` is left alone: it belongs to
/// another machine's eyes.
pub fn resolve(config: &mut Config, base: &Path) {
    config.state = joined(base, &config.state);
    config.web.root = joined(base, &config.web.root);
    let (acme, sql, tunnel) = (&mut config.acme, &mut config.sql, &mut config.tunnel);
    let files = [&mut config.tls.certificate, &mut config.tls.key, &mut config.php.program]
        .into_iter()
        .chain([&mut acme.dns_hook, &mut acme.dns_secret])
        .chain([&mut sql.certificate, &mut sql.key, &mut sql.upstream_ca])
        .chain([&mut sql.control_password_file])
        .chain([&mut tunnel.users, &mut tunnel.accounting])
        .chain([&mut config.s3.credentials, &mut config.s3.roots])
        .chain(acme.directories.iter_mut().flat_map(|one| [&mut one.eab_key, &mut one.roots]));
    let hooks = config.uploads.hooks.iter_mut();
    let files = files.chain(hooks.flat_map(|one| [&mut one.secret, &mut one.roots]));
    for path in files.flatten().chain(&mut config.tls.from) {
        *path = joined(base, path);
    }
    if let AccessLog::File(path) = &mut config.web.access_log {
        *path = joined(&config.state, path);
    }
    config.links.keys = joined(&config.state, &config.links.keys);
    config.php.folder = joined(&config.state, &config.php.folder);
    config.guard.recorder = joined(&config.state, &config.guard.recorder);
    for path in config.guard.protect.iter_mut().filter_map(|one| one.pid_file.as_mut()) {
        *path = joined(base, path);
    }
    for site in &mut config.sites {
        site.root = joined(base, &site.root);
        for mount in &mut site.mounts {
            mount.root = joined(base, &mount.root);
        }
        for fields in site.rules.iter_mut().filter_map(|rule| rule.fields.as_mut()) {
            if let Some(store) = &mut fields.store {
                *store = joined(base, store);
            }
        }
    }
}

/// Folders that clients are served from, with the key that names each: `web.root`, roots of sites
/// and of mounts that are not internal.
#[must_use]
pub fn served(config: &Config) -> Vec<(&'static str, &Path)> {
    let mut served = vec![("web.root", config.web.root.as_path())];
    for site in &config.sites {
        served.push(("site.root", &site.root));
        let mounts = site.mounts.iter().filter(|mount| !mount.internal);
        served.extend(mounts.map(|mount| ("site.mount.root", mount.root.as_path())));
    }
    served
}

/// The first served folder that the state folder lies in or around, with its key. Asked once more
/// when all paths are absolute, since before that not all overlaps can be known.
#[must_use]
pub fn exposed(config: &Config) -> Option<(&'static str, &Path)> {
    served(config).into_iter().find(|(_, folder)| overlap(folder, &config.state).is_some())
}

/// A file or folder that no client may read or change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a> {
    /// Key that names it.
    pub key: &'static str,
    /// Element of the repeated table the key is in, from 1; 0: in none.
    pub element: usize,
    /// Entry of the list it is, from 1; 0: it is no list.
    pub entry: usize,
    /// What it is, to begin a sentence.
    pub what: &'static str,
    /// Where it lies.
    pub path: &'a Path,
}

/// What must not lie in a folder that is served, beside the state folder.
pub fn secrets(config: &Config) -> impl Iterator<Item = Secret<'_>> {
    let (acme, sql, tunnel) = (&config.acme, &config.sql, &config.tunnel);
    let plain = [
        ("tls.key", "the private key", &config.tls.key),
        ("acme.dns_hook", "the hook of dns-01", &acme.dns_hook),
        ("acme.dns_secret", "the secret of the hook", &acme.dns_secret),
        ("sql.key", "the private key of the sql door", &sql.key),
        ("sql.control_password_file", "the password of the server", &sql.control_password_file),
        ("tunnel.users", "the file of users of the tunnel door", &tunnel.users),
        ("s3.credentials", "the credentials of the bucket", &config.s3.credentials),
        ("tunnel.accounting", "the accounting of the tunnel door", &tunnel.accounting),
    ];
    let plain = plain.into_iter().map(|(key, what, path)| (key, 0, 0, what, path.as_deref()));
    let keys = Some(config.links.keys.as_path());
    let plain = plain.chain([("links.keys", 0, 0, "the file of keys of links", keys)]);
    let from = config.tls.from.iter().zip(1..).map(|(path, entry)| {
        ("tls.from", 0, entry, "a place of certificates and keys", Some(path.as_path()))
    });
    let directories = acme.directories.iter().zip(1..).flat_map(|(one, element)| {
        [
            ("acme.directory.eab_key", "the key of the binding", &one.eab_key),
            ("acme.directory.roots", "the authority's roots", &one.roots),
        ]
        .map(|(key, what, path)| (key, element, 0, what, path.as_deref()))
    });
    let hooks = config.uploads.hooks.iter().zip(1..).map(|(hook, element)| {
        ("uploads.hook.secret", element, 0, "the secret of a hook", hook.secret.as_deref())
    });
    plain.chain(from).chain(directories).chain(hooks).filter_map(
        |(key, element, entry, what, path)| {
            path.map(|path| Secret { key, element, entry, what, path })
        },
    )
}

/// The first of [`secrets`] that lies in a folder that is served, with that folder. Asked once
/// more when all paths are absolute, as [`exposed`] is.
#[must_use]
pub fn exposed_secret(config: &Config) -> Option<(Secret<'_>, &Path)> {
    secrets(config).find_map(|secret| {
        let inside = |folder: &Path| {
            matches!(overlap(secret.path, folder), Some(Overlap::Inside | Overlap::Same))
        };
        served(config).into_iter().find(|(_, folder)| inside(folder)).map(|(_, at)| (secret, at))
    })
}

/// Without `.` components; `..` stays, since what it means depends on links.
fn joined(base: &Path, path: &Path) -> PathBuf {
    base.join(path).components().collect()
}

fn contains(outer: &Path, inner: &Path) -> bool {
    if outer == Path::new("/") {
        // Wherever a relative path starts, it starts below this.
        return true;
    }
    if outer.has_root() != inner.has_root() {
        return false;
    }
    // `../..` contains `..` and everything beside it, which a comparison of the words misses.
    let ups = |path: &Path| path.components().filter(|c| *c == Component::ParentDir).count();
    if outer.components().all(|component| component == Component::ParentDir) {
        return ups(outer) >= ups(inner);
    }
    inner.starts_with(outer)
}

/// Without `.`, and without `..` where the step before it is known.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => {
                    plain.pop();
                }
                Some(Component::RootDir) => {}
                _ => plain.push(".."),
            },
            other => plain.push(other),
        }
    }
    plain
}
