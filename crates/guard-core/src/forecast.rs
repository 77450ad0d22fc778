//! Who the kernel would kill next, were memory to run out now: its own formula over a census of
//! processes and control groups.
//!
//! The rule is that of `oom_badness` and `oom_evaluate_task` in the kernel's `mm/oom_kill.c`:
//! points = resident pages + swapped pages + page tables in pages + adj * (total / 1000), the most
//! points are killed. What differs between kernels is in [`Rules`]. Nothing is read here; the
//! collector is `menshen_process::candidates`.
//!
//! What it cannot know: how much memory everybody will have when the moment comes, which process
//! the kernel asks to free memory of its own accord, and memory policies.

use alloc::vec::Vec;

mod immunity;
mod limits;
mod points;

pub use immunity::{Inherited, inherited, protects_itself};
pub use limits::{Group, Hierarchy};
pub use points::{Immunity, Ranking, Victim, points};

/// A process that could be killed, as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// The process (thread group).
    pub pid: u32,
    /// Its parent; 0: none.
    pub parent: u32,
    /// Its name: at most 15 bytes of its own choice.
    pub name: Vec<u8>,
    /// Effective user.
    pub uid: u32,
    /// When it started, in clock ticks since the kernel did: with the pid, its identity, and its
    /// place in the kernel's list.
    pub start_ticks: u64,
    /// Resident pages: anonymous, of files and shared.
    pub rss_pages: u64,
    /// Of them shared memory and tmpfs: a kill does not free these.
    pub shmem_pages: u64,
    /// Swapped out pages.
    pub swap_pages: u64,
    /// Page tables, bytes.
    pub page_table_bytes: u64,
    /// `oom_score_adj`, -1000..=1000.
    pub adj: i32,
    /// What the kernel makes of it before it counts.
    pub standing: Standing,
    /// Its memory control group: a place in [`Census::groups`]; `None`: not known.
    pub group: Option<usize>,
}

/// What keeps a process from being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// An ordinary process.
    #[default]
    Ordinary,
    /// The first process of the machine: never killed. A container's first one is ordinary.
    Init,
    /// A kernel thread: no memory of its own.
    KernelThread,
    /// A child of `vfork` that lives in its parent's memory until it starts a program. Inferred.
    VforkChild,
    /// It has a SIGKILL pending: it is on its way out.
    Dying,
    /// Ended, and not waited for: no memory left.
    Zombie,
}

/// Every process and every memory group at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Which kernel's rules hold.
    pub rules: Rules,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// The machine.
    pub machine: Machine,
    /// Memory groups, parents before their children; the first is the root, where there are any.
    pub groups: Vec<Group>,
    /// Processes, in the kernel's order (by start).
    pub candidates: Vec<Candidate>,
    /// How much of the machine is seen.
    pub view: View,
    /// Processes that ran and could not be read.
    pub unread: u32,
}

/// How much of the machine a census sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Every process.
    #[default]
    Machine,
    /// Only the processes of a container: others may die before them.
    Container,
}

/// The machine's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Machine {
    /// RAM the kernel manages, pages (`MemTotal`).
    pub ram_pages: u64,
    /// Swap, pages.
    pub swap_pages: u64,
    /// What could still be given out without swapping, pages (`MemAvailable`).
    pub available_pages: u64,
    /// Swap not used yet, pages.
    pub swap_free_pages: u64,
    /// `vm.oom_kill_allocating_task`: on a shortage of the machine, whoever asked is killed.
    pub kills_allocating_task: bool,
    /// `vm.panic_on_oom`: 0 kills; 1: a shortage of the machine stops it; 2: any shortage does.
    pub panic_on_oom: u8,
}

/// Whose memory runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The machine's RAM and swap.
    Machine,
    /// A control group's limit: a place in [`Census::groups`].
    Group(usize),
}

/// What differs between kernels. Kernels before 3.14 count otherwise (`oom_badness` was scaled to
/// 1000 until 3.5, root's bonus was fixed until 3.13): for them the order is an approximation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Processes of root count 3 % less (more exactly: those with `CAP_SYS_ADMIN`): until 4.16
    /// (d46078b28889 removed it).
    pub root_bonus: bool,
    /// Points are never below 1, so that all with a low adj are alike: until 5.8 (9066e5cfb73c
    /// removed it; some vendors took that back to 5.4).
    pub floor: bool,
    /// Of those with equal points the first of the list dies: until 5.2; since then the last.
    pub first_of_equals: bool,
    /// The child with the most points dies in the place of the chosen process: until 5.0
    /// (bbbe48029720 removed it).
    pub child_sacrificed: bool,
}

impl Rules {
    /// The rules of a kernel by its release, such as `6.1.0-18-amd64`. One that cannot be read
    /// counts as present.
    #[must_use]
    pub fn of_release(release: &str) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|digits| digits.parse::<u32>().unwrap_or(u32::MAX));
        let version = (numbers.next().unwrap_or(u32::MAX), numbers.next().unwrap_or(u32::MAX));
        Self {
            root_bonus: version < (4, 17),
            floor: version < (5, 9),
            first_of_equals: version < (5, 3),
            child_sacrificed: version < (5, 1),
        }
    }
}

impl Census {
    /// The machine, then every group with a limit of its own, nearest to its limit first.
    #[must_use]
    pub fn domains(&self) -> Vec<Domain> {
        let mut groups: Vec<usize> = (0..self.groups.len())
            .filter(|place| self.groups.get(*place).is_some_and(|g| g.limit_pages.is_some()))
            .collect();
        groups.sort_by_key(|place| {
            let group = self.groups.get(*place);
            core::cmp::Reverse(group.map_or(0, Group::fill_permille))
        });
        let mut domains = Vec::with_capacity(groups.len() + 1);
        domains.push(Domain::Machine);
        domains.extend(groups.into_iter().map(Domain::Group));
        domains
    }

    /// The pages that points are measured against: RAM and swap, or the limit and the swap the
    /// group may use. Never 0.
    #[must_use]
    pub fn total_pages(&self, domain: Domain) -> u64 {
        let machine = self.machine.ram_pages.saturating_add(self.machine.swap_pages);
        let total = match domain {
            Domain::Machine => machine,
            Domain::Group(place) => match self.groups.get(place) {
                Some(group) => group.total_pages(self.machine.swap_pages).unwrap_or(machine),
                None => machine,
            },
        };
        total.max(1)
    }

    /// Whether the group at `place` is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, place: usize, ancestor: usize) -> bool {
        let mut at = Some(place);
        // A path has fewer steps than there are groups, whatever the parents say.
        for _ in 0..=self.groups.len() {
            match at {
                Some(place) if place == ancestor => return true,
                Some(place) => at = self.groups.get(place).and_then(|group| group.parent),
                None => return false,
            }
        }
        false
    }

    /// The limit that a process of the group at `place` meets first: of the group and those above
    /// it, the one with the least room. `None`: only the machine's.
    #[must_use]
    pub fn nearest_limit(&self, place: usize) -> Option<usize> {
        (0..self.groups.len())
            .filter(|candidate| self.is_within(place, *candidate))
            .filter_map(|candidate| Some((self.groups.get(candidate)?.room_pages()?, candidate)))
            .min()
            .map(|(_, candidate)| candidate)
    }

    /// Whether the candidate's memory counts in the domain.
    #[must_use]
    pub fn is_member(&self, candidate: &Candidate, domain: Domain) -> bool {
        match domain {
            Domain::Machine => true,
            Domain::Group(place) => {
                candidate.group.is_some_and(|group| self.is_within(group, place))
            }
        }
    }

    /// Who would be killed in the domain, in order, and who cannot be.
    #[must_use]
    pub fn rank(&self, domain: Domain) -> Ranking {
        points::rank(self, domain)
    }
}

#[cfg(test)]
mod tests;
