//! Dates of every kind of prefix, and what only looks like one.
use super::*;

#[test]
fn days_of_many_years() {
    let mut last = None;
    for day in 0..40_000_u64 {
        let wall = from_micros(day * 86_400_000_000 + 3_661_000_007);
        assert_eq!((wall.hour, wall.minute, wall.second, wall.micros), (1, 1, 1, 7));
        let seconds = seconds(&wall);
        if let Some(last) = last {
            assert_eq!(seconds - last, 86_400, "{wall:?}");
        }
        last = Some(seconds);
    }
    let wall = from_micros(951_782_400_000_000);
    assert_eq!((wall.year, wall.month, wall.day), (Some(2000), 2, 29));
}

#[test]
fn what_is_no_date() {
    for text in [
        &b"2023-13-01T00:00:00"[..],
        b"2023-01-32T00:00:00",
        b"2023-01-01T24:00:00",
        b"2023-01-01",
        b"20230-01-01T00:00:00",
        b"",
    ] {
        assert!(iso(text).is_none(), "{}", text.escape_ascii());
    }
    for text in [&b"Jan 32 00:00:00"[..], b"Jam 1 00:00:00", b"Jan 1 0:0:0", b"Out of memory"] {
        assert!(bsd(text).is_none(), "{}", text.escape_ascii());
    }
    assert!(unix(b"12.5 x").is_none() && compact(b"231301  3:04:05 x").is_none());
}

#[test]
fn years_before_and_after() {
    for text in [&b"2023 Jan  2 03:04:05 h"[..], b"Jan 2 2023 03:04:05 h", b"Jan 2 03:04:05 2023 h"]
    {
        let (wall, rest) = bsd(text).unwrap();
        assert_eq!((wall.year, wall.month, wall.day, rest), (Some(2023), 1, 2, &b" h"[..]));
    }
    assert_eq!(bsd(b"Jan  2 03:04:05 2023").unwrap().0.year, Some(2023));
    assert_eq!(bsd(b"Jan  2 03:04:05 host").unwrap().0.year, None);
}
