//! What holds, when, and what must not.

use super::*;

const T: Slot = Slot(100);
const U: Slot = Slot(200);

#[test]
fn a_stamp_holds_until_a_write_begins_and_never_after_it_happened() {
    let versions = Versions::private();
    let stamp = versions.stamp(&[T]).unwrap();
    assert!(versions.holds(&stamp));
    versions.begin(&[U]);
    assert!(versions.holds(&stamp), "another table");
    versions.end(&[U], Change::Happened);
    assert!(versions.holds(&stamp));
    versions.begin(&[T]);
    assert!(!versions.holds(&stamp));
    assert_eq!(versions.stamp(&[T, U]), None);
    versions.end(&[T], Change::Nothing);
    assert!(versions.holds(&stamp), "rolled back");
    versions.begin(&[T]);
    versions.end(&[T], Change::Happened);
    assert!(!versions.holds(&stamp));
    assert!(versions.holds(&versions.stamp(&[T]).unwrap()));
}

#[test]
fn of_two_writes_in_flight_both_must_end() {
    let versions = Versions::private();
    let stamp = versions.stamp(&[T]).unwrap();
    versions.begin(&[T]);
    versions.begin(&[T]);
    versions.end(&[T], Change::Nothing);
    assert_eq!(versions.pending(T), 1);
    assert!(!versions.holds(&stamp));
    assert_eq!(versions.stamp(&[T]), None);
    versions.end(&[T], Change::Nothing);
    assert!(versions.holds(&stamp));
}

#[test]
fn everything_is_part_of_every_stamp() {
    let versions = Versions::private();
    let stamp = versions.stamp(&[]).unwrap();
    let of_t = versions.stamp(&[Slot::EVERYTHING, T, T]).unwrap();
    assert_eq!(of_t.slots(), [T]);
    versions.begin(&[Slot::EVERYTHING]);
    assert_eq!(versions.stamp(&[T]), None);
    assert!(!versions.holds(&of_t));
    versions.end(&[Slot::EVERYTHING], Change::Happened);
    assert!(!versions.holds(&stamp));
    assert_eq!(versions.held(of_t.at(), [T]), Held::Changed(Slot::EVERYTHING));
}

#[test]
fn a_snapshot_takes_only_what_did_not_change_since() {
    let versions = Versions::private();
    versions.bump(&[T]);
    let snapshot = versions.now();
    let before = versions.stamp(&[T]).unwrap();
    assert!(versions.holds_at(&before, snapshot));
    versions.bump(&[U]);
    let later = versions.stamp(&[T]).unwrap();
    assert!(versions.holds_at(&later, snapshot), "T is as it was");
    versions.bump(&[T]);
    let after = versions.stamp(&[T]).unwrap();
    assert!(versions.holds(&after));
    assert!(!versions.holds_at(&after, snapshot));
    assert!(!versions.holds_at(&before, snapshot));
}

#[test]
fn a_moment_is_between_the_numbers_and_changes_nothing() {
    let versions = Versions::private();
    let stamp = versions.stamp(&[T]).unwrap();
    let before = versions.now();
    let moment = versions.moment();
    assert!(before < moment && moment <= versions.now());
    assert!(versions.holds(&stamp));
    versions.bump(&[T]);
    assert!(versions.version(T) > moment);
}

#[test]
fn a_finished_change_wins_over_a_write_in_flight() {
    let versions = Versions::private();
    versions.begin(&[T]);
    versions.bump(&[U]);
    assert_eq!(versions.held(0, [T, U]), Held::Changed(U));
    assert_eq!(versions.held(versions.now(), [T, U]), Held::Pending(T));
}

#[test]
fn retired_words_hold_nothing() {
    let versions = Versions::private();
    let stamp = versions.stamp(&[T]).unwrap();
    versions.retire();
    assert!(versions.retired() && !versions.holds(&stamp));
    assert_eq!(versions.stamp(&[T]), None);
}

#[test]
fn too_many_writes_in_flight_stay_for_ever_and_an_end_too_many_does_no_harm() {
    let versions = Versions::private();
    versions.end(&[U], Change::Happened);
    assert_eq!((versions.pending(U), versions.version(U)), (0, 1));
    for _ in 0..70_000 {
        versions.begin(&[T]);
    }
    for _ in 0..70_000 {
        versions.end(&[T], Change::Happened);
    }
    assert_eq!(versions.stamp(&[T]), None);
    assert_eq!(versions.version(T), versions.now());
}

#[test]
fn slots_are_fixed_spread_and_leave_everything_alone() {
    // Two generations share words: the hash may never change.
    assert_eq!(Slot::of(b"shop", b"orders").number(), SHOP_ORDERS);
    assert_ne!(Slot::of(b"a", b"bc"), Slot::of(b"ab", b"c"));
    let mut used = alloc::collections::BTreeSet::new();
    for number in 0..20_000_u32 {
        let slot = Slot::of(b"wordpress", alloc::format!("wp_{number}_posts").as_bytes());
        assert!(slot.number() >= FIRST);
        used.insert(slot);
    }
    // A uniform hash would use 65,536 * (1 - e^(-20000/65536)) = 17,230.
    assert!((17_000..17_450).contains(&used.len()), "{}", used.len());
}

#[test]
fn too_few_words_are_refused() {
    let words: Vec<AtomicU64> = (0..100).map(|_| AtomicU64::new(0)).collect();
    assert!(Versions::over(words.leak()).is_none());
}

const SHOP_ORDERS: u16 = 10_974;
