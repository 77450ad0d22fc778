//! Network namespaces for one test, with what connects them; gone when dropped.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A network namespace that lives as long as a process that does nothing.
#[derive(Debug)]
pub(crate) struct Space(Child);

impl Space {
    /// One with its loopback device up; `None` after saying what is missing of `programs`.
    pub(crate) fn new(programs: &[&str]) -> Option<Self> {
        if !is_set("MENSHEN_TUNNEL_PEERS") && !is_set("MENSHEN_REQUIRE_PEERS") {
            return left_out();
        }
        if !rustix::process::geteuid().is_root() {
            return cannot_be("network namespaces and raw sockets need root");
        }
        if !std::path::Path::new("/dev/net/tun").exists() {
            return skip("/dev/net/tun is not there");
        }
        for program in ["ip", "nsenter", "unshare", "python3"].iter().chain(programs) {
            if find(program).is_none() {
                return skip(&format!("{program} is not installed"));
            }
        }
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "sleep", "3600"]).stdin(Stdio::null()).stdout(Stdio::null());
        let space = Self(unshare.spawn().unwrap());
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        wait_for("the namespace", || {
            let name = std::fs::read(format!("/proc/{}/comm", space.0.id())).unwrap();
            name == b"sleep\n" && std::fs::read_link(space.path()).unwrap() != own
        });
        space.run("ip link set lo up");
        Some(space)
    }

    /// The namespace as a file.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// A program in the namespace, not started yet.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg("--").args(words.split(' '));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program that must succeed; what it printed.
    pub(crate) fn run(&self, words: &str) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Gives nft a ruleset.
    pub(crate) fn nft(&self, rules: &str) {
        let mut nft = self.command("nft -f -").stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "{rules}");
    }

    /// A line to another namespace: a device here with an address, and one there.
    pub(crate) fn join(&self, here: (&str, &str), other: &Self, there: (&str, &str)) {
        let peer = other.0.id();
        self.run(&format!("ip link add {} type veth peer name {} netns {peer}", here.0, there.0));
        for (space, (device, address)) in [(self, here), (other, there)] {
            space.run(&format!("ip addr add {address} dev {device}"));
            space.run(&format!("ip link set {device} up"));
        }
    }

    /// Runs `inside` on a thread of the namespace.
    pub(crate) fn thread<T: Send + 'static>(
        &self,
        inside: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let path = self.path();
        std::thread::spawn(move || {
            use std::os::fd::AsFd;
            let file = std::fs::File::open(path).unwrap();
            rustix::thread::move_into_link_name_space(file.as_fd(), None).unwrap();
            inside()
        })
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that is ended when dropped: asked first, so that it can end its own.
#[derive(Debug)]
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.0.try_wait() {
            return;
        }
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Ok(Some(_)) = self.0.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not asked for: they take minutes, and are not for every run of all tests.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn left_out<T>() -> Option<T> {
    eprintln!("SKIPPED: set MENSHEN_TUNNEL_PEERS=1 to run pptpd and guest kernels");
    None
}

/// Says why a test is skipped; a failure where all peers are required.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    assert!(!is_set("MENSHEN_REQUIRE_PEERS"), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Says that something cannot be on this machine; never a failure.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn cannot_be<T>(why: &str) -> Option<T> {
    eprintln!("SKIPPED: {why}");
    None
}

/// Where a program is.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Waits until something is so; fails after a long while.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(240);
    while !is_so() {
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A file of the tests with peers.
pub(crate) fn file(name: &str) -> String {
    format!("{}/tests/peers/ppp/{name}", env!("CARGO_MANIFEST_DIR"))
}
