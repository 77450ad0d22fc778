//! How much may rest in a folder of the file service: `[[web.quota]]`.
//!
//! Each quota has a book ([`book`]), a small file that all workers share under its lock. In it
//! stands what rests below the folder, as the last count found it and the door's own writes have
//! changed it since, and what is on its way: room is taken when an upload begins and given back
//! when it ends, so uploads at the same time never exceed the quota. A file gets its name and is
//! written down under the same lock, so a count ([`count`]) never misses one.
//!
//! How it fails, always to the side of too much and until the next count: what a killed worker's
//! requests held is given back by whoever looks next; what changed while it was counted may count
//! twice; what is written beside the door is seen by the next count only. Without a book nothing is
//! taken (503 until the first count is done). Paths are compared as they are said: what is written
//! through a symbolic link is seen by the next count.

mod book;
pub(crate) mod count;

use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use menshen_config::model;

use crate::fault::Fault;
use crate::root::{Root, own_folder};
use book::{Book, Locked};

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
}

#[derive(Debug)]
struct Rule {
    path: String,
    most: Sum,
    rescan_s: u64,
    /// Of its book.
    name: String,
}

/// Room that a request holds; dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Hold {
    quotas: Arc<Quotas>,
    path: Vec<u8>,
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
        };
        let rules: Vec<Rule> = quotas.iter().map(rule).collect();
        if rules.is_empty() {
            return None;
        }
        Some(Arc::new(Self { rules, root: Arc::clone(root), folder: OnceLock::new() }))
    }

    /// Takes room for one file at `path`.
    pub(crate) fn hold(self: &Arc<Self>, path: &[u8], bytes: u64) -> Result<Option<Hold>, Fault> {
        let mut books = self.books(&[path])?;
        if books.0.is_empty() {
            return Ok(None);
        }
        let sum = Sum::file(bytes);
        books.fits(sum)?;
        books.each(|book| book.hold(sum));
        books.write()?;
        let upload = Sum::default();
        Ok(Some(Hold { quotas: Arc::clone(self), path: path.to_vec(), sum, upload }))
    }

    /// Takes what an upload that is whole, `size` bytes, needs beyond what it holds.
    pub(crate) fn adopt(
        self: &Arc<Self>,
        path: &[u8],
        upload: Sum,
        size: u64,
    ) -> Result<Option<Hold>, Fault> {
        let mut books = self.books(&[path])?;
        if books.0.is_empty() {
            return Ok(None);
        }
        let sum = Sum::file(size).minus(upload);
        books.fits(sum)?;
        books.each(|book| book.hold(sum));
        books.write()?;
        Ok(Some(Hold { quotas: Arc::clone(self), path: path.to_vec(), sum, upload }))
    }

    /// Takes room for an upload that outlives its request and its worker.
    pub(crate) fn upload_made(&self, path: &[u8], sum: Sum) -> Result<(), Fault> {
        let mut books = self.books(&[path])?;
        books.fits(sum)?;
        books.each(|book| book.upload_made(sum));
        books.write()
    }

    /// Such an upload is gone.
    pub(crate) fn upload_gone(&self, path: &[u8], sum: Sum) {
        // Where it cannot be written down, the next count finds out.
        if let Ok(mut books) = self.books(&[path]) {
            books.each(|book| book.uploads = book.uploads.minus(sum));
            let _ = books.write();
        }
    }

    /// The books of all quotas that one of `paths` is under, locked until they are dropped.
    pub(crate) fn books(&self, paths: &[&[u8]]) -> Result<Books<'_>, Fault> {
        let mut all = Vec::new();
        for rule in &self.rules {
            if paths.iter().any(|path| rule.holds(path)) {
                all.push((rule, Locked::open(self.folder()?, &rule.name)?));
            }
        }
        Ok(Books(all))
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
        self.each(|book| book.uploads = book.uploads.minus(held));
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

    /// Keeps what was changed.
    pub(crate) fn write(&self) -> Result<(), Fault> {
        self.0.iter().try_for_each(|(_, book)| book.write())
    }

    fn each(&mut self, change: impl Fn(&mut Book)) {
        self.0.iter_mut().for_each(|(_, book)| change(&mut book.book));
    }
}

impl Hold {
    /// Takes more, so that `bytes` are held; in steps, since each takes the lock.
    pub(crate) fn cover(&mut self, bytes: u64) -> Result<(), Fault> {
        let held = self.sum.bytes.saturating_add(self.upload.bytes);
        if bytes <= held {
            return Ok(());
        }
        let mut books = self.quotas.books(&[&self.path])?;
        let need = bytes - held;
        let wish = need.saturating_add(STEP_BYTES);
        let more = |bytes| Sum { bytes, files: 0 };
        let got = if books.fits(more(wish)).is_ok() { wish } else { need };
        books.fits(more(got))?;
        books.each(|book| book.hold(more(got)));
        books.write()?;
        self.sum.bytes += got;
        Ok(())
    }

    /// Has `name` give the file its name, and writes down that it stands. `name` tells bytes that
    /// were replaced.
    pub(crate) fn stand<T>(
        &mut self,
        size: u64,
        name: impl FnOnce() -> Result<T, Fault>,
        replaced: impl FnOnce(&T) -> Option<u64>,
    ) -> Result<T, Fault> {
        self.cover(size)?;
        let quotas = Arc::clone(&self.quotas);
        // From here to the end nothing may wait for a flush: all workers wait for these books.
        let mut books = quotas.books(&[&self.path])?;
        let named = name()?;
        let replaced = replaced(&named);
        books.each(|book| book.release(self.sum));
        books.upload_stands(self.upload, size, replaced);
        self.sum = Sum::default();
        // It has its name: what could not be written down is found by the next count.
        let _ = books.write();
        Ok(named)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.sum != Sum::default()
            && let Ok(mut books) = self.quotas.books(&[&self.path])
        {
            books.each(|book| book.release(self.sum));
            let _ = books.write();
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
/// When to ask again while nothing was counted yet.
const COUNTED_S: u32 = 2;

#[cfg(test)]
mod tests;
