//! The text of v2, and a real v1 group.
use std::path::PathBuf;

use rustix::event::{PollFd, Timespec, poll};

use super::*;

#[test]
fn counters_are_read_by_name() {
    let text = b"low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\nsock 7\n";
    let expected = Counts { low: 1, high: 2, max: 3, oom: 4, oom_kill: 5, oom_group_kill: 6 };
    assert_eq!(counts(text), expected);
    assert_eq!(counts(b"low x\nhigh\n\n 9\n"), Counts::default());
}

/// A v1 group of this test, removed at its end.
struct Group(PathBuf);

impl Group {
    fn create() -> Option<Self> {
        let name = format!("menshen-test-{}-events", std::process::id());
        let path = Path::new("/sys/fs/cgroup/memory").join(name);
        match std::fs::create_dir(&path) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                eprintln!("SKIPPED: no v1 memory group can be made here: {error}");
                None
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_v1_group_tells_its_use_and_its_removal() {
    let Some(group) = Group::create() else { return };
    let usage = V1Event::register(&group.0, V1Source::Usage(4 << 20)).unwrap();
    let oom = V1Event::register(&group.0, V1Source::Oom).unwrap();
    assert_eq!((usage.take().unwrap(), oom.take().unwrap()), (0, 0));
    // One process of the group maps and fills 8 MiB.
    let script = "echo $$ >\"$0/cgroup.procs\"; exec head -c 8m /dev/zero | tail";
    let done = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(&group.0)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
    assert!(wait(&usage), "8 MiB were used, and nothing came");
    assert!(usage.take().unwrap() > 0);
    assert_eq!(oom.take().unwrap(), 0, "nothing was short");
    drop(group);
    assert!(wait(&oom), "the group is gone, and nothing came");
    let error = V1Event::register(Path::new("/nonexistent"), V1Source::Oom).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

fn wait(event: &V1Event) -> bool {
    let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
    poll(&mut [PollFd::new(event, V1Event::interest())], Some(&timeout)).unwrap() > 0
}
