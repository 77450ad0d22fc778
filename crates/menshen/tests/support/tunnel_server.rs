//! Servers of tunnels for a test, on threads of a namespace: our SSTP server half with PPP and a
//! TUN interface behind it, and a PPTP control connection that grants calls and has no GRE.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use menshen_tunnel::clock::Clock;
use menshen_tunnel::driver::{Driver, Parts, Users};
use menshen_tunnel::sstp::serve;
use menshen_tunnel::tun::{self, Tun};
use menshen_tunnel_core::auth::{Known, Method, Secret};
use menshen_tunnel_core::ppp::{AddressPlan, Mppe, NameServers, Network, Session, Settings};
use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::call::{Control, Event, Limits, Role, Settings as CallSettings};
use menshen_tunnel_core::pptp::control::Text;
use menshen_tunnel_core::sstp::{Certificate, Hashes, Timers};
use menshen_tunnel_core::time::Moment;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::space::Space;

/// The server's outer address, and both inner ones.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
pub(crate) const INNER: Ipv4Addr = Ipv4Addr::new(10, 67, 0, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 67, 0, 2);

/// A server that runs until the test ends.
pub(crate) struct SstpServer {
    /// What a client has to trust.
    pub(crate) certificate: PathBuf,
    /// Its SHA-256.
    pub(crate) fingerprint: String,
    /// Cuts the session that is there, without a word.
    pub(crate) cut: mpsc::UnboundedSender<()>,
}

/// What stands on port 443.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sstp,
    /// A web server that does not know SSTP.
    Web,
}

/// Starts it in a namespace that has [`SERVER`], one session at a time.
pub(crate) fn start(space: &Space, folder: &std::path::Path, kind: Kind) -> SstpServer {
    let made = rcgen::generate_simple_self_signed(vec![SERVER.to_string()]).unwrap();
    let certificate = folder.join("server.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let shown = Certificate::of_der(made.cert.der());
    let fingerprint = shown.sha256.iter().map(|octet| format!("{octet:02x}")).collect();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let acceptor = acceptor(made.cert.der().clone(), key);
    let (cut, mut cuts) = mpsc::unbounded_channel();
    let (ready, listens) = std::sync::mpsc::channel();
    inside(space, move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind((SERVER, 443)).await.unwrap();
            ready.send(()).unwrap();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                match kind {
                    Kind::Sstp => session(&acceptor, tcp, shown, &mut cuts).await,
                    Kind::Web => web(&acceptor, tcp).await,
                }
            }
        });
    });
    listens.recv().unwrap();
    SstpServer { certificate, fingerprint, cut }
}

async fn session(
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
    shown: Certificate,
    cuts: &mut mpsc::UnboundedReceiver<()>,
) {
    let Ok(stream) = acceptor.accept(tcp).await else { return };
    let Ok(accepted) = serve(stream, Vec::new(), Duration::from_secs(60)).await else { return };
    let clock = Clock::new();
    let settings = Settings::server(Mppe::Off);
    let session = Session::new(settings, None, &mut |octets: &mut [u8]| {
        rustix::rand::getrandom(octets, rustix::rand::GetRandomFlags::empty()).unwrap();
    });
    let (name, outer, routes) = ("mts%d".to_owned(), None, Vec::new());
    let driver = Driver::new(Parts {
        session,
        carrier: accepted.start(clock.now(), shown, Hashes::ALL, Timers::default()),
        device: Tun::open(tun::Settings { name, outer, routes }).unwrap(),
        users: Anna,
        clock,
    });
    let mut run = pin!(driver.run(std::future::pending()));
    std::future::poll_fn(|cx| match cuts.poll_recv(cx) {
        Poll::Ready(Some(())) => Poll::Ready(()),
        _ => run.as_mut().poll(cx).map(|_| ()),
    })
    .await;
}

/// Answers as a web server does that knows nothing of SSTP.
async fn web(acceptor: &TlsAcceptor, tcp: TcpStream) {
    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
    let mut head = [0; 1024];
    let _ = stream.read(&mut head).await;
    let answer = b"HTTP/1.1 405 Method Not Allowed\r\nServer: other\r\nContent-Length: 0\r\n\r\n";
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

/// The only user.
struct Anna;

impl Users for Anna {
    fn known(&mut self, _: Method, account: &[u8]) -> Known {
        if account == b"anna" { Known::Password(Secret::new(b"geheim")) } else { Known::Nobody }
    }

    fn proved(&mut self, _: &[u8]) {}

    fn network(&mut self, _: &[u8]) -> Option<Network> {
        let ipv4 = Some(AddressPlan::Give { local: INNER, peer: CLIENT });
        let name_servers = NameServers { dns: [Some(INNER), None], ..NameServers::default() };
        Some(Network { ipv4, name_servers, ipv6: None })
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// PPTP's control connection on [`SERVER`]: grants every call and never sends GRE, as where GRE is
/// dropped on the way.
pub(crate) fn start_control(space: &Space) {
    let (ready, listens) = std::sync::mpsc::channel();
    inside(space, move || {
        let listener = StdListener::bind(SocketAddr::from((SERVER, 1723))).unwrap();
        ready.send(()).unwrap();
        for tcp in listener.incoming().flatten() {
            grant(tcp);
        }
    });
    listens.recv().unwrap();
}

fn grant(mut tcp: std::net::TcpStream) {
    let began = Instant::now();
    let now = || Moment(began.elapsed());
    let settings = CallSettings {
        role: Role::Server,
        host: Text::new("test"),
        vendor: Text::new("nobody"),
        firmware: 1,
        window: 3,
        limits: Limits::default(),
    };
    let mut control = Control::new(settings, now());
    let mut octets = [0; 1024];
    loop {
        let Ok(read @ 1..) = tcp.read(&mut octets) else { return };
        control.input(now(), &octets[..read]);
        while let Some(event) = control.next_event() {
            if let Event::CallAsked { peer, .. } = event {
                control.accept(peer, CallId(7)).unwrap();
            }
        }
        let mut out = Vec::new();
        control.output(&mut out);
        if tcp.write_all(&out).is_err() {
            return;
        }
    }
}

/// Runs something on a thread of a namespace.
fn inside(space: &Space, what: impl FnOnce() + Send + 'static) {
    let path = space.path();
    std::thread::spawn(move || {
        let file = std::fs::File::open(path).unwrap();
        rustix::thread::move_into_link_name_space(file.as_fd(), None).unwrap();
        what();
    });
}
