//! `menshen explain stopped` on real processes: jobs of a real shell on a real terminal, a tracer,
//! frozen groups. Each is told, and is as before afterwards.

use crate::support::{live, peers};

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use live::wait_for;
use menshen_sys::proc::{Stat, Status, threads};
use menshen_sys::ptrace;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::OpenptFlags;
use serde_json::Value;

/// A program that runs until dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An interactive shell with a terminal of its own; what it started ends with it.
struct Shell {
    _running: Running,
    terminal: File,
    folder: tempfile::TempDir,
    jobs: Vec<u32>,
}

impl Shell {
    /// `None` after saying what is missing.
    fn start() -> Option<Self> {
        let setsid = peers::find("setsid")?;
        peers::find("bash")?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = rustix::pty::openpt(flags).unwrap();
        rustix::pty::grantpt(&ours).unwrap();
        rustix::pty::unlockpt(&ours).unwrap();
        let theirs = rustix::pty::ioctl_tiocgptpeer(&ours, flags).unwrap();
        let mut command = Command::new(setsid);
        command.args(["--ctty", "bash", "--norc", "--noprofile", "-i"]);
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap());
        let running = Running(command.stderr(theirs).spawn().unwrap());
        let folder = tempfile::tempdir().unwrap();
        // The shell echoes; what it says has to be read, or it would block one day.
        let terminal = File::from(ours);
        let mut reader = terminal.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        Some(Self { _running: running, terminal, folder, jobs: Vec::new() })
    }

    /// Starts a job that first tells its process id; gives that.
    fn job(&mut self, command: &str, background: &str) -> u32 {
        let file = self.folder.path().join(format!("pid{}", self.jobs.len()));
        let (place, done) = (file.display(), file.with_extension("done"));
        let line = format!(
            "sh -c 'echo $$ > {place}; mv {place} {}; exec {command}' {background}\n",
            done.display()
        );
        self.say(&line);
        let mut pid = None;
        wait_for("the job", || {
            pid = std::fs::read_to_string(&done).ok().and_then(|text| text.trim().parse().ok());
            pid.is_some()
        });
        self.jobs.extend(pid);
        pid.unwrap()
    }

    fn say(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for job in &self.jobs {
            let _ = kill_process(pid(*job), Signal::KILL);
        }
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

fn ask(what: &str) -> (Value, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    let output = command.args(["explain", "stopped", "--json", what]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (answer, output.status.code().unwrap())
}

/// The only process in the answer.
fn one(number: u32) -> Value {
    let (answer, code) = ask(&number.to_string());
    let process = answer["processes"][0].clone();
    assert_eq!(i32::from(answer["stopped"] == true), code);
    process
}

fn wait_stopped(number: u32) {
    wait_for("a stop", || Stat::read(number).unwrap().state == b'T');
}

/// Asks several times; the process is stopped, traced by nobody, and continues when it is told to.
fn check(number: u32, signal: &str, claim: &str) -> Value {
    let mut process = Value::Null;
    for _ in 0..3 {
        process = one(number);
        assert_eq!(process["cause"]["signal"], signal, "{process:#}");
        let text = process["finding"]["claim"].as_str().unwrap();
        assert!(text.contains(claim), "{text}");
        for thread in threads(number).unwrap() {
            let status = Status::read(thread).unwrap();
            assert_eq!((Stat::read(thread).unwrap().state, status.tracer), (b'T', 0));
        }
    }
    process
}

#[test]
fn the_terminal_s_signals_are_told_apart() {
    let Some(mut shell) = Shell::start() else { return };
    let reads = shell.job("cat", "&");
    wait_stopped(reads);
    let process = check(reads, "SIGTTIN", "read from /dev/pts/");
    assert_eq!(process["doing"]["read"], 0, "{process:#}");
    assert_eq!(process["terminal"]["foreground"][0][1], "bash");

    let changes = shell.job("stty -echo", "&");
    wait_stopped(changes);
    let process = check(changes, "SIGTTOU", "changed the settings of /dev/pts/");
    assert_eq!(process["terminal"]["tostop"], false);
    assert_eq!(process["doing"]["set_terminal"], 0, "{process:#}");

    shell.say("stty tostop\n");
    let writes = shell.job("echo hello", "&");
    let writes_too = shell.job("/bin/echo hello", "&");
    for writes in [writes, writes_too] {
        wait_stopped(writes);
        let process = check(writes, "SIGTTOU", "wrote to /dev/pts/");
        assert_eq!(process["terminal"]["tostop"], true);
        assert_eq!(process["doing"]["write"], 1, "{process:#}");
        assert!(process["finding"]["hint"].as_str().unwrap().contains("stty -tostop"));
    }
    shell.say("stty -tostop\n");

    let asked = shell.job("sleep 61", "");
    shell.say("\x1a");
    wait_stopped(asked);
    check(asked, "SIGTSTP", "Ctrl-Z at /dev/pts/");
    kill_process(pid(asked), Signal::CONT).unwrap();
    wait_for("it to go on", || Stat::read(asked).unwrap().state == b'S');
    assert_eq!(one(asked)["finding"]["code"], "not-stopped");
}

#[test]
fn sigstop_of_a_program_with_threads_by_name() {
    let Some(python) = peers::find("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = format!("st{}", std::process::id() % 100_000);
    let link = folder.path().join(&name);
    std::os::unix::fs::symlink(real(&python), &link).unwrap();
    let text = "import threading, time\n[threading.Thread(target=time.sleep, args=(60,)).start() \
        for _ in range(3)]\ntime.sleep(60)";
    let start = || {
        let mut command = Command::new(&link);
        command.args(["-S", "-c", text]).stdin(Stdio::null()).stdout(Stdio::null());
        Running(command.spawn().unwrap())
    };
    let (first, second) = (start(), start());
    for running in [&first, &second] {
        let number = running.0.id();
        wait_for("threads", || threads(number).is_ok_and(|threads| threads.len() == 4));
    }
    kill_process(pid(first.0.id()), Signal::STOP).unwrap();
    wait_stopped(first.0.id());
    let process = check(first.0.id(), "SIGSTOP", "only a program or a person sends");
    assert!(process["finding"]["hint"].as_str().unwrap().contains("cannot be found afterwards"));
    let (answer, code) = ask(&name);
    let causes: Vec<_> =
        answer["processes"].as_array().unwrap().iter().map(|p| &p["cause"]).collect();
    assert_eq!((causes.len(), code), (2, 1), "{answer:#}");
    assert!(causes.contains(&&Value::from("not_stopped")));
}

/// The program itself, where what is in the path is a script that finds it.
fn real(python: &Path) -> PathBuf {
    let output = Command::new(python).args(["-c", "import sys; print(sys.executable)"]).output();
    PathBuf::from(String::from_utf8(output.unwrap().stdout).unwrap().trim())
}

#[test]
fn a_tracer_is_named() {
    let mut command = Command::new("sleep");
    let running = Running(command.arg("60").stdin(Stdio::null()).spawn().unwrap());
    let number = running.0.id();
    ptrace::seize(number, ptrace::Events::default()).unwrap();
    ptrace::interrupt(number).unwrap();
    ptrace::wait(Some(number), ptrace::Patience::Blocking).unwrap();
    let process = one(number);
    assert_eq!(process["finding"]["code"], "held-by-tracer", "{process:#}");
    assert_eq!(process["cause"]["traced"]["tracer"], std::process::id());
    assert_eq!((Stat::read(number).unwrap().state, process["state"].as_str()), (b't', Some("t")));
    ptrace::detach(number, 0).unwrap();
}

/// A control group of this test, removed when dropped.
struct Group {
    folder: PathBuf,
    thaw: (&'static str, &'static str),
}

impl Group {
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    fn make(root: &str, thaw: (&'static str, &'static str)) -> Option<Self> {
        let folder = Path::new(root).join(format!("menshen-test-{}-frozen", std::process::id()));
        if !Path::new(root).join("cgroup.procs").exists() || std::fs::create_dir(&folder).is_err() {
            eprintln!("SKIPPED: no control group can be made in {root}");
            return None;
        }
        Some(Self { folder, thaw })
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::write(self.folder.join(self.thaw.0), self.thaw.1);
        let members = std::fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        for member in members.lines().filter_map(|line| line.parse().ok()) {
            let _ = kill_process(pid(member), Signal::KILL);
        }
        for _ in 0..500 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

#[test]
fn frozen_groups_are_found() {
    for (version, root, freeze, thaw) in [
        (1, "/sys/fs/cgroup/freezer", ("freezer.state", "FROZEN"), ("freezer.state", "THAWED")),
        (2, "/sys/fs/cgroup/unified", ("cgroup.freeze", "1"), ("cgroup.freeze", "0")),
    ] {
        let mut command = Command::new("sleep");
        let running = Running(command.arg("60").stdin(Stdio::null()).spawn().unwrap());
        let number = running.0.id();
        // Made later, so dropped and thawed earlier: a frozen process could not be waited for.
        let Some(group) = Group::make(root, thaw) else { continue };
        group.write("cgroup.procs", &number.to_string());
        group.write(freeze.0, freeze.1);
        let (file, line) = match version {
            1 => ("freezer.state", "FROZEN"),
            _ => ("cgroup.events", "frozen 1"),
        };
        wait_for("the freeze", || {
            let text = std::fs::read_to_string(group.folder.join(file)).unwrap();
            text.lines().any(|found| found == line)
        });
        let process = one(number);
        assert_eq!(process["finding"]["code"], "group-frozen", "{process:#}");
        assert_eq!(process["cause"]["frozen"]["version"], version);
        group.write(thaw.0, thaw.1);
        wait_for("the thaw", || one(number)["finding"]["code"] == "not-stopped");
    }
}

#[test]
fn nobody_of_that_name_is_an_error() {
    for what in ["4194305", "no-such-program-here"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
        let output = command.args(["explain", "stopped", what]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no process"));
    }
}
