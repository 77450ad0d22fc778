//! PHP as the guard sees it: the folder PHP and the workers share, the places of all pools, and the
//! php-fpm processes of our own. No request is seen here; workers talk to the pools themselves.
//!
//! A managed pool lives as long as a generation, or a worker of one, uses it. A reload that changes
//! nothing about it goes on with it; one that does starts another beside it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use menshen_base::{Finding, Severity};
use menshen_config::model::{EXTERNAL_WORKERS, PhpAddress, PhpBackend};
use menshen_config::{Config, POOLS_MAX};
use menshen_sys::Scoreboard;
use menshen_sys::posture::Posture;
use rustix::process::{Pid, WaitStatus};
use serde::{Deserialize, Serialize};

use crate::account::{Account, may_reach};
use crate::error::GuardError;
use crate::handover::{Handed, Outgoing};

pub(crate) mod find;
pub(crate) mod folder;
mod managed;
mod place;
pub(crate) mod pool;
mod recycle;
mod said;

use find::Program;
use folder::Folder;
pub(crate) use managed::Inheritance;
use managed::{HandedPool, Identity, Managed};
pub(crate) use place::{HandedPlaces, HeldPlaces};
use place::{Place, Places};
use pool::{PoolPlan, STATUS_PATH};
use recycle::Recycler;

/// All of PHP that this guard looks after.
#[derive(Debug)]
pub(crate) struct Estate {
    places: Places,
    pools: Vec<Managed>,
    last_number: u32,
    inheritance: Inheritance,
    recycler: Recycler,
}

/// PHP of one generation.
#[derive(Debug, Default)]
pub(crate) struct Php {
    pub(crate) pools: Vec<PoolUse>,
    /// The open spool; `None` without PHP.
    pub(crate) spool: Option<OwnedFd>,
    pub(crate) spool_path: PathBuf,
}

/// A pool as a generation uses it.
#[derive(Debug)]
pub(crate) struct PoolUse {
    /// As the sites name it.
    pub(crate) backend: PhpBackend,
    pub(crate) place: Rc<Place>,
    pub(crate) workers: u32,
    pub(crate) status: Option<(PhpAddress, String)>,
    /// The version of a managed one.
    pub(crate) version: Option<String>,
}

impl Php {
    /// The pool of a site, as an index.
    pub(crate) fn pool_of(&self, backend: &PhpBackend) -> Option<u32> {
        let found = self.pools.iter().position(|pool| pool.backend == *backend)?;
        u32::try_from(found).ok()
    }

    /// Shows the pools in the scoreboard, and no others: admission takes their sizes from there.
    pub(crate) fn show(&self, board: &Scoreboard) {
        for place in 0..POOLS_MAX {
            let used =
                self.pools.iter().find(|pool| usize::try_from(pool.place.number) == Ok(place));
            match used {
                Some(pool) => board.set_pool(place, &pool.place.address.to_string(), pool.workers),
                None => board.set_pool(place, "", 0),
            }
        }
    }
}

impl Php {
    /// What the workers' user, and so a managed pool, cannot reach.
    pub(crate) fn look(&self, account: Option<&Account>) -> Option<Finding> {
        self.spool.as_ref()?;
        let (folder, account) = (self.spool_path.parent()?, account?);
        (!may_reach(account, folder)).then(|| {
            let claim = format!("the workers' user \"{}\" may not pass here", account.name);
            let subject = folder.display().to_string();
            Finding::new("php-folder-closed", Severity::Error, subject, claim).hint(
                "PHP cannot start its prepend script; set `php.folder` to a place it can reach, or \
                 open each folder above with `chmod o+x`",
            )
        })
    }
}

/// The pools as they are handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedPhp {
    last_number: u32,
    pools: Vec<HandedPool>,
}

impl HandedPhp {
    /// Whether a pool with this process id is told of.
    pub(crate) fn is_told(&self, pid: Pid) -> bool {
        self.pools.iter().any(|pool| pool.is(pid))
    }
}

impl Estate {
    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> (HandedPlaces, HandedPhp) {
        let places = self.places.hand_over(outgoing);
        let pools = self.pools.iter().filter_map(|pool| pool.hand_over(outgoing)).collect();
        (places, HandedPhp { last_number: self.last_number, pools })
    }

    /// With the pools of another program, which go on.
    pub(crate) fn adopt(
        inheritance: Inheritance,
        left: &Handed,
        now: Instant,
    ) -> Result<Self, GuardError> {
        let handed = &left.inventory.php;
        let adopt = |pool: &HandedPool| Managed::adopt(pool, left, now);
        let pools = handed.pools.iter().map(adopt).collect::<Result<_, _>>()?;
        let (places, last_number) = (Places::adopt(&left.places), handed.last_number);
        Ok(Self { places, pools, last_number, inheritance, recycler: Recycler::default() })
    }

    /// Ends all pools that `left` does not tell of, and waits for them; the others go on.
    pub(crate) fn abandon(&mut self, left: &Handed, now: Instant) {
        let handed = &left.inventory.php;
        for pool in &mut self.pools {
            if pool.pid().is_some_and(|pid| !handed.is_told(pid)) {
                pool.kill_and_wait(now);
            }
        }
    }

    /// Without any pool.
    pub(crate) fn new(inheritance: Inheritance) -> Self {
        let (places, pools) = (Places::default(), Vec::new());
        Self { places, pools, last_number: 0, inheritance, recycler: Recycler::default() }
    }

    /// Makes everything the sites of `config` need of PHP but starts nothing: that is
    /// [`Estate::keep_times`], once somebody holds the result.
    pub(crate) fn prepare(
        &mut self,
        config: &Config,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Php, GuardError> {
        if config.sites.iter().all(|site| site.php == PhpBackend::Off) {
            return Ok(Php::default());
        }
        let folder = Folder::at(&config.php.folder);
        let mut php = Php { spool_path: folder.spool(), ..Php::default() };
        if account.is_some() && folder.path.starts_with(&config.state) {
            folder::open_passage(&config.state)?;
        }
        php.spool = Some(folder.prepare(account)?);
        for site in &config.sites {
            if php.pool_of(&site.php).is_some() {
                continue;
            }
            match &site.php {
                PhpBackend::Off => {}
                PhpBackend::Managed => {
                    php.pools.push(self.managed(config, &folder, account, now)?);
                }
                PhpBackend::At(address) => php.pools.push(self.external(config, address)?),
            }
        }
        Ok(php)
    }

    /// Whether every pool was ready once, or is known not to get ready soon.
    pub(crate) fn settled(&self) -> bool {
        self.pools.iter().all(|pool| pool.settled || pool.is_ending())
    }

    /// Why a managed pool of `php` does not run, one that `before` did not have.
    pub(crate) fn failure(&self, php: &Php, before: Option<&Php>) -> Option<&str> {
        let uses = |php: &Php, pool: &Managed| {
            php.pools.iter().any(|used| std::ptr::eq(Rc::as_ptr(&used.place), pool.place.as_ptr()))
        };
        let new =
            |pool: &&Managed| uses(php, pool) && before.is_none_or(|before| !uses(before, pool));
        self.pools.iter().filter(new).find_map(|pool| pool.failure.as_deref())
    }

    /// What can wake the guard.
    pub(crate) fn pipes(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pools.iter().filter_map(Managed::pipe)
    }

    /// The next moment something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let pools = self.pools.iter().filter_map(Managed::deadline);
        pools.chain(self.recycler.deadline()).min()
    }

    /// Passes on what the pools say and notices those that ended.
    pub(crate) fn look(&mut self, now: Instant) {
        for pool in &mut self.pools {
            pool.hear(now);
            pool.collect(now);
        }
    }

    /// Takes note of a child that was waited for; `false`: it is none of ours.
    pub(crate) fn ended(&mut self, pid: Pid, status: WaitStatus, now: Instant) -> bool {
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.pid() == Some(pid)) else {
            return false;
        };
        pool.ended(status, now);
        true
    }

    /// Starts what is due, ends what nobody uses any more.
    pub(crate) fn keep_times(&mut self, now: Instant) {
        for pool in &mut self.pools {
            if pool.place.strong_count() == 0 {
                pool.quit(now);
            }
            pool.keep_times(self.inheritance, now);
        }
        self.pools.retain(|pool| !pool.is_gone());
    }

    /// Ends large children after their request while the posture asks for it.
    pub(crate) fn recycle(&mut self, posture: &Posture, now: Instant) {
        let running = |pool: &Managed| Some((pool.running()?, pool.identity.plan.children));
        let masters: Vec<(Pid, u32)> = self.pools.iter().filter_map(running).collect();
        self.recycler.keep_times(&masters, posture, now);
    }

    /// Asks all pools to end.
    pub(crate) fn quit(&mut self, now: Instant) {
        self.pools.iter_mut().for_each(|pool| pool.quit(now));
        self.pools.retain(|pool| !pool.is_gone());
    }

    /// Ends all pools at once.
    pub(crate) fn kill(&mut self, now: Instant) {
        self.pools.iter_mut().for_each(|pool| pool.kill(now));
    }

    /// Whether no pool is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.pools.is_empty()
    }

    fn managed(
        &mut self,
        config: &Config,
        folder: &Folder,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<PoolUse, GuardError> {
        let identity = Identity {
            program: Program::find(config.php.program.as_deref(), account)?,
            plan: PoolPlan::of(config)?,
            account: account.cloned(),
            folder: folder.clone(),
        };
        let same = |pool: &&Managed| pool.identity == identity && !pool.is_ending();
        let running = self.pools.iter().find(same).and_then(|pool| {
            let place = pool.place.upgrade()?;
            Some((place, pool.status_socket()))
        });
        let (workers, version) = (identity.plan.children, identity.program.version.clone());
        let (place, status) = match running {
            Some(known) => known,
            None => {
                self.last_number += 1;
                let mut pool = Managed::prepare(self.last_number, identity, now)?;
                let place = self.place(&PhpAddress::Unix(pool.socket()))?;
                pool.place = Rc::downgrade(&place);
                let status = pool.status_socket();
                self.pools.push(pool);
                (place, status)
            }
        };
        let status = Some((PhpAddress::Unix(status), STATUS_PATH.to_owned()));
        let (backend, version) = (PhpBackend::Managed, Some(version));
        Ok(PoolUse { backend, place, workers, status, version })
    }

    fn external(&mut self, config: &Config, address: &PhpAddress) -> Result<PoolUse, GuardError> {
        let known = config.php.pools.iter().find(|pool| pool.address == *address);
        let status = known.and_then(|pool| {
            let at = pool.status_listen.as_ref().unwrap_or(address);
            Some((at.clone(), pool.status_path.clone()?))
        });
        Ok(PoolUse {
            backend: PhpBackend::At(address.clone()),
            place: self.place(address)?,
            workers: known.map_or(EXTERNAL_WORKERS, |pool| pool.workers),
            status,
            version: None,
        })
    }

    fn place(&mut self, address: &PhpAddress) -> Result<Rc<Place>, GuardError> {
        let place = self
            .places
            .of(address)
            .map_err(|source| GuardError::LocalSystem { action: "make an eventfd", source })?;
        place.ok_or(GuardError::ConfigPools)
    }
}
