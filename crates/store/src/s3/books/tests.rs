//! Each limit holds alone, and what is answered or gone counts no more.
use super::*;

fn record(owner: u8, source: u64, length: u64) -> Record {
    let mut record = Record::new(Id::random().unwrap(), 1, 2);
    record.owner = (owner > 0).then_some([owner; 32]);
    (record.source, record.length) = (source, Some(length));
    record
}

const LIMITS: Limits = Limits {
    uploads_max: 6,
    uploads_per_owner_max: 2,
    uploads_per_source_max: 2,
    unfinished_bytes_max: 1000,
    keep_free_bytes: 0,
};

#[test]
fn each_limit_holds() {
    let books = Books::default();
    let enter = |record: &Record| books.enter(record, &LIMITS, 0);
    let first = record(1, 0, 100);
    assert_eq!(enter(&first), Ok(()));
    assert_eq!(enter(&record(1, 0, 100)), Ok(()));
    let owner = Err(Error::TooMany { limit: "uploads_per_owner_max" });
    assert_eq!(enter(&record(1, 0, 1)), owner);
    assert_eq!(enter(&record(2, 0, 801)), Err(Error::Full));
    assert_eq!(enter(&record(2, 0, 800)), Ok(()));
    books.close(&first.id);
    assert_eq!(enter(&record(1, 0, 100)), Ok(()), "an answered one does not count");
    for _ in 0..2 {
        assert_eq!(enter(&record(0, 7, 0)), Ok(()));
    }
    let source = Err(Error::TooMany { limit: "uploads_per_source_max" });
    assert_eq!(enter(&record(0, 7, 0)), source);
    assert_eq!(enter(&record(0, 8, 0)), Ok(()));
    let all = Err(Error::TooMany { limit: "uploads_max" });
    assert_eq!(enter(&record(0, 9, 0)), all);
}

#[test]
fn what_is_not_read_yet_counts_and_what_is_gone_does_not() {
    let books = Books::default();
    let gone = record(1, 0, 1000);
    assert_eq!(books.enter(&gone, &LIMITS, 0), Ok(()));
    books.strike(&gone.id);
    assert_eq!(books.enter(&record(1, 0, 1000), &LIMITS, 0), Ok(()));
    let all = Err(Error::TooMany { limit: "uploads_max" });
    assert_eq!(books.enter(&record(2, 0, 0), &LIMITS, 5), all);
}

#[test]
fn a_source_may_have_so_many_answers() {
    let books = Books::default();
    for _ in 0..2 * ANSWERED_TIMES {
        let one = record(0, 7, 0);
        assert_eq!(books.enter(&one, &LIMITS, 0), Ok(()));
        books.close(&one.id);
    }
    let source = Err(Error::TooMany { limit: "uploads_per_source_max" });
    assert_eq!(books.enter(&record(0, 7, 0), &LIMITS, 0), source);
}
