//! Encoded forms of static files (RFC 9110 §8.4, §12.5.3): files that lie beside them, or gzip made
//! once for each version and kept in memory.
//!
//! A client that does not ask for an encoding never gets one, and every answer that could differ
//! says so (`Vary`). An encoded form has a tag of its own. Ranges of a file that lies beside count
//! in its own bytes, which stay the same as long as its tag does (RFC 9110 §14.1.2: a range is one
//! of the selected representation); gzip made here has none, since another version of the encoder
//! would make other bytes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use flate2::Compression;
use flate2::write::GzEncoder;
use menshen_net::clock;
use menshen_web_core::fields::{Encoding, Encodings, accepted_encodings};
use rustix::fs::{MemfdFlags, fstat, memfd_create};

use super::extra::Extra;
use super::place::Place;
use crate::ask::Ask;
use crate::files::{Dress, FileEntry, Found, TRUST_MS, mtime_ns};
use crate::plan::Patience;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Br,
    Zstd,
    Gzip,
}

/// What is known of the encoded forms of a file.
#[derive(Debug, Default)]
pub(crate) struct Variants {
    /// When files beside it were last looked for and not found, by coding.
    missing_ms: [Cell<Option<u64>>; 3],
    gzip: RefCell<Weak<FileEntry>>,
}

/// The form that is sent.
#[derive(Debug)]
pub(super) enum Chosen {
    File(Rc<FileEntry>),
    /// Wait a tick: it is being compressed.
    Tick,
}

/// gzip forms of all sites of a worker.
#[derive(Debug, Default)]
pub(super) struct Gzips {
    kept: RefCell<HashMap<Key, Form>>,
    /// Files in memory that somebody still holds, with what they take.
    live: RefCell<Vec<(Weak<OwnedFd>, usize)>>,
    places: Cell<usize>,
}

/// A place, and the tag of a file's version in it.
type Key = (usize, Vec<u8>);

#[derive(Debug)]
enum Form {
    Ready(Rc<FileEntry>),
    /// On its way from another thread.
    Made(Receiver<Option<Packed>>),
    /// Not smaller, or it could not be made.
    Useless,
    /// Perhaps another time; not kept.
    NoRoom,
}

/// Compressed bytes in a file in memory, so that they are sent as any file is.
#[derive(Debug)]
struct Packed {
    fd: OwnedFd,
    size: u64,
}

impl Coding {
    /// As `Content-Encoding` says it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// How names of files in this coding end.
    const fn ending(self) -> &'static [u8] {
        match self {
            Self::Br => b".br",
            Self::Zstd => b".zst",
            Self::Gzip => b".gz",
        }
    }

    const fn asked(self) -> Encoding {
        match self {
            Self::Br => Encoding::Br,
            Self::Zstd => Encoding::Zstd,
            Self::Gzip => Encoding::Gzip,
        }
    }
}

/// Whether files of this type get smaller by compression.
pub(crate) fn is_compressible(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.starts_with("text/") || COMPRESSIBLE.contains(&essence)
}

impl Gzips {
    /// A number for a place, for the keys of what is in it.
    pub(super) fn number_place(&self) -> usize {
        self.places.replace(self.places.get() + 1)
    }

    /// The form of `file` that `ask` prefers of those there are.
    pub(super) fn choose(
        &self,
        place: &Place,
        rest: &[u8],
        file: Rc<FileEntry>,
        ask: &Ask<'_>,
        patience: Patience,
    ) -> Chosen {
        let Dress::Site(extra) = file.dress() else { return Chosen::File(file) };
        if !extra.varies(&file.media_type) {
            return Chosen::File(file);
        }
        let accepted = accepted(ask);
        if accepted.is_empty() {
            return Chosen::File(file);
        }
        for coding in [Coding::Br, Coding::Zstd, Coding::Gzip] {
            if accepted.contains(coding.asked())
                && let Some(beside) = beside(place, rest, &file, extra, coding)
            {
                return Chosen::File(beside);
            }
        }
        let fits = (GZIP_BYTES_MIN..=GZIP_BYTES_MAX).contains(&file.size);
        if !fits || !accepted.contains(Encoding::Gzip) || file.too_fresh() {
            return Chosen::File(file);
        }
        self.gzip(place, file, patience)
    }

    fn gzip(&self, place: &Place, file: Rc<FileEntry>, patience: Patience) -> Chosen {
        if let Some(ready) = file.variants.gzip.borrow().upgrade() {
            ready.touch();
            return Chosen::File(ready);
        }
        let key = (place.number, file.etag().to_vec());
        let known = self.kept.borrow_mut().remove(&key);
        let form = match known {
            None => self.begin(&file),
            Some(Form::Made(receiver)) => match receiver.try_recv() {
                Ok(packed) => self.ready(&file, packed),
                Err(TryRecvError::Empty) => Form::Made(receiver),
                Err(TryRecvError::Disconnected) => Form::Useless,
            },
            // Other header lines, the same bytes.
            Some(Form::Ready(ready)) if !ready.is_encoded_like(&file) => {
                let (fd, size) = (Rc::clone(&ready.fd), ready.size);
                Form::Ready(Rc::new(file.encoded(fd, size, Coding::Gzip)))
            }
            Some(known) => known,
        };
        let chosen = match &form {
            Form::Ready(ready) => {
                *file.variants.gzip.borrow_mut() = Rc::downgrade(ready);
                Chosen::File(Rc::clone(ready))
            }
            Form::Made(_) if patience == Patience::Once => Chosen::Tick,
            Form::Made(_) | Form::Useless => Chosen::File(file),
            Form::NoRoom => return Chosen::File(file),
        };
        self.kept.borrow_mut().insert(key, form);
        chosen
    }

    /// Compresses: at once what takes no longer than a small request, the rest on another thread.
    fn begin(&self, file: &Rc<FileEntry>) -> Form {
        let size = usize::try_from(file.size).unwrap_or(usize::MAX);
        if !self.has_room(size) {
            return Form::NoRoom;
        }
        let mtime_ns = file.mtime_ns();
        let elsewhere = tokio::runtime::Handle::try_current();
        let (Ok(runtime), true) = (elsewhere, size > HERE_BYTES_MAX) else {
            return self.ready(file, pack(&file.fd, size, mtime_ns));
        };
        let making = |form: &&Form| matches!(form, Form::Made(_));
        if self.kept.borrow().values().filter(making).count() >= MAKING_MAX {
            return Form::NoRoom;
        }
        let Ok(fd) = file.fd.try_clone() else { return Form::Useless };
        let (sender, receiver) = channel();
        runtime.spawn_blocking(move || {
            // Nobody waits any more: the file changed, or the place was needed.
            let _ = sender.send(pack(&fd, size, mtime_ns));
        });
        Form::Made(receiver)
    }

    fn ready(&self, file: &Rc<FileEntry>, packed: Option<Packed>) -> Form {
        let Some(Packed { fd, size }) = packed else { return Form::Useless };
        let fd = Rc::new(fd);
        self.live.borrow_mut().push((Rc::downgrade(&fd), pages(size)));
        Form::Ready(Rc::new(file.encoded(fd, size, Coding::Gzip)))
    }

    /// Whether `bytes` more may be held. What is still being sent counts, though nobody else will
    /// get it.
    fn has_room(&self, bytes: usize) -> bool {
        let fits = || {
            let kept = self.kept.borrow();
            let making = kept.values().filter(|form| matches!(form, Form::Made(_))).count();
            let live = self.live_bytes() + making * MADE_BYTES;
            live + bytes <= KEPT_BYTES_MAX && kept.len() < KEPT_MAX
        };
        if fits() {
            return true;
        }
        self.kept.borrow_mut().retain(|_, form| match form {
            Form::Ready(ready) => ready.was_used(),
            Form::Made(_) => true,
            Form::Useless | Form::NoRoom => false,
        });
        if fits() {
            return true;
        }
        self.kept.borrow_mut().retain(|_, form| matches!(form, Form::Made(_)));
        fits()
    }

    /// Drops every finished form; gives the bytes of those that nobody sends at the moment.
    pub(super) fn forget(&self) -> u64 {
        let before = self.live_bytes();
        self.kept.borrow_mut().retain(|_, form| matches!(form, Form::Made(_)));
        before.saturating_sub(self.live_bytes()) as u64
    }

    fn live_bytes(&self) -> usize {
        let mut live = self.live.borrow_mut();
        live.retain(|(fd, _)| fd.strong_count() > 0);
        live.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// A form of `file` that lies beside it: a regular file, not empty and not older.
fn beside(
    place: &Place,
    rest: &[u8],
    file: &FileEntry,
    extra: &Rc<Extra>,
    coding: Coding,
) -> Option<Rc<FileEntry>> {
    let missing = &file.variants.missing_ms[coding as usize];
    let now_ms = clock::coarse_ms();
    if missing.get().is_some_and(|at| now_ms.saturating_sub(at) < TRUST_MS) {
        return None;
    }
    let name = [rest, coding.ending()].concat();
    let (media_type, extra) = (file.media_type.clone(), Rc::clone(extra));
    let dress = Dress::Encoded { coding, media_type, extra };
    match place.files.open_as(&place.root, &name, &dress) {
        Ok(Found::File(found)) if found.size > 0 && found.mtime_ns() >= file.mtime_ns() => {
            Some(found)
        }
        _ => {
            missing.set(Some(now_ms));
            None
        }
    }
}

/// The codings a client takes.
fn accepted(ask: &Ask<'_>) -> Encodings {
    let mut first = Encodings::default();
    let mut lines = 0;
    ask.headers.for_each("accept-encoding", &mut |line| {
        lines += 1;
        if lines == 1 {
            first = accepted_encodings(line);
        }
    });
    if lines < 2 {
        return first;
    }
    let mut all = Vec::new();
    ask.headers.for_each("accept-encoding", &mut |line| {
        all.extend_from_slice(line);
        all.push(b',');
    });
    accepted_encodings(&all)
}

/// The file's bytes compressed; `None` when that does not make them fewer, when the file changed
/// meanwhile, or when it cannot be read.
fn pack(fd: &OwnedFd, size: usize, mtime: i64) -> Option<Packed> {
    let mut plain = vec![0; size];
    let mut at = 0;
    while at < size {
        match rustix::io::pread(fd, &mut plain[at..], at as u64).ok()? {
            0 => return None,
            n => at += n,
        }
    }
    if mtime_ns(&fstat(fd).ok()?) != mtime {
        return None;
    }
    let room = Vec::with_capacity(size / 2);
    let mut encoder = GzEncoder::new(room, Compression::new(LEVEL));
    encoder.write_all(&plain).ok()?;
    let bytes = encoder.finish().ok()?;
    if bytes.len() >= size {
        return None;
    }
    let mut file = File::from(memfd_create(c"menshen-gzip", MemfdFlags::CLOEXEC).ok()?);
    file.write_all(&bytes).ok()?;
    Some(Packed { fd: file.into(), size: bytes.len() as u64 })
}

/// What a file in memory takes: whole pages.
fn pages(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(4096)).unwrap_or(usize::MAX)
}

/// Besides `text/…`.
const COMPRESSIBLE: &[&str] = &[
    "application/json",
    "application/rtf",
    "application/toml",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
];

/// Below this a packet is saved at best, bytes.
const GZIP_BYTES_MIN: u64 = 1 << 10;
/// Larger text is rare and worth a file beside it, made once and better, bytes.
const GZIP_BYTES_MAX: u64 = 1 << 20;
/// What is compressed between two requests, bytes: about a millisecond.
const HERE_BYTES_MAX: usize = 64 << 10;
/// Compressed at a time on other threads; uploads use these threads too.
const MAKING_MAX: usize = 4;
/// What one of them may come to, bytes.
const MADE_BYTES: usize = 1 << 20;
/// gzip forms a worker keeps, bytes. With brotli, zstd or gzip files beside the originals none is
/// needed; without, this holds the scripts and styles of several large applications.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// Each kept form is a descriptor.
pub(crate) const KEPT_MAX: usize = 256;
/// Where zlib's curve of gain for effort bends.
const LEVEL: u32 = 6;

#[cfg(test)]
mod tests;
