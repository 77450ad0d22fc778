//! A real worker hands SSTP connections over, beside its sites: which certificate it says was
//! shown, renewals, names, HTTP/2, and what a draining worker does with its tunnels.

use crate::support::lone_worker;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lone_worker::{LoneWorker, Made, made};
use menshen_base::Counter;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use tempfile::TempDir;

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// The tunnel worker of a test: it takes prefaces and sends back what comes behind them.
struct Tunnels {
    listener: UnixListener,
    path: PathBuf,
    _dir: TempDir,
}

impl Tunnels {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = |path: &std::path::Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(dir.path(), 0o755);
        let path = dir.path().join("tunnel-sstp");
        let listener = UnixListener::bind(&path).unwrap();
        // The worker is nobody.
        open(&path, 0o666);
        Self { listener, path, _dir: dir }
    }

    fn worker(&self, made: &Made) -> LoneWorker {
        LoneWorker::start_beside(vec![made.pair.clone()], Some(self.path.clone()), |_| {})
    }

    /// The next connection: SHA-256 of the certificate it was shown, and the rest of it, after the
    /// request was answered.
    fn take(&self) -> ([u8; 32], UnixStream) {
        let (mut stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // Magic, version, kind, length; family, port, IPv4 address; the hashes.
        let mut preface = [0; 10 + 7 + 52];
        stream.read_exact(&mut preface).unwrap();
        assert_eq!(preface[..6], *b"mnHO\x01\x01");
        let length = u32::from_be_bytes(preface[6..10].try_into().unwrap());
        let mut early = vec![0; usize::try_from(length).unwrap() - 7 - 52];
        stream.read_exact(&mut early).unwrap();
        assert_eq!(early, REQUEST.as_bytes());
        stream.write_all(ANSWER).unwrap();
        (preface[10 + 7 + 20..].try_into().unwrap(), stream)
    }
}

fn client(makers: &[&Made], versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for made in makers {
        roots.add(CertificateDer::from_pem_slice(&made.ca_pem).unwrap()).unwrap();
    }
    ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn connect(client: &Arc<ClientConfig>, worker: &LoneWorker) -> Secure {
    let mut socket = TcpStream::connect(worker.https).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = ServerName::try_from("a.test").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(client), name).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).unwrap();
    }
    StreamOwned::new(tls, socket)
}

/// Asks for a tunnel; the hash the worker told, and both ends.
fn tunnel(tunnels: &Tunnels, mut client: Secure) -> ([u8; 32], Secure, UnixStream) {
    client.write_all(REQUEST.as_bytes()).unwrap();
    let (hash, other) = tunnels.take();
    let mut answer = [0; ANSWER.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *ANSWER);
    (hash, client, other)
}

/// Whether octets pass both ways.
fn assert_alive(client: &mut Secure, other: &mut UnixStream) {
    let mut heard = [0; 5];
    client.write_all(b"there").unwrap();
    other.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"there");
    other.write_all(b"again").unwrap();
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"again");
}

fn hash_of(made: &Made) -> [u8; 32] {
    let leaf = CertificateDer::from_pem_slice(made.pair.certificate_pem.as_bytes()).unwrap();
    menshen_tls::ShownHashes::of(&leaf).sha256
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_renewal_concerns_new_connections_only() {
    let (old, new) = (made(&["a.test"]), made(&["a.test"]));
    let tunnels = Tunnels::new();
    let mut worker = tunnels.worker(&old);
    let returning = Arc::new(client(&[&old, &new], &[&rustls::version::TLS13]));
    let (hash, mut live, mut other) = tunnel(&tunnels, connect(&returning, &worker));
    assert_eq!(hash, hash_of(&old));
    assert_alive(&mut live, &mut other);

    worker.post_shelf(vec![new.pair.clone()]);
    wait_for("the swap", || worker.slot.get(Counter::ShelfSwaps) == 1);
    assert_alive(&mut live, &mut other);
    // Who comes back with a ticket is shown none, and goes by the one it has seen.
    let resumed = connect(&returning, &worker);
    assert_eq!(resumed.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(tunnel(&tunnels, resumed).0, hash_of(&old));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let fresh = Arc::new(client(&[&old, &new], &[version]));
        assert_eq!(tunnel(&tunnels, connect(&fresh, &worker)).0, hash_of(&new));
    }
    assert_alive(&mut live, &mut other);
}

#[test]
fn a_client_that_names_nothing_has_its_tunnel_beside_the_sites() {
    let own = made(&["a.test"]);
    let tunnels = Tunnels::new();
    let worker = tunnels.worker(&own);
    let mut nameless = client(&[&own], rustls::ALL_VERSIONS);
    nameless.enable_sni = false;
    let (_, mut live, mut other) = tunnel(&tunnels, connect(&Arc::new(nameless), &worker));
    let ask = |arguments: &[&str], path: &str| {
        let url = format!("https://127.0.0.1:{}{path}", worker.https.port());
        let format = "%{http_version} %{http_code}";
        let mut curl = Command::new("curl");
        let curl = curl.args(["-sk", "-o", "/dev/null", "-w", format]).args(arguments).arg(url);
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    };
    let path = "/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/";
    let method = ["-g", "-X", "SSTP_DUPLEX_POST"];
    for (version, said) in [("--http1.1", "1.1"), ("--http2", "2")] {
        assert_eq!(ask(&[version], "/hello.txt"), format!("{said} 200"));
        // HTTP/2 has no such request; in HTTP/1.1 this one lacks its length.
        let [globs, option, name] = method;
        assert_eq!(ask(&[version, globs, option, name], path), format!("{said} 405"));
    }
    assert_alive(&mut live, &mut other);
    assert_eq!(worker.slot.get(Counter::SstpTotal), 1);
}

#[test]
fn a_draining_worker_keeps_its_tunnels_longer_than_all_else() {
    let own = made(&["a.test"]);
    let tunnels = Tunnels::new();
    let start = |tunnel_seconds| {
        let change = |config: &mut menshen_config::Config| {
            config.limits.drain_seconds_max = 1;
            config.tunnel.drain_seconds_max = tunnel_seconds;
        };
        LoneWorker::start_beside(vec![own.pair.clone()], Some(tunnels.path.clone()), change)
    };
    let trusting = Arc::new(client(&[&own], rustls::ALL_VERSIONS));
    let draining = |worker: &LoneWorker| {
        worker.terminate();
        wait_for("draining", || worker.slot.state() == menshen_sys::SlotState::Draining);
    };
    // Both sides hear of the end, in order.
    let assert_ended = |worker: &LoneWorker, live: &mut Secure, other: &mut UnixStream| {
        assert_eq!(live.read(&mut [0; 9]).unwrap(), 0, "with close_notify");
        assert_eq!(other.read(&mut [0; 9]).unwrap(), 0);
        wait_for("the end", || worker.slot.state() == menshen_sys::SlotState::Ended);
    };
    // Its own limit. Others are cut by theirs: this one has begun a request.
    let worker = start(3);
    let (_, mut live, mut other) = tunnel(&tunnels, connect(&trusting, &worker));
    let mut begun = connect(&trusting, &worker);
    begun.write_all(b"GET / HT").unwrap();
    wait_for("two connections", || worker.slot.get(Counter::ConnectionsOpen) == 2);
    draining(&worker);
    assert_alive(&mut live, &mut other);
    let _ = begun.read(&mut [0; 9]);
    wait_for("the cut", || worker.slot.get(Counter::ConnectionsOpen) == 1);
    assert_alive(&mut live, &mut other);
    assert_ended(&worker, &mut live, &mut other);
    // When menshen stops, their limit is that of all.
    let worker = start(3600);
    let (_, mut live, mut other) = tunnel(&tunnels, connect(&trusting, &worker));
    worker.board.set_header(menshen_sys::scoreboard::HeaderWord::Stopping, 1);
    draining(&worker);
    assert_alive(&mut live, &mut other);
    assert_ended(&worker, &mut live, &mut other);
}

const REQUEST: &str = "SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n\
    Host: a.test\r\nContent-Length: 18446744073709551615\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";

#[test]
#[ignore = "a measurement"]
fn what_idle_tunnels_take_of_a_web_worker() {
    let own = made(&["a.test"]);
    let tunnels = Tunnels::new();
    let change = |config: &mut menshen_config::Config| {
        config.limits.connections_per_address_max = 2000;
    };
    let worker =
        LoneWorker::start_beside(vec![own.pair.clone()], Some(tunnels.path.clone()), change);
    let trusting = Arc::new(client(&[&own], rustls::ALL_VERSIONS));
    let resident = || {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", worker.slot.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let open = || {
        let (_, mut live, mut other) = tunnel(&tunnels, connect(&trusting, &worker));
        let large = vec![7; 300_000];
        std::thread::scope(|scope| {
            scope.spawn(|| other.write_all(&large).unwrap());
            live.read_exact(&mut vec![0; 300_000]).unwrap();
        });
        live.write_all(&large).unwrap();
        live.flush().unwrap();
        other.read_exact(&mut vec![0; 300_000]).unwrap();
        (live, other)
    };
    let _first = open();
    let before = resident();
    let _all: Vec<_> = (0..IDLE).map(|_| open()).collect();
    let each = (resident() - before) * 1024 / u64::try_from(IDLE).unwrap();
    std::io::stderr().write_all(format!("{each} octets for an idle tunnel\n").as_bytes()).unwrap();
}

const IDLE: usize = 400;
