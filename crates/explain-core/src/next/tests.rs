//! A reference machine: a database first in line, an inherited immunity, groups with limits.
use alloc::vec;

use menshen_base::Severity;
use menshen_guard_core::forecast::{Candidate, Census, Group, Hierarchy, Machine, Standing};

use super::*;

fn process(pid: u32, parent: u32, name: &str, rss_pages: u64, adj: i32) -> Candidate {
    let name = name.as_bytes().to_vec();
    let start_ticks = u64::from(pid);
    Candidate { pid, parent, name, start_ticks, rss_pages, adj, ..Candidate::default() }
}

/// 8 GiB, and the night's programs.
fn census() -> Census {
    let mut candidates = vec![
        process(1, 0, "systemd", 3000, 0),
        process(2, 0, "kthreadd", 0, 0),
        process(20, 1, "sshd", 2000, -1000),
        process(21, 20, "bash", 1000, -1000),
        process(30, 1, "mysqld", 900_000, 0),
        process(40, 1, "VBoxHeadless", 300_000, 0),
        process(41, 1, "VBoxHeadless", 290_000, 0),
        process(50, 1, "evil\x1b[2J", 10, 0),
    ];
    candidates[0].standing = Standing::Init;
    candidates[1].standing = Standing::KernelThread;
    candidates[4].group = Some(1);
    candidates[5].group = Some(2);
    candidates[6].group = Some(2);
    let group = |path: &str, limit_pages, usage_pages| Group {
        path: path.as_bytes().to_vec(),
        parent: Some(0),
        limit_pages,
        usage_pages,
        ..Group::default()
    };
    Census {
        page_bytes: 4096,
        machine: Machine {
            ram_pages: 2 << 20,
            swap_pages: 1 << 20,
            available_pages: 100_000,
            ..Machine::default()
        },
        groups: vec![
            Group { path: b"/".to_vec(), ..Group::default() },
            group("/db", Some(1_000_000), 905_000),
            group("/vm", None, 0),
        ],
        candidates,
        ..Census::default()
    }
}

fn codes(next: &Next) -> Vec<(&'static str, &str)> {
    next.findings.iter().map(|finding| (finding.code, &*finding.subject)).collect()
}

#[test]
fn the_order_the_shares_and_the_immune_are_told() {
    let next = next(&census(), 2);
    assert_eq!((next.processes, next.container), (7, false));
    let [machine, db] = &*next.domains else { panic!("{:?}", next.domains) };
    assert_eq!((machine.limit_kib, machine.total_kib), (8 << 20, 12 << 20));
    assert_eq!((machine.held_permille, machine.killable, machine.victims_left_out), (952, 4, 2));
    let first = &machine.victims[0];
    assert_eq!((first.pid, &*first.name, first.points), (30, "mysqld", 900_000));
    assert_eq!((first.memory_kib, first.share_permille), (3_600_000, 286));
    assert_eq!(first.cgroup.as_deref(), Some("/db"));
    assert_eq!(machine.victims[1].pid, 40);
    assert_eq!((db.cgroup.as_deref(), db.victims.len()), (Some("/db"), 1));
    assert_eq!((&*next.programs[0].name, next.programs[0].processes), ("mysqld", 1));
    assert_eq!((&*next.programs[1].name, next.programs[1].processes), ("VBoxHeadless", 2));
    assert_eq!(next.programs[1].memory_kib, 590_000 * 4);
    let protected: Vec<(u32, Option<u32>)> =
        next.protected.iter().map(|process| (process.pid, process.inherited_from)).collect();
    assert_eq!((&*protected, next.protected_left_out), (&[(1, None), (20, None)][..], 1));
    assert_eq!(next.domains[0].victims.len(), 2);
}

#[test]
fn names_are_cleaned() {
    let next = next(&census(), 10);
    assert_eq!(next.domains[0].victims[3].name, "evil\\x1b[2J");
    assert!(next.programs.iter().all(|program| !program.name.contains('\x1b')));
}

#[test]
fn what_is_wrong_is_found() {
    let found = next(&census(), 10);
    assert_eq!(
        codes(&found),
        [
            ("oom-important-first", "the machine"),
            ("oom-limit-near", "control group /db"),
            ("oom-immunity-inherited", "pid 21"),
        ]
    );
    assert!(found.findings.iter().all(|finding| finding.severity == Severity::Warning));
    assert!(found.findings[2].claim.contains("from sshd (pid 20)"), "{:?}", found.findings[2]);
    // Raised, the machines go first, and there is room in the group.
    let mut better = census();
    better.candidates[5].adj = 500;
    better.candidates[3].adj = 0;
    better.groups[1].file_pages = 100_000;
    assert_eq!(codes(&next(&better, 10)), []);
}

#[test]
fn nobody_to_kill_is_an_error_of_the_machine() {
    let mut census = census();
    for candidate in &mut census.candidates {
        candidate.adj = -1000;
    }
    let next = next(&census, 10);
    let [first, ..] = &*next.findings else { panic!() };
    assert_eq!((first.code, first.severity), ("oom-nobody-killable", Severity::Error));
    let all = codes(&next);
    assert!(all.contains(&("oom-nobody-killable", "control group /db")), "{all:?}");
    assert!(all.contains(&("oom-immune-large", "the machine")), "{all:?}");
    assert_eq!(next.domains[0].killable, 0);
}

#[test]
fn other_actions_than_killing_are_named() {
    let mut census = census();
    census.groups[1].hierarchy = Hierarchy::V1;
    census.groups[1].kill_disabled = true;
    census.machine.kills_allocating_task = true;
    census.unread = 3;
    census.view = View::Container;
    let asked = next(&census, 10);
    assert_eq!(
        (asked.domains[0].action, asked.domains[1].action),
        (Action::KillAsker, Action::Wait,)
    );
    let all: Vec<&str> = asked.findings.iter().map(|finding| finding.code).collect();
    for code in ["oom-asker-killed", "oom-waits-at-limit", "oom-view-container", "oom-view-partial"]
    {
        assert!(all.contains(&code), "{code} {all:?}");
    }
    assert!(!all.contains(&"oom-important-first"), "{all:?}");
    census.machine.panic_on_oom = 1;
    let stops = next(&census, 10);
    assert_eq!(stops.domains[0].action, Action::Panic);
    assert!(codes(&stops).contains(&("oom-panics", "the machine")));
}

#[test]
fn the_whole_of_a_group_and_shared_memory_are_told() {
    let mut census = census();
    census.groups[2].kills_together = true;
    census.candidates[5].adj = 500;
    census.candidates[5].shmem_pages = 250_000;
    census.groups[0].limit_pages = Some(10);
    let next = next(&census, 10);
    let first = &next.domains[0].victims[0];
    assert_eq!((first.pid, first.with, first.together.as_deref()), (40, 1, Some("/vm")));
    assert_eq!(first.with_kib, 290_000 * 4);
    assert!(codes(&next).contains(&("oom-shared-first", "the machine")));
    let db = next.domains.iter().find(|domain| domain.cgroup.as_deref() == Some("/db")).unwrap();
    assert_eq!(db.met_before.as_deref(), Some("/"), "the root has less room than /db");
}
