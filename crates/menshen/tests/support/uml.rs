//! A guest with every right: a whole kernel as an ordinary process (user-mode-linux), for what the
//! host's kernel does not permit or must not be made to do, such as running out of memory.
//!
//! The guest sees the host's files read-only and writes to one folder. It has memory, processes
//! and a network of its own and no way out. It ends with the test, or after [`SECONDS_MAX`].

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::peers;

/// What a guest is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest {
    /// Memory, MiB; the kernel keeps about 30 of it.
    pub(crate) mebibytes: u32,
    /// Version of control groups.
    pub(crate) cgroup: u8,
}

/// A guest that runs; ended when dropped.
pub(crate) struct Running {
    kernel: Child,
    folder: TempDir,
}

/// What a guest left.
pub(crate) struct Left {
    folder: TempDir,
}

impl Guest {
    /// Starts it with a script for bash, which runs as root in the shared folder, with `menshen`
    /// in its `PATH`; `None` after saying that there is no user-mode-linux.
    pub(crate) fn start(self, script: &str) -> Option<Running> {
        let kernel = peers::find("linux.uml")?;
        let folder = tempfile::Builder::new().prefix("menshen-guest-").tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_menshen")).parent().unwrap();
        let script = format!("PATH={}:$PATH\n{HELP}{script}", program.display());
        fs::write(folder.path().join("script"), script).unwrap();
        let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/uml/init");
        // Below /tmp the guest sees the shared folder only once init has mounted it.
        fs::copy(init, folder.path().join("init")).unwrap();
        let share = folder.path().display();
        let console = fs::File::create(folder.path().join("console")).unwrap();
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", &SECONDS_MAX.to_string()]).arg(kernel);
        command.arg(format!("mem={}M", self.mebibytes));
        command.args(["root=/dev/root", "rootfstype=hostfs", "ro", "con=null", "con0=null,fd:1"]);
        command.args(["console=tty0", "loglevel=7", "log_buf_len=1M"]);
        command.arg(format!("init={share}/init"));
        command.arg(format!("UML_SHARE={share}")).arg(format!("UML_SEE={}", program.display()));
        command.arg(format!("UML_CGROUP={}", self.cgroup)).env("HOME", folder.path());
        command.stdin(Stdio::null()).stdout(console).stderr(Stdio::null()).process_group(0);
        let kernel = command.spawn().unwrap();
        Some(Running { kernel, folder })
    }

    /// Starts it and waits for the end of the script.
    pub(crate) fn run(self, script: &str) -> Option<Left> {
        Some(self.start(script)?.wait())
    }
}

impl Running {
    /// Waits for the end of the script.
    pub(crate) fn wait(mut self) -> Left {
        let _ = self.kernel.wait();
        self.left()
    }

    /// Waits until the script has written a line that holds `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        while !self.read("stdout").contains(text) {
            let over = self.kernel.try_wait().unwrap().is_some();
            let late = began.elapsed() > Duration::from_secs(SECONDS_MAX);
            assert!(!over && !late, "no {text:?}\n{}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Power off, without a word to the guest.
    pub(crate) fn reset(mut self) -> Left {
        self.kill();
        self.left()
    }

    fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.kernel), Signal::KILL);
        let _ = self.kernel.wait();
    }

    fn left(mut self) -> Left {
        self.kill();
        let empty = tempfile::tempdir().unwrap();
        Left { folder: std::mem::replace(&mut self.folder, empty) }
    }

    fn read(&self, name: &str) -> String {
        read(self.folder.path(), name)
    }

    fn told(&self) -> String {
        told(self.folder.path())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Left {
    /// What the script printed; panics with everything known unless it ended with 0.
    pub(crate) fn stdout(&self) -> String {
        assert_eq!(self.read("code").trim(), "0", "{}", self.told());
        self.read("stdout")
    }

    /// A file of the shared folder as text; empty without it.
    pub(crate) fn read(&self, name: &str) -> String {
        read(self.folder.path(), name)
    }

    /// A path in the shared folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything there is to say about a guest that did not do as it should.
    pub(crate) fn told(&self) -> String {
        told(self.folder.path())
    }
}

fn read(folder: &Path, name: &str) -> String {
    String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap_or_default()).into_owned()
}

fn told(folder: &Path) -> String {
    let part = |name: &str| {
        let text = read(folder, name);
        let lines: Vec<&str> = text.lines().rev().take(60).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        format!("--- {name}\n{}\n", lines.join("\n"))
    };
    ["stdout", "stderr", "code", "console"].map(part).concat()
}

/// Words for scripts. Perl starts faster than Python in a guest.
const HELP: &str = r#"
# hog NAME MIB SECONDS: becomes a process of this name that takes that much memory, then sleeps.
hog() {
  exec perl -e '($0, $m, $s) = @ARGV; for (1..$m) { push @held, chr(97 + $_ % 26) x 1048576;
    select undef, undef, undef, 0.002 } sleep $s' -- "$@"
}
kills() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
rss() { awk '/VmRSS/ { print int($2 / 1024) }' /proc/$1/status; }
# upto PID MIB: waits until it holds that much.
upto() { for _ in {1..200}; do [ "$(rss $1)" -ge $2 ] && return; sleep 0.05; done; return 1; }
# until COMMAND…: waits until it is true.
until_true() {
  for _ in {1..400}; do "$@" && return; sleep 0.05; done; echo "never: $*" >&2; return 1
}
alive() { for p in "$@"; do [ -d /proc/$p ] && echo "alive: $(cat /proc/$p/comm)"; done; true; }
"#;

/// A guest is ended after this long.
const SECONDS_MAX: u64 = 120;
