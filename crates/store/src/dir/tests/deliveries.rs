//! Delivered once, answered once; and disks that are full or fail.

use super::sim::Machine;
use super::*;
use crate::{Outcome, Stage};

fn whole_upload(store: &Arc<Inner>) {
    let mut desk = store.create(upload(1, None)).unwrap();
    assert_eq!(desk.push(&bytes(1, 0..100)), Ok(Push::Taken));
    desk.complete().unwrap();
}

fn begin(store: &Arc<Inner>, aim: Aim) -> Result<Beginning, Error> {
    store.begin_delivery(id(1), "test", aim, 5)
}

fn answer(status: u16) -> Stored {
    Stored { status, ..Stored::default() }
}

#[test]
fn one_delivers_and_the_first_answer_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path(), limits());
    drop(store.create(upload(2, None)).unwrap());
    let receiving = store.begin_delivery(id(2), "test", Aim::Move, 5);
    assert_eq!(receiving.err(), Some(Error::Incomplete));
    whole_upload(&store);
    let Ok(Beginning::Go { pair, attempt: 1, .. }) = begin(&store, Aim::Request) else { panic!() };
    // PHP may have the file under a name of its own.
    let data = folder.path().join(data_name(&id(1)));
    std::fs::hard_link(&data, folder.path().join("php")).unwrap();
    assert_eq!(begin(&store, Aim::Request).err(), Some(Error::Underway));
    assert_eq!(store.remove(id(1)), Err(Error::Underway));
    assert_eq!(store.collect(u64::MAX - 1), Ok(1), "only the other one");
    assert_eq!(store.answer(id(1), 2, &answer(500)), Err(Error::Underway));
    // The process dies: its lock goes with it.
    drop(pair);
    let Ok(Beginning::Interrupted { attempt: 1, since: 5, outcome, .. }) =
        begin(&store, Aim::Request)
    else {
        panic!()
    };
    assert_eq!(outcome, Outcome::Unknown);
    store.release(id(1), 1).unwrap();
    assert_eq!(store.release(id(1), 1), Err(Error::Underway));
    let Ok(Beginning::Go { attempt: 2, .. }) = begin(&store, Aim::Request) else { panic!() };
    assert_eq!(store.answer(id(1), 1, &answer(500)), Err(Error::Underway), "the first is late");
    assert_eq!(store.answer(id(1), 2, &answer(201)), Ok(answer(201)));
    assert_eq!(store.answer(id(1), 2, &answer(500)), Ok(answer(201)));
    assert!(matches!(begin(&store, Aim::Move), Ok(Beginning::Answered(one)) if one.status == 201));
    assert!(!data.exists(), "its bytes are of no use");
}

#[test]
fn a_move_is_always_understood() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("store")).unwrap();
    let store = store_in(&folder.path().join("store"), limits());
    let to = std::fs::File::open(folder.path()).unwrap();
    whole_upload(&store);
    let Ok(Beginning::Go { pair, .. }) = begin(&store, Aim::Move) else { panic!() };
    drop(pair);
    let Ok(Beginning::Go { pair, record, attempt: 2 }) = begin(&store, Aim::Move) else {
        panic!("it is still there, so nothing had happened")
    };
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let ready = whole(&pair, record).unwrap();
    assert_eq!(ready.publish_to(&to, b"taken", Replace::Never), Err(Error::Taken));
    ready.publish_to(&to, b"taken", Replace::Allowed).unwrap();
    let Ok(Beginning::Interrupted { attempt: 2, file, outcome: Outcome::Done, .. }) =
        begin(&store, Aim::Move)
    else {
        panic!()
    };
    let stat = rustix::fs::stat(folder.path().join("taken")).unwrap();
    assert_eq!(file, (stat.st_dev, stat.st_ino));
    assert_eq!(store.answer(id(1), 2, &answer(201)), Ok(answer(201)));
    assert_eq!(store.look(id(1)).unwrap().stage, Stage::Answered(answer(201)));
}

#[test]
fn a_failed_flush_acknowledges_nothing_and_the_upload_goes_on() {
    for after in 0..2 {
        let machine = Machine::new(3);
        let store = Arc::new(Inner::new(machine.folder(), limits()));
        let mut desk = store.create(upload(1, None)).unwrap();
        assert_eq!(desk.push(&bytes(1, 0..5000)), Ok(Push::Taken));
        desk.flush().unwrap();
        assert_eq!(desk.push(&bytes(1, 5000..9000)), Ok(Push::Taken));
        machine.fail_flush(after);
        assert_eq!(desk.flush(), Err(Error::Storage));
        assert_eq!((desk.position(), store.look(id(1)).unwrap().offset), (5000, 5000));
        // The next flush does not believe in pages that only look clean.
        assert_eq!(desk.push(&bytes(2, 5000..7000)), Ok(Push::Taken));
        assert_eq!(desk.flush(), Ok(7000));
        machine.reboot(sim::Arrives::Nothing);
        let store = Arc::new(Inner::new(machine.folder(), limits()));
        assert_eq!(store.look(id(1)).unwrap().offset, 7000);
        let pair = Pair::open(&store.folder, id(1)).unwrap();
        let mut there = vec![0; 7000];
        pair::read_all(&**pair.data().unwrap(), &mut there, 0).unwrap();
        assert_eq!(there, [bytes(1, 0..5000), bytes(2, 5000..7000)].concat());
    }
}

#[test]
fn a_flush_that_spoils_a_block_with_acknowledged_bytes_is_mended() {
    for seed in 0..20 {
        let machine = Machine::new(seed * 77);
        let store = Arc::new(Inner::new(machine.folder(), limits()));
        let mut desk = store.create(upload(1, None)).unwrap();
        assert_eq!(desk.push(&bytes(1, 0..5000)), Ok(Push::Taken));
        desk.flush().unwrap();
        assert_eq!(desk.push(&bytes(1, 5000..9000)), Ok(Push::Taken));
        machine.spoil_flush(seed % 2);
        assert_eq!(desk.flush(), Err(Error::Storage));
        machine.reboot(sim::Arrives::Nothing);
        let store = Arc::new(Inner::new(machine.folder(), limits()));
        assert_eq!(store.look(id(1)).unwrap().offset, 5000);
        let pair = Pair::open(&store.folder, id(1)).unwrap();
        let mut there = vec![0; 5000];
        pair::read_all(&**pair.data().unwrap(), &mut there, 0).unwrap();
        assert!(there == bytes(1, 0..5000), "{seed}");
    }
}

#[test]
fn a_full_disk_keeps_what_is_durable_and_goes_on_later() {
    let machine = Machine::new(3);
    let store = Arc::new(Inner::new(machine.folder(), limits()));
    let mut desk = store.create(upload(1, None)).unwrap();
    assert_eq!(desk.push(&bytes(1, 0..5000)), Ok(Push::Taken));
    desk.flush().unwrap();
    machine.set_free(700);
    assert_eq!(desk.push(&bytes(1, 5000..6000)), Err(Error::Full));
    assert_eq!((desk.position(), desk.flush()), (5000, Ok(5000)));
    machine.set_free(1 << 20);
    assert_eq!(desk.push(&bytes(1, 5000..6000)), Ok(Push::Taken));
    assert_eq!(desk.complete().unwrap().offset, 6000);
}

#[test]
fn a_full_file_system_is_said_to_be_full() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "menshen-store"])
        .arg(folder.path())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: a small file system cannot be mounted here");
        return;
    }
    let store = store_in(folder.path(), limits());
    let mut desk = store.create(upload(1, None)).unwrap();
    let mut pushed = 0;
    let error = loop {
        match desk.push(&bytes(1, pushed..pushed + 10_000)) {
            Ok(_) => pushed += 10_000,
            Err(error) => break error,
        }
    };
    let flushed = desk.flush();
    let refused = store.create(upload(2, Some(2 << 20))).err();
    let end = desk.position();
    drop(desk);
    drop(store);
    let _ = std::process::Command::new("umount").arg(folder.path()).status();
    assert_eq!((error, flushed, refused), (Error::Full, Ok(pushed), Some(Error::Full)));
    assert!(end == pushed && pushed > 100_000, "{end} {pushed}");
}
