//! One server or two.
use alloc::string::ToString;

use super::super::text::tests::{facts, listener, process};
use super::super::{Holder, Waits};
use super::*;

/// Listeners at one address: of each its holders; processes: pid, parent, program.
fn instances_of(listeners: &[&[u32]], processes: &[(u32, u32, &str)]) -> Vec<Vec<u32>> {
    let mut facts = facts();
    for (number, holders) in listeners.iter().enumerate() {
        let mut one = listener(u32::try_from(number).unwrap() + 100, "0.0.0.0");
        one.holders = holders
            .iter()
            .map(|pid| Holder { pid: *pid, descriptors: Vec::new(), waits: Waits::Watches })
            .collect();
        facts.listeners.push(one);
    }
    for (pid, parent, program) in processes {
        let mut one = process(*pid, program);
        one.parent = *parent;
        one.program = Some((*program).to_string());
        facts.processes.push(one);
    }
    let found = instances(&facts);
    let groups = groups(&facts, &found);
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].instances.len(), found.all.len());
    found.all.into_iter().map(|instance| instance.pids).collect()
}

#[test]
fn a_guard_and_its_workers_are_one() {
    // The guard has all sockets, each worker one.
    let processes = [(10, 1, "/m"), (11, 10, "/m"), (12, 10, "/m")];
    assert_eq!(instances_of(&[&[10, 11], &[10, 12]], &processes), [[10, 11, 12]]);
    // A parent that holds none, with workers that each opened their own.
    let processes = [(9, 1, "/m"), (11, 9, "/m"), (12, 9, "/m")];
    assert_eq!(instances_of(&[&[11], &[12]], &processes), [[11, 12]]);
    // Grandchildren.
    let processes = [(10, 1, "/m"), (11, 10, "/sh"), (12, 11, "/m")];
    assert_eq!(instances_of(&[&[10], &[12]], &processes), [[10, 12]]);
}

#[test]
fn two_servers_of_a_shell_are_two() {
    let processes = [(9, 1, "/bin/sh"), (11, 9, "/m"), (12, 9, "/m")];
    assert_eq!(instances_of(&[&[11], &[12]], &processes), [[11], [12]]);
    let processes = [(11, 1, "/m"), (12, 1, "/m")];
    assert_eq!(instances_of(&[&[11], &[12]], &processes), [[11], [12]]);
    // What process 1 passes to several services joins none of them.
    let processes = [(1, 0, "/init"), (11, 1, "/m"), (12, 1, "/m")];
    assert_eq!(instances_of(&[&[1, 11], &[1, 12]], &processes).len(), 2);
}

#[test]
fn circles_of_parents_end() {
    let processes = [(11, 12, "/a"), (12, 11, "/b")];
    assert_eq!(instances_of(&[&[11], &[12]], &processes).len(), 1);
}

#[test]
fn a_program_is_known_by_its_file() {
    let mut one = process(7, "x");
    one.program = Some("/usr/sbin/nginx (deleted)".to_string());
    assert_eq!(program(&one), "nginx");
    one.program = None;
    assert_eq!(program(&one), "x");
}
