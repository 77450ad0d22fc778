//! HTTP/2 against good manners: floods that cost the sender little, stalled streams, more uploads
//! at once than there are workers (RFC 9113 §10.5); and real clients that just want their bytes.

use crate::support::{counts, frames, live, peers, wire};

#[path = "hostile/floods.rs"]
mod floods;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use counts::{count, private_bytes};
use floods::{Flood, Must, bomb, floods};
use frames::*;
use live::{Live, fetch};
use menshen_base::Counter;
use peers::find;
use wire::{ONE, TWO, curl_command, lay, log_line, pattern, spooled, stored, url};

#[test]
fn floods_end_their_connection_or_cost_nothing() {
    let live = Live::start(ONE);
    // Warm: one connection with some answers, so that what is made once is made.
    let mut sibling = Frames::open(&live);
    for id in (1..200).step_by(2) {
        assert_eq!(sibling.get(id, "/hello.txt"), End::Status(200));
    }
    let before = private_bytes(&live);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let healthy = scope.spawn(|| {
            let (mut id, mut slowest, mut most) = (201, Duration::ZERO, 0);
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                assert_eq!(sibling.get(id, "/hello.txt"), End::Status(200), "stream {id}");
                fetch(live.plain).unwrap();
                slowest = slowest.max(began.elapsed());
                most = most.max(private_bytes(&live));
                id += 2;
                std::thread::sleep(Duration::from_millis(10));
            }
            ((id - 201) / 2, slowest, most.saturating_sub(before))
        });
        let mut failures = Vec::new();
        for flood in floods() {
            let began = Instant::now();
            let (rounds, end) = pour(&live, &flood);
            eprintln!("{}: {rounds} rounds, {end:?}, {:?}", flood.name, began.elapsed());
            if flood.must == Must::End && !matches!(end, End::GoAway(_) | End::Closed) {
                failures.push(format!("{}: {end:?} after {rounds} rounds", flood.name));
            }
        }
        over.store(true, Ordering::Relaxed);
        let (answers, slowest, most) = healthy.join().unwrap();
        eprintln!("others: {answers} answers, the slowest in {slowest:?}; {most} bytes more");
        assert!(failures.is_empty(), "{failures:#?}");
        assert!(most < FLOOD_BYTES_MAX, "the worker grew by {most} bytes");
        assert!(slowest < HEALTHY_MAX, "others waited {slowest:?}");
    });
    assert!(count(&live, Counter::LimitH2) >= 3, "{}", count(&live, Counter::LimitH2));
    let line = log_line(&live, "(flood)");
    assert!(line.ends_with("end=limit/head"), "{line}");
    assert_eq!(count(&live, Counter::ConnectionsOpen), 1, "only the sibling is left");
}

/// Sends a flood until it is over or the server has had enough; then how many rounds were sent
/// and how the connection was ended. Nothing is read before the end.
fn pour(live: &Live, flood: &Flood) -> (u32, End) {
    let mut connection = Frames::open(live);
    connection.send_within(Duration::from_millis(500));
    let _ = connection.send(&flood.first);
    let (mut rounds, mut bytes) = (0, 0);
    let until = Instant::now() + Duration::from_millis(1500);
    while rounds < ROUNDS_MAX && bytes < POUR_BYTES_MAX && Instant::now() < until {
        let batch: Vec<u8> = (0..BATCH).flat_map(|n| (flood.next)(rounds + n)).collect();
        rounds += BATCH;
        bytes += batch.len();
        if connection.send(&batch).is_err() {
            break;
        }
    }
    // What was answered before comes first.
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match connection.next(left) {
            Some(frame) if frame.kind == GOAWAY => {
                let code = u32::from_be_bytes(*frame.payload[4..].first_chunk().unwrap());
                return (rounds, End::GoAway(code));
            }
            Some(_) => {}
            None if Instant::now() < until => return (rounds, End::Closed),
            None => return (rounds, End::Silent),
        }
    }
}

#[test]
fn header_lists_have_a_limit() {
    let live = Live::start(ONE);
    let many: Vec<(String, &str)> = (0..120).map(|n| (format!("x-{n}"), "y")).collect();
    let long = vec![("x".to_owned(), "y".repeat(15_000))];
    let pseudo = |path: &str| block(&request("GET", path));
    let mut connection = Frames::open(&live);
    let cases = [
        ("120 fields", [pseudo("/hello.txt"), block(&many)].concat(), 431),
        ("a long target", pseudo(&format!("/{}", "x".repeat(9000))), 414),
        ("one long field that fits", [pseudo("/hello.txt"), block(&long)].concat(), 200),
    ];
    for (number, (what, fields, status)) in (0..).zip(cases) {
        let id = number * 2 + 1;
        connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, id, &fields)).unwrap();
        assert_eq!(connection.outcome(id), End::Status(status), "{what}");
    }
    // 45 KB in continuations, and a bomb of 35 MB: more than head_bytes_max.
    for id in [7, 9] {
        let bytes = if id == 9 {
            bomb(id)
        } else {
            let head = frame(HEADERS, END_STREAM, id, &pseudo("/hello.txt"));
            let more = block(&long);
            let more = [(0, &more), (0, &more), (END_HEADERS, &more)];
            let more = more.map(|(ends, more)| frame(CONTINUATION, ends, id, more));
            [head, more.concat()].concat()
        };
        let _ = connection.send(&bytes);
        let end = connection.outcome(id);
        assert!(matches!(end, End::Status(431) | End::Reset(_) | End::GoAway(_)), "{id}: {end:?}");
        if matches!(end, End::GoAway(_)) {
            connection = Frames::open(&live);
        }
    }
}

#[test]
fn a_hundred_uploads_on_one_connection_all_arrive() {
    let live = Live::start(TWO);
    let mut connection = Frames::open(&live);
    let body = |n: u8| [&[n][..], &pattern(19_999)].concat();
    let bodies: BTreeMap<u32, Vec<u8>> =
        (0..100_u8).map(|n| (u32::from(n) * 2 + 1, body(n))).collect();
    for id in bodies.keys() {
        let fields = block(&request("PUT", &format!("/many-{id}")));
        connection.send(&frame(HEADERS, END_HEADERS, *id, &fields)).unwrap();
    }
    let mut stored_with = BTreeMap::new();
    let mut note = |frame: Frame| {
        assert!(!matches!(frame.kind, RST_STREAM | GOAWAY), "{frame:?}");
        if frame.kind == HEADERS {
            stored_with.insert(frame.id, status(&frame.payload));
        }
    };
    // A piece of each in turn, so that all are open until the end.
    for step in 0..20 {
        for (id, body) in &bodies {
            let piece = &body[step * 1000..][..1000];
            while connection.window < piece.len() as u64 {
                note(connection.next(Duration::from_millis(10)).unwrap_or_else(nothing));
            }
            connection.window -= piece.len() as u64;
            let ends = if step == 19 { END_STREAM } else { 0 };
            connection.send(&frame(DATA, ends, *id, piece)).unwrap();
        }
    }
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until && count(&live, Counter::UploadsDone) < 100 {
        note(connection.next(Duration::from_millis(10)).unwrap_or_else(nothing));
    }
    while let Some(frame) = connection.next(Duration::from_millis(300)) {
        note(frame);
    }
    assert_eq!(stored_with.len(), 100);
    for (id, body) in bodies {
        assert_eq!(stored_with[&id], 201, "stream {id}");
        let arrived = std::fs::read(stored(&live, &format!("many-{id}"))).unwrap();
        assert!(arrived == body, "the body of stream {id} differs");
    }
    assert!(spooled(&live).is_empty());
}

/// Stands for "nothing yet".
fn nothing() -> Frame {
    Frame { kind: 0xff, flags: 0, id: 0, payload: Vec::new() }
}

#[test]
fn stalled_streams_are_ended_alone() {
    let live = Live::start("workers = 1\n[limits]\nstall_seconds_max = 2");
    let mut connection = Frames::open_with(&live, 20_000);
    let put = |id, path| frame(HEADERS, END_HEADERS, id, &block(&request("PUT", path)));
    let began = Instant::now();
    let upload = [put(1, "/stalled"), frame(DATA, 0, 1, b"ten bytes.")].concat();
    connection.send(&upload).unwrap();
    // Takes the 20,000 bytes its window allows, and never more.
    let fields = block(&request("GET", "/big.bin"));
    connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, 3, &fields)).unwrap();
    connection.send(&[put(5, "/empty"), frame(DATA, 0, 5, b"ten bytes.")].concat()).unwrap();
    let mut slowest = Duration::ZERO;
    let mut id = 7;
    while began.elapsed() < Duration::from_secs(6) {
        // Frames without a byte are no progress.
        if !connection.resets.contains_key(&5) {
            connection.send(&frame(DATA, 0, 5, &[])).unwrap();
        }
        let asked = Instant::now();
        assert_eq!(connection.get(id, "/hello.txt"), End::Status(200), "stream {id}");
        slowest = slowest.max(asked.elapsed());
        id += 2;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(slowest < HEALTHY_MAX, "a sibling waited {slowest:?}");
    for id in [1, 3, 5] {
        let (code, at) = connection.resets.get(&id).unwrap_or_else(|| panic!("{id} still open"));
        let after = at.duration_since(began);
        assert_eq!(*code, CANCEL, "stream {id}");
        assert!((1.9..5.0).contains(&after.as_secs_f64()), "stream {id} after {after:?}");
    }
    assert_eq!(count(&live, Counter::LimitStall), 3);
    for (part, end) in [
        ("PUT /stalled", "end=limit/body"),
        ("PUT /empty", "end=limit/body"),
        ("GET /big.bin", "end=limit/send"),
    ] {
        let line = log_line(&live, part);
        assert!(line.contains(" h2 ") && line.ends_with(end), "{line}");
    }
    assert!(spooled(&live).is_empty() && !stored(&live, "stalled").exists());
}

#[test]
fn real_clients_get_and_put() {
    let (Some(h2load), Some(nghttp)) = (find("h2load"), find("nghttp")) else { return };
    let live = Live::start(TWO);
    let body = pattern(200_000);
    lay(&live, "down.bin", &body);
    let up = live.path("up.bin");
    std::fs::write(&up, &body).unwrap();
    let https = live.https.unwrap();
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let target = |path: &str| format!("https://{https}{path}");
    let said = run(Command::new(&h2load)
        .args(["-n", "400", "-c", "4", "-m", "20", "-T", "20"])
        .arg(target("/down.bin")));
    assert!(said.contains("status codes: 400 2xx, 0 3xx, 0 4xx, 0 5xx"), "{said}");
    assert!(said.contains("Application protocol: h2"), "{said}");
    let said = run(Command::new(&h2load)
        .args(["-n", "100", "-c", "1", "-m", "100", "-T", "20", "-H", ":method: PUT", "-d"])
        .arg(&up)
        .arg(target("/load.bin")));
    assert!(said.contains("status codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx"), "{said}");
    assert!(std::fs::read(stored(&live, "load.bin")).unwrap() == body, "load.bin differs");

    run(Command::new(&nghttp)
        .args(["--no-verify-peer", "-t", "20", "-H", ":method: PUT", "-d"])
        .arg(&up)
        .arg(target("/nghttp.bin")));
    assert!(std::fs::read(stored(&live, "nghttp.bin")).unwrap() == body, "nghttp.bin differs");

    let said = run(curl_command(&live)
        .args(["--http2", "-w", "%{http_version} %{http_code}", "-T"])
        .arg(&up)
        .arg(url(&live, "/curl.bin")));
    assert_eq!(said, "2 201");
    let fetched = live.path("fetched.bin");
    let said = run(curl_command(&live)
        .args(["--http2", "-w", "%{http_version} %{http_code}", "-o"])
        .arg(&fetched)
        .arg(url(&live, "/curl.bin")));
    assert_eq!(said, "2 200");
    assert!(std::fs::read(fetched).unwrap() == body, "what curl fetched differs");
    assert!(spooled(&live).is_empty());
}

/// Most that a flood may make a worker grow by, bytes; 0.7 MiB was measured.
const FLOOD_BYTES_MAX: u64 = 4 << 20;
/// Longest wait of others during a flood; 0.1 s was measured.
const HEALTHY_MAX: Duration = Duration::from_secs(1);
const BATCH: u32 = 1000;
/// Answers to so many pings are more than the sockets of both sides hold.
const ROUNDS_MAX: u32 = 600_000;
const POUR_BYTES_MAX: usize = 24 << 20;
