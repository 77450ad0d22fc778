//! Control groups of the test's own (v1 memory), and a program that eats memory bit by bit.
#![expect(clippy::print_stderr, reason = "a test left out says so")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A group with a limit, removed when dropped.
pub(crate) struct Group {
    folder: PathBuf,
    /// Below the mount.
    pub(crate) path: String,
}

/// A program that takes one mebibyte for each line it reads.
pub(crate) struct Eater {
    pub(crate) child: Child,
    stdin: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Group {
    /// `None` after saying so where the v1 controller is not there or may not be used.
    pub(crate) fn create(name: &str, limit_bytes: u64) -> Option<Self> {
        let path = format!("/menshen-test-{}-{name}", std::process::id());
        let folder = Path::new(MOUNT).join(&path[1..]);
        if std::fs::create_dir(&folder).is_err() {
            eprintln!("SKIPPED: no memory group can be made here (v1, as root)");
            return None;
        }
        let group = Self { folder, path };
        group.write("memory.limit_in_bytes", &limit_bytes.to_string());
        Some(group)
    }

    pub(crate) fn write(&self, file: &str, value: &str) {
        std::fs::write(self.folder.join(file), value).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// A key of `memory.oom_control`.
    pub(crate) fn oom(&self, key: &str) -> u64 {
        let text = self.read("memory.oom_control");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} "))).unwrap();
        line.trim().parse().unwrap()
    }

    /// The same command, started inside.
    pub(crate) fn inside(&self, command: &Command) -> Command {
        let mut shell = Command::new("sh");
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.folder.display());
        shell.args(["-c", &enter, "sh"]).arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.stdin(Stdio::null());
        shell
    }

    /// Starts an eater inside; `tag` is on its command line.
    pub(crate) fn eater(&self, tag: &str) -> Eater {
        let mut command = Command::new("python3");
        command.args(["-c", EATER, tag]);
        let mut command = self.inside(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut eater = Eater { child, stdin, said: BufReader::new(stdout) };
        eater.wait_said();
        eater
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Processes that ended a moment ago are in it for a little longer.
        for _ in 0..200 {
            if std::fs::remove_dir(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} could not be removed", self.folder.display());
    }
}

impl Eater {
    /// Takes so many mebibytes more and waits until it has them.
    pub(crate) fn eat(&mut self, mebibytes: u32) {
        self.ask(mebibytes);
        for _ in 0..mebibytes {
            self.wait_said();
        }
    }

    /// Asks for more without waiting.
    pub(crate) fn ask(&mut self, mebibytes: u32) {
        for _ in 0..mebibytes {
            self.stdin.write_all(b"\n").unwrap();
        }
        self.stdin.flush().unwrap();
    }

    /// One mebibyte was had.
    pub(crate) fn wait_said(&mut self) {
        assert!(self.said(), "the eater ended");
    }

    /// Whether one mebibyte was had before it ended.
    pub(crate) fn said(&mut self) -> bool {
        self.said.read_line(&mut String::new()).unwrap() > 0
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Eater {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pages are written to, or they would not be there.
const EATER: &str = "import sys
held = []
print('ready', flush=True)
for line in sys.stdin:
    held.append(bytearray(b'x') * (1 << 20))
    print('had', flush=True)
";

const MOUNT: &str = "/sys/fs/cgroup/memory";
