//! Tests of SSTP's way through the door: a client with TLS, a session, and a tunnel worker of the
//! test's own, all on one thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use menshen_config::Limits;
use menshen_net::handover;
use menshen_net::{Stream, Tape};
use menshen_tls::ticket::unix_seconds;
use menshen_tls::{Pair, Shown, Standing, Store, Ticketer, server_config};
use menshen_tunnel_core::sstp::http::write_request;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::fixture::{Choices, Fixture, TOKEN};
use crate::h1::Mode;

type Client = TlsStream<TcpStream>;

/// A door and a tunnel worker beside it.
pub(super) struct Bench {
    pub(super) made: Fixture,
    pub(super) worker: Option<UnixListener>,
    tls: Arc<ServerConfig>,
    pub(super) trusting: Arc<ClientConfig>,
    leaf: CertificateDer<'static>,
    dir: TempDir,
}

impl Bench {
    pub(super) fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tunnel: PathBuf = dir.path().join("tunnel-sstp");
        let worker = Some(UnixListener::bind(&tunnel).unwrap());
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let log = Some(log.into());
        let choices = Choices { limits, log, tunnel: Some(tunnel), ..Choices::default() };
        let made = Fixture::with(choices);
        made.file("file", "0123456789");
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let now = i64::try_from(unix_seconds()).unwrap();
        let own = menshen_tls::dev_ca::ensure(&state, &["a.test".to_owned()], now).unwrap();
        let pair = Pair {
            certificate_pem: own.chain_pem.as_bytes(),
            key_pem: own.key_pem.as_bytes(),
            standing: Standing::Proper,
        };
        let (store, _) = Store::new([pair], now).unwrap();
        let ticketer = Arc::new(Ticketer::new(&[1; 32], unix_seconds));
        let tls = server_config(Arc::new(store), None, ticketer, &[b"http/1.1"]).unwrap();
        let mut roots = RootCertStore::empty();
        let ca = std::fs::read(&own.ca_path).unwrap();
        roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let trusting = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let leaf = CertificateDer::from_pem_slice(own.chain_pem.as_bytes()).unwrap();
        Self { made, worker, tls: Arc::new(tls), trusting: Arc::new(trusting), leaf, dir }
    }

    /// A client that shook hands, and the session that serves it.
    async fn connect(&self) -> (Client, JoinHandle<()>) {
        self.connect_with(None).await
    }

    /// Likewise; `room`: size of the client's receive buffer, bytes.
    async fn connect_with(&self, room: Option<u32>) -> (Client, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        if let Some(room) = room {
            socket.set_recv_buffer_size(room).unwrap();
        }
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        let session = tokio::task::spawn_local(serve(self, accepted));
        let name = ServerName::try_from("a.test").unwrap();
        let connector = TlsConnector::from(Arc::clone(&self.trusting));
        (connector.connect(name, client).await.unwrap(), session)
    }

    /// What the tunnel worker is given next.
    async fn taken(&self) -> (Handover, UnixStream) {
        let (mut stream, _) = self.worker.as_ref().unwrap().accept().await.unwrap();
        (handover::receive(&mut stream).await.unwrap(), stream)
    }

    /// A tunnel that is open on both sides, the request and its answer gone.
    async fn open(&self) -> (Client, UnixStream, JoinHandle<()>) {
        self.open_with(None).await
    }

    async fn open_with(&self, room: Option<u32>) -> (Client, UnixStream, JoinHandle<()>) {
        let (mut client, session) = self.connect_with(room).await;
        client.write_all(&asked()).await.unwrap();
        let (_, mut tunnel) = self.taken().await;
        tunnel.write_all(ANSWER).await.unwrap();
        let mut answer = [0; ANSWER.len()];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *ANSWER);
        (client, tunnel, session)
    }

    /// Sends `octets` and reads all there is.
    async fn once(&self, octets: &[u8]) -> String {
        let (mut client, session) = self.connect().await;
        client.write_all(octets).await.unwrap();
        let answer = rest(&mut client).await;
        drop(client);
        session.await.unwrap();
        answer
    }

    /// The end reasons of the log so far.
    fn ends(&self) -> Vec<String> {
        self.made.door.log.flush();
        let text = std::fs::read_to_string(self.dir.path().join("log")).unwrap();
        let end = |line: &str| line.split_once("end=").unwrap().1.split(' ').next().unwrap().into();
        text.lines().map(end).collect()
    }

    fn gauge(&self) -> u64 {
        self.made.door.slot.get(Counter::SstpOpen)
    }
}

async fn serve_plainly(bench: &Bench, octets: &[u8]) -> String {
    let octets = octets.to_vec();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let door = Rc::clone(&bench.made.door);
    let socket = Rc::new(socket);
    let watched = door.watch.add(Rc::clone(&socket));
    let stream = Stream::new(socket, None);
    let session = Session::new(door, stream, watched, peer, Mode::Serve, -1);
    let session = tokio::task::spawn_local(session.run());
    client.write_all(&octets).await.unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    drop(client);
    session.await.unwrap();
    undated(&all)
}

pub(super) fn serve(
    bench: &Bench,
    (socket, peer): (TcpStream, SocketAddr),
) -> impl Future<Output = ()> + use<> {
    let door = Rc::clone(&bench.made.door);
    let config = Arc::clone(&bench.tls);
    async move {
        let (config, watches) = Shown::over(&config);
        let tls = ServerConnection::new(config).unwrap();
        let socket = Rc::new(socket);
        let watched = door.watch.add(Rc::clone(&socket));
        let mut stream = Stream::new(socket, Some(tls));
        let mut shown = None;
        let seen = |tls: &mut ServerConnection| shown = watches.look(tls).or(shown);
        stream.handshake_seen(&mut Tape::begin(), seen).await.unwrap();
        assert!(shown.is_some());
        Session::new(door, stream, watched, peer, Mode::Serve, 1).shown(shown).run().await;
    }
}

/// Runs a test on one thread; whoever hangs fails.
fn run(limits: Limits, test: impl AsyncFnOnce(&mut Bench)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut bench = Bench::new(limits);
        tokio::task::spawn_local(Rc::clone(&bench.made.door.watch).run(|_| {}));
        let test = test(&mut bench);
        tokio::time::timeout(Duration::from_secs(100), test).await.expect("it hangs");
    });
}

pub(super) fn asked() -> Vec<u8> {
    write_request("a.test", [7; 16]).unwrap()
}

/// The request with a text in it replaced.
fn bent(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(asked()).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

async fn rest(client: &mut Client) -> String {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    undated(&all)
}

fn undated(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer).into_owned();
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

const ANSWER: &[u8] = menshen_tunnel_core::sstp::http::ANSWER;

#[test]
fn the_request_is_handed_over_whole_over_any_chunking() {
    run(Limits::default(), async |bench| {
        let all = [asked(), b"\x10\x01\x00\x0e what did not wait".to_vec()].concat();
        for size in [1, 2, 7, 66, 67, 100, all.len()] {
            let (mut client, session) = bench.connect().await;
            let peer = client.get_ref().0.local_addr().unwrap();
            let sending = async {
                for piece in all.chunks(size) {
                    client.write_all(piece).await.unwrap();
                    client.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            sending.await;
            let (handover, mut tunnel) = bench.taken().await;
            assert_eq!(handover.client, peer);
            let Kind::Sstp(early) = handover.kind else { panic!("{handover:?}") };
            let shown = ShownHashes::of(&bench.leaf);
            assert_eq!((early.sha1, early.sha256), (shown.sha1, shown.sha256));
            let mut came = early.octets;
            while came.len() < all.len() {
                assert_ne!(tunnel.read_buf(&mut came).await.unwrap(), 0);
            }
            assert_eq!(came, all, "{size}");
            tunnel.write_all(ANSWER).await.unwrap();
            drop(tunnel);
            assert_eq!(rest(&mut client).await.as_bytes(), ANSWER);
            drop(client);
            session.await.unwrap();
        }
        assert!(bench.ends().iter().all(|end| end == "done"), "{:?}", bench.ends());
        assert_eq!(bench.gauge(), 0);
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 7);
    });
}

#[test]
fn any_name_or_none_will_do() {
    run(Limits::default(), async |bench| {
        for host in ["Host: other.example:443", "Host: ", "X-No: host"] {
            let (mut client, session) = bench.connect().await;
            client.write_all(&bent("Host: a.test", host)).await.unwrap();
            let (handover, tunnel) = bench.taken().await;
            assert!(matches!(handover.kind, Kind::Sstp(_)), "{host}");
            drop((tunnel, client));
            session.await.unwrap();
        }
    });
}

#[test]
fn what_is_not_quite_the_request_is_an_unknown_method() {
    run(Limits::default(), async |bench| {
        let other = "SSTP_DUPLEX_POSX";
        let unknown = bench.once(&bent("SSTP_DUPLEX_POST", other)).await;
        assert!(unknown.starts_with("HTTP/1.1 405 "), "{unknown}");
        for octets in [
            bent("SSTP_DUPLEX_POST", "sstp_duplex_post"),
            bent("CD75}/", "CD76}/"),
            bent("CD75}/", "CD75}"),
            bent("/sra_", "//sra_"),
            bent("HTTP/1.1", "HTTP/1.0"),
            bent("18446744073709551615", "18446744073709551614"),
            bent("18446744073709551615", "0"),
            bent("Content-Length: 18446744073709551615\r\n", ""),
            [b"\r\n".to_vec(), asked()].concat(),
        ] {
            // Also those after which another request could come.
            let text = String::from_utf8(octets).unwrap();
            let text = text.replace("SSTPCORR", "Connection: close\r\nX-CORR");
            assert_eq!(bench.once(text.as_bytes()).await, unknown, "{text}");
        }
        // What is no HTTP is refused as such.
        let length = "Content-Length: 18446744073709551615";
        for (from, to) in [
            (length, "Content-Length: 18446744073709551616".to_owned()),
            (length, format!("{length}\r\n{length}")),
            (length, format!("{length}\r\nTransfer-Encoding: chunked")),
            ("Host: a.test", "Host a.test".to_owned()),
        ] {
            let answer = bench.once(&bent(from, &to)).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{to}: {answer}");
        }
        // Nobody heard of any of them.
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn without_tls_or_a_tunnel_door_the_method_is_unknown() {
    run(Limits::default(), async |bench| {
        let other = bent("SSTP_DUPLEX_POST", "SSTP_DUPLEX_POSX");
        assert_eq!(serve_plainly(bench, &asked()).await, serve_plainly(bench, &other).await);
        let mut without = Bench::new(Limits::default());
        let (choices, dir) = (Choices::default(), tempfile::tempdir().unwrap());
        (without.made, without.dir) = (Fixture::with(choices), dir);
        let answer = without.once(&asked()).await;
        assert_eq!(answer, without.once(&other).await);
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn only_the_first_request_of_a_connection_can_be_a_tunnels() {
    run(Limits::default(), async |bench| {
        let get = format!("GET /file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        let answer = bench.once(&[get.into_bytes(), asked()].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("0123456789HTTP/1.1 405 "), "{answer}");
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn limits_of_heads_hold() {
    let limits = Limits { head_seconds_max: 1, ..Limits::default() };
    run(limits, async |bench| {
        let long = format!("Host: a.test\r\nX: {}", "y".repeat(40_000));
        let answer = bench.once(&bent("Host: a.test", &long)).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        // Within HTTP's limit and beyond SSTP's: HTTP's to answer.
        let longer = format!("Host: a.test\r\nX: {}", "y".repeat(9000));
        let answer = bench.once(&bent("Host: a.test", &longer)).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        let many = format!("Host: a.test{}", "\r\nX: y".repeat(101));
        let answer = bench.once(&bent("Host: a.test", &many)).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let octets = asked();
        let answer = bench.once(&octets[..octets.len() - 2]).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn without_a_worker_that_answers_it_is_a_503() {
    run(Limits::default(), async |bench| {
        // One that closes without a word.
        let (mut client, session) = bench.connect().await;
        client.write_all(&asked()).await.unwrap();
        drop(bench.taken().await);
        let mut answers = vec![rest(&mut client).await];
        drop(client);
        session.await.unwrap();
        // One that is gone, and one that never was.
        bench.worker = None;
        answers.push(bench.once(&asked()).await);
        std::fs::remove_file(bench.dir.path().join("tunnel-sstp")).unwrap();
        answers.push(bench.once(&asked()).await);
        for answer in answers {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("\r\nretry-after: 2\r\n"), "{answer}");
        }
        assert_eq!(bench.ends(), ["upstream/tunnel"; 3]);
        assert_eq!((bench.gauge(), bench.made.door.slot.get(Counter::Status5xx)), (0, 3));
    });
}

#[test]
fn a_hundred_megabytes_pass_both_ways_at_once_unchanged() {
    run(Limits::default(), async |bench| {
        let (client, tunnel, session) = bench.open().await;
        let (mut from_door, mut to_door) = tunnel.into_split();
        // What comes is sent back; the test's own buffer is all there is in between.
        let echo = tokio::task::spawn_local(async move {
            tokio::io::copy(&mut from_door, &mut to_door).await.unwrap()
        });
        let block: Arc<[u8]> =
            (0..1_000_003_u32).map(|at| (at.wrapping_mul(at) >> 7).to_le_bytes()[0]).collect();
        let (mut hears, mut says) = split(client);
        let said = Arc::clone(&block);
        let saying = tokio::task::spawn_local(async move {
            for _ in 0..BLOCKS {
                says.write_all(&said).await.unwrap();
            }
            says.shutdown().await.unwrap();
            says
        });
        let mut piece = vec![0; 1 << 16];
        let mut heard = 0;
        loop {
            let got = hears.read(&mut piece).await.unwrap();
            if got == 0 {
                break;
            }
            let mut left = &piece[..got];
            while !left.is_empty() {
                let at = heard % block.len();
                let now = left.len().min(block.len() - at);
                assert!(left[..now] == block[at..at + now], "another octet near {heard}");
                heard += now;
                left = &left[now..];
            }
        }
        assert_eq!(heard, BLOCKS * block.len());
        assert_eq!(echo.await.unwrap(), heard as u64);
        drop((saying.await.unwrap(), hears));
        session.await.unwrap();
        let slot = bench.made.door.slot;
        assert_eq!(slot.get(Counter::BytesIn), heard as u64 + asked().len() as u64);
        assert_eq!(slot.get(Counter::BytesOut), heard as u64 + ANSWER.len() as u64);
    });
}

#[test]
fn a_tunnel_is_shown_while_it_lasts() {
    run(Limits::default(), async |bench| {
        let (client, tunnel, session) = bench.open().await;
        let shown = bench.made.door.slot.transfers();
        assert_eq!(shown.len(), 1);
        let peer = client.get_ref().0.local_addr().unwrap();
        assert_eq!(shown[0].kind, TransferKind::Tunnel);
        assert_eq!(shown[0].path, format!("sstp {peer}").as_bytes());
        assert_eq!(shown[0].done, (asked().len() + ANSWER.len()) as u64);
        assert_eq!(bench.gauge(), 1);
        drop((client, tunnel));
        session.await.unwrap();
        assert!(bench.made.door.slot.transfers().is_empty());
        assert_eq!(bench.gauge(), 0);
    });
}

#[test]
fn each_side_may_end_before_the_other() {
    run(Limits::default(), async |bench| {
        // The client has said all; what the tunnel still says is heard.
        let (mut client, mut tunnel, session) = bench.open().await;
        client.write_all(b"last words").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        tunnel.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
        let long = vec![7; 3_000_000];
        let sending = tokio::task::spawn_local(async move {
            tunnel.write_all(&long).await.unwrap();
        });
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 3_000_000);
        sending.await.unwrap();
        session.await.unwrap();
        // The other way round.
        let (mut client, mut tunnel, session) = bench.open().await;
        tunnel.write_all(b"last words").await.unwrap();
        tunnel.shutdown().await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
        client.write_all(b"indeed").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        tunnel.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"indeed");
        drop((client, tunnel));
        session.await.unwrap();
        assert_eq!(bench.ends(), ["client/tunnel", "done"]);
    });
}

#[test]
fn who_is_gone_is_told_to_the_other_side_and_the_log() {
    run(Limits::default(), async |bench| {
        // The client, with a reset.
        let (client, mut tunnel, session) = bench.open().await;
        client.get_ref().0.set_zero_linger().unwrap();
        drop(client);
        assert_eq!(tunnel.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
        // The tunnel worker, in order, though the client says nothing and stays.
        let (mut client, tunnel, session) = bench.open().await;
        drop(tunnel);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0, "with close_notify");
        drop(client);
        session.await.unwrap();
        // The tunnel worker, with octets it did not read.
        let (mut client, mut tunnel, session) = bench.open().await;
        client.write_all(b"unheard").await.unwrap();
        tunnel.read_exact(&mut [0]).await.unwrap();
        drop(tunnel);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
        drop(client);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["client/tunnel", "done", "done"]);
        assert_eq!(bench.gauge(), 0);
    });
}

#[test]
fn a_side_that_goes_after_its_last_words_is_not_waited_for() {
    run(Limits::default(), async |bench| {
        let (mut client, mut tunnel, session) = bench.open().await;
        tunnel.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0, "with close_notify");
        // What the client says still arrives, however often the relay has looked.
        let reading = tokio::task::spawn_local(async move {
            tunnel.read_exact(&mut vec![0; 3_000_000]).await.map(|_| tunnel)
        });
        client.write_all(&vec![7; 3_000_000]).await.unwrap();
        assert_eq!(bench.gauge(), 1);
        drop(reading.await.unwrap().unwrap());
        while bench.gauge() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(client);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["done"], "and not the limit");
    });
}

#[test]
fn a_worker_that_ends_says_goodbye_to_its_tunnels() {
    run(Limits::default(), async |bench| {
        let (mut client, mut tunnel, session) = bench.open().await;
        bench.made.door.cut.notify_waiters();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
        assert_eq!(tunnel.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["operator/tunnel"]);
    });
}

#[test]
fn a_reader_that_stands_still_costs_little_and_is_ended() {
    let limits = Limits { stall_seconds_max: 1, ..Limits::default() };
    run(limits, async |bench| {
        let (client, mut tunnel, session) = bench.open_with(Some(32 << 10)).await;
        let piece = vec![9; 64 << 10];
        let mut written = 0;
        // Until the door is through with this client.
        while let Ok(got) = tunnel.write(&piece).await {
            written += got;
            assert!(written < 3 << 20, "all that nobody reads is taken");
        }
        session.await.unwrap();
        assert_eq!(bench.ends(), ["limit/tunnel"]);
        drop(client);
    });
}

#[test]
fn a_tunnel_that_stands_still_slows_its_client() {
    run(Limits::default(), async |bench| {
        let (client, mut tunnel, session) = bench.open().await;
        let (mut hears, mut says) = split(client);
        let piece = vec![9; 64 << 10];
        let mut written = 0;
        let blocked = async {
            loop {
                written += says.write(&piece).await.unwrap();
                assert!(written < 24 << 20, "all that nobody reads is taken");
            }
        };
        // No longer than it takes to fill what there is.
        tokio::time::timeout(Duration::from_secs(2), blocked).await.unwrap_err();
        let draining = tokio::task::spawn_local(async move {
            let mut all = Vec::new();
            tunnel.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        says.shutdown().await.unwrap();
        assert!(draining.await.unwrap() >= written, "nothing is lost by it");
        assert_eq!(hears.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
    });
}

#[test]
fn silence_is_the_tunnels_own_affair() {
    let limits = Limits {
        head_seconds_max: 1,
        idle_seconds_max: 1,
        stall_seconds_max: 1,
        ..Limits::default()
    };
    run(limits, async |bench| {
        let (mut client, mut tunnel, session) = bench.open().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        client.write_all(b"still here").await.unwrap();
        let mut heard = [0; 10];
        tunnel.read_exact(&mut heard).await.unwrap();
        tunnel.write_all(&heard).await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still here");
        drop((client, tunnel));
        session.await.unwrap();
    });
}

/// A hundred megabytes in all.
const BLOCKS: usize = 100;
