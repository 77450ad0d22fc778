//! Tests of connections: a real rustls client over loopback, on a thread of its own.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream as StdStream};
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use menshen_sys::queue::unacknowledged_bytes;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;
use crate::Watch;
use crate::tape::Side;

type Client = StreamOwned<ClientConnection, StdStream>;

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let chain = vec![made.cert.der().clone()];
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server.unwrap()), Arc::new(client))
}

/// Runs `server` on this thread and `client` on another, both over one loopback connection.
fn pair<T: Send + 'static>(
    tls: Option<Arc<ServerConfig>>,
    client: impl FnOnce(SocketAddr) -> T + Send + 'static,
    server: impl AsyncFnOnce(Stream, &Rc<TcpStream>),
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other: JoinHandle<T> = std::thread::spawn(move || client(address));
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = Rc::new(TcpStream::from_std(socket).unwrap());
        let tls = tls.map(|config| ServerConnection::new(config).unwrap());
        let limit = Duration::from_secs(30);
        let done = server(Stream::new(Rc::clone(&socket), tls), &socket);
        tokio::time::timeout(limit, done).await.expect("a wake-up was lost");
    });
    other.join().unwrap()
}

fn connect(config: Arc<ClientConfig>, address: SocketAddr) -> Client {
    let socket = StdStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), socket)
}

async fn recv(stream: &mut Stream, most: usize) -> io::Result<Vec<u8>> {
    let mut room = vec![0; most + RECORD_ROOM];
    let n = poll_fn(|cx| stream.poll_recv(cx, most, &mut room)).await?;
    room.truncate(n);
    Ok(room)
}

async fn recv_all(stream: &mut Stream, most: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let got = recv(stream, most).await.unwrap();
        if got.is_empty() {
            return all;
        }
        all.extend_from_slice(&got);
    }
}

async fn send_all(stream: &mut Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let piece = &bytes[..bytes.len().min(100_000)];
        let sent = poll_fn(|cx| stream.poll_send(cx, piece, SendFlags::empty())).await.unwrap();
        bytes = &bytes[sent..];
    }
    poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
}

fn pattern(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(step).take(bytes).collect()
}

#[test]
fn large_bodies_arrive_whole_in_both_directions() {
    let (server, client) = configs();
    for (tls, most) in [(true, 16), (true, 5_000), (true, 256 << 10), (false, 256 << 10)] {
        let bytes = Arc::new(pattern(if most == 16 { 300_000 } else { 5_000_000 }));
        let theirs = Arc::clone(&bytes);
        let client = Arc::clone(&client);
        let config = tls.then(|| Arc::clone(&server));
        let echoed = pair(
            config,
            move |address| {
                let mut echoed = Vec::new();
                if tls {
                    let mut stream = connect(client, address);
                    stream.write_all(&theirs).unwrap();
                    stream.conn.send_close_notify();
                    stream.flush().unwrap();
                    stream.read_to_end(&mut echoed).unwrap();
                } else {
                    let mut stream = StdStream::connect(address).unwrap();
                    stream.write_all(&theirs).unwrap();
                    stream.shutdown(std::net::Shutdown::Write).unwrap();
                    stream.read_to_end(&mut echoed).unwrap();
                }
                echoed
            },
            async |mut stream, _| {
                stream.handshake(&mut Tape::begin()).await.unwrap();
                let got = recv_all(&mut stream, most).await;
                assert!(got == *bytes, "{most}: {} of {} bytes", got.len(), bytes.len());
                send_all(&mut stream, &got).await;
                stream.finish();
            },
        );
        assert!(echoed == *bytes, "{most}: {} of {} bytes came back", echoed.len(), bytes.len());
    }
}

#[test]
fn the_end_is_seen_with_the_last_bytes_though_the_socket_stays_open() {
    let (server, client) = configs();
    pair(
        Some(server),
        move |address| {
            let mut stream = connect(client, address);
            stream.write_all(b"request").unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"answer");
        },
        async |mut stream, _| {
            stream.handshake(&mut Tape::begin()).await.unwrap();
            assert_eq!(recv_all(&mut stream, 1024).await, b"request");
            send_all(&mut stream, b"answer").await;
            stream.finish();
        },
    );
}

#[test]
fn a_cut_connection_is_an_end_and_broken_tls_an_error_with_an_alert() {
    let (server, client) = configs();
    let cut = Arc::clone(&client);
    pair(
        Some(Arc::clone(&server)),
        move |address| {
            let mut stream = connect(cut, address);
            stream.write_all(b"half a requ").unwrap();
            stream.flush().unwrap();
            stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.sock.read_to_end(&mut Vec::new());
        },
        async |mut stream, _| {
            stream.handshake(&mut Tape::begin()).await.unwrap();
            assert_eq!(recv_all(&mut stream, 1024).await, b"half a requ");
        },
    );
    // A record that is no TLS, after the handshake.
    let alert = pair(
        Some(server),
        move |address| {
            let mut stream = connect(client, address);
            stream.write_all(b"x").unwrap();
            stream.sock.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap_err().to_string()
        },
        async |mut stream, _| {
            stream.handshake(&mut Tape::begin()).await.unwrap();
            let mut failed = Ok(Vec::new());
            for _ in 0..3 {
                failed = recv(&mut stream, 1024).await;
                if failed.is_err() {
                    break;
                }
            }
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::InvalidData);
        },
    );
    assert!(alert.contains("alert"), "{alert}");
}

#[test]
fn a_handshake_fails_for_strangers_to_tls_and_for_the_silent() {
    let (server, _) = configs();
    let rows: [(&'static [u8], io::ErrorKind, Option<u8>); 3] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", io::ErrorKind::InvalidData, Some(21)),
        (b"\x16\x03\x01\x00\x05half", io::ErrorKind::UnexpectedEof, None),
        (b"", io::ErrorKind::UnexpectedEof, None),
    ];
    for (bytes, kind, record) in rows {
        let answer = pair(
            Some(Arc::clone(&server)),
            move |address| {
                let mut stream = StdStream::connect(address).unwrap();
                stream.write_all(bytes).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                answer
            },
            async |mut stream, _| {
                let mut tape = Tape::begin();
                assert_eq!(stream.handshake(&mut tape).await.unwrap_err().kind(), kind);
                assert_eq!(tape.has_received(), !bytes.is_empty());
                let heard = tape.stretches().filter(|stretch| stretch.side == Side::Peer);
                assert_eq!(heard.flat_map(|stretch| stretch.bytes).count(), bytes.len());
                let said = tape.stretches().find(|stretch| stretch.side == Side::Own);
                assert_eq!(said.map(|stretch| stretch.bytes[0]), record);
            },
        );
        // Record type 21 is an alert (RFC 8446 §5.1).
        assert_eq!(answer.first().copied(), record, "{bytes:?}");
    }
}

/// Sends like a download over TLS until the peer stops taking; returns bytes sent in all.
async fn fill(stream: &mut Stream, step: &mut SendStep) -> usize {
    let data = vec![7; STEP_MAX];
    let mut sent = 0;
    let quiet = Duration::from_millis(300);
    loop {
        if stream.holds_unsent() {
            step.shrink();
            let flushed = poll_fn(|cx| stream.poll_flush(cx));
            let Ok(flushed) = tokio::time::timeout(quiet, flushed).await else { return sent };
            flushed.unwrap();
        }
        let hungry = poll_fn(|cx| stream.poll_hungry(cx));
        let Ok(hungry) = tokio::time::timeout(quiet, hungry).await else { return sent };
        hungry.unwrap();
        let piece = &data[..step.bytes()];
        sent += poll_fn(|cx| stream.poll_send(cx, piece, SendFlags::empty())).await.unwrap();
        if !stream.holds_unsent() {
            step.grow();
        }
    }
}

#[test]
fn a_stalled_reader_costs_one_step_and_goes_on_where_it_stopped() {
    let (server, client) = configs();
    let (stalled, wait) = std::sync::mpsc::channel::<()>();
    let (told, waiting) = std::sync::mpsc::channel();
    let received = pair(
        Some(server),
        move |address| {
            let mut stream = connect(client, address);
            stream.conn.complete_io(&mut stream.sock).unwrap();
            wait.recv().unwrap();
            told.send(rustix::io::ioctl_fionread(&stream.sock).unwrap()).unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            all.len()
        },
        async |mut stream, socket| {
            stream.handshake(&mut Tape::begin()).await.unwrap();
            let mut step = SendStep::FIRST;
            let sent = fill(&mut stream, &mut step).await;
            let unacknowledged = unacknowledged_bytes(socket).unwrap();
            stalled.send(()).unwrap();
            let arrived: u64 = waiting.recv().unwrap();
            // Ciphertext is a little longer than what was sent, so this is a lower bound of what
            // the kernels took, and an upper one of what is held here.
            let held = (sent as u64).saturating_sub(unacknowledged + arrived);
            assert!(held <= STEP_MAX as u64, "{held} bytes held");
            assert!(unacknowledged <= (UNSENT_LOW_BYTES + STEP_MAX) as u64, "{unacknowledged}");
            poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
            stream.finish();
            assert!(sent > STEP_MIN);
            SENT.set(sent);
        },
    );
    assert_eq!(received, SENT.get());
}

thread_local! {
    static SENT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[test]
fn steps_double_while_taken_and_fall_back_at_once() {
    let mut step = SendStep::FIRST;
    let mut sizes = vec![step.bytes()];
    for _ in 0..5 {
        step.grow();
        sizes.push(step.bytes());
    }
    assert_eq!(sizes, [64 << 10, 128 << 10, 256 << 10, 512 << 10, 512 << 10, 512 << 10]);
    step.shrink();
    assert_eq!(step.bytes(), 64 << 10);
    // Twice in a row: a slow reader.
    step.shrink();
    assert_eq!(step.bytes(), 16 << 10);
    step.grow();
    assert_eq!(step.bytes(), 32 << 10);
}

#[test]
fn a_hungry_socket_answers_at_once_and_a_full_one_when_it_drains() {
    pair(
        None,
        |address| {
            let mut stream = StdStream::connect(address).unwrap();
            std::thread::sleep(Duration::from_millis(300));
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
        },
        async |mut stream, _| {
            poll_fn(|cx| stream.poll_hungry(cx)).await.unwrap();
            let data = vec![0; 1 << 20];
            let begun = Instant::now();
            let mut waited = false;
            for _ in 0..40 {
                let before = Instant::now();
                poll_fn(|cx| stream.poll_hungry(cx)).await.unwrap();
                waited |= before.elapsed() > Duration::from_millis(50);
                let _ = poll_fn(|cx| stream.poll_send(cx, &data, SendFlags::empty())).await;
            }
            assert!(waited, "never full in {:?}", begun.elapsed());
            stream.finish();
        },
    );
}

#[test]
fn sendfile_sends_the_range_and_tells_the_end_of_a_file() {
    let folder = std::env::temp_dir().join(format!("menshen-net-{}", std::process::id()));
    std::fs::write(&folder, pattern(300_000)).unwrap();
    let file = std::fs::File::open(&folder).unwrap();
    std::fs::remove_file(&folder).unwrap();
    let received = pair(
        None,
        |address| {
            let mut all = Vec::new();
            StdStream::connect(address).unwrap().read_to_end(&mut all).unwrap();
            all
        },
        async |mut stream, _| {
            let mut offset = 100;
            while offset < 300_000 {
                let sent =
                    poll_fn(|cx| stream.poll_sendfile(cx, &file, &mut offset, 1 << 20)).await;
                assert!(sent.unwrap() > 0);
            }
            let end = poll_fn(|cx| stream.poll_sendfile(cx, &file, &mut offset, 10)).await;
            assert_eq!((end.unwrap(), offset), (0, 300_000));
            stream.finish();
        },
    );
    assert!(received == pattern(300_000)[100..]);
}

#[test]
fn the_asynchronous_face_reads_into_small_buffers_and_holds_none_afterwards() {
    let (server, client) = configs();
    let bytes = Arc::new(pattern(1_000_000));
    let theirs = Arc::clone(&bytes);
    let echoed = pair(
        Some(server),
        move |address| {
            let mut stream = connect(client, address);
            stream.write_all(&theirs).unwrap();
            stream.flush().unwrap();
            let mut echoed = Vec::new();
            stream.read_to_end(&mut echoed).unwrap();
            echoed
        },
        async |mut stream, socket| {
            stream.handshake(&mut Tape::begin()).await.unwrap();
            let watched = Watch::default().add(Rc::clone(socket));
            let mut stream = AsyncStream::new(stream, watched);
            let mut got = vec![0; bytes.len()];
            for piece in got.chunks_mut(777) {
                let mut buf = ReadBuf::new(piece);
                while buf.remaining() > 0 {
                    let read = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf));
                    read.await.unwrap();
                }
            }
            assert!(got == *bytes);
            assert_eq!(stream.held_bytes(), 0, "an idle connection holds a buffer");
            let mut rest = got.as_slice();
            while !rest.is_empty() {
                let piece = &rest[..rest.len().min(50_000)];
                let sent = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, piece)).await;
                rest = &rest[sent.unwrap()..];
            }
            poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await.unwrap();
        },
    );
    assert!(echoed == *bytes);
}

#[test]
fn a_peer_is_there_until_it_ended_for_good() {
    let (server_tls, client_tls) = configs();
    // What the client does after its first byte, and whether it is still there then.
    type Act = fn(&StdStream);
    let end: Act = |socket| socket.shutdown(std::net::Shutdown::Write).unwrap();
    let reset: Act = |socket| {
        SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
    };
    for (tls, act, open) in [(false, end, true), (false, reset, false), (true, end, false)] {
        let (server_tls, client_tls) = (Arc::clone(&server_tls), Arc::clone(&client_tls));
        let (say, hear) = std::sync::mpsc::channel::<()>();
        let client = move |address: SocketAddr| {
            if tls {
                let mut client = connect(client_tls, address);
                client.write_all(b"x").unwrap();
                hear.recv_timeout(Duration::from_secs(10)).unwrap();
                act(&client.sock);
                return hear.recv_timeout(Duration::from_secs(10)).unwrap();
            }
            let mut client = StdStream::connect(address).unwrap();
            client.write_all(b"x").unwrap();
            hear.recv_timeout(Duration::from_secs(10)).unwrap();
            act(&client);
            if !open {
                // Closed with its bytes unsent: a reset.
                drop(client);
            }
            hear.recv_timeout(Duration::from_secs(10)).unwrap();
        };
        pair(tls.then_some(server_tls), client, async move |mut stream, socket| {
            stream.handshake(&mut Tape::begin()).await.unwrap();
            assert_eq!(recv(&mut stream, 16).await.unwrap(), b"x");
            assert!(stream.is_open(), "tls {tls}");
            say.send(()).unwrap();
            // Until the kernel has heard of it.
            let mut fds = [PollFd::new(socket, PollFlags::RDHUP)];
            let wait = Timespec { tv_sec: 10, tv_nsec: 0 };
            assert_eq!(poll(&mut fds, Some(&wait)).unwrap(), 1, "nothing happened");
            assert_eq!(stream.is_open(), open, "tls {tls}");
            // An answer to one that is not there makes no difference to that.
            let _ = say.send(());
        });
    }
}
