//! Clients that are too slow in every phase: each is ended in time, counted and logged with its
//! reason, while slow but honest ones are served to the end and fast ones notice nothing.

use crate::support::{counts, live, peers, secure, wire};

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use counts::count;
use live::{BIG_BYTES, Live, fetch};
use menshen_base::Counter;
use peers::find;
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use wire::{lay, log_line, pattern, spooled, stored};

/// Short limits; the window a rate is averaged over is fixed, so that part takes 21 seconds.
const SETTINGS: &str = "workers = 1
[limits]
handshake_seconds_max = 2
head_seconds_max = 2
idle_seconds_max = 2
stall_seconds_max = 4
rate_bytes_per_second_min = 2000
rate_grace_seconds = 1
";

#[test]
fn slow_clients_are_ended_in_time_and_honest_ones_are_not() {
    let live = Live::start(SETTINGS);
    let honest = pattern(HONEST_BYTES);
    lay(&live, "honest.bin", &honest);
    let (plain, https) = (live.plain, live.https.unwrap());
    let tls = secure::client(&live, &[]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let healthy = scope.spawn(|| healthy_client(plain, &over));
        let attacks: Vec<std::thread::ScopedJoinHandle<'_, ()>> = vec![
            scope.spawn(|| silent_from_the_start(plain)),
            scope.spawn(|| slow_head(plain)),
            scope.spawn(|| silent_handshake(https)),
            scope.spawn(|| half_a_hello(https)),
            scope.spawn(|| idle_after_an_answer(plain)),
            scope.spawn(|| stalled_upload(plain)),
            scope.spawn(|| dripping_upload(plain)),
            scope.spawn(|| stalled_reader(narrow(plain, 16 << 10))),
            scope.spawn(|| {
                let mut stream = secure::shake(&tls, narrow(https, 16 << 10));
                stream.write_all(request("/big.bin?tls").as_bytes()).unwrap();
                // The connection is one socket: what lies in it unread is the test's.
                stalled_after_request(&stream.sock);
            }),
            scope.spawn(|| dripping_reader(plain)),
            scope.spawn(|| honest_slow_download(plain, &honest)),
            scope.spawn(|| honest_slower_download(plain)),
            scope.spawn(|| honest_slow_upload(plain)),
        ];
        let failed = attacks.into_iter().filter_map(|attack| attack.join().err()).count();
        over.store(true, Ordering::Relaxed);
        let (fetched, slowest) = healthy.join().unwrap();
        eprintln!("{fetched} fetches meanwhile, the slowest in {slowest:?}");
        assert_eq!(failed, 0, "attacks that went otherwise, see above");
        assert!(fetched > 100, "{fetched}");
        assert!(slowest < HEALTHY_MAX, "a healthy client waited {slowest:?}");
    });
    assert_counted(&live);
    assert_logged(&live);
    assert!(spooled(&live).is_empty(), "{:?}", spooled(&live));
    for name in ["stalled", "dripping"] {
        assert!(!stored(&live, name).exists(), "{name} is visible");
    }
    assert_eq!(std::fs::read(stored(&live, "uploaded")).unwrap().len(), UPLOAD_STEPS * 2000);
    fetch(plain).unwrap();
}

fn assert_counted(live: &Live) {
    let expected = [
        (Counter::LimitHeadSeconds, 2),
        (Counter::LimitHandshake, 2),
        (Counter::TlsFailed, 2),
        (Counter::LimitIdle, 1),
        (Counter::LimitStall, 3),
        (Counter::LimitRate, 2),
        (Counter::UploadsAborted, 2),
    ];
    for (counter, value) in expected {
        assert_eq!(count(live, counter), value, "{}", counter.name());
    }
}

fn assert_logged(live: &Live) {
    let ends = [
        ("PUT /stalled", " 408 in=10 ", "end=limit/body"),
        ("PUT /dripping", " 408 in=", "end=limit/body"),
        ("GET /big.bin?stalled", " 200 in=0 ", "end=limit/send"),
        ("GET /big.bin?tls", " 200 in=0 ", "end=limit/send"),
        ("GET /big.bin?dripping", " 200 in=0 ", "end=limit/send"),
        ("PUT /uploaded", " 201 in=", "end=done"),
        ("GET /honest.bin", " 200 in=0 ", "end=done"),
        ("h1 \"\" 408", " in=0 ", "end=limit/head"),
        ("h1 \"\" 0", " in=0 ", "end=limit/head"),
        ("tls \"\"", " 0 in=0 ", "end=limit/handshake"),
    ];
    for (part, answer, end) in ends {
        let line = log_line(live, part);
        assert!(line.contains(answer) && line.ends_with(end), "{line}");
    }
}

/// Fetches again and again; how often, and the longest time it took.
fn healthy_client(address: SocketAddr, over: &AtomicBool) -> (usize, Duration) {
    let (mut fetched, mut slowest) = (0, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        fetch(address).unwrap();
        slowest = slowest.max(began.elapsed());
        fetched += 1;
        std::thread::sleep(Duration::from_millis(40));
    }
    (fetched, slowest)
}

fn silent_from_the_start(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let answer = ended(&mut stream, Instant::now(), 2);
    assert!(answer.is_empty(), "nothing was asked: {}", String::from_utf8_lossy(&answer));
}

/// Slowloris: always one more header line.
fn slow_head(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    while began.elapsed() < Duration::from_millis(1500) {
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(b"X: y\r\n").unwrap();
    }
    let answer = ended(&mut stream, began, 2);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

fn silent_handshake(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    ended(&mut stream, Instant::now(), 2);
}

/// A record that announces a ClientHello of 512 bytes and brings one byte now and then.
fn half_a_hello(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let began = Instant::now();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap();
    while began.elapsed() < Duration::from_millis(1500) {
        std::thread::sleep(Duration::from_millis(200));
        stream.write_all(b"x").unwrap();
    }
    ended(&mut stream, began, 2);
}

fn idle_after_an_answer(address: SocketAddr) {
    let mut wire = wire::Wire::open(address);
    assert_eq!(wire.ask("GET", "/hello.txt", &[], b"").status, 200);
    let began = Instant::now();
    wire.ended();
    assert_time(began, 2);
}

fn stalled_upload(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "PUT /stalled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"ten bytes.").unwrap();
    let answer = ended(&mut stream, Instant::now(), 4);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

/// Never still for long, always far too slow.
fn dripping_upload(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let began = Instant::now();
    let head = "PUT /dripping HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    while began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(500));
        stream.write_all(b"1\r\nx\r\n").unwrap();
    }
    let answer = ended(&mut stream, began, 21);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

/// Asks for much and takes nothing: the window closes.
fn stalled_reader(mut stream: TcpStream) {
    stream.write_all(request("/big.bin?stalled").as_bytes()).unwrap();
    stalled_after_request(&stream);
}

fn stalled_after_request(mut stream: &TcpStream) {
    let began = Instant::now();
    // Looking at the socket's error takes nothing out of it.
    while stream.take_error().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(4) + SLACK, "still open");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_time(began, 4);
    let taken = rest(&mut stream).len() as u64;
    assert!(taken < BIG_BYTES / 2, "{taken} bytes in a closed window");
}

/// Takes 600 bytes each second, through a window of hardly more.
fn dripping_reader(address: SocketAddr) {
    let mut stream = narrow(address, 1);
    let began = Instant::now();
    stream.write_all(request("/big.bin?dripping").as_bytes()).unwrap();
    let mut piece = [0; 150];
    loop {
        std::thread::sleep(Duration::from_millis(250));
        match stream.read(&mut piece) {
            Ok(n) if n > 0 && began.elapsed() < Duration::from_secs(21) + SLACK => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            other => panic!("{other:?} after {:?}", began.elapsed()),
        }
    }
    // What was in the socket before the reset could still be read.
    assert_time(began, 21);
}

/// Slow, but well above the minimum, and for longer than any window of ours.
fn honest_slow_download(address: SocketAddr, expected: &[u8]) {
    let mut stream = narrow(address, 256 << 10);
    stream.write_all(request("/honest.bin").as_bytes()).unwrap();
    let began = Instant::now();
    let mut got = Vec::with_capacity(expected.len() + 1024);
    let mut piece = vec![0; HONEST_BYTES / HONEST_STEPS];
    loop {
        std::thread::sleep(Duration::from_millis(100));
        match stream.read(&mut piece).unwrap() {
            0 => break,
            n => got.extend_from_slice(&piece[..n]),
        }
    }
    assert!(began.elapsed() > Duration::from_secs(24), "too fast to test anything");
    assert!(got.starts_with(b"HTTP/1.1 200 ") && got.ends_with(expected), "{} bytes", got.len());
}

/// Three times the minimum rate through a small window.
fn honest_slower_download(address: SocketAddr) {
    let mut stream = narrow(address, 8 << 10);
    stream.write_all(request("/big.bin?honest").as_bytes()).unwrap();
    let began = Instant::now();
    let mut piece = [0; 600];
    while began.elapsed() < Duration::from_secs(25) {
        std::thread::sleep(Duration::from_millis(100));
        stream.read_exact(&mut piece).unwrap();
    }
}

fn honest_slow_upload(address: SocketAddr) {
    let mut wire = wire::Wire::open(address);
    let length = UPLOAD_STEPS * 2000;
    let head = format!("PUT /uploaded HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n");
    wire.send(head + "\r\n");
    for _ in 0..UPLOAD_STEPS {
        std::thread::sleep(Duration::from_millis(500));
        wire.send([b'u'; 2000]);
    }
    assert_eq!(wire.answer("PUT").status, 201);
}

/// Real attacks, all kinds at once; the tool itself and our own client see the service go on.
#[test]
fn slowhttptest_does_not_take_the_service_down() {
    let Some(tool) = find("slowhttptest") else { return };
    let live = Live::start("workers = 2\n[limits]\nhead_seconds_max = 5\nstall_seconds_max = 5\n");
    let over = AtomicBool::new(false);
    let target = format!("http://{}/big.bin", live.plain);
    std::thread::scope(|scope| {
        let healthy = scope.spawn(|| healthy_client(live.plain, &over));
        let kinds: [&[&str]; 3] = [
            &["-H", "-i", "1"],
            &["-B", "-i", "1", "-s", "8192", "-t", "POST"],
            &["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "1"],
        ];
        let runs = kinds.map(|kind| {
            let mut command = Command::new(&tool);
            command.args(["-c", "200", "-r", "100", "-l", "10", "-p", "3", "-u", &target]);
            command.args(kind).stdin(Stdio::null()).current_dir(live.folder.path());
            scope.spawn(move || (kind[0], command.output().unwrap()))
        });
        for run in runs {
            let (kind, output) = run.join().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{kind}: {said}");
            let verdicts: Vec<&str> =
                said.lines().filter(|line| line.contains("service available")).collect();
            assert!(!verdicts.is_empty(), "{kind}: {said}");
            assert!(verdicts.iter().all(|line| line.contains("YES")), "{kind}: {verdicts:?}");
        }
        over.store(true, Ordering::Relaxed);
        let (fetched, slowest) = healthy.join().unwrap();
        eprintln!("{fetched} fetches under slowhttptest, the slowest in {slowest:?}");
        assert!(fetched > 50 && slowest < HEALTHY_MAX, "{fetched} fetches, {slowest:?}");
    });
    let seen = count(&live, Counter::ConnectionsAccepted);
    assert!(seen > 500, "the attacks came: {seen} connections");
    assert!(count(&live, Counter::LimitHeadSeconds) > 50, "slow heads were ended");
}

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// A connection whose receive buffer is about so large; the kernel has a minimum.
fn narrow(address: SocketAddr, bytes: usize) -> TcpStream {
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&fd, bytes).unwrap();
    connect(&fd, &address).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream
}

/// Everything up to the end, which must come when the limit says.
fn ended(mut stream: &mut TcpStream, began: Instant, limit_seconds: u64) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(limit_seconds) + SLACK)).unwrap();
    let got = rest(&mut stream);
    assert_time(began, limit_seconds);
    got
}

fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("not ended: {got:?}"),
        // Reset or not: it is over.
        _ => got,
    }
}

fn assert_time(began: Instant, limit_seconds: u64) {
    let took = began.elapsed();
    let limit = Duration::from_secs(limit_seconds);
    assert!(took + EARLY >= limit && took < limit + SLACK, "ended after {took:?}, not {limit:?}");
}

/// How late a limit may strike: its sweep, and whatever else runs on this machine.
const SLACK: Duration = Duration::from_millis(2500);
/// Our clock starts a moment after the server's.
const EARLY: Duration = Duration::from_millis(100);
/// Longest wait of a healthy client.
const HEALTHY_MAX: Duration = Duration::from_secs(2);
const HONEST_BYTES: usize = 8 << 20;
const HONEST_STEPS: usize = 260;
const UPLOAD_STEPS: usize = 48;
