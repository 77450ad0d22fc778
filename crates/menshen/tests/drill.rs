//! `menshen drill oom` on this machine and in a guest with every right: what it says, and that
//! nothing of it is left, whatever ends it.
#![expect(clippy::print_stderr, reason = "a test left out says so")]

use crate::support::uml;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use uml::Guest;

/// One drill, with a `TMPDIR` of its own.
struct Drill {
    child: Child,
    _folder: TempDir,
}

impl Drill {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
        command.args(["drill", "oom"]).args(arguments).env("TMPDIR", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), _folder: folder }
    }

    /// The start of the names of its group and of its folder.
    fn name(&self) -> String {
        format!("menshen-drill-{}-", self.child.id())
    }

    /// Its groups and folders that are there now.
    fn things(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for base in [MOUNT, "/var/tmp"] {
            for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(&self.name()) {
                    found.push(entry.path());
                }
            }
        }
        found
    }

    /// Processes on whose command line its name is, and those in its group.
    fn processes(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for pid in menshen_sys::proc::pids().unwrap() {
            let line = menshen_sys::proc::command_line(pid, 4096).unwrap_or_default();
            let group = menshen_sys::proc::cgroup(pid).unwrap_or_default();
            let name = self.name();
            let has = |text: &[u8]| String::from_utf8_lossy(text).contains(&name);
            let zombie = menshen_sys::proc::Stat::read(pid).is_ok_and(|stat| stat.state == b'Z');
            if (has(&line) || has(&group)) && !zombie {
                found.push(pid);
            }
        }
        found
    }

    /// Waits until its processes run and take memory.
    fn wait_for_the_middle(&mut self) {
        let give_up = Instant::now() + Duration::from_secs(30);
        let in_held = |path: &PathBuf| path.join("held").exists();
        while self.processes().len() < 5 || !self.things().iter().any(in_held) {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended early");
            assert!(Instant::now() < give_up, "it does not begin: {:?}", self.things());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn assert_nothing_is_left(&self) {
        let give_up = Instant::now() + Duration::from_secs(10);
        while !self.processes().is_empty() && Instant::now() < give_up {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.processes(), [0; 0], "processes");
        assert_eq!(self.things(), [""; 0].map(PathBuf::from), "groups and folders");
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Drills ask the kernel for kills and count them; one at a time is enough for this machine.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// `false` after saying so where no v1 group can be made.
fn possible() -> bool {
    let probe = Path::new(MOUNT).join(format!("menshen-test-{}-drill", std::process::id()));
    let made = std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe));
    if made.is_err() {
        eprintln!("SKIPPED: no v1 memory group can be made here");
    }
    made.is_ok()
}

fn verdicts(report: &serde_json::Value) -> Vec<(&str, &str)> {
    let lines = report["lines"].as_array().unwrap().iter();
    lines.map(|line| (line["name"].as_str().unwrap(), line["verdict"].as_str().unwrap())).collect()
}

#[test]
fn this_machine_proves_what_it_permits_and_keeps_nothing() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !possible() {
        return;
    }
    let mut drill = Drill::start(&["--json"]);
    let stdout = std::io::read_to_string(drill.child.stdout.take().unwrap()).unwrap();
    let stderr = std::io::read_to_string(drill.child.stderr.take().unwrap()).unwrap();
    let code = drill.child.wait().unwrap().code();
    drill.assert_nothing_is_left();
    assert!(stderr.contains(&drill.name()) && stderr.contains("64.0 MiB"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "no progress for who is no terminal: {stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let found = verdicts(&report);
    let wanted = ["protection", "forecast", "recorder", "ladder", "hold", "removed"];
    for name in ["kernel log", "memory group"].into_iter().chain(wanted) {
        assert!(found.contains(&(name, "proved")), "{name}: {report:#}");
    }
    let scores = found.iter().find(|(name, _)| *name == "scores").unwrap().1;
    let good = found.iter().all(|(_, verdict)| ["proved", "done-without"].contains(verdict));
    assert_eq!(code, Some(i32::from(!good)));
    assert_eq!(report["all_proved"].as_bool(), Some(good));
    let line = |name: &str| {
        let lines = report["lines"].as_array().unwrap();
        lines.iter().find(|line| line["name"] == name).unwrap().clone()
    };
    let protection = line("protection")["claim"].to_string();
    if scores == "proved" {
        assert!(protection.contains("absolute"), "{protection}");
    } else {
        assert!(protection.contains("relative"), "{protection}");
        let finding = &line("scores")["finding"];
        assert_eq!(finding["code"], "drill-scores-refused");
        assert!(finding["hint"].as_str().unwrap().contains("OOMScoreAdjust"));
    }
}

#[test]
fn an_interrupt_in_the_middle_removes_everything() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !possible() {
        return;
    }
    for (signal, pause) in [(Signal::INT, 0), (Signal::TERM, 3000)] {
        let mut drill = Drill::start(&[]);
        drill.wait_for_the_middle();
        std::thread::sleep(Duration::from_millis(pause));
        drill.signal(signal);
        let code = drill.child.wait().unwrap().code();
        drill.assert_nothing_is_left();
        let stderr = std::io::read_to_string(drill.child.stderr.take().unwrap()).unwrap();
        assert_eq!(code, Some(111), "{stderr}");
        assert!(stderr.contains("interrupted; everything it made is removed"), "{stderr}");
    }
}

#[test]
fn what_a_killed_drill_left_the_next_one_removes() {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !possible() {
        return;
    }
    let mut first = Drill::start(&[]);
    first.wait_for_the_middle();
    first.signal(Signal::KILL);
    first.child.wait().unwrap();
    // Its processes end with it; group and folder cannot.
    let give_up = Instant::now() + Duration::from_secs(10);
    while !first.processes().is_empty() {
        assert!(Instant::now() < give_up, "still there: {:?}", first.processes());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(first.things().len(), 2, "{:?}", first.things());
    let mut second = Drill::start(&[]);
    second.wait_for_the_middle();
    second.signal(Signal::INT);
    second.child.wait().unwrap();
    first.assert_nothing_is_left();
    second.assert_nothing_is_left();
}

#[test]
fn wrong_usage_is_refused_before_anything_is_made() {
    for arguments in [&["--memory", "8"][..], &["--memory", "99999"], &["x"]] {
        let mut drill = Drill::start(arguments);
        assert_eq!(drill.child.wait().unwrap().code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_guest_with_every_right_proves_everything() {
    for (cgroup, own) in [(2, "brake"), (1, "hold")] {
        let guest = Guest { mebibytes: 384, cgroup };
        let script = "menshen drill oom --json > report\necho \"exit $?\"\nfind /sys/fs/cgroup \
                      /tmp -maxdepth 2 -name 'menshen-drill-*'\n";
        let Some(left) = guest.run(script) else { return };
        let text = left.stdout();
        let report = left.read("report");
        assert_eq!(text, "exit 0\n", "{report}\n{}", left.told());
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let found = verdicts(&report);
        for name in ["scores", "protection", "forecast", "recorder", "ladder", own, "removed"] {
            assert!(found.contains(&(name, "proved")), "{name}: {report:#}");
        }
        assert!(report.to_string().contains("absolute: the kernel took"), "{report:#}");
    }
}

#[test]
fn a_stranger_without_rights_is_told_what_is_missing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become a stranger");
        return;
    }
    // Where a stranger may not look, the program is not found either.
    let folder = tempfile::Builder::new().prefix("menshen-drill-test").tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let program = folder.path().join("menshen");
    std::fs::copy(env!("CARGO_BIN_EXE_menshen"), &program).unwrap();
    let mut command = Command::new(&program);
    std::os::unix::process::CommandExt::uid(&mut command, 65534);
    let output = command.args(["drill", "oom"]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("[drill-no-memory-group]"), "{text}");
    assert!(text.contains("Run it as root, or in a delegated group"), "{text}");
    assert_eq!(text.matches("Run it as root, or in a delegated group").count(), 1, "{text}");
}

const MOUNT: &str = "/sys/fs/cgroup/memory";
