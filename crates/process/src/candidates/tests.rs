//! This process and its children in the census, threads without their first one, vfork.
use std::process::{Command, Stdio};

use super::*;

fn candidate(census: &Census, pid: u32) -> &Candidate {
    census.candidates.iter().find(|candidate| candidate.pid == pid).unwrap()
}

#[test]
fn this_process_is_counted_as_the_kernel_does() {
    let census = census().unwrap();
    let own = candidate(&census, std::process::id());
    assert_eq!(own.standing, Standing::Ordinary);
    assert!(own.rss_pages > 100 && own.page_table_bytes > 0, "{own:?}");
    assert!(census.machine.ram_pages > own.rss_pages);
    assert!(census.machine.available_pages <= census.machine.ram_pages);
    assert_eq!(candidate(&census, own.parent).pid, own.parent, "its parent is there too");
    let order: Vec<u64> = census.candidates.iter().map(|c| c.start_ticks).collect();
    assert!(order.is_sorted());
    if let Some(place) = own.group {
        let mut at = Some(place);
        while let Some(place) = at {
            let parent = census.groups[place].parent;
            assert!(parent.is_none_or(|parent| parent < place), "parents come first");
            at = parent;
        }
        assert_eq!(census.groups[0].path, b"/");
    }
}

#[test]
fn a_raised_score_and_an_ended_child_are_seen() {
    let mut raised = Command::new("sh")
        .args(["-c", "echo 321 > /proc/self/oom_score_adj; exec sleep 60"])
        .spawn()
        .unwrap();
    let mut ended = Command::new("true").spawn().unwrap();
    let seen = loop {
        let census = census().unwrap();
        let (one, two) = (candidate(&census, raised.id()), candidate(&census, ended.id()));
        if one.name == b"sleep" && two.standing == Standing::Zombie {
            break one.clone();
        }
    };
    raised.kill().unwrap();
    raised.wait().unwrap();
    ended.wait().unwrap();
    assert_eq!((seen.adj, seen.standing), (321, Standing::Ordinary));
}

#[test]
fn a_process_whose_first_thread_ended_still_has_its_memory() {
    let script = "import ctypes, threading, time\n\
        threading.Thread(target=time.sleep, args=(60,)).start()\n\
        ctypes.CDLL(None).syscall(60, 0)\n";
    let Some(mut child) = python(script) else { return };
    while Stat::read(child.id()).unwrap().state != b'Z' {
        std::thread::yield_now();
    }
    let seen = candidate(&census().unwrap(), child.id()).clone();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seen.standing, Standing::Ordinary);
    assert!(seen.rss_pages > 100, "{seen:?}");
}

#[test]
fn a_child_of_vfork_is_told_from_one_of_fork() {
    // clone(CLONE_VFORK | CLONE_VM) with a stack of its own, in a C library that Python calls.
    let script = "import ctypes, os, time\n\
        libc = ctypes.CDLL(None)\n\
        print(os.fork() or time.sleep(60), flush=True)\n\
        def child():\n  time.sleep(60)\n\
        stack = ctypes.create_string_buffer(1 << 16)\n\
        call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: child() or 0)\n\
        top = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 16) - 64)\n\
        libc.clone(call, top, 0x4000 | 0x100 | 17, None)\n";
    let Some(mut child) = python(script) else { return };
    let mut forked = String::new();
    let mut out = io::BufReader::new(child.stdout.take().unwrap());
    io::BufRead::read_line(&mut out, &mut forked).unwrap();
    let forked: u32 = forked.trim().parse().unwrap();
    while Stat::read(child.id()).unwrap().state != b'D' {
        assert_ne!(Stat::read(child.id()).unwrap().state, b'Z', "python ended");
        std::thread::yield_now();
    }
    let (fork, vfork) = loop {
        let census = census().unwrap();
        let of = |c: &&Candidate| c.parent == child.id();
        let children: Vec<Candidate> = census.candidates.iter().filter(of).cloned().collect();
        let vfork = children.iter().find(|c| c.pid != forked);
        let fork = children.iter().find(|c| c.pid == forked);
        if let (Some(fork), Some(vfork)) = (fork, vfork) {
            break (fork.clone(), vfork.clone());
        }
    };
    for pid in [fork.pid, vfork.pid, child.id()] {
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
    child.wait().unwrap();
    assert_eq!(fork.standing, Standing::Ordinary);
    assert_eq!(vfork.standing, Standing::VforkChild);
}

fn python(script: &str) -> Option<std::process::Child> {
    let path = "/usr/bin/python3";
    if !std::path::Path::new(path).exists() || !cfg!(target_arch = "x86_64") {
        eprintln!("SKIPPED: no {path} of x86-64 here");
        return None;
    }
    let mut command = Command::new(path);
    Some(command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap())
}
