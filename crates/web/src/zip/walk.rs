//! What is in a folder, all the way down, in an order that is always the same.

use menshen_web_core::target::check_name;
use menshen_web_core::zip::Entry;
use rustix::fs::{Access, AtFlags, Dir, FileType, Stat, accessat, statat};

use super::Refused;
use crate::fault::Fault;
use crate::files::{TICK_NS, mtime_ns};
use crate::root::{Kind, Root, kind_of};

/// What tells a file from another, and from what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Member {
    device: u64,
    inode: u64,
    size: u64,
    mtime_ns: i64,
    ctime: (i64, u64),
    folder: bool,
}

/// A walk, and what it has found so far.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    root: &'a Root,
    folder: &'a str,
    entries_max: usize,
    found: Vec<(Entry, Member)>,
}

impl<'a> Walk<'a> {
    /// Walks through `folder`, or through those of its members that `names` say.
    pub(super) fn of(
        root: &'a Root,
        folder: &'a str,
        names: &[String],
        entries_max: usize,
    ) -> Result<Self, Refused> {
        let mut walk = Self { root, folder, entries_max, found: Vec::new() };
        if names.is_empty() {
            walk.enter("", 0)?;
        }
        for name in names {
            let path = format!("{folder}{name}");
            let stat = root.look(path.as_bytes())?.ok_or(Fault::NotFound)?;
            match kind_of(&stat).ok_or(Fault::NotFound)? {
                Kind::Directory => walk.folder(&format!("{name}/"), &stat, 1)?,
                // By its own path the worker must be able to read it, as for a GET.
                Kind::File => walk
                    .root
                    .open(path.as_bytes())
                    .map(drop)
                    .map_err(Refused::from)
                    .and_then(|()| walk.add(name, &stat))?,
            }
        }
        Ok(walk)
    }

    /// Whether no file changed so recently that it could change again unseen.
    pub(super) fn is_settled(&self, now_ns: i64) -> bool {
        let fresh = |member: &Member| now_ns.saturating_sub(member.mtime_ns).abs() <= TICK_NS;
        !self.found.iter().any(|(_, member)| fresh(member))
    }

    /// All of it.
    pub(super) fn parts(self) -> (Vec<Entry>, Vec<Member>) {
        self.found.into_iter().unzip()
    }

    /// What is in the folder `inner` (relative to the walk's own, empty or ending in `/`).
    fn enter(&mut self, inner: &str, depth: usize) -> Result<(), Refused> {
        if depth > DEPTH_MAX {
            return Err(Refused::TooMuch("the folders are nested too deeply for one zip"));
        }
        let path = format!("{}{inner}", self.folder);
        let opened = match self.root.open(path.as_bytes()) {
            Ok(opened) if kind_of(&opened.stat) == Some(Kind::Directory) => opened,
            // The folder that was asked for is answered as it would be listed; others go as
            // everything goes that a request would not get.
            Ok(_) if depth == 0 => return Err(Fault::NotFound.into()),
            Err(fault) if depth == 0 => return Err(fault.into()),
            Ok(_) | Err(_) => return Ok(()),
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(&opened.fd).map_err(Fault::from_errno)? {
            let entry = entry.map_err(Fault::from_errno)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || name.starts_with(b".menshen") {
                continue;
            }
            let sayable = check_name(name).is_ok() && path.len() + name.len() <= PATH_BYTES_MAX;
            if let (true, Ok(name)) = (sayable, std::str::from_utf8(name)) {
                names.push(name.to_owned());
                self.within(self.found.len() + names.len())?;
            }
        }
        names.sort_unstable();
        for name in names {
            let inner = format!("{inner}{name}");
            let Ok(stat) = statat(&opened.fd, &*name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                let target = self.root.open(format!("{}{inner}", self.folder).as_bytes());
                let target = target.ok().filter(|it| kind_of(&it.stat) == Some(Kind::File));
                if let Some(target) = target {
                    self.add(&inner, &target.stat)?;
                }
                continue;
            }
            match kind_of(&stat) {
                Some(Kind::Directory) => self.folder(&format!("{inner}/"), &stat, depth + 1)?,
                Some(Kind::File) => {
                    let readable =
                        accessat(&opened.fd, &*name, Access::READ_OK, AtFlags::EACCESS).is_ok();
                    if readable {
                        self.add(&inner, &stat)?;
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    fn folder(&mut self, inner: &str, stat: &Stat, depth: usize) -> Result<(), Refused> {
        self.add(inner, stat)?;
        self.enter(inner, depth)
    }

    fn add(&mut self, inner: &str, stat: &Stat) -> Result<(), Refused> {
        self.within(self.found.len() + 1)?;
        let member = Member::of(stat);
        let entry = Entry { name: inner.into(), size: member.size, mtime_unix_s: stat.st_mtime };
        self.found.push((entry, member));
        Ok(())
    }

    fn within(&self, count: usize) -> Result<(), Refused> {
        if count > self.entries_max {
            return Err(Refused::TooMuch("there is more in it than goes into one zip"));
        }
        Ok(())
    }
}

impl Member {
    pub(super) fn of(stat: &Stat) -> Self {
        let folder = kind_of(stat) == Some(Kind::Directory);
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: if folder { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) },
            mtime_ns: mtime_ns(stat),
            ctime: (stat.st_ctime, stat.st_ctime_nsec),
            folder,
        }
    }

    /// Bytes of it when it was found.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Whether an open file is it, with at least the bytes that were announced.
    pub(super) fn may_be(&self, now: &Self) -> bool {
        (self.device, self.inode) == (now.device, now.inode) && now.size >= self.size
    }

    /// What a tag is made of. A folder's inode says nothing of the archive's bytes.
    pub(super) fn tag_bytes(&self) -> [u8; 24] {
        let inode = if self.folder { 0 } else { self.inode };
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&inode.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.size.to_le_bytes());
        bytes[16..].copy_from_slice(&self.mtime_ns.to_le_bytes());
        bytes
    }
}

/// Folders within folders.
const DEPTH_MAX: usize = 64;
/// What a request can say.
const PATH_BYTES_MAX: usize = 4096;
