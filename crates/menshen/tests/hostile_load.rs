//! Many connections at once in a bounded amount of memory, and what happens at the limits:
//! refused, counted, and all is well again when the crowd has gone.

use crate::support::{counts, live, secure, wire};

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use counts::{count, private_bytes};
use live::{Live, fetch, folder, wait_for};
use menshen_base::Counter;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use secure::{Secure, client, shake};
use wire::{pattern, spooled, stored};

/// Room for everybody, and no deadline that could end the test's own connections.
const SETTINGS: &str = "workers = 2
[limits]
connections_max = 15000
connections_per_address_max = 15000
idle_seconds_max = 600
stall_seconds_max = 600
rate_grace_seconds = 600
";

#[test]
fn ten_thousand_idle_tls_connections_and_a_thousand_slow_uploads() {
    let _alone = alone();
    let idle_wanted = affordable(IDLE, 2 * UPLOADS);
    let live = Live::start(SETTINGS);
    // Warm: what a worker makes once must not be charged to the connections.
    drop(open_idle(&live, 64));
    wait_for("the first to be gone", || count(&live, Counter::ConnectionsOpen) == 0);

    let before = private_bytes(&live);
    let began = Instant::now();
    let mut idle = open_idle(&live, idle_wanted);
    let each = grown(&live, before, idle.len());
    eprintln!("{} idle TLS connections: {each} bytes each, {:?}", idle.len(), began.elapsed());
    assert_eq!(count(&live, Counter::ConnectionsOpen), idle.len() as u64);
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes for each idle TLS connection");

    let before = private_bytes(&live);
    let body = pattern(UPLOAD_BYTES);
    let mut secure = open_uploads(&live, "tls", &body, |live| Box::new(one_secure(live)));
    let each = grown(&live, before, secure.len());
    eprintln!("{} slow TLS uploads: {each} bytes each", secure.len());
    assert!(each <= TLS_UPLOAD_BYTES_MAX, "{each} bytes for each slow TLS upload");

    let before = private_bytes(&live);
    let mut plain = open_uploads(&live, "plain", &body, |live| {
        Box::new(TcpStream::connect(live.plain).unwrap())
    });
    let each = grown(&live, before, plain.len());
    eprintln!("{} slow plain uploads: {each} bytes each", plain.len());
    assert!(each <= PLAIN_UPLOAD_BYTES_MAX, "{each} bytes for each slow plain upload");
    assert_eq!(spooled(&live).len(), 2 * UPLOADS);
    fetch(live.plain).unwrap();

    // They were held, not forgotten: all end well.
    for (kind, uploads) in [("tls", &mut secure), ("plain", &mut plain)] {
        for stream in uploads.iter_mut() {
            stream.write_all(&body[UPLOAD_FIRST..]).unwrap();
        }
        for (number, stream) in uploads.iter_mut().enumerate() {
            assert!(answer(stream).starts_with("HTTP/1.1 201 "), "{kind} {number}");
        }
        let kept = std::fs::read(stored(&live, &format!("{kind}-0"))).unwrap();
        assert!(kept == body, "{kind}-0 differs");
    }
    assert_eq!(count(&live, Counter::UploadsDone), 2 * UPLOADS as u64);
    assert!(spooled(&live).is_empty());
    for stream in idle.iter_mut().step_by(97) {
        ask_hello(stream);
    }
    drop((idle, secure, plain));
    wait_for("the crowd to be gone", || count(&live, Counter::ConnectionsOpen) == 0);
    fetch(live.plain).unwrap();
}

#[test]
fn connections_beyond_the_limit_are_refused_and_counted() {
    let _alone = alone();
    let live = Live::start("workers = 1\n[limits]\nconnections_max = 16");
    let held: Vec<TcpStream> = (0..16).map(|_| held(live.plain, LOCAL)).collect();
    for number in 0..10 {
        assert!(refused(live.plain, LOCAL), "connection {number} beyond the limit");
    }
    assert!(secure_refused(&live), "the limit is one for all listeners");
    assert_eq!(count(&live, Counter::LimitConnections), 11);
    assert_eq!(count(&live, Counter::ConnectionsOpen), 16);
    drop(held);
    wait_for("places", || count(&live, Counter::ConnectionsOpen) == 0);
    for _ in 0..16 {
        fetch(live.plain).unwrap();
    }
    assert_eq!(count(&live, Counter::LimitConnections), 11, "no hit since");
}

#[test]
fn one_address_cannot_take_all_places() {
    let _alone = alone();
    let live = Live::start("workers = 1\n[limits]\nconnections_per_address_max = 8");
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let held_by_one: Vec<TcpStream> = (0..8).map(|_| held(live.plain, LOCAL)).collect();
    for number in 0..10 {
        assert!(refused(live.plain, LOCAL), "connection {number} beyond the limit");
        assert!(!refused(live.plain, other), "another address is not concerned");
    }
    assert_eq!(count(&live, Counter::LimitPerAddress), 10);
    assert_eq!(count(&live, Counter::LimitConnections), 0);
    drop(held_by_one);
    wait_for("places", || count(&live, Counter::ConnectionsOpen) == 0);
    for _ in 0..8 {
        fetch(live.plain).unwrap();
    }
    assert_eq!(count(&live, Counter::LimitPerAddress), 10, "no hit since");
}

/// Few descriptors: the automatic limits leave room for files, so those let in are served.
#[test]
fn few_descriptors_mean_few_connections_not_failures() {
    let _alone = alone();
    let folder = folder("workers = 1\n[limits]\ndescriptors_max = 16");
    let script = format!("ulimit -n 192; exec {} serve", env!("CARGO_BIN_EXE_menshen"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(folder.path());
    let live = Live::start_command(folder, shell);
    let mut let_in = Vec::new();
    let mut turned_away = 0;
    for _ in 0..300 {
        let mut stream = connected(live.plain, LOCAL);
        match upload_begins(&mut stream) {
            true => let_in.push(stream),
            false => turned_away += 1,
        }
    }
    eprintln!("192 descriptors: {} uploads let in, {turned_away} turned away", let_in.len());
    assert!(let_in.len() >= 32 && turned_away > 100, "{} and {turned_away}", let_in.len());
    assert_eq!(count(&live, Counter::LimitConnections), turned_away);
    for stream in &mut let_in {
        stream.write_all(b"y").unwrap();
        assert!(answer(stream).starts_with("HTTP/1.1 20"), "an upload that was let in");
    }
    drop(let_in);
    wait_for("places", || count(&live, Counter::ConnectionsOpen) == 0);
    fetch(live.plain).unwrap();
    assert!(spooled(&live).is_empty());
}

/// Begins an upload of two bytes; whether the server lets it in.
fn upload_begins(stream: &mut TcpStream) -> bool {
    let head = "PUT /few HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
                Content-Length: 2\r\n\r\n";
    let asked = stream.write_all(head.as_bytes());
    let mut interim = [0; 25];
    if asked.is_err() || stream.read_exact(&mut interim).is_err() {
        return false;
    }
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"x").unwrap();
    true
}

/// Opens TLS connections that have had one answer and wait for nothing.
fn open_idle(live: &Live, wanted: usize) -> Vec<Secure> {
    let config = client(live, &[]);
    let share = |number| {
        let config = &config;
        move || {
            let mine = wanted / CLIENTS + usize::from(number < wanted % CLIENTS);
            let open = |_| {
                let mut stream = shake(config, TcpStream::connect(live.https.unwrap()).unwrap());
                ask_hello(&mut stream);
                stream
            };
            (0..mine).map(open).collect::<Vec<_>>()
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(share(number))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn one_secure(live: &Live) -> Secure {
    shake(&client(live, &[]), TcpStream::connect(live.https.unwrap()).unwrap())
}

/// Opens uploads and sends the first bytes of each; all are in the spool when this returns.
fn open_uploads(
    live: &Live,
    kind: &str,
    body: &[u8],
    open: impl Fn(&Live) -> Box<dyn Stream>,
) -> Vec<Box<dyn Stream>> {
    let before = spooled(live).len();
    let uploads = (0..UPLOADS).map(|number| {
        let mut stream = open(live);
        let head = format!(
            "PUT /{kind}-{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..UPLOAD_FIRST / 2]).unwrap();
        stream
    });
    let mut uploads: Vec<_> = uploads.collect();
    // A slow one sends again and again.
    for piece in body[UPLOAD_FIRST / 2..UPLOAD_FIRST].chunks(1) {
        for stream in &mut uploads {
            stream.write_all(piece).unwrap();
        }
    }
    wait_for("all uploads to begin", || spooled(live).len() == before + UPLOADS);
    uploads
}

fn ask_hello(stream: &mut Secure) {
    stream.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = answer(stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

/// One answer; what is read of it in one piece must be all.
fn answer(stream: &mut (impl Read + ?Sized)) -> String {
    let mut bytes = [0; 4096];
    let n = stream.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..n]).into_owned()
}

/// Private bytes the workers have grown by, for each of `count` connections.
fn grown(live: &Live, before: u64, count: usize) -> u64 {
    // Whatever still runs for the last of them ends first.
    std::thread::sleep(Duration::from_millis(300));
    private_bytes(live).saturating_sub(before) / count as u64
}

/// A connection that has had an answer, and so has its place.
fn held(address: SocketAddr, from: Ipv4Addr) -> TcpStream {
    let mut stream = connected(address, from);
    stream.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(answer(&mut stream).starts_with("HTTP/1.1 200 "));
    stream
}

/// Whether a connection from this address is closed without a word.
fn refused(address: SocketAddr, from: Ipv4Addr) -> bool {
    let mut stream = connected(address, from);
    // The refusal may come before or after this.
    let _ = stream.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut bytes = [0; 4096];
    match stream.read(&mut bytes) {
        Ok(n) if n > 0 => {
            assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{:?}", &bytes[..n]);
            false
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("neither served nor closed"),
        _ => true,
    }
}

fn secure_refused(live: &Live) -> bool {
    let mut stream = connected(live.https.unwrap(), LOCAL);
    let mut bytes = [0; 1];
    !matches!(stream.read(&mut bytes), Ok(1..))
}

fn connected(address: SocketAddr, from: Ipv4Addr) -> TcpStream {
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&fd, &SocketAddrV4::new(from, 0)).unwrap();
    connect(&fd, &address).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// How many connections this process can hold beside `others`; says so when it is fewer.
#[expect(clippy::print_stderr, reason = "a reduced test must say so")]
fn affordable(wanted: usize, others: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    let most = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| n.try_into().unwrap());
    let affordable = wanted.min(most.saturating_sub(others + 500));
    if affordable < wanted {
        eprintln!("REDUCED: {affordable} idle connections, for {most} descriptors are allowed");
    }
    assert!(affordable >= 1000, "a limit of {most} open files says nothing about many connections");
    affordable
}

/// What an upload goes through.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One test at a time: memory is measured, and descriptors are many.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Idle connections wanted.
const IDLE: usize = 10_000;
/// Slow uploads of each kind.
const UPLOADS: usize = 1000;
/// Threads that open connections.
const CLIENTS: usize = 4;
const UPLOAD_BYTES: usize = 5000;
const UPLOAD_FIRST: usize = 100;
const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Private memory of the workers for one idle TLS connection, bytes; 11.2 KB were measured.
const IDLE_BYTES_MAX: u64 = 13 << 10;
/// The same for one slow upload over TLS, bytes; 11.8 KB were measured.
const TLS_UPLOAD_BYTES_MAX: u64 = 14 << 10;
/// The same for one slow upload over plain HTTP, bytes; 4.1 KB were measured.
const PLAIN_UPLOAD_BYTES_MAX: u64 = 4900;
