//! Links over real sockets: cuts, ends, buffers, TLS.

use std::future::Future;
use std::io::IoSlice;
use std::task::{Context, Poll, Waker};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::*;

fn run<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, task)
}

fn pair() -> (Link, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    (Link::new(a.into()), b)
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (ours, listener.accept().await.unwrap().0)
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[sequence], payload].concat()
}

#[test]
fn packets_come_whole_however_they_were_cut() {
    run(async {
        let (mut link, mut peer) = pair();
        let wire = [framed(0, b"\x03select 1"), framed(7, b""), framed(8, &[9; 70_000])].concat();
        let feed = tokio::task::spawn_local(async move {
            for piece in wire.chunks(1000) {
                peer.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let first = link.packet(usize::MAX).await.unwrap().unwrap();
        assert_eq!(first, Packet { sequence: 0, length: 9, held: 9 });
        assert_eq!(link.payload(first), b"\x03select 1");
        link.consume(first.wire_bytes());
        let empty = link.packet(usize::MAX).await.unwrap().unwrap();
        assert_eq!((empty.sequence, empty.length, empty.is_whole()), (7, 0, true));
        link.consume(empty.wire_bytes());
        let large = link.packet(usize::MAX).await.unwrap().unwrap();
        assert_eq!(link.payload(large), [9; 70_000]);
        link.consume(large.wire_bytes());
        feed.await.unwrap();
        assert_eq!(link.packet(usize::MAX).await.unwrap(), None);
        assert!(link.has_ended());
    });
}

#[test]
fn of_a_long_packet_no_more_is_held_than_was_asked_for() {
    run(async {
        let (mut link, mut peer) = pair();
        let feed = tokio::task::spawn_local(async move {
            let _ = peer.write_all(&framed(1, &[5; 3 << 20])).await;
            peer
        });
        let packet = link.packet(100).await.unwrap().unwrap();
        assert_eq!(packet.length, 3 << 20);
        assert!(packet.held >= 100 && packet.held <= READ_BYTES, "{packet:?}");
        assert!(!packet.is_whole());

        let (mut sink, mut reader) = pair();
        let read = tokio::task::spawn_local(async move {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await.unwrap();
            all
        });
        link.pass(&mut sink, packet.wire_bytes()).await.unwrap();
        drop(sink);
        assert!(read.await.unwrap() == framed(1, &[5; 3 << 20]));
        drop(feed.await.unwrap());
        assert!(matches!(link.pass(&mut pair().0, 1).await, Err(Broken::Source(_))));
    });
}

#[test]
fn an_end_within_a_packet_is_no_end() {
    run(async {
        let (mut link, mut peer) = pair();
        peer.write_all(&framed(0, b"abcdef")[..7]).await.unwrap();
        drop(peer);
        let error = link.packet(usize::MAX).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_link_that_waits_holds_no_buffer() {
    run(async {
        let (mut link, mut peer) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(link.poll_fill(&mut cx).is_pending());
        assert!(!link.input.holds_room());
        peer.write_all(&framed(0, b"x")).await.unwrap();
        let packet = link.packet(usize::MAX).await.unwrap().unwrap();
        assert!(link.input.holds_room());
        link.consume(packet.wire_bytes());
        assert!(!link.input.holds_room());
        assert!(link.poll_fill(&mut cx).is_pending());
        assert!(!link.input.holds_room());
    });
}

#[test]
fn what_a_client_sends_ahead_is_kept_and_its_end_is_seen() {
    run(async {
        let (mut link, mut peer) = pair();
        peer.write_all(&framed(0, b"ahead")).await.unwrap();
        tokio::task::yield_now().await;
        let mut cx = Context::from_waker(Waker::noop());
        while link.bytes().is_empty() {
            assert_eq!(link.poll_gone(&mut cx), Poll::Pending);
            tokio::task::yield_now().await;
        }
        drop(peer);
        poll_fn(|cx| link.poll_gone(cx)).await;
        let packet = link.packet(usize::MAX).await.unwrap().unwrap();
        assert_eq!(link.payload(packet), b"ahead");
    });
}

#[test]
fn parts_and_what_waits_go_out_in_order() {
    run(async {
        let (mut link, mut peer) = pair();
        link.output().extend_from_slice(b"first ");
        let mut parts = [IoSlice::new(b""), IoSlice::new(b"second "), IoSlice::new(b"third")];
        link.send_parts(&mut parts).await.unwrap();
        link.send(b" fourth").await.unwrap();
        link.finish();
        let mut all = String::new();
        peer.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "first second third fourth");
    });
}

#[test]
fn the_client_is_heard_first_and_the_server_at_all() {
    run(async {
        let ((mut client, mut at_client), (mut server, mut at_server)) = (pair(), pair());
        at_server.write_all(b"bye").await.unwrap();
        assert_eq!(either(&mut client, &mut server).await, Side::Server);
        assert_eq!(server.bytes(), b"bye");
        at_client.write_all(b"hello").await.unwrap();
        client.fill().await.unwrap();
        assert_eq!(either(&mut client, &mut server).await, Side::Client);
    });
}

fn tls_pair() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let chain = vec![made.cert.der().clone()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

#[test]
fn tls_begins_on_bytes_that_were_read_before_it_and_carries_both_ways() {
    run(async {
        let (to_server, to_client) = tcp_pair().await;
        let (server_config, client_config) = tls_pair();
        let mut ours = Link::new(to_client.into());
        let theirs = tokio::task::spawn_local(async move {
            let mut link = Link::new(to_server.into());
            link.output().extend_from_slice(&framed(1, b"please"));
            let name = ServerName::try_from("localhost").unwrap();
            link.connect_tls(client_config, name).await.unwrap();
            assert!(link.peer_certificate().is_some_and(|der| der.len() > 100));
            link.send(&framed(2, &[7; 300_000])).await.unwrap();
            let packet = link.packet(usize::MAX).await.unwrap().unwrap();
            assert_eq!(link.payload(packet), b"thanks");
            link.consume(packet.wire_bytes());
            assert!(!link.input.holds_room());
            assert_eq!(link.packet(usize::MAX).await.unwrap(), None);
        });
        let packet = ours.packet(usize::MAX).await.unwrap().unwrap();
        // Here the hello may have been read along with it.
        ours.consume(packet.wire_bytes());
        ours.accept_tls(server_config).await.unwrap();
        assert!(ours.is_secure());
        let packet = ours.packet(usize::MAX).await.unwrap().unwrap();
        assert_eq!(ours.payload(packet), [7; 300_000]);
        ours.consume(packet.wire_bytes());
        ours.send(&framed(3, b"thanks")).await.unwrap();
        ours.finish();
        theirs.await.unwrap();
    });
}

#[test]
fn a_certificate_nobody_vouches_for_ends_the_handshake_on_both_sides() {
    run(async {
        let (to_server, to_client) = tcp_pair().await;
        let (server_config, _) = tls_pair();
        let (_, stranger) = tls_pair();
        let theirs = tokio::task::spawn_local(async move {
            let name = ServerName::try_from("localhost").unwrap();
            Link::new(to_server.into()).connect_tls(stranger, name).await
        });
        let ours = Link::new(to_client.into()).accept_tls(server_config).await;
        assert_eq!(ours.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(theirs.await.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
    });
}
