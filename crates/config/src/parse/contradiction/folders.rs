//! Folders that are served, and what must not lie in them: state, keys, logs, the folder of PHP.

use std::path::{Path, PathBuf};

use super::{At, Read};
use crate::model::AccessLog;
use crate::paths::{Overlap, overlap, secrets};
use crate::problem::quoted;

/// Checks what lies where.
pub(super) fn check(read: &mut Read<'_>) {
    for served in served(read) {
        state(read, &served);
        key(read, &served);
        log(read, &served);
        php(read, &served);
    }
}

/// A folder whose files clients can download.
struct Served {
    /// Its key, and the place of it.
    at: At,
    folder: PathBuf,
    /// Whether clients may also delete files there.
    writable: bool,
}

fn served(read: &Read<'_>) -> Vec<Served> {
    let config = &read.config;
    let mut served =
        vec![Served { at: At::key("web.root"), folder: config.web.root.clone(), writable: true }];
    for (index, site) in config.sites.iter().enumerate() {
        let at = At::of("site.root", index, None);
        served.push(Served { at, folder: site.root.clone(), writable: false });
        for (inner, mount) in site.mounts.iter().enumerate().filter(|(_, mount)| !mount.internal) {
            let at = At::of("site.mount.root", index, Some(inner));
            served.push(Served { at, folder: mount.root.clone(), writable: false });
        }
    }
    served.retain(|served| !read.is_bad(served.at));
    served
}

fn state(read: &mut Read<'_>, served: &Served) {
    if read.any_bad(&["state"]) {
        return;
    }
    let state = read.config.state.clone();
    let how = match overlap(&served.folder, &state) {
        Some(Overlap::Same) => "the same folder as",
        Some(Overlap::Inside) => "inside",
        Some(Overlap::Around) => "around",
        None => return,
    };
    let (name, folder) = (served.at.name, shown(&served.folder));
    read.contradicts_at(
        &[served.at, At::key("state"), element(served.at)],
        format!("{name} {folder} is {how} state {}", shown(&state)),
        "token and keys in the state folder could be downloaded: keep the two apart",
    );
}

/// Keys and credentials, and what acts with them.
fn key(read: &mut Read<'_>, served: &Served) {
    let config = read.config.clone();
    for secret in secrets(&config).filter(|secret| served.holds(secret.path)) {
        let at = At { name: secret.key, inside: [secret.element, 0], entry: secret.entry };
        if read.is_bad(at) {
            continue;
        }
        read.contradicts_at(
            &[at],
            format!("{} lies inside {}", secret.what, served.at.name),
            "it could be downloaded, or changed by an upload: move it",
        );
    }
}

fn log(read: &mut Read<'_>, served: &Served) {
    if read.any_bad(&["state", "web.access_log"]) {
        return;
    }
    let state = &read.config.state;
    let AccessLog::File(log) = &read.config.web.access_log else { return };
    if served.holds(&state.join(log)) && !served.holds(state) {
        let deleted = if served.writable { " and deleted" } else { "" };
        read.warn(
            &["web.access_log"],
            format!("the access log lies inside {}", served.at.name),
            &format!("it can be downloaded{deleted} there"),
        );
    }
}

/// The folder of PHP holds requests at rest. In the state folder it is as safe as that.
fn php(read: &mut Read<'_>, served: &Served) {
    if read.any_bad(&["state", "php.folder"]) {
        return;
    }
    let state = &read.config.state;
    let folder = state.join(&read.config.php.folder);
    let in_state = matches!(overlap(&folder, state), Some(Overlap::Inside | Overlap::Same));
    if !in_state && let Some(how) = overlap(&folder, &served.folder) {
        let how = match how {
            Overlap::Inside | Overlap::Same => "inside",
            Overlap::Around => "around",
        };
        let name = served.at.name;
        let message = format!("php.folder {} lies {how} {name}", shown(&folder));
        let hint = "requests at rest in it could be downloaded: keep the two apart";
        read.contradicts(&["php.folder"], message, hint);
    }
}

impl Served {
    fn holds(&self, path: &Path) -> bool {
        matches!(overlap(path, &self.folder), Some(Overlap::Inside | Overlap::Same))
    }
}

/// The element that a key of a site belongs to.
const fn element(at: At) -> At {
    At { name: "site", inside: [at.inside[0], 0], entry: 0 }
}

fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
