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
        if at % 2100 == 0 {
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
