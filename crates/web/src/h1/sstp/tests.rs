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

mod relay;
mod request;
