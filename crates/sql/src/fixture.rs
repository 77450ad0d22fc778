//! For tests: a door of one thread on a free loopback port, and both of its peers played by hand.

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::rc::Rc;
use std::sync::Arc;

use menshen_config::{Sql, SqlAddress, SqlPair, SqlSpec};
use menshen_sql_core::wire::{Capabilities, packet};
use rustls::{ClientConfig, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::accept::{Listening, Stage, Thread};
use crate::door::Door;
use crate::link::Link;
use crate::tls;

/// A door that serves; it ends with the runtime.
pub(crate) struct Played {
    pub(crate) door: Arc<Door>,
    pub(crate) address: SocketAddr,
    pub(crate) stage: watch::Sender<Stage>,
    pub(crate) served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Runs a test on one thread.
pub(crate) fn run<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async {
        let within = std::time::Duration::from_secs(60);
        tokio::time::timeout(within, task).await.expect("the test hangs")
    };
    tokio::task::LocalSet::new().block_on(&runtime, limited)
}

/// Opens a door in front of `upstream`. Call it within [`run`].
pub(crate) fn open(
    upstream: SqlAddress,
    certificate: Option<SqlPair>,
    change: impl FnOnce(&mut Sql),
) -> Played {
    let mut config = Sql { upstream, ..Sql::default() };
    change(&mut config);
    let spec = SqlSpec {
        index: 0,
        generation: 1,
        slot: 0,
        config,
        threads: 1,
        listeners: Vec::new(),
        words_fd: -1,
        control_fd: -1,
        scoreboard_fd: -1,
        posture_fd: None,
        ready_fd: -1,
        become_user: None,
        oom_score_adj: None,
        stop_seconds_max: 1,
        certificate,
        upstream_ca_pem: None,
        control_password: None,
    };
    let door = Arc::new(Door::new(&spec, 1024, Some(b"door".to_vec()), 0).unwrap());
    let listener = StdTcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stage, stages) = watch::channel(Stage::Serving);
    let thread = Rc::new(Thread::new(Arc::clone(&door), 0));
    let served = thread.serve(vec![Listening::Tcp(listener)], stages, || {});
    Played { door, address, stage, served: tokio::task::spawn_local(served) }
}

impl Played {
    /// A client's link to the door.
    pub(crate) async fn client(&self) -> Link {
        Link::new(TcpStream::connect(self.address).await.unwrap().into())
    }
}

/// A listener for the server that is played.
pub(crate) async fn listen() -> (TcpListener, SqlAddress) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, SqlAddress::Tcp(address))
}

/// The next connection of the door.
pub(crate) async fn accept(listener: &TcpListener) -> Link {
    Link::new(listener.accept().await.unwrap().0.into())
}

/// A packet's sequence number and payload; `None` at the end of the stream.
pub(crate) async fn hear(link: &mut Link) -> Option<(u8, Vec<u8>)> {
    let packet = link.packet(usize::MAX).await.unwrap_or(None)?;
    let payload = link.payload(packet).to_vec();
    link.consume(packet.wire_bytes());
    Some((packet.sequence, payload))
}

/// Sends a packet.
pub(crate) async fn say(link: &mut Link, sequence: u8, payload: &[u8]) {
    let mut sequence = sequence;
    packet::push(link.output(), &mut sequence, payload);
    link.flush().await.unwrap();
}

/// A self-made certificate as configured, and what trusts it.
pub(crate) fn certificate() -> (SqlPair, Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pair =
        SqlPair { certificate_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = tls::for_clients(&pair, 0).unwrap();
    (pair, server, Arc::new(client))
}

/// What a server of these days offers; without TLS.
pub(crate) const SERVER: Capabilities = Capabilities(
    Capabilities::RELAYED.0 & 0xffff_ffff
        | Capabilities::COMPRESS.0
        | Capabilities::ZSTD.0
        | Capabilities::QUERY_ATTRIBUTES.0
        | Capabilities::OPTIONAL_METADATA.0,
);
