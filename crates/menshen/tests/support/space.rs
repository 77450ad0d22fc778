//! A network namespace of its own for a test, with programs in it; all ended when dropped.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::live::wait_for;
use super::peers::find;

/// A network namespace that lives as long as a process that does nothing.
pub(crate) struct Space {
    keeper: Child,
    python: PathBuf,
}

/// A program in the namespace; it ends when its input does.
pub(crate) struct Server(pub(crate) Child);

impl Space {
    /// A namespace with the loopback device up; `None` after saying why there is none.
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "this test needs root");
            eprintln!("SKIPPED: a network namespace needs root");
            return None;
        }
        let (python, _) = (find("python3")?, find("nsenter")?);
        let mut unshare = Command::new(find("unshare")?);
        unshare.args(["--net", "sleep", "600"]).stdin(Stdio::null()).stdout(Stdio::null());
        let keeper = unshare.spawn().unwrap();
        let space = Self { keeper, python };
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        wait_for("the namespace", || {
            let name = std::fs::read(format!("/proc/{}/comm", space.keeper.id())).unwrap();
            name == b"sleep\n" && std::fs::read_link(space.path()).unwrap() != own
        });
        space.run("ip", &["link", "set", "lo", "up"]);
        Some(space)
    }

    /// The namespace as a file.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.keeper.id())
    }

    /// A program in the namespace, not started yet.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg("--").arg(program).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program that must succeed; what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Gives nft a ruleset.
    pub(crate) fn nft(&self, rules: &str) {
        let mut nft = self.command("nft", &["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "{rules}");
    }

    /// Starts `listeners.py` and waits until its sockets are there.
    pub(crate) fn listen(&self, words: &str) -> Server {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/listeners.py");
        let python = self.python.display().to_string();
        let mut arguments = vec![script];
        arguments.extend(words.split(' '));
        Server::start(&mut self.command(&python, &arguments))
    }

    /// `menshen explain port 8080 --json …`: exit code and answer.
    pub(crate) fn explain(&self, arguments: &[&str]) -> (i32, Value) {
        let mut all = vec!["explain", "port", "8080", "--json"];
        all.extend(arguments);
        answer(&self.command(env!("CARGO_BIN_EXE_menshen"), &all).output().unwrap())
    }
}

/// Exit code and JSON of an answer.
pub(crate) fn answer(output: &Output) -> (i32, Value) {
    let json = serde_json::from_slice(&output.stdout);
    let json = json.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), json)
}

impl Server {
    /// Starts a program that says `ready` and ends with its input.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{command:?}");
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
