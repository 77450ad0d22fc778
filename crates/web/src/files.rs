//! Open files and the descriptor cache.
//!
//! Opening a file costs more than sending a small one, so a worker keeps descriptors of files that
//! are asked for again, with the header lines that go with them. An entry is believed while nobody
//! wrote to its path through any worker (the scoreboard's path versions say so at once) and for
//! one second besides, which bounds how late a change from outside is seen.
//!
//! Every served folder (the file service's, a site's root, each mount) has a cache of its own;
//! they share one number of descriptors.

use std::borrow::Cow;
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
use crate::site::coding::{Coding, Variants};
use crate::site::extra::Extra;

/// An open file with what every answer about it says.
#[derive(Debug)]
pub(crate) struct FileEntry {
    pub(crate) fd: Rc<OwnedFd>,
    pub(crate) size: u64,
    pub(crate) media_type: Cow<'static, str>,
    path: Vec<u8>,
    /// Header lines, each ending in CRLF, without length, date and connection.
    pub(crate) lines: Vec<u8>,
    /// `W/"…"`, of which a strong tag shows all but the first two bytes.
    etag: Vec<u8>,
    strength: Strength,
    mtime: (i64, i64),
    dress: Dress,
    ranges: Ranged,
    /// What is known of encoded forms of the file; for sites.
    pub(crate) variants: Variants,
    seen: Seen,
    /// Changes also with rights, which `seen` does not show.
    changed: (i64, u64),
    version: Cell<u64>,
    checked_ms: Cell<u64>,
    used: Cell<bool>,
    map: OnceCell<HeaderMap>,
}

/// What the header lines of a file say besides what the file itself makes them say.
#[derive(Debug, Clone)]
pub(crate) enum Dress {
    /// Somebody's upload: an attachment, never run on our origin, not for shared caches.
    Download,
    /// A part of a site, with the fields its configuration adds.
    Site(Rc<Extra>),
    /// An encoded form of such a part; the type is that of what it encodes.
    Encoded { coding: Coding, media_type: Cow<'static, str>, extra: Rc<Extra> },
}

/// Whether parts of a file may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranged {
    Yes,
    /// The bytes are made anew from time to time, and need not be the same then.
    No,
}

/// What a path names.
#[derive(Debug)]
pub(crate) enum Found {
    File(Rc<FileEntry>),
    Directory,
}

/// The descriptor cache of one folder.
#[derive(Debug)]
pub(crate) struct Files {
    board: Scoreboard,
    slot: Slot,
    most: usize,
    /// Entries of all caches of this worker together.
    held: Rc<Cell<usize>>,
    entries: RefCell<HashMap<Vec<u8>, Rc<FileEntry>>>,
}

impl Files {
    pub(crate) fn new(board: Scoreboard, slot: Slot, most: usize) -> Self {
        Self { board, slot, most, held: Rc::default(), entries: RefCell::default() }
    }

    /// A cache for another folder, within the same number of descriptors.
    pub(crate) fn beside(&self) -> Self {
        let (board, slot, most) = (self.board, self.slot, self.most);
        Self { board, slot, most, held: Rc::clone(&self.held), entries: RefCell::default() }
    }

    /// Opens `path` of the file service, or takes it from the cache.
    pub(crate) fn open(&self, root: &Root, path: &[u8]) -> Result<Found, Fault> {
        self.open_as(root, path, &Dress::Download)
    }

    /// Opens `path`, or takes it from the cache, with the lines that `dress` asks for.
    pub(crate) fn open_as(&self, root: &Root, path: &[u8], dress: &Dress) -> Result<Found, Fault> {
        let now_ms = clock::coarse_ms();
        let version = self.board.path_version(path);
        let known = self.entries.borrow().get(path).map(Rc::clone);
        if let Some(entry) = known {
            let fresh = entry.version.get() == version
                && now_ms.saturating_sub(entry.checked_ms.get()) < TRUST_MS;
            if entry.dress == *dress && (fresh || entry.still_is(root.look(path))) {
                entry.version.set(version);
                if !fresh {
                    entry.checked_ms.set(now_ms);
                }
                entry.used.set(true);
                self.slot.add(Counter::DescriptorHits, 1);
                return Ok(Found::File(entry));
            }
            self.change(|entries| entries.remove(path));
        }
        self.slot.add(Counter::DescriptorMisses, 1);
        let opened = root.open(path)?;
        if kind_of(&opened.stat) == Some(Kind::Directory) {
            return Ok(Found::Directory);
        }
        let entry = Rc::new(FileEntry::new(opened.fd, &opened.stat, path, dress.clone()));
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
        self.change(|entries| entries.retain(|_, entry| entry.used.replace(false)));
    }

    /// Forgets all of it; what is being sent stays open until then.
    pub(crate) fn forget(&self) {
        self.change(|entries| std::mem::take(entries).clear());
    }

    fn keep(&self, path: &[u8], entry: &Rc<FileEntry>) {
        if self.held.get() >= self.most {
            self.close_idle();
        }
        if self.held.get() >= self.most {
            self.change(HashMap::clear);
        }
        // Another folder's cache may have taken all; it gives back what is idle.
        if self.held.get() < self.most {
            self.change(|entries| entries.insert(path.to_vec(), Rc::clone(entry)));
        }
    }

    /// Changes the entries and counts them.
    fn change<T>(&self, how: impl FnOnce(&mut HashMap<Vec<u8>, Rc<FileEntry>>) -> T) {
        let mut entries = self.entries.borrow_mut();
        let before = entries.len();
        how(&mut entries);
        self.held.set((self.held.get() + entries.len()).saturating_sub(before));
    }
}

impl PartialEq for Dress {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Download, Self::Download) => true,
            (Self::Site(one), Self::Site(two)) => Rc::ptr_eq(one, two),
            (
                Self::Encoded { coding, media_type, extra },
                Self::Encoded { coding: coding2, media_type: type2, extra: extra2 },
            ) => coding == coding2 && media_type == type2 && Rc::ptr_eq(extra, extra2),
            _ => false,
        }
    }
}

impl FileEntry {
    fn new(fd: OwnedFd, stat: &Stat, path: &[u8], dress: Dress) -> Self {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let mtime_ns = mtime_ns(stat);
        let mut etag = file_etag(stat.st_ino, size, mtime_ns).header_value(Strength::Weak).to_vec();
        let now_ns = clock::unix_ns();
        // A time in the future is no sign of a change just now: whoever writes sets the present.
        let strength = match now_ns.saturating_sub(mtime_ns) {
            age if age < -TICK_NS => Strength::Strong,
            _ => Strength::of_time(mtime_ns, now_ns, TICK_NS),
        };
        let media_type = match &dress {
            Dress::Encoded { media_type, coding, .. } => {
                mark(&mut etag, *coding);
                media_type.clone()
            }
            _ => Cow::Borrowed(media_type(name_of(path))),
        };
        Self {
            fd: Rc::new(fd),
            size,
            media_type,
            path: path.to_vec(),
            lines: Vec::new(),
            etag,
            strength,
            mtime: (stat.st_mtime, mtime_ns),
            dress,
            ranges: Ranged::Yes,
            variants: Variants::default(),
            seen: Seen::of(stat),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
            version: Cell::new(0),
            checked_ms: Cell::new(0),
            used: Cell::new(true),
            map: OnceCell::new(),
        }
        .with_lines()
    }

    /// The same content encoded anew into `fd`, `size` bytes long. Its tag is weak and it has no
    /// ranges: another version of the encoder may make other bytes of the same content.
    pub(crate) fn encoded(&self, fd: Rc<OwnedFd>, size: u64, coding: Coding) -> Self {
        let Dress::Site(extra) = &self.dress else { return self.dressed(fd, size, &self.dress) };
        let (media_type, extra) = (self.media_type.clone(), Rc::clone(extra));
        let dress = Dress::Encoded { coding, media_type, extra };
        let mut entry = self.dressed(fd, size, &dress);
        mark(&mut entry.etag, coding);
        entry.strength = Strength::Weak;
        entry.ranges = Ranged::No;
        entry.with_lines()
    }

    /// The same file with other header lines: `media_type`, then `lines` (each ending in CRLF).
    /// Validators and ranges are the file's own and are added here.
    pub(crate) fn with(&self, media_type: Cow<'static, str>, lines: &[u8]) -> Self {
        let mut entry = self.dressed(Rc::clone(&self.fd), self.size, &self.dress);
        entry.media_type = media_type;
        let ranges = accept_ranges(entry.ranges);
        let modified = http_date(entry.mtime.0);
        let mut written = Vec::with_capacity(256 + lines.len());
        push(&mut written, "content-type", entry.media_type.as_bytes());
        push(&mut written, "etag", entry.etag());
        push(&mut written, "last-modified", &modified);
        push(&mut written, "accept-ranges", ranges);
        written.extend_from_slice(lines);
        entry.lines = written;
        entry
    }

    fn dressed(&self, fd: Rc<OwnedFd>, size: u64, dress: &Dress) -> Self {
        Self {
            fd,
            size,
            media_type: self.media_type.clone(),
            path: self.path.clone(),
            lines: Vec::new(),
            etag: self.etag.clone(),
            strength: self.strength,
            mtime: self.mtime,
            dress: dress.clone(),
            ranges: self.ranges,
            variants: Variants::default(),
            seen: self.seen,
            changed: self.changed,
            version: self.version.clone(),
            checked_ms: self.checked_ms.clone(),
            used: Cell::new(true),
            map: OnceCell::new(),
        }
    }

    /// Writes the header lines; `content-type` comes first.
    fn with_lines(mut self) -> Self {
        let mut lines = Vec::with_capacity(512);
        let modified = http_date(self.mtime.0);
        let own = [
            ("content-type", self.media_type.as_bytes()),
            ("etag", self.etag()),
            ("last-modified", &modified),
            ("accept-ranges", accept_ranges(self.ranges)),
            ("x-content-type-options", b"nosniff"),
        ];
        match &self.dress {
            Dress::Download => {
                own.iter().for_each(|(field, value)| push(&mut lines, field, value));
                dress_download(&self.path, &mut lines);
            }
            Dress::Site(extra) | Dress::Encoded { extra, .. } => {
                for (field, value) in own {
                    // The type has to stay the first line.
                    let value = match (field, extra.value(field)) {
                        ("content-type", Some(chosen)) => chosen,
                        (_, Some(_)) => continue,
                        (_, None) => value,
                    };
                    push(&mut lines, field, value);
                }
                if let Dress::Encoded { coding, .. } = &self.dress {
                    push(&mut lines, "content-encoding", coding.name().as_bytes());
                }
                if extra.varies(&self.media_type) {
                    push(&mut lines, "vary", b"accept-encoding");
                }
                extra.each(|field, value| {
                    if field != "content-type" {
                        push(&mut lines, field, value);
                    }
                });
            }
        }
        self.lines = lines;
        self
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
        self.map.get_or_init(|| map_of(&self.lines))
    }

    /// The entity tag as a field value.
    pub(crate) fn etag(&self) -> &[u8] {
        match self.strength {
            Strength::Strong => &self.etag[2..],
            Strength::Weak => &self.etag,
        }
    }

    /// What the lines say besides.
    pub(crate) fn dress(&self) -> &Dress {
        &self.dress
    }

    /// Whether parts may be asked for.
    pub(crate) fn ranges(&self) -> Ranged {
        self.ranges
    }

    /// Whether it is the encoded form of `file` with the same lines besides.
    pub(crate) fn is_encoded_like(&self, file: &Self) -> bool {
        match (&self.dress, &file.dress) {
            (Dress::Encoded { media_type, extra, .. }, Dress::Site(other)) => {
                *media_type == file.media_type && Rc::ptr_eq(extra, other)
            }
            _ => false,
        }
    }

    /// Remembers that somebody asked for it.
    pub(crate) fn touch(&self) {
        self.used.set(true);
    }

    /// Whether somebody asked for it since the last call.
    pub(crate) fn was_used(&self) -> bool {
        self.used.replace(false)
    }

    /// Time of the last change, nanoseconds since 1970.
    pub(crate) fn mtime_ns(&self) -> i64 {
        self.mtime.1
    }

    /// For the conditions of a request.
    pub(crate) fn validators(&self, now_unix: u64) -> Validators<'_> {
        let now = i64::try_from(now_unix).unwrap_or(i64::MAX);
        let aged = now.saturating_sub(self.mtime.0) >= 2;
        Validators {
            etag: &self.etag[3..self.etag.len() - 1],
            etag_strength: self.strength,
            mtime_unix_s: self.mtime.0,
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

/// Header lines of somebody's upload that is no file here; `content-type` comes first.
pub(crate) fn download_lines(path: &[u8], kind: &[u8], etag: &[u8], mtime_s: i64) -> Vec<u8> {
    let mut lines = Vec::with_capacity(512);
    push(&mut lines, "content-type", kind);
    push(&mut lines, "etag", etag);
    push(&mut lines, "last-modified", &http_date(mtime_s));
    push(&mut lines, "accept-ranges", accept_ranges(Ranged::Yes));
    push(&mut lines, "x-content-type-options", b"nosniff");
    dress_download(path, &mut lines);
    lines
}

/// What makes a file a download and nothing else.
fn dress_download(path: &[u8], lines: &mut Vec<u8>) {
    let mut disposition = Vec::new();
    content_disposition_attachment(name_of(path), &mut disposition);
    push(lines, "content-disposition", &disposition);
    push(lines, "cache-control", CACHE_CONTROL.as_bytes());
    push(lines, "content-security-policy", b"sandbox; default-src 'none'");
    push(lines, "cross-origin-resource-policy", b"same-origin");
    // The address may hold a signed link.
    push(lines, "referrer-policy", b"no-referrer");
}

fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or_default()
}

/// Header lines as HTTP/2 wants them.
pub(crate) fn map_of(lines: &[u8]) -> HeaderMap {
    let lines = lines.split(|&b| b == b'\n');
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|&b| b == b':')?;
            let value = line[colon + 1..].trim_ascii();
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(value).ok()?))
        })
        .collect()
}

/// Adds a header line.
pub(crate) fn push(lines: &mut Vec<u8>, field: &str, value: &[u8]) {
    lines.extend_from_slice(field.as_bytes());
    lines.extend_from_slice(b": ");
    lines.extend_from_slice(value);
    lines.extend_from_slice(b"\r\n");
}

/// Makes a tag that of an encoded form (RFC 9110 §8.8.3.3): other bytes, another tag.
fn mark(etag: &mut Vec<u8>, coding: Coding) {
    etag.pop();
    etag.push(b'-');
    etag.extend_from_slice(coding.name().as_bytes());
    etag.push(b'"');
}

const fn accept_ranges(ranges: Ranged) -> &'static [u8] {
    match ranges {
        Ranged::Yes => b"bytes",
        Ranged::No => b"none",
    }
}

/// Entity tag of a file whose content is final, such as one just published.
pub(crate) fn etag_of(stat: &Stat) -> EtagText {
    file_etag(stat.st_ino, u64::try_from(stat.st_size).unwrap_or(0), mtime_ns(stat))
}

#[expect(clippy::cast_possible_wrap, reason = "nanoseconds of a second fit")]
pub(crate) fn mtime_ns(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64)
}

/// Contents may be stored by the client alone, and asked about before each use.
pub(crate) const CACHE_CONTROL: &str = "private, no-cache";

/// How long an entry is believed without a look, milliseconds.
pub(crate) const TRUST_MS: u64 = 1000;

/// Longest step of the clock that stamps files, nanoseconds (100 Hz kernels; with margin).
pub(crate) const TICK_NS: i64 = 12_000_000;

#[cfg(test)]
mod tests;
