//! A long link on one machine: bytes between two ports arrive late, and at a bounded rate.
//!
//! Each direction has a queue of what is on its way. A sender that is ahead of the link's rate is
//! held up by its full queue, as by a router's; acknowledgements of TCP itself are not delayed, so
//! only what an application waits for sees the distance. Ends with its standard input.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::Options;

/// Relays until standard input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let port: u16 = options.get("listen", 0)?;
    let path = Path {
        delay: Duration::from_millis(options.get("delay", 25)?),
        rate: options.get("rate", 62_500_000_u64)?.max(1),
    };
    let to = options.address()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = listener.map_err(|e| format!("could not listen on {port}: {e}"))?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || relay(&client, to, path));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop).map_err(|e| e.to_string())
}

/// What one direction is like.
#[derive(Debug, Clone, Copy)]
struct Path {
    delay: Duration,
    /// Bytes a second.
    rate: u64,
}

/// Bytes under way, each piece with the time it is due; an empty piece is the end.
#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// Nobody takes any more.
    is_closed: bool,
}

fn relay(client: &TcpStream, to: SocketAddr, path: Path) {
    let Ok(server) = TcpStream::connect(to) else { return };
    for end in [client, &server] {
        // What has come is passed on at once: the link is the only delay.
        let _ = end.set_nodelay(true);
    }
    let both = || Some((client.try_clone().ok()?, server.try_clone().ok()?));
    let (Some((up_from, up_to)), Some((down_to, down_from))) = (both(), both()) else { return };
    let up = thread::spawn(move || direction(up_from, up_to, path));
    direction(down_from, down_to, path);
    drop(up.join());
}

fn direction(mut from: TcpStream, mut to: TcpStream, path: Path) {
    let queue = Arc::new(Queue::default());
    let behind = Arc::clone(&queue);
    let writer = thread::spawn(move || {
        while let Some(piece) = behind.take() {
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        behind.close();
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; PIECE_BYTES];
    let mut free_at = Instant::now();
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let long = Duration::from_nanos(read as u64 * 1_000_000_000 / path.rate);
        free_at = free_at.max(Instant::now()) + long;
        if !queue.put(free_at + path.delay, &buffer[..read], path.in_flight()) {
            break;
        }
    }
    queue.put(Instant::now() + path.delay, &[], usize::MAX);
    drop(writer.join());
}

impl Path {
    /// What fits on the way, and as much again before it.
    fn in_flight(self) -> usize {
        let bytes = u128::from(self.rate) * self.delay.as_nanos() / 1_000_000_000;
        usize::try_from(2 * bytes).unwrap_or(usize::MAX / 2) + PIECE_BYTES
    }
}

impl Queue {
    /// Waits for room; false when nobody takes any more.
    fn put(&self, due: Instant, piece: &[u8], room: usize) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |state: &mut State| !state.is_closed && state.bytes > room;
        let state = self.changed.wait_while(state, full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.bytes += piece.len();
        state.pieces.push_back((due, piece.to_vec()));
        self.changed.notify_all();
        !state.is_closed
    }

    /// The next piece when it is due; `None` at the end.
    fn take(&self) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.changed.wait_while(state, |state| state.pieces.is_empty());
        let (due, piece) = state.unwrap_or_else(PoisonError::into_inner).pieces.pop_front()?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bytes -= piece.len();
        self.changed.notify_all();
        (!piece.is_empty()).then_some(piece)
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.changed.notify_all();
    }
}

const PIECE_BYTES: usize = 64 << 10;
