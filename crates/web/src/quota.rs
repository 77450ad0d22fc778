//! How much may rest in a folder of the file service: `[[web.quota]]`.
//!
//! Each quota has a book ([`book`]), a small file that all workers share under its lock. In it
//! stands what rests below the folder, as the last count found it and the door's own writes have
//! changed it since, and what is on its way: room is taken when an upload begins and given back
//! when it ends, so uploads at the same time never exceed the quota. A file gets its name and is
//! written down under the same lock, so a count ([`count`]) never misses one.
//!
//! What the requests of this process hold is kept in its memory, and said as a whole whenever one
//! of its books is opened: a book that was lost, or that could not be had when a request ended,
//! says it again the next time, which is within seconds ([`count`] looks). Threads that serve
//! connections never wait for a book: where somebody else has it just now, the room is owed, up to
//! [`OWED_BYTES_MAX`], and taken with a later byte or, at the latest, before the file gets its
//! name.
//!
//! How it fails, always to the side of too much and until the next count: what a killed worker's
//! requests held is given back by whoever looks next; what changed while it was counted may count
//! twice; what is written beside the door is seen by the next count only. Without a book nothing is
//! taken (503 until the first count is done). Paths are compared as they are said: what is written
//! through a symbolic link is seen by the next count.

mod book;
pub(crate) mod count;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use menshen_config::model;

use crate::fault::Fault;
use crate::root::{Root, own_folder};
use book::{Book, Locked, Wait, Who};

/// Bytes and files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sum {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// All quotas of the file service.
#[derive(Debug)]
pub(crate) struct Quotas {
    rules: Vec<Rule>,
    root: Arc<Root>,
    folder: OnceLock<OwnedFd>,
    /// Whose requests these are.
    me: Who,
    /// Whether somebody is about to say what is held.
    mending: AtomicBool,
}

#[derive(Debug)]
struct Rule {
    path: String,
    most: Sum,
    rescan_s: u64,
    /// Of its book.
    name: String,
    /// By requests of this process.
    held: Mutex<Sum>,
    /// Something could not be written down: only a count can tell.
    missed: AtomicBool,
}

/// Room that a request holds; dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Hold {
    quotas: Arc<Quotas>,
    path: Vec<u8>,
    /// What it needs; as long as the books are not to be had, that may be more than it holds.
    want: Sum,
    sum: Sum,
    /// What an upload that outlives the request holds besides, until it stands.
    upload: Sum,
}

/// The locked books of all quotas that hold a path.
#[derive(Debug, Default)]
pub(crate) struct Books<'q>(Vec<(&'q Rule, Locked)>);

impl Sum {
    /// One file of so many bytes.
    pub(crate) const fn file(bytes: u64) -> Self {
        Self { bytes, files: 1 }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }

    /// Whether it is within `most`, where 0 is no limit.
    const fn within(self, most: Self) -> bool {
        (most.bytes == 0 || self.bytes <= most.bytes)
            && (most.files == 0 || self.files <= most.files)
    }
}

impl Quotas {
    /// `None` without quotas.
    pub(crate) fn new(quotas: &[model::Quota], root: &Arc<Root>) -> Option<Arc<Self>> {
        let rule = |quota: &model::Quota| Rule {
            path: quota.path.clone(),
            most: Sum { bytes: quota.bytes_max, files: quota.files_max },
            rescan_s: u64::from(quota.rescan_minutes) * 60,
            name: book::name_of(&quota.path),
            held: Mutex::default(),
            missed: AtomicBool::new(false),
        };
        let rules: Vec<Rule> = quotas.iter().map(rule).collect();
        if rules.is_empty() {
            return None;
        }
        Some(Arc::new(Self {
            rules,
            root: Arc::clone(root),
            folder: OnceLock::new(),
            me: Who::new(),
            mending: AtomicBool::new(false),
        }))
    }

    /// Takes room for one file at `path`; owes it where that would be waiting.
    pub(crate) fn hold(self: &Arc<Self>, path: &[u8], bytes: u64) -> Result<Option<Hold>, Fault> {
        let Some(mut hold) = self.nothing_held(path, Sum::file(bytes), Sum::default()) else {
            return Ok(None);
        };
        match hold.take(Wait::Never, 0) {
            Ok(()) | Err(Fault::Busy) => Ok(Some(hold)),
            Err(fault) => Err(fault),
        }
    }

    /// Takes what an upload that is whole, `size` bytes, needs beyond what it holds.
    pub(crate) fn adopt(
        self: &Arc<Self>,
        path: &[u8],
        upload: Sum,
        size: u64,
    ) -> Result<Option<Hold>, Fault> {
        let hold = self.nothing_held(path, Sum::file(size), upload);
        hold.map(|mut hold| hold.take(Wait::Shortly, 0).map(|()| hold)).transpose()
    }

    fn nothing_held(self: &Arc<Self>, path: &[u8], want: Sum, upload: Sum) -> Option<Hold> {
        let (quotas, sum) = (Arc::clone(self), Sum::default());
        let applies = self.rules.iter().any(|rule| rule.holds(path));
        applies.then(|| Hold { quotas, path: path.to_vec(), want, sum, upload })
    }

    /// Takes room for an upload that outlives its request and its worker.
    pub(crate) fn upload_made(&self, path: &[u8], sum: Sum) -> Result<(), Fault> {
        let mut books = self.books(&[path])?;
        books.fits(sum)?;
        books.each(|book| book.upload_made(sum));
        books.write().inspect_err(|_| {
            // Some have it, some have not.
            books.each(|book| book.upload_gone(sum));
            self.write_or_miss(&mut books, path);
        })
    }

    /// Such an upload is gone.
    pub(crate) fn upload_gone(&self, path: &[u8], sum: Sum) {
        match self.books(&[path]) {
            Ok(mut books) => {
                books.each(|book| book.upload_gone(sum));
                self.write_or_miss(&mut books, path);
            }
            Err(_) => self.miss(path),
        }
    }

    /// The books of all quotas that one of `paths` is under, locked until they are dropped. Waits.
    pub(crate) fn books(&self, paths: &[&[u8]]) -> Result<Books<'_>, Fault> {
        self.books_within(paths, Wait::Shortly)
    }

    fn books_within(&self, paths: &[&[u8]], wait: Wait) -> Result<Books<'_>, Fault> {
        let mut all = Vec::new();
        for rule in &self.rules {
            if paths.iter().any(|path| rule.holds(path)) {
                all.push((rule, self.open(rule, wait)?));
            }
        }
        Ok(Books(all))
    }

    fn open(&self, rule: &Rule, wait: Wait) -> Result<Locked, Fault> {
        Locked::open(self.folder()?, &rule.name, (self.me, rule.held()), wait)
    }

    /// Has all books say what is held.
    fn mend(&self) {
        for rule in &self.rules {
            let _ = self.open(rule, Wait::Shortly).and_then(|mut open| open.mend(rule));
        }
    }

    /// The same, soon, on a thread that may wait.
    fn mend_soon(self: &Arc<Self>) {
        // Without a runtime whoever opens them next does it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.mending.swap(true, Ordering::AcqRel) {
            let quotas = Arc::clone(self);
            runtime.spawn_blocking(move || {
                // First: what changes from now on may come too late for this time.
                quotas.mending.store(false, Ordering::Release);
                quotas.mend();
            });
        }
    }

    fn write_or_miss(&self, books: &mut Books<'_>, path: &[u8]) {
        if books.write().is_err() {
            self.miss(path);
        }
    }

    fn miss(&self, path: &[u8]) {
        let rules = self.rules.iter().filter(|rule| rule.holds(path));
        rules.for_each(|rule| rule.missed.store(true, Ordering::Relaxed));
    }

    fn folder(&self) -> Result<&OwnedFd, Fault> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder);
        }
        let folder = own_folder(self.root.nearest_folder(b"/")?, FOLDER)?;
        Ok(self.folder.get_or_init(|| folder))
    }
}

impl Rule {
    fn holds(&self, path: &[u8]) -> bool {
        path.starts_with(self.path.as_bytes())
    }

    fn held(&self) -> Sum {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_held(&self, change: impl FnOnce(Sum) -> Sum) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = change(*held);
    }
}

impl Books<'_> {
    /// Whether `more` fits into all of them.
    pub(crate) fn fits(&self, more: Sum) -> Result<(), Fault> {
        self.0.iter().try_for_each(|(rule, book)| fits(rule, book, more))
    }

    /// Whether `more` fits into those that `to` is under and `from` is not.
    pub(crate) fn fits_move(&self, from: &[u8], to: &[u8], more: Sum) -> Result<(), Fault> {
        let mut books = self.0.iter().filter(|(rule, _)| rule.holds(to) && !rule.holds(from));
        books.try_for_each(|(rule, book)| fits(rule, book, more))
    }

    /// A file of `size` bytes got its name, perhaps in the place of one of `replaced` bytes.
    pub(crate) fn stands(&mut self, size: u64, replaced: Option<u64>) {
        self.each(|book| book.came(Sum::file(size), replaced.map(Sum::file)));
    }

    /// The same of an upload that outlived its requests.
    pub(crate) fn upload_stands(&mut self, held: Sum, size: u64, replaced: Option<u64>) {
        self.each(|book| book.upload_gone(held));
        self.stands(size, replaced);
    }

    /// Something went.
    pub(crate) fn went(&mut self, sum: Sum) {
        self.each(|book| book.went(sum));
    }

    /// Something moved, perhaps over something else.
    pub(crate) fn moved(&mut self, from: &[u8], to: &[u8], sum: Sum, replaced: Option<u64>) {
        let replaced = replaced.map(Sum::file);
        for (rule, book) in &mut self.0 {
            match (rule.holds(from), rule.holds(to)) {
                (true, true) => book.book.went(replaced.unwrap_or_default()),
                (true, false) => book.book.went(sum),
                (false, true) => book.book.came(sum, replaced),
                (false, false) => {}
            }
        }
    }

    /// Keeps what was changed, in as many as can be written.
    pub(crate) fn write(&mut self) -> Result<(), Fault> {
        let mut all = Ok(());
        for (rule, book) in &mut self.0 {
            let written = book.write(rule.held());
            all = all.and(written);
        }
        all
    }

    /// A request of this process takes room.
    fn hold(&mut self, sum: Sum) -> Result<(), Fault> {
        self.0.iter().for_each(|(rule, _)| rule.change_held(|held| held.plus(sum)));
        self.write().inspect_err(|_| {
            self.release(sum);
            let _ = self.write();
        })
    }

    /// A request of this process gives room back.
    fn release(&self, sum: Sum) {
        self.0.iter().for_each(|(rule, _)| rule.change_held(|held| held.minus(sum)));
    }

    fn each(&mut self, change: impl Fn(&mut Book)) {
        self.0.iter_mut().for_each(|(_, book)| change(&mut book.book));
    }
}

impl Hold {
    /// Takes more, so that `bytes` are held; in steps, since each takes the lock. Never waits: what
    /// cannot be had just now is owed.
    pub(crate) fn cover(&mut self, bytes: u64) -> Result<(), Fault> {
        let before = self.want;
        let ahead = if bytes > before.bytes { STEP_BYTES } else { 0 };
        self.want.bytes = before.bytes.max(bytes);
        let taken = match self.take(Wait::Never, ahead) {
            Err(Fault::Busy) if bytes.saturating_sub(self.held().bytes) <= OWED_BYTES_MAX => Ok(()),
            Err(Fault::Busy) => Err(Fault::Unavailable { retry_after_s: 1 }),
            taken => taken,
        };
        taken.inspect_err(|_| self.want = before)
    }

    const fn held(&self) -> Sum {
        self.sum.plus(self.upload)
    }

    /// Takes what is wanted and not held yet, and `ahead` bytes more if they fit.
    fn take(&mut self, wait: Wait, ahead: u64) -> Result<(), Fault> {
        let need = self.want.minus(self.held());
        if need == Sum::default() {
            return Ok(());
        }
        let mut books = self.quotas.books_within(&[&self.path], wait)?;
        let wish = Sum { bytes: need.bytes.saturating_add(ahead), ..need };
        let got = if books.fits(wish).is_ok() { wish } else { need };
        books.fits(got)?;
        books.hold(got)?;
        self.sum = self.sum.plus(got);
        Ok(())
    }

    /// Has `name` give the file its name, and writes down that it stands. `name` tells bytes that
    /// were replaced. Waits for the books; a hold whose file did not get its name goes on.
    pub(crate) fn stand<T>(
        &mut self,
        size: u64,
        name: impl FnOnce() -> Result<T, Fault>,
        replaced: impl FnOnce(&T) -> Option<u64>,
    ) -> Result<T, Fault> {
        self.want.bytes = self.want.bytes.max(size);
        self.take(Wait::Shortly, 0)?;
        let quotas = Arc::clone(&self.quotas);
        // From here to the end nothing may wait for a flush: all workers wait for these books.
        let mut books = quotas.books(&[&self.path])?;
        let named = name()?;
        let replaced = replaced(&named);
        books.release(self.sum);
        books.upload_stands(self.upload, size, replaced);
        (self.want, self.sum, self.upload) = <_>::default();
        // It has its name: what could not be written down is found by the next count.
        quotas.write_or_miss(&mut books, &self.path);
        Ok(named)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.sum == Sum::default() {
            return;
        }
        let rules = self.quotas.rules.iter().filter(|rule| rule.holds(&self.path));
        rules.for_each(|rule| rule.change_held(|held| held.minus(self.sum)));
        let books = self.quotas.books_within(&[&self.path], Wait::Never);
        if books.and_then(|mut books| books.write()).is_err() {
            self.quotas.mend_soon();
        }
    }
}

fn fits(rule: &Rule, book: &Locked, more: Sum) -> Result<(), Fault> {
    if !more.within(rule.most) {
        return Err(Fault::QuotaNever);
    }
    if book.book.counted == 0 {
        return Err(Fault::Unavailable { retry_after_s: COUNTED_S });
    }
    let all = book.book.all().plus(more);
    // A folder that holds too much already still takes what needs no more.
    let needs =
        |of: fn(&Sum) -> u64| of(&more) > 0 && of(&rule.most) > 0 && of(&all) > of(&rule.most);
    if needs(|sum| sum.bytes) || needs(|sum| sum.files) {
        return Err(Fault::Quota);
    }
    Ok(())
}

/// Folder of the books; reserved, so no request can name it.
const FOLDER: &str = ".menshen-quota";
/// Taken beyond what is needed, of an upload whose length is not known.
const STEP_BYTES: u64 = 4 << 20;
/// What may come of an upload while no room can be taken for it, since others have the books.
const OWED_BYTES_MAX: u64 = 64 << 20;
/// When to ask again while nothing was counted yet.
const COUNTED_S: u32 = 2;

#[cfg(test)]
mod tests;
