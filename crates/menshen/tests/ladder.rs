//! The ladder, live: a menshen in a memory group of its own, real memory pressure in that group,
//! and what becomes of uploads, pages, PHP and of those who are held at their limit.

use crate::support::{groups, live, site, wire};

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use groups::Group;
use live::{Live, command, wait_for};
use menshen_base::Counter;
use menshen_sys::SlotState;
use menshen_sys::posture::{Posture, PostureView, Word};
use menshen_sys::scoreboard::HeaderWord;
use rustix::process::{Pid, Signal, kill_process};
use site::{Proto, Site};

/// A `menshen guard`; ended when dropped.
struct Alone(Child);

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An upload under way: its head and the first bytes are sent.
struct Upload {
    stream: TcpStream,
    name: String,
    rest: Vec<u8>,
    content: Vec<u8>,
}

impl Upload {
    fn begin(address: SocketAddr, number: u32) -> Self {
        let content: Vec<u8> = (0..UPLOAD_BYTES).map(|at| byte_at(number, at)).collect();
        let name = format!("upload-{number}.bin");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "PUT /{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            content.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let half = content.len() / 2;
        stream.write_all(&content[..half]).unwrap();
        Self { stream, name, rest: content[half..].to_vec(), content }
    }

    /// Sends the rest; the status of the answer.
    fn end(&mut self) -> u16 {
        self.stream.write_all(&self.rest).unwrap();
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).unwrap();
        status_of(&answer)
    }
}

fn byte_at(number: u32, at: usize) -> u8 {
    let mixed = (at as u64).wrapping_mul(2_654_435_761).wrapping_add(u64::from(number) * 97);
    mixed.to_le_bytes()[2]
}

fn status_of(answer: &[u8]) -> u16 {
    let head = String::from_utf8_lossy(answer);
    head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// One small PUT with its body held back: status, `Retry-After`.
fn put(address: SocketAddr, name: &str) -> (u16, Option<u32>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "PUT /{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut piece) {
        answer.extend_from_slice(&piece[..n]);
        if answer.starts_with(b"HTTP/1.1 100 ") && answer.ends_with(b"\r\n\r\n") {
            answer.clear();
            stream.write_all(b"small").unwrap();
        }
    }
    let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let retry = text.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
    (status_of(&answer), retry)
}

fn posture(live: &Live) -> PostureView {
    PostureView::open(&live.path(".menshen/posture")).unwrap()
}

/// Lines of the log with all these parts.
fn said(live: &Live, parts: &[&str]) -> Vec<String> {
    let has = |line: &&str| parts.iter().all(|part| line.contains(part));
    live.log().lines().filter(has).map(ToOwned::to_owned).collect()
}

#[test]
fn pressure_refuses_new_uploads_and_loses_none_of_those_under_way() {
    let Some(group) = Group::create("shed", LIMIT_BYTES) else { return };
    let settings = "workers = 2\n[guard]\n\
        refuse_uploads = \"available 40% until 50%\"\nshrink_caches = \"available 35% until 45%\"\n\
        recycle_php = \"off\"\nretry_after_seconds = 7\n\
        [limits]\nconnections_per_address_max = 1000\nconnections_max = 2000\n";
    let folder = live::folder(settings);
    let serve = group.inside(&command(folder.path(), &["serve"]));
    let live = Live::start_command(folder, serve);
    let view = posture(&live);
    wait_for("the watch", || view.get(Word::Total) != 0);
    let workers: Vec<u64> = live.workers(SlotState::Ready).iter().map(|slot| slot.pid()).collect();
    let mut uploads: Vec<Upload> = (0..UPLOADS).map(|n| Upload::begin(live.plain, n)).collect();
    wait_for("all uploads to be under way", || {
        let open: u64 =
            live.workers(SlotState::Ready).iter().map(|s| s.get(Counter::RequestsOpen)).sum();
        open == u64::from(UPLOADS)
    });
    assert!(view.refuses_uploads().is_none(), "there is no shortage yet: {}", live.log());

    let mut eater = group.eater("hog");
    // Slower than the watch looks: faster than it can look nothing is shed before the kernel kills.
    while view.refuses_uploads().is_none() {
        eater.eat(2);
        std::thread::sleep(Duration::from_millis(50));
    }
    let began = Instant::now();
    // Until the second step is taken too.
    while view.step(1).since_unix_ms == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", live.log());
        if view.get(Word::Available) * 100 > LIMIT_BYTES * 30 {
            eater.eat(2);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let before = sum(&live, Counter::UploadsRefused);
    for number in 0..20 {
        assert_eq!(put(live.plain, &format!("late-{number}.bin")), (503, Some(7)));
    }
    assert_eq!(sum(&live, Counter::UploadsRefused), before + 20);
    assert!(curl_put(&live, "late-h2.bin").starts_with("503"), "HTTP/2 as well");
    live::fetch(live.plain).unwrap();

    for upload in &mut uploads {
        let status = upload.end();
        assert!(matches!(status, 200 | 201 | 204), "{} got {status}: {}", upload.name, live.log());
    }
    for upload in &uploads {
        let stored = std::fs::read(live.path("files").join(&upload.name)).unwrap();
        assert!(stored == upload.content, "{} is another file now", upload.name);
    }
    wait_for("workers to have shrunk", || sum(&live, Counter::CacheShrinks) >= 2);

    let status = String::from_utf8(live.run(&["status"]).stdout).unwrap();
    assert!(status.contains("refuse-uploads") && status.contains("of the cgroup"), "{status}");
    drop(eater);
    let patience = Instant::now() + Duration::from_secs(60);
    while view.refuses_uploads().is_some() {
        assert!(Instant::now() < patience, "it does not end: {}", live.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    for number in 0..20 {
        let (status, _) = put(live.plain, &format!("late-{number}.bin"));
        assert!(matches!(status, 200 | 201 | 204), "{status}");
        let stored = std::fs::read(live.path("files").join(format!("late-{number}.bin"))).unwrap();
        assert_eq!(stored, b"small");
    }
    let now: Vec<u64> = live.workers(SlotState::Ready).iter().map(|slot| slot.pid()).collect();
    assert_eq!(workers, now, "no worker was killed or replaced");
    assert_eq!((live.header(HeaderWord::Crashes), group.oom("oom_kill")), (0, 0));
    each_step_was_told(&live);
}

/// Its begin, what it freed and its end, once each; and what was refused, in the access log.
fn each_step_was_told(live: &Live) {
    for step in ["refuse-uploads", "shrink-caches"] {
        for what in ["begins", "available since", "ends after"] {
            assert_eq!(
                said(live, &["ladder:", step, what]).len(),
                1,
                "{step} {what}: {}",
                live.log()
            );
        }
    }
    let shrunk = said(live, &["shrink-caches", "available since", "workers gave back"]);
    assert_eq!(shrunk.len(), 1, "{}", live.log());
    let access = std::fs::read_to_string(live.path(".menshen/access.log")).unwrap();
    assert!(access.lines().any(|line| line.contains("late-3.bin") && line.contains("limit/head")));
}

#[test]
fn what_a_dead_watch_asked_for_is_taken_back_and_another_watch_begins() {
    let live = Live::start("workers = 1");
    let view = posture(&live);
    wait_for("the watch", || view.get(Word::WatchPid) != 0);
    let first = view.get(Word::WatchPid);
    let file = File::options().read(true).write(true).open(live.path(".menshen/posture")).unwrap();
    let posture = Posture::from_file(&file).unwrap();
    posture.set(Word::UploadsRefused, 1);
    posture.set(Word::PhpBytes, 1 << 40);
    assert_eq!(put(live.plain, "a.bin").0, 503);
    let pid = i32::try_from(first).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    wait_for("another watch", || {
        let now = view.get(Word::WatchPid);
        now != 0 && now != first
    });
    assert_eq!((view.refuses_uploads(), view.get(Word::PhpBytes)), (None, 0));
    assert!(matches!(put(live.plain, "a.bin").0, 200 | 201 | 204));
}

#[test]
fn a_large_php_worker_ends_after_its_request_and_another_takes_its_place() {
    let Some(site) = Site::start("[php]\nchildren = 2\n", "") else { return };
    // Objects of many sizes: what the script gives back stays with the process.
    site.lay(
        "large.php",
        "<?php $a = []; for ($i = 0; $i < 400000; $i++) { $a[] = str_repeat('x', 100 + $i % 50); } \
         sleep(3); echo 'whole ', count($a), ' ', getmypid();",
    );
    site.lay("small.php", "<?php echo getmypid();");
    let file =
        File::options().read(true).write(true).open(site.live.path(".menshen/posture")).unwrap();
    let posture = Posture::from_file(&file).unwrap();
    let view = posture.view();
    wait_for("the watch", || view.get(Word::WatchPid) != 0);
    let children = site.children();
    std::thread::scope(|scope| {
        let large = scope.spawn(|| site.get("/large.php"));
        wait_for("a large child", || site.children().into_iter().any(|pid| rss(pid) > 40 << 20));
        posture.set(Word::PhpBytes, 40 << 20);
        wait_for("it to be asked", || view.get(Word::PhpAsked) == 1);
        let answer = large.join().unwrap();
        let text = answer.text();
        assert!(answer.whole && text.starts_with("whole 400000 "), "{} {text}", answer.status);
        let pid: i32 = text.split(' ').next_back().unwrap().parse().unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        assert!(children.contains(&pid));
        wait_for("its end", || view.get(Word::PhpEnded) == 1);
        wait_for("another in its place", || {
            let now = site.children();
            now.len() >= children.len() && !now.contains(&pid)
        });
    });
    assert_eq!(view.get(Word::PhpAsked), 1, "small ones stay");
    assert!(view.get(Word::PhpFreed) > 40 << 20, "{}", view.get(Word::PhpFreed));
    site.wait_said(&["php-fpm child", "ends after its request"]);
    site.wait_said(&["php-fpm child", "freed", "MiB"]);
    for _ in 0..4 {
        assert_eq!(site.get("/small.php").status, 200);
    }
}

#[test]
fn uploads_to_php_are_refused_and_small_forms_are_not() {
    let Some(site) = Site::start("", "") else { return };
    site.lay("size.php", "<?php echo strlen(file_get_contents('php://input'));");
    let file =
        File::options().read(true).write(true).open(site.live.path(".menshen/posture")).unwrap();
    let posture = Posture::from_file(&file).unwrap();
    wait_for("the watch", || posture.view().get(Word::WatchPid) != 0);
    posture.set(Word::UploadsRefused, 1);
    for proto in [Proto::H1, Proto::H2] {
        let page = site.ask(proto, "GET", "/size.php", &[], b"");
        assert_eq!(page.said(), (200, "0".into()), "pages go on, {proto:?}");
        let field = ["Content-Type: text/plain"];
        let small = site.ask(proto, "POST", "/size.php", &field, &[b'x'; 1000]);
        assert_eq!(small.said(), (200, "1000".into()), "{proto:?}");
        let large = site.ask(proto, "POST", "/size.php", &field, &vec![b'x'; 100_000]);
        assert_eq!((large.status, large.field("retry-after")), (503, Some("10")), "{proto:?}");
    }
    posture.set(Word::UploadsRefused, 0);
    let large = site.ask(Proto::H1, "POST", "/size.php", &[], &vec![b'x'; 100_000]);
    assert_eq!(large.said(), (200, "100000".into()));
}

#[test]
fn at_the_limit_of_a_held_group_the_one_we_choose_ends_and_the_other_goes_on() {
    let Some(group) = Group::create("hold", 64 << 20) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "[guard]\nhold_cgroups = [\"{}\"]\n[[guard.protect]]\nname = \"precious\"\n\
         command = \"*python3 -c * precious-{}\"\nscore = 0\n",
        group.path,
        std::process::id()
    );
    std::fs::write(folder.path().join("menshen.toml"), settings).unwrap();
    let mut precious = group.eater(&format!("precious-{}", std::process::id()));
    let mut spare = group.eater("spare");
    spare.eat(12);
    precious.eat(15);
    let log = File::create(folder.path().join("log")).unwrap();
    let mut guard = command(folder.path(), &["guard"]);
    let mut guard = Alone(guard.stderr(log).stdout(Stdio::null()).spawn().unwrap());
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    wait_for("the group to be held", || {
        assert!(guard.0.try_wait().unwrap().is_none(), "{}", log());
        group.oom("oom_kill_disable") == 1
    });
    let journal = folder.path().join(".menshen/recorder.steps");
    assert!(std::fs::read_to_string(&journal).unwrap().contains(&group.path));
    // Larger than the other, and the one who asks: the kernel would end it.
    precious.ask(40);
    for _ in 0..40 {
        assert!(precious.said(), "the wrong one ended: {}", log());
    }
    wait_for("the spare one's end", || !spare.is_alive());
    assert_eq!(group.oom("oom_kill"), 0, "the kernel killed nobody: {}", log());
    wait_for("the lines", || {
        log().contains("ladder: hold begins") && log().contains("goes on after")
    });
    assert!(log().contains(&format!("process {} (python3)", spare.pid())), "{}", log());
    kill_process(Pid::from_child(&guard.0), Signal::TERM).unwrap();
    assert!(guard.0.wait().unwrap().success(), "{}", log());
    assert_eq!(group.oom("oom_kill_disable"), 0, "given back: {}", log());
    assert!(!journal.exists());
}

#[test]
fn a_killed_watch_s_hold_is_taken_back_by_the_next() {
    let Some(group) = Group::create("killed", 64 << 20) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = |groups: &str| {
        let text = format!("[guard]\nhold_cgroups = [{groups}]\n");
        std::fs::write(folder.path().join("menshen.toml"), text).unwrap();
    };
    let start = || {
        let log = File::create(folder.path().join("log")).unwrap();
        Alone(command(folder.path(), &["guard"]).stderr(log).stdout(Stdio::null()).spawn().unwrap())
    };
    settings(&format!("\"{}\"", group.path));
    let mut first = start();
    wait_for("the group to be held", || group.oom("oom_kill_disable") == 1);
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    assert_eq!(group.oom("oom_kill_disable"), 1, "nobody gave it back");
    settings("");
    let mut second = start();
    wait_for("it to be given back", || group.oom("oom_kill_disable") == 0);
    kill_process(Pid::from_child(&second.0), Signal::TERM).unwrap();
    second.0.wait().unwrap();
}

#[test]
fn a_watch_that_stands_still_is_replaced_and_the_group_is_held_by_the_next() {
    let Some(group) = Group::create("still", 64 << 20) else { return };
    let live = Live::start(&format!("[guard]\nhold_cgroups = [\"{}\"]\n", group.path));
    let view = posture(&live);
    wait_for("the group to be held", || group.oom("oom_kill_disable") == 1);
    wait_for("its first look", || view.get(Word::Beat) != 0);
    let first = view.get(Word::WatchPid);
    let pid = i32::try_from(first).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    wait_for("another watch", || {
        let now = view.get(Word::WatchPid);
        now != 0 && now != first
    });
    assert_eq!(said(&live, &["the watch stands still"]).len(), 1);
    assert_eq!(said(&live, &["is the kernel's again", &group.path]).len(), 1, "{}", live.log());
    wait_for("it to be held again", || group.oom("oom_kill_disable") == 1);
}

#[test]
fn a_watch_that_stands_still_does_not_keep_uploads_refused() {
    let live = Live::start("");
    let view = posture(&live);
    wait_for("its first look", || view.get(Word::Beat) != 0);
    let pid = i32::try_from(view.get(Word::WatchPid)).ok().and_then(Pid::from_raw).unwrap();
    let file = File::options().read(true).write(true).open(live.path(".menshen/posture"));
    kill_process(pid, Signal::STOP).unwrap();
    Posture::from_file(file.unwrap()).unwrap().set(Word::UploadsRefused, 1);
    wait_for("uploads to be taken again", || view.get(Word::UploadsRefused) == 0);
    assert_eq!(said(&live, &["the watch stands still"]).len(), 1);
}

#[test]
fn a_named_program_gets_its_score_and_those_that_cannot_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let tag = format!("{}", std::process::id());
    let settings = format!(
        "[guard]\n[[guard.protect]]\nname = \"expendable\"\ncommand = \"sleep 1234{tag}\"\n\
         score = 300\n[[guard.protect]]\nname = \"absent\"\npid_file = \"no.pid\"\n\
         [[guard.protect]]\nname = \"dear\"\npid_file = \"dear.pid\"\nscore = -300\n"
    );
    std::fs::write(folder.path().join("menshen.toml"), settings).unwrap();
    let sleep = |seconds: String| std::process::Command::new("sleep").arg(seconds).spawn().unwrap();
    let mut named = sleep(format!("1234{tag}"));
    let mut dear = sleep(format!("4321{tag}"));
    std::fs::write(folder.path().join("dear.pid"), dear.id().to_string()).unwrap();
    let log = File::create(folder.path().join("log")).unwrap();
    let mut guard = command(folder.path(), &["guard"]);
    let mut guard = Alone(guard.stderr(log).stdout(Stdio::null()).spawn().unwrap());
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let score = |pid: u32| menshen_sys::proc::oom_score_adj(pid).unwrap();
    wait_for("the score", || score(named.id()) == 300);
    wait_for("what is said", || {
        log().contains("protect: absent does not run")
            && (score(dear.id()) == -300 || log().contains("protect: dear keeps score 0"))
    });
    let mut later = sleep(format!("1234{tag}"));
    wait_for("one that came later", || score(later.id()) == 300);
    let scores: BTreeSet<i32> = [named.id(), later.id()].map(score).into();
    assert_eq!(scores.len(), 1);
    assert_eq!(log().matches("protect: absent").count(), 1, "said once: {}", log());
    kill_process(Pid::from_child(&guard.0), Signal::TERM).unwrap();
    guard.0.wait().unwrap();
    for child in [&mut named, &mut later, &mut dear] {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn sum(live: &Live, counter: Counter) -> u64 {
    live.workers(SlotState::Ready).iter().map(|slot| slot.get(counter)).sum()
}

/// A PUT over HTTP/2: status and `Retry-After`.
fn curl_put(live: &Live, name: &str) -> String {
    let body = live.path("hello-h2");
    std::fs::write(&body, "small").unwrap();
    let mut curl = wire::curl_command(live);
    curl.args(["--http2", "-o", "/dev/null", "-w", "%{http_code} %header{retry-after}", "-T"]);
    let output = curl.arg(body).arg(wire::url(live, &format!("/{name}"))).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a process has resident, bytes.
fn rss(pid: Pid) -> u64 {
    let number = pid.as_raw_nonzero().get().unsigned_abs();
    menshen_sys::proc::Status::read(number).map_or(0, |status| status.rss_kib * 1024)
}

const UPLOADS: u32 = 200;
const UPLOAD_BYTES: usize = 256 << 10;
const LIMIT_BYTES: u64 = 512 << 20;
