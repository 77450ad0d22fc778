//! Uploads that can be resumed: one upload resource, whatever dialect its client speaks.
//!
//! `menshen_upload_core` reads the heads and writes the answers, `menshen_store` keeps the bytes;
//! here is what lies between: whose an upload is, where it goes, and when it is delivered. What is
//! whole is published exactly as a PUT would publish it, or handed to PHP as the request it came
//! by; the answer is kept, so that a client that lost it gets it again and nothing is delivered
//! twice. `docs/decisions/0042-resumable-uploads-in-the-door.md`.
//!
//! Where the file service's files are in a bucket, so are its uploads ([`object`]): any node goes
//! on with what another began. Uploads for sites are always on this machine.
//!
//! Nothing here waits for a disk on the thread of the connections but a write into the page cache.
//! How it fails: [`reply::of_store`] sorts what the store says; what was acknowledged stays.

mod allowed;
mod answered;
mod append;
mod begin;
mod by_link;
mod checks;
mod deliver;
mod held;
mod landing;
mod object;
mod owner;
mod publish;
mod reply;
mod request;
mod room;
mod route;
mod said;
mod segments;
mod told;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use menshen_config::model;
use menshen_net::clock;
use menshen_store::{Dir, Store};
use menshen_upload_core::{Limits, Offer};
use rustix::fs::Mode;

use crate::door::Door;
use crate::fault::Fault;
use crate::root::own_folder;

pub(crate) use answered::Answered;
pub(crate) use append::Appending;
pub(crate) use begin::{Begun, Errand};
pub(crate) use by_link::Fresh;
pub(crate) use held::{Held, Namer};
pub(crate) use owner::word as owner_word;
pub(crate) use request::RequestHead;
pub(crate) use route::{host_of, speaks};

/// The stores of a worker and what they are held to.
#[derive(Debug)]
pub(crate) struct Uploads {
    pub(super) settings: model::Uploads,
    files: OnceCell<Store>,
    sites: OnceCell<Store>,
    /// When the bucket was last looked through for what has expired; 0: not yet.
    looked_ms: Cell<u64>,
    /// Bits that new files do not have.
    pub(super) umask: Mode,
}

/// Which uploads: those of the file service, or those of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Files,
    /// The host, in lower case.
    Site(String),
}

impl Uploads {
    /// None are open yet; `umask` is the process's.
    pub(crate) fn new(settings: model::Uploads, umask: Mode) -> Self {
        Self {
            settings,
            files: OnceCell::new(),
            sites: OnceCell::new(),
            looked_ms: Cell::new(0),
            umask,
        }
    }

    /// When an upload that is made now expires, unix seconds. Nothing came of it yet, and on a site
    /// anybody may make them.
    fn first_expiry(&self, scope: &Scope) -> u64 {
        match scope {
            Scope::Files => self.expiry(),
            Scope::Site(_) => self.expiry().min(clock::unix_s() + EMPTY_S),
        }
    }

    /// When an upload that was written to now expires, unix seconds.
    fn expiry(&self) -> u64 {
        clock::unix_s() + self.keep_s()
    }

    /// How long an upload waits for more, seconds.
    fn keep_s(&self) -> u64 {
        u64::from(self.settings.unfinished_hours) * HOUR_S
    }
}

/// What the stores are held to.
pub(crate) fn limits(settings: &model::Uploads) -> menshen_store::Limits {
    let most = settings.unfinished_bytes_max;
    let each = usize::try_from(settings.uploads_per_owner_max).unwrap_or(usize::MAX);
    menshen_store::Limits {
        uploads_max: UPLOADS_MAX,
        uploads_per_owner_max: each,
        uploads_per_source_max: each,
        unfinished_bytes_max: if most == 0 { u64::MAX } else { most },
        keep_free_bytes: KEEP_FREE_BYTES,
    }
}

impl Door {
    /// The store of `scope`: the bucket of the file service where there is one, else a folder.
    pub(super) async fn store(&self, scope: &Scope) -> Result<Store, Fault> {
        match (scope, &self.bucket) {
            (Scope::Files, Some(bucket)) => bucket.store().await.map(Store::S3),
            _ => self.folder(scope),
        }
    }

    /// What uploads of `scope` may be made of.
    pub(super) fn offer(&self, scope: &Scope) -> Offer {
        match (scope, &self.bucket) {
            (Scope::Files, Some(_)) => Offer::Streams,
            _ => Offer::Sums,
        }
    }

    /// The folder of `scope`, opened at its first use.
    fn folder(&self, scope: &Scope) -> Result<Store, Fault> {
        let uploads = &self.uploads;
        let cell = match scope {
            Scope::Files => &uploads.files,
            Scope::Site(_) => &uploads.sites,
        };
        if let Some(store) = cell.get() {
            return Ok(store.clone());
        }
        let folder = match scope {
            Scope::Files => own_folder(self.shared.root.nearest_folder(b"/")?, FOLDER)?,
            // All pools have one spool.
            Scope::Site(_) => {
                self.pools.first().ok_or(Fault::NotFound)?.spool.own_folder(FOLDER)?
            }
        };
        let dir = Dir::open(folder, limits(&uploads.settings)).map_err(|_| Fault::Storage)?;
        Ok(cell.get_or_init(|| Store::Dir(dir)).clone())
    }

    /// What clients are told of limits.
    fn upload_limits(&self) -> Limits {
        let some = |n: u64| (n > 0).then_some(n);
        Limits {
            size_max: some(self.limits.upload_bytes_max),
            append_max: some(self.uploads.settings.append_bytes_max),
            ..Limits::default()
        }
    }

    /// Removes what has expired, in the stores that are open; the counter tells how many.
    pub(crate) async fn collect_uploads(&self) {
        for cell in [&self.uploads.files, &self.uploads.sites] {
            if let Some(store) = cell.get()
                && let Ok((removed, gone)) = store.clone().collect_told(clock::unix_s()).await
            {
                for record in &gone {
                    self.give_back(record).await;
                }
                self.slot.add(menshen_base::Counter::ResumableExpired, removed as u64);
            }
        }
        self.collect_objects().await;
    }

    /// The same in the bucket, which costs some requests for each upload: less often.
    async fn collect_objects(&self) {
        let Some(bucket) = self.bucket.as_ref().filter(|_| self.uploads.settings.enabled) else {
            return;
        };
        let (last, now) = (self.uploads.looked_ms.get(), clock::coarse_ms());
        if last > 0 && now < last + OBJECTS_MS {
            return;
        }
        let Ok(store) = bucket.store().await else { return };
        if let Ok(removed) = store.collect(clock::unix_s()).await {
            self.uploads.looked_ms.set(now.max(1));
            self.slot.add(menshen_base::Counter::ResumableExpired, removed as u64);
        }
    }

    /// Opens the stores there are, so that what expired while nobody served is found.
    pub(crate) fn open_uploads(&self) {
        if self.uploads.settings.enabled {
            let has = |scope: &Scope| match scope {
                Scope::Files => self.shared.root.has_folder(FOLDER),
                Scope::Site(_) => self.pools.first().is_some_and(|pool| pool.spool.has(FOLDER)),
            };
            for scope in [Scope::Files, Scope::Site(String::new())] {
                if self.offer(&scope) == Offer::Sums && has(&scope) {
                    // Where it cannot be opened, whoever uploads is told.
                    let _ = self.folder(&scope);
                }
            }
        }
    }
}

/// A request's target as logs show it: who knows an upload's whole id may go on with it.
pub(crate) fn shown(target: &[u8]) -> Cow<'_, [u8]> {
    let id = target.strip_prefix(PLACE.as_bytes()).filter(|id| id.len() > SHOWN_CHARS);
    match id.and_then(|id| id.get(..SHOWN_CHARS)) {
        Some(start) if start.iter().all(u8::is_ascii_alphanumeric) => {
            Cow::Owned([PLACE.as_bytes(), start, b"..."].concat())
        }
        _ => Cow::Borrowed(target),
    }
}

/// Folder of unfinished uploads; reserved, so no request can name it.
const FOLDER: &str = ".menshen-uploads";
/// Where uploads are made and found.
pub(crate) const PLACE: &str = "/.menshen/uploads/";
/// All owners together: each creation reads the records of all.
const UPLOADS_MAX: usize = 10_000;
/// Bytes that uploads leave free for everybody else.
const KEEP_FREE_BYTES: u64 = 32 << 20;
/// How long an upload of a stranger waits for its first byte.
const EMPTY_S: u64 = 3600;
const HOUR_S: u64 = 3600;
/// How often a bucket is looked through, milliseconds.
const OBJECTS_MS: u64 = 3_600_000;
/// Characters of an id that logs show.
const SHOWN_CHARS: usize = 6;

#[cfg(test)]
mod tests;
