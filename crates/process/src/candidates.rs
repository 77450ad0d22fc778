//! A census of processes and memory groups for the forecast of out-of-memory kills.
//!
//! Read from `/proc` and the control groups' files, without holding anybody up: it is a picture of
//! some milliseconds, not of a moment. A process that ends meanwhile is left out. Nothing foreign
//! is interpreted; names are bytes.

use std::collections::HashMap;
use std::io;

use menshen_guard_core::forecast::{Candidate, Census, Rules, Standing, View};
use menshen_sys::cgroup::Tree;
use menshen_sys::proc::{self, Stat, Status};

use self::groups::Groups;

mod groups;
mod machine;

/// Takes the census of everything this process may see. Costs about 40 microseconds per process.
///
/// # Errors
/// When `/proc` or `/proc/meminfo` cannot be read. Without control groups there are no groups.
pub fn census() -> io::Result<Census> {
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let machine = machine::read(page_bytes)?;
    let release = rustix::system::uname();
    let mut census = Census {
        rules: Rules::of_release(&release.release().to_string_lossy()),
        page_bytes,
        machine,
        view: view(),
        ..Census::default()
    };
    let tree = Tree::memory().ok().flatten();
    let mut groups = Groups::new(tree.as_ref(), page_bytes);
    let mut looks = Vec::new();
    for pid in proc::pids()? {
        match Look::at(pid, census.view) {
            Ok(look) => looks.push(look),
            Err(error) if gone(&error) => {}
            Err(_) => census.unread = census.unread.saturating_add(1),
        }
    }
    // The kernel walks its list, which is in the order of their start.
    looks.sort_by_key(|look| (look.stat.start_ticks, look.stat.pid));
    mark_vfork(&mut looks);
    for look in looks {
        let group = look.group(tree.as_ref(), &mut groups);
        census.candidates.push(look.candidate(page_bytes, group));
    }
    census.groups = groups.finish();
    Ok(census)
}

/// What was read of one process.
struct Look {
    stat: Stat,
    status: Status,
    adj: i32,
    cgroup: Vec<u8>,
    standing: Standing,
}

impl Look {
    fn at(pid: u32, view: View) -> io::Result<Self> {
        let stat = Stat::read(pid)?;
        if stat.is_kernel_thread() {
            let standing = Standing::KernelThread;
            return Ok(Self {
                stat,
                status: Status::default(),
                adj: 0,
                cgroup: Vec::new(),
                standing,
            });
        }
        let mut status = Status::read(pid)?;
        if !status.has_memory && stat.threads > 1 {
            // The first thread ended, the others live and hold the memory.
            let alive = proc::threads(pid)?.into_iter().filter_map(|id| Status::read(id).ok());
            status = { alive }.find(|status| status.has_memory).unwrap_or(status);
        }
        let standing = if pid == 1 && view == View::Machine {
            Standing::Init
        } else if !status.has_memory {
            Standing::Zombie
        } else if status.pending & SIGKILL_BIT != 0
            || (stat.flags & PF_EXITING != 0 && stat.threads == 1)
        {
            Standing::Dying
        } else {
            Standing::Ordinary
        };
        let adj = proc::oom_score_adj(pid)?;
        Ok(Self { stat, status, adj, cgroup: proc::cgroup(pid)?, standing })
    }

    fn group(&self, tree: Option<&Tree>, groups: &mut Groups<'_>) -> Option<usize> {
        groups.place(tree?.path_in(&self.cgroup)?)
    }

    fn candidate(self, page_bytes: u64, group: Option<usize>) -> Candidate {
        let pages = |kib: u64| kib.saturating_mul(1024) / page_bytes.max(1);
        Candidate {
            pid: self.stat.pid,
            parent: self.stat.parent,
            name: self.stat.name,
            uid: self.status.uid,
            start_ticks: self.stat.start_ticks,
            rss_pages: pages(self.status.rss_kib),
            shmem_pages: pages(self.status.shmem_kib),
            swap_pages: pages(self.status.swap_kib),
            page_table_bytes: self.status.page_table_kib.saturating_mul(1024),
            adj: self.adj,
            standing: self.standing,
            group,
        }
    }

    /// Whether it looks like a child of `vfork`: it started no program yet, its parent waits
    /// without being interruptible, and both show the same memory.
    fn is_vfork_child_of(&self, parent: &Self) -> bool {
        self.stat.flags & PF_FORKNOEXEC != 0
            && parent.stat.state == b'D'
            && self.status.rss_kib == parent.status.rss_kib
            && self.status.page_table_kib == parent.status.page_table_kib
            && self.status.swap_kib == parent.status.swap_kib
    }
}

fn mark_vfork(looks: &mut [Look]) {
    let by_pid: HashMap<u32, usize> =
        looks.iter().enumerate().map(|(place, look)| (look.stat.pid, place)).collect();
    let children: Vec<usize> = looks
        .iter()
        .enumerate()
        .filter(|(_, look)| look.standing == Standing::Ordinary)
        .filter(|(_, look)| {
            let parent = by_pid.get(&look.stat.parent).and_then(|place| looks.get(*place));
            parent.is_some_and(|parent| look.is_vfork_child_of(parent))
        })
        .map(|(place, _)| place)
        .collect();
    for place in children {
        if let Some(look) = looks.get_mut(place) {
            look.standing = Standing::VforkChild;
        }
    }
}

/// The machine's own namespace of processes has a number of its own (`PROC_PID_INIT_INO` of
/// `include/uapi/linux/nsfs.h`).
fn view() -> View {
    match std::fs::read_link("/proc/self/ns/pid") {
        Ok(name) if name.as_os_str() != FIRST_PID_NAMESPACE => View::Container,
        _ => View::Machine,
    }
}

fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

const ESRCH: i32 = 3;
/// `PF_EXITING` of `include/linux/sched.h`: it is on its way out.
const PF_EXITING: u32 = 0x4;
/// `PF_FORKNOEXEC`: it was forked and started no program yet.
const PF_FORKNOEXEC: u32 = 0x40;
const SIGKILL_BIT: u64 = 1 << 8;
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

#[cfg(test)]
mod tests;
