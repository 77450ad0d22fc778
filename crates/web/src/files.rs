//! Open files and the descriptor cache.
//!
//! Opening a file costs more than sending a small one, so a worker keeps descriptors of files that
//! are asked for again, with the header lines that go with them. An entry is believed while nobody
//! wrote to its path through any worker (the scoreboard's path versions say so at once) and for
//! one second besides, which bounds how late a change from outside is seen.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue};
use menshen_base::Counter;
use menshen_net::clock;
use menshen_sys::{Scoreboard, Slot};
use menshen_web_core::conditional::{EtagText, Strength, Validators, file_etag};
use menshen_web_core::fields::{content_disposition_attachment, media_type};
use menshen_web_core::response::http_date;
use rustix::fs::Stat;

use crate::fault::Fault;
use crate::root::{Kind, Root, Seen, kind_of};

/// An open file with what every answer about it says.
#[derive(Debug)]
pub(crate) struct FileEntry {
    pub(crate) fd: OwnedFd,
    pub(crate) size: u64,
    pub(crate) media_type: &'static str,
    path: Vec<u8>,
    /// Header lines, each ending in CRLF, without length, date and connection.
    pub(crate) lines: Vec<u8>,
    etag: EtagText,
    strength: Strength,
    mtime_s: i64,
    seen: Seen,
    /// Changes also with rights, which `seen` does not show.
    changed: (i64, u64),
    version: Cell<u64>,
    checked_ms: Cell<u64>,
    used: Cell<bool>,
    map: OnceCell<HeaderMap>,
}

/// What a path names.
#[derive(Debug)]
pub(crate) enum Found {
    File(Rc<FileEntry>),
    Directory,
}

/// The descriptor cache of one worker.
#[derive(Debug)]
pub(crate) struct Files {
    board: Scoreboard,
    slot: Slot,
    most: usize,
    entries: RefCell<HashMap<Vec<u8>, Rc<FileEntry>>>,
}

impl Files {
    pub(crate) fn new(board: Scoreboard, slot: Slot, most: usize) -> Self {
        Self { board, slot, most, entries: RefCell::new(HashMap::new()) }
    }

    /// Opens `path`, or takes it from the cache.
    pub(crate) fn open(&self, root: &Root, path: &[u8]) -> Result<Found, Fault> {
        let now_ms = clock::coarse_ms();
        let version = self.board.path_version(path);
        let known = self.entries.borrow().get(path).map(Rc::clone);
        if let Some(entry) = known {
            let fresh = entry.version.get() == version
                && now_ms.saturating_sub(entry.checked_ms.get()) < TRUST_MS;
            if fresh || entry.still_is(root.look(path)) {
                entry.version.set(version);
                if !fresh {
                    entry.checked_ms.set(now_ms);
                }
                entry.used.set(true);
                self.slot.add(Counter::DescriptorHits, 1);
                return Ok(Found::File(entry));
            }
            self.entries.borrow_mut().remove(path);
        }
        self.slot.add(Counter::DescriptorMisses, 1);
        let opened = root.open(path)?;
        if kind_of(&opened.stat) == Some(Kind::Directory) {
            return Ok(Found::Directory);
        }
        let entry = Rc::new(FileEntry::new(opened.fd, &opened.stat, path));
        entry.version.set(version);
        entry.checked_ms.set(now_ms);
        // A tag that is still weak must not be remembered as such.
        if self.most > 0 && entry.strength == Strength::Strong {
            self.keep(path, &entry);
        }
        Ok(Found::File(entry))
    }

    /// Closes what nobody asked for since the last call: a deleted file keeps its blocks while it
    /// is open.
    pub(crate) fn close_idle(&self) {
        self.entries.borrow_mut().retain(|_, entry| entry.used.replace(false));
    }

    fn keep(&self, path: &[u8], entry: &Rc<FileEntry>) {
        let mut entries = self.entries.borrow_mut();
        if entries.len() >= self.most {
            entries.retain(|_, entry| entry.used.replace(false));
            if entries.len() >= self.most {
                entries.clear();
            }
        }
        entries.insert(path.to_vec(), Rc::clone(entry));
    }
}

impl FileEntry {
    fn new(fd: OwnedFd, stat: &Stat, path: &[u8]) -> Self {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let mtime_ns = mtime_ns(stat);
        let etag = file_etag(stat.st_ino, size, mtime_ns);
        let now_ns = clock::unix_ns();
        // A time in the future is no sign of a change just now: whoever writes sets the present.
        let strength = match now_ns.saturating_sub(mtime_ns) {
            age if age < -TICK_NS => Strength::Strong,
            _ => Strength::of_time(mtime_ns, now_ns, TICK_NS),
        };
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let media_type = media_type(name);
        let mut entry = Self {
            fd,
            size,
            media_type,
            path: path.to_vec(),
            lines: Vec::with_capacity(512),
            etag,
            strength,
            mtime_s: stat.st_mtime,
            seen: Seen::of(stat),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
            version: Cell::new(0),
            checked_ms: Cell::new(0),
            used: Cell::new(true),
            map: OnceCell::new(),
        };
        let mut disposition = Vec::new();
        content_disposition_attachment(name, &mut disposition);
        for (field, value) in [
            ("content-type", media_type.as_bytes()),
            ("content-disposition", &disposition),
            ("etag", etag.header_value(strength)),
            ("last-modified", &http_date(stat.st_mtime)),
            ("accept-ranges", b"bytes"),
            ("cache-control", CACHE_CONTROL.as_bytes()),
            ("x-content-type-options", b"nosniff"),
            ("content-security-policy", b"sandbox; default-src 'none'"),
            ("cross-origin-resource-policy", b"same-origin"),
        ] {
            entry.lines.extend_from_slice(field.as_bytes());
            entry.lines.extend_from_slice(b": ");
            entry.lines.extend_from_slice(value);
            entry.lines.extend_from_slice(b"\r\n");
        }
        entry
    }

    /// The lines but for `content-type`, which comes first and differs in multipart answers.
    pub(crate) fn lines_without_type(&self) -> &[u8] {
        let first = self.lines.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
        &self.lines[first..]
    }

    /// The path, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The lines as HTTP/2 wants them.
    pub(crate) fn map(&self) -> &HeaderMap {
        self.map.get_or_init(|| {
            let lines = self.lines.split(|&b| b == b'\n');
            lines
                .filter_map(|line| {
                    let colon = line.iter().position(|&b| b == b':')?;
                    let value = line[colon + 1..].trim_ascii();
                    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
                    Some((name, HeaderValue::from_bytes(value).ok()?))
                })
                .collect()
        })
    }

    /// The entity tag as a field value.
    pub(crate) fn etag(&self) -> &[u8] {
        self.etag.header_value(self.strength)
    }

    /// For the conditions of a request.
    pub(crate) fn validators(&self, now_unix: u64) -> Validators<'_> {
        let now = i64::try_from(now_unix).unwrap_or(i64::MAX);
        let aged = now.saturating_sub(self.mtime_s) >= 2;
        Validators {
            etag: self.etag.opaque(),
            etag_strength: self.strength,
            mtime_unix_s: self.mtime_s,
            mtime_strength: if aged { Strength::Strong } else { Strength::Weak },
        }
    }

    /// Whether the file changed so recently that another change could keep its time stamp: the
    /// caller may wait one tick and look again, to have a strong tag.
    pub(crate) fn too_fresh(&self) -> bool {
        self.strength == Strength::Weak
    }

    fn still_is(&self, now: Result<Option<Stat>, Fault>) -> bool {
        now.ok().flatten().is_some_and(|stat| {
            Seen::of(&stat) == self.seen && (stat.st_ctime, stat.st_ctime_nsec) == self.changed
        })
    }
}

/// Entity tag of a file whose content is final, such as one just published.
pub(crate) fn etag_of(stat: &Stat) -> EtagText {
    file_etag(stat.st_ino, u64::try_from(stat.st_size).unwrap_or(0), mtime_ns(stat))
}

#[expect(clippy::cast_possible_wrap, reason = "nanoseconds of a second fit")]
fn mtime_ns(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64)
}

/// Contents may be stored by the client alone, and asked about before each use.
pub(crate) const CACHE_CONTROL: &str = "private, no-cache";

/// How long an entry is believed without a look, milliseconds.
const TRUST_MS: u64 = 1000;

/// Longest step of the clock that stamps files, nanoseconds (100 Hz kernels; with margin).
pub(crate) const TICK_NS: i64 = 12_000_000;

#[cfg(test)]
mod tests;
