//! What a command of the operator's needs to see the sites and pools as the workers do: open
//! folders, addresses, and the user to become. Nothing is made, started or changed.

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use menshen_config::model::{EXTERNAL_WORKERS, PhpAddress, PhpBackend, Site};
use menshen_config::{Config, PoolSpec, SiteSpec};
use rustix::fs::{Mode, OFlags};

use crate::account;
use crate::error::GuardError;
use crate::php::folder::Folder;
use crate::php::pool::children;

/// Sites and pools of a configuration.
#[derive(Debug)]
pub struct Reach {
    /// Open folders, one per site; whoever takes them over closes them.
    pub sites: Vec<SiteSpec>,
    /// The pools the sites use.
    pub pools: Vec<PoolReach>,
    /// The workers' user and group, for a process that runs as root; `None`: who it is.
    pub become_user: Option<(u32, u32)>,
}

/// A pool.
#[derive(Debug)]
pub struct PoolReach {
    /// How a worker would know it, but for its descriptors and its place, which stand for nothing.
    pub spec: PoolSpec,
    /// Whether the number of its workers is an assumption: nobody wrote it down.
    pub workers_assumed: bool,
    /// The open spool.
    pub spool: io::Result<OwnedFd>,
}

/// Opens what the sites of `config` stand on. `config` has absolute paths.
///
/// # Errors
/// When a folder of a site cannot be opened, or the workers' user is not to be had.
pub fn reach(config: &Config) -> Result<Reach, GuardError> {
    let folder = Folder::at(&config.php.folder);
    let mut backends: Vec<&PhpBackend> = Vec::new();
    for site in &config.sites {
        if site.php != PhpBackend::Off && !backends.contains(&&site.php) {
            backends.push(&site.php);
        }
    }
    let become_user = match rustix::process::geteuid().is_root() {
        true => Some(workers_user(config, &folder)?),
        false => None,
    };
    let sites = config.sites.iter().map(|site| {
        let pool = backends.iter().position(|backend| **backend == site.php);
        open_site(site, pool.and_then(|pool| u32::try_from(pool).ok()))
    });
    let sites = sites.collect::<Result<_, _>>()?;
    let pools = backends.into_iter().map(|backend| pool(config, &folder, backend)).collect();
    Ok(Reach { sites, pools, become_user })
}

/// The name of a user; `None`: there is none in `/etc/passwd`.
#[must_use]
pub fn user_name(uid: u32) -> Option<String> {
    account::name_of(uid)
}

/// The owner of the spool, who the workers of the running server are; before the first start, whom
/// it would choose.
fn workers_user(config: &Config, folder: &Folder) -> Result<(u32, u32), GuardError> {
    match std::fs::metadata(folder.spool()) {
        Ok(spool) if spool.uid() != 0 => Ok((spool.uid(), spool.gid())),
        _ => account::choose(config).map(|account| (account.uid, account.gid)),
    }
}

fn open_site(site: &Site, pool: Option<u32>) -> Result<SiteSpec, GuardError> {
    let open = |path: &Path| {
        let folder = open(path).map_err(|source| GuardError::LocalFile {
            action: "open the folder",
            path: path.to_owned(),
            source,
        });
        folder.map(IntoRawFd::into_raw_fd)
    };
    Ok(SiteSpec {
        root_fd: open(&site.root)?,
        mount_fds: site.mounts.iter().map(|m| open(&m.root)).collect::<Result<_, _>>()?,
        // Whoever only looks stores nothing.
        store_fds: site.rules.iter().map(|_| None).collect(),
        pool,
    })
}

fn pool(config: &Config, folder: &Folder, backend: &PhpBackend) -> PoolReach {
    let known =
        |address: &PhpAddress| config.php.pools.iter().find(|pool| pool.address == *address);
    let (address, workers, managed) = match backend {
        PhpBackend::At(address) => (address.clone(), known(address).map(|p| p.workers), false),
        _ => (PhpAddress::Unix(managed_socket(folder)), Some(children(config)), true),
    };
    PoolReach {
        spec: PoolSpec {
            address,
            workers: workers.unwrap_or(EXTERNAL_WORKERS),
            managed,
            status: None,
            folder: folder.path.clone(),
            spool_fd: -1,
            spool_path: folder.spool(),
            place: 0,
            wake_fd: -1,
        },
        workers_assumed: workers.is_none(),
        spool: open(&folder.spool()),
    }
}

/// The socket of the newest managed pool: an older one only finishes what it has.
fn managed_socket(folder: &Folder) -> PathBuf {
    let numbers = std::fs::read_dir(folder.path.join("run")).into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix("fpm-")?.strip_suffix(".sock")?.parse::<u32>().ok()
    });
    folder.of_pool("fpm", numbers.max().unwrap_or(1), "sock")
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    //! Which pools there are, and that looking makes nothing.
    use std::fs;

    use super::*;

    #[test]
    fn sites_share_pools_and_nothing_is_made() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::create_dir(path("root")).unwrap();
        let site = |php| Site { root: path("root"), php, ..Site::default() };
        let foreign = PhpAddress::Unix(path("foreign.sock"));
        let sites = vec![
            site(PhpBackend::Off),
            site(PhpBackend::At(foreign.clone())),
            site(PhpBackend::Managed),
            site(PhpBackend::At(foreign)),
        ];
        let mut config = Config { sites, state: path("state"), ..Config::default() };
        config.php.folder = path("state/php");
        let seen = reach(&config).unwrap();
        let pools: Vec<_> = seen.sites.iter().map(|site| site.pool).collect();
        assert_eq!(pools, [None, Some(0), Some(1), Some(0)]);
        assert!(seen.pools[0].workers_assumed && !seen.pools[0].spec.managed);
        assert_eq!(seen.pools[0].spec.workers, EXTERNAL_WORKERS);
        let kind = |pool: &PoolReach| pool.spool.as_ref().map(|_| ()).map_err(io::Error::kind);
        assert_eq!(kind(&seen.pools[1]), Err(io::ErrorKind::NotFound));
        assert!(!path("state").exists());

        fs::create_dir_all(path("state/php/run")).unwrap();
        fs::create_dir(path("state/php/spool")).unwrap();
        for name in ["fpm-9.sock", "fpm-10.sock", "fpm-11.conf", "status-12.sock"] {
            fs::write(path("state/php/run").join(name), "").unwrap();
        }
        let seen = reach(&config).unwrap();
        let newest = PhpAddress::Unix(path("state/php/run/fpm-10.sock"));
        assert_eq!(seen.pools[1].spec.address, newest);
        assert!(seen.pools[1].spool.is_ok() && seen.pools[1].spec.managed);
        config.sites[0].root = path("missing");
        assert!(reach(&config).is_err());
    }
}
