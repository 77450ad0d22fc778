//! The order in which the kernel kills: `oom_badness`, `oom_evaluate_task` and
//! `mem_cgroup_get_oom_group` of `mm/oom_kill.c` and `mm/memcontrol.c`.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Candidate, Census, Domain, Rules, Standing};

/// Who would be killed in a domain, and who cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranking {
    /// What points are measured against, pages.
    pub total_pages: u64,
    /// Who dies, in order, as long as nothing changes between the kills.
    pub victims: Vec<Victim>,
    /// Who is not counted, with memory of its own; in list order. Kernel threads are not among
    /// them.
    pub immune: Vec<(usize, Immunity)>,
    /// Who is being killed already. As long as one that the kernel chose lives, it kills nobody
    /// else.
    pub dying: Vec<usize>,
}

/// One step of the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// The process: a place in [`Census::candidates`].
    pub candidate: usize,
    /// Its points; the most die first.
    pub points: i64,
    /// Who dies in the same step, because the group at this place is one to be killed together.
    pub together: Option<usize>,
    /// The others of that group that die in this step.
    pub with: Vec<usize>,
}

/// Why a process is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Immunity {
    /// Its adj is -1000.
    Adj,
    /// It is PID 1.
    Init,
    /// It lives in the memory of its parent until it starts a program (vfork).
    Vfork,
}

/// The points of a process with memory of its own; `None`: it is not counted.
#[must_use]
pub fn points(candidate: &Candidate, total: u64, page_bytes: u64, rules: Rules) -> Option<i64> {
    if candidate.standing != Standing::Ordinary || candidate.adj <= ADJ_IMMUNE {
        return None;
    }
    let tables = candidate.page_table_bytes.checked_div(page_bytes).unwrap_or(0);
    let pages = candidate.rss_pages.saturating_add(candidate.swap_pages).saturating_add(tables);
    let mut points = i64::try_from(pages).unwrap_or(i64::MAX);
    if rules.root_bonus && candidate.uid == 0 {
        points -= points / 100 * 3 + points % 100 * 3 / 100;
    }
    // The kernel divides first, so a total below 1000 pages makes adj worth nothing.
    let thousandth = i64::try_from(total / 1000).unwrap_or(i64::MAX);
    points = points.saturating_add(i64::from(candidate.adj).saturating_mul(thousandth));
    Some(if rules.floor { points.max(1) } else { points })
}

pub(super) fn rank(census: &Census, domain: Domain) -> Ranking {
    let total_pages = census.total_pages(domain);
    let mut ranking = Ranking { total_pages, ..Ranking::default() };
    let mut order: Vec<(i64, usize)> = Vec::new();
    for (place, candidate) in census.candidates.iter().enumerate() {
        if !census.is_member(candidate, domain) {
            continue;
        }
        match candidate.standing {
            Standing::KernelThread | Standing::Zombie => {}
            Standing::Dying => ranking.dying.push(place),
            Standing::Init => ranking.immune.push((place, Immunity::Init)),
            Standing::VforkChild => ranking.immune.push((place, Immunity::Vfork)),
            Standing::Ordinary => {
                match points(candidate, total_pages, census.page_bytes, census.rules) {
                    Some(points) => order.push((points, place)),
                    None => ranking.immune.push((place, Immunity::Adj)),
                }
            }
        }
    }
    if census.rules.first_of_equals {
        order.sort_by_key(|(points, place)| (Reverse(*points), *place));
    } else {
        order.sort_by_key(|(points, place)| (Reverse(*points), Reverse(*place)));
    }
    if census.rules.child_sacrificed {
        order = children_first(census, &order);
    }
    ranking.victims = steps(census, domain, &order);
    ranking
}

/// The children of a chosen process die before it, one after the other.
fn children_first(census: &Census, order: &[(i64, usize)]) -> Vec<(i64, usize)> {
    let parent_of = |place: usize| census.candidates.get(place).map_or(0, |c| c.parent);
    let pid_of = |place: usize| census.candidates.get(place).map_or(0, |c| c.pid);
    // By parent, and within one by place in the order.
    let mut children: Vec<(u32, usize)> =
        order.iter().enumerate().map(|(at, (_, place))| (parent_of(*place), at)).collect();
    children.sort_unstable();
    let mut taken = alloc::vec![false; order.len()];
    let mut sacrificed = Vec::with_capacity(order.len());
    for (at, chosen) in order.iter().enumerate() {
        if taken.get(at).copied().unwrap_or(true) {
            continue;
        }
        let pid = pid_of(chosen.1);
        let first = children.partition_point(|(parent, _)| *parent < pid);
        let of_chosen = children.get(first..).unwrap_or_default();
        let of_chosen = of_chosen.iter().take_while(|(parent, _)| *parent == pid);
        for at in of_chosen.map(|(_, at)| *at).filter(|child| *child != at).chain([at]) {
            let (Some(taken), Some(entry)) = (taken.get_mut(at), order.get(at)) else { continue };
            if !core::mem::replace(taken, true) {
                sacrificed.push(*entry);
            }
        }
    }
    sacrificed
}

/// Joins those who die together.
fn steps(census: &Census, domain: Domain, order: &[(i64, usize)]) -> Vec<Victim> {
    let together = kill_groups(census, domain);
    let group_of = |place: usize| {
        let group = census.candidates.get(place)?.group?;
        together.get(group).copied().flatten()
    };
    let mut gone = alloc::vec![false; census.candidates.len()];
    let mut victims: Vec<Victim> = Vec::new();
    for (points, place) in order {
        if gone.get(*place).copied().unwrap_or(true) {
            continue;
        }
        let group = group_of(*place);
        let mut with = Vec::new();
        if let Some(group) = group {
            for (_, other) in order {
                if other != place && group_of(*other) == Some(group) {
                    with.push(*other);
                }
            }
        }
        for place in with.iter().chain([place]) {
            if let Some(gone) = gone.get_mut(*place) {
                *gone = true;
            }
        }
        victims.push(Victim { candidate: *place, points: *points, together: group, with });
    }
    victims
}

/// For each group the highest one, within the domain, that is killed together with it. The root
/// never is.
fn kill_groups(census: &Census, domain: Domain) -> Vec<Option<usize>> {
    let top = match domain {
        Domain::Machine => None,
        Domain::Group(place) => Some(place),
    };
    (0..census.groups.len())
        .map(|place| {
            let (mut at, mut found) = (Some(place), None);
            for _ in 0..=census.groups.len() {
                let Some((here, group)) = at.and_then(|at| Some((at, census.groups.get(at)?)))
                else {
                    break;
                };
                if group.kills_together && group.parent.is_some() {
                    found = Some(here);
                }
                at = if Some(here) == top { None } else { group.parent };
            }
            found
        })
        .collect()
}

/// `OOM_SCORE_ADJ_MIN`.
const ADJ_IMMUNE: i32 = -1000;
