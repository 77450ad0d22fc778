//! Tests of the pulse: what is believed, and a real php-fpm with processes that others hold.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use menshen_sys::Scoreboard;
use menshen_web_core::fastcgi::{self, push_param, write_params};
use rustix::event::{EventfdFlags, eventfd};

use super::*;
use crate::php::admission::{Class, Settings};

#[test]
fn one_look_is_not_believed_and_none_is_believed_for_ever() {
    let mut beats = Beats::default();
    let table = [
        (Look::Seen(2), 0),
        (Look::Seen(3), 2),
        (Look::Seen(1), 1),
        (Look::Seen(0), 0),
        (Look::Seen(4), 0),
        (Look::Failed, 0),
        (Look::Seen(4), 4),
        (Look::Failed, 4),
        (Look::Failed, 4),
        (Look::Failed, 0),
        (Look::Seen(4), 0),
        (Look::Seen(4), 4),
    ];
    for (place, (look, strangers)) in table.into_iter().enumerate() {
        assert_eq!(beats.add(look), strangers, "beat {place}");
    }
}

/// A php-fpm of our own with two processes; it ends with the value.
struct Fpm {
    child: Child,
    folder: tempfile::TempDir,
}

impl Fpm {
    /// `None` after saying so where php-fpm is not installed.
    fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "php-fpm not installed");
            eprintln!("SKIPPED: php-fpm is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let settings = format!(
            "[global]\nerror_log = {at}/log\ndaemonize = no\n[test]\nlisten = {at}/pool.sock\n\
             user = root\ngroup = root\npm = static\npm.max_children = 2\n\
             pm.status_path = /status\n"
        );
        std::fs::write(folder.path().join("fpm.conf"), settings).unwrap();
        let script = "<?php echo 'early'; fastcgi_finish_request(); sleep(3);";
        std::fs::write(folder.path().join("late.php"), script).unwrap();
        let child = Command::new(program)
            .args(["-n", "-R", "-F", "-y"])
            .arg(folder.path().join("fpm.conf"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let fpm = Self { child, folder };
        let before = Instant::now();
        while UnixStream::connect(fpm.socket()).is_err() {
            assert!(before.elapsed() < Duration::from_secs(10), "php-fpm does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(fpm)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("pool.sock")
    }

    /// Runs the script that answers early, to the end of its answer.
    fn run_late(&self) {
        let script = self.folder.path().join("late.php").display().to_string();
        let mut pairs = Vec::new();
        for (name, value) in [("REQUEST_METHOD", "GET"), ("SCRIPT_FILENAME", &script)] {
            push_param(name.as_bytes(), value.as_bytes(), &mut pairs);
        }
        let mut request = Vec::new();
        fastcgi::begin_request(fastcgi::Connection::Close, &mut request);
        write_params(&pairs, &mut request);
        request.extend_from_slice(&fastcgi::STDIN_END);
        let mut socket = UnixStream::connect(self.socket()).unwrap();
        socket.write_all(&request).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert!(answer.windows(5).any(|window| window == b"early"), "{answer:?}");
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // SIGTERM, so that it ends its processes.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// The newest php-fpm where Debian and others put it.
fn program() -> Option<PathBuf> {
    let entries = std::fs::read_dir("/usr/sbin").ok()?.flatten().map(|entry| entry.path());
    let is_fpm = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("php-fpm")
    };
    entries.filter(is_fpm).max()
}

fn admission(folder: &Path) -> (Scoreboard, Rc<Admission<()>>) {
    let (board, _file) = Scoreboard::create(&folder.join("board")).unwrap();
    let slot = board.slot(0);
    slot.reset(0, 1, 0);
    slot.set_state(SlotState::Ready);
    let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
    let wait_max = Duration::from_secs(20);
    let settings = Settings { place: 1, workers: 2, waiting_max: 9, wait_max, bell };
    (board, Admission::new(board, slot, settings))
}

async fn until(what: &str, limit: Duration, test: impl Fn() -> bool) {
    let before = Instant::now();
    while !test() {
        assert!(before.elapsed() < limit, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_script_that_runs_on_after_its_answer_is_a_stranger() {
    let Some(fpm) = Fpm::start() else { return };
    let (board, admission) = admission(fpm.folder.path());
    let pulse =
        Pulse { address: PhpAddress::Unix(fpm.socket()), path: "/status".into(), in_pool: true };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let strangers = || board.view().pool_strangers(1);
        tokio::task::spawn_local(pulse.run(Rc::clone(&admission)));
        let client = IpAddr::from([192, 0, 2, 1]);
        let ticket = admission.enter(Class::Page, client).await.unwrap();
        fpm.run_late();
        // Its place is still ours: nobody else is there.
        tokio::time::sleep(BEAT * 3).await;
        assert_eq!(strangers(), 0);
        drop(ticket);
        until("the stranger is noticed", BEAT * 5, || strangers() == 1).await;
        until("the stranger is gone", Duration::from_secs(6), || strangers() == 0).await;
    });
}

#[test]
fn a_pool_whose_processes_are_all_taken_is_known_by_its_silence() {
    let Some(fpm) = Fpm::start() else { return };
    let (board, admission) = admission(fpm.folder.path());
    let pulse =
        Pulse { address: PhpAddress::Unix(fpm.socket()), path: "/status".into(), in_pool: true };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        fpm.run_late();
        fpm.run_late();
        assert_eq!(pulse.look(&admission).await, Look::Seen(2));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(pulse.look(&admission).await, Look::Seen(0));
        assert_eq!(board.view().pool_strangers(1), 0, "a look alone changes nothing");
    });
}
