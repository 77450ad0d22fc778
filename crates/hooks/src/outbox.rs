//! The outbox: a folder with a file for each event and each of its receivers.
//!
//! An event is *promised* before the thing happens (`ID.intent`, locked by whoever promised it)
//! and *kept* when it has happened: for each receiver the file gets a name that sorts by time
//! (`NUMBER-ID-KEY-ATTEMPTS.event`), and the promise goes. A process that dies in between leaves a
//! promise that nobody locks; [`Outbox::recover`] then looks whether the thing happened. Names
//! hold all that changes (attempts; `.failed` for what was set aside), so no file is ever
//! rewritten, and a rename is all there is to lose.
//!
//! How it fails: a full disk refuses the promise, and with it what would have been told. Power
//! loss takes a count of attempts back, never an event that was kept with [`Flush::Yes`].

mod look;
mod name;

use std::fs::File;
use std::io;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, fdatasync, flock, fsync, linkat, openat, renameat,
    unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::event::{Event, random_hex, unix_ms};
use crate::hook::Hook;

pub(crate) use look::{Seen, Waiting};
pub(crate) use name::Name;

/// Whether what is written is flushed to the disk before it is relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// It is there after a power failure, too.
    Yes,
    /// It is there when a process died.
    No,
}

/// How to find out, after a crash, whether what was promised to be told has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// It has happened before it was promised.
    Done,
    /// If this file stands at the event's path.
    Stands {
        /// Of its file system.
        device: u64,
        /// Of the file.
        inode: u64,
    },
    /// If nothing stands there.
    Gone,
}

/// The folder.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: Arc<OwnedFd>,
    flush: Flush,
}

/// An event that will be told if it happens; dropped, it never happened.
#[derive(Debug)]
pub struct Promise {
    outbox: Outbox,
    /// The promise's name; empty once it is settled.
    name: String,
    id: String,
    hooks: Vec<String>,
    /// Held locked: whoever can lock it knows that its process is gone.
    _file: OwnedFd,
}

/// The right to deliver; one process has it.
#[derive(Debug)]
pub struct Held {
    _file: OwnedFd,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) hooks: Vec<String>,
    pub(crate) proof: Proof,
    pub(crate) event: String,
    pub(crate) path: String,
    pub(crate) time: u64,
    /// Host of the site; none: the file service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<String>,
    /// What receivers are sent.
    pub(crate) body: String,
}

impl Outbox {
    /// In `folder`, which is nobody else's.
    #[must_use]
    pub fn new(folder: OwnedFd, flush: Flush) -> Self {
        Self { folder: Arc::new(folder), flush }
    }

    /// Writes an event down for those of `hooks` that want it; `None` when nobody does.
    ///
    /// # Errors
    /// It could not be written; then nothing should happen that would have to be told.
    pub fn promise(
        &self,
        hooks: &[Hook],
        event: &Event,
        proof: Proof,
    ) -> io::Result<Option<Promise>> {
        let wanting = hooks.iter().filter(|hook| hook.wants(event));
        let keys: Vec<String> = wanting.map(|hook| hook.key.clone()).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let envelope = Envelope {
            hooks: keys.clone(),
            proof,
            event: event.event.word().to_owned(),
            path: event.path.clone(),
            time: event.time,
            site: event.site.clone(),
            body: event.json(),
        };
        let text = serde_json::to_vec(&envelope)?;
        let (fresh, name) = (format!("{}{FRESH}", random_hex()), format!("{}{INTENT}", event.id));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&*self.folder, &fresh, flags, Mode::from_raw_mode(0o600))?;
        let written = self.fill(&file, &text).and_then(|()| {
            renameat(&*self.folder, &fresh, &*self.folder, &name)?;
            self.flushed()
        });
        if let Err(error) = written {
            let _ = unlinkat(&*self.folder, &fresh, AtFlags::empty());
            return Err(error);
        }
        let (outbox, id) = (self.clone(), event.id.clone());
        Ok(Some(Promise { outbox, name, id, hooks: keys, _file: file }))
    }

    /// Writes down what has happened already.
    ///
    /// # Errors
    /// It could not be written.
    pub fn put(&self, hooks: &[Hook], event: &Event) -> io::Result<()> {
        let promise = self.promise(hooks, event, Proof::Done)?;
        promise.into_iter().for_each(Promise::keep);
        Ok(())
    }

    /// The right to deliver; `None` while another process has it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn hold(&self) -> io::Result<Option<Held>> {
        let file = self.own(DELIVERER)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Held { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Settles promises of processes that are gone: `has_happened` says of a path whether its
    /// proof holds. Returns how many were kept.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn recover(&self, has_happened: &dyn Fn(&str, Proof) -> bool) -> io::Result<usize> {
        let mut kept = 0;
        for name in look::named(&self.folder, INTENT)? {
            let Ok(file) = openat(&*self.folder, &name, READ, Mode::empty()) else { continue };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            // Its owner may have settled it while we opened it.
            if !look::stands(&self.folder, &name, &file) {
                continue;
            }
            let id = name.strip_suffix(INTENT).unwrap_or_default().to_owned();
            let envelope = look::read(&file);
            let hooks = envelope.iter().flat_map(|found| found.hooks.clone()).collect();
            let promise = Promise { outbox: self.clone(), name, id, hooks, _file: file };
            let happened = envelope.is_some_and(|found| match found.proof {
                Proof::Done => true,
                proof => has_happened(&found.path, proof),
            });
            if happened {
                promise.keep();
                kept += 1;
            }
        }
        look::sweep(&self.folder, FRESH, FRESH_SECONDS)?;
        Ok(kept)
    }

    /// Its receiver has it.
    pub(crate) fn done(&self, name: &Name) {
        // What stays is delivered once more.
        let _ = unlinkat(&*self.folder, name.to_string(), AtFlags::empty());
    }

    /// One more attempt failed; the new name.
    pub(crate) fn again(&self, name: &Name) -> Name {
        let next = name.again();
        let renamed =
            renameat(&*self.folder, name.to_string(), &*self.folder, next.to_string()).is_ok();
        if renamed { next } else { name.clone() }
    }

    /// It is not tried any more, and kept.
    pub(crate) fn set_aside(&self, name: &Name) {
        let _ = renameat(&*self.folder, name.to_string(), &*self.folder, name.aside());
    }

    /// Gives names for receivers, in the order of calls over all processes.
    fn number(&self) -> io::Result<(u64, File)> {
        let file = File::from(self.own(NUMBERS)?);
        flock(&file, FlockOperation::LockExclusive)?;
        let mut last = [0; 8];
        // The first time, and when it is damaged, the clock alone says.
        let last = file.read_exact_at(&mut last, 0).map_or(0, |()| u64::from_be_bytes(last));
        let number = last.saturating_add(1).max(unix_ms().saturating_mul(1000));
        file.write_all_at(&number.to_be_bytes(), 0)?;
        Ok((number, file))
    }

    fn own(&self, name: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(openat(&*self.folder, name, flags, Mode::from_raw_mode(0o600))?)
    }

    fn fill(&self, file: &OwnedFd, text: &[u8]) -> io::Result<()> {
        flock(file, FlockOperation::NonBlockingLockExclusive)?;
        File::from(file.try_clone()?).write_all(text)?;
        if self.flush == Flush::Yes {
            fdatasync(file)?;
        }
        Ok(())
    }

    fn flushed(&self) -> io::Result<()> {
        if self.flush == Flush::Yes {
            fsync(&*self.folder)?;
        }
        Ok(())
    }
}

impl Promise {
    /// It has happened. What cannot be done now, [`Outbox::recover`] does: the promise stays.
    pub fn keep(mut self) {
        let name = std::mem::take(&mut self.name);
        let _ = self.named(&name);
    }

    /// Nobody here knows whether it happened: [`Outbox::recover`] will look.
    pub fn leave(mut self) {
        self.name.clear();
    }

    fn named(&self, promise: &str) -> io::Result<()> {
        let folder = &*self.outbox.folder;
        let (number, lock) = self.outbox.number()?;
        if let [key] = self.hooks.as_slice() {
            let name = Name::first(number, &self.id, key).to_string();
            renameat(folder, promise, folder, name)?;
            drop(lock);
            return self.outbox.flushed();
        }
        for key in &self.hooks {
            let name = Name::first(number, &self.id, key).to_string();
            match linkat(folder, promise, folder, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        drop(lock);
        unlinkat(folder, promise, AtFlags::empty())?;
        self.outbox.flushed()
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            let _ = unlinkat(&*self.outbox.folder, &self.name, AtFlags::empty());
        }
    }
}

const FRESH: &str = ".new";
const INTENT: &str = ".intent";
const DELIVERER: &str = "deliverer";
const NUMBERS: &str = "number";
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// Nobody takes longer to write a few hundred bytes.
const FRESH_SECONDS: u64 = 3600;

#[cfg(test)]
mod tests;
