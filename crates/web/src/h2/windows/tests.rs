//! Windows over a short and a long way, and with a budget that is used up.

use std::cell::Cell;
use std::net::TcpListener;
use std::time::Duration;

use h2::client::SendRequest;
use http::Request;
use menshen_config::{Access, PublicPath};
use menshen_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::*;
use crate::fixture::{Choices, Fixture};
use crate::h2::WINDOW_BUDGET_BYTES;

/// Uploads `bytes` over a way of `delay` in each direction; the least that was left of the budget
/// meanwhile.
fn upload(made: &Fixture, bytes: usize, delay: Duration) -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, peer) = listener.accept().unwrap();
    for socket in [&near, &far] {
        socket.set_nonblocking(true).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let socket = Rc::new(TcpStream::from_std(far).unwrap());
        let door = Rc::clone(&made.door);
        let watched = door.watch.add(Rc::clone(&socket));
        let stream = Stream::new(socket, None);
        let server = tokio::task::spawn_local(crate::h2::run(door, stream, watched, peer, -1));
        let (ours, theirs) = tokio::io::duplex(64 << 20);
        tokio::task::spawn_local(way(theirs, TcpStream::from_std(near).unwrap(), delay));
        let (client, connection) = h2::client::handshake(ours).await.unwrap();
        let driver = tokio::task::spawn_local(connection);
        let least = Rc::new(Cell::new(u64::MAX));
        let (seen, door) = (Rc::clone(&least), Rc::clone(&made.door));
        let observer = tokio::task::spawn_local(async move {
            loop {
                seen.set(seen.get().min(door.window_budget.get()));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let sent = put(client, bytes);
        let status = tokio::time::timeout(Duration::from_secs(60), sent).await.expect("it hangs");
        assert_eq!(status, 201);
        observer.abort();
        // The client goes; so does what it had of the budget.
        driver.abort();
        drop(driver.await);
        let ended = tokio::time::timeout(Duration::from_secs(60), server);
        ended.await.expect("the server's side stays").unwrap();
        least.get()
    })
}

async fn put(client: SendRequest<Bytes>, bytes: usize) -> u16 {
    let mut client = client.ready().await.unwrap();
    let request = Request::builder().method("PUT").uri("https://x/f");
    let request = request.header("content-length", bytes).body(()).unwrap();
    let (answer, mut send) = client.send_request(request, false).unwrap();
    let mut left = bytes;
    while left > 0 {
        send.reserve_capacity(left.min(1 << 20));
        let room = std::future::poll_fn(|cx| send.poll_capacity(cx)).await.unwrap().unwrap();
        let piece = room.min(left);
        left -= piece;
        send.send_data(Bytes::from(vec![7; piece]), left == 0).unwrap();
    }
    answer.await.unwrap().status().as_u16()
}

/// Hands bytes on, later.
async fn way(client: tokio::io::DuplexStream, server: TcpStream, delay: Duration) {
    let (client_in, client_out) = tokio::io::split(client);
    let (server_in, server_out) = server.into_split();
    let (up, up_end) = unbounded_channel();
    let (down, down_end) = unbounded_channel();
    tokio::task::spawn_local(take(client_in, up, delay));
    tokio::task::spawn_local(give(server_out, up_end));
    tokio::task::spawn_local(take(server_in, down, delay));
    give(client_out, down_end).await;
}

type Piece = (Instant, Vec<u8>);

async fn take(mut from: impl AsyncReadExt + Unpin, to: UnboundedSender<Piece>, delay: Duration) {
    let mut buffer = vec![0; 256 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if to.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

async fn give(mut to: impl AsyncWriteExt + Unpin, mut from: UnboundedReceiver<Piece>) {
    while let Some((due, piece)) = from.recv().await {
        tokio::time::sleep_until(due).await;
        if to.write_all(&piece).await.is_err() {
            break;
        }
    }
    drop(to.shutdown().await);
}

fn open_to_all() -> Fixture {
    let public = vec![PublicPath { path: "/".into(), access: Access::Write }];
    Fixture::with(Choices { public, ..Choices::default() })
}

#[test]
fn a_long_way_gets_the_largest_window_and_a_small_body_none() {
    let made = open_to_all();
    let long = upload(&made, 48 << 20, Duration::from_millis(40));
    let most = u64::from(made.door.limits.h2_window_bytes_max - FIRST_BYTES);
    assert_eq!(WINDOW_BUDGET_BYTES - long, most);
    assert_eq!(made.door.window_budget.get(), WINDOW_BUDGET_BYTES);

    let made = open_to_all();
    let small = upload(&made, 64 << 10, Duration::from_millis(40));
    assert_eq!(small, WINDOW_BUDGET_BYTES, "a small body needs no window");
}

#[test]
fn without_budget_windows_stay_and_bodies_arrive() {
    let made = open_to_all();
    made.door.window_budget.set(1 << 20);
    upload(&made, 2 << 20, Duration::from_millis(5));
    assert_eq!(made.door.window_budget.get(), 1 << 20);
}
