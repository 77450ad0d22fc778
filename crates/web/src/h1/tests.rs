//! Tests of HTTP/1.1 connections in process: a door, a session, a client on a thread of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream as StdStream};

use tokio::net::TcpStream;

use super::*;
use crate::fixture::{Choices, Fixture, TOKEN};

/// Runs one session over `made`; `client` talks to it from another thread.
pub(super) fn talk<T: Send + 'static>(
    made: &Fixture,
    client: impl FnOnce(StdStream) -> T + Send + 'static,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other = std::thread::spawn(move || {
        let socket = StdStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client(socket)
    });
    let (socket, peer) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let socket = Rc::new(TcpStream::from_std(socket).unwrap());
        let door = Rc::clone(&made.door);
        let watched = door.watch.add(Rc::clone(&socket));
        tokio::task::spawn_local(Rc::clone(&door.watch).run(|_| {}));
        let stream = Stream::new(socket, None);
        let session = Session::new(door, stream, watched, peer, Mode::Serve, -1).run();
        tokio::time::timeout(Duration::from_secs(30), session).await.expect("it hangs");
    });
    other.join().unwrap()
}

fn head(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{lines}\r\n")
}

/// Sends `bytes`, ends, and reads all there is.
pub(super) fn once(made: &Fixture, bytes: String) -> String {
    talk(made, move |mut socket| {
        socket.write_all(bytes.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        String::from_utf8(all).unwrap()
    })
}

/// Head lines of an answer but for the date.
pub(super) fn lines(answer: &str) -> Vec<&str> {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    head.split("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

#[test]
fn a_head_answer_has_the_fields_of_the_whole_one_and_no_body() {
    let made = Fixture::new();
    made.file("file", "0123456789");
    made.file("empty", "");
    made.file("large", &"x".repeat(200_000));
    for (path, fields) in [
        ("/file", ""),
        ("/empty", ""),
        ("/large", ""),
        ("/", ""),
        ("/", "Accept: text/html\r\n"),
        ("/nothing", ""),
        ("/file/below", ""),
        ("/.menshen/page/page.js", ""),
        ("/.menshen/page/page.js", "If-None-Match: *\r\n"),
        ("/file", "If-None-Match: *\r\n"),
        ("/file", "If-Match: \"other\"\r\n"),
        ("/file", "Authorization: Bearer no\r\n"),
    ] {
        let whole = once(&made, head("GET", path, fields));
        let bare = once(&made, head("HEAD", path, fields));
        assert_eq!(lines(&bare), lines(&whole), "{path} {fields}");
        assert!(bare.ends_with("\r\n\r\n"), "{path}: a body after HEAD");
        assert!(whole.contains("\r\ndate: ") && bare.contains("\r\ndate: "), "{path}");
    }
}

#[test]
fn who_is_told_of_progress_is_judged_as_before() {
    let made = Fixture::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, peer) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = Rc::new(TcpStream::from_std(socket).unwrap());
        let watched = made.door.watch.add(Rc::clone(&socket));
        let stream = Stream::new(socket, None);
        let door = Rc::clone(&made.door);
        let mut session = Session::new(door, stream, Rc::clone(&watched), peer, Mode::Serve, -1);
        watched.enter_paced(Phase::Body, made.door.pace());
        let fields = [("upload-offset", b"7".to_vec())];
        session.tell(&fields, Version::Http11).await.unwrap();
        assert_eq!(watched.phase(), Phase::Body, "no new time of grace");
    });
    let mut told = String::new();
    client.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 104 ") && told.contains("upload-offset: 7"), "{told}");
}

#[test]
fn answers_without_a_body_announce_no_length() {
    let made = Fixture::new();
    made.file("file", "0123456789");
    for (method, fields, status) in [
        ("GET", "If-None-Match: *\r\n", 304),
        ("HEAD", "If-None-Match: *\r\n", 304),
        ("OPTIONS", "", 204),
        ("PUT", "Content-Length: 0\r\n", 204),
        ("DELETE", "", 204),
    ] {
        let answer = once(&made, head(method, "/file", fields));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(!answer.contains("content-length") && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn an_old_client_is_told_whether_the_connection_goes_on() {
    let made = Fixture::new();
    made.file("file", "0123456789");
    let ask = |lines: &str| head("GET", "/file", lines).replace("HTTP/1.1", "HTTP/1.0");
    let answer = once(&made, ask("Connection: keep-alive\r\n").repeat(2));
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(answer.matches("connection: keep-alive\r\n").count(), 2, "{answer}");
    let answer = once(&made, ask("").repeat(2));
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    let answer = once(&made, head("GET", "/file", "").repeat(2));
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2);
    assert!(!answer.contains("connection: "), "what goes without saying is not said");
}

#[test]
fn a_head_in_pieces_is_the_same_head() {
    let made = Fixture::new();
    made.file("file", "0123456789");
    let bytes = head("GET", "/file", &format!("X: {}\r\nConnection: close\r\n", "y".repeat(300)));
    let whole = once(&made, bytes.clone());
    for size in [1, 2, 7, 100] {
        let bytes = bytes.clone();
        let answer = talk(&made, move |mut socket| {
            for piece in bytes.as_bytes().chunks(size) {
                socket.write_all(piece).unwrap();
                std::thread::yield_now();
            }
            let mut all = String::new();
            socket.read_to_string(&mut all).unwrap();
            all
        });
        assert_eq!(lines(&answer), lines(&whole), "{size}");
    }
}

#[test]
fn a_line_without_end_is_refused_at_the_limit() {
    let made = Fixture::new();
    let answer = talk(&made, |mut socket| {
        socket.write_all(b"GET /file HTTP/1.1\r\nX: ").unwrap();
        let mut sent = 0;
        // Until the answer is there; the rest is refused anyway.
        while sent < 100_000 && socket.write_all(&[b'y'; 500]).is_ok() {
            sent += 500;
        }
        let mut all = String::new();
        let _ = socket.read_to_string(&mut all);
        all
    });
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn who_says_nothing_gets_no_answer_and_who_begins_gets_408() {
    let limits = menshen_config::Limits { head_seconds_max: 1, ..Default::default() };
    let made = Fixture::with(Choices { limits, ..Choices::default() });
    for (bytes, answered) in [("", false), ("GET / HT", true)] {
        let answer = talk(&made, move |mut socket| {
            socket.write_all(bytes.as_bytes()).unwrap();
            let mut all = String::new();
            socket.read_to_string(&mut all).unwrap();
            all
        });
        assert_eq!(answer.starts_with("HTTP/1.1 408 "), answered, "{bytes:?}: {answer}");
        assert_eq!(answer.is_empty(), !answered);
    }
}

#[test]
fn what_follows_the_last_answer_does_not_destroy_it() {
    let made = Fixture::new();
    made.file("large", &"x".repeat(3_000_000));
    let bytes =
        head("GET", "/large", "Connection: close\r\n") + &head("GET", "/large", "").repeat(50);
    let answer = talk(&made, move |mut socket| {
        socket.write_all(bytes.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        socket.write_all(bytes.as_bytes()).unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).expect("reset before all was read");
        all
    });
    assert!(answer.len() > 3_000_000, "{}", answer.len());
}

#[test]
fn head_time_begins_with_the_first_byte() {
    let dir = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let made = Fixture::with(Choices { log: Some(log.into()), ..Choices::default() });
    made.file("file", "0123456789");
    talk(&made, |mut socket| {
        let mut answer = [0; 4096];
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(600));
            socket.write_all(head("GET", "/file", "").as_bytes()).unwrap();
            assert!(socket.read(&mut answer).unwrap() > 0);
        }
    });
    made.door.log.flush();
    let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
    let heads: Vec<u64> = text
        .lines()
        .map(|line| line.split_once("ms=").unwrap().1.split('/').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(heads.len() == 2 && heads.iter().all(|&ms| ms < 500), "{text}");
}

#[test]
fn a_compressed_file_of_a_site_is_sent_as_any_file() {
    use menshen_config::model::{NameValue, Site};
    let header = NameValue { name: "X-Own".into(), value: "1".into() };
    let site = Site { root: "site".into(), headers: vec![header], ..Site::default() };
    let made = Fixture::with(Choices { sites: vec![site], ..Choices::default() });
    let text = "words and words again\n".repeat(4000);
    made.lay("site/page.html", &text);
    let request = |method: &str| {
        format!("{method} /page.html HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
    };
    let answer = |method: &str| {
        let bytes = request(method);
        talk(&made, move |mut socket| {
            socket.write_all(bytes.as_bytes()).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let mut all = Vec::new();
            socket.read_to_end(&mut all).unwrap();
            all
        })
    };
    // More than is compressed between two requests: the first waits for it, or goes without.
    let mut got = answer("GET");
    for _ in 0..1000 {
        if String::from_utf8_lossy(&got).contains("content-encoding: gzip\r\n") {
            break;
        }
        got = answer("GET");
    }
    let end = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(got[..end].to_vec()).unwrap();
    for line in ["HTTP/1.1 200", "vary: accept-encoding", "x-own: 1", "content-encoding: gzip"] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(head.contains(&format!("content-length: {}\r\n", got.len() - end)));
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&got[end..]).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, text);
    let other = String::from_utf8(answer("HEAD")).unwrap();
    assert_eq!(lines(&other), lines(&head));
    assert!(other.ends_with("\r\n\r\n"));
}
