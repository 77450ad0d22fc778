//! Conditions and ranges over the wire (RFC 9110 §13, §14): precedence, lost updates, races,
//! exact bytes and lengths, files that change while they are sent.

use crate::support::{live, wire};

use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use live::{BIG_BYTES, Live, wait_for};
use wire::{
    Answer, ONE, TWO, Wire, ask, curl, curl_ask, find, get, lay, log_line, pattern, put, request,
    stored, url,
};

/// A file of an hour ago and its validators.
fn aged(live: &Live) -> (String, String) {
    lay(live, "file", b"0123456789");
    let got = get(live.plain, "/file");
    (got.tag(), got.field("last-modified").unwrap().to_owned())
}

#[test]
fn reads_judge_conditions_in_the_order_of_the_standard() {
    let live = Live::start(ONE);
    let (tag, date) = aged(&live);
    let before = "Sun, 06 Nov 1994 08:49:37 GMT";
    let same = |name: &str| format!("{name}: {tag}");
    let none_same = format!("If-None-Match: {tag}");
    let rows: &[(&[&str], u16)] = &[
        (&[&same("If-Match")], 200),
        (&["If-Match: *"], 200),
        (&["If-Match: \"other\""], 412),
        (&[&format!("If-Match: W/{tag}")], 412),
        (&[&format!("If-Match: \"other\", {tag}")], 200),
        (&["If-Match: \"other\"", &same("If-Match")], 200),
        (&[&format!("If-Unmodified-Since: {date}")], 200),
        (&[&format!("If-Unmodified-Since: {before}")], 412),
        (&["If-Unmodified-Since: yesterday"], 200),
        // If-Match is there, so If-Unmodified-Since is not looked at.
        (&[&same("If-Match"), &format!("If-Unmodified-Since: {before}")], 200),
        (&["If-Match: \"other\"", &format!("If-Unmodified-Since: {date}")], 412),
        (&[&none_same], 304),
        (&[&format!("If-None-Match: W/{tag}")], 304),
        (&[&format!("If-None-Match: \"other\", {tag}")], 304),
        (&["If-None-Match: *"], 304),
        (&["If-None-Match: \"other\""], 200),
        (&[&format!("If-Modified-Since: {date}")], 304),
        (&[&format!("If-Modified-Since: {before}")], 200),
        (&["If-Modified-Since: never"], 200),
        // If-None-Match is there, so If-Modified-Since is not looked at.
        (&["If-None-Match: \"other\"", &format!("If-Modified-Since: {date}")], 200),
        (&[&none_same, &format!("If-Modified-Since: {before}")], 304),
        // The first of the two that fails decides.
        (&["If-Match: \"other\"", &none_same], 412),
        (&[&same("If-Match"), &none_same], 304),
        (&[&format!("If-Unmodified-Since: {before}"), &none_same], 412),
        // A condition that fails comes before any range.
        (&[&none_same, "Range: bytes=0-1"], 304),
        (&["If-Match: \"other\"", "Range: bytes=90-91"], 412),
        (&[&same("If-Match"), "Range: bytes=0-1"], 206),
    ];
    let mut wire = Wire::open(live.plain);
    for (fields, status) in rows {
        let got = wire.ask("GET", "/file", fields, b"");
        assert_eq!(got.status, *status, "GET {fields:?}: {}", got.head);
        let body = match got.status {
            200 => "0123456789",
            206 => "01",
            _ => "",
        };
        assert_eq!(got.text(), body, "{fields:?}");
        if got.status == 304 {
            assert_eq!(got.tag(), tag);
            assert!(got.field("date").is_some() && got.field("cache-control").is_some());
        }
        let head = wire.ask("HEAD", "/file", fields, b"").status;
        let ranged = if *status == 206 { 200 } else { *status };
        assert_eq!(head, ranged, "HEAD {fields:?}");
        let lines: Vec<&str> = fields.iter().flat_map(|field| ["-H", *field]).collect();
        let over_h2 = curl_ask(&live, "/file", &[&["--http2"], lines.as_slice()].concat());
        assert_eq!((over_h2.status, over_h2.text().as_str()), (*status, body), "h2 {fields:?}");
    }
}

#[test]
fn writes_are_refused_on_a_lost_update() {
    let live = Live::start(ONE);
    let (tag, date) = aged(&live);
    let before = "Sun, 06 Nov 1994 08:49:37 GMT";
    let refused: &[(&str, &[&str])] = &[
        ("/file", &["If-Match: \"other\""]),
        ("/file", &["If-Match: broken"]),
        ("/file", &["If-None-Match: *"]),
        ("/file", &["If-None-Match: broken"]),
        ("/file", &[&format!("If-None-Match: {tag}")]),
        ("/file", &[&format!("If-Unmodified-Since: {before}")]),
        ("/nothing", &["If-Match: *"]),
        ("/nothing", &[&format!("If-Match: {tag}")]),
    ];
    for (path, fields) in refused {
        for (method, body) in [("PUT", "lost"), ("DELETE", ""), ("MOVE", "")] {
            let fields = [fields, ["Destination: /moved"].as_slice()].concat();
            let got = ask(live.plain, method, path, &fields, body.as_bytes());
            assert_eq!(got.status, 412, "{method} {path} {fields:?}");
        }
        assert_eq!(std::fs::read(stored(&live, "file")).unwrap(), b"0123456789");
        assert!(!stored(&live, "nothing").exists() && !stored(&live, "moved").exists());
    }
    // Refused before the body: the client is not told to send it.
    let mut wire = Wire::open(live.plain);
    let fields = ["If-Match: \"other\"", "Expect: 100-continue", "Content-Length: 5"];
    wire.send(request("PUT", "/file", &fields, b""));
    assert_eq!(wire.answer("PUT").status, 412);

    let fields = [format!("If-Match: {tag}"), format!("If-Unmodified-Since: {date}")];
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let made = ask(live.plain, "PUT", "/file", &fields, b"new");
    assert_eq!(made.status, 204);
    let made = ask(
        live.plain,
        "MOVE",
        "/file",
        &["Destination: /else", &format!("If-Match: {}", made.tag())],
        b"",
    );
    assert_eq!(made.status, 201);
    let tag = get(live.plain, "/else").tag();
    assert_eq!(ask(live.plain, "PUT", "/first", &["If-None-Match: *"], b"1").status, 201);
    assert_eq!(ask(live.plain, "DELETE", "/else", &[&format!("If-Match: {tag}")], b"").status, 204);
    assert!(!stored(&live, "else").exists());
}

/// Sends requests on connections of their own, all but the last byte, then the last bytes at once.
fn race(address: SocketAddr, requests: &[Vec<u8>]) -> Vec<Answer> {
    // Every server side has judged the conditions once before any may store.
    let start = Instant::now() + Duration::from_millis(40);
    std::thread::scope(|scope| {
        let client = |bytes: &Vec<u8>| {
            let (most, last) = bytes.split_at(bytes.len() - 1);
            let (most, last) = (most.to_vec(), last.to_vec());
            scope.spawn(move || {
                let mut wire = Wire::open(address);
                wire.send(most);
                std::thread::sleep(start.saturating_duration_since(Instant::now()));
                wire.send(last);
                wire.answer("PUT")
            })
        };
        let clients: Vec<_> = requests.iter().map(client).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn of_racing_updates_exactly_one_wins() {
    for settings in [TWO, ONE] {
        let live = Live::start(settings);
        put(live.plain, "/raced", b"start");
        for round in 0..12 {
            let condition = format!("If-Match: {}", get(live.plain, "/raced").tag());
            let bodies: Vec<String> = (0..6).map(|n| format!("round {round} writer {n}")).collect();
            let puts: Vec<Vec<u8>> = bodies
                .iter()
                .map(|body| request("PUT", "/raced", &[&condition], body.as_bytes()))
                .collect();
            let answers = race(live.plain, &puts);
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            let winners: Vec<usize> = (0..6).filter(|&n| statuses[n] == 204).collect();
            assert_eq!(winners.len(), 1, "round {round}: {statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, 204 | 412)), "{statuses:?}");
            let got = get(live.plain, "/raced");
            assert_eq!(
                (got.text(), got.tag()),
                (bodies[winners[0]].clone(), answers[winners[0]].tag())
            );
        }
        wire::wait_spooled(&live, 0);
    }
}

#[test]
fn of_racing_creations_exactly_one_wins() {
    let live = Live::start(TWO);
    for round in 0..12 {
        let path = format!("/folder/{round}");
        let bodies: Vec<String> = (0..6).map(|n| format!("creator {n}")).collect();
        let puts: Vec<Vec<u8>> = bodies
            .iter()
            .map(|body| request("PUT", &path, &["If-None-Match: *"], body.as_bytes()))
            .collect();
        let answers = race(live.plain, &puts);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let winners: Vec<usize> = (0..6).filter(|&n| statuses[n] == 201).collect();
        assert_eq!(winners.len(), 1, "round {round}: {statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 412)), "{statuses:?}");
        assert_eq!(get(live.plain, &path).text(), bodies[winners[0]]);
    }
}

#[test]
fn of_a_racing_update_and_deletion_one_wins() {
    let live = Live::start(TWO);
    for round in 0..12 {
        let tag = put(live.plain, "/raced", format!("{round}").as_bytes()).tag();
        let condition = format!("If-Match: {tag}");
        let update = request("PUT", "/raced", &[&condition], b"updated");
        let deletion = request("DELETE", "/raced", &[&condition], b"");
        let answers = race(live.plain, &[update, deletion]);
        let won = (answers[0].status == 204, answers[1].status == 204);
        assert!(won.0 != won.1, "{} {}", answers[0].status, answers[1].status);
        assert_eq!(stored(&live, "raced").exists(), won.0);
    }
}

#[test]
fn if_range_holds_only_for_the_same_bytes() {
    let live = Live::start(ONE);
    let (tag, date) = aged(&live);
    let rows = [
        (tag.clone(), 206),
        (date, 206),
        ("\"other\"".to_owned(), 200),
        (format!("W/{tag}"), 200),
        ("Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 200),
        ("Fri, 31 Dec 2100 23:59:59 GMT".to_owned(), 200),
        ("garbage".to_owned(), 200),
    ];
    for (value, status) in rows {
        let fields = ["Range: bytes=2-4", &format!("If-Range: {value}")];
        let got = ask(live.plain, "GET", "/file", &fields, b"");
        let body = if status == 206 { "234" } else { "0123456789" };
        assert_eq!((got.status, got.text().as_str()), (status, body), "If-Range: {value}");
        let lines = ["--http2", "-H", fields[0], "-H", fields[1]];
        assert_eq!(curl_ask(&live, "/file", &lines).status, status, "h2 If-Range: {value}");
    }
    // Without Range it means nothing; a range that cannot be met and stale bytes give the whole.
    let alone = ask(live.plain, "GET", "/file", &[&format!("If-Range: {tag}")], b"");
    assert_eq!(alone.status, 200);
    let beyond = ["Range: bytes=99-", "If-Range: \"other\""];
    assert_eq!(ask(live.plain, "GET", "/file", &beyond, b"").status, 200);
    // A date younger than its own resolution cannot tell two versions apart.
    put(live.plain, "/young", b"0123456789");
    let date = get(live.plain, "/young").field("last-modified").unwrap().to_owned();
    let young = ["Range: bytes=2-4", &format!("If-Range: {date}")];
    assert_eq!(ask(live.plain, "GET", "/young", &young, b"").status, 200);
}

#[test]
fn single_ranges_are_exact() {
    let live = Live::start(ONE);
    let bytes = pattern(100_000);
    lay(&live, "data", &bytes);
    let most = u64::MAX;
    let rows: &[(&str, u16, std::ops::Range<usize>)] = &[
        ("bytes=0-0", 206, 0..1),
        ("bytes=0-", 206, 0..100_000),
        ("bytes=99999-99999", 206, 99_999..100_000),
        ("bytes=99999-", 206, 99_999..100_000),
        ("bytes=500-70000", 206, 500..70_001),
        ("bytes=500-100000", 206, 500..100_000),
        ("bytes=1-99999999999999999999999999", 206, 1..100_000),
        (&format!("bytes=1-{most}"), 206, 1..100_000),
        ("bytes=-1", 206, 99_999..100_000),
        ("bytes=-99999999999999999999999999", 206, 0..100_000),
        ("Bytes=7-8", 206, 7..9),
        ("bytes= 7-8 , ", 206, 7..9),
        ("bytes=0-4,2-9", 206, 0..10),
        ("bytes=0-1,200000-", 206, 0..2),
        ("bytes=100000-", 416, 0..0),
        ("bytes=99999999999999999999999999-", 416, 0..0),
        ("bytes=-0", 416, 0..0),
        ("bytes=9-3", 200, 0..100_000),
        ("bytes=a-b", 200, 0..100_000),
        ("bytes=0-1,x", 200, 0..100_000),
        ("bytes=+1-2", 200, 0..100_000),
        ("bytes=--2", 200, 0..100_000),
        ("lines=0-1", 200, 0..100_000),
        ("0-1", 200, 0..100_000),
    ];
    let mut wire = Wire::open(live.plain);
    for (range, status, expected) in rows {
        let field = format!("Range: {range}");
        let check = |protocol: &str, got: Answer| {
            assert_eq!(got.status, *status, "{protocol} {range}: {}", got.head);
            assert!(got.body == bytes[expected.clone()], "{protocol} {range}: wrong bytes");
            let says = match status {
                206 => Some(format!("bytes {}-{}/100000", expected.start, expected.end - 1)),
                416 => Some("bytes */100000".to_owned()),
                _ => None,
            };
            assert_eq!(got.field("content-range"), says.as_deref(), "{protocol} {range}");
            if *status != 416 {
                let length = expected.len().to_string();
                assert_eq!(got.field("content-length"), Some(length.as_str()), "{protocol}");
            }
        };
        check("h1", wire.ask("GET", "/data", &[&field], b""));
        check("h1 TLS", curl_ask(&live, "/data", &["--http1.1", "-H", &field]));
        check("h2", curl_ask(&live, "/data", &["--http2", "-H", &field]));
        let head = wire.ask("HEAD", "/data", &[&field], b"");
        assert_eq!((head.status, head.field("content-length")), (200, Some("100000")), "{range}");
    }
    let twice = wire.ask("GET", "/data", &["Range: bytes=0-1", "Range: bytes=3-4"], b"");
    assert_eq!(twice.status, 200);
}

/// Parts of a `multipart/byteranges` body as (range, bytes); everything around them is checked.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let kind = answer.field("content-type").unwrap();
    let boundary =
        kind.strip_prefix("multipart/byteranges; boundary=").unwrap_or_else(|| panic!("{kind}"));
    let boundary = boundary.trim_matches('"');
    assert!(boundary.len() >= 20, "{boundary}");
    let (delimiter, closing) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}--\r\n"));
    let mut rest = answer.body.strip_suffix(closing.as_bytes()).expect("a closing line");
    let mut parts = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        rest = rest.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        let head = find(rest, b"\r\n\r\n").unwrap();
        let text = String::from_utf8(rest[..head].to_vec()).unwrap().to_lowercase();
        assert!(text.contains("content-type: application/octet-stream"), "{text}");
        let range = text.lines().find_map(|line| line.strip_prefix("content-range: bytes "));
        let range = range.unwrap().to_owned();
        rest = &rest[head + 4..];
        let end = find(rest, format!("\r\n{delimiter}").as_bytes()).unwrap_or(rest.len());
        parts.push((range, rest[..end].to_vec()));
        rest = &rest[end..];
    }
    parts
}

#[test]
fn several_ranges_are_exact_on_every_protocol() {
    let live = Live::start(ONE);
    let bytes = pattern(4_000_000);
    lay(&live, "data", &bytes);
    let rows: &[(&str, &[(usize, usize)])] = &[
        ("0-0,1000-1000", &[(0, 0), (1000, 1000)]),
        ("3999999-,0-99", &[(3_999_999, 3_999_999), (0, 99)]),
        ("0-1999999,2100000-3999999", &[(0, 1_999_999), (2_100_000, 3_999_999)]),
        ("5-6,9000000-,70000-139999,-10", &[(5, 6), (70_000, 139_999), (3_999_990, 3_999_999)]),
    ];
    let mut wire = Wire::open(live.plain);
    for (ranges, expected) in rows {
        let field = format!("Range: bytes={ranges}");
        let check = |protocol: &str, got: Answer| {
            assert_eq!(got.status, 206, "{protocol} {ranges}");
            assert_eq!(got.field("content-range"), None, "only parts have one");
            let length = got.body.len().to_string();
            assert_eq!(got.field("content-length"), Some(length.as_str()), "{protocol} {ranges}");
            let parts = parts(&got);
            assert_eq!(parts.len(), expected.len(), "{protocol} {ranges}");
            for ((range, part), (first, last)) in parts.iter().zip(*expected) {
                assert_eq!(*range, format!("{first}-{last}/4000000"), "{protocol}");
                assert!(*part == bytes[*first..=*last], "{protocol} {ranges}: wrong bytes");
            }
        };
        // The next request on the same connection would go wrong if a byte were missing or over.
        check("h1", wire.ask("GET", "/data", &[&field], b""));
        check("h1 TLS", curl_ask(&live, "/data", &["--http1.1", "-H", &field]));
        check("h2", curl_ask(&live, "/data", &["--http2", "-H", &field]));
    }
    let kept = wire.ask("GET", "/hello.txt", &[], b"");
    assert_eq!(kept.text(), "ok");
}

#[test]
fn many_ranges_cost_no_more_than_the_file() {
    let live = Live::start("workers = 1\n[limits]\nranges_max = 8");
    lay(&live, "data", &pattern(10_000));
    let with = |count: usize, step: usize| {
        let ranges: Vec<String> = (0..count).map(|n| format!("{0}-{0}", n * step)).collect();
        ask(live.plain, "GET", "/data", &[&format!("Range: bytes={}", ranges.join(","))], b"")
    };
    assert_eq!(parts(&with(8, 1000)).len(), 8);
    let over = with(9, 1000);
    assert_eq!((over.status, over.body.len()), (200, 10_000));
    // Overlapping again and again (CVE-2011-3192): one range, once.
    let same = ["0-"; 8].join(",");
    let got = ask(live.plain, "GET", "/data", &[&format!("Range: bytes={same}")], b"");
    assert_eq!((got.status, got.body.len()), (206, 10_000));
}

#[test]
fn an_empty_file_has_no_ranges() {
    let live = Live::start(ONE);
    assert_eq!(put(live.plain, "/empty", b"").status, 201);
    let mut wire = Wire::open(live.plain);
    let rows =
        [("", 200), ("Range: bytes=0-", 416), ("Range: bytes=0-0", 416), ("Range: bytes=-5", 200)];
    for (field, status) in rows {
        let fields: &[&str] = if field.is_empty() { &[] } else { &[field] };
        let got = wire.ask("GET", "/empty", fields, b"");
        assert_eq!((got.status, got.field("content-length")), (status, Some("0")), "{field}");
        let says = (status == 416).then_some("bytes */0");
        assert_eq!(got.field("content-range"), says, "{field}");
        let lines: Vec<&str> = fields.iter().flat_map(|field| ["-H", *field]).collect();
        let over_h2 = curl_ask(&live, "/empty", &[&["--http2"], lines.as_slice()].concat());
        assert_eq!((over_h2.status, over_h2.body.len()), (status, 0), "h2 {field}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let live = Live::start(ONE);
    let mut wire = Wire::open(live.plain);
    wire.send(request("GET", "/big.bin", &[], b""));
    // The socket buffers are full long before the end of the file.
    wait_for("the transfer", || {
        live.workers(menshen_sys::SlotState::Ready)[0].get(menshen_base::Counter::BytesOut) > 0
    });
    let file = std::fs::File::options().write(true).open(stored(&live, "big.bin")).unwrap();
    file.set_len(20 << 20).unwrap();
    let got = wire.rest();
    let head = find(&got, b"\r\n\r\n").unwrap() + 4;
    assert!(got.starts_with(b"HTTP/1.1 200"));
    assert_eq!(got.len() - head, 20 << 20, "what was there, and then an end, not padding");
    let line = log_line(&live, "GET /big.bin");
    assert!(line.ends_with("end=local/send"), "{line}");

    for version in ["--http1.1", "--http2"] {
        file.set_len(BIG_BYTES).unwrap();
        let address = url(&live, "/big.bin");
        let slow = ["--limit-rate", "30M", version, "-o", "got", &address];
        let output = std::thread::scope(|scope| {
            let client = scope.spawn(|| curl(&live, &slow));
            wait_for("some bytes", || {
                std::fs::metadata(live.path("got")).is_ok_and(|meta| meta.len() > 0)
            });
            file.set_len(1 << 20).unwrap();
            client.join().unwrap()
        });
        // 18: the transfer ended early; 92: the stream was reset.
        let code = output.status.code().unwrap();
        assert!(matches!(code, 18 | 92 | 56), "{version}: curl took it for whole: {output:?}");
        std::fs::remove_file(live.path("got")).unwrap();
    }
    assert_eq!(get(live.plain, "/hello.txt").text(), "ok");
}

#[test]
fn a_file_that_grows_while_it_is_sent_keeps_its_announced_length() {
    let live = Live::start(ONE);
    let mut wire = Wire::open(live.plain);
    wire.send(request("GET", "/big.bin", &[], b""));
    wait_for("the transfer", || {
        live.workers(menshen_sys::SlotState::Ready)[0].get(menshen_base::Counter::BytesOut) > 0
    });
    let mut file = std::fs::File::options().write(true).open(stored(&live, "big.bin")).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(&pattern(100_000)).unwrap();
    let got = wire.answer("GET");
    assert_eq!(got.body.len() as u64, BIG_BYTES);
    assert!(got.body.iter().all(|&byte| byte == 0));
    let next = wire.ask("HEAD", "/hello.txt", &[], b"");
    assert_eq!(next.field("content-length"), Some("2"), "the connection goes on in step");
    drop(wire);
    wait_for("the new length", || {
        let head = ask(live.plain, "HEAD", "/big.bin", &[], b"");
        head.field("content-length") == Some("67208864")
    });
}
