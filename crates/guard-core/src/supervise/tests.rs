//! Rules, waits and the giving up, row by row.

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn only_the_ends_of_the_rule_are_followed_by_a_start() {
    use Outcome::{Failure, Success};
    let again = Next::Again { after: ms(0), failures: 1 };
    let table = [
        (RestartRule::Never, Success, Next::End),
        (RestartRule::Never, Failure, Next::End),
        (RestartRule::OnFailure, Success, Next::End),
        (RestartRule::OnFailure, Failure, again),
        (RestartRule::Always, Success, again),
        (RestartRule::Always, Failure, again),
    ];
    for (rule, outcome, next) in table {
        let mut supervision = Supervision::new(rule, Some(GiveUp::default()));
        assert_eq!(supervision.ended(ms(5), ms(5), outcome), next, "{rule:?} {outcome:?}");
    }
}

#[test]
fn a_crash_loop_is_slowed_down_and_given_up() {
    let mut supervision = Supervision::new(RestartRule::OnFailure, Some(GiveUp::default()));
    let (mut now, mut waits) = (ms(0), alloc::vec::Vec::new());
    let (ends, within) = loop {
        now += ms(10);
        match supervision.ended(now, ms(10), Outcome::Failure) {
            Next::Again { after, failures } => {
                waits.push(after.as_millis());
                assert_eq!(failures, waits.len());
                now += after;
            }
            Next::GiveUp { ends, within } => break (ends, within),
            Next::End => panic!("ended"),
        }
    };
    assert_eq!(waits, [0, 100, 200, 500, 1000, 2000, 5000, 5000, 5000]);
    assert_eq!((ends, within), (10, ms(18_800 + 9 * 10)));
}

#[test]
fn ends_far_apart_are_no_crash_loop() {
    let give_up = GiveUp { ends: 3, within: ms(1000) };
    let mut supervision = Supervision::new(RestartRule::Always, Some(give_up));
    // (moment of the end, given up)
    let table = [(0, false), (600, false), (1001, false), (1400, true)];
    for (moment, gone) in table {
        let next = supervision.ended(ms(moment), ms(1), Outcome::Success);
        assert_eq!(matches!(next, Next::GiveUp { .. }), gone, "{moment}: {next:?}");
    }
    let mut never = Supervision::new(RestartRule::Always, None);
    for _ in 0..1000 {
        assert!(matches!(never.ended(ms(1), ms(1), Outcome::Failure), Next::Again { .. }));
    }
    assert!(never.ends.is_empty(), "nothing is kept that is not needed");
    let mut first = Supervision::new(RestartRule::Always, Some(GiveUp { ends: 0, within: ms(0) }));
    assert_eq!(
        first.ended(ms(9), ms(1), Outcome::Failure),
        Next::GiveUp { ends: 1, within: ms(0) }
    );
}
