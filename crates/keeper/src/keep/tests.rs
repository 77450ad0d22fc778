//! Tests of the task of one name: its end, and a clock that is set back.

use std::net::TcpListener;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use menshen_config::AcmeChallenge;
use menshen_config::keeper::{DirectorySpec, KeeperSpec};
use menshen_sys::Bulletin;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::*;
use crate::answers::Answers;
use crate::outbox::Outbox;

/// A name kept at an authority that takes connections and says nothing; what keeps it going.
struct Room {
    keep: Keep,
    end: watch::Sender<bool>,
    messages: mpsc::Receiver<Message>,
    _silent: TcpListener,
}

fn room() -> Room {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut spec = KeeperSpec {
        orders: Vec::new(),
        directories: vec![DirectorySpec {
            url: format!("https://{}/", silent.local_addr().unwrap()),
            roots_pem: None,
            profile: None,
            binding: None,
            account: None,
        }],
        challenges: vec![AcmeChallenge::Http01],
        dns_hook: None,
        dns_secret: None,
        hook_seconds_max: 1,
        dns_wait_seconds: 0,
        email: None,
        https: Vec::new(),
        challenges_fd: -1,
        messages_fd: -1,
        become_user: None,
        oom_score_adj: None,
    };
    let answers = Answers::new(Bulletin::create("test").unwrap()).unwrap();
    let (outbox, messages) = Outbox::new();
    let (end, ending) = watch::channel(false);
    let shared = Rc::new(Shared::new(&mut spec, answers, outbox, ending));
    let order = OrderSpec { name: "a.test".to_owned(), chain_pem: None, note: None };
    Room { keep: Keep::new(0, order, shared), end, messages, _silent: silent }
}

#[test]
fn an_order_that_is_cut_short_by_the_end_is_not_begun_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Room { keep, end, mut messages, _silent } = room();
    // A task that never gives way would hold up the timeout below, too.
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if is_done.recv_timeout(Duration::from_secs(20)) == Err(RecvTimeoutError::Timeout) {
            std::process::abort();
        }
    });
    LocalSet::new().block_on(&runtime, async {
        let task = tokio::task::spawn_local(keep.run());
        let is_ordering = |message: &Message| {
            let Message::Note { json, .. } = message else { return false };
            serde_json::from_slice::<Note>(json).unwrap().state == KeepState::Ordering
        };
        while !is_ordering(&messages.recv().await.unwrap()) {}
        sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        end.send(true).unwrap();
        let ended = timeout(Duration::from_secs(3), task).await;
        assert_eq!(ended.expect("it did not end").unwrap(), Ok(()));
        assert!(begun.elapsed() < Duration::from_secs(1));
    });
    drop(done);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_a_failing_name_for_years() {
    let mut keep = room().keep;
    let (now, year) = (unix_now(), 365 * 86_400);
    keep.next_order = now + 20 * year;
    keep.embargoes = vec![now + 20 * year];
    keep.next_window = Some(now + 20 * year);
    keep.settle(now);
    assert_eq!(keep.next_order, now + 20 * year, "that is what the certificate says");
    keep.note.failures = 1;
    keep.settle(now);
    let latest = now + schedule::EMBARGO_SECONDS_MAX;
    assert_eq!((keep.next_order, keep.embargoes[0]), (latest, latest));
    assert_eq!(keep.next_window, Some(now + schedule::WINDOW_SECONDS_MAX));
}
