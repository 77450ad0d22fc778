//! What idle sessions of the tunnel door's server cost: `idle_sessions server` and `idle_sessions
//! clients N` in two network namespaces that are joined by a line; for SSTP `idle_sessions sstp N
//! ADDRESS FINGERPRINT`, whose server is menshen itself.
//!
//! The server listens on 10.9.1.1 to 10.9.1.32, prints its sessions and memory every two seconds,
//! and stops when its standard input ends. The clients have no interfaces of their own. It needs
//! root, and more descriptors than the usual 1,024.

#![expect(clippy::unwrap_used, reason = "a measurement may fail")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use menshen_tunnel::carrier::Carrier;
use menshen_tunnel::clock::Clock;
use menshen_tunnel::device::Device;
use menshen_tunnel::driver::{Driver, Nobody, Parts};
use menshen_tunnel::pptp::{Dial, DialError, Number, dial};
use menshen_tunnel::server::{Limits, Pptp, Server, Settings, Sockets, Times, users};
use menshen_tunnel::sstp::{Patience, Target, Trust, connect};
use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::ppp::{
    Ciphers, Credentials, Echo, Mppe, Opened, Session, Settings as Ppp,
};
use menshen_tunnel_core::sstp::Timers;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server"] => runtime.block_on(server()),
        ["clients", count] => {
            let clients = clients(count.parse().unwrap());
            runtime.block_on(LocalSet::new().run_until(clients));
        }
        ["sstp", count, server, fingerprint] => {
            let mut sha256 = [0; 32];
            for (octet, digits) in sha256.iter_mut().zip(fingerprint.split(':')) {
                *octet = u8::from_str_radix(digits, 16).unwrap();
            }
            let clients = sstp_clients(count.parse().unwrap(), server, sha256);
            runtime.block_on(LocalSet::new().run_until(clients));
        }
        _ => println!("usage: idle_sessions server | clients N | sstp N ADDRESS FINGERPRINT"),
    }
}

async fn server() {
    let path = std::env::temp_dir().join(format!("idle-sessions-{}", std::process::id()));
    std::fs::write(&path, users::format("anna", &Secret::new(b"testpass"), None)).unwrap();
    let many = 2000;
    let limits = Limits {
        sessions: many,
        sessions_per_user: many,
        half_open: many,
        half_open_per_source: many,
        ..Limits::default()
    };
    let (host, vendor) = ("door".to_owned(), "menshen".to_owned());
    let mppe = Mppe::Required(Ciphers::BITS_128);
    let server = Server::new(Settings {
        users: path,
        addresses: ([10, 77, 0, 0].into(), 16),
        dns: Vec::new(),
        routes: Vec::new(),
        domain: None,
        interface: "ms%d".to_owned(),
        mru: 1400,
        limits,
        times: Times { stop: Duration::from_secs(60), ..Times::default() },
        rate: None,
        pptp: Pptp { mppe, host, vendor },
        sstp_methods: Vec::new(),
        accounting: None,
        leases: None,
    });
    let server = server.unwrap();
    let listeners =
        (1..=32).map(|last| TcpListener::bind((Ipv4Addr::new(10, 9, 1, last), 1723)).unwrap());
    let sockets = Sockets { pptp: listeners.collect(), sstp: None };
    server.probe(&sockets).unwrap();
    let told = server.clone();
    let began = Instant::now();
    let stop = async {
        let (mut input, mut octets) = (tokio::io::BufReader::new(Input::open()), [0; 16]);
        loop {
            let read = tokio::time::timeout(Duration::from_secs(2), input.read(&mut octets));
            let now = told.snapshot();
            let open = now.sessions.iter().filter(|session| session.phase == "open").count();
            println!("{:?} {open} open, {}", began.elapsed(), memory());
            if let Ok(Ok(0)) = read.await {
                break;
            }
        }
    };
    server.run(sockets, stop).await.unwrap();
    println!("{:?} stopped, {}", began.elapsed(), memory());
}

/// Standard input, if it is a pipe.
struct Input;

impl Input {
    fn open() -> tokio::net::unix::pipe::Receiver {
        let input = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().unwrap();
        tokio::net::unix::pipe::Receiver::from_owned_fd(input).unwrap()
    }
}

/// Resident memory of this process, as the kernel says.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("RssA"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

async fn clients(count: u32) {
    crowd(count, Mppe::Required(Ciphers::BITS_128), async |number, clock| {
        let last = u8::try_from(number % 32 + 1).unwrap();
        let mut to = Dial::new(SocketAddrV4::new([10, 9, 1, last].into(), 1723), clock);
        to.number = Number::Random;
        // A number may be another client's already: both have one address.
        loop {
            match dial(to).await {
                Ok(carrier) => break carrier,
                Err(DialError::Call(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
}

async fn sstp_clients(count: u32, server: &str, sha256: [u8; 32]) {
    let target = Target { host: server.to_owned(), port: 443, address: None };
    crowd(count, Mppe::Off, async move |_, clock| {
        let trust = Trust::Fingerprint(sha256);
        let connection = connect(&target, &trust, &Patience::default()).await.unwrap();
        connection.start(clock.now(), Timers::default())
    })
    .await;
}

/// So many sessions, sixteen of them at a time on their way up. Prints every two seconds how many
/// came up, and of each that ended why.
async fn crowd<C: Carrier + 'static>(
    count: u32,
    mppe: Mppe,
    dialled: impl AsyncFn(u32, Clock) -> C + 'static,
) {
    let places = Arc::new(Semaphore::new(16));
    let (dialled, open) = (Rc::new(dialled), Rc::new(Cell::new(0)));
    let tasks = (0..count).map(|number| {
        let (places, dialled, open) = (places.clone(), dialled.clone(), open.clone());
        tokio::task::spawn_local(async move {
            let place = places.acquire_owned().await.unwrap();
            let clock = Clock::new();
            let carrier = dialled(number, clock).await;
            let password = Secret::new(b"testpass");
            let credentials = Credentials { user: b"anna".to_vec(), password };
            let mut settings = Ppp::client(mppe);
            settings.echo = Echo { interval: Duration::from_secs(600), failures: 4 };
            let session = Session::new(settings, Some(credentials), &mut |octets| {
                getrandom(octets, GetRandomFlags::empty()).unwrap();
            });
            let parts = Parts { session, carrier, device: Nowhere, users: Nobody, clock };
            let driver = Driver::new(parts);
            let mut status = driver.status();
            let opened = open.clone();
            tokio::task::spawn_local(async move {
                if status.wait_for(|status| status.opened.is_some()).await.is_ok() {
                    opened.set(opened.get() + 1);
                }
                drop(place);
            });
            let cause = driver.run(std::future::pending()).await.cause;
            println!("one ended: {cause:?}");
            cause
        })
    });
    let tasks: Vec<_> = tasks.collect();
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            println!("{} open", open.get());
        }
    });
    let mut causes = std::collections::BTreeMap::<String, usize>::new();
    for task in tasks {
        *causes.entry(format!("{:?}", task.await.unwrap())).or_default() += 1;
    }
    println!("{causes:?}");
}

/// A device without packets.
struct Nowhere;

impl Device for Nowhere {
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<Option<usize>> {
        Ok(None)
    }

    fn write(&mut self, _: &[u8]) -> io::Result<bool> {
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<u64> {
        Ok(0)
    }

    fn opened(&mut self, _: &Opened) -> io::Result<()> {
        Ok(())
    }
}
