//! Known days, and every day of two eras there and back.

use super::*;

#[test]
fn known_moments() {
    for (unix, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
        (1_709_251_200, "2024-03-01T00:00:00Z"),
        (1_795_350_136, "2026-11-22T12:22:16Z"),
        (4_102_444_800, "2100-01-01T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(rfc3339(unix), text);
    }
    assert_eq!(date_time(1_773_532_800), "2026-03-15 00:00:00 UTC");
}

#[test]
fn each_day_follows_the_one_before_and_comes_back() {
    let mut before = civil(days(1599, 12, 31));
    for day in days(1600, 1, 1)..=days(2400, 12, 31) {
        let (year, month, date) = civil(day);
        assert_eq!(days(year, month, date), day);
        let next_day = (year, month) == (before.0, before.1) && date == before.2 + 1;
        let next_month = date == 1 && (year, month) == (before.0, before.1 + 1);
        let next_year = (month, date) == (1, 1) && (year, before.1) == (before.0 + 1, 12);
        assert!(next_day || next_month || next_year, "{before:?} then {:?}", civil(day));
        before = (year, month, date);
    }
    let leap = |year| days(year + 1, 1, 1) - days(year, 1, 1) == 366;
    assert!(leap(2000) && leap(2024) && !leap(1900) && !leap(2023));
}
