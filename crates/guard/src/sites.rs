//! The folders of sites: opened before any worker starts, and looked at for what will not work.

use std::fs::DirBuilder;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, fchown};
use std::path::Path;

use menshen_base::{Finding, Severity};
use menshen_config::Config;
use menshen_config::model::Site;
use rustix::fs::{Mode, OFlags};

use crate::account::{Account, may_enter};
use crate::error::GuardError;

/// Open folders of one site, in the order of its configuration.
#[derive(Debug)]
pub(crate) struct SiteFolders {
    pub(crate) root: OwnedFd,
    pub(crate) mounts: Vec<OwnedFd>,
    pub(crate) stores: Vec<Option<OwnedFd>>,
}

impl SiteFolders {
    /// Opens the folders of `site`. Stores are made where they are missing; anything else that is
    /// missing is a mistake.
    pub(crate) fn open(site: &Site, account: Option<&Account>) -> Result<Self, GuardError> {
        let store = |path: &Path| {
            if !path.exists() {
                make_store(path, account)?;
            }
            open(path)
        };
        let stores = site.rules.iter().map(|rule| {
            let path = rule.fields.as_ref().and_then(|fields| fields.store.as_deref());
            path.map(store).transpose()
        });
        Ok(Self {
            root: open(&site.root)?,
            mounts: site.mounts.iter().map(|mount| open(&mount.root)).collect::<Result<_, _>>()?,
            stores: stores.collect::<Result<_, _>>()?,
        })
    }
}

/// Whether a site answers for every host, so that the file service is reached by none.
pub(crate) fn takes_every_host(config: &Config) -> bool {
    config.sites.iter().any(|site| site.hosts.is_empty())
}

/// A folder with nothing in it, for workers whose file service nobody reaches.
pub(crate) fn open_nothing(state: &Path) -> Result<OwnedFd, GuardError> {
    let path = state.join("none");
    if !path.exists() {
        let made = DirBuilder::new().mode(0o555).create(&path);
        made.map_err(|source| failed("create the folder", &path, source))?;
    }
    open(&path)
}

/// What the workers' user cannot do with the folders of the sites; `None`: the user who asks.
pub(crate) fn look(config: &Config, account: Option<&Account>) -> Vec<Finding> {
    let Some(account) = account else { return Vec::new() };
    let roots = config.sites.iter().flat_map(|site| {
        std::iter::once(&site.root).chain(site.mounts.iter().map(|mount| &mount.root))
    });
    // Only the folders themselves: workers hold them open and need no way there.
    let unreadable = |path: &&std::path::PathBuf| path.is_dir() && !may_enter(account, path);
    roots.filter(unreadable).map(|path| not_readable(account, path)).collect()
}

fn not_readable(account: &Account, path: &Path) -> Finding {
    Finding::new(
        "site-root-not-readable",
        Severity::Warning,
        path.display().to_string(),
        format!("the workers' user \"{}\" may not read here", account.name),
    )
    .hint(format!(
        "pages will be missing; run `chmod o+rx {}`, or set `user` to its owner",
        path.display()
    ))
}

fn make_store(path: &Path, account: Option<&Account>) -> Result<(), GuardError> {
    let made = DirBuilder::new().recursive(true).mode(0o750).create(path);
    made.map_err(|source| failed("create the folder", path, source))?;
    let Some(account) = account else { return Ok(()) };
    // By a descriptor that no link leads to: where the folder above is an application's, it could
    // put a link in the place of what was just made, to be given what it names.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let given = rustix::fs::open(path, flags, Mode::empty());
    given
        .map_err(std::io::Error::from)
        .and_then(|folder| fchown(folder, Some(account.uid), Some(account.gid)))
        .map_err(|source| failed("give the workers", path, source))
}

fn open(path: &Path) -> Result<OwnedFd, GuardError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| failed("open the folder", path, error.into()))
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> GuardError {
    GuardError::LocalFile { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    //! What is opened, what is made, what is a mistake.
    use std::fs;

    use super::*;
    use menshen_config::model::{Fields, Mount, Rule};

    #[test]
    fn stores_are_made_and_missing_roots_are_mistakes() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        let mut site = Site { root: path("root"), ..Site::default() };
        assert!(SiteFolders::open(&site, None).is_err(), "no root");
        fs::create_dir(path("root")).unwrap();
        let fields = Fields {
            templates: Vec::new(),
            pass: Vec::new(),
            cleanup: Vec::new(),
            tame_arrays: false,
            store: Some(path("a/store")),
        };
        site.rules =
            vec![Rule::new("/x/".into()), Rule { fields: Some(fields), ..Rule::new("/y/".into()) }];
        site.mounts = vec![Mount { path: "/m/".into(), root: path("m"), internal: true }];
        assert!(SiteFolders::open(&site, None).is_err(), "no folder of the mount");
        fs::create_dir(path("m")).unwrap();
        let folders = SiteFolders::open(&site, None).unwrap();
        assert!(path("a/store").is_dir());
        assert_eq!(folders.mounts.len(), 1);
        let stores: Vec<bool> = folders.stores.iter().map(Option::is_some).collect();
        assert_eq!(stores, [false, true]);
    }

    #[test]
    fn a_root_closed_to_the_workers_is_a_finding() {
        use std::os::unix::fs::PermissionsExt;
        let top = tempfile::tempdir().unwrap();
        let site = Site { root: top.path().to_owned(), ..Site::default() };
        let config = Config { sites: vec![site], ..Config::default() };
        let stranger = Account { name: "stranger".into(), uid: 54_321, gid: 54_321 };
        fs::set_permissions(top.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(look(&config, Some(&stranger)).is_empty());
        fs::set_permissions(top.path(), PermissionsExt::from_mode(0o750)).unwrap();
        assert!(look(&config, None).is_empty());
        assert_eq!(look(&config, Some(&stranger))[0].code, "site-root-not-readable");
    }
}
