//! The same raw requests to menshen, nginx and haproxy: where two readers of one byte stream could
//! see different messages, requests are smuggled, so menshen must never see more in a stream, or
//! other bodies, than these peers do (RFC 9112 §11).
//!
//! Both peers run as proxies before a backend that says in each answer what reached it.
#![expect(clippy::print_stderr, reason = "known differences are worth seeing")]

use crate::support::{live, peers};

#[path = "hostile/backend.rs"]
mod backend;
#[path = "hostile/cases.rs"]
mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use backend::{Backend, body_word};
use cases::{Case, cases, differences};
use live::Live;
use peers::{Peer, find, free_address, version};

/// What a server made of one byte stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Verdict {
    /// Requests it took for requests, served or not.
    requests: usize,
    /// Status of the answer that ended the stream as unreadable, if there was one.
    refused: Option<u16>,
    /// Bodies of uploads by path: length and checksum.
    bodies: BTreeMap<String, String>,
}

/// One answer in a stream of answers.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// What reached the backend, where there is one.
    seen: Option<String>,
}

#[test]
fn menshen_is_never_more_lenient_than_nginx_or_haproxy() {
    let (Some(nginx), Some(haproxy)) = (find("nginx"), find("haproxy")) else { return };
    let backend = Backend::start();
    let folder = tempfile::tempdir().unwrap();
    let addresses = [free_address(), free_address()];
    std::fs::write(folder.path().join("nginx.conf"), nginx_settings(addresses[0], &backend))
        .unwrap();
    std::fs::write(folder.path().join("haproxy.cfg"), haproxy_settings(addresses[1], &backend))
        .unwrap();
    let mut first = Command::new(&nginx);
    first.arg("-e").arg("stderr").arg("-p").arg(folder.path()).arg("-c").arg("nginx.conf");
    let mut second = Command::new(&haproxy);
    second.arg("-db").arg("-f").arg(folder.path().join("haproxy.cfg"));
    let _peers = [Peer::serve(&mut first, addresses[0]), Peer::serve(&mut second, addresses[1])];
    let live = Live::start("workers = 1");

    let cases = cases();
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let (ours, theirs) = std::thread::scope(|scope| {
        let peers = addresses.map(|at| {
            let cases = &cases;
            scope.spawn(move || of_each(cases, |case| ask_peer(at, case)))
        });
        let ours = of_each(&cases, |case| ask_menshen(&live, case));
        (ours, peers.map(|peer| peer.join().unwrap()))
    });

    assert_plain_cases_agree(&cases, &ours, &theirs);
    let mut found = BTreeSet::new();
    let mut wrong = String::new();
    for (number, case) in cases.iter().enumerate() {
        let verdicts = [&theirs[0][number], &theirs[1][number]];
        judge(case, &ours[number], verdicts, &mut found, &mut wrong);
    }
    let listed: BTreeSet<(String, String)> =
        differences().into_iter().map(|known| (known.case, known.peer)).collect();
    for (case, peer) in found.difference(&listed) {
        let _ = writeln!(wrong, "{case}: {peer} is stricter, which is not listed with a reason");
    }
    // Other versions of the peers may be laxer; then a row is idle, not wrong.
    let versions = version(&nginx) + &version(&haproxy);
    if VERSIONS.iter().all(|known| versions.contains(known)) {
        for (case, peer) in listed.difference(&found) {
            let _ = writeln!(wrong, "{case}: listed, but {peer} is not stricter");
        }
    }
    let accepted = ours.iter().filter(|verdict| verdict.refused.is_none()).count();
    eprintln!("{} cases, {accepted} of them read to the end", cases.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// All three must agree on the ordinary messages, or the comparison compares nothing.
fn assert_plain_cases_agree(cases: &[Case], ours: &[Verdict], theirs: &[Vec<Verdict>; 2]) {
    for (number, case) in cases.iter().enumerate().filter(|(_, case)| case.is_plain()) {
        let ours = &ours[number];
        assert!(ours.requests > 0 && ours.refused.is_none(), "{}: {ours:?}", case.name);
        for (peer, name) in theirs.iter().zip(PEERS) {
            let peer = &peer[number];
            assert_eq!(ours.requests, peer.requests, "{} and {name}: {peer:?}", case.name);
            assert_eq!(ours.bodies, peer.bodies, "{} and {name}", case.name);
        }
    }
}

/// Compares the verdicts on one case; what both peers refuse can never be listed as known.
fn judge(
    case: &Case,
    ours: &Verdict,
    theirs: [&Verdict; 2],
    found: &mut BTreeSet<(String, String)>,
    wrong: &mut String,
) {
    let name = &case.name;
    let most = theirs.iter().map(|verdict| verdict.requests).max().unwrap_or_default();
    if ours.requests > most {
        let _ = writeln!(wrong, "{name}: we see {ours:?}, nginx and haproxy see {theirs:?}");
        return;
    }
    for (peer, verdict) in PEERS.iter().zip(theirs) {
        if ours.requests > verdict.requests {
            eprintln!("{name}: we see {ours:?}, {peer} sees {verdict:?}");
            found.insert((name.clone(), (*peer).to_owned()));
        }
        for (path, body) in &ours.bodies {
            if verdict.bodies.get(path).is_some_and(|other| other != body) {
                let _ =
                    writeln!(wrong, "{name}: our body of {path} is {body}, {peer}: {verdict:?}");
            }
        }
    }
}

/// What `ask` makes of each case; many at a time, since each waits for the end of its answers.
fn of_each(cases: &[Case], ask: impl Fn(&Case) -> Verdict + Sync) -> Vec<Verdict> {
    let share = cases.len().div_ceil(CLIENTS);
    std::thread::scope(|scope| {
        let shares = cases
            .chunks(share)
            .map(|cases| scope.spawn(|| cases.iter().map(&ask).collect::<Vec<_>>()));
        let shares: Vec<_> = shares.collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    })
}

fn ask_menshen(live: &Live, case: &Case) -> Verdict {
    let (mut verdict, _) = verdict(&exchange(live.plain, &case.bytes));
    for letter in ["a", "b"] {
        let name = format!("{letter}-{}", case.name);
        if let Ok(body) = std::fs::read(live.path("files").join(&name)) {
            verdict.bodies.insert(format!("/{name}"), body_word(&body));
        }
    }
    verdict
}

fn ask_peer(address: SocketAddr, case: &Case) -> Verdict {
    let (mut verdict, answers) = verdict(&exchange(address, &case.bytes));
    for seen in answers.iter().filter_map(|answer| answer.seen.as_deref()) {
        if let Some((path, body)) = seen.strip_prefix("PUT ").and_then(|put| put.split_once(' ')) {
            verdict.bodies.insert(path.to_owned(), body.to_owned());
        }
    }
    verdict
}

/// Sends all bytes and returns everything that came back; our side ends once nothing more comes.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_read_timeout(Some(QUIET)).unwrap();
    // A server that has seen enough may close while we still write.
    let _ = stream.write_all(bytes);
    let mut answers = Vec::new();
    if read_on(&mut stream, &mut answers).is_err() {
        let _ = stream.shutdown(Shutdown::Write);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ended = read_on(&mut stream, &mut answers);
        assert!(ended.is_ok(), "no end within {PATIENCE:?}: {}", String::from_utf8_lossy(bytes));
    }
    answers
}

/// Reads to the end of the stream, however it ends; an error if nothing comes for too long.
fn read_on(stream: &mut TcpStream, answers: &mut Vec<u8>) -> Result<(), ()> {
    let mut piece = [0; 16 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n) => answers.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(()),
            Err(_) => return Ok(()),
        }
    }
}

fn verdict(bytes: &[u8]) -> (Verdict, Vec<Answer>) {
    let answers = answers(bytes);
    let mut verdict = Verdict { requests: answers.len(), ..Verdict::default() };
    // An unreadable message is answered last: nothing after it has a known meaning.
    if let Some(last) =
        answers.last().filter(|last| last.seen.is_none() && UNREADABLE.contains(&last.status))
    {
        verdict.refused = Some(last.status);
        verdict.requests -= 1;
    }
    (verdict, answers)
}

/// Final answers in a stream; what is not one ends the list.
fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut all = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let Some(status) = head.get(9..12).and_then(|word| word.parse().ok()) else { break };
        bytes = &bytes[end + 4..];
        if status < 200 {
            continue;
        }
        let field = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (before, value) = line.split_once(':')?;
                before.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length = field("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        // The only HEAD of the table is the last of its stream.
        bytes = bytes.get(length..).unwrap_or_default();
        all.push(Answer { status, seen: field("x-seen") });
    }
    all
}

fn nginx_settings(at: SocketAddr, backend: &Backend) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {name};\n"))
        .collect();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;\n\
         events {{ worker_connections 200; }}\n\
         http {{ access_log off; large_client_header_buffers 8 32k; client_max_body_size 0;\n\
         client_header_timeout 3s; client_body_timeout 3s; keepalive_timeout 3s;\n\
         {temporary}\
         server {{ listen {at}; location / {{ proxy_pass http://{};\n\
         proxy_ignore_client_abort on; proxy_set_header Host localhost; }} }} }}\n",
        backend.address()
    )
}

fn haproxy_settings(at: SocketAddr, backend: &Backend) -> String {
    format!(
        "global\n maxconn 200\n tune.bufsize 49152\n\
         defaults\n mode http\n option http-buffer-request\n timeout connect 3s\n\
         timeout client 3s\n timeout server 3s\n timeout http-request 3s\n\
         frontend door\n bind {at}\n default_backend back\n\
         backend back\n server one {}\n",
        backend.address()
    )
}

/// Statuses that say a message could not be read to its end, rather than that it is not served;
/// 507 refuses an announced length.
const UNREADABLE: [u16; 10] = [400, 408, 411, 413, 414, 417, 431, 501, 505, 507];
const PEERS: [&str; 2] = ["nginx", "haproxy"];
/// The versions `differences.txt` was written for.
const VERSIONS: [&str; 2] = ["nginx/1.22.1", "version 2.6.12"];
const PATIENCE: Duration = Duration::from_secs(6);
/// A server that has said nothing for so long waits for more of the request.
const QUIET: Duration = Duration::from_millis(150);
/// Clients of each server at a time.
const CLIENTS: usize = 12;
