//! Who would be killed next, and what to think of it: from a census of processes and groups to
//! facts in KiB, totals by program, and findings.
//!
//! The order is the kernel's (`menshen_guard_core::forecast`); here it is put into words and
//! judged. Names and paths are cleaned, so nobody's name steers a terminal. Pure; nothing can fail.

mod rules;
mod words;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::Finding;
use menshen_guard_core::forecast::{
    Candidate, Census, Domain, Immunity, Ranking, Standing, View, inherited,
};
use serde::Serialize;

use self::words::clean;

/// Everything about the next kills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Next {
    /// Processes that were looked at, without kernel threads.
    pub processes: usize,
    /// Processes that could not be read.
    pub unread: u32,
    /// Only the processes of a container are seen.
    pub container: bool,
    /// The machine, then groups with a limit, nearest to it first.
    pub domains: Vec<Outlook>,
    /// Programs by what their processes hold together, the largest first.
    pub programs: Vec<Program>,
    /// Programs beyond those listed.
    pub programs_left_out: usize,
    /// Protected processes (adj -1000 or nearly), the largest first.
    pub protected: Vec<Protected>,
    /// Protected processes beyond those listed.
    pub protected_left_out: usize,
    /// What to think of it.
    pub findings: Vec<Finding>,
}

/// What happens when the memory of a domain runs out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The group; `None`: the machine.
    pub cgroup: Option<String>,
    /// RAM, or the group's limit.
    pub limit_kib: u64,
    /// What points are measured against: with swap.
    pub total_kib: u64,
    /// What cannot be taken back without swapping or killing.
    pub held_kib: u64,
    /// Thousandths of the limit that are held.
    pub held_permille: u32,
    /// tmpfs and shared memory in it, where that is known: no kill frees files of a tmpfs.
    pub shmem_kib: Option<u64>,
    /// A group above it that has less room than its own limit leaves: that limit is met first.
    pub met_before: Option<String>,
    /// What the kernel does then.
    pub action: Action,
    /// Processes that can be killed in it.
    pub killable: usize,
    /// The first of them, in order.
    pub victims: Vec<NextVictim>,
    /// Steps beyond those listed.
    pub victims_left_out: usize,
    /// Processes that are being killed now; while one lives, nobody else is.
    pub dying: Vec<u32>,
}

/// What the kernel does when memory runs out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It kills the one with most points.
    #[default]
    Kill,
    /// It kills whoever asked for memory (`vm.oom_kill_allocating_task`).
    KillAsker,
    /// It stops the machine (`vm.panic_on_oom`).
    Panic,
    /// It lets those who ask wait (v1, `oom_kill_disable`).
    Wait,
}

/// One step of the kernel's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NextVictim {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its user.
    pub uid: u32,
    /// The kernel's points: pages, with what adj adds.
    pub points: i64,
    /// What it holds: resident, swapped, page tables.
    pub memory_kib: u64,
    /// Thousandths of the domain's total.
    pub share_permille: u32,
    /// Of it resident.
    pub rss_kib: u64,
    /// Of that shared memory, which a kill does not free by itself.
    pub shmem_kib: u64,
    /// Swapped out.
    pub swap_kib: u64,
    /// Page tables.
    pub page_tables_kib: u64,
    /// `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Its group.
    pub cgroup: Option<String>,
    /// The group that dies as a whole with it (`memory.oom.group`).
    pub together: Option<String>,
    /// The others that die with it.
    pub with: usize,
    /// What those hold.
    pub with_kib: u64,
}

/// The processes of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Program {
    /// The name.
    pub name: String,
    /// How many.
    pub processes: usize,
    /// What they hold together; memory they share is counted in each.
    pub memory_kib: u64,
    /// Thousandths of the machine's RAM and swap.
    pub share_permille: u32,
    /// Those of them that cannot be killed.
    pub immune: usize,
}

/// A process the kernel does not kill, or hardly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Protected {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// `oom_score_adj`.
    pub oom_score_adj: i32,
    /// Why.
    pub why: Why,
    /// What it holds.
    pub memory_kib: u64,
    /// The process its protection seems to come from, by mistake.
    pub inherited_from: Option<u32>,
    /// The name of that.
    pub inherited_from_name: Option<String>,
}

/// Why a process is not killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its adj is -1000.
    #[default]
    Adj,
    /// Its adj makes it one of the last.
    AdjLow,
    /// It is PID 1.
    Init,
    /// It lives in its parent's memory (vfork).
    Vfork,
}

/// Puts the forecast into facts: of each domain and list at most `top`.
#[must_use]
pub fn next(census: &Census, top: usize) -> Next {
    let user = |candidate: &&Candidate| candidate.standing != Standing::KernelThread;
    let mut next = Next {
        processes: census.candidates.iter().filter(user).count(),
        unread: census.unread,
        container: census.view == View::Container,
        ..Next::default()
    };
    let mut findings = Vec::new();
    for domain in census.domains() {
        let ranking = census.rank(domain);
        if ranking.victims.is_empty() && ranking.immune.is_empty() {
            continue;
        }
        let outlook = outlook(census, domain, &ranking, top);
        rules::of_domain(census, domain, &ranking, &outlook, &mut findings);
        next.domains.push(outlook);
    }
    (next.programs, next.programs_left_out) = cut(programs(census), top);
    let protected = protected(census);
    rules::of_protected(census, &protected, &mut findings);
    (next.protected, next.protected_left_out) = cut(protected, top);
    rules::of_view(&next, &mut findings);
    findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    next.findings = findings;
    next
}

fn outlook(census: &Census, domain: Domain, ranking: &Ranking, top: usize) -> Outlook {
    let machine = &census.machine;
    let kib = |pages: u64| kib(census, pages);
    let mut outlook = match domain {
        Domain::Machine => {
            let held = machine.ram_pages.saturating_sub(machine.available_pages);
            Outlook {
                limit_kib: kib(machine.ram_pages),
                held_kib: kib(held),
                held_permille: permille(held, machine.ram_pages),
                action: match (machine.panic_on_oom, machine.kills_allocating_task) {
                    (1.., _) => Action::Panic,
                    (0, true) => Action::KillAsker,
                    (0, false) => Action::Kill,
                },
                ..Outlook::default()
            }
        }
        Domain::Group(place) => {
            let group = census.groups.get(place).cloned().unwrap_or_default();
            Outlook {
                cgroup: Some(clean(&group.path)),
                limit_kib: kib(group.limit_pages.unwrap_or(0)),
                held_kib: kib(group.held_pages()),
                held_permille: u32::try_from(group.fill_permille()).unwrap_or(u32::MAX),
                shmem_kib: Some(kib(group.shmem_pages)),
                met_before: met_before(census, place),
                action: match (group.kill_disabled, machine.panic_on_oom) {
                    (true, _) => Action::Wait,
                    (false, 2..) => Action::Panic,
                    _ => Action::Kill,
                },
                ..Outlook::default()
            }
        }
    };
    outlook.total_kib = kib(ranking.total_pages);
    outlook.killable = ranking.victims.iter().map(|victim| 1 + victim.with.len()).sum();
    let victims = ranking.victims.iter().take(top);
    outlook.victims = victims.filter_map(|victim| next_victim(census, ranking, victim)).collect();
    outlook.victims_left_out = ranking.victims.len().saturating_sub(top);
    outlook.dying =
        ranking.dying.iter().filter_map(|place| Some(census.candidates.get(*place)?.pid)).collect();
    outlook
}

fn met_before(census: &Census, place: usize) -> Option<String> {
    let nearest = census.nearest_limit(place).filter(|nearest| *nearest != place)?;
    Some(clean(&census.groups.get(nearest)?.path))
}

fn next_victim(
    census: &Census,
    ranking: &Ranking,
    victim: &menshen_guard_core::forecast::Victim,
) -> Option<NextVictim> {
    let candidate = census.candidates.get(victim.candidate)?;
    let group = |place: Option<usize>| Some(clean(&census.groups.get(place?)?.path));
    let with: u64 = victim
        .with
        .iter()
        .filter_map(|place| Some(held_pages(census, census.candidates.get(*place)?)))
        .fold(0, u64::saturating_add);
    let held = held_pages(census, candidate);
    Some(NextVictim {
        pid: candidate.pid,
        name: clean(&candidate.name),
        uid: candidate.uid,
        points: victim.points,
        memory_kib: kib(census, held),
        share_permille: permille(held, ranking.total_pages),
        rss_kib: kib(census, candidate.rss_pages),
        shmem_kib: kib(census, candidate.shmem_pages),
        swap_kib: kib(census, candidate.swap_pages),
        page_tables_kib: candidate.page_table_bytes / 1024,
        oom_score_adj: candidate.adj,
        cgroup: group(candidate.group),
        together: group(victim.together),
        with: victim.with.len(),
        with_kib: kib(census, with),
    })
}

fn programs(census: &Census) -> Vec<Program> {
    let total = census.total_pages(Domain::Machine);
    let mut sums: BTreeMap<&[u8], (usize, u64, usize)> = BTreeMap::new();
    for candidate in &census.candidates {
        let immune = match candidate.standing {
            Standing::KernelThread | Standing::Zombie => continue,
            // It shows its parent's memory.
            Standing::VforkChild => continue,
            Standing::Init => 1,
            Standing::Ordinary | Standing::Dying => usize::from(candidate.adj <= ADJ_IMMUNE),
        };
        let sum = sums.entry(&candidate.name).or_default();
        sum.0 += 1;
        sum.1 = sum.1.saturating_add(held_pages(census, candidate));
        sum.2 += immune;
    }
    let mut programs: Vec<Program> = sums
        .into_iter()
        .map(|(name, (processes, pages, immune))| Program {
            name: clean(name),
            processes,
            memory_kib: kib(census, pages),
            share_permille: permille(pages, total),
            immune,
        })
        .collect();
    programs.sort_by_key(|program| core::cmp::Reverse(program.memory_kib));
    programs
}

fn protected(census: &Census) -> Vec<Protected> {
    let inherited = inherited(census);
    let mut protected: Vec<Protected> = census
        .candidates
        .iter()
        .enumerate()
        .filter_map(|(place, candidate)| {
            let why = match candidate.standing {
                Standing::Init => Why::Init,
                Standing::VforkChild => Why::Vfork,
                Standing::Ordinary if candidate.adj <= ADJ_IMMUNE => Why::Adj,
                Standing::Ordinary if candidate.adj <= ADJ_LOW => Why::AdjLow,
                _ => return None,
            };
            let from = inherited.iter().find(|found| found.candidate == place);
            let from = from.and_then(|found| census.candidates.get(found.from));
            Some(Protected {
                pid: candidate.pid,
                name: clean(&candidate.name),
                oom_score_adj: candidate.adj,
                why,
                memory_kib: kib(census, held_pages(census, candidate)),
                inherited_from: from.map(|from| from.pid),
                inherited_from_name: from.map(|from| clean(&from.name)),
            })
        })
        .collect();
    protected.sort_by_key(|process| core::cmp::Reverse(process.memory_kib));
    protected
}

fn cut<T>(mut list: Vec<T>, top: usize) -> (Vec<T>, usize) {
    let left_out = list.len().saturating_sub(top);
    list.truncate(top);
    (list, left_out)
}

fn held_pages(census: &Census, candidate: &Candidate) -> u64 {
    let tables = candidate.page_table_bytes.checked_div(census.page_bytes).unwrap_or(0);
    candidate.rss_pages.saturating_add(candidate.swap_pages).saturating_add(tables)
}

fn kib(census: &Census, pages: u64) -> u64 {
    pages.saturating_mul(census.page_bytes) / 1024
}

fn permille(part: u64, whole: u64) -> u32 {
    let share = (u128::from(part) * 1000).checked_div(u128::from(whole)).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// Whether the kernel passes over it, in words for [`Why`].
impl From<Immunity> for Why {
    fn from(immunity: Immunity) -> Self {
        match immunity {
            Immunity::Adj => Self::Adj,
            Immunity::Init => Self::Init,
            Immunity::Vfork => Self::Vfork,
        }
    }
}

const ADJ_IMMUNE: i32 = -1000;
/// Up to this a score is a protection; -250 and the like are a preference.
const ADJ_LOW: i32 = -500;

#[cfg(test)]
mod tests;
