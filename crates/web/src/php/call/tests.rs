//! Calls side by side: kept connections, the queue, clients that left it.

mod kept;

use std::future::poll_fn;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use menshen_config::Limits;
use menshen_sys::Scoreboard;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::*;
use crate::fixture::{Fixture, Lines};
use crate::php::actor::{
    Actor, PATIENCE, application, busy, end, page, read_next_request, read_request, stdout, until,
};
use crate::php::answer::{Left, Supply};
use crate::plan::{Patience, Plan};

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new()
        .block_on(&runtime, async { tokio::time::timeout(PATIENCE, test).await.expect("it hangs") })
}

fn call(made: &Fixture) -> Box<Call> {
    let lines = Lines(Vec::new());
    match made.door.plan(&lines.ask("GET", "/a.php"), Patience::Once) {
        Plan::Php(call) => call,
        other => panic!("{other:?}"),
    }
}

/// The answer's status and body, when it is PHP's, else our status.
async fn answer(made: Made) -> (u16, Vec<u8>) {
    let mut streaming = match made {
        Made::Reply(reply, _) => return (reply.status, Vec::new()),
        Made::Streaming(streaming) => streaming,
    };
    let status = streaming.take_head().unwrap().status;
    let mut body = Vec::new();
    loop {
        match streaming.supply() {
            Supply::Bytes => {
                let memory = streaming.backlog().memory().to_vec();
                streaming.backlog().advance(memory.len());
                body.extend_from_slice(&memory);
            }
            Supply::Waiting => poll_fn(|cx| streaming.poll_read(cx)).await,
            Supply::Ended => break,
            Supply::Broken => panic!("broken after {body:?}"),
        }
    }
    assert_eq!(streaming.leave(Left::Served).way, PhpWay::Page);
    (status, body)
}

fn begin(made: &Fixture) -> JoinHandle<(u16, Vec<u8>)> {
    let (call, door) = (call(made), Rc::clone(&made.door));
    spawn_local(async move { answer(call.run(&door, || true).await).await })
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A pool of one process.
fn narrow() -> Fixture {
    let made = application(Limits::default());
    made.board.set_pool(0, "unix:nobody", 1);
    made
}

/// Waits until so many stand in the queue.
fn queued(board: Scoreboard, count: u64) {
    until("they queue", || board.slot(0).get(Counter::PhpQueued) == count);
}

const HEAD: &str = "Content-Type: text/plain\r\n\r\n";

#[test]
fn a_connection_is_kept_only_for_one_who_waits_already() {
    let made = narrow();
    let board = made.board;
    // The first finds nobody waiting, the second and third do, the fourth does not.
    let actor = Actor::of(&made, 2, move |number, mut peer| {
        if number == 0 {
            assert!(!read_request(&mut peer).keep);
            queued(board, 3);
            return peer.write_all(&page(format!("{HEAD}0"))).unwrap();
        }
        for (at, keep) in [true, true, false].into_iter().enumerate() {
            let read = if at == 0 { read_request } else { read_next_request };
            assert_eq!(read(&mut peer).keep, keep, "{at}");
            peer.write_all(&page(format!("{HEAD}{}", at + 1))).unwrap();
        }
    });
    run(async {
        let mut calls = Vec::new();
        for _ in 0..4 {
            calls.push(begin(&made));
            settle().await;
        }
        for (number, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap(), (200, number.to_string().into_bytes()));
        }
    });
    assert_eq!(busy(made.board), 0);
    actor.done();
}

#[test]
fn a_place_is_never_given_twice() {
    static WITH_PHP: AtomicU32 = AtomicU32::new(0);
    let made = application(Limits::default());
    made.board.set_pool(0, "unix:nobody", 2);
    // Never kept, so each has a connection of its own.
    let actor = Actor::of(&made, 12, |_, mut peer| {
        read_request(&mut peer);
        let together = WITH_PHP.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(together <= 2, "{together} at once");
        std::thread::sleep(std::time::Duration::from_millis(5));
        WITH_PHP.fetch_sub(1, Ordering::SeqCst);
        // What follows the end makes the connection useless for another.
        peer.write_all(&[page(format!("{HEAD}x")), vec![1]].concat()).unwrap();
    });
    run(async {
        let calls: Vec<_> = (0..12).map(|_| begin(&made)).collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), (200, b"x".to_vec()));
        }
    });
    actor.done();
    assert_eq!(busy(made.board), 0);
    assert_eq!(made.board.slot(0).get(Counter::PhpRequests), 12);
}

#[test]
fn a_client_that_left_the_queue_is_not_brought_to_php() {
    let made = narrow();
    let board = made.board;
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        read_request(&mut peer);
        queued(board, 1);
        peer.write_all(&page(format!("{HEAD}x"))).unwrap();
    });
    run(async {
        let first = begin(&made);
        settle().await;
        let gone = call(&made).run(&made.door, || false).await;
        assert_eq!(answer(gone).await.0, 503);
        assert_eq!(first.await.unwrap(), (200, b"x".to_vec()));
    });
    actor.done();
    assert_eq!(busy(made.board), 0);
}

#[test]
fn a_full_queue_is_told_at_once_and_a_long_one_after_its_time() {
    let limits = Limits { php_queue_max: 1, php_queue_seconds_max: 1, ..Limits::default() };
    let made = application(limits);
    made.board.set_pool(0, "unix:nobody", 1);
    let (say, hear) = std::sync::mpsc::channel::<()>();
    let hear = std::sync::Mutex::new(hear);
    let actor = Actor::of(&made, 1, move |_, mut peer| {
        read_request(&mut peer);
        peer.write_all(&stdout(HEAD)).unwrap();
        hear.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        peer.write_all(&end(0)).unwrap();
    });
    run(async {
        let first = begin(&made);
        settle().await;
        let second = begin(&made);
        settle().await;
        assert_eq!(answer(call(&made).run(&made.door, || true).await).await.0, 503);
        let slot = made.board.slot(0);
        assert_eq!(slot.get(Counter::LimitPhpQueue), 1);
        assert_eq!(second.await.unwrap().0, 503);
        assert_eq!(slot.get(Counter::LimitPhpQueueSeconds), 1);
        assert!(!first.is_finished());
        say.send(()).unwrap();
        assert_eq!(first.await.unwrap(), (200, Vec::new()));
        assert_eq!(slot.get(Counter::PhpFailed), 0, "waiting is no failure of PHP");
    });
    actor.done();
    assert_eq!(busy(made.board), 0);
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let made = application(Limits::default());
    let actor = Actor::of(&made, 1, |_, mut peer| {
        read_request(&mut peer);
        assert_eq!(std::io::Read::read(&mut peer, &mut [0]).unwrap(), 0, "it was closed");
    });
    run(async {
        let (one, door) = (call(&made), Rc::clone(&made.door));
        let task = spawn_local(async move { answer(one.run(&door, || true).await).await });
        settle().await;
        assert_eq!(busy(made.board), 1);
        task.abort();
        let _ = task.await;
        assert_eq!(busy(made.board), 0);
    });
    actor.done();
}

#[test]
fn an_answer_without_a_head_is_told_from_one_that_broke_off() {
    let (headless, died) = (Failure::Broken(Trouble::Headless), Failure::Broken(Trouble::Closed));
    assert_eq!((headless.code(), died.code()), ("php-bad-head", "php-died"));
    assert!(headless.detail().contains("without a head"), "{}", headless.detail());
}
