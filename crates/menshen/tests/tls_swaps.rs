//! Certificates are swapped under a running worker, and challenges of authorities are answered:
//! nobody's connection is lost, tickets go on, and ordinary clients see nothing of it.

use crate::support::lone_worker;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lone_worker::{LoneWorker, Made, made};
use menshen_base::Counter;
use menshen_config::keeper::{AlpnChallenge, Challenges, HttpChallenge};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// A client that trusts all of `makers`.
fn client(makers: &[&Made], alpn: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for made in makers {
        roots.add(CertificateDer::from_pem_slice(&made.ca_pem).unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

fn connect(client: &Arc<ClientConfig>, address: SocketAddr, name: &str) -> io::Result<Secure> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = ClientConnection::new(Arc::clone(client), name).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(tls, socket))
}

fn get(stream: &mut (impl Read + Write), host: &str, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = stream.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let head = text.find("\r\n\r\n").map(|at| at + 4);
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        if n == 0 || head.is_some_and(|head| answer.len() >= head + length) {
            return text;
        }
    }
}

fn leaf(stream: &Secure) -> CertificateDer<'static> {
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

fn leaf_of(made: &Made) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(made.pair.certificate_pem.as_bytes()).unwrap()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_swap_loses_no_connection_and_no_ticket() {
    let (old, new) = (made(&["a.test"]), made(&["a.test", "b.test"]));
    let mut worker = LoneWorker::start(vec![old.pair.clone()], |_| {});
    let client = client(&[&old, &new], &[b"http/1.1"]);
    let mut before = connect(&client, worker.https, "a.test").unwrap();
    assert_eq!(leaf(&before), leaf_of(&old));
    assert!(get(&mut before, "a.test", "/hello.txt").ends_with("ok"));
    connect(&client, worker.https, "b.test").unwrap_err();

    let version = worker.post_shelf(vec![new.pair.clone()]);
    wait_for("the swap", || worker.slot.get(Counter::ShelfSwaps) == 1);
    assert_eq!(worker.slot.get(Counter::ShelfVersion), version);
    assert!(get(&mut before, "a.test", "/hello.txt").ends_with("ok"), "the old one goes on");
    let mut resumed = connect(&client, worker.https, "a.test").unwrap();
    assert_eq!(resumed.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(get(&mut resumed, "a.test", "/hello.txt").ends_with("ok"));
    let after = connect(&client, worker.https, "b.test").unwrap();
    assert_eq!(after.conn.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(leaf(&after), leaf_of(&new));

    // One that cannot be used changes nothing.
    worker.shelf.post(b"nonsense").unwrap();
    wait_for("the refusal", || worker.slot.get(Counter::ShelfRefused) == 1);
    assert_eq!(worker.slot.get(Counter::ShelfVersion), version);
    assert_eq!(leaf(&connect(&client, worker.https, "b.test").unwrap()), leaf_of(&new));
}

#[test]
fn the_name_decides() {
    let (first, second) = (made(&["a.test"]), made(&["*.b.test"]));
    let worker = LoneWorker::start(vec![first.pair.clone(), second.pair.clone()], |_| {});
    let client = client(&[&first, &second], &[b"h2"]);
    assert_eq!(leaf(&connect(&client, worker.https, "a.test").unwrap()), leaf_of(&first));
    assert_eq!(leaf(&connect(&client, worker.https, "x.b.test").unwrap()), leaf_of(&second));
    // The default, which this client then does not take for that name.
    connect(&client, worker.https, "b.test").unwrap_err();
    assert_eq!(leaf(&connect(&client, worker.https, "127.0.0.1").unwrap()), leaf_of(&first));
}

#[test]
fn http_challenges_come_before_everything() {
    let own = made(&["a.test"]);
    let mut worker = LoneWorker::start(vec![own.pair.clone()], |config| {
        config.web.public.clear();
    });
    let client = client(&[&own], &[b"http/1.1"]);
    let path = "/.well-known/acme-challenge/tok";
    let plain = |worker: &LoneWorker| {
        get(&mut TcpStream::connect(worker.plain).unwrap(), "foreign.test", path)
    };
    let secure = |worker: &LoneWorker| {
        get(&mut connect(&client, worker.https, "a.test").unwrap(), "foreign.test", path)
    };
    assert!(plain(&worker).starts_with("HTTP/1.1 308 "));
    assert!(secure(&worker).starts_with("HTTP/1.1 401 "));
    let http = HttpChallenge { token: "tok".into(), authorization: "tok.thumb".into() };
    worker.post_challenges(&Challenges { http: vec![http], alpn: Vec::new() });
    // At once: authorities come right after the post.
    for answer in [plain(&worker), secure(&worker)] {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\ntok.thumb"), "{answer}");
    }
    assert_eq!(worker.slot.get(Counter::AcmeAnswered), 2);
    worker.post_challenges(&Challenges::default());
    assert!(plain(&worker).starts_with("HTTP/1.1 308 "));
    assert!(secure(&worker).starts_with("HTTP/1.1 401 "));
}

#[test]
fn alpn_challenges_are_seen_by_authorities_only() {
    let (own, posted) = (made(&["a.test"]), made(&["a.test"]));
    let mut worker = LoneWorker::start(vec![own.pair.clone()], |_| {});
    let authority = client(&[&own, &posted], &[b"acme-tls/1"]);
    let browser = client(&[&own, &posted], &[b"h2", b"http/1.1"]);
    connect(&authority, worker.https, "a.test").unwrap_err();
    let challenge = AlpnChallenge {
        name: "a.test".into(),
        certificate_pem: posted.pair.certificate_pem.clone(),
        key_pem: posted.pair.key_pem.clone(),
    };
    worker.post_challenges(&Challenges { http: Vec::new(), alpn: vec![challenge] });
    let mut asked = connect(&authority, worker.https, "a.test").unwrap();
    assert_eq!(leaf(&asked), leaf_of(&posted));
    assert_eq!(asked.conn.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    // The connection ends in order, and nothing is served on it.
    assert_eq!(asked.read(&mut [0; 64]).unwrap(), 0);
    assert_eq!(worker.slot.get(Counter::AcmeAnswered), 1);
    assert_eq!(worker.slot.get(Counter::Requests), 0);
    connect(&authority, worker.https, "other.test").unwrap_err();
    assert_eq!(leaf(&connect(&browser, worker.https, "a.test").unwrap()), leaf_of(&own));
}
