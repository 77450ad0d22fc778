//! Connections to servers that are there, not yet there, full, or no servers at all.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::php::actor::PATIENCE;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("it hangs") })
}

fn at() -> (tempfile::TempDir, PathBuf, PhpAddress) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    (folder, path.clone(), PhpAddress::Unix(path))
}

/// A listener whose queue takes `backlog` and one more.
fn short_queue(path: &Path, backlog: i32) -> OwnedFd {
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    rustix::net::listen(&socket, backlog).unwrap();
    socket
}

#[test]
fn a_full_queue_is_waited_for() {
    let (_folder, path, address) = at();
    let listener = short_queue(&path, 0);
    let first = UnixStream::connect(&path).unwrap();
    run(async {
        let full = unix(&path).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock, "the queue is not full");
        let begun = Instant::now();
        let error = Line::open(&address, Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let waited = begun.elapsed().as_millis();
        assert!((150..1000).contains(&waited), "{waited}");
    });
    let taker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        let taken = rustix::net::accept(&listener).unwrap();
        (listener, taken)
    });
    let begun = Instant::now();
    run(Line::open(&address, PATIENCE)).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(250), "it was let in too early");
    drop((first, taker.join().unwrap()));
}

#[test]
fn a_server_that_comes_up_later_is_waited_for() {
    let (_folder, path, address) = at();
    let begun = Instant::now();
    let error = run(Line::open(&address, Duration::from_millis(100))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    // What a server that died leaves: a name nobody listens behind.
    drop(UnixListener::bind(&path).unwrap());
    let error = run(Line::open(&address, Duration::from_millis(100))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(begun.elapsed() < Duration::from_secs(2));
    let server = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        std::fs::remove_file(&path).unwrap();
        UnixListener::bind(&path).unwrap().accept().unwrap().0
    });
    run(Line::open(&address, PATIENCE)).unwrap();
    server.join().unwrap();
}

#[test]
fn what_no_waiting_helps_is_said_at_once() {
    let begun = Instant::now();
    let (_folder, path, address) = at();
    std::fs::create_dir(&path).unwrap();
    let _ = run(Line::open(&address, Duration::ZERO)).unwrap_err();
    let below = PhpAddress::Unix(path.join("x".repeat(200)));
    let error = run(Line::open(&below, PATIENCE)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::NAMETOOLONG.raw_os_error()));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// Sends `bytes` there and back again.
async fn echoed(line: &mut Line, bytes: &[u8]) -> Vec<u8> {
    let mut sent = line.send_now(bytes);
    let (mut back, mut room) = (Vec::new(), vec![0; 100_000]);
    poll_fn(|cx| {
        while sent < bytes.len() {
            match line.poll_send(cx, &bytes[sent..]) {
                Poll::Ready(n) => sent += n.unwrap(),
                Poll::Pending => break,
            }
        }
        while back.len() < bytes.len() {
            let n = ready!(line.poll_recv(cx, &mut room)).unwrap();
            assert!(n > 0, "the other side ended");
            back.extend_from_slice(&room[..n]);
        }
        Poll::Ready(())
    })
    .await;
    back
}

/// Gives back what comes, and ends with the other side.
fn echo(mut peer: impl Read + Write) {
    let mut room = vec![0; 64 << 10];
    while let Ok(n @ 1..) = peer.read(&mut room) {
        peer.write_all(&room[..n]).unwrap();
    }
}

#[test]
fn bytes_come_and_go_over_both_kinds_of_sockets() {
    let large: Vec<u8> = (0..1_u32 << 20).flat_map(|n| n.to_le_bytes()).collect();
    let (_folder, path, unix_address) = at();
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let six = TcpListener::bind("[::1]:0").ok();
    let mut addresses = vec![unix_address, PhpAddress::Tcp(tcp.local_addr().unwrap())];
    addresses.extend(six.as_ref().map(|six| PhpAddress::Tcp(six.local_addr().unwrap())));
    let servers = std::thread::spawn(move || {
        echo(unix.accept().unwrap().0);
        echo(tcp.accept().unwrap().0);
        six.iter().for_each(|six| echo(six.accept().unwrap().0));
    });
    for address in addresses {
        run(async {
            let mut line = Line::open(&address, PATIENCE).await.unwrap();
            assert_eq!(echoed(&mut line, b"small").await, b"small");
            assert!(echoed(&mut line, &large).await == large, "{address:?}");
            // And after that the small way again: what it is watched for has changed.
            assert_eq!(echoed(&mut line, b"small again").await, b"small again");
        });
    }
    servers.join().unwrap();
}

#[test]
fn an_end_is_heard_behind_what_came_before_it() {
    let (_folder, path, address) = at();
    let listener = UnixListener::bind(&path).unwrap();
    run(async {
        let mut line = Line::open(&address, PATIENCE).await.unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"last words").unwrap();
        drop(peer);
        let mut room = [0; 100];
        // Less than the room: readiness is cleared, and yet the end must wake.
        assert_eq!(poll_fn(|cx| line.poll_recv(cx, &mut room)).await.unwrap(), 10);
        assert_eq!(poll_fn(|cx| line.poll_recv(cx, &mut room)).await.unwrap(), 0);
        assert_eq!(line.send_now(b"x"), 0);
        let error = poll_fn(|cx| line.poll_send(cx, b"x")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_port_that_nobody_listens_at_is_tried_again_and_then_given_up() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = Instant::now();
    let error = run(Line::open(&PhpAddress::Tcp(free), Duration::from_millis(150))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let waited = begun.elapsed().as_millis();
    assert!((100..2000).contains(&waited), "{waited}");
}

#[test]
fn a_connection_is_quiet_until_its_other_side_says_something_or_goodbye() {
    let (_folder, path, address) = at();
    let listener = UnixListener::bind(&path).unwrap();
    run(async {
        for watched in [false, true] {
            for goodbye in [&b"x"[..], b""] {
                let mut line = Line::open(&address, PATIENCE).await.unwrap();
                let (mut peer, _) = listener.accept().unwrap();
                if watched {
                    assert_eq!(echoed(&mut line, b"").await, b"");
                    let polled = poll_fn(|cx| Poll::Ready(line.poll_recv(cx, &mut [0; 9]))).await;
                    assert!(polled.is_pending());
                }
                assert!(line.is_quiet());
                peer.write_all(goodbye).unwrap();
                peer.shutdown(std::net::Shutdown::Write).unwrap();
                assert!(!line.is_quiet());
            }
        }
    });
}
