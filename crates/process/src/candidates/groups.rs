//! The memory groups that hold processes, with all above them; each is read once.

use std::collections::HashMap;
use std::io;

use menshen_guard_core::forecast::{Group, Hierarchy};
use menshen_sys::cgroup::{self, Keyed, Tree, Version};

use super::machine;

/// Groups by path, parents first.
pub(super) struct Groups<'tree> {
    tree: Option<&'tree Tree>,
    page_bytes: u64,
    places: HashMap<Vec<u8>, usize>,
    groups: Vec<Group>,
}

impl<'tree> Groups<'tree> {
    pub(super) fn new(tree: Option<&'tree Tree>, page_bytes: u64) -> Self {
        Self { tree, page_bytes: page_bytes.max(1), places: HashMap::new(), groups: Vec::new() }
    }

    /// The place of the group at a path from the mount point.
    pub(super) fn place(&mut self, path: &[u8]) -> Option<usize> {
        if let Some(place) = self.places.get(path) {
            return Some(*place);
        }
        let tree = self.tree?;
        let mut group = tree.root();
        let mut above = None;
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        for name in std::iter::once(None).chain(names.map(Some)) {
            if let Some(name) = name {
                group = group.child(name).ok()?;
            }
            above = Some(match self.places.get(group.path()) {
                Some(place) => *place,
                None => self.add(&group, above),
            });
        }
        above
    }

    pub(super) fn finish(self) -> Vec<Group> {
        self.groups
    }

    fn add(&mut self, group: &cgroup::Group, parent: Option<usize>) -> usize {
        let place = self.groups.len();
        self.places.insert(group.path().to_vec(), place);
        // One that vanished meanwhile has no limit any more.
        let read = read(group, self.page_bytes).unwrap_or_default();
        self.groups.push(Group { path: group.path().to_vec(), parent, ..read });
        place
    }
}

/// Most groups have no limit; of those as little is read as possible.
fn read(group: &cgroup::Group, page_bytes: u64) -> io::Result<Group> {
    let pages = |bytes: u64| bytes / page_bytes;
    let hierarchy = match group.version() {
        Version::V1 => Hierarchy::V1,
        Version::V2 => Hierarchy::V2,
    };
    let mut read = Group {
        hierarchy,
        limit_pages: group.memory_limit()?.map(pages),
        kills_together: group.kills_together()?,
        ..Group::default()
    };
    if read.limit_pages.is_none() {
        return Ok(read);
    }
    read.usage_pages = pages(group.memory_usage()?);
    read.high_pages = group.memory_high()?.map(pages);
    read.kill_disabled = group.kill_disabled()?;
    read.swap_usage_pages = pages(group.swap_usage()?);
    read.swap_limit_pages = match swappiness(group) {
        0 => Some(0),
        _ => group.swap_limit()?.map(pages),
    };
    let stat = group.keyed("memory.stat")?;
    read.file_pages = pages(file_bytes(&stat));
    read.shmem_pages = pages(either(&stat, "total_shmem", "shmem"));
    Ok(read)
}

fn swappiness(group: &cgroup::Group) -> u64 {
    match group.version() {
        Version::V1 => group.number("memory.swappiness").ok().flatten().unwrap_or(60),
        Version::V2 => u64::from(machine::swappiness()),
    }
}

/// Files on the lists that memory is taken back from; tmpfs is not on them. v1 counts the groups
/// below only under `total_`.
fn file_bytes(stat: &Keyed) -> u64 {
    either(stat, "total_inactive_file", "inactive_file").saturating_add(either(
        stat,
        "total_active_file",
        "active_file",
    ))
}

fn either(stat: &Keyed, first: &str, second: &str) -> u64 {
    stat.get(first).or_else(|| stat.get(second)).unwrap_or(0)
}
