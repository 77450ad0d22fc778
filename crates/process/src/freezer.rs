//! Whether a control group holds a process still (the kernel's cgroup-v1/freezer-subsystem.rst and
//! `cgroup.freeze` of cgroup-v2.rst).
//!
//! It can fail to see groups whose file system is not mounted here, or is under another root.

use menshen_sys::proc;
use serde::Serialize;

/// A group that holds a process still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frozen {
    /// Version of control groups: 1 or 2.
    pub version: u8,
    /// Path of the group's folder. Foreign.
    pub folder: Vec<u8>,
    /// The group above is frozen, not this one itself; as far as it can be told.
    pub by_parent: bool,
}

/// The frozen group `pid` is in.
#[must_use]
pub fn frozen(pid: u32) -> Option<Frozen> {
    let groups = proc::cgroup(pid).ok()?;
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    groups.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let version = match controllers {
            b"" => 2,
            names if names.split(|byte| *byte == b',').any(|name| name == FREEZER) => 1,
            _ => return None,
        };
        mount_points(&mounts, version).find_map(|mount| held(version, mount, path))
    })
}

fn held(version: u8, mount: &[u8], path: &[u8]) -> Option<Frozen> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = [mount, path].concat();
    let place = std::path::Path::new(OsStr::from_bytes(&folder));
    let text = |name: &str| std::fs::read(place.join(name)).ok();
    let by_parent = if version == 1 {
        if !text("freezer.state")?.starts_with(b"FROZEN") {
            return None;
        }
        text("freezer.self_freezing").is_some_and(|own| own.starts_with(b"0"))
    } else {
        let events = text("cgroup.events")?;
        if !events.split(|byte| *byte == b'\n').any(|line| line == b"frozen 1") {
            return None;
        }
        text("cgroup.freeze").is_some_and(|own| own.starts_with(b"0"))
    };
    Some(Frozen { version, folder, by_parent })
}

/// Where the hierarchy is mounted: `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS] - TYPE SOURCE
/// SUPER` (proc_pid_mountinfo(5)).
fn mount_points(mounts: &[u8], version: u8) -> impl Iterator<Item = &[u8]> {
    mounts.split(|byte| *byte == b'\n').filter_map(move |line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        let (kind, options) = (*fields.get(dash + 1)?, *fields.get(dash + 3)?);
        let fits = match version {
            1 => kind == b"cgroup" && options.split(|byte| *byte == b',').any(|o| o == FREEZER),
            _ => kind == b"cgroup2",
        };
        fields.get(4).copied().filter(|_| fits)
    })
}

const FREEZER: &[u8] = b"freezer";

#[cfg(test)]
mod tests {
    //! Lines of mountinfo.
    use super::*;

    #[test]
    fn both_versions_are_found() {
        let mounts = b"\
30 23 0:26 / /sys/fs/cgroup/freezer rw,relatime shared:9 - cgroup cgroup rw,freezer\n\
31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
32 23 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\nnonsense\n";
        assert_eq!(mount_points(mounts, 1).collect::<Vec<_>>(), [b"/sys/fs/cgroup/freezer"]);
        assert_eq!(mount_points(mounts, 2).collect::<Vec<_>>(), [b"/sys/fs/cgroup/unified"]);
    }

    #[test]
    fn we_are_not_frozen() {
        assert_eq!(frozen(std::process::id()), None);
    }
}
