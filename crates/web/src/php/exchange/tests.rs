//! Conversations with a server in the test's own task: every cutting, every end, all that is no
//! FastCGI.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use menshen_config::model::PhpAddress;

use super::*;
use crate::php::actor::{PATIENCE, end, page, read_next_request, read_request, stderr, stdout};
use crate::php::delivery::How;
use crate::php::fixture::{Place, noise};

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("it hangs") })
}

/// A request under way and the server's end of it.
async fn begun(kept: Connection, source: Option<Source>) -> (Exchange, UnixStream) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let line = Line::open(&PhpAddress::Unix(path), PATIENCE).await.unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut pairs = Vec::new();
    push_param(b"SCRIPT_NAME", b"/a.php", &mut pairs);
    (Exchange::new(line, kept, &pairs, source, 16), peer)
}

async fn step(exchange: &mut Exchange) {
    poll_fn(|cx| exchange.poll_step(cx)).await;
}

async fn finish(exchange: &mut Exchange) {
    while exchange.state == State::Open {
        step(exchange).await;
    }
}

/// Everything a server may say in one answer.
fn talkative() -> Vec<u8> {
    let management = [1, 10, 0, 0, 0, 3, 5, 0, 1, 2, 3, 0, 0, 0, 0, 0];
    let unknown = [1, 11, 0, 0, 0, 8, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    let empty = [1, 6, 0, 1, 0, 0, 0, 0];
    let parts: [&[u8]; 8] = [
        &management,
        &stdout("Content-Type: text/plain\r\n\r\n"),
        &stderr("warn"),
        &stdout("one"),
        &unknown,
        &stdout("two"),
        &empty,
        &end(0),
    ];
    parts.concat()
}

#[test]
fn cutting_the_answer_differently_changes_nothing() {
    run(async {
        let said = talkative();
        for size in (1..40).chain([64, 100, said.len()]) {
            let (mut exchange, mut peer) = begun(Connection::Close, None).await;
            for piece in said.chunks(size) {
                assert_eq!(exchange.state, State::Open, "pieces of {size}");
                peer.write_all(piece).unwrap();
                step(&mut exchange).await;
                assert!(exchange.take_heard() && !exchange.take_heard());
            }
            assert_eq!(exchange.state, State::Whole, "pieces of {size}");
            assert_eq!(exchange.answer.memory(), b"Content-Type: text/plain\r\n\r\nonetwo");
            assert_eq!((&exchange.stderr.text[..], exchange.stderr.cut), (&b"warn"[..], false));
            let asked = read_request(&mut peer);
            assert_eq!((asked.keep, asked.body.len()), (false, 0));
            assert_eq!(asked.get("SCRIPT_NAME").as_deref(), Some("/a.php"));
        }
    });
}

#[test]
fn an_answer_is_whole_only_with_its_last_byte() {
    run(async {
        let said = talkative();
        for length in 0..said.len() {
            let (mut exchange, mut peer) = begun(Connection::Keep, None).await;
            peer.write_all(&said[..length]).unwrap();
            drop(peer);
            finish(&mut exchange).await;
            assert_eq!(exchange.state, State::Broken(Trouble::Closed), "{length} bytes");
            assert!(exchange.release().is_none());
        }
    });
}

#[test]
fn what_is_no_fastcgi_is_said_to_be_none() {
    let changed = |at: usize, to: u8| {
        let mut record = stdout("text");
        record[at] = to;
        record
    };
    let mut long_end = end(0);
    long_end[5] = 9;
    let rows = [
        (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), Trouble::Protocol),
        (changed(0, 2), Trouble::Protocol),
        (changed(3, 2), Trouble::Protocol),
        (changed(2, 1), Trouble::Protocol),
        (changed(1, 1), Trouble::Protocol),
        (changed(1, 5), Trouble::Protocol),
        (long_end, Trouble::Protocol),
        (end(1), Trouble::Protocol),
        (end(2), Trouble::Overloaded),
        (end(3), Trouble::Protocol),
        (end(200), Trouble::Protocol),
    ];
    run(async {
        for (said, trouble) in rows {
            for before in [vec![], stdout("before")] {
                let (mut exchange, mut peer) = begun(Connection::Keep, None).await;
                peer.write_all(&before).unwrap();
                peer.write_all(&said).unwrap();
                finish(&mut exchange).await;
                assert_eq!(exchange.state, State::Broken(trouble), "{said:?}");
                assert!(exchange.release().is_none());
                // What is over stays over, and costs nothing more.
                step(&mut exchange).await;
                assert_eq!(exchange.state, State::Broken(trouble));
            }
        }
    });
}

#[test]
fn a_connection_is_kept_only_when_nothing_of_it_is_in_doubt() {
    let behind = |more: &[u8]| [&page("text"), more].concat();
    run(async {
        for (kept, said, usable) in [
            (Connection::Keep, behind(b""), true),
            (Connection::Close, behind(b""), false),
            // The next request would take it for its answer.
            (Connection::Keep, behind(&stdout("more")), false),
            (Connection::Keep, behind(&[1]), false),
        ] {
            let (mut exchange, mut peer) = begun(kept, None).await;
            peer.write_all(&said).unwrap();
            finish(&mut exchange).await;
            assert_eq!(exchange.state, State::Whole);
            assert_eq!(read_request(&mut peer).keep, kept == Connection::Keep);
            assert_eq!(exchange.release().is_some(), usable, "{kept:?} {said:?}");
            assert!(exchange.release().is_none(), "it was given away already");
        }
        let (mut exchange, _peer) = begun(Connection::Keep, None).await;
        assert!(exchange.release().is_none(), "before the answer is whole");
    });
}

#[test]
fn a_kept_connection_serves_another_request() {
    run(async {
        let (mut exchange, mut peer) = begun(Connection::Keep, None).await;
        peer.write_all(&page("first")).unwrap();
        finish(&mut exchange).await;
        read_request(&mut peer);
        let line = exchange.release().unwrap();
        let mut second = Exchange::new(line, Connection::Close, &[], None, 0);
        assert!(!read_next_request(&mut peer).keep);
        peer.write_all(&page("second")).unwrap();
        finish(&mut second).await;
        assert_eq!((second.state, second.answer.memory()), (State::Whole, &b"second"[..]));
    });
}

/// A body of `bytes` as it is, in the spool.
fn raw(place: &Place, bytes: &[u8]) -> Source {
    let mut intake = crate::php::intake::Intake::raw(
        std::sync::Arc::clone(&place.spool),
        None,
        crate::php::fixture::WIDE,
    )
    .unwrap();
    intake.take(bytes).unwrap();
    let body = std::thread::spawn(move || crate::php::fixture::finish(intake).unwrap());
    body.join().unwrap().deliver(How::Replay).unwrap().source
}

#[test]
fn bodies_of_every_length_come_out_as_they_went_in() {
    let place = Place::new();
    // Around the size of a record.
    for length in [0, 1, 7, 8, STDIN_BYTES - 1, STDIN_BYTES, STDIN_BYTES + 1, 3 << 20] {
        let body = noise(length);
        let source = raw(&place, &body);
        run(async {
            let (mut exchange, mut peer) = begun(Connection::Keep, Some(source)).await;
            let server = std::thread::spawn(move || {
                let asked = read_request(&mut peer);
                peer.write_all(&page("ok")).unwrap();
                (asked, peer)
            });
            finish(&mut exchange).await;
            let (asked, mut peer) = server.join().unwrap();
            assert!(asked.body == body, "{length} bytes");
            assert!(exchange.release().is_some());
            peer.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
            assert_ne!(peer.read(&mut [0]).unwrap_or(0), 1, "something follows the end");
        });
    }
}

#[test]
fn an_answer_before_the_body_was_read_is_whole_and_the_connection_is_not_kept() {
    let place = Place::new();
    let source = raw(&place, &noise(4 << 20));
    run(async {
        let (mut exchange, mut peer) = begun(Connection::Keep, Some(source)).await;
        peer.write_all(&page("refused")).unwrap();
        finish(&mut exchange).await;
        assert_eq!((exchange.state, exchange.answer.memory()), (State::Whole, &b"refused"[..]));
        assert!(exchange.release().is_none(), "the rest of the body would be the next request");
    });
}

#[test]
fn an_answer_outlives_a_server_that_reads_no_more() {
    let place = Place::new();
    let source = raw(&place, &noise(4 << 20));
    run(async {
        let (mut exchange, mut peer) = begun(Connection::Keep, Some(source)).await;
        peer.shutdown(std::net::Shutdown::Read).unwrap();
        peer.write_all(&stdout("ans")).unwrap();
        while exchange.answer.len() < 3 {
            step(&mut exchange).await;
        }
        peer.write_all(&page("wer")).unwrap();
        finish(&mut exchange).await;
        assert_eq!((exchange.state, exchange.answer.memory()), (State::Whole, &b"answer"[..]));
        assert!(exchange.release().is_none(), "nobody reads at its other end");
    });
}

#[test]
fn errors_are_kept_up_to_their_limit() {
    run(async {
        let (mut exchange, mut peer) = begun(Connection::Close, None).await;
        peer.write_all(&[stderr("0123456789"), stderr("abcdef"), end(0)].concat()).unwrap();
        finish(&mut exchange).await;
        assert_eq!(exchange.stderr.text, b"0123456789abcdef");
        assert!(!exchange.stderr.cut);
        let (mut exchange, mut peer) = begun(Connection::Close, None).await;
        peer.write_all(&[stderr("0123456789abcdefg"), stderr("h"), end(0)].concat()).unwrap();
        finish(&mut exchange).await;
        assert_eq!(exchange.stderr.text, b"0123456789abcdef");
        assert!(exchange.stderr.cut);
    });
}
