//! What is kept of requests: one access-log line with an end reason for each, the names of limits,
//! and the figures of `/metrics`.

use crate::support::{live, wire};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use live::{Live, wait_for};
use menshen_base::Counter;
use menshen_sys::SlotState;
use wire::{
    Wire, ask, curl_ask, get, lay_folder, log_line, pattern, request, settings, start_with, stored,
};

/// Fields of a log line: protocol, request, status, in, out, milliseconds by phase, end reason.
#[derive(Debug)]
struct Logged {
    protocol: String,
    request: String,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    times: Vec<i64>,
    end: String,
}

fn logged(live: &Live, part: &str) -> Logged {
    let line = log_line(live, part);
    let (before, after) = line.split_once(" \"").unwrap_or_else(|| panic!("{line}"));
    let (request, after) = after.rsplit_once("\" ").unwrap_or_else(|| panic!("{line}"));
    let mut words = before.split(' ');
    let time = words.next().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.contains('T'), "{line}");
    assert_eq!(words.next(), Some("web/0"), "{line}");
    assert_eq!(words.next(), Some("127.0.0.1"), "{line}");
    let protocol = words.next().unwrap().to_owned();
    let after: Vec<&str> = after.split(' ').collect();
    let [status, bytes_in, bytes_out, times, end] = after.as_slice() else { panic!("{line}") };
    let times = times.strip_prefix("ms=").unwrap();
    let times: Vec<i64> = times.split('/').map(|time| time.parse().unwrap()).collect();
    assert_eq!(times.len(), 5, "{line}");
    Logged {
        protocol,
        request: request.to_owned(),
        status: status.parse().unwrap(),
        bytes_in: bytes_in.strip_prefix("in=").unwrap().parse().unwrap(),
        bytes_out: bytes_out.strip_prefix("out=").unwrap().parse().unwrap(),
        times,
        end: end.strip_prefix("end=").unwrap().to_owned(),
    }
}

#[test]
fn every_request_leaves_one_line_with_its_end() {
    let live = start_with(&settings("serve", "", ""));
    get(live.plain, "/hello.txt?plain");
    ask(live.plain, "PUT", "/up/%E6%96%87", &[], b"12345");
    ask(live.plain, "GET", "/a\"b", &[], b"");
    curl_ask(&live, "/hello.txt?tls", &["--http1.1"]);
    curl_ask(&live, "/hello.txt?two", &["--http2"]);
    std::fs::write(live.path("body"), "1234567").unwrap();
    curl_ask(&live, "/up2", &["--http2", "-T", "body"]);
    let mut gone = Wire::open(live.plain);
    gone.send(request("GET", "/big.bin?gone", &[], b""));
    wait_for("the transfer", || live.workers(SlotState::Ready)[0].get(Counter::BytesOut) > 100_000);
    drop(gone);
    Wire::open(live.plain).send(request("PUT", "/vanished", &["Content-Length: 10"], b"abc"));
    let refused = Wire::open(live.plain).ask("GET", "/", &["Bad Field: x"], b"");
    assert_eq!(refused.status, 400);
    drop(Wire::open(live.https.unwrap()).try_send("GET / HTTP/1.1\r\n\r\n"));

    let line = logged(&live, "?plain");
    assert_eq!((line.protocol.as_str(), line.request.as_str()), ("h1", "GET /hello.txt?plain"));
    assert_eq!((line.status, line.bytes_in, line.bytes_out), (200, 0, 2));
    assert_eq!((line.end.as_str(), line.times[0], line.times[2]), ("done", -1, -1), "{line:?}");
    let line = logged(&live, "PUT /up/");
    assert_eq!((line.status, line.bytes_in, line.end.as_str()), (201, 5, "done"));
    assert!(line.times[0] == -1 && line.times[1..].iter().all(|&time| time >= 0), "{line:?}");
    let line = logged(&live, "?tls");
    assert_eq!((line.protocol.as_str(), line.bytes_out), ("h1", 2));
    assert!((0..5000).contains(&line.times[0]), "{line:?}");
    let line = logged(&live, "?two");
    assert_eq!((line.protocol.as_str(), line.bytes_out, line.end.as_str()), ("h2", 2, "done"));
    assert!((0..5000).contains(&line.times[0]), "{line:?}");
    let line = logged(&live, "PUT /up2");
    assert_eq!((line.protocol.as_str(), line.status, line.bytes_in), ("h2", 201, 7));
    let line = logged(&live, "?gone");
    assert_eq!((line.status, line.end.as_str()), (200, "client/send"));
    let line = logged(&live, "/vanished");
    assert_eq!((line.status, line.bytes_in, line.end.as_str()), (0, 3, "client/body"));
    let line = logged(&live, "\"\" 400");
    assert_eq!(line.end, "client/head");
    let line = logged(&live, " tls ");
    assert_eq!((line.status, line.end.as_str()), (0, "client/handshake"));
    assert_eq!(logged(&live, "GET /a").request, "GET /a\\x22b", "a quote cannot end the field");
    let text = std::fs::read_to_string(live.path(".menshen/access.log")).unwrap();
    assert_eq!(text.lines().count(), 10, "{text}");
}

#[test]
fn limits_name_themselves_as_the_end() {
    let limits = "[limits]\nhead_seconds_max = 1\nidle_seconds_max = 1\nstall_seconds_max = 1\n\
        handshake_seconds_max = 1";
    let live = start_with(&settings("serve", "", limits));
    let begun = Instant::now();
    let open = |bytes: &[u8]| {
        let mut wire = Wire::open(live.plain);
        wire.send(bytes);
        wire
    };
    let mut head = open(b"GET /slow HTTP/1.1\r\nHost: x\r\n");
    let mut body = open(&request("PUT", "/stalled", &["Content-Length: 10"], b"abc"));
    // A kept connection, and a reader that stops reading.
    let mut idle = open(b"");
    assert_eq!(idle.ask("GET", "/hello.txt", &[], b"").status, 200);
    let mut reader = open(&request("GET", "/big.bin?unread", &[], b""));
    let mut tls = Wire::open(live.https.unwrap());
    assert_eq!(head.answer("GET").status, 408);
    assert_eq!(body.answer("PUT").status, 408);
    idle.ended();
    tls.ended();
    let mut lines = BTreeMap::new();
    for (what, part) in
        [("head", "\"\" 408"), ("body", "/stalled"), ("send", "?unread"), ("handshake", " tls ")]
    {
        lines.insert(what, logged(&live, part));
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(6), "{took:?}");
    for (what, line) in &lines {
        assert_eq!(line.end, format!("limit/{what}"), "{line:?}");
    }
    assert_eq!((lines["body"].status, lines["body"].bytes_in), (408, 3));
    assert!(reader.rest().len() < 64 << 20, "what was cut off is not whole");
    let counters = live.workers(SlotState::Ready)[0];
    for counter in [
        Counter::LimitHeadSeconds,
        Counter::LimitIdle,
        Counter::LimitStall,
        Counter::LimitHandshake,
    ] {
        assert!(counters.get(counter) >= 1, "{}", counter.name());
    }
    assert!(!stored(&live, "stalled").exists());
}

/// Samples of `/metrics` by name, added up over workers; every line is checked for its form.
fn metrics(admin: SocketAddr) -> (BTreeMap<String, f64>, usize) {
    let got = get(admin, "/metrics");
    assert_eq!(got.status, 200);
    assert_eq!(got.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = got.text();
    assert!(text.ends_with('\n'));
    let mut samples = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            assert!(words.len() == 3 && matches!(words[0], "HELP" | "TYPE"), "{line}");
            if words[0] == "TYPE" {
                assert!(matches!(words[2], "counter" | "gauge"), "{line}");
                let before = kinds.insert(words[1].to_owned(), words[2].to_owned());
                assert!(before.is_none(), "two types: {line}");
            }
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = key.split('{').next().unwrap();
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.starts_with("menshen_") && name.chars().all(valid), "{line}");
        let kind = kinds.get(name).unwrap_or_else(|| panic!("no type before {line}"));
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        assert_eq!(key.contains('{'), key.ends_with("\"}"), "{line}");
        *samples.entry(name.to_owned()).or_insert(0.0) += value.parse::<f64>().unwrap();
    }
    (samples, text.len())
}

#[test]
fn the_figures_move_with_the_requests() {
    let live = start_with(&settings("serve", "", ""));
    let print = live.printed();
    let address = print.split("http://").last().unwrap().split("/metrics").next().unwrap();
    let admin: SocketAddr = address.parse().unwrap_or_else(|_| panic!("{print}"));
    let (before, mut sent) = metrics(admin);
    for _ in 0..5 {
        sent += get(live.plain, "/hello.txt").body.len();
    }
    sent += get(live.plain, "/missing").body.len();
    ask(live.plain, "PUT", "/up", &[], &pattern(1000));
    sent += curl_ask(&live, "/hello.txt", &["--http2"]).body.len();
    lay_folder(&live, "d");
    get(live.plain, "/d");
    let (after, _) = metrics(admin);
    let moved = |name: &str| {
        let name = format!("menshen_{name}");
        let at = |samples: &BTreeMap<String, f64>| {
            *samples.get(&name).unwrap_or_else(|| panic!("{name}: {samples:?}"))
        };
        at(&after) - at(&before)
    };
    let requests = Counter::Requests.name();
    // The second reading of the figures counts the first one.
    assert!((moved(requests) - 10.0).abs() < 0.5, "{}", moved(requests));
    assert!((moved(Counter::Status2xx.name()) - 8.0).abs() < 0.5);
    assert!((moved(Counter::Status3xx.name()) - 1.0).abs() < 0.5);
    assert!((moved(Counter::Status4xx.name()) - 1.0).abs() < 0.5);
    assert!((moved(Counter::RequestsH2.name()) - 1.0).abs() < 0.5);
    assert!((moved(Counter::ConnectionsTls.name()) - 1.0).abs() < 0.5);
    assert!((moved(Counter::BytesIn.name()) - 1000.0).abs() < 0.5);
    // The first reading itself is an answer, too.
    let bytes_out = moved(Counter::BytesOut.name());
    assert_eq!(format!("{bytes_out}"), sent.to_string());
    assert!((moved(Counter::UploadsDone.name()) - 1.0).abs() < 0.5);
    assert_eq!(ask(admin, "POST", "/metrics", &[], b"").status, 405);
    assert_eq!(ask(admin, "HEAD", "/metrics", &[], b"").status, 200);
    for target in ["/", "/hello.txt", "/metrics/", "/up"] {
        assert_eq!(get(admin, target).status, 404, "the admin listener serves no files");
    }
    assert_eq!(get(live.plain, "/metrics").status, 404, "the web door tells no figures");
}
