//! Books: what is held, by whom, and what a count makes of them.

use std::process::Command;

use rustix::fs::{Mode, OFlags, open};

use super::*;
use crate::quota::count::Which;

fn quotas(folder: &std::path::Path, bytes_max: u64, files_max: u64) -> Arc<Quotas> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = Root::new(open(folder, flags, Mode::empty()).unwrap()).unwrap();
    let quota =
        model::Quota { path: "/team/".into(), bytes_max, files_max, ..model::Quota::default() };
    Quotas::new(&[quota], &Arc::new(root)).unwrap()
}

fn counted(folder: &std::path::Path, bytes_max: u64, files_max: u64) -> Arc<Quotas> {
    let quotas = quotas(folder, bytes_max, files_max);
    quotas.count(Which::All, &|| Some(Vec::new()));
    quotas
}

/// As a file that gets its name: what is owed is taken.
fn held(quotas: &Arc<Quotas>, bytes: u64) -> Option<Hold> {
    let mut hold = quotas.hold(b"/team/x", bytes).ok()??;
    hold.take(Wait::Shortly, 0).ok()?;
    Some(hold)
}

fn all(quotas: &Quotas) -> Sum {
    quotas.books(&[b"/team/x"]).unwrap().0[0].1.book.all()
}

#[test]
fn nothing_is_taken_before_the_first_count_and_what_is_there_counts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("team/deep")).unwrap();
    std::fs::write(folder.path().join("team/deep/a"), [0; 60]).unwrap();
    std::fs::write(folder.path().join("beside"), [0; 60]).unwrap();
    std::os::unix::fs::symlink("../beside", folder.path().join("team/link")).unwrap();
    let quotas = quotas(folder.path(), 100, 0);
    assert!(matches!(quotas.hold(b"/team/x", 1), Err(Fault::Unavailable { .. })));
    assert!(quotas.hold(b"/other", 1000).unwrap().is_none(), "not under the quota");
    quotas.count(Which::All, &|| Some(vec![(b"/team/up".to_vec(), Sum::file(20))]));
    assert_eq!(all(&quotas), Sum { bytes: 80, files: 2 });
    assert_eq!(quotas.hold(b"/team/x", 21).err(), Some(Fault::Quota));
    assert_eq!(quotas.hold(b"/team/x", 101).err(), Some(Fault::QuotaNever));
    drop(quotas.hold(b"/team/x", 20).unwrap().unwrap());
    assert_eq!(all(&quotas), Sum { bytes: 80, files: 2 }, "given back");
}

#[test]
fn however_many_take_at_once_no_more_is_taken_than_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let first = counted(folder.path(), 1000, 0);
    let begin = std::sync::Barrier::new(8);
    let held: Vec<Hold> = std::thread::scope(|scope| {
        let one = |_| {
            // As workers do: each has the book open by itself.
            let (quotas, begin) = (quotas(folder.path(), 1000, 0), &begin);
            scope.spawn(move || {
                let quotas = &quotas;
                begin.wait();
                let hold = |_| held(quotas, 9);
                (0..40).filter_map(hold).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..8).map(one).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(held.len(), 111, "as many as fit");
    let mut grown = held;
    let mut one = grown.pop().unwrap();
    assert_eq!(one.cover(11).err(), Some(Fault::Quota), "one byte is left");
    one.cover(10).unwrap();
    drop((one, grown));
    assert_eq!(all(&first), Sum::default());
}

#[test]
fn what_the_dead_held_is_given_back_and_what_stands_stays() {
    let folder = tempfile::tempdir().unwrap();
    let quotas = counted(folder.path(), 100, 3);
    let mut hold = quotas.hold(b"/team/x", 40).unwrap().unwrap();
    hold.stand(40, || Ok(()), |()| None).unwrap();
    let mut hold = quotas.hold(b"/team/x", 50).unwrap().unwrap();
    hold.stand(50, || Ok(Some(40)), |replaced| *replaced).unwrap();
    assert_eq!(all(&quotas), Sum { bytes: 50, files: 1 }, "one took the other's place");
    let mut failed = quotas.hold(b"/team/y", 10).unwrap().unwrap();
    let named = failed.stand(10, || Err::<(), _>(Fault::Precondition), |()| None);
    assert_eq!(named.err(), Some(Fault::Precondition));
    drop(failed);
    assert_eq!(all(&quotas), Sum { bytes: 50, files: 1 });
    // A process that held room and ended: its line is written as it would have been.
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    let book = folder.path().join(".menshen-quota").join(book::name_of("/team/"));
    let text = std::fs::read_to_string(&book).unwrap();
    let line = format!("\"held\":[[{{\"pid\":{pid},\"start\":1}},{{\"bytes\":30,\"files\":1}}]]");
    assert!(text.contains("\"held\":[]"), "{text}");
    std::fs::write(&book, text.replace("\"held\":[]", &line)).unwrap();
    child.wait().unwrap();
    assert_eq!(all(&quotas), Sum { bytes: 50, files: 1 });
    // Of an upload that outlives its requests only a finish or a removal gives back.
    quotas.upload_made(b"/team/u", Sum::file(30)).unwrap();
    assert_eq!(quotas.hold(b"/team/x", 30).err(), Some(Fault::Quota));
    let mut hold = quotas.adopt(b"/team/u", Sum::file(30), 30).unwrap().unwrap();
    hold.stand(30, || Ok(()), |()| None).unwrap();
    assert_eq!(all(&quotas), Sum { bytes: 80, files: 2 });
    // A book that is no book says nothing.
    std::fs::write(&book, "{\"counted\": 5, ").unwrap();
    assert!(matches!(quotas.hold(b"/team/x", 1), Err(Fault::Unavailable { .. })));
    quotas.count(Which::Due, &|| Some(Vec::new()));
    assert_eq!(all(&quotas), Sum::default(), "nothing is really there");
}

#[test]
fn nobody_waits_for_the_books_while_a_promise_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let quotas = counted(folder.path(), 100, 0);
    let spool = crate::spool::Spool::open(Arc::clone(&quotas.root), "cafe", true);
    let spool = spool.with_quotas(Some(Arc::clone(&quotas)));
    let mut upload = spool.begin(b"/team/a", Some(3), 0, <_>::default(), None).unwrap();
    upload.write(b"abc").unwrap();
    let promised = std::cell::Cell::new(0);
    let (path, _) = spool
        .publish_new(upload, |_, _| {
            promised.set(promised.get() + 1);
            quotas.books(&[b"/team/b"]).map(|_| None)
        })
        .unwrap();
    assert_eq!((path.as_slice(), promised.get()), (&b"/team/a"[..], 1));
    assert_eq!(all(&quotas), Sum::file(3));
}

#[test]
fn threads_that_serve_never_wait_for_a_book_and_nothing_gets_its_name_without_room() {
    let folder = tempfile::tempdir().unwrap();
    let most = OWED_BYTES_MAX + 100;
    let (quotas, other) = (counted(folder.path(), most, 0), quotas(folder.path(), most, 0));
    let books = other.books(&[b"/team/x"]).unwrap();
    let mut owing = quotas.hold(b"/team/x", 40).unwrap().unwrap();
    owing.cover(40).unwrap();
    owing.cover(OWED_BYTES_MAX).unwrap();
    let much = owing.cover(OWED_BYTES_MAX + 1).err();
    assert_eq!(much, Some(Fault::Unavailable { retry_after_s: 1 }));
    drop(books);
    let others = held(&other, 101).unwrap();
    let named = owing.stand(OWED_BYTES_MAX, || -> Result<(), _> { panic!("no room") }, |()| None);
    assert_eq!(named.err(), Some(Fault::Quota));
    drop(others);
    owing.stand(OWED_BYTES_MAX, || Ok(()), |()| None).unwrap();
    drop(owing);
    assert_eq!(all(&other), Sum::file(OWED_BYTES_MAX));
}

#[test]
fn what_could_not_be_given_back_is_given_back_later() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (counted(folder.path(), 100, 0), quotas(folder.path(), 100, 0));
    let hold = held(&one, 60).unwrap();
    let books = other.books(&[b"/team/x"]).unwrap();
    drop(hold);
    drop(books);
    assert!(held(&other, 60).is_none(), "nobody could write it down");
    one.count(Which::Due, &|| panic!("it is not due"));
    assert_eq!(all(&other), Sum::default());
    assert!(held(&other, 100).is_some());
}

#[test]
fn it_is_given_back_at_once_where_somebody_can_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (counted(folder.path(), 100, 0), quotas(folder.path(), 100, 0));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hold = held(&one, 60).unwrap();
    let books = other.books(&[b"/team/x"]).unwrap();
    runtime.block_on(async { drop(hold) });
    drop(books);
    while all(&other) != Sum::default() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_book_that_was_lost_knows_again_what_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (counted(folder.path(), 100, 0), quotas(folder.path(), 100, 0));
    let hold = held(&one, 60).unwrap();
    std::fs::remove_file(folder.path().join(".menshen-quota").join(book::name_of("/team/")))
        .unwrap();
    one.mend();
    other.count(Which::Due, &|| Some(Vec::new()));
    assert_eq!(all(&other), Sum::file(60));
    assert!(held(&other, 60).is_none());
    drop(hold);
    assert_eq!(all(&other), Sum::default());
}

#[test]
fn uploads_made_or_given_up_during_a_count_have_it_counted_again_soon() {
    let folder = tempfile::tempdir().unwrap();
    let quotas = counted(folder.path(), 100, 0);
    let stirred = || quotas.books(&[b"/team/x"]).unwrap().0[0].1.book.stirred;
    for gone in [false, true] {
        assert_eq!(stirred(), gone);
        quotas.count(Which::All, &|| {
            assert!(!stirred(), "it begins anew");
            match gone {
                false => quotas.upload_made(b"/team/u", Sum::file(20)).unwrap(),
                true => quotas.upload_gone(b"/team/u", Sum::file(20)),
            }
            Some(vec![(b"/team/u".to_vec(), Sum::file(20))])
        });
        assert!(stirred(), "it may say too much");
    }
}
