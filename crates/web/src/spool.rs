//! The spool and uploads: bytes rest under a name nobody can ask for until they are whole.
//!
//! An upload is written to the spool folder of the target's own file system, checked, flushed,
//! and only then renamed to its name; the folder is flushed before the client hears of success.
//! So at every instant the target is either the old file or the new one, and a worker that dies
//! leaves only spool files, which the next worker collects.
//!
//! How it fails: disk full or a failing disk while writing (the spool file is removed, the target
//! untouched); kill -9 (leftover spool file, collected by name: instance and process id); power
//! loss between rename and the folder's flush (either old or new, never acknowledged).

mod digesting;
mod unique;

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use menshen_hooks::Promise;
use menshen_web_core::fields::{Algorithm, Digests};
use rustix::fs::{
    AtFlags, FallocateFlags, Mode, OFlags, RenameFlags, Stat, fallocate, fdatasync, fstat, fstatfs,
    fsync, ftruncate, openat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use crate::fault::Fault;
use crate::hooks::settle;
use crate::quota::{Hold, Quotas};
use crate::root::{Expect, Kind, Lock, Mount, Root, Seen, kind_of, own_folder};
pub(crate) use digesting::Digesting;
pub(crate) use unique::{NUMBERS_MAX, numbered};

/// The spool of one worker.
#[derive(Debug)]
pub(crate) struct Spool {
    root: Arc<Root>,
    instance: String,
    /// Spool folders elsewhere that were already looked through for leftovers: device and inode.
    collected: Mutex<HashSet<(u64, u64)>>,
    /// Opened at the start, or by the first upload when the folder was read-only then.
    folder: OnceLock<SpoolFolder>,
    names: Names,
    durable: bool,
    quotas: Option<Arc<Quotas>>,
}

/// Names nobody has for the files of this process: `INSTANCE-PID-NUMBER`.
#[derive(Debug)]
pub(crate) struct Names {
    prefix: String,
    next: AtomicU64,
}

/// Blocks reserved ahead of what is written, so that the file system allocates once.
#[derive(Debug)]
pub(crate) struct Reserve {
    expected: Option<u64>,
    reserved: u64,
    works: bool,
}

/// A spool folder, and whether reserving blocks pays there.
type SpoolFolder = (Arc<OwnedFd>, bool);

/// An unfinished upload; dropping it removes its bytes.
#[derive(Debug)]
pub(crate) struct Upload {
    /// `None` once parked: whole, checked, and waiting for its name.
    file: Option<OwnedFd>,
    place: Place,
    path: Vec<u8>,
    written: u64,
    expected: Option<u64>,
    reserve: Reserve,
    largest: u64,
    digests: Digesting,
    digest: Option<Vec<u8>>,
    /// Room in the quotas of its folder.
    hold: Option<Hold>,
}

/// A finished upload.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) stat: Stat,
    pub(crate) replaced: bool,
    /// Field value for `Repr-Digest`, when the client wanted one.
    pub(crate) digest: Option<Vec<u8>>,
}

/// Where a spool file is; dropping it unlinks the file unless it is `kept`.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: Arc<OwnedFd>,
    pub(crate) name: String,
    pub(crate) kept: bool,
}

impl Spool {
    /// Opens the spool of `root`; `instance` names this life of the guard.
    pub(crate) fn open(root: Arc<Root>, instance: &str, durable: bool) -> Self {
        let spool = Self::idle(root, instance, durable);
        // A folder that cannot be written is still served; its uploads are refused one by one.
        let _ = spool.own();
        spool
    }

    /// The same, with nothing made before the first upload.
    pub(crate) fn idle(root: Arc<Root>, instance: &str, durable: bool) -> Self {
        Self {
            root,
            instance: instance.into(),
            collected: Mutex::default(),
            folder: OnceLock::new(),
            names: Names::of(instance),
            durable,
            quotas: None,
        }
    }

    /// Has these hold for what it takes.
    pub(crate) fn with_quotas(self, quotas: Option<Arc<Quotas>>) -> Self {
        Self { quotas, ..self }
    }

    /// What may rest in folders.
    pub(crate) const fn quotas(&self) -> Option<&Arc<Quotas>> {
        self.quotas.as_ref()
    }

    /// Removes what earlier lives and dead workers left; returns how many files.
    pub(crate) fn collect(&self) -> usize {
        self.folder.get().map_or(0, |(folder, _)| collect(folder, &self.instance, |_| true))
    }

    /// Begins an upload of `path`. `expected` is the length when known: what cannot fit is refused
    /// before a byte of it is read. `largest` is the limit in bytes, 0 for none.
    pub(crate) fn begin(
        &self,
        path: &[u8],
        expected: Option<u64>,
        largest: u64,
        promised: Digests,
        wanted: Option<Algorithm>,
    ) -> Result<Upload, Fault> {
        let mut upload = self.begin_held(path, expected, largest, promised, wanted)?;
        if let Some(quotas) = &self.quotas {
            upload.hold = quotas.hold(path, expected.unwrap_or(0))?;
        }
        Ok(upload)
    }

    /// The same, of bytes that somebody else took room for.
    pub(crate) fn begin_held(
        &self,
        path: &[u8],
        expected: Option<u64>,
        largest: u64,
        promised: Digests,
        wanted: Option<Algorithm>,
    ) -> Result<Upload, Fault> {
        let largest = if largest == 0 { u64::MAX } else { largest };
        if expected.is_some_and(|n| n > largest) {
            return Err(Fault::TooLarge);
        }
        let (folder, reserves) = self.folder_for(path)?;
        if expected.is_some_and(|n| n >= RESERVE_MIN && n > Root::bytes_free(&*folder)) {
            return Err(Fault::Full);
        }
        let (file, name) = self.names.create(&folder, Mode::from_raw_mode(0o666))?;
        let digests = Digesting::new(promised, wanted);
        let place = Place { folder, name, kept: false };
        let (path, written) = (path.to_vec(), 0);
        let reserve = Reserve::new(expected, reserves);
        let (file, digest, hold) = (Some(file), None, None);
        Ok(Upload { file, place, path, written, expected, reserve, largest, digests, digest, hold })
    }

    /// [`Self::publish_told`], and nobody is told.
    #[cfg(test)]
    pub(crate) fn publish(&self, upload: Upload, expect: &Expect) -> Result<Published, Fault> {
        self.publish_told(upload, expect, |_, _| Ok(None))
    }

    /// Checks, flushes and renames; blocks on the disk, so it runs on a blocking thread when
    /// `durable`. What `promise` makes of the file is settled with its name.
    pub(crate) fn publish_told(
        &self,
        mut upload: Upload,
        expect: &Expect,
        promise: impl FnOnce(&Stat, Option<&[u8]>) -> Result<Option<Promise>, Fault>,
    ) -> Result<Published, Fault> {
        let file = upload.whole()?;
        if self.durable {
            fdatasync(&file).map_err(Fault::from_errno)?;
        }
        let path = std::mem::take(&mut upload.path);
        let (folder, name) = self.root.parent_made(&path, self.durable)?;
        let stat = fstat(&file).map_err(Fault::from_errno)?;
        let promise = promise(&stat, upload.digest.as_deref())?;
        let published = self.name(upload, &file, (&folder, name), expect);
        settle(promise, &published);
        published
    }

    fn name(
        &self,
        mut upload: Upload,
        file: &OwnedFd,
        (folder, name): (&OwnedFd, &[u8]),
        expect: &Expect,
    ) -> Result<Published, Fault> {
        let named = || {
            let _lock = Lock::take(folder)?;
            take_name(&upload.place, folder, name, expect)
        };
        let replaced = match upload.hold.take() {
            Some(mut hold) => hold.stand(size_of(file)?, named, |replaced| *replaced)?,
            None => named()?,
        };
        let replaced = replaced.is_some();
        upload.place.kept = true;
        if self.durable {
            fsync(folder).map_err(Fault::from_errno)?;
        }
        let stat = fstat(file).map_err(Fault::from_errno)?;
        Ok(Published { stat, replaced, digest: upload.digest.take() })
    }

    /// The spool from which a rename reaches `path`: the one in the served folder, else one at the
    /// top of `path`'s own mount, else, where those cannot be written, one next to it.
    fn folder_for(&self, path: &[u8]) -> Result<SpoolFolder, Fault> {
        let nearest = self.root.nearest_folder(path)?;
        let mount = Mount::of(&nearest).map_err(|_| Fault::Storage)?;
        if mount == self.root.mount {
            if let Ok(own) = self.own() {
                return Ok(own);
            }
        } else if let Ok(top) = self.root.mount_top(path, mount)
            && let Ok(folder) = own_folder(top, SPOOL)
        {
            return self.elsewhere(folder);
        }
        self.elsewhere(own_folder(&nearest, SPOOL)?)
    }

    /// A spool outside the served folder's own; at its first use it is cleared of leftovers. It
    /// is not kept open, which would keep its file system from being unmounted.
    fn elsewhere(&self, folder: OwnedFd) -> Result<SpoolFolder, Fault> {
        let stat = fstat(&folder).map_err(Fault::from_errno)?;
        if let Ok(mut collected) = self.collected.lock() {
            if collected.len() >= COLLECTED_MAX {
                collected.clear();
            }
            if collected.insert((stat.st_dev, stat.st_ino)) {
                collect(&folder, &self.instance, |_| true);
            }
        }
        let reserves = reserves(&folder);
        Ok((Arc::new(folder), reserves))
    }

    /// The spool on the file system of the served folder itself.
    fn own(&self) -> Result<SpoolFolder, Fault> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder.clone());
        }
        let folder = own_folder(self.root.nearest_folder(b"/")?, SPOOL)?;
        let reserves = reserves(&folder);
        Ok(self.folder.get_or_init(|| (Arc::new(folder), reserves)).clone())
    }
}

impl Upload {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let after = self.written.saturating_add(bytes.len() as u64);
        if after > self.largest {
            return Err(Fault::TooLarge);
        }
        if let Some(hold) = &mut self.hold {
            hold.cover(after)?;
        }
        self.digests.update(bytes);
        let file = self.file.as_ref().ok_or(Fault::Storage)?;
        self.reserve.ahead(file, after);
        append(file, bytes)?;
        self.written = after;
        Ok(())
    }

    /// Room that was taken for it.
    pub(crate) fn holds(&mut self, hold: Option<Hold>) {
        self.hold = hold;
    }

    /// The path it is for.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The file's device and inode.
    pub(crate) fn identity(&self) -> Result<(u64, u64), Fault> {
        let file = self.file.as_ref().ok_or(Fault::Storage)?;
        fstat(file).map(|stat| (stat.st_dev, stat.st_ino)).map_err(Fault::from_errno)
    }

    /// Has somebody else write all `bytes` of it.
    pub(crate) fn fill(
        &mut self,
        bytes: u64,
        write: impl FnOnce(&OwnedFd) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        write(self.file.as_ref().ok_or(Fault::Storage)?)?;
        self.written = bytes;
        Ok(())
    }

    /// Checks that all of it came and closes the file: one form may bring many files, and an open
    /// descriptor is dearer than a name.
    pub(crate) fn park(&mut self) -> Result<(), Fault> {
        if let Some(file) = self.file.take() {
            self.check(&file)?;
        }
        Ok(())
    }

    /// The checked file, open.
    fn whole(&mut self) -> Result<OwnedFd, Fault> {
        if let Some(file) = self.file.take() {
            self.check(&file)?;
            return Ok(file);
        }
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&*self.place.folder, self.place.name.as_str(), flags, Mode::empty())
            .map_err(Fault::from_errno)
    }

    fn check(&mut self, file: &OwnedFd) -> Result<(), Fault> {
        if self.expected.is_some_and(|n| n != self.written) {
            return Err(Fault::BadRequest("the content is shorter than announced"));
        }
        self.reserve.give_back(file, self.written)?;
        self.digest = std::mem::take(&mut self.digests).finish()?;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.place.remove_aside(self.file.take(), self.written);
    }
}

impl Names {
    /// Names of `instance`, this life of the guard.
    pub(crate) fn of(instance: &str) -> Self {
        let prefix = format!("{instance}-{}-", std::process::id());
        Self { prefix, next: AtomicU64::new(0) }
    }

    /// A new file of such a name, open for reading and writing.
    pub(crate) fn create(&self, folder: &OwnedFd, mode: Mode) -> Result<(OwnedFd, String), Fault> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        for _ in 0..NAME_TRIES {
            let name = format!("{}{}", self.prefix, self.next.fetch_add(1, Relaxed));
            match openat(folder, name.as_str(), flags, mode) {
                Ok(file) => return Ok((file, name)),
                // Left by a process that had our number before us.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(Fault::from_errno(error)),
            }
        }
        Err(Fault::Busy)
    }
}

impl Reserve {
    /// For a file of `expected` bytes; `works` where reserving pays, see [`reserves`].
    pub(crate) const fn new(expected: Option<u64>, works: bool) -> Self {
        Self { expected, reserved: 0, works }
    }

    /// To be called before the file grows to `after` bytes. Reserves in large pieces; failure is
    /// no fault: the write itself will tell.
    pub(crate) fn ahead(&mut self, file: &OwnedFd, after: u64) {
        let Some(expected) = self.expected else { return };
        if !self.works || after <= self.reserved || expected < RESERVE_MIN {
            return;
        }
        let to = expected.min(self.reserved.saturating_add(RESERVE_STEP));
        let kept = fallocate(file, FallocateFlags::KEEP_SIZE, self.reserved, to - self.reserved);
        self.works = kept.is_ok();
        self.reserved = to;
    }

    /// Gives back what was reserved behind `written` bytes, all there will be.
    pub(crate) fn give_back(&self, file: &OwnedFd, written: u64) -> Result<(), Fault> {
        if self.reserved > written {
            ftruncate(file, written).map_err(Fault::from_errno)?;
        }
        Ok(())
    }
}

impl Place {
    /// Removes the file, open as `file` and of `bytes`. Freeing a large one takes long enough to
    /// hold up other connections: another thread does it.
    pub(crate) fn remove_aside(&mut self, file: Option<OwnedFd>, bytes: u64) {
        if self.kept || bytes < DROP_ASIDE_BYTES {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let folder = Arc::clone(&self.folder);
        let name = std::mem::take(&mut self.name);
        let place = Self { folder, name, kept: false };
        self.kept = true;
        runtime.spawn_blocking(move || drop((place, file)));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // Whatever goes wrong here is collected at the next start.
            let _ = unlinkat(&*self.folder, self.name.as_str(), AtFlags::empty());
        }
    }
}

/// Bytes of an open file.
pub(crate) fn size_of(file: impl AsFd) -> Result<u64, Fault> {
    fstat(file).map(|stat| u64::try_from(stat.st_size).unwrap_or(0)).map_err(Fault::from_errno)
}

/// Whether a file may have this name under these conditions, and how large the one is that it
/// replaces; true only as long as the folder's lock is held.
pub(crate) fn may_take(
    folder: &OwnedFd,
    name: &[u8],
    expect: &Expect,
) -> Result<Option<u64>, Fault> {
    let current = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Some(stat),
        Err(Errno::NOENT) => None,
        Err(error) => return Err(Fault::from_errno(error)),
    };
    if current.as_ref().and_then(kind_of) == Some(Kind::Directory) {
        return Err(Fault::IsDirectory);
    }
    if let Expect::Same(seen) = expect
        && current.as_ref().map(Seen::of) != *seen
    {
        return Err(Fault::Precondition);
    }
    Ok(current.map(|stat| u64::try_from(stat.st_size).unwrap_or(0)))
}

fn take_name(
    place: &Place,
    folder: &OwnedFd,
    name: &[u8],
    expect: &Expect,
) -> Result<Option<u64>, Fault> {
    let replaced = may_take(folder, name, expect)?;
    let flags = match expect {
        Expect::Nothing => RenameFlags::NOREPLACE,
        _ => RenameFlags::empty(),
    };
    match renameat_with(&*place.folder, place.name.as_str(), folder, name, flags) {
        Ok(()) => Ok(replaced),
        Err(Errno::EXIST) => Err(Fault::Precondition),
        Err(error) => Err(Fault::from_errno(error)),
    }
}

/// Appends all of `bytes`.
pub(crate) fn append(file: &OwnedFd, mut bytes: &[u8]) -> Result<(), Fault> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(Fault::Storage),
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(Fault::from_errno(error)),
        }
    }
    Ok(())
}

/// Whether reserving blocks ahead pays: it does on disks, not where memory is the disk.
pub(crate) fn reserves(folder: impl AsFd) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    fstatfs(folder).is_ok_and(|fs| ![TMPFS, RAMFS].contains(&fs.f_type))
}

/// Unlinks spool files of processes that are gone, among the names that are `mine`.
pub(crate) fn collect(folder: &OwnedFd, instance: &str, mine: impl Fn(&[u8]) -> bool) -> usize {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten() {
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") || !mine(name) || is_live(folder, name, instance) {
            continue;
        }
        removed += usize::from(unlinkat(folder, name, AtFlags::empty()).is_ok());
    }
    removed
}

/// Whether a process that still runs may be writing it. Workers of an earlier life of the guard
/// may still drain; but their numbers may also be others' by now, so theirs must be in use.
fn is_live(folder: &OwnedFd, name: &[u8], instance: &str) -> bool {
    let Ok(text) = std::str::from_utf8(name) else { return false };
    let mut words = text.split('-');
    let ours = words.next() == Some(instance);
    let pid = words.next().and_then(|word| word.parse().ok());
    let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) else { return false };
    if pid == rustix::process::getpid() {
        // Whoever had our number in another life is gone.
        return ours;
    }
    let runs = rustix::process::test_kill_process(pid) != Err(Errno::SRCH);
    runs && (ours || is_fresh(folder, name, OTHERS_FRESH_S))
}

fn is_fresh(folder: &OwnedFd, name: &[u8], seconds: i64) -> bool {
    let now = i64::try_from(menshen_net::clock::unix_s()).unwrap_or(i64::MAX);
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| now.saturating_sub(stat.st_mtime) < seconds)
}

/// Name of the spool folder; reserved, so no request can name it.
pub(crate) const SPOOL: &str = ".menshen-spool";
/// How long a worker of an earlier guard may rest on a file, seconds: more than it may drain.
const OTHERS_FRESH_S: i64 = 3600;
const NAME_TRIES: u32 = 64;
const COLLECTED_MAX: usize = 1024;
/// Unfinished uploads from this size on are removed on another thread, bytes.
const DROP_ASIDE_BYTES: u64 = 16 << 20;
const RESERVE_MIN: u64 = 128 << 10;
const RESERVE_STEP: u64 = 1 << 30;

#[cfg(test)]
mod tests;
