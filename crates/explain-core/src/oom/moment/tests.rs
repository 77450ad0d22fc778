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
    let mut calendar = Calendar::new();
    let old = calendar.moment(&stamp(wall(12, 31, 23)), 0);
    let new = calendar.moment(&stamp(wall(1, 1, 0)), 0);
    assert_eq!(between(&old, &new), Some(3_600_000_000));
    // The day of the file gives the years, and changes no order: not even if the file is younger
    // by years than its lines and was copied on a day in between.
    let changed = |year, month, day| Changed { year, month, day };
    assert_eq!(calendar.shift(changed(2026, 1, 2)), 2026 - 2001);
    assert_eq!(calendar.shift(changed(2025, 12, 31)), 2025 - 2001);
    let mut calendar = Calendar::new();
    let mut first = calendar.moment(&stamp(wall(11, 20, 1)), 0);
    let mut last = calendar.moment(&stamp(wall(11, 25, 1)), 0);
    let years = calendar.shift(changed(2026, 11, 22));
    assert_eq!(years, 2025 - 2000);
    move_years(&mut first, years);
    move_years(&mut last, years);
    assert_eq!(between(&first, &last), Some(5 * 86_400_000_000));
    assert_eq!(last.wall_micros, Some((days(2025, 11, 25) * 86_400 + 3600) * 1_000_000));
}

#[test]
fn zones_are_taken_off_and_clocks_not_mixed() {
    let mut calendar = Calendar::new();
    let here = Wall { year: Some(2026), zone: Zone::Offset(120), ..wall(3, 15, 12) };
    let there = Wall { year: Some(2026), zone: Zone::Offset(0), ..wall(3, 15, 10) };
    let (here, there) = (calendar.moment(&stamp(here), 0), calendar.moment(&stamp(there), 1));
    assert_eq!(between(&here, &there), Some(0));
    let boot = |micros, life| {
        Calendar::new().moment(&Stamp { boot_micros: Some(micros), wall: None }, life)
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

#[test]
fn iso_has_what_the_log_has_and_no_more() {
    let wall = Wall { year: Some(2026), ..wall(3, 5, 7) };
    assert_eq!(iso(&wall).unwrap(), "2026-03-05T07:00:00");
    let zone = |zone, micros| iso(&Wall { zone, micros, ..wall }).unwrap();
    assert_eq!(zone(Zone::Offset(0), 250_000), "2026-03-05T07:00:00.25Z");
    assert_eq!(zone(Zone::Offset(90), 1), "2026-03-05T07:00:00.000001+01:30");
    assert_eq!(zone(Zone::Offset(-300), 0), "2026-03-05T07:00:00-05:00");
    assert_eq!(iso(&Wall { year: None, ..wall }), None, "no year is made up");
}
