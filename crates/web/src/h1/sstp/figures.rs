//! What relaying costs beside a download by the same code, in processor time of the door's thread
//! and by the clock. Measures only, judges nothing: run it with optimisation and `--ignored`.

use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::os::unix::net::UnixStream as StdUnix;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::tests::{Bench, asked, serve};
use crate::fixture::TOKEN;

type Client = StreamOwned<ClientConnection, StdStream>;

/// Seconds of the door's thread, and by the clock, for one connection.
fn measure(
    client: impl FnOnce(Client) + Send + 'static,
    tunnel: impl FnOnce(StdUnix) + Send + 'static,
) -> (f64, f64) {
    let (tell, told) = mpsc::channel();
    let (finish, finished) = mpsc::channel();
    let door = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let mut bench = Bench::new(menshen_config::Limits::default());
            let large = vec![0x5A; LARGE];
            std::fs::write(bench.made.path("large"), large).unwrap();
            crate::fixture::age(&bench.made.path("large"), 60);
            let worker = bench.worker.take().unwrap().into_std().unwrap();
            worker.set_nonblocking(false).unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tell.send((address, Arc::clone(&bench.trusting), worker)).unwrap();
            let accepted = listener.accept().await.unwrap();
            let (begun, used) = (Instant::now(), cpu());
            tokio::task::spawn_local(serve(&bench, accepted)).await.unwrap();
            finish.send((cpu() - used, begun.elapsed().as_secs_f64())).unwrap();
        });
    });
    let (address, trusting, worker) = told.recv().unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = worker.accept().unwrap();
        let mut start = [0; 10];
        stream.read_exact(&mut start).unwrap();
        let length = u32::from_be_bytes([start[6], start[7], start[8], start[9]]);
        stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).unwrap();
        tunnel(stream);
    });
    let name = ServerName::try_from("a.test").unwrap();
    let tls = ClientConnection::new(trusting, name).unwrap();
    client(StreamOwned::new(tls, StdStream::connect(address).unwrap()));
    let seconds = finished.recv().unwrap();
    door.join().unwrap();
    drop(other);
    seconds
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap()).as_secs_f64()
}

fn read_all(client: &mut impl Read) -> usize {
    let (mut all, mut piece) = (0, vec![0; 256 << 10]);
    while let Ok(got @ 1..) = client.read(&mut piece) {
        all += got;
    }
    all
}

fn download() -> (f64, f64) {
    let request = format!(
        "GET /large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Connection: close\r\n\r\n"
    );
    let client = move |mut client: Client| {
        client.write_all(request.as_bytes()).unwrap();
        assert!(read_all(&mut client) > LARGE);
    };
    measure(client, drop)
}

fn down(piece: usize) -> (f64, f64) {
    let client = |mut client: Client| {
        client.write_all(&asked()).unwrap();
        assert!(read_all(&mut client) >= LARGE);
    };
    measure(client, move |mut tunnel| {
        let piece = vec![0x5A; piece];
        for _ in 0..=LARGE / piece.len() {
            tunnel.write_all(&piece).unwrap();
        }
    })
}

fn up(piece: usize) -> (f64, f64) {
    let client = move |mut client: Client| {
        client.write_all(&asked()).unwrap();
        let piece = vec![0x5A; piece];
        for _ in 0..=LARGE / piece.len() {
            client.write_all(&piece).unwrap();
        }
        client.conn.send_close_notify();
        client.flush().unwrap();
        read_all(&mut client);
    };
    measure(client, |mut tunnel| {
        assert!(read_all(&mut tunnel) >= LARGE);
        tunnel.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    })
}

fn echo() -> (f64, f64) {
    let client = |mut client: Client| {
        client.write_all(&asked()).unwrap();
        let (piece, mut heard) = (vec![0x5A; 64 << 10], vec![0; 64 << 10]);
        for _ in 0..LARGE / piece.len() {
            client.write_all(&piece).unwrap();
            client.read_exact(&mut heard).unwrap();
        }
        client.conn.send_close_notify();
        client.flush().unwrap();
        read_all(&mut client);
    };
    measure(client, |mut tunnel| {
        let mut piece = vec![0; 256 << 10];
        while let Ok(got @ 1..) = tunnel.read(&mut piece) {
            tunnel.write_all(&piece[..got]).unwrap();
        }
    })
}

#[test]
#[ignore = "a measurement"]
fn relaying_beside_a_download() {
    let mut text = String::new();
    for _ in 0..3 {
        for (name, both, (used, passed)) in [
            ("download", 1, download()),
            ("relay down, 64 KiB pieces", 1, down(64 << 10)),
            ("relay down, 1404 octet pieces", 1, down(1404)),
            ("relay up, 64 KiB pieces", 1, up(64 << 10)),
            ("relay up, 1404 octet pieces", 1, up(1404)),
            ("echo, 64 KiB at a time", 2, echo()),
        ] {
            let megabytes = f64::from(u32::try_from(LARGE * both).unwrap()) / 1e6;
            let line = format!(
                "{name:30} {:6.0} MB for a second of the processor, {:6.0} MB/s by the clock\n",
                megabytes / used,
                megabytes / passed
            );
            text.push_str(&line);
        }
    }
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

const LARGE: usize = 400_000_000;
