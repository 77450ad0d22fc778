//! Certificates that keep themselves, end to end: the real `menshen serve`, Debian's pebble that
//! refuses nonces and looks for its answers at the door, and clients that trust pebble alone.

use crate::support::{acme_door, live, pebble};

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use acme_door::{
    Ports, Secure, configure, folder, keeper, open, pids, read_as_nobody, row, shown, status,
    until, until_served, visit, visitor,
};
use live::{BIG_BYTES, Live, wait_for};
use menshen_sys::scoreboard::HeaderWord;
use pebble::Pebble;
use rustix::process::Signal;
use serde_json::Value;

/// The hook with its secret, as lines of `[acme]`.
fn hook(pebble: &Pebble) -> String {
    let secret = pebble.path("secret");
    std::fs::write(&secret, "open sesame\n").unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    let (hook, secret) = (pebble.hook(), secret.display().to_string());
    format!("dns_hook = \"{}\"\ndns_secret = \"{secret}\"\n", hook.display())
}

/// Fetches `hello.txt` over TLS as one who wants `name`; the fingerprint of what was shown.
fn fetch(root_pem: &str, live: &Live, name: &str) -> String {
    let mut visit = visit(&visitor(root_pem), live.https.unwrap(), name).unwrap();
    let request = format!("GET /hello.txt HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    visit.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    visit.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
    shown(&visit)
}

fn development_root(live: &Live) -> String {
    std::fs::read_to_string(live.path(".menshen/ca.pem")).unwrap()
}

fn kept_file(live: &Live, name: &str) -> String {
    std::fs::read_to_string(live.path(&format!(".menshen/certificates/{name}.pem"))).unwrap()
}

/// Names the authority was asked to certify, one for each order.
fn orders(pebble: &Pebble) -> usize {
    pebble.log().matches("Issued certificate serial ").count()
}

#[test]
fn the_door_opens_before_the_authority_answers_and_a_dead_name_delays_nobody() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(None) else { return };
    // Who looks there is let in and never answered.
    let dead = Ipv4Addr::new(127, 0, 0, 2);
    let _silent = TcpListener::bind((dead, ports.https.port())).unwrap();
    pebble.lead("dead.test", dead);
    pebble.pause();
    let names = "\"dead.test\", \"*.wild.test\", \"a.test\"";
    let acme = format!("challenges = [\"tls-alpn-01\", \"dns-01\"]\n{}", hook(&pebble));
    let began = Instant::now();
    let live = open(folder(&ports.settings(&pebble, names, &acme)));
    let development = fetch(&development_root(&live), &live, "a.test");
    let first_answer = began.elapsed();
    eprintln!("first HTTPS answer after {first_answer:?}, the authority silent (this build)");
    assert!(first_answer < Duration::from_secs(8), "{first_answer:?}");
    assert!(live.printed().contains("a.test  not there yet"), "{}", live.printed());
    assert_ne!(row(&live, "a.test")["state"], "kept");
    let workers = pids(&live);
    pebble.go_on();

    let note = until_served(&live, "a.test");
    // The dead one is still being looked for, or has failed: nobody waited for it to succeed.
    assert_ne!(row(&live, "dead.test")["state"], "kept");
    let root = pebble.issuing_root();
    let kept = fetch(&root, &live, "a.test");
    assert_ne!(kept, development);
    assert_eq!(note["fingerprint_sha256"], kept.as_str());
    assert!(note["issuer"].as_str().unwrap().contains("Pebble"), "{note}");
    assert_eq!((&note["error"], &note["failures"]), (&Value::Null, &0.into()));

    let wild = until_served(&live, "*.wild.test");
    assert_eq!(wild["fingerprint_sha256"], fetch(&root, &live, "x.wild.test").as_str());
    visit(&visitor(&root), ports.https, "wild.test").unwrap_err();
    visit(&visitor(&root), ports.https, "x.y.wild.test").unwrap_err();
    assert!(s_client(&ports, "y.wild.test").contains("Pebble Intermediate"));

    until(&live, "the failure", || row(&live, "dead.test")["state"] == "failing");
    let dead = row(&live, "dead.test");
    let error = dead["error"].as_str().unwrap();
    // A problem type of RFC 8555 §6.7, and where the authority looked.
    let kind = error.split_once(": ").unwrap().0;
    assert!(["connection", "unauthorized"].contains(&kind), "{error}");
    assert!(error.contains(&format!("127.0.0.2:{}", ports.https.port())), "{error}");
    assert_eq!(fetch(&development_root(&live), &live, "dead.test"), development);
    assert_eq!((live.header(HeaderWord::Generation), pids(&live)), (1, workers));
    assert_eq!(status(&live)["certificates_behind"], serde_json::json!([]));

    let calls = pebble.hook_calls();
    assert!(calls[0].starts_with("set _acme-challenge.wild.test "), "{calls:?}");
    assert!(calls[1].starts_with("remove _acme-challenge.wild.test "), "{calls:?}");
    keys_are_for_root_only(&live);
}

/// Issuers of the chain that OpenSSL is shown.
fn s_client(ports: &Ports, name: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &ports.https.to_string(), "-servername", name]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn keys_are_for_root_only(live: &Live) {
    let own = rustix::process::geteuid().as_raw();
    let mut count = 0;
    for folder in ["certificates", "acme"] {
        let folder = live.path(".menshen").join(folder);
        assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::metadata(&path).unwrap();
            assert_eq!((meta.mode() & 0o777, meta.uid()), (0o600, own), "{}", path.display());
            if own == 0 {
                assert_eq!(read_as_nobody(&path), None, "{}", path.display());
            }
            count += 1;
        }
    }
    assert_eq!(count, 2 + 3 + 1, "two certificates, three notes, one account");
    if own == 0 {
        assert!(read_as_nobody(&live.path("files/hello.txt")).is_some(), "it may read others");
    }
}

#[test]
fn http_proves_a_name_though_plain_http_is_redirected() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(None) else { return };
    let settings = ports.settings(&pebble, "\"a.test\"", "challenges = [\"http-01\"]");
    let live = open(folder(&settings));
    let note = until_served(&live, "a.test");
    let kept = fetch(&pebble.issuing_root(), &live, "a.test");
    assert_eq!(note["fingerprint_sha256"], kept.as_str());
    let log = pebble.log();
    assert!(log.contains("/.well-known/acme-challenge/"), "{log}");
    // Nothing is left for others to read.
    let mut stream = std::net::TcpStream::connect(live.plain).unwrap();
    live::ask(&mut stream, "/.well-known/acme-challenge/x").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
}

#[test]
fn certificate_and_account_outlive_the_guard() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(None) else { return };
    let settings = |names| ports.settings(&pebble, names, "challenges = [\"tls-alpn-01\"]");
    let mut live = open(folder(&settings("\"a.test\"")));
    until_served(&live, "a.test");
    let stored = |live: &Live| (kept_file(live, "a.test"), account(live));
    let before = stored(&live);
    let root = pebble.issuing_root();
    let kept = fetch(&root, &live, "a.test");
    assert_eq!(orders(&pebble), 1);
    for kill in [false, true] {
        let child = keeper(&live).unwrap();
        if kill {
            live.child.kill().unwrap();
            live.child.wait().unwrap();
        } else {
            live.signal(Signal::TERM);
            assert!(live.ended(Duration::from_secs(20)).success(), "{}", live.log());
        }
        wait_for("the end of the keeper", || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        live = again(live);
        // Of the first handshake on, and the development CA does not come in between.
        assert_eq!(fetch(&root, &live, "a.test"), kept);
        until_served(&live, "a.test");
    }
    assert!(stored(&live) == before, "the files changed");
    assert_eq!(orders(&pebble), 1, "{}", pebble.log());

    // The next order goes by the old account.
    configure(live.folder.path(), &settings("\"a.test\", \"b.test\""));
    assert!(live.run(&["reload"]).status.success());
    until_served(&live, "b.test");
    assert_eq!((orders(&pebble), account(&live)), (2, before.1));
    assert_eq!(pebble.log().matches("accounts in memory").count(), 1, "{}", pebble.log());
}

/// The same folder served once more.
fn again(mut live: Live) -> Live {
    let folder = std::mem::replace(&mut live.folder, tempfile::tempdir().unwrap());
    drop(live);
    open(folder)
}

fn account(live: &Live) -> Vec<u8> {
    let mut files = std::fs::read_dir(live.path(".menshen/acme")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "a second account");
    std::fs::read(file).unwrap()
}

#[test]
fn an_authority_that_is_down_stops_nobody_and_status_says_so() {
    let ports = Ports::new();
    let Some(mut pebble) = ports.pebble(None) else { return };
    pebble.stop();
    let began = Instant::now();
    let live = open(folder(&ports.settings(&pebble, "\"a.test\"", "")));
    fetch(&development_root(&live), &live, "a.test");
    let first_answer = began.elapsed();
    eprintln!("first HTTPS answer after {first_answer:?}, the authority down (this build)");
    until(&live, "the failure", || row(&live, "a.test")["state"] == "failing");
    let note = row(&live, "a.test");
    let error = note["error"].as_str().unwrap();
    assert!(error.starts_with("the authority could not be reached: "), "{error}");
    assert!(error.contains("refused"), "{error}");
    assert!(note["next_unix"].as_i64().unwrap() > 0 && note["failures"] == 1, "{note}");
    let text = String::from_utf8(live.run(&["status"]).stdout).unwrap();
    assert!(text.contains("\n    last error: the authority could not be reached: "), "{text}");
    let development = fetch(&development_root(&live), &live, "a.test");

    // The development certificate is a stand-in: with another one in store it is the wrong one.
    let root = live.path(".menshen/ca.pem");
    let (_, answer) = explain(&live, &root, "a.test");
    assert_eq!(answer["site"]["same"], true, "{answer:#}");
    let stored = live.path(".menshen/certificates/a.test.pem");
    std::fs::write(&stored, certificate("a.test")).unwrap();
    let (code, answer) = explain(&live, &root, "a.test");
    assert_eq!((code, &answer["site"]["same"]), (1, &false.into()), "{answer:#}");
    assert!(codes(&answer).contains(&"certificate-served-differs"), "{answer:#}");
    assert_eq!(fetch(&development_root(&live), &live, "a.test"), development);
}

#[test]
fn a_reload_adds_a_name_and_takes_one_away() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(None) else { return };
    let live = open(folder(&ports.settings(&pebble, "\"a.test\"", "")));
    until_served(&live, "a.test");
    let root = pebble.issuing_root();
    let first = fetch(&root, &live, "a.test");
    visit(&visitor(&root), ports.https, "b.test").unwrap_err();

    let reload = |names| {
        configure(live.folder.path(), &ports.settings(&pebble, names, ""));
        let output = live.run(&["reload"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    reload("\"a.test\", \"b.test\"");
    assert_eq!(fetch(&root, &live, "a.test"), first);
    until_served(&live, "b.test");
    fetch(&root, &live, "b.test");
    assert_eq!((fetch(&root, &live, "a.test"), orders(&pebble)), (first.clone(), 2));

    reload("\"b.test\"");
    wait_for("the end of a.test", || {
        // Workers of before may answer for a moment.
        (0..4).all(|_| visit(&visitor(&root), ports.https, "a.test").is_err())
    });
    fetch(&root, &live, "b.test");
    until(&live, "one row", || status(&live)["certificates"].as_array().unwrap().len() == 1);
    // What was paid for in rate limits is not thrown away.
    reload("\"a.test\", \"b.test\"");
    until_served(&live, "a.test");
    assert_eq!((fetch(&root, &live, "a.test"), orders(&pebble)), (first, 2));
}

/// What `menshen explain cert --site NAME` says of the running door, with its exit code.
fn explain(live: &Live, root: &Path, name: &str) -> (i32, Value) {
    let output = live.run(&[
        "explain",
        "cert",
        "--json",
        "--offline",
        "--site",
        name,
        "--roots",
        root.to_str().unwrap(),
    ]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap(), answer)
}

/// A self-signed certificate with its key.
fn certificate(name: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    made.self_signed(&key).unwrap().pem() + &key.serialize_pem()
}

fn codes(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn explain_says_whether_the_door_serves_what_is_in_store() {
    let ports = Ports::new();
    // A life as public authorities give it.
    let Some(pebble) = ports.pebble(Some(30 * 86_400)) else { return };
    let live = open(folder(&ports.settings(&pebble, "\"a.test\", \"b.test\"", "")));
    until_served(&live, "a.test");
    until_served(&live, "b.test");
    let root = pebble.path("issuing-root.pem");
    std::fs::write(&root, pebble.issuing_root()).unwrap();
    let (code, answer) = explain(&live, &root, "a.test");
    assert_eq!((code, &answer["site"]["same"]), (0, &true.into()), "{answer:#}");
    assert_eq!(answer["certificate"]["trust"][2]["trusted"], true, "{answer:#}");
    let (code, answer) = explain(&live, &root, "nobodys.test");
    assert_eq!(code, 1);
    assert!(codes(&answer).contains(&"site-without-certificate"), "{answer:#}");

    // Another certificate lies there, and nobody told the guard.
    let stored = live.path(".menshen/certificates/a.test.pem");
    let before = std::fs::read(&stored).unwrap();
    std::fs::write(&stored, certificate("a.test")).unwrap();
    let (code, answer) = explain(&live, &root, "a.test");
    assert_eq!((code, &answer["site"]["same"]), (1, &false.into()), "{answer:#}");
    assert!(codes(&answer).contains(&"certificate-served-differs"), "{answer:#}");
    assert_eq!(explain(&live, &root, "b.test").0, 0);

    std::fs::write(&stored, before).unwrap();
    let (code, answer) = explain(&live, &root, "a.test");
    assert_eq!((code, &answer["site"]["same"]), (0, &true.into()), "{answer:#}");
}

#[test]
fn a_renewal_loses_no_connection_and_nobody_sees_an_expired_certificate() {
    let ports = Ports::new();
    let Some(pebble) = ports.pebble(Some(LIFE_SECONDS)) else { return };
    let live = open(folder(&ports.settings(&pebble, "\"a.test\"", "")));
    until_served(&live, "a.test");
    let (workers, client) = (pids(&live), visitor(&pebble.issuing_root()));

    let mut download = visit(&client, ports.https, "a.test").unwrap();
    let request = b"GET /big.bin HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    download.write_all(request).unwrap();
    let mut begin = vec![0; 64 << 10];
    download.read_exact(&mut begin).unwrap();
    let mut kept_alive = visit(&client, ports.https, "a.test").unwrap();
    let first = shown(&kept_alive);
    assert!(hello(&mut kept_alive));

    // Each visit is verified as of its moment, against pebble's root alone.
    let (mut seen, mut visits) = (BTreeSet::from([first]), 0);
    until(&live, "two renewals", || {
        for _ in 0..4 {
            let mut one = visit(&client, ports.https, "a.test").unwrap();
            seen.insert(shown(&one));
            assert!(hello(&mut one));
            visits += 1;
        }
        // Idle connections end after a while; this one is in use.
        assert!(hello(&mut kept_alive), "after {visits} visits");
        // The download goes on slowly all the time.
        let mut piece = [0; 16 << 10];
        download.read_exact(&mut piece).unwrap();
        begin.extend_from_slice(&piece);
        seen.len() >= 3
    });
    eprintln!("{visits} visits saw {} certificates", seen.len());
    let mut rest = Vec::new();
    download.read_to_end(&mut rest).unwrap();
    let head = begin.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(begin.starts_with(b"HTTP/1.1 200 "));
    assert_eq!((begin.len() - head + rest.len()) as u64, BIG_BYTES);

    assert_eq!((live.header(HeaderWord::Generation), pids(&live)), (1, workers));
    let note = row(&live, "a.test");
    assert_eq!((&note["failures"], &note["error"]), (&0.into(), &Value::Null));
    let spare = note["not_after_unix"].as_i64().unwrap() - note["renew_unix"].as_i64().unwrap();
    assert!((7..=9).contains(&spare), "a third of its life: {note}");
    assert!(live.log().matches("certificate served: a.test").count() >= 3, "{}", live.log());
}

/// A request on a connection that stays open.
fn hello(visit: &mut Secure) -> bool {
    visit.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    visit.sock.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 2048];
    while !answer.ends_with(b"\r\n\r\nok") {
        let count = visit.read(&mut piece).unwrap();
        assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..count]);
    }
    answer.starts_with(b"HTTP/1.1 200 ")
}

/// Two thirds of it pass before a renewal begins; the rest is what a busy machine may take.
const LIFE_SECONDS: u64 = 24;
