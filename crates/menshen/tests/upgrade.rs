//! `menshen upgrade` on a live menshen: another program takes over under load, one that will not do
//! changes nothing, one that does not get ready gives way to the one before.

use crate::support::live;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use live::{BIG_BYTES, Live, ask, configure, fetch, folder, wait_for};
use menshen_sys::SlotState;
use menshen_sys::scoreboard::HeaderWord;
use rustix::process::Signal;
use tempfile::TempDir;

/// A menshen whose program is a file of its own, to be replaced.
struct Installed {
    live: Live,
    program: PathBuf,
}

impl Installed {
    fn start(head: &str) -> Self {
        Self::start_with(head, |_, _| {})
    }

    fn start_with(head: &str, change: impl FnOnce(&Path, &mut Command)) -> Self {
        let folder = folder(head);
        let program = folder.path().join("program");
        lay_program(&program);
        let mut command = on(&program, &folder, &["serve"]);
        change(folder.path(), &mut command);
        Self { live: Live::start_command(folder, command), program }
    }

    /// Another file with the same name, as a package manager does it.
    fn replace(&self, content: &[u8], mode: u32) {
        let next = self.program.with_extension("next");
        std::fs::write(&next, content).unwrap();
        std::fs::set_permissions(&next, PermissionsExt::from_mode(mode)).unwrap();
        std::fs::rename(next, &self.program).unwrap();
    }

    fn upgrade(&self) -> Output {
        self.live.run(&["upgrade"])
    }

    /// The upgrade takes effect, in a process that stays the same.
    fn upgraded(&self) {
        let before = self.live.header(HeaderWord::UpgradesDone);
        let output = self.upgrade();
        assert_eq!(output.status.code(), Some(0), "{output:?} {}", self.live.log());
        assert_eq!(self.live.header(HeaderWord::UpgradesDone), before + 1);
        let pid = self.live.child.id();
        assert_eq!(self.live.header(HeaderWord::GuardPid), u64::from(pid));
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        let text = String::from_utf8_lossy(&environment);
        assert!(text.contains("MENSHEN_HANDOVER="), "it was started anew: {text}");
    }

    /// The upgrade is refused, for this reason, and everything serves on.
    fn refused(&self, reason: &str) {
        let before = self.live.header(HeaderWord::UpgradesRefused);
        let output = self.upgrade();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said} {}", self.live.log());
        assert!(said.contains(reason), "{said}");
        assert_eq!(self.live.header(HeaderWord::UpgradesRefused), before + 1);
        fetch(self.live.plain).unwrap();
    }

    fn pids(&self) -> Vec<u64> {
        self.live.workers(SlotState::Ready).iter().map(menshen_sys::Slot::pid).collect()
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.live.child.id())).unwrap().count()
    }

    fn ready(&self, count: usize) {
        wait_for("the workers", || self.pids().len() == count);
    }
}

fn lay_program(at: &Path) {
    let own = Path::new(env!("CARGO_BIN_EXE_menshen"));
    std::fs::hard_link(own, at).or_else(|_| std::fs::copy(own, at).map(drop)).unwrap();
}

fn on(program: &Path, folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(arguments).stdin(Stdio::null());
    for name in ["NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn under_load_nothing_is_lost() {
    let menshen = Installed::start("workers = 2");
    let plain = menshen.live.plain;
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let going = || !stop.load(Ordering::Relaxed);
    let before = menshen.descriptors();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while going() {
                    fetch(plain).unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let slow_reader = scope.spawn(|| {
            let mut stream = TcpStream::connect(plain).unwrap();
            ask(&mut stream, "/big.bin").unwrap();
            let mut all = 0;
            let mut piece = vec![0; 1 << 20];
            while going() || all == 0 {
                all += stream.read(&mut piece[..64 << 10]).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
            loop {
                match stream.read(&mut piece).unwrap() {
                    0 => return all,
                    count => all += count,
                }
            }
        });
        let slow_writer = scope.spawn(|| {
            let mut stream = TcpStream::connect(plain).unwrap();
            stream.write_all(UPLOAD_HEAD).unwrap();
            let mut sent = 0;
            while sent < UPLOAD_BYTES - 1 && going() {
                stream.write_all(b"x").unwrap();
                sent += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            stream.write_all(&vec![b'x'; UPLOAD_BYTES - sent]).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        for round in 1..=3 {
            let wanted = done.load(Ordering::Relaxed) + 20;
            wait_for("requests", || done.load(Ordering::Relaxed) >= wanted);
            let workers = menshen.pids();
            menshen.upgraded();
            menshen.ready(2);
            assert!(menshen.pids().iter().all(|pid| !workers.contains(pid)), "round {round}");
        }
        let wanted = done.load(Ordering::Relaxed) + 20;
        wait_for("requests", || done.load(Ordering::Relaxed) >= wanted);
        stop.store(true, Ordering::Relaxed);
        let read = slow_reader.join().unwrap();
        assert!(read as u64 > BIG_BYTES, "head and body: {read}");
        let answer = slow_writer.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    });
    wait_for("old workers", || menshen.live.workers(SlotState::Draining).is_empty());
    assert_eq!(menshen.live.header(HeaderWord::Crashes), 0, "{}", menshen.live.log());
    let stored = std::fs::read(menshen.live.path("files/slow.bin")).unwrap();
    assert!(stored.len() == UPLOAD_BYTES && stored.iter().all(|byte| *byte == b'x'));
    // What was handed over is not held twice, or for ever.
    wait_for("descriptors", || menshen.descriptors() <= before + 2);
    eprintln!("3 upgrades, {} requests on connections of their own", done.load(Ordering::Relaxed));
    assert_eq!(menshen.live.run(&["reload"]).status.code(), Some(0), "a reload as ever");
}

const UPLOAD_HEAD: &[u8] = b"PUT /slow.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
    Content-Length: 100000\r\n\r\n";
const UPLOAD_BYTES: usize = 100_000;

#[test]
fn a_program_that_will_not_do_changes_nothing() {
    let menshen = Installed::start("workers = 1");
    let workers = menshen.pids();
    // What is no program is given to a shell, as execvp(3) does.
    menshen.replace(b"\x7fELF and nothing else", 0o755);
    menshen.refused("ended with exit code 127");
    menshen.replace(b"#!/bin/sh\necho 'not today' >&2\nexit 3\n", 0o755);
    menshen.refused("not today");
    menshen.replace(b"#!/bin/sh\nkill -9 $$\n", 0o755);
    menshen.refused("killed by signal 9");
    menshen.replace(b"#!/bin/sh\nexit 0\n", 0o644);
    menshen.refused("could not start");
    std::fs::remove_file(&menshen.program).unwrap();
    menshen.refused("could not start");
    lay_program(&menshen.program);
    let settings = menshen.live.path("menshen.toml");
    let good = std::fs::read(&settings).unwrap();
    std::fs::write(&settings, "nonsense = 1\n").unwrap();
    // The command cannot know the state folder but by its usual place.
    menshen.refused("nonsense");
    std::fs::write(&settings, good).unwrap();
    assert_eq!(menshen.pids(), workers, "{}", menshen.live.log());
    menshen.upgraded();
}

#[test]
fn a_program_that_does_not_get_ready_gives_way_to_the_one_before() {
    let menshen = Installed::start("workers = 1");
    let settings = menshen.live.path("menshen.toml");
    let good = std::fs::read_to_string(&settings).unwrap();
    let mut slow = TcpStream::connect(menshen.live.plain).unwrap();
    ask(&mut slow, "/big.bin").unwrap();
    // Its guard cannot begin: the port is another's.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let more = format!("plain_listen = [\"127.0.0.1:0\", \"{address}\"]");
    std::fs::write(&settings, good.replace("plain_listen = [\"127.0.0.1:0\"]", &more)).unwrap();
    menshen.refused("could not bind");
    // Its guard begins, and a worker of it does not.
    let ca = menshen.live.path("ca.pem");
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let broken = format!(
        "{good}\n[sql]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"127.0.0.1:1\"\n\
         upstream_tls = \"verify\"\nupstream_ca = \"{}\"\n",
        ca.display()
    );
    std::fs::write(&settings, broken).unwrap();
    menshen.refused("did not get ready");
    std::fs::write(&settings, &good).unwrap();
    menshen.ready(1);
    menshen.upgraded();
    let mut all = Vec::new();
    slow.read_to_end(&mut all).unwrap();
    assert!(all.len() as u64 > BIG_BYTES, "the first workers' transfer: {}", all.len());
    menshen.ready(1);
    assert_eq!(menshen.live.run(&["reload"]).status.code(), Some(0));
}

#[test]
fn the_service_manager_sees_one_process_and_its_sockets_stay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut manager = None;
    let menshen = Installed::start_with("workers = 1", |folder, command| {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        manager = Some(socket);
        let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 \
                      LISTEN_FDNAMES=plain; exec ./program serve";
        *command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder).stdin(OwnedFd::from(listener));
        command.env("NOTIFY_SOCKET", path);
    });
    let manager = manager.unwrap();
    let message = || {
        let mut bytes = [0; 1024];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert!(message().starts_with("READY=1\n"));
    menshen.upgraded();
    assert!(message().starts_with("RELOADING=1\n"));
    let ready = message();
    assert!(ready.starts_with("READY=1\nSTATUS=1 worker, generation 2"), "{ready}");
    fetch(address).unwrap();
    configure(menshen.live.folder.path(), "workers = 2");
    assert_eq!(menshen.live.run(&["reload"]).status.code(), Some(0));
    menshen.upgraded();
    fetch(address).unwrap();
    assert!(message().starts_with("RELOADING=1\n") && message().starts_with("READY=1\n"));
}

#[test]
fn a_stop_in_the_middle_of_an_upgrade_is_a_stop() {
    let mut menshen = Installed::start("workers = 1");
    // The trial takes as long as it may.
    menshen.replace(b"#!/bin/sh\nexec sleep 60\n", 0o755);
    menshen.live.signal(Signal::USR2);
    wait_for("the trial", || menshen.live.log().contains("upgrade: trying"));
    menshen.live.signal(Signal::TERM);
    assert_eq!(menshen.live.ended(Duration::from_secs(10)).code(), Some(0));
    assert!(!menshen.live.path(".menshen/guard.pid").exists());
}

/// A program that passes its trial, and then does `harm` before it becomes the real one.
fn harmful(harm: &str) -> String {
    let real = env!("CARGO_BIN_EXE_menshen");
    format!("#!/bin/sh\n[ \"$1\" != trial ] || exit 0\n{harm}\nexec '{real}' \"$@\"\n")
}

#[test]
fn a_way_back_that_is_closed_is_seen_before() {
    let menshen = Installed::start("workers = 1");
    let (root, aside) = (menshen.live.path("files"), menshen.live.path("aside"));
    std::fs::rename(&root, &aside).unwrap();
    std::fs::write(&root, "no folder").unwrap();
    menshen.refused("there would be no way back");
    std::fs::remove_file(&root).unwrap();
    std::fs::rename(&aside, &root).unwrap();
    menshen.upgraded();
}

#[test]
fn where_nobody_can_go_on_the_service_manager_is_to_try_again() {
    let mut menshen = Installed::start("workers = 1");
    // Neither the new program nor the one before can begin behind that.
    menshen.replace(harmful("mv files aside; echo x >files").as_bytes(), 0o755);
    menshen.live.signal(Signal::USR2);
    let ended = menshen.live.ended(Duration::from_secs(30));
    assert_eq!(ended.code(), Some(111), "{}", menshen.live.log());
    assert!(menshen.live.log().contains("does not get ready"), "{}", menshen.live.log());

    let folder = folder("workers = 1");
    std::fs::write(folder.path().join("handed"), r#"{"format": 0}"#).unwrap();
    let mut command = Command::new("sh");
    let script = format!(
        "exec 9<handed; export MENSHEN_HANDOVER=\"9 $$ forth\"; exec '{}' serve",
        env!("CARGO_BIN_EXE_menshen")
    );
    let output = command.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(said.contains("in another form"), "{said}");
}

/// By the shell alone: when a shell has waited for another program it lets signals in.
const COPY: &str =
    "while IFS= read -r line; do printf '%s\\n' \"$line\"; done <next.toml >menshen.toml";

/// Another address to listen at, which is taken.
fn taken(menshen: &Installed) -> (TcpListener, String) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let more = format!("127.0.0.1:0\", \"{}", taken.local_addr().unwrap());
    let good = std::fs::read_to_string(menshen.live.path("menshen.toml")).unwrap();
    let broken =
        good.replace("plain_listen = [\"127.0.0.1:0", &format!("plain_listen = [\"{more}"));
    assert_ne!(broken, good);
    (taken, broken)
}

#[test]
fn what_is_asked_for_meanwhile_is_done_by_the_program_that_is_back() {
    // A reload, asked for while the new program is tried.
    let menshen = Installed::start("workers = 1");
    let (_taken, broken) = taken(&menshen);
    std::fs::write(menshen.live.path("next.toml"), broken).unwrap();
    let program =
        harmful(COPY).replace("|| exit 0", "|| { until [ -e go ]; do sleep 0.05; done; exit 0; }");
    menshen.replace(program.as_bytes(), 0o755);
    menshen.live.signal(Signal::USR2);
    wait_for("the trial", || menshen.live.log().contains("upgrade: trying"));
    menshen.live.signal(Signal::HUP);
    std::fs::write(menshen.live.path("go"), "").unwrap();
    wait_for("the way back", || menshen.live.log().contains("upgrade refused: "));
    wait_for("the reload", || menshen.live.header(HeaderWord::ReloadsRefused) == 1);
    fetch(menshen.live.plain).unwrap();
}

#[test]
fn a_stop_asked_of_a_program_that_goes_back_is_a_stop() {
    let mut menshen = Installed::start("workers = 1");
    let (_taken, broken) = taken(&menshen);
    std::fs::write(menshen.live.path("next.toml"), broken).unwrap();
    // It waits through the script, and the new program hears it before it gives up.
    menshen.replace(harmful(&format!("kill -TERM $$; {COPY}")).as_bytes(), 0o755);
    menshen.live.signal(Signal::USR2);
    let ended = menshen.live.ended(Duration::from_secs(30));
    assert_eq!(ended.code(), Some(0), "{}", menshen.live.log());
    assert!(menshen.live.log().contains("does not get ready"), "{}", menshen.live.log());
    assert!(!menshen.live.path(".menshen/guard.pid").exists());
}
