//! Hooks, with a real receiver: told of every way in which a file comes and goes, and of none less
//! when workers are killed, when the receiver is down, and when it answers wrongly.

use crate::support::{counts, live, wire};

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use counts::count;
use live::{Live, wait_for};
use menshen_base::Counter;
use rustix::process::Signal;
use serde_json::Value;
use wire::{ask, kill_worker, pattern, put, request, stored};

const PLACE: &str = "/.menshen/uploads/";
const TUS: &str = "Tus-Resumable: 1.0.0";
const TUS_TYPE: &str = "Content-Type: application/offset+octet-stream";

/// A receiver of events.
struct Receiver {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    /// The first `wrong` requests are answered 500.
    fn new(listener: TcpListener, wrong: usize) -> Self {
        let (at, heard) = (listener.local_addr().unwrap(), Arc::default());
        let told: Arc<Mutex<Vec<(String, Value)>>> = Arc::clone(&heard);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let Some((head, body)) = read(&mut stream) else { continue };
                let status = if number < wrong { "500 Oh" } else { "200 OK" };
                if number >= wrong {
                    told.lock().unwrap().push((head, body));
                }
                let answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { at, heard }
    }

    fn start() -> Self {
        Self::new(TcpListener::bind("127.0.0.1:0").unwrap(), 0)
    }

    fn settings(at: SocketAddr, more: &str) -> String {
        format!("[[uploads.hook]]\nurl = \"http://{at}/told\"\ntimeout_seconds = 2\n{more}")
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    fn events(&self) -> Vec<Value> {
        self.heard.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    /// Event and path of what came since the last call.
    fn take(&self, expected: usize) -> Vec<(String, String)> {
        wait_for("the events", || self.count() >= expected);
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        let word = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        heard.iter().map(|(_, body)| (word(body, "event"), word(body, "path"))).collect()
    }
}

fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(at) = wire::find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() >= at + 4 + length.unwrap().parse::<usize>().unwrap() {
                let whole = format!("{head}\r\n\r\n{}", String::from_utf8_lossy(&bytes[at + 4..]));
                return Some((whole, serde_json::from_slice(&bytes[at + 4..]).unwrap()));
            }
        }
        let got = stream.read(&mut piece).ok().filter(|&got| got > 0)?;
        bytes.extend_from_slice(&piece[..got]);
    }
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn owned(event: &str, path: &str) -> (String, String) {
    (event.to_owned(), path.to_owned())
}

#[test]
fn hooks_hear_of_every_way_a_file_comes_and_goes() {
    let receiver = Receiver::start();
    let settings = Receiver::settings(receiver.at, "secret = \"hook-secret\"");
    let folder = live::folder(&format!("workers = 2\n{settings}"));
    std::fs::write(folder.path().join("hook-secret"), "open sesame\n").unwrap();
    let command = live::command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);

    let fields = ["Want-Repr-Digest: sha-256=9"];
    assert_eq!(ask(live.plain, "PUT", "/a/put.bin", &fields, b"abc").status, 201);
    assert_eq!(receiver.take_one(), owned("finished", "/a/put.bin"));
    assert_eq!(put(live.plain, "/a/put.bin", b"abcd").status, 204);
    assert_eq!(receiver.take_one(), owned("finished", "/a/put.bin"));
    let form = "--b\r\nContent-Disposition: form-data; name=f; filename=\"in form\"\r\n\r\nx\r\n\
                --b--\r\n";
    let kind = ["Content-Type: multipart/form-data; boundary=b", "Accept: application/json"];
    assert_eq!(ask(live.plain, "POST", "/a/", &kind, form.as_bytes()).status, 201);
    assert_eq!(receiver.take_one(), owned("finished", "/a/in form"));
    assert_eq!(ask(live.plain, "DELETE", "/a/put.bin", &[], b"").status, 204);
    assert_eq!(receiver.take_one(), owned("deleted", "/a/put.bin"));
    assert_eq!(ask(live.plain, "DELETE", "/a/put.bin", &[], b"").status, 404);

    let fields = [TUS, "Upload-Length: 4", "Upload-Metadata: filename dHVz"];
    let made = ask(live.plain, "POST", PLACE, &fields, b"");
    assert_eq!(made.status, 201, "{}", made.head);
    let at = made.field("location").unwrap().to_owned();
    wait_for("the creation", || receiver.count() == 1);
    let patch = [TUS, TUS_TYPE, "Upload-Offset: 0"];
    assert_eq!(ask(live.plain, "PATCH", &at, &patch, b"once").status, 204);
    wait_for("the file", || receiver.count() == 2);
    let events = receiver.events();
    let id = at.rsplit('/').next().unwrap();
    for (event, what) in events.iter().zip(["created", "finished"]) {
        assert_eq!(event["event"], what);
        assert_eq!(event["path"], "/tus");
        assert_eq!((&event["upload"], &event["owner"]), (&id.into(), &"anyone".into()));
        assert_eq!(event["size"], 4);
    }
    assert_ne!(events[0]["id"], events[1]["id"]);
    let again = ask(live.plain, "PATCH", &at, &[TUS, TUS_TYPE, "Upload-Offset: 4"], b"");
    assert_eq!(again.status, 204, "the answer again, and nobody is told twice");
    // What is answered is a file by now: the end of its record is no end of it.
    assert_eq!(ask(live.plain, "DELETE", &at, &[TUS], b"").status, 204);
    let made = ask(live.plain, "POST", PLACE, &fields, b"");
    let at = made.field("location").unwrap().to_owned();
    assert_eq!(ask(live.plain, "DELETE", &at, &[TUS], b"").status, 204);
    let rest = receiver.take(4);
    assert_eq!(rest[2..], [owned("created", "/tus"), owned("deleted", "/tus")]);
    wait_for("all to be counted", || count(&live, Counter::HooksDelivered) == 8);
    wait_for("the gauge", || count(&live, Counter::HooksWaiting) == 0);
}

impl Receiver {
    /// The one event that came; what all have in common is checked.
    fn take_one(&self) -> (String, String) {
        wait_for("an event", || self.count() >= 1);
        let (head, body) = self.heard.lock().unwrap()[0].clone();
        let (head, raw) = head.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /told HTTP/1.1\r\n"), "{head}");
        let signed = head.lines().find_map(|line| line.strip_prefix("x-hub-signature-256: "));
        assert_eq!(signed.unwrap(), format!("sha256={}", openssl_hmac(raw)));
        if body["path"] == "/a/put.bin" && body["size"] == 3 && body["event"] == "finished" {
            let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            assert_eq!(body["sha256"], abc);
        }
        let mut taken = self.take(1);
        assert_eq!(taken.len(), 1, "{taken:?}");
        taken.remove(0)
    }
}

/// As a receiver would check it.
fn openssl_hmac(body: &str) -> String {
    let arguments = ["dgst", "-sha256", "-hmac", "open sesame", "-r"];
    let mut openssl = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let told = openssl.wait_with_output().unwrap();
    String::from_utf8(told.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn nothing_is_lost_while_the_receiver_is_down_and_menshen_dies() {
    let at = nobody();
    let mut live =
        Live::start(&format!("workers = 1\n{}", Receiver::settings(at, "on = [\"finished\"]")));
    for n in 0..3 {
        assert_eq!(put(live.plain, "/same", &[n]).status / 100, 2, "nobody waits for receivers");
    }
    wait_for("a failure", || count(&live, Counter::HooksRetried) >= 1);
    wait_for("the gauge", || count(&live, Counter::HooksWaiting) == 3);
    wait_for("a note", || live.log().contains("failed, tried again"));
    kill_worker(&live);
    assert_eq!(put(live.plain, "/same", b"after").status, 204);
    // All of it dies: a guard that is killed takes its workers along.
    live.signal(Signal::KILL);
    live.ended(Duration::from_secs(10));
    let receiver = Receiver::new(TcpListener::bind(at).unwrap(), 2);
    let folder = std::mem::replace(&mut live.folder, tempfile::tempdir().unwrap());
    let command = live::command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);
    // The waits between tries double, go on where they were, and two more tries fail.
    let until = Instant::now() + Duration::from_secs(120);
    while receiver.count() < 4 {
        assert!(Instant::now() < until, "{} events came", receiver.count());
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_for("the gauge", || count(&live, Counter::HooksWaiting) == 0);
    let events = receiver.events();
    let times: Vec<u64> = events.iter().map(|event| event["time"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "in the order of the path: {times:?}");
    let ids: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!((events.len(), ids.len()), (4, 4));
    assert_eq!(events[3]["size"], 5);
}

#[test]
fn every_acknowledged_file_is_told_of_whoever_is_killed() {
    let receiver = Receiver::start();
    let settings = Receiver::settings(receiver.at, "");
    let live = Live::start(&format!("workers = 2\n{settings}"));
    let (address, mut done) = (live.plain, BTreeSet::new());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let putting = std::thread::spawn(move || {
        let mut number = 0;
        while stopped.try_recv().is_err() {
            number += 1;
            let path = format!("/f{number}");
            // Whoever is killed meanwhile answers nothing.
            if try_put(address, &path) {
                done.insert(path);
            }
        }
        done
    });
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(300));
        kill_worker(&live);
    }
    stop.send(()).unwrap();
    let done = putting.join().unwrap();
    assert!(done.len() >= 5, "{done:?}");
    let standing = || {
        let files = std::fs::read_dir(stored(&live, "")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('f')).map(|name| format!("/{name}"))
    };
    let told = || -> BTreeSet<String> {
        let path = |event: &Value| event["path"].as_str().unwrap().to_owned();
        receiver.events().iter().map(path).collect()
    };
    wait_for("all that stands to be told of", || standing().all(|path| told().contains(&path)));
    assert!(done.iter().all(|path| told().contains(path)));
    // Of what never stood nobody hears.
    let standing: BTreeSet<String> = standing().collect();
    assert!(told().is_subset(&standing));
}

#[test]
fn without_a_hook_nothing_is_written() {
    let live = Live::start("workers = 1");
    assert_eq!(put(live.plain, "/x", &pattern(1000)).status, 201);
    assert!(!stored(&live, ".menshen-hooks").exists());
    let live = Live::start(&format!(
        "workers = 1\n{}",
        Receiver::settings(nobody(), "path = \"/in/\"\non = [\"finished\"]")
    ));
    assert_eq!(put(live.plain, "/x", b"1").status, 201);
    assert_eq!(ask(live.plain, "DELETE", "/x", &[], b"").status, 204);
    let left = std::fs::read_dir(stored(&live, ".menshen-hooks")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["deliverer"], "nobody wants to hear of it");
}

fn try_put(address: SocketAddr, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let fields = ["Connection: close", "Content-Length: 3"];
    let mut answer = Vec::new();
    let asked = stream.write_all(&request("PUT", path, &fields, b"abc"));
    asked.and_then(|()| stream.read_to_end(&mut answer)).is_ok()
        && answer.starts_with(b"HTTP/1.1 2")
}
