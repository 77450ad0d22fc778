//! Both our ends of SSTP, each on a thread of a namespace: the client, and the server half over a
//! TLS listener of the test's own.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use menshen_tunnel::clock::Clock;
use menshen_tunnel::driver::{Driver, Nobody, Parts, Status, Users};
use menshen_tunnel::sstp::{Patience, Sstp, Target, Trust, connect, serve};
use menshen_tunnel::tun::{self, Tun};
use menshen_tunnel_core::auth::{Known, Method, Secret};
use menshen_tunnel_core::ppp::{
    AddressPlan, Cause, Credentials, Mppe, NameServers, Network, Session, Settings,
};
use menshen_tunnel_core::sstp::{Certificate, Hashes, Timers};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::space::{Space, wait_for};

/// A certificate with its key, in files.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    /// Where our server half writes the secrets of its connections, for tshark.
    pub(crate) secrets: PathBuf,
}

/// Makes one for this address, with files in `folder`.
pub(crate) fn made(folder: &Path, address: &str) -> Made {
    let made = rcgen::generate_simple_self_signed(vec![address.to_owned()]).unwrap();
    let (certificate_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    Made { certificate, key, certificate_file, key_file, secrets: folder.join("secrets") }
}

fn session(settings: Settings) -> Session {
    let password = Secret::new(b"testpass");
    let credentials = Credentials { user: b"testuser".to_vec(), password };
    Session::new(settings, Some(credentials), &mut |octets: &mut [u8]| {
        rustix::rand::getrandom(octets, rustix::rand::GetRandomFlags::empty()).unwrap();
    })
}

fn interface() -> Tun {
    let (name, outer, routes) = ("mt%d".to_owned(), None, Vec::new());
    Tun::open(tun::Settings { name, outer, routes }).unwrap()
}

/// A session that runs on a thread of a namespace.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) status: watch::Receiver<Status>,
    close: oneshot::Sender<()>,
    thread: JoinHandle<Ended>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cause: Cause,
    pub(crate) lost: Option<String>,
    pub(crate) status: Status,
}

impl Running {
    /// Waits until packets pass.
    pub(crate) fn wait_open(&self) {
        wait_for("packets", || self.thread.is_finished() || self.status.borrow().opened.is_some());
        assert!(!self.thread.is_finished(), "it ended before: {:?}", self.status.borrow());
    }

    /// Closes it in good order.
    pub(crate) fn close(self) -> Ended {
        let _ = self.close.send(());
        self.thread.join().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        let ended = self.thread.join().unwrap();
        drop(self.close);
        ended
    }
}

async fn closed(close: &mut oneshot::Receiver<()>) -> String {
    let _ = close.await;
    "User request".to_owned()
}

/// Our client against 10.77.0.2.
pub(crate) fn call(space: &Space, trust: Trust, ppp: Settings) -> Running {
    let (told, status) = std::sync::mpsc::channel();
    let (close, mut asked) = oneshot::channel();
    let thread = space.thread(move || {
        block_on(async {
            let target = Target { host: "10.77.0.2".to_owned(), port: 443, address: None };
            let connection = connect(&target, &trust, &Patience::default()).await.unwrap();
            let clock = Clock::new();
            let driver = Driver::new(Parts {
                session: session(ppp),
                carrier: connection.start(clock.now(), Timers::default()),
                device: interface(),
                users: Nobody,
                clock,
            });
            told.send(driver.status()).unwrap();
            let ending = driver.run(closed(&mut asked)).await;
            let lost = ending.lost.map(|lost| lost.to_string());
            Ended { cause: ending.cause, lost, status: ending.status }
        })
    });
    Running { status: status.recv().unwrap(), close, thread }
}

#[derive(Debug)]
struct TestUser;

impl Users for TestUser {
    fn known(&mut self, _: Method, account: &[u8]) -> Known {
        if account == b"testuser" {
            return Known::Password(Secret::new(b"testpass"));
        }
        Known::Nobody
    }

    fn proved(&mut self, _: &[u8]) {}

    fn network(&mut self, _: &[u8]) -> Option<Network> {
        let (local, peer) = ([10, 79, 0, 1].into(), [10, 79, 0, 100].into());
        let ipv4 = Some(AddressPlan::Give { local, peer });
        let dns = [Some([10, 79, 0, 1].into()), None];
        Some(Network {
            ipv4,
            name_servers: NameServers { dns, ..NameServers::default() },
            ipv6: None,
        })
    }
}

/// Our server half on port 443, for the first client that proves who it is: the guest's dialler
/// tries again where its own program fails at once. `believed`: the certificate that it takes for
/// the one it shows.
pub(crate) fn take(space: &Space, made: &Made, believed: Certificate, method: Method) -> Running {
    let (told, status) = watch::channel(Status::default());
    let (close, mut asked) = oneshot::channel();
    let acceptor = acceptor(made);
    let (ready, listens) = std::sync::mpsc::channel();
    let thread = space.thread(move || {
        block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 443)).await.unwrap();
            ready.send(()).unwrap();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let Ok(stream) = acceptor.accept(tcp).await else { continue };
                let accepted = serve(stream, Vec::new(), Duration::from_secs(60)).await;
                let Ok(accepted) = accepted else { continue };
                let clock = Clock::new();
                let mut ppp = Settings::server(Mppe::Off);
                ppp.methods = vec![method];
                let driver = Driver::new(Parts {
                    session: session(ppp),
                    carrier: accepted.start(clock.now(), believed, Hashes::ALL, Timers::default()),
                    device: interface(),
                    users: TestUser,
                    clock,
                });
                let ended = mirrored(driver, &told, &mut asked).await;
                if ended.status.user.is_some() {
                    return ended;
                }
            }
        })
    });
    listens.recv().unwrap();
    Running { status, close, thread }
}

fn acceptor(made: &Made) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.certificate.clone()], made.key.clone_key())
        .unwrap();
    // With tickets behind the handshake sstp-client 1.0.18 often ends with "The event loop
    // terminated unsuccessfully" before its request.
    config.send_tls13_tickets = 0;
    config.key_log = Arc::new(Secrets(made.secrets.clone()));
    TlsAcceptor::from(Arc::new(config))
}

/// Runs a session whose status is shown in `told`, too.
async fn mirrored<S: AsyncRead + AsyncWrite + Unpin>(
    driver: Driver<Sstp<S>, Tun, TestUser>,
    told: &watch::Sender<Status>,
    asked: &mut oneshot::Receiver<()>,
) -> Ended {
    let mut inner = driver.status();
    let mirror = async {
        while inner.changed().await.is_ok() {
            told.send_replace(inner.borrow_and_update().clone());
        }
        std::future::pending::<()>().await;
    };
    let (mut mirror, mut run) = (std::pin::pin!(mirror), std::pin::pin!(driver.run(closed(asked))));
    let ending = std::future::poll_fn(|cx| {
        let _ = mirror.as_mut().poll(cx);
        run.as_mut().poll(cx)
    });
    let ending = ending.await;
    let lost = ending.lost.map(|lost| lost.to_string());
    Ended { cause: ending.cause, lost, status: ending.status }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

/// Writes secrets of TLS connections to a file, in the form that other programs read.
#[derive(Debug)]
struct Secrets(PathBuf);

impl rustls::KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex =
            |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let mut file = std::fs::File::options().append(true).create(true).open(&self.0).unwrap();
        writeln!(file, "{label} {} {}", hex(client_random), hex(secret)).unwrap();
    }
}
