//! A failing step stops the rest, or not, as asked; and is always counted.

use super::*;

const fn step(name: &'static str, run: fn() -> Result<(), String>) -> Step {
    Step { name, about: "", in_short: true, run }
}

#[test]
fn a_failure_stops_the_rest_unless_asked_to_keep_going() {
    let good = step("good", || Ok(()));
    let bad = step("bad", || Err("broken".to_owned()));
    let steps = [&good, &bad, &good];
    let stopped = run_steps(&steps, AfterFailure::Stop);
    assert_eq!(stopped, Outcome { passed: 1, failed: 1, not_run: vec!["good"] });
    let all = run_steps(&steps, AfterFailure::KeepGoing);
    assert_eq!(all, Outcome { passed: 2, failed: 1, not_run: Vec::new() });
}

#[test]
fn step_names_are_unique() {
    let names = step_names();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
}
