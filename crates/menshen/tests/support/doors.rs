//! Doors whose files are in a bucket: an object store in this process, and real doors before it.

use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use menshen_sys::SlotState;
use rustix::process::{Pid, Signal, kill_process};

use super::engine::{BUCKET, Engine, KEY, SECRET};
use super::live::{Live, command, folder};

/// The token of all doors, so that what one began another goes on with.
pub(crate) const TOKEN: &str = "bWVuc2hlbi10ZXN0LXRva2VuLW9mLTMyLWJ5dGVzISE";

/// A field that shows it.
pub(crate) fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

/// A door of one worker; `s3` are more lines of `[s3]`, `rest` comes behind all.
pub(crate) fn door(engine: &Engine, s3: &str, rest: &str) -> Live {
    door_at(engine.address, s3, rest)
}

/// A door before whatever listens there.
pub(crate) fn door_at(store: SocketAddr, s3: &str, rest: &str) -> Live {
    let folder = folder("");
    let at = |name: &str| folder.path().join(name);
    let settings = format!(
        "workers = 1\n[web]\nlisten = [\"127.0.0.1:0\"]\nplain_listen = [\"127.0.0.1:0\"]\n\
         plain = \"serve\"\naccess_log = \"access.log\"\n[[web.public]]\npath = \"/open/\"\n\
         access = \"write\"\n[s3]\nendpoint = \"http://{store}\"\nbucket = \"{BUCKET}\"\n\
         prefix = \"p\"\ncredentials = \"s3-key\"\nretry_seconds = 1\n{s3}\n{rest}\n\
         [admin]\nlisten = \"off\"\n"
    );
    std::fs::write(at("menshen.toml"), settings).unwrap();
    secret(&at("s3-key"), &format!("{KEY}\n{SECRET}\n"));
    std::fs::DirBuilder::new().mode(0o700).create(at(".menshen")).unwrap();
    secret(&at(".menshen/owner-token"), &format!("{TOKEN}\n"));
    let command = command(folder.path(), &["serve"]);
    Live::start_command(folder, command)
}

fn secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Signals the guard and its workers, as a machine that stops does.
pub(crate) fn all(live: &Live, signal: Signal) {
    let workers = live.workers(SlotState::Ready);
    let pids = workers.iter().filter_map(|slot| Pid::from_raw(i32::try_from(slot.pid()).ok()?));
    for pid in [live.pid()].into_iter().chain(pids) {
        kill_process(pid, signal).unwrap();
    }
}
