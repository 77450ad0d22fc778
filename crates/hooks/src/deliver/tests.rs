//! Deliveries to real receivers: one that works, and all the ways of one that does not.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{Receiver as Heard, channel};

use rustix::fs::{Mode, OFlags, open};
use tempfile::TempDir;

use super::*;
use crate::event::{Event, Kind};
use crate::hook::Settings;
use crate::outbox::Flush;

/// How a receiver behaves, request by request; afterwards it answers 204.
#[derive(Clone, Copy)]
enum Manner {
    Takes,
    Answers(&'static str),
    Closes,
    Hangs,
}

fn outbox(dir: &Path) -> Outbox {
    let folder = open(dir, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    Outbox::new(folder, Flush::No)
}

/// Reads one request; its head and body.
fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            if bytes.len() >= at + 4 + length {
                return Some((head, String::from_utf8(bytes[at + 4..].to_vec()).unwrap()));
            }
        }
        let got = stream.read(&mut piece).ok().filter(|&got| got > 0)?;
        bytes.extend_from_slice(&piece[..got]);
    }
}

fn receiver(manners: Vec<Manner>) -> (SocketAddr, Heard<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (told, heard)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        let (mut manners, mut hung) = (manners.into_iter(), Vec::new());
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // One request for each connection, so that order is seen.
            if let Some(all) = request(&mut stream) {
                let manner = manners.next().unwrap_or(Manner::Takes);
                let _ = told.send(all);
                let answer = match manner {
                    Manner::Takes => "HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n",
                    Manner::Answers(text) => text,
                    Manner::Closes => continue,
                    Manner::Hangs => {
                        hung.push(stream);
                        continue;
                    }
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    (address, heard)
}

fn hook(at: SocketAddr) -> Hook {
    Hook::new(Settings {
        url: format!("http://{at}/told?by=door"),
        on: vec![Kind::Created, Kind::Finished, Kind::Deleted],
        timeout_s: 1,
        secret: Some(b"secret".to_vec()),
        ..Settings::default()
    })
    .unwrap()
}

/// Delivers until `until` holds of what was told; the tallies.
fn deliver(
    dir: &TempDir,
    hooks: &Arc<Vec<Hook>>,
    limits: Limits,
    until: impl Fn(&[String]) -> bool,
) -> Vec<String> {
    deliver_by(dir, hooks, limits, None, until)
}

/// The same, with somebody who runs scripts.
fn deliver_by(
    dir: &TempDir,
    hooks: &Arc<Vec<Hook>>,
    limits: Limits,
    run_script: Option<RunScript>,
    until: impl Fn(&[String]) -> bool,
) -> Vec<String> {
    let tallies = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&tallies);
    let tell = move |tally: Tally<'_>| noted.borrow_mut().push(format!("{tally:?}"));
    let happened = Arc::new(|path: &str, _| path == "/happened");
    let deliverer = Deliverer::new(outbox(dir.path()), Arc::clone(hooks), limits, happened, tell);
    let deliverer = match run_script {
        Some(run) => deliverer.with_scripts(run),
        None => deliverer,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let task = tokio::task::spawn_local(deliverer.run());
        let begun = Instant::now();
        while !until(&tallies.borrow()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", tallies.borrow());
            sleep(Duration::from_millis(20)).await;
        }
        task.abort();
    });
    tallies.take()
}

fn count(tallies: &[String], word: &str) -> usize {
    tallies.iter().filter(|tally| tally.starts_with(word)).count()
}

fn put(dir: &TempDir, hooks: &[Hook], path: &str) -> Event {
    let event = Event::new(Kind::Finished, path.as_bytes());
    outbox(dir.path()).put(hooks, &event).unwrap();
    event
}

const LIMITS: Limits = Limits { attempts_max: 100, age_seconds_max: 1000 };

#[test]
fn a_receiver_is_told_once_signed_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (at, heard) = receiver(Vec::new());
    let hooks = Arc::new(vec![hook(at)]);
    let events: Vec<Event> = (0..5).map(|_| put(&dir, &hooks, "/same")).collect();
    deliver(&dir, &hooks, LIMITS, |tallies| count(tallies, "Delivered") == 5);
    for event in events {
        let (head, body) = heard.recv().unwrap();
        assert!(head.starts_with("POST /told?by=door HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("menshen-event-id: {}", event.id)), "{head}");
        assert!(head.contains("menshen-event: finished"), "{head}");
        let signature = hooks[0].signature(body.as_bytes()).unwrap();
        assert!(head.contains(&format!("x-hub-signature-256: {signature}")), "{head}");
        assert_eq!(body, event.json());
    }
    assert!(heard.try_recv().is_err());
    let left = |name: &str| name.ends_with(".event") || name.ends_with(".intent");
    let files = std::fs::read_dir(dir.path()).unwrap();
    assert!(!files.map(|file| file.unwrap().file_name()).any(|f| left(f.to_str().unwrap())));
}

#[test]
fn a_script_is_told_in_order_until_it_takes_the_event() {
    let dir = tempfile::tempdir().unwrap();
    let hook = Hook::new(Settings {
        script: Some("/told.php".into()),
        hosts: vec!["a.test".into()],
        on: vec![Kind::Finished],
        timeout_s: 1,
        ..Settings::default()
    });
    let hooks = Arc::new(vec![hook.unwrap()]);
    let event = |path: &str| Event {
        site: Some("a.test".into()),
        ..Event::new(Kind::Finished, path.as_bytes())
    };
    let events = [event("/same"), event("/same")];
    for event in &events {
        outbox(dir.path()).put(&hooks, event).unwrap();
    }
    outbox(dir.path()).put(&hooks, &Event { site: None, ..event("/no site") }).unwrap();
    // Nobody who runs it: it waits.
    deliver(&dir, &hooks, LIMITS, |tallies| count(tallies, "Retried") == 1);
    let told = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&told);
    let run: RunScript = Rc::new(move |call: ScriptCall| {
        noted.borrow_mut().push(call);
        let number = noted.borrow().len();
        Box::pin(async move {
            match number {
                1 => Err("it answered 500".to_owned()),
                2 => std::future::pending().await,
                _ => Ok(()),
            }
        })
    });
    let done = |tallies: &[String]| count(tallies, "Delivered") == 2;
    let tallies = deliver_by(&dir, &hooks, LIMITS, Some(run), done);
    let down = "Down { hook: \"/told.php\", why: \"it answered 500\" }";
    assert!(tallies.contains(&down.to_owned()), "{tallies:?}");
    assert_eq!(count(&tallies, "Retried"), 2, "refused, then not in time: {tallies:?}");
    let told = told.borrow();
    let ids: Vec<&str> = told.iter().map(|call| call.id.as_str()).collect();
    let [first, second] = events.each_ref().map(|event| event.id.as_str());
    assert_eq!(ids, [first, first, first, second], "in the order of the path");
    let expected = ScriptCall {
        site: "a.test".into(),
        script: "/told.php".into(),
        event: "finished".into(),
        id: second.into(),
        signature: None,
        body: events[1].json(),
    };
    assert_eq!(format!("{:?}", told[3]), format!("{expected:?}"));
}

#[test]
fn every_way_to_fail_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let refused = "HTTP/1.1 500 Oh\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let moved =
        "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    let manners = [refused, moved, "HTTP/1.1 2", "rubbish\r\n\r\n"].map(Manner::Answers);
    let manners = manners.into_iter().chain([Manner::Closes, Manner::Hangs]);
    let (at, heard) = receiver(manners.collect());
    let hooks = Arc::new(vec![hook(at)]);
    // One for each, so that no wait of an event grows.
    let events: Vec<_> = (0..6).map(|n| put(&dir, &hooks, &format!("/{n}"))).collect();
    let tallies = deliver(&dir, &hooks, LIMITS, |tallies| count(tallies, "Delivered") == 6);
    assert_eq!(count(&tallies, "Retried"), 6, "{tallies:?}");
    let all: Vec<String> = heard.try_iter().map(|(_, body)| body).collect();
    assert_eq!(all.len(), 12);
    for event in events {
        assert!(all.contains(&event.json()));
    }
}

#[test]
fn what_was_told_while_the_receiver_was_down_comes_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = gone.local_addr().unwrap();
    drop(gone);
    let hooks = Arc::new(vec![hook(nobody)]);
    put(&dir, &hooks, "/x");
    let tallies = deliver(&dir, &hooks, LIMITS, |tallies| count(tallies, "Retried") == 2);
    assert_eq!(count(&tallies, "Delivered"), 0);
    assert_eq!(count(&tallies, "Down"), 1, "{tallies:?}");
    // Another process, much later; attempts are remembered.
    let listener = TcpListener::bind(nobody).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (_, body) = request(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        body
    });
    let tallies = deliver(&dir, &hooks, LIMITS, |tallies| count(tallies, "Delivered") == 1);
    assert_eq!(count(&tallies, "Retried"), 0, "{tallies:?}");
    assert!(server.join().unwrap().contains("\"path\":\"/x\""));
}

#[test]
fn what_cannot_be_delivered_is_kept_and_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Manner::Answers("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n");
    let (at, _heard) = receiver(vec![refused]);
    let hooks = Arc::new(vec![hook(at)]);
    put(&dir, &hooks, "/poison");
    put(&dir, &hooks, "/poison");
    let limits = Limits { attempts_max: 1, ..LIMITS };
    let tallies = deliver(&dir, &hooks, limits, |tallies| {
        tallies.contains(&"Lying { waiting: 0, aside: 1 }".to_owned())
    });
    assert_eq!((count(&tallies, "GivenUp"), count(&tallies, "Delivered")), (1, 1), "{tallies:?}");
    // Renamed by hand it is tried once more, whatever its age.
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
    let failed = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "failed"));
    let failed = failed.unwrap();
    std::fs::rename(&failed, failed.with_extension("event")).unwrap();
    let limits = Limits { attempts_max: 1, age_seconds_max: 0 };
    deliver(&dir, &hooks, limits, |tallies| count(tallies, "Delivered") == 1);
}

#[test]
fn promises_of_the_dead_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let (at, heard) = receiver(Vec::new());
    let hooks = Arc::new(vec![hook(at)]);
    for path in ["/happened", "/never"] {
        let event = Event::new(Kind::Finished, path.as_bytes());
        let promise = outbox(dir.path()).promise(&hooks, &event, Proof::Gone).unwrap();
        promise.unwrap().leave();
    }
    deliver(&dir, &hooks, LIMITS, |tallies| count(tallies, "Delivered") == 1);
    assert!(heard.recv().unwrap().1.contains("/happened"));
    assert!(heard.try_recv().is_err());
}
