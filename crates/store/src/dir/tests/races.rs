//! Writers at once, in threads and in processes: the newer wins, and no byte is mixed.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;

/// Pushes as long as it may; what it was told is durable is in `told`.
fn write_until_fenced(mut desk: Desk, tag: u8, told: &mut u64) -> Error {
    loop {
        let at = desk.position();
        match desk.push(&bytes(tag, at..at + 700)) {
            Ok(Push::Taken) => {}
            Ok(Push::Wait) => std::thread::yield_now(),
            Err(error) => return error,
        }
        if at.is_multiple_of(2100) {
            match desk.flush() {
                Ok(offset) => *told = offset,
                Err(error) => return error,
            }
        }
    }
}

/// What is there, by writers: each byte is of one whose part begins where it took over, and tags
/// never go back.
fn assert_unmixed(there: &[u8], tags: Range<u8>) {
    let mut tag = tags.start;
    for (at, byte) in there.iter().enumerate() {
        let at = at as u64;
        while bytes(tag, at..at + 1) != [*byte] {
            tag += 1;
            assert!(tag < tags.end, "byte {at} is of no writer after {}", tags.start);
        }
    }
}

#[test]
fn threads_take_over_from_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    drop(store.create(upload(1, None)).unwrap());
    let mut told = 0;
    std::thread::scope(|scope| {
        let mut before = None;
        for tag in 1..20 {
            let desk = loop {
                match store.claim(id(1), Claim::Stream) {
                    Ok(desk) => break desk,
                    Err(Error::Unavailable { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            };
            assert!(desk.record().offset >= told, "{} < {told}", desk.record().offset);
            told = desk.record().offset;
            let position = desk.position();
            let thread = scope.spawn(move || {
                let mut told = 0;
                let error = write_until_fenced(desk, tag, &mut told);
                assert_eq!(error, Error::Fenced);
                (tag, told)
            });
            if let Some(before) = before.replace(thread) {
                let (_, its) = before.join().unwrap();
                assert!(its <= position, "acknowledged {its}, and the next began at {position}");
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        let mut last = store.claim(id(1), Claim::Stream).unwrap();
        before.unwrap().join().unwrap();
        let end = last.flush().unwrap();
        assert!(end >= told);
        last.complete().unwrap();
    });
    let record = store.look(id(1)).unwrap();
    let pair = Pair::open(&store.folder, id(1)).unwrap();
    let mut there = vec![0; usize::try_from(record.offset).unwrap()];
    pair::read_all(&**pair.data().unwrap(), &mut there, 0).unwrap();
    assert_unmixed(&there, 1..20);
    assert_eq!(pair.data().unwrap().size().unwrap(), record.offset);
}

#[test]
fn a_process_takes_over_from_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    drop(store.create(upload(1, None)).unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dir::tests::races::other_process", "--nocapture"])
        .env(FOLDER, folder.path())
        .spawn()
        .unwrap();
    // It has begun once the file grows.
    let pair = Pair::open(&store.folder, id(1)).unwrap();
    while pair.data().unwrap().size().unwrap() < 50_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut desk = store.claim(id(1), Claim::Stream).unwrap();
    let from = desk.position();
    assert!(child.wait().unwrap().success(), "the other was not fenced");
    for _ in 0..20 {
        let at = desk.position();
        assert_eq!(desk.push(&bytes(2, at..at + 999)), Ok(Push::Taken));
    }
    desk.complete().unwrap();
    let mut there = vec![0; usize::try_from(desk.position()).unwrap()];
    pair::read_all(&**pair.data().unwrap(), &mut there, 0).unwrap();
    let (old, new) = there.split_at(usize::try_from(from).unwrap());
    assert_eq!(old, bytes(1, 0..from));
    assert_eq!(new, bytes(2, from..desk.position()));
}

/// The other process; nothing when run by itself.
#[test]
fn other_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = store_in(Path::new(&folder), limits());
    let desk = store.claim(id(1), Claim::Stream).unwrap();
    assert_eq!(write_until_fenced(desk, 1, &mut 0), Error::Fenced);
}

#[test]
fn a_fenced_writer_cuts_nothing_off() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    let mut older = store.create(upload(1, None)).unwrap();
    assert_eq!(older.push(&bytes(1, 0..1000)), Ok(Push::Taken));
    let mut newer = store.claim(id(1), Claim::Stream).unwrap();
    assert_eq!(older.cut(500), Err(Error::Fenced));
    assert_eq!(older.flush(), Err(Error::Fenced));
    assert_eq!((newer.flush(), newer.position()), (Ok(1000), 1000));
    assert_eq!(newer.complete().unwrap().offset, 1000);
}

#[test]
fn a_flush_that_was_taken_back_never_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    let mut older = store.create(upload(1, None)).unwrap();
    assert_eq!(older.push(&bytes(1, 0..1000)), Ok(Push::Taken));
    let change = |record: &mut Record| {
        record.offset = 1000;
        Ok(())
    };
    let (mut held, slot, bytes) =
        older.pair.announced(Some(1), commit::Plan::DataFirst, change).unwrap();
    // As if it had died, and it has not.
    held.cell.in_flight_by = 0;
    held.write_cell().unwrap();
    let at = pair::slot_at(slot.number);
    pair::write_all(&*older.pair.record, &bytes, at).unwrap();
    drop(held);
    let newer = store.claim(id(1), Claim::Stream).unwrap();
    assert_eq!((newer.record().offset, newer.position()), (0, 0));
    assert_eq!(older.pair.confirm(slot.number, Some(1)), Err(Error::Fenced));
    assert_eq!(store.look(id(1)).unwrap().offset, 0);
    assert_eq!(older.pair.read_slot(slot.number), Ok(None), "nor after a loss of power");
}

#[test]
fn of_two_who_deliver_at_once_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    for number in 0..15 {
        store.create(upload(number, None)).unwrap().complete().unwrap();
        let barrier = std::sync::Barrier::new(3);
        let begin = || {
            barrier.wait();
            store.begin_delivery(id(number), "one of many", Aim::Request, 5)
        };
        let begun = std::thread::scope(|scope| {
            let threads = [0; 3].map(|_| scope.spawn(begin));
            threads.map(|thread| thread.join().unwrap())
        });
        let going = begun.iter().filter(|one| matches!(one, Ok(Beginning::Go { .. }))).count();
        assert_eq!(going, 1, "{begun:?}");
    }
}

#[test]
fn segments_at_once_each_have_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    let mut record = upload(1, Some(80_000));
    record.order = crate::Order::Segments;
    drop(store.create(record).unwrap());
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for part in 0..8_u64 {
            let (store, failed) = (&store, &failed);
            scope.spawn(move || {
                let (start, end) = (part * 10_000, (part + 1) * 10_000);
                let mut desk = store.claim(id(1), Claim::Segment { start, end }).unwrap();
                let mut at = start;
                while at < end {
                    match desk.push(&bytes(1, at..at + 500)) {
                        Ok(Push::Taken) => at += 500,
                        Ok(Push::Wait) => std::thread::yield_now(),
                        Err(_) => return failed.store(true, Relaxed),
                    }
                }
                assert_eq!(desk.push(b"x"), Err(Error::TooLong));
                if desk.flush().is_err() {
                    failed.store(true, Relaxed);
                }
            });
        }
    });
    assert!(!failed.load(Relaxed), "segments that do not overlap fenced each other");
    let record = store.look(id(1)).unwrap();
    assert_eq!(record.spans.as_slice(), [(0, 80_000)]);
    let taken = store.claim(id(1), Claim::Segment { start: 79_000, end: 80_000 });
    assert_eq!(taken.err(), Some(Error::Segments));
    let mut desk = store.claim(id(1), Claim::Segment { start: 80_000, end: 80_000 }).unwrap();
    assert_eq!(desk.complete().unwrap().offset, 80_000);
    let mut there = vec![0; 80_000];
    let pair = Pair::open(&store.folder, id(1)).unwrap();
    pair::read_all(&**pair.data().unwrap(), &mut there, 0).unwrap();
    assert_eq!(there, bytes(1, 0..80_000));
}

const FOLDER: &str = "MENSHEN_STORE_RACE";
