//! Work that may wait for a disk and answers from memory: listing, deleting, renaming, making
//! directories. It runs on a blocking thread, so a slow disk holds up nobody else.

use std::os::fd::OwnedFd;

use menshen_web_core::fields::{Lang, Wanted};
use rustix::fs::Stat;

use crate::auth::Grant;
use crate::door::Shared;
use crate::fault::Fault;
use crate::hooks::settle;
use crate::links::page;
use crate::listing::Listing;
use crate::page::Page;
use crate::quota::Sum;
use crate::reply::{Body, Reply};
use crate::root::{Expect, Kind, Replace, kind_of};
use crate::tree::{Mounts, walk};
use crate::tunnel::Question;

/// One piece of such work.
#[derive(Debug)]
pub(crate) enum Job {
    ListJson {
        path: String,
        grant: Grant,
    },
    ListPage {
        path: String,
        grant: Grant,
        lang: Lang,
    },
    /// For somebody with a signed link for the folder `top`.
    ListShared {
        path: String,
        top: String,
        link: String,
        lang: Lang,
    },
    Remove {
        path: String,
        expect: Expect,
    },
    Rename {
        from: String,
        expect: Expect,
        to: String,
        replace: Replace,
    },
    MakeFolder {
        path: String,
    },
    GreCounts(Question),
}

impl Job {
    /// Does it.
    pub(crate) fn run(self, shared: &Shared, wanted: Wanted) -> Reply {
        self.attempt(shared).unwrap_or_else(|fault| Reply::fault(fault, wanted))
    }

    fn attempt(self, shared: &Shared) -> Result<Reply, Fault> {
        let durable = shared.durable;
        match self {
            Self::GreCounts(question) => question.put(),
            Self::ListJson { path, grant } => {
                let listing = Listing::read(&shared.root, &path, word(grant), shared.entries_max)?;
                Ok(listed_json(&listing))
            }
            Self::ListPage { path, grant, lang } => {
                let access = word(grant);
                let listing = Listing::read(&shared.root, &path, access, shared.entries_max)?;
                let rows = listing.rows();
                Ok(Page { lang, path: &path, rows: &rows, state: "open", access }.reply())
            }
            Self::ListShared { path, top, link, lang } => {
                let listing =
                    Listing::read(&shared.root, &path, word(Grant::Read), shared.entries_max)?;
                Ok(listed_shared(&listing, &path, &top, &link, lang))
            }
            Self::Remove { path, expect } => {
                shared.remove(path.as_bytes(), &expect)?;
                Ok(Reply::new(204))
            }
            Self::Rename { from, expect, to, replace } => {
                let (from, to) = (from.as_bytes(), to.as_bytes());
                let replaced = shared.rename(from, &expect, to, replace)?;
                // A directory takes all paths below it along.
                shared.board.bump_all_paths();
                Ok(Reply::new(if replaced { 204 } else { 201 }))
            }
            Self::MakeFolder { path } => {
                match shared.root.make_folder(path.as_bytes(), durable) {
                    // RFC 4918 §9.3.1: MKCOL on something that exists.
                    Err(Fault::Exists) => Ok(Reply::new(405).text("allow", "GET, HEAD, DELETE")),
                    made => made.map(|()| Reply::new(201)),
                }
            }
        }
    }
}

impl Shared {
    /// Whether what gives a file its name waits for a disk, or for the books of quotas.
    pub(crate) const fn waits(&self) -> bool {
        self.durable || self.spool.quotas().is_some()
    }

    /// Removes a file or an empty folder; hooks are told, quotas have its room.
    pub(crate) fn remove(&self, path: &[u8], expect: &Expect) -> Result<(), Fault> {
        let promise = self.will_go(path)?;
        let removed = self.unlinked(path, || self.root.remove(path, expect));
        let removed = removed.and_then(|folder| self.flush(&folder));
        settle(promise, &removed);
        removed?;
        self.board.bump_path(path);
        Ok(())
    }

    /// Has `unlink` take a name away, and quotas have its room back; the folder, to be flushed when
    /// their books are free again.
    fn unlinked(
        &self,
        path: &[u8],
        unlink: impl FnOnce() -> Result<(OwnedFd, Stat), Fault>,
    ) -> Result<OwnedFd, Fault> {
        let Some(quotas) = self.spool.quotas() else { return unlink().map(|(folder, _)| folder) };
        let mut books = quotas.books(&[path])?;
        let (folder, was) = unlink()?;
        if let Some(size) = file_bytes(&was) {
            books.went(Sum::file(size));
            let _ = books.write();
        }
        Ok(folder)
    }

    /// Makes names in a folder durable, where that is wanted.
    fn flush(&self, folder: &OwnedFd) -> Result<(), Fault> {
        if self.durable { rustix::fs::fsync(folder).map_err(Fault::from_errno) } else { Ok(()) }
    }

    /// Renames; what comes into a folder has to fit into its quotas.
    fn rename(
        &self,
        from: &[u8],
        expect: &Expect,
        to: &[u8],
        replace: Replace,
    ) -> Result<bool, Fault> {
        let renaming = || self.root.renaming(from, expect, to, self.durable);
        let (renaming, replaced) = match self.spool.quotas() {
            None => {
                let renaming = renaming()?;
                let replaced = renaming.rename(replace)?;
                (renaming, replaced)
            }
            Some(quotas) => {
                // A folder is looked through first: it may be large, and nobody waits for that.
                let sum = self.sum_of(from)?;
                quotas.books(&[from, to])?.fits_move(from, to, sum)?;
                // Nor for folders that are made on the way.
                let renaming = renaming()?;
                let mut books = quotas.books(&[from, to])?;
                books.fits_move(from, to, sum)?;
                let there = self.root.look(to).ok().flatten();
                let replaced = renaming.rename(replace)?;
                books.moved(from, to, sum, there.as_ref().and_then(file_bytes));
                let _ = books.write();
                (renaming, replaced)
            }
        };
        if self.durable {
            renaming.flush()?;
        }
        Ok(replaced)
    }

    fn sum_of(&self, path: &[u8]) -> Result<Sum, Fault> {
        let Some(stat) = self.root.look(path)? else { return Err(Fault::NotFound) };
        if kind_of(&stat) != Some(Kind::Directory) {
            return Ok(file_bytes(&stat).map(Sum::file).unwrap_or_default());
        }
        let mut folder = String::from_utf8_lossy(path).into_owned();
        if !folder.ends_with('/') {
            folder.push('/');
        }
        let mut all = Sum::default();
        walk(&self.root, &folder, Mounts::Entered, &mut |_, stat| {
            all.bytes = all.bytes.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
            all.files += 1;
            Ok(())
        })?;
        Ok(all)
    }
}

/// Of a regular file.
fn file_bytes(stat: &Stat) -> Option<u64> {
    (kind_of(stat) == Some(Kind::File)).then(|| u64::try_from(stat.st_size).unwrap_or(0))
}

/// A folder for scripts and the page.
pub(crate) fn listed_json(listing: &Listing) -> Reply {
    Reply::new(200)
        .text("cache-control", "private, no-cache")
        .text("vary", "accept, accept-language, cookie, authorization")
        .text("x-content-type-options", "nosniff")
        .body("application/json", Body::Owned(listing.json()))
}

/// A folder for somebody with a signed link for the folder `top`.
pub(crate) fn listed_shared(
    listing: &Listing,
    path: &str,
    top: &str,
    link: &str,
    lang: Lang,
) -> Reply {
    let rows = listing.rows_for(link);
    // What lies above the link's folder is nobody's business.
    let above = top.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
    let title = path.get(above..).unwrap_or(path);
    let title = if title.is_empty() { "/" } else { title };
    page::Shared { lang, title, top: path == top, rows: &rows, link }.reply()
}

/// The word of a grant in listings.
pub(crate) const fn word(grant: Grant) -> &'static str {
    match grant {
        Grant::Read => "read",
        Grant::Write => "write",
    }
}
