//! What each call does and refuses, through the public types.

use std::fs::{File, read_dir};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{Algorithm, Promise, Stage, Store, Writer};

fn dir(folder: &Path, limits: Limits) -> Store {
    Store::Dir(Dir::open(OwnedFd::from(File::open(folder).unwrap()), limits).unwrap())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

fn push(writer: &mut Writer, count: u64) {
    let at = writer.position();
    assert_eq!(writer.push(&bytes(1, at..at + count)), Ok(Push::Taken));
}

#[test]
fn an_upload_in_three_requests_becomes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (at, to) = (folder.path().join("store"), File::open(folder.path()).unwrap());
    std::fs::create_dir(&at).unwrap();
    let store = dir(&at, limits());
    run(async {
        let mut writer = store.create(upload(1, Some(3000))).await.unwrap();
        push(&mut writer, 1000);
        assert_eq!(writer.flush().await, Ok(1000));
        let (record, mut newer) = store.claim(&id(1)).await.unwrap();
        assert_eq!((record.offset, record.metadata.as_slice()), (1000, &b"filename \x00\xff"[..]));
        assert_eq!(writer.push(b"late"), Err(Error::Fenced));
        assert_eq!(newer.start(500).await, Ok(Start::Elsewhere(1000)));
        assert_eq!(newer.start(1000).await, Ok(Start::At(1000)));
        push(&mut newer, 1500);
        assert_eq!(newer.push(&[0; 501]), Err(Error::TooLong));
        let whole = newer.complete().await;
        assert_eq!(whole.err(), Some(Error::Incomplete));
        assert_eq!(store.look(&id(1)).await.unwrap().offset, 2500, "and nothing is lost");
        let (_, mut last) = store.claim(&id(1)).await.unwrap();
        push(&mut last, 500);
        let whole = last.complete().await.unwrap();
        assert_eq!(read(&whole), bytes(1, 0..3000));
        drop(whole);
        let begun = store.begin_delivery(&id(1), "test", Aim::Move, 6).await.unwrap();
        let Begun::Go { whole, attempt: 1 } = begun else { panic!("{begun:?}") };
        let again = store.begin_delivery(&id(1), "other", Aim::Move, 7).await;
        assert_eq!(again.err(), Some(Error::Underway));
        assert_eq!(store.claim(&id(1)).await.err(), Some(Error::Complete));
        assert_eq!(store.list(&[7; 32]).await.unwrap().len(), 1);
        assert_eq!(store.list(&[8; 32]).await.unwrap().len(), 0);
        whole.publish_to(&to, b"name", Replace::Never).unwrap();
        let answer = Stored { status: 201, ..Stored::default() };
        assert_eq!(store.answer(&id(1), 1, answer.clone()).await, Ok(answer));
    });
    assert_eq!(std::fs::read(folder.path().join("name")).unwrap(), bytes(1, 0..3000));
}

#[test]
fn what_was_pushed_and_not_acknowledged_is_used_or_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    run(async {
        let mut writer = store.create(upload(1, None)).await.unwrap();
        push(&mut writer, 1000);
        writer.flush().await.unwrap();
        push(&mut writer, 800);
        drop(writer);
        let (record, mut writer) = store.claim(&id(1)).await.unwrap();
        assert_eq!((record.offset, writer.position()), (1000, 1800));
        assert_eq!(writer.start(1300).await, Ok(Start::At(1300)));
        push(&mut writer, 100);
        assert_eq!(writer.cut(900).await, Err(Error::Offset { durable: 1000 }));
        assert_eq!(writer.flush().await, Ok(1400));
        push(&mut writer, 50);
        writer.cut(1400).await.unwrap();
        drop(writer);
        let (_, mut writer) = store.claim(&id(1)).await.unwrap();
        push(&mut writer, 60);
        assert_eq!(writer.start(7).await, Ok(Start::Elsewhere(1460)));
        writer.set_length(1460).unwrap();
        assert_eq!(writer.set_length(1461), Err(Error::Length));
        let whole = writer.complete().await.unwrap();
        assert_eq!((whole.record().length, read(&whole)), (Some(1460), bytes(1, 0..1460)));
    });
}

#[test]
fn a_broken_promise_is_said_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    let all = [
        (Algorithm::Crc32, "cbf43926"),
        (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
        (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ];
    run(async {
        for (number, (algorithm, hex)) in all.into_iter().enumerate() {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let value: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            for (step, content) in [b"123456789", b"123456780"].into_iter().enumerate() {
                let name = (number * 4 + step * 2) as u64;
                for (id_of, pieces) in [(name, 1), (name + 1, 3)] {
                    let mut record = upload(id_of, Some(9));
                    record.promises = vec![Promise { algorithm, value: value.clone() }];
                    let mut writer = store.create(record).await.unwrap();
                    for piece in content.chunks(9 / pieces) {
                        let _ = writer.push(piece).unwrap();
                        writer.flush().await.unwrap();
                        writer = store.claim(&id(id_of)).await.unwrap().1;
                    }
                    let done = writer.complete().await;
                    if step == 0 {
                        assert!(done.is_ok(), "{algorithm:?}");
                    } else {
                        assert_eq!(done.err(), Some(Error::Digest));
                        assert_eq!(store.look(&id(id_of)).await.unwrap().offset, 9);
                    }
                }
            }
        }
    });
}

#[test]
fn limits_are_kept_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let few = Limits {
        uploads_max: 3,
        uploads_per_owner_max: 2,
        unfinished_bytes_max: 10_000,
        ..limits()
    };
    let store = dir(folder.path(), few);
    run(async {
        drop(store.create(upload(1, Some(4000))).await.unwrap());
        assert_eq!(store.create(upload(1, Some(1))).await.err(), Some(Error::Exists));
        assert_eq!(store.create(upload(2, Some(6001))).await.err(), Some(Error::Full));
        drop(store.create(upload(2, Some(6000))).await.unwrap());
        let error = store.create(upload(3, None)).await.err();
        assert_eq!(error, Some(Error::TooMany { limit: "uploads_per_owner_max" }));
        let other = |number| Record { owner: None, ..upload(number, None) };
        drop(store.create(other(3)).await.unwrap());
        let error = store.create(other(4)).await.err();
        assert_eq!(error, Some(Error::TooMany { limit: "uploads_max" }));
        store.remove(&id(1)).await.unwrap();
        drop(store.create(other(4)).await.unwrap());
        let mut large = upload(5, None);
        large.metadata = vec![0; crate::METADATA_BYTES_MAX + 1];
        assert_eq!(store.create(large).await.err(), Some(Error::TooLarge { what: "metadata" }));
    });
    let huge = Limits { keep_free_bytes: u64::MAX / 2, ..limits() };
    let store = dir(folder.path(), huge);
    assert_eq!(run(store.create(upload(9, Some(1)))).err(), Some(Error::Full));
}

#[test]
fn strangers_share_by_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), Limits { uploads_per_source_max: 2, ..limits() });
    run(async {
        let of = |number: u64, source: u64| {
            // Each says they are somebody else.
            let owner = Some([u8::try_from(number).unwrap(); 32]);
            Record { owner, source, ..upload(number, None) }
        };
        let error = Some(Error::TooMany { limit: "uploads_per_source_max" });
        drop(store.create(of(1, 5)).await.unwrap());
        drop(store.create(of(2, 5)).await.unwrap());
        assert_eq!(store.create(of(3, 5)).await.err(), error);
        drop(store.create(of(3, 6)).await.unwrap());
        drop(store.create(of(4, 0)).await.unwrap());
        for number in [1, 2] {
            store.remove(&id(number)).await.unwrap();
        }
        // What was answered is on the disk, too.
        let most = u64::try_from(2 * crate::ANSWERED_TIMES).unwrap();
        for number in 10..10 + most {
            drop(store.create(of(number, 5)).await.unwrap().complete().await.unwrap());
            store.answer(&id(number), 0, Stored::default()).await.unwrap();
        }
        assert_eq!(store.create(of(5, 5)).await.err(), error);
        drop(store.create(of(5, 6)).await.unwrap());
    });
}

#[test]
fn promises_of_strangers_reserve_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    let blocks = |number| {
        use std::os::unix::fs::MetadataExt;
        folder.path().join(format!("{}.data", id(number))).metadata().unwrap().blocks() * 512
    };
    run(async {
        let length = 64 << 20;
        let mut known = store.create(upload(1, Some(length))).await.unwrap();
        let stranger = Record { source: 5, ..upload(2, Some(length)) };
        let mut stranger = store.create(stranger).await.unwrap();
        if blocks(1) < length {
            eprintln!("SKIPPED: the file system of {:?} reserves no blocks", folder.path());
            return;
        }
        assert!(blocks(2) < 1 << 20, "{}", blocks(2));
        assert_eq!(known.push(b"a").unwrap(), Push::Taken);
        assert_eq!(stranger.push(b"a").unwrap(), Push::Taken);
        assert!(blocks(2) < 2 << 20, "{}", blocks(2));
    });
}

#[test]
fn the_largest_record_fits() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    run(async {
        let mut record = upload(1, Some(0));
        record.metadata = vec![1; crate::METADATA_BYTES_MAX];
        record.destination = Destination::Request { head: vec![2; crate::HEAD_BYTES_MAX] };
        let whole = store.create(record).await.unwrap().complete().await.unwrap();
        drop(whole);
        let fields = vec![(vec![3; crate::ANSWER_FIELDS_BYTES_MAX], Vec::new())];
        let body = vec![4; crate::ANSWER_BODY_BYTES_MAX];
        let answer = Stored { status: 200, fields, body };
        assert_eq!(store.answer(&id(1), 0, answer.clone()).await, Ok(answer.clone()));
        assert_eq!(store.look(&id(1)).await.unwrap().stage, Stage::Answered(answer));
    });
}

#[test]
fn what_expired_is_collected_unless_somebody_is_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    run(async {
        let mut writer = store.create(upload(1, None)).await.unwrap();
        push(&mut writer, 10);
        assert_eq!(store.collect(999).await, Ok(0));
        assert_eq!(store.collect(1000).await, Ok(0), "its writer lives");
        assert_eq!(writer.flush().await, Ok(10));
        drop(writer);
        store.expire_at(&id(1), 2000).await.unwrap();
        assert_eq!(store.collect(1000).await, Ok(0));
        assert_eq!(store.collect(2000).await, Ok(1));
        assert_eq!(store.look(&id(1)).await.err(), Some(Error::Gone));
        assert_eq!(store.remove(&id(1)).await, Err(Error::Gone));
    });
    assert_eq!(read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_group_has_no_more_than_its_share_and_a_removal_tells_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    let of = |number: u64, length: u64, share| {
        let mut record = upload(number, Some(length));
        record.share = share;
        record
    };
    run(async {
        let first = store.create(of(1, 60, Some((7, 100)))).await.unwrap();
        let full = store.create(of(2, 41, Some((7, 100)))).await;
        assert_eq!(full.err(), Some(Error::Full));
        drop(store.create(of(3, 41, Some((8, 100)))).await.unwrap());
        drop(store.create(of(4, 41, None)).await.unwrap());
        drop(store.create(of(5, 40, Some((7, 100)))).await.unwrap());
        drop(first);
        let Store::Dir(folder) = &store else { panic!("a folder") };
        let mut unfinished = folder.unfinished().await.unwrap();
        unfinished.sort_by_key(|record| record.length);
        let lengths: Vec<_> = unfinished.iter().filter_map(|record| record.length).collect();
        assert_eq!(lengths, [40, 41, 41, 60]);
        assert_eq!(store.take_out(&id(1)).await.unwrap().length, Some(60));
        assert_eq!(store.take_out(&id(1)).await.err(), Some(Error::Gone), "one is told");
        drop(store.create(of(2, 41, Some((7, 100)))).await.unwrap());
        let (removed, gone) = store.collect_told(u64::MAX - 1).await.unwrap();
        assert_eq!((removed, gone.len()), (4, 4));
    });
}

#[test]
fn only_own_files_are_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (record, data) = (pair::record_name(&id(1)), data_name(&id(2)));
    std::fs::write(path.join("precious"), "x").unwrap();
    std::fs::write(path.join("precious.data"), "x").unwrap();
    std::os::unix::fs::symlink("precious", path.join(&record)).unwrap();
    std::os::unix::fs::symlink("precious", path.join(&data)).unwrap();
    let store = dir(path, limits());
    run(async {
        assert_eq!(store.look(&id(1)).await.err(), Some(Error::Gone));
        assert_eq!(store.create(upload(1, None)).await.err(), Some(Error::Exists));
        assert_eq!(store.create(upload(2, None)).await.err(), Some(Error::Exists));
        drop(store.create(upload(3, None)).await.unwrap());
    });
    for name in [pair::record_name(&id(3)), data_name(&id(3))] {
        let mode = std::fs::metadata(path.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(run(store.collect(u64::MAX - 1)), Ok(3), "the upload and two links");
    assert_eq!(std::fs::read(path.join("precious")).unwrap(), b"x");
    assert_eq!(std::fs::read(path.join("precious.data")).unwrap(), b"x");
}

#[test]
fn parts_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let store = dir(folder.path(), limits());
    run(async {
        for (number, range) in [(1, 0..70_000), (2, 70_000..70_001), (3, 70_001..100_000)] {
            let mut writer = store.create(upload(number, None)).await.unwrap();
            let _ = writer.push(&bytes(1, range)).unwrap();
            if number == 2 {
                let error = store.concat(&[id(1), id(2)], upload(9, None)).await.err();
                assert_eq!(error, Some(Error::Incomplete));
            }
            writer.complete().await.unwrap();
        }
        let parts = [id(1), id(2), id(3)];
        let whole = store.concat(&parts, upload(9, None)).await.unwrap();
        assert_eq!(read(&whole), bytes(1, 0..100_000));
        assert_eq!(whole.record().stage, Stage::Whole);
        let gone = store.concat(&[id(1), id(77)], upload(10, None)).await.err();
        assert_eq!(gone, Some(Error::Gone));
        let target = tempfile::tempfile_in(folder.path()).unwrap();
        whole.copy_to(&target).unwrap();
        assert_eq!(target.metadata().unwrap().len(), 100_000);
    });
}
