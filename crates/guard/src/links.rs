//! What the workers need for signed links: the keys, and a folder of their own where uses of
//! counted links are remembered.
//!
//! The folder belongs to the workers' account and holds numbers only; the keys stay with the guard,
//! which hands them over with the rest of a worker's specification. Both are prepared anew with
//! every generation, so a reload takes changed keys, and a file of keys that cannot be used refuses
//! the reload and changes nothing.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, chown};

use menshen_config::{Config, LinkKeySpec, LinkSpec};
use menshen_tls::LinkKeys;
use rustix::fs::{Mode, OFlags};

use crate::account::Account;
use crate::error::GuardError;
use crate::folders::{failed, make_folder};
use crate::generation::unix_now;
use crate::sites::takes_every_host;

/// Keys and folder of one generation.
#[derive(Debug)]
pub(crate) struct Links {
    keys: LinkKeys,
    pub(crate) folder: OwnedFd,
}

impl Links {
    /// Makes what is missing; `None` where no link would open anything.
    pub(crate) fn prepare(
        config: &Config,
        account: Option<&Account>,
    ) -> Result<Option<Self>, GuardError> {
        if !config.links.enabled || takes_every_host(config) {
            return Ok(None);
        }
        let now = u64::try_from(unix_now()).unwrap_or(0);
        let keys = LinkKeys::ensure(&config.links.keys, now)?;
        let path = config.state.join(FOLDER);
        make_folder(&path, 0o700)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(|error| failed("open the folder", &path, error.into()))?;
        if let Some(account) = account {
            let there = std::fs::symlink_metadata(&path);
            let there = there.map_err(|source| failed("look at", &path, source))?;
            if there.uid() != account.uid {
                give(&path, account)?;
            }
        }
        Ok(Some(Self { keys, folder }))
    }

    /// What a worker is told; it inherits the folder.
    pub(crate) fn spec(&self) -> LinkSpec {
        let key = |key: &menshen_tls::LinkKey| LinkKeySpec { id: key.id, secret: *key.expose() };
        let keys = self.keys.iter().map(key).collect();
        LinkSpec { keys, folder_fd: self.folder.as_raw_fd() }
    }
}

/// Gives the folder with what is in it to an account: the one of an earlier configuration was
/// another.
fn give(path: &std::path::Path, account: &Account) -> Result<(), GuardError> {
    let error = |source| failed("give the workers", path, source);
    for entry in std::fs::read_dir(path).map_err(error)? {
        let file = entry.map_err(error)?.path();
        // Never through a link somebody may have laid there.
        std::os::unix::fs::lchown(&file, Some(account.uid), Some(account.gid)).map_err(error)?;
    }
    chown(path, Some(account.uid), Some(account.gid)).map_err(error)
}

/// Name of the folder in the state folder.
const FOLDER: &str = "links";
