//! The spool of one PHP pool: named files that PHP may take over, and files without a name.
//!
//! Every named file has an owner that removes it when dropped, at whatever stage a request ends;
//! what a killed worker leaves is collected by its name. Nothing here is ever removed that does not
//! bear such a name: PHP's own temporary files may lie in the same folder.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, fchmod, fchown, fdatasync, fstat, linkat, openat, unlinkat,
};
use rustix::io::Errno;

use crate::fault::Fault;
use crate::root::{Mount, Root, own_folder};
use crate::spool::{Names, Place, Reserve, SPOOL, append, collect, reserves};

/// The spool of a pool.
#[derive(Debug)]
pub(crate) struct PhpSpool {
    folder: Arc<OwnedFd>,
    /// Absolute, as PHP sees it.
    path: PathBuf,
    instance: String,
    names: Names,
    reserves: bool,
    /// Left free by answers that rest here, bytes.
    kept_free: u64,
}

/// Who may read a named file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Only the user of this worker, who is PHP's: as PHP's own temporary files are.
    Owner,
    /// Also the group: with `fields` PHP may be somebody else, who gets at the file because the
    /// folder is set-group-id to PHP's group. Others never may.
    Group,
}

/// A named spool file; dropping it removes it unless it was given away.
#[derive(Debug)]
pub(crate) struct Named {
    /// `None` once parked.
    file: Option<OwnedFd>,
    place: Place,
    size: u64,
}

impl PhpSpool {
    /// The spool in `folder`, which PHP knows as `path`; `instance` names this life of the guard.
    pub(crate) fn open(folder: OwnedFd, path: PathBuf, instance: &str) -> Self {
        let reserves = reserves(&folder);
        let names = Names::of(instance);
        let (folder, instance) = (Arc::new(folder), instance.into());
        Self { folder, path, instance, names, reserves, kept_free: KEPT_FREE_BYTES }
    }

    /// The spool for files that will move into `store`: `pool`, the pool's own, when a rename
    /// leads from there, else one inside the store. To be asked once per store, at the start.
    pub(crate) fn beside(
        store: &OwnedFd,
        path: &Path,
        pool: &Arc<Self>,
    ) -> Result<Arc<Self>, Fault> {
        let mount = |folder: &OwnedFd| Mount::of(folder).map_err(|_| Fault::Storage);
        if mount(store)? == mount(&pool.folder)? {
            return Ok(Arc::clone(pool));
        }
        let folder = own_folder(store, SPOOL)?;
        Ok(Arc::new(Self::open(folder, path.join(SPOOL), &pool.instance)))
    }

    /// A folder of ours inside, made if missing.
    pub(crate) fn own_folder(&self, name: &str) -> Result<OwnedFd, Fault> {
        own_folder(&*self.folder, name)
    }

    /// Whether there is one.
    pub(crate) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&*self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// A new file with a name.
    pub(crate) fn named(&self, readers: Readers) -> Result<Named, Fault> {
        let (file, name) = self.names.create(&self.folder, readers.mode())?;
        let place = Place { folder: Arc::clone(&self.folder), name, kept: false };
        Ok(Named { file: Some(file), place, size: 0 })
    }

    /// A name here for `file`, which has `size` bytes: another name of the same bytes where that
    /// goes and nobody else has one, else `copy` writes them. Blocks on the disk.
    pub(crate) fn adopt(
        &self,
        file: &OwnedFd,
        size: u64,
        readers: Readers,
        copy: impl FnOnce(&OwnedFd) -> Result<(), Fault>,
    ) -> Result<Named, Fault> {
        let mut named = self.named(readers)?;
        if self.link(file, &named, readers).is_ok() {
            (named.file, named.size) = (None, size);
            return Ok(named);
        }
        let mut named = self.named(readers)?;
        named.fill(size, copy)?;
        Ok(named)
    }

    /// Puts `file` in the place of the empty `named`. An inode with further names is somebody's:
    /// an application may write to it.
    fn link(&self, file: &OwnedFd, named: &Named, readers: Readers) -> Result<(), Errno> {
        let (stat, own) = (fstat(file)?, fstat(&*self.folder)?);
        if stat.st_nlink != 1 || stat.st_dev != own.st_dev {
            return Err(Errno::XDEV);
        }
        if readers == Readers::Group {
            fchown(file, None, Some(Gid::from_raw(own.st_gid)))?;
        }
        fchmod(file, readers.mode())?;
        let name = named.place.name.as_str();
        unlinkat(&*self.folder, name, AtFlags::empty())?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, path.as_str(), &*self.folder, name, AtFlags::SYMLINK_FOLLOW)
    }

    /// A new file without a name: gone with its descriptor.
    pub(crate) fn anonymous(&self) -> Result<OwnedFd, Fault> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        match openat(&*self.folder, c".", flags, Mode::from_raw_mode(0o600)) {
            // File systems without O_TMPFILE, such as overlays of old kernels.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => self.unlinked(),
            opened => opened.map_err(Fault::from_errno),
        }
    }

    /// How blocks are reserved for a file of `expected` bytes.
    pub(crate) const fn reserve(&self, expected: Option<u64>) -> Reserve {
        Reserve::new(expected, self.reserves)
    }

    /// Removes what dead workers left; returns how many files.
    pub(crate) fn collect(&self) -> usize {
        collect(&self.folder, &self.instance, is_spool_name)
    }

    /// Bytes this worker may still write here.
    pub(crate) fn bytes_free(&self) -> u64 {
        Root::bytes_free(&*self.folder)
    }

    /// Whether answers should not rest here any more: uploads, and whatever else writes to this
    /// file system, are to find room.
    pub(crate) fn is_nearly_full(&self) -> bool {
        rustix::fs::fstatvfs(&*self.folder).is_ok_and(|vfs| {
            let share = vfs.f_blocks / 100 * KEPT_FREE_PERCENT;
            let kept = self.kept_free.max(share.saturating_mul(vfs.f_frsize));
            vfs.f_bavail.saturating_mul(vfs.f_frsize) < kept
        })
    }

    /// The same with another `KEPT_FREE_BYTES`: file systems of tests are small.
    #[cfg(test)]
    pub(crate) fn keeping_free(self, bytes: u64) -> Self {
        Self { kept_free: bytes, ..self }
    }

    /// The device of its file system.
    pub(crate) fn device(&self) -> Result<u64, Fault> {
        fstat(&*self.folder).map(|stat| stat.st_dev).map_err(Fault::from_errno)
    }

    /// The folder's absolute path, as PHP sees it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where PHP finds `file`.
    pub(crate) fn path_of(&self, file: &Named) -> Vec<u8> {
        self.path.join(&file.place.name).into_os_string().as_bytes().to_vec()
    }

    fn unlinked(&self) -> Result<OwnedFd, Fault> {
        let (file, name) = self.names.create(&self.folder, Mode::from_raw_mode(0o600))?;
        unlinkat(&*self.folder, name.as_str(), AtFlags::empty()).map_err(Fault::from_errno)?;
        Ok(file)
    }
}

impl Readers {
    /// The mode of such a file.
    pub(crate) const fn mode(self) -> Mode {
        Mode::from_raw_mode(match self {
            Self::Owner => 0o600,
            Self::Group => 0o660,
        })
    }
}

impl Named {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        append(self.file.as_ref().ok_or(Fault::Storage)?, bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Has `write` write all `bytes` of it; parked then.
    pub(crate) fn fill<E>(
        &mut self,
        bytes: u64,
        write: impl FnOnce(&OwnedFd) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(file) = self.file.take() {
            write(&file)?;
            self.size = bytes;
        }
        Ok(())
    }

    /// Closes it: one form may bring many files, and an open descriptor is dearer than a name.
    pub(crate) fn park(&mut self) {
        self.file = None;
    }

    /// Bytes written.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Opens it for reading.
    pub(crate) fn reader(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(&*self.place.folder, self.place.name.as_str(), flags, Mode::empty())
    }

    /// Waits until its bytes are on the disk.
    pub(crate) fn flush(&self) -> Result<(), Fault> {
        fdatasync(self.reader().map_err(Fault::from_errno)?).map_err(Fault::from_errno)
    }

    /// Moves it to `name` in `folder`, on the same mount, where nothing has that name.
    pub(crate) fn move_to(&mut self, folder: &Arc<OwnedFd>, name: String) -> Result<(), Fault> {
        use rustix::fs::{RenameFlags, renameat_with};
        let (old, flags) = (&self.place, RenameFlags::NOREPLACE);
        renameat_with(&*old.folder, old.name.as_str(), &**folder, name.as_str(), flags)
            .map_err(Fault::from_errno)?;
        self.place.folder = Arc::clone(folder);
        self.place.name = name;
        Ok(())
    }

    /// It belongs to the application from now on.
    pub(crate) fn keep(mut self) {
        self.place.kept = true;
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.place.remove_aside(self.file.take(), self.size);
    }
}

/// Whether a name is one of ours: `INSTANCE-PID-NUMBER`.
fn is_spool_name(name: &[u8]) -> bool {
    let mut words = name.split(|&byte| byte == b'-');
    let mut is = |letter: fn(&u8) -> bool| {
        words.next().is_some_and(|word| !word.is_empty() && word.iter().all(letter))
    };
    let well = is(u8::is_ascii_hexdigit) && is(u8::is_ascii_digit) && is(u8::is_ascii_digit);
    well && words.next().is_none()
}

/// Answers of PHP leave so much of the file system free: the larger of so many bytes and so many
/// per cent.
const KEPT_FREE_BYTES: u64 = 1 << 30;
const KEPT_FREE_PERCENT: u64 = 5;

#[cfg(test)]
mod tests;
