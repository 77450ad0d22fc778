//! Tests of serve/writes.

use super::*;

#[test]
fn what_a_dropped_session_had_begun_is_left_to_the_orphans() {
    let versions = Versions::private();
    let (orphans, _arrive) = Orphans::new();
    let slots = [Slot::of(b"shop", b"goods"), Slot::of(b"shop", b"orders")];
    let mut writes = Writes::new(versions, orphans.clone(), 7);
    writes.begin(&slots);
    writes.end(&slots[..1], Change::Happened);
    assert_eq!(orphans.left(), 0);
    drop(writes);
    assert_eq!(orphans.left(), 1);
    assert_eq!((versions.pending(slots[0]), versions.pending(slots[1])), (0, 1));

    let mut through = Writes::new(versions, orphans.clone(), 8);
    through.begin(&slots);
    through.end(&slots, Change::Nothing);
    drop(through);
    assert_eq!(orphans.left(), 1, "nothing was in flight");
}

#[test]
fn a_prepared_transaction_waits_for_its_decision() {
    let parked = Parked::default();
    assert!(parked.is_empty());
    parked.park(b"'a', 'b'", &[Slot::of(b"shop", b"goods")]);
    assert!(!parked.is_empty());
    assert!(parked.take(b"\"a\",'b'").is_some());
    assert!(parked.is_empty());
}
