//! A disk that fills up and empties again, a limit, and who is woken.

use std::cell::Cell;
use std::future::poll_fn;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};

use super::*;
use crate::fixture::Mounted;
use crate::php::spool::PhpSpool;

const PIECE: usize = 64 << 10;

/// An answer that a client takes nothing of, before a spool.
struct Stuck {
    answer: Backlog,
    room: Room,
    most: u64,
    counted: Cell<u32>,
    pushed: u64,
}

impl Stuck {
    fn new(most: u64) -> Self {
        let (answer, room) = (Backlog::default(), Room::default());
        Self { answer, room, most, counted: Cell::new(0), pushed: 0 }
    }

    async fn room(&mut self, spool: &PhpSpool) {
        let Self { answer, room, most, counted, .. } = self;
        let count = |_| counted.set(counted.get() + 1);
        poll_fn(|cx| room.poll(cx, answer, *most, || spool.is_nearly_full(), count)).await;
    }

    /// Takes from PHP what there is room for; every piece is one byte over and over.
    async fn fill(&mut self, spool: &PhpSpool) {
        while tokio::time::timeout(Duration::ZERO, self.room(spool)).await.is_ok() {
            let byte = u8::try_from(self.pushed / PIECE as u64 % 251).unwrap();
            self.answer.push(&[byte; PIECE]);
            self.pushed += PIECE as u64;
            if self.answer.is_for_a_file() && self.room.may_have_a_file(|| spool.is_nearly_full()) {
                self.answer.settle(|| spool.anonymous());
            }
        }
    }

    /// The client takes all there is; it must be what was pushed.
    fn drain(&mut self) {
        let mut at = self.pushed - self.answer.len();
        let mut out = vec![0; 100_000];
        while self.answer.len() > 0 {
            let got = self.answer.peek(&mut out).unwrap();
            for byte in &out[..got] {
                assert_eq!(u64::from(*byte), at / PIECE as u64 % 251, "at {at}");
                at += 1;
            }
            self.answer.advance(got);
        }
        assert_eq!(at, self.pushed);
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test);
}

fn spool(folder: &std::path::Path) -> PhpSpool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd: OwnedFd = open(folder, flags, Mode::empty()).unwrap();
    PhpSpool::open(fd, folder.into(), "cafe")
}

#[test]
fn a_nearly_full_disk_makes_php_wait_until_there_is_room_again() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let Some(_mounted) = Mounted::memory(folder.path(), 96 << 20) else { return };
        let spool = spool(folder.path()).keeping_free(64 << 20);
        let other = folder.path().join("other");
        std::fs::write(&other, vec![1; 24 << 20]).unwrap();
        let mut stuck = Stuck::new(0);
        stuck.fill(&spool).await;
        let disk = stuck.answer.on_disk();
        assert!((LOOK_BYTES..2 * LOOK_BYTES).contains(&disk), "{disk}");
        assert_eq!(stuck.counted.get(), 1);
        assert!(!stuck.answer.is_stuck());
        std::fs::remove_file(&other).unwrap();
        // Nobody but the room itself tells of it.
        tokio::time::timeout(4 * LOOK_AGAIN, stuck.room(&spool)).await.expect("woken");
        stuck.fill(&spool).await;
        assert!(stuck.answer.on_disk() > disk, "PHP goes on");
        stuck.drain();
        assert_eq!(stuck.answer.on_disk(), 0);
    });
}

#[test]
fn a_small_disk_is_not_used_and_a_full_one_loses_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let Some(_mounted) = Mounted::memory(folder.path(), 8 << 20) else { return };
        let mut stuck = Stuck::new(0);
        stuck.fill(&spool(folder.path())).await;
        assert_eq!(stuck.answer.spooled(), 0, "1 GiB is to stay free");
        assert_eq!((stuck.answer.len(), stuck.counted.get()), (MEMORY_BYTES, 1));
        stuck.drain();
        // Others may fill it between two looks.
        let full = spool(folder.path()).keeping_free(0);
        let mut stuck = Stuck::new(0);
        std::fs::write(folder.path().join("other"), vec![1; 4 << 20]).unwrap();
        stuck.fill(&full).await;
        assert!(stuck.answer.is_stuck() && stuck.answer.on_disk() > 0);
        assert_eq!(stuck.counted.get(), 1);
        stuck.drain();
        let on = tokio::time::timeout(LOOK_AGAIN, stuck.room(&full)).await;
        assert!(on.is_ok(), "PHP goes on once all was taken");
    });
}

#[test]
fn the_limit_of_one_answer_holds_until_its_reader_goes_on() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(folder.path()).keeping_free(0);
        let mut stuck = Stuck::new(1 << 20);
        stuck.fill(&spool).await;
        assert_eq!((stuck.answer.on_disk(), stuck.counted.get()), (1 << 20, 1));
        stuck.answer.advance(PIECE);
        stuck.fill(&spool).await;
        assert_eq!((stuck.answer.on_disk(), stuck.counted.get()), (1 << 20, 1));
        stuck.drain();
        stuck.fill(&spool).await;
        assert_eq!(stuck.counted.get(), 2);
        stuck.drain();
    });
}
