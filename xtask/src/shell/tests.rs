//! Dates across leap years, and how a failing program is reported.

use std::process::Command;

use super::*;

#[test]
fn dates_are_right_around_leap_days() {
    assert_eq!(civil_date(0), (1970, 1, 1));
    assert_eq!(civil_date(11016), (2000, 2, 29));
    assert_eq!(civil_date(11017), (2000, 3, 1));
    assert_eq!(civil_date(19722), (2023, 12, 31));
    assert_eq!(civil_date(20779), (2026, 11, 22));
}

#[test]
fn a_failing_program_is_named_with_its_arguments() {
    let error = run(Command::new("false").arg("x")).unwrap_err();
    assert!(error.starts_with("false x ended with"), "{error}");
    assert!(run(&mut Command::new("no-such-program-here")).is_err());
}
