//! menshen among terminals, service managers and other processes: what it inherits, what its
//! workers are given, what cannot stop it.

use crate::support::live;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use live::{Live, command, fetch, folder, wait_for};
use menshen_sys::SlotState;
use menshen_sys::scoreboard::HeaderWord;
use rustix::process::Signal;

#[test]
fn workers_hold_only_their_own_descriptors() {
    let folder = folder("workers = 2");
    let mut shell = Command::new("sh");
    // A descriptor leaked by whoever starts menshen must not reach the workers.
    let script = format!("exec 7</etc/passwd; exec {} serve", env!("CARGO_BIN_EXE_menshen"));
    shell.args(["-c", &script]).current_dir(folder.path()).stdin(Stdio::null());
    let live = Live::start_command(folder, shell);
    assert!(
        links(live.child.id().into()).unwrap().contains("/etc/passwd"),
        "the leak is there to test with"
    );
    let mut sockets = Vec::new();
    for slot in live.workers(SlotState::Ready) {
        let Some(links) = links(slot.pid()) else {
            eprintln!("SKIPPED in part: the descriptors of an undumpable worker need root");
            return;
        };
        let mine: BTreeSet<String> =
            links.iter().filter(|link| link.starts_with("socket:")).cloned().collect();
        // Two HTTPS addresses, one plain one; the async runtime has a socket pair for signals.
        assert!(mine.len() >= 3, "{links:?}");
        for link in &links {
            let known = link.starts_with("socket:")
                || link.starts_with("anon_inode:")
                || link.starts_with("pipe:")
                || ["/memfd:certificates (deleted)", "/memfd:challenges (deleted)"]
                    .contains(&link.as_str())
                || KNOWN.iter().any(|end| link.ends_with(end));
            assert!(known, "a worker holds {link}");
        }
        sockets.push(mine);
    }
    let both: Vec<_> = sockets[0].intersection(&sockets[1]).collect();
    assert!(both.is_empty(), "no listener is shared, the admin one is off: {both:?}");
}

/// Ends of paths a worker may hold open.
const KNOWN: &[&str] = &[
    "/dev/null",
    "/stdout",
    "/stderr",
    "/files",
    "/.menshen-spool",
    "/access.log",
    "/.menshen/handshakes",
    // What is known of counted links.
    "/.menshen/links",
];

/// What the descriptors of a process are; those of an undumpable one need root.
fn links(pid: u64) -> Option<BTreeSet<String>> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links = folder.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Some(links.map(|link| link.display().to_string()).collect())
}

#[test]
fn oom_score_adj_is_reset_in_workers() {
    let folder = folder("workers = 1");
    let mut shell = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_menshen");
    let script = format!("echo 300 > /proc/self/oom_score_adj && exec {binary} serve");
    // The shell writes its own score: `self` is resolved by the shell, not by a child of it.
    shell.args(["-c", &script]).current_dir(folder.path()).stdin(Stdio::null());
    let live = Live::start_command(folder, shell);
    let score = |pid: u64| -> i32 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse().unwrap()
    };
    let worker = score(live.workers(SlotState::Ready)[0].pid());
    match score(live.child.id().into()) {
        -900 => {
            assert_eq!(worker, 300, "the saved value comes back");
            assert!(live.printed().contains("permitted (guard -900, workers 300)"));
        }
        300 => {
            assert_eq!(worker, 500, "without the right the workers are raised");
            assert!(live.printed().contains("not permitted; relative instead: workers +200"));
        }
        other => panic!("the guard has {other}"),
    }
}

#[test]
fn workers_of_root_have_no_rights() {
    let live = Live::start("workers = 1");
    let slot = live.workers(SlotState::Ready)[0];
    let status = std::fs::read_to_string(format!("/proc/{}/status", slot.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED in part: the change of user needs root");
        return;
    }
    assert_eq!(field("Uid:"), ["65534"; 4], "files/ belongs to 65534 in this test");
    assert_eq!(field("Gid:"), ["65534"; 4]);
    assert!(field("Groups:").is_empty());
    assert_eq!(field("CapBnd:"), ["0000000000000000"]);
    let environ = std::fs::metadata(format!("/proc/{}/environ", slot.pid())).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&environ), 0, "undumpable: /proc is root's");
}

#[test]
fn in_the_background_of_a_terminal_it_is_never_stopped() {
    let folder = folder("workers = 1");
    let files = folder.path().display();
    let binary = env!("CARGO_BIN_EXE_menshen");
    if Command::new("script").arg("--version").output().is_err() {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "script(1) is missing");
        eprintln!("SKIPPED: script(1) is not installed");
        return;
    }
    let mut terminal = Command::new("script")
        .args(["-qfc", "bash --norc --noprofile -i", "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut keyboard = terminal.stdin.take().unwrap();
    // The second job shows that this terminal does stop what writes from the background.
    write!(
        keyboard,
        "cd {files}\nstty tostop\n{binary} serve &\necho $! > guard\n\
         sh -c 'sleep 0.1; echo x' &\necho $! > victim\n"
    )
    .unwrap();
    let state = |name: &str| -> Option<char> {
        let pid = std::fs::read_to_string(folder.path().join(name)).ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    };
    wait_for("the other job to be stopped", || state("victim") == Some('T'));
    let ready = || {
        let board = menshen_sys::ScoreView::open(&folder.path().join(".menshen/scoreboard"));
        board.is_ok_and(|board| board.slot(0).state() == SlotState::Ready)
    };
    wait_for("the door to open", ready);
    // A reload logs more lines to the terminal.
    let output = command(folder.path(), &["reload"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(matches!(state("guard"), Some('S' | 'R')), "{:?}", state("guard"));

    // The terminal goes away: that is a reload at worst.
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    drop(keyboard);
    std::thread::sleep(Duration::from_millis(200));
    let output = command(folder.path(), &["reload"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let pid: i32 =
        std::fs::read_to_string(folder.path().join("guard")).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    wait_for("the end", || !matches!(state("guard"), Some('S' | 'R' | 'D')));
}

#[test]
fn output_nobody_reads_stops_nothing() {
    let folder = folder("workers = 1");
    let mut child = command(folder.path(), &["serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let open = || {
        let board = menshen_sys::ScoreView::open(&folder.path().join(".menshen/scoreboard"));
        board.is_ok_and(|board| board.slot(0).state() == SlotState::Ready)
    };
    wait_for("the door to open", open);
    for _ in 0..3 {
        let output = command(folder.path(), &["reload"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert!(child.try_wait().unwrap().is_none());
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn sockets_of_a_service_manager_are_used() {
    let folder = folder("workers = 2");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut shell = Command::new("sh");
    let script = format!(
        "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=plain; \
         exec {} serve",
        env!("CARGO_BIN_EXE_menshen")
    );
    shell.args(["-c", &script]).current_dir(folder.path()).stdin(OwnedFd::from(listener));
    let live = Live::start_command(folder, shell);
    assert_eq!(live.plain, address, "{}", live.printed());
    assert!(live.printed().contains("from the service manager"), "{}", live.printed());
    fetch(address).unwrap();
    let output = live.reload("workers = 1");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    fetch(address).unwrap();
}

#[test]
fn a_socket_that_is_none_is_refused() {
    let folder = folder("workers = 1");
    let mut shell = Command::new("sh");
    let script = format!(
        "exec 3</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec {} serve",
        env!("CARGO_BIN_EXE_menshen")
    );
    let output = shell.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("is not a listening TCP socket"), "{text}");
}

#[test]
fn the_service_manager_is_told() {
    let folder = folder("workers = 1");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let message = || {
        let mut bytes = [0; 1024];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let mut serve = command(folder.path(), &["serve"]);
    serve.env("NOTIFY_SOCKET", &path);
    let mut live = Live::start_command(folder, serve);
    let ready = message();
    assert!(ready.starts_with("READY=1\nSTATUS=1 worker, generation 1"), "{ready}");
    let token = std::fs::read_to_string(live.path(".menshen/owner-token")).unwrap();
    assert!(!live.printed().contains(token.trim()), "the token must not get into the journal");
    assert!(live.printed().contains("owner token in"), "{}", live.printed());

    let worker = live.workers(SlotState::Ready)[0].pid();
    match std::fs::read_to_string(format!("/proc/{worker}/environ")) {
        Ok(environ) => assert!(!environ.contains("NOTIFY_SOCKET"), "meant for the guard alone"),
        Err(_) => eprintln!("SKIPPED in part: an undumpable worker's environment needs root"),
    }

    live.signal(Signal::HUP);
    let reloading = message();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(message().starts_with("READY=1\n"));
    live.signal(Signal::TERM);
    assert!(message().starts_with("STOPPING=1\n"));
    assert_eq!(live.ended(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn status_tells_people_and_programs_the_same() {
    let live = Live::start("workers = 2");
    fetch(live.plain).unwrap();
    let output = live.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["guard_pid"], live.child.id());
    assert_eq!(status["generation"], live.header(HeaderWord::Generation));
    let workers = status["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2);
    let requests: u64 = workers.iter().filter_map(|row| row["requests"].as_u64()).sum();
    assert_eq!(requests, 1);
    let text = String::from_utf8(live.run(&["status"]).stdout).unwrap();
    for row in workers {
        assert!(text.contains(&format!(" {} ", row["pid"])), "{text}");
    }
    assert!(text.contains("transfers: none in flight"), "{text}");
    // From elsewhere, by its state folder.
    let state = live.path(".menshen").display().to_string();
    let output = command(Path::new("/"), &["status", "--state", &state]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}
