//! A generation: one configuration with everything its workers are given. The next one is prepared
//! whole beside the current one, so a failure on the way changes nothing.

use std::os::fd::OwnedFd;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use menshen_base::{Finding, Severity};
use menshen_config::{Config, HookSpec, S3Spec};
use menshen_sys::scoreboard::SLOTS_MAX;

use crate::account::{self, Account};
use crate::error::GuardError;
use crate::keeper::{self, Store};
use crate::links::Links;
use crate::php::{Estate, Php};
use crate::shelf::Contents;
use crate::sites::{self, SiteFolders};
use crate::sockets::{Door, open_doors};
use crate::worker::Role;
use crate::{bucket, folders, hooks, sql, tunnel};

/// One configuration with its sockets, files and keys.
pub(crate) struct Generation {
    /// Counts from 1.
    pub(crate) number: u64,
    pub(crate) config: Config,
    pub(crate) workers: u32,
    pub(crate) doors: Vec<Door>,
    /// The sql door, where there is one.
    pub(crate) sql: Option<sql::Plan>,
    /// The tunnel door, where there is one.
    pub(crate) tunnel: Option<tunnel::Plan>,
    pub(crate) root: OwnedFd,
    /// One per site of the configuration.
    pub(crate) sites: Vec<SiteFolders>,
    pub(crate) php: Php,
    /// Signed links, where there are any.
    pub(crate) links: Option<Links>,
    pub(crate) access_log: Option<OwnedFd>,
    pub(crate) account: Option<Account>,
    /// What belongs on the shelf; taken when it takes over.
    pub(crate) certificates: Contents,
    /// What the keeper is to do.
    pub(crate) keeping: Option<keeper::Plan>,
    /// What hooks name, read.
    pub(crate) hooks: Vec<HookSpec>,
    /// What the bucket is used with.
    pub(crate) s3: Option<S3Spec>,
    /// Open questions of this configuration.
    pub(crate) findings: Vec<Finding>,
}

/// What the next generation takes over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Current<'a> {
    /// Addresses of the web door; at the start those handed over by the service manager.
    pub(crate) doors: &'a [Door],
    /// Workers of the web door that serve them.
    pub(crate) serving: u32,
    pub(crate) sql: Option<sql::Before<'a>>,
    pub(crate) tunnel: Option<tunnel::Before<'a>>,
}

impl Generation {
    /// Opens and makes everything `config` needs. `current` is what it takes over. `shelf` is what
    /// the keeper has stored, and what is served now.
    pub(crate) fn prepare(
        config: Config,
        number: u64,
        current: Current<'_>,
        estate: &mut Estate,
        shelf: (&Store, Option<&Contents>),
    ) -> Result<Self, GuardError> {
        let mut findings = Vec::new();
        let workers = worker_count(&config, &mut findings);
        let account =
            rustix::process::geteuid().is_root().then(|| account::choose(&config)).transpose()?;
        let (store, before) = shelf;
        let certificates = Contents::read(&config, store, before, unix_now())?;
        let root = if sites::takes_every_host(&config) || config.s3.is_on() {
            sites::open_nothing(&config.state)?
        } else {
            let (root, about_root) = folders::open_root(&config.web.root, account.as_ref())?;
            findings.extend(about_root);
            root
        };
        let open = |site| SiteFolders::open(site, account.as_ref());
        let sites = config.sites.iter().map(open).collect::<Result<_, _>>()?;
        findings.extend(sites::look(&config, account.as_ref()));
        let links = Links::prepare(&config, account.as_ref())?;
        let access_log = folders::open_access_log(&config.web.access_log)?;
        let php = estate.prepare(&config, account.as_ref(), Instant::now())?;
        findings.extend(php.look(account.as_ref()));
        let hooks = hooks::read(&config, &mut findings)?;
        let s3 = bucket::read(&config, &mut findings)?;
        // Last, since only this step shows outside.
        let (doors, about_doors) = open_doors(&config, workers, current.doors, current.serving)?;
        findings.extend(about_doors);
        let sql =
            sql::Plan::prepare(&config, number, account.as_ref(), current.sql, &mut findings)?;
        let tunnel = current.tunnel;
        let tunnel =
            tunnel::Plan::prepare(&config, number, account.as_ref(), tunnel, &mut findings)?;
        let keeping = keeper::Plan::of(&config, account.as_ref(), &doors, &mut findings)?;
        Ok(Self {
            number,
            config,
            workers,
            doors,
            sql,
            tunnel,
            root,
            sites,
            php,
            links,
            access_log,
            account,
            certificates,
            keeping,
            hooks,
            s3,
            findings,
        })
    }

    /// The doors with one worker for all, each with the generation that was started for.
    pub(crate) fn single_workers(&self) -> impl Iterator<Item = (Role, u64)> {
        let sql = self.sql.as_ref().map(|plan| (Role::Sql, plan.since));
        sql.into_iter().chain(self.tunnel.as_ref().map(|plan| (Role::Tunnel, plan.since)))
    }

    /// Takes over what is shared: steers new connections to this generation's workers, where the
    /// sockets outnumber them or did so for `before` workers.
    pub(crate) fn steer(&self, before: u32) -> Result<(), GuardError> {
        for door in &self.doors {
            let more = door.made() > usize::try_from(self.workers).unwrap_or(usize::MAX);
            if more || before != self.workers {
                door.steer(self.workers).map_err(|source| GuardError::LocalSystem {
                    action: "steer connections to the workers",
                    source,
                })?;
            }
        }
        self.sql.as_ref().map_or(Ok(()), sql::Plan::take_over)
    }
}

/// Unix seconds now.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|time| i64::try_from(time.as_secs()).ok()).unwrap_or(0)
}

fn worker_count(config: &Config, findings: &mut Vec<Finding>) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = match config.workers {
        0 => u32::try_from(cores).unwrap_or(WORKERS_MAX),
        given => given,
    };
    if config.workers > WORKERS_MAX {
        findings.push(
            Finding::new(
                "workers-cut",
                Severity::Warning,
                "workers",
                format!("{wanted} workers are more than {WORKERS_MAX}, which are started"),
            )
            .hint("two generations have to fit into the scoreboard during a reload"),
        );
    }
    wanted.clamp(1, WORKERS_MAX)
}

/// Two generations fit into the scoreboard.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const WORKERS_MAX: u32 = (SLOTS_MAX / 2) as u32;
