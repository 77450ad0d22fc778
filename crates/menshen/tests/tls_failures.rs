//! Handshakes that fail are kept with who ended them and why, and with the bytes of both sides;
//! those that succeed leave nothing. Clients are real ones: OpenSSL, curl, and plain sockets.

use crate::support::lone_worker;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lone_worker::{LoneWorker, made};
use menshen_base::Counter;
use menshen_config::Failure;
use menshen_config::failure::{FailureEnd, Sender};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

fn start() -> LoneWorker {
    LoneWorker::start(vec![made(&["localhost", "www.example.test"]).pair], |config| {
        config.limits.handshake_seconds_max = 1;
    })
}

/// The one failure that what was just done left behind.
fn the_failure(worker: &LoneWorker) -> Failure {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let [failure] = worker.failures().as_slice() {
            assert_eq!(worker.slot.get(Counter::TlsKept), 1);
            assert_eq!(worker.slot.get(Counter::TlsFailed), 1);
            assert_eq!(failure.client.to_string(), "127.0.0.1");
            assert_eq!(failure.local, worker.https);
            assert!(failure.unix_ms > 1_700_000_000_000);
            return failure.clone();
        }
        assert!(Instant::now() < until, "{:?}", worker.failures());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn s_client(worker: &LoneWorker, arguments: &[&str]) -> Output {
    let address = worker.https.to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-servername", "www.example.test"]);
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn curl(worker: &LoneWorker, arguments: &[&str]) -> Output {
    let port = worker.https.port();
    let resolve = format!("www.example.test:{port}:127.0.0.1");
    let mut command = Command::new("curl");
    command.args(["-sS", "--noproxy", "*", "--resolve", &resolve]).args(arguments);
    command.arg(format!("https://www.example.test:{port}/hello.txt")).output().unwrap()
}

/// The first flight of a client that asks for `name`.
fn client_hello(name: &'static str) -> Vec<u8> {
    let roots = RootCertStore::empty();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

fn bytes_of(failure: &Failure, from: Sender) -> Vec<u8> {
    let pieces = failure.pieces.iter().filter(|piece| piece.from == from);
    pieces.flat_map(|piece| piece.bytes.clone()).collect()
}

#[test]
fn a_client_that_speaks_only_old_versions() {
    let worker = start();
    let old = s_client(&worker, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert!(!old.status.success());
    let failure = the_failure(&worker);
    assert_eq!(failure.ended, FailureEnd::Tls);
    // rustls stumbles over what TLS 1.1 does not have before it looks at the version.
    assert_eq!(failure.error, "peer is incompatible: SignatureAlgorithmsExtensionRequired");
    assert_eq!(failure.alert_sent, Some(40), "handshake_failure");
    assert_eq!(failure.alert_received, None);
    assert_eq!(failure.sni.as_deref(), Some("www.example.test"));
    assert!(!failure.cut);
    // Handshake record; the version offered is TLS 1.1 (RFC 4346 §7.4.1.2).
    let hello = bytes_of(&failure, Sender::Client);
    assert_eq!((hello[0], hello[5], &hello[9..11]), (22, 1, &[3, 2][..]));
    assert_eq!(bytes_of(&failure, Sender::Server), [21, 3, 3, 0, 2, 2, 40]);
    let times: Vec<u64> = failure.pieces.iter().map(|piece| piece.at_us).collect();
    assert!(times.is_sorted() && times[times.len() - 1] <= failure.elapsed_us, "{times:?}");
}

#[test]
fn a_client_that_wants_another_protocol() {
    for version in ["-tls1_2", "-tls1_3"] {
        let worker = start();
        assert!(!s_client(&worker, &[version, "-alpn", "postgresql"]).status.success());
        let failure = the_failure(&worker);
        assert_eq!(failure.ended, FailureEnd::Tls);
        assert_eq!(failure.error, "peer doesn't support any known protocol");
        assert_eq!(failure.alert_sent, Some(120), "no_application_protocol, {version}");
    }
}

#[test]
fn a_client_that_does_not_trust_the_certificate() {
    for version in ["1.2", "1.3"] {
        let worker = start();
        let output = curl(&worker, &["--tls-max", version]);
        assert_eq!(output.status.code(), Some(60), "{output:?}");
        let failure = the_failure(&worker);
        assert_eq!(failure.ended, FailureEnd::Tls);
        assert_eq!(failure.alert_received, Some(48), "unknown_ca");
        assert_eq!(failure.error, "received fatal alert: UnknownCA");
        assert_eq!(failure.sni.as_deref(), Some("www.example.test"));
        let froms: Vec<Sender> = failure.pieces.iter().map(|piece| piece.from).collect();
        assert_eq!(froms.first(), Some(&Sender::Client));
        assert!(froms.contains(&Sender::Server) && froms.last() == Some(&Sender::Client));
    }
}

#[test]
fn a_client_that_leaves_after_its_hello() {
    let worker = start();
    let hello = client_hello("www.example.test");
    let mut socket = TcpStream::connect(worker.https).unwrap();
    socket.write_all(&hello).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let failure = the_failure(&worker);
    assert_eq!(failure.ended, FailureEnd::Closed);
    assert_eq!(failure.error, "the client closed the connection");
    assert_eq!(failure.sni.as_deref(), Some("www.example.test"));
    assert_eq!(bytes_of(&failure, Sender::Client), hello);
    assert_eq!(bytes_of(&failure, Sender::Server), answer, "all that was sent is kept");
    assert_eq!((failure.alert_received, failure.alert_sent), (None, None));
}

#[test]
fn a_client_that_resets() {
    let worker = start();
    let mut socket = TcpStream::connect(worker.https).unwrap();
    socket.write_all(&client_hello("localhost")).unwrap();
    // The answer must be there, or the reset would overtake the hello.
    socket.read_exact(&mut [0; 5]).unwrap();
    let linger = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(socket.as_fd(), linger).unwrap();
    drop(socket);
    let failure = the_failure(&worker);
    assert_eq!(failure.ended, FailureEnd::Reset);
    assert!(failure.error.contains("reset"), "{}", failure.error);
    assert_eq!(failure.sni.as_deref(), Some("localhost"));
}

#[test]
fn a_client_that_does_not_speak_tls() {
    let worker = start();
    let mut socket = TcpStream::connect(worker.https).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\x1b[2J\r\n\r\n";
    socket.write_all(request).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let failure = the_failure(&worker);
    assert_eq!(failure.ended, FailureEnd::Tls);
    assert_eq!(failure.error, "received corrupt message of type InvalidContentType");
    assert_eq!(failure.sni, None);
    assert_eq!(bytes_of(&failure, Sender::Client), request);
    assert_eq!(bytes_of(&failure, Sender::Server), answer);
    assert_eq!(failure.alert_sent, answer.last().copied());
}

#[test]
fn a_client_that_takes_too_long() {
    let worker = start();
    let mut socket = TcpStream::connect(worker.https).unwrap();
    let hello = client_hello("localhost");
    socket.write_all(&hello[..100]).unwrap();
    socket.read_to_end(&mut Vec::new()).unwrap();
    let failure = the_failure(&worker);
    assert_eq!(failure.ended, FailureEnd::Limit);
    assert!(failure.elapsed_us >= 900_000, "{}", failure.elapsed_us);
    assert_eq!(bytes_of(&failure, Sender::Client), hello[..100]);
}

#[test]
fn success_and_silence_leave_nothing() {
    let worker = start();
    for version in ["1.2", "1.3"] {
        let output = curl(&worker, &["-k", "--tls-max", version]);
        assert_eq!(output.stdout, b"ok", "{output:?}");
    }
    // A port scan, a health check.
    drop(TcpStream::connect(worker.https).unwrap());
    let until = Instant::now() + Duration::from_secs(10);
    while worker.slot.get(Counter::TlsFailed) == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(worker.slot.get(Counter::ConnectionsTls), 2);
    assert_eq!((worker.slot.get(Counter::TlsFailed), worker.slot.get(Counter::TlsKept)), (1, 0));
    assert_eq!(worker.failures(), []);
}

#[test]
fn a_flood_is_bounded() {
    let worker = start();
    let flood = 200;
    for _ in 0..flood {
        let mut socket = TcpStream::connect(worker.https).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        socket.read_to_end(&mut Vec::new()).unwrap();
    }
    let until = Instant::now() + Duration::from_secs(10);
    while worker.slot.get(Counter::TlsFailed) < flood && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(worker.slot.get(Counter::TlsFailed), flood);
    assert!(worker.slot.get(Counter::TlsKept) < flood);
    assert!((10..=16).contains(&worker.failures().len()));
}
