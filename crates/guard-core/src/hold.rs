//! Whom an exhausted group loses when the choice is ours: the most expendable, protected programs
//! last, and within a class whoever the kernel would have chosen.

use core::cmp::Reverse;

/// A process of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The process.
    pub pid: u32,
    /// Bytes that its end would free: resident, swapped out, page tables.
    pub bytes: u64,
    /// Its `oom_score_adj`.
    pub score: i32,
    /// What the configuration says of it.
    pub standing: Standing,
}

/// What the configuration says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Named with a score above 0.
    Expendable,
    /// Not named.
    Ordinary,
    /// Named with a score of 0 or below, or our own guard and watch.
    Protected,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This one ends.
    End(Member),
    /// The limit is raised: else a protected program would have to end.
    Raise,
    /// There is nobody to end: the kernel decides.
    Release,
}

/// Who, of these members of a group with that limit in bytes; `may_raise`: the limit may go up and
/// has not yet.
#[must_use]
pub fn choose(members: &[Member], limit_bytes: u64, raise: Raise) -> Choice {
    let points = |member: &Member| {
        let share = i128::from(limit_bytes) * i128::from(member.score) / 1000;
        i128::from(member.bytes) + share
    };
    // One that has nothing frees nothing.
    let able = members.iter().filter(|member| member.bytes > 0 && member.score > -1000);
    let rank = |member: &&Member| (member.standing, Reverse(points(member)), Reverse(member.pid));
    match able.min_by_key(rank) {
        None => Choice::Release,
        Some(member) if member.standing == Standing::Protected && raise == Raise::Allowed => {
            Choice::Raise
        }
        Some(member) => Choice::End(*member),
    }
}

/// Whether the limit may be raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raise {
    /// It may.
    Allowed,
    /// It may not, or it was already.
    Spent,
}

#[cfg(test)]
mod tests {
    //! The order, case by case.
    use super::*;

    const fn member(pid: u32, bytes: u64, score: i32, standing: Standing) -> Member {
        Member { pid, bytes, score, standing }
    }

    #[test]
    fn expendable_before_ordinary_before_protected_and_then_as_the_kernel() {
        use Standing::{Expendable, Ordinary, Protected};
        let all = [
            member(1, 900, 0, Protected),
            member(2, 500, 0, Ordinary),
            member(3, 600, 0, Ordinary),
            member(4, 10, 300, Expendable),
            member(5, 20, 300, Expendable),
            member(6, 0, 1000, Expendable),
            member(7, 9000, -1000, Ordinary),
        ];
        let order = [5, 4, 3, 2, 1];
        let mut left = all.to_vec();
        for pid in order {
            let Choice::End(chosen) = choose(&left, 1000, Raise::Spent) else { panic!("{pid}") };
            assert_eq!(chosen.pid, pid);
            left.retain(|member| member.pid != pid);
        }
        assert_eq!(choose(&left, 1000, Raise::Allowed), Choice::Release, "6 and 7 free nothing");
        assert_eq!(choose(&all[..1], 1000, Raise::Allowed), Choice::Raise);
        assert_eq!(choose(&[], 1000, Raise::Allowed), Choice::Release);
    }

    #[test]
    fn a_score_counts_as_thousandths_of_the_limit() {
        let small = member(1, 100, 500, Standing::Ordinary);
        let large = member(2, 500, 0, Standing::Ordinary);
        assert_eq!(choose(&[small, large], 1000, Raise::Spent), Choice::End(small));
        assert_eq!(choose(&[small, large], 100, Raise::Spent), Choice::End(large));
    }
}
