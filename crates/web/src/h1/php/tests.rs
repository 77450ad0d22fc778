//! Whole requests for PHP over HTTP/1.1, with a FastCGI server that does what the test says.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use menshen_config::Limits;

use super::*;
use crate::fixture::Fixture;
use crate::h1::tests::{lines, once, talk};
use crate::php::actor::{
    Actor, PATIENCE, application, busy, end, page, read_request, stderr, stdout, until,
};

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}

/// A word between the threads of a test.
struct Word(Mutex<Receiver<()>>);

impl Word {
    fn new() -> (Sender<()>, Self) {
        let (say, hear) = channel();
        (say, Self(Mutex::new(hear)))
    }

    fn wait(&self) {
        self.0.lock().unwrap().recv_timeout(PATIENCE).expect("the word never came");
    }
}

/// Reads until `text` has come.
fn read_until(socket: &mut TcpStream, text: &str) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    while !all.windows(text.len()).any(|window| window == text.as_bytes()) {
        let n = socket.read(&mut piece).unwrap();
        assert!(n > 0, "{text:?} never came: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..n]);
    }
    all
}

/// One request. PHP says `first`, and `rest` only once the client has read `seen`.
fn staged(request: &str, first: Vec<u8>, seen: &'static str, rest: Vec<u8>) -> String {
    let made = application(Limits::default());
    let (say, word) = Word::new();
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        read_request(&mut peer);
        peer.write_all(&first).unwrap();
        word.wait();
        let _ = peer.write_all(&rest);
    });
    let request = request.to_owned();
    let answer = talk(&made, move |mut socket| {
        socket.write_all(request.as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let mut all = read_until(&mut socket, seen);
        say.send(()).unwrap();
        socket.read_to_end(&mut all).unwrap();
        String::from_utf8(all).unwrap()
    });
    actor.done();
    answer
}

/// One request to a PHP that says `said` at once and closes.
fn answered(request: &str, said: Vec<u8>) -> (Fixture, String) {
    answered_by(application(Limits::default()), request, said)
}

fn answered_by(made: Fixture, request: &str, said: Vec<u8>) -> (Fixture, String) {
    let actor = Actor::saying(&made, said);
    let answer = once(&made, request.into());
    actor.done();
    assert_eq!(busy(made.board), 0, "a place was not given back");
    (made, answer)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

const HEAD: &str = "Content-Type: text/plain\r\n\r\n";

#[test]
fn an_answer_that_is_whole_has_its_length() {
    let (_, answer) = answered(&get("/a.php", ""), page(format!("{HEAD}hello")));
    let expected =
        ["HTTP/1.1 200 OK", "content-type: text/plain", "x-site: 1", "content-length: 5"];
    assert_eq!(lines(&answer), expected);
    assert_eq!(body(&answer), "hello");
    assert!(answer.contains("\r\ndate: "));
}

#[test]
fn the_first_piece_arrives_before_the_script_ends() {
    let rest = [stdout("two"), stdout("x".repeat(20)), end(0)].concat();
    let answer = staged(&get("/a.php", ""), stdout(format!("{HEAD}first")), "5\r\nfirst\r\n", rest);
    assert!(answer.contains("transfer-encoding: chunked\r\n"), "{answer}");
    assert!(!answer.contains("content-length"), "{answer}");
    assert_eq!(body(&answer), format!("5\r\nfirst\r\n17\r\ntwo{}\r\n0\r\n\r\n", "x".repeat(20)));
}

#[test]
fn a_head_alone_goes_out_before_the_body_comes() {
    let rest = [stdout("body"), end(0)].concat();
    let answer = staged(&get("/a.php", ""), stdout(HEAD), "\r\n\r\n", rest);
    assert_eq!(body(&answer), "4\r\nbody\r\n0\r\n\r\n");
}

#[test]
fn an_old_client_gets_the_body_up_to_the_end_of_the_connection() {
    let request = "GET /a.php HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
    let rest = [stdout(" and rest"), end(0)].concat();
    let answer = staged(request, stdout(format!("{HEAD}first")), "first", rest);
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(!answer.contains("transfer-encoding") && !answer.contains("content-length"));
    assert_eq!(body(&answer), "first and rest");
}

#[test]
fn an_announced_length_is_kept_to() {
    let announced = |n: usize| format!("Content-Length: {n}\r\n{HEAD}");
    // Exactly; the connection goes on.
    let first = stdout(format!("{}hel", announced(5)));
    let answer = staged(&get("/a.php", ""), first, "hel", page("lo"));
    assert!(answer.contains("content-length: 5\r\n") && !answer.contains("connection: close"));
    assert_eq!(body(&answer), "hello");
    // Too long: cut.
    let (_, answer) = answered(&get("/a.php", ""), page(format!("{}hello, world", announced(5))));
    assert_eq!(body(&answer), "hello");
    // Too short: the client must see it, and no other answer may follow.
    let twice = get("/a.php", "").repeat(2);
    let (_, answer) = answered(&twice, page(format!("{}hel", announced(5))));
    assert!(answer.contains("content-length: 5\r\n"), "{answer}");
    assert_eq!(body(&answer), "hel");
    // None at all.
    let (_, answer) = answered(&get("/a.php", ""), page(announced(0)));
    assert!(answer.contains("content-length: 0\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn answers_without_a_body_have_none_whatever_php_says() {
    let said = |status: &str| page(format!("Status: {status}\r\nContent-Length: 4\r\n{HEAD}body"));
    for (request, status, length) in [
        (get("/a.php", ""), "204 No Content", false),
        (get("/a.php", ""), "304 Not Modified", false),
        (get("/a.php", "").replace("GET", "HEAD"), "200 OK", true),
        (get("/a.php", "").replace("GET", "HEAD"), "204 No Content", false),
        (get("/a.php", "").replace("GET", "HEAD"), "404 Not Found", true),
    ] {
        let (_, answer) = answered(&request, said(status));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert_eq!(answer.contains("content-length: 4\r\n"), length, "{answer}");
        assert!(!answer.contains("transfer-encoding"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "a body: {answer}");
    }
}

#[test]
fn what_breaks_off_does_not_look_whole() {
    let chunk = stdout(format!("{HEAD}first"));
    let mut half = stdout("x".repeat(100));
    half.truncate(50);
    let garbage = vec![b'x'; 50];
    for rest in [vec![], half, garbage, end(1), end(2)] {
        let twice = get("/a.php", "").repeat(2);
        let answer = staged(&twice, chunk.clone(), "first", rest);
        assert!(!answer.contains("0\r\n\r\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
}

#[test]
fn what_is_no_answer_becomes_one_of_ours() {
    let long = format!("X: {}\r\n{HEAD}", "y".repeat(70_000));
    let many = format!("{}{HEAD}", "X: y\r\n".repeat(300));
    let mut half = stdout(format!("{HEAD}x"));
    half.truncate(20);
    let rows: [(&str, Vec<u8>, u16, u64); 9] = [
        ("nothing", vec![], 502, 1),
        ("half a record", half, 502, 1),
        ("a head without end", stdout("Content-Type: text/plain\r\n"), 502, 1),
        ("an end alone", end(0), 502, 1),
        ("overloaded", end(2), 503, 1),
        ("garbage", b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), 502, 1),
        ("no head", page("\r\nbody"), 502, 1),
        ("a long head", page(long), 502, 1),
        ("a head of many fields", page(many), 502, 1),
    ];
    for (what, said, status, failed) in rows {
        let (made, answer) = answered(&get("/a.php", ""), said);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        assert_eq!(answer.contains("retry-after: 2\r\n"), status == 503, "{what}: {answer}");
        let slot = made.board.slot(0);
        assert_eq!(slot.get(Counter::PhpFailed), failed, "{what}");
        assert_eq!(
            slot.get(Counter::LimitPhpHead),
            u64::from(what.contains("a long") || what.contains("many"))
        );
    }
}

#[test]
fn a_silent_script_is_given_up_before_and_in_its_answer() {
    let limits = Limits { php_silence_seconds_max: 1, ..Limits::default() };
    for (first, status) in [(vec![], "504"), (stdout(format!("{HEAD}first")), "200")] {
        let made = application(limits.clone());
        let (say, word) = Word::new();
        let sent = first.clone();
        let actor = Actor::of(&made, 1, move |_, mut peer| {
            read_request(&mut peer);
            peer.write_all(&sent).unwrap();
            word.wait();
            assert_eq!(peer.read(&mut [0]).unwrap(), 0, "the connection is closed");
        });
        let answer = once(&made, get("/a.php", ""));
        say.send(()).unwrap();
        actor.done();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(!answer.contains("0\r\n\r\n"), "{answer}");
        assert_eq!(busy(made.board), 0);
        assert_eq!(made.board.slot(0).get(Counter::LimitPhpSilence), 1);
    }
}

#[test]
fn nobody_at_the_address_is_an_error_and_no_wait_without_end() {
    let limits = Limits { php_connect_seconds_max: 1, ..Limits::default() };
    let made = application(limits);
    let begun = Instant::now();
    let answer = once(&made, get("/a.php", ""));
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!((900..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(busy(made.board), 0);
    assert_eq!(made.board.slot(0).get(Counter::PhpFailed), 1);
}

#[test]
fn a_slow_reader_keeps_no_place_at_php() {
    let made = application(Limits::default());
    let text: Vec<u8> = (0..24_u32 << 18).flat_map(|n| n.to_le_bytes()).collect();
    let said = [stdout(HEAD), stdout(&text), end(0)].concat();
    let actor = Actor::saying(&made, said);
    let board = made.board;
    let answer = talk(&made, move |mut socket| {
        socket.write_all(get("/a.php", "Connection: close\r\n").as_bytes()).unwrap();
        let mut all = read_until(&mut socket, "\r\n\r\n");
        // Not a byte is read from here on, and still PHP gets rid of all of it.
        let slot = board.slot(0);
        until("PHP is free", || slot.get(Counter::PhpRequests) == 1 && busy(board) == 0);
        socket.read_to_end(&mut all).unwrap();
        all
    });
    actor.done();
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(unchunked(&answer[start..]) == text, "the answer is not what PHP said");
    assert!(made.board.slot(0).get(Counter::PhpSpooled) > 1 << 20, "nothing rested on disk");
}

/// Takes chunks apart; they must end properly.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[line + 2..];
        all.extend_from_slice(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n");
        rest = &rest[size + 2..];
        if size == 0 {
            assert!(rest.is_empty());
            return all;
        }
    }
}

#[test]
fn what_may_rest_on_disk_has_a_bound() {
    let limits = Limits { php_answer_spool_bytes_max: 1 << 20, ..Limits::default() };
    let made = application(limits);
    let piece = stdout(vec![b'x'; 60_000]);
    let (say, word) = Word::new();
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        read_request(&mut peer);
        peer.write_all(&stdout(HEAD)).unwrap();
        peer.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        // Up to the first write that nobody takes.
        let mut sent = 0;
        while let Ok(n) = peer.write(&piece[sent % piece.len()..]) {
            sent += n;
            assert!(sent < 64 << 20, "nothing bounds it");
        }
        say.send(()).unwrap();
        peer.set_write_timeout(Some(PATIENCE)).unwrap();
        peer.write_all(&piece[sent % piece.len()..]).unwrap();
        peer.write_all(&end(0)).unwrap();
    });
    let answer = talk(&made, move |mut socket| {
        socket.write_all(get("/a.php", "Connection: close\r\n").as_bytes()).unwrap();
        word.wait();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        all
    });
    actor.done();
    assert!(answer.ends_with(b"\r\n0\r\n\r\n"), "and then it goes on to the end");
    assert_eq!(made.board.slot(0).get(Counter::LimitPhpAnswerSpool), 1);
}

#[test]
fn a_client_that_goes_away_takes_its_request_along() {
    let made = application(Limits::default());
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        read_request(&mut peer);
        let piece = stdout(vec![b'x'; 60_000]);
        peer.write_all(&stdout(HEAD)).unwrap();
        let mut sent = 0_u64;
        while peer.write_all(&piece).is_ok() {
            sent += 60_000;
            assert!(sent < 4 << 30, "nobody noticed");
        }
    });
    talk(&made, move |mut socket| {
        socket.write_all(get("/a.php", "").as_bytes()).unwrap();
        read_until(&mut socket, "xxxx");
    });
    actor.done();
    assert_eq!(busy(made.board), 0);
}

#[test]
fn a_script_that_goes_on_behind_its_answer_keeps_its_place_and_nobody_waits() {
    let made = application(Limits::default());
    let (say, word) = Word::new();
    let actor = Actor::of(&made, 2, move |number, mut peer| {
        read_request(&mut peer);
        if number > 0 {
            return peer.write_all(&page(format!("{HEAD}other"))).unwrap();
        }
        peer.write_all(&stdout(format!("Content-Length: 5\r\n{HEAD}hello"))).unwrap();
        word.wait();
        // Far more than a socket holds: it must be taken, or the script would stand still.
        peer.write_all(&stdout(vec![b'x'; 4 << 20])).unwrap();
        peer.write_all(&end(0)).unwrap();
    });
    let board = made.board;
    talk(&made, move |mut socket| {
        socket.write_all(get("/a.php", "").as_bytes()).unwrap();
        let first = read_until(&mut socket, "hello");
        assert!(!first.ends_with(b"x"));
        let slot = board.slot(0);
        socket.write_all(get("/a.php", "").as_bytes()).unwrap();
        let second = read_until(&mut socket, "other");
        assert!(second.starts_with(b"HTTP/1.1 200 OK"), "nothing of the first came in between");
        until("the second is done", || slot.get(Counter::PhpRequests) == 1);
        assert_eq!(busy(board), 1, "the first script still runs");
        say.send(()).unwrap();
        until("the first is done", || slot.get(Counter::PhpRequests) == 2);
        assert_eq!(busy(board), 0);
    });
    actor.done();
}

#[test]
fn both_sides_may_speak_first() {
    let made = application(Limits::default());
    let body: Vec<u8> = (0..1_u32 << 20).flat_map(|n| n.to_le_bytes()).collect();
    let expected = body.clone();
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        // The whole answer before a byte of the request is read: neither fits into a socket.
        peer.write_all(&stdout(HEAD)).unwrap();
        peer.write_all(&stdout(&expected)).unwrap();
        let asked = read_request(&mut peer);
        assert_eq!(asked.get("CONTENT_LENGTH").as_deref(), Some("4194304"));
        assert_eq!(asked.get("CONTENT_TYPE").as_deref(), Some("application/x-own"));
        assert!(asked.body == expected, "the body changed on its way");
        peer.write_all(&end(0)).unwrap();
    });
    let answer = talk(&made, move |mut socket| {
        let head = "Content-Type: application/x-own\r\nContent-Length: 4194304\r\n\
                    Connection: close\r\n";
        let head = get("/a.php", head).replace("GET", "POST");
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&body).unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        let start = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert!(unchunked(&all[start..]) == body, "the answer changed on its way");
        all
    });
    actor.done();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert_eq!(busy(made.board), 0);
}

#[test]
fn a_chunked_body_comes_with_its_length() {
    let made = application(Limits::default());
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        let asked = read_request(&mut peer);
        assert_eq!(asked.get("CONTENT_LENGTH").as_deref(), Some("9"));
        assert_eq!(asked.get("HTTP_TRANSFER_ENCODING"), None);
        assert_eq!(asked.body, b"abcdefghi");
        peer.write_all(&page(format!("{HEAD}ok"))).unwrap();
    });
    let request = get("/a.php", "Transfer-Encoding: chunked\r\n").replace("GET", "POST");
    let answer = once(&made, request + "4\r\nabcd\r\n5\r\nefghi\r\n0\r\n\r\n");
    actor.done();
    assert_eq!(body(&answer), "ok");
}

#[test]
fn errors_of_the_script_are_counted_and_bounded_and_never_in_the_answer() {
    let limits = Limits { php_stderr_bytes_max: 40, ..Limits::default() };
    let said = [
        stderr("first\n"),
        stdout("Content-Type: te"),
        stderr("second\n\n"),
        stdout("xt/plain\r\n\r\nbo"),
        stderr("x".repeat(100)),
        stdout("dy"),
        end(0),
    ];
    let (made, answer) = answered_by(application(limits), &get("/a.php", ""), said.concat());
    assert_eq!(body(&answer), "body");
    let slot = made.board.slot(0);
    assert_eq!((slot.get(Counter::PhpStderr), slot.get(Counter::LimitPhpStderr)), (3, 1));
}

/// A file of `bytes` in the store, and the answer of a script that names it, with `more` fields.
fn offloaded(request: &str, bytes: usize, more: &str) -> (Fixture, String) {
    let made = application(Limits::default());
    made.lay("store/file.bin", &"0123456789".repeat(bytes / 10));
    let said = format!("X-Accel-Redirect: /files/file.bin\r\n{more}{HEAD}not this");
    answered_by(made, request, page(said))
}

#[test]
fn a_file_that_php_names_is_sent_with_ranges_and_conditions() {
    let more = "Set-Cookie: a=b\r\nContent-Length: 8\r\nETag: \"php\"\r\n";
    let (made, answer) = offloaded(&get("/a.php", ""), 100, more);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for line in ["content-length: 100\r\n", "set-cookie: a=b\r\n", "content-type: text/plain\r\n"] {
        assert_eq!(answer.matches(line).count(), 1, "{line}: {answer}");
    }
    for word in ["x-accel", "\"php\"", "not this", "content-length: 8"] {
        assert!(!answer.contains(word), "{word}: {answer}");
    }
    assert_eq!(body(&answer), "0123456789".repeat(10));
    assert_eq!(made.board.slot(0).get(Counter::PhpOffloaded), 1);
    let tag = answer.split_once("etag: ").unwrap().1.split_once("\r\n").unwrap().0.to_owned();

    let (_, answer) = offloaded(&get("/a.php", "Range: bytes=12-14\r\n"), 100, more);
    assert!(answer.starts_with("HTTP/1.1 206 "), "{answer}");
    assert!(answer.contains("content-range: bytes 12-14/100\r\n"), "{answer}");
    assert_eq!(body(&answer), "234");

    // The tag is of the very file, so each fixture's own; only `*` matches them all.
    let (made, answer) = offloaded(&get("/a.php", "If-None-Match: *\r\n"), 100, more);
    assert!(answer.starts_with("HTTP/1.1 304 ") && body(&answer).is_empty(), "{answer}");
    std::fs::remove_file(made.folder().join("nobody.sock")).unwrap();
    let tag = answer
        .split_once("etag: ")
        .map_or(tag, |(_, rest)| rest.split_once("\r\n").unwrap().0.into());
    let said = format!("X-Accel-Redirect: /files/file.bin\r\n{HEAD}");
    let (_, answer) =
        answered_by(made, &get("/a.php", &format!("If-None-Match: {tag}\r\n")), page(said));
    assert!(answer.starts_with("HTTP/1.1 304 "), "{answer}");

    let (_, answer) = offloaded(&get("/a.php", "").replace("GET", "HEAD"), 100, more);
    assert!(answer.contains("content-length: 100\r\n") && body(&answer).is_empty(), "{answer}");

    // A form's answer: its conditions were not about the file.
    let post = get("/a.php", "Content-Length: 0\r\nRange: bytes=1-2\r\nIf-None-Match: *\r\n");
    let (_, answer) = offloaded(&post.replace("GET", "POST"), 100, more);
    assert!(answer.starts_with("HTTP/1.1 200 ") && body(&answer).len() == 100, "{answer}");
}

#[test]
fn a_file_that_cannot_be_sent_is_the_applications_mistake() {
    for name in ["/files/none", "/files/", "/a.php", "/files/../site/a.php", "elsewhere"] {
        let said = page(format!("X-Accel-Redirect: {name}\r\n{HEAD}<?php secret"));
        let (made, answer) = answered(&get("/a.php", ""), said);
        assert!(answer.starts_with("HTTP/1.1 502 "), "{name}: {answer}");
        assert!(!answer.contains("secret") && !answer.contains(name), "{answer}");
        assert_eq!(made.board.slot(0).get(Counter::PhpFailed), 1);
    }
}

#[test]
fn php_is_free_before_the_file_has_gone() {
    let made = application(Limits::default());
    made.lay("store/file.bin", &"0123456789".repeat(2 << 20));
    let said = page(format!("X-Accel-Redirect: /files/file.bin\r\n{HEAD}"));
    let actor = Actor::saying(&made, said);
    let board = made.board;
    let length = talk(&made, move |mut socket| {
        socket.write_all(get("/a.php", "Connection: close\r\n").as_bytes()).unwrap();
        let all = read_until(&mut socket, "\r\n\r\n");
        let slot = board.slot(0);
        assert_eq!((busy(board), slot.get(Counter::PhpRequests)), (0, 1));
        assert_eq!(slot.get(Counter::RequestsOpen), 1, "the file is still on its way");
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        all.len() + rest.len()
    });
    actor.done();
    assert!(length > 20 << 20);
}

#[test]
fn a_rate_that_php_sets_is_kept_and_is_of_one_answer_only() {
    let made = application(Limits::default());
    made.lay("store/file.bin", &"0123456789".repeat(6000));
    let actor = Actor::of(&made, 2, move |number, mut peer| {
        read_request(&mut peer);
        let rate = if number == 0 { "X-Accel-Limit-Rate: 100000\r\n" } else { "" };
        let said = format!("{rate}X-Accel-Redirect: /files/file.bin\r\n{HEAD}");
        peer.write_all(&page(said)).unwrap();
    });
    let times = talk(&made, |mut socket| {
        let mut fetch = || {
            let begun = Instant::now();
            socket.write_all(get("/a.php", "").as_bytes()).unwrap();
            let mut all = read_until(&mut socket, "\r\n\r\n");
            let head = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            let first = all.len() - head;
            all.resize(head + 60_000, 0);
            socket.read_exact(&mut all[head + first..]).unwrap();
            assert_eq!(&all[head + 59_990..], b"0123456789");
            (begun.elapsed(), first)
        };
        [fetch(), fetch()]
    });
    actor.done();
    let [(limited, first), (free, _)] = times;
    // Six pieces of a tenth of a second; the last has no wait before it.
    assert!(
        limited >= Duration::from_millis(480) && limited < Duration::from_secs(4),
        "{limited:?}"
    );
    assert!(first <= 10_000, "{first} bytes at once");
    assert!(free < Duration::from_millis(400), "{free:?}");
}
