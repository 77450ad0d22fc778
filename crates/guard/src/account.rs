//! Which user the workers become when menshen is started as root.
//!
//! Only `/etc/passwd` is read; users of other directories are given by number.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use menshen_config::Config;
use menshen_config::model::PhpBackend;
use serde::{Deserialize, Serialize};

use crate::error::GuardError;

/// A user with its main group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The workers' account: `user` if given, else the owner of the first site's root, or without
/// sites of the served folder, unless that is root or the folder is missing; else `www-data` where
/// PHP runs and there is such a user, else `nobody`.
pub(crate) fn choose(config: &Config) -> Result<Account, GuardError> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let root = config.sites.first().map_or(&config.web.root, |site| &site.root);
    let owner = std::fs::metadata(root).ok().map(|folder| (folder.uid(), folder.gid()));
    let php = config.sites.iter().any(|site| site.php != PhpBackend::Off);
    let fallback = if php { &["www-data", "nobody"][..] } else { &["nobody"] };
    choose_from(config.user.as_deref(), owner, fallback, &passwd)
}

/// The account of this name or number.
///
/// # Errors
/// There is none, or it is root.
pub(crate) fn named(name: &str) -> Result<Account, GuardError> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    choose_from(Some(name), None, &[], &passwd)
}

/// The name of the user with this number.
pub(crate) fn name_of(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts(&passwd).find(|account| account.uid == uid).map(|account| account.name)
}

/// Whether `account` may write into `folder`, by owner, group and mode.
pub(crate) fn may_write(account: &Account, folder: &Path) -> bool {
    may(account, folder, 0o3)
}

/// Whether `account` may list and enter `folder`, by owner, group and mode.
pub(crate) fn may_enter(account: &Account, folder: &Path) -> bool {
    may(account, folder, 0o5)
}

/// Whether `account` may read and write the file at `path`, by its own mode and the folders above.
pub(crate) fn may_use(account: &Account, path: &Path) -> bool {
    may(account, path, 0o6) && path.parent().is_none_or(|folder| may_reach(account, folder))
}

/// Whether `account` may connect to the socket at `path`, by its own mode and the folders above.
pub(crate) fn may_connect(account: &Account, path: &Path) -> bool {
    may(account, path, 0o2) && path.parent().is_none_or(|folder| may_reach(account, folder))
}

/// Whether `account` may pass through `folder` and all above it.
pub(crate) fn may_reach(account: &Account, folder: &Path) -> bool {
    folder.ancestors().all(|step| may(account, step, 0o1))
}

fn may(account: &Account, path: &Path, bits: u32) -> bool {
    let Ok(meta) = std::fs::metadata(path) else { return false };
    let shift = if meta.uid() == account.uid {
        6
    } else if meta.gid() == account.gid {
        3
    } else {
        0
    };
    meta.mode() >> shift & bits == bits
}

fn choose_from(
    user: Option<&str>,
    owner: Option<(u32, u32)>,
    fallback: &[&str],
    passwd: &str,
) -> Result<Account, GuardError> {
    let account = match (user, owner) {
        (Some(name), _) => accounts(passwd)
            .find(|account| account.name == name)
            .or_else(|| by_number(name.parse().ok()?, passwd, None))
            .ok_or_else(|| GuardError::ConfigUser { name: name.to_owned() })?,
        (None, Some((uid, gid))) if uid != 0 => by_number(uid, passwd, Some(gid))
            .unwrap_or_else(|| Account { name: uid.to_string(), uid, gid }),
        _ => fallback
            .iter()
            .find_map(|name| accounts(passwd).find(|account| account.name == *name))
            .unwrap_or_else(|| Account { name: "nobody".into(), uid: NOBODY, gid: NOBODY }),
    };
    if account.uid == 0 { Err(GuardError::ConfigRootUser) } else { Ok(account) }
}

/// The account with this number; without an entry its group is `gid`, or the same number.
fn by_number(uid: u32, passwd: &str, gid: Option<u32>) -> Option<Account> {
    let known = accounts(passwd).find(|account| account.uid == uid);
    known.or_else(|| Some(Account { name: uid.to_string(), uid, gid: gid.unwrap_or(uid) }))
}

/// The lines of a passwd file, `name:password:uid:gid:…`; broken ones are skipped.
fn accounts(passwd: &str) -> impl Iterator<Item = Account> + '_ {
    passwd.lines().filter_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
        let uid = parts.nth(1)?.parse().ok()?;
        let gid = parts.next()?.parse().ok()?;
        Some(Account { name, uid, gid })
    })
}

/// The kernel's overflow user.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests {
    //! Who the workers become, case by case.
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nx:y:z:1::\n\
        www-data:x:33:33::/var/www:/bin/false\nnobody:x:65534:65534::/:/bin/false\n";

    #[test]
    fn the_account_follows_the_configuration_then_the_owner_then_nobody() {
        let table = [
            (Some("www-data"), Some((1000, 1000)), ("www-data", 33, 33)),
            (Some("33"), None, ("www-data", 33, 33)),
            (Some("4711"), None, ("4711", 4711, 4711)),
            (None, Some((33, 99)), ("www-data", 33, 33)),
            (None, Some((1000, 100)), ("1000", 1000, 100)),
            (None, Some((0, 0)), ("nobody", 65_534, 65_534)),
            (None, None, ("nobody", 65_534, 65_534)),
        ];
        for (user, owner, (name, uid, gid)) in table {
            let account = choose_from(user, owner, &["nobody"], PASSWD).unwrap();
            assert_eq!(account, Account { name: name.into(), uid, gid }, "{user:?} {owner:?}");
        }
        assert_eq!(choose_from(None, None, &["nobody"], "").unwrap().uid, NOBODY);
    }

    #[test]
    fn root_and_unknown_names_are_refused() {
        for name in ["root", "0"] {
            let error = choose_from(Some(name), None, &[], PASSWD).unwrap_err();
            assert!(matches!(error, GuardError::ConfigRootUser), "{name}");
        }
        let error = choose_from(Some("alice"), None, &[], PASSWD).unwrap_err();
        assert_eq!(error.to_string(), "there is no user \"alice\"");
    }

    #[test]
    fn with_php_the_fallback_is_its_usual_user() {
        let fallback = ["www-data", "nobody"];
        let name = |owner, passwd| choose_from(None, owner, &fallback, passwd).unwrap().name;
        assert_eq!(name(Some((0, 0)), PASSWD), "www-data");
        assert_eq!(name(Some((1000, 100)), PASSWD), "1000");
        assert_eq!(name(None, "nobody:x:65534:65534::/:/bin/false\n"), "nobody");
    }

    #[test]
    fn writing_needs_both_bits_of_the_right_class() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let meta = std::fs::metadata(folder.path()).unwrap();
        let stranger = Account { name: "s".into(), uid: meta.uid() + 1, gid: meta.gid() + 1 };
        let mate = Account { gid: meta.gid(), ..stranger.clone() };
        let owner = Account { uid: meta.uid(), ..stranger.clone() };
        for (mode, writers) in [(0o700, [1, 0, 0]), (0o570, [0, 1, 0]), (0o503, [0, 0, 1])] {
            std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
            let may = [&owner, &mate, &stranger].map(|a| u8::from(may_write(a, folder.path())));
            assert_eq!(may, writers, "{mode:o}");
        }
    }
}
