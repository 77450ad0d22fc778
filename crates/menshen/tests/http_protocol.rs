//! The protocol around the requests: pipelining, kept connections, methods, early answers, proxies,
//! redirects, ALPN and resumption.

use crate::support::{live, wire};

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use live::Live;
use menshen_base::Counter;
use menshen_sys::SlotState;
use wire::{
    ONE, TWO, Wire, ask, chunked, curl_ask, curl_command, log_line, pattern, request, settings,
    start_with, stored, url,
};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let live = Live::start(ONE);
    let batch = [
        request("GET", "/hello.txt", &[], b""),
        request("PUT", "/one", &[], b"first"),
        request("GET", "/one", &[], b""),
        request("PUT", "/one", &["Transfer-Encoding: chunked"], &chunked(b"second", 2)),
        request("HEAD", "/one", &[], b""),
        request("GET", "/one", &[], b""),
        request("GET", "/missing", &[], b""),
        request("GET", "/", &[], b""),
        request("PUT", "/empty", &[], b""),
        request("DELETE", "/one", &[], b""),
        request("GET", "/one", &["Connection: close"], b""),
    ]
    .concat();
    let methods = ["GET", "PUT", "GET", "PUT", "HEAD", "GET", "GET", "GET", "PUT", "DELETE", "GET"];
    // In one piece, torn into odd pieces, and byte by byte.
    for tear in [batch.len(), 97, 1] {
        let mut wire = Wire::open(live.plain);
        for piece in batch.chunks(tear) {
            wire.send(piece);
        }
        let answers: Vec<_> = methods.iter().map(|method| wire.answer(method)).collect();
        wire.ended();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let empty = if tear == batch.len() { 201 } else { 204 };
        assert_eq!(statuses, [200, 201, 200, 204, 200, 200, 404, 200, empty, 204, 404], "{tear}");
        assert_eq!((answers[0].text(), answers[2].text()), ("ok".into(), "first".into()));
        assert_eq!((answers[4].body.len(), answers[5].text()), (0, "second".into()));
    }
}

#[test]
fn connections_are_kept_as_both_sides_say() {
    let live = Live::start(ONE);
    let mut wire = Wire::open(live.plain);
    for _ in 0..3 {
        let got = wire.ask("GET", "/hello.txt", &[], b"");
        assert_eq!((got.text().as_str(), got.field("connection")), ("ok", None));
    }
    let last = wire.ask("GET", "/hello.txt", &["Connection: x, Close"], b"");
    assert_eq!(last.field("connection"), Some("close"));
    wire.ended();

    let mut wire = Wire::open(live.plain);
    wire.send("GET /hello.txt HTTP/1.0\r\n\r\n");
    let got = wire.answer("GET");
    assert_eq!((got.text().as_str(), got.field("connection")), ("ok", Some("close")));
    wire.ended();
    let mut wire = Wire::open(live.plain);
    for target in ["/hello.txt", "/", "/missing"] {
        wire.send(format!("GET {target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        let got = wire.answer("GET");
        assert_eq!(got.field("connection"), Some("keep-alive"), "{target}: it must be told");
    }
    wire.send("GET /hello.txt HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
    assert_eq!(wire.answer("GET").field("connection"), Some("close"));
    wire.ended();
}

#[test]
fn methods_without_a_meaning_are_refused() {
    let live = Live::start(ONE);
    let all = "GET, HEAD, PUT, POST, DELETE, MOVE, MKCOL, OPTIONS";
    for method in ["PATCH", "TRACE", "BREW", "get", "PROPFIND", "LOCK"] {
        let got = ask(live.plain, method, "/hello.txt", &[], b"");
        assert_eq!((got.status, got.field("allow")), (405, Some(all)), "{method}");
    }
    assert_eq!(curl_ask(&live, "/hello.txt", &["--http2", "-X", "PATCH"]).status, 405);
    let tunnel = Wire::open(live.plain).ask("CONNECT", "localhost:22", &[], b"");
    assert_eq!(tunnel.status, 405);
    for target in ["/", "/hello.txt", "*"] {
        let got = ask(live.plain, "OPTIONS", target, &[], b"");
        assert_eq!((got.status, got.field("allow")), (204, Some(all)), "{target}");
    }
    let form = ask(live.plain, "POST", "/hello.txt", &[], b"");
    assert_eq!(form.status, 405);
    assert!(!form.field("allow").unwrap().contains("POST"), "{}", form.head);
    // The answer to HEAD never has a body, whatever it is about.
    let mut wire = Wire::open(live.plain);
    for target in ["/hello.txt", "/", "/missing", "/big.bin", "/.menshen/page/page.js"] {
        let head = wire.ask("HEAD", target, &[], b"");
        let got = wire.ask("GET", target, &[], b"");
        assert_eq!((head.status, head.body.len()), (got.status, 0), "{target}");
        assert_eq!(head.field("content-length"), got.field("content-length"), "{target}");
    }
    assert_eq!(Wire::open(live.plain).ask("PUT", "/x", &["Expect: tea"], b"x").status, 417);
    assert!(!stored(&live, "x").exists());
}

#[test]
fn a_body_nobody_wants_is_passed_over() {
    let live = Live::start(ONE);
    let mut wire = Wire::open(live.plain);
    let bytes = pattern(20_000);
    for (method, target) in [
        ("GET", "/hello.txt"),
        ("GET", "/"),
        ("HEAD", "/hello.txt"),
        ("GET", "/missing"),
        ("DELETE", "/missing"),
        ("OPTIONS", "/"),
    ] {
        for fields in [&[][..], &["Transfer-Encoding: chunked"]] {
            let chunks = chunked(&bytes, 999);
            let body = if fields.is_empty() { &bytes } else { &chunks };
            let got = wire.ask(method, target, fields, body);
            assert_ne!(got.field("connection"), Some("close"), "{method} {target}");
            assert_eq!(wire.ask("GET", "/hello.txt", &[], b"").text(), "ok", "{method} {target}");
        }
    }
    // Too much to read for nothing: the answer comes, then the end.
    let mut wire = Wire::open(live.plain);
    wire.send(request("GET", "/hello.txt", &["Content-Length: 1000000"], b""));
    let got = wire.answer("GET");
    assert_eq!((got.text().as_str(), got.field("connection")), ("ok", Some("close")));
    wire.ended();
    // A body whose framing breaks while it is passed over ends the connection, too.
    let mut wire = Wire::open(live.plain);
    let broken = b"5\r\nabcdeX\r\n0\r\n\r\nGET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n";
    wire.send(request("GET", "/missing", &["Transfer-Encoding: chunked"], broken));
    let rest = String::from_utf8(wire.rest()).unwrap();
    assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "smuggled: {rest}");
}

#[test]
fn early_answers_reach_a_client_that_is_still_sending() {
    let live = Live::start("workers = 1\n[limits]\nupload_bytes_max = 1000");
    for (method, target, fields, status) in [
        ("PUT", "/hello.txt/below", &["Content-Length: 3000000"][..], 409),
        ("PUT", "/a/../b", &["Content-Length: 3000000"], 400),
        ("PUT", "/large", &["Content-Length: 3000000"], 413),
        ("PUT", "/x", &["Content-Length: 3000000", "If-Match: \"x\""], 412),
        ("PATCH", "/x", &["Content-Length: 3000000"], 405),
        ("PUT", "/large", &["Transfer-Encoding: chunked"], 413),
    ] {
        let mut wire = Wire::open(live.plain);
        wire.send(request(method, target, fields, b""));
        let chunks = fields[0].starts_with("Transfer");
        let body = if chunks { chunked(&pattern(3_000_000), 60_000) } else { pattern(3_000_000) };
        // Slowly, so that the answer is there long before the last piece is sent. No piece meets a
        // reset, which on some systems destroys an answer that was not read yet.
        for piece in body.chunks(300_000) {
            let sent = wire.try_send(piece);
            assert!(sent.is_ok(), "{method} {target} {status}: {sent:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let got = wire.answer(method);
        assert_eq!((got.status, got.field("connection")), (status, Some("close")), "{target}");
    }
}

#[test]
fn plain_http_points_to_https() {
    let live = start_with(&settings("redirect", "", ""));
    let port = live.https.unwrap().port();
    let host = |host: &str, target: &str| {
        let mut wire = Wire::open(live.plain);
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        wire.answer("GET")
    };
    let local = format!("localhost:{}", live.plain.port());
    for (name, target, location) in [
        (local.as_str(), "/a%20b?c=d", format!("https://localhost:{port}/a%20b?c=d")),
        ("files.test", "/", format!("https://files.test:{port}/")),
        ("127.0.0.1:80", "/x", format!("https://127.0.0.1:{port}/x")),
        ("[::1]:80", "/x", format!("https://[::1]:{port}/x")),
        ("h", "//evil.test/x", format!("https://h:{port}//evil.test/x")),
        ("h", "http://h/abs?q", format!("https://h:{port}/abs?q")),
    ] {
        let got = host(name, target);
        assert_eq!((got.status, got.field("location")), (308, Some(location.as_str())), "{name}");
    }
    let mut wire = Wire::open(live.plain);
    wire.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(wire.answer("GET").status, 400);
    let star = ask(live.plain, "OPTIONS", "*", &[], b"");
    if let Some(location) = star.field("location") {
        assert_eq!(location, format!("https://localhost:{port}/"), "a URL, not {location}");
    }
    assert_eq!(host("evil.test/x", "/").status, 400);
    let put = ask(live.plain, "PUT", "/new", &[], b"secret upload");
    assert_eq!(put.status, 308);
    assert!(!stored(&live, "new").exists());
    let mut command = curl_command(&live);
    let from = format!("localhost:{}:127.0.0.1", live.plain.port());
    let address = format!("http://localhost:{}/hello.txt", live.plain.port());
    let output = command.args(["--resolve", &from, "-L", &address]).output().unwrap();
    assert_eq!(output.stdout, b"ok", "{output:?}");
}

#[test]
fn a_trusted_proxy_says_whether_its_client_came_by_https() {
    let proxies = "trusted_proxies = [\"127.0.0.0/8\"]";
    for (mode, trusted, proto, status, location) in [
        ("redirect", proxies, "https", 200, None),
        ("redirect", proxies, "gopher", 308, None),
        ("redirect", "", "https", 308, None),
        ("serve", proxies, "http", 308, Some("https://files.test/hello.txt")),
        ("serve", proxies, "https", 200, None),
        ("serve", "", "http", 200, None),
    ] {
        let live = start_with(&settings(mode, trusted, ""));
        let fields = [format!("X-Forwarded-Proto: {proto}"), "Host: files.test:8080".to_owned()];
        let mut wire = Wire::open(live.plain);
        wire.send(format!("GET /hello.txt HTTP/1.1\r\n{}\r\n\r\n", fields.join("\r\n")));
        let got = wire.answer("GET");
        assert_eq!(got.status, status, "{mode} {trusted} {proto}");
        if location.is_some() {
            assert_eq!(got.field("location"), location);
        }
    }
}

#[test]
fn forwarded_addresses_count_only_from_trusted_proxies() {
    let limits = "[limits]\nauth_failures_per_minute_max = 2";
    let open = settings("serve", "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]", limits);
    let live = start_with(&open.replace("path = \"/\"", "path = \"/pub/\""));
    let ask_for = |target: &str, forwarded: &str| {
        let field = format!("X-Forwarded-For: {forwarded}");
        ask(live.plain, "GET", target, &[&field, "Authorization: Bearer wrong"], b"").status
    };
    let rows = [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.8", "203.0.113.8"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("", "127.0.0.1"),
        ("garbage", "127.0.0.1"),
        ("203.0.113.6, garbage, 10.0.0.1", "10.0.0.1"),
    ];
    for (number, (forwarded, _)) in rows.iter().enumerate() {
        ask_for(&format!("/pub/{number}"), forwarded);
    }
    for (number, (forwarded, client)) in rows.iter().enumerate() {
        let line = log_line(&live, &format!("GET /pub/{number}\""));
        assert!(line.contains(&format!(" {client} h1 ")), "{forwarded}: {line}");
    }
    // Failures are counted for the client, not for the proxy all clients come through.
    let statuses = [
        ask_for("/a", "198.51.100.1"),
        ask_for("/a", "198.51.100.1"),
        ask_for("/a", "198.51.100.1"),
        ask_for("/a", "198.51.100.2"),
        ask_for("/a", "7.7.7.7, 198.51.100.1"),
    ];
    assert_eq!(statuses, [401, 401, 429, 401, 429]);

    let live = start_with(&settings("serve", "", ""));
    ask(live.plain, "GET", "/direct", &["X-Forwarded-For: 203.0.113.9"], b"");
    let line = log_line(&live, "GET /direct\"");
    assert!(line.contains(" 127.0.0.1 h1 ") && !line.contains("203.0.113.9"), "{line}");
}

/// What `openssl s_client` says of a connection on which it asked for `/hello.txt`.
fn s_client(live: &Live, arguments: &[&str]) -> String {
    let port = live.https.unwrap().port().to_string();
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "localhost"])
        .args(["-CAfile", "ca.pem", "-verify_return_error", "-ign_eof"])
        .args(arguments)
        .current_dir(live.path(".menshen"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ask = b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    child.stdin.take().unwrap().write_all(ask).unwrap();
    let output = child.wait_with_output().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_session_of_one_worker_is_resumed_by_the_other() {
    let live = Live::start(TWO);
    for (version, name) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let first = s_client(&live, &[version, "-sess_out", "session"]);
        assert!(first.contains(&format!("New, {name}")), "{first}");
        assert!(first.contains("Verify return code: 0 (ok)"), "{first}");
        for round in 0..10 {
            let again = s_client(&live, &[version, "-sess_in", "session"]);
            assert!(again.contains(&format!("Reused, {name}")), "{version} {round}: {again}");
            assert!(again.contains("200 OK") && again.contains("\nok"), "{again}");
        }
    }
    let workers = live.workers(SlotState::Ready);
    let resumed: Vec<u64> = workers.iter().map(|slot| slot.get(Counter::TlsResumed)).collect();
    assert_eq!(resumed.iter().sum::<u64>(), 20);
    // 22 connections by hash: all on one worker happens once in two million runs.
    assert!(resumed.iter().all(|&count| count > 0), "only one worker took part: {resumed:?}");
}

#[test]
fn both_protocols_are_offered_unless_switched_off() {
    let said = |live: &Live, version: &str| {
        let arguments = ["-o", "got", "-w", "%{http_version}", version, &url(live, "/hello.txt")];
        let output = wire::curl(live, &arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let live = Live::start(ONE);
    assert_eq!((said(&live, "--http2"), said(&live, "--http1.1")), ("2".into(), "1.1".into()));
    assert!(s_client(&live, &["-alpn", "h2,http/1.1"]).contains("ALPN protocol: h2"));
    assert!(s_client(&live, &["-alpn", "http/1.1"]).contains("ALPN protocol: http/1.1"));
    let without = s_client(&live, &[]);
    assert!(without.contains("No ALPN") && without.contains("200 OK"), "{without}");
    let foreign = s_client(&live, &["-alpn", "spdy/3"]);
    assert!(!foreign.contains("200 OK"), "no common protocol (RFC 7301 §3.2): {foreign}");
    for old in ["-tls1_1", "-tls1"] {
        let refused = s_client(&live, &[old, "-cipher", "ALL:@SECLEVEL=0"]);
        assert!(!refused.contains("200 OK"), "{old}: {refused}");
    }
    let live = start_with(&settings("serve", "http2 = false", ""));
    assert_eq!(said(&live, "--http2"), "1.1");
}
