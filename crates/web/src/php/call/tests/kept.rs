//! Kept connections that PHP closes: what is sent again, and what must not be.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use super::super::*;
use crate::fixture::{Choices, Fixture, Lines};
use crate::plan::{Patience, Plan};

/// One PHP worker that serves by hand, and a request for it.
fn made() -> (Fixture, UnixListener) {
    use menshen_config::model::{PhpBackend, Site};
    let site = Site { root: "site".into(), php: PhpBackend::Managed, ..Site::default() };
    let made = Fixture::with(Choices { sites: vec![site], ..Choices::default() });
    made.lay("site/a.php", "");
    made.door.slot.reset(1, 1, 0);
    made.door.slot.set_state(menshen_sys::SlotState::Ready);
    made.board.set_pool(0, "one", 1);
    let listener = UnixListener::bind(made.folder().join("nobody.sock")).unwrap();
    (made, listener)
}

async fn ask(door: Rc<Door>, target: &'static str) -> u16 {
    let lines = Lines::of::<&str>(&[]);
    let Plan::Php(call) = door.plan(&lines.ask("GET", target), Patience::Once) else {
        panic!("{target}")
    };
    match call.run(&door, || true).await {
        Made::Reply(reply, _) => reply.status,
        Made::Streaming(mut php) => php.take_head().unwrap().status,
    }
}

fn record(stream: &mut UnixStream) -> (u8, Vec<u8>) {
    let mut head = [0; 8];
    stream.read_exact(&mut head).unwrap();
    let mut content = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
    stream.read_exact(&mut content).unwrap();
    (head[1], content)
}

/// Reads up to the last parameter, as PHP does; returns the query.
fn parameters(stream: &mut UnixStream) -> u8 {
    let mut all = Vec::new();
    loop {
        match record(stream) {
            (4, end) if end.is_empty() => break,
            (4, more) => all.extend(more),
            _ => {}
        }
    }
    let at = all.windows(12).position(|bytes| bytes == b"QUERY_STRING").unwrap();
    all[at + 12]
}

/// Waits until the third request is in the connection.
fn begun(kept: &mut UnixStream) {
    assert_eq!(record(kept), (5, Vec::new()), "of the second request");
    kept.read_exact(&mut [0; 8]).unwrap();
}

fn answer(stream: &mut UnixStream) {
    let head = b"Status: 201 Created\r\n\r\n";
    let mut bytes = vec![1, 6, 0, 1, 0, u8::try_from(head.len()).unwrap(), 0, 0];
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(&[1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    stream.write_all(&bytes).unwrap();
}

/// Three requests for one PHP worker: the first over a connection of its own, the second over one
/// that is kept for the third, since that one waits. `third` is what PHP does with that.
fn three(third: fn(UnixStream, &UnixListener)) -> [u16; 3] {
    let (made, listener) = made();
    let (begin, begun) = std::sync::mpsc::channel();
    let php = thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        assert_eq!(parameters(&mut first), b'1');
        begun.recv().unwrap();
        answer(&mut first);
        drop(first);
        let (mut kept, _) = listener.accept().unwrap();
        assert_eq!(parameters(&mut kept), b'2');
        // What ends the empty body stays unread, as with PHP.
        answer(&mut kept);
        third(kept, &listener);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nothing more may come");
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let door = Rc::clone(&made.door);
    let all = tokio::task::LocalSet::new().block_on(&runtime, async move {
        let go = |target| tokio::task::spawn_local(ask(Rc::clone(&door), target));
        let first = go("/a.php?1");
        let admission = &door.pools[0].admission;
        while !admission.holds_places() {
            tokio::task::yield_now().await;
        }
        let (second, third) = (go("/a.php?2"), go("/a.php?3"));
        while admission.waiting() < 2 {
            tokio::task::yield_now().await;
        }
        begin.send(()).unwrap();
        [first.await.unwrap(), second.await.unwrap(), third.await.unwrap()]
    });
    php.join().unwrap();
    all
}

#[test]
fn a_request_that_was_not_read_is_sent_anew() {
    // As php-fpm ends a kept connection: its sending first, then it waits for our end.
    let all = three(|mut kept, listener| {
        begun(&mut kept);
        kept.shutdown(Shutdown::Write).unwrap();
        kept.read_to_end(&mut Vec::new()).unwrap();
        drop(kept);
        let (mut fresh, _) = listener.accept().unwrap();
        assert_eq!(parameters(&mut fresh), b'3');
        assert_eq!(record(&mut fresh), (5, Vec::new()), "the end of the empty body");
        answer(&mut fresh);
    });
    assert_eq!(all, [201, 201, 201]);
    // At once, with most of it unread.
    let all = three(|mut kept, listener| {
        begun(&mut kept);
        drop(kept);
        let (mut fresh, _) = listener.accept().unwrap();
        assert_eq!(parameters(&mut fresh), b'3');
        answer(&mut fresh);
    });
    assert_eq!(all, [201, 201, 201]);
}

#[test]
fn a_request_that_was_read_is_not_sent_again() {
    let all = three(|mut kept, _| {
        assert_eq!(record(&mut kept), (5, Vec::new()), "of the second request");
        assert_eq!(parameters(&mut kept), b'3');
    });
    assert_eq!(all, [201, 201, 502]);
    // Nor is one that was answered with anything at all.
    let all = three(|mut kept, _| {
        record(&mut kept);
        record(&mut kept);
        kept.write_all(&[1, 6, 0, 1]).unwrap();
    });
    assert_eq!(all, [201, 201, 502]);
}

#[test]
fn a_kept_connection_serves_and_the_body_s_end_is_not_missed() {
    let all = three(|mut kept, _| {
        record(&mut kept);
        assert_eq!(parameters(&mut kept), b'3');
        answer(&mut kept);
        assert_eq!(kept.read(&mut [0; 8]).unwrap(), 0, "nothing more, and closed");
    });
    assert_eq!(all, [201; 3]);
}
