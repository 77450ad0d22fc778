//! Our client against our server half, over TLS on loopback, with PPP at both ends.

use std::future::pending;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use menshen_tunnel_core::auth::{Method, Secret};
use menshen_tunnel_core::mppe::Keys;
use menshen_tunnel_core::ppp::{Cause, Credentials, Mppe, Session, Settings};
use menshen_tunnel_core::sstp::{Certificate, Hashes, Timers};
use menshen_tunnel_core::time::Moment;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::carrier::{Carrier, Event, Sent};
use crate::clock::Clock;
use crate::driver::{Driver, Ending, Nobody, Parts};
use crate::fixture::{MemoryDevice, OneUser, both, packet, while_running};

mod memory;
mod way;

/// A certificate for 127.0.0.1 and the root that signed it.
struct Made {
    root_pem: Vec<u8>,
    shown: Certificate,
    acceptor: TlsAcceptor,
}

fn made() -> Made {
    let mut root = CertificateParams::default();
    // Roots of one name and several keys would be taken for one.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    root.distinguished_name.push(DnType::CommonName, number);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem().into_bytes();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf: CertificateDer<'static> = leaf.signed_by(&key, &issuer).unwrap().into();
    let shown = Certificate::of_der(&leaf);
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .unwrap();
    Made { root_pem, shown, acceptor: TlsAcceptor::from(Arc::new(config)) }
}

/// A door on loopback.
async fn listen() -> (TcpListener, Target) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Target { host: "127.0.0.1".to_owned(), port, address: None })
}

/// The next client of a door, as far as TLS.
async fn shaken(listener: &TcpListener, made: &Made) -> TlsStream<TcpStream> {
    let (tcp, _) = listener.accept().await.unwrap();
    tcp.set_nodelay(true).unwrap();
    made.acceptor.accept(tcp).await.unwrap()
}

/// The next client's call.
async fn taken(
    listener: &TcpListener,
    made: &Made,
    shown: Certificate,
    now: Moment,
) -> Sstp<TlsStream<TcpStream>> {
    let stream = shaken(listener, made).await;
    let accepted = serve(stream, Vec::new(), PATIENCE).await.unwrap();
    assert_eq!(accepted.correlation.as_ref().map(String::len), Some(36));
    accepted.start(now, shown, Hashes::ALL, Timers::default())
}

fn session(mut settings: Settings, methods: &[Method], seed: u8) -> Session {
    let user = Credentials { user: b"user".to_vec(), password: Secret::new(b"secret") };
    settings.methods = methods.to_vec();
    let mut next = seed;
    Session::new(settings, Some(user), &mut |octets| {
        octets.fill_with(|| {
            next = next.wrapping_mul(73).wrapping_add(29);
            next
        });
    })
}

type ServerEnd = Ending<Sstp<TlsStream<TcpStream>>, MemoryDevice>;

/// What a test varies.
struct Case<W> {
    methods: &'static [Method],
    password: &'static [u8],
    /// What the server believes to have shown.
    believed: Option<Certificate>,
    /// What is done to the client's carrier.
    wrap: W,
}

/// Runs a call of both ends and `test`, at whose end the client is closed.
fn run<C: Carrier>(
    case: Case<impl FnOnce(Sstp<ClientStream>) -> C>,
    test: impl AsyncFnOnce(&MemoryDevice, &MemoryDevice),
) -> (Ending<C, MemoryDevice>, ServerEnd) {
    let made = made();
    let (near, far) = (MemoryDevice::default(), MemoryDevice::default());
    let (done, close) = tokio::sync::oneshot::channel();
    runtime().block_on(async {
        let (listener, target) = listen().await;
        let clock = Clock::new();
        let client = async {
            let trust = Trust::Roots(made.root_pem.clone());
            let connection = connect(&target, &trust, &Patience::default()).await.unwrap();
            assert_eq!(connection.facts.certificate, made.shown);
            let driver = Driver::new(Parts {
                session: session(Settings::client(Mppe::Off), case.methods, 1),
                carrier: (case.wrap)(connection.start(clock.now(), Timers::default())),
                device: near.clone(),
                users: Nobody,
                clock,
            });
            driver.run(async { close.await.unwrap_or_default() }).await
        };
        let server = async {
            let shown = case.believed.unwrap_or(made.shown);
            let driver = Driver::new(Parts {
                session: session(Settings::server(Mppe::Off), case.methods, 2),
                carrier: taken(&listener, &made, shown, clock.now()).await,
                device: far.clone(),
                users: OneUser(case.password),
                clock,
            });
            driver.run(pending()).await
        };
        let test = async {
            test(&near, &far).await;
            let _ = done.send("User request".to_owned());
        };
        while_running(both(client, server), test).await
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn packets_pass_with_every_method_and_it_ends_in_good_order() {
    for methods in [&[Method::MsChapV2], &[Method::ChapMd5], &[Method::Pap]] {
        let case = Case { methods, password: b"secret", believed: None, wrap: |carrier| carrier };
        let (client, server) = run(case, async |near, far| {
            open(near).await;
            open(far).await;
            for number in 0..=255 {
                near.push(&packet(1400, number));
                far.push(&packet(60, number));
            }
            for number in 0..=255 {
                assert_eq!(far.pop().await, packet(1400, number));
                assert_eq!(near.pop().await, packet(60, number));
            }
        });
        assert_eq!(client.cause, Cause::Closed);
        assert!(client.lost.is_none() && server.lost.is_none(), "{:?}", server.lost);
        assert!(matches!(server.cause, Cause::PeerTerminated { .. }), "{:?}", server.cause);
        assert_eq!(client.status.method, methods.first().copied());
        assert_eq!(client.status.counters.sent_packets, 256);
        assert_eq!(server.status.counters.sent_packets, 256);
        assert_eq!(server.carrier.dropped(), Dropped::default());
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let methods = &[Method::MsChapV2];
    let case = Case { methods, password: b"other", believed: None, wrap: |carrier| carrier };
    let (client, server) = run(case, async |_, _| pending().await);
    assert!(matches!(client.cause, Cause::Refused(_)), "{:?}", client.cause);
    assert!(matches!(server.cause, Cause::PeerRefused { .. }), "{:?}", server.cause);
}

/// A man in the middle with a certificate that the client trusts passes everything on: the server
/// has shown another one.
#[test]
fn who_saw_another_certificate_is_refused_with_every_method() {
    for methods in [&[Method::MsChapV2], &[Method::ChapMd5], &[Method::Pap]] {
        let believed = Some(Certificate::of_der(b"another"));
        let case = Case { methods, password: b"secret", believed, wrap: |carrier| carrier };
        let (client, server) = run(case, async |near, _| {
            near.push(&packet(60, 1));
            pending().await
        });
        assert_eq!(server.lost.map(|lost| lost.code()), Some("sstp-binding-certificate"));
        let lost = client.lost.unwrap();
        assert_eq!(lost.code(), "sstp-binding-refused");
        assert!(lost.to_string().starts_with("the peer refused the crypto binding: "), "{lost}");
        assert_eq!(server.device.opened(), None);
        assert_eq!(server.status.counters.received_packets, 0);
    }
}

/// Right certificate, right password, but whoever holds the connection has not the keys of the one
/// who proved himself.
#[test]
fn who_has_not_the_keys_is_refused() {
    let methods = &[Method::MsChapV2];
    let case = Case { methods, password: b"secret", believed: None, wrap: Keyless };
    let (client, server) = run(case, async |_, _| pending().await);
    assert_eq!(server.lost.map(|lost| lost.code()), Some("sstp-binding-mac"));
    assert_eq!(client.lost.map(|lost| lost.code()), Some("sstp-binding-refused"));
    assert_eq!(server.device.opened(), None);
}

/// A client's carrier that is never told its keys.
struct Keyless(Sstp<ClientStream>);

impl Carrier for Keyless {
    type Lost = Lost;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_ready(cx)
    }

    fn receive(&mut self, now: Moment) -> Option<&mut [u8]> {
        self.0.receive(now)
    }

    fn has_room(&self) -> bool {
        self.0.has_room()
    }

    fn send(&mut self, now: Moment, buffer: &mut [u8], frame: Range<usize>) -> Sent {
        self.0.send(now, buffer, frame)
    }

    fn poll(&mut self, now: Moment) {
        self.0.poll(now);
    }

    fn deadline(&self) -> Option<Moment> {
        self.0.deadline()
    }

    fn next_event(&mut self) -> Option<Event<Lost>> {
        self.0.next_event()
    }

    fn authenticated(&mut self, now: Moment, _: Option<&Keys>) {
        self.0.authenticated(now, None);
    }

    fn close(&mut self, now: Moment) {
        self.0.close(now);
    }
}

/// Waits until both ends have agreed on addresses.
async fn open(device: &MemoryDevice) {
    while device.opened().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(1);

const PATIENCE: Duration = Duration::from_secs(120);
