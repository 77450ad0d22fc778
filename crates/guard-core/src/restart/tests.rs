//! The backoff table, row by row.

use alloc::vec::Vec;

use super::*;

#[test]
fn waits_grow_to_the_cap_and_stay_there() {
    let mut record = RestartRecord::new();
    let waits: Vec<_> =
        (0..9).map(|_| record.ended(Duration::from_millis(5)).as_millis()).collect();
    assert_eq!(waits, [0, 100, 200, 500, 1000, 2000, 5000, 5000, 5000]);
    assert_eq!(record.failures(), 9);
}

#[test]
fn a_healthy_minute_forgets() {
    // (lived before this end, wait after it)
    let table: [(u64, u128); 6] =
        [(1, 0), (1, 100), (59_999, 200), (60_000, 0), (1, 100), (3_600_000, 0)];
    let mut record = RestartRecord::new();
    for (row, (lived, wait)) in table.into_iter().enumerate() {
        assert_eq!(record.ended(Duration::from_millis(lived)).as_millis(), wait, "row {row}");
    }
}

#[test]
fn a_door_that_never_opened_is_given_up() {
    let mut record = RestartRecord::new();
    let hopeless: Vec<_> = (0..4)
        .map(|_| {
            let before = record.hopeless_at_start();
            record.ended(Duration::ZERO);
            before
        })
        .collect();
    assert_eq!(hopeless, [false, false, false, true]);
}
