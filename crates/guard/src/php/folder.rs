//! The folder of everything PHP needs to reach: the prepend script, the probe, the spool, the
//! upload folder and the sockets of the managed pool. Its users are strangers to the rest of the
//! state folder, whose files stay closed to them by their own modes.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::GuardError;

/// Where its parts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    /// At this absolute path; nothing is made.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The script that runs before all others.
    pub(crate) fn prepend(&self) -> PathBuf {
        self.path.join("prepend.php")
    }

    /// `upload_tmp_dir` of the managed pool.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Where request bodies and answers rest.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// A file of the managed pool number `number`: `fpm-1.sock`, `status-1.sock`, `fpm-1.conf`.
    pub(crate) fn of_pool(&self, kind: &str, number: u32, ending: &str) -> PathBuf {
        self.path.join("run").join(format!("{kind}-{number}.{ending}"))
    }

    /// Makes what is missing, writes the scripts where they are not what they should be, and opens
    /// the spool. `account` gets what its processes write to.
    pub(crate) fn prepare(&self, account: Option<&Account>) -> Result<OwnedFd, GuardError> {
        // Others pass through to the scripts, the spool is the workers' alone.
        for path in [self.path.clone(), self.path.join("run")] {
            folder(&path, 0o755)?;
            owned(&path)?;
        }
        for path in [self.spool(), self.tmp()] {
            folder(&path, 0o700)?;
            if let Some(account) = account {
                chown(&path, Some(account.uid), Some(account.gid))
                    .map_err(|source| failed("give the workers", &path, source))?;
            }
        }
        script(&self.prepend(), PREPEND)?;
        script(&self.path.join("probe.php"), PROBE)?;
        script(&self.path.join("env.php"), ENV)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let spool = self.spool();
        rustix::fs::open(&spool, flags, Mode::empty())
            .map_err(|error| failed("open the folder", &spool, error.into()))
    }
}

/// A listening socket at `path` that only `account` may connect to; what was there before is
/// replaced. It blocks, as php-fpm expects of one it inherits.
pub(super) fn listen(path: &Path, account: Option<&Account>) -> Result<OwnedFd, GuardError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove the old socket", path, error));
        }
        _ => {}
    }
    let socket =
        UnixListener::bind(path).map_err(|source| failed("bind the socket", path, source))?;
    // The file is made with the umask's mode and the guard's owner; closed first, then given.
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(|source| failed("close to others", path, source))?;
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid))
            .map_err(|source| failed("give the workers", path, source))?;
    }
    Ok(socket.into())
}

/// Writes a file that only `account` may read: settings may hold passwords.
pub(super) fn private_file(
    path: &Path,
    text: &str,
    account: Option<&Account>,
) -> Result<(), GuardError> {
    let written = (|| {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        match account {
            Some(account) => chown(path, Some(account.uid), Some(account.gid)),
            None => Ok(()),
        }
    })();
    written.map_err(|source| failed("write", path, source))
}

/// Lets other users pass through the state folder, not look into it: PHP has to reach its own part.
/// Each file in it has a mode of its own that keeps them out.
pub(crate) fn open_passage(state: &Path) -> Result<(), GuardError> {
    let mode = fs::metadata(state).map_err(|source| failed("look at", state, source))?.mode();
    if mode & 0o011 == 0o011 {
        return Ok(());
    }
    fs::set_permissions(state, Permissions::from_mode(mode & 0o7777 | 0o011))
        .map_err(|source| failed("open the passage through", state, source))
}

fn folder(path: &Path, mode: u32) -> Result<(), GuardError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|source| failed("create the folder", path, source))?;
    // Whatever the umask or an earlier version made of it.
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|source| failed("set the mode of", path, source))
}

/// Refuses a folder of somebody else's: its owner could put a link where something is given away.
fn owned(path: &Path) -> Result<(), GuardError> {
    let owner = fs::metadata(path).map_err(|source| failed("look at", path, source))?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let text = format!("it belongs to user {owner}, not to the one that started menshen");
    Err(failed("use the folder", path, io::Error::other(text)))
}

/// Writes by way of another name: PHP may be reading the old one.
fn script(path: &Path, text: &str) -> Result<(), GuardError> {
    let readable = |meta: fs::Metadata| meta.mode() & 0o777 == 0o644;
    if fs::read(path).is_ok_and(|old| old == text.as_bytes())
        && fs::metadata(path).is_ok_and(readable)
    {
        return Ok(());
    }
    let fresh = path.with_extension("new");
    fs::write(&fresh, text)
        .and_then(|()| fs::set_permissions(&fresh, Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|source| failed("write", path, source))
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> GuardError {
    GuardError::LocalFile { action, path: path.to_owned(), source }
}

const PREPEND: &str = include_str!("prepend.php");
const ENV: &str = include_str!("env.php");
const PROBE: &str = include_str!("probe.php");

#[cfg(test)]
mod tests {
    //! Modes, rewriting, sockets.
    use super::*;

    #[test]
    fn the_folder_is_made_and_mended() {
        let top = tempfile::tempdir().unwrap();
        let folder = Folder::at(&top.path().join("state/php"));
        drop(folder.prepare(None).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        let first = fs::metadata(folder.prepend()).unwrap().ino();
        drop(folder.prepare(None).unwrap());
        assert_eq!(fs::metadata(folder.prepend()).unwrap().ino(), first, "left alone");
        fs::write(folder.prepend(), "<?php // old").unwrap();
        fs::set_permissions(folder.spool(), Permissions::from_mode(0o777)).unwrap();
        drop(folder.prepare(None).unwrap());
        assert_eq!(fs::read_to_string(folder.prepend()).unwrap(), PREPEND);
        for (path, bits) in [
            (folder.path.clone(), 0o755),
            (folder.spool(), 0o700),
            (folder.tmp(), 0o700),
            (folder.prepend(), 0o644),
            (folder.path.join("probe.php"), 0o644),
        ] {
            assert_eq!(mode(&path), bits, "{}", path.display());
        }
    }

    #[test]
    fn a_socket_takes_the_place_of_an_old_one() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a.sock");
        let old = listen(&path, None).unwrap();
        let new = listen(&path, None).unwrap();
        drop(old);
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        drop(new);
        let long = top.path().join("x".repeat(120));
        assert!(listen(&long, None).is_err(), "longer than a socket's name may be");
    }

    #[test]
    fn the_passage_lets_pass_and_not_look() {
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), Permissions::from_mode(0o700)).unwrap();
        open_passage(top.path()).unwrap();
        assert_eq!(fs::metadata(top.path()).unwrap().mode() & 0o7777, 0o711);
        open_passage(top.path()).unwrap();
    }
}
