//! Scripts: readings in a table, and what the ladder says to each.

use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    marks: [
        Some(Marks { available: Some([10, 15]), pressure: Some([20, 5]) }),
        Some(Marks { available: Some([8, 12]), pressure: None }),
        None,
        Some(Marks { available: Some([4, 8]), pressure: None }),
    ],
};

fn reading(ms: u64, available_percent: u64, pressure_percent: u16) -> Reading {
    Reading {
        now: Duration::from_millis(ms),
        available_bytes: available_percent << 20,
        total_bytes: 100 << 20,
        pressure: Some(pressure_percent * 10),
    }
}

/// `+` begins, `!` once more, `=` effect, `-` ends.
fn words(actions: &[Action]) -> String {
    let word = |action: &Action| {
        let sign = match action {
            Action::Enter { .. } => "+",
            Action::Again { .. } => "!",
            Action::Effect { .. } => "=",
            Action::Leave { .. } => "-",
        };
        alloc::format!("{sign}{}", action.step().name())
    };
    let words: Vec<String> = actions.iter().map(word).collect();
    words.join(" ")
}

/// Rows of milliseconds, available percent, pressure percent, and what is said.
fn play(rules: Rules, script: &[(u64, u64, u16, &str)]) -> Ladder {
    let mut ladder = Ladder::new(rules);
    for &(ms, available, pressure, expected) in script {
        let said = words(&ladder.read(reading(ms, available, pressure)));
        assert_eq!(said, expected, "at {ms} ms with {available} % and {pressure} %");
    }
    ladder
}

#[test]
fn one_step_at_a_time_in_order_with_a_pause_and_back_in_reverse() {
    play(
        RULES,
        &[
            (0, 50, 0, ""),
            (2000, 10, 0, "+refuse-uploads"),
            (3999, 7, 0, ""),
            (4000, 7, 0, "=refuse-uploads +shrink-caches"),
            (6000, 7, 0, "=shrink-caches"),
            (9000, 5, 0, ""),
            (12_000, 11, 0, ""),
            (13_000, 13, 0, ""),
            (16_999, 13, 0, ""),
            (17_000, 13, 0, "-shrink-caches"),
            (18_000, 20, 0, ""),
            (18_999, 20, 0, ""),
            (22_000, 20, 0, "-refuse-uploads"),
            (30_000, 20, 0, ""),
        ],
    );
}

#[test]
fn between_the_marks_nothing_begins_and_nothing_ends() {
    let mut script = Vec::new();
    for second in 0..60 {
        script.push((second * 1000, 12, 10, ""));
    }
    play(RULES, &script);
    script[0] = (0, 9, 0, "+refuse-uploads");
    script[2].3 = "=refuse-uploads";
    let ladder = play(RULES, &script);
    assert!(ladder.holds(Step::RefuseUploads));
}

#[test]
fn pressure_alone_begins_a_step_and_both_must_be_well_to_end_it() {
    play(
        RULES,
        &[
            (0, 60, 20, "+refuse-uploads"),
            (2000, 60, 30, "=refuse-uploads"),
            (20_000, 60, 6, ""),
            (21_000, 14, 5, ""),
            (22_000, 15, 5, ""),
            (25_999, 15, 5, ""),
            (26_000, 15, 5, "-refuse-uploads"),
        ],
    );
}

#[test]
fn a_step_holds_for_a_while_even_if_all_is_well_at_once() {
    play(
        RULES,
        &[
            (0, 10, 0, "+refuse-uploads"),
            (250, 90, 0, ""),
            (2000, 90, 0, "=refuse-uploads"),
            (9_999, 90, 0, ""),
            (10_000, 90, 0, "-refuse-uploads"),
        ],
    );
}

#[test]
fn a_later_step_asked_for_first_takes_the_earlier_ones_along() {
    let rules = Rules { marks: [RULES.marks[0], None, None, RULES.marks[3]] };
    let mut high = rules;
    high.marks[3] = Some(Marks { available: Some([30, 40]), pressure: None });
    play(
        high,
        &[
            (0, 25, 0, "+refuse-uploads"),
            (200, 25, 0, "=refuse-uploads +brake"),
            (900, 25, 0, "=brake"),
        ],
    );
}

#[test]
fn when_memory_is_nearly_gone_there_is_no_long_pause() {
    play(
        RULES,
        &[
            (0, 4, 0, "+refuse-uploads"),
            (100, 4, 0, "=refuse-uploads"),
            (200, 3, 0, "+shrink-caches"),
            (400, 3, 0, "=shrink-caches +brake"),
        ],
    );
}

#[test]
fn what_acts_once_acts_again_while_the_shortage_lasts() {
    let ladder = play(
        RULES,
        &[
            (0, 7, 0, "+refuse-uploads"),
            (2000, 7, 0, "=refuse-uploads +shrink-caches"),
            (4000, 7, 0, "=shrink-caches"),
            (31_999, 7, 0, ""),
            (32_000, 7, 0, "!shrink-caches"),
            (61_999, 7, 0, ""),
            (62_000, 7, 0, "!shrink-caches"),
        ],
    );
    assert!(ladder.holds(Step::ShrinkCaches) && !ladder.holds(Step::Brake));
}

#[test]
fn a_step_that_is_switched_off_ends_with_the_next_reading() {
    let mut ladder = play(RULES, &[(0, 7, 0, "+refuse-uploads")]);
    ladder.set_rules(Rules::default());
    assert_eq!(words(&ladder.read(reading(500, 7, 0))), "-refuse-uploads");
}

#[test]
fn everything_ends_last_first() {
    let mut ladder =
        play(RULES, &[(0, 3, 0, "+refuse-uploads"), (200, 3, 0, "=refuse-uploads +shrink-caches")]);
    assert_eq!(words(&ladder.leave_all(reading(300, 3, 0))), "-shrink-caches -refuse-uploads");
    assert_eq!(words(&ladder.leave_all(reading(300, 3, 0))), "");
}

#[test]
fn lines_say_what_was_read_and_what_was_freed() {
    let enter = Action::Enter { step: Step::RefuseUploads, reading: reading(0, 9, 12) };
    assert_eq!(
        enter.to_string(),
        "ladder: refuse-uploads begins: 9.0 MiB of 100.0 MiB available (9.0 %), programs waited \
         12.0 % of the time"
    );
    let effect = |before_bytes| Action::Effect {
        step: Step::ShrinkCaches,
        before_bytes,
        reading: Reading { pressure: None, ..reading(0, 9, 0) },
    };
    let rise = effect((9 << 20) - 1536);
    assert_eq!(
        rise.to_string(),
        "ladder: shrink-caches: 1.5 KiB more available since: 9.0 MiB of 100.0 MiB available \
         (9.0 %)"
    );
    assert_eq!(rise.freed_bytes(), Some(1536));
    let fall = effect((9 << 20) + 10);
    assert!(fall.to_string().contains("10 bytes less available"), "{fall}");
    assert_eq!(fall.freed_bytes(), Some(0));
    let held = Duration::from_secs(31);
    let leave = Action::Leave { step: Step::Brake, held, reading: reading(0, 50, 0) };
    assert!(leave.to_string().starts_with("ladder: brake ends after 31 s: 50.0 MiB of"), "{leave}");
}

#[test]
fn shares_hold_for_any_size() {
    let of = |available_bytes, total_bytes| {
        let now = Duration::ZERO;
        Reading { now, available_bytes, total_bytes, pressure: None }.available_per_mille()
    };
    assert_eq!(of(1, 3), 333);
    assert_eq!(of(u64::MAX / 2, u64::MAX), 499);
    assert_eq!(of(u64::MAX, u64::MAX), 999, "divided first");
    assert_eq!(of(5, 0), 1000, "nothing is known");
    assert_eq!(of(9, 3), 1000);
}

proptest! {
    /// Steps that hold are always the first ones of those there are, and begins and ends alternate.
    #[test]
    fn the_order_holds_for_any_readings(
        readings in proptest::collection::vec((0u64..3000, 0u64..60, 0u16..60), 1..200),
        off in proptest::collection::vec(any::<bool>(), 4),
    ) {
        let marks = |enter: u8| {
            let available = Some([enter, enter + 5]);
            Some(Marks { available, pressure: Some([30, 10]) })
        };
        let mut rules = Rules { marks: [marks(20), marks(15), marks(10), marks(5)] };
        for (mark, off) in rules.marks.iter_mut().zip(&off) {
            if *off {
                *mark = None;
            }
        }
        let mut ladder = Ladder::new(rules);
        let mut held = [false; 4];
        let mut at = 0;
        let mut last_enter: Option<u64> = None;
        for (pause, available, pressure) in readings {
            at += pause;
            for action in ladder.read(reading(at, available, pressure)) {
                let place = action.step().number();
                match action {
                    Action::Enter { .. } => {
                        prop_assert!(!held[place] && !off[place]);
                        prop_assert!((0..place).all(|before| held[before] || off[before]));
                        prop_assert!(last_enter.is_none_or(|last| at - last >= 200));
                        last_enter = Some(at);
                        held[place] = true;
                    }
                    Action::Leave { held: long, .. } => {
                        prop_assert!(held[place] && long >= HELD_MIN);
                        prop_assert!((place + 1..4).all(|behind| !held[behind]));
                        held[place] = false;
                    }
                    Action::Again { .. } | Action::Effect { .. } => {}
                }
            }
            for step in Step::BY_READING {
                prop_assert_eq!(ladder.holds(step), held[step.number()]);
            }
        }
    }
}
