//! Tests of pending writes: nothing is forgotten, whatever becomes of a session.

use super::*;

fn slots(numbers: &[u16]) -> Vec<Slot> {
    numbers.iter().map(|number| Slot::from_number(*number)).collect()
}

#[test]
fn what_is_settled_is_ended_and_the_rest_goes_to_the_orphans() {
    let versions = Versions::private();
    let (orphans, _arrive) = Orphans::new();
    let mut writes = Writes::new(versions, orphans.clone(), 77);
    writes.begin(&slots(&[10, 11, 12, 13]));
    writes.apply(&Settled {
        happened: slots(&[10]),
        undone: slots(&[11]),
        bumped: slots(&[12]),
        parked: Vec::new(),
    });
    let pending = |number: u16| versions.pending(Slot::from_number(number));
    assert_eq!([10, 11, 12, 13].map(pending), [0, 0, 1, 1]);
    assert_eq!(versions.version(Slot::from_number(11)), 0);
    assert!(versions.version(Slot::from_number(12)) > 0);
    assert!(!writes.is_empty());
    drop(writes);
    assert_eq!(orphans.left(), 1);
    assert_eq!([12, 13].map(pending), [1, 1]);
}

#[test]
fn a_session_without_pending_writes_leaves_no_orphan() {
    let (orphans, _arrive) = Orphans::new();
    let mut writes = Writes::new(Versions::private(), orphans.clone(), 77);
    writes.begin(&slots(&[10]));
    writes.end(&slots(&[10]), Change::Happened);
    assert!(writes.is_empty());
    drop(writes);
    assert_eq!(orphans.left(), 0);
}

#[test]
fn parked_slots_are_found_by_any_way_to_write_their_id() {
    let parked = Parked::default();
    parked.park(b"'a', 'b',1", &slots(&[10]));
    assert_eq!(parked.take(b"'c'"), None);
    assert_eq!(parked.take(b"\"a\",'b', 1"), Some(slots(&[10])));
    assert_eq!(parked.take(b"'a','b',1"), None);
}

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
