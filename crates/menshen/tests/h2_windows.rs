//! HTTP/2 receive windows (RFC 9113 §5.2, §6.5.2, §6.9): small at first, larger for connections
//! that upload, and never more than one budget for all of a worker.

use crate::support::{frames, live, secure, wire};

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use frames::*;
use live::Live;
use secure::{client, connect};
use wire::{settings, start_with};

#[test]
fn the_first_windows_are_small() {
    let live = start();
    let mut stream = connect(&client(&live, &[b"h2"]), live.https.unwrap());
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&hello).unwrap();
    stream.flush().unwrap();
    // Their settings, their acknowledgement of ours, and what more the connection may carry.
    let (mut stream_window, mut connection_window) = (None, None);
    while stream_window.is_none() || connection_window.is_none() {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).unwrap();
        match head[3] {
            SETTINGS if head[4] & ACK == 0 => stream_window = initial_window(&payload),
            WINDOW_UPDATE => {
                assert_eq!(head[5..], [0; 4], "the connection's, not a stream's");
                connection_window = Some(65_535 + word(&payload));
            }
            _ => {}
        }
    }
    assert_eq!((stream_window, connection_window), (Some(SMALL), Some(SMALL)));
}

#[test]
fn uploads_grow_their_windows_until_the_budget_is_spent() {
    let live = start();
    let mut idle = Client::open(&live);
    let mut little = Client::open(&live);
    little.upload("little", 300 << 10);
    assert_eq!(little.grown(), None, "too little to deserve more");

    // What they have beyond the small window is taken from the budget of 128 MiB.
    let room = (128 << 20) / (LARGE - SMALL);
    let mut grown: Vec<Client> = (0..room).map(|_| Client::open(&live)).collect();
    for (number, client) in grown.iter_mut().enumerate() {
        client.upload(&format!("grown{number}"), MUCH);
        assert_eq!(client.grown(), Some(LARGE), "{number}");
        assert!(client.open_window() >= u64::from(LARGE) / 2, "{number}: {}", client.open_window());
    }
    let mut late = Client::open(&live);
    late.upload("late", MUCH);
    late.upload("again", MUCH);
    assert_eq!(late.grown(), None, "the budget is spent");
    assert!(late.open_window() <= u64::from(SMALL), "{}", late.open_window());
    // A connection that has grown does not take its share twice.
    grown[0].upload("more", MUCH);
    assert_eq!(grown[0].grown(), Some(LARGE));

    drop(grown);
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut next = Client::open(&live);
        next.upload("next", MUCH);
        if next.grown() == Some(LARGE) {
            break;
        }
        assert!(Instant::now() < until, "what an ended connection held is not given again");
    }
    assert_eq!(idle.grown(), None);
    assert_eq!(idle.open_window(), u64::from(SMALL), "idle connections keep the small window");
}

/// One worker, whose windows grow in one step.
fn start() -> Live {
    start_with(&settings("serve", "", "[limits]\nh2_window_bytes_max = \"4MiB\""))
}

/// A connection that keeps the windows it was given.
struct Client {
    frames: Frames,
    next_id: u32,
    sent: u64,
    /// Window of every new stream.
    initial: u32,
    /// Updates of streams.
    updates: BTreeMap<u32, u64>,
    statuses: BTreeMap<u32, u16>,
    grown: Option<u32>,
}

impl Client {
    fn open(live: &Live) -> Self {
        let frames = Frames::open(live);
        let (updates, statuses) = (BTreeMap::new(), BTreeMap::new());
        Self { frames, next_id: 1, sent: 0, initial: SMALL, updates, statuses, grown: None }
    }

    /// Uploads a file of so many bytes and waits for its answer.
    fn upload(&mut self, name: &str, length: usize) {
        let id = self.stream();
        let head = block(&request("PUT", &format!("/{name}")));
        self.frames.send(&frame(HEADERS, END_HEADERS, id, &head)).unwrap();
        let piece = [b'x'; PIECE];
        let (mut own, mut left) = (0_u64, length);
        while left > 0 {
            let step = left.min(PIECE);
            let needed = own + step as u64;
            while self.open_window() < step as u64 || self.stream_window(id) < needed {
                self.take();
            }
            left -= step;
            own = needed;
            self.sent += step as u64;
            let last = if left == 0 { END_STREAM } else { 0 };
            self.frames.send(&frame(DATA, last, id, &piece[..step])).unwrap();
        }
        while !self.statuses.contains_key(&id) {
            self.take();
        }
        assert!(matches!(self.statuses[&id], 201 | 204), "{name}: {:?}", self.statuses);
    }

    /// The window of new streams, if it was ever changed, after all that was sent has had its
    /// effect: a later request on the connection is served only then.
    fn grown(&mut self) -> Option<u32> {
        for _ in 0..2 {
            let id = self.stream();
            let head = block(&request("GET", "/hello.txt"));
            self.frames.send(&frame(HEADERS, END_HEADERS | END_STREAM, id, &head)).unwrap();
            while self.statuses.get(&id) != Some(&200) {
                self.take();
            }
        }
        self.grown
    }

    /// Bytes the connection may still carry.
    fn open_window(&self) -> u64 {
        self.frames.window - self.sent
    }

    /// Bytes a stream was allowed so far.
    fn stream_window(&self, id: u32) -> u64 {
        u64::from(self.initial) + self.updates.get(&id).copied().unwrap_or(0)
    }

    fn stream(&mut self) -> u32 {
        self.next_id += 2;
        self.next_id - 2
    }

    /// Takes one frame; updates of the connection are counted by [`Frames`] on the way.
    fn take(&mut self) {
        let before = self.frames.window;
        let until = Instant::now() + Duration::from_secs(10);
        let frame = loop {
            // In short steps: an update of the connection alone ends no call, but ends the wait.
            if let Some(frame) = self.frames.next(Duration::from_millis(20)) {
                break frame;
            }
            if self.frames.window > before {
                return;
            }
            assert!(Instant::now() < until, "the server says nothing more");
        };
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                let size = initial_window(&frame.payload).unwrap();
                (self.initial, self.grown) = (size, Some(size));
                self.frames.send(&frames::frame(SETTINGS, ACK, 0, &[])).unwrap();
            }
            WINDOW_UPDATE => {
                *self.updates.entry(frame.id).or_default() += u64::from(word(&frame.payload));
            }
            HEADERS => {
                self.statuses.insert(frame.id, status(&frame.payload));
            }
            RST_STREAM | GOAWAY => panic!("ended: {frame:?}"),
            _ => {}
        }
    }
}

/// SETTINGS_INITIAL_WINDOW_SIZE, if it is among them.
fn initial_window(settings: &[u8]) -> Option<u32> {
    settings.chunks(6).find(|one| one[..2] == [0, 4]).map(|one| word(&one[2..]))
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.first_chunk().unwrap())
}

/// Of a stream and of a connection that nothing is known of.
const SMALL: u32 = 256 << 10;
/// What these tests set as the largest.
const LARGE: u32 = 4 << 20;
/// More than the 512 KiB after which windows grow.
const MUCH: usize = 600 << 10;
const PIECE: usize = 16 << 10;
