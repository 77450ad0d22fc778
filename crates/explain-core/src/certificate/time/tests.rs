//! Known dates, leap days and month arithmetic.

use super::*;

#[test]
fn known_moments() {
    assert_eq!(date_time(0), "1970-01-01 00:00:00 UTC");
    assert_eq!(date_time(1_773_532_800), "2026-03-15 00:00:00 UTC");
    assert_eq!(midnight(2026, 3, 15), 1_773_532_800);
    assert_eq!(date(midnight(2000, 2, 29)), "2000-02-29");
    assert_eq!(date(-1), "1969-12-31");
    assert_eq!(date(midnight(2024, 2, 28) + DAY), "2024-02-29");
}

#[test]
fn months_keep_the_day_or_take_the_last() {
    assert_eq!(months_later(midnight(2024, 1, 31) + 5, 1), midnight(2024, 2, 29) + 5);
    assert_eq!(months_later(midnight(2014, 4, 1), 39), midnight(2017, 7, 1));
    assert_eq!(months_later(midnight(2014, 12, 1), 60), midnight(2019, 12, 1));
}
