//! What is told of facts that a test cannot make on every machine.
use alloc::string::ToString;
use alloc::vec;

use super::super::text::tests::{facts, listener, process};
use super::super::{Holder, Left, Options, Origin, Report, Sight, Taken, Target, Waits};
use super::*;

/// Three members at one address, each with a process of its own below one parent; one target.
fn group() -> Facts {
    let mut facts = facts();
    let mut parent = process(9, "server");
    parent.program = Some("/server".into());
    facts.processes.push(parent);
    for inode in 1..4 {
        let mut one = listener(inode, "127.0.0.1");
        let pid = inode + 10;
        one.holders.push(Holder { pid, descriptors: vec![3], waits: Waits::Watches });
        facts.listeners.push(one);
        let mut process = process(pid, "server");
        process.parent = 9;
        process.program = Some("/server".into());
        facts.processes.push(process);
    }
    let mut target = Target::new("127.0.0.1".parse().unwrap(), Origin::Loopback);
    (target.tries, target.connected) = (60, 60);
    facts.targets.push(target);
    facts
}

fn taken(listener: u32, count: u32) -> Taken {
    Taken { listener: Some(listener), pid: Some(listener + 10), count }
}

fn told(facts: Facts) -> Vec<(&'static str, Severity)> {
    let report = Report::new(facts);
    report.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn a_member_that_is_steered_around_is_no_fault() {
    let mut facts = group();
    facts.targets[0].taken = vec![taken(1, 30), taken(2, 30)];
    assert_eq!(told(facts.clone()), [("port-member-gets-nothing", Severity::Note)]);
    // Unless it may have got some that were not seen.
    facts.targets[0].taken = vec![taken(1, 30), Taken { listener: None, pid: Some(12), count: 30 }];
    assert_eq!(told(facts), []);
}

#[test]
fn a_guard_that_holds_all_sockets_is_no_leak_until_one_is_left_to_it() {
    let mut facts = group();
    for one in &mut facts.listeners {
        one.holders.push(Holder { pid: 9, descriptors: vec![one.inode], waits: Waits::No });
    }
    facts.targets[0].taken = vec![taken(1, 20), taken(2, 20), taken(3, 20)];
    assert_eq!(told(facts.clone()), []);
    // The worker of the third is gone, and its connections are not.
    facts.listeners[2].holders.remove(0);
    facts.targets[0].taken = vec![taken(1, 26), taken(2, 26)];
    facts.targets[0].left = vec![Left { listener: Some(3), count: 8 }];
    assert_eq!(told(facts.clone()), [("port-member-never-accepts", Severity::Error)]);
    facts.targets[0].taken.push(taken(3, 1));
    assert_eq!(told(facts), [("port-accepts-slowly", Severity::Warning)]);
}

#[test]
fn what_process_1_holds_is_a_socket_unit() {
    let mut facts = facts();
    let mut one = listener(1, "127.0.0.1");
    one.holders.push(Holder { pid: 1, descriptors: vec![30], waits: Waits::Watches });
    facts.listeners.push(one);
    facts.processes.push(process(1, "systemd"));
    assert_eq!(told(facts.clone()), [("port-socket-activated", Severity::Note)]);
    // Once started the service has it too.
    facts.listeners[0].holders.push(Holder { pid: 7, descriptors: vec![3], waits: Waits::Accepts });
    facts.processes.push(process(7, "sshd"));
    assert_eq!(told(facts), []);
}

#[test]
fn without_probes_only_what_is_seen_is_told() {
    let mut facts = group();
    facts.targets[0] = Target::new("127.0.0.1".parse().unwrap(), Origin::Loopback);
    for one in &mut facts.listeners {
        one.holders[0].waits = Waits::No;
    }
    // All may be busy.
    assert_eq!(told(facts.clone()), []);
    facts.listeners[0].holders[0].waits = Waits::Accepts;
    let never = ("port-member-never-accepts", Severity::Warning);
    assert_eq!(told(facts.clone()), [never, never]);
    facts.listeners[1].holders[0].waits = Waits::Unknown;
    facts.listeners[2].holders[0].waits = Waits::Perhaps;
    assert_eq!(told(facts), []);
}

#[test]
fn refusals_without_a_cause_name_what_was_not_read() {
    let mut facts = group();
    facts.sight = Sight { root: false, hidden_processes: 5, ..facts.sight };
    let target = &mut facts.targets[0];
    (target.tries, target.connected, target.timed_out) = (1, 0, 1);
    facts
        .firewall
        .readings
        .push(super::super::Reading { program: "nft", outcome: ReadingOutcome::NotPermitted });
    let report = Report::new(facts);
    assert_eq!(report.findings[0].code, "port-times-out");
    assert!(report.findings[0].hint.contains("nft needs root"), "{}", report.findings[0].hint);
    assert!(!report.is_good());
}

#[test]
fn another_machine_is_told_apart() {
    let mut facts = facts();
    facts.listeners.push(listener(1, "0.0.0.0"));
    let mut target = Target::new("198.51.100.1".parse().unwrap(), Origin::Asked);
    target.ours = false;
    (target.tries, target.timed_out) = (1, 1);
    facts.targets.push(target);
    facts.listeners[0].options = Some(Options::default());
    let report = Report::new(facts);
    let finding = &report.findings[0];
    assert_eq!(finding.code, "port-remote-times-out");
    assert_eq!(finding.subject, "198.51.100.1:8080");
    assert_eq!(finding.hint, "Run `menshen explain port 8080` there.".to_string());
}
