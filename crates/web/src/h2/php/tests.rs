//! Answers of PHP on HTTP/2 streams: a door, a connection in the clear, a client in the same task.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};

use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use menshen_config::Limits;
use menshen_net::Stream;
use tokio::net::TcpStream;

use super::*;
use crate::fixture::Fixture;
use crate::php::actor::{Actor, PATIENCE, application, busy, end, page, read_request, stdout};

type Client = SendRequest<Bytes>;

/// Runs `client` against one connection to the door.
fn talk<T>(made: &Fixture, client: impl AsyncFnOnce(Client) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, peer) = listener.accept().unwrap();
    for socket in [&near, &far] {
        socket.set_nonblocking(true).unwrap();
        socket.set_nodelay(true).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let socket = Rc::new(TcpStream::from_std(far).unwrap());
        let door = Rc::clone(&made.door);
        let watched = door.watch.add(Rc::clone(&socket));
        let stream = Stream::new(socket, None);
        tokio::task::spawn_local(crate::h2::run(door, stream, watched, peer, -1));
        let near = TcpStream::from_std(near).unwrap();
        let (client_side, connection) = h2::client::handshake(near).await.unwrap();
        let driver = tokio::task::spawn_local(connection);
        let done = tokio::time::timeout(PATIENCE, client(client_side)).await.expect("it hangs");
        driver.abort();
        done
    })
}

fn request(method: &str, body: &Bytes) -> (Request<()>, bool) {
    let request = Request::builder().method(method).uri("https://x/a.php");
    (request.body(()).unwrap(), body.is_empty())
}

/// Asks; the answer's head, and its body still to come.
async fn ask(client: &Client, method: &str, body: Bytes) -> (u16, HeaderMap, RecvStream) {
    let mut client = client.clone().ready().await.unwrap();
    let (request, nothing) = request(method, &body);
    let (answer, mut send) = client.send_request(request, nothing).unwrap();
    if !nothing {
        tokio::task::spawn_local(async move {
            let mut body = body;
            while !body.is_empty() {
                send.reserve_capacity(body.len());
                let room = poll_fn(|cx| send.poll_capacity(cx)).await.unwrap().unwrap();
                let piece = body.split_to(room.min(body.len()));
                send.send_data(piece, body.is_empty()).unwrap();
            }
        });
    }
    let (head, body) = answer.await.unwrap().into_parts();
    (head.status.as_u16(), head.headers, body)
}

/// The whole body, or the reset that ended it.
async fn rest(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        all.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    Ok(all)
}

fn one(
    made: &Fixture,
    method: &str,
    said: Vec<u8>,
) -> (u16, HeaderMap, Result<Vec<u8>, h2::Error>) {
    let actor = Actor::saying(made, said);
    let answer = talk(made, async |client| {
        let (status, head, mut body) = ask(&client, method, Bytes::new()).await;
        (status, head, rest(&mut body).await)
    });
    actor.done();
    assert_eq!(busy(made.board), 0);
    answer
}

/// Server threads that wait for a word.
fn waiting(made: &Fixture, first: Vec<u8>, then: Vec<u8>) -> (Actor, Sender<()>) {
    let (say, hear) = channel();
    let hear = std::sync::Mutex::new(hear);
    let actor = Actor::of(made, 1, move |_, mut peer| {
        read_request(&mut peer);
        peer.write_all(&first).unwrap();
        hear.lock().unwrap().recv_timeout(PATIENCE).expect("the word never came");
        let _ = peer.write_all(&then);
    });
    (actor, say)
}

const HEAD: &str = "Content-Type: text/plain\r\n\r\n";

#[test]
fn answers_have_the_length_and_body_that_belong_to_them() {
    let announced = |status: u16| {
        page(format!("Status: {status}\r\nContent-Length: 4\r\nConnection: close\r\n{HEAD}body"))
    };
    for (method, said, status, length, body) in [
        ("GET", page(format!("{HEAD}hello")), 200, Some("5"), "hello"),
        ("GET", announced(404), 404, Some("4"), "body"),
        ("HEAD", announced(200), 200, Some("4"), ""),
        ("HEAD", announced(204), 204, None, ""),
        ("GET", announced(204), 204, None, ""),
        ("GET", announced(304), 304, None, ""),
        ("GET", page(HEAD), 200, Some("0"), ""),
    ] {
        let made = application(Limits::default());
        let (got, head, text) = one(&made, method, said);
        let what = format!("{method} {status} {body}");
        assert_eq!((got, text.unwrap()), (status, body.as_bytes().to_vec()), "{what}");
        let said = head.get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!(said, length, "{what}");
        assert_eq!((head.get("connection"), head["x-site"].to_str().unwrap()), (None, "1"));
        assert!(head.contains_key("date"));
    }
}

#[test]
fn the_first_piece_arrives_before_the_script_ends() {
    let made = application(Limits::default());
    let (actor, say) = waiting(&made, stdout(format!("{HEAD}first")), page(" and rest"));
    talk(&made, async |client| {
        let (status, head, mut body) = ask(&client, "GET", Bytes::new()).await;
        assert_eq!((status, head.get("content-length")), (200, None));
        assert_eq!(body.data().await.unwrap().unwrap(), "first");
        say.send(()).unwrap();
        assert_eq!(rest(&mut body).await.unwrap(), b" and rest");
    });
    actor.done();
}

#[test]
fn what_breaks_off_is_reset() {
    for (announced, then) in [
        ("", vec![]),
        ("", b"no records at all".to_vec()),
        ("Content-Length: 20\r\n", end(0)),
        ("Content-Length: 20\r\n", vec![]),
    ] {
        let made = application(Limits::default());
        let first = stdout(format!("{announced}{HEAD}first"));
        let (actor, say) = waiting(&made, first, then);
        talk(&made, async |client| {
            let (_, _, mut body) = ask(&client, "GET", Bytes::new()).await;
            assert_eq!(body.data().await.unwrap().unwrap(), "first");
            say.send(()).unwrap();
            let error = rest(&mut body).await.expect_err("it looks whole");
            assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        });
        actor.done();
        assert_eq!(busy(made.board), 0);
    }
}

#[test]
fn more_than_was_announced_is_cut() {
    let made = application(Limits::default());
    let (_, _, body) = one(&made, "GET", page(format!("Content-Length: 5\r\n{HEAD}hello, world")));
    assert_eq!(body.unwrap(), b"hello");
}

#[test]
fn no_answer_becomes_one_of_ours() {
    for (said, status) in [(vec![], 502), (end(2), 503), (page("\r\n"), 502)] {
        let made = application(Limits::default());
        assert_eq!(one(&made, "GET", said).0, status);
    }
}

#[test]
fn a_slow_stream_keeps_no_place_at_php_and_its_siblings_go_on() {
    let made = application(Limits::default());
    let text: Vec<u8> = (0..1_u32 << 20).flat_map(|n| n.to_le_bytes()).collect();
    let expected = text.clone();
    let actor = Actor::of(&made, 2, move |number, mut peer| {
        read_request(&mut peer);
        let text = if number == 0 { &text[..] } else { b"small" };
        peer.write_all(&[stdout(HEAD), stdout(text), end(0)].concat()).unwrap();
    });
    let board = made.board;
    talk(&made, async |client| {
        let (_, _, mut slow) = ask(&client, "GET", Bytes::new()).await;
        // Nothing of it is released, so its window closes.
        while busy(board) > 0 || board.slot(0).get(Counter::PhpRequests) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (_, _, mut other) = ask(&client, "GET", Bytes::new()).await;
        let first = slow.data().await.unwrap().unwrap();
        // The connection's window is shared; what was seen of the slow one is given back.
        slow.flow_control().release_capacity(first.len()).unwrap();
        let mut all = first.to_vec();
        all.extend(rest(&mut slow).await.unwrap());
        assert!(all == expected, "the answer changed on its way");
        assert_eq!(rest(&mut other).await.unwrap(), b"small");
    });
    actor.done();
    assert!(board.slot(0).get(Counter::PhpSpooled) > 1 << 20, "nothing rested on disk");
}

#[test]
fn a_reset_takes_a_silent_request_along() {
    let made = application(Limits::default());
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        read_request(&mut peer);
        peer.write_all(&stdout(format!("{HEAD}first"))).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "it was closed");
    });
    let board = made.board;
    talk(&made, async |client| {
        let (_, _, mut body) = ask(&client, "GET", Bytes::new()).await;
        assert_eq!(body.data().await.unwrap().unwrap(), "first");
        assert_eq!(busy(board), 1);
        drop(body);
        while busy(board) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    actor.done();
}

#[test]
fn bodies_go_both_ways_at_once() {
    let made = application(Limits::default());
    let body: Vec<u8> = (0..1_u32 << 20).flat_map(|n| n.to_le_bytes()).collect();
    let expected = body.clone();
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        peer.write_all(&[stdout(HEAD), stdout(&expected)].concat()).unwrap();
        let asked = read_request(&mut peer);
        assert_eq!(asked.get("CONTENT_LENGTH").as_deref(), Some("4194304"));
        assert_eq!(asked.get("SERVER_PROTOCOL").as_deref(), Some("HTTP/2.0"));
        assert_eq!(asked.get("HTTP_HOST").as_deref(), Some("x"));
        assert!(asked.body == expected);
        peer.write_all(&end(0)).unwrap();
    });
    talk(&made, async |client| {
        let (status, _, mut answer) = ask(&client, "POST", body.clone().into()).await;
        assert_eq!(status, 200);
        assert!(rest(&mut answer).await.unwrap() == body);
    });
    actor.done();
}

#[test]
fn a_named_file_is_sent_at_its_rate() {
    for (rate, least) in [(100_000, 550), (0, 0)] {
        let made = application(Limits::default());
        made.lay("store/file.bin", &"0123456789".repeat(6000));
        let head = format!("X-Accel-Limit-Rate: {rate}\r\nX-Accel-Redirect: /files/file.bin\r\n");
        let begun = std::time::Instant::now();
        let (status, head, body) = one(&made, "GET", page(format!("{head}{HEAD}")));
        let taken = begun.elapsed().as_millis();
        assert_eq!((status, head["content-length"].to_str().unwrap()), (200, "60000"));
        assert!(body.unwrap() == "0123456789".repeat(6000).as_bytes());
        assert!((least..4000).contains(&taken), "{rate}: {taken} ms");
        assert!(rate > 0 || taken < 400, "{taken} ms");
    }
}
