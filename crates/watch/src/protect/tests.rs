//! Real processes of this test: found in each way, scored, and their children put right where the
//! right to lower scores is there.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use super::*;

fn named(name: &str, score: i32) -> Protect {
    Protect {
        name: name.into(),
        unit: None,
        command: None,
        cgroup: None,
        pid_file: None,
        user: None,
        score,
        children: Children::Reset,
    }
}

/// `sh` that waits with a child of its own; both are in a process group of their own.
fn family(tag: &str) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 1000 & wait", tag]).process_group(0);
    command.spawn().unwrap()
}

fn end(mut child: Child) {
    let group = rustix::process::Pid::from_child(&child);
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = child.wait();
}

fn child_of(parent: u32) -> u32 {
    for _ in 0..500 {
        let pids = proc::pids().unwrap();
        let found = pids
            .into_iter()
            .find(|pid| proc::Stat::read(*pid).is_ok_and(|stat| stat.parent == parent));
        if let Some(pid) = found {
            return pid;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no child came");
}

#[test]
fn programs_are_found_by_command_file_and_group() {
    let tag = format!("menshen-protect-{}", std::process::id());
    let program = family(&tag);
    let child = child_of(program.id());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    std::fs::write(&file, format!("{}\n", program.id())).unwrap();
    let command = Protect { command: Some(format!("sh -c *{tag}")), ..named("command", 101) };
    let by_file = Protect { pid_file: Some(file), ..named("file", 102) };
    for (wanted, rule) in [(101, command), (102, by_file)] {
        let mut protector = Protector::new(&[rule], |_| {});
        let done = protector.keep_times(Instant::now()).unwrap();
        assert_eq!(proc::oom_score_adj(program.id()).unwrap(), wanted);
        assert_eq!((done.in_force, done.refused), (1, 0));
        assert_eq!(protector.standing(program.id()), Standing::Expendable);
        assert_eq!(protector.standing(child), Standing::Ordinary);
    }
    end(program);
}

#[test]
fn of_a_group_the_first_process_is_meant() {
    let lines = proc::cgroup(std::process::id()).unwrap();
    let own = find::paths(&lines).find(|path| *path != b"/").map(<[u8]>::to_vec);
    let Some(own) = own else {
        eprintln!("SKIPPED: this test is in no control group but the root");
        return;
    };
    let group = String::from_utf8(own).unwrap();
    let rule = Protect { cgroup: Some(group), ..named("group", 900) };
    let Found { processes, .. } = Finder::new(&[rule], |_| {}).look();
    let mine = processes.iter().find(|process| process.pid == std::process::id()).unwrap();
    let parent = processes.iter().find(|process| process.pid == mine.parent);
    let same = |pid: u32| proc::cgroup(pid).is_ok_and(|other| other == lines);
    assert_eq!(mine.rule.is_some(), !parent.is_some_and(|parent| same(parent.pid)));
}

#[test]
fn a_child_that_inherits_gets_back_what_the_program_had() {
    if permission() != Permission::Absolute {
        eprintln!("SKIPPED: lowering a score needs CAP_SYS_RESOURCE");
        return;
    }
    let tag = format!("menshen-inherit-{}", std::process::id());
    let mut command = Command::new("sh");
    // Its child comes when it has its score already.
    command.args(["-c", "sleep 1; sleep 1000 & wait", &tag]).process_group(0);
    let program = command.spawn().unwrap();
    let rule = Protect { command: Some(format!("sh -c *{tag}")), ..named("dear", -300) };
    let mut protector = Protector::new(&[rule], |_| {});
    protector.look();
    assert_eq!(proc::oom_score_adj(program.id()).unwrap(), -300);
    std::thread::sleep(Duration::from_millis(1500));
    let child = child_of(program.id());
    assert_eq!(proc::oom_score_adj(child).unwrap(), -300, "it inherited it");
    protector.look();
    assert_eq!(proc::oom_score_adj(child).unwrap(), 0);
    assert_eq!(proc::oom_score_adj(program.id()).unwrap(), -300);
    end(program);
}

#[test]
fn looks_come_every_few_seconds() {
    let mut protector = Protector::new(&[named("nobody", 1)], |_| {});
    let at = Instant::now();
    assert!(protector.keep_times(at).is_some());
    assert!(protector.keep_times(at + Duration::from_millis(900)).is_none());
    assert!(protector.keep_times(at + LOOK).is_some());
    let mut idle = Protector::new(&[], |_| {});
    assert!(idle.keep_times(at).is_none() && idle.deadline().is_none());
}
