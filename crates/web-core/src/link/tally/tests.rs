//! Tests of `tally`: what a link gives, and that it never gives more.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { count: Some(2), bytes: None, expires: 1_000_000 };

fn fetch(who: u8, part: Part, bytes: u64) -> Want {
    Want::Fetch { mark: [who; 8], part, bytes, size: 100 }
}

#[test]
fn a_download_counts_when_it_begins_and_may_go_on() {
    let mut tally = Tally::default();
    let first = tally.take(&LIMITS, &fetch(1, Part::Whole, 100), 10).unwrap();
    assert_eq!((first.count, tally.count), (1, 1));
    tally.settle(&first, 1, 40);
    let more = tally.take(&LIMITS, &fetch(1, Part::Range, 60), 20).unwrap();
    assert_eq!((more.count, tally.count, tally.bytes), (0, 1, 100));
    // Somebody else cannot go on with what he did not begin: that is a use of its own.
    let other = tally.take(&LIMITS, &fetch(2, Part::Range, 60), 20).unwrap();
    assert_eq!((other.count, tally.count), (1, 2));
    assert_eq!(tally.take(&LIMITS, &fetch(3, Part::Whole, 1), 20), Err(Spent::Count));
    assert_eq!(tally.take(&LIMITS, &fetch(1, Part::Whole, 1), 20), Err(Spent::Count));
    // The first one's time is over a day later.
    let late = 10 + RESUME_SECONDS;
    assert!(tally.take(&LIMITS, &fetch(1, Part::Range, 1), late - 1).is_ok());
    assert_eq!(tally.take(&LIMITS, &fetch(1, Part::Range, 1), late), Err(Spent::Count));
}

#[test]
fn going_on_is_bounded() {
    let mut tally = Tally::default();
    let limits = Limits { count: Some(1), ..LIMITS };
    tally.take(&limits, &fetch(1, Part::Whole, 100), 1).unwrap();
    let mut more = 0;
    while tally.take(&limits, &fetch(1, Part::Range, 99), 1).is_ok() {
        more += 99;
    }
    assert_eq!(more, 99, "as much again and no more");
    // A large file's lost bytes are a small part of it.
    let large = |part, bytes| Want::Fetch { mark: [2; 8], part, bytes, size: 1 << 30 };
    let limits = Limits { count: Some(2), ..LIMITS };
    let whole = tally.take(&limits, &large(Part::Whole, 1 << 30), 1).unwrap();
    assert_eq!(tally.take(&limits, &large(Part::Range, SPARE_BYTES + 1), 1), Err(Spent::Count));
    tally.settle(&whole, 1, 1 << 29);
    let rest = (1 << 29) + SPARE_BYTES;
    assert_eq!(tally.take(&limits, &large(Part::Range, rest + 1), 1), Err(Spent::Count));
    assert!(tally.take(&limits, &large(Part::Range, rest), 1).is_ok());
}

#[test]
fn what_never_began_is_given_back() {
    let mut tally = Tally::default();
    let taken = tally.take(&LIMITS, &fetch(1, Part::Whole, 100), 1).unwrap();
    tally.settle(&taken, 0, 0);
    assert_eq!((tally.count, tally.bytes, tally.begun.len()), (0, 0, 0));
}

#[test]
fn a_budget_is_never_exceeded() {
    let mut tally = Tally::default();
    let limits = Limits { count: None, bytes: Some(250), expires: 9 };
    let one = tally.take(&limits, &fetch(1, Part::Whole, 100), 1).unwrap();
    tally.take(&limits, &fetch(1, Part::Whole, 100), 1).unwrap();
    let small = tally.take(&limits, &fetch(1, Part::Whole, 100), 1);
    assert_eq!(small, Err(Spent::TooLarge { left: 50 }));
    assert!(tally.take(&limits, &fetch(9, Part::Range, 50), 1).is_ok());
    assert_eq!(tally.take(&limits, &fetch(1, Part::Whole, 1), 1), Err(Spent::Bytes));
    tally.settle(&one, 1, 30);
    assert!(tally.take(&limits, &fetch(1, Part::Whole, 70), 1).is_ok());
}

#[test]
fn uploads_of_unknown_length_take_all_that_is_left() {
    let mut tally = Tally::default();
    let limits = Limits { count: Some(3), bytes: Some(1000), expires: 9 };
    let known = Want::Store { files: Some(1), bytes: Some(600) };
    let unknown = Want::Store { files: None, bytes: None };
    let first = tally.take(&limits, &known, 1).unwrap();
    let rest = tally.take(&limits, &unknown, 1).unwrap();
    assert_eq!((rest.count, rest.bytes), (2, 400));
    assert_eq!(tally.take(&limits, &known, 1), Err(Spent::Count));
    tally.settle(&rest, 1, 100);
    assert_eq!(tally.take(&limits, &known, 1), Err(Spent::TooLarge { left: 300 }));
    tally.settle(&first, 0, 0);
    assert!(tally.take(&limits, &known, 1).is_ok());
    assert_eq!((tally.count, tally.bytes), (2, 700));
}

#[test]
fn a_torn_record_is_refused() {
    let mut tally = Tally::default();
    tally.take(&LIMITS, &fetch(1, Part::Whole, 100), 10).unwrap();
    let record = tally.write();
    assert_eq!(Tally::read(&record), Ok(tally));
    assert_eq!(Tally::read(&[]), Ok(Tally::default()));
    assert_eq!(Tally::read(&[0; RECORD_BYTES]), Ok(Tally::default()));
    for place in 0..RECORD_BYTES {
        let mut torn = record;
        torn[place] ^= 1;
        assert_eq!(Tally::read(&torn), Err(Broken), "{place}");
    }
    assert_eq!(Tally::read(&record[..500]), Err(Broken));
}

proptest! {
    #[test]
    fn any_record_is_read_or_refused(record in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Tally::read(&record);
    }

    /// Whatever is asked and given back, what is held and used never exceeds the limits.
    #[test]
    fn no_order_of_uses_gives_more(
        steps in proptest::collection::vec((0_u8..4, 0_u8..3, 1_u64..80, 0_u64..80), 1..60),
    ) {
        let limits = Limits { count: Some(5), bytes: Some(300), expires: 1 };
        let mut tally = Tally::default();
        let mut open = Vec::new();
        let (mut count, mut bytes) = (0_u32, 0_u64);
        for (now, (kind, who, n, used)) in steps.into_iter().enumerate() {
            let want = match kind {
                0 => fetch(who, Part::Whole, n),
                1 => fetch(who, Part::Range, n),
                2 => Want::Store { files: Some(1), bytes: Some(n) },
                _ => {
                    if let Some(taken) = open.pop() {
                        let taken: Taken = taken;
                        let sent = used.min(taken.bytes);
                        let whole = if sent == 0 { 0 } else { taken.count };
                        tally.settle(&taken, whole, sent);
                        (count, bytes) = (count + whole, bytes + sent);
                    }
                    continue;
                }
            };
            if let Ok(taken) = tally.take(&limits, &want, now as u64) {
                open.push(taken);
            }
            let record = tally.write();
            prop_assert_eq!(Tally::read(&record), Ok(tally.clone()));
            let held: u64 = open.iter().map(|taken| taken.bytes).sum();
            let uses: u32 = open.iter().map(|taken| taken.count).sum();
            prop_assert_eq!((tally.bytes, tally.count), (held + bytes, uses + count));
            prop_assert!(tally.bytes <= 300 && tally.count <= 5);
        }
    }
}
