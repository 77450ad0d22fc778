//! Tests of the sweep over real sockets, under a clock that the tests move, so that nothing here
//! depends on how busy the machine is.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// A watched connection and its peer.
struct Pair {
    watch: Watch,
    watched: Rc<Watched>,
    socket: Rc<TcpStream>,
    peer: std::net::TcpStream,
    now: Cell<u64>,
}

fn with_pair(test: impl AsyncFnOnce(Pair)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = Rc::new(TcpStream::from_std(socket).unwrap());
        let watch = Watch::default();
        let watched = watch.add(Rc::clone(&socket));
        let now = Cell::new(coarse_ms());
        test(Pair { watch, watched, socket, peer, now }).await;
    });
}

impl Pair {
    /// Sweeps `ms` later.
    fn after(&self, ms: u64) -> Vec<Breach> {
        self.now.set(self.now.get() + ms);
        let mut all = Vec::new();
        self.watch.sweep_at(self.now.get(), |breach| all.push(breach));
        all
    }

    /// Waits until the kernels move nothing any more.
    fn settle(&self) {
        let mut before = None;
        loop {
            let waiting = Some(unacknowledged_bytes(&self.socket).unwrap());
            if waiting == before {
                return;
            }
            before = waiting;
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Fills the socket and tells the watch of it.
    fn fill(&self) {
        while let Ok(sent) = self.write(&[7; 65_536]) {
            self.watched.sent(sent);
        }
        assert!(unacknowledged_bytes(&self.socket).unwrap() > 0);
    }

    fn write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
        rustix::net::send(&self.socket, bytes, flags)
    }

    /// What a read of our side gives: bytes, 0 at its end, `None` while it is open and empty.
    fn read(&self) -> Option<usize> {
        let mut byte = [0; 1];
        match rustix::net::recv(&self.socket, &mut byte, rustix::net::RecvFlags::DONTWAIT) {
            Ok((_, n)) => Some(n),
            Err(rustix::io::Errno::AGAIN) => None,
            Err(_) => Some(0),
        }
    }
}

const LIMITS: PaceLimits = PaceLimits { stall_ms: 60_000, rate_min_bytes_per_s: 0, grace_ms: 0 };
const RATE: PaceLimits = PaceLimits { stall_ms: 0, rate_min_bytes_per_s: 100, grace_ms: 10_000 };

#[test]
fn a_deadline_ends_its_phase_once_and_names_it() {
    for phase in [Phase::Handshake, Phase::Head, Phase::Idle] {
        with_pair(async |pair| {
            pair.watched.enter(phase, 100);
            assert!(pair.after(95_000).is_empty());
            assert_eq!((pair.read(), pair.watched.breach()), (None, None));
            assert_eq!(pair.after(10_000), [Breach::Deadline(phase)]);
            assert_eq!(pair.watched.breach(), Some(Breach::Deadline(phase)));
            assert_eq!(pair.read(), Some(0), "the task that reads wakes");
            assert!(pair.after(1).is_empty(), "and is told once");
        });
    }
}

#[test]
fn no_deadline_means_none() {
    with_pair(async |pair| {
        pair.watched.enter(Phase::Store, 0);
        assert!(pair.after(u64::from(u32::MAX) * 1000).is_empty());
    });
}

#[test]
fn one_that_was_ended_can_still_answer_but_not_for_ever() {
    with_pair(async |mut pair| {
        pair.watched.enter(Phase::Head, 100);
        assert_eq!(pair.after(101_000), [Breach::Deadline(Phase::Head)]);
        assert_eq!(pair.write(b"408"), Ok(3));
        pair.peer.read_exact(&mut [0; 3]).unwrap();
        // The answer is a new phase, with limits of its own.
        pair.watched.enter_paced(Phase::Send, LIMITS);
        pair.now.set(coarse_ms());
        assert_eq!(pair.watched.breach(), None);
        assert!(pair.after(55_000).is_empty());
        assert_eq!(pair.after(10_000), [Breach::Stall(Phase::Send)]);
    });
}

#[test]
fn a_task_that_waits_for_a_reader_wakes_up() {
    with_pair(async |pair| {
        let socket = Rc::clone(&pair.socket);
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let read = tokio::task::spawn_local(async move { socket.readable().await });
                tokio::task::yield_now().await;
                pair.watched.enter(Phase::Idle, 100);
                assert_eq!(pair.after(101_000), [Breach::Deadline(Phase::Idle)]);
                let woken = tokio::time::timeout(Duration::from_secs(10), read).await;
                woken.expect("not woken").unwrap().unwrap();
            })
            .await;
    });
}

#[test]
fn who_waits_for_us_is_not_blamed_and_gains_no_grace() {
    with_pair(async |pair| {
        pair.watched.enter_paced(Phase::Body, LIMITS);
        assert!(pair.after(50_000).is_empty());
        pair.watched.pause_at(pair.now.get());
        pair.watched.pause_at(pair.now.get() + 1);
        assert!(pair.after(500_000).is_empty(), "our own slowness");
        pair.watched.resume_at(pair.now.get());
        pair.watched.resume_at(pair.now.get() + 1);
        assert!(pair.after(9_000).is_empty());
        assert_eq!(pair.after(2_000), [Breach::Stall(Phase::Body)], "50 s before, 11 s after");
    });
    with_pair(async |pair| {
        pair.watched.enter_paced(Phase::Body, RATE);
        let mut theirs = 0;
        let found = loop {
            // A drip, with a pause of ours after every byte.
            pair.watched.received(1);
            theirs += 1_000;
            if let Some(breach) = pair.after(1_000).pop() {
                break breach;
            }
            assert!(theirs < 60_000, "never judged");
            pair.watched.pause_at(pair.now.get());
            assert!(pair.after(30_000).is_empty());
            pair.watched.resume_at(pair.now.get());
        };
        assert_eq!((found, theirs), (Breach::Rate(Phase::Body), 30_000), "grace, one window");
    });
}

#[test]
fn a_stalled_body_is_ended_and_a_moving_one_is_not() {
    with_pair(async |pair| {
        pair.watched.enter_paced(Phase::Body, LIMITS);
        for _ in 0..10 {
            pair.watched.received(1);
            assert!(pair.after(50_000).is_empty());
        }
        assert_eq!(pair.after(61_000), [Breach::Stall(Phase::Body)]);
        assert_eq!(pair.read(), Some(0));
    });
}

#[test]
fn a_drip_is_ended_after_its_grace() {
    for (bytes, expected) in [(2000, None), (500, Some(Breach::Rate(Phase::Body)))] {
        with_pair(async |pair| {
            pair.watched.enter_paced(Phase::Body, RATE);
            let mut found = None;
            for _ in 0..6 {
                pair.watched.received(bytes);
                found = found.or_else(|| pair.after(10_000).first().copied());
            }
            assert_eq!(found, expected, "{bytes} bytes in ten seconds");
        });
    }
}

#[test]
fn what_lies_in_our_socket_is_not_the_readers_merit() {
    with_pair(async |mut pair| {
        pair.watched.enter_paced(Phase::Send, LIMITS);
        pair.fill();
        pair.settle();
        assert!(pair.after(1000).is_empty());
        // Reading is progress, though the writer moved nothing more.
        for _ in 0..3 {
            pair.peer.read_exact(&mut vec![0; 256 << 10]).unwrap();
            pair.settle();
            assert!(pair.after(50_000).is_empty(), "a healthy slow reader was cut");
        }
        pair.settle();
        pair.after(1000);
        assert_eq!(pair.after(61_000), [Breach::Stall(Phase::Send)]);
    });
}

#[test]
fn a_reader_that_stalls_is_reset() {
    with_pair(async |mut pair| {
        pair.watched.enter_paced(Phase::Send, LIMITS);
        pair.fill();
        pair.settle();
        assert!(pair.after(1000).is_empty());
        assert_eq!(pair.after(61_000), [Breach::Stall(Phase::Send)]);
        let written = tokio::time::timeout(Duration::from_secs(10), pair.socket.writable()).await;
        written.expect("the writer was not woken").unwrap();
        assert_eq!(pair.write(b"x"), Err(rustix::io::Errno::PIPE));
        drop((pair.socket, pair.watched));
        let left = pair.peer.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(left.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_farewell_nobody_takes_ends_in_a_reset_and_one_that_is_taken_does_not() {
    with_pair(async |mut pair| {
        pair.watched.enter_paced(Phase::Body, LIMITS);
        pair.fill();
        pair.settle();
        pair.after(1000);
        assert_eq!(pair.after(61_000), [Breach::Stall(Phase::Body)]);
        pair.peer.read_exact(&mut vec![0; 1 << 20]).unwrap();
        pair.settle();
        assert!(pair.after(FAREWELL_MS).is_empty());
        assert_ne!(pair.write(b"x"), Err(rustix::io::Errno::PIPE), "reset though it was taken");
        pair.settle();
        assert!(pair.after(FAREWELL_MS).is_empty());
        assert!(pair.after(FAREWELL_MS).is_empty());
        assert_eq!(pair.write(b"x"), Err(rustix::io::Errno::PIPE), "held for ever");
    });
}

#[test]
fn draining_ends_what_idles_and_leaves_what_works() {
    with_pair(async |pair| {
        pair.watched.enter(Phase::Head, 100);
        pair.watch.drain(0);
        assert!(pair.watch.draining());
        assert!(pair.after(1000).is_empty());
    });
    with_pair(async |pair| {
        pair.watched.enter(Phase::Idle, 100);
        pair.watch.drain(0);
        assert_eq!(pair.after(1000), [Breach::Drain]);
        assert_eq!(pair.read(), Some(0));
    });
    with_pair(async |mut pair| {
        pair.watched.enter(Phase::Idle, 100);
        pair.watch.drain(60_000);
        assert!(pair.after(50_000).is_empty(), "a last request may still come");
        pair.peer.write_all(b"x").unwrap();
        while pair.read().is_none() {}
        pair.watched.enter(Phase::Head, 100);
        assert!(pair.after(20_000).is_empty(), "which has a head's time");
    });
}

#[test]
fn the_forgotten_are_forgotten() {
    with_pair(async |pair| {
        let Pair { watch, watched, mut socket, .. } = pair;
        assert_eq!(watch.all.borrow().len(), 1);
        drop(watched);
        watch.sweep(|breach| panic!("{breach:?}"));
        assert!(watch.all.borrow().is_empty());
        // The watch kept no share in the socket: it can be closed.
        assert!(Rc::get_mut(&mut socket).is_some());
    });
}

#[test]
fn all_but_those_of_a_phase_can_be_reset() {
    with_pair(async |pair| {
        let mut peer = &pair.peer;
        pair.watched.enter(Phase::Tunnel, 0);
        pair.watch.reset_all_but(Phase::Tunnel);
        assert_eq!(pair.write(b"x").unwrap(), 1);
        peer.read_exact(&mut [0]).unwrap();
        pair.watched.enter(Phase::Idle, 0);
        pair.watch.reset_all_but(Phase::Tunnel);
        // A reset that is still to come is an end before.
        match peer.read(&mut [0]) {
            Ok(0) => {}
            other => assert_eq!(other.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset),
        }
    });
}
