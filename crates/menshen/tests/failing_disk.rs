//! A disk that fails in the middle of an upload: strace makes one system call of the worker fail,
//! and whatever it was, the client hears of it, the old file stays, and nothing half-done is seen.

use crate::support::{live, strace, wire};

use std::fs::File;
use std::time::{Duration, Instant};

use live::{Live, wait_for};
use rustix::fs::{FlockOperation, flock};
use strace::Strace;
use wire::{ask, get, pattern, put, settings, spooled, start_with, stored};

#[test]
fn a_call_that_fails_is_answered_and_leaves_the_old_file() {
    // No access log: its writes must not be the ones that fail.
    let live = start_with(&settings("serve", "durable = true\naccess_log = \"off\"", ""));
    let (old, new) = (pattern(1000), pattern(300_000));
    for (call, error, status) in [
        ("openat", "ENOSPC", 507),
        ("openat", "EIO", 500),
        ("write", "EIO", 500),
        ("write", "ENOSPC", 507),
        ("write", "EDQUOT", 507),
        ("fdatasync", "EIO", 500),
        ("fdatasync", "ENOSPC", 507),
        ("renameat2", "EIO", 500),
        ("renameat2", "ENOSPC", 507),
        ("renameat2", "EROFS", 403),
    ] {
        assert!(matches!(put(live.plain, "/file", &old).status, 201 | 204));
        let Some(fault) = inject(&live, call, error) else { return };
        let got = put(live.plain, "/file", &new);
        drop(fault);
        assert_eq!(got.status, status, "{call} {error}: {}", got.head);
        assert_eq!(std::fs::read(stored(&live, "file")).unwrap(), old, "{call} {error}");
        assert_eq!(get(live.plain, "/file").body, old, "{call} {error}");
        wait_for("the spool to be empty", || spooled(&live).is_empty());
        // The worker is none the worse for it.
        assert_eq!(put(live.plain, "/file", &new).status, 204, "{call} {error}");
        assert_eq!(get(live.plain, "/file").body, new, "{call} {error}");
    }
}

#[test]
fn a_folder_that_cannot_be_flushed_is_not_acknowledged() {
    let live = start_with(&settings("serve", "durable = true", ""));
    let (old, new) = (pattern(1000), pattern(300_000));
    assert_eq!(put(live.plain, "/file", &old).status, 201);
    let Some(fault) = inject(&live, "fsync", "EIO") else { return };
    assert_eq!(put(live.plain, "/file", &new).status, 500);
    drop(fault);
    // The name is given by then; nobody can say what a power cut would leave. Either file is
    // whole, and what is served is what is there.
    let there = std::fs::read(stored(&live, "file")).unwrap();
    assert!(there == old || there == new);
    assert_eq!(get(live.plain, "/file").body, there);
    assert!(spooled(&live).is_empty());
}

#[test]
fn a_folder_somebody_keeps_locked_makes_busy_not_hung() {
    for durable in ["durable = true", "durable = false"] {
        let live = start_with(&settings("serve", durable, ""));
        assert_eq!(put(live.plain, "/file", b"old").status, 201);
        let folder = File::open(stored(&live, "")).unwrap();
        flock(&folder, FlockOperation::LockExclusive).unwrap();
        let began = Instant::now();
        assert_eq!(put(live.plain, "/file", b"new").status, 503, "{durable}");
        assert_eq!(ask(live.plain, "DELETE", "/file", &[], b"").status, 503, "{durable}");
        assert!(began.elapsed() < Duration::from_secs(5), "{durable}");
        assert_eq!(get(live.plain, "/file").body, b"old", "{durable}");
        flock(&folder, FlockOperation::Unlock).unwrap();
        assert_eq!(put(live.plain, "/file", b"new").status, 204, "{durable}");
        assert!(spooled(&live).is_empty(), "{durable}");
    }
}

/// Lets the first call of a kind fail, until dropped; `None` after saying loudly why not.
fn inject(live: &Live, call: &str, error: &str) -> Option<Strace> {
    let (trace, fault) = (format!("trace={call}"), format!("inject={call}:error={error}:when=1"));
    Strace::attach(live, &["-o", "/dev/null", "-e", &trace, "-e", &fault])
}
