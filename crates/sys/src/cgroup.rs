//! Control groups, both versions: where the memory controller is, a process's group, and the
//! control files of a group (cgroups(7), cgroup-v2.rst, cgroup-v1/memory.rst).
//!
//! A thin layer over files: nothing is decided, nothing is kept. Reads are bounded; writes never
//! create a file. A group may vanish at any moment: an error of the kind `NotFound`, or `ENODEV`.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::proc;

mod memory;
mod mounts;

pub use memory::{MemoryEvents, Switch};

/// The version of a tree of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One tree per controller.
    V1,
    /// The unified tree.
    V2,
}

/// A mounted tree of control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    version: Version,
    /// Where it is mounted.
    mount: PathBuf,
    /// Which group of the kernel's tree is at the mount point: `/`, or a container's.
    root: Vec<u8>,
    /// The controller it is used for.
    controller: &'static str,
}

/// A control group. That it exists is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    version: Version,
    path: Vec<u8>,
    folder: PathBuf,
}

impl Tree {
    /// The tree whose groups limit memory: that of the v1 controller where it is mounted, else the
    /// unified one if it has the controller; `None`: memory is not limited by groups here.
    ///
    /// # Errors
    /// When `/proc/self/mountinfo` cannot be read.
    pub fn memory() -> io::Result<Option<Self>> {
        Self::of("memory")
    }

    /// The tree whose groups limit how many processes they hold, in the same way.
    ///
    /// # Errors
    /// As [`Self::memory`].
    pub fn processes() -> io::Result<Option<Self>> {
        Self::of("pids")
    }

    fn of(controller: &'static str) -> io::Result<Option<Self>> {
        let wanted = controller.as_bytes();
        let trees = mounts::read()?;
        if let Some((tree, _)) = trees.iter().find(|(tree, controllers)| {
            tree.version == Version::V1 && controllers.iter().any(|name| name == wanted)
        }) {
            return Ok(Some(Self { controller, ..tree.clone() }));
        }
        let unified = trees.into_iter().map(|(tree, _)| tree).find(|t| t.version == Version::V2);
        Ok(unified.filter(|tree| {
            let controllers = tree.root().read("cgroup.controllers", VALUE_BYTES_MAX);
            let controllers = controllers.unwrap_or_default();
            controllers.split(u8::is_ascii_whitespace).any(|name| name == wanted)
        }))
    }

    /// The unified tree (v2), with or without the memory controller.
    ///
    /// # Errors
    /// When `/proc/self/mountinfo` cannot be read.
    pub fn unified() -> io::Result<Option<Self>> {
        let trees = mounts::read()?.into_iter().map(|(tree, _)| tree);
        Ok({ trees }.find(|tree| tree.version == Version::V2))
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The group at the mount point: the machine's root, or the container's own.
    #[must_use]
    pub fn root(&self) -> Group {
        Group { version: self.version, path: b"/".to_vec(), folder: self.mount.clone() }
    }

    /// The group at a path from the mount point, such as `/system.slice/a.service`.
    ///
    /// # Errors
    /// When the path is not absolute or climbs.
    pub fn group(&self, path: &[u8]) -> io::Result<Group> {
        let Some(relative) = path.strip_prefix(b"/") else { return Err(invalid()) };
        let mut group = self.root();
        for name in relative.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            group = group.child(name)?;
        }
        Ok(group)
    }

    /// The group a process is in; `None`: it is outside of what is mounted here.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn group_of(&self, pid: u32) -> io::Result<Option<Group>> {
        let lines = proc::cgroup(pid)?;
        Ok(self.path_in(&lines).and_then(|path| self.group(path).ok()))
    }

    /// Out of the lines of `/proc/PID/cgroup` ([`proc::cgroup`]): the path of the process's group
    /// from the mount point; `None`: it is outside of what is mounted here.
    #[must_use]
    pub fn path_in<'lines>(&self, lines: &'lines [u8]) -> Option<&'lines [u8]> {
        let mut paths = lines.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let ours = match self.version {
                Version::V2 => number == b"0" && controllers.is_empty(),
                Version::V1 => {
                    let wanted = self.controller.as_bytes();
                    controllers.split(|byte| *byte == b',').any(|name| name == wanted)
                }
            };
            ours.then_some(path)
        });
        let path = paths.next()?;
        // A group that was removed under a process that still ends.
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        if path.split(|byte| *byte == b'/').any(|name| name == b"..") {
            return None;
        }
        if self.root == b"/" {
            return Some(path);
        }
        match path.strip_prefix(self.root.as_slice())? {
            b"" => Some(b"/"),
            rest if rest.starts_with(b"/") => Some(rest),
            _ => None,
        }
    }
}

impl Group {
    /// Its path from the mount point; `/`: the one at it.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The folder of its control files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// The version of its tree.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// A group below it; it need not exist.
    ///
    /// # Errors
    /// When the name is none: empty, `.`, `..`, or with a slash or 0 byte.
    pub fn child(&self, name: &[u8]) -> io::Result<Self> {
        let bad = name.is_empty() || name == b"." || name == b"..";
        if bad || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(invalid());
        }
        let mut path = self.path.clone();
        if path != b"/" {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let folder = self.folder.join(OsStr::from_bytes(name));
        Ok(Self { version: self.version, path, folder })
    }

    /// The groups directly below it, by name.
    ///
    /// # Errors
    /// When it is gone.
    pub fn children(&self) -> io::Result<Vec<Self>> {
        let mut children = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                children.extend(self.child(&entry.file_name().into_vec()));
            }
        }
        children.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(children)
    }

    /// The processes in it, not those below it.
    ///
    /// # Errors
    /// When it is gone, or threads of a process are spread over groups (`EOPNOTSUPP`).
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        let text = self.read("cgroup.procs", PROCESSES_BYTES_MAX)?;
        let lines = text.split(|byte| *byte == b'\n');
        Ok(lines.filter_map(|line| std::str::from_utf8(line).ok()?.parse().ok()).collect())
    }

    /// Makes it. One that is there already is fine.
    ///
    /// # Errors
    /// Without the right, or when its parent is gone.
    pub fn create(&self) -> io::Result<()> {
        match std::fs::create_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes it. One that is gone already is fine.
    ///
    /// # Errors
    /// `EBUSY`: processes or groups are in it, also such that ended a moment ago.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Moves a process into it, with all its threads; 0: this one.
    ///
    /// # Errors
    /// Without the right; `ESRCH`: it is gone; `EBUSY` (v2): the group has controllers for its
    /// children, so it may hold no processes.
    pub fn add(&self, pid: u32) -> io::Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// Gives the memory controller to the groups below it (v2; nothing to do with v1).
    ///
    /// # Errors
    /// `EBUSY`: processes are in it; `ENOENT`: it does not have the controller itself.
    pub fn delegate_memory(&self) -> io::Result<()> {
        match self.version {
            Version::V1 => Ok(()),
            Version::V2 => self.write("cgroup.subtree_control", "+memory"),
        }
    }

    /// A control file, opened for reading, to be polled or read again and again.
    ///
    /// # Errors
    /// When it or the group is not there.
    pub fn open(&self, file: &str) -> io::Result<File> {
        File::open(self.folder.join(file))
    }

    /// A control file, cut after `bytes_max`.
    ///
    /// # Errors
    /// When it or the group is not there.
    pub fn read(&self, file: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        self.open(file)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a control file in one call.
    ///
    /// # Errors
    /// Without the right; when it is not there; `EINVAL`, `EBUSY`: the kernel does not take it.
    pub fn write(&self, file: &str, value: &str) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.folder.join(file))?.write_all(value.as_bytes())
    }

    /// A control file with one number; `None`: `max`.
    ///
    /// # Errors
    /// When it is not there, or says something else.
    pub fn number(&self, file: &str) -> io::Result<Option<u64>> {
        let text = self.read(file, VALUE_BYTES_MAX)?;
        match text.trim_ascii() {
            b"max" => Ok(None),
            digits => decimal(digits).map(Some).ok_or_else(unknown_form),
        }
    }

    /// A control file with lines `KEY NUMBER`, such as `memory.stat`. Other lines are left out.
    ///
    /// # Errors
    /// When it is not there.
    pub fn keyed(&self, file: &str) -> io::Result<Keyed> {
        Ok(Keyed(self.read(file, KEYED_BYTES_MAX)?))
    }
}

/// The text of a control file with lines `KEY NUMBER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed(Vec<u8>);

impl Keyed {
    /// The number of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<u64> {
        self.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    /// All of them, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let blank = line.iter().position(|byte| *byte == b' ')?;
            Some((line.get(..blank)?, decimal(line.get(blank + 1..)?)?))
        })
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not the name of a control group")
}

fn unknown_form() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not in the form of cgroups(7)")
}

const VALUE_BYTES_MAX: usize = 4096;
const KEYED_BYTES_MAX: usize = 64 * 1024;
const PROCESSES_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests;
