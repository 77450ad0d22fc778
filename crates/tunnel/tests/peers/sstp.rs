//! SSTP with programs of others in a guest kernel: our client against sstp-server, and sstp-client
//! against our server half, each with the real pppd and the crypto binding checked.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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

use crate::space::{Program, Space, file, find, skip, wait_for};

/// A certificate with its key, in files.
struct Made {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    certificate_file: PathBuf,
    key_file: PathBuf,
}

fn made(folder: &Path, address: &str) -> Made {
    let made = rcgen::generate_simple_self_signed(vec![address.to_owned()]).unwrap();
    let (certificate_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    Made { certificate, key, certificate_file, key_file }
}

/// A namespace with a bridge that holds 10.77.0.1.
fn space(programs: &[&str]) -> Option<Space> {
    let needed = ["linux.uml", "modprobe", "pppd", "ss", "ping", "bash"];
    let space = Space::new(&[&needed, programs].concat())?;
    space.run("ip link add br0 type bridge");
    space.run("ip addr add 10.77.0.1/24 dev br0");
    space.run("ip link set br0 up");
    Some(space)
}

/// A guest at 10.77.0.2; its console goes to `console.log` of the folder.
fn guest(space: &Space, folder: &Path, role: &str, values: &[String]) -> Program {
    let log = std::fs::File::create(folder.join("console.log")).unwrap();
    let own = folder.join("guest");
    std::fs::create_dir(&own).unwrap();
    let mut command = space.command(&format!("bash {} {}", file("guest.sh"), own.display()));
    command.args([role, "10.77.0.2/24"]).args(values);
    Program(command.stdout(log).stderr(Stdio::null()).spawn().unwrap())
}

fn console(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("console.log")).unwrap()).into_owned()
}

/// Waits for a text on the guest's console; a failure shows all of it.
fn wait_console(folder: &Path, text: &str) {
    let until = Instant::now() + Duration::from_secs(240);
    loop {
        let console = console(folder);
        if console.contains(text) {
            return;
        }
        let lost = console.contains("LAB FAIL") || Instant::now() > until;
        assert!(!lost, "{text} did not come: {console}");
        std::thread::sleep(Duration::from_millis(50));
    }
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
struct Running {
    status: watch::Receiver<Status>,
    close: oneshot::Sender<()>,
    thread: JoinHandle<Ended>,
}

/// How it ended.
#[derive(Debug)]
struct Ended {
    cause: Cause,
    lost: Option<String>,
    status: Status,
}

impl Running {
    fn wait_open(&self) {
        wait_for("packets", || self.thread.is_finished() || self.status.borrow().opened.is_some());
        assert!(!self.thread.is_finished(), "it ended before: {:?}", self.status.borrow());
    }

    fn close(self) -> Ended {
        let _ = self.close.send(());
        self.thread.join().unwrap()
    }

    fn end(self) -> Ended {
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
fn call(space: &Space, trust: Trust, ppp: Settings) -> Running {
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

struct TestUser;

impl Users for TestUser {
    fn known(&mut self, _: Method, account: &[u8]) -> Known {
        if account == b"testuser" {
            return Known::Password(Secret::new(b"testpass"));
        }
        Known::Nobody
    }

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

/// Our server half at 10.77.0.1, for the first client that proves who it is: the guest's dialler
/// tries again where its own program fails at once. `believed`: the certificate that it takes for
/// the one it shows.
fn take(space: &Space, made: &Made, believed: Certificate, method: Method) -> Running {
    let (told, status) = watch::channel(Status::default());
    let (close, mut asked) = oneshot::channel();
    let acceptor = acceptor(made);
    let (ready, listens) = std::sync::mpsc::channel();
    let thread = space.thread(move || {
        block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::new(10, 77, 0, 1), 443)).await.unwrap();
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

/// sstp-server 0.7.2 (it needs Python 3.12): in `SSTPD`, or on the path.
fn sstpd() -> Option<PathBuf> {
    let set = std::env::var_os("SSTPD").map(PathBuf::from);
    set.or_else(|| find("sstpd")).or_else(|| skip("sstpd is not installed; SSTPD= names it"))
}

#[test]
fn sstp_server_takes_our_binding_and_packets_pass() {
    let Some(sstpd) = sstpd() else { return };
    let Some(space) = space(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path(), "10.77.0.2");
    let values = [
        format!("SSTPD={}", sstpd.display()),
        format!("CERT={}", made.certificate_file.display()),
        format!("KEY={}", made.key_file.display()),
    ];
    let _guest = guest(&space, folder.path(), "sstpd", &values);
    wait_console(folder.path(), "LAB READY");
    let trust = Trust::Fingerprint(Certificate::of_der(&made.certificate).sha256);
    let call = call(&space, trust, Settings::client(Mppe::Off));
    call.wait_open();
    let opened = call.status.borrow().opened.clone().unwrap();
    let ipv4 = opened.ipv4.unwrap();
    assert_eq!((ipv4.peer, ipv4.dns[0]), ([10, 79, 0, 1].into(), Some([10, 79, 0, 1].into())));
    let pings = space.run("ping -c 20 -i 0.05 -w 60 10.79.0.1");
    assert!(pings.contains(" 20 received"), "{pings}");
    let long = space.run("ping -c 3 -i 0.2 -w 60 -M do -s 1372 10.79.0.1");
    assert!(long.contains(" 3 received"), "{long}");
    let ended = call.close();
    assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
    assert_eq!(ended.status.method, Some(Method::MsChapV2));
    wait_console(folder.path(), "Crypto Binding is valid");
}

/// The guest's script: packets, then a word on the console.
fn script(folder: &Path) -> String {
    let script = folder.join("run.sh");
    let lines = "ping -c 5 -i 0.2 10.79.0.1 && ping -c 3 -M do -s 1372 10.79.0.1 && say PINGOK\n";
    std::fs::write(&script, lines).unwrap();
    format!("RUN={}", script.display())
}

#[test]
fn sstp_client_comes_in_with_every_method() {
    let methods =
        [("chap", Method::ChapMd5), ("pap", Method::Pap), ("mschap-v2", Method::MsChapV2)];
    for (auth, method) in methods {
        let Some(space) = space(&["sstpc"]) else { return };
        let folder = tempfile::tempdir().unwrap();
        let made = made(folder.path(), "10.77.0.1");
        let taken = take(&space, &made, Certificate::of_der(&made.certificate), method);
        let values = [
            "PEER=10.77.0.1".to_owned(),
            format!("CA={}", made.certificate_file.display()),
            format!("AUTH={auth}"),
            "PPPD=logfile+/run/pppd.log".to_owned(),
            script(folder.path()),
        ];
        let _guest = guest(&space, folder.path(), "sstpc", &values);
        wait_console(folder.path(), "LAB PINGOK");
        let ended = taken.close();
        assert_eq!((&ended.cause, &ended.lost), (&Cause::Closed, &None), "{ended:?}");
        assert_eq!(ended.status.user.as_deref(), Some(&b"testuser"[..]));
        assert_eq!(ended.status.method, Some(method));
        assert!(ended.status.counters.received_packets >= 8, "{ended:?}");
        wait_console(folder.path(), "TYPE(7): DISCONNECT ACK");
    }
}

/// Somebody else's certificate stands between: the binding of a real client tells.
#[test]
fn sstp_client_that_saw_another_certificate_is_refused() {
    let Some(space) = space(&["sstpc"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path(), "10.77.0.1");
    let taken = take(&space, &made, Certificate::of_der(b"another"), Method::MsChapV2);
    let values = ["PEER=10.77.0.1".to_owned(), format!("CA={}", made.certificate_file.display())];
    let _guest = guest(&space, folder.path(), "sstpc", &values);
    let ended = taken.end();
    let wanted = "the crypto binding does not hold: the client saw another certificate";
    assert_eq!(ended.lost.as_deref(), Some(wanted), "{ended:?}");
    assert_eq!(ended.status.counters.received_packets, 0);
}
