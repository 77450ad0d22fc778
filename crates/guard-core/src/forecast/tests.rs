//! The kernel's formula, table by table.
use alloc::vec;

use super::*;

#[test]
fn rules_follow_the_release() {
    // release: root bonus, floor, first of equals, child sacrificed
    let table = [
        ("3.16.0-4-amd64", [true, true, true, true]),
        ("4.16.12", [true, true, true, true]),
        ("4.17.0-rc1", [false, true, true, true]),
        ("4.19.0-21-amd64", [false, true, true, true]),
        ("5.1.0", [false, true, true, false]),
        ("5.4.0-200-generic", [false, true, false, false]),
        ("5.9.0", [false; 4]),
        ("6.18.44", [false; 4]),
        ("", [false; 4]),
        ("next", [false; 4]),
    ];
    for (release, [root_bonus, floor, first_of_equals, child_sacrificed]) in table {
        let expected = Rules { root_bonus, floor, first_of_equals, child_sacrificed };
        assert_eq!(Rules::of_release(release), expected, "{release}");
    }
}

fn process(pid: u32, rss_pages: u64, adj: i32) -> Candidate {
    Candidate { pid, parent: 1, start_ticks: pid.into(), rss_pages, adj, ..Candidate::default() }
}

fn machine(candidates: Vec<Candidate>) -> Census {
    Census {
        page_bytes: 4096,
        machine: Machine { ram_pages: 100_000, swap_pages: 20_999, ..Machine::default() },
        candidates,
        ..Census::default()
    }
}

fn pids(census: &Census, domain: Domain) -> Vec<u32> {
    let pid = |place: usize| census.candidates[place].pid;
    census.rank(domain).victims.iter().map(|victim| pid(victim.candidate)).collect()
}

#[test]
fn points_are_pages_swap_tables_and_a_share_of_the_total() {
    let old = Rules::of_release("4.4.0");
    let floored = Rules::of_release("5.4.0");
    let new = Rules::of_release("6.1.0");
    let base = Candidate {
        rss_pages: 1000,
        swap_pages: 200,
        page_table_bytes: 3 * 4096 + 4095,
        ..process(5, 0, 0)
    };
    // adj, uid, rules, points
    let table = [
        (0, 5, new, Some(1203)),
        (0, 0, new, Some(1203)),
        (0, 0, old, Some(1203 - 36)),
        (0, 5, old, Some(1203)),
        // 120,999 pages are 120 for each of a thousand: the kernel divides first.
        (1, 5, new, Some(1203 + 120)),
        (1000, 5, new, Some(1203 + 120_000)),
        (-10, 5, new, Some(1203 - 1200)),
        (-999, 5, new, Some(1203 - 119_880)),
        (-999, 5, floored, Some(1)),
        (-11, 0, old, Some(1)),
        (-1000, 5, new, None),
        (-1000, 0, old, None),
    ];
    for (adj, uid, rules, expected) in table {
        let candidate = Candidate { adj, uid, rss_pages: 1000, ..base.clone() };
        assert_eq!(points(&candidate, 120_999, 4096, rules), expected, "{adj} {uid} {rules:?}");
    }
    assert_eq!(points(&base, 999, 4096, new), Some(1203), "a tiny total makes adj worth nothing");
    let huge = Candidate { rss_pages: u64::MAX, adj: 1000, ..base };
    assert_eq!(points(&huge, u64::MAX, 4096, old), Some(i64::MAX));
    assert!(points(&huge, 5, 0, new).is_some());
}

#[test]
fn who_is_not_counted_is_named_with_the_reason() {
    let mut census = machine(vec![
        process(1, 9000, 0),
        process(2, 0, 0),
        process(10, 50_000, -1000),
        process(11, 500, 0),
        process(12, 500, 0),
        process(13, 500, 0),
        process(14, 400, 0),
    ]);
    for (place, standing) in [
        (0, Standing::Init),
        (1, Standing::KernelThread),
        (3, Standing::VforkChild),
        (4, Standing::Dying),
        (5, Standing::Zombie),
    ] {
        census.candidates[place].standing = standing;
    }
    let ranking = census.rank(Domain::Machine);
    assert_eq!(ranking.total_pages, 120_999);
    assert_eq!(pids(&census, Domain::Machine), [14]);
    assert_eq!(ranking.dying, [4]);
    assert_eq!(ranking.immune, [(0, Immunity::Init), (2, Immunity::Adj), (3, Immunity::Vfork)]);
}

#[test]
fn of_equals_the_last_dies_and_of_old_kernels_the_first() {
    let mut census =
        machine(vec![process(3, 10, 0), process(4, 10, 0), process(5, 11, 0), process(6, 10, 0)]);
    assert_eq!(pids(&census, Domain::Machine), [5, 6, 4, 3]);
    census.rules = Rules::of_release("4.19.0");
    assert_eq!(pids(&census, Domain::Machine), [5, 3, 4, 6]);
}

#[test]
fn until_5_0_children_die_in_the_place_of_their_parent() {
    let child = |pid, rss| Candidate { parent: 3, ..process(pid, rss, 0) };
    let mut census = machine(vec![
        process(3, 900, 0),
        child(4, 10),
        child(5, 20),
        Candidate { parent: 5, ..process(6, 5, 0) },
        process(7, 800, 0),
    ]);
    assert_eq!(pids(&census, Domain::Machine), [3, 7, 5, 4, 6]);
    census.rules = Rules::of_release("4.19.0");
    assert_eq!(pids(&census, Domain::Machine), [5, 4, 3, 7, 6]);
}

/// `/`, `/a` (limit 1000, with swap 1500), `/a/b` (limit 600, no swap), `/c`.
fn nested() -> Census {
    let group = |path: &str, parent, limit_pages, usage_pages| Group {
        path: path.as_bytes().to_vec(),
        parent,
        limit_pages,
        usage_pages,
        ..Group::default()
    };
    let mut census = machine(vec![
        Candidate { group: Some(1), ..process(10, 300, 0) },
        Candidate { group: Some(2), ..process(11, 200, 100) },
        Candidate { group: Some(2), ..process(12, 250, 0) },
        Candidate { group: Some(3), ..process(13, 5000, 0) },
        Candidate { group: None, ..process(14, 1, 0) },
    ]);
    census.groups = vec![
        group("/", None, None, 0),
        group("/a", Some(0), Some(100_000), 99_000),
        group("/a/b", Some(1), Some(60_000), 59_500),
        group("/c", Some(0), None, 0),
    ];
    census.groups[1].swap_limit_pages = Some(50_000);
    census.groups[1].file_pages = 60_000;
    census.groups[2].swap_limit_pages = Some(0);
    census
}

#[test]
fn a_group_counts_its_own_and_those_below_against_its_limit_and_swap() {
    let census = nested();
    assert_eq!(census.total_pages(Domain::Group(1)), 120_999, "swap of the machine is less");
    assert_eq!(census.total_pages(Domain::Group(2)), 60_000);
    assert_eq!(census.total_pages(Domain::Group(3)), 120_999);
    // 100 * 120 more in /a, 100 * 60 in /a/b.
    assert_eq!(pids(&census, Domain::Group(1)), [11, 10, 12]);
    assert_eq!(census.rank(Domain::Group(1)).victims[0].points, 12_200);
    assert_eq!(pids(&census, Domain::Group(2)), [11, 12]);
    assert_eq!(census.rank(Domain::Group(2)).victims[0].points, 6200);
    assert_eq!(pids(&census, Domain::Machine), [11, 13, 10, 12, 14]);
}

#[test]
fn the_nearest_limit_is_that_with_the_least_room() {
    let mut census = nested();
    assert_eq!(census.domains(), [Domain::Machine, Domain::Group(2), Domain::Group(1)]);
    assert_eq!(census.nearest_limit(2), Some(2));
    assert_eq!(census.groups[1].room_pages(), Some(61_000), "files can be taken back");
    census.groups[1].file_pages = 0;
    census.groups[1].usage_pages = 99_900;
    assert_eq!(census.nearest_limit(2), Some(1), "the one above it is nearer to its limit");
    assert_eq!(census.domains()[1], Domain::Group(1));
    assert_eq!(census.nearest_limit(3), None);
    census.groups[1].limit_pages = Some(0);
    assert_eq!((census.groups[1].fill_permille(), census.groups[1].room_pages()), (1000, Some(0)));
}

#[test]
fn a_group_that_dies_together_takes_all_but_the_immune_with_it() {
    let mut census = nested();
    census.candidates.push(Candidate { group: Some(2), ..process(15, 1, -1000) });
    census.groups[2].kills_together = true;
    let ranking = census.rank(Domain::Machine);
    assert_eq!(pids(&census, Domain::Machine), [11, 13, 10, 14]);
    assert_eq!((ranking.victims[0].together, &*ranking.victims[0].with), (Some(2), &[2][..]));
    // The highest one within the domain counts.
    census.groups[1].kills_together = true;
    assert_eq!(pids(&census, Domain::Machine), [11, 13, 14]);
    assert_eq!(census.rank(Domain::Machine).victims[0].together, Some(1));
    assert_eq!(pids(&census, Domain::Group(2)), [11]);
    assert_eq!(census.rank(Domain::Group(2)).victims[0].together, Some(2));
    // The root is never one.
    census.groups[0].kills_together = true;
    assert_eq!(census.rank(Domain::Machine).victims[0].together, Some(1));
}

#[test]
fn parents_in_a_ring_end_nothing() {
    let mut census = nested();
    census.groups[0].parent = Some(2);
    let _ = (census.rank(Domain::Machine), census.rank(Domain::Group(3)), census.domains());
    let _ = census.nearest_limit(3);
}

#[test]
fn immunity_by_mistake_is_told_from_that_of_daemons() {
    let named = |pid, parent, name: &str, adj| Candidate {
        parent,
        name: name.as_bytes().to_vec(),
        ..process(pid, 10, adj)
    };
    let census = machine(vec![
        Candidate { standing: Standing::Init, ..named(1, 0, "systemd", 0) },
        named(20, 1, "sshd", -1000),
        named(21, 20, "sshd", 0),
        named(22, 20, "sshd", -1000),
        named(23, 22, "bash", -1000),
        named(24, 23, "mysqld", -1000),
        named(25, 21, "bash", 0),
        named(30, 1, "agent", -1000),
        named(31, 30, "agent", -1000),
        named(32, 31, "job", -1000),
        named(33, 30, "calm", 0),
        named(40, 1, "postgres", -900),
        named(41, 40, "postgres", -900),
        named(50, 1, "journald", -250),
        named(51, 50, "child", -250),
    ]);
    let found: Vec<(u32, u32, bool)> = inherited(&census)
        .into_iter()
        .map(|found| {
            let pid = |place: usize| census.candidates[place].pid;
            (pid(found.candidate), pid(found.from), found.known)
        })
        .collect();
    assert_eq!(found, [(23, 22, true), (24, 22, true), (32, 30, false)]);
}
