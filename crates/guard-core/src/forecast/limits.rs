//! Memory control groups and how near each is to its limit.
//!
//! Sources: `mem_cgroup_get_max` of the kernel's `mm/memcontrol.c`, cgroup-v2.rst, memory.rst.

use alloc::vec::Vec;

/// A memory control group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its path from the root of its hierarchy as the collector sees it; `/` is the root itself.
    pub path: Vec<u8>,
    /// The group above it: a place in [`super::Census::groups`].
    pub parent: Option<usize>,
    /// Which version it is of.
    pub hierarchy: Hierarchy,
    /// `memory.max`, `memory.limit_in_bytes`, pages; `None`: no limit.
    pub limit_pages: Option<u64>,
    /// `memory.high`, pages; `None`: none.
    pub high_pages: Option<u64>,
    /// Pages it uses, with the files it has in memory.
    pub usage_pages: u64,
    /// Of them pages of files, which can be taken back before anybody is killed.
    pub file_pages: u64,
    /// Of them tmpfs and shared memory: only removing the files or their last user frees these.
    pub shmem_pages: u64,
    /// Swap it may use beyond its memory, pages; `None`: as much as there is.
    pub swap_limit_pages: Option<u64>,
    /// Swap it uses, pages.
    pub swap_usage_pages: u64,
    /// `memory.oom.group` (v2): with one process all of the group die.
    pub kills_together: bool,
    /// `oom_kill_disable` (v1): nobody is killed at its limit, those who ask wait.
    pub kill_disabled: bool,
}

/// The version of a control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hierarchy {
    /// cgroups v1, the memory controller's tree.
    V1,
    /// cgroups v2.
    #[default]
    V2,
}

impl Group {
    /// What the kernel measures points against at this limit: the limit and the swap the group may
    /// use; `None`: no limit.
    #[must_use]
    pub fn total_pages(&self, machine_swap_pages: u64) -> Option<u64> {
        let swap = self.swap_limit_pages.unwrap_or(u64::MAX).min(machine_swap_pages);
        Some(self.limit_pages?.saturating_add(swap))
    }

    /// Pages that cannot be taken back without swapping or killing.
    #[must_use]
    pub const fn held_pages(&self) -> u64 {
        self.usage_pages.saturating_sub(self.file_pages)
    }

    /// Pages until its limit cannot be met by taking back files; `None`: no limit.
    #[must_use]
    pub fn room_pages(&self) -> Option<u64> {
        Some(self.limit_pages?.saturating_sub(self.held_pages()))
    }

    /// How full it is, in thousandths of its limit; 0: no limit.
    #[must_use]
    pub fn fill_permille(&self) -> u64 {
        match self.limit_pages {
            None => 0,
            Some(0) => 1000,
            Some(limit) => {
                let permille = u128::from(self.held_pages()) * 1000 / u128::from(limit);
                u64::try_from(permille).unwrap_or(u64::MAX)
            }
        }
    }
}
