//! A FastCGI server that does what a test tells it, on threads of its own.
//!
//! It waits for nothing longer than [`PATIENCE`], so a test that goes wrong fails.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use menshen_base::Counter;
use menshen_config::Limits;
use menshen_config::model::{Mount, NameValue, PhpBackend, Site};
use menshen_sys::{Scoreboard, SlotState};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::fixture::{Choices, Fixture};

/// One request as PHP would read it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) keep: bool,
    pub(crate) pairs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// The value of the first parameter of this name.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let pair = self.pairs.iter().find(|(other, _)| other == name.as_bytes())?;
        Some(String::from_utf8(pair.1.clone()).unwrap())
    }
}

/// A server at the address of the fixture's pool.
pub(crate) struct Actor(JoinHandle<()>);

impl Actor {
    /// Plays for `connections` connections, each on a thread.
    pub(crate) fn at(
        socket: &Path,
        connections: usize,
        play: impl Fn(usize, UnixStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        set_socket_timeout(&listener, Timeout::Recv, Some(PATIENCE)).unwrap();
        let play = Arc::new(play);
        Self(std::thread::spawn(move || {
            let mut plays = Vec::new();
            for number in 0..connections {
                let (peer, _) = listener.accept().expect("nobody connects");
                peer.set_read_timeout(Some(PATIENCE)).unwrap();
                peer.set_write_timeout(Some(PATIENCE)).unwrap();
                let play = Arc::clone(&play);
                plays.push(std::thread::spawn(move || play(number, peer)));
            }
            for play in plays {
                play.join().unwrap();
            }
        }))
    }

    /// For the application of `made`.
    pub(crate) fn of(
        made: &Fixture,
        connections: usize,
        play: impl Fn(usize, UnixStream) + Send + Sync + 'static,
    ) -> Self {
        Self::at(&made.folder().join("nobody.sock"), connections, play)
    }

    /// For one request, which is answered by `said` once it was read.
    pub(crate) fn saying(made: &Fixture, said: Vec<u8>) -> Self {
        Self::of(made, 1, move |_, mut peer| {
            read_request(&mut peer);
            let _ = peer.write_all(&said);
        })
    }

    /// Waits for the end of all plays.
    pub(crate) fn done(self) {
        self.0.join().unwrap();
    }
}

/// An application: `/a.php`, a mount `/files/` for nobody but it, a field of the site.
pub(crate) fn application(limits: Limits) -> Fixture {
    let site = Site {
        root: "site".into(),
        php: PhpBackend::Managed,
        mounts: vec![Mount { path: "/files/".into(), root: "store".into(), internal: true }],
        headers: vec![NameValue { name: "X-Site".into(), value: "1".into() }],
        ..Site::default()
    };
    let made = Fixture::with(Choices { sites: vec![site], limits, ..Choices::default() });
    made.lay("site/a.php", "<?php");
    made.board.slot(0).set_state(SlotState::Ready);
    made
}

/// Reads one whole request.
pub(crate) fn read_request(peer: &mut impl Read) -> Asked {
    read_up_to(STDIN, peer)
}

/// Reads a request on a connection that served another: what would end its body does not come.
pub(crate) fn read_next_request(peer: &mut impl Read) -> Asked {
    read_up_to(PARAMS, peer)
}

/// Reads up to the end of a stream, all that PHP reads before it runs a script.
fn read_up_to(last: u8, peer: &mut impl Read) -> Asked {
    let (mut asked, mut params) = (Asked::default(), Vec::new());
    loop {
        let mut head = [0; 8];
        peer.read_exact(&mut head).expect("the request is cut");
        assert_eq!((head[0], head[2], head[3]), (1, 0, 1), "version and request id");
        let mut content = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
        peer.read_exact(&mut content).unwrap();
        peer.read_exact(&mut vec![0; usize::from(head[6])]).unwrap();
        match head[1] {
            1 => asked.keep = content[2] & 1 > 0,
            PARAMS if content.is_empty() => asked.pairs = pairs(&params),
            PARAMS => params.extend_from_slice(&content),
            STDIN => asked.body.extend_from_slice(&content),
            kind => panic!("a record of type {kind}"),
        }
        if head[1] == last && content.is_empty() {
            return asked;
        }
    }
}

/// Takes a stream of pairs apart.
pub(crate) fn pairs(mut rest: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let [name, value] = [length(&mut rest), length(&mut rest)];
        let (first, after) = rest.split_at(name);
        let (second, after) = after.split_at(value);
        pairs.push((first.to_vec(), second.to_vec()));
        rest = after;
    }
    pairs
}

fn length(rest: &mut &[u8]) -> usize {
    let (first, after) = rest.split_first().unwrap();
    if *first < 0x80 {
        *rest = after;
        return usize::from(*first);
    }
    let (four, after) = rest.split_at(4);
    *rest = after;
    let four = u32::from_be_bytes(four.try_into().unwrap()) & 0x7fff_ffff;
    usize::try_from(four).unwrap()
}

/// Records of a stream of the answer.
fn records(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in bytes.chunks(60_000) {
        let [high, low] = u16::try_from(piece.len()).unwrap().to_be_bytes();
        let padding = u8::try_from(piece.len().wrapping_neg() % 8).unwrap();
        out.extend_from_slice(&[1, kind, 0, 1, high, low, padding, 0]);
        out.extend_from_slice(piece);
        out.resize(out.len() + usize::from(padding), 0xff);
    }
    out
}

pub(crate) fn stdout(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    records(6, bytes.as_ref())
}

pub(crate) fn stderr(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    records(7, bytes.as_ref())
}

/// The record that ends a request, with its protocol status.
pub(crate) fn end(status: u8) -> Vec<u8> {
    vec![1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, status, 0, 0, 0]
}

/// A whole answer.
pub(crate) fn page(text: impl AsRef<[u8]>) -> Vec<u8> {
    [stdout(text), end(0)].concat()
}

/// Waits until `done`.
pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Requests with PHP now: by the counter, and by the places that are taken.
pub(crate) fn busy(board: Scoreboard) -> u64 {
    let slot = board.slot(0);
    assert_eq!(u64::from(board.view().pool_load(0).in_flight), slot.get(Counter::PhpBusy));
    slot.get(Counter::PhpBusy)
}

/// How long anything here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

const PARAMS: u8 = 4;
const STDIN: u8 = 5;
