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
    let files = [&mut config.tls.certificate, &mut config.tls.key, &mut config.php.program];
    for path in files.into_iter().flatten() {
        *path = joined(base, path);
    }
    if let AccessLog::File(path) = &mut config.web.access_log {
        *path = joined(&config.state, path);
    }
    config.php.folder = joined(&config.state, &config.php.folder);
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
