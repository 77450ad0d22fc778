//! A real menshen in a folder of its own, on free loopback ports, and clients for it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use menshen_sys::scoreboard::{HeaderWord, SLOTS_MAX};
use menshen_sys::{ScoreView, Slot, SlotState};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Every test's settings; each adds its own. Plain HTTP keeps clients simple.
pub(crate) const BASE: &str = r#"
[web]
listen = ["127.0.0.1:0", "[::1]:0"]
plain_listen = ["127.0.0.1:0"]
plain = "serve"
access_log = "access.log"

[[web.public]]
path = "/"
access = "write"

[admin]
listen = "off"
"#;

/// A running menshen; ended when dropped.
pub(crate) struct Live {
    pub(crate) folder: TempDir,
    pub(crate) child: Child,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) plain: SocketAddr,
    /// From the start of the process to the last line of the start-up print.
    pub(crate) start_up: Duration,
}

/// A folder with `menshen.toml` and two files to fetch, `hello.txt` ("ok") and `big.bin`.
pub(crate) fn folder(head: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("hello.txt"), "ok").unwrap();
    File::create(files.join("big.bin")).unwrap().set_len(BIG_BYTES).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&files, Some(65_534), Some(65_534)).unwrap();
    }
    configure(folder.path(), head);
    folder
}

/// Writes the settings; `head` comes before [`BASE`], so it may set keys outside of tables.
pub(crate) fn configure(folder: &Path, head: &str) {
    std::fs::write(folder.join("menshen.toml"), format!("{head}\n{BASE}")).unwrap();
}

/// `menshen ARGUMENTS` in `folder`, not started yet.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    for name in ["NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command
}

impl Live {
    /// Starts with `head` before the usual settings and waits until the door is open.
    pub(crate) fn start(head: &str) -> Self {
        let folder = folder(head);
        let command = command(folder.path(), &["serve"]);
        Self::start_command(folder, command)
    }

    /// Starts a prepared command and waits until the door is open.
    pub(crate) fn start_command(folder: TempDir, mut command: Command) -> Self {
        let output = |name| File::create(folder.path().join(name)).unwrap();
        let began = Instant::now();
        let child = command.stdout(output("stdout")).stderr(output("stderr")).spawn().unwrap();
        let mut live =
            Self { folder, child, https: None, plain: BASE_ADDRESS, start_up: Duration::ZERO };
        wait_for("the start-up print", || {
            if let Some(status) = live.child.try_wait().unwrap() {
                panic!("ended with {status}: {}", live.log());
            }
            live.printed().contains("\n  state ")
        });
        live.start_up = began.elapsed();
        let print = live.printed();
        live.https = address(&print, "port");
        live.plain = address(&print, "plain").unwrap_or(BASE_ADDRESS);
        live
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Standard output so far.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.path("stdout")).unwrap_or_default()
    }

    /// Standard error so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    pub(crate) fn board(&self) -> ScoreView {
        ScoreView::open(&self.path(".menshen/scoreboard")).unwrap()
    }

    pub(crate) fn header(&self, word: HeaderWord) -> u64 {
        self.board().header(word)
    }

    /// Slots of workers in this state, by index.
    pub(crate) fn workers(&self, state: SlotState) -> Vec<Slot> {
        let board = self.board();
        let slots = (0..SLOTS_MAX).map(|number| board.slot(number));
        let mut slots: Vec<Slot> = slots.filter(|slot| slot.state() == state).collect();
        slots.sort_by_key(Slot::index);
        slots
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Runs another menshen command against this one.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        command(self.folder.path(), arguments).output().unwrap()
    }

    /// Changes the settings and reloads; the command's output.
    pub(crate) fn reload(&self, head: &str) -> Output {
        configure(self.folder.path(), head);
        self.run(&["reload"])
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self, within: Duration) -> ExitStatus {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "still running: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Twice: open transfers of a failed test are not waited for.
            for _ in 0..2 {
                let _ = kill_process(self.pid(), Signal::INT);
                std::thread::sleep(Duration::from_millis(30));
            }
            for _ in 0..200 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One complete request on a connection of its own.
pub(crate) fn fetch(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    ask(&mut stream, "/hello.txt")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\r\n\r\nok") {
        return Ok(());
    }
    Err(io::Error::other(format!("answer: {:?}", String::from_utf8_lossy(&answer))))
}

/// Sends a GET with `Connection: close`.
pub(crate) fn ask(stream: &mut TcpStream, target: &str) -> io::Result<()> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())
}

/// Waits up to 10 s until `condition` holds.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The first IPv4 address under a label of the start-up print.
fn address(print: &str, label: &str) -> Option<SocketAddr> {
    let rows = print.lines().skip_while(|line| !line.starts_with(&format!("  {label} ")));
    let mut addresses = rows.skip(1).take_while(|line| line.starts_with("            "));
    addresses.find_map(|line| line.split_whitespace().nth(1)?.parse().ok())
}

/// Bytes of `big.bin`: more than the socket buffers of both sides hold.
pub(crate) const BIG_BYTES: u64 = 64 << 20;

const BASE_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
