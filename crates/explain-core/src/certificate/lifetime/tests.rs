//! The limits at their days, one second to either side.

use super::*;

#[test]
fn the_limit_of_the_day_of_issue() {
    let days_at = |year, month, day| {
        let start = time::midnight(year, month, day);
        (
            limit(start - 1, start - 1).map(|limit| limit.text),
            limit(start, start).map(|limit| limit.text),
        )
    };
    assert_eq!(days_at(2012, 7, 1), (None, Some("60 months")));
    assert_eq!(days_at(2015, 4, 1), (Some("60 months"), Some("39 months")));
    assert_eq!(days_at(2018, 3, 1), (Some("39 months"), Some("825 days")));
    assert_eq!(days_at(2020, 9, 1), (Some("825 days"), Some("398 days")));
    assert_eq!(days_at(2026, 3, 15), (Some("398 days"), Some("200 days")));
    assert_eq!(days_at(2027, 3, 15), (Some("200 days"), Some("100 days")));
    assert_eq!(days_at(2029, 3, 15), (Some("100 days"), Some("47 days")));
}

#[test]
fn one_second_more_is_another_day() {
    assert_eq!(days(200 * time::DAY), 200);
    assert_eq!(days(200 * time::DAY + 1), 201);
    assert_eq!(days(1), 1);
}

#[test]
fn months_are_counted_on_the_calendar() {
    let start = time::midnight(2016, 5, 10);
    assert_eq!(limit(start, start).unwrap().seconds, time::midnight(2019, 8, 10) - start + 1);
}

#[test]
fn short_lived_by_day_of_issue() {
    let before = time::midnight(2026, 3, 14);
    let after = time::midnight(2026, 3, 15);
    assert!(short_lived(before, 10 * time::DAY));
    assert!(!short_lived(after, 7 * time::DAY + 1));
    assert!(short_lived(after, 7 * time::DAY));
    assert!(!short_lived(time::midnight(2024, 3, 14), time::DAY));
}
