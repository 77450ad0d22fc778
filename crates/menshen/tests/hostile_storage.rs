//! Storage that fails at the Nth step of an upload: at every size a file may have, and at every
//! descriptor that can be refused. Whatever fails, what was there stays, nothing half-made shows,
//! the worker lives on, and all is well once the limit is gone.
//!
//! The kernel does the failing: limits are set on the running worker from outside.

use crate::support::{counts, live, wire};

use std::path::Path;
use std::process::Command;

use counts::count;
use live::{Live, fetch, wait_for};
use menshen_base::Counter;
use menshen_sys::SlotState;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use wire::{ONE, Wire, ask, pattern, put, spooled, stored};

#[test]
fn an_upload_that_fails_at_any_size_changes_nothing() {
    let live = Live::start(ONE);
    let worker = worker(&live);
    let old = pattern(70_000);
    let new: Vec<u8> = pattern(300_000).into_iter().rev().collect();
    assert_eq!(put(live.plain, "/target", &old).status, 201);
    for limit in SIZES {
        set(worker, Resource::Fsize, Some(limit));
        let answer = put(live.plain, "/target", &new);
        assert_eq!(answer.status, 507, "{limit} bytes allowed: {}", answer.head);
        assert!(std::fs::read(stored(&live, "target")).unwrap() == old, "{limit}: changed");
        let chunks = wire::chunked(&new, 50_000);
        let answer = ask(live.plain, "PUT", "/unknown", &["Transfer-Encoding: chunked"], &chunks);
        assert_eq!(answer.status, 507, "{limit} bytes allowed: {}", answer.head);
        assert!(!stored(&live, "unknown").exists(), "{limit}");
        form_fails_whole(&live, &new, limit);
        assert!(spooled(&live).is_empty(), "{limit}: {:?}", spooled(&live));
    }
    assert_eq!(count(&live, Counter::StorageFull), 3 * SIZES.len() as u64);
    // The log has no place either: that costs lines, not requests.
    set(worker, Resource::Fsize, Some(0));
    fetch(live.plain).unwrap();
    wait_for("lines to be lost", || count(&live, Counter::LogDropped) > 0);
    // Exactly enough is enough.
    set(worker, Resource::Fsize, Some(new.len() as u64));
    assert_eq!(put(live.plain, "/target", &new).status, 204);
    assert!(std::fs::read(stored(&live, "target")).unwrap() == new);
    set(worker, Resource::Fsize, maximum(worker, Resource::Fsize));
    assert_eq!(put(live.plain, "/unknown", &new).status, 201);
    assert_eq!(self::worker(&live), worker, "still the same process");
}

/// The second of two files does not fit: neither is stored.
fn form_fails_whole(live: &Live, large: &[u8], limit: u64) {
    let part = |name: &str, body: &[u8]| {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n"
        );
        [head.as_bytes(), body, b"\r\n"].concat()
    };
    let body = [part("small", b""), part("large", large), b"--b--\r\n".to_vec()].concat();
    let kind = "Content-Type: multipart/form-data; boundary=b";
    let answer = ask(live.plain, "POST", "/", &[kind], &body);
    assert_eq!(answer.status, 507, "{limit} bytes allowed: {}", answer.head);
    for name in ["small", "large"] {
        assert!(!stored(live, name).exists(), "{limit}: {name} is visible");
    }
}

#[test]
fn an_upload_refused_any_descriptor_changes_nothing() {
    let live = Live::start(ONE);
    let worker = worker(&live);
    let body = pattern(1000);
    let (mut refused, mut done) = (0, 0);
    for limit in 3..DESCRIPTORS_MAX {
        // The connection is there before the shortage; only its request meets it.
        let mut wire = Wire::open(live.plain);
        assert_eq!(wire.ask("GET", "/hello.txt", &[], b"").status, 200);
        set(worker, Resource::Nofile, Some(limit));
        let name = format!("folder-{limit}/deeper/file");
        let answer = wire.ask("PUT", &format!("/{name}"), &[], &body);
        set(worker, Resource::Nofile, maximum(worker, Resource::Nofile));
        let file = stored(&live, &name);
        match answer.status {
            201 => {
                done += 1;
                assert!(std::fs::read(&file).unwrap() == body, "{limit}");
            }
            503 => {
                refused += 1;
                assert!(!file.exists(), "{limit}: {name} is visible");
            }
            _ => panic!("{limit} descriptors: {}", answer.head),
        }
        assert!(spooled(&live).is_empty(), "{limit}: {:?}", spooled(&live));
        assert_no_odd_files(&stored(&live, ""), done);
        if done >= 3 {
            break;
        }
    }
    eprintln!("{refused} uploads refused a descriptor, {done} done");
    assert!(refused >= 3 && done >= 3, "{refused} refused, {done} done");
    assert_eq!(self::worker(&live), worker, "still the same process");
    fetch(live.plain).unwrap();
}

/// Every file in the tree is one that was acknowledged, or one of the two at the start.
fn assert_no_odd_files(folder: &Path, done: usize) {
    let mut files = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    assert_eq!(files, done + 2);
}

fn worker(live: &Live) -> Pid {
    let workers = live.workers(SlotState::Ready);
    Pid::from_raw(i32::try_from(workers[0].pid()).unwrap()).unwrap()
}

/// Sets how much of a resource a process may use from now on; what is already there stays.
fn set(process: Pid, resource: Resource, current: Option<u64>) {
    let maximum = maximum(process, resource);
    let limits = Rlimit { current, maximum };
    if prlimit(Some(process), resource, limits).is_ok() {
        return;
    }
    // Root without CAP_SYS_RESOURCE, as in containers: only the worker's own user may do it.
    let word = |limit: Option<u64>| limit.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    let name = if resource == Resource::Fsize { "fsize" } else { "nofile" };
    let (user, group) = (id_of(process, "Uid:"), id_of(process, "Gid:"));
    let output = Command::new("setpriv")
        .args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()])
        .args(["prlimit".to_owned(), format!("--pid={}", process.as_raw_nonzero())])
        .arg(format!("--{name}={}:{}", word(current), word(maximum)))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The real user or group of a process.
fn id_of(process: Pid, label: &str) -> u32 {
    let path = format!("/proc/{}/status", process.as_raw_nonzero());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The hard limit, which only root could raise again; `None` is no limit.
fn maximum(process: Pid, resource: Resource) -> Option<u64> {
    let label = if resource == Resource::Fsize { "Max file size" } else { "Max open files" };
    let path = format!("/proc/{}/limits", process.as_raw_nonzero());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().ok()
}

/// Sizes a file may have: none, within and between the pieces in which bodies are written.
const SIZES: [u64; 9] = [0, 1, 4095, 65_536, 65_537, 131_072, 200_000, 262_145, 299_999];
const DESCRIPTORS_MAX: u64 = 200;
