//! Logins and results against a scripted server, made from the documented protocol: there is no
//! MySQL 8 to test with.

use menshen_config::SqlAddress;
use menshen_sql_core::wire::greeting::Greeting;
use menshen_sql_core::wire::{Capabilities, Status, packet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use super::{Account, Client, ClientError};
use crate::upstream::{Origin, Upstream};

const SCRAMBLE: &[u8] = b"abcdefghijklmnopqrst";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn account() -> Account {
    Account { user: "door".to_owned(), password: "secret".to_owned() }
}

fn greeting() -> Vec<u8> {
    let greeting = Greeting {
        version: b"8.0.36".to_vec(),
        thread_id: 9,
        capabilities: Capabilities(super::WANTED.0),
        charset: 45,
        status: Status(2),
        scramble: SCRAMBLE.to_vec(),
        plugin: b"caching_sha2_password".to_vec(),
    };
    let mut payload = Vec::new();
    greeting.encode(&mut payload);
    payload
}

/// Sends each reply and reads a packet after it; returns what was read.
async fn play<S>(mut stream: S, replies: Vec<(u8, Vec<u8>)>) -> Vec<Vec<u8>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut heard = Vec::new();
    for (mut sequence, reply) in replies {
        let mut out = Vec::new();
        packet::push(&mut out, &mut sequence, &reply);
        stream.write_all(&out).await.unwrap();
        let mut head = [0; 4];
        if stream.read_exact(&mut head).await.is_err() {
            break;
        }
        let mut payload = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
        stream.read_exact(&mut payload).await.unwrap();
        heard.push(payload);
    }
    heard
}

#[test]
fn the_full_exchange_goes_over_a_unix_socket_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let replies =
                vec![(0, greeting()), (2, vec![1, 4]), (4, OK.to_vec()), (1, OK.to_vec())];
            play(stream, replies).await
        };
        let upstream =
            Upstream { address: SqlAddress::Unix(path.clone()), tls: None, origin: Origin::Hidden };
        let client = async {
            let account = account();
            Client::connect(&upstream, &account).await.map(|client| client.version().to_owned())
        };
        let (heard, client) = together(server, client).await;
        assert_eq!(client.unwrap(), "8.0.36");
        let answer = super::auth::answer(b"caching_sha2_password", b"secret", SCRAMBLE).unwrap();
        assert!(heard[0].windows(32).any(|part| part == answer));
        assert_eq!(heard[1], b"secret\0");
    });
}

#[test]
fn the_password_is_never_sent_in_clear_over_tcp() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            play(stream, vec![(0, greeting()), (2, vec![1, 4])]).await
        };
        let upstream =
            Upstream { address: SqlAddress::Tcp(address), tls: None, origin: Origin::Hidden };
        let account = account();
        let (heard, client) = together(server, Client::connect(&upstream, &account)).await;
        assert!(matches!(client, Err(ClientError::Exposed)));
        assert_eq!(heard.len(), 1);
    });
}

#[test]
fn the_fast_exchange_and_a_switch_to_the_native_plugin() {
    let switch = [b"\xfemysql_native_password\0", SCRAMBLE, b"\0"].concat();
    let fast = vec![1, 3];
    let folder = tempfile::tempdir().unwrap();
    for reply in [switch, fast] {
        let is_fast = reply == [1, 3];
        let path = folder.path().join(if is_fast { "fast" } else { "switch" });
        run(async {
            let listener = UnixListener::bind(&path).unwrap();
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                if is_fast {
                    // The OK follows without anything of the client.
                    play(&mut stream, vec![(0, greeting())]).await;
                    stream.write_all(&[2, 0, 0, 2, 1, 3]).await.unwrap();
                    return play(&mut stream, vec![(3, OK.to_vec()), (1, OK.to_vec())]).await;
                }
                let rest = vec![(0, greeting()), (2, reply), (4, OK.to_vec()), (1, OK.to_vec())];
                play(stream, rest).await
            };
            let address = SqlAddress::Unix(path.clone());
            let upstream = Upstream { address, tls: None, origin: Origin::Hidden };
            let account = account();
            let client = async { Client::connect(&upstream, &account).await.map(drop) };
            let (heard, client) = together(server, client).await;
            assert!(client.is_ok(), "{client:?}");
            assert_eq!(heard.iter().any(|packet| packet.len() == 20), !is_fast);
        });
    }
}

async fn together<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> (A, B) {
    let (mut left, mut right) = (std::pin::pin!(left), std::pin::pin!(right));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|cx| {
        if first.is_none()
            && let std::task::Poll::Ready(done) = left.as_mut().poll(cx)
        {
            first = Some(done);
        }
        if second.is_none()
            && let std::task::Poll::Ready(done) = right.as_mut().poll(cx)
        {
            second = Some(done);
        }
        match first.is_some() && second.is_some() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    (first.unwrap(), second.unwrap())
}
