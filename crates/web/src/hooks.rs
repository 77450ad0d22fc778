//! What hooks are told of: uploads and files of this door (`docs/decisions/0045-hooks.md`).
//!
//! An event is promised before the thing happens and kept before anybody is answered; the outbox
//! and the deliverer are `menshen_hooks`'. Without a hook nothing here runs. How it fails: an
//! event that cannot be written down refuses what it would have told of.

mod script;

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use menshen_base::Counter;
use menshen_config::{Config, HookEvent, HookSpec, PoolSpec};
use menshen_hooks::{
    Bound, Deliverer, Event, Flush, Hook, Kind, Limits, Outbox, Promise, Proof, RunScript,
    Settings, Tally,
};
use menshen_store::{Destination, Record};
use menshen_sys::inherit;
use menshen_web_core::fields::Digests;
use rustix::fs::{FileType, Stat};

use crate::door::{Door, Shared};
use crate::fault::Fault;
use crate::php::digests::hex;
use crate::root::{Root, own_folder};

/// The hooks of a door and their outbox.
#[derive(Debug)]
pub(crate) struct Hooks {
    hooks: Arc<Vec<Hook>>,
    limits: Limits,
    flush: Flush,
    root: Arc<Root>,
    /// PHP's spool, where the served folder cannot be written.
    spool: Option<OwnedFd>,
    outbox: OnceLock<Outbox>,
}

impl Hooks {
    /// `None` without hooks.
    pub(crate) fn new(
        config: &Config,
        specs: &[HookSpec],
        pools: &[PoolSpec],
        root: &Arc<Root>,
    ) -> Option<Self> {
        let none = HookSpec { secret: None, roots_pem: None };
        let specs = specs.iter().chain(std::iter::repeat(&none));
        let hooks = config.uploads.hooks.iter().zip(specs).filter_map(|(hook, spec)| {
            Hook::new(Settings {
                url: hook.url.clone(),
                script: hook.php.clone(),
                on: hook.on.iter().copied().map(kind).collect(),
                hosts: hook.hosts.clone(),
                path: hook.path.clone(),
                timeout_s: hook.timeout_seconds,
                secret: spec.secret.as_ref().map(|secret| secret.0.clone().into_bytes()),
                roots_pem: spec.roots_pem.as_ref().map(|pem| pem.clone().into_bytes()),
            })
        });
        let hooks: Vec<Hook> = hooks.collect();
        if hooks.is_empty() {
            return None;
        }
        Some(Self {
            hooks: Arc::new(hooks),
            limits: Limits {
                attempts_max: config.limits.hook_attempts_max,
                age_seconds_max: u64::from(config.limits.hook_hours_max) * HOUR_S,
            },
            flush: if config.web.durable { Flush::Yes } else { Flush::No },
            root: Arc::clone(root),
            spool: pools.first().and_then(|pool| inherit::copy(pool.spool_fd).ok()),
            outbox: OnceLock::new(),
        })
    }

    /// Opened at its first use: the folder may not be writable yet.
    fn outbox(&self) -> Result<&Outbox, Fault> {
        if let Some(outbox) = self.outbox.get() {
            return Ok(outbox);
        }
        let served = self.root.nearest_folder(b"/").and_then(|root| own_folder(root, FOLDER));
        let folder = match (served, &self.spool) {
            (Ok(folder), _) => folder,
            (Err(_), Some(spool)) => own_folder(spool, FOLDER)?,
            (Err(fault), None) => return Err(fault),
        };
        Ok(self.outbox.get_or_init(|| Outbox::new(folder, self.flush)))
    }

    fn promise(&self, event: &Event, proof: Proof) -> Result<Option<Promise>, Fault> {
        if !self.hooks.iter().any(|hook| hook.wants(event)) {
            return Ok(None);
        }
        let made = self.outbox()?.promise(&self.hooks, event, proof);
        made.map_err(|error| {
            let code = rustix::io::Errno::from_io_error(&error);
            code.map_or(Fault::Storage, Fault::from_errno)
        })
    }
}

impl Shared {
    /// A file is about to get its name at `path`. `digest` is a value of `Repr-Digest`.
    pub(crate) fn will_stand(
        &self,
        path: &[u8],
        stat: &Stat,
        digest: Option<&[u8]>,
        upload: Option<&Record>,
    ) -> Result<Option<Promise>, Fault> {
        let Some(hooks) = &self.hooks else { return Ok(None) };
        let event = Event::new(Kind::Finished, path);
        let mut event = match upload {
            Some(record) => of(event, record),
            None => event,
        };
        event.size = u64::try_from(stat.st_size).ok();
        let mut digests = Digests::default();
        if digest.is_some_and(|line| digests.add_line(line).is_ok()) {
            event.sha256 = digests.sha256.map(|sha256| hex(&sha256));
        }
        hooks.promise(&event, Proof::Stands { device: stat.st_dev, inode: stat.st_ino })
    }

    /// What stands at `path` is about to be removed.
    pub(crate) fn will_go(&self, path: &[u8]) -> Result<Option<Promise>, Fault> {
        let Some(hooks) = &self.hooks else { return Ok(None) };
        let Ok(Some(stat)) = self.root.look(path) else { return Ok(None) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let mut event = Event::new(Kind::Deleted, path);
        event.size = u64::try_from(stat.st_size).ok();
        hooks.promise(&event, Proof::Gone)
    }
}

/// It happened, it did not, or nobody knows and somebody will look.
pub(crate) fn settle<T>(promise: Option<Promise>, happened: &Result<T, Fault>) {
    let Some(promise) = promise else { return };
    match happened {
        Ok(_) => promise.keep(),
        // Perhaps only the flush behind it failed.
        Err(Fault::Storage) => promise.leave(),
        Err(_) => drop(promise),
    }
}

/// Settles on a blocking thread: before anybody is answered, the disk has it.
pub(crate) async fn keep(promise: Option<Promise>) {
    if let Some(promise) = promise {
        let _ = tokio::task::spawn_blocking(move || promise.keep()).await;
    }
}

impl Door {
    /// Something happens, or has happened, to the upload of `record`, on a site of `host`.
    pub(crate) async fn promise(
        &self,
        what: Kind,
        record: &Record,
        target: Option<&[u8]>,
        host: &str,
    ) -> Result<Option<Promise>, Fault> {
        if self.shared.hooks.is_none() || record.destination == Destination::Part {
            return Ok(None);
        }
        let path = match (&record.destination, target) {
            (Destination::File { path, .. }, _) => path.as_slice(),
            (_, Some(target)) => target.split(|&b| b == b'?').next().unwrap_or_default(),
            (_, None) => b"/",
        };
        let mut event = of(Event::new(what, path), record);
        event.size = record.length;
        event.site = (!host.is_empty()).then(|| host.to_owned());
        let shared = Arc::clone(&self.shared);
        let work = move || match &shared.hooks {
            Some(hooks) => hooks.promise(&event, Proof::Done),
            None => Ok(None),
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))
    }

    /// Delivers for as long as it runs, when it is this worker's turn.
    pub(crate) async fn deliver_hooks(self: Rc<Self>) {
        let Some(hooks) = &self.shared.hooks else { return };
        let mut told = false;
        let outbox = loop {
            match hooks.outbox() {
                Ok(outbox) => break outbox.clone(),
                Err(_) if told => {}
                Err(_) => {
                    told = true;
                    self.notes.tell("the outbox of hooks cannot be made", b"");
                }
            }
            tokio::time::sleep(AGAIN).await;
        };
        let root = Arc::clone(&hooks.root);
        let happened = move |path: &str, proof: Proof| match proof {
            Proof::Done => true,
            Proof::Gone => matches!(root.look(path.as_bytes()), Ok(None)),
            Proof::Stands { device, inode } => {
                let found = root.look(path.as_bytes());
                found.is_ok_and(|stat| {
                    stat.is_some_and(|stat| (stat.st_dev, stat.st_ino) == (device, inode))
                })
            }
        };
        let (door, limits) = (Rc::clone(&self), hooks.limits);
        let tell = move |tally: Tally<'_>| door.tally(&tally);
        let list = Arc::clone(&hooks.hooks);
        let door = Rc::clone(&self);
        let run: RunScript = Rc::new(move |call| Box::pin(script::told(Rc::clone(&door), call)));
        let deliverer = Deliverer::new(outbox, list, limits, Arc::new(happened), tell);
        deliverer.with_scripts(run).run().await;
    }

    fn tally(&self, tally: &Tally<'_>) {
        match tally {
            Tally::Delivered => self.slot.add(Counter::HooksDelivered, 1),
            Tally::Retried => self.slot.add(Counter::HooksRetried, 1),
            Tally::Down { hook, why } => {
                self.notes.tell(&format!("hook {hook} failed, tried again"), why.as_bytes());
            }
            Tally::GivenUp { hook, why, by } => {
                let counter = match by {
                    Bound::Attempts => Counter::LimitHookAttempts,
                    Bound::Age => Counter::LimitHookHours,
                };
                self.slot.add(counter, 1);
                let what = format!("an event for hook {hook} was set aside");
                self.notes.tell(&what, why.as_bytes());
            }
            Tally::Lying { waiting, aside } => {
                self.slot.set(Counter::HooksWaiting, *waiting);
                self.slot.set(Counter::HooksAside, *aside);
            }
        }
    }
}

/// With what is known of its upload.
fn of(event: Event, record: &Record) -> Event {
    let mut event = event.of_upload(record.id.as_str(), record.created);
    event.owner = Some(crate::uploads::owner_word(record.owner.as_ref()));
    event
}

const fn kind(event: HookEvent) -> Kind {
    match event {
        HookEvent::Created => Kind::Created,
        HookEvent::Finished => Kind::Finished,
        HookEvent::Deleted => Kind::Deleted,
    }
}

/// Reserved, so no request can name it.
const FOLDER: &str = ".menshen-hooks";
const AGAIN: Duration = Duration::from_secs(5);
const HOUR_S: u64 = 3600;
