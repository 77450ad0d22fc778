//! Days, years that are not written, and differences.
use super::*;

fn wall(month: u8, day: u8, hour: u8) -> Wall {
    Wall { year: None, month, day, hour, minute: 0, second: 0, micros: 0, zone: Zone::Local }
}

fn stamp(wall: Wall) -> Stamp {
    Stamp { boot_micros: None, wall: Some(wall) }
}

#[test]
fn days_and_dates_are_each_others_inverse() {
    assert_eq!(days(1970, 1, 1), 0);
    assert_eq!(days(2000, 2, 29), 11_016);
    assert_eq!(days(2026, 3, 15), 20_527);
    for day in (-800_000..800_000).step_by(37) {
        let (year, month, date) = civil(day);
        assert_eq!(days(year, month, date), day);
    }
    let changed = Changed { year: 2026, month: 3, day: 15 };
    assert_eq!(Changed::of_unix_seconds(20_527 * 86_400 + 86_399), changed);
}

#[test]
fn a_log_over_the_new_year_runs_forwards() {
    let mut calendar = Calendar::new(None);
    let old = calendar.moment(&stamp(wall(12, 31, 23)), 0);
    let new = calendar.moment(&stamp(wall(1, 1, 0)), 0);
    assert_eq!(between(&old, &new), Some(3_600_000_000));
    // With the day of the file, the year is known.
    let mut calendar = Calendar::new(Some(Changed { year: 2026, month: 1, day: 2 }));
    let old = calendar.moment(&stamp(wall(12, 31, 23)), 0);
    let new = calendar.moment(&stamp(wall(1, 1, 0)), 0);
    assert_eq!(between(&old, &new), Some(3_600_000_000));
}

#[test]
fn zones_are_taken_off_and_clocks_not_mixed() {
    let mut calendar = Calendar::new(None);
    let here = Wall { year: Some(2026), zone: Zone::Offset(120), ..wall(3, 15, 12) };
    let there = Wall { year: Some(2026), zone: Zone::Offset(0), ..wall(3, 15, 10) };
    let (here, there) = (calendar.moment(&stamp(here), 0), calendar.moment(&stamp(there), 1));
    assert_eq!(between(&here, &there), Some(0));
    let boot = |micros, life| {
        Calendar::new(None).moment(&Stamp { boot_micros: Some(micros), wall: None }, life)
    };
    assert_eq!(between(&boot(5, 1), &boot(7, 1)), Some(2));
    assert_eq!(between(&boot(5, 1), &boot(7, 2)), None);
    assert_eq!(between(&boot(5, 1), &here), None);
    assert_eq!(between(&boot(0, 1), &boot(u64::MAX, 1)), None);
}

#[test]
fn texts_are_as_the_log_has_them() {
    assert_eq!(text(&stamp(wall(3, 5, 7))), "Mar  5 07:00:00");
    assert_eq!(text(&stamp(Wall { year: Some(2026), ..wall(3, 5, 7) })), "2026-03-05 07:00:00");
    assert_eq!(text(&Stamp { boot_micros: Some(898_332_085), wall: None }), "898.332085");
    assert_eq!(text(&Stamp::default()), "");
    // A month that no reader should let through.
    assert_eq!(text(&stamp(wall(0, 5, 7))), "Jan  5 07:00:00");
    assert_eq!(text(&stamp(wall(13, 5, 7))), "???  5 07:00:00");
}
