//! One end of a tunnel of ours, without a configuration, an account or a supervisor around it: what
//! the crate for tunnels does by itself, for measuring.
//!
//! `tunnel_pair serve|dial pptp|mppe|sstp ADDRESS FILE`: `FILE` is where the serving end of SSTP
//! leaves its certificate's fingerprint and the dialling one finds it. The interface is `mt0`,
//! with 10.9.0.1 at the serving end and 10.9.0.2 at the other. It serves one session and must never
//! be reachable from anywhere but a namespace of a benchmark: its password is in this file.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use menshen_tunnel::carrier::Carrier;
use menshen_tunnel::clock::Clock;
use menshen_tunnel::driver::{Driver, Nobody, Parts, Users};
use menshen_tunnel::pptp;
use menshen_tunnel::sstp::{self, Patience, Target, Trust};
use menshen_tunnel::tun::{self, Tun};
use menshen_tunnel_core::auth::{Known, Method, Secret};
use menshen_tunnel_core::ppp::{
    AddressPlan, Ciphers, Credentials, Mppe, NameServers, Network, Session, Settings,
};
use menshen_tunnel_core::sstp::{Certificate, Hashes, Timers};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::BufReader;
use tokio::net::TcpListener;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [role, kind, address, file] = &words[..] else {
        return Err("tunnel_pair serve|dial pptp|mppe|sstp ADDRESS FILE".into());
    };
    let mppe = if kind == "mppe" { Mppe::Required(Ciphers::BITS_128) } else { Mppe::Off };
    let (address, file) = (address.parse()?, Path::new(file));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        match (&**role, &**kind) {
            ("serve", "sstp") => serve_sstp(address, file).await,
            ("serve", _) => serve_pptp(address, mppe).await,
            ("dial", "sstp") => dial_sstp(address, file).await,
            ("dial", _) => dial_pptp(address, mppe).await,
            _ => Err("serve or dial".into()),
        }
    })
}

async fn serve_pptp(address: SocketAddrV4, mppe: Mppe) -> Result<()> {
    let clock = Clock::new();
    let (tcp, _) = TcpListener::bind(address).await?.accept().await?;
    run(server(mppe), pptp::answer(tcp, clock).await?, OneUser, clock).await
}

async fn dial_pptp(server: SocketAddrV4, mppe: Mppe) -> Result<()> {
    let clock = Clock::new();
    let carrier = pptp::dial(pptp::Dial::new(server, clock)).await?;
    run(client(mppe), carrier, Nobody, clock).await
}

async fn serve_sstp(address: SocketAddrV4, file: &Path) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(vec![address.ip().to_string()])?;
    let certificate = made.cert.der().clone();
    let shown = Certificate::of_der(&certificate);
    std::fs::write(file, shown.sha256)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let (tcp, _) = TcpListener::bind(address).await?.accept().await?;
    tcp.set_nodelay(true)?;
    let tcp = BufReader::with_capacity(READ_OCTETS, tcp);
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(tcp).await?;
    let accepted = sstp::serve(tls, Vec::new(), Duration::from_secs(10)).await?;
    let clock = Clock::new();
    let carrier = accepted.start(clock.now(), shown, Hashes::ALL, Timers::default());
    run(server(Mppe::Off), carrier, OneUser, clock).await
}

async fn dial_sstp(server: SocketAddrV4, file: &Path) -> Result<()> {
    let fingerprint = std::fs::read(file)?.try_into().map_err(|_| "no fingerprint")?;
    let host = server.ip().to_string();
    let target = Target { host, port: server.port(), address: None };
    let trust = Trust::Fingerprint(fingerprint);
    let connection = sstp::connect(&target, &trust, &Patience::default()).await?;
    let clock = Clock::new();
    run(client(Mppe::Off), connection.start(clock.now(), Timers::default()), Nobody, clock).await
}

async fn run<C: Carrier>(
    session: Session,
    carrier: C,
    users: impl Users,
    clock: Clock,
) -> Result<()> {
    let (name, outer, routes) = ("mt0".to_owned(), None, Vec::new());
    let device = Tun::open(tun::Settings { name, outer, routes })?;
    let driver = Driver::new(Parts { session, carrier, device, users, clock });
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let ending = driver
        .run(async {
            terminate.recv().await;
            "asked to".to_owned()
        })
        .await;
    if let Some(mut log) =
        std::env::var_os("PAIR_LOG").and_then(|at| std::fs::File::create(at).ok())
    {
        use std::io::Write;
        let counters = ending.status.counters;
        writeln!(log, "{:?} {:?} {counters:?}", ending.cause, ending.lost)?;
    }
    Ok(())
}

/// The only user.
struct OneUser;

impl Users for OneUser {
    fn known(&mut self, _: Method, account: &[u8]) -> Known {
        if account == USER { Known::Password(Secret::new(PASSWORD)) } else { Known::Nobody }
    }

    fn network(&mut self, _: &[u8]) -> Option<Network> {
        let ends = [1, 2].map(|last| Ipv4Addr::new(10, 9, 0, last));
        let ipv4 = Some(AddressPlan::Give { local: ends[0], peer: ends[1] });
        Some(Network { ipv4, name_servers: NameServers::default(), ipv6: None })
    }
}

fn client(mppe: Mppe) -> Session {
    let credentials = Credentials { user: USER.to_vec(), password: Secret::new(PASSWORD) };
    Session::new(Settings { mru: MRU, ..Settings::client(mppe) }, Some(credentials), &mut dice)
}

fn server(mppe: Mppe) -> Session {
    Session::new(Settings { mru: MRU, ..Settings::server(mppe) }, None, &mut dice)
}

fn dice(octets: &mut [u8]) {
    let _ = rustix::rand::getrandom(octets, rustix::rand::GetRandomFlags::empty());
}

const USER: &[u8] = b"bench";
const PASSWORD: &[u8] = b"bench";
/// With GRE's and the outer headers no packet is longer than 1500 octets.
const MRU: u16 = 1400;
const READ_OCTETS: usize = 64 << 10;
