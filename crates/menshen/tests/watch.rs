//! The watch against the running kernel: kills in a control group of this test's own, a watch that
//! is killed while it records, and what its file then holds.
//!
//! Nothing here makes the machine short of memory. Without cgroup v1 or the right to make a group,
//! or without the kernel's log, the tests say SKIPPED.

#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use crate::support::live;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use live::{Live, wait_for};
use menshen_guard_core::recorder::{self, Body, Process, Recording, Status, Trigger};
use rustix::process::{Pid, Signal, kill_process};

/// A v1 group below the root of the memory controller, removed at the end.
struct Group {
    folder: PathBuf,
    path: String,
}

impl Group {
    fn create(name: &str, limit_mib: u64) -> Option<Self> {
        let path = format!("/menshen-test-{}-{name}", std::process::id());
        let folder = PathBuf::from(format!("/sys/fs/cgroup/memory{path}"));
        let made = std::fs::create_dir(&folder).and_then(|()| {
            std::fs::write(folder.join("memory.limit_in_bytes"), (limit_mib << 20).to_string())
        });
        let log = std::fs::File::open("/dev/kmsg");
        match made.and(log) {
            Ok(_) => Some(Self { folder, path }),
            Err(error) => {
                eprintln!("SKIPPED: no v1 memory group and kernel log to test with: {error}");
                None
            }
        }
    }

    /// Starts a program in the group.
    fn start(&self, program: &[&str]) -> Child {
        let script = "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&self.folder).args(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts programs that want more than there is, one after another; gives who they were.
    fn storm(&self, count: usize) -> BTreeSet<u32> {
        let mut pids = BTreeSet::new();
        for _ in 0..count {
            // It looks for a line break in an endless file, and keeps all of it.
            let mut hog = self.start(&["tail", "/dev/zero"]);
            assert!(pids.insert(hog.id()), "a pid came twice");
            let ended = hog.wait().unwrap();
            assert!(!ended.success());
        }
        pids
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Those who were killed leave the group a moment after they were waited for.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// `menshen guard`.
struct Watch {
    child: Child,
    file: PathBuf,
}

impl Watch {
    /// Starts it and waits until it records.
    fn start(folder: &Path) -> Self {
        let file = folder.join("recorder");
        let child = Command::new(env!("CARGO_BIN_EXE_menshen"))
            .args(["guard", "--recorder"])
            .arg(&file)
            .current_dir(folder)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let watch = Self { child, file };
        let pid = watch.child.id();
        watch.until("it records", |status| status.pid == pid && status.flushed_sequence > 0);
        watch
    }

    fn status(&self) -> Option<Status> {
        let bytes = std::fs::read(&self.file).ok()?;
        recorder::status(&bytes)
    }

    fn until(&self, what: &str, done: impl Fn(&Status) -> bool) {
        let give_up = Instant::now() + Duration::from_secs(60);
        while !self.status().is_some_and(|status| done(&status)) {
            assert!(Instant::now() < give_up, "not within a minute: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Descriptors that wait for a group.
    fn eventfds(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        let names = std::fs::read_dir(folder).unwrap().filter_map(Result::ok);
        let targets = names.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.filter(|target| target.as_os_str() == "anon_inode:[eventfd]").count()
    }

    /// Ends it as a service manager does; gives its file.
    fn end(mut self) -> Vec<u8> {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        assert!(self.child.wait().unwrap().success(), "it ended well");
        std::fs::read(&self.file).unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whom the kernel's lines in a recording name.
fn killed(recording: &Recording<'_>) -> Vec<u32> {
    let lines = recording.records.iter().filter_map(|record| match record.body {
        Body::Kernel(text) => std::str::from_utf8(text).ok(),
        _ => None,
    });
    lines
        .filter_map(|line| {
            let (_, rest) = line.split_once(": Killed process ")?;
            rest.split(' ').next()?.parse().ok()
        })
        .collect()
}

fn row<'a>(recording: &Recording<'a>, snapshot: u64, pid: u32) -> Option<Process<'a>> {
    let tables = recording.records.iter().filter_map(|record| match &record.body {
        Body::Processes(rows) if rows.snapshot == snapshot => Some(*rows),
        _ => None,
    });
    tables.flatten().find(|row| row.pid == pid)
}

#[test]
fn a_storm_of_kills_is_recorded_line_by_line() {
    let Some(group) = Group::create("storm", 24) else { return };
    let folder = tempfile::tempdir().unwrap();
    let watch = Watch::start(folder.path());
    let begun = Instant::now();
    let hogs = group.storm(60);
    println!("60 kills in {:.1} s", begun.elapsed().as_secs_f32());
    let bytes = watch.end();
    let recording = recorder::read(&bytes).unwrap();
    assert_eq!(recording.damaged_bytes, 0);
    let lines = killed(&recording);
    let found: BTreeSet<u32> = lines.iter().copied().filter(|pid| hogs.contains(pid)).collect();
    assert_eq!(found, hogs);
    let count = recording.records.iter().rev().find_map(|record| match record.body {
        Body::Count(count) => Some(count),
        _ => None,
    });
    let count = count.expect("the kernel's count was compared");
    // Others may have tests of their own on this machine; the kernel's count is for all of it.
    let (after, before) = (count.oom_kills.unwrap(), count.oom_kills_at_start.unwrap());
    assert!(count.kill_lines >= 60);
    assert_eq!(count.kill_lines, after - before, "as many lines as the kernel counted");
    let status = recording.status.unwrap();
    assert_eq!((status.pid, status.kill_lines), (0, count.kill_lines));
    assert!(matches!(recording.records.last().unwrap().body, Body::Stop(_)));
}

#[test]
fn a_kill_is_recorded_with_a_table_before_it_and_was_foreseen() {
    let Some(group) = Group::create("slow", 48) else { return };
    let folder = tempfile::tempdir().unwrap();
    let watch = Watch::start(folder.path());
    let idle = watch.eventfds();
    // A small one that is not to be killed, and the one that grows when it is told to.
    let mut small = group.start(&["sleep", "1000"]);
    let give_up = Instant::now() + Duration::from_secs(60);
    while watch.eventfds() < idle + 3 {
        assert!(Instant::now() < give_up, "the group was not listened to within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
    let grow = "while (1) { push @a, 'x' x (1 << 20); select undef, undef, undef, 0.03 }";
    let mut hog = group.start(&["perl", "-e", grow, "--", "--marked=yes"]);
    let pid = hog.id();
    assert!(!hog.wait().unwrap().success());
    small.kill().unwrap();
    small.wait().unwrap();
    let bytes = watch.end();
    let recording = recorder::read(&bytes).unwrap();
    let place = |wanted: &dyn Fn(&Body<'_>) -> bool| {
        recording.records.iter().position(|record| wanted(&record.body))
    };
    let mark = format!("Killed process {pid} ");
    let line = place(&|body| match body {
        Body::Kernel(text) => String::from_utf8_lossy(text).contains(&mark),
        _ => false,
    });
    let line = line.expect("the kernel's line");
    let tables = recording.records[..line].iter().filter_map(|record| match record.body {
        Body::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    });
    let near: Vec<_> = tables
        .filter(|one| one.trigger == Trigger::Group && one.group == group.path.as_bytes())
        .collect();
    assert!(!near.is_empty(), "no table of the group before the kill");
    let row = near.iter().find_map(|one| row(&recording, one.number, pid)).expect("its row");
    assert_eq!(row.name, b"perl");
    assert!(row.command_line.ends_with(b"\0--marked=yes\0"));
    assert_eq!(row.cgroup, group.path.as_bytes());
    assert!(row.anon_kib > 20_000 && row.anon_kib < 48 << 10, "{row:?}");
    let victim = place(&|body| matches!(body, Body::VictimRow(row) if row.process.pid == pid));
    assert!(victim > Some(line));
    let outcome = recording.records.iter().find_map(|record| match record.body {
        Body::Outcome(outcome) if outcome.pid == pid => Some(outcome),
        _ => None,
    });
    assert_eq!(outcome.expect("an outcome").place, 1, "it was foreseen as the first");
    is_explained(&folder.path().join("recorder"), pid);
}

#[test]
fn a_watch_killed_at_any_moment_leaves_all_it_had_on_the_disk() {
    let Some(group) = Group::create("kill9", 24) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut hogs = BTreeSet::new();
    // What each watch said is on the disk. Between these ranges there may be holes: what one had
    // not said yet when it was killed.
    let mut acknowledged = Vec::new();
    let mut before = 0;
    for round in 0..12_u64 {
        let mut watch = Watch::start(folder.path());
        std::thread::scope(|scope| {
            let storm = scope.spawn(|| group.storm(4));
            // Another moment of the storm each time.
            std::thread::sleep(Duration::from_millis(round * 17));
            watch.child.kill().unwrap();
            watch.child.wait().unwrap();
            hogs.extend(storm.join().unwrap());
        });
        let bytes = std::fs::read(&watch.file).unwrap();
        let recording = recorder::read(&bytes).unwrap();
        acknowledged.push(before + 1..=recording.status.unwrap().flushed_sequence);
        let records: BTreeSet<u64> =
            recording.records.iter().map(|record| record.stamp.sequence).collect();
        for mut range in acknowledged.iter().cloned() {
            assert!(!range.is_empty(), "nothing in round {round}");
            assert!(range.all(|one| records.contains(&one)), "a hole in {range:?}, round {round}");
        }
        before = *records.last().unwrap();
    }
    // What the kernel said while there was no watch, the next one read of its log.
    let bytes = Watch::start(folder.path()).end();
    let recording = recorder::read(&bytes).unwrap();
    let lines: BTreeSet<u32> = killed(&recording).into_iter().collect();
    let missing: Vec<_> = hogs.difference(&lines).collect();
    assert!(missing.is_empty(), "kills without a line: {missing:?}");
    let twice = killed(&recording).into_iter().filter(|pid| hogs.contains(pid)).count();
    assert_eq!(twice, hogs.len(), "a line was recorded twice");
    let starts = recording.records.iter().filter(|one| matches!(one.body, Body::Start(_)));
    assert_eq!(starts.count(), 13);
}

/// What people are told of a recorder with a kill of `pid`.
fn is_explained(file: &Path, pid: u32) {
    let explain = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
        command.args(["explain", "oom", "--recorder"]).arg(file).args(more);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&explain(&["--json"])).unwrap();
    let kills = json["kills"].as_array().unwrap();
    assert_eq!(kills.iter().filter(|kill| kill["pid"] == pid).count(), 1);
    let victims = json["recorder"]["victims"].as_array().unwrap();
    let victim = victims.iter().find(|victim| victim["pid"] == pid).expect("the victim");
    let line = victim["seen"]["command_line"].as_str().unwrap();
    assert!(line.starts_with("perl -e while") && line.ends_with(" --marked=yes"), "{line}");
    assert_eq!(victim["place"], 1);
    let life = &json["recorder"]["lives"][0];
    assert_eq!(life["kills_counted"], life["kill_lines_compared"]);
    let text = explain(&[]);
    assert!(text.contains(&format!("perl (pid {pid}), seen ")), "{text}");
    assert!(text.contains("--marked=yes") && text.contains("complete: the kernel counted"));
}

#[test]
fn status_shows_a_watch_that_runs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let status = || {
        let mut command = live::command(folder.path(), &["status", "--json"]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(status().0, Some(1), "nothing runs yet");
    std::fs::write(folder.path().join("menshen.toml"), "").unwrap();
    std::fs::create_dir(folder.path().join(".menshen")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.arg("guard").current_dir(folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let file = folder.path().join(".menshen/recorder");
    let watch = Watch { child: command.spawn().unwrap(), file };
    let pid = watch.child.id();
    watch.until("it records", |status| status.pid == pid && status.flushed_sequence > 0);
    let (code, text) = status();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["guard_pid"]), (Some(0), &serde_json::Value::Null), "{text}");
    assert_eq!(told["watch"]["pid"], pid, "{text}");
    drop(watch.end());
    assert_eq!(status().0, Some(1), "it ended");
}

#[test]
fn serve_keeps_one_watch_as_the_configuration_says() {
    let mut live = Live::start("");
    let status = |live: &Live| {
        let output = live.run(&["status", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        json["watch"].clone()
    };
    let pid = |live: &Live| status(live)["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    wait_for("a watch", || pid(&live).is_some());
    let first = pid(&live).unwrap();
    kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    wait_for("another watch", || pid(&live).is_some_and(|pid| pid != first));
    assert!(live.log().contains("watch was killed by signal 9"), "{}", live.log());
    let second = pid(&live).unwrap();
    // The same configuration keeps its watch, another one gets another.
    assert!(live.reload("").status.success());
    assert_eq!(pid(&live), Some(second));
    let bytes = status(&live)["recorder_bytes"].as_u64().unwrap();
    assert!(live.reload("guard.recorder_bytes = \"2 MiB\"").status.success());
    wait_for("a watch with a smaller file", || {
        let status = status(&live);
        status["pid"].is_i64() && status["recorder_bytes"].as_u64() < Some(bytes)
    });
    assert_ne!(pid(&live), Some(second));
    let text = String::from_utf8(live.run(&["status"]).stdout).unwrap();
    assert!(text.contains("\nwatch      pid "), "{text}");
    assert!(live.reload("guard.watch = false").status.success());
    wait_for("no watch", || pid(&live).is_none());
    assert!(live.reload("").status.success());
    wait_for("a watch again", || pid(&live).is_some());
    live.signal(Signal::TERM);
    assert!(live.ended(Duration::from_secs(20)).success(), "{}", live.log());
}
